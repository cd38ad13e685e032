"""A request of HTTP/1: its head, read within limits of size and time, and its body, read after the head is checked.

The rules are those of RFC 9112, the strict choice where it leaves one: a line without a name, a folded line, a header
that must be single and is not, and a body whose length is not exactly one Content-Length are refused.
"""

from __future__ import annotations

import hmac
import io
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

MAX_HEAD = 64 << 10  # bytes, without cookies
# a browser sends up to 180 cookies of 4 KB, which any port of the host may have set
MAX_COOKIES = 1 << 20  # bytes in one line
_MAX_LINES = 100
_PART = 1 << 20  # bytes
_MIN_RATE = 64 << 10  # bytes of a body per second, after the first seconds
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_SINGLE = ("content-length", "content-type", "expect", "host", "origin", "transfer-encoding")


class Refusal(Exception):  # noqa: N818
    """A request that is not carried out: the status and the message of the answer."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """The head of a request.

    ``headers`` are by lower-case name, without cookies; ``has_token`` tells whether a cookie has the token as its
    value, whatever its name is and whatever other cookies there are.
    """

    method: str
    target: str
    minor_version: int
    headers: dict[str, str]
    has_token: bool

    def body_length(self) -> int:
        """Returns the length of the body in bytes; 0 for a GET.

        Raises
        ------
        Refusal
            With 400 for a length that is not one decimal number, 411 for a body without a length.
        """
        length, coding = self.headers.get("content-length"), self.headers.get("transfer-encoding")
        if coding is not None:
            if length is not None or not self.minor_version:
                raise Refusal(HTTPStatus.BAD_REQUEST, "body has two lengths; expected Content-Length alone")
            raise Refusal(
                HTTPStatus.LENGTH_REQUIRED,
                f"transfer coding is unsupported; expected none, got {coding[:40]!r}",
            )
        if length is None:
            if self.method == "POST":
                raise Refusal(HTTPStatus.LENGTH_REQUIRED, "content length is missing")
            return 0
        if not re.fullmatch("[0-9]+", length):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"content length is invalid; expected a decimal number, got {length[:40]!r}",
            )
        # Python refuses to convert thousands of digits
        count = int(length) if len(length) <= 18 else 1 << 60
        if count and self.method != "POST":
            raise Refusal(HTTPStatus.BAD_REQUEST, f"body is unexpected; expected none with {self.method}")
        return count


class Reader:
    """Reads requests from a connection.

    Parameters
    ----------
    connection : socket
        The connection, whose timeout is set before each read.
    stream : BufferedReader
        Its input.
    token : str
        The value that a cookie must have.
    """

    def __init__(self, connection: socket.socket, stream: io.BufferedReader, token: str) -> None:
        self._connection, self._stream, self._token = connection, stream, token.encode()

    def head(self, seconds: float) -> Request | None:
        """Returns the head of the next request, or None if the connection was closed.

        Parameters
        ----------
        seconds : float
            The time until the head is complete.

        Raises
        ------
        Refusal
            With 400, 408, 414, 431 or 505.
        """
        until, size = time.monotonic() + seconds, 0
        lines: list[str] = []
        has_token = False
        while True:
            line = self._line(until, size, bool(lines))
            if line is None:
                return None
            if line.strip(b"\r\n") == b"":
                if lines:
                    break
                size += len(line)  # empty lines before a request
            elif lines and _is_cookie(line):
                has_token = has_token or self._has_token(line)
            else:
                size += len(line)
                lines.append(line.decode("latin-1").rstrip("\r\n"))
                if len(lines) > _MAX_LINES:
                    raise Refusal(
                        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                        f"head has too many lines; expected at most {_MAX_LINES}",
                    )
        return _parsed(lines, has_token)

    def _line(self, until: float, size: int, is_header: bool) -> bytes | None:
        line = bytearray()
        while not line.endswith(b"\n"):
            part = self._peek(until)
            if not part:
                return None
            line += self._stream.read(part.find(b"\n") + 1 or len(part))
            limit = MAX_COOKIES if is_header and _is_cookie(line) else MAX_HEAD - size
            if len(line) > limit:
                raise Refusal(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                    if is_header
                    else HTTPStatus.REQUEST_URI_TOO_LONG,
                    f"head is too large; expected at most {MAX_HEAD >> 10} KB",
                )
        return bytes(line)

    def _peek(self, until: float) -> bytes:
        """Returns what has arrived and leaves it in the stream; waits until then."""
        with self._waiting(until):
            return self._stream.peek(1)

    def _read(self, until: float, count: int) -> bytes:
        """Returns at most ``count`` bytes of what has arrived; waits until then."""
        with self._waiting(until):
            return self._stream.read1(min(count, _PART))

    @contextmanager
    def _waiting(self, until: float) -> Iterator[None]:
        self._connection.settimeout(max(until - time.monotonic(), 0.001))
        try:
            yield
        except socket.timeout:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "request is incomplete") from None

    def _has_token(self, line: bytes) -> bool:
        values = (pair.partition(b"=")[2].strip() for pair in line.partition(b":")[2].split(b";"))
        return any(hmac.compare_digest(value, self._token) for value in values)

    def body(self, length: int, seconds: float) -> bytes:
        """Returns a body; its memory grows with the bytes that arrive.

        Parameters
        ----------
        length : int
            Bytes.
        seconds : float
            The time until the body is complete, beside a second for each 64 KB.

        Raises
        ------
        Refusal
            With 400 if the connection was closed before its end, with 408 if it takes too long.
        """
        until, body = time.monotonic() + seconds + length / _MIN_RATE, io.BytesIO()
        while body.tell() < length:
            part = self._read(until, length - body.tell())
            if not part:
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    f"body is incomplete; expected {length:,} bytes, got {body.tell():,}",
                )
            body.write(part)
        return body.getvalue()

    def discard(self, limit: int, seconds: float) -> None:
        """Reads what still arrives, so that closing the connection does not discard the answer."""
        until, count = time.monotonic() + seconds, 0
        try:
            while count < limit and (part := self._read(until, _PART)):
                count += len(part)
        except (Refusal, OSError):
            return


def _is_cookie(line: bytes | bytearray) -> bool:
    return line[:7].lower() == b"cookie:"


def _parsed(lines: list[str], has_token: bool) -> Request:
    words = _REQUEST_LINE.fullmatch(lines[0])
    if words is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "request line is invalid; expected METHOD PATH HTTP/1.1")
    method, target, major, minor = words.groups()
    if major != "1":
        raise Refusal(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
            f"version is unsupported; expected HTTP/1.1, got HTTP/{major}.{minor}",
        )
    headers: dict[str, str] = {}
    for line in lines[1:]:
        pair = _HEADER.fullmatch(line)
        if pair is None or "\0" in line or "\r" in line:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"header is invalid; expected NAME: VALUE, got {line[:40]!r}"
            )
        name, value = pair[1].lower(), pair[2]
        if name in headers and name in _SINGLE:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"header {name} is repeated; expected one")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "host" not in headers and minor != "0":
        raise Refusal(HTTPStatus.BAD_REQUEST, "host is missing; expected a Host header")
    return Request(method, target, int(minor), headers, has_token)
