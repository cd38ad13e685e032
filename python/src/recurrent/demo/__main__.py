"""The demo's command line."""

from __future__ import annotations

import argparse
import errno
import io
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..web.command import show
from .lesson import Lesson
from .report import chart, report, save
from .screen import Screen, introduce
from .text import CORPUS, RefusalError, read_sentences, reason

RECURRENTJS = {"cell": "lstm", "hidden": [20, 20], "letter_size": 5, "schedule": "constant"}
RECURRENTJS |= {"learning_rate": 0.01, "regc": 1e-6, "clip": 5.0}


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


def parse(arguments: Sequence[str] | None, name: str) -> argparse.Namespace:
    """The options. ``--recurrentjs`` only changes defaults: flags beside it hold."""
    parser = argparse.ArgumentParser(
        prog=name,
        description="Teach a small recurrent network sentences by heart, letter by letter, and let it write.",
        epilog="Through make: make demo TEXT=path FLAGS='--seed 2'. "
        "The same seed gives the same run, as long as --epochs ends it before --seconds does.",
    )
    flag = parser.add_argument
    flag("--text", type=Path, metavar="PATH", help="learn this instead: UTF-8, a sentence a line")
    flag("--cell", choices=("lstm", "gru", "rnn"), default="lstm", help="the kind of layer (lstm)")
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
    flag("--web", action="store_true", help="show it live on a page in the browser, with sliders")
    flag("--port", type=at_least(0), metavar="N", help="with --web: where (8462, or one that is free)")
    flag(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="with --web: who may reach it (127.0.0.1: this machine alone)",
    )
    flag("--no-browser", action="store_true", help="with --web: only say the address")
    asked = parser.parse_known_args(arguments)[0]
    if asked.web:
        # at the constant rate of the page, 0.01 makes it jump now and then
        parser.set_defaults(learning_rate=0.005)
    if asked.recurrentjs:
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


def main(arguments: Sequence[str] | None = None, name: str = "python -m recurrent.demo") -> int:
    """Run the demo: 0 if it went well, 1 if training diverged or saving failed, 2 if it could not begin."""
    options = parse(arguments, name)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        if options.web:
            return show(options)
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
