"""The flags of the commands, as tables; flags that char-rnn has keep its spelling as an alias."""

from __future__ import annotations

import argparse
import contextlib
import math
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args

import numpy as np

from .._checks import DTYPES
from .._terminal import escaped, writing_output
from .._version import __version__
from ..encoding import as_encoding
from ..names import RecipeName
from ..nn.initialization import INITIALIZATIONS
from ..optim.optimizers import OPTIMIZERS
from ..optim.schedules import SCHEDULES
from ..parameters import CELLS
from ..text.language_model import TOKENIZERS
from ..training.documents import DOCUMENTS
from ..training.options import (
    BATCH_SIZE,
    CHECKPOINT_MINUTES,
    CLIP,
    DECAY_RATE,
    EVALUATE_EVERY,
    LEARNING_RATE,
    SEQ_LENGTH,
    VALIDATION_SPLIT,
)
from .cells import cell_reader
from .ranks import DISTRIBUTED

DTYPE_NAMES = tuple(str(np.dtype(dtype)) for dtype in DTYPES)
EPOCHS = 50
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
# a new network's architecture; with --init-from the model decides it
_RECIPES = tuple(name.replace("_", "-") for name in get_args(RecipeName))
# of a run whose schedule is a flag, or follows from an optimizer that is one
_SCHEDULE: dict[str, Any] = {
    "schedule": "step",
    "learning_rate_decay": 0.97,
    "learning_rate_decay_after": 10,
    "warmup_steps": 0,
}
_ARCHITECTURE = {
    "cell": "lstm",
    "hidden_sizes": None,
    "rnn_size": 128,
    "num_layers": 2,
    "embedding": None,
    "tied": False,
    "dropout": 0.0,
    "learned_initial_state": False,
    "residual": False,
    "variational": False,
    "input_init": None,
    "recurrent_init": None,
    "chrono": None,
    "forget_bias": None,
    "tokenizer": "characters",
    "vocabulary_size": None,
    "dtype": "float32",
}


class Flag(NamedTuple):
    """The names of a flag or argument and the keywords of ``add_argument``."""

    names: tuple[str, ...]
    settings: dict[str, Any]


def argument(name: str, metavar: str, help: str, nargs: str | None = None) -> Flag:
    """A positional argument that is a path, or several."""
    return Flag((name,), {"metavar": metavar, "type": Path, "help": help, "nargs": nargs})


def value(
    names: str,
    read: Callable[[str], Any],
    metavar: str,
    help: str,
    default: Any = None,
    action: str = "store",
) -> Flag:
    """A flag with a value; the first name gives the option's name, the others are aliases."""
    settings = {"type": read, "metavar": metavar, "help": help, "default": default, "action": action}
    return Flag(tuple(names.split()), settings)


def choice(names: str, choices: Sequence[str], metavar: str, help: str, default: str | None = None) -> Flag:
    """A flag whose value is one of a few words."""
    settings = {"choices": choices, "metavar": metavar, "help": help, "default": default}
    return Flag(tuple(names.split()), settings)


def switch(name: str, help: str, default: bool | None = False) -> Flag:
    """A flag without a value."""
    return Flag((name,), {"action": "store_true", "help": help, "default": default})


# ---- readers of values


def number_reader(
    kind: type[int] | type[float], expected: str, is_valid: Callable[[float], bool]
) -> Callable[[str], Any]:
    """Returns a reader of finite numbers."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
            is_finite = math.isfinite(value)
        except (OverflowError, ValueError):
            is_finite = False
        if not (is_finite and is_valid(value)):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return read


def list_reader(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Returns a reader of lists between commas."""
    return lambda text: [read(part) for part in text.split(",")]


count = number_reader(int, "an integer of at least 1", lambda n: 1 <= n < 1 << 62)
natural = number_reader(int, "an integer of at least 0", lambda n: 0 <= n < 1 << 63)
non_negative = number_reader(float, "a number of at least 0", lambda x: x >= 0)
any_number = number_reader(float, "a number", lambda x: True)
positive = number_reader(float, "a number above 0", lambda x: x > 0)
above_2 = number_reader(float, "a number above 2", lambda x: x > 2)
fraction_below_1 = number_reader(float, "a number of at least 0 and below 1", lambda x: 0 <= x < 1)
probability = number_reader(float, "a number from 0 to 1", lambda x: 0 <= x <= 1)
positive_fraction = number_reader(float, "a number above 0 and at most 1", lambda x: 0 < x <= 1)


