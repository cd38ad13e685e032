"""Standard output and standard error that are full, closed or broken; names of any bytes; texts with escapes."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import recurrent
from commands import SMALL

RUN = f"{sys.executable} -W error -m recurrent"
RESUME = "resume copy --steps 100000 --print-every 1"
TRAIN = f"train novel.txt --steps 100000 --print-every 1 --evaluate-every 10 {' '.join(SMALL)}"
DEMO = "demo --epochs 100000 --out ."
FULL = "cannot write standard output: no space left on device\n"
CLOSED = "cannot write standard output: bad file descriptor\n"

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


def shell(line: str) -> tuple[int, str, str]:
    """Runs a line of bash; `recurrent` is the command. Returns status, output and errors."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("recurrent ", f"{RUN} ")],
        capture_output=True,
        timeout=120,
    )
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("job, program, file", [
    (TRAIN, "recurrent", "novel.safetensors"),
    (f"{TRAIN} --json", "recurrent", "novel.safetensors"),
    (RESUME, "recurrent", "copy"),
    (DEMO, "recurrent demo", "model.json"),
], ids=["train", "json", "resume", "demo"])  # fmt: skip
@pytest.mark.parametrize("output, status, message", [
    (">/dev/full", 1, FULL), (">&-", 1, CLOSED), ("| head -3 >/dev/null", 141, ""), (">/dev/full 2>/dev/full", 1, None),
    (">&- 2>&-", 1, None), ("| head -3 >/dev/null 2>&-", 141, None),
])  # fmt: skip
def test_training_ends_saved(text, trained, job, program, file, output, status, message):
    if file == "copy":
        shutil.copy(trained, "copy")
    found, _, err = shell(f"recurrent {job} {output}")
    assert found == status and err == (f"{program}: {message}" if message else "")
    if "--json" in job and status == 1:
        return  # the first line comes before the training
    assert Path(file).exists()
    if file != "model.json":
        model = recurrent.TextModel.load(file)
        assert model.step > (20 if file == "copy" else 0) and model.history.stop_reason == "callback"


@pytest.mark.parametrize("output", ["2>/dev/full", "2>&-", "2> >(true)", "<&- 2>/dev/full"])
@pytest.mark.parametrize("job, step", [
    (f"train novel.txt --steps 30 --print-every 1 --checkpoint copy --force {' '.join(SMALL)}", 30),
    ("resume copy --steps 10", 30), ("sample copy --length 5", 20), ("evaluate copy novel.txt", 20),
    ("demo --epochs 2 --out .", 20),
], ids=["train", "resume", "sample", "evaluate", "demo"])  # fmt: skip
def test_messages_that_cannot_be_written(text, trained, job, step, output):
    """Standard error is for notes: the work is done, printed and saved without them."""
    shutil.copy(trained, "copy")
    status, out, _ = shell(f"recurrent {job} {output}")
    assert status == 0 and out and recurrent.TextModel.load("copy").step == step
    assert Path("model.json").exists() == job.startswith("demo")


@pytest.mark.parametrize("output, status, message", [
    (">/dev/full", 1, FULL), (">&-", 1, CLOSED), ("| true", 141, ""), (">/dev/full 2>&-", 1, ""),
])  # fmt: skip
@pytest.mark.parametrize("job", [
    "sample MODEL --seed 1 --length 100000", "sample MODEL --seed 1 --json", "info MODEL", "evaluate MODEL novel.txt",
    "info MODEL --json", "evaluate MODEL novel.txt --json", "--version", "resume --help", "demo --help",
])  # fmt: skip
def test_what_is_printed(text, trained, job, output, status, message):
    found, _, err = shell(f"recurrent {job.replace('MODEL', str(trained))} {output}")
    # a short output fits into the pipe before its reader is gone
    assert found == status or (output == "| true" and found == 0)
    assert err == (f"recurrent: {message}" if message else "")


