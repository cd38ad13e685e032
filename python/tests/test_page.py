"""The page without a browser: its settings, the desk that owns the run, the server, and what comes from outside."""

import ctypes
import http.client
import json
import math
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import quote

import numpy as np
import pytest

import recurrent
from pages import BOOK, LINES, desk, learned, part, server, until
from recurrent.demo.text import CORPUS
from recurrent.web import desk as desks
from recurrent.web import insight, pretrain
from recurrent.web.curve import Curve
from recurrent.web.settings import CELLS, LARGEST_TEXT, Settings

# ---- settings


@pytest.mark.parametrize(
    "values, words",
    [
        ([], "the settings are a list"),
        ({"depth": 2}, "there is no setting 'depth'"),
        ({"cell": "cnn"}, "generator: expected lstm or gru or rnn, got 'cnn'"),
        ({"cell": ["lstm"]}, "generator: expected"),
        ({"kind": None}, "learn: expected sentences or text, got None"),
        ({"hidden_sizes": ""}, "hidden sizes: expected 1 to 8 numbers between commas, such as 40,40, got ''"),
        ({"hidden_sizes": "40,x"}, "hidden sizes: expected a whole number from 1 to 2,048, got 'x'"),
        ({"hidden_sizes": [0]}, "hidden sizes: expected a whole number"),
        ({"hidden_sizes": [1] * 9}, "hidden sizes: expected 1 to 8"),
        ({"hidden_sizes": {}}, "hidden sizes: expected 1 to 8"),
        ({"hidden_sizes": [True]}, "hidden sizes: expected a whole number"),
        ({"letter_size": 2.5}, "letter size: expected a whole number from 0 to 512, got 2.5"),
        (
            {"learning_rate": "fast"},
            "learning rate: expected a number of at least 0 and at most 10, got 'fast'",
        ),
        ({"learning_rate": -1}, "learning rate: expected"),
        ({"learning_rate": math.nan}, "learning rate: expected"),
        ({"learning_rate": math.inf}, "learning rate: expected"),
        ({"learning_rate": 10**400}, "learning rate: expected"),
        ({"clip": 0}, "clip: expected a number above 0"),
        (
            {"regc": "1e-400x" * 50},
            "regularization: expected a number of at least 0 and at most 1, got '1e-400x",
        ),
        ({"batch_size": 0}, "batch size: expected a whole number from 1 to 1,024"),
        ({"seq_length": "1e9"}, "sequence length: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number"),
    ],
)
def test_settings_that_are_none(values, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        Settings().changed(values)
    assert len(str(caught.value)) < 200


def test_settings():
    changed = Settings().changed(
        {"hidden_sizes": " 20, 30 ", "learning_rate": "0.02", "seed": 3.0, "cell": "gru"}
    )
    assert (changed.hidden_sizes, changed.learning_rate, changed.seed, changed.cell) == (
        [20, 30],
        0.02,
        3,
        "gru",
    )
    assert Settings().hidden_sizes == [40, 40]


def test_no_run_fills_the_memory():
    with pytest.raises(
        ValueError, match=r"18,\d+,\d+ weights, and the page takes 16,000,000 at most: lower the hid"
    ):
        Settings(hidden_sizes=[1450, 1024]).check(40)
    Settings(hidden_sizes=[1024, 1024]).check(40)
    with pytest.raises(ValueError, match="lower the batch size or the sequence length"):
        Settings(kind="text", hidden_sizes=[512, 512], batch_size=100, seq_length=100).check(40)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("letter_size", [0, 7])
def test_weights_are_counted(cell, letter_size):
    """What is refused is what there would be, but for a GRU's second biases."""
    made = recurrent.TextModel(cell, [9, 5], letter_size or None, rng=1).build("abcd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recurrent.web.settings.MOST_WEIGHTS", 0)
        with pytest.raises(ValueError) as caught:
            Settings(kind="text", cell=cell, hidden_sizes=[9, 5], letter_size=letter_size).check(4)
    counted = int(re.search("has ([0-9,]+) weights", str(caught.value))[1].replace(",", ""))
    assert made.flat.n - counted == (14 if cell == "gru" else 0)


def test_a_curve_is_bounded():
    curve = Curve()
    for x in range(100_000):
        curve.add(x, float(x % 2))
    assert len(curve.points) < 1200 and curve.edition >= 7
    assert [x for x, _ in curve.points] == sorted(x for x, _ in curve.points)
    assert all(y == 0.5 for _, y in curve.points) and curve.points[-1][0] > 99_000


# ---- the run


def test_a_run():
    with desk() as d:
        time.sleep(0.05)
        assert d.learner.tick == 0  # nobody looks on yet
        watcher = d.watch()
        first = json.loads(watcher.frame(5))
        assert first["run"]["text"] == LINES and first["curve"]["from"] == 0
        until(lambda: d.learner.tick > 3000)
        before = part(d, "samples")
        assert math.exp(until(lambda: part(d, "progress")["loss"])) < 3 < first["run"]["letters"]
        assert d.do("pause", {}) == ({}, None)
        tick, weights = d.learner.tick, learned(d)
        time.sleep(0.1)
        assert d.learner.tick == tick and not part(d, "run")["learning"]
        assert np.array_equal(learned(d), weights)
        assert part(d, "progress")["tick"] == tick and part(d, "samples")["tick"] == tick
        assert part(d, "samples")["five"] != before["five"]
        # nothing that looks on changes what is learned
        for action, values in (
            ("continue", {"prompt": "h"}),
            ("expect", {}),
            ("colour", {}),
            ("change", {"temperature": 1}),
        ):
            d.do(action, values)
        assert np.array_equal(learned(d), weights)
        d.do("resume", {})
        until(lambda: d.learner.tick > tick + 100)
        watcher.close()


def test_a_model_that_learns_is_read_between_two_ticks():
    """Read from another thread it would be refused now and then: an object is one thread's at a time."""
    with desk() as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 100)
        tick, before = d.learner.tick, learned(d)
        for _ in range(300):
            assert np.isfinite(learned(d)).all()
        assert d.learner.tick > tick and not np.array_equal(learned(d), before)
        assert d.ask(lambda: d.ask(lambda: 7)) == 7
        with pytest.raises(AttributeError, match="no_such"):
            d.ask(lambda: d.no_such)
        until(lambda: d.learner.tick > tick + 1000)
        watcher.close()
    with pytest.raises(RuntimeError, match="the run has ended"):
        d.ask(lambda: 1)