def text(text: str) -> str:
    """Reads a text with the escapes of the C language for a newline, a tab, a carriage return and a backslash."""
    parts = re.split(r"\\(.?)", text, flags=re.DOTALL)
    for i in range(1, len(parts), 2):
        if parts[i] not in _ESCAPES:
            raise argparse.ArgumentTypeError(
                rf"expected \n, \t, \r or \\ after a backslash, got '\{parts[i]}'"
            )
        parts[i] = _ESCAPES[parts[i]]
    return "".join(parts)


def stop_text(text_: str) -> str:
    """Reads a stop text, with the escapes of ``text``."""
    if not text_:
        raise argparse.ArgumentTypeError("expected at least one character, got ''")
    return text(text_)


def tokenizer(name: str) -> str | Path:
    """Reads the name of a tokenizer, or the path of one."""
    if name in TOKENIZERS:
        return name
    if not name.endswith(".json"):
        raise argparse.ArgumentTypeError(f"expected {', '.join(TOKENIZERS)} or FILE.json, got {name!r}")
    return Path(name)


def recipe(name: str) -> str:
    """Reads the name of a recipe, with an underscore or a dash."""
    if name.replace("_", "-") not in _RECIPES:
        raise argparse.ArgumentTypeError(f"expected {', '.join(_RECIPES)}, got {name!r}")
    return name.replace("-", "_")


def encoding(name: str) -> str:
    """Reads the name of an encoding."""
    try:
        return as_encoding(name) or name
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an encoding, such as cp1252, got {name!r}") from None


# ---- tables

Table = dict[str, tuple[Flag, ...]]

_THREADS = value("--threads", count, "N", "number of threads; results do not depend on it")
_DISTRIBUTED = choice(
    "--distributed",
    DISTRIBUTED,
    "D",
    "mpi: all processes that mpirun started train together; none: each on its own; auto: mpi where there are several "
    "(auto)",
    "auto",
)
_CHECKPOINT = argument("model", "CHECKPOINT", "a file that `recurrent train` saved")
_ENCODING = value("--encoding", encoding, "NAME", "the encoding of FILE, such as cp1252 or utf-16 (utf-8)")
_PRINT_EVERY = value("--print-every", count, "N", "steps between two lines (100)")
_FORCE = switch("--force", "overwrite an existing checkpoint or best model; never a text that is read")
_ERRORS = (
    choice(
        "--errors",
        ("strict", "ignore", "replace"),
        "E",
        "characters or words outside the vocabulary: strict, ignore or replace (strict)",
    ),
    value("--replacement", text, "C", "the character that replaces them; of words <unk> without it"),
)
_OUTPUT = (
    switch("--quiet", "print errors only"),
    switch("--json", "print JSON lines, for scripts"),
)

_FILES_HELP = "a text, a folder of *.txt or a pattern; several are one text, - is standard input"

