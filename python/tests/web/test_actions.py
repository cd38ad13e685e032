"""The actions: running text, models and files in and out, and invalid requests."""

import gzip
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent.parameters import CELLS_WITH_GATES
from recurrent.text.model import TextModel
from recurrent.web.actions import perform
from recurrent.web.settings import MAX_TEXT, Settings
from recurrent.web.trainers import TextTrainer
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
        assert frame_part(session, "run")["file"] == "book.txt" and session.trainer.model.hidden_sizes == (8,)
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
        assert session.trainer.model.hidden_sizes == (20, 20)
        assert frame_part(session, "run")["note"] == "1 of 2 sentences have characters outside the vocabulary"
        perform(session, "learn", {"text": "Ä"})
        perform(session, "load", {"json": json.dumps(saved)})
        assert frame_part(session, "run")["waiting"]
        with pytest.raises(ValueError, match="got characters outside the vocabulary in every one"):
            perform(session, "resume", {})
        assert perform(session, "continue", {"prompt": ""})[0]["text"]


CATS = "the cat sat on the mat.\nthe dog ran to the cat.\n" * 60


def checkpoint(folder, text=CATS, batch_size=4, seq_length=8, **settings):
    """Returns the bytes of a small trained model, and the model."""
    model = recurrent.TextModel(**{"hidden_sizes": [8], "rng": 1, **settings})
    model.fit(text, 6, batch_size=batch_size, seq_length=seq_length, progress=False)
    model.save(folder / "m", overwrite=True)
    return (folder / "m").read_bytes(), model


@pytest.mark.parametrize("cell", CELLS_WITH_GATES)
def test_every_cell_opens_and_is_left_again(cell, tmp_path):
    """On a page whose text has other characters, as a checkpoint and as JSON; then a new model of the same cell."""
    data, _ = checkpoint(tmp_path, cell=cell)
    sentences = recurrent.SentenceModel(["hello", "help"], cell, [6], rng=1)
    sentences.save_recurrentjs(tmp_path / "j")
    for kind, opened_file in (("text", data), ("sentences", (tmp_path / "j").read_bytes())):
        with open_session(BOOK, batch_size=4, seq_length=8) as session:
            perform(session, "open", {"name": "model"}, opened_file)
            run = frame_part(session, "run")
            assert (run["settings"]["kind"], run["settings"]["cell"], run["waiting"]) == (kind, cell, True)
            for name in ("continue", "predict", "color", "picture"):
                assert perform(session, name, {})[0]
            opened = session.trainer.model
            # as the page sends it
            settings = {**run["settings"], "embedding": 4}
            perform(session, "learn", {"settings": settings})
            wait_for(lambda session=session: session.trainer.step > 5)
            assert session.trainer.model is not opened and session.trainer.model.cell == cell


@pytest.mark.parametrize("text, words", [
    (BOOK, r"text\[0\] is outside the vocabulary; expected the model's 15 characters '\\n .acdeghmnorst', "
     r"got '0' \(U\+0030\)$"),
    ("the cat", "the text is too short; expected at least 33 characters for 4 sequences of 8, got 7: lower"),
], ids=["strange", "short"])  # fmt: skip
def test_a_checkpoint_waits_for_a_text(text, words, tmp_path):
    """It samples meanwhile; it takes the first text that it can learn and keeps its weights."""
    data, model = checkpoint(tmp_path)
    with open_session("a line\n") as session:
        perform(session, "learn", {"settings": {"kind": "sentences"}, "text": text})
        perform(session, "open", {"name": "CHECKPOINT"}, data)
        run = frame_part(session, "run")
        assert re.match(f"learning waits: {words}", run["note"]) and not run["learning"]
        assert (run["settings"]["batch_size"], run["settings"]["seq_length"]) == (4, 8)
        assert np.array_equal(weights_of(session), model.flat.w)
        samples = frame_part(session, "samples")
        assert samples["argmax"][0] and samples["saturation"]
        assert (
            perform(session, "color", {})[0]["characters"] == perform(session, "color", {})[0]["characters"]
        )
        trainer = session.trainer
        for arguments in ({}, {"text": text}, {"text": "the cats"}, {"settings": {"seq_length": 9}}):
            with pytest.raises(ValueError, match=r"outside the vocabulary|too short"):
                perform(session, "resume", arguments)
            assert session.trainer is trainer and session.text == text
        # a text without the characters is put on the page, one with them is learned
        perform(session, "open", {"name": "other.txt", "settings": {"hidden_sizes": "99"}}, b"Other")
        assert (session.file, session.trainer.model is trainer.model) == ("other.txt", True)
        assert not session.is_learning and frame_part(session, "run")["waiting"]
        perform(session, "open", {"name": "cats.txt", "settings": {"hidden_sizes": "99"}}, CATS.encode())
        wait_for(lambda: session.trainer.step > 10)
        assert session.trainer.model is trainer.model and session.text == CATS
        assert not frame_part(session, "run")["waiting"]


