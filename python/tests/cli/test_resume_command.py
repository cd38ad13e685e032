"""`recurrent resume`."""

from __future__ import annotations

import os
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


def test_resume_replaces_no_other_file(text, capsys):
    words = ["--quiet", *SMALL]
    assert main(["train", "novel.txt", "--steps", "3", *words]) == 0
    for name in ("other.txt", "b.txt"):
        Path(name).write_text("another text, " * 100, encoding="utf-8")
    assert main(["train", "b.txt", "--steps", "5", *words]) == 0
    # a run with the same text, seed and settings is another run too
    Path("twin.txt").write_bytes(text.read_bytes())
    assert main(["train", "twin.txt", "--steps", "2", *words]) == 0
    Path("link").symlink_to("novel.txt")
    os.link("novel.txt", "hard")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    for name, problem in (
        ("novel.txt", "is a text of this run; expected another file"),
        ("./link", "is a text of this run; expected another file"),
        ("hard", "is a text of this run; expected another file"),
        ("other.txt", "exists and was not written by this run; expected a new file, or --force"),
        ("twin.safetensors", "exists and was not written by this run; expected a new file, or --force"),
        ("b.safetensors", "exists and was not written by this run; expected a new file, or --force"),
    ):
        resume = ["resume", "novel.safetensors", "--steps", "1", "--checkpoint", name]
        assert failure(capsys, *resume).startswith(f"checkpoint {problem}")
        if "text" in problem:
            assert failure(capsys, *resume, "--force").startswith(f"checkpoint {problem}")
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
    Path("twin.safetensors").rename("aside")
    resume = ["resume", "novel.safetensors", "--steps", "1", "--checkpoint", "twin.safetensors"]
    assert failure(capsys, *resume).startswith("best model exists and was not written by this run")
    resume = ["resume", "novel.safetensors", "--steps", "1", "--quiet", "--checkpoint", "b.safetensors"]
    assert main([*resume, "--force"]) == 0
    assert recurrent.TextModel.load("b.safetensors").step == 4


def test_resume_goes_on_with_its_own_files(text):
    """The checkpoint and the best model of the run, also after a crash that lost the last checkpoint."""
    words = ["--quiet", "--evaluate-every", "2", "--schedule", "constant", *SMALL]
    assert main(["train", "novel.txt", "--steps", "4", *words]) == 0
    old = Path("novel.safetensors").read_bytes()
    assert main(["resume", "novel.safetensors", "--steps", "6", "--quiet"]) == 0
    assert recurrent.TextModel.load("novel.best.safetensors").step > 4
    Path("novel.safetensors").write_bytes(old)
    assert main(["resume", "novel.safetensors", "--steps", "6", "--quiet"]) == 0
    assert recurrent.TextModel.load("novel.safetensors").step == 10


def test_resume_keeps_the_best_model_of_another_run(text, capsys):
    words = ["--quiet", "--evaluate-every", "2", *SMALL]
    assert main(["train", "novel.txt", "--steps", "4", *words]) == 0
    Path("novel.best.safetensors").unlink()
    assert (
        main(["train", "novel.txt", "--steps", "4", "--seed", "5", "--checkpoint", "b.safetensors", *words])
        == 0
    )
    Path("b.best.safetensors").rename("novel.best.safetensors")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    sentence = failure(capsys, "resume", "novel.safetensors", "--steps", "6")
    assert sentence.startswith("best model exists and was not written by this run")
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


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
