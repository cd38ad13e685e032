"""`recurrent sample`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import recurrent
from commands import SMALL, begun, failure, lines, process, usage
from recurrent.cli import arguments, main
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
    ("given", "prompt"),
    [
        (["--prompt", r"the\nend"], "the\nend"),
        (["--primetext", r"a\t\r\\n"], "a\t\r\\n"),
        (["--prompt=-x"], "-x"),
        (["--prompt", "-x"], "-x"),
        (["-primetext", "--x y"], "--x y"),
        (["-start_text", "the"], "the"),
        (["--stop", "-x", "--prompt", "a"], "a"),
    ],
)
def test_prompts(given, prompt):
    assert arguments.parse(["sample", "m", *given]).prompt == prompt


def test_a_flag_is_no_prompt(capsys):
    assert "argument --prompt" in usage(capsys, "sample", "m", "--prompt", "--length", "5")


def test_the_seed_that_was_drawn_is_said(trained, capsys):
    words = ["sample", str(trained), "--length", "30", "--prompt", "the"]
    assert main(words) == 0
    printed = capsys.readouterr()
    said = re.fullmatch(r"recurrent: --seed (\d+) repeats this sample\n", printed.err)
    assert main([*words, "--seed", said[1]]) == 0
    assert capsys.readouterr() == (printed.out, "")
    for more in (["--temperature", "0"], ["--quiet"], ["--json"]):
        assert main([*words, *more]) == 0
        assert capsys.readouterr().err == ""


def test_the_best_model_is_named(text, capsys):
    words = [
        "--optimizer",
        "rmsprop",
        "--learning-rate",
        "0.5",
        "--schedule",
        "constant",
        "--evaluate-every",
        "2",
        "--steps",
        "20",
    ]
    assert main(["train", "novel.txt", *words, *SMALL]) == 0
    printed = capsys.readouterr().out
    history = recurrent.TextModel.load("novel.safetensors").history
    (step, best), (_, last) = history.best, history.validation[-1]
    assert best < last
    assert printed.endswith("saved in novel.safetensors; next: recurrent sample novel.best.safetensors\n")
    sentence = (
        f"novel.best.safetensors is better: validation {best:.3f} after step {step}, against {last:.3f}"
    )
    for file, expected in (("novel.safetensors", f"recurrent: {sentence}\n"), ("novel.best.safetensors", "")):
        assert main(["sample", file, "--length", "5", "--seed", "1"]) == 0
        assert capsys.readouterr().err == expected
    # the same after resuming
    assert main(["resume", "novel.safetensors", "--steps", "1"]) == 0
    assert capsys.readouterr().out.endswith("next: recurrent sample novel.best.safetensors\n")


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--prompt", r"a\q", r"\n, \t, \r or \\ after a backslash, got '\q'"),
        ("--prompt", "a\\", r"\n, \t, \r or \\ after a backslash, got '\'"),
        ("--encoding", "cp1", "an encoding, such as cp1252, got 'cp1'"),
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
        ("--stop", "", "at least one character"),
    ],
)
def test_invalid_sampling_settings(trained, capsys, flag, value, expected):
    message = usage(capsys, "sample", trained, flag, value)
    assert re.search(f"argument {flag}[a-z/-]*: expected {re.escape(expected)}", message)


def test_bytes_are_written(working_directory):
    """A model of bytes writes its bytes, whatever they are, with nothing after them."""
    Path("fr.txt").write_bytes("le café était fermé, déjà vu.\n".encode("cp1252") * 60)
    assert main(["train", "fr.txt", "--tokenizer", "bytes", "--steps", "3", "--quiet", *SMALL]) == 0
    tm = recurrent.TextModel.load("fr.safetensors")
    for seed in range(3):
        words = ["--length", "200", "--seed", seed, "--prompt", "caf\udce9", "--stop", "q"]
        done = process("sample", "fr.safetensors", *words)
        out, err = done.communicate(timeout=60)
        assert done.returncode == 0 and err == b""
        assert out == b"caf\xe9" + tm.sample(200, b"caf\xe9", stop="q", rng=seed, as_bytes=True)
        # characters for the shell's prompt, in the encoding of the training text
        words[5] = "café"
        done = process("sample", "fr.safetensors", *words, "--encoding", "cp1252")
        assert done.communicate(timeout=60)[0] == out


def test_bytes_as_json(working_directory, capsys):
    Path("fr.txt").write_bytes(b"le caf\xe9\n" * 200)
    assert main(["train", "fr.txt", "--tokenizer", "bytes", "--steps", "3", "--quiet", *SMALL]) == 0
    tm = recurrent.TextModel.load("fr.safetensors")
    data = tm.sample(60, "é".encode("cp1252"), rng=1, as_bytes=True)
    words = ["--length", "60", "--seed", "1", "--prompt", "é", "--encoding", "cp1252"]
    assert main(["sample", "fr.safetensors", "--json", *words]) == 0
    (output,) = lines(capsys.readouterr().out)
    assert bytes.fromhex(output["bytes"]) == data and output["prompt"] == "é"
    assert output["text"] == data.decode("cp1252", "replace")
    words[-1] = "utf-16"
    assert failure(capsys, "sample", "fr.safetensors", *words, "--stop", "x") == (
        "--stop is not found in bytes of utf-16; expected a text with the bytes of UTF-8, got 'x'"
    )


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8"])
def test_characters_in_another_encoding(working_directory, capfdbinary, encoding):
    text = "le café, déjà vu.\n"
    Path("fr.txt").write_bytes((text * 60).encode(encoding))
    assert main(["train", "fr.txt", "--encoding", encoding, "--steps", "3", "--quiet", *SMALL]) == 0
    tm = recurrent.TextModel.load("fr.safetensors")
    assert tm.vocabulary == "".join(sorted(set(text)))
    words = ["--length", "60", "--seed", "1", "--prompt", "é"]
    done = process("sample", "fr.safetensors", *words, "--encoding", encoding)
    out, err = done.communicate(timeout=60)
    expected = "é" + tm.sample(60, "é", rng=1)
    assert err == b"" and out.decode(encoding).rstrip("\n") == expected.rstrip("\n")
    done = process("sample", "fr.safetensors", *words, "--encoding", "ascii")
    assert done.wait(60) == 1 and done.stdout.read() == b""
    assert b"--encoding ascii lacks a character; expected an encoding with" in done.stderr.read()
    done.stdout.close()
    done.stderr.close()


def test_a_terminal_gets_characters(working_directory):
    """And no control characters, which it would execute."""
    pty = pytest.importorskip("pty")
    tm = recurrent.TextModel(hidden_sizes=[4], tokenizer="bytes", rng=1).build("")
    tm.save("wild")
    main_end, other_end = pty.openpty()
    command = [sys.executable, "-m", "recurrent", "sample", "wild", "--length", "300", "--seed", "1"]
    subprocess.run([*command, "--prompt", "é"], stdout=other_end, check=True)
    os.close(other_end)
    shown = b""
    while b"\n" not in shown[-1:] or len(shown) < 300:
        shown += os.read(main_end, 10_000)
    os.close(main_end)
    text = shown.decode("utf-8")
    assert text.startswith("é") and text.replace("\r", "").replace("\n", "").replace("\t", "").isprintable()


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
    running = process("sample", trained, "--length", 10**9, "--seed", "1")
    running.stdout.read(10)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130 and err == b"recurrent: interrupted\n"


def test_closed_output(text, trained):
    running = process("sample", trained, "--length", 10**9, "--seed", "1")
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


def test_many_samples(trained, capsys):
    tm = recurrent.TextModel.load(trained)
    words = ["sample", str(trained), "--length", "20", "--seed", "3", "--samples", "3", "--prompt", "the"]
    texts = tm.sample(20, "the", rng=3, samples=3)
    assert main(words) == 0
    assert capsys.readouterr().out == "---\n".join(f"the{text}".rstrip("\n") + "\n" for text in texts)
    assert main([*words, "--json"]) == 0
    assert lines(capsys.readouterr().out) == [{"prompt": "the", "texts": texts, "seed": 3}]
    assert "--samples" in usage(capsys, "sample", str(trained), "--samples", "0")
