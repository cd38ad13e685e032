"""The arrays of a module, of a state_dict or of a file of PyTorch, at its top or under a key; and such files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .._checks import as_path, as_text, shown
from .safetensors import arrays_of_safetensors, safetensors_bytes
from .torch_file import SUFFIXES, is_torch, torch_bytes, values_of_torch

FIRST = "weight_ih_l0"
# how deep a checkpoint has its arrays, and how many of them an error names
_DEPTH, _MAX_NAMES = 4, 8
_WRITERS = {".pt": torch_bytes, ".pth": torch_bytes, ".safetensors": safetensors_bytes}


def state_dict_of(source: Any, key: str | None) -> Mapping[str, Any]:
    """Returns the arrays of a module, of a state_dict, or of a file."""
    if isinstance(source, os.PathLike) or (
        isinstance(source, str) and source.endswith((".safetensors", *SUFFIXES))
    ):
        source = _of_file(Path(source))
    values = source if isinstance(source, Mapping) else getattr(source, "state_dict", lambda: None)()
    if not isinstance(values, Mapping):
        raise TypeError(
            "state_dict has the wrong type; expected a torch.nn.Module, a mapping of names to arrays or a .pt or "
            f"safetensors file, got {type(values if values is not None else source).__name__}"
        )
    if key is not None:
        as_text(key, "key")
        values = _under(values, key)
    elif not any(isinstance(name, str) and name.endswith(FIRST) for name in values):
        nested = [name for name, each in _nested(values) if _has_layer(each)]
        if nested:
            raise ValueError(
                f"state_dict is nested; expected key={' or '.join(map(repr, nested[:_MAX_NAMES]))}, "
                f"got a dict of {_names(values)}"
            )
    for name in values:
        if not isinstance(name, str):
            raise TypeError(f"state_dict has a key of the wrong type; expected a str, got {name!r}")
    return values


def as_torch_path(path: Any) -> Callable[[Mapping[str, Any]], bytes]:
    """Returns what makes the bytes of a file with this suffix."""
    as_path(path)
    suffix = Path(path).suffix
    if suffix not in _WRITERS:
        raise ValueError(f"path has the wrong suffix; expected {' or '.join(_WRITERS)}, got {shown(suffix)}")
    return _WRITERS[suffix]


def _of_file(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read '{path}': {reason[:1].lower()}{reason[1:]}") from None
    if is_torch(data) or path.suffix in SUFFIXES:
        values = values_of_torch(path, data)
        if not isinstance(values, Mapping):
            raise ValueError(
                f"'{os.fspath(path)}' is not a file of weights; expected a dict of tensors, got another value"
            )
        return values
    return arrays_of_safetensors(path, data)


def _under(values: Mapping[Any, Any], key: str) -> Mapping[Any, Any]:
    """Returns the mapping under a key, whose dots lead to deeper ones."""
    found = next((each for name, each in _nested(values) if name == key), None)
    if found is None:
        nested = dict(_nested(values))
        names = [name for name, each in nested.items() if _has_layer(each)] or list(nested)
        expected = (
            f"one of {', '.join(map(repr, names[:_MAX_NAMES]))}" if names else "None, as no entry is a dict"
        )
        raise ValueError(f"key is unknown; expected {expected}, got {shown(key)}")
    return found


def _nested(values: Mapping[Any, Any]) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yields the mappings within one with their keys, joined by dots, the upper ones first; each mapping once."""
    seen, level = {id(values)}, [("", values)]
    for _ in range(_DEPTH):
        below = []
        for prefix, each in level:
            for name, value in each.items():
                if isinstance(name, str) and isinstance(value, Mapping) and id(value) not in seen:
                    seen.add(id(value))
                    below.append((f"{prefix}{name}", value))
        yield from below
        level = [(f"{name}.", value) for name, value in below]


def _has_layer(values: Mapping[Any, Any]) -> bool:
    return any(isinstance(name, str) and name.endswith(FIRST) for name in values)


def _names(values: Mapping[Any, Any]) -> str:
    names = [shown(name) for name in list(values)[:_MAX_NAMES]]
    return ", ".join(names) + (", …" if len(values) > _MAX_NAMES else "")