@pytest.mark.parametrize("output, message", [(">/dev/full", FULL), (">&-", CLOSED), (">&- 2>&-", "")])
def test_the_page_without_an_output(working_directory, output, message):
    """Its address cannot be read."""
    status, _, err = shell(f"recurrent demo --web --no-browser --port 0 --out w {output}")
    assert status == 1 and err == (f"recurrent: {message}" if message else "")


def test_help_and_usage():
    for words in ("--help", "--version", "train --help", "info none"):
        assert shell(f"recurrent {words} <&- >&- 2>&-") == (1, "", "")
    assert shell("recurrent --help >/dev/full") == (1, "", f"recurrent: {FULL}")
    assert shell("recurrent train --help >&-") == (1, "", f"recurrent: {CLOSED}")
    assert shell("recurrent train --no-such 2>/dev/full")[0] == 2
    assert shell("recurrent train --no-such 2>&-")[0] == 2
    assert shell("recurrent info missing.safetensors 2>&-") == (1, "", "")


def test_no_file_takes_the_place_of_a_stream(text):
    """A checkpoint has descriptor 2 otherwise, and messages go into it."""
    assert shell(f"recurrent train novel.txt --steps 3 {' '.join(SMALL)} --quiet <&- >&- 2>&-")[0] == 0
    assert recurrent.TextModel.load("novel.safetensors").step == 3


NAME = os.fsdecode(b"n\xff\x1b[31mo.txt")
CHECKPOINT = NAME.replace(".txt", ".safetensors")
SHOWN = r"n\xff\x1b[31mo"


def test_names_that_are_not_text(working_directory):
    """Of texts, in every command that reads one, in messages, in metadata and in JSON."""
    Path(NAME).write_text("the end is not the end. " * 60, encoding="utf-8")

    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run([sys.executable, "-m", "recurrent", *words], capture_output=True, timeout=120)
        assert b"\x1b" not in done.stdout + done.stderr and b"Traceback" not in done.stderr
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    status, out, err = run("train", NAME, "--steps", "5", "--checkpoint", "m", *SMALL)
    assert (status, err) == (0, "") and f"training on {SHOWN}.txt" in out
    status, out, _ = run("info", "m")
    assert status == 0 and f"{SHOWN}.txt" in out
    status, out, _ = run("info", "m", "--json")
    assert status == 0 and json.loads(out)["text"].endswith(NAME)
    assert run("resume", "m", "--steps", "5")[0] == 0
    assert run("evaluate", "m", NAME)[0] == 0
    # the checkpoint beside a text has its name
    status, out, err = run("train", NAME, "--steps", "5", *SMALL)
    assert (status, err) == (0, "") and Path(CHECKPOINT).exists() and f"{SHOWN}.safetensors" in out
    status, out, err = run("resume", CHECKPOINT, "--steps", "5")
    assert (status, err) == (0, "") and recurrent.TextModel.load(CHECKPOINT).step == 10
    assert f"{SHOWN}.safetensors" in out
    status, out, err = run("sample", CHECKPOINT, "--length", "5", "--seed", "1")
    assert (status, err) == (0, "") and len(out) == 6
    assert run("info", CHECKPOINT)[0] == run("evaluate", CHECKPOINT, NAME)[0] == 0
    status, _, err = run("train", NAME, "--steps", "5", *SMALL)
    assert status == 1 and f"{SHOWN}.safetensors" in err and "--force" in err
    status, _, err = run("sample", CHECKPOINT + "none")
    assert status == 1 and f"{SHOWN}.safetensorsnone" in err and "no such file" in err
    status, _, err = run("train", NAME, "--steps", "5", "--checkpoint", NAME, *SMALL)
    assert status == 1 and f"{SHOWN}.txt" in err
    status, _, err = run("train", NAME + "none", "--steps", "5")
    assert status == 1 and f"{SHOWN}.txtnone" in err and "no file matches the pattern" in err
    status, out, err = run("demo", "--text", NAME, "--epochs", "2", "--out", "d")
    assert (status, err) == (0, "") and f"  text      {SHOWN}.txt: " in out
    status, _, err = run("demo", "--text", NAME, "--epochs", "2", "--out", NAME)
    assert status == 2 and f"{SHOWN}.txt" in err


