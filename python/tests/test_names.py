"""Types of names, compared with the names that the library knows; classes of results, which users can import."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import tempfile
import types
import typing
from typing import get_args

import numpy as np
import numpy.typing
import pytest

import recurrent
from recurrent import _c, introspection, names, recurrentjs, schedules, training
from recurrent.introspection import activations, graph_svg, plots, text_html
from recurrent.optim.optimizers import OPTIMIZERS
from recurrent.parameters import CELLS, CELLS_WITH_GATES
from recurrent.text.language_model import _new_model
from test_docs import CALLABLES, NAMES, function_of


def refused(create, free, text, *arguments):
    """What the library says about settings."""
    words = text.encode()
    with pytest.raises((ValueError, TypeError)) as error:
        _c.new(create, free, words, len(words), *arguments)
    return str(error.value)


def listed(message):
    """The names that a message expects."""
    expected = re.search(r"expected (?:one of )?(.*?), got ", message)[1]
    return set(re.findall(r"[a-z_0-9]+", expected.replace(" or ", ", "))) - {"a"}


def test_cells():
    rng = recurrent.Random(0)
    settings = '{"cell": "no", "input_size": 2, "hidden_sizes": [2], "output_size": null, "embedding": null}'
    message = refused(
        _c.lib.recurrent_network_create, _c.lib.recurrent_network_free, settings, rng._handle.value
    )
    assert listed(message) == set(get_args(recurrent.CellName)), message
    assert get_args(recurrent.CellName) == CELLS and CELLS[: len(CELLS_WITH_GATES)] == CELLS_WITH_GATES


def test_optimizers():
    message = refused(_c.lib.recurrent_optimizer_create, _c.lib.recurrent_optimizer_free, '{"name": "no"}')
    # RecurrentJS's solver is a class of its own, with the names of RecurrentJS
    assert listed(message) - {"recurrentjs"} == set(get_args(recurrent.OptimizerName)) == set(OPTIMIZERS), (
        message
    )
    assert all(kind._name == name for name, kind in OPTIMIZERS.items())
    assert {kind.__name__ for kind in OPTIMIZERS.values()} == set(recurrent.optimizers.__all__)


def test_names_that_the_library_lists():
    rng, net = recurrent.Random(0), recurrent.LSTM(2, [2], rng=0)
    words = b'{"input": "no", "recurrent": null, "chrono": null}'
    with pytest.raises(ValueError, match="input is unknown") as error:
        _c.lib.recurrent_network_initialize(net._handle.value, words, len(words), rng._handle.value)
    assert listed(str(error.value)) == set(get_args(names.InitializationName))
    with pytest.raises(ValueError, match="tokenizer is unknown") as error:
        _new_model(b"ab", {"tokenizer": "no", "cell": "gru", "hidden_sizes": [2]}, rng)
    # sentences are those of SentenceModel, and a custom tokenizer is an object in Python
    assert listed(str(error.value)) - {"sentences", "custom"} == set(get_args(names.TokenizerName))
    cell = '{"cell": {"name": "lstm", "norm": "no"}, "input_size": 2, "hidden_sizes": [2]}'
    message = refused(_c.lib.recurrent_network_create, _c.lib.recurrent_network_free, cell, rng._handle.value)
    # none is None in Python
    assert listed(message) - {"none"} == set(get_args(names.NormName))


def calls():
    """For each type of names a call with one, which refuses others by a list of all."""
    mat = recurrent.Mat(2, 2)
    net = recurrent.LSTM(2, [2], rng=0)
    return {
        "InitializationName": lambda name: net.initialize(input=name, rng=0),
        "NonlinearityName": lambda name: recurrent.RNN(2, [2], nonlinearity=name, rng=0),
        "NormName": lambda name: recurrent.LSTMCell(norm=name),
        "LossName": lambda name: recurrent.LSTM(2, [2], 6, rng=0).predict([[1, 0]], loss=name),
        "ReductionName": lambda name: recurrent.Graph().squared_error(mat, mat, name),
        "ClippingName": lambda name: recurrent.SGD(clipping=name),
        "QuantizationName": lambda name: to_c(net, name),
        "TokenizerName": lambda name: recurrent.TextModel(tokenizer=name),
        "DocumentsName": lambda name: recurrent.TextModel("gru", [2], rng=0).fit(
            ["ab\n" * 20], 1, 2, 5, progress=False, documents=name
        ),
        "UnitName": lambda name: (
            recurrent.TextModel("gru", [2], rng=0).build("ab").evaluate("abab", per=name)
        ),
        "RecipeName": lambda name: recurrent.TextModel("gru", [2], rng=0).fit(
            "ab" * 20, 1, 2, 5, progress=False, recipe=name
        ),
        "ErrorsName": lambda name: (
            recurrent.TextModel("gru", [2], rng=0)
            .build("ab")
            .encode("ab", name, **({"replacement": "a"} if name == "replace" else {}))
        ),
        "AnnealName": lambda name: schedules.OneCycle(0.1, 10, anneal_strategy=name),
        "PlateauModeName": lambda name: schedules.Plateau(0.1, mode=name),
        "ThresholdModeName": lambda name: schedules.Plateau(0.1, threshold_mode=name),
        "DTypeName": lambda name: recurrent.Mat(1, 1, name),
        "MaskScopeName": lambda name: recurrent.Program(lambda h: h.dropout(0.5, per=name).tanh(), 0, 2),
        "StopReasonName": lambda name: recurrent.History.from_dict(
            recurrent.History(stop_reason=name).to_dict()
        ),
    }


def to_c(net, quantize):
    with tempfile.TemporaryDirectory() as folder:
        net.to_c(f"{folder}/net.c", quantize=quantize)


@pytest.mark.parametrize("kind", sorted(set(names.__all__) - {"DType"}))
def test_arguments_take_these_names_and_no_other(kind):
    call, known = calls()[kind], get_args(getattr(names, kind))
    for name in known:
        call(name)
    with pytest.raises((ValueError, TypeError)) as error:
        call("no_such_name")
    assert listed(str(error.value).replace("None", "")) == set(known), error.value


def test_types_of_elements():
    for dtype in get_args(names.DType):
        for spec in get_args(dtype) if typing.get_origin(dtype) is typing.Literal else [dtype]:
            if isinstance(spec, str):
                recurrent.Mat(1, 1, spec)
    assert "float16" not in get_args(names.DTypeName)


# ---- classes of results

FACES = {
    "recurrent": recurrent, "training": training, "recurrentjs": recurrentjs, "schedules": schedules,
    "activations": activations,
    "graph_svg": graph_svg, "plots": plots, "text_html": text_html, "introspection": introspection,
}  # fmt: skip
if importlib.util.find_spec("sklearn") is not None:
    FACES["sklearn"] = importlib.import_module("recurrent.sklearn")


def importable():
    """The objects that a public module lists, or defines without a list."""
    found = set()
    for module in FACES.values():
        own = getattr(module, "__all__", None) or [
            name
            for name, thing in vars(module).items()
            if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        ]
        found |= {id(getattr(module, name)) for name in own}
    return found


def classes(hint):
    """The classes of the package that a type is made of."""
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        if hint.__module__.split(".")[0] == "recurrent":
            yield hint
        return
    for part in get_args(hint):
        if not isinstance(part, (str, int)):
            yield from classes(part)


def results():
    """Every class that a public function, property or field has as its result."""
    for name in CALLABLES:
        function = function_of(NAMES[name])
        scope = vars(importlib.import_module(function.__module__)) | {
            "np": np,
            "npt": numpy.typing,
            "RNG": typing.Any,
        }
        if inspect.isclass(function):
            # an instance of Optimizer names a type that numpy has in later versions only
            fields = typing.get_type_hints(function, scope) if "__annotations__" in vars(function) else {}
            for field, hint in fields.items():
                if not field.startswith("_"):
                    yield from ((f"{name}.{field}", kind) for kind in classes(hint))
        else:
            hint = typing.get_type_hints(function, scope)["return"]
            yield from ((name, kind) for kind in classes(hint))


def test_every_class_of_results_is_importable():
    public, found = importable(), dict.fromkeys(results())
    hidden = {f"{name}: {kind.__qualname__}" for name, kind in found if id(kind) not in public}
    assert not hidden, sorted(hidden)
    kinds = {kind for _, kind in found}
    assert {
        recurrent.Mat,
        recurrent.Drawing,
        recurrent.Summary,
        recurrent.LayerSummary,
        recurrent.StepResult,
    } <= kinds
    assert {recurrent.GradientCheck, recurrent.GradientError, recurrent.Operation, recurrent.HTML} <= kinds


def test_every_result_has_a_type():
    """Any stands for a matplotlib figure, a graph of another layer, and what a subclass returns; nothing else."""
    untyped = set()
    for name in CALLABLES:
        function = function_of(NAMES[name])
        if not inspect.isclass(function):
            scope = vars(importlib.import_module(function.__module__)) | {
                "np": np,
                "npt": numpy.typing,
                "RNG": typing.Any,
            }
            if typing.get_type_hints(function, scope)["return"] is typing.Any:
                untyped.add(name)
    assert untyped <= {
        *(
            f"introspection.plots.{name}"
            for name in ("history", "activations", "gradient_norms", "predictions")
        ),
        "Cell.step",
        "live",
        *(f"{kind}.step" for kind in ("LSTMCell", "GRUCell", "RNNCell")),
    }, untyped
