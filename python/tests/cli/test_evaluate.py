"""`recurrent evaluate` and `recurrent info`."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import recurrent
from commands import SMALL, TEXT, failure, lines
from recurrent.cli import main
from recurrent.parameters import CELLS


@pytest.mark.parametrize("tokens", ["characters", "bytes"])
def test_evaluate(text, capsys, tokens):
    words = ["--steps", "5", "--tokenizer", tokens, "--quiet", "--cell", "rnn", *SMALL]
    assert main(["train", "novel.txt", "--quiet", *words]) == 0
    tm = recurrent.TextModel.load("novel.safetensors")
    assert main(["evaluate", "novel.safetensors", "novel.txt", "--batch-size", "1", "--json"]) == 0
    (output,) = lines(capsys.readouterr().out)
    assert output["nats"] == tm.evaluate(TEXT)
    assert output["bits"] == pytest.approx(output["nats"] / np.log(2))
    assert output["perplexity"] == pytest.approx(np.exp(output["nats"]))
    assert (output["tokens"], output["unit"]) == (2000, tokens[:-1])
    # the part that training holds out
    assert main(["evaluate", "novel.safetensors", "novel.txt", "--validation-split", "0.1"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{tm.history.validation[-1][1]:.4f} nats per {tokens[:-1]} (")
    compared = "" if tokens == "bytes" else f", {tm.history.validation[-1][1] / np.log(2):.4f} bits per byte"
    assert printed.endswith(f"over 200 {tokens}{compared}\n")


def test_info(trained, capsys):
    assert main(["info", str(trained), "--json"]) == 0
    (output,) = lines(capsys.readouterr().out)
    tm = recurrent.TextModel.load(trained)
    assert output["vocabulary"] == tm.vocabulary and output["step"] == tm.step == 20
    assert output["optimizer"] == tm.optimizer.settings and output["weights"] == tm.flat.n
    assert output["train"] == tm.history.train[-1][1] and output["settings"]["batch_size"] == 4
    assert main(["info", str(trained)]) == 0
    printed = capsys.readouterr().out
    for words in (
        "lstm 8 8, one-hot: ",
        "vocabulary  13 characters:  ,.bdeghinost",
        "optimizer   RMSProp(learning_rate=0.007",
        "steps       Linear(learning_rate=0.007, ",
        "end_factor=0.05), weight decay 0.1, clip 2.0",
        "trained     20 steps\n",
        f"validation  {tm.history.validation[-1][1]:.4f} nats per character",
        str(trained.with_name("novel.txt")),
    ):
        assert words in printed


@pytest.mark.parametrize("cell", CELLS)
def test_info_of_a_model_without_a_run(working_directory, capsys, cell):
    recurrent.TextModel(cell, [3], tied=True, tokenizer="bytes", rng=1).build("a\x1b").save("new")
    assert main(["info", "new"]) == 0
    printed = capsys.readouterr().out
    assert (
        f"{cell} 3, embedding 3, tied" in printed and "optimizer   none" in printed and "\x1b" not in printed
    )
    assert main(["info", "new", "--json"]) == 0


def bad_files(folder: Path, good: Path) -> dict[Path, str]:
    data = good.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    files = {
        "short": (data[: len(data) // 2], "truncated"),
        "flipped": (bytes(flipped), "damaged"),
        "pickled": (pickle.dumps({"a": 1}), "a pickle"),
        "empty": (b"", "0 bytes"),
        "text": (TEXT.encode(), "not safetensors"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "fifo")
    found = {folder / name: words for name, (_, words) in files.items()}
    return {
        **found,
        folder / "fifo": "expected a regular file",
        folder: "is a directory",
        folder / "none": "no such file",
    }


def test_invalid_checkpoints(text, trained, capsys):
    for path, words in bad_files(text.parent, trained).items():
        for job in (["sample"], ["info"], ["resume"], ["evaluate", "novel.txt"]):
            sentence = failure(capsys, job[0], path, *job[1:])
            assert words in sentence and f"'{path}'" in sentence, sentence


def test_threads(text, trained, capsys):
    """The number of threads changes no result."""
    for words in (["evaluate", trained, text], ["sample", trained, "--seed", 1, "--length", 20]):
        printed = []
        for threads in (1, 2):
            assert main([*map(str, words), "--threads", str(threads)]) == 0
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1] != ""


def test_the_end_of_a_run(text, capsys):
    tm = recurrent.TextModel("rnn_tanh", [4], rng=1)
    tm.fit(TEXT, 20, batch_size=2, seq_length=5, progress=False, callbacks=[lambda report: report.step == 3])
    tm.save("m")
    assert main(["info", "m"]) == 0
    assert "3 steps of 20, ended by callback" in capsys.readouterr().out
