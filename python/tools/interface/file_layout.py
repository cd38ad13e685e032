"""The files that this version writes, key by key, and the digests of the files that it must read."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

import saved_files


def lines() -> list[str]:
    """Return a line for each file of a version, and for each key and tensor of what is written of it today."""
    found = set()
    with tempfile.TemporaryDirectory() as name:
        for folder in saved_files.FOLDERS:
            for path in saved_files.files(folder):
                found.add(f"{folder.name}/{path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
                found |= set(_written(path, Path(name) / path.name))
            expected = hashlib.sha256((folder / "expected.json").read_bytes()).hexdigest()
            found.add(f"{folder.name}/expected.json sha256 {expected}")
    return sorted(found)


def _written(path: Path, copy: Path) -> Iterator[str]:
    """Return the layout of the file that a model gives when it is loaded and saved."""
    model = saved_files.load(path)
    if path.suffix == ".json":
        model.save_recurrentjs(copy, overwrite=True)
        saved = json.loads(copy.read_text(encoding="utf-8"))
        matrices = r"((?:model|step_cache)\.)\w+"
        for key in _keys(saved):
            yield "recurrentjs." + re.sub(matrices, r"\1NAME", key)
        return
    model.save(copy, overwrite=True)
    metadata, tensors = saved_files.header(copy)
    kind = metadata["kind"]
    for key, text in metadata.items():
        if key in ("model", "tokenizer", "training", "optimizer", "metadata.training"):
            value = json.loads(text)
            name = f"{key}[{value['name']}]" if key == "optimizer" else key
            yield from (f"{kind}.{name}.{inner}" for inner in _keys(value))
        elif key in ("format", "format_version"):
            yield f"{kind}.{key} = {text}"
        elif key in ("crc64", "kind", "metadata.user", "metadata.documents", "metadata.python.class"):
            yield f"{kind}.{key}"
    for name, entry in tensors.items():
        element = entry["dtype"] if name == "generator" else "F"
        # a layer is K, and the state of an optimizer has the shape of its parameter
        name = re.sub(r"^(optimizer\.\w+)\..*", r"\1.NAME", re.sub(r"[0-9]+(?=r?$)", "K", name))
        yield f"{kind}.tensors.{name} {element}, {len(entry['shape'])} axes"


def _keys(value: Any) -> Iterator[str]:
    """Return the paths of the keys of JSON; elements of arrays have one path."""
    if isinstance(value, list):
        for each in value:
            yield from (f"[].{key}" for key in _keys(each))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            # patterns and characters of the caller
            if key not in ("groups", "letterToIndex", "indexToLetter"):
                yield from (f"{key}.{path}".replace(".[", "[") for path in _keys(inner))
