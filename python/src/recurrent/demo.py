"""The demo, ``python -m recurrent.demo``: a small network learns sentences by heart, letter by letter."""

from __future__ import annotations

import argparse
import csv
import errno
import importlib
import io
import math
import os
import re
import shutil
import sys
import textwrap
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import SentenceModel, __version__

CORPUS = Path(__file__).with_name("corpus") / "sentences.txt"
LARGEST_TEXT = 64 << 20  # bytes
LONGEST_SENTENCE = 200  # letters
DRAWS = 50  # samples at each temperature
MILESTONES = [0, 1, 2, 4, 7, 12, 20, 30, 40, 50, 60, 70, 80, 90]  # percent, for lines of the diary
RECURRENTJS = {"cell": "lstm", "hidden": [20, 20], "letter_size": 5, "schedule": "constant"}
RECURRENTJS |= {"learning_rate": 0.01, "regc": 1e-6, "clip": 5.0}


class RefusalError(Exception):
    """What was asked for cannot be done; the message is one sentence for the user."""


def read_sentences(path: Path) -> tuple[list[str], str]:
    """The sentences of a text, one a line, and a note on what was done to get them ('' if nothing).

    A line of more than 200 letters is split where its sentences end, and a piece still longer between words.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_TEXT + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"line {raw.count(10, 0, error.start) + 1} has the byte 0x{raw[error.start]:02x}"
        raise RefusalError(f"{path} is not UTF-8 text: {place}") from None
    except (OSError, ValueError) as error:
        raise RefusalError(f"cannot read {path}: {reason(error)}") from None
    if len(raw) > LARGEST_TEXT:
        raise RefusalError(f"{path} is larger than {LARGEST_TEXT >> 20} MB, the most this demo reads")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise RefusalError(f"{path} has no letters in it: there is nothing to learn")
    sentences: list[str] = []
    for line in lines:
        pieces = re.split(r"(?<=[.!?;])\s+", line) if len(line) > LONGEST_SENTENCE else [line]
        for piece in pieces:
            sentences += textwrap.wrap(piece, LONGEST_SENTENCE) if len(piece) > LONGEST_SENTENCE else [piece]
    long = sum(len(line) > LONGEST_SENTENCE for line in lines)
    note = f"lines of more than {LONGEST_SENTENCE} letters, split into sentences: {long:,} of {len(lines):,}"
    return sentences, note if long else ""


class Point(NamedTuple):
    """A point of the perplexity curve."""

    tick: int
    epoch: float
    seconds: float
    letters: int
    learning_rate: float
    perplexity: float
    by_heart: int


class Lesson:
    """A model that is taught sentences, one a tick, in an order shuffled anew each epoch.

    Which of N different sentences comes cannot be known: that costs ln N; the rest costs nothing to one who
    knows them all. A sentence counts as known by heart when the model gives it at least a third of its fair
    share 1/N, which is a cost of ln N + ln 3 or less.
    """

    def __init__(self, sentences: list[str], options: argparse.Namespace) -> None:
        o = self.options = options
        self.sentences = sentences
        self.model = SentenceModel(sentences, o.cell, o.hidden, o.letter_size, o.dtype, rng=o.seed)
        copies = Counter(sentences)
        self.fair_cost = np.array([math.log(len(sentences) / copies[sentence]) for sentence in sentences])
        self.floor = float(np.median(np.exp(self.fair_cost / [len(sentence) + 1 for sentence in sentences])))
        self.most_ticks = (o.epochs or math.inf) * len(sentences)
        self.lap = min(len(sentences), 100)  # a point of the curve is a median over this many ticks
        self.tick = self.letters = 0
        self.seconds = self.learning_rate = 0.0
        self.excess = np.full(len(sentences), np.inf)  # cost above the fair cost when last seen
        self.perplexities: deque[float] = deque(maxlen=self.lap)
        self.curve: list[Point] = []

    @property
    def progress(self) -> float:
        """The share that is gone of the ticks or of the seconds allowed, whichever is larger.

        The first tenth of the seconds does not count: where ticks are the tighter bound, a slow start must
        not make one run differ from another.
        """
        seconds = self.seconds / (self.options.seconds or math.inf)
        return max(self.tick / self.most_ticks, (seconds - 0.1) / 0.9, 0)

    @property
    def speed(self) -> float:
        """Letters per second."""
        return self.letters / max(self.seconds, 1e-9)

    def teach(self, watch: Callable[[Lesson], None]) -> str:
        """Go on until all is known by heart three epochs running, time is up or Ctrl-C; returns which.

        Raises
        ------
        FloatingPointError
            If training diverges.
        """
        order, start, steady = np.random.default_rng(self.options.seed), time.perf_counter(), 0
        try:
            while steady < 3:
                for k in order.permutation(len(self.sentences)).tolist():
                    self._learn(k)
                    self.seconds = time.perf_counter() - start
                    if self.tick % self.lap == 0:
                        self._add_point()
                    watch(self)
                    if self.progress >= 1:
                        return "Time is up"
                steady = steady + 1 if self._by_heart() == len(self.sentences) else 0
            return "Done"
        except KeyboardInterrupt:
            return "Stopped"
        finally:
            if self.perplexities and self.tick % self.lap:
                self._add_point()

    def _learn(self, k: int) -> None:
        o = self.options
        self.learning_rate = o.learning_rate
        if o.schedule == "linear":
            # the solver begins with an empty cache, which makes its first step 32 times too long: undo that
            gentle_start = math.sqrt(1 - self.model.solver.decay_rate ** (self.tick + 1))
            self.learning_rate *= (1 - self.progress) * gentle_start
        result = self.model.tick(self.sentences[k], self.learning_rate, o.regc, o.clip)
        if not math.isfinite(result.perplexity):
            raise FloatingPointError(f"perplexity {result.perplexity}")
        self.tick += 1
        self.letters += len(self.sentences[k])
        self.excess[k] = result.cost - self.fair_cost[k]
        self.perplexities.append(result.perplexity)

    def _by_heart(self) -> int:
        return int(np.count_nonzero(self.excess <= math.log(3)))

    def _add_point(self) -> None:
        epoch, perplexity = self.tick / len(self.sentences), float(np.median(self.perplexities))
        position = (self.tick, epoch, self.seconds, self.letters)
        self.curve.append(Point(*position, self.learning_rate, perplexity, self._by_heart()))

    def examine(self) -> tuple[float, float]:
        """The median perplexity now and the share known by heart; over 2000 sentences if there are more."""
        chosen = range(0, len(self.sentences), math.ceil(len(self.sentences) / 2000))
        costs = [self.model.cost(self.sentences[k]) for k in chosen]
        known = [cost.cost - self.fair_cost[k] <= math.log(3) for cost, k in zip(costs, chosen)]
        return float(np.median([cost.perplexity for cost in costs])), float(np.mean(known))

    def write(self, temperature: float | None, rng: np.random.Generator | None = None) -> str:
        """A sentence by the model; without a temperature, its likeliest letters."""
        longest = 20 + max(map(len, self.sentences))
        return self.model.predict(temperature is not None, temperature or 1.0, longest, rng=rng)


class Screen:
    """What is seen while a lesson goes on: a diary with samples, and a progress bar below it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.quiet = options.quiet
        self.temperature = sorted(options.temperatures)[len(options.temperatures) // 2]
        terminal = sys.stdout.isatty()
        self.colors = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.width = min(shutil.get_terminal_size().columns, 110) if terminal else 110
        self.milestones = MILESTONES
        self.tqdm = optional("tqdm") if terminal and not self.quiet else None
        self.bar: Any = None

    def paint(self, text: str, code: int) -> str:
        """The text in bold (1), dim (2) or green (32), where the terminal has colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colors else text

    def fit(self, text: str, indent: int) -> str:
        """The text on what is left of a line, without control characters."""
        text = "".join(letter if letter.isprintable() else "·" for letter in text)
        room = max(self.width - indent - 1, 1)
        return text if len(text) <= room else text[: room - 1] + "…"

    def open(self) -> None:
        """Begin the diary."""
        if not self.quiet:
            columns = "  epoch  perplexity  by heart  letters/s  "
            print(self.paint(f"{columns}a sample at temperature {self.temperature:g}", 2), flush=True)
        if self.tqdm:
            self.bar = self.tqdm.tqdm(total=1, leave=False, file=sys.stdout, dynamic_ncols=True)
            self.bar.bar_format = "  {percentage:3.0f}% {bar:12} {desc}"

    def watch(self, lesson: Lesson) -> None:
        """Show how the lesson stands, as often as is pleasant."""
        if self.quiet or not lesson.curve:
            return
        point, progress = lesson.curve[-1], lesson.progress
        if point.tick == lesson.tick and 100 * progress >= min(self.milestones, default=math.inf):
            self.milestones = [milestone for milestone in self.milestones if 100 * progress < milestone]
            row = f"{round(point.epoch, 2):7.6g}  {point.perplexity:10.3f}  "
            row += f"{point.by_heart:8,}  {lesson.speed:9,.0f}  "
            row += self.fit(lesson.write(self.temperature), len(row))
            self.bar.write(row) if self.bar else print(row, flush=True)
        if self.bar is not None and progress > self.bar.n + 0.002:
            known = f"{point.by_heart:,} of {len(lesson.sentences):,} by heart"
            text = f"perplexity {point.perplexity:.3f}, {known}, {lesson.speed:,.0f} letters/s"
            self.bar.set_description_str(text, refresh=False)
            self.bar.update(min(progress, 1) - self.bar.n)

    def close(self) -> None:
        """End the diary; the progress bar goes."""
        if self.bar is not None:
            self.bar.close()
        if not self.quiet:
            print(flush=True)


def optional(name: str) -> Any:
    """A module, or None where there is none."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def reason(error: Exception) -> str:
    """What went wrong, as the end of a sentence."""
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)