def test_watchers_hold_the_same_curve():
    with desk() as d:
        early, points = d.watch(), []

        def read(watcher, points):
            frame = json.loads(watcher.frame(1) or "{}")
            if "curve" in frame:
                del points[frame["curve"]["from"] :]
                points += frame["curve"]["points"]

        while len(points) < 1000:
            read(early, points)
        edition = d.learner.curve.edition
        until(lambda: read(early, points) or d.learner.curve.edition > edition, 60)
        d.do("pause", {})
        while (frame := early.frame(0.3)) is not None:
            frame = json.loads(frame)
            if "curve" in frame:
                del points[frame["curve"]["from"] :]
                points += frame["curve"]["points"]
        assert points == part(d, "curve")["points"] and len(points) == len(d.learner.curve.points)
        early.close()


def test_sliders_act_at_once():
    with desk() as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 50)
        d.do("change", {"learning_rate": "0", "regc": 0})
        # nobody reads what another thread is changing
        d.do("pause", {})
        weights, tick = learned(d), d.learner.tick
        d.do("resume", {})
        until(lambda: d.learner.tick > tick + 500)
        d.do("pause", {})
        assert np.array_equal(learned(d), weights)
        assert part(d, "run")["settings"]["learning_rate"] == 0
        cold = part(d, "samples")["five"]
        d.do("change", {"temperature": 1e-3})
        assert part(d, "samples")["five"] != cold
        assert len({text for text, _ in part(d, "samples")["five"]}) == 1
        watcher.close()


