"""`recurrent sample`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import recurrent
from commands import SMALL, begun, failure, lines, process, usage
from recurrent.cli import main
from recurrent.cli.sample import without_controls


def test_sample_is_that_of_the_model(trained, capsys):
    tm = recurrent.TextModel.load(trained)
    words = ["sample", str(trained), "--length", "60", "--seed", "3"]
    assert main([*words, "--prompt", "the end"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == "the end" + tm.sample(60, "the end", rng=3)
    more = ["--temperature", "0.6", "--top-k", "5", "--top-p", "0.9", "--min-p", "0.01"]
    more += ["--repetition-penalty", "1.3", "--repetition-window", "9", "--stop", "d", "--stop", r"\n"]
    assert main([*words, *more, "--quiet", "--prompt", "the"]) == 0
    expected = tm.sample(
        60, "the", 0.6, 5, 0.9, ["d", "\n"], 3, min_p=0.01, repetition_penalty=1.3, repetition_window=9
    )
    assert capsys.readouterr().out == expected + "\n"
    assert main([*words, "--temperature", "0", "--quiet"]) == 0
    assert capsys.readouterr().out == tm.sample(60, temperature=0) + "\n"


def test_sample_json_has_the_seed(trained, capsys):
    output = []
    for more in ([], []):
        assert main(["sample", str(trained), "--length", "30", "--json", "--prompt", "the", *more]) == 0
        output += lines(capsys.readouterr().out)
    assert output[0]["seed"] != output[1]["seed"] and output[0]["text"] != output[1]["text"]
    again = [
        "sample",
        str(trained),
        "--length",
        "30",
        "--json",
        "--prompt",
        "the",
        "--seed",
        str(output[0]["seed"]),
    ]
    assert main(again) == 0
    assert lines(capsys.readouterr().out) == [output[0]]


@pytest.mark.parametrize(
    ("flags", "read"), [(["ignore"], "the end"), (["replace", "--replacement", " "], "the  end")]
)
def test_characters_outside_the_vocabulary(trained, capsys, flags, read):
    words = [
        "sample",
        str(trained),
        "--prompt",
        "the É end".replace(" É", "É"),
        "--seed",
        "1",
        "--length",
        "30",
    ]
    assert "text[3] is outside the vocabulary" in (said := failure(capsys, *words)) and "'É' (U+00C9)" in said
    assert main([*words, "--errors", *flags, "--quiet"]) == 0
    tm = recurrent.TextModel.load(trained)
    assert capsys.readouterr().out == tm.sample(30, read, rng=1) + "\n"


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--temperature", "-1", "a number of at least 0"),
        ("--temperature", "nan", "a number of at least 0"),
        ("--temperature", "inf", "a number of at least 0"),
        ("--temperature", "warm", "a number of at least 0"),
        ("--top-p", "0", "a number above 0 and at most 1"),
        ("--top-p", "1.01", "a number above 0 and at most 1"),
        ("--top-p", "-0.5", "a number above 0 and at most 1"),
        ("--top-p", "nan", "a number above 0 and at most 1"),
        ("--top-k", "0", "an integer of at least 1"),
        ("--top-k", "2.5", "an integer of at least 1"),
        ("--min-p", "1.5", "a number from 0 to 1"),
        ("--length", "-1", "an integer of at least 0"),
        ("--seed", "-1", "an integer of at least 0"),
        ("--repetition-penalty", "0", "a number above 0"),
        ("--replacement", "ab", "one character"),
        ("--stop", "", "at least one character"),
    ],
)
def test_invalid_sampling_settings(trained, capsys, flag, value, expected):
    message = usage(capsys, "sample", trained, flag, value)
    assert f"argument {flag}: expected {expected}" in message


def test_bytes_end_at_characters(working_directory):
    """Each write ends at the end of a character, for any bytes."""
    Path("face.txt").write_bytes("é😀\xff".encode() * 300)
    assert main(["train", "face.txt", "--tokenizer", "bytes", "--steps", "3", "--quiet", *SMALL]) == 0
    for seed in range(5):
        done = process("sample", "face.safetensors", "--length", "200", "--seed", seed, "--prompt", "\udcff")
        out, err = done.communicate(timeout=60)
        assert done.returncode == 0 and err == b""
        assert out.decode("utf-8")
        read = recurrent.TextModel.load("face.safetensors").sample(200, b"\xff", rng=seed)
        assert out.decode("utf-8") == "\ufffd" + read + "\n" * (not read.endswith("\n"))


def test_output_is_unbuffered(trained):
    """The output is readable before the end, in a locale without UTF-8 too."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    running = process("sample", trained, "--length", 10**9, env=environment)
    try:
        assert len(running.stdout.read(100)) == 100
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()


def test_control_characters_are_replaced():
    assert [without_controls(letter) for letter in "a\n\t\x1b\x00\x7f\x9bé"] == [
        "a",
        "\n",
        "\t",
        "␛",
        "␀",
        "␡",
        "\ufffd",
        "é",
    ]


def test_interrupted_sample(trained):
    running = process("sample", trained, "--length", 10**9)
    running.stdout.read(10)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130 and err == b"recurrent: interrupted\n"


def test_closed_output(text, trained):
    running = process("sample", trained, "--length", 10**9)
    running.stdout.read(10)
    running.stdout.close()
    assert running.wait(timeout=60) == 141 and running.stderr.read() == b""
    running.stderr.close()
    # the training run is saved
    running = begun("novel.txt")
    running.stdout.close()
    assert running.wait(timeout=60) == 141 and running.stderr.read() == b""
    running.stderr.close()
    assert recurrent.TextModel.load("novel.safetensors").step >= 1
