"""--cell FILE.py:NAME: a cell of the user's own from the command line."""

import argparse

import pytest

import recurrent
from commands import SMALL
from recurrent.cli import main
from recurrent.cli.cells import cell_reader

SOURCE = """
import helper
import recurrent

class Leaky(recurrent.Cell):
    def parameters(self, I, H):
        return {"W": (H, I), "U": (H, H)}

    def step(self, x, h, p):
        return h + helper.RATE * ((p.W @ x + p.U @ h).tanh() - h)

made = Leaky()
other = 3
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "helper.py").write_text("RATE = 0.5\n")
    path = tmp_path / "own.py"
    path.write_text(SOURCE)
    return path


def test_train_sample_and_resume(file, text, capsys):
    run = ["--steps", "6", "--quiet", *SMALL]
    assert (
        main(["train", "novel.txt", "--cell", f"{file}:Leaky", "--checkpoint", "own.safetensors", *run]) == 0
    )
    # what was recorded needs no source
    file.unlink()
    assert recurrent.TextModel.load("own.safetensors").cell == "Leaky"
    assert main(["evaluate", "own.safetensors", "novel.txt"]) == 0
    assert main(["resume", "own.safetensors", "--steps", "3"]) == 0
    capsys.readouterr()
    assert main(["sample", "own.safetensors", "--length", "10", "--seed", "1"]) == 0
    assert len(capsys.readouterr().out) >= 10
    assert main(["info", "own.safetensors"]) == 0
    assert "Leaky 8 8" in capsys.readouterr().out


def test_what_is_refused(file, tmp_path):
    read = cell_reader({"rnn": "rnn_tanh"}, own=True)
    assert read("rnn") == "rnn_tanh" and read("gru") == "gru"
    assert read(f"{file}:Leaky").name == "Leaky" and read(f"{file}:made").name == "Leaky"
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "notes.txt").write_text("")
    for text, message in (
        ("elman", "expected one of lstm, .*, or FILE.py:NAME, got 'elman'"),
        ("missing.py:Leaky", "'missing.py' is no file"),
        (f"{tmp_path / 'notes.txt'}:Leaky", "is no Python file"),
        (f"{file}:Other", "'Other' of .* is no cell; expected a recurrent.Cell"),
        (f"{file}:other", "'other' of .* is no cell"),
        (f"{tmp_path / 'broken.py'}:Leaky", "cannot be run: ZeroDivisionError: division by zero"),
    ):
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            read(text)
    with pytest.raises(argparse.ArgumentTypeError, match="expected one of"):
        cell_reader({})(f"{file}:Leaky")