@pytest.mark.parametrize("cell", CELLS)
def test_insight_is_the_models_own(cell):
    """What the page shows of a sentence model is computed by a network beside it: they agree."""
    with desk(cell=cell, hidden_sizes=[8, 6]) as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 300)
        d.do("pause", {})
        model = d.learner.model
        assert d.do("continue", {"prompt": "", "temperature": 0})[0]["text"] == model.predict(
            False, max_chars=200
        )
        guesses = dict(d.do("expect", {"prompt": "hell"})[0]["guesses"])
        more = model.cost("hello").cost - model.cost("hell").cost
        end = {p: dict(d.do("expect", {"prompt": p})[0]["guesses"]).get("", 0) for p in ("hell", "hello")}
        assert math.isclose(
            -math.log(guesses["o"]) - math.log(end["hello"]) + math.log(end["hell"]), more, rel_tol=1e-4
        )
        found = d.do("colour", {"text": "hello", "tap": "h0", "unit": 3})[0]
        assert [letter for letter, _ in found["letters"]] == list("hello") and found["taps"]["h0"] == 8
        taps = d.learner.network.activations(np.array([[t] for t in d.learner.spelled("hello")]))
        np.testing.assert_allclose(found["values"], taps["h0"][1:, 0, 3], atol=1e-3)
        gates = part(d, "samples")["saturation"]
        assert len(gates) == {"lstm": 6, "gru": 4, "rnn": 2}[cell]
        if cell != "rnn":
            share = (
                d.learner.network.activations(np.array([[t] for t in d.learner.spelled("hello there")]))[
                    "r0" if cell == "gru" else "i0"
                ]
                < 0.1
            ).mean()
            assert math.isclose(gates[0]["low"], share, abs_tol=1e-3)
        svg = d.do("picture", {})[0]["svg"]
        assert svg.startswith("<svg") and "Wil" in svg and "Whd" in svg
        watcher.close()


@pytest.mark.parametrize("cell", [*CELLS, "text"])
def test_the_picture_computes_the_tick(monkeypatch, cell):
    """The graph that is drawn gives the network's own cost of the next letter."""
    found = []

    def look(graph, names):
        graph.evaluate()
        last = graph.operations[-1]
        found.append((last.name, ctypes.c_float.from_address(last.w).value))
        return "<svg/>"

    monkeypatch.setattr(recurrent.Graph, "svg", look)
    more = {"kind": "text", "batch_size": 2, "letter_size": 0} if cell == "text" else {"cell": cell}
    with desk(BOOK, **more) as d:
        weights = d.learner.model.parameters.flat
        weights.w = np.random.default_rng(5).normal(size=weights.w.shape)
        insight.picture(d.learner)
        scores = d.learner.network.forward([[1]])[0][0, 0].astype(float)
    expected = np.log(np.exp(scores).sum()) - scores[0]
    assert found == [("cross_entropy", pytest.approx(expected, rel=1e-5))]


# ---- running text


def test_running_text():
    with desk(BOOK, kind="text", hidden_sizes=[24], letter_size=0, batch_size=8, seq_length=20) as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 200 and len(d.learner.validation.points) > 2, 60)
        d.do("pause", {})
        assert d.learner.validation.points[-1][1] < 2.5
        assert part(d, "progress")["tick"] == d.learner.model.step
        assert "characters at its end are held out" in part(d, "run")["note"]
        name, data = d.do("download", {})[0]["name"], d.do("download", {})[1]
        assert name == "model.safetensors"
        d.do("change", {"learning_rate": 0.5e-3})
        assert d.learner.model.optimizer.learning_rate == 0.5e-3
        with pytest.raises(ValueError, match="download its checkpoint"):
            d.do("save", {})
        step, loss = d.learner.tick, d.ask(lambda: d.learner.model.evaluate(BOOK[-500:]))
        # opened again, it goes on where it stopped
        d.do("learn", {"settings": {"hidden_sizes": "5"}})
        d.do("open", {"name": name}, data)
        assert d.learner.model.step == step and d.ask(lambda: d.learner.model.evaluate(BOOK[-500:])) == loss
        assert part(d, "run")["settings"]["hidden_sizes"] == "24" and not d.learning
        d.do("resume", {})
        until(lambda: d.learner.tick > step + 20)
        watcher.close()


