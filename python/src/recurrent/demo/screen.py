"""Terminal output of the demo during training: a log with samples and a progress bar."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._terminal import OutputError, escaped, optional_module, print_line, printable, writing_output
from .._version import __version__
from .training import TrainingRun

MILESTONES = [0, 1, 2, 4, 7, 12, 20, 30, 40, 50, 60, 70, 80, 90]  # percent, for the lines of the log


class Screen:
    """The log of a run, one line a milestone, with a sample each; and a progress bar below it.

    Parameters
    ----------
    temperatures : list of float
        The temperatures of the samples; the log uses the median.
    quiet : bool
        Show neither.

    Attributes
    ----------
    error : OutputError or None
        Why standard output cannot be written; nothing is printed after it.
    """

    def __init__(self, temperatures: list[float], quiet: bool) -> None:
        self.quiet = quiet
        self.error: OutputError | None = None
        self.temperature = sorted(temperatures)[len(temperatures) // 2]
        terminal = sys.stdout.isatty()
        self.colors = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.width = min(shutil.get_terminal_size().columns, 110) if terminal else 110
        self.milestones = MILESTONES
        self.tqdm = optional_module("tqdm") if terminal and not self.quiet else None
        self.bar: Any = None

    def print(self, line: str = "") -> None:
        """Prints a line, as long as standard output can be written."""
        if self.error is None:
            try:
                print_line(line)
            except OutputError as error:
                self.error = error

    def paint(self, text: str, code: int) -> str:
        """Returns the text in bold (1), dim (2) or green (32), if the terminal has colors."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colors else text

    def fit(self, text: str, indent: int) -> str:
        """Returns the text without control characters, shortened to one line."""
        text, width = printable(text), max(self.width - indent - 1, 1)
        return text if len(text) <= width else text[: width - 1] + "…"

    def open(self) -> None:
        """Prints the header of the log and opens the progress bar."""
        if not self.quiet:
            columns = "  epoch  perplexity  memorized  characters/s  "
            self.print(self.paint(f"{columns}a sample at temperature {self.temperature:g}", 2))
        if self.tqdm:
            self._guard(self._open_bar)

    def _open_bar(self) -> None:
        if self.tqdm:
            self.bar = self.tqdm.tqdm(total=1, leave=False, file=sys.stdout, dynamic_ncols=True)
            self.bar.bar_format = "  {percentage:3.0f}% {bar:12} {desc}"

    def update(self, run: TrainingRun) -> None:
        """Prints a line at each milestone and moves the progress bar."""
        if self.quiet or not run.curve or self.error is not None:
            return
        point, progress = run.curve[-1], run.progress
        if point.step == run.step and 100 * progress >= min(self.milestones, default=math.inf):
            self.milestones = [milestone for milestone in self.milestones if 100 * progress < milestone]
            row = f"{round(point.epoch, 2):7.6g}  {point.perplexity:10.3f}  "
            row += f"{point.memorized:9,}  {run.speed:12,.0f}  "
            row += self.fit(run.sample(self.temperature), len(row))
            self._print_above_bar(row)
        if self.bar is not None and progress > self.bar.n + 0.002:
            memorized = f"{point.memorized:,} of {len(run.sentences):,} memorized"
            text = f"perplexity {point.perplexity:.3f}, {memorized}, {run.speed:,.0f} characters/s"
            self.bar.set_description_str(text, refresh=False)
            self._guard(self.bar.update, min(progress, 1) - self.bar.n)

    def _print_above_bar(self, row: str) -> None:
        if self.bar is None:
            self.print(row)
        else:
            self._guard(self.bar.write, row)

    def _guard(self, write: Callable[..., Any], *arguments: Any) -> None:
        """Calls a function that writes to standard output, and keeps its error."""
        try:
            with writing_output():
                write(*arguments)
        except OutputError as error:
            self.error = error

    def close(self) -> None:
        """Ends the log and removes the progress bar."""
        if self.bar is not None:
            self._guard(self.bar.close)
        if not self.quiet:
            self.print()


def introduce(run: TrainingRun, screen: Screen, text: Path | None, note: str) -> None:
    """Prints the text, the network and the bounds of a run."""
    o, count = run.options, len(run.sentences)
    task = f"memorizing {count:,} sentence{'s' * (count != 1)}, character by character"
    characters = f"{sum(map(len, run.sentences)):,} characters"
    distinct = f"{len(run.model.letter_to_index):,} distinct"
    weights = f"{run.model.parameters.flat.n:,} {o.dtype} weights"
    rate = f"learning rate {o.learning_rate:g}" + (" falling to 0" if o.schedule == "linear" else "")
    bounds = " or ".join(f"{n:,g} {unit}" for n, unit in ((o.epochs, "epochs"), (o.seconds, "seconds")) if n)
    name = escaped(str(text)) if text else "the sentences of the package"
    screen.print(screen.paint(f"\nrecurrent {__version__}: {task}\n", 1))
    screen.print(f"  text      {name}: {characters}, {distinct}")
    if note:
        screen.print(f"            {note}")
    screen.print(f"  network   {o.cell} {o.hidden_sizes}, embedding {o.embedding}: {weights}, seed {o.seed}")
    screen.print(f"  training  {rate}, at most {bounds}")
    screen.print("            Ctrl-C ends it early and saves\n")
