"""The command's flags: char-rnn's words where it has them."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._version import __version__

_DESCRIPTION = "Recurrent networks that learn a text character by character and write more of it."
_JOBS = {
    "train": "learn a text",
    "resume": "go on with a training run, to the same bits as without the break",
    "sample": "write text",
    "info": "say what is in a checkpoint",
    "evaluate": "say how well a model predicts a text",
    "demo": "watch a small network learn sentences by heart; with --web on a live page",
}
_USAGE = {
    "train": "train FILE [flags]",
    "resume": "resume CHECKPOINT [FILE] [flags]",
    "sample": "sample CHECKPOINT [flags]",
    "info": "info CHECKPOINT [flags]",
    "evaluate": "evaluate CHECKPOINT FILE [flags]",
    "demo": "demo [flags]",
}
_QUIET = {"sample": "only what is written, without TEXT"}
_EXAMPLES = {
    "": """\
examples:
  recurrent train input.txt                     learn; Ctrl-C saves and ends
  recurrent resume input.safetensors            go on where it ended
  recurrent sample input.safetensors --temperature 0.7 --primetext "Once"
  recurrent evaluate input.safetensors other.txt
  recurrent COMMAND --help                      all flags of a command

exit status: 0 it went well; 1 it did not, and a sentence on standard error says why; 2 that is no command;
130 Ctrl-C (what was learned is saved); 141 nobody reads the output""",
    "train": """\
examples:
  recurrent train input.txt
  recurrent train input.txt --model gru --rnn-size 256 --num-layers 3 --dropout 0.2
  recurrent train input.txt --max-epochs 10 --checkpoint runs/a.safetensors --seed 2
  recurrent train input.txt --steps 2000 --schedule cosine --warmup-steps 100 --learning-rate 5e-3
  recurrent train more.txt --init-from input.safetensors        learn on from what another run learned
  recurrent train input.txt --json | jq 'select(.validation)'

A text of 1 MB wants 128 to 512 units and 2 or 3 layers. A training loss far below the validation loss asks for
dropout or a smaller network; one that is close to it, for a larger network.""",
    "resume": """\
examples:
  recurrent resume input.safetensors                 the steps that are left
  recurrent resume input.safetensors --steps 1000    so many more
  recurrent resume input.safetensors moved/input.txt the text is elsewhere now""",
    "sample": """\
examples:
  recurrent sample input.safetensors
  recurrent sample input.safetensors --length 500 --temperature 0.7 --primetext "Once upon"
  recurrent sample input.safetensors --temperature 0            always the likeliest
  recurrent sample input.safetensors --top-p 0.9 --stop "\\n\\n" --seed 1""",
    "info": """\
examples:
  recurrent info input.safetensors
  recurrent info input.safetensors --json | jq .step""",
    "evaluate": """\
examples:
  recurrent evaluate input.safetensors other.txt
  recurrent evaluate input.safetensors input.txt --val-frac 0.1    only the part that train held out""",
}


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options, ``job`` among them; a flag's underscores are dashes.

    Raises
    ------
    SystemExit
        After ``--help`` or ``--version`` with 0, for what is no command with 2.
    """
    parser = argparse.ArgumentParser("recurrent", description=_DESCRIPTION, **_layout(""))
    parser.add_argument("--version", action="version", version=f"recurrent {__version__}")
    jobs = parser.add_subparsers(dest="job", metavar="COMMAND", title="commands")
    for job, text in _JOBS.items():
        flags = jobs.add_parser(
            job, usage=f"recurrent {_USAGE[job]}", help=text, description=_sentence(text), **_layout(job)
        )
        if job != "demo":
            globals()[f"_{job}"](flags)
            group = flags.add_argument_group("output")
            group.add_argument(
                "--quiet", action="store_true", help=_QUIET.get(job, "say nothing but what goes wrong")
            )
            group.add_argument("--json", action="store_true", help="JSON lines, for scripts")
    options, strange = parser.parse_known_args([_dashed(word) for word in words])
    if strange:
        jobs.choices.get(options.job, parser).error(f"unrecognized arguments: {' '.join(strange)}")
    if options.job is None:
        parser.print_help(sys.stderr)
        parser.exit(2)
    if options.job == "train":
        _check(options, jobs.choices["train"])
    return options


