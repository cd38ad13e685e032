"""Signals end each command, its work saved: from a terminal, in the background, under nohup; the status is 128 + n."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import recurrent
from commands import SMALL, begun, ignore_ctrl_c, process
from recurrent.cli import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGHUP")

# Ctrl-C from a terminal; others as in the background of a script, under cron and a supervisor as well
CASES = [(None, signal.SIGINT), (ignore_ctrl_c, signal.SIGTERM), (ignore_ctrl_c, signal.SIGHUP)]
signals = pytest.mark.parametrize(("before", "number"), CASES)


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


@signals
def test_train_and_resume(text, before, number):
    running = begun("novel.txt", preexec_fn=before)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and err == b"" and b'"interrupted"' in out
    step = recurrent.TextModel.load("novel.safetensors").step
    again = process("resume", "novel.safetensors", "--json", "--print-every", "1", preexec_fn=before)
    for _ in range(2):
        assert again.stdout.readline()
    again.send_signal(number)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 128 + number and err == b""
    assert recurrent.TextModel.load("novel.safetensors").step > step


def said(number: int) -> bytes:
    name = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    return f"recurrent: interrupted{name}\n".encode()


@signals
def test_sample(trained, before, number):
    running = process("sample", trained, "--length", 10**9, "--seed", "1", preexec_fn=before)
    running.stdout.read(10)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and err == said(number)


@signals
def test_evaluate(trained, working_directory, before, number):
    Path("long.txt").write_text("the end " * 4_000_000, encoding="utf-8")
    running = process("evaluate", trained, "long.txt", "--batch-size", "1", preexec_fn=before)
    # the start of Python takes seconds where other work takes the processor
    maps, until = Path(f"/proc/{running.pid}/maps"), time.monotonic() + 60
    while maps.parent.exists() and "librecurrent" not in maps.read_text() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(2)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and err == said(number)


@signals
def test_demo(tmp_path, before, number):
    running = process("demo", "--epochs", 10**6, "--out", tmp_path, preexec_fn=before)
    while b"characters/s" not in running.stdout.readline():
        pass
    # the first row of the log
    assert running.stdout.readline()
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and err == b"" and b"Stopped: " in out
    assert (tmp_path / "model.json").exists()


def test_the_background_of_a_script(text):
    """`command &` in a script ignores Ctrl-C."""
    command = f"{sys.executable} -m recurrent train novel.txt --quiet --checkpoint-every 1 --steps 1000000"
    script = f"{command} {' '.join(SMALL)} & echo $!; wait $!; echo $?"
    shell = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    job = int(shell.stdout.readline())
    try:
        wait_for(Path("novel.safetensors"))
        os.kill(job, signal.SIGINT)
        time.sleep(0.3)
        assert recurrent.TextModel.load("novel.safetensors").history.stop_reason is None
        os.kill(job, signal.SIGTERM)
        out, _ = shell.communicate(timeout=60)
    finally:
        if shell.poll() is None:
            os.kill(job, signal.SIGKILL)
            shell.wait()
    assert out == b"143\n"
    assert recurrent.TextModel.load("novel.safetensors").history.stop_reason == "interrupted"


def test_nohup(text):
    """A terminal that goes does not end the run; SIGTERM does."""
    words = ["train", "novel.txt", "--quiet", "--checkpoint-every", "1", "--steps", "1000000", *SMALL]
    command = ["nohup", sys.executable, "-m", "recurrent", *words]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(Path("novel.safetensors"))
    running.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 143


@pytest.mark.parametrize("job", ["train", "demo"])
def test_a_terminal_that_goes(text, job):
    """The kernel sends SIGHUP, and every further write fails."""
    pty = pytest.importorskip("pty")
    words = {
        "train": ["train", "novel.txt", "--print-every", "1", "--steps", "1000000", *SMALL],
        "demo": ["demo", "--epochs", "1000000", "--out", "."],
    }
    process_id, terminal = pty.fork()
    if not process_id:
        os.execv(sys.executable, [sys.executable, "-m", "recurrent", *words[job]])
    shown = b""
    # the header of the log, and its first row
    while shown.partition(b"loss" if job == "train" else b"characters/s")[2].count(b"\n") < 2:
        shown += os.read(terminal, 1000)
    os.close(terminal)
    _, status = os.waitpid(process_id, 0)
    assert os.WEXITSTATUS(status) == 129 and os.WIFEXITED(status)
    if job == "train":
        assert recurrent.TextModel.load("novel.safetensors").history.stop_reason == "interrupted"
    else:
        assert Path("model.json").exists()


def test_a_closed_output_of_the_demo(tmp_path):
    """`recurrent demo | head` saves the model so far."""
    running = process("demo", "--epochs", 10**6, "--out", tmp_path)
    while b"characters/s" not in running.stdout.readline():
        pass
    running.stdout.close()
    assert running.wait(timeout=60) == 141 and running.stderr.read() == b""
    running.stderr.close()
    assert (tmp_path / "model.json").exists()


def test_handlers_are_restored(text):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert main(["train", "novel.txt", "--steps", "1", "--quiet", *SMALL]) == 0
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