def test_a_file_of_text():
    with desk() as d:
        d.do(
            "open",
            {"name": "book.txt", "settings": {"hidden_sizes": "16", "batch_size": 4}},
            b"\xef\xbb\xbf" + BOOK.encode(),
        )
        run = part(d, "run")
        assert (run["file"], run["characters"], run["settings"]["kind"]) == ("book.txt", len(BOOK), "text")
        assert run["text"] == BOOK[:2000] and run["learning"]
        # learned again with other settings, it is still the file; the box takes its place
        d.do("learn", {"settings": {"hidden_sizes": "8"}})
        assert part(d, "run")["file"] == "book.txt" and d.learner.model.hidden_sizes == [8]
        d.do("learn", {"settings": {"kind": "sentences", "letter_size": 3}, "text": LINES})
        assert part(d, "run")["file"] == "" and d.learner.model.generator == "lstm"


# ---- models in and out


def test_saved_and_loaded(tmp_path):
    with desk() as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 200)
        d.do("pause", {})
        saved = d.do("save", {})[0]["json"]
        weights = learned(d)
        (tmp_path / "m.json").write_text(saved, encoding="utf-8")
        model = recurrent.SentenceModel.load_recurrentjs(tmp_path / "m.json", "float32")
        assert np.array_equal(model.parameters.flat.w, weights)
        assert d.do("download", {}) == ({"name": "model.json"}, saved.encode())
        d.do("learn", {"settings": {"hidden_sizes": "3"}})
        for action in (
            lambda: d.do("load", {"json": saved}),
            lambda: d.do("open", {"name": "m.json"}, saved.encode()),
        ):
            action()
            assert np.array_equal(learned(d), weights) and not d.learning
            assert part(d, "run")["settings"]["hidden_sizes"] == "12"
        d.do("resume", {})
        # its solver came with it: perplexity does not jump
        until(lambda: d.learner.tick > 30)
        assert math.exp(d.learner.now) < 1.5 * math.exp(
            np.mean([math.log(model.cost(s).perplexity) for s in LINES.split("\n") if s])
        )
        watcher.close()


def test_a_model_of_the_original_page(golden):
    saved = golden("saved_lstm_20x20")
    with desk("".join(saved["vocab"]) + "\nÄ is not in it") as d:
        d.do("load", {"json": json.dumps(saved)})
        assert d.learner.model.hidden_sizes == [20, 20]
        assert part(d, "run")["note"] == "1 of 2 sentences have letters that this model does not know"
        d.do("learn", {"text": "Ä"})
        d.do("load", {"json": json.dumps(saved)})
        with pytest.raises(ValueError, match="no sentence of the text can be spelled"):
            d.do("resume", {})
        assert d.do("continue", {"prompt": ""})[0]["text"]


def test_the_pretrained_model_knows_its_sentences():
    with desk(CORPUS.read_text(encoding="utf-8")) as d:
        d.do("pretrained", {})
        sentences, model = d.learner.sentences, d.learner.model
        assert len(sentences) == 100
        assert sum(model.cost(sentence).cost < math.log(3 * len(sentences)) for sentence in sentences) >= 99
        assert any(known for _, known in part(d, "samples")["five"])
        # and learns on from there
        watcher = d.watch()
        d.do("resume", {})
        until(lambda: d.learner.tick > 1000)
        assert max(y for _, y in d.learner.curve.points) < math.log(1.3)
        watcher.close()


def test_pretraining(tmp_path):
    pretrain.pretrain(tmp_path / "m.json", "--epochs", "1", "--hidden", "4", "--letter-size", "2")
    model = recurrent.SentenceModel.load_recurrentjs(tmp_path / "m.json")
    assert model.hidden_sizes == [4] and len(model.step_cache) == len(model.parameters)
    assert all(float(f"{x:.5g}") == x for x in model.parameters.flat.w[:, 0].tolist())


