"""The actions: running text, models and files in and out, and invalid requests."""

import json
import math
import re

import numpy as np
import pytest

import recurrent
from recurrent.web.actions import perform
from recurrent.web.settings import MAX_TEXT
from sessions import BOOK, LINES, frame_part, open_session, wait_for, weights_of


def test_running_text():
    with open_session(
        BOOK, kind="text", hidden_sizes=[24], embedding=0, batch_size=8, seq_length=20
    ) as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 200 and len(session.trainer.validation.points) > 2, 60)
        perform(session, "pause", {})
        assert session.trainer.validation.points[-1][1] < 2.5
        assert frame_part(session, "progress")["step"] == session.trainer.model.step
        assert "characters are held out" in frame_part(session, "run")["note"]
        name, data = perform(session, "download", {})[0]["name"], perform(session, "download", {})[1]
        assert name == "model.safetensors"
        perform(session, "change", {"learning_rate": 0.5e-3})
        assert session.trainer.model.optimizer.learning_rate == 0.5e-3
        with pytest.raises(ValueError, match="download the checkpoint"):
            perform(session, "save", {})
        step, loss = session.trainer.step, session.call(lambda: session.trainer.model.evaluate(BOOK[-500:]))
        # opened again, it continues after the same step
        perform(session, "learn", {"settings": {"hidden_sizes": "5"}})
        perform(session, "open", {"name": name}, data)
        assert (
            session.trainer.model.step == step
            and session.call(lambda: session.trainer.model.evaluate(BOOK[-500:])) == loss
        )
        assert frame_part(session, "run")["settings"]["hidden_sizes"] == "24" and not session.is_learning
        perform(session, "resume", {})
        wait_for(lambda: session.trainer.step > step + 20)
        subscriber.close()


def test_a_file_of_text():
    with open_session() as session:
        perform(
            session,
            "open",
            {"name": "book.txt", "settings": {"hidden_sizes": "16", "batch_size": 4}},
            b"\xef\xbb\xbf" + BOOK.encode(),
        )
        run = frame_part(session, "run")
        assert (run["file"], run["characters"], run["settings"]["kind"]) == ("book.txt", len(BOOK), "text")
        assert run["text"] == BOOK[:2000] and run["learning"]
        # other settings keep the file, a text replaces it
        perform(session, "learn", {"settings": {"hidden_sizes": "8"}})
        assert frame_part(session, "run")["file"] == "book.txt" and session.trainer.model.hidden_sizes == [8]
        perform(session, "learn", {"settings": {"kind": "sentences", "embedding": 3}, "text": LINES})
        assert frame_part(session, "run")["file"] == "" and session.trainer.model.cell == "lstm"


def test_saved_and_loaded(tmp_path):
    with open_session() as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 200)
        perform(session, "pause", {})
        saved = perform(session, "save", {})[0]["json"]
        weights = weights_of(session)
        (tmp_path / "m.json").write_text(saved, encoding="utf-8")
        model = recurrent.SentenceModel.load_recurrentjs(tmp_path / "m.json", "float32")
        assert np.array_equal(model.parameters.flat.w, weights)
        assert perform(session, "download", {}) == ({"name": "model.json"}, saved.encode())
        perform(session, "learn", {"settings": {"hidden_sizes": "3"}})
        for action in (
            lambda: perform(session, "load", {"json": saved}),
            lambda: perform(session, "open", {"name": "m.json"}, saved.encode()),
        ):
            action()
            assert np.array_equal(weights_of(session), weights) and not session.is_learning
            assert frame_part(session, "run")["settings"]["hidden_sizes"] == "12"
        perform(session, "resume", {})
        # the cache of its optimizer is loaded too: the perplexity does not jump
        wait_for(lambda: session.trainer.step > 30)
        assert math.exp(session.trainer.loss) < 1.5 * math.exp(
            np.mean([math.log(model.cost(s).perplexity) for s in LINES.split("\n") if s])
        )
        subscriber.close()


