"""Parts of the tests of the command: a text, small settings, and calls of the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from recurrent.cli import main

TEXT = "the end is not the end, the end is the beginning. " * 40


SMALL = ["--rnn-size", "8", "--batch-size", "4", "--seq-length", "10"]


def lines(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines()]


def failure(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Runs a command that fails; returns its message."""
    assert main([str(word) for word in words]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert printed.err.startswith("recurrent: ")
    return printed.err[len("recurrent: ") : -1]


def usage(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Runs an invalid command; returns the message."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def process(*words: object, **settings: object) -> subprocess.Popen[bytes]:
    """Starts the command in a process, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-m", "recurrent", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings)  # type: ignore[call-overload,no-any-return]


def ignore_ctrl_c() -> None:
    """Ignores Ctrl-C, as a shell does in a job of its background; to be called in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def begun(*words: object, **settings: object) -> subprocess.Popen[bytes]:
    """Starts a training run; returns after its first step."""
    running = process("train", *words, "--json", "--print-every", "1", "--steps", 10**6, *SMALL, **settings)
    while json.loads(running.stdout.readline())["event"] != "step":
        pass
    return running
