"""The way to a browser: http.server and server-sent events, for one user on one machine."""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import socket
import sys
import threading
import traceback
import webbrowser
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .desk import MENDABLE, Desk
from .settings import LARGEST_TEXT

_HERE = Path(__file__).parent
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_LARGEST_BODY = LARGEST_TEXT + LARGEST_TEXT // 2  # JSON writes some characters as several
_DRAINED = 256 << 20  # bytes of a body too large that are read to say so
_WATCHERS = 16
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves one desk.

    Who has the token may look and do; it comes once, in the address, and goes on in a cookie. The Host header keeps out
    names that were bent to this machine, the Origin header other pages.

    Parameters
    ----------
    desk : Desk
        What is shown.
    host : str
        Where to listen.
    port : int
        Likewise; 0 takes one that is free.
    """

    daemon_threads = True
    # a port in use must be an error
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, desk: Desk, host: str = "127.0.0.1", port: int = 0) -> None:
        self.desk, self.token = desk, secrets.token_urlsafe(24)
        self.watchers = threading.BoundedSemaphore(_WATCHERS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.cookie = f"recurrent-{self.server_port}"
        self.is_closing = False

    @property
    def url(self) -> str:
        """The page's address, with the token."""
        host = str(self.server_address[0])
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.server_port}/?token={self.token}"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this machine: a number, localhost, or its own name."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self.server_port:
            return False
        if name in ("localhost", socket.gethostname().lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End the page and the run."""
        self.is_closing = True
        self.desk.close()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "recurrent", ""
    timeout = 60  # seconds without a byte

    def do_GET(self) -> None:
        """The page's files, and the events."""
        path, _, query = self.path.partition("?")
        if not self._is_ours():
            return
        token = parse_qs(query).get("token", [""])[-1]
        is_let_in = path == "/" and hmac.compare_digest(token.encode(), self.server.token.encode())
        if not (is_let_in or self._has_cookie()):
            return self._refuse(
                HTTPStatus.FORBIDDEN, "open the address that the terminal shows, with the token in it"
            )
        if path == "/events":
            return self._events()
        if path not in _FILES:
            return self._refuse(HTTPStatus.NOT_FOUND, f"there is no {path[:80]}")
        name, kind = _FILES[path]
        cookie = f"{self.server.cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(
            HTTPStatus.OK, (_HERE / name).read_bytes(), kind, {"Set-Cookie": cookie} if is_let_in else {}
        )

    def do_POST(self) -> None:
        """An action: JSON, or a file with its arguments in the query; JSON comes back, or a file likewise."""
        path, _, query = self.path.partition("?")
        body = self._body()
        if body is None or not self._is_ours():
            return
        origin = self.headers.get("Origin", "")
        if urlsplit(origin).netloc != self.headers.get("Host") or not origin.startswith("http://"):
            return self._refuse(HTTPStatus.FORBIDDEN, "this did not come from the page")
        if not self._has_cookie():
            return self._refuse(HTTPStatus.FORBIDDEN, "this page is of another run: open the new address")
        if not path.startswith("/do/"):
            return self._refuse(HTTPStatus.NOT_FOUND, f"there is no {path[:80]}")
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        if kind not in ("application/json", "application/octet-stream"):
            return self._refuse(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected JSON or a file, got {kind[:80]!r}"
            )
        is_file = kind == "application/octet-stream"
        try:
            arguments = json.loads(parse_qs(query).get("arguments", ["{}"])[0] if is_file else body)
            reply, data = self.server.desk.do(path[4:], arguments, body if is_file else None)
        except (RecursionError, UnicodeDecodeError, json.JSONDecodeError):
            return self._refuse(HTTPStatus.BAD_REQUEST, "what came is not JSON")
        except MENDABLE as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, str(error) or type(error).__name__)
        except Exception as error:
            traceback.print_exc()
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"this should not have happened: {error!r}")
        if data is None:
            return self._send(HTTPStatus.OK, json.dumps(reply).encode(), "application/json")
        self._send(HTTPStatus.OK, data, "application/octet-stream", {"X-Reply": json.dumps(reply)})

    # ---- who it is, and what comes

    def _is_ours(self) -> bool:
        host = self.headers.get("Host", "")
        if self.server.knows(host):
            return True
        self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this page is not at {host[:80]}")
        return False

    def _has_cookie(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        cookie = cookies.get(self.server.cookie)
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self.server.token.encode())

    def _body(self) -> bytes | None:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if length < 0:
            self.close_connection = True
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "say how long it is")
            return None
        if length <= _LARGEST_BODY:
            return self.rfile.read(length)
        # a browser looks for an answer only when it has sent everything
        left = min(length, _DRAINED)
        while left > 0 and (part := self.rfile.read(min(left, 1 << 20))):
            left -= len(part)
        self.close_connection = True
        self._refuse(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{length / 1e6:,.0f} MB are too many: the page takes {LARGEST_TEXT >> 20} MB at most",
        )
        return None

    # ---- what goes

    def _send(self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        if self.command == "POST":
            return self._send(status, json.dumps({"error": why}).encode(), "application/json")
        self._send(status, f"{why[:1].upper()}{why[1:]}.\n".encode(), "text/plain; charset=utf-8")

    def _events(self) -> None:
        if not self.server.watchers.acquire(blocking=False):
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{_WATCHERS} pages watch this run already")
        watcher = self.server.desk.watch()
        try:
            self.close_connection = True
            self.send_response(HTTPStatus.OK)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            while not self.server.is_closing:
                frame = watcher.frame(wait=2)
                # without news a comment, which shows whether anybody is there
                self.wfile.write(f"data: {frame}\n\n".encode() if frame else b":\n\n")
                self.wfile.flush()
        except (ConnectionError, TimeoutError):
            pass
        finally:
            watcher.close()
            self.server.watchers.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address has a token in it."""


def open_browser(url: str) -> bool:
    """Show a page in a window; False where there is none to show it in."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    # one that runs in the terminal would take it away
    if isinstance(browser, webbrowser.GenericBrowser) and not isinstance(
        browser, webbrowser.BackgroundBrowser
    ):
        return False
    return browser.open(url)