def _train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a text, UTF-8; or anything, with --tokens bytes"
    )
    flag = parser.add_argument_group("network").add_argument
    models = ("lstm", "gru", "rnn", "rnn_relu", "gru_before")
    flag("--model", choices=models, metavar="M", help="lstm, gru or rnn; or rnn_relu, gru_before (lstm)")
    flag("--rnn-size", type=_count, metavar="N", help="units in a layer (128)")
    flag("--num-layers", type=_count, metavar="N", help="layers (2)")
    flag(
        "--embedding",
        type=_count,
        metavar="N",
        help="look characters up in vectors of so many numbers (one-hot)",
    )
    flag("--tied", action="store_true", default=None, help="let the embedding be the decoder too")
    flag("--dropout", type=_share, metavar="P", help="share dropped between layers (0)")
    units = ("characters", "bytes")
    flag(
        "--tokens",
        choices=units,
        metavar="T",
        help="what is read and written: characters or bytes (characters)",
    )
    types = ("float32", "float64")
    flag("--dtype", choices=types, metavar="T", help="the type of numbers: float32 or float64 (float32)")
    flag("--init-from", type=Path, metavar="CKPT", help="begin with this model instead of a new one")
    flag(
        "--unknown",
        type=_unknown,
        metavar="U",
        help="with --init-from, for characters it does not know: as in sample",
    )

    flag = parser.add_argument_group("training").add_argument
    flag("--seq-length", type=_count, default=50, metavar="N", help="characters that gradients go back (50)")
    flag("--batch-size", type=_count, default=50, metavar="N", help="streams that are read side by side (50)")
    flag("--max-epochs", type=_count, metavar="N", help="times through the text (50)")
    flag("--steps", type=_count, metavar="N", help="steps, instead of epochs")
    solvers = ("rmsprop", "adam", "adamw", "sgd", "adagrad")
    flag(
        "--solver",
        choices=solvers,
        metavar="S",
        help="rmsprop, adam, adamw, adagrad, or sgd with momentum (rmsprop)",
    )
    flag("--learning-rate", type=_rate, default=2e-3, metavar="X", help="how far a step goes (2e-3)")
    flag("--decay-rate", type=_share, metavar="X", help="of rmsprop's mean of squares (0.95)")
    flag("--weight-decay", type=_rate, default=0.0, metavar="X", help="pull of weights towards 0 (0)")
    schedules = ("step", "constant", "cosine", "one-cycle", "plateau")
    text = "of the learning rate: step, constant, cosine, one-cycle or plateau (step)"
    flag("--schedule", choices=schedules, default="step", metavar="S", help=text)
    text = "its factor: step's at every epoch, plateau's at every look that is no better (0.97)"
    flag("--learning-rate-decay", type=_factor, default=0.97, metavar="X", help=text)
    flag(
        "--learning-rate-decay-after",
        type=_natural,
        default=10,
        metavar="N",
        help="epochs before step's first (10)",
    )
    flag("--warmup-steps", type=_natural, default=0, metavar="N", help="of cosine, up to the full rate (0)")
    flag(
        "--grad-clip",
        type=_natural_number,
        default=5.0,
        metavar="X",
        help="bound on each gradient; 0 for none (5)",
    )
    flag("--seed", type=_natural, default=123, metavar="N", help="of all that is random (123)")

    flag = parser.add_argument_group("validation and files").add_argument
    flag(
        "--val-frac", type=_share, default=0.1, metavar="P", help="share of the text, its end, held out (0.1)"
    )
    flag("--eval-val-every", type=_count, metavar="N", help="steps from one look at it to the next (500)")
    flag("--patience", type=_count, metavar="N", help="end after so many looks without a new best")
    flag(
        "--checkpoint",
        type=Path,
        metavar="PATH",
        help="the file to save in (FILE's name, .safetensors, here)",
    )
    flag("--checkpoint-every", type=_count, metavar="N", help="steps from one save to the next")
    flag("--checkpoint-minutes", type=_positive, default=5.0, metavar="X", help="minutes likewise (5)")
    flag("--force", action="store_true", help="write over a checkpoint that is there")
    flag("--print-every", type=_count, metavar="N", help="steps from one line to the next (100)")
    _add_threads(flag)


def _resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="CHECKPOINT", type=Path, help="what `recurrent train` saved")
    parser.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="the same text, if it is elsewhere now"
    )
    flag = parser.add_argument
    flag("--steps", type=_count, metavar="N", help="how many more (those that are left)")
    flag("--checkpoint", type=Path, metavar="PATH", help="the file to save in (CHECKPOINT)")
    flag("--print-every", type=_count, metavar="N", help="steps from one line to the next (100)")
    _add_threads(flag)


