"""`recurrent demo --web`."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import recurrent
from commands import ignore_ctrl_c
from recurrent.cli import demo, web
from recurrent.web.session import Session
from recurrent.web.settings import Settings
from sessions import wait_for


@pytest.mark.parametrize(
    ("before", "number"),
    [
        (None, signal.SIGINT),
        (None, signal.SIGTERM),
        (ignore_ctrl_c, signal.SIGTERM),
        (ignore_ctrl_c, signal.SIGHUP),
    ],
)
def test_serves_until_a_signal(tmp_path, before, number):
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "recurrent",
        "demo",
        "--web",
        "--no-browser",
        "--port",
        "0",
    ]
    running = subprocess.Popen(
        [*command, "--hidden-sizes", "8", "--out", tmp_path / "a" / "b"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
    try:
        said = [running.stdout.readline() for _ in range(5)]
        url = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=\S{32}", said[2])
        assert "the live page is at" in said[0] and "Ctrl-C ends it" in said[4]
        connection = http.client.HTTPConnection("127.0.0.1", int(url[1]), timeout=20)
        connection.request("GET", url[0].partition(url[1])[2])
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
        connection.request("GET", "/events", headers={"Cookie": answer.headers["Set-Cookie"]})
        connection.getresponse().readline()
        time.sleep(0.3)
        connection.close()
        taken = subprocess.run([*command[:-1], url[1]], capture_output=True, text=True, timeout=60)
        assert taken.returncode == 2
        assert (
            taken.stderr
            == f"recurrent demo: port {url[1]} is in use: choose another, or --port 0 for a free one\n"
        )
    finally:
        running.send_signal(number)
        said, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and err == ""
    # the model is saved
    assert said.strip() == f"saved in {tmp_path / 'a' / 'b' / 'model.json'}"
    assert recurrent.SentenceModel.load_recurrentjs(tmp_path / "a" / "b" / "model.json").hidden_sizes == (8,)


@pytest.mark.parametrize("flags, words", [
    (["--port", "99999"], "--port is out of range; expected 0 to 65535, got 99999"),
    (["--host", "nowhere.invalid"], "cannot listen at nowhere.invalid"),
    (["--text", "missing.txt"], "cannot read missing.txt"),
    (["--hidden-sizes", "4000"], "hidden sizes is invalid; expected an integer from 1 to 2,048, got 4000"),
])  # fmt: skip
def test_invalid_options(flags, words, capsys):
    assert demo.main(["--web", "--no-browser", *flags]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_model_of_another_run_is_kept(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(web, "_listen", lambda *_: pytest.fail("the page has started"))
    (tmp_path / name).write_text("theirs")
    assert demo.main(["--web", "--no-browser", "--out", str(tmp_path)]) == 2
    assert (
        "a file of --out exists and was not written by this run; expected a new file, or --force"
        in capsys.readouterr().err
    )
    (tmp_path / "model.json").write_text("a b\n")
    words = [
        "--web",
        "--no-browser",
        "--out",
        str(tmp_path),
        "--text",
        str(tmp_path / "model.json"),
        "--force",
    ]
    assert demo.main(words) == 2
    assert "a file of --out is a text of this run" in capsys.readouterr().err


def test_another_port_if_the_usual_one_is_in_use(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(web, "PORT", other.getsockname()[1])
        session = Session(Settings(hidden_sizes=[2]), "a b")
        with web._listen(session, "127.0.0.1", None) as server:
            assert server.server_port not in (0, other.getsockname()[1])
        session.close()


class Page:
    """A server that ends at once; `before` is called first."""

    url = "http://127.0.0.1/"

    def __init__(self, session, before):
        self.session, self.before = session, before

    def serve_forever(self, _):
        self.before(self.session)

    def close(self):
        self.session.close()


def serve(monkeypatch, before, *flags):
    monkeypatch.setattr(web, "_listen", lambda session, *_: Page(session, before))
    return demo.main(["--web", "--hidden-sizes", "4", *map(str, flags)])


def train(session):
    session.subscribe()
    wait_for(lambda: session.trainer.step)


def test_a_model_without_a_step_is_not_saved(tmp_path, capsys, monkeypatch):
    opened, done = [], threading.Event()
    monkeypatch.setattr(web, "_open", lambda url: (opened.append(url), done.set()))
    assert serve(monkeypatch, lambda _: done.wait(20), "--out", tmp_path / "a") == 130
    assert opened == [Page.url] and not (tmp_path / "a").exists()
    assert "saved" not in capsys.readouterr().out
    assert serve(monkeypatch, train, "--no-browser", "--out", tmp_path / "b") == 130
    assert (tmp_path / "b" / "model.json").exists()


def test_a_save_that_fails(tmp_path, capsys, monkeypatch):
    """A file has taken the folder's name while the page was open."""
    assert serve(monkeypatch, lambda session: ((tmp_path / "c").touch(), train(session)), "--no-browser",
                 "--out", tmp_path / "c") == 2  # fmt: skip
    assert f"cannot save in {tmp_path / 'c'}: file exists" in capsys.readouterr().err


def test_no_browser(capsys, monkeypatch):
    monkeypatch.setattr(web, "open_browser", lambda _: False)
    web._open(Page.url)
    assert capsys.readouterr().out == "No browser opened: open the address above in one.\n"
