"""The HTTP server: access, bodies, files, events, browsers."""

import contextlib
import http.client
import json
import socket
import webbrowser
from pathlib import Path
from urllib.parse import quote

import pytest

from recurrent.web import introspection
from recurrent.web.actions import perform
from recurrent.web.server import Server, open_browser
from sessions import BOOK, LINES, open_server, open_session, wait_for


@pytest.fixture(scope="module")
def server():
    with open_session() as session, open_server(session) as server:
        yield server


def ask(server, method, path, body=None, **headers):
    """Sends a request with cookie and origin, unless `headers` replace them; returns status, headers and body."""
    host = f"127.0.0.1:{server.server_port}"
    usual = {"Host": host, "Cookie": f"{server.cookie}={server.token}"}
    if method == "POST":
        usual |= {"Origin": f"http://{host}", "Content-Type": "application/json"}
    sent = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request(
            method, path, body, {name: value for name, value in sent.items() if value is not None}
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_token(server):
    assert ask(server, "GET", "/", Cookie=None)[0] == 403
    assert ask(server, "GET", "/?token=", Cookie=None)[0] == 403
    assert ask(server, "GET", f"/?token={server.token[:-1]}", Cookie=None)[0] == 403
    assert ask(server, "GET", f"/main.js?token={server.token}", Cookie=None)[0] == 403
    status, headers, body = ask(server, "GET", f"/?token={server.token}", Cookie=None)
    assert status == 200 and b"recurrent-live" in body
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask(server, "GET", "/", Cookie=cookie.partition(";")[0])[0] == 200
    for path, words in (("/main.js", b"export function mount"), ("/page.css", b".recurrent-live")):
        assert words in ask(server, "GET", path)[2]
    for path in (
        "/session.py",
        "/../session.py",
        "/%2e%2e/session.py",
        "/main.js/",
        "/static/main.js",
        "/pretrained.json",
    ):
        assert ask(server, "GET", path)[0] == 404


@pytest.mark.parametrize("headers, status", [
    ({}, 200),
    ({"Host": "localhost:PORT", "Origin": "http://localhost:PORT"}, 200),
    ({"Host": "[::1]:PORT", "Origin": "http://[::1]:PORT"}, 200),
    ({"Host": "evil.example:PORT", "Origin": "http://evil.example:PORT"}, 421),
    ({"Host": "127.0.0.1:1", "Origin": "http://127.0.0.1:1"}, 421),
    ({"Host": "127.0.0.1:x"}, 421),
    ({"Host": ""}, 421),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "https://127.0.0.1:PORT"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": None}, 403),
    ({"Cookie": None}, 403),
    ({"Cookie": "recurrent-PORT=wrong"}, 403),
    ({"Cookie": "=;=;\x7f"}, 403),
    ({"Content_Type": "text/plain"}, 415),
])  # fmt: skip
def test_access(server, headers, status):
    port = str(server.server_port)
    sent = {name: value and value.replace("PORT", port) for name, value in headers.items()}
    assert ask(server, "POST", "/do/pause", b"{}", **sent)[0] == status


@pytest.mark.parametrize("body, status, words", [
    (b"", 400, "body is not JSON"),
    (b"{", 400, "body is not JSON"),
    (b"\xff", 400, "body is not JSON"),
    (b"[" * 100_000, 400, "body is not JSON"),
    (b"[]", 400, "arguments has the wrong type; expected an object"),
    (b"null", 400, "arguments has the wrong type; expected an object"),
    (b'{"json": "{"}', 400, "not valid JSON"),
])  # fmt: skip
def test_bodies(server, body, status, words):
    answer = ask(server, "POST", "/do/load", body)
    assert answer[0] == status and words in json.loads(answer[2])["error"]


def test_large_bodies(server):
    large = b"x" * 100_000_000
    status, _, body = ask(server, "POST", "/do/learn", large)
    error = json.loads(body)["error"]
    assert (status, error) == (413, "the body is too large; expected at most 16 MB, got 100 MB")
    # a file may be longer than a text, but only one of this page
    status, _, body = ask(
        server, "POST", "/do/open", large, Content_Type="application/octet-stream", Cookie=None
    )
    assert (status, json.loads(body)["error"]) == (403, "token is not valid; open the new address")
    path = f"/do/open?arguments={quote(json.dumps({'name': 'a.txt'}))}"
    status, _, body = ask(server, "POST", path, large, Content_Type="application/octet-stream")
    error = json.loads(body)["error"]
    assert (status, error) == (400, "a.txt is too large; expected at most 16 MB, got 100 MB")
    assert ask(server, "POST", "/do/pause", b"{}")[0] == 200


def test_files(server):
    arguments = quote(json.dumps({"name": "b.txt", "settings": {"batch_size": 2, "hidden_sizes": "8"}}))
    status, _, _ = ask(
        server,
        "POST",
        f"/do/open?arguments={arguments}",
        BOOK.encode(),
        Content_Type="application/octet-stream",
    )
    assert status == 200 and server.session.file == "b.txt"
    status, headers, body = ask(server, "POST", "/do/download", b"{}")
    assert (
        status == 200 and json.loads(headers["X-Reply"]) == {"name": "model.safetensors"} and len(body) > 1000
    )
    perform(server.session, "learn", {"settings": {"kind": "sentences", "embedding": 4}, "text": LINES})


def test_events(server):
    lines = []
    for _ in range(2):  # a second subscriber receives the same run
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request("GET", "/events", headers={"Cookie": f"{server.cookie}={server.token}"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
        lines.append(json.loads(answer.readline()[len(b"data: ") :]))
        answer.close()
        connection.close()
    assert lines[0]["run"]["settings"] == lines[1]["run"]["settings"]
    wait_for(lambda: server.session._subscribers == 0, 10)
    assert ask(server, "GET", "/events", Cookie=None)[0] == 403


def test_subscribers_are_bounded(server):
    held = [server.subscriptions.acquire(blocking=False) for _ in range(16)]
    try:
        assert all(held) and ask(server, "GET", "/events")[0] == 503
    finally:
        for _ in held:
            server.subscriptions.release()


def test_browsers(monkeypatch):
    def no_browser():
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "get", no_browser)
    assert not open_browser("http://127.0.0.1/")
    # a browser in the terminal would replace the output
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("www-browser"))
    assert not open_browser("http://127.0.0.1/")


def test_a_bug_is_an_internal_error(monkeypatch, capsys):
    """Any error but those of the user has status 500, and its traceback is in the terminal; training continues."""
    with open_session() as session, open_server(session) as server:
        monkeypatch.setattr(introspection, "predictions", lambda *_: session.no_such)
        with pytest.raises(AttributeError, match="no_such"):
            perform(session, "predict", {})
        status, _, body = ask(server, "POST", "/do/predict", b"{}")
        assert status == 500 and b"internal error: AttributeError" in body
        assert "Traceback" in capsys.readouterr().err
        assert perform(session, "continue", {"prompt": "h"})[0]["text"] is not None


def test_a_browser_of_its_own_window(monkeypatch):
    opened = []

    class Browser:
        def open(self, url):
            opened.append(url)
            return True

    monkeypatch.setattr(webbrowser, "get", Browser)
    assert open_browser("http://127.0.0.1/") and opened == ["http://127.0.0.1/"]


def test_addresses(server, monkeypatch):
    """The address of all interfaces is no address: the name of the machine is."""
    monkeypatch.setattr(server, "server_address", ("0.0.0.0", server.server_port))
    assert server.url.startswith(f"http://{socket.gethostname()}:{server.server_port}/?token=")
    with open_session() as session:
        try:
            other = Server(session, "::1")
        except OSError:
            pytest.skip("no IPv6")
        with other:
            assert other.url.startswith(f"http://[::1]:{other.server_port}/?token=")


def test_paths_of_no_action(server):
    status, _, body = ask(server, "POST", "/undo", b"{}")
    assert status == 404 and json.loads(body) == {"error": "unknown path /undo"}


def test_errors_of_a_connection(server, capsys, monkeypatch):
    """Those of a client that is gone, or does not read, end the connection; others are printed."""
    for error in (ConnectionResetError(), socket.timeout(), ValueError("a bug")):
        try:
            raise error
        except (OSError, ValueError):
            server.handle_error(None, ("127.0.0.1", 1))
    printed = capsys.readouterr().err
    assert "a bug" in printed and "ConnectionResetError" not in printed

    def slow(*_):
        raise socket.timeout

    with monkeypatch.context() as patch:
        patch.setattr("recurrent.web.server._Handler._answer", slow)
        with pytest.raises(http.client.RemoteDisconnected):
            ask(server, "GET", "/")
    assert ask(server, "GET", "/")[0] == 200


def test_one_large_body_at_a_time(server, monkeypatch):
    monkeypatch.setattr("recurrent.web.server.UPLOAD_SECONDS", 0.05)
    monkeypatch.setattr("recurrent.web.server._LARGE", 10)
    with server.uploads:
        status, _, body = ask(server, "POST", "/do/predict", b'{"prompt": "hell"}')
    assert status == 503 and b"another file is being read" in body
    assert ask(server, "POST", "/do/predict", b'{"prompt": "hell"}')[0] == 200


def test_a_bug_without_standard_error(monkeypatch):
    """Its traceback is lost, and the answer is not."""
    with open_session() as session, open_server(session) as server:
        monkeypatch.setattr(introspection, "predictions", lambda *_: session.no_such)
        with Path("/dev/full").open("w", buffering=1) as full, monkeypatch.context() as patch:
            patch.setattr("sys.stderr", full)
            assert ask(server, "POST", "/do/predict", b"{}")[0] == 500
            patch.undo()
            with contextlib.suppress(OSError):
                full.close()
