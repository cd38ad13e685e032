"""Resumed runs: the same bits, in a new process, after a kill; and never on another text."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import recurrent
import training_runs
from recurrent import _c
from recurrent.training.corpus_trainer import CorpusTrainer
from support import HARDEN, names
from training_runs import TEXT, digest, fit, model, tensors

CASES = [(cell, dtype) for cell in ("rnn_tanh", "lstm", "gru") for dtype in ("float32", "float64")]


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", training_runs.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def exactly(cell, dtype, stops, folder):
    """2N steps are N, save, new process, load, N."""
    expected, last = {}, model(cell, dtype)
    # the digest after every step of one run: a run of 2N has the same first 2N
    fit(last, 2 * max(stops), callbacks=[lambda report: expected.update({report.step: digest(report.model)})])
    paths = {folder / f"{steps}": steps for steps in stops}
    for path, steps in paths.items():
        tm = model(cell, dtype)
        fit(tm, steps)
        assert digest(tm) == expected[steps]
        tm.save(path)
    found = json.loads(run("resume", *paths))
    assert len(set(expected.values())) == 2 * max(stops)
    for path, steps in paths.items():
        assert found[str(path)] == expected[2 * steps], f"{cell}, {dtype}, stopped after {steps}"
    # and not only the weights
    last.save(folder / "last")
    assert tensors(folder / "last") == tensors(folder / f"{max(stops)}")
    again = recurrent.TextModel.load(folder / f"{max(stops)}")
    assert again.history.train == last.history.train
    assert set(last.history.validation) <= set(again.history.validation)


@pytest.mark.campaign("Resumed runs with other bits")
@pytest.mark.parametrize("cell, dtype", CASES)
def test_the_same_bits_in_a_new_process(cell, dtype, tmp_path, cases):
    exactly(cell, dtype, [1, 4, 9, 13], tmp_path)
    cases(4)


@pytest.mark.nightly
@pytest.mark.campaign("Resumed runs with other bits")
@pytest.mark.parametrize("cell, dtype", CASES)
def test_the_same_bits_wherever_it_stops(cell, dtype, tmp_path, cases):
    exactly(cell, dtype, range(1, 51), tmp_path)
    cases(50)


def position(fit):
    fit.first_step += 1


def schedule(fit):
    fit._plateau = fit._plateau._replace(rate=0.02)


def clip(fit):
    fit.settings.clip = 0.2


@pytest.mark.parametrize("lose", [position, schedule, clip], ids=lambda f: f.__name__)
def test_all_of_the_run_is_needed(lose, tmp_path):
    """What would happen if a part of it were lost: other weights."""
    found = []
    for loss in (None, lose):
        tm = model()
        fit(tm, 10)
        tm.save(tmp_path / "m", overwrite=True)
        tm = recurrent.TextModel.load(tmp_path / "m")
        if loss:
            loss(tm.trainer)
        tm.resume(TEXT, 10, progress=False)
        found.append(digest(tm))
    assert found[0] != found[1]


@pytest.mark.parametrize("lose", ["state", "solver"])
def test_all_of_the_model_is_needed(lose):
    found = []
    for is_lost in (False, True):
        tm = model()
        fit(tm, 10)
        if is_lost and lose == "state":
            tm.reset_state()
        elif is_lost:
            tm.optimizer = recurrent.Adam(amsgrad=True, clipping="global_norm")
        tm.resume(TEXT, 10, progress=False)
        found.append(digest(tm))
    assert found[0] != found[1]


def test_in_the_same_process_and_in_pieces():
    whole, pieces = model(), model()
    fit(whole, 30)
    fit(pieces, 1)
    for steps in (2, 1, 9, 17):
        h = pieces.resume(TEXT, steps, progress=False)
    assert digest(pieces) == digest(whole) and pieces.step == 30 and h.train == whole.history.train


def test_the_file_is_all_that_is_needed(tmp_path, monkeypatch):
    """Text, steps and checkpoint are remembered; from another folder too."""
    text, path, whole = tmp_path / "t.txt", tmp_path / "m.safetensors", model()
    text.write_text(TEXT, encoding="utf-8")
    fit(whole, 30)

    def stop(report):
        return report.step == 11

    monkeypatch.chdir(tmp_path)
    settings = {"checkpoint": "m.safetensors", "checkpoint_every": 1, "keep_best": False, "callbacks": [stop]}
    solver = recurrent.Adam(amsgrad=True, clipping="global_norm")
    model().fit(Path("t.txt"), 30, **settings, **training_runs.SETTINGS, optimizer=solver)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    tm = recurrent.TextModel.load(path)
    assert tm.history.stop_reason == "callback" and tm.step == 11 and tm.metadata == ""
    h = tm.resume(progress=False)
    assert (
        h.stop_reason == "steps"
        and recurrent.TextModel.load(path).step == 30
        and names(tmp_path / "elsewhere") == []
    )
    # saved to another place on request
    tm.resume(steps=1, checkpoint="n.safetensors", progress=False)
    assert recurrent.TextModel.load("n.safetensors").step == 31 and recurrent.TextModel.load(path).step == 30


def test_notes_are_ones_own(tmp_path):
    tm = model()
    fit(tm, 3)
    for notes in ("", "mine", '{"fit":{', '"}'):
        tm.metadata = notes
        assert tm.metadata == notes
        tm.save(tmp_path / "m")
        again = recurrent.TextModel.load(tmp_path / "m")
        assert again.metadata == notes and again.history == tm.history
    plain = model().build(TEXT)
    plain.metadata = "mine"
    plain.save(tmp_path / "m", overwrite=True)
    again = recurrent.TextModel.load(tmp_path / "m")
    assert again.metadata == "mine" and again.history is None


# ---- kill -9


def killed(count, folder):
    """Writers killed at random moments: the file always loads, and its content is right."""
    moments, expected = random.Random(1), {}
    for number in range(count):
        cell, dtype = CASES[number % len(CASES)]
        path = folder / f"{number}.safetensors"
        writer = subprocess.Popen(
            [sys.executable, training_runs.__file__, "autosave", str(path), cell, dtype]
        )
        until = time.monotonic() + 60
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.1))
        writer.kill()
        assert writer.wait() == -signal.SIGKILL
        tm = recurrent.TextModel.load(path)
        if (cell, dtype) not in expected:
            expected[cell, dtype] = []
            fit(
                model(cell, dtype),
                300,
                record_every=100,
                callbacks=[lambda report, key=(cell, dtype): expected[key].append(digest(report.model))],
            )
        assert tm.step >= 1
        if tm.step < 290:
            assert digest(tm) == expected[cell, dtype][tm.step - 1]
            tm.resume(TEXT, 10, progress=False, checkpoint=folder / f"{number}.other")
            assert digest(tm) == expected[cell, dtype][tm.step - 1]


@pytest.mark.campaign("Kills at random moments after which no whole file was there")
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_at_random_moments(tmp_path, cases):
    killed(12, tmp_path)
    cases(12)


@pytest.mark.nightly
@pytest.mark.campaign("Kills at random moments after which no whole file was there")
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_at_two_hundred_moments(tmp_path, cases):
    killed(200, tmp_path)
    cases(200)


def test_a_file_that_is_written_in_place_would_be_found_out(tmp_path):
    """The check can fail: every beginning of a file is refused."""
    tm, path = model(), tmp_path / "m"
    fit(tm, 2)
    tm.save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // (97 if HARDEN else 13)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError):
            recurrent.TextModel.load(path)


# ---- refusals


def test_resume_replaces_its_own_files_only(tmp_path):
    text, path, other = tmp_path / "t.txt", tmp_path / "m", tmp_path / "other"
    text.write_text(TEXT, encoding="utf-8")
    tm = model()
    tm.fit(text, 5, checkpoint=path, **training_runs.SETTINGS)
    model("gru").fit(text, 5, checkpoint=other, **training_runs.SETTINGS)
    (tmp_path / "copy").write_bytes(path.read_bytes())
    before = {place.name: place.read_bytes() for place in tmp_path.iterdir()}
    again = recurrent.TextModel.load(tmp_path / "copy")
    settings, history = again.trainer.settings, again.history.to_dict()
    for place, problem in (
        (text, "is a text of this run"),
        (other, "exists and was not written by this run"),
    ):
        with pytest.raises(FileExistsError, match=f"checkpoint {problem}"):
            again.resume(steps=5, checkpoint=place, progress=False)
    with pytest.raises(FileExistsError, match="checkpoint is a text of this run"):
        again.resume(steps=5, checkpoint=text, overwrite=True, progress=False)
    assert {place.name: place.read_bytes() for place in tmp_path.iterdir()} == before
    assert again.trainer.settings is settings and again.history.to_dict() == history and again.step == 5
    # a copy leaves the original as it is
    again.resume(steps=5, progress=False)
    assert recurrent.TextModel.load(tmp_path / "copy").step == 10
    assert path.read_bytes() == before["m"]
    again.resume(steps=1, checkpoint=path, overwrite=True, progress=False)
    assert recurrent.TextModel.load(path).step == 11


def test_a_save_of_before_the_history_was_halved(tmp_path, monkeypatch):
    """It is a save of the same run; one of a later step is not replaced."""
    monkeypatch.setattr("recurrent.training.trainer.MAX_RECORDS", 8)
    tm, path = model(), tmp_path / "m"
    tm.fit(TEXT, 5, record_every=1, checkpoint=path, **training_runs.SETTINGS)
    old = path.read_bytes()
    tm.resume(TEXT, 9, progress=False)
    assert tm.trainer.settings.record_every == 2
    late, again = path.read_bytes(), recurrent.TextModel.load(path)
    path.write_bytes(old)
    tm.resume(TEXT, 1, progress=False)
    assert recurrent.TextModel.load(path).step == 15
    path.write_bytes(late)
    again.trainer.history.train[0] = (2, 0.0)
    with pytest.raises(FileExistsError, match="checkpoint exists and was not written by this run"):
        again.resume(TEXT, 1, progress=False)


def test_another_text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(TEXT, encoding="utf-8")
    tm = model()
    fit(tm, 5)
    before, history = digest(tm), json.dumps(tm.history.to_dict())
    sentence = r"the text is another text; expected SHA-256 [0-9a-f]{12}…, got [0-9a-f]{12}…"
    for other in (TEXT + "a", TEXT[:-1], TEXT.replace("a", "b"), TEXT.upper().lower() + " "):
        with pytest.raises(ValueError, match=sentence):
            tm.resume(other, 5, progress=False)
    with pytest.raises(ValueError, match="text is missing; expected the same text again"):
        tm.resume(steps=5, progress=False)
    with pytest.raises(FileNotFoundError, match="cannot read"):
        tm.resume(tmp_path / "none", 5, progress=False)
    assert digest(tm) == before and json.dumps(tm.history.to_dict()) == history and tm.step == 5
    # a file with the same text is the same text
    tm.resume(path, 5, progress=False)
    assert tm.step == 10
    path.write_text(TEXT + "!", encoding="utf-8")
    with pytest.raises(ValueError, match=r"t\.txt' is another text"):
        tm.resume(steps=5, progress=False)


def test_another_validation(tmp_path):
    tm, aside = model(), TEXT[::-1]
    fit(tm, 5, validation_data=aside)
    with pytest.raises(ValueError, match="validation_data is missing; expected the same text again"):
        tm.resume(TEXT, 5, progress=False)
    with pytest.raises(ValueError, match="the text is another text"):
        tm.resume(TEXT, 5, validation_data=aside + "a", progress=False)
    tm.resume(TEXT, 5, validation_data=aside, progress=False)
    whole = model()
    fit(whole, 10, validation_data=aside)
    assert digest(whole) == digest(tm)
    fit(tm, 5)
    with pytest.raises(ValueError, match="validation_data is unexpected"):
        tm.resume(TEXT, 5, validation_data=aside, progress=False)


def test_nothing_to_go_on_with(tmp_path):
    with pytest.raises(RuntimeError, match="the model has no training run"):
        model().resume(TEXT)
    with pytest.raises(RuntimeError, match="the model has no training run"):
        model().build(TEXT).resume(TEXT)
    tm = model()
    fit(tm, 5)
    with pytest.raises(ValueError, match="steps is missing; expected the number of further steps"):
        tm.resume(TEXT, progress=False)
    with pytest.raises(ValueError, match="steps is out of range; expected at least 1"):
        tm.resume(TEXT, 0, progress=False)
    with pytest.raises(NotADirectoryError, match="checkpoint"):
        (tmp_path / "f").write_text("")
        tm.resume(TEXT, 5, checkpoint=tmp_path / "f" / "m", progress=False)
    tokens = tm.encode(TEXT[:7])[:, None]
    tm.reset_state()
    tm.train_step(tokens[:-1], tokens[1:])
    with pytest.raises(RuntimeError, match="the model has the wrong step; expected 5"):
        tm.resume(TEXT, 5, progress=False)


@pytest.mark.parametrize(
    "run",
    [
        '{"start":',
        "[]",
        "{}",
        '{"start":0,"step":0,"goal":1,"settings":{}}',
        '{"start":"x","step":0,"goal":1,"settings":[]}',
    ],
)
def test_a_run_that_cannot_be_read(run, tmp_path):
    tm = model().build(TEXT)
    tm._set_metadata("training", run.encode())
    # the library's own save: Python's writes "training" anew
    path = os.fsencode(tmp_path / "m")
    _c.lib.recurrent_text_model_save(tm._handle.value, path, len(path), 0, 0)
    with pytest.raises(ValueError, match="the training run in the file"):
        recurrent.TextModel.load(tmp_path / "m")


def test_moved_files(tmp_path):
    """The folder of the checkpoint is gone: the file that was loaded is the checkpoint."""
    folder, text = tmp_path / "runs", Path(tmp_path / "t.txt")
    text.write_text(TEXT, encoding="utf-8")
    folder.mkdir()
    tm = model()
    tm.fit(text, 5, checkpoint=folder / "m", **training_runs.SETTINGS)
    (folder / "m").rename(tmp_path / "m")
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match="runs/m' cannot be written: no such file"):
        tm.resume(steps=5, progress=False)
    assert tm.step == 5
    assert str(folder).encode() not in (tmp_path / "m").read_bytes()
    tm = recurrent.TextModel.load(tmp_path / "m")
    tm.resume(steps=5, progress=False)
    assert recurrent.TextModel.load(tmp_path / "m").step == 10


def test_unknown_keys_of_a_run_are_named(tmp_path):
    path = tmp_path / "model.safetensors"
    net = recurrent.TextModel("rnn_tanh", [2], rng=1)
    net.fit("ab" * 40, steps=2, batch_size=2, seq_length=4, progress=False, checkpoint=path)
    saved = json.loads(recurrent.TextModel.load(path)._get_metadata("training"))
    assert CorpusTrainer.from_dict(saved, path).to_dict().keys() == saved.keys()
    words = r"^the training run in the file has unknown keys; expected start, .*, history, got epoch, curves$"
    with pytest.raises(ValueError, match=words):
        CorpusTrainer.from_dict({**saved, "epoch": 3, "history": {**saved["history"], "curves": []}}, path)
    # a value that repr cannot show, as its nesting is too deep
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="the training run in the file is invalid"):
        CorpusTrainer.from_dict({**saved, "history": {**saved["history"], "stop_reason": deep}}, path)
