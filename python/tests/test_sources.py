"""Several texts, directories and patterns: their order, their refusals and their resumption."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import sources, texts
from recurrent.cli import main
from recurrent.sources import files_of, read_parts
from recurrent.training.corpus import Corpus

SETTINGS = {"batch_size": 2, "seq_length": 5, "progress": False}


def new(tokenizer="characters"):
    return recurrent.TextModel("gru", [4], tokenizer=tokenizer, rng=1)


@pytest.fixture
def folder(tmp_path):
    """Three texts and two other files; the order of the names is not that of the paths."""
    folder = tmp_path / "texts"
    (folder / "b").mkdir(parents=True)
    for name, text in {"b/1.txt": "one " * 9, "b.txt": "two " * 9, "a.txt": "é three " * 9}.items():
        (folder / name).write_text(text)
    (folder / "c.md").write_text("no")
    (folder / "d.txt.gz").write_bytes(b"\x1f\x8b")
    return folder


def names(paths, folder):
    return [str(path.relative_to(folder)) for path in paths]


def test_the_order_is_that_of_the_paths(folder):
    assert names(files_of(folder), folder) == ["a.txt", "b/1.txt", "b.txt"]
    assert names(files_of(folder / "*.txt"), folder) == ["a.txt", "b.txt"]
    assert names(files_of(folder / "**" / "*.txt"), folder) == ["a.txt", "b/1.txt", "b.txt"]
    assert names(files_of(folder / "[ab].*"), folder) == ["a.txt", "b.txt"]
    assert names(files_of(folder / "b.txt"), folder) == ["b.txt"]
    # a file whose name is a pattern is that file
    (folder / "[x].txt").write_text("x")
    assert names(files_of(folder / "[x].txt"), folder) == ["[x].txt"]


def test_links_to_directories_are_not_followed(folder):
    (folder / "again").symlink_to(folder)
    assert names(files_of(folder), folder) == ["a.txt", "b/1.txt", "b.txt"]


def test_all_kinds_are_one_text(folder):
    whole = "é three " * 9 + "one " * 9 + "two " * 9
    first = new().fit(whole, 3, **SETTINGS)
    for source in (
        folder,
        folder / "**/*.txt",
        [folder / "a.txt", "one " * 9, ("two " * 9).encode()],
        (folder / "a.txt", folder / "b", folder / "b.txt"),
    ):
        tm = new()
        assert tm.fit(source, 3, **SETTINGS).train == first.train
        assert tm.evaluate(source) == tm.evaluate(whole)
        assert np.array_equal(tm.encode(source), tm.encode(whole))
    assert new().build(folder).vocabulary == "".join(sorted(set(whole)))
    assert new("bytes").build(folder).encode(folder).tobytes() != b""


def test_validation_data_may_be_several(folder):
    tm = new()
    tm.fit(folder, 2, validation_data=[folder / "a.txt", folder / "b.txt"], **SETTINGS)
    assert len(tm.trainer.sources["validation"]["files"]) == 2
    with pytest.raises(ValueError, match="validation_data is empty; expected at least one text or file"):
        tm.fit(folder, 2, validation_data=[], **SETTINGS)


@pytest.mark.parametrize(
    "damage, error, sentence",
    [
        (
            lambda f: (f / "b.txt").write_bytes(b"ok \xff"),
            ValueError,
            r"b\.txt' is not valid UTF-8; .* 0xFF at byte 3",
        ),
        (lambda f: (f / "b.txt").write_bytes(b""), ValueError, r"b\.txt' has no training data"),
        (lambda f: (f / "b.txt").write_bytes(b"\x1f\x8b\x08"), ValueError, r"b\.txt' is compressed"),
        (
            lambda f: (f / "b.txt").write_bytes("utf sixteen".encode("utf-16")),
            ValueError,
            r"b\.txt' is UTF-16",
        ),
        (
            lambda f: (f / "z.txt").symlink_to(f / "none"),
            FileNotFoundError,
            r"cannot read '.*z\.txt': no such file",
        ),
    ],
    ids=["invalid", "empty", "compressed", "UTF-16", "missing"],
)
def test_each_file_is_checked_by_itself(folder, damage, error, sentence):
    damage(folder)
    for source in (
        folder,
        folder / "*.txt",
        ["abc " * 9, folder / "a.txt", folder / "b.txt", folder / "z.txt"],
    ):
        tm = new()
        if isinstance(source, list) and error is not FileNotFoundError:
            source = source[:-1]
        with pytest.raises(error, match=sentence):
            tm.fit(source, 3, **SETTINGS)
        assert not tm.is_built and tm.history is None


def test_what_gives_no_text_is_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for source, error, sentence in (
        (
            tmp_path / "empty",
            FileNotFoundError,
            r"cannot read '.*empty': no file \*\.txt is in the directory",
        ),
        (folder / "*.text", FileNotFoundError, r"cannot read '.*\*\.text': no file matches the pattern"),
        (folder / "b*" / "none", FileNotFoundError, "no file matches the pattern"),
        ([], ValueError, "text is empty; expected at least one text or file, got an empty list"),
        (
            ["ab" * 40, 5],
            TypeError,
            r"text\[1\] has the wrong type; expected a str, bytes or a Path, got int",
        ),
        (["ab" * 40, ["cd"]], TypeError, r"text\[1\] has the wrong type; .* got list"),
        (["ab" * 40, str(folder / "a.txt")], ValueError, r"text\[1\] looks like the name of a file"),
        (["ab" * 40, ""], ValueError, r"text\[1\] has no training data"),
        (
            ["ab" * 40, b"\xff"],
            ValueError,
            r"text\[1\] is not valid UTF-8; expected UTF-8, got 0xFF at byte 0",
        ),
        (["a", "b"], ValueError, "text of 2 texts is too short"),
    ):
        tm = new()
        with pytest.raises(error, match=sentence):
            tm.fit(source, 3, **SETTINGS)
        assert not tm.is_built


def test_the_texts_have_a_limit_together(folder, monkeypatch):
    for module in (sources, texts):
        monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(
        ValueError, match="text is too long; expected at most 100 bytes in all texts, got 117"
    ):
        read_parts(folder, "text")


def test_an_unknown_character_is_named_in_its_file(folder):
    tm = new().build("abc one two three é")
    (folder / "b.txt").write_text("one €")
    with pytest.raises(ValueError, match=r"character 4 of '.*b\.txt' is unknown; .*got '€'"):
        tm.fit(folder, 3, **SETTINGS)


def test_an_encoding_is_that_of_all_files(folder):
    for path in files_of(folder):
        path.write_bytes(path.read_text().encode("cp1252"))
    tm = new()
    tm.fit(folder, 2, encoding="cp1252", **SETTINGS)
    assert "é" in tm.vocabulary
    with pytest.raises(ValueError, match="encoding is without effect"):
        new().fit(["abc " * 9, b"abc " * 9], 2, encoding="cp1252", **SETTINGS)


# ---- resuming


def test_a_resumed_run_finds_all_files_again(folder, tmp_path):
    whole = new()
    whole.fit(folder, 6, learning_rate=0.01, **SETTINGS)
    tm = new()
    tm.fit(folder, 3, checkpoint=tmp_path / "m", learning_rate=0.01, **SETTINGS)
    # a file that is new in the directory does not belong to the run
    (folder / "0.txt").write_text("new")
    again = recurrent.load(tmp_path / "m")
    again.resume(steps=3, progress=False)
    assert again.history.train == whole.history.train and np.array_equal(again.flat.w, whole.flat.w)
    record = json.loads(again._get_metadata("training"))["texts"]["text"]
    assert [Path(file["path"]).name for file in record["files"]] == ["a.txt", "1.txt", "b.txt"]
    assert record["path"] is None


def test_files_that_changed_are_named(folder, tmp_path):
    tm = new()
    tm.fit(folder, 3, checkpoint=tmp_path / "m", **SETTINGS)
    (folder / "b.txt").write_text("two?" * 9)
    before = (tmp_path / "m").read_bytes()
    again = recurrent.load(tmp_path / "m")
    with pytest.raises(ValueError, match=r"b\.txt' is another text; expected SHA-256 \w{12}…, got"):
        again.resume(steps=1, progress=False)
    with pytest.raises(ValueError, match="text has the wrong number of texts; expected 3, got 2"):
        again.resume(folder / "*.txt", steps=1, progress=False)
    (folder / "b.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"b\.txt': no such file"):
        again.resume(steps=1, progress=False)
    assert (tmp_path / "m").read_bytes() == before and again.step == 3
    # moved files are given again
    (folder / "b.txt").write_text("two " * 9)
    shutil.move(folder, tmp_path / "moved")
    again.resume(tmp_path / "moved", steps=1, progress=False)
    assert again.step == 4


def test_a_text_in_memory_is_given_again(folder):
    tm = new()
    tm.fit([folder / "a.txt", "one " * 9], 2, **SETTINGS)
    with pytest.raises(
        ValueError, match="text is missing; expected the same text again, as it was not a file"
    ):
        tm.resume(steps=1, progress=False)
    tm.resume([folder / "a.txt", "one " * 9], steps=1, progress=False)
    assert tm.step == 3


def test_no_checkpoint_replaces_a_text(folder):
    for path in files_of(folder):
        before = path.read_bytes()
        tm = new()
        with pytest.raises(FileExistsError, match="checkpoint is a text of this run"):
            tm.fit(folder, 2, checkpoint=path, overwrite=True, **SETTINGS)
        assert not tm.is_built and path.read_bytes() == before


def test_records_of_files_are_checked(folder):
    tm = new()
    tm.fit(folder, 2, **SETTINGS)
    data = tm.trainer.to_dict()
    for change, sentence in (
        (lambda text: text.update(files=[]), r"texts\.text\.files is invalid"),
        (lambda text: text.update(files={}), r"texts\.text\.files is invalid"),
        (lambda text: text.update(path="a"), r"texts\.text\.files is invalid"),
        (lambda text: text["files"][1].update(sha256="x"), r"texts\.text\.files\[1\]\.sha256 is invalid"),
        (lambda text: text["files"][1].update(path=5), r"texts\.text\.files\[1\]\.path has the wrong type"),
        (lambda text: text["files"][1].update(other=5), r"texts\.text\.files\[1\] is invalid"),
        (lambda text: text["files"][1].update(files=[]), r"texts\.text\.files\[1\] is invalid"),
    ):
        damaged = json.loads(json.dumps(data))
        change(damaged["texts"]["text"])
        with pytest.raises(ValueError, match=sentence):
            type(tm.trainer).from_dict(damaged, None)


def test_a_corpus_knows_its_texts(folder):
    corpus = Corpus(folder, "characters")
    assert str(corpus) == "text of 3 texts" and str(Corpus([folder / "a.txt"], "characters")).endswith(
        "a.txt'"
    )
    assert [corpus.data[e.start : e.end].decode()[:3] for e in corpus.extents] == ["é t", "one", "two"]
    assert re.fullmatch("[0-9a-f]{64}", corpus.digest)


# ---- epochs


def test_epochs_are_passes_over_the_training_text():
    text = "hello help " * 50
    tm = new()
    history = tm.fit(text, epochs=2, **SETTINGS)
    # 495 of 550 characters; (495 - 1) // 2 // 5 chunks
    assert tm.trainer.epoch_steps == 49 and tm.step == 98 == len(history.train)
    other = new()
    assert other.fit(text, 98, **SETTINGS).train == history.train
    reports = []
    tm.fit(text, epochs=1, callbacks=[reports.append], **SETTINGS)
    assert reports[-1].epoch == 1 and tm.step == 147
    with pytest.raises(
        ValueError, match="steps is missing; expected the number of further steps, as all 49 are done"
    ):
        tm.resume(text, progress=False)


def test_a_resumed_run_knows_its_epochs(tmp_path):
    text = "hello help " * 50
    tm, whole = new(), new()
    tm.fit(
        text, epochs=2, callbacks=[lambda report: report.step == 30], checkpoint=tmp_path / "m", **SETTINGS
    )
    assert tm.step == 30 and tm.trainer.target_step == 98
    again = recurrent.load(tmp_path / "m")
    again.resume(text, progress=False)
    whole.fit(text, epochs=2, **SETTINGS)
    assert again.step == 98 and np.array_equal(again.flat.w, whole.flat.w)


@pytest.mark.parametrize(
    "steps, epochs, error, sentence",
    [
        (None, None, ValueError, "epochs or steps is needed; expected one of both, got neither"),
        (3, 3, ValueError, "steps is unexpected; expected either epochs or steps, got both"),
        (None, 0, ValueError, "epochs is out of range; expected at least 1, got 0"),
        (None, 1.5, TypeError, "epochs has the wrong type; expected an int, got float"),
        (
            None,
            2**53,
            ValueError,
            r"epochs is out of range; expected at most 9,007,199,254,740,992 steps, got",
        ),
        (None, 2**54, ValueError, "epochs is out of range"),
    ],
)
def test_either_steps_or_epochs(steps, epochs, error, sentence):
    tm = new()
    with pytest.raises(error, match=sentence):
        tm.fit("hello help " * 50, steps, epochs=epochs, **SETTINGS)
    assert not tm.is_built and tm.history is None


def test_records_of_long_runs_in_epochs_are_sparse():
    tm = new()
    tm.fit("hello help " * 50, epochs=1000, callbacks=[lambda report: True], **SETTINGS)
    assert tm.trainer.settings.record_every == 3


# ---- the command

SMALL = ["--hidden-sizes", "4", "--batch-size", "2", "--seq-length", "5", "--checkpoint", "m", "--quiet"]


def test_the_command_takes_directories_and_patterns(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "texts", "--epochs", "2", *SMALL]) == 0
    tm = recurrent.load("m")
    length = int(len("é three " * 9 + "one " * 9 + "two " * 9) * 0.9)
    assert tm.step == tm.trainer.target_step == 2 * ((length - 1) // 2 // 5)
    assert main(["resume", "m", "--steps", "1", "--quiet"]) == 0
    assert recurrent.load("m").step == tm.step + 1
    assert main(["info", "m"]) == 0
    assert "a.txt, " in capsys.readouterr().out
    assert main(["evaluate", "m", "texts/*.txt", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (
        found["nats"] == pytest.approx(tm.evaluate(folder / "*.txt"), rel=0.2) and found["bits_per_byte"] > 0
    )
    assert main(["train", "texts/[ab].txt", "--steps", "1", *SMALL[:-3], "--quiet"]) == 0
    assert (tmp_path / "texts.safetensors").exists()
    assert main(["train", "none/*.txt", *SMALL]) == 1
    assert "cannot read 'none/*.txt': no file matches the pattern" in capsys.readouterr().err
