"""Cells for ``--cell``: the names of the built-in ones, and FILE.py:NAME for a cell of the user's own."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ..nn.cell import Cell, CellLike
from ..parameters import CELLS, CELLS_WITH_GATES


def cell_reader(aliases: Mapping[str, str], own: bool = False) -> Callable[[str], CellLike]:
    """Returns a reader of cells with other names for some; with ``own``, of all cells and of FILE.py:NAME too."""
    known = CELLS if own else CELLS_WITH_GATES
    form = f"one of {', '.join(known)}{', or FILE.py:NAME' if own else ''}"

    def read(text: str) -> CellLike:
        if own and ":" in text:
            return _load(text)
        name = aliases.get(text, text)
        if name not in known:
            raise argparse.ArgumentTypeError(f"expected {form}, got {text!r}")
        return name

    return read


def _load(text: str) -> Cell:
    """Returns the cell NAME of a Python file, which is run."""
    file, _, name = text.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{file!r} is no file; expected FILE.py:NAME, got {text!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise argparse.ArgumentTypeError(f"{file!r} is no Python file; expected FILE.py:NAME, got {text!r}")
    module = importlib.util.module_from_spec(spec)
    # modules beside the file can be imported, as when it is run
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
        cell = getattr(module, name, None)
        cell = cell() if isinstance(cell, type) and issubclass(cell, Cell) else cell
    except Exception as error:
        raise argparse.ArgumentTypeError(
            f"{file!r} cannot be run: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(cell, Cell):
        raise argparse.ArgumentTypeError(f"{name!r} of {file!r} is no cell; expected a recurrent.Cell")
    return cell