BAD = [
    ("load", {}, "model: expected text, got None"),
    ("load", {"json": ""}, "not valid JSON"),
    ("load", {"json": "[" * 100_000}, "JSON"),
    ("load", {"json": '{"generator": "lstm"}'}, "hidden_sizes is missing"),
    (
        "load",
        {"json": "1" * (LARGEST_TEXT + 1)},
        "model: 16,777,217 characters, and the page takes 16,777,216 at most",
    ),
    ("learn", {"text": 5}, "text: expected text, got 5"),
    ("learn", {"text": " \n\t\n"}, "the text has no letters: there is nothing to learn"),
    ("learn", {"text": " \n", "settings": {"kind": "text"}}, "the text has no letters"),
    (
        "learn",
        {"text": "short", "settings": {"kind": "text"}},
        "50 parts of 50 need 2,501: lower the batch size or the",
    ),
    ("learn", {"settings": {"letter_size": "0"}}, "letter size: sentences need one of at least 1"),
    ("learn", {"settings": {"hidden_sizes": "2048,2048"}}, "lower the hidden sizes"),
    ("learn", {"settings": "x"}, "the settings are a str"),
    ("change", {"temperature": 0}, "temperature: expected a number above 0"),
    ("change", {"learning_rate": "x"}, "learning rate: expected"),
    ("expect", {"prompt": "hß"}, r"the letter 'ß' (U+00DF) at position 1 is not in the vocabulary"),
    ("expect", {"prompt": "\ud800"}, "is not in the vocabulary"),
    ("expect", {"prompt": "h" * 20_000}, "prompt: 20,000 characters"),
    ("continue", {"letters": 0}, "letters: expected a whole number from 1 to 2,000"),
    ("continue", {"temperature": -1}, "temperature: expected"),
    ("colour", {"unit": -1}, "unit: expected a whole number"),
    ("colour", {"text": "Z"}, "is not in the vocabulary"),
    ("open", {"name": "x.txt"}, "open: expected a file"),
    ("__init__", {}, "there is no action '__init__'"),
    ("do", {}, "there is no action 'do'"),
]


@pytest.mark.parametrize("action, values, words", BAD, ids=[f"{a}, {w[:30]}" for a, _, w in BAD])
def test_what_cannot_be_done(action, values, words):
    """A sentence, and training goes on as if nothing had been asked."""
    with desk() as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 20)
        learner, settings, text = d.learner, d.settings, d.text
        with pytest.raises(ValueError, match=re.escape(words)):
            d.do(action, values)
        assert (d.learner, d.settings, d.text, d.learning) == (learner, settings, text, True)
        tick = learner.tick
        until(lambda: learner.tick > tick + 20)
        watcher.close()


@pytest.mark.parametrize("name, data, words", [
    ("a.txt", b"ab\xff", "a.txt is not UTF-8 text: byte 2 is 0xff"),
    ("a.txt", b"", "the text has no letters"),
    ("a.json", b"\xff\xff", "not valid JSON"),
    ("a.safetensors", b"nothing", "the model"),
])  # fmt: skip
def test_files_that_are_none(name, data, words):
    with desk() as d:
        learner = d.learner
        with pytest.raises(ValueError, match=words) as caught:
            d.do("open", {"name": name}, data)
        assert d.learner is learner and "/tmp" not in str(caught.value)


def test_a_bug_is_said_and_the_run_goes_on(monkeypatch, capsys):
    """What is not the user's to mend is answered as the server's own failure, with the traceback in the terminal."""
    with desk() as d, server(d) as serving:
        monkeypatch.setattr(insight, "guesses", lambda *_: d.no_such)
        with pytest.raises(AttributeError, match="no_such"):
            d.do("expect", {})
        status, _, body = ask(serving, "POST", "/do/expect", b"{}")
        assert status == 500 and b"this should not have happened: AttributeError" in body
        assert "Traceback" in capsys.readouterr().err
        assert d.do("continue", {"prompt": "h"})[0]["text"] is not None


