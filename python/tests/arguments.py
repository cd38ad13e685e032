"""A good call of every public callable: a good value of each parameter, by the parameter's name.

The callables are derived from the package. A function that is added needs an entry only where a parameter of it has
a name that is not known here, or means something else there.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

import instances
import recurrent
from recurrent import introspection, losses, recurrentjs
from recurrent.introspection.document import Document
from recurrent.optim import schedules

# 3 time steps of 2 sequences, 4 numbers or classes
T, B, SIZE = 3, 2, 4
NUMBERS = np.linspace(-1, 1, T * B * SIZE, dtype=np.float32).reshape(T, B, SIZE)
TOKENS = np.array([[0, 1], [2, 3], [1, 0]])
ABSENT = inspect.Parameter.empty
# __radd__ and __rmul__ are __add__ and __mul__
OPERATORS = ("add", "sub", "mul", "truediv", "matmul", "rsub", "rtruediv", "rmatmul", "pow")


class Either(tuple):
    """Good values of different kinds, each a function that makes one."""

    def __new__(cls, *makers: Callable[[], Any]) -> Either:
        return super().__new__(cls, makers)


class Entry(NamedTuple):
    """A public callable: how it is named, the class that it belongs to, and its parameters with their defaults."""

    name: str
    owner: type | None
    function: Any
    parameters: dict[str, Any]
    is_setter: bool = False


def mat(n: int, d: int) -> recurrent.Mat:
    return recurrent.Mat.from_array(np.linspace(-1, 1, n * d).reshape(n, d))


def numbers(n: int, d: int) -> np.ndarray:
    return np.linspace(-1, 1, n * d).reshape(n, d)


def state(columns: int = B) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return ([numbers(columns, 5), numbers(columns, 3)], [numbers(columns, 5), numbers(columns, 3)])


def torch_weights() -> dict[str, np.ndarray]:
    return recurrent.LSTM(SIZE, [5, 3], SIZE, rng=1).to_torch()


def weights() -> dict[str, recurrent.Mat]:
    mats = {name: mat(2, 3) for name in "ab"}
    for m in mats.values():
        m.dw[...] = 0.5
    return mats


def model_dict() -> dict[str, recurrent.Mat]:
    return dict(recurrentjs.init_lstm(3, [4], 2, "float64", rng=0))


def network() -> recurrent.Network:
    return recurrent.LSTM(SIZE, [5, 3], SIZE, rng=0)


# by the parameter's name; a function makes a new value for each call
GOOD: dict[str, Any] = {
    "G": recurrent.Graph, "Wh": lambda: mat(12, 3), "Wx": lambda: mat(12, 4), "a": lambda: mat(3, 3),
    "activation": "h0", "after": 2, "alpha": 0.9, "amsgrad": True, "anneal_strategy": "linear", "as_bytes": True,
    "candidate_dropout": 0.1, "coupled": True, "input_dropout": 0.1, "norm": "joint",
    "peephole": True, "projection": 2, "recurrent_dropout": 0.1, "weight_dropout": 0.1, "zoneout": 0.1,
    "axis": 0, "b": lambda: mat(3, 3), "bad": 1, "batch_size": 2, "batches": 1, "condition": lambda: mat(3, 1),
    "indices": lambda: np.array([0, 1]), "transpose_a": True, "beams": 2, "best": 1.5, "betas": (0.8, 0.9),
    "bptt_length": 3, "overlap": 1,
    "bias": lambda: mat(3, 1), "c": lambda: mat(3, 2), "callbacks": lambda: [lambda report: None], "cell": "gru",
    "chrono": 30.0,
    "centered": True, "bias_correction": False,
    "batch_first": True, "class_weight": lambda: np.array([1.0, 2.0, 0.5, 1.0]), "delta": 0.5, "epochs": 1,
    "levels": lambda: [0.2, 0.8], "metrics": lambda: ["accuracy"], "per_sequence": True, "restore_best": True,
    "sample_weight": lambda: np.array([1.0, 2.0]), "shuffle": False,
    "y": Either(lambda: TOKENS.copy(), lambda: NUMBERS.copy()),
    "bidirectional": False, "characters": list("abcd"), "checkpoint": lambda: "new.safetensors",
    "checkpoint_every": 1, "checkpoint_minutes": 1.0, "clip": 1.0, "clipping": "global_norm", "clipval": 5.0,
    "column": 0, "constant": 0.5, "cooldown": 1, "cooling": 1, "count": 2, "d": 2,
    "comm": instances.Alone, "dampening": 0.5, "data": dict, "decay_rate": 0.9, "distributed": instances.Alone,
    "div_factor": 2.0, "documents": "lines",
    "dropout": 0.5, "dstate": state, "dtype": "float64", "dy": lambda: NUMBERS.copy(),
    "embedding": 3, "encoding": "cp1252", "end": 1, "eps": 1e-6, "epsilon": 1e-5, "errors": "ignore",
    "eta_min": 0.01, "evaluate_every": 1, "exponent": 2, "factor": 0.5, "final_div_factor": 10.0,
    "flat": lambda: np.zeros(16, np.float32), "forget_bias": 1.0, "gain": lambda: mat(3, 1), "gamma": 0.5,
    "groups": lambda: {"W*": {"learning_rate": 0.5}},
    "gradient_norm": 0.5, "gradient_norms": lambda: [(1, 0.5)], "h": lambda: mat(3, 2),
    "hidden_sizes": lambda: [5, 3], "high": 2.0, "history": lambda: np.array([1, 0]),
    "init": "glorot", "initial_accumulator_value": 0.1, "input": "glorot", "input_size": 3, "k": 2,
    "keep_best": True, "key": "model",
    "learned_initial_state": True, "learning_rate": 0.1,
    "weights": lambda: network().to_keras(), "layer": 0, "quantize": "int8",
    "leak": 0.5, "spectral_radius": 0.9, "density": 0.5, "input_scale": 0.5, "ridge": 1.0, "washout": 1,
    "learning_rate_decay": 0.1, "learning_rates": lambda: [(1, 0.1)], "lengths": lambda: np.array([3, 2]),
    "letter_size": 3, "loss": 1.5, "low": -1.0, "m": lambda: mat(3, 3), "mats": lambda: [mat(3, 1), mat(3, 1)],
    "max_chars": 5, "memory": 1 << 20, "max_learning_rate": 0.1, "mean": 0.5, "min_learning_rate": 0.01, "min_p": 0.1,
    "mode": "max",
    "model": weights, "momentum": 0.9, "mu": 0.1, "n": 3, "names": lambda: ["h0"], "needs_backprop": False,
    "negative_slope": 0.1, "nesterov": True, "network": network, "nonlinearity": "relu", "o": lambda: mat(2, 1),
    "optimizer": lambda: recurrent.Adam(0.1), "other": lambda: mat(3, 2), "output_size": 2, "overwrite": True,
    "padding_value": 0.5, "parameters": weights, "path": lambda: "saved", "patience": 1, "pct_start": 0.5,
    "prev": None, "progress": False, "prompt": lambda: np.array([1, 2]), "ratio_clipped": 0.5,
    "rate": 0.5, "record_every": 1, "recurrent": "orthogonal", "reduction": "sum", "regc": 1e-6,
    "repetition_penalty": 1.5,
    "repetition_window": 8, "replacement": "a", "recipe": None, "reset_after": False, "residual": False,
    "resets": lambda: np.array([[0, 0], [0, 1], [1, 0]]),
    "rng": lambda: recurrent.Random(3), "row": 0,
    "rows": lambda: np.array([0, 2]), "sample": True, "samples": 2, "schedule": lambda: schedules.Constant(0.1),
    "scores": lambda: np.array([1.0, 2.0, 3.0]), "seed": 3, "sentence": "abc", "sentences": lambda: ["abc", "bcd"],
    "seq_length": 4, "sequences": lambda: [numbers(2, 3), numbers(1, 3)], "smooth_eps": 1e-6, "start": 1,
    "state": state, "state_dict": torch_weights, "std": 0.5, "step": 3, "step_size": 0.1, "steps": 2, "stop": "a",
    "stop_reason": "steps", "strict": True, "temperature": 0.5,
    "targets": Either(lambda: TOKENS.copy(), lambda: NUMBERS.copy()),
    "text": "abcd" * 30, "three_phase": True, "threshold": 0.1, "threshold_mode": "abs", "tied": True,
    "tokenizer": "bytes", "tokens": lambda: TOKENS.copy(), "top_k": 2, "top_p": 0.9, "total_steps": 10,
    "train": lambda: [(1, 0.5)], "training": True, "unit": 0, "units": lambda: [0], "validation": lambda: [(1, 0.5)],
    "validation_data": "abcd" * 5, "validation_split": 0.3, "value": 0.5, "values": lambda: numbers(3, 2),
    "variational": True, "vocabulary_size": 300, "per": "character",
    "w": lambda: np.array([0.1, 0.7, 0.2]), "warmup_steps": 1, "weight_decay": 0.01,
    "weights_only": True, "widths": lambda: {"h": [3, 1], "c": [3, 1]}, "words": 2,
    "x": Either(lambda: NUMBERS.copy(), lambda: TOKENS.copy()), "epoch": 0.5,
}  # fmt: skip
# where a parameter means something else, by the callable's name
SPECIAL: dict[str, dict[str, Any]] = {
    "Graph.layer_norm": {"m": lambda: mat(3, 2)},
    # the vocabulary of the model has no newline
    "TextModel.fit": {"documents": None},
    "TextModel.evaluate": {"resets": lambda: np.array([0, 1, 0, 0])},
    "distributed.all_reduce": {"flat": lambda: mat(6, 1), "weight": 2.0},
    "Graph.dropout": {"per": None},
    "Mat.dropout": {"per": None},
    "Graph.rnn": {"x": lambda: mat(4, 2), "Wx": lambda: mat(3, 4), "Wh": lambda: mat(3, 3), "b": lambda: mat(3, 1)},
    "Graph.lstm": {"x": lambda: mat(4, 2), "b": lambda: mat(12, 1)},
    "Graph.cross_entropy": {"scores": lambda: mat(3, 3), "targets": lambda: np.array([0, 1, 2])},
    "Graph.slice_rows": {"count": 1},
    "Graph.scan": {
        "x": lambda: mat(3, 4),
        "program": lambda: recurrent.Program(lambda x, h: (x + h).tanh(), 3, 3, dtype="float64"),
        "states": lambda: [mat(3, 2)], "parameters": list, "lengths": lambda: np.array([2, 1]), "steps": 2,
    },
    "Graph.reverse_sequence": {
        "m": lambda: mat(3, 4), "steps": 2, "lengths": lambda: np.array([2, 1]),
    },
    "Graph.forest": {
        "x": lambda: mat(3, 2),
        "program": lambda: recurrent.Program(lambda x, a, b: (x + a + b).tanh(), 3, 3, dtype="float64", children=2),
        "children": lambda: np.array([[0, 0], [1, 0]]), "leaves": lambda: [mat(3, 1)], "parameters": list,
    },
    "Graph.apply": {
        "x": lambda: mat(3, 2),
        "program": lambda: recurrent.Program(lambda x, a, b: (x + a + b).tanh(), 3, 3, dtype="float64", children=2),
        "states": lambda: [mat(3, 2), None], "parameters": list,
    },
    "Program.from_json": {"text": lambda: instances.program().json()},
    "Mat.split": {"parts": lambda: [1, 2]},
    "Graph.slice_columns": {"count": 1},
    "Graph.reshape": {"n": 3, "d": 3},
    "Graph.stack": {"axis": 1},
    **{
        f"Mat.{name}": {"other": 2.0}
        for name in (
            "maximum", "minimum", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "where",
        )
    },
    **{name: {"exponent": 2.5} for name in ("Graph.pow", "Mat.pow")},
    "Graph.svg": {"names": dict, "values": True},
    "Mat.graph": {"names": dict},
    "schedules.Cosine": {"total_steps": 2**41},
    "schedules.Linear": {"total_steps": 2**41, "decay_steps": 2**40, "end_factor": 0.5},
    "show_config": {"mode": "dicts"},
    "Graph.backward": {"loss": None},
    "Mat.view": {"n": 2, "d": 1},
    "Mat.__matmul__": {"other": lambda: mat(2, 3)},
    "Mat.__rmatmul__": {"other": lambda: mat(2, 3)},
    **{f"Mat.__{name}__": {"other": 2.0, "exponent": 2.5} for name in OPERATORS if "matmul" not in name},
    "Mat.w": {"w": lambda: numbers(3, 2)},
    "Mat.dw": {"dw": lambda: numbers(3, 2)},
    "State": {"widths": lambda: {"h": [3, 1]}},
    "State.flat": {"flat": lambda: np.zeros(32, np.float32)},
    "EchoStateNetwork": {"units": 5},
    "EchoStateNetwork.fit": {
        "x": lambda: NUMBERS.copy(), "targets": lambda: NUMBERS.copy(),
        "state": lambda: [np.zeros((2, 5), np.float32)],
    },
    "Network.forward": {"needs_backprop": True},
    "Network.generate": {"state": lambda: state(1)},
    "Network.stream": {"state": lambda: state(1)},
    "Network.beam_search": {"state": lambda: state(1)},
    "TextModel.sample": {"prompt": "ab"},
    "TextModel.stream": {"prompt": "ab"},
    "TextModel.resume": {"steps": 1, "text": "abcd" * 30},
    "TextModel.build": {"text": "abcd"},
    "TextModel.train_step": {"targets": lambda: TOKENS.copy()},
    "TextModel.load": {"path": lambda: "model"},
    "Network.load": {"path": lambda: "model"},
    "load": {"path": lambda: "model"},
    "Network.save_torch": {"path": lambda: "saved.pt"},
    "Network.to_c": {"path": lambda: "net.c", "tokens": True},
    "TextModel.to_c": {"path": lambda: "net.c"},
    "Network.metadata": {"metadata": lambda: {"author": "a name"}},
    "Network.fit": {
        "batch_size": 1, "loss": "cross_entropy", "validation_data": lambda: (NUMBERS.copy(), TOKENS.copy()),
        "seq_length": 2,
    },
    "Network.resume": {
        "y": lambda: TOKENS.copy(), "steps": 1, "loss": None,
        "validation_data": lambda: (NUMBERS.copy(), TOKENS.copy()), "x": lambda: NUMBERS.copy(),
    },
    "Network.forecast": {"x": lambda: NUMBERS.copy()},
    **{f"Network.{name}": {"loss": "cross_entropy"} for name in ("predict", "predict_proba", "evaluate")},
    "Optimizer.load_state_dict": {"state_dict": lambda: instances.stepped().state_dict()},
    "TextModel.metadata": {"metadata": "some text"},
    "SentenceModel.load_recurrentjs": {"path": lambda: "model"},
    "Random.state": {"state": lambda: recurrent.Random(4).state},
    "History.from_dict": {"data": lambda: recurrent.History(train=[(1, 0.5)]).to_dict()},
    "schedules.Schedule.from_dict": {"data": lambda: schedules.Exponential(0.1, 0.9).to_dict()},
    "schedules.Step": {"step_size": 5},
    "schedules.Plateau.advance": {"state": lambda: schedules.PlateauState(0.1)},
    "recurrentjs.Output": {"h": lambda: [mat(3, 1)], "c": lambda: [mat(3, 1)]},
    "recurrentjs.Model": {"parameters": lambda: recurrent.LSTM(2, [3], rng=0).parameters},
    "recurrentjs.forward_lstm": {
        "model": model_dict, "hidden_sizes": lambda: [4], "x": lambda: mat(3, 1),
        "prev": lambda: recurrentjs.Output([mat(4, 1)], [mat(4, 1)], mat(2, 1)),
    },
    "recurrentjs.forward_rnn": {
        "model": lambda: recurrentjs.init_rnn(3, [4], 2, "float64", rng=0), "hidden_sizes": lambda: [4],
        "x": lambda: mat(3, 1), "prev": lambda: recurrentjs.Output([mat(4, 1)], [], mat(2, 1)),
    },
    "introspection.activations.activations": {"tokens": lambda: TOKENS[:, 0].copy()},
    "introspection.activations.next_characters": {"tokens": lambda: TOKENS[:, 0].copy()},
    "introspection.activations.gradient_norms": {"tokens": lambda: TOKENS[:, 0].copy()},
    "Document.save": {"path": lambda: "page"},
}  # fmt: skip
# what a parameter needs beside it
NEEDS: dict[str, dict[str, Any]] = {
    "replacement": {"errors": "replace"},
    "nesterov": {"momentum": 0.9},
    "values": {"dtype": "float64"},
    "patience": {"validation_split": 0.3},
    "restore_best": {"validation_split": 0.3},
    "steps": {"callbacks": lambda: [lambda report: report.step > 6]},
    "epochs": {"callbacks": lambda: [lambda report: report.step > 6]},
    "vocabulary_size": {"tokenizer": "bpe"},
    "key": {"state_dict": lambda: {"model": torch_weights()}},
    "resets": {"text": lambda: np.array([0, 1, 2, 3])},
    "encoding": {"text": lambda: Path("text"), "sentences": lambda: Path("text")},
}
# given in each call: results are the same, and runs are short and quiet
ALWAYS = ("rng", "progress", "batch_size", "seq_length")
# the callables whose arguments belong together
WHOLE = ("Graph.forest", "Graph.apply")
RESUMED = ("text", "steps", "validation_data")
# the data of a run of arrays
RUN = ("lengths", "sample_weight", "class_weight", "validation_data", "steps")
# the callables that are left out, with the reason
LEFT_OUT = {
    **dict.fromkeys(("Graph.zoneout", "Mat.zoneout"), "in a step only: nn/test_masks.py"),
    **dict.fromkeys(("Graph.attend", "Mat.attend"), "in a step only: nn/test_attention.py"),
    **dict.fromkeys(("Graph.name", "Mat.name"), "in a step only: nn/test_cell.py"),
    **dict.fromkeys(
        (
            "State.h",
            "State.c",
            "Network.parameters",
            "Network.flat",
            "Network.batch_first",
            "TextModel.parameters",
            "TextModel.flat",
            "Graph.needs_backprop",
            "recurrentjs.Model.flat",
        ),
        "read-only: test_readonly.py",
    ),
    "Parameters": "takes a handle of the library",
    **dict.fromkeys(
        ("Network.to_onnx", "TextModel.to_onnx", "from_onnx"), "needs the package onnx: exchange/test_onnx.py"
    ),
    "from_keras": "needs the package h5py: exchange/test_keras.py",
    "check_gradients": "calls f, whose errors are its own: test_gradients.py",
    "Program": "calls the step, whose errors are its own: test_program.py",
    "Cell.parameters": "a method that subclasses define: nn/test_cell.py",
    "Cell.rows": "a method that subclasses define: nn/test_cell.py",
    "Cell.of": "keeps functions, whose errors are their own: nn/test_cell.py",
    **{
        f"losses.{kind}.{name}": "called with checked arrays: training/test_losses.py"
        for kind, names in {
            "_Elementwise": ["__call__"],
            "Loss": ["numbers", "__call__", "predict", "probabilities", "check"],
            "CrossEntropy": ["__call__", "predict", "probabilities"],
            "BinaryCrossEntropy": ["predict", "probabilities", "check"],
            "GaussianNLL": ["numbers", "__call__", "predict"],
            "Quantile": ["numbers", "__call__", "predict"],
        }.items()
        for name in names
    },
    **{
        f"distributed.Communicator.{name}": "a method that adapters define: test_distributed.py"
        for name in ("Allreduce", "bcast", "allgather")
    },
    "live": "the page has tests of its own",
    "History.add": "keeps what it is given: checked where a run is loaded",
    "History.add_validation": "keeps what it is given: checked where a run is loaded",
    "History": "keeps what it is given: checked where a run is loaded",
    "recurrentjs.Output": "keeps what it is given: checked where it is used",
    "StepReport": "keeps what it is given",
    "StepResult": "keeps what it is given",
    "schedules.PlateauState": "keeps what it is given",
    "introspection.graph_svg.draw": "behind Graph.svg",
    "introspection.text_html.page": "behind TextModel.html",
    "introspection.text_html.colors": "behind TextModel.html",
    "introspection.plots.history": "draws; plots have tests of their own",
    "introspection.plots.predictions": "draws; plots have tests of their own",
    **dict.fromkeys(("GradientCheck", "GradientError", "LayerSummary", "Summary"), "keeps what it is given"),
    **dict.fromkeys(
        ("Operand", "Operation", "recurrentjs.Cost", "recurrentjs.Tick"), "keeps what it is given"
    ),
    "introspection.plots.activations": "draws; plots have tests of their own",
    "introspection.plots.gradient_norms": "draws; plots have tests of their own",
}


def own_functions(module: Any) -> list[str]:
    """The public functions and classes that a module without a list of names defines."""
    return [
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]  # fmt: skip


def modules() -> Iterator[tuple[str, Any, list[str]]]:
    """The public modules, each with its prefix and its public names."""
    yield "", recurrent, recurrent.__all__
    yield "recurrentjs.", recurrentjs, recurrentjs.__all__
    yield "schedules.", schedules, own_functions(schedules)
    yield "losses.", losses, losses.__all__
    yield "distributed.", recurrent.distributed, recurrent.distributed.__all__
    for name in introspection.__all__:
        module = getattr(introspection, name)
        yield f"introspection.{name}.", module, own_functions(module)


def entries(everything: bool = False) -> list[Entry]:
    """Every public callable: functions, constructors, methods, operators, and properties that can be assigned.

    Those of ``LEFT_OUT`` only with ``everything``.
    """
    found: dict[Any, Entry] = {}

    def add(
        name: str, owner: type | None, function: Any, key: Any, drops: int, is_setter: bool = False
    ) -> None:
        listed = list(inspect.signature(function).parameters.values())[drops:]
        parameters = {p.name: p.default for p in listed if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        if is_setter:
            parameters = {name.rpartition(".")[2]: ABSENT}
        found.setdefault(key, Entry(name, owner, function, parameters, is_setter))

    def add_class(prefix: str, kind: type) -> None:
        if kind in instances.MAKERS:
            add(f"{prefix}{kind.__name__}", None, kind, kind, 0)
        for base in kind.__mro__:
            if not base.__module__.startswith("recurrent"):
                continue
            for name, value in vars(base).items():
                label = f"{prefix}{_shown(base, kind).__name__}.{name}"
                if isinstance(value, property) and value.fset and not name.startswith("_"):
                    add(label, kind, value.fset, value, 1, True)
                elif name.startswith("_") and name != "__call__" and name.strip("_") not in OPERATORS:
                    continue
                elif isinstance(value, (classmethod, staticmethod)):
                    add(label, None, getattr(kind, name), value.__func__, 0)
                elif isinstance(value, FunctionType):
                    add(label, kind, value, value, 1)

    for prefix, module, names in modules():
        for name in names:
            value = getattr(module, name)
            if isinstance(value, type):
                add_class(prefix, value)
            elif isinstance(value, FunctionType):
                add(f"{prefix}{name}", None, value, value, 0)
    add_class("", Document)
    return [e for e in found.values() if e.parameters and (everything or e.name not in LEFT_OUT)]


def _shown(base: type, kind: type) -> type:
    """The class that a method is named by: the public one of a chain of bases."""
    public = (recurrent.Mat, recurrent.Graph, recurrent.TextModel)
    # the files of a network, and its learning, are bases of it
    return (
        kind
        if kind in public
        else recurrent.Network
        if base.__name__ in ("Checkpoint", "Learning", "Prediction", "Exchange")
        else base
    )


def kinds(entry: Entry, parameter: str) -> Either:
    """Functions that make the good values of a parameter, one of each kind."""
    own = SPECIAL.get(entry.name, {})
    if parameter not in own and parameter not in GOOD:
        raise KeyError(f"{entry.name} has a parameter without a good value: {parameter}")
    value = own.get(parameter, GOOD.get(parameter))
    if isinstance(value, Either):
        return value
    return Either(value if callable(value) else lambda: value)


def good(entry: Entry, parameter: str) -> Any:
    """A new good value of a parameter."""
    return kinds(entry, parameter)[0]()


def arguments(entry: Entry, parameter: str, kind: int = 0) -> dict[str, Any]:
    """New good arguments: those without a default, the tested one, and what it needs."""
    needs = {name: v for name, v in NEEDS.get(parameter, {}).items() if name in entry.parameters}
    found = {
        name: good(entry, name)
        for name, default in entry.parameters.items()
        if default is ABSENT
        or name in (parameter, *ALWAYS)
        or (entry.name == "TextModel.resume" and name in RESUMED)
        or (entry.name == "Network.resume" and name in RUN)
        or (entry.name == "Network.fit" and name == "epochs" and parameter != "steps")
        or (entry.name == "TextModel.fit" and name == "steps" and parameter != "epochs")
        or entry.name in WHOLE
    }
    found[parameter] = kinds(entry, parameter)[kind]()
    return found | {name: value() if callable(value) else value for name, value in needs.items()}


def receiver(entry: Entry) -> Any:
    """What a method is called on, ready for the call; None for functions."""
    if entry.owner is None:
        return None
    kind = entry.owner
    if entry.name.endswith("Document.save"):
        return introspection.text_html.HTML("<p>")
    if entry.name.startswith("Network."):
        kind = recurrent.LSTM
    if entry.name.startswith("Optimizer."):
        kind = recurrent.Adam
    if entry.name.startswith("schedules.Schedule."):
        kind = schedules.Plateau
    if entry.name == "TextModel.resume":
        # the run has a validation text, which resume needs again
        thing = instances.text_model()
        instances.fit(thing, validation_data="abcd" * 5)
        return thing
    if entry.name == "Mat.graph":
        return recurrent.Graph().tanh(instances.mat())
    if entry.name == "Network.resume":
        thing = instances.MAKERS[recurrent.LSTM]()
        run = {
            name: good(entry, name)
            for name in ("lengths", "sample_weight", "class_weight", "validation_data")
        }
        stop = {"callbacks": [lambda report: report.step == 2], "metrics": ["accuracy"], "progress": False}
        thing.fit(NUMBERS, TOKENS, steps=4, batch_size=1, **run, **stop)
        return thing
    if entry.name == "TextModel.build":
        return recurrent.TextModel("lstm", [5], rng=1)
    thing = instances.MAKERS[kind]()
    if entry.name == "Network.backward":
        thing.forward(NUMBERS)
    return thing


def call(entry: Entry, thing: Any, values: dict[str, Any]) -> Any:
    """Calls; an iterator is read to its end."""
    if entry.is_setter:
        ((name, value),) = values.items()
        setattr(thing, name, value)
        return None
    result = entry.function(**values) if entry.owner is None else entry.function(thing, **values)
    if result is NotImplemented:
        raise TypeError("other has the wrong type; expected an operand, got NotImplemented")
    return list(itertools.islice(result, 20)) if isinstance(result, Iterator) else result
