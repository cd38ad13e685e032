"""check_gradients: right gradients pass, wrong ones are named, and the Mats are afterwards as before."""

from __future__ import annotations

import numpy as np
import pytest

import recurrent
from operations import OPERATIONS
from recurrent import Graph, Mat, check_gradients


def mats(count=2, n=3, d=2):
    return [Mat.uniform(n, d, 0.3, 1, dtype="float64", rng=k) for k in range(count)]


# dropout draws, and what is detached has no gradient
@pytest.mark.parametrize("name", [name for name in OPERATIONS if "dropout" not in name and name != "detach"])
def test_every_operation_passes(name):
    case = OPERATIONS[name]
    inputs = [
        Mat.uniform(n, d, 0.3, 1, dtype="float64", rng=k) for k, (n, d) in enumerate(case.shapes(4, 3, 2))
    ]
    with Graph() as G:
        result = check_gradients(lambda *given: case.record(Graph(), *given), inputs)
    assert len(result.mats) == len(inputs) and result.error < 1e-6 and len(G) == 0


def test_the_worst_element_of_each_mat():
    W, x = mats()
    result = check_gradients(lambda a, b: (a * b.tanh()).sum(), [W, x])
    assert [(m.name, m.elements) for m in result.mats] == [("mats[0]", 6), ("mats[1]", 6)]
    for m, twin in zip(result.mats, (np.tanh(x.w), W.w * (1 - np.tanh(x.w) ** 2))):
        assert m.gradient == pytest.approx(twin[m.row, m.column]) and m.error == abs(
            m.gradient - m.difference
        )
    assert result.error == max(m.error for m in result.mats) < 1e-9
    assert str(result).count("\n") == 1 and "worst at [" in str(result)


def test_a_mapping_and_a_single_mat():
    net = recurrent.LSTM(3, [4], 2, dtype="float64", rng=1)
    weights = {name: net.parameters[name].copy() for name in ("Whd", "bd")}
    result = check_gradients(lambda p: (p["Whd"] @ np.ones((4, 3)) + p["bd"]).sigmoid(), weights)
    assert [m.name for m in result.mats] == ["mats['Whd']", "mats['bd']"]
    assert check_gradients(lambda m: m.square(), mats(1)[0]).mats[0].name == "mats[0]"
    # the Mats of a network are views of one buffer
    own = dict(net.parameters)
    before = net.flat.w.tobytes(), net.flat.dw.tobytes()
    check_gradients(lambda p: p["Wix0"].sum() * p["bi0"].sum(), own)
    assert (net.flat.w.tobytes(), net.flat.dw.tobytes()) == before


# bugs in f, by the Mat that each names
PLANTED = {
    "a constant where a Mat belongs": lambda a, b: (a * b.copy()).sum(),
    "a factor": lambda a, b: (b * (1 + 1e-2) + b.copy() * -1e-2 + a).sum(),
    "one element": lambda a, b: (a + b).sum() + float(b.w[2, 1]),
    # two elements depend on the same one: their errors cancel in a plain sum
    "errors that cancel": lambda a, b: (
        a + Mat.from_array([[1.0, 0, 0], [-1, 0, 0], [0, 0, 0]], "float64") @ b.copy()
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_wrong_gradients_are_named(bug):
    a, b = mats()
    a.dw, b.dw = np.full((3, 2), 2.0), np.full((3, 2), 3.0)
    before = [x.tobytes() for x in (a.w, a.dw, b.w, b.dw)]
    with pytest.raises(
        ValueError,
        match=r"^gradient of mats\[1\] is wrong at \[\d, \d\]; expected -?\S+, the central difference, got ",
    ):
        check_gradients(PLANTED[bug], [a, b])
    assert [x.tobytes() for x in (a.w, a.dw, b.w, b.dw)] == before


def test_the_place_of_an_error():
    a, b = mats()
    with pytest.raises(ValueError, match=r"mats\[1\] is wrong at \[2, 1\]; expected 2, the .*, got 1$"):
        check_gradients(PLANTED["one element"], [a, b])


def test_values_and_gradients_are_restored():
    a, b = mats()
    a.dw = np.ones((3, 2))
    before = [x.tobytes() for x in (a.w, a.dw, b.w, b.dw)]

    def fails(a, b):
        raise ZeroDivisionError

    for f in (lambda a, b: a * b, fails):
        try:
            check_gradients(f, [a, b])
        except ZeroDivisionError:
            assert f is fails
        assert [x.tobytes() for x in (a.w, a.dw, b.w, b.dw)] == before


@pytest.mark.parametrize(
    "f, given, error, words",
    [
        (
            lambda m: m,
            lambda: Mat(1, 1),
            ValueError,
            r"mats\[0\] is too coarse; expected float64, .* got float32",
        ),
        (lambda m: 1.0, lambda: mats(1), TypeError, "f returns the wrong type; expected a Mat, got float"),
        (None, lambda: mats(1), TypeError, "f has the wrong type; expected a function, got NoneType"),
        (lambda: 1, list, ValueError, "mats is empty"),
        (lambda m: m, lambda: [1], TypeError, r"mats\[0\] has the wrong type; expected a Mat"),
        (lambda m: m, lambda: 3, TypeError, "mats has the wrong type; expected a list of Mats"),
        (lambda m: m, lambda: {"W": np.ones((1, 1))}, TypeError, r"mats\['W'\] has the wrong type"),
        (
            lambda m: m,
            lambda: [mats(1)[0].tanh()],
            ValueError,
            r"mats\[0\] is no input; .*the result of an operation",
        ),
        (
            lambda m: m.dropout(0.5),
            lambda: mats(1),
            ValueError,
            "f returns other values for the same arguments",
        ),
    ],
)
def test_refusals(f, given, error, words):
    with pytest.raises(error, match=words):
        check_gradients(f, given())


def test_tolerances():
    m = mats(1)[0]
    for settings, words in (
        ({"eps": 0}, "eps is out of range; expected 1e-10 to 1, got 0"),
        ({"eps": 2}, "eps is out of range"),
        ({"rtol": -1}, "rtol is out of range"),
        ({"atol": float("nan")}, "atol is out of range"),
    ):
        with pytest.raises(ValueError, match=words):
            check_gradients(lambda m: m.square(), m, **settings)
    # a step of 1 is far from the derivative of exp
    with pytest.raises(ValueError, match="is wrong at"):
        check_gradients(lambda m: m.exp(), m, eps=1.0)
    check_gradients(lambda m: m.exp(), m, eps=1.0, rtol=1.0)
    # NaN is no gradient
    with pytest.raises(ValueError, match="expected nan"):
        check_gradients(lambda m: (m - 2).log(), m)
    # a large value is moved by as large a step
    check_gradients(lambda m: m.square(), Mat.from_array([[1e12]], "float64"))
