"""Corpus: a training text, from memory or a file, checked and encoded in little memory."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..encoding import to_utf8
from ..texts import MAX_BYTES, as_text_or_file

if TYPE_CHECKING:
    import numpy.typing as npt

# bytes in one call of the library: between two calls Python handles an interrupt
_CHUNK = 1 << 20
# remedies for a text that is not UTF-8; the first one is for a file
_OTHER_ENCODING = "; encoding='cp1252' reads Windows-1252"
OTHER_TOKENIZER = "; tokenizer='bytes' reads anything"


class Corpus:
    """The bytes of a text, and their source.

    Nothing is normalized: CRLF is two characters, NUL is one, a letter with a combining mark is two. The byte order
    mark of a UTF-8 file is not part of the text, unless tokens are bytes.

    Parameters
    ----------
    source : str, bytes or Path
        The text, or the Path of a file, as for ``texts.as_text_or_file``.
    tokens : {"characters", "bytes"}
        Characters need valid UTF-8.
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
        self.path: str | None = os.fsdecode(source) if isinstance(source, os.PathLike) else None
        self.tokens = tokens
        self.data = as_text_or_file(source, argument, tokens, encoding)
        if tokens == "characters" and isinstance(source, (bytes, bytearray)):
            self.data = to_utf8(self.data, str(self))
        if len(self.data) > MAX_BYTES:
            raise ValueError(
                f"{self} is too long; expected at most {MAX_BYTES:,} bytes, got {len(self.data):,}"
            )
        if not self.data:
            raise ValueError(f"{self} has no training data; expected at least 1 character, got none")
        self._may_be_a_path = isinstance(source, str) and len(source) < 4096 and "\n" not in source
        self.letters, self.length = frozenset[str](), len(self.data)
        if tokens == "characters":
            self.letters, self.length = self._scan()

    def __str__(self) -> str:
        return f"'{self.path}'" if self.path else "the text"

    @property
    def absolute_path(self) -> str | None:
        """The absolute path of the file, if any."""
        return str(Path(self.path).absolute()) if self.path else None

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

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
        if vocabulary is not None and (strange := self.letters - set(vocabulary)):
            letter, position = self._first(strange)
            raise ValueError(
                f"character {position} of {self} is unknown; expected one of the vocabulary, got {_name(letter)}"
            )
        kind = np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32
        tokens, count = np.empty(len(self.data), kind), 0
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
        for at, part in self._parts():
            try:
                letters = part.decode()
                seen.update(letters)
                length += len(letters)
            except UnicodeDecodeError as error:
                place = at + error.start
                raise ValueError(
                    f"{self} is not valid UTF-8; expected UTF-8, got 0x{self.data[place]:02X} at byte {place}"
                    f"{_OTHER_ENCODING if self.path else ''}{OTHER_TOKENIZER}"
                ) from None
        return frozenset(seen), length

    def _first(self, strange: frozenset[str]) -> tuple[str, int]:
        position = 0
        for _, part in self._parts():
            letters = part.decode()
            found = min((at for letter in strange if (at := letters.find(letter)) >= 0), default=-1)
            if found >= 0:
                return letters[found], position + found
            position += len(letters)
        raise AssertionError("internal error: the character was found before")

    def _parts(self) -> Iterator[tuple[int, bytes]]:
        """Yields parts of the bytes that end at a character's end, with the index of each."""
        at, data = 0, self.data
        while at < len(data):
            end = most = min(len(data), at + _CHUNK)
            if self.tokens == "characters":
                while end < len(data) and end > most - 4 and data[end] & 0xC0 == 0x80:
                    end -= 1
            yield at, data[at:end]
            at = end


def _name(letter: str) -> str:
    code = f"U+{ord(letter):04X}"
    category = unicodedata.category(letter)
    return code if category[0] == "C" or category in ("Zl", "Zp") else f"'{letter}' ({code})"
