"""The folder of the demo's files, and their check before it starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .._terminal import UserError
from ..outputs import Outputs
from .console import describe


def free_folder(names: Iterable[str]) -> Path:
    """Returns the first of out, out-2, out-3 … that has none of the files: another run keeps its own."""
    files = tuple(names)
    k, folder = 1, Path("out")
    while any(os.path.lexists(folder / name) for name in files):
        k += 1
        folder = Path(f"out-{k}")
    return folder


def check_outputs(folder: Path, names: Iterable[str], overwrite: bool) -> None:
    """Checks that the files of a folder may be written.

    Raises
    ------
    UserError
        If one is a text, or exists without ``overwrite``.
    """
    for name in names:
        try:
            Outputs().check(folder / name, "a file of --out", overwrite)
        except OSError as error:
            raise UserError(describe(error)) from None
