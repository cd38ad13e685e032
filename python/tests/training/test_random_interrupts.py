"""Signals at random moments of training: the run is saved, and continues to the same bits as one without them."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter, deque
from functools import partial

import pytest

import recurrent
from recurrent.demo.training import RunOptions, TrainingRun

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGINT to its own process")
TEXT = "the end is not the end, the end is the beginning. " * 20
STEPS = 40
OPTIONS = {"batch_size": 2, "seq_length": 10, "evaluate_every": 7, "checkpoint_every": 5, "progress": False}
# in `make test`, and in `make harden`: ten thousand for each kind of loop
COUNTS = [40, pytest.param(3_400, marks=pytest.mark.nightly)]


class StopError(Exception):
    """Raised by a handler of the program, which the package does not know."""


def stop(*_):
    raise StopError


def leave(*_):
    raise SystemExit(3)


HANDLERS = {"default": signal.default_int_handler, "exception": stop, "exit": leave}


@pytest.fixture(autouse=True)
def unraisable_exceptions(monkeypatch):
    """Drops the exceptions of handlers that run in a finalizer, outside of the run.

    The hook runs no line of Python: pytest's own does, and a signal that arrives there fails the test."""
    monkeypatch.setattr(sys, "unraisablehook", deque(maxlen=0).append)


def under_signals(rng, handler, longest, seen, job):
    """Does a job, and sends one to three signals at a random moment of it; their exceptions are over at its end."""
    delays = [rng.random() * longest, *(rng.random() * 0.002 for _ in range(rng.choice((0, 0, 1, 2))))]
    is_over = False

    def send():
        for delay in delays:
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)

    def handle(*arguments):
        if not is_over:
            handler(*arguments)

    ended = (KeyboardInterrupt, StopError, SystemExit)
    sender = threading.Thread(target=send)
    before = signal.signal(signal.SIGINT, handle)
    # a further signal may arrive at any statement: there are three at most
    try:
        try:
            try:
                sender.start()
                job()
            except ended as error:
                seen[type(error).__name__] += 1
            is_over = True
        except ended:
            is_over = True
    except ended:
        is_over = True
    sender.join()
    signal.signal(signal.SIGINT, before)


def model():
    return recurrent.TextModel("lstm", [6], rng=1)


def bits(tm):
    return tm.flat.w.tobytes(), tm.step, tm.history


@pytest.fixture(scope="module")
def whole():
    tm = model()
    start = time.perf_counter()
    tm.fit(TEXT, STEPS, **OPTIONS)
    return bits(tm), time.perf_counter() - start


@pytest.mark.campaign("Interrupts at random moments after which work was lost")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", HANDLERS)
def test_fit(whole, kind, count, memory_folder, capsys, cases):
    """From the first callback on, 0 runs are lost: in memory and from the file, the rest gives the same bits."""
    rng, seen, path = random.Random(kind), Counter(), memory_folder / "c.safetensors"
    expected, seconds = whole
    for attempt in range(count):
        tm, reports = model(), []

        def receive(report, reports=reports):
            reports.append(report.step)

        def job(tm=tm, receive=receive):
            tm.fit(TEXT, STEPS, checkpoint=path, overwrite=True, callbacks=[receive], **OPTIONS)

        under_signals(rng, HANDLERS[kind], 2 * seconds, seen, job)
        reason = tm.history.stop_reason if tm.history else None
        seen[reason or "not begun"] += 1
        if reason is None:
            # before its first step
            assert tm.trainer is None or tm.step == 0
            continue
        assert reports == list(range(1, len(reports) + 1)) and tm.step - len(reports) in (0, 1)
        loaded = recurrent.TextModel.load(path)
        assert bits(loaded) == bits(tm), f"{kind} {attempt}: the file is not the model"
        for again in (tm, loaded):
            if reason == "interrupted":
                again.resume(TEXT, progress=False, overwrite=True)
            assert bits(again) == expected, f"{kind} {attempt}: {reason} after step {tm.step}"
    cases(count)
    with capsys.disabled():
        print(f"\n{count} interrupts of fit, handler {kind}: 0 lost; {dict(seen)}")
    assert seen["interrupted"] > count // 10


@pytest.mark.campaign("Interrupts at random moments after which work was lost")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", HANDLERS)
def test_resume(whole, kind, count, memory_folder, capsys, cases):
    """Interrupted again and again until it is done."""
    rng, seen, path = random.Random(kind), Counter(), memory_folder / "c.safetensors"
    expected, seconds = whole
    left = count
    while left:
        tm = model()
        tm.fit(TEXT, STEPS, checkpoint=path, overwrite=True, callbacks=[lambda report: True], **OPTIONS)
        while left and tm.step < STEPS:
            left -= 1
            tm = recurrent.TextModel.load(path)
            under_signals(
                rng, HANDLERS[kind], seconds, seen, partial(tm.resume, TEXT, progress=False, overwrite=True)
            )
        tm = recurrent.TextModel.load(path)
        if tm.history.stop_reason != "steps":
            tm.resume(TEXT, progress=False, overwrite=True)
        assert bits(tm) == expected
    cases(count)
    with capsys.disabled():
        print(f"\n{count} interrupts of resume, handler {kind}: 0 lost; {dict(seen)}")


@pytest.mark.campaign("Interrupts at random moments after which work was lost")
@pytest.mark.parametrize("count", [40, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_sentence_training(count, capsys, cases):
    """The demo's run ends between two steps: its counts are those of the model."""
    rng, seen = random.Random(1), Counter()
    sentences = ["one two", "two three", "three four"]
    for _ in range(count):
        run = TrainingRun(sentences, RunOptions(hidden_sizes=[5], epochs=60))
        reasons, steps = [], []

        def job(run=run, reasons=reasons, steps=steps):
            reasons.append(run.train(lambda run: steps.append(run.step)))

        under_signals(rng, signal.default_int_handler, 0.05, seen, job)
        seen[reasons[0] if reasons else "raised"] += 1
        assert steps == list(range(1, len(steps) + 1)) and run.step - len(steps) in (0, 1)
        assert run.model.optimizer is not None and sum(run.excess < float("inf")) == min(run.step, 3)
        other = TrainingRun(sentences, RunOptions(hidden_sizes=[5], epochs=60))
        if run.step:

            def until(other, last=run.step):
                if other.step == last:
                    raise KeyboardInterrupt

            other.train(until)
        assert other.model.parameters.flat.w.tobytes() == run.model.parameters.flat.w.tobytes()
        assert not run.step or run.curve[-1].step == run.step
    cases(count)
    with capsys.disabled():
        print(f"\n{count} interrupts of sentence training: 0 lost; {dict(seen)}")
    assert seen["Stopped"] > count // 10
