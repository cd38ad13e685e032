"""``recurrent demo``: the flags of the demo, and a run in the terminal."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._terminal import UserError, describe_error
from ..demo.report import FILES, chart, report, save
from ..demo.screen import Screen, introduce
from ..demo.sentences import CORPUS, read_sentences
from ..demo.training import RunOptions, TrainingRun
from ..parameters import CELLS_WITH_GATES
from ..training.interrupt import Interrupt
from ..web.trainers import FILES as PAGE_FILES
from . import web
from .arguments import (
    DTYPE_NAMES,
    Flag,
    Parser,
    add_flags,
    choice,
    count,
    encoding,
    list_reader,
    natural,
    non_negative,
    number_reader,
    switch,
    value,
)
from .cells import cell_reader
from .console import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    report_error,
    report_output_error,
    with_flags,
)
from .outputs import check_outputs, free_folder

_DEFAULTS = RunOptions()
# RecurrentJS's page
RECURRENTJS: dict[str, Any] = {
    "cell": "lstm", "hidden_sizes": [20, 20], "embedding": 5, "schedule": "constant",
    "learning_rate": 0.01, "weight_decay": 1e-6, "clip": 5.0,
}  # fmt: skip
_LIVE_LEARNING_RATE = 0.005  # constant; the perplexity jumps at 0.01

_temperature = number_reader(float, "a number of at least 0.01", lambda x: x >= 0.01)
_seconds = number_reader(float, "a number of at least 0.01", lambda x: x >= 0.01)
_clip = number_reader(float, "a number of at least 1e-9", lambda x: x >= 1e-9)
_FLAGS: tuple[Flag, ...] = (
    value("--text", Path, "PATH", "a text, one sentence a line (the package's sentences)"),
    value("--encoding", encoding, "NAME", "the encoding of the text, such as cp1252 or utf-16 (utf-8)"),
    value(
        "--cell",
        cell_reader({"rnn": "rnn_relu"}),
        "C",
        f"{', '.join(CELLS_WITH_GATES)}; rnn is rnn_relu (lstm)",
        _DEFAULTS.cell,
    ),
    choice("--dtype", DTYPE_NAMES, "T", f"{' or '.join(DTYPE_NAMES)} (float32)", _DEFAULTS.dtype),
    choice(
        "--schedule",
        ("linear", "constant"),
        "S",
        "of the learning rate: linear, which falls to 0, or constant (linear)",
        _DEFAULTS.schedule,
    ),
    value(
        "--hidden-sizes --hidden",
        list_reader(count),
        "N,N",
        "units in each layer (40,40)",
        _DEFAULTS.hidden_sizes,
    ),
    value("--embedding --letter-size", count, "N", "size of the embedding (10)", _DEFAULTS.embedding),
    value("--learning-rate", non_negative, "X", "learning rate (0.01)", _DEFAULTS.learning_rate),
    value("--weight-decay --regc", non_negative, "X", "weight decay (1e-6)", _DEFAULTS.weight_decay),
    value("--clip", _clip, "X", "bound on each gradient (5)", _DEFAULTS.clip),
    value(
        "--temperatures",
        list_reader(_temperature),
        "X,X",
        "temperatures of the samples (0.3,0.7,1)",
        "0.3,0.7,1",
    ),
    value("--seed", natural, "N", "seed of weights, order and samples (1)", _DEFAULTS.seed),
    value(
        "--out",
        Path,
        "DIR",
        "the folder to save to (out, or the first of out-2, out-3, … without files of a run)",
    ),
    switch("--force", "overwrite the files of an earlier run in DIR, or in out"),
    value(
        "--epochs",
        count,
        "N",
        "maximum number of epochs (300; 3000 at a constant rate; more for a tiny text)",
    ),
    value("--seconds", _seconds, "N", "maximum time (120; unlimited with --epochs)"),
    switch("--recurrentjs", "RecurrentJS's settings: --hidden-sizes 20,20 --embedding 5 --schedule constant"),
    switch("--quiet", "print the result only"),
    switch("--web", "train on a live page in the browser"),
    value("--port", natural, "N", "with --web: the port (8462, or a free one)"),
    value(
        "--host", str, "H", "with --web: the address to listen at (127.0.0.1, this machine only)", "127.0.0.1"
    ),
    switch("--no-browser", "with --web: print the address only"),
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Returns the options; ``--recurrentjs`` and ``--web`` change defaults only."""
    parser = Parser(
        "recurrent demo",
        description="Train a small recurrent network that memorizes sentences, character by character.",
        epilog="Through make: make demo TEXT=path FLAGS='--seed 2'. "
        "The same seed gives the same run if --epochs ends it before --seconds does.",
        formatter_class=argparse.HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(parser, {"": _FLAGS})
    known = parser.parse_known_args(arguments)[0]
    if known.web:
        parser.set_defaults(learning_rate=_LIVE_LEARNING_RATE)
    if known.recurrentjs:
        parser.set_defaults(**RECURRENTJS)
    options = parser.parse_args(arguments)
    if options.encoding and not options.text:
        parser.error("--encoding requires --text")
    return options


def prepare(options: argparse.Namespace) -> tuple[TrainingRun, str]:
    """Returns the run of the options, and a note on its text.

    Raises
    ------
    UserError
        If the text cannot be read, the folder cannot be written or the library refuses an option.
    """
    sentences, note = read_sentences(options.text or CORPUS, options.encoding)
    try:
        check_outputs(options.out, FILES, options.force)
        options.out.mkdir(parents=True, exist_ok=True)
        if not os.access(options.out, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")
    except OSError as error:
        raise UserError(f"cannot save in {options.out}: {describe_error(error)}") from None
    names = vars(_DEFAULTS).keys()
    try:
        run_options = RunOptions(**{name: getattr(options, name) for name in names})
        return TrainingRun(sentences, run_options.bounded(len(sentences))), note
    except (TypeError, ValueError, MemoryError) as error:
        raise UserError(describe_error(error)) from None


def main(arguments: Sequence[str]) -> int:
    """Runs the demo.

    Returns
    -------
    status : int
        0 after success; 1 if training diverged, saving failed or the output cannot be written; 2 if it could not
        start; 130 after an interrupt, 141 if the reader of the output is gone. The result is saved in these cases of
        an output, and after an interrupt.
    """
    options = parse(arguments)
    if options.out is None:
        options.out = Path("out") if options.force else free_folder(PAGE_FILES if options.web else FILES)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        if options.web:
            return web.serve(options)
        run, note = prepare(options)
    except UserError as error:
        return _fail(with_flags(str(error)), EXIT_INVALID)
    screen = Screen(options.temperatures, options.quiet)
    if not options.quiet:
        introduce(run, screen, options.text, note)
    try:
        return _train_and_save(run, screen, options)
    except FloatingPointError as error:
        return _fail(f"{error}: try --learning-rate {min(options.learning_rate / 3, 0.01):.1g}", EXIT_FAILURE)


def _train_and_save(run: TrainingRun, screen: Screen, options: argparse.Namespace) -> int:
    """Trains, reports and saves; a signal ends the training, and splits neither the report nor the save."""
    with Interrupt() as interrupt:
        reason = _train(run, screen, interrupt)
        text = report(run, screen, options.temperatures, reason)
        if not options.quiet and (drawing := chart(run, screen)):
            screen.print(f"\n{drawing}")
        try:
            save(run, screen, text, options.out, options.force)
        except (OSError, FloatingPointError) as error:
            return _fail(f"cannot save in {options.out}: {describe_error(error)}", EXIT_FAILURE)
    if screen.error is not None:
        return report_output_error(screen.error, "recurrent demo")
    return EXIT_INTERRUPTED if reason == "Stopped" else 0


def _train(run: TrainingRun, screen: Screen, interrupt: Interrupt) -> str:
    """Trains until a bound, a signal or an output that cannot be written; returns the reason."""

    def update(run: TrainingRun) -> None:
        screen.update(run)
        if screen.error is not None:
            raise KeyboardInterrupt

    screen.open()
    try:
        return interrupt.call(run.train, update)
    except KeyboardInterrupt:
        # at the end of the run
        return "Stopped"
    finally:
        screen.close()


def _fail(message: str, status: int) -> int:
    report_error(message, "recurrent demo")
    return status