def test_divergence_is_said_and_the_run_goes_on(monkeypatch):
    def lost(*_):
        raise FloatingPointError("training diverged in tick 7")

    with desk() as d:
        watcher = d.watch()
        monkeypatch.setattr(d.learner.model, "tick", lost)
        problem = until(lambda: part(d, "run")["problem"])
        assert problem == "training diverged in tick 7: lower the learning rate and learn again"
        assert not d.learning
        assert d.do("continue", {"prompt": "h"})[0]["text"] is not None
        d.do("learn", {"settings": {"learning_rate": 0.01, "clip": 5}})
        until(lambda: d.learner.tick > 100)
        assert part(d, "run")["problem"] == ""
        watcher.close()


def test_nobody_watches():
    with desk(patience=0.2) as d:
        watcher = d.watch()
        until(lambda: d.learner.tick > 20)
        time.sleep(0.4)
        assert d.learning
        watcher.close()
        watcher.close()
        until(lambda: not d.learning, 5)
        assert part(d, "run")["note"] == "paused: nobody was watching"


# ---- the server


@pytest.fixture(scope="module")
def serving():
    with desk() as d, server(d) as s:
        yield s


def ask(serving, method, path, body=None, **headers):
    """A request with the cookie and from the page, unless headers say otherwise; the status, the headers, the body."""
    host = f"127.0.0.1:{serving.server_port}"
    usual = {"Host": host, "Cookie": f"{serving.cookie}={serving.token}"}
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


def test_the_page_is_let_in_by_its_token(serving):
    assert ask(serving, "GET", "/", Cookie=None)[0] == 403
    assert ask(serving, "GET", "/?token=", Cookie=None)[0] == 403
    assert ask(serving, "GET", f"/?token={serving.token[:-1]}", Cookie=None)[0] == 403
    assert ask(serving, "GET", f"/page.js?token={serving.token}", Cookie=None)[0] == 403
    status, headers, body = ask(serving, "GET", f"/?token={serving.token}", Cookie=None)
    assert status == 200 and b"recurrent-live" in body
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask(serving, "GET", "/", Cookie=cookie.partition(";")[0])[0] == 200
    for path, words in (("/page.js", b"export function mount"), ("/page.css", b".recurrent-live")):
        assert words in ask(serving, "GET", path)[2]
    for path in ("/desk.py", "/../desk.py", "/%2e%2e/desk.py", "/page.js/", "/pretrained.json"):
        assert ask(serving, "GET", path)[0] == 404


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
def test_who_may_do_what(serving, headers, status):
    port = str(serving.server_port)
    sent = {name: value and value.replace("PORT", port) for name, value in headers.items()}
    assert ask(serving, "POST", "/do/pause", b"{}", **sent)[0] == status


@pytest.mark.parametrize("body, status, words", [
    (b"", 400, "what came is not JSON"),
    (b"{", 400, "what came is not JSON"),
    (b"\xff", 400, "what came is not JSON"),
    (b"[" * 100_000, 400, "what came is not JSON"),
    (b"[]", 400, "an action takes an object"),
    (b"null", 400, "an action takes an object"),
    (b'{"json": "{"}', 400, "not valid JSON"),
])  # fmt: skip
def test_bodies(serving, body, status, words):
    answer = ask(serving, "POST", "/do/load", body)
    assert answer[0] == status and words in json.loads(answer[2])["error"]


