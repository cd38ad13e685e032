"""The desk: owns the run, does what the page asks for, and tells all who watch."""

from __future__ import annotations

import json
import math
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..recurrentjs.sentence_model import SentenceModel
from ..text.model import TextModel
from . import insight
from .learners import TEMPERATURES, Learner, Sentences, Text
from .settings import LARGEST_TEXT, Settings, number, whole, words

PRETRAINED = Path(__file__).with_name("pretrained.json")
_FRAMES, _SAMPLES = 0.1, 1.0  # seconds from one to the next
_WAIT = 60.0  # seconds for an answer
_PREVIEW = 2_000  # characters of an opened file that the page shows
# what is the user's to mend; anything else is a bug
MENDABLE = (ArithmeticError, IndexError, KeyError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
Reply = tuple[dict[str, Any], "bytes | None"]


class Desk:
    """One run that any number of pages watch.

    A thread of its own learns, and between two ticks does what is asked of it: so nobody ever touches a model that is
    being trained, and whoever asks waits for one step at most.

    Parameters
    ----------
    settings : Settings
        What the page begins with.
    text : str
        Likewise: what there is to learn.
    patience : float
        Seconds without anybody watching after which learning pauses.
    """

    def __init__(self, settings: Settings, text: str, patience: float = 60.0) -> None:
        self.settings, self.text, self.file = settings, text, ""
        self.temperature, self.learning, self.problem, self.note = 0.7, False, "", ""
        self._patience, self._alone = patience, time.monotonic()
        self._untouched = True
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._told = self._sampled = 0.0
        self._pause_between_samples = _SAMPLES
        self._last = (0.0, 0, 0)
        self._watchers = 0
        self._news = threading.Condition()
        self._parts: dict[str, tuple[int, Any]] = {}
        self._version = 0
        self.is_closed = False
        self.learner: Learner | None = None
        self._set(Sentences(settings, text) if settings.kind == "sentences" else Text(settings, text))
        self._thread = threading.Thread(target=self._work, name="recurrent-page", daemon=True)
        self._thread.start()

    # ---- what pages call, from any thread

    def do(self, name: str, arguments: Mapping[str, Any], data: bytes | None = None) -> Reply:
        """Do one of the actions below and answer.

        Raises
        ------
        ValueError and others of ``MENDABLE``
            With a sentence for the page; the run is as it was.
        """
        action = _ACTIONS.get(name)
        if action is None:
            raise ValueError(f"there is no action {name[:40]!r}")
        if not isinstance(arguments, Mapping):
            raise ValueError("an action takes an object")
        reply: Reply = self.ask(lambda: action(self, arguments, data))
        return reply

    def ask(self, look: Callable[[], Any]) -> Any:
        """What a function returns that the learning thread calls between two ticks.

        The one way to read a model that is being trained: its objects are one thread's at a time.

        Raises
        ------
        RuntimeError
            The run has ended, or a step takes longer than a minute; else what the function raises.
        """
        if self.is_closed:
            raise RuntimeError("the run has ended")
        if threading.current_thread() is self._thread:  # asked by what was asked
            return look()
        future: Future[Any] = Future()
        self._jobs.put((look, future))
        try:
            return future.result(_WAIT)
        except Late:
            raise RuntimeError("the network is busy with a long step: try again in a while") from None

    def watch(self) -> Watcher:
        """Somebody who looks on until ``close``; the first one starts a run that nobody has touched yet."""
        with self._news:
            self._watchers += 1
        if self._untouched:
            self._untouched = False
            self._jobs.put((self._resume, Future()))
        return Watcher(self)

    def close(self) -> None:
        """End the run."""
        self.is_closed = True
        self._jobs.put((lambda: None, Future()))
        with self._news:
            self._news.notify_all()
        self._thread.join(10)

    # ---- the thread that learns

    def _work(self) -> None:
        while not self.is_closed:
            learner = self.learner
            assert learner is not None
            if not self.learning:
                self._do_one()
                continue
            try:
                learner.run(lambda learner=learner: self._between(learner))  # type: ignore[misc]
            except MENDABLE as error:
                self._fail(error)
            else:
                if self.learner is learner and not self.is_closed:
                    # a text model's million steps are made
                    self.learning, self.note = False, "all steps are made: learn again to go on"
            self._tell_run()

    def _between(self, learner: Learner) -> bool:
        while True:
            while not self._jobs.empty():
                self._do_one()
            if self.is_closed or self.learner is not learner:
                return True
            if self.learning and self._watchers == 0 and time.monotonic() - self._alone > self._patience:
                self.learning, self.note = False, "paused: nobody was watching"
                self._tell_run()
            if self.learning:
                break
            self._do_one()
        now = time.monotonic()
        if now - self._told >= _FRAMES:
            self._tell_progress()
        if now - self._sampled >= self._pause_between_samples:
            self._tell_samples()
        return False

    def _do_one(self) -> None:
        """Wait for something to do, and do it."""
        job, future = self._jobs.get()
        try:
            reply = job()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(reply)

    def _set(self, learner: Learner) -> None:
        self.learner, self.problem, self._last = learner, "", (0.0, 0, 0)
        self.note = getattr(learner, "note", "")
        self._pause_between_samples = _SAMPLES
        self._tell_run()
        self._tell_progress()
        self._tell_samples()

    def _fail(self, error: Exception) -> None:
        self.learning, self.problem = False, str(error)
        if isinstance(error, ArithmeticError):
            self.problem += ": lower the learning rate and learn again"

    # ---- telling

    def _tell(self, part: str, value: Any) -> None:
        with self._news:
            self._version += 1
            self._parts[part] = (self._version, value)
            self._news.notify_all()

    def _tell_run(self) -> None:
        learner = self.learner
        assert learner is not None
        model: Any = learner.model  # type: ignore[attr-defined]
        self._tell("run", {
            "settings": {**asdict(self.settings), "hidden_sizes": ",".join(map(str, self.settings.hidden_sizes))},
            "temperature": self.temperature,
            "learning": self.learning,
            "problem": self.problem,
            "note": self.note,
            "text": self.text[:_PREVIEW] if self.file else self.text,
            "file": self.file,
            "characters": len(self.text),
            "weights": int(model.parameters.flat.n),
            "letters": len([name for name in learner.names if name]),
        })  # fmt: skip

    def _tell_progress(self) -> None:
        learner = self.learner
        assert learner is not None
        seconds, ticks, letters = self._last
        passed = learner.seconds - seconds
        if passed > 0:
            self._last = (learner.seconds, learner.tick, learner.letters)
        self._told = time.monotonic()
        self._tell("progress", {
            "tick": learner.tick,
            "epoch": round(learner.epoch, 3),
            "loss": _plain(learner.now),
            "seconds": round(learner.seconds, 2),
            "per_tick": _plain(passed / (learner.tick - ticks)) if learner.tick > ticks else None,
            "letters_per_second": round((learner.letters - letters) / passed) if passed > 0 else 0,
            "clipped": _plain(learner.clipped),
            "norm": _plain(learner.norm),
        })  # fmt: skip

    def _tell_samples(self) -> None:
        learner = self.learner
        assert learner is not None
        began = time.perf_counter()

        def some(temperature: float, count: int) -> list[list[Any]]:
            written = [learner.write(temperature) for _ in range(count)]
            return [[text, learner.is_known(text)] for text in written]

        is_text = isinstance(learner, Text)
        self._tell("samples", {
            "tick": learner.tick,
            "argmax": some(0, 1)[0],
            "five": some(self.temperature, 5),
            "beside": [[temperature, some(temperature, 1 if is_text else 3)] for temperature in TEMPERATURES],
            "saturation": insight.saturation(learner, self._typical(learner)),
        })  # fmt: skip
        # no more than a tenth of the time
        self._pause_between_samples = max(_SAMPLES, 10 * (time.perf_counter() - began))
        self._sampled = time.monotonic()

    def _typical(self, learner: Learner) -> str:
        known = set(learner.names)
        if isinstance(learner, Sentences):
            return learner.sentences[0] if learner.sentences else ""
        return "".join(letter for letter in self.text[-400:] if letter in known)

    # ---- actions: each answers, or raises and leaves all as it was

    def _learn(self, arguments: Mapping[str, Any], data: bytes | None) -> Reply:
        settings = self.settings.changed(arguments.get("settings", {}))
        text, file = self.text, self.file
        if "text" in arguments:
            text, file = words(arguments["text"], "text", LARGEST_TEXT), ""
        kind = Sentences if settings.kind == "sentences" else Text
        learner = kind(settings, text)
        self.text, self.file = text, file
        return self._take(learner, settings, learning=True)

    def _resume(self, *_: Any) -> Reply:
        if isinstance(self.learner, Sentences) and not self.learner.sentences:
            raise ValueError(
                "no sentence of the text can be spelled with this model's letters: change the text"
            )
        self.learning, self.problem = True, ""
        self.note = getattr(self.learner, "note", "")
        self._tell_run()
        return {}, None

    def _pause(self, *_: Any) -> Reply:
        self.learning = False
        self._tell_run()
        self._tell_progress()
        self._tell_samples()
        return {}, None

    def _change(self, arguments: Mapping[str, Any], *_: Any) -> Reply:
        """The sliders, which act at once."""
        sliders = {name: arguments[name] for name in ("learning_rate", "regc", "clip") if name in arguments}
        settings = self.settings.changed(sliders)
        temperature = self.temperature
        if "temperature" in arguments:
            temperature = number(arguments["temperature"], "temperature", 0, 10, above=True)
        assert self.learner is not None
        self.learner.change(replace(self.learner.settings, **{n: getattr(settings, n) for n in sliders}))
        self.settings = settings
        if temperature != self.temperature:
            self.temperature = temperature
            self._tell_samples()
        self._tell_run()
        return {}, None

    def _save(self, *_: Any) -> Reply:
        """The model as RecurrentJS's JSON."""
        if not isinstance(self.learner, Sentences):
            raise ValueError(
                "a model of running text is no RecurrentJS model: download its checkpoint instead"
            )
        return {"json": self.learner.save()[1].decode()}, None

    def _download(self, *_: Any) -> Reply:
        """The model as a file."""
        assert self.learner is not None
        name, data = self.learner.save()
        return {"name": name}, data

    def _load(self, arguments: Mapping[str, Any], *_: Any) -> Reply:
        """A model from RecurrentJS's JSON."""
        return self._take_json(words(arguments.get("json"), "model", LARGEST_TEXT).encode())

    def _pretrained(self, *_: Any) -> Reply:
        """The model that ships; it has learned the sentences that ship."""
        # it knows its sentences: larger steps than this would throw it off
        return self._take_json(PRETRAINED.read_bytes(), learning_rate=0.001)

    def _take_json(self, data: bytes, **more: Any) -> Reply:
        model = _through_a_file(data, lambda path: SentenceModel.load_recurrentjs(path, "float32"))
        settings = replace(
            self.settings, kind="sentences", cell={"rnn_relu": "rnn"}.get(model.cell, model.cell), hidden_sizes=model.hidden_sizes,
            letter_size=model.letter_size, **more,
        )  # fmt: skip
        return self._take(Sentences(settings, self.text, model), settings)

    def _open(self, arguments: Mapping[str, Any], data: bytes | None) -> Reply:
        """A file: a text to learn, a model's JSON, or a checkpoint."""
        name = words(arguments.get("name", "file"), "file name", 1000)
        if data is None:
            raise ValueError("open: expected a file")
        if name.endswith(".json"):
            return self._take_json(data)
        if name.endswith(".safetensors"):
            model = _through_a_file(data, TextModel.load)
            if model.tokenizer != "characters" or model.optimizer is None:
                raise ValueError(f"{name}: expected a text model over characters that has learned")
            layers, width = model.hidden_sizes, model.embedding or 0
            settings = replace(
                self.settings,
                kind="text",
                cell={"rnn_tanh": "rnn"}.get(model.cell, model.cell),
                hidden_sizes=layers,
                letter_size=width,
            )
            settings = replace(settings, learning_rate=model.optimizer.learning_rate)
            return self._take(Text(settings, self.text, model), settings)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name} is not UTF-8 text: byte {error.start:,} is 0x{data[error.start]:02x}"
            ) from None
        settings = self.settings.changed({"kind": "text", **arguments.get("settings", {})})
        learner = Text(settings, text)
        self.text, self.file = text, name
        return self._take(learner, settings, learning=True)

    def _take(self, learner: Learner, settings: Settings, learning: bool = False) -> Reply:
        """Put a learner in the present one's place; one that was saved waits."""
        self.settings, self.learning = settings, learning
        self._set(learner)
        return {}, None

    def _continue(self, arguments: Mapping[str, Any], *_: Any) -> Reply:
        """What it writes after a prompt."""
        prompt = words(arguments.get("prompt", ""), "prompt", 10_000)
        temperature = number(arguments.get("temperature", self.temperature), "temperature", 0, 10)
        most = whole(arguments.get("letters", 200), "letters", 1, 2_000)
        assert self.learner is not None
        return {"text": insight.goes_on(self.learner, prompt, temperature, most)}, None

    def _expect(self, arguments: Mapping[str, Any], *_: Any) -> Reply:
        """What it expects next."""
        prompt = words(arguments.get("prompt", ""), "prompt", 10_000)
        assert self.learner is not None
        return {"guesses": insight.guesses(self.learner, prompt)}, None

    def _colour(self, arguments: Mapping[str, Any], *_: Any) -> Reply:
        """A text coloured by one unit."""
        text = words(arguments.get("text", ""), "text to colour", 5_000)
        tap, unit = (
            words(arguments.get("tap", ""), "tap", 10),
            whole(arguments.get("unit", 0), "unit", 0, 1 << 20),
        )
        assert self.learner is not None
        return insight.colours(self.learner, text or self._typical(self.learner), tap, unit), None

    def _picture(self, *_: Any) -> Reply:
        """The expression graph of one tick."""
        assert self.learner is not None
        return {"svg": insight.picture(self.learner)}, None


