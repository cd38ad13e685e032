"""Keras's files of weights, in the order of a model's layers."""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_KNOWN = "an embedding, LSTM, GRU or SimpleRNN layers of one kind, and a decoder"
SUFFIXES = (".h5", ".hdf5", ".keras")
# the ranks of layers in a model: the names of groups in a file have no order
_RANKS = {
    "embedding": 0,
    "lstm": 1,
    "gru": 1,
    "simple_rnn": 1,
    "bidirectional": 1,
    "dense": 2,
    "time_distributed": 2,
}


def arrays_of_file(path: Path) -> list[Any]:
    """Returns the arrays of a file: .weights.h5, .keras, or a legacy .h5. Needs the package h5py."""
    zipfile = importlib.import_module("zipfile")
    try:
        # a file that is not there is the error, with the package or without
        with path.open("rb"):
            h5py = h5py_package("a file")
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                source: Any = io.BytesIO(archive.read("model.weights.h5"))
        else:
            source = path
        with h5py.File(source, "r") as file:
            return _arrays(h5py, file)
    except OSError as error:
        if error.errno:
            reason = error.strerror or str(error)
            raise OSError(
                error.errno, f"cannot read '{path}': {reason[:1].lower()}{reason[1:].partition(' (')[0]}"
            ) from None
        raise _no_file(path, error) from None
    except (KeyError, RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _no_file(path, error) from None


def h5py_package(use: str) -> Any:
    """Returns the package, or raises a sentence with the command that installs it."""
    try:
        return importlib.import_module("h5py")
    except ImportError:
        raise ImportError(
            f"{use} of Keras needs the package h5py; install it with `pip install h5py`"
        ) from None


def config_of_file(path: Path) -> Any:
    """Returns the configuration of a .keras file, an object of JSON."""
    zipfile = importlib.import_module("zipfile")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read '{path}': {reason[:1].lower()}{reason[1:]}") from None
    except (KeyError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"path is not a file of Keras; expected .keras, got '{path}': {error}") from None
    return config


def _no_file(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"weights is not a file of Keras; expected .weights.h5 or .keras, got '{path}': {error}"
    )


def _arrays(h5py: Any, file: Any) -> list[Any]:
    root = file.get("model_weights", file)
    if "layer_names" in root.attrs:
        # before Keras 3
        return [
            np.asarray(root[_text(layer)][_text(name)])
            for layer in root.attrs["layer_names"]
            for name in root[_text(layer)].attrs["weight_names"]
        ]
    layers = file["layers"]
    found = []
    for name in layers:
        arrays = list(_of_group(h5py, layers[name]))
        kind, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()  # type: ignore[union-attr]
        if arrays and kind not in _RANKS:
            raise ValueError(
                f"weights has the layer '{name}' without a place in the network; expected {_KNOWN}, got {kind}"
            )
        if arrays:
            found.append((_RANKS[kind], int(number or 0), kind, arrays))
    kinds = sorted({kind for rank, _, kind, _ in found if rank == 1})
    if len(kinds) > 1:
        raise ValueError(f"weights has layers of different kinds; expected {_KNOWN}, got {', '.join(kinds)}")
    return [array for *_, arrays in sorted(found, key=lambda each: each[:2]) for array in arrays]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _of_group(h5py: Any, group: Any) -> Iterator[Any]:
    """Yields the arrays of a layer, of two directions the forward one first."""
    names = sorted(group, key=lambda name: (name == "backward_layer", not name.isdigit(), name))
    for name in sorted(names, key=lambda name: int(name) if name.isdigit() else -1):
        each = group[name]
        if isinstance(each, h5py.Dataset):
            # the states of random generators are no weights
            if each.dtype.kind == "f":
                yield np.asarray(each)
        elif isinstance(each, h5py.Group):
            yield from _of_group(h5py, each)
