"""Every argument of every public callable: a value is right, or refused by the argument's name, and nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import arguments
import hostile
import instances
import recurrent
from arguments import Entry
from snapshots import snapshot

ENTRIES = {entry.name: entry for entry in arguments.entries()}
REFUSALS = (TypeError, ValueError, IndexError, KeyError, FloatingPointError, ZeroDivisionError)


# a size is refused as part of a shape or of a network, an operand with the others
ALIASES = {
    "n": "shape|rows",
    "d": "shape|columns",
    "row": "rows",
    "column": "columns",
    "start": "rows|columns",
    "count": "rows|columns",
    "input_size": "network",
    "output_size": "network",
    "embedding": "network",
    "hidden_sizes": "network|model",
    "other": "operand|values|a and b|shape",
    "values": "shape",
    "exponent": "operand",
    "indices": "indices|axis",
    "batches": "batches|columns",
    "widths": "flat",
    "data": r"\w+",
    "w": "values|weights",
    "mu": "low",
    "warmup_steps": "total_steps",
    "clipval": "clip",
    "std": "low",
    "state_dict": r"\w+",
    "parameters": "gradient of|a name",
    "model": "gradient of|a name",
    "tokens": "text",
    "prompt": "text",
    "sentence": "text",
    "validation_data": "text",
    "names": "activation",
    "network": "tokens|characters",
    "x": "tokens|targets|T and B|y",
    "checkpoint": "checkpoint|model",
    "epochs": "epochs or steps",
}


# values that are right although they are wrong for most arguments of the kind, by the pattern of their labels
RIGHT = {
    # flags
    **dict.fromkeys(
        (f"Network.{name}(resets)" for name in ("forward", "activations", "train_step")), "of bool"
    ),
    **dict.fromkeys((f"TextModel.{name}(resets)" for name in ("train_step", "evaluate")), "of bool"),
    # comparisons, and limits of an interval
    **dict.fromkeys(
        (
            f"Mat.{name}(other)"
            for name in (
                "maximum",
                "minimum",
                "greater",
                "greater_equal",
                "less",
                "less_equal",
                "equal",
                "not_equal",
                "where",
            )
        ),
        r"nan|-?inf|-?1000.*",
    ),
    **dict.fromkeys((f"{kind}.clip(low)" for kind in ("Mat", "Graph")), "-inf"),
    **dict.fromkeys((f"{kind}.clip(high)" for kind in ("Mat", "Graph")), "-?inf"),
    "Mat.from_array(values)": "of another width|with 1e300",
    "TextModel.decode(tokens)": "of (more dimensions|no width|another width)",
    "TextModel.evaluate(text)": r"array\(\[1, 2\]\)",
    "introspection.activations.next_characters(characters)": r".*\\ud800'",
    "Optimizer.step(parameters)": "without '[ab]'",
    "Optimizer.load_state_dict(state_dict)": "'state' without 'a'|.* with 1e300",
    "Network.metadata(metadata)": "without 'author'",
    "recurrentjs.Solver.step(model)": "without '[ab]'",
    "pad_sequence(padding_value)": "nan|-inf",
    "pad_sequence(sequences)": r"\[\d\] with 1e300",
    "State(flat)": "with 1e300",
    "Network.forward(x)": "of (no|another) width",
    "Network.activations(x)": "of (no|another) width",
    "Mat.w(w)": "with 1e300",
    "Mat.dw(dw)": "with 1e300",
    "probabilities(scores)": "with 1e300",
    "recurrentjs.maxi(w)": "with 1e300",
    "recurrentjs.samplei(w)": "with 1e300",
    "Network.load_torch(state_dict)": "without 'decoder.bias'",
    "schedules.Plateau.advance(loss)": "nan|-inf",
    "schedules.Schedule.__call__(validation)": r"\[0\] \[1\] (nan|-inf)",
    "schedules.Schedule.from_dict(data)": "without '(warmup_steps|eta_min)'",
    "History.from_dict(data)": "without 'metrics'",
    # N follows from x
    **{f"Network.{name}(x)": "of another width" for name in ("scores", "predict", "predict_proba")},
    **{f"Network.{name}(per_sequence)": "None" for name in ("predict", "predict_proba")},
    # the range of a uniform distribution
    **{f"{kind}(init)": r"1|1\.5" for kind in ("RNN", "LSTM", "GRU", "TextModel")},
    **{f"Network.initialize({name})": r"1|1\.5" for name in ("input", "recurrent")},
    # no groups, and factors of 1
    **{
        f"{kind}(groups)": r"without 'W\*'|'W\*' without 'learning_rate'"
        for kind in ("SGD", "Adagrad", "RMSProp", "Adam", "AdamW", "recurrentjs.Solver")
    },
    # beyond the lengths
    "Network.resume(x)": "with 1e300",
    "Network.resume(y)": "with .*",
}
# forms that mean something else: a list of sequences, or of their targets
OTHER_FORMS = {
    **{
        f"Network.{name}(x)": "a list|a tuple"
        for name in ("fit", "resume", "scores", "predict", "predict_proba")
    },
    "Network.evaluate(x)": "a list|a tuple",
    "Network.forecast(x)": "a list|a tuple",
    **{f"Network.{name}(y)": "a list|a tuple" for name in ("fit", "resume", "evaluate")},
}
# functions whose errors are their own
FUNCTIONS = {
    "Network.fit(loss)", "Network.evaluate(loss)", "Network.evaluate(metrics)",
    *(f"{kind}(init)" for kind in ("RNN", "LSTM", "GRU", "TextModel")),
}  # fmt: skip
# files that are not there
FILES = {
    "path", "checkpoint", "text", "tokenizer", "validation_data", "sentences", "weights", "state_dict",
}  # fmt: skip


def is_training(error: Exception) -> bool:
    """Whether steps were made before the error."""
    return isinstance(error, FloatingPointError) and str(error).startswith("training diverged in step")


def is_refusal(error: Exception, parameter: str, value: Any) -> bool:
    """Whether an error is a sentence that names the argument."""
    words = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, OSError) and parameter in FILES:
        return True
    if type(error).__module__ != "builtins" or not re.search("; expected .*, got |missing; expected ", words):
        return False
    if isinstance(error, MemoryError):
        return bool(re.match(rf"{parameter}|{ALIASES.get(parameter, parameter)}", words))
    # of several operands the sentence may name the one that does not fit this one
    names = rf"\b({parameter}|{ALIASES.get(parameter, parameter)})\b"
    return isinstance(error, REFUSALS) and (isinstance(value, recurrent.Mat) or bool(re.search(names, words)))


class Case:
    """A callable with what it is called on and its arguments, in a folder of its own."""

    def __init__(self, entry: Entry, parameter: str, kind: int, folder: Path) -> None:
        self.entry, self.folder = entry, folder
        self.prepare()
        self.thing, self.values = arguments.receiver(entry), arguments.arguments(entry, parameter, kind)

    def prepare(self) -> None:
        """Makes the folder as it is before a call."""
        for file in self.folder.iterdir():
            file.unlink()
        (self.folder / "text").write_text("abcd" * 30)
        if self.entry.name in {"TextModel.load", "load"}:
            instances.text_model().save(self.folder / "model")
        if self.entry.name == "Network.load":
            instances.MAKERS[recurrent.GRU]().save(self.folder / "model")
        if self.entry.name == "SentenceModel.load_recurrentjs":
            instances.MAKERS[recurrent.SentenceModel]().save_recurrentjs(self.folder / "model")

    def call(self, **changed: Any) -> Any:
        return arguments.call(self.entry, self.thing, {**self.values, **changed})

    def state(self) -> Any:
        return snapshot((self.thing, self.values))


class Report:
    """The problems of one callable, and the number of calls."""

    def __init__(self, entry: Entry, folder: Path) -> None:
        self.entry, self.folder = entry, folder
        self.problems: list[str] = []
        self.calls = 0

    def add(self, parameter: str, label: str, problem: str) -> None:
        self.problems.append(f"{self.entry.name}({parameter}) of {label} {problem}")

    def examine(self, parameter: str) -> None:
        """Calls with every form of a good value of each kind, and with hostile values."""
        for kind in range(len(arguments.kinds(self.entry, parameter))):
            self.examine_kind(parameter, kind)

    def examine_kind(self, parameter: str, kind: int) -> None:
        def new() -> Case:
            return Case(self.entry, parameter, kind, self.folder)

        first = new()
        result, after = snapshot(first.call()), first.state()
        other = OTHER_FORMS.get(f"{self.entry.name}({parameter})", "-")
        for label, value in hostile.forms(first.values[parameter]):
            if re.fullmatch(other, label):
                continue
            self.calls += 1
            try:
                if snapshot(new().call(**{parameter: value})) != result:
                    self.add(parameter, label, "gives another result")
            except Exception as error:
                self.add(parameter, label, f"is refused: {error!r}")
        case = self.refuse(parameter, new)
        # what a snapshot does not show, such as an optimizer's count of steps, a later call does
        case.prepare()
        if snapshot(case.call()) != result or case.state() != after:
            self.add(parameter, "a good value", "gives another result after refusals")

    def refuse(self, parameter: str, new: Callable[[], Case]) -> Case:
        """Calls with hostile values; returns a case that has seen the last refusals."""
        case = new()
        before = case.state()
        right = RIGHT.get(f"{self.entry.name}({parameter})", "-")
        values = [(label, make(), False) for label, make in hostile.VALUES.items()]
        values += [(label, value, True) for label, value in hostile.wrong(case.values[parameter])]
        for label, value, is_wrong in values:
            if f"{self.entry.name}({parameter})" in FUNCTIONS and callable(value):
                continue
            self.calls += 1
            case.prepare()
            try:
                case.call(**{parameter: value})
            except Exception as error:
                if is_training(error):
                    case = new()
                    continue
                if not is_refusal(error, parameter, value):
                    self.add(parameter, label, f"raises {error!r}")
                if case.state() != before:
                    self.add(parameter, label, "is refused and has changed something")
                    case = new()
            else:
                if is_wrong and not re.fullmatch(right, label):
                    self.add(parameter, label, "is accepted")
                case = new()
        return case


def test_every_parameter_has_a_good_value():
    """A callable that is added needs an entry where the names of its parameters are not known."""
    assert len(ENTRIES) > 120
    for entry in ENTRIES.values():
        for parameter in entry.parameters:
            arguments.good(entry, parameter)


def test_no_entry_is_left_over():
    names = {entry.name for entry in arguments.entries(everything=True)}
    assert set(arguments.SPECIAL) | set(arguments.LEFT_OUT) <= names
    assert {key.partition("(")[0] for key in (*RIGHT, *OTHER_FORMS, *FUNCTIONS)} <= names


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ENTRIES)
def test_arguments(name, working_directory):
    report = Report(ENTRIES[name], working_directory)
    for parameter in ENTRIES[name].parameters:
        report.examine(parameter)
    print(f"{name}: {report.calls} calls")
    assert not report.problems, "\n".join(report.problems[:20])
