"""Files of torch.save: a zip archive with a pickle of names and shapes, and an entry for each storage.

Reference: https://docs.pytorch.org/docs/stable/notes/serialization.html.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import shown
from .torch_pickle import values_of_pickle
from .torch_values import EXPECTED, STORAGES, PickleError, Unknown

if TYPE_CHECKING:
    import numpy.typing as npt

SUFFIXES = (".pt", ".pth", ".bin")
_ZIP = b"PK\x03\x04"
# the number that files before PyTorch 1.6 begin with, as a pickle of protocol 2
_LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_AGAIN = "write it again with torch.save(torch.load(path), new_path)"
# 80,000 tensors or so; each byte of a pickle can take 64 of memory
_MAX_PICKLE = 1 << 24
# those of the reader of PyTorch 2
_VERSIONS = range(1, 11)


def is_torch(data: bytes) -> bool:
    """Returns whether bytes are those of a file of PyTorch, by their beginning."""
    return data.startswith((_ZIP, _LEGACY)) or data[257:262] == b"ustar"


def values_of_torch(path: Path, data: bytes) -> Mapping[Any, Any]:
    """Returns the dict that ``torch.save`` wrote, of arrays as a rule, BF16 as float32. Nothing in it is executed."""
    if data.startswith(_LEGACY) or data[257:262] == b"ustar":
        raise ValueError(
            f"'{os.fspath(path)}' has an old format of torch.save; expected the zip archive of PyTorch 1.6 and newer, "
            f"got a {'pickle' if data.startswith(_LEGACY) else 'tar archive'}: {_AGAIN}"
        )
    if not data.startswith(_ZIP):
        raise _refusal(
            path, "a zip archive of torch.save or a safetensors file", f"{len(data)} bytes of another format"
        )
    archive = _Archive(path, data)
    try:
        values = values_of_pickle(bytes(archive.pickle()), archive.storage)
    except PickleError as error:
        raise _refusal(path, error.expected, error.got) from None
    if type(values) is Unknown:
        raise _refusal(path, EXPECTED, values)
    if not isinstance(values, Mapping):
        raise _refusal(path, "a dict of tensors", "another value")
    return values


def _refusal(path: Path, expected: str, got: Any) -> ValueError:
    return ValueError(f"'{os.fspath(path)}' is not a file of weights; expected {expected}, got {got}")


class _Archive:
    """The entries of a file, which are stored as they are: nothing is decompressed or copied."""

    def __init__(self, path: Path, data: bytes) -> None:
        zipfile = importlib.import_module("zipfile")
        self._path, self._data = path, memoryview(data)
        self._storages: dict[str, tuple[str, npt.NDArray[Any]]] = {}
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error) as error:
            raise _refusal(path, "a zip archive", f"a damaged one: {shown(str(error))}") from None
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries) or sum(entry.compress_size for entry in entries) > len(data):
            raise _refusal(path, f"entries of {len(data)} bytes in all", "the same names or more bytes")
        names = [name for name in self._entries if re.fullmatch(r"[^/]+/data\.pkl", name)]
        if len(names) != 1:
            raise _refusal(path, "1 entry data.pkl", f"{len(names)}")
        self._root = names[0].partition("/")[0]
        if f"{self._root}/constants.pkl" in self._entries:
            raise _refusal(
                path,
                "weights",
                "a TorchScript module: write torch.save(torch.jit.load(path).state_dict(), new_path)",
            )
        self._order = self._byte_order()
        version = bytes(self._bytes("version")[:8]).strip()
        if not version.isdigit() or int(version) not in _VERSIONS:
            raise _refusal(path, f"a version up to {_VERSIONS[-1]}", shown(version.decode("latin-1")))

    def pickle(self) -> memoryview:
        """Returns the pickle."""
        data = self._bytes("data.pkl")
        if len(data) > _MAX_PICKLE:
            raise _refusal(self._path, f"at most {_MAX_PICKLE} bytes of data.pkl", f"{len(data)}")
        return data

    def storage(self, kind: str, key: str, count: int) -> npt.NDArray[Any]:
        """Returns the elements of a storage."""
        if key not in self._storages:
            self._storages[key] = (kind, self._elements(kind, key))
        known, elements = self._storages[key]
        if known != kind or elements.size != count:
            raise _refusal(
                self._path, f"{elements.size} elements of {known} {shown(key)}", f"{count} of {kind}"
            )
        return elements

    def _elements(self, kind: str, key: str) -> npt.NDArray[Any]:
        data, form = self._bytes(f"data/{key}"), STORAGES[kind] or "u2"
        dtype = np.dtype(self._order + form)
        if len(data) % dtype.itemsize:
            raise _refusal(self._path, f"whole elements of {kind} {shown(key)}", f"{len(data)} bytes")
        elements = np.frombuffer(data, dtype)
        if STORAGES[kind] is None:
            # the upper half of a float32
            elements = (elements.astype(np.uint32) << 16).view(np.float32)
        return elements

    def _byte_order(self) -> str:
        """Returns NumPy's sign of the byte order, which files before PyTorch 2.1 do not tell."""
        if f"{self._root}/byteorder" not in self._entries:
            return "<"
        order = bytes(self._bytes("byteorder")[:8])
        if order not in (b"little", b"big"):
            raise _refusal(self._path, "a byteorder, little or big", shown(order.decode("latin-1")))
        return "<" if order == b"little" else ">"

    def _bytes(self, name: str) -> memoryview:
        """Returns the bytes of an entry, which are compared with its checksum."""
        entry = self._entries.get(f"{self._root}/{name}")
        if entry is None:
            raise _refusal(self._path, f"an entry {shown(name)}", "none")
        if entry.compress_type or entry.flag_bits & 1 or entry.file_size != entry.compress_size:
            raise _refusal(self._path, f"{shown(name)} as it is", "a compressed or encrypted entry")
        start = entry.header_offset + 30
        header = bytes(self._data[max(entry.header_offset, 0) : max(start, 0)])
        if len(header) != 30 or not header.startswith(_ZIP):
            raise _refusal(self._path, f"a header of {shown(name)}", "other bytes")
        start += sum(struct.unpack("<HH", header[26:]))
        data = self._data[start : start + entry.file_size]
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise _refusal(
                self._path, f"{entry.file_size} bytes of {shown(name)} with its checksum", "others"
            )
        return data