def test_a_body_too_large_is_answered(serving):
    large = b"x" * 100_000_000
    for kind in ("application/json", "application/octet-stream"):
        status, _, body = ask(serving, "POST", "/do/learn", large, Content_Type=kind)
        assert (
            status == 413 and json.loads(body)["error"] == "100 MB are too many: the page takes 16 MB at most"
        )
    assert ask(serving, "POST", "/do/pause", b"{}")[0] == 200
    for length in ("-1", "x", None):
        with socket.create_connection(("127.0.0.1", serving.server_port), 10) as line:
            header = f"Content-Length: {length}\r\n" if length else ""
            line.sendall(f"POST /do/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode())
            assert b" 411 " in line.recv(100)


def test_files_over_the_line(serving):
    arguments = quote(json.dumps({"name": "b.txt", "settings": {"batch_size": 2, "hidden_sizes": "8"}}))
    status, _, _ = ask(
        serving,
        "POST",
        f"/do/open?arguments={arguments}",
        BOOK.encode(),
        Content_Type="application/octet-stream",
    )
    assert status == 200 and serving.desk.file == "b.txt"
    status, headers, body = ask(serving, "POST", "/do/download", b"{}")
    assert (
        status == 200 and json.loads(headers["X-Reply"]) == {"name": "model.safetensors"} and len(body) > 1000
    )
    serving.desk.do("learn", {"settings": {"kind": "sentences", "letter_size": 4}, "text": LINES})


def test_events(serving):
    lines = []
    for _ in range(2):  # a second one sees the same run
        connection = http.client.HTTPConnection("127.0.0.1", serving.server_port, timeout=20)
        connection.request("GET", "/events", headers={"Cookie": f"{serving.cookie}={serving.token}"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
        lines.append(json.loads(answer.readline()[len(b"data: ") :]))
        answer.close()
        connection.close()
    assert lines[0]["run"]["settings"] == lines[1]["run"]["settings"]
    until(lambda: serving.desk._watchers == 0, 10)
    assert ask(serving, "GET", "/events", Cookie=None)[0] == 403


def test_no_more_watchers_than_there_is_room_for(serving):
    held = [serving.watchers.acquire(blocking=False) for _ in range(16)]
    try:
        assert all(held) and ask(serving, "GET", "/events")[0] == 503
    finally:
        for _ in held:
            serving.watchers.release()


# ---- the command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command(tmp_path, number):
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
        [*command, "--hidden", "8", "--out", tmp_path / "a" / "b"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
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
            == f"recurrent.demo: port {url[1]} is taken: choose another, or --port 0 for one that is free\n"
        )
    finally:
        running.send_signal(number)
        said, err = running.communicate(timeout=60)
    assert running.returncode == 0 and err == ""
    # what was learned is kept
    assert said.strip() == f"saved in {tmp_path / 'a' / 'b' / 'model.json'}"
    assert recurrent.SentenceModel.load_recurrentjs(tmp_path / "a" / "b" / "model.json").hidden_sizes == [8]


@pytest.mark.parametrize("flags, words", [
    (["--port", "99999"], "--port is 99999; expected 0 to 65535"),
    (["--host", "nowhere.invalid"], "cannot listen at nowhere.invalid"),
    (["--text", "missing.txt"], "cannot read missing.txt"),
    (["--hidden", "4000"], "hidden sizes: expected a whole number from 1 to 2,048, got 4000"),
])  # fmt: skip
def test_pages_that_cannot_be(flags, words, capsys):
    from recurrent.demo.__main__ import main

    assert main(["--web", "--no-browser", *flags], "recurrent demo") == 2
    assert words in capsys.readouterr().err


def test_the_usual_port_may_be_taken(monkeypatch):
    from recurrent.web import command

    with socket.create_server(("127.0.0.1", 0)) as other, desk() as d:
        monkeypatch.setattr(command, "PORT", other.getsockname()[1])
        with command._listen(d, "127.0.0.1", None) as elsewhere:
            assert elsewhere.server_port not in (0, other.getsockname()[1])


def test_browsers(monkeypatch):
    import webbrowser

    from recurrent.web.server import open_browser

    def no_browser():
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "get", no_browser)
    assert not open_browser("http://127.0.0.1/")
    # one for the terminal would take it away
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("www-browser"))
    assert not open_browser("http://127.0.0.1/")
    assert desks.PRETRAINED.is_file()
