"""The HTTP server of the page: files, actions and server-sent events, for one user on one machine."""

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
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .actions import perform
from .assets import MODULES, STATIC
from .session import USER_ERRORS, Session
from .settings import MAX_FILE, MAX_TEXT

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}": (name, "text/javascript; charset=utf-8") for name in MODULES},
}
_MAX_BODY = MAX_TEXT + MAX_TEXT // 2  # JSON escapes take more bytes than the text
_MAX_DRAINED = 1 << 30  # bytes of a too large body that are read before the answer
_MAX_SUBSCRIBERS = 16
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves one session.

    A request needs the token, which the first address contains and a cookie keeps. The check of the Host header stops
    DNS rebinding, that of the Origin header requests from other pages.

    Parameters
    ----------
    session : Session
        The run.
    host : str
        The address to listen at.
    port : int
        The port to listen at; 0 takes a free one.
    """

    daemon_threads = True
    # on Windows this option would allow a port in use
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 0) -> None:
        self.session, self.token = session, secrets.token_urlsafe(24)
        self.subscriptions = threading.BoundedSemaphore(_MAX_SUBSCRIBERS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.cookie = f"recurrent-{self.server_port}"
        self.is_closing = False

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        host = str(self.server_address[0])
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.server_port}/?token={self.token}"

    def is_own_host(self, host: str) -> bool:
        """Returns whether a Host header names this machine: an IP address, localhost or its host name."""
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
        """Ignores a closed connection; prints any other error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Ends the page and the run."""
        self.is_closing = True
        self.session.close()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "recurrent", ""
    timeout = 60  # seconds without a byte

    def do_GET(self) -> None:
        """Sends a file of the page, or the events."""
        path, _, query = self.path.partition("?")
        if not self._has_own_host():
            return
        token = parse_qs(query).get("token", [""])[-1]
        has_token = path == "/" and hmac.compare_digest(token.encode(), self.server.token.encode())
        if not (has_token or self._has_cookie()):
            return self._send_error(
                HTTPStatus.FORBIDDEN, "token is missing; open the address that the terminal shows"
            )
        if path == "/events":
            return self._events()
        if path not in _FILES:
            return self._send_error(HTTPStatus.NOT_FOUND, f"unknown path {path[:80]}")
        name, kind = _FILES[path]
        cookie = f"{self.server.cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(
            HTTPStatus.OK, (STATIC / name).read_bytes(), kind, {"Set-Cookie": cookie} if has_token else {}
        )

    def do_POST(self) -> None:
        """Performs an action.

        The arguments are a JSON body, or in the query if the body is a file. The reply is JSON, or in the header
        X-Reply if the body is a file.
        """
        path, _, query = self.path.partition("?")
        body = self._body()
        if body is None or not self._has_own_host():
            return
        origin = self.headers.get("Origin", "")
        if urlsplit(origin).netloc != self.headers.get("Host") or not origin.startswith("http://"):
            return self._send_error(HTTPStatus.FORBIDDEN, "origin is not this page")
        if not self._has_cookie():
            return self._send_error(HTTPStatus.FORBIDDEN, "token is not valid; open the new address")
        if not path.startswith("/do/"):
            return self._send_error(HTTPStatus.NOT_FOUND, f"unknown path {path[:80]}")
        kind = self._content_type
        if kind not in ("application/json", "application/octet-stream"):
            return self._send_error(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content type is not supported; expected JSON or a file, got {kind[:80]!r}",
            )
        is_file = kind == "application/octet-stream"
        try:
            arguments = json.loads(parse_qs(query).get("arguments", ["{}"])[0] if is_file else body)
            reply, data = perform(self.server.session, path[4:], arguments, body if is_file else None)
        except (RecursionError, UnicodeDecodeError, json.JSONDecodeError):
            return self._send_error(HTTPStatus.BAD_REQUEST, "body is not JSON")
        except USER_ERRORS as error:
            return self._send_error(HTTPStatus.BAD_REQUEST, str(error) or type(error).__name__)
        except Exception as error:
            traceback.print_exc()
            return self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, f"internal error: {error!r}")
        if data is None:
            return self._send(HTTPStatus.OK, json.dumps(reply).encode(), "application/json")
        self._send(HTTPStatus.OK, data, "application/octet-stream", {"X-Reply": json.dumps(reply)})

    # ---- requests

    def _has_own_host(self) -> bool:
        host = self.headers.get("Host", "")
        if self.server.is_own_host(host):
            return True
        self._send_error(HTTPStatus.MISDIRECTED_REQUEST, f"unknown host {host[:80]}")
        return False

    def _has_cookie(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        cookie = cookies.get(self.server.cookie)
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self.server.token.encode())

    @property
    def _content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    def _body(self) -> bytes | None:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if length < 0:
            self.close_connection = True
            self._send_error(HTTPStatus.LENGTH_REQUIRED, "content length is missing")
            return None
        is_file = self._content_type == "application/octet-stream" and self._has_cookie()
        limit, named = (MAX_FILE, MAX_FILE) if is_file else (_MAX_BODY, MAX_TEXT)
        if length <= limit:
            return self.rfile.read(length)
        # a browser reads the answer only after it has sent the whole body
        remaining = min(length, _MAX_DRAINED)
        while remaining > 0 and (part := self.rfile.read(min(remaining, 1 << 20))):
            remaining -= len(part)
        self.close_connection = True
        self._send_error(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is too large; expected at most {named >> 20} MB, got {length / 1e6:,.0f} MB",
        )
        return None

    # ---- responses

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

    def _send_error(self, status: HTTPStatus, message: str) -> None:
        if self.command == "POST":
            return self._send(status, json.dumps({"error": message}).encode(), "application/json")
        self._send(status, f"{message[:1].upper()}{message[1:]}.\n".encode(), "text/plain; charset=utf-8")

    def _events(self) -> None:
        if not self.server.subscriptions.acquire(blocking=False):
            return self._send_error(
                HTTPStatus.SERVICE_UNAVAILABLE, f"too many pages; at most {_MAX_SUBSCRIBERS} show a run"
            )
        subscriber = self.server.session.subscribe()
        try:
            self.close_connection = True
            self.send_response(HTTPStatus.OK)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            while not self.server.is_closing:
                frame = subscriber.receive(timeout=2)
                # an empty comment detects a closed connection
                self.wfile.write(f"data: {frame}\n\n".encode() if frame else b":\n\n")
                self.wfile.flush()
        except (ConnectionError, TimeoutError):
            pass
        finally:
            subscriber.close()
            self.server.subscriptions.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: the address contains the token."""


def open_browser(url: str) -> bool:
    """Opens a page in a browser window; returns False without a browser."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    # a browser in the terminal would replace the output
    if isinstance(browser, webbrowser.GenericBrowser) and not isinstance(
        browser, webbrowser.BackgroundBrowser
    ):
        return False
    return browser.open(url)