def _sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="CHECKPOINT", type=Path, help="what `recurrent train` saved")
    flag = parser.add_argument
    flag("--length", type=_natural, default=2000, metavar="N", help="characters, or bytes, at most (2000)")
    flag("--primetext", default="", metavar="TEXT", help="what it begins with")
    text = "below 1 is careful, above 1 wild, 0 takes the likeliest (1)"
    flag("--temperature", type=_natural_number, default=1.0, metavar="X", help=text)
    flag("--top-k", type=_count, metavar="N", help="only from the N likeliest")
    flag(
        "--top-p",
        type=_portion,
        metavar="P",
        help="only from the likeliest that make up P, above 0 and at most 1",
    )
    flag(
        "--min-p",
        type=_part,
        metavar="P",
        help="only from what is at least P times as likely as the likeliest",
    )
    flag(
        "--repetition-penalty",
        type=_positive,
        default=1.0,
        metavar="X",
        help="above 1 shuns what was written (1)",
    )
    flag("--repetition-window", type=_natural, default=64, metavar="N", help="how far back that looks (64)")
    flag(
        "--stop",
        action="append",
        type=_stop,
        metavar="TEXT",
        help=r"end before this (\n is a line's end); repeatable",
    )
    flag("--seed", type=_natural, metavar="N", help="the same seed, the same text (another each time)")
    text = "for characters of TEXT it does not know: refuse, skip, or one character to read instead (refuse)"
    flag("--unknown", type=_unknown, default="refuse", metavar="U", help=text)
    _add_threads(flag)


def _info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="CHECKPOINT", type=Path, help="what `recurrent train` saved")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="CHECKPOINT", type=Path, help="what `recurrent train` saved")
    parser.add_argument("file", metavar="FILE", type=Path, help="a text")
    flag = parser.add_argument
    flag("--val-frac", type=_portion, default=1.0, metavar="P", help="only this share of it, its end (1)")
    flag(
        "--columns",
        type=_count,
        metavar="N",
        help="read in N parts side by side (up to 64; 1 is as it stands)",
    )
    flag(
        "--unknown",
        type=_unknown,
        default="refuse",
        metavar="U",
        help="for characters it does not know: as in sample",
    )
    _add_threads(flag)


# flags that a model has decided, and what they are without one
_NETWORK = {
    "model": "lstm",
    "rnn_size": 128,
    "num_layers": 2,
    "embedding": None,
    "tied": False,
    "dropout": 0.0,
    "tokens": "characters",
    "dtype": "float32",
}


def _check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Flags that contradict each other; then what was left open."""
    for name, value in _NETWORK.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
        elif options.init_from:
            parser.error(f"--{name.replace('_', '-')} is decided by the model of --init-from")
    if options.unknown is not None and not options.init_from:
        parser.error("--unknown needs --init-from: a new model knows all characters of its text")
    if options.max_epochs is not None and options.steps is not None:
        parser.error("--max-epochs and --steps are both given; expected one of them")
    if options.decay_rate is not None and (options.solver or "rmsprop") != "rmsprop":
        parser.error(f"--decay-rate is rmsprop's; --solver is {options.solver}")
    if options.schedule == "plateau" and not options.val_frac:
        parser.error("--schedule plateau needs a --val-frac above 0")
    if options.schedule == "plateau" and options.learning_rate_decay == 1:
        parser.error("--schedule plateau needs a --learning-rate-decay below 1")
    if options.patience and not options.val_frac:
        parser.error("--patience needs a --val-frac above 0")


# ---- reading


def _number(
    kind: type[int] | type[float], expected: str, allows: Callable[[float], bool]
) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and allows(value)):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return read


_count = _number(int, "an integer of at least 1", lambda n: 1 <= n < 1 << 62)
_natural = _number(int, "an integer of at least 0", lambda n: 0 <= n < 1 << 63)
_natural_number = _number(float, "a number of at least 0", lambda x: x >= 0)
_rate = _natural_number
_positive = _number(float, "a number above 0", lambda x: x > 0)
_share = _number(float, "a number of at least 0 and below 1", lambda x: 0 <= x < 1)
_part = _number(float, "a number from 0 to 1", lambda x: 0 <= x <= 1)
_portion = _number(float, "a number above 0 and at most 1", lambda x: 0 < x <= 1)
_factor = _portion


def _unknown(text: str) -> str:
    if text not in ("refuse", "skip") and len(text) != 1:
        raise argparse.ArgumentTypeError(f"expected refuse, skip or one character, got {text!r}")
    return text


def _stop(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("expected at least one character")
    return text.replace("\\n", "\n")


def _dashed(word: str) -> str:
    """char-rnn's ``--rnn_size`` as ``--rnn-size``."""
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") and " " not in name else word


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _layout(job: str) -> dict[str, Any]:
    return {"epilog": _EXAMPLES.get(job), "formatter_class": _Layout, "allow_abbrev": False}


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Flags in one column, what they do in another."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=min(shutil.get_terminal_size().columns, 118))


def _add_threads(flag: Callable[..., Any]) -> None:
    flag("--threads", type=_count, metavar="N", help="how many to compute in; results are the same")
