"""The HTTP server of the page: files, actions and server-sent events, for one user on one machine."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import re
import secrets
import socket
import sys
import threading
import traceback
import webbrowser
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from .._terminal import escaped
from .actions import perform
from .assets import MODULES, STATIC
from .request import Reader, Refusal, Request
from .session import USER_ERRORS, Session
from .settings import MAX_FILE, MAX_TEXT

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}": (name, "text/javascript; charset=utf-8") for name in MODULES},
}
_MAX_BODY = MAX_TEXT + MAX_TEXT // 2  # JSON escapes take more bytes than the text
_LARGE = 1 << 20  # bytes; one larger body is in memory at a time
MAX_CONNECTIONS = 64
_MAX_SUBSCRIBERS = 16
# seconds: for the first head of a connection; for one after a request with the token; for a body, beside its size; for
# a write; for another upload
HEAD_SECONDS, IDLE_SECONDS, BODY_SECONDS, WRITE_SECONDS, UPLOAD_SECONDS = 10.0, 60.0, 20.0, 60.0, 20.0
# a browser reads the answer only after it has sent the whole body: bytes that are read and dropped after a refusal, and
# seconds, of a request without and with the token
_DISCARDED = 1 << 30
_DISCARD_SECONDS = {False: 2.0, True: 60.0}
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n"
    b"Connection: close\r\n\r\nToo many connections.\n"
)
_METHODS = ("CONNECT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "TRACE")
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
    DNS rebinding, that of the Origin and Sec-Fetch-Site headers requests from other pages. All of them are checked
    before a body is read. Cookies are shared between the ports of a host, so the name of the cookie is random, and
    other cookies are not parsed.

    A connection that has not sent the token is closed after its first answer, after ten seconds, or where the number
    of connections is at its limit.

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
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 0) -> None:
        self.session, self.token = session, secrets.token_urlsafe(24)
        self.subscriptions = threading.BoundedSemaphore(_MAX_SUBSCRIBERS)
        self.uploads = threading.BoundedSemaphore(1)
        # the open connections, oldest first; whether each has sent the token
        self._connections: dict[Any, bool] = {}
        self._lock = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.cookie = f"recurrent-{self.server_port}-{secrets.token_hex(4)}"
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
        parts = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\s]+)(?::([0-9]{1,5}))?", host)
        if parts is None or int(parts[2] or 80) != self.server_port:
            return False
        name = parts[1].strip("[]").lower()
        if name in ("localhost", socket.gethostname().lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread of its own; at the limit, the oldest one without the token makes room."""
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                stranger = next(
                    (each for each, is_trusted in self._connections.items() if not is_trusted), None
                )
                if stranger is not None:
                    del self._connections[stranger]
                    with contextlib.suppress(OSError):
                        stranger.shutdown(socket.SHUT_RDWR)
            is_busy = len(self._connections) >= MAX_CONNECTIONS
            if not is_busy:
                self._connections[request] = False
        if not is_busy:
            return super().process_request(request, client_address)
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(_BUSY)
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection."""
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def trust(self, request: Any) -> None:
        """Marks a connection as one that has sent the token."""
        with self._lock:
            if request in self._connections:
                self._connections[request] = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a closed connection; prints any other error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
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

    def setup(self) -> None:
        """Prepares the connection."""
        super().setup()
        self._reader = Reader(self.connection, self.rfile, self.server.token)  # type: ignore[arg-type]
        self._is_trusted = False

    def handle_one_request(self) -> None:
        """Reads a request and answers it; its body is read after all checks of its head."""
        self.command, self.requestline, self.request_version = "", "", "HTTP/1.1"
        self.close_connection = True
        try:
            request = self._reader.head(IDLE_SECONDS if self._is_trusted else HEAD_SECONDS)
            self.connection.settimeout(WRITE_SECONDS)
            if request is not None:
                self._answer(request)
        except Refusal as refusal:
            self.close_connection = True
            self.connection.settimeout(WRITE_SECONDS)
            self._send_error(refusal.status, str(refusal))
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
            self._reader.discard(_DISCARDED, _DISCARD_SECONDS[self._is_trusted])
        except socket.timeout:
            # the client does not read
            self.close_connection = True

    def _answer(self, request: Request) -> None:
        self.command, self.path = request.method, request.target
        path, _, query = request.target.partition("?")
        has_token = self._check(request, path, query)
        self._is_trusted = True
        self.server.trust(self.connection)
        length = request.body_length()
        connection = request.headers.get("connection", "").lower().split(",")
        self.close_connection = not request.minor_version or "close" in map(str.strip, connection)
        if request.method == "POST":
            self._post(request, path, query, length)
        elif path == "/events":
            self._events()
        else:
            self._get(path, has_token)

    def _check(self, request: Request, path: str, query: str) -> bool:
        """Returns whether the address has the token, after checking that a request is one of the page."""
        headers, host = request.headers, request.headers.get("host", "")
        if request.method in _METHODS:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"method is {request.method}; expected GET or POST")
        if request.method not in ("GET", "POST"):
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"unknown method {request.method[:20]}")
        if not self.server.is_own_host(host):
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, f"unknown host {host[:80]}")
        is_page = request.method == "GET" and path == "/"
        # a link or an address may open the page from anywhere
        is_opened = is_page and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not is_opened:
            raise Refusal(HTTPStatus.FORBIDDEN, "request is from another page")
        if request.method == "POST" and headers.get("origin") != f"http://{host}":
            raise Refusal(HTTPStatus.FORBIDDEN, "origin is not this page")
        token = parse_qs(query).get("token", [""])[-1]
        has_token = is_page and hmac.compare_digest(token.encode(), self.server.token.encode())
        if not (has_token or request.has_token):
            message = "token is not valid; open the new address"
            if request.method == "GET":
                message = "token is missing; open the address that the terminal shows"
            raise Refusal(HTTPStatus.FORBIDDEN, message)
        return has_token

    def _get(self, path: str, has_token: bool) -> None:
        """Sends a file of the page."""
        if path not in _FILES:
            raise Refusal(HTTPStatus.NOT_FOUND, f"unknown path {path[:80]}")
        name, kind = _FILES[path]
        cookie = f"{self.server.cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(
            HTTPStatus.OK, (STATIC / name).read_bytes(), kind, {"Set-Cookie": cookie} if has_token else {}
        )

    def _post(self, request: Request, path: str, query: str, length: int) -> None:
        """Performs an action.

        The arguments are a JSON body, or in the query if the body is a file. The reply is JSON, or in the header
        X-Reply if the body is a file.
        """
        if not path.startswith("/do/"):
            raise Refusal(HTTPStatus.NOT_FOUND, f"unknown path {path[:80]}")
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind not in ("application/json", "application/octet-stream"):
            raise Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content type is not supported; expected JSON or a file, got {kind[:80]!r}",
            )
        is_file = kind == "application/octet-stream"
        limit, named = (MAX_FILE, MAX_FILE) if is_file else (_MAX_BODY, MAX_TEXT)
        if length > limit:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is too large; expected at most {named >> 20} MB, got {length / 1e6:,.0f} MB",
            )
        with self._upload(length):
            if request.headers.get("expect", "").lower() == "100-continue":
                self.send_response_only(HTTPStatus.CONTINUE)
                self.end_headers()
            body = self._reader.body(length, BODY_SECONDS)
            self.connection.settimeout(WRITE_SECONDS)
            self._perform(path[4:], query, body, is_file)

    @contextlib.contextmanager
    def _upload(self, length: int) -> Iterator[None]:
        """Bounds the memory of bodies: one large body at a time."""
        if length <= _LARGE:
            yield
            return
        if not self.server.uploads.acquire(timeout=UPLOAD_SECONDS):
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "another file is being read: try again later")
        try:
            yield
        finally:
            self.server.uploads.release()

    def _perform(self, name: str, query: str, body: bytes, is_file: bool) -> None:
        try:
            arguments = json.loads(parse_qs(query).get("arguments", ["{}"])[0] if is_file else body)
            reply, data = perform(self.server.session, name, arguments, body if is_file else None)
        except (RecursionError, UnicodeDecodeError, json.JSONDecodeError):
            return self._send_error(HTTPStatus.BAD_REQUEST, "body is not JSON")
        except USER_ERRORS as error:
            return self._send_error(HTTPStatus.BAD_REQUEST, str(error) or type(error).__name__)
        except Exception as error:
            with contextlib.suppress(OSError):
                print(escaped(traceback.format_exc(), keep="\n"), file=sys.stderr)
            return self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, f"internal error: {error!r}")
        if data is None:
            return self._send(HTTPStatus.OK, json.dumps(reply).encode(), "application/json")
        self._send(HTTPStatus.OK, data, "application/octet-stream", {"X-Reply": json.dumps(reply)})

    # ---- responses

    def _send(self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_error(self, status: HTTPStatus, message: str) -> None:
        if self.command == "POST":
            return self._send(status, json.dumps({"error": message}).encode(), "application/json")
        self._send(status, f"{message[:1].upper()}{message[1:]}.\n".encode(), "text/plain; charset=utf-8")

    def _events(self) -> None:
        if not self.server.subscriptions.acquire(blocking=False):
            raise Refusal(
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
        except (ConnectionError, socket.timeout):
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