_TRAIN: Table = {
    "": (
        argument("files", "FILE", _FILES_HELP, "*"),
        _ENCODING,
        choice("--documents", DOCUMENTS, "D", "lines or files: no state passes from one to the next (none)"),
        value("--data-dir", Path, "DIR", "the folder of the text input.txt, instead of FILE"),
    ),
    "network": (
        value(
            "--cell --model --model-type",
            cell_reader({"rnn": "rnn_tanh"}, own=True),
            "C",
            f"{', '.join(CELLS)}, or FILE.py:NAME; rnn is rnn_tanh (lstm)",
        ),
        value("--hidden-sizes", list_reader(count), "N,N", "units in each layer (128,128)"),
        value("--rnn-size", count, "N", "units in every layer, instead of --hidden-sizes"),
        value("--num-layers", count, "N", "layers, with --rnn-size (2)"),
        value("--embedding --wordvec-size", count, "N", "size of the embedding (one-hot)"),
        switch("--tied", "use the embedding as the decoder", None),
        value("--dropout", fraction_below_1, "P", "fraction dropped between layers (0)"),
        switch("--learned-initial-state", "train the states that sequences begin with", None),
        switch("--residual", "add each layer's input to its output", None),
        switch("--variational", "dropout with one mask for all steps, of the input too", None),
        choice(
            "--input-init", INITIALIZATIONS, "I", f"of layers' inputs: {', '.join(INITIALIZATIONS)} (uniform)"
        ),
        choice("--recurrent-init", INITIALIZATIONS, "I", "of recurrent matrices, as --input-init (uniform)"),
        value("--chrono", above_2, "N", "longest memory, in tokens, that gates' biases give"),
        value("--forget-bias", any_number, "X", "first bias of the gates that forget (1)"),
        value(
            "--tokenizer", tokenizer, "T", f"{', '.join(TOKENIZERS)}, or a tokenizer's FILE.json (characters)"
        ),
        value("--vocabulary-size", count, "N", "largest number of tokens of words (10,000) or bpe (4,096)"),
        choice("--dtype", DTYPE_NAMES, "T", f"{' or '.join(DTYPE_NAMES)} (float32)"),
        value("--init-from", Path, "CKPT", "start from this model instead of a new one"),
        *_ERRORS,
    ),
    "training": (
        value(
            "--seq-length", count, "N", f"tokens of each sequence between updates ({SEQ_LENGTH})", SEQ_LENGTH
        ),
        value("--bptt-length", count, "N", "tokens that gradients pass through (--seq-length)"),
        value("--batch-size", count, "N", f"sequences per batch ({BATCH_SIZE})", BATCH_SIZE),
        value("--epochs --max-epochs", count, "N", f"passes over the text ({EPOCHS})"),
        value("--steps", count, "N", "steps, instead of epochs"),
        value("--recipe", recipe, "R", f"optimizer and learning rates: {', '.join(_RECIPES)} (default)"),
        choice(
            "--optimizer",
            tuple(OPTIMIZERS),
            "O",
            f"instead of the recipe's: {', '.join(OPTIMIZERS)}; sgd has momentum",
        ),
        value(
            "--learning-rate",
            non_negative,
            "X",
            f"at the start (the recipe's; {LEARNING_RATE:g} with --optimizer)",
        ),
        value(
            "--decay-rate", fraction_below_1, "X", f"of the squares of --optimizer rmsprop ({DECAY_RATE:g})"
        ),
        value(
            "--weight-decay", non_negative, "X", "subtracted, times the rate and each weight (the recipe's)"
        ),
        choice(
            "--schedule",
            tuple(name.replace("_", "-") for name in SCHEDULES),
            "S",
            f"of the learning rate: {', '.join(SCHEDULES).replace('_', '-')} (the recipe's; step with --optimizer)",
        ),
        value(
            "--learning-rate-decay",
            positive_fraction,
            "X",
            "factor of step and exponential, per epoch; of plateau, per validation without a new best (0.97)",
        ),
        value("--learning-rate-decay-after", natural, "N", "epochs before step's first (10)"),
        value("--warmup-steps", natural, "N", "of cosine and linear, up to the full learning rate (0)"),
        value(
            "--clip --grad-clip",
            non_negative,
            "X",
            f"bound on gradients; 0 for none (the recipe's; {CLIP:g} with --optimizer)",
        ),
        value("--seed", natural, "N", "seed of weights and dropout (123)", 123),
    ),
    "validation and files": (
        value(
            "--validation-split --val-frac",
            fraction_below_1,
            "P",
            f"fraction of the text, at its end, that is held out ({VALIDATION_SPLIT:g})",
            VALIDATION_SPLIT,
        ),
        value(
            "--evaluate-every --eval-val-every",
            count,
            "N",
            f"steps between two validations ({EVALUATE_EVERY})",
        ),
        value("--patience", count, "N", "stop after N validations without a new best"),
        value("--checkpoint", Path, "PATH", "the file to save to (FILE's name, .safetensors, here)"),
        value("--checkpoint-every", count, "N", "steps between two saves"),
        value(
            "--checkpoint-minutes",
            positive,
            "X",
            f"minutes between two saves ({CHECKPOINT_MINUTES:g})",
            CHECKPOINT_MINUTES,
        ),
        _FORCE,
        _PRINT_EVERY,
        _THREADS,
        _DISTRIBUTED,
    ),
}

