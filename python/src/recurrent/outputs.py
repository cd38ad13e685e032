"""Outputs: the files that a save may replace."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ._checks import as_flag, as_path


class Identity(NamedTuple):
    """A file as it was at one time, whatever path leads to it."""

    device: int
    inode: int
    size: int
    modified: int  # nanoseconds

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """Returns the identity in a status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


# files that this process read as texts, by device and inode
_texts: dict[tuple[int, int], Identity] = {}


def protect_text(status: os.stat_result) -> None:
    """Marks a file as a text: no save of this process replaces it."""
    _texts[status.st_dev, status.st_ino] = Identity.of(status)


class Outputs:
    """The files that one run wrote, and therefore may replace.

    A file is known by its device and inode, as a symlink, a hard link and a relative path reach the same file; its size
    and time show whether another program has written it since. The rule: a save replaces no other file unless
    ``overwrite`` is true, and no text that this process has read.
    """

    def __init__(self) -> None:
        self._written: set[Identity] = set()
        self._source: Identity | None = None

    def check(
        self,
        path: str | os.PathLike[str],
        argument: str = "path",
        overwrite: bool = False,
        is_new_run: bool = False,
    ) -> None:
        """Checks that a file may be written.

        Parameters
        ----------
        path : str or Path
            The file.
        argument : str
            The name of the argument in errors.
        overwrite : bool
            Whether a file that another run wrote may be replaced.
        is_new_run : bool
            Whether the file that was loaded counts as one of another run.

        Raises
        ------
        FileExistsError
            If the file is a text, or exists and was not written by this run.
        OSError
            If the path leads to a device or a pipe, which a save would replace.
        """
        encoded = as_path(path, argument)
        allowed = as_flag(overwrite, "overwrite")
        shown, status = os.fspath(path), _status(encoded)
        if status is None or stat.S_ISDIR(status.st_mode):
            return
        identity = Identity.of(status)
        text = _texts.get((identity.device, identity.inode))
        # a deleted text's inode may be that of a file written later
        if text is not None and (text == identity or identity not in self._written):
            raise FileExistsError(
                errno.EEXIST, f"{argument} is a text of this run; expected another file, got '{shown}'"
            )
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            raise OSError(errno.EINVAL, f"{argument} is not a regular file; expected a file, got '{shown}'")
        is_own = identity in self._written or (identity == self._source and not is_new_run)
        if not (allowed or is_own):
            raise FileExistsError(
                errno.EEXIST,
                f"{argument} exists and was not written by this run; expected a new file, or overwrite=True, "
                f"got '{shown}'",
            )

    def is_own(self, path: str | os.PathLike[str]) -> bool:
        """Returns whether a file was written by this run, or is the one that was loaded."""
        status = _status(as_path(path))
        return status is not None and Identity.of(status) in {*self._written, self._source}

    @contextmanager
    def writing(self, path: str | os.PathLike[str], overwrite: bool) -> Iterator[None]:
        """Checks a path before a block that writes it, and marks the file afterwards."""
        self.check(path, "path", overwrite)
        try:
            yield
        finally:
            # an interrupt may follow the save at once
            self.add(path)

    def add(self, path: str | os.PathLike[str]) -> None:
        """Marks a file as written by this run."""
        status = _status(as_path(path))
        if status is not None:
            self._written.add(Identity.of(status))

    def set_source(self, path: str | os.PathLike[str]) -> None:
        """Marks a file as the one that was loaded."""
        status = _status(as_path(path))
        self._source = None if status is None else Identity.of(status)

    def write(self, path: str | os.PathLike[str], data: bytes, overwrite: bool = False) -> None:
        """Writes a file. Devices and pipes are written as they are.

        Raises
        ------
        FileExistsError
            If the file is a text, or exists and was not written by this run.
        OSError
            If the file cannot be written.
        """
        status = _status(as_path(path))
        if status is None or stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            self.check(path, "path", overwrite)
        Path(path).write_bytes(data)
        self.add(path)


# the drawings and pages that this process wrote
drawings = Outputs()


def _status(path: bytes) -> os.stat_result | None:
    """Returns the status of the file that a path leads to, of a symlink that leads nowhere, or None."""
    for status in (os.stat, os.lstat):
        try:
            return status(path)
        except (OSError, ValueError):
            # the save names the reason
            continue
    return None
