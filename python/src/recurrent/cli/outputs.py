"""The check of the demo's files before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .._terminal import UserError
from ..outputs import Outputs
from .console import describe


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
