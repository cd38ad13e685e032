"""Documents: the parts of a text that no state passes between: its lines, or its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from .._checks import as_choice
from ..names import DocumentsName

if TYPE_CHECKING:
    import numpy.typing as npt

DOCUMENTS: tuple[DocumentsName, ...] = get_args(DocumentsName)
# bytes in one call of the library or the package: between two calls Python handles an interrupt
_CHUNK = 1 << 20


def as_documents(value: Any) -> DocumentsName | None:
    """Returns what a document is, or None for the text as one."""
    return None if value is None else as_choice(value, "documents", DOCUMENTS)


class Documents:
    r"""The documents of a text, one after another.

    A newline is before each of them and after the last: it ends one document and begins the next. The state is reset
    before a newline is read, so that every document is read as the one that a sample begins. Of lines those without a
    character are no documents; of files the last newline of each is not counted.

    Parameters
    ----------
    parts : list of bytes
        The texts.
    kind : {"lines", "files"}
        What a document is.
    name : str
        What errors call the text.

    Raises
    ------
    ValueError
        If there is no document.
    """

    def __init__(self, parts: Sequence[bytes], kind: DocumentsName, name: str) -> None:
        self._all: list[bytes] = []
        for part in parts:
            self._all += part.split(b"\n") if kind == "lines" else [part.removesuffix(b"\n")]
        self._all = [document for document in self._all if document]
        if not self._all:
            raise ValueError(f"{name} has no document; expected at least 1 character, got newlines alone")

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all)

    def length(self, is_bytes: bool) -> int:
        """Returns the number of characters, or bytes, newlines included."""
        count = sum(len(one) if is_bytes else len(one.decode()) for one in self._all)
        return count + len(self._all) + 1

    def encode(
        self,
        encode: Callable[[list[bytes]], list[npt.NDArray[Any]]],
        newline: int,
        kind: type[np.unsignedinteger[Any]],
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Returns the tokens, and for each whether a document begins with it: (T,) each.

        Parameters
        ----------
        encode : callable
            Returns the tokens of each of some texts.
        newline : int
            The token of the newline.
        kind : type
            Of the tokens.
        """
        end = np.array([newline], kind)
        tokens: list[npt.NDArray[Any]] = [end]
        lengths: list[int] = []
        for chunk in self._chunks():
            for numbers in encode(chunk):
                lengths.append(len(numbers) + 1)
                tokens += [numbers.astype(kind), end]
        stream = np.concatenate(tokens)
        starts = np.zeros(len(stream), np.bool_)
        starts[np.cumsum([0, *lengths])] = True
        return stream, starts

    def _chunks(self) -> Iterator[list[bytes]]:
        """Yields some documents after another, of about 1 MiB together."""
        size = 0

        def number(document: bytes) -> int:
            nonlocal size
            size += len(document) + 64
            return size // _CHUNK

        for _, chunk in groupby(self._all, number):
            yield list(chunk)
