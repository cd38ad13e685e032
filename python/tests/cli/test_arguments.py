"""The flags of the commands: help, version and invalid commands."""

from __future__ import annotations

import pytest

import recurrent
from commands import usage
from recurrent.cli import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "commands:"),
        (["frob"], "invalid choice: 'frob'"),
        (["train"], "the following arguments are required: FILE or --data-dir"),
        (["train", "x", "-data_dir", "y"], "--data-dir excludes FILE"),
        (["train", "x", "-frob_it", "y"], "unrecognized arguments: -frob_it y"),
        (["train", "x", "--encoding", "utf8x"], "argument --encoding: expected an encoding, such as cp1252"),
        (
            ["train", "x", "--temperature", "1"],
            "recurrent train: error: unrecognized arguments: --temperature 1",
        ),
        (["train", "x", "--steps", "1", "--max-epochs", "1"], "--epochs and --steps exclude each other"),
        (
            ["train", "x", "--decay-rate", "0.9", "--optimizer", "adam"],
            "--decay-rate requires --optimizer rmsprop",
        ),
        (
            ["train", "x", "--patience", "1", "--val-frac", "0"],
            "--patience requires a --validation-split above 0",
        ),
        (
            ["train", "x", "--schedule", "plateau", "--validation-split", "0"],
            "requires a --validation-split above 0",
        ),
        (
            ["train", "x", "--schedule", "plateau", "--learning-rate-decay", "1"],
            "--schedule plateau requires a --learning-rate-decay below 1",
        ),
        (["train", "x", "--errors", "ignore"], "--errors requires --init-from"),
        (["sample", "x", "--replacement", "e"], "--replacement requires --errors replace"),
        (["train", "x", "--rnn-size", "3", "--hidden-sizes", "3"], "--hidden-sizes excludes --rnn-size"),
        (["train", "x", "--rnn-s", "1"], "unrecognized arguments: --rnn-s 1"),
        (["train", "x", "--dropout", "1"], "expected a number of at least 0 and below 1, got '1'"),
        (["sample"], "the following arguments are required: CHECKPOINT"),
        (["sample", "x", "--top-p"], "expected one argument"),
        (["demo", "--frob"], "recurrent demo: error: unrecognized arguments: --frob"),
    ],
)
def test_invalid_commands(capsys, words, message):
    assert message in usage(capsys, *words)


@pytest.mark.parametrize("job", ["", "train", "resume", "sample", "info", "evaluate", "demo"])
def test_help(capsys, job):
    with pytest.raises(SystemExit) as ended:
        main([*job.split(), "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: recurrent {job}".rstrip())
    assert job == "demo" or "examples:\n  recurrent " in printed
    assert max(map(len, printed.splitlines())) <= 120


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"recurrent {recurrent.__version__}\n"
