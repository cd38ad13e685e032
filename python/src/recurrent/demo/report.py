"""The result of a demo run: samples, the perplexity curve and the files."""

from __future__ import annotations

import csv
import importlib
import io
import math
from pathlib import Path

import numpy as np

from .._terminal import escaped, optional_module
from ..outputs import Outputs
from .screen import Screen
from .training import Point, TrainingRun

SAMPLES = 50  # at each temperature
FILES = ("model.json", "samples.txt", "curve.csv", "curve.png")


def report(run: TrainingRun, screen: Screen, temperatures: list[float], reason: str) -> str:
    """Prints the result with samples at temperature 0 and each given one; returns it without colors."""
    corpus, (perplexity, memorized) = set(run.sentences), run.evaluate()
    fraction = "all" if memorized == 1 else f"{math.floor(100 * memorized)} %"
    duration = f"{round(run.epoch, 2):.6g} epochs, {run.seconds:.3g} s"
    lines = [f"{reason}: {fraction} memorized after {duration}, {run.speed:,.0f} characters/s"]
    bound = f"the minimum is {run.min_perplexity:.3f}: the choice of the sentence is unpredictable"
    lines += [f"median perplexity {perplexity:.3f}; {bound}"]
    if reason == "Time is up" and memorized < 1:
        lines += ["to memorize more: more time (--seconds 600) or a larger network (--hidden-sizes 100,100)"]
    rng = np.random.default_rng(run.options.seed)
    for temperature in [0.0, *temperatures]:
        samples = [run.sample(temperature, rng) for _ in range(SAMPLES if temperature else 1)]
        hits = f"{sum(text in corpus for text in samples)} of {SAMPLES}"
        title = f"temperature {temperature:g}: {hits} are sentences of the text, word for word (✓)"
        lines += ["", title if temperature else "argmax, the most probable characters"]
        distinct = list(dict.fromkeys(samples))[:5]
        lines += [f"  {'✓' if text in corpus else ' '} {screen.fit(text, 4)}" for text in distinct]
    for number, line in enumerate(lines):
        is_marked = number == 0 or "✓" in line[:4]
        screen.print(screen.paint(line, 1 if number == 0 else 32) if is_marked else line)
    return "\n".join(lines) + "\n"


def chart(run: TrainingRun, screen: Screen) -> str:
    """Returns the perplexity curve drawn by plotext 6, or "" without plotext or without a curve."""
    plotext = optional_module("plotext")
    if not hasattr(plotext, "figure") or len(run.curve) < 2:
        return ""
    epochs, values = zip(*((p.epoch, math.log10(min(p.perplexity, 1e9))) for p in run.curve))
    top = max(*values, 0.1)
    marks = [mark for mark in (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000) if math.log10(mark) <= top]
    figure = plotext.figure.clear().plot_size(min(screen.width, 84), 16).theme("colorless")
    figure.title("median perplexity by epoch")
    figure.ruler("y", "left").lim(0, top).ticks([*map(math.log10, marks)], [f"{mark:g}" for mark in marks])
    digits = 2 if epochs[-1] < 10 else None
    positions = [round(position, digits) for position in np.linspace(0, epochs[-1], 7).tolist()]
    figure.ruler("x", "lower").lim(0, epochs[-1]).ticks(positions, [f"{x:.6g}" for x in positions])
    figure.draw(figure.signal(epochs, values, marker="braille").lines())
    return "\n".join(line.rstrip() for line in figure.build().string(colorless=True).splitlines())


def png(run: TrainingRun) -> bytes:
    """Returns the perplexity curve drawn by matplotlib; nothing without matplotlib or without a curve."""
    if optional_module("matplotlib") is None or not run.curve:
        return b""
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(7.5, 4.2), layout="constrained")
    axes, ticker = figure.subplots(), importlib.import_module("matplotlib.ticker")
    last, gray, minimum = run.curve[-1], "#888888", run.min_perplexity
    axes.plot([p.epoch for p in run.curve], [p.perplexity for p in run.curve], color="#1f6fb2", lw=1.5)
    axes.axhline(minimum, color=gray, lw=1, ls="--", label=f"minimum {minimum:.3f}")
    axes.plot(last.epoch, last.perplexity, "o", ms=5, color="#1f6fb2", label=f"reached {last.perplexity:.3f}")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.set_ylim(bottom=1)
    axes.set_title(f"Memorizing {len(run.sentences):,} sentences, character by character", loc="left")
    axes.set_xlabel("epoch")
    axes.set_ylabel("median perplexity, log scale")
    axes.grid(axis="y", color="#e6e6e6")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    file = io.BytesIO()
    figure.savefig(file, dpi=150)
    return file.getvalue()


def save(run: TrainingRun, screen: Screen, text: str, folder: Path, overwrite: bool) -> None:
    """Writes the files and prints their names."""
    outputs, table = Outputs(), io.StringIO(newline="")
    csv.writer(table).writerows([Point._fields, *run.curve])
    run.model.save_recurrentjs(folder / "model.json", overwrite=overwrite)
    outputs.write(folder / "samples.txt", text.encode(), overwrite)
    outputs.write(folder / "curve.csv", table.getvalue().encode(), overwrite)
    drawn = png(run)
    if drawn:
        outputs.write(folder / "curve.png", drawn, overwrite)
    screen.print(f"\nsaved in {escaped(str(folder))}:")
    screen.print("  model.json   the network and its optimizer, in RecurrentJS's format")
    screen.print("  samples.txt  the result and the samples")
    screen.print("  curve.csv    the perplexity curve")
    if drawn:
        screen.print("  curve.png    the perplexity curve, drawn")