def introduce(lesson: Lesson, screen: Screen, note: str) -> None:
    """Say what is about to happen."""
    o, count = lesson.options, len(lesson.sentences)
    task = f"learning {count:,} sentence{'s' * (count != 1)} by heart, letter by letter"
    letters = f"{sum(map(len, lesson.sentences)):,} letters"
    kinds = f"{len(lesson.model.letter_to_index):,} different ones"
    weights = f"{lesson.model.parameters.flat.n:,} {o.dtype} weights"
    rate = f"learning rate {o.learning_rate:g}" + (" falling to 0" if o.schedule == "linear" else "")
    bounds = " or ".join(f"{n:,g} {unit}" for n, unit in ((o.epochs, "epochs"), (o.seconds, "seconds")) if n)
    print(screen.paint(f"\nrecurrent {__version__}: {task}\n", 1))
    print(f"  text      {o.text or 'the sentences that come with it'}: {letters}, {kinds}")
    print(f"            {note}\n" if note else "", end="")
    print(f"  network   {o.cell} {o.hidden}, letter vectors of {o.letter_size}: {weights}, seed {o.seed}")
    print(f"  training  {rate}, at most {bounds}")
    print("            Ctrl-C ends it early and still saves\n")


def report(lesson: Lesson, screen: Screen, ended: str) -> str:
    """Say what came of the lesson, with the argmax sentence and samples; returns it without colours."""
    corpus, (perplexity, known) = set(lesson.sentences), lesson.examine()
    share = "all" if known == 1 else f"{math.floor(100 * known)} %"
    taken = f"{round(lesson.tick / len(lesson.sentences), 2):.6g} epochs, {lesson.seconds:.3g} s"
    lines = [f"{ended}: {share} known by heart after {taken}, {lesson.speed:,.0f} letters/s"]
    why = f"at best {lesson.floor:.3f}, as which sentence comes cannot be known"
    lines += [f"median perplexity {perplexity:.3f}; {why}"]
    if ended == "Time is up" and known < 1:
        lines += ["what helps: more time (--seconds 600), a larger network (--hidden 100,100)"]
    rng = np.random.default_rng(lesson.options.seed)
    for temperature in [None, *lesson.options.temperatures]:
        drawn = [lesson.write(temperature, rng) for _ in range(DRAWS if temperature else 1)]
        hits = f"{sum(text in corpus for text in drawn)} of {DRAWS}"
        meaning = f"temperature {temperature or 0:g}: {hits} are sentences of the text, word for word (✓)"
        lines += ["", meaning if temperature else "argmax, the likeliest letters"]
        distinct = list(dict.fromkeys(drawn))[:5]
        lines += [f"  {'✓' if text in corpus else ' '} {screen.fit(text, 4)}" for text in distinct]
    for number, line in enumerate(lines):
        print(screen.paint(line, 1 if number == 0 else 32) if number == 0 or "✓" in line[:4] else line)
    return "\n".join(lines) + "\n"