def torch_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Returns a file that ``torch.load`` reads, with ``weights_only=True`` too: the same bytes for the same arrays."""
    zipfile = importlib.import_module("zipfile")
    little = [np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for array in arrays.values()]
    entries = {"data.pkl": _pickle(list(arrays), little), "byteorder": b"little"}
    entries.update({f"data/{i}": array.tobytes() for i, array in enumerate(little)})
    entries["version"] = b"3\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _pickle(names: list[str], arrays: list[npt.NDArray[Any]]) -> bytes:
    """Returns the pickle of a dict of tensors, of protocol 2."""
    classes = {form: name for name, form in STORAGES.items()}
    empty = b"ccollections\nOrderedDict\n)R"
    parts = [b"\x80\x02", empty, b"("]
    for i, (name, array) in enumerate(zip(names, arrays)):
        storage = classes[f"{array.dtype.kind}{array.itemsize}"]
        strides = [stride // array.itemsize for stride in array.strides]
        parts += [
            _text(name), b"ctorch._utils\n_rebuild_tensor_v2\n((", _text("storage"),
            f"ctorch\n{storage}\n".encode(), _text(str(i)), _text("cpu"), _int(array.size), b"tQ", _int(0),
            *(b"(" + b"".join(map(_int, sizes)) + b"t" for sizes in (array.shape, strides)),
            # without a gradient and without hooks
            b"\x89", empty, b"tR",
        ]  # fmt: skip
    return b"".join([*parts, b"u."])


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _int(number: int) -> bytes:
    if number < 1 << 31:
        return b"J" + struct.pack("<i", number)
    return b"\x8a\x08" + struct.pack("<q", number)
