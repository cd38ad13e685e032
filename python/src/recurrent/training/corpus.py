"""Corpus: a training text, from memory or a file, checked and encoded in little memory."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..encoding import to_utf8
from ..sources import read_parts
from ..texts import MAX_BYTES

if TYPE_CHECKING:
    import numpy.typing as npt

# bytes in one call of the library: between two calls Python handles an interrupt
_CHUNK = 1 << 20
# remedies for a text that is not UTF-8; the first one is for a file
_OTHER_ENCODING = "; encoding='cp1252' reads Windows-1252"
OTHER_TOKENIZER = "; tokenizer='bytes' reads anything"


class Extent(NamedTuple):
    """Where one of the texts of a corpus is in its bytes."""

    name: str  # in errors
    path: str | None
    start: int
    end: int

    @property
    def absolute_path(self) -> str | None:
        """The absolute path of the file, if any."""
        return str(Path(self.path).absolute()) if self.path else None


class Corpus:
    """The bytes of a text, and their source.

    Several texts are one after another, nothing between them. Each of them is checked by itself.

    Nothing is normalized: CRLF is two characters, NUL is one, a letter with a combining mark is two. The byte order
    mark of a UTF-8 file is not part of the text, unless tokens are bytes.

    Parameters
    ----------
    source : str, bytes, Path, or list of these
        The text, or the Path of a file, of a directory or of a pattern, as for ``sources.read_parts``.
    tokens : str
        What a token is. All but bytes need valid UTF-8.
    argument : str
        The name of the argument in errors.
    encoding : str, optional
        The encoding of a file of characters; UTF-8 where absent.

    Raises
    ------
    OSError
        If the file cannot be read: FileNotFoundError, PermissionError, IsADirectoryError, …
    ValueError
        If the text is empty, too long, the name of a file, or not in its encoding, with the index of the first invalid
        byte.
    """

    def __init__(self, source: Any, tokens: str, argument: str = "text", encoding: str | None = None) -> None:
        self.tokens, self._argument = tokens, argument
        parts = read_parts(source, argument, tokens, encoding)
        self.extents: list[Extent] = []
        for data, path, name, is_bytes in parts:
            if tokens != "bytes" and is_bytes:
                to_utf8(data, name)
            if len(data) > MAX_BYTES:
                raise ValueError(
                    f"{name} is too long; expected at most {MAX_BYTES:,} bytes, got {len(data):,}"
                )
            if not data:
                raise ValueError(f"{name} has no training data; expected at least 1 character, got none")
            start = self.extents[-1].end if self.extents else 0
            self.extents.append(Extent(name, path, start, start + len(data)))
        self.data = parts[0].data if len(parts) == 1 else b"".join(part.data for part in parts)
        self._may_be_a_path = isinstance(source, str) and len(source) < 4096 and "\n" not in source
        self.letters, self.length = frozenset[str](), len(self.data)
        if tokens != "bytes":
            self.letters, self.length = self._scan()

    def __str__(self) -> str:
        return (
            self.extents[0].name
            if len(self.extents) == 1
            else f"{self._argument} of {len(self.extents):,} texts"
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def source(self) -> dict[str, Any]:
        """The digest of the bytes and the path of the file, if it is one; of several texts those of each as well."""
        if len(self.extents) == 1:
            return {"sha256": self.digest, "path": self.extents[0].absolute_path}
        view = memoryview(self.data)
        files = [
            {"sha256": hashlib.sha256(view[part.start : part.end]).hexdigest(), "path": part.absolute_path}
            for part in self.extents
        ]
        return {"sha256": self.digest, "path": None, "files": files}

    def require(self, known: dict[str, Any], by_file: bool) -> None:
        """Compares the texts with those of a run.

        Parameters
        ----------
        known : dict
            What ``source`` was.
        by_file : bool
            Whether it matters where each of several texts ends.

        Raises
        ------
        ValueError
            Naming the first text that differs.
        """
        source = self.source
        ours, others = source.get("files", [source]), known.get("files", [known])
        if source["sha256"] == known["sha256"] and (not by_file or len(ours) == len(others)):
            return
        if len(ours) != len(others):
            raise ValueError(
                f"{self._argument} has the wrong number of texts; expected {len(others):,}, got {len(ours):,}; "
                "resume with the same texts, or call fit"
            )
        for extent, one, other in zip(self.extents, ours, others):
            if one["sha256"] != other["sha256"]:
                raise ValueError(
                    f"{extent.name} is another text; expected SHA-256 {other['sha256'][:12]}…, "
                    f"got {one['sha256'][:12]}…; resume with the same text, or call fit"
                )

    @property
    def parts(self) -> list[bytes]:
        """The bytes of each text."""
        if len(self.extents) == 1:
            return [self.data]
        return [self.data[extent.start : extent.end] for extent in self.extents]

    def require_known(self, vocabulary: str | None) -> None:
        """Refuses the first character outside a vocabulary, with its position; None for any vocabulary."""
        if vocabulary is not None and (strange := self.letters - set(vocabulary)):
            letter, position, name = self._first(strange)
            raise ValueError(
                f"character {position} of {name} is unknown; expected one of the vocabulary, got {_name(letter)}"
            )

    def encode(
        self, encode: Callable[[bytes], npt.NDArray[Any]], size: int, vocabulary: str | None = None
    ) -> npt.NDArray[Any]:
        """Returns the tokens, in the smallest of NumPy's unsigned types that holds them.

        Parameters
        ----------
        encode : callable
            Returns the tokens of a part of the text.
        size : int
            The number of different tokens.
        vocabulary : str, optional
            The characters allowed; where absent, ``encode`` decides.

        Raises
        ------
        ValueError
            Naming the first character outside the vocabulary and its position.
        """
        self.require_known(vocabulary)
        tokens, count = np.empty(len(self.data), smallest_type(size)), 0
        for _, part in self._parts():
            numbers = encode(part)
            tokens[count : count + len(numbers)] = numbers
            count += len(numbers)
        return tokens[:count].copy() if count < len(tokens) // 2 else tokens[:count]

    def hint(self) -> str:
        """Returns a hint for a text that is too short and may be meant as a path."""
        return "; a str is text, and a Path is a file" if self._may_be_a_path else ""

    def _scan(self) -> tuple[frozenset[str], int]:
        """Returns the set of characters, and their number."""
        seen: set[str] = set()
        length = 0
        for extent in self.extents:
            for at, part in self._parts(extent):
                try:
                    letters = part.decode()
                    seen.update(letters)
                    length += len(letters)
                except UnicodeDecodeError as error:
                    place = at + error.start
                    raise ValueError(
                        f"{extent.name} is not valid UTF-8; expected UTF-8, got 0x{self.data[place]:02X} at byte "
                        f"{place - extent.start}{_OTHER_ENCODING if extent.path else ''}{OTHER_TOKENIZER}"
                    ) from None
        return frozenset(seen), length

    def _first(self, strange: frozenset[str]) -> tuple[str, int, str]:
        """Returns the first of some characters, its position in its text, and the name of the text."""
        for extent in self.extents:
            position = 0
            for _, part in self._parts(extent):
                letters = part.decode()
                found = min((at for letter in strange if (at := letters.find(letter)) >= 0), default=-1)
                if found >= 0:
                    return letters[found], position + found, extent.name
                position += len(letters)
        raise AssertionError("internal error: the character was found before")

    def _parts(self, extent: Extent | None = None) -> Iterator[tuple[int, bytes]]:
        """Yields parts of the bytes that end at a character's end, with the index of each."""
        data = self.data
        at, last = (0, len(data)) if extent is None else (extent.start, extent.end)
        while at < last:
            end = most = min(last, at + _CHUNK)
            if self.tokens != "bytes":
                while end < last and end > most - 4 and data[end] & 0xC0 == 0x80:
                    end -= 1
            yield at, data[at:end]
            at = end


def smallest_type(size: int) -> type[np.unsignedinteger[Any]]:
    """Returns the smallest of NumPy's unsigned types that holds ``size`` different tokens."""
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32


def _name(letter: str) -> str:
    code = f"U+{ord(letter):04X}"
    category = unicodedata.category(letter)
    return code if category[0] == "C" or category in ("Zl", "Zp") else f"'{letter}' ({code})"