def chart(lesson: Lesson, screen: Screen) -> str:
    """The perplexity curve drawn by plotext 6; '' where it is missing or there is no curve yet."""
    plotext = optional("plotext")
    if not hasattr(plotext, "figure") or len(lesson.curve) < 2:
        return ""
    epochs, values = zip(*((p.epoch, math.log10(min(p.perplexity, 1e9))) for p in lesson.curve))
    top = max(*values, 0.1)
    marks = [mark for mark in (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000) if math.log10(mark) <= top]
    figure = plotext.figure.clear().plot_size(min(screen.width, 84), 16).theme("colorless")
    figure.title("median perplexity by epoch")
    figure.ruler("y", "left").lim(0, top).ticks([*map(math.log10, marks)], [f"{mark:g}" for mark in marks])
    places = [
        round(place, 2 if epochs[-1] < 10 else None) for place in np.linspace(0, epochs[-1], 7).tolist()
    ]
    figure.ruler("x", "lower").lim(0, epochs[-1]).ticks(places, [f"{place:.6g}" for place in places])
    figure.draw(figure.signal(epochs, values, marker="braille").lines())
    return "\n".join(line.rstrip() for line in figure.build().string(colorless=True).splitlines())


def save_png(lesson: Lesson, path: Path) -> bool:
    """Draw the perplexity curve; False where matplotlib is missing or there is no curve yet."""
    if optional("matplotlib") is None or not lesson.curve:
        return False
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(7.5, 4.2), layout="constrained")
    axes, ticker = figure.subplots(), importlib.import_module("matplotlib.ticker")
    last, gray = lesson.curve[-1], "#888888"
    axes.plot([p.epoch for p in lesson.curve], [p.perplexity for p in lesson.curve], color="#1f6fb2", lw=1.5)
    axes.axhline(lesson.floor, color=gray, lw=1, ls="--", label=f"at best {lesson.floor:.3f}")
    axes.plot(last.epoch, last.perplexity, "o", ms=5, color="#1f6fb2", label=f"reached {last.perplexity:.3f}")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.set_ylim(bottom=1)
    axes.set_title(f"Learning {len(lesson.sentences):,} sentences by heart, letter by letter", loc="left")
    axes.set_xlabel("epoch")
    axes.set_ylabel("median perplexity, log scale")
    axes.grid(axis="y", color="#e6e6e6")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    return True


