"""The progress bar of training, in a terminal or a notebook."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from .history import StepReport

_FORMAT = "{percentage:3.0f}% {bar} {n_fmt}/{total_fmt} [{elapsed}, {remaining} left{postfix}]"


class Progress:
    """A tqdm bar: loss, validation loss, tokens or sequences per second, remaining time.

    Shown if standard error is a terminal or a notebook's; without tqdm, a single line says so.

    Parameters
    ----------
    is_shown : bool
        Whether to show a bar.
    total, done : int
        Steps of the run, and steps already made.
    size : int
        Tokens or sequences per step.
    unit : str
        Their name.
    """

    def __init__(self, is_shown: bool, total: int, done: int, size: int, unit: str) -> None:
        self._size, self._unit = size, unit
        self._bar = _bar(total, done) if is_shown else None
        self._then, self._steps, self._speed = time.perf_counter(), 0, 0.0

    def show(self, report: StepReport) -> None:
        """Counts a step."""
        if self._bar is None:
            return
        self._steps += 1
        now = time.perf_counter()
        if now - self._then < 0.2 and report.validation is None:
            return
        # a running average, not the average of the run
        speed = self._steps * self._size / max(now - self._then, 1e-9)
        self._speed = speed if not self._speed else 0.8 * self._speed + 0.2 * speed
        validation = report.history.validation
        shown = f"loss {report.history.train[-1][1] if report.history.train else report.loss:.3f}"
        shown += f", validation {validation[-1][1]:.3f}" if validation else ""
        with self._ending_where_closed():
            self._bar.set_postfix_str(f"{shown}, {self._speed:,.0f} {self._unit}/s", refresh=False)
            self._bar.update(self._steps)
        self._then, self._steps = now, 0

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            with self._ending_where_closed():
                self._bar.update(self._steps)
                self._bar.close()
            self._bar = None

    @contextlib.contextmanager
    def _ending_where_closed(self) -> Iterator[None]:
        """Ends the bar, and not the training, where its terminal is gone."""
        try:
            yield
        except OSError:
            if self._bar is not None:
                self._bar.disable = True
            self._bar = None


def _bar(total: int, done: int) -> Any:
    settings: dict[str, Any] = {"total": total, "initial": done, "bar_format": _FORMAT, "smoothing": 0.05}
    notebook = _is_notebook()
    if not notebook and not (sys.stderr and sys.stderr.isatty()):
        return None
    try:
        if notebook:
            # without widgets it is an ImportError too
            with contextlib.suppress(ImportError):
                return importlib.import_module("tqdm.notebook").tqdm(**settings)
        return importlib.import_module("tqdm").tqdm(**settings, dynamic_ncols=True)
    except ImportError:
        print("training shows its progress where tqdm is installed: pip install tqdm", file=sys.stderr)
        return None


def _is_notebook() -> bool:
    """Whether this is a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
