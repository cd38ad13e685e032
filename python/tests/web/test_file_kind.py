"""The kinds of files, by their content."""

import struct

import pytest

import recurrent
from recurrent.web.file_kind import KINDS, file_kind


@pytest.mark.parametrize("name", ["model.safetensors", "MODEL.JSON", "model.json", "notes.txt", "model", ""])
def test_models_under_any_name(name, tmp_path):
    recurrent.TextModel("gru", [4], rng=1).build("abc").save(tmp_path / "m")
    recurrent.SentenceModel(["ab"], "rnn_tanh", [4], rng=1).save_recurrentjs(tmp_path / "j")
    found = [file_kind(name, (tmp_path / file).read_bytes()) for file in "mj"]
    assert found == ["checkpoint", "json"]
    assert set(found) < set(KINDS)


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"some text", b"{}", b'{"lines": ["a", "b"]}', b"12345678{", "é".encode(), b"\0" * 7],
)
def test_texts(data):
    assert file_kind("a.txt", data) == "text"
    for name in ("a.json", "a.JSON", "a.SafeTensors"):
        with pytest.raises(ValueError, match=f"^{name} is not a model; expected safetensors or RecurrentJS"):
            file_kind(name, data)


def test_broken_models():
    """What begins as a model is one: its reader names the fault."""
    assert file_kind("a.txt", b' {"hidden_sizes": [5], "generator": "ls') == "json"
    assert file_kind("a.txt", struct.pack("<Q", 1000) + b'{"a": ') == "checkpoint"