@pytest.mark.parametrize("words, reason", [
    (["train", "missing.txt"], "no such file or directory"),
    (["train", "a" * 300], "file name too long"),
    (["train", "novel.txt/x"], "not a directory"),
    (["train", "novel.txt", "--checkpoint", "."], "is a directory"),
    (["train", "novel.txt", "--checkpoint", "no/such"], "no such file or directory"),
    (["train", "novel.txt", "--checkpoint", "novel.txt/x"], "not a directory"),
    (["train", "novel.txt", "--checkpoint", "a" * 300], "file name too long"),
    (["info", "."], "is a directory"),
    (["info", "a" * 300], "file name too long"),
    (["demo", "--epochs", "1", "--out", "novel.txt"], "file exists"),
    (["demo", "--epochs", "1", "--out", "a" * 300], "file name too long"),
    (["demo", "--text", ".", "--epochs", "1"], "is a directory"),
])  # fmt: skip
def test_the_reasons_of_the_system(text, words, reason):
    more = ["--steps", "1", *SMALL, "--quiet"] if words[0] == "train" else []
    done = subprocess.run(
        [sys.executable, "-m", "recurrent", *words, *more], capture_output=True, timeout=120
    )
    err = done.stderr.decode()
    assert done.returncode in (1, 2) and reason in err.lower() and err.count("\n") == 1 and "Errno" not in err


@pytest.mark.parametrize("number", ["1" * 5000, "1" * 400, "1e400", "-1", "\x1b[31m"])
@pytest.mark.parametrize("flag", ["--steps", "--learning-rate", "--seed"])
def test_numbers_of_any_size(text, flag, number, capsys):
    with pytest.raises(SystemExit) as ended:
        recurrent.cli.main(["train", "novel.txt", flag, number])
    assert ended.value.code == 2 and "\x1b" not in capsys.readouterr().err


def terminal_output(*words: str) -> bytes:
    """Returns what a command writes to a terminal."""
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-m", "recurrent", *words])
    written = b""
    try:
        while part := os.read(terminal, 10_000):
            written += part
    except OSError:
        pass
    os.close(terminal)
    os.waitpid(child, 0)
    return written


def test_a_hostile_text(working_directory):
    """Control characters and changes of direction are shown on a terminal, and stay data in a pipe."""
    characters = "\x1b[31m\x07\x9b\x7f\u202e\u2066ab\n"
    Path("t.txt").write_text(characters * 100, encoding="utf-8")
    model = recurrent.TextModel("lstm", [4], rng=1)
    model.fit(Path("t.txt"), 3, batch_size=2, seq_length=5, progress=False, validation_split=0)
    model.save("m")
    bad = [b"\x1b[31m", b"\x07", "\x9b".encode(), b"\x7f", "\u202e".encode(), "\u2066".encode()]
    for words in (
        ["sample", "m", "--length", "300", "--seed", "1", "--prompt", "\x1b[31m\u202e"],
        ["info", "m"],
        ["info", "m", "--json"],
        ["train", "t.txt", "--steps", "12", "--print-every", "1", "--evaluate-every", "2", *SMALL],
        ["demo", "--text", "t.txt", "--epochs", "2", "--out", "d"],
    ):
        written = terminal_output(*words)
        assert written and not [each for each in bad if each in written.replace(b"\x1b[0m", b"")], (
            words,
            written,
        )
    piped = subprocess.run(
        [sys.executable, "-m", "recurrent", "sample", "m", "--length", "300", "--seed", "1", "--quiet"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert b"\x1b" in piped.stdout and "\u202e".encode() in piped.stdout
