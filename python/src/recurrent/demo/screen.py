"""What the terminal shows while the network learns."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import shutil
import sys
from typing import Any

from .._version import __version__
from .lesson import Lesson

MILESTONES = [0, 1, 2, 4, 7, 12, 20, 30, 40, 50, 60, 70, 80, 90]  # percent, for lines of the diary


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