_RESUME: Table = {
    "": (
        _CHECKPOINT,
        argument("files", "FILE", "the same text, if a file has moved or it was standard input", nargs="*"),
        value(
            "--encoding",
            encoding,
            "NAME",
            "the encoding of standard input; a FILE has that of the run (utf-8)",
        ),
        value("--steps", count, "N", "number of further steps (the remaining ones)"),
        value("--checkpoint", Path, "PATH", "the file to save to (CHECKPOINT)"),
        _FORCE,
        _PRINT_EVERY,
        _THREADS,
        _DISTRIBUTED,
    )
}

_SAMPLE: Table = {
    "": (
        _CHECKPOINT,
        value("--length", natural, "N", "maximum number of characters, or other tokens (2000)", 2000),
        value(
            "--prompt --primetext --start-text",
            text,
            "TEXT",
            "the text to continue; \\n, \\t, \\r and \\\\ are a newline, a tab, a return and a backslash",
            "",
        ),
        value(
            "--encoding",
            encoding,
            "NAME",
            "the encoding of the output; of a model over bytes, of the prompt (utf-8)",
        ),
        value("--temperature", non_negative, "X", "divides the scores; 0 takes the most probable (1)", 1.0),
        value("--top-k", count, "N", "keep the N most probable"),
        value(
            "--top-p", positive_fraction, "P", "keep the most probable that sum to P, above 0 and at most 1"
        ),
        value("--min-p", probability, "P", "keep those with at least P times the highest probability"),
        value("--repetition-penalty", positive, "X", "above 1 penalizes repetitions (1)", 1.0),
        value("--repetition-window", natural, "N", "number of tokens that count as repeated (64)", 64),
        value(
            "--stop",
            stop_text,
            "TEXT",
            "end before this text, written as the prompt; repeatable",
            action="append",
        ),
        value("--seed", natural, "N", "seed of the sample (random)"),
        value("--samples", count, "N", "write N texts, computed together, with a line --- between them"),
        *_ERRORS,
        _THREADS,
    )
}

_EVALUATE: Table = {
    "": (
        _CHECKPOINT,
        argument("files", "FILE", _FILES_HELP, "+"),
        _ENCODING,
        value(
            "--validation-split --val-frac",
            positive_fraction,
            "P",
            "evaluate only this fraction, at the end (1)",
            1.0,
        ),
        value("--batch-size", count, "N", "parts evaluated in parallel; 1 gives the exact value (up to 64)"),
        *_ERRORS,
        _THREADS,
    )
}