def save(lesson: Lesson, text: str, folder: Path) -> None:
    """Write the files and say which."""
    lesson.model.save_recurrentjs(folder / "model.json")
    (folder / "samples.txt").write_text(text, encoding="utf-8")
    with (folder / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([Point._fields, *lesson.curve])
    drawn = save_png(lesson, folder / "curve.png")
    print(f"\nsaved in {folder}:")
    print("  model.json   the network and its solver, as RecurrentJS saves them")
    print("  samples.txt  what it wrote")
    print("  curve.csv    the perplexity curve" + "\n  curve.png    the same, drawn" * drawn)


def at_least(low: float, many: bool = False) -> Callable[[str], Any]:
    """A reader of numbers of low's type from a flag; with many, of a list between commas."""

    def read(value: str) -> Any:
        try:
            numbers = [type(low)(part) for part in (value.split(",") if many else [value])]
        except ValueError:
            numbers = []
        if not numbers or not all(low <= number < math.inf for number in numbers):
            kind = ("an integer" if isinstance(low, int) else "a number") + f" of at least {low:g}"
            also = ", or several between commas" if many else ""
            raise argparse.ArgumentTypeError(f"expected {kind}{also}, got {value!r}")
        return numbers if many else numbers[0]

    return read


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. ``--recurrentjs`` only changes defaults: flags beside it hold."""
    parser = argparse.ArgumentParser(
        prog="python -m recurrent.demo",
        description="Teach a small recurrent network sentences by heart, letter by letter, and let it write.",
        epilog="Through make: make demo TEXT=path FLAGS='--seed 2'. "
        "The same seed gives the same run, as long as --epochs ends it before --seconds does.",
    )
    flag = parser.add_argument
    flag("--text", type=Path, metavar="PATH", help="learn this instead: UTF-8, a sentence a line")
    flag("--cell", choices=("lstm", "rnn"), default="lstm", help="the kind of layer (lstm)")
    flag("--dtype", choices=("float32", "float64"), default="float32", help="the type of numbers (float32)")
    schedule = "linear: the learning rate starts gently and falls to 0; constant: it stays (linear)"
    flag("--schedule", choices=("linear", "constant"), default="linear", help=schedule)
    for name, default, kind, text in (
        ("--hidden", "40,40", at_least(1, many=True), "the width of each layer"),
        ("--letter-size", "10", at_least(1), "numbers per letter vector"),
        ("--learning-rate", "0.01", at_least(0.0), "the solver's step size"),
        ("--regc", "1e-6", at_least(0.0), "regularization"),
        ("--clip", "5", at_least(1e-9), "bound on each gradient"),
        ("--temperatures", "0.3,0.7,1", at_least(0.01, many=True), "of samples: low is careful, high wild"),
        ("--seed", "1", at_least(0), "of all that is random"),
        ("--out", "out", Path, "the folder to save in"),
    ):
        metavar = "DIR" if kind is Path else "N,N" if "," in default else "N"
        flag(name, type=kind, default=default, metavar=metavar, help=f"{text} ({default})")
    flag(
        "--epochs",
        type=at_least(1),
        metavar="N",
        help="most times through the text (300; 3000 at a constant rate; more if tiny)",
    )
    flag("--seconds", type=at_least(0.01), metavar="N", help="most time (120; no bound beside --epochs)")
    page = "RecurrentJS's own: --hidden 20,20 --letter-size 5 --schedule constant, the rest as above"
    flag("--recurrentjs", action="store_true", help=page)
    flag("--quiet", action="store_true", help="say only what came of it")
    if parser.parse_known_args(arguments)[0].recurrentjs:
        parser.set_defaults(**RECURRENTJS)
    return parser.parse_args(arguments)


def prepare(options: argparse.Namespace) -> tuple[Lesson, str]:
    """The lesson that the options ask for, and a note on its text."""
    sentences, note = read_sentences(options.text or CORPUS)
    if options.epochs is None and options.seconds is None:
        epochs = max(300 if options.schedule == "linear" else 3000, math.ceil(10_000 / len(sentences)))
        options.epochs, options.seconds = epochs, 120.0
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        if not os.access(options.out, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")
    except OSError as error:
        raise RefusalError(f"cannot save in {options.out}: {reason(error)}") from None
    try:
        return Lesson(sentences, options), note
    except (TypeError, ValueError, MemoryError) as error:
        raise RefusalError(reason(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo: 0 if it went well, 1 if training diverged or saving failed, 2 if it could not begin."""
    options = parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        lesson, note = prepare(options)
    except RefusalError as refusal:
        return complain(f"{refusal}", 2)
    screen = Screen(options)
    if not options.quiet:
        introduce(lesson, screen, note)
    screen.open()
    try:
        ended = lesson.teach(screen.watch)
    except FloatingPointError:
        lower = f"try --learning-rate {min(options.learning_rate / 3, 0.01):.1g}"
        return complain(f"training diverged in tick {lesson.tick + 1:,}: {lower}", 1)
    finally:
        screen.close()
    text = report(lesson, screen, ended)
    if not options.quiet and (drawing := chart(lesson, screen)):
        print(f"\n{drawing}")
    try:
        save(lesson, text, options.out)
    except (OSError, FloatingPointError) as error:
        return complain(f"cannot save in {options.out}: {reason(error)}", 1)
    return 0


def complain(problem: str, status: int) -> int:
    """Say one sentence where errors go; returns the exit status."""
    print(f"recurrent.demo: {problem}", file=sys.stderr)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # nobody reads on, as in `make demo | head`
        os._exit(1)
