"""`recurrent resume`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import recurrent
from commands import SMALL, TEXT, failure, lines
from recurrent.cli import main


def test_resume_has_the_same_bits(text, capsys):
    words = [
        "train",
        "novel.txt",
        "--dropout",
        "0.3",
        "--schedule",
        "constant",
        "--evaluate-every",
        "4",
        "--quiet",
        *SMALL,
    ]
    assert main([*words, "--steps", "20", "--checkpoint", "whole"]) == 0
    assert main([*words, "--steps", "7", "--checkpoint", "half"]) == 0
    # the files of the text and the checkpoint have moved
    text.rename("elsewhere.txt")
    Path("half").rename("moved")
    capsys.readouterr()
    assert "novel.txt" in failure(capsys, "resume", "moved", "--steps", "13", "--quiet")
    assert main(["resume", "moved", "elsewhere.txt", "--steps", "13", "--json"]) == 0
    output = lines(capsys.readouterr().out)
    assert output[0] == {"event": "start", "step": 7, "steps": 13, "checkpoint": "moved"}
    assert output[-1]["step"] == 20 and not Path("half").exists()
    whole, half = (recurrent.TextModel.load(name) for name in ("whole", "moved"))
    assert np.array_equal(whole.flat.w, half.flat.w) and whole.history.train == half.history.train
    assert main(["resume", "moved", "--steps", "1", "--checkpoint", "third"]) == 0
    assert "continuing after step 20 to step 21" in capsys.readouterr().out
    assert recurrent.TextModel.load("third").step == 21


def test_invalid_resume(text, trained, capsys):
    assert failure(capsys, "resume", trained) == (
        "--steps is missing; expected the number of further steps, as all 20 are done"
    )
    other = Path("other.txt")
    other.write_text(TEXT + "x", encoding="utf-8")
    sentence = failure(capsys, "resume", trained, other, "--steps", "1")
    assert "'other.txt' is another text" in sentence
    assert sentence.endswith("resume with the same text, or run `recurrent train --init-from`")
    recurrent.TextModel(hidden_sizes=[3], rng=1).build("ab").save("new")
    assert "no training run to continue" in failure(capsys, "resume", "new")
    assert main(["train", "novel.txt", "--schedule", "cosine", "--steps", "3", "--quiet", *SMALL]) == 0
    assert "has ended after 3 steps" in failure(capsys, "resume", "novel.safetensors", "--steps", "3")
