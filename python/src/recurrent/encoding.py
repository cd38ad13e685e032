"""The encodings of texts: UTF-8, others by their name; UTF-16 and compressed files are recognized and refused."""

from __future__ import annotations

import codecs
import re
from typing import Any

from ._checks import shown

BYTE_ORDER_MARK = "\ufeff"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# the start of a file as a pattern, its kind, and the command that decompresses it
_COMPRESSED = (
    (rb"\x1f\x8b", "gzip", "gunzip"),
    (rb"BZh[1-9]1AY&SY", "bzip2", "bunzip2"),
    (rb"\xfd7zXZ\x00", "xz", "unxz"),
    (rb"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
    (rb"PK\x03\x04", "zip", "unzip"),
)
# the part of a file that is examined
_EXAMINED = 1 << 16


def as_encoding(value: Any, name: str = "encoding") -> str | None:
    """Returns the name of an encoding of text, or None for UTF-8.

    Raises
    ------
    TypeError, ValueError
        If the name is not a str or not an encoding of text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} has the wrong type; expected a str or None, got {type(value).__name__}")
    try:
        "".encode(value)
    except (LookupError, UnicodeError, ValueError):
        raise ValueError(
            f"{name} is unknown; expected an encoding of text, such as 'cp1252', got {shown(value)}"
        ) from None
    return value


def check_applies(encoding: str | None, tokens: str) -> None:
    """Refuses an encoding where tokens are bytes, which are read as they are."""
    if encoding is not None and tokens == "bytes":
        raise ValueError(
            f"encoding is without effect; expected None, as tokens are bytes, got {shown(encoding)}"
        )


def to_utf8(data: bytes, source: str, encoding: str | None = None) -> bytes:
    """Returns a text in UTF-8.

    Without an encoding the bytes are taken as they are, unless they are recognized as something else. An encoding that
    is given is the caller's word: nothing is recognized, and a byte order mark is removed.

    Parameters
    ----------
    data : bytes
        The text.
    source : str
        What errors call it.
    encoding : str, optional
        The name of its encoding, as ``as_encoding`` returns it.

    Raises
    ------
    ValueError
        If the text is compressed, in UTF-16 or in UTF-32, with the remedy; or invalid in ``encoding``, with the index
        of the first invalid byte.
    """
    if encoding is None:
        _refuse_other_kinds(data, source)
        return data
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        got = "its end" if error.start >= len(data) else f"0x{data[error.start]:02X} at byte {error.start}"
        raise ValueError(f"{source} is not valid {encoding}; expected {encoding}, got {got}") from None
    try:
        return text.removeprefix(BYTE_ORDER_MARK).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{source} has a lone surrogate at position {error.start}; expected valid characters, "
            f"got U+{ord(text[error.start]):04X}"
        ) from None


def _refuse_other_kinds(data: bytes, source: str) -> None:
    """Refuses a compressed file, and UTF-16 and UTF-32 with or without a byte order mark."""
    for start, kind, command in _COMPRESSED:
        if re.match(start, data):
            raise ValueError(
                f"{source} is compressed; expected UTF-8, got {kind}: `{command}` decompresses it"
            )
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            raise ValueError(_other(source, encoding, "a byte order mark"))
    for first, encoding in enumerate(("utf-16-be", "utf-16-le")):
        if len(data) % 2 == 0 and _has_high_bytes(data[:_EXAMINED], first):
            raise ValueError(_other(source, encoding, f"NUL at {('even', 'odd')[first]} indices alone"))


def _other(source: str, encoding: str, got: str) -> str:
    remedy = f"Path.read_text(encoding={encoding!r}) reads it"
    return f"{source} is {encoding[:6].upper()}; expected UTF-8, got {got}: {remedy}"


def _has_high_bytes(data: bytes, first: int) -> bool:
    """Whether every second byte from ``first`` on is the high byte of a character in UTF-16.

    The high byte of ASCII is NUL, and no character of a text has a low byte of NUL. UTF-16 of most alphabets is valid
    UTF-8 as well: its high bytes are small.
    """
    high, low = data[first::2], data[1 - first :: 2]
    nulls, small = high.count(0), sum(high.count(byte) for byte in range(32))
    if nulls <= 0.01 * len(high) or low.count(0):
        return False
    return small > 0.7 * len(high) or not _is_utf8(data)


def _is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8, except for an incomplete character at their end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True