_DESCRIPTION = "Recurrent networks that learn a text character by character and generate more of it."
_TABLES: dict[str, Table] = {
    "train": _TRAIN,
    "resume": _RESUME,
    "sample": _SAMPLE,
    "info": {"": (_CHECKPOINT,)},
    "evaluate": _EVALUATE,
}
_HELP = {
    "train": "train a model on a text",
    "resume": "continue a training run, with the same bits as without the break",
    "sample": "generate text",
    "info": "describe a checkpoint",
    "evaluate": "compute the loss of a model on a text",
    "demo": "train a small network that memorizes sentences; with --web on a live page",
}
_USAGE = {
    "train": "train FILE ... [flags]",
    "resume": "resume CHECKPOINT [FILE ...] [flags]",
    "sample": "sample CHECKPOINT [flags]",
    "info": "info CHECKPOINT [flags]",
    "evaluate": "evaluate CHECKPOINT FILE ... [flags]",
    "demo": "demo [flags]",
}
_EXAMPLES = {
    "": """\
examples:
  recurrent train input.txt                     train; Ctrl-C saves and ends
  recurrent resume input.safetensors            continue the training run
  recurrent sample input.safetensors --temperature 0.7 --prompt "Once"
  recurrent evaluate input.safetensors other.txt
  recurrent COMMAND --help                      all flags of a command

exit status: 0 success; 1 failure, with a message on standard error; 2 invalid command; 141 broken pipe;
128 + n after signal n, the training run being saved: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
A training run whose output cannot be written ends, saved, with 1 or 141. A terminal shows symbols or escapes
for control characters; a file or a pipe receives the characters of a sample as they are.""",
    "train": """\
examples:
  recurrent train input.txt
  recurrent train input.txt --cell gru --hidden-sizes 256,256,256 --dropout 0.2
  recurrent train input.txt --epochs 10 --checkpoint runs/a.safetensors --seed 2
  recurrent train input.txt --steps 2000 --schedule cosine --warmup-steps 100 --learning-rate 5e-3
  recurrent train more.txt --init-from input.safetensors        train a saved model on another text
  recurrent train part1.txt part2.txt --encoding cp1252         several files as one text, in their encoding
  recurrent train texts/ --epochs 10                            all *.txt of a folder, in the order of their paths
  recurrent train input.txt --tokenizer bpe --vocabulary-size 1000 --embedding 64
  cat *.txt | recurrent train - --checkpoint all.safetensors    standard input
  recurrent train input.txt --json | jq 'select(.validation)'

128 to 512 units and 2 or 3 layers suit a text of 1 MB. A training loss far below the validation loss indicates
overfitting: use dropout or a smaller network. A training loss close to it suggests a larger network.""",
    "resume": """\
examples:
  recurrent resume input.safetensors                 the remaining steps
  recurrent resume input.safetensors --steps 1000    1000 further steps
  recurrent resume input.safetensors moved/input.txt the file of the text has moved

--checkpoint does not replace the model of another run without --force.""",
    "sample": """\
examples:
  recurrent sample input.safetensors
  recurrent sample input.safetensors --length 500 --temperature 0.7 --prompt "Once upon"
  recurrent sample input.safetensors --temperature 0            the most probable characters
  recurrent sample input.safetensors --top-p 0.9 --stop "\\n\\n" --seed 1
  recurrent sample input.safetensors --prompt="-- I"            a text that begins with a dash""",
    "info": """\
examples:
  recurrent info input.safetensors
  recurrent info input.safetensors --json | jq .step""",
    "evaluate": """\
examples:
  recurrent evaluate input.safetensors other.txt
  recurrent evaluate input.safetensors input.txt --validation-split 0.1    the part that train holds out""",
}


# ---- parsing


class Parser(argparse.ArgumentParser):
    """A parser whose help reports an output that cannot be written, and whose errors have no control characters."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not None and file is sys.stdout:
            with writing_output():
                file.write(message)
        elif message:
            with contextlib.suppress(OSError):
                (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Ends the command with the usage and a message."""
        super().error(escaped(message))


def add_flags(parser: argparse.ArgumentParser, table: Mapping[str, Sequence[Flag]]) -> None:
    """Adds the flags of a table by groups; those of the group "" have no title."""
    for title, flags in table.items():
        group = parser.add_argument_group(title) if title else parser
        for names, settings in flags:
            group.add_argument(*names, **settings)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Returns the options, with the command as ``job``.

    Raises
    ------
    SystemExit
        With 0 after ``--help`` or ``--version``, with 2 for an invalid command.
    """
    parser = Parser("recurrent", description=_DESCRIPTION, **layout(""))
    parser.add_argument("--version", action="version", version=f"recurrent {__version__}")
    jobs = parser.add_subparsers(dest="job", metavar="COMMAND", title="commands")
    for job, text in _HELP.items():
        description = text[0].upper() + text[1:] + "."
        subparser = jobs.add_parser(
            job, usage=f"recurrent {_USAGE[job]}", help=text, description=description, **layout(job)
        )
        if job in _TABLES:
            add_flags(subparser, {**_TABLES[job], "output": _OUTPUT})
    words = list(arguments)
    if words and words[0] in _TABLES:
        words = [words[0], *_spelled(words[1:], _TABLES[words[0]])]
    options, unrecognized = parser.parse_known_args(words)
    if unrecognized:
        jobs.choices.get(options.job, parser).error(f"unrecognized arguments: {' '.join(unrecognized)}")
    if options.job is None:
        parser.print_help(sys.stderr)
        parser.exit(2)
    if "errors" in options:
        _check_errors(options, jobs.choices[options.job])
    if options.job == "train":
        _check_train(options, jobs.choices["train"])
    return options


def _check_errors(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Checks that a replacement comes with ``--errors replace`` and not otherwise."""
    if options.job == "train" and options.errors is not None and not options.init_from:
        parser.error("--errors requires --init-from: a new model takes its vocabulary from the text")
    if options.errors != "replace" and options.replacement is not None:
        parser.error("--replacement requires --errors replace")
    options.errors = options.errors or "strict"


