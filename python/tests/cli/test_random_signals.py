"""Signals at random moments of `train` and `resume`: nothing is lost, and a resumed run goes on to the same bits.

The tests assert what holds at any moment: before the command has its handlers, and after its last save, a signal ends
the process as the system does.
"""

from __future__ import annotations

import math
import os
import random
import signal
import time
from pathlib import Path

import pytest

import recurrent
from commands import process
from recurrent.cli import main
from support import HARDEN, names

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGHUP")
COUNT = 75 if HARDEN else 8
STEPS, TRAIN = 2000, ["train", "novel.txt", "--checkpoint", "c", "--steps"]
SETTINGS = ["--rnn-size", "6", "--batch-size", "2", "--seq-length", "10", "--seed", "1", "--evaluate-every", "50",
            "--checkpoint-every", "20"]  # fmt: skip
EVERY = ["--print-every", "20", "--json"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def bits(path: str) -> tuple[bytes, int, object]:
    tm = recurrent.TextModel.load(path)
    return tm.flat.w.tobytes(), tm.step, tm.history


def signalled(rng: random.Random, words: list[object], longest: float) -> int:
    """Runs a command, sends one to three signals at random moments; returns its status."""
    running = process(*words)
    if rng.random() < 0.5:
        # half of the signals come after the start of Python
        running.stdout.readline()
        longest /= 2
    sent = rng.choices(SIGNALS, k=rng.choice((1, 1, 2, 3)))
    time.sleep(rng.random() * longest)
    for number in sent:
        running.send_signal(number)
        time.sleep(rng.choice((0, rng.random() * 0.01)))
    _, err = running.communicate(timeout=120)
    expected = {0, *(128 + n for n in sent), *(-n for n in sent)}
    # the interpreter's own message, where Ctrl-C comes before it has begun
    is_expected = running.returncode in expected or err.startswith(b"Fatal Python error: init_")
    assert is_expected, (words, sent, running.returncode, err)
    return running.returncode


@pytest.mark.campaign("Signals at random moments of the command after which work was lost")
@pytest.mark.parametrize("job", ["train", "resume"])
def test_random_signals(text, job, cases):
    assert main([*TRAIN, "1", *SETTINGS, "--quiet"]) == 0
    start = Path("c").read_bytes() if job == "resume" else b""
    words = [*(["resume", "c", "--steps", STEPS - 1] if start else [*TRAIN, STEPS, *SETTINGS]), *EVERY]
    rng, longest, whole = random.Random(job), math.inf, None
    for attempt in range(COUNT + 2):
        for path in Path().glob("c*"):
            path.unlink()
        if start:
            Path("c").write_bytes(start)
        if attempt < 2:
            # without a signal
            before = time.perf_counter()
            assert process(*words).communicate(timeout=120)[1] == b""
            longest = min(longest, 1.1 * (time.perf_counter() - before))
            assert whole in (None, bits("c"))
            whole = bits("c")
            continue
        status = signalled(rng, words, longest)
        found = set(names(Path())) - {"novel.txt"}
        assert found <= {"c", "c.best"}
        if "c.best" in found:
            recurrent.TextModel.load("c.best")
        if "c" not in found or Path("c").read_bytes() == start:
            # before the first step
            assert status != 0
            continue
        if recurrent.TextModel.load("c").history.stop_reason != "steps":
            assert status != 0 and main(["resume", "c", "--quiet"]) == 0
        assert bits("c") == whole
    cases(COUNT)