def test_a_model_takes_the_text_of_the_page(tmp_path):
    data, _ = checkpoint(tmp_path)
    with open_session() as session:
        perform(session, "open", {"name": "m"}, data)
        model = session.trainer.model
        perform(session, "resume", {"text": CATS, "settings": {"batch_size": "2", "cell": "gru"}})
        wait_for(lambda: session.trainer.step > 10)
        # the batches are those of the page, all else is the model's
        assert session.trainer.model is model and session.settings.cell == "lstm"
        assert session.settings.batch_size == 2 and model.trainer.settings.batch_size == 2
        model = recurrent.SentenceModel(["hello", "help"], "rnn_tanh", [6], rng=1)
        model.save_recurrentjs(tmp_path / "j")
        perform(session, "open", {"name": "j"}, (tmp_path / "j").read_bytes())
        with pytest.raises(
            ValueError, match=r"expected a sentence of the model's 5 characters 'hel?o?p.*in every one"
        ):
            perform(session, "resume", {})
        perform(session, "resume", {"text": "hello\nhole\ncat"})
        assert session.trainer.sentences == ["hello", "hole"]
        assert frame_part(session, "run")["note"] == "1 of 3 sentences have characters outside the vocabulary"


def test_the_training_text_is_named(tmp_path):
    (tmp_path / "cats.txt").write_text(CATS)
    data, _ = checkpoint(tmp_path, tmp_path / "cats.txt")
    with open_session() as session:
        perform(session, "open", {"name": "m"}, data)
        assert frame_part(session, "run")["note"].endswith("; the model was trained on cats.txt")


def test_unusual_checkpoints_open(tmp_path):
    """Bytes, float64, dropout, tied weights, another optimizer, none: all that the page does not show is named."""
    with open_session(BOOK) as session:
        data, _ = checkpoint(
            tmp_path,
            BOOK,
            tokenizer="bytes",
            dtype="float64",
            dropout=0.25,
            hidden_sizes=[8, 8],
            tied=True,
            residual=True,
        )
        perform(session, "open", {"name": "m"}, data)
        run = frame_part(session, "run")
        assert "Start over does not keep dropout 0.25, tied weights, residual, float64" in run["note"]
        assert run["settings"]["tokenizer"] == "bytes" and not run["waiting"] and run["vocabulary"] == 256
        assert perform(session, "continue", {"prompt": "é", "length": 5})[0]["text"]
        colors = perform(session, "color", {"text": "né"})[0]
        assert [label for label, _ in colors["characters"]] == ["n", "\\xC3", "\\xA9"]
        perform(session, "resume", {})
        wait_for(lambda: session.trainer.step > 10)
        perform(session, "learn", {"settings": {"hidden_sizes": "4", "embedding": 0}})
        wait_for(lambda: session.trainer.step > 10)
        assert session.trainer.model.tokenizer == "bytes"
        # built and never trained
        recurrent.TextModel("gru", [5], rng=1).build(BOOK).save(tmp_path / "n")
        perform(session, "open", {"name": "n"}, (tmp_path / "n").read_bytes())
        perform(session, "resume", {})
        wait_for(lambda: session.trainer.step > 10)
        data, _ = checkpoint(tmp_path, BOOK)
        model = recurrent.TextModel.load(tmp_path / "m")
        model.optimizer = recurrent.Adam(1e-3)
        model.save(tmp_path / "a")
        perform(session, "open", {"name": "a"}, (tmp_path / "a").read_bytes())
        assert frame_part(session, "run")["note"].endswith("Start over does not keep Adam")
        perform(session, "change", {"learning_rate": 0.5})
        assert session.trainer.model.optimizer.learning_rate == 0.5


