"""CorpusOptions: JSON, and the path of the best model. Refusals are checked through ``fit`` in test_trainer.py."""

import json
import os

import pytest

from recurrent import schedules
from recurrent.training.options import CorpusOptions

OPTIONS = {
    "batch_size": 4,
    "seq_length": 5,
    "schedule": None,
    "learning_rate": 0.01,
    "clip": 5.0,
    "validation_split": 0.1,
    "evaluate_every": 10,
    "patience": 3,
    "checkpoint": None,
    "checkpoint_every": None,
    "checkpoint_minutes": 5.0,
    "keep_best": True,
    "restore_best": False,
    "record_every": 1,
    "errors": "replace",
    "replacement": "?",
}


def options(**settings):
    return CorpusOptions(**{**OPTIONS, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clip": None, "patience": None, "checkpoint_minutes": None, "errors": "strict", "replacement": None},
        {"schedule": schedules.Cosine(learning_rate=0.1, total_steps=20), "learning_rate": None},
    ],
)
def test_json(settings, tmp_path):
    before = options(**settings, checkpoint=tmp_path / "m.safetensors")
    data = json.loads(json.dumps(before.to_dict()))
    after = CorpusOptions.from_dict(data, tmp_path / "m.safetensors")
    assert after.to_dict() == before.to_dict()
    assert type(after.schedule) is type(before.schedule)


def test_a_folder_that_is_gone_does_not_prevent_reading(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    data = options(checkpoint=folder / "m.safetensors").to_dict()
    folder.rmdir()
    assert CorpusOptions.from_dict(data, folder / "n").checkpoint == str(folder / "n")
    with pytest.raises(FileNotFoundError, match="cannot be written: no such file"):
        options().set_checkpoint(folder / "m.safetensors")


def test_no_path_in_a_file_is_written_to(tmp_path, monkeypatch):
    data = options(checkpoint=tmp_path / "m.safetensors").to_dict()
    assert data["checkpoint"] is True and options().to_dict()["checkpoint"] is False
    monkeypatch.chdir(tmp_path)
    assert CorpusOptions.from_dict(data, "copy").checkpoint == str(tmp_path / "copy")
    assert CorpusOptions.from_dict({**data, "checkpoint": False}, "copy").checkpoint is None
    with pytest.raises(TypeError, match="checkpoint has the wrong type; expected a bool, got str"):
        CorpusOptions.from_dict({**data, "checkpoint": "/etc/passwd"}, "copy")


def test_an_unknown_or_missing_option_is_refused():
    data = options().to_dict()
    with pytest.raises(TypeError, match="batch"):
        CorpusOptions.from_dict({**data, "batch": 3}, "m")
    del data["batch_size"]
    with pytest.raises(TypeError, match="batch_size"):
        CorpusOptions.from_dict(data, "m")


def test_values_are_checked_when_they_are_read_too():
    with pytest.raises(ValueError, match="seq_length is out of range; expected at least 1, got 0"):
        CorpusOptions.from_dict({**options().to_dict(), "seq_length": 0}, "m")


def test_the_path_of_the_best_model(tmp_path):
    assert options().best is None
    for name, best in [("m.safetensors", "m.best.safetensors"), ("m", "m.best"), ("a.b.c", "a.b.best.c")]:
        assert options(checkpoint=tmp_path / name).best == str(tmp_path / best)
    assert options(checkpoint=tmp_path / "m", keep_best=False).best is None


def test_a_relative_checkpoint_stays_where_it_is(working_directory, monkeypatch, tmp_path_factory):
    found = options(checkpoint="m.safetensors")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert found.checkpoint == str(working_directory / "m.safetensors")


def test_a_folder_without_permission(tmp_path, monkeypatch):
    """Whatever user runs the tests."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(PermissionError, match="permission denied"):
        options(checkpoint=tmp_path / "m")
