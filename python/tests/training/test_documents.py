"""Lines and files as documents: no state passes from one to the next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent.cli import main
from recurrent.training import documents as _documents
from recurrent.training.batches import ContiguousBatches
from recurrent.training.documents import Documents

LINES = ["anna", "bo", "carl", "dora", "é", "anna b", "cora", "bob"]
TEXT = "\n".join(LINES * 6) + "\n"
SETTINGS = {"batch_size": 2, "seq_length": 7, "progress": False}


def new(tokenizer="characters", **settings):
    return recurrent.TextModel("lstm", [6, 5], tokenizer=tokenizer, rng=1, **{"dtype": "float64", **settings})


def fit(tm, steps=20, text=TEXT, **settings):
    tm.fit(text, steps, **{"documents": "lines", **SETTINGS, **settings})
    return tm


def encode(parts):
    return [np.frombuffer(part, np.uint8) for part in parts]


def stream(parts, kind):
    tokens, starts = Documents(parts, kind, "text").encode(encode, 10, np.uint8)
    assert len(tokens) == Documents(parts, kind, "text").length(True)
    return tokens.tobytes(), np.flatnonzero(starts).tolist()


def test_a_newline_is_before_and_after_each_document():
    assert stream([b"ab\nc\n"], "lines") == (b"\nab\nc\n", [0, 3, 5])
    assert stream([b"\n\nab\n\n\nc"], "lines") == (b"\nab\nc\n", [0, 3, 5])
    # the end of a file ends a line
    assert stream([b"ab", b"c\nd"], "lines") == (b"\nab\nc\nd\n", [0, 3, 5, 7])
    assert stream([b"a\nb\n", b"c\n\nd"], "files") == (b"\na\nb\nc\n\nd\n", [0, 4, 9])
    assert stream([b"ab\r\n"], "lines") == (b"\nab\r\n", [0, 4])
    for kind in ("lines", "files"):
        with pytest.raises(ValueError, match="text has no document; expected at least 1 character"):
            Documents([b"\n"], kind, "text")


def test_documents_are_encoded_in_chunks(monkeypatch):
    parts = [TEXT.encode(), b"more\nlines\n"]
    whole = stream(parts, "lines")
    for size in (1, 70, 200):
        monkeypatch.setattr(_documents, "_CHUNK", size)
        assert stream(parts, "lines") == whole


def test_resets_are_those_of_the_chunk():
    tokens = np.arange(60)
    starts = tokens % 7 == 0
    batches = ContiguousBatches(tokens, 3, 4, starts)
    for index in range(30):
        inputs, _ = batches.chunk(index)
        assert np.array_equal(batches.resets(index), inputs % 7 == 0) and inputs.shape == (4, 3)
    assert ContiguousBatches(tokens, 3, 4).resets(0) is None


def test_the_loss_is_that_of_each_line_by_itself():
    tm = fit(new(), 40)
    assert tm.documents == "lines" and "\n" in tm.vocabulary
    sums = [tm.evaluate(tm.encode(f"\n{line}\n")) * (len(line) + 1) for line in LINES]
    total = sum(len(line) + 1 for line in LINES)
    assert tm.evaluate("\n".join(LINES)) == pytest.approx(sum(sums) / total, rel=1e-12)
    # without the resets it is another one
    tokens = tm.encode("\n" + "\n".join(LINES) + "\n")
    assert tm.evaluate(tokens, resets=tokens == tm.vocabulary.index("\n")) == tm.evaluate("\n".join(LINES))
    assert abs(tm.evaluate(tokens) - tm.evaluate("\n".join(LINES))) > 1e-6
    with pytest.raises(ValueError, match="resets is without effect; expected None"):
        tm.evaluate(TEXT, resets=[0])


def test_a_step_is_that_of_the_documents():
    """A step over two documents is the mean of a step over each, whose states begin."""
    one, two = new("bytes").build(""), new("bytes").build("")
    for tm in (one, two):
        tm.optimizer = recurrent.SGD(learning_rate=0)
        tm.flat.w *= 20
        tm.train_step([[65], [66]], [[66], [10]])
    tokens, resets = np.array([[10], [80], [10], [81]]), [[True], [False], [True], [False]]
    targets = np.array([[80], [10], [81], [10]])
    loss = one.train_step(tokens, targets, resets=resets).loss
    losses = []
    for part in (slice(0, 2), slice(2, 4)):
        two.reset_state()
        losses.append(two.train_step(tokens[part], targets[part]).loss)
    assert loss == pytest.approx(np.mean(losses), rel=1e-12)
    two.reset_state()
    assert abs(two.train_step(tokens, targets).loss - loss) > 1e-9
    for bad, error in (([[1], [0]], ValueError), ([[2], [0], [0], [0]], IndexError), ("no", TypeError)):
        with pytest.raises(error, match="resets"):
            one.train_step(tokens, targets, resets=bad)


@pytest.mark.parametrize("tokenizer", ["characters", "bytes", "words", "bpe"])
@pytest.mark.parametrize("kind", ["lines", "files"])
def test_a_resumed_run_is_exact(kind, tokenizer, tmp_path):
    if tokenizer in ("words", "bpe"):
        pytest.importorskip("tokenizers")
    files = []
    for i in range(3):
        files.append(tmp_path / f"{i}.txt")
        files[-1].write_text(TEXT * (i + 1))
    settings = {"documents": kind, "validation_split": 0.2, "evaluate_every": 4, "learning_rate": 0.01}
    whole = fit(new(tokenizer, dropout=0.2), 12, files, **settings)
    fit(new(tokenizer, dropout=0.2), 5, files, checkpoint=tmp_path / "m", **settings)
    again = recurrent.load(tmp_path / "m")
    assert again.documents == kind
    again.resume(steps=7, progress=False)
    assert np.array_equal(again.flat.w, whole.flat.w) and again.history.train == whole.history.train
    assert again.history.validation[-1] == whole.history.validation[-1]
    assert again.sample(20, "anna", rng=3) == whole.sample(20, "anna", rng=3)
    # where a file ends matters to documents
    with pytest.raises(ValueError, match=r"text has the wrong number of texts; expected 3, got 1"):
        again.resume(b"".join(file.read_bytes() for file in files), steps=1, progress=False)


def test_a_sample_is_a_document():
    tm = fit(new(), 400, optimizer=recurrent.Adam(learning_rate=0.02))
    samples = [tm.sample(50, rng=seed) for seed in range(20)]
    assert all("\n" not in sample for sample in samples) and sum(s in LINES for s in samples) >= 8
    assert "".join(tm.stream(50, rng=1)) == samples[1]
    # a prompt is the start of a document
    tokens = tm.encode("\nan")
    expected = tm.network.generate(3, tokens, temperature=0)
    assert tm.sample(3, "an", temperature=0) == tm.decode(expected).partition("\n")[0]
    # a run without documents forgets them
    tm.fit(TEXT, 1, **SETTINGS)
    assert tm.documents is None and len(tm.sample(50, rng=1)) == 50


def test_a_sample_of_files_goes_on_after_a_line():
    tm = fit(new(), 100, [TEXT, TEXT], documents="files", optimizer=recurrent.Adam(learning_rate=0.02))
    assert tm.documents == "files" and "\n" in tm.sample(60, rng=1)


def test_what_is_impossible_is_refused():
    for documents, error, sentence in (
        ("words", ValueError, "documents is unknown; expected .*lines.*files.*, got 'words'"),
        (5, (TypeError, ValueError), "documents"),
        ("lines", ValueError, "the text has no document; expected at least 1 character"),
    ):
        tm = new()
        with pytest.raises(error, match=sentence):
            fit(tm, text="\n" * 50, documents=documents)
        assert not tm.is_built and tm.history is None
    tm = new().build("abc")
    with pytest.raises(
        ValueError, match="documents needs a newline; expected a token of it in the vocabulary"
    ):
        fit(tm, text="abc" * 30)
    assert tm.documents is None and tm.step == 0
    with pytest.raises(ValueError, match=r"the text is too short; expected at least 15 characters .* got 5"):
        fit(new(), text="ab\n\nc\n")
    # a vocabulary that is new has one
    assert fit(new(), 2, text="abc" * 30).vocabulary == "\nabc"


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TEXT)
    words = ["--hidden-sizes", "6", "--batch-size", "2", "--seq-length", "7", "--checkpoint", "m", "--quiet"]
    for tokenizer in ("characters", "words"):
        assert (
            main(
                [
                    "train",
                    "t.txt",
                    "--documents",
                    "lines",
                    "--epochs",
                    "1",
                    "--force",
                    "--tokenizer",
                    tokenizer,
                    *words,
                ]
            )
            == 0
        )
        tm = recurrent.load("m")
        assert tm.documents == "lines" and tm.step == tm.trainer.target_step
        assert main(["resume", "m", "--steps", "1", "--quiet"]) == 0
        assert tm.trainer.target_step == recurrent.load("m").trainer.step - 1
        assert main(["sample", "m", "--quiet", "--seed", "1"]) == 0
        assert capsys.readouterr().out.count("\n") == 1
        assert main(["evaluate", "m", "t.txt", "--json", "--batch-size", "1"]) == 0
        assert json.loads(capsys.readouterr().out)["nats"] == recurrent.load("m").evaluate(TEXT)
    with pytest.raises(SystemExit):
        main(["train", "t.txt", "--documents", "words", *words])


def test_the_validation_is_that_of_documents():
    other = "\n".join(LINES)
    tm = fit(new(), 40, validation_data=other)
    assert tm.history.validation[-1][1] == tm.evaluate(other)
    tokens = tm.encode(f"\n{other}\n")
    assert tm.history.validation[-1][1] != tm.evaluate(tokens)