def test_clip_acts_at_once_on_running_text():
    with open_session(BOOK, kind="text", embedding=0, batch_size=4, seq_length=10) as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 20)
        assert session.trainer.clipped < 0.5
        perform(session, "change", {"clip": 1e-9})
        wait_for(lambda: session.trainer.clipped > 0.5)
        subscriber.close()


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
    ("undo", {}, "former model is missing; expected one that was replaced, got none"),
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
    ("a.txt", "the end".encode("utf-16"), "a.txt is UTF-16; expected UTF-8, got a byte order mark$"),
    ("a.txt", "the end. ".encode("utf-16-be") * 9, "a.txt is UTF-16; expected UTF-8, got NUL at even indices"),
    ("a.txt", gzip.compress(b"the end", mtime=0), "a.txt is compressed; expected UTF-8, got gzip: `gunzip`"),
    ("a.txt", b"", "the text has no training data"),
    ("a.json", b"\xff\xff", "a.json is not a model; expected safetensors or RecurrentJS's JSON, got another"),
    ("a.JSON", b'{"lines": []}', "a.JSON is not a model; expected"),
    ("a.txt", b'{"hidden_sizes": [2]}', "generator is missing"),
    ("a.Safetensors", BOOK.encode(), "a.Safetensors is not a model; expected"),
    ("a.txt", (2).to_bytes(8, "little") + b"{}", "the model"),
])  # fmt: skip
def test_invalid_files(name, data, words):
    with open_session() as session:
        trainer = session.trainer
        with pytest.raises(ValueError, match=words) as caught:
            perform(session, "open", {"name": name}, data)
        assert session.trainer is trainer and "/tmp" not in str(caught.value)


def test_a_checkpoint_of_large_batches_waits(tmp_path):
    """The settings of its training are bounded as those of the page."""
    checkpoint(tmp_path, CATS * 4, hidden_sizes=[600], batch_size=64, seq_length=80)
    settings = Settings(kind="text", batch_size=256, seq_length=80)
    trainer = TextTrainer(settings, CATS * 16, TextModel.load(tmp_path / "m"))
    assert trainer.obstacle.startswith(
        "the batch is too large; expected at most 8,000,000 elements a gate, got 12,288,000"
    )


def test_a_cell_of_a_checkpoint_is_not_there_to_start_over():
    settings = Settings(kind="text", cell="Leaky", batch_size=2, seq_length=5)
    with pytest.raises(ValueError, match=r"^cell is known from its checkpoint only; expected .*got 'Leaky'"):
        TextTrainer(settings, CATS * 16)


@pytest.mark.parametrize("change", [
    lambda model: model.update(hidden_sizes=[10**8]),
    lambda model: model.update(hidden_sizes=[2**31 - 1] * 8),
    lambda model: model.update(letter_size=10**9),
    lambda model: model["model"]["Whd"].update(n=10**6, d=10**6),
    lambda model: model.update(letterToIndex={"a": 10**9}),
], ids=["hidden", "layers", "letter", "matrix", "index"])  # fmt: skip
def test_hostile_models(change, tmp_path):
    """Sizes that a file claims and does not have are refused before any memory is taken."""
    recurrent.SentenceModel(["ab"], hidden_sizes=[4], rng=1).save_recurrentjs(tmp_path / "m.json")
    model = json.loads((tmp_path / "m.json").read_text())
    change(model)
    status = Path("/proc/self/status")
    with open_session() as session:
        Path("/proc/self/clear_refs").write_text("5")
        before = re.search(r"VmRSS:\s+(\d+)", status.read_text())
        with pytest.raises(ValueError, match="; expected "):
            perform(session, "open", {"name": "model"}, json.dumps(model).encode())
        assert int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) - int(before[1]) < 8 << 10
