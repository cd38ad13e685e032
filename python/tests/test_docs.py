"""Doctests of the package; every public name documented and typed; examples' parameters are those there are."""

import doctest
import importlib
import importlib.resources
import inspect
import pkgutil
import re
import typing

import numpy as np
import numpy.typing
import pytest

import recurrent
from recurrent import _c, recurrentjs
from recurrent._c import signatures

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(recurrent.__path__, "recurrent.")
    if not re.search(r"demo|corpus|page\.|__main__", module.name)
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


def public():
    """Every public name with what it stands for."""
    for name in recurrent.__all__:
        thing = getattr(recurrent, name)
        yield name, thing
        if inspect.isclass(thing):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_"):
                    yield f"{name}.{attribute}", value


NAMES = dict(public())


def function_of(thing):
    if isinstance(thing, property):
        return thing.fget
    return thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing


@pytest.mark.parametrize("name", NAMES)
def test_documented_and_typed(name):
    function = function_of(NAMES[name])
    if not (inspect.isclass(function) or inspect.isfunction(function)):
        # slots are described by their class
        owner = NAMES[name.split(".")[0]]
        assert f"``{name.split('.')[-1]}``" in owner.__doc__
        return
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
            | {"Graph": recurrent.Graph, "npt": numpy.typing, "RNG": typing.Any, "History": recurrent.History}
            | {"Schedule": recurrent.schedules.Schedule, "Callback": typing.Any, "Page": str}
            | {"Drawing": str, "Live": typing.Any},
        )
        parameters = [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]
        assert set(parameters) | {"return"} <= set(hints), name


@pytest.mark.parametrize("name", NAMES)
def test_documented_parameters_exist(name):
    function = function_of(NAMES[name])
    doc = inspect.getdoc(function) if inspect.isclass(function) or inspect.isfunction(function) else None
    match = doc and re.search(r"Parameters\n-+\n(.*?)(\n\n[A-Z]\w+\n-+|\Z)", doc, re.S)
    if not match:
        return
    documented = [
        part.strip()
        for line in match[1].splitlines()
        if line and line[0] != " "
        for part in line.split(" : ")[0].split(",")
    ]
    actual = [p for p in inspect.signature(function).parameters if p != "self"]
    assert documented and set(documented) <= set(actual)


def test_all():
    for name in recurrent.__all__:
        assert getattr(recurrent, name).__module__.startswith("recurrent.")
    assert len(set(recurrent.__all__)) == len(recurrent.__all__)
    star = {}
    exec("from recurrent import *", star)
    assert set(recurrent.__all__) <= set(star)


def test_typed():
    marker = importlib.resources.files("recurrent") / "py.typed"
    assert marker.is_file()


def test_the_ctypes_table_is_the_only_one():
    """_c.py alone declares signatures."""
    for name in MODULES:
        if name not in ("recurrent._c", "recurrent._library"):
            source = inspect.getsource(importlib.import_module(name))
            assert ".argtypes" not in source and ".restype" not in source and "CDLL" not in source, name
    assert all(getattr(_c.lib, name).argtypes is not None for name in signatures.SIGNATURES)


def test_the_issues_names():
    """Signatures that others rely on, as they were promised."""
    import recurrent as r

    for function, expected in (
        (r.Mat, "n d dtype"),
        (r.recurrentjs.RandMat, "n d mu std dtype rng"),
        (r.Graph, "needs_backprop"),
        (r.Graph.row_pluck, "self m ix"),
        (r.softmax, "m"),
        (r.recurrentjs.maxi, "w"),
        (r.recurrentjs.samplei, "w rng"),
        (r.recurrentjs.init_lstm, "input_size hidden_sizes output_size dtype rng"),
        (r.recurrentjs.init_rnn, "input_size hidden_sizes output_size dtype rng"),
        (r.recurrentjs.forward_lstm, "G model hidden_sizes x prev"),
        (r.recurrentjs.forward_rnn, "G model hidden_sizes x prev"),
        (r.recurrentjs.Solver, "decay_rate smooth_eps"),
        (r.recurrentjs.Solver.step, "self model step_size regc clipval"),
        (r.SentenceModel, "sentences generator hidden_sizes letter_size dtype rng"),
        (r.SentenceModel.tick, "self sentence learning_rate regc clipval"),
        (r.SentenceModel.cost, "self sentence"),
        (r.SentenceModel.predict, "self sample temperature max_chars rng"),
        (r.TextModel, "cell hidden_sizes embedding dropout tokens dtype rng"),
        (r.TextModel.sample, "self n prime temperature top_k top_p stop rng"),
        (r.TextModel.evaluate, "self text"),
        (r.TextModel.save, "self path"),
        (r.TextModel.load, "path"),
        (r.SentenceModel.load_recurrentjs, "path dtype"),
        (r.SentenceModel.save_recurrentjs, "self path"),
    ):
        names = list(inspect.signature(function).parameters)
        assert names[: len(expected.split())] == expected.split()
    defaults = inspect.signature(r.SentenceModel.tick).parameters
    assert [defaults[n].default for n in ("learning_rate", "regc", "clipval")] == [0.01, 1e-6, 5.0]
    assert inspect.signature(r.recurrentjs.RandMat).parameters["std"].default == 0.08
    assert inspect.signature(r.SentenceModel.load_recurrentjs).parameters["dtype"].default == "float64"