_ACTIONS: dict[str, Callable[..., Any]] = {
    "learn": Desk._learn,
    "resume": Desk._resume,
    "pause": Desk._pause,
    "change": Desk._change,
    "save": Desk._save,
    "load": Desk._load,
    "pretrained": Desk._pretrained,
    "download": Desk._download,
    "open": Desk._open,
    "continue": Desk._continue,
    "expect": Desk._expect,
    "colour": Desk._colour,
    "picture": Desk._picture,
}


class Watcher:
    """Somebody who looks on: gets whatever is new, and never an old thing after a newer one."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._is_open = desk, True
        self.forget()

    def forget(self) -> None:
        """Begin from the start: the next frame has everything."""
        self._seen = 0
        self._learner: Learner | None = None
        self._curves = {"curve": (-1, 0), "validation": (-1, 0)}

    def frame(self, wait: float) -> str | None:
        """All that is new, as JSON; None where nothing came within so many seconds."""
        desk = self._desk
        with desk._news:
            desk._news.wait_for(lambda: desk._version > self._seen or desk.is_closed, wait)
            if desk._version == self._seen:
                return None
            fresh = {part: value for part, (version, value) in desk._parts.items() if version > self._seen}
            self._seen = desk._version
            learner = desk.learner
        if learner is not self._learner:
            self._learner = learner
            self._curves = dict.fromkeys(self._curves, (-1, 0))
        if learner is not None and "progress" in fresh:
            for name in self._curves:
                fresh[name] = self._points(name, getattr(learner, name))
        return json.dumps(fresh, ensure_ascii=True, allow_nan=False)

    def _points(self, name: str, curve: Any) -> dict[str, Any]:
        """Those that this watcher has not got yet; ``from`` 0 says to forget the others."""
        edition, count = self._curves[name]
        # the list is replaced as a whole, or grows at its end
        now, points = curve.edition, curve.points
        start = count if edition == now else 0
        fresh = points[start:]
        self._curves[name] = (now, start + len(fresh))
        return {"from": start, "points": [[x, _plain(y)] for x, y in fresh]}

    def close(self) -> None:
        """Look no longer."""
        if self._is_open:
            self._is_open = False
            with self._desk._news:
                self._desk._watchers -= 1
                self._desk._alone = time.monotonic()


def _through_a_file(data: bytes, load: Callable[[Path], Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(data)
        try:
            return load(path)
        except (OSError, ValueError) as error:
            words = str(error).replace(f"'{path}'", "the model").replace(str(path), "the model")
            raise ValueError(words) from None


def _plain(value: float) -> float | None:
    """Four figures for JSON, which has no NaN."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
