"""Safetensors files of other tools: arrays by name. Everything is checked before it is used; nothing is executed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# the types that NumPy has
_TYPES = {
    **{f"F{bits}": f"<f{bits // 8}" for bits in (64, 32, 16)},
    **{f"{sign.upper()}{bits}": f"<{sign}{bits // 8}" for sign in "iu" for bits in (64, 32, 16, 8)},
}
# the limit of the format
_MAX_HEADER = 100_000_000


def is_safetensors(data: bytes) -> bool:
    """Returns whether bytes are those of a safetensors file, by their beginning."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def arrays_of_safetensors(path: Path, data: bytes) -> dict[str, Any]:
    """Returns the arrays of a file's bytes by name, BF16 as float32.

    Reference: https://github.com/huggingface/safetensors.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_MAX_HEADER, len(data) - 8):
        raise _refusal(path, "a header", f"{len(data)} bytes")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise _refusal(path, "a header of JSON", "another text") from None
    if not isinstance(header, dict):
        raise _refusal(path, "an object of JSON", type(header).__name__)
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length :]
    return {name: _array(path, name, entry, body) for name, entry in header.items()}


def _refusal(path: Path, expected: str, got: Any) -> ValueError:
    return ValueError(f"'{os.fspath(path)}' is not a safetensors file; expected {expected}, got {got}")


def _array(path: Path, name: str, entry: Any, body: memoryview) -> Any:
    """Returns an array, which its entry in the header describes."""
    entry = entry if isinstance(entry, dict) else {}
    kind, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not all(
        isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
        for value in (shape, offsets)
    ):
        raise _refusal(path, f"a shape and data_offsets of {name}", f"{shape!r} and {offsets!r}"[:80])
    if kind not in _TYPES and kind != "BF16":
        raise ValueError(
            f"{name} has the wrong type; expected one of {', '.join(_TYPES)} or BF16, got {kind!r}"
        )
    size = 2 if kind == "BF16" else np.dtype(_TYPES[kind]).itemsize
    if len(offsets) != 2 or offsets[1] > len(body) or offsets[1] - offsets[0] != size * math.prod(shape):
        raise _refusal(path, f"{size * math.prod(shape)} bytes of {name}", f"{offsets!r}"[:80])
    part = body[offsets[0] : offsets[1]]
    if kind == "BF16":
        # the upper half of a float32
        return (np.frombuffer(part, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(part, _TYPES[kind]).reshape(shape)


def safetensors_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Returns a file of float32 or float64 arrays, as PyTorch's modules are written."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    bodies: list[bytes] = []
    start = 0
    for name, array in arrays.items():
        kind = f"F{8 * array.itemsize}"
        bodies.append(np.ascontiguousarray(array, _TYPES[kind]).tobytes())
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [start, start + len(bodies[-1])],
        }
        start += len(bodies[-1])
    text = json.dumps(header, separators=(",", ":")).encode()
    # spaces align the elements
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *bodies])
