"""Outputs: the files that a save may replace."""

from __future__ import annotations

import errno
import os
import secrets
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
    ) -> bool:
        """Checks that a file may be written; returns whether the save may replace one.

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
            If the file is a text that was read, or exists and was not written by this run.
        OSError
            If the path leads to a device, a pipe or a socket.
        """
        encoded = as_path(path, argument)
        allowed = as_flag(overwrite, "overwrite")
        shown, status = os.fspath(path), _status(encoded)
        if status is None or stat.S_ISDIR(status.st_mode):
            return allowed
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
        return True

    def is_own(self, path: str | os.PathLike[str]) -> bool:
        """Returns whether a file was written by this run, or is the one that was loaded."""
        status = _status(as_path(path))
        return status is not None and Identity.of(status) in {*self._written, self._source}

    @contextmanager
    def writing(self, path: str | os.PathLike[str], overwrite: bool) -> Iterator[bool]:
        """Checks a path before a block that writes it, and marks the file afterwards.

        Yields
        ------
        bool
            Whether the block may replace a file. If not, a file that appears meanwhile stays.
        """
        replaces = self.check(path, "path", overwrite)
        try:
            yield replaces
        except Exception:
            # nothing was written: the file, if there is one, is as it was
            raise
        except BaseException:
            # an interrupt may follow the save at once
            self.add(path)
            raise
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
        """Writes a file. A crash leaves the old file or the new one.

        Raises
        ------
        FileExistsError
            If the file is a text that was read, or exists and was not written by this run.
        OSError
            If the file cannot be written.
        """
        with self.writing(path, overwrite) as replaces:
            try:
                _write(os.fspath(path), data, replaces)
            except OSError as error:
                reason = error.strerror or str(error)
                raise OSError(
                    error.errno, f"cannot write '{os.fspath(path)}': {reason[:1].lower()}{reason[1:]}"
                ) from None


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


def _write(path: str, data: bytes, replaces: bool) -> None:
    """Writes a file as ``Sources/Recurrent/Files/File.swift`` does.

    A temporary file beside it is written, synchronized and renamed. The target of a symlink is written, and the mode
    and the owner of a file that is replaced are kept.
    """
    target = Path(os.path.realpath(path))
    old = target.stat() if os.path.lexists(target) else None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    temporary = target.parent / f".recurrent-{os.getpid()}-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            if old is not None:
                _keep(old, file)
            os.fsync(file)
        if replaces:
            temporary.replace(target)
        else:
            _place(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # the entry of the folder is synchronized too
    folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _place(temporary: Path, target: Path) -> None:
    """Gives a file its name, unless the name is taken."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # a file system without hard links: an empty file reserves the name, which a crash may leave
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()
            raise
    else:
        temporary.unlink()


def _keep(old: os.stat_result, file: int) -> None:
    """Gives a new file the owner and the mode of the file that it replaces."""
    new = os.fstat(file)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)
    os.fchmod(file, stat.S_IMODE(old.st_mode))
