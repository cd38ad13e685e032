"""The session: one run, the thread that trains it, and the frames that subscribers receive."""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import asdict
from typing import Any, NamedTuple

from ..parameters import CELLS
from . import introspection
from .curve import Curve
from .settings import Settings
from .trainers import TEMPERATURES, LiveTrainer, SentenceTrainer, TextTrainer

_PROGRESS_INTERVAL, _SAMPLES_INTERVAL = 0.1, 1.0  # seconds
_TIMEOUT = 60.0  # seconds
_WORTH_KEEPING = 60.0  # seconds of training
_PREVIEW = 2_000  # characters of an opened file that the page shows
# errors that the user can correct; any other is a bug
USER_ERRORS = (
    ArithmeticError, IndexError, KeyError, MemoryError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


class SessionTimeout(RuntimeError):  # noqa: N818
    """A request that waited longer than a minute for a training step."""


class Run(NamedTuple):
    """A trainer and what belongs to it; ``Session.undo`` returns to a former one."""

    trainer: LiveTrainer
    settings: Settings
    text: str
    file: str


class Session:
    """One run, which any number of subscribers receive.

    A worker thread trains the model and serves requests between steps. Requests therefore never see a model in
    mid-step and wait at most one step.

    Parameters
    ----------
    settings : Settings
        The first settings of the run.
    text : str
        The training text.
    idle_timeout : float
        Seconds without a subscriber after which training pauses.
    """

    def __init__(self, settings: Settings, text: str, idle_timeout: float = 60.0) -> None:
        self.settings, self.text, self.file = settings, text, ""
        self.temperature, self.is_learning, self.problem, self.note = 0.7, False, "", ""
        self.is_closed = False
        self._idle_timeout, self._idle_since = idle_timeout, time.monotonic()
        self._has_started = False
        self.former: Run | None = None
        self._requests: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._progress_time = self._samples_time = 0.0
        self._samples_interval = _SAMPLES_INTERVAL
        self._last = (0.0, 0, 0)
        self._subscribers = 0
        self._changed = threading.Condition()
        self._parts: dict[str, tuple[int, Any]] = {}
        self._version = 0
        self.trainer: LiveTrainer
        self.trainer = make_trainer(settings, text)
        self._show(self.trainer)
        self._thread = threading.Thread(target=self._work, name="recurrent-page", daemon=True)
        self._thread.start()

    # ---- calls from any thread

    def call(self, function: Callable[[], Any]) -> Any:
        """Calls a function on the worker thread, between two steps, and returns its result.

        A model in training must be read this way: its objects serve one thread at a time.

        Raises
        ------
        SessionTimeout
            If a step takes longer than a minute.
        RuntimeError
            If the run has ended. Errors of the function are raised as they are.
        """
        if self.is_closed:
            raise RuntimeError("the run has ended")
        if threading.current_thread() is self._thread:  # a call within a call
            return function()
        future: Future[Any] = Future()
        self._requests.put((function, future))
        try:
            return future.result(_TIMEOUT)
        except FutureTimeout:
            if future.done():  # the function's own timeout
                raise
            raise SessionTimeout("the network is in a long step: try again later") from None

    def subscribe(self) -> Subscriber:
        """Returns a subscriber, until its ``close``; the first one starts the training."""
        with self._changed:
            self._subscribers += 1
        if not self._has_started:
            self._has_started = True
            self._requests.put((self.resume, Future()))
        return Subscriber(self)

    def unsubscribe(self) -> None:
        """Counts a subscriber less."""
        with self._changed:
            self._subscribers -= 1
            self._idle_since = time.monotonic()

    def close(self) -> None:
        """Ends the run."""
        self.is_closed = True
        self._requests.put((lambda: None, Future()))
        with self._changed:
            self._changed.notify_all()
        self._thread.join(10)

    # ---- calls from the worker thread

    def resume(self) -> None:
        """Starts training, or continues it."""
        self.trainer.check_resumable()
        self.is_learning, self.problem, self.note = True, "", self.trainer.note
        self.publish_run()

    def pause(self) -> None:
        """Pauses training."""
        self.is_learning = False
        self.publish_run()
        self.publish_progress()
        self.publish_samples()

    def replace(self, run: Run, is_learning: bool = False) -> None:
        """Puts a run in place of the present one, to which ``undo`` returns; a saved model starts paused.

        A model of less than a minute's training does not replace a former one of more.
        """
        present, former = self.run, self.former
        is_short = present.trainer.seconds < _WORTH_KEEPING
        is_kept = former is None or not is_short or former.trainer.seconds < _WORTH_KEEPING
        # a model that takes another text is the same model
        if run.trainer.model is not present.trainer.model and is_kept:
            self.former = present
        self.trainer, self.settings, self.text, self.file = run
        self.is_learning = is_learning
        self._show(self.trainer)

    def undo(self) -> None:
        """Returns to the run before the last replacement, paused; the present one becomes the former one.

        Raises
        ------
        ValueError
            If no run was replaced.
        """
        former, self.former = self.former, None
        if former is None:
            raise ValueError("former model is missing; expected one that was replaced, got none")
        self.replace(former)

    @property
    def run(self) -> Run:
        """The present run."""
        return Run(self.trainer, self.settings, self.text, self.file)

    def _show(self, trainer: LiveTrainer) -> None:
        """Publishes a trainer that was put in place."""
        self.problem, self.note = "", trainer.note
        self._last = (trainer.seconds, trainer.step, trainer.characters)
        self._samples_interval = _SAMPLES_INTERVAL
        self.publish_run()
        self.publish_progress()
        self.publish_samples()

    def _work(self) -> None:
        while not self.is_closed:
            trainer = self.trainer
            if not self.is_learning:
                self._handle_request()
                continue
            try:
                trainer.run(lambda trainer=trainer: self._handle_requests(trainer))  # type: ignore[misc]
            except USER_ERRORS as error:
                self.is_learning, self.problem = False, str(error)
                if isinstance(error, ArithmeticError):
                    self.problem += ": lower the learning rate and learn again"
            else:
                if self.trainer is trainer and not self.is_closed:
                    # the million steps of a text model
                    self.is_learning, self.note = False, "all steps are done: learn again to continue"
            self.publish_run()

    def _handle_requests(self, trainer: LiveTrainer) -> bool:
        """Serves all requests, publishes due frames, and waits while paused; returns whether training must end."""
        while True:
            while not self._requests.empty():
                self._handle_request()
            if self.is_closed or self.trainer is not trainer:
                return True
            if self.is_learning and self._is_idle:
                self.is_learning, self.note = False, "paused: no page was open"
                self.publish_run()
            if self.is_learning:
                break
            self._handle_request()
        now = time.monotonic()
        if now - self._progress_time >= _PROGRESS_INTERVAL:
            self.publish_progress()
        if now - self._samples_time >= self._samples_interval:
            self.publish_samples()
        return False

    @property
    def _is_idle(self) -> bool:
        return self._subscribers == 0 and time.monotonic() - self._idle_since > self._idle_timeout

    def _handle_request(self) -> None:
        """Waits for a request and serves it."""
        function, future = self._requests.get()
        try:
            result = function()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    # ---- frames

    def publish_run(self) -> None:
        """Publishes the settings and the state of the run."""
        trainer, s = self.trainer, self.settings
        self._publish("run", {
            "settings": {**asdict(s), "hidden_sizes": ",".join(map(str, s.hidden_sizes))},
            "cells": CELLS if s.cell in CELLS else (*CELLS, s.cell),
            "temperature": self.temperature,
            "learning": self.is_learning,
            "problem": self.problem,
            "note": self.note,
            "waiting": bool(trainer.obstacle),
            "former": None if self.former is None else {"step": self.former.trainer.step},
            "text": self.text[:_PREVIEW] if self.file else self.text,
            "file": self.file,
            "characters": len(self.text),
            "weights": int(trainer.network.parameters.flat.n),
            "vocabulary": len([character for character in trainer.tokens if character]),
        })  # fmt: skip

    def publish_progress(self) -> None:
        """Publishes the progress of the training; speeds are those since the last time."""
        trainer = self.trainer
        seconds, step, characters = self._last
        elapsed = trainer.seconds - seconds
        if elapsed > 0:
            self._last = (trainer.seconds, trainer.step, trainer.characters)
        self._progress_time = time.monotonic()
        steps = trainer.step - step
        self._publish("progress", {
            "step": trainer.step,
            "epoch": round(trainer.epoch, 3),
            "loss": _rounded(trainer.loss),
            "seconds": round(trainer.seconds, 2),
            "seconds_per_step": _rounded(elapsed / steps) if steps and elapsed > 0 else None,
            "characters_per_second": round((trainer.characters - characters) / elapsed) if elapsed > 0 else 0,
            "clipped": _rounded(trainer.clipped),
            "norm": _rounded(trainer.gradient_norm),
        })  # fmt: skip

    def publish_samples(self) -> None:
        """Publishes samples and the saturation of the gates."""
        trainer, start = self.trainer, time.perf_counter()

        def samples(temperature: float, count: int) -> list[list[Any]]:
            texts = [trainer.sample(temperature) for _ in range(count)]
            return [[text, trainer.is_memorized(text)] for text in texts]

        count = 1 if isinstance(trainer, TextTrainer) else 3
        self._publish("samples", {
            "step": trainer.step,
            "argmax": samples(0, 1)[0],
            "samples": samples(self.temperature, 5),
            "by_temperature": [[temperature, samples(temperature, count)] for temperature in TEMPERATURES],
            "saturation": introspection.saturation(trainer, trainer.typical_text()),
        })  # fmt: skip
        # samples take at most a tenth of the time
        self._samples_interval = max(_SAMPLES_INTERVAL, 10 * (time.perf_counter() - start))
        self._samples_time = time.monotonic()

    def _publish(self, part: str, value: Any) -> None:
        with self._changed:
            self._version += 1
            self._parts[part] = (self._version, value)
            self._changed.notify_all()


class Subscriber:
    """Receives every change of a session, never an old one after a newer one."""

    def __init__(self, session: Session) -> None:
        self._session, self._is_open = session, True
        self.restart()

    def restart(self) -> None:
        """Makes the next frame contain everything."""
        with self._session._changed:
            self._version = 0
            self._trainer: LiveTrainer | None = None
            self._curves = {"curve": (-1, 0), "validation": (-1, 0)}
            self._session._changed.notify_all()

    def receive(self, timeout: float) -> str | None:
        """Returns all changes as JSON, or None after ``timeout`` seconds without a change."""
        session = self._session
        with session._changed:
            session._changed.wait_for(lambda: session._version > self._version or session.is_closed, timeout)
            if session._version == self._version:
                return None
            parts = {name: value for name, (at, value) in session._parts.items() if at > self._version}
            self._version, trainer = session._version, session.trainer
            if trainer is not self._trainer:
                self._trainer = trainer
                self._curves = dict.fromkeys(self._curves, (-1, 0))
            if "progress" in parts:
                parts["curve"] = self._points("curve", trainer.curve)
                parts["validation"] = self._points("validation", trainer.validation)
        return json.dumps(parts, ensure_ascii=True, allow_nan=False)

    def _points(self, name: str, curve: Curve) -> dict[str, Any]:
        """Returns the points that this subscriber lacks; they replace those from index ``from`` on."""
        revision, count = self._curves[name]
        # another thread adds at the end of the list, or replaces the list
        now, points = curve.revision, curve.points
        start = count if revision == now else 0
        new = points[start:]
        self._curves[name] = (now, start + len(new))
        return {"from": start, "points": [[x, _rounded(y)] for x, y in new]}

    def close(self) -> None:
        """Ends the subscription."""
        if self._is_open:
            self._is_open = False
            self._session.unsubscribe()


def make_trainer(settings: Settings, text: str) -> LiveTrainer:
    """Returns a trainer of a new model, of the kind in the settings."""
    return (SentenceTrainer if settings.kind == "sentences" else TextTrainer)(settings, text)


def _rounded(value: float) -> float | None:
    """Returns four digits; None for NaN and infinities, which JSON lacks."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
