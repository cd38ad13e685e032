"""Sources: the texts and files that an argument stands for, in a stated order."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

from .texts import MAX_BYTES, as_file_encoding, as_text_or_file

Source = Union[str, bytes, "os.PathLike[str]"]
Sources = Union[Source, Sequence[Source]]
# the files of a directory
_SUFFIX = ".txt"


class Part(NamedTuple):
    """One text, or one file, of a source."""

    data: bytes
    path: str | None
    name: str  # in errors
    is_bytes: bool  # neither a str nor a file


def is_list(source: Any) -> bool:
    """Returns whether a source is a list or a tuple of texts and files."""
    return isinstance(source, (list, tuple)) and any(
        isinstance(one, (str, bytes, bytearray, os.PathLike)) for one in source
    )


def files_of(path: os.PathLike[str]) -> list[Path]:
    """Returns the files that a Path stands for, in the order of their paths, name by name.

    Parameters
    ----------
    path : Path
        A file; a directory, whose files ``*.txt`` are taken, those of its subdirectories too; or, where no such file
        exists, a pattern of ``glob``: ``*``, ``?``, ``[…]``, and ``**`` for any subdirectories. Links to directories
        are not followed.

    Raises
    ------
    FileNotFoundError
        If a directory has no such file, or a pattern matches none.
    """
    name = os.fsdecode(path)
    try:
        if Path(name).is_dir():
            found = {Path(folder, one) for folder, _, names in os.walk(name) for one in names}
            found = {one for one in found if one.suffix == _SUFFIX}
            if not found:
                raise FileNotFoundError(
                    errno.ENOENT, f"cannot read '{name}': no file *{_SUFFIX} is in the directory"
                )
            return sorted(found)
        if not glob.has_magic(name) or os.path.lexists(name):
            return [Path(name)]
    except (ValueError, PermissionError):
        # the read names the reason
        return [Path(name)]
    found = {Path(one) for one in glob.glob(name, recursive=True)}  # noqa: PTH207
    found = {one for one in found if not one.is_dir()}
    if not found:
        raise FileNotFoundError(errno.ENOENT, f"cannot read '{name}': no file matches the pattern")
    return sorted(found)


def read_parts(
    source: Any, argument: str, tokenizer: str = "characters", encoding: str | None = None
) -> list[Part]:
    """Returns the texts that an argument stands for: one text after another, nothing between them.

    Parameters
    ----------
    source : str, bytes, Path, or list of these
        Each as for ``texts.as_text_or_file``; a Path as for ``files_of``.
    argument : str
        The name of the argument in errors.
    tokenizer : str
        What a token is: "bytes" are read as they are.
    encoding : str, optional
        The encoding of the files.

    Raises
    ------
    OSError, ValueError, TypeError
        As for ``texts.as_text_or_file``; if a list is empty, or the texts have more than 1 GiB together.
    """
    several = isinstance(source, (list, tuple))
    if several and not source:
        raise ValueError(f"{argument} is empty; expected at least one text or file, got an empty list")
    parts: list[Part] = []
    total = 0
    for i, one in enumerate(source if several else [source]):
        name = f"{argument}[{i}]" if several else argument
        for item in files_of(one) if isinstance(one, os.PathLike) else [one]:
            path = os.fsdecode(item) if isinstance(item, os.PathLike) else None
            data = as_text_or_file(item, name, tokenizer, encoding)
            total += len(data)
            parts.append(
                Part(data, path, f"'{path}'" if path else name, isinstance(item, (bytes, bytearray)))
            )
            if total > MAX_BYTES and len(parts) > 1:
                raise ValueError(
                    f"{argument} is too long; expected at most {MAX_BYTES:,} bytes in all texts, got {total:,} in the "
                    f"first {len(parts):,}"
                )
    if len(parts) == 1 and parts[0].path is None and not several:
        parts[0] = parts[0]._replace(name="the text")
    return parts


def as_sources_encoding(encoding: Any, tokenizer: str, *sources: Any) -> str | None:
    """Returns the encoding of the files among sources, or None for UTF-8, as ``texts.as_file_encoding``."""
    ones = [one for source in sources for one in (source if isinstance(source, (list, tuple)) else [source])]
    return as_file_encoding(encoding, tokenizer, *ones)