def _set_rates(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Sets whether the optimizer and the schedule are those of flags, and the defaults of their other flags."""
    own = [name for name in ("optimizer", "decay_rate") if getattr(options, name) is not None]
    if own and options.recipe is not None:
        parser.error(f"--recipe excludes --{own[0].replace('_', '-')}")
    if options.decay_rate is not None and options.optimizer not in (None, "rmsprop"):
        parser.error(f"--decay-rate requires --optimizer rmsprop, got {options.optimizer}")
    options.has_optimizer = bool(own)
    options.has_schedule = bool(own) or any(getattr(options, name) is not None for name in _SCHEDULE)
    for name, value in _SCHEDULE.items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def _check_train(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Checks flags that exclude each other, then sets the files and the defaults of the network."""
    _set_rates(options, parser)
    if options.files and options.data_dir:
        parser.error("--data-dir excludes FILE")
    if not options.files and not options.data_dir:
        parser.error("the following arguments are required: FILE or --data-dir")
    options.files = options.files or [options.data_dir / "input.txt"]
    if options.hidden_sizes and (options.rnn_size or options.num_layers):
        parser.error("--hidden-sizes excludes --rnn-size and --num-layers")
    for name, value in _ARCHITECTURE.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
        elif options.init_from:
            parser.error(f"--{name.replace('_', '-')} is not allowed with --init-from: the model decides it")
    options.hidden_sizes = options.hidden_sizes or [options.rnn_size] * options.num_layers
    if options.epochs is not None and options.steps is not None:
        parser.error("--epochs and --steps exclude each other")
    if options.decay_rate is not None and (options.optimizer or "rmsprop") != "rmsprop":
        parser.error(f"--decay-rate requires --optimizer rmsprop, got {options.optimizer}")
    if options.schedule == "plateau" and not options.validation_split:
        parser.error("--schedule plateau requires a --validation-split above 0")
    if options.schedule == "plateau" and options.learning_rate_decay == 1:
        parser.error("--schedule plateau requires a --learning-rate-decay below 1")
    if options.patience and not options.validation_split:
        parser.error("--patience requires a --validation-split above 0")


def _spelled(words: Sequence[str], table: Table) -> list[str]:
    """Returns the words with flags as argparse reads them.

    The flags of char-rnn and torch-rnn, ``-rnn_size`` and ``--rnn_size``, are ``--rnn-size``. After a flag of a text a
    word that begins with a dash and is no flag is the text.
    """
    flags = [flag for group in (*table.values(), _OUTPUT) for flag in group]
    names = {name for flag in flags for name in flag.names}
    texts = {name for flag in flags for name in flag.names if flag.settings.get("type") in (text, stop_text)}
    found: list[str] = []
    for word in words:
        name, equals, rest = word.partition("=")
        dashed = "--" + name.lstrip("-").replace("_", "-")
        if name.startswith("-") and dashed in names:
            found.append(dashed + equals + rest)
        elif found and found[-1] in texts and word.startswith("-"):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def layout(job: str) -> dict[str, Any]:
    """Returns the settings of a parser: examples below the flags, no abbreviations."""
    return {"epilog": _EXAMPLES.get(job), "formatter_class": _Layout, "allow_abbrev": False}


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Help with the flags in one column and their descriptions in another."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=36, width=min(shutil.get_terminal_size().columns, 118))
