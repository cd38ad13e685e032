"""Variants of a file."""

from __future__ import annotations

from collections.abc import Iterator


def variants(whole: bytes, every: bool) -> Iterator[bytes]:
    """Each bit of each byte changed, or each byte changed to every other; each truncation; a byte more at the end."""
    changes = range(1, 256) if every else [1 << bit for bit in range(8)]
    for at, byte in enumerate(whole):
        for change in changes:
            yield whole[:at] + bytes([byte ^ change]) + whole[at + 1 :]
    for length in range(len(whole)):
        yield whole[:length]
    for more in (b"\0", b" ", whole[-1:], whole[:1]):
        if more != b"" and whole[-1:] + more != whole[-1:]:
            yield whole + more
