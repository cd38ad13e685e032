"""Requests over raw sockets: each has its status, costs what its bytes cost, and leaves the server ready."""

import contextlib
import re
import resource
import socket
import threading
import time
from pathlib import Path

import pytest

from recurrent.web import server as module
from sessions import open_server, open_session, wait_for


@pytest.fixture(scope="module")
def page():
    with open_session() as session, open_server(session) as server:
        yield server


def connect(server, seconds=10.0):
    return socket.create_connection(("127.0.0.1", server.server_port), seconds)


def filled(server, text):
    """Returns bytes with the server's port, token and cookie."""
    text = text.replace("PORT", str(server.server_port)).replace("TOKEN", server.token)
    return text.replace("NAME", server.cookie).encode("latin-1")


def received(connection):
    """Returns everything until the server closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def statuses(answer):
    return [int(number) for number in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def exchange(server, text, ends=True):
    """Sends bytes; returns the statuses of the answers until the server closes the connection."""
    with connect(server) as connection:
        connection.sendall(filled(server, text))
        if ends:
            connection.shutdown(socket.SHUT_WR)
        return statuses(received(connection))


def is_well(server):
    """Whether the server answers the user within a second."""
    start = time.monotonic()
    found = exchange(server, "GET / HTTP/1.0\r\nHost: 127.0.0.1:PORT\r\nCookie: NAME=TOKEN\r\n\r\n")
    return found == [200] and time.monotonic() - start < 1


HOST = "Host: 127.0.0.1:PORT\r\n"
USER = f"{HOST}Cookie: NAME=TOKEN\r\n"
GET = f"GET / HTTP/1.1\r\n{USER}"
JSON = "Content-Type: application/json\r\n"
ORIGIN = "Origin: http://127.0.0.1:PORT\r\n"
POST = f"POST /do/pause HTTP/1.1\r\n{USER}{ORIGIN}{JSON}"

CASES = {
    "a page": (f"{GET}\r\n", [200]),
    "HTTP/1.0": (f"GET / HTTP/1.0\r\n{USER}\r\n", [200]),
    "HTTP/1.0 without Host": ("GET / HTTP/1.0\r\nCookie: NAME=TOKEN\r\n\r\n", [421]),
    "HTTP/0.9": ("GET /\r\n\r\n", [400]),
    "HTTP/2": (f"GET / HTTP/2.0\r\n{USER}\r\n", [505]),
    "no request": ("\x16\x03\x01\x02\x00\x01\r\n\r\n", [400]),
    "NUL": (f"GET / HTTP/1.1\r\n{USER}X: a\0b\r\n\r\n", [400]),
    "empty lines, then a page": (f"\r\n\r\n{GET}\r\n", [200]),
    "bare line feeds": (GET.replace("\r\n", "\n") + "\n", [200]),
    "without Host": ("GET / HTTP/1.1\r\nCookie: NAME=TOKEN\r\n\r\n", [400]),
    "two Hosts": (f"{GET}Host: evil.example\r\n\r\n", [400]),
    "a foreign Host": ("GET / HTTP/1.1\r\nHost: evil.example:PORT\r\nCookie: NAME=TOKEN\r\n\r\n", [421]),
    "a user in Host": ("GET / HTTP/1.1\r\nHost: a@127.0.0.1:PORT\r\nCookie: NAME=TOKEN\r\n\r\n", [421]),
    "a folded header": (f"{GET}X: a\r\n b\r\n\r\n", [400]),
    "a header without a colon": (f"{GET}X\r\n\r\n", [400]),
    "a space before a colon": (f"{GET}X : a\r\n\r\n", [400]),
    "a long path": (f"GET /{'a' * 100_000} HTTP/1.1\r\n{USER}\r\n", [414]),
    "a long header": (f"{GET}X: {'a' * 100_000}\r\n\r\n", [431]),
    "many headers": (GET + "X: a\r\n" * 200 + "\r\n", [431]),
    "many long headers": (GET + f"X: {'a' * 5000}\r\n" * 50 + "\r\n", [431]),
    "no end": (f"{GET}X: {'a' * 3_000_000}", [431]),
    "a method": (f"PUT / HTTP/1.1\r\n{USER}\r\n", [405]),
    "HEAD": (f"HEAD / HTTP/1.1\r\n{USER}\r\n", [405]),
    "an unknown method": (f"BREW / HTTP/1.1\r\n{USER}\r\n", [501]),
    "an absolute path": (f"GET http://evil.example/ HTTP/1.1\r\n{USER}\r\n", [404]),
    "no token": (f"GET / HTTP/1.1\r\n{HOST}\r\n", [403]),
    "no token, pipelined": (f"GET / HTTP/1.1\r\n{HOST}\r\n" * 50, [403]),
    "a websocket": (f"{GET}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", [200]),
    "a websocket elsewhere": (f"GET /ws HTTP/1.1\r\n{USER}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", [404]),
    "a cross-site script": (f"{GET}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n\r\n", [403]),
    "a script of another port": (f"GET /main.js HTTP/1.1\r\n{USER}Sec-Fetch-Site: same-site\r\n\r\n", [403]),
    "a link": (f"{GET}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\r\n", [200]),
    "a link to the events": (
        f"GET /events HTTP/1.1\r\n{USER}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\r\n",
        [403],
    ),
    "the page's script": (f"GET /main.js HTTP/1.1\r\n{USER}Sec-Fetch-Site: same-origin\r\n\r\n", [200]),
    "a body of a GET": (f"{GET}Content-Length: 30\r\n\r\nGET /main.js HTTP/1.1\r\n", [400]),
    "pipelined": (f"{GET}\r\n{GET}\r\nGET /none HTTP/1.1\r\n{USER}\r\n{GET}\r\n", [200, 200, 404]),
    "an action": (f"{POST}Content-Length: 2\r\n\r\n{{}}", [200]),
    "actions, pipelined": (f"{POST}Content-Length: 2\r\n\r\n{{}}" * 3, [200, 200, 200]),
    "a cross-site action": (f"{POST}Sec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\n{{}}", [403]),
    "a navigation that acts": (
        f"{POST}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nContent-Length: 2\r\n\r\n{{}}",
        [403],
    ),
    "a foreign Origin": (
        f"POST /do/pause HTTP/1.1\r\n{USER}{JSON}Origin: http://evil.example\r\nContent-Length: 2\r\n\r\n{{}}",
        [403],
    ),
    "a malformed Origin": (
        f"POST /do/pause HTTP/1.1\r\n{USER}{JSON}Origin: http://[\r\nContent-Length: 2\r\n\r\n{{}}",
        [403],
    ),
    "no length": (f"{POST}\r\n", [411]),
    "chunks": (f"{POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n", [411]),
    "chunks and a length": (f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{{}}", [400]),
    "a negative length": (f"{POST}Content-Length: -1\r\n\r\n{{}}", [400]),
    "a signed length": (f"{POST}Content-Length: +2\r\n\r\n{{}}", [400]),
    "a length in words": (f"{POST}Content-Length: two\r\n\r\n{{}}", [400]),
    "a superscript length": (f"{POST}Content-Length: \xb2\r\n\r\n{{}}", [400]),
    "two lengths": (f"{POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}", [400]),
    "a list of lengths": (f"{POST}Content-Length: 2, 2\r\n\r\n{{}}", [400]),
    "a huge length": (f"{POST}Content-Length: {10**17}\r\n\r\n{{}}", [413]),
    "a length of many digits": (f"{POST}Content-Length: {'9' * 9000}\r\n\r\n{{}}", [413]),
    "a body that ends early": (f"{POST}Content-Length: 20\r\n\r\n{{}}", [400]),
    "a huge body without a token": (
        f"POST /do/pause HTTP/1.1\r\n{HOST}{ORIGIN}{JSON}Content-Length: {10**17}\r\n\r\n{{}}",
        [403],
    ),
    "a huge body of a foreign page": (
        f"POST /do/pause HTTP/1.1\r\nHost: evil.example\r\nContent-Length: {10**17}\r\n\r\n{{}}",
        [421],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_requests(page, name):
    text, expected = CASES[name]
    assert exchange(page, text) == expected
    assert is_well(page)


@pytest.mark.parametrize("cookies", [
    "recurrent-PORT=theirs; NAME=TOKEN",
    "NAME=theirs; NAME=TOKEN",
    "NAME=TOKEN; NAME=theirs",
    '{"json": [1, 2]}; "; =; ;; a="b; NAME=TOKEN',
    "\xe9=\xe9; \x01=\x7f; NAME=TOKEN",
    "; ".join([*(f"c{k}={'a' * 4000}" for k in range(180)), "NAME=TOKEN"]),
])  # fmt: skip
def test_cookies_of_others(page, cookies):
    """Any port of the host sets cookies that the browser sends here."""
    assert exchange(page, f"GET / HTTP/1.1\r\n{HOST}Cookie: {cookies}\r\n\r\n") == [200]
    assert exchange(page, f"GET / HTTP/1.1\r\n{HOST}Cookie: {cookies}\r\n\r\n".replace("TOKEN", "TOKE")) == [
        403
    ]


def test_the_name_of_the_cookie_is_random():
    """A name that is known could be set by another port, in place of this one."""
    names = set()
    for _ in range(2):
        with open_session() as session, open_server(session) as server:
            names.add(server.cookie.replace(str(server.server_port), ""))
    assert len(names) == 2


def test_expect(page):
    """The body is asked for after the checks."""
    for headers, status in ((f"{USER}{ORIGIN}", 100), (f"{HOST}{ORIGIN}", 403)):
        with connect(page) as connection:
            head = (
                f"POST /do/pause HTTP/1.1\r\n{headers}{JSON}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            connection.sendall(filled(page, head))
            assert statuses(connection.recv(1000)) == [status]
            if status == 100:
                connection.sendall(b"{}")
                assert statuses(connection.recv(1000)) == [200]


def test_slow_heads(page, monkeypatch):
    """One byte at a time does not extend the time of a head."""
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.3)
    with connect(page) as connection:
        start = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in filled(page, GET):
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        assert statuses(received(connection)) == [408] and time.monotonic() - start < 4
    assert is_well(page)


def test_slow_bodies(page, monkeypatch):
    monkeypatch.setattr(module, "BODY_SECONDS", 0.3)
    with connect(page) as connection:
        connection.sendall(filled(page, f"{POST}Content-Length: 1000\r\n\r\n"))
        assert statuses(connection.recv(1000)) == [408]
    assert is_well(page)


def test_idle_connections(page, monkeypatch):
    """They end; the one of the user lives longer."""
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(module, "IDLE_SECONDS", 1.0)
    with connect(page) as idle, connect(page) as used:
        used.sendall(filled(page, f"{GET}\r\n"))
        assert b" 200 " in used.recv(100)
        assert statuses(received(idle)) == [408]
        used.sendall(filled(page, f"{GET}\r\n"))
        assert 200 in statuses(received(used))


def test_many_connections(page):
    """Ten times the limit, from a stranger that stays: the user is served at once, and threads stay bounded."""
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        for k in range(10 * module.MAX_CONNECTIONS):
            connection = stack.enter_context(connect(page))
            connection.sendall(b"GET / HT")
            if k % 100 == 0:
                assert is_well(page)
        assert is_well(page)
        wait_for(lambda: threading.active_count() <= threads + module.MAX_CONNECTIONS + 1, 10)
        assert len(page._connections) <= module.MAX_CONNECTIONS
    wait_for(lambda: not page._connections, 10)


def test_many_connections_of_the_user(page):
    """They are kept; the next one is refused."""
    with contextlib.ExitStack() as stack:
        for _ in range(module.MAX_CONNECTIONS):
            connection = stack.enter_context(connect(page))
            connection.sendall(filled(page, f"GET /page.css HTTP/1.1\r\n{USER}\r\n"))
            assert b" 200 " in connection.recv(100)
        with connect(page) as connection:
            assert statuses(received(connection)) == [503]
    wait_for(lambda: not page._connections, 10)
    assert is_well(page)


def test_events_that_are_not_read(page):
    """As many as there may be; the next one is refused, and everything else is served."""
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            connection = stack.enter_context(connect(page))
            connection.sendall(filled(page, f"GET /events HTTP/1.1\r\n{USER}\r\n"))
            assert b" 200 " in connection.recv(13)
        assert exchange(page, f"GET /events HTTP/1.1\r\n{USER}\r\n") == [503]
        assert is_well(page)
    wait_for(lambda: page.session._subscribers == 0, 15)


def test_bodies_cost_what_arrives(page):
    """Eight uploads of 256 MB that send nothing: no memory; and one large body at a time."""
    head = f"POST /do/open HTTP/1.1\r\n{USER}{ORIGIN}Content-Type: application/octet-stream\r\n"

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = resident()
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(connect(page))
            connection.sendall(filled(page, f"{head}Content-Length: {256 << 20}\r\n\r\n{{"))
        time.sleep(0.3)
        assert resident() - before < 16 << 20
        assert is_well(page)
    # the first one of the eight ends, then each of the others
    wait_for(lambda: not page._connections, 10)
