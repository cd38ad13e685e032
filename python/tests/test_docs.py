"""Doctests of the package; every public name documented and typed; documented parameters exist."""

import doctest
import importlib
import importlib.resources
import importlib.util
import inspect
import pkgutil
import re
import typing

import numpy as np
import numpy.typing
import pytest

import recurrent
from recurrent import _c
from recurrent._c import signatures

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(recurrent.__path__, "recurrent.")
    if not re.search(r"\.(demo|web|cli)\b|__main__", module.name)
    and (module.name != "recurrent.sklearn" or importlib.util.find_spec("sklearn"))
)


@pytest.mark.parametrize("name", ["recurrent", *MODULES])
def test_doctests(name):
    # NumPy 1 writes 5.0 where NumPy 2 writes np.float32(5.0)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module):
        if int(np.__version__.split(".")[0]) < 2:
            for example in test.examples:
                example.want = re.sub(r"np\.float(32|64)\((.*)\)", r"\2", example.want)
        runner.run(test)
    assert runner.failures == 0


def test_doctests_exist():
    found = [test for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    assert sum(bool(test.examples) for test in found) >= 4


def members(kind):
    """The attributes of a class, with those of its bases in the package."""
    found = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("recurrent"):
            found |= vars(base)
    return found


def public():
    """Every public name with its object, also of the public modules."""
    faces = {
        "": recurrent,
        "recurrentjs.": recurrent.recurrentjs,
        "schedules.": recurrent.schedules,
        "introspection.plots.": recurrent.introspection.plots,
    }
    if "recurrent.sklearn" in MODULES:
        faces["sklearn."] = importlib.import_module("recurrent.sklearn")
    for prefix, module in faces.items():
        own = getattr(module, "__all__", None) or [
            name
            for name, thing in vars(module).items()
            if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        ]
        for name in own:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            yield prefix + name, thing
            if inspect.isclass(thing):
                for attribute, value in members(thing).items():
                    if not attribute.startswith("_"):
                        yield f"{prefix}{name}.{attribute}", value


NAMES = dict(public())


def function_of(thing):
    if isinstance(thing, property):
        return thing.fget
    return thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing


def is_callable(thing):
    return inspect.isclass(thing) or inspect.isfunction(thing)


CALLABLES = [name for name, thing in NAMES.items() if is_callable(function_of(thing))]


@pytest.mark.parametrize("name", CALLABLES)
def test_documented_and_typed(name):
    function = function_of(NAMES[name])
    doc = inspect.getdoc(function)
    assert (doc and doc.splitlines()[0].endswith((".", "::"))) or doc.splitlines()[0].endswith((")", "**")), (
        doc
    )
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", doc)
    if inspect.isfunction(function):
        hints = typing.get_type_hints(
            function,
            # what only a type checker imports
            vars(importlib.import_module(function.__module__))
            | {"np": np, "npt": numpy.typing, "RNG": typing.Any},
        )
        parameters = [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]
        assert set(parameters) | {"return"} <= set(hints), name


@pytest.mark.parametrize("name", CALLABLES)
def test_documented_parameters_exist(name):
    function = function_of(NAMES[name])
    match = re.search(r"Parameters\n-+\n(.*?)(\n\n[A-Z]\w+\n-+|\Z)", inspect.getdoc(function) or "", re.S)
    if not match:
        return
    documented = [
        part.strip()
        for line in match[1].splitlines()
        if line and line[0] != " "
        for part in line.split(" : ")[0].replace("*", "").split(",")
    ]
    actual = [p for p in inspect.signature(function).parameters if p != "self"]
    assert documented and set(documented) <= set(actual)


@pytest.mark.parametrize("module", [recurrent, recurrent.recurrentjs])
def test_all(module):
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    star = {}
    exec(f"from {module.__name__} import *", star)
    assert set(module.__all__) <= set(star)


def test_typed():
    marker = importlib.resources.files("recurrent") / "py.typed"
    assert marker.is_file()


def test_the_ctypes_table_is_the_only_one():
    """Signatures are declared in _c alone."""
    for name in MODULES:
        if not name.startswith("recurrent._c"):
            source = inspect.getsource(importlib.import_module(name))
            assert ".argtypes" not in source and ".restype" not in source and "CDLL" not in source, name
    assert all(getattr(_c.lib, name).argtypes is not None for name in signatures.SIGNATURES)


def test_signatures():
    """Signatures that others rely on, as they were promised."""
    r, js = recurrent, recurrent.recurrentjs
    for function, expected in (
        (r.Mat, "n d dtype"),
        (js.RandMat, "n d mu std dtype rng"),
        (r.Graph, "needs_backprop"),
        (r.Graph.row_pluck, "self m rows"),
        (r.softmax, "m"),
        (js.maxi, "w"),
        (js.samplei, "w rng"),
        (js.init_lstm, "input_size hidden_sizes output_size dtype rng"),
        (js.init_rnn, "input_size hidden_sizes output_size dtype rng"),
        (js.forward_lstm, "G model hidden_sizes x prev"),
        (js.forward_rnn, "G model hidden_sizes x prev"),
        (js.Solver, "decay_rate smooth_eps"),
        (js.Solver.step, "self model step_size regc clipval"),
        (r.Optimizer.step, "self parameters learning_rate weight_decay clip"),
        (r.Network.train_step, "self x targets optimizer learning_rate clip state lengths weight_decay"),
        (r.Network.generate, "self n prompt temperature state rng"),
        (r.Network.stream, "self n prompt temperature state rng"),
        (r.Network.beam_search, "self n prompt beams state"),
        (r.Network.activations, "self x state lengths names"),
        (r.SentenceModel, "sentences cell hidden_sizes letter_size dtype rng"),
        (r.SentenceModel.tick, "self sentence learning_rate regc clipval"),
        (r.SentenceModel.cost, "self sentence"),
        (r.SentenceModel.predict, "self sample temperature max_chars rng"),
        (r.TextModel, "cell hidden_sizes embedding dropout tokenizer dtype rng"),
        (
            r.TextModel.fit,
            "self text steps batch_size seq_length optimizer schedule validation_split validation_data "
            "checkpoint progress callbacks learning_rate clip",
        ),
        (r.TextModel.sample, "self n prompt temperature top_k top_p stop rng"),
        (r.TextModel.stream, "self n prompt temperature top_k top_p stop rng"),
        (r.TextModel.evaluate, "self text batch_size errors replacement"),
        (r.TextModel.save, "self path"),
        (r.TextModel.load, "path"),
        (r.SentenceModel.load_recurrentjs, "path dtype"),
        (r.SentenceModel.save_recurrentjs, "self path"),
    ):
        names = list(inspect.signature(function).parameters)
        assert names[: len(expected.split())] == expected.split()
    defaults = inspect.signature(r.SentenceModel.tick).parameters
    assert [defaults[n].default for n in ("learning_rate", "regc", "clipval")] == [0.01, 1e-6, 5.0]
    assert inspect.signature(js.RandMat).parameters["std"].default == 0.08
    assert inspect.signature(r.SentenceModel.load_recurrentjs).parameters["dtype"].default == "float64"
