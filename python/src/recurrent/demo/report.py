"""What came of the lesson: samples, the curve, and the files."""

from __future__ import annotations

import csv
import importlib
import math
from pathlib import Path

import numpy as np

from .lesson import Lesson, Point
from .screen import Screen, optional

DRAWS = 50  # samples at each temperature


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