def test_a_model_of_the_original_page(golden):
    saved = golden("saved_lstm_20x20")
    with open_session("".join(saved["vocab"]) + "\nÄ is not in it") as session:
        perform(session, "load", {"json": json.dumps(saved)})
        assert session.trainer.model.hidden_sizes == [20, 20]
        assert frame_part(session, "run")["note"] == "1 of 2 sentences have characters outside the vocabulary"
        perform(session, "learn", {"text": "Ä"})
        perform(session, "load", {"json": json.dumps(saved)})
        with pytest.raises(ValueError, match="got characters outside the vocabulary in every one"):
            perform(session, "resume", {})
        assert perform(session, "continue", {"prompt": ""})[0]["text"]


BAD = [
    ("load", {}, "model is invalid; expected text, got None"),
    ("load", {"json": ""}, "not valid JSON"),
    ("load", {"json": "[" * 100_000}, "JSON"),
    ("load", {"json": '{"generator": "lstm"}'}, "hidden_sizes is missing"),
    (
        "load",
        {"json": "1" * (MAX_TEXT + 1)},
        "model is too long; expected at most 16,777,216 characters, got 16,777,217",
    ),
    ("learn", {"text": 5}, "text is invalid; expected text, got 5"),
    ("learn", {"text": " \n\t\n"}, "the text has no training data; expected at least 1 character, got none"),
    ("learn", {"text": " \n", "settings": {"kind": "text"}}, "the text has no training data"),
    (
        "learn",
        {"text": "short", "settings": {"kind": "text"}},
        "expected at least 2,501 characters for 50 sequences of 50, got 5: lower the batch",
    ),
    ("learn", {"settings": {"embedding": "0"}}, "embedding is invalid; expected at least 1 for sentences"),
    ("learn", {"settings": {"hidden_sizes": "2048,2048"}}, "lower the hidden sizes"),
    ("learn", {"settings": "x"}, "settings has the wrong type; expected an object, got str"),
    ("change", {"temperature": 0}, "temperature is invalid; expected a number above 0"),
    ("change", {"learning_rate": "x"}, "learning rate is invalid; expected"),
    (
        "predict",
        {"prompt": "hß"},
        r"text[1] is outside the vocabulary; expected one of its characters, got 'ß' (U+00DF)",
    ),
    ("predict", {"prompt": "\ud800"}, "is outside the vocabulary"),
    (
        "predict",
        {"prompt": "h" * 20_000},
        "prompt is too long; expected at most 10,000 characters, got 20,000",
    ),
    ("continue", {"length": 0}, "length is invalid; expected an integer from 1 to 2,000"),
    ("continue", {"temperature": -1}, "temperature is invalid; expected"),
    ("color", {"unit": -1}, "unit is invalid; expected an integer"),
    ("color", {"text": "Z"}, "is outside the vocabulary"),
    ("open", {"name": "x.txt"}, "file is missing"),
    ("__init__", {}, "got '__init__'"),
    ("do", {}, "action is unknown; expected one of"),
]


@pytest.mark.parametrize("action, values, words", BAD, ids=[f"{a}, {w[:30]}" for a, _, w in BAD])
def test_invalid_requests(action, values, words):
    """An error with a message; training continues unchanged."""
    with open_session() as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 20)
        trainer, settings, text = session.trainer, session.settings, session.text
        with pytest.raises(ValueError, match=re.escape(words)):
            perform(session, action, values)
        assert (session.trainer, session.settings, session.text, session.is_learning) == (
            trainer,
            settings,
            text,
            True,
        )
        step = trainer.step
        wait_for(lambda: trainer.step > step + 20)
        subscriber.close()


@pytest.mark.parametrize("name, data, words", [
    ("a.txt", b"ab\xff", "a.txt is not valid UTF-8; expected UTF-8, got 0xFF at byte 2"),
    ("a.txt", b"", "the text has no training data"),
    ("a.json", b"\xff\xff", "not valid JSON"),
    ("a.safetensors", b"nothing", "the model"),
])  # fmt: skip
def test_invalid_files(name, data, words):
    with open_session() as session:
        trainer = session.trainer
        with pytest.raises(ValueError, match=words) as caught:
            perform(session, "open", {"name": name}, data)
        assert session.trainer is trainer and "/tmp" not in str(caught.value)
