"""The checks of arguments: accepted types, refused types, ranges, and the values that they return."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, _checks, recurrentjs, schedules


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_integers(value):
    found = _checks.as_int(value, "n")
    assert found == 3 and type(found) is int


@pytest.mark.parametrize(
    "value, error, words",
    [
        (True, TypeError, "expected an int, got bool"),
        (np.True_, TypeError, "expected an int, got bool"),
        (3.0, TypeError, "expected an int, got float"),
        ("3", TypeError, "expected an int, got str"),
        (None, TypeError, "expected an int, got NoneType"),
        (2**63, ValueError, "expected 64 bits, got 9223372036854775808"),
        (-(2**63) - 1, ValueError, "expected 64 bits, got -9223372036854775809"),
    ],
)
def test_no_integers(value, error, words):
    with pytest.raises(error, match=f"n (has the wrong type|is out of range); {words}"):
        _checks.as_int(value, "n")


def test_bounds_of_integers():
    for value in (2**63 - 1, -(2**63)):
        assert _checks.as_int(value, "n") == value


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), Fraction(2)])
def test_numbers(value):
    found = _checks.as_float(value, "rate")
    assert found == 2 and type(found) is float


@pytest.mark.parametrize(
    "value, error, words",
    [
        (True, TypeError, "expected a number, got bool"),
        ("2", TypeError, "expected a number, got str"),
        (2j, TypeError, "expected a number, got complex"),
        (Decimal(2), TypeError, "expected a number, got Decimal"),
        (None, TypeError, "expected a number, got NoneType"),
        (np.ones(1), TypeError, "expected a number, got ndarray"),
        (float("nan"), ValueError, "expected a finite number, got nan"),
        (float("-inf"), ValueError, "expected a finite number, got -inf"),
        (10**400, ValueError, "expected a finite number, got 1000"),
    ],
)
def test_no_numbers(value, error, words):
    with pytest.raises(error, match=f"rate (has the wrong type|is out of range); {words}"):
        _checks.as_float(value, "rate")


def test_limits():
    assert _checks.as_limit(None, "clip") == float("inf") and _checks.as_limit(5, "clip") == 5


def test_flags():
    assert _checks.as_flag(True, "tied") is True and _checks.as_flag(np.False_, "tied") is False
    for value in (1, 0, None, "yes"):
        with pytest.raises(TypeError, match="tied has the wrong type; expected a bool, got"):
            _checks.as_flag(value, "tied")


def test_dtypes():
    for value in ("float32", np.float32, np.dtype("f4"), "f"):
        assert _checks.as_dtype(value) == 0
    for value in ("float64", float, np.dtype("f8")):
        assert _checks.as_dtype(value) == 1
    # NumPy reads None as float64
    for value in (None, "float16", ">f4", int, "single precision", 32):
        with pytest.raises(TypeError, match="dtype is unknown; expected 'float32' or 'float64', got"):
            _checks.as_dtype(value)


def test_texts():
    assert _checks.as_text("né", "text") == b"n\xc3\xa9"
    with pytest.raises(TypeError, match="text has the wrong type; expected a str, got bytes"):
        _checks.as_text(b"n", "text")
    with pytest.raises(ValueError, match=r"text has a lone surrogate at position 1; expected .*got U\+D800"):
        _checks.as_text("n\ud800", "text")


def test_paths():
    assert _checks.as_path("a/b") == _checks.as_path(Path("a/b")) == b"a/b"
    for value in (b"a/b", 3, None):
        with pytest.raises(TypeError, match="path has the wrong type; expected a str or a Path, got"):
            _checks.as_path(value)


def test_characters_outside_the_vocabulary():
    assert _checks.as_errors("strict", None) == (0, 0)
    assert _checks.as_errors("ignore", None) == (1, 0)
    assert _checks.as_errors("replace", "é") == (2, 0xE9)
    for arguments, words in [
        (("refuse", None), "errors is unknown; expected one of 'strict', 'ignore', 'replace', got 'refuse'"),
        (("strict", "x"), "replacement is without effect; expected errors='replace', got 'strict'"),
        (("replace", None), "replacement is unknown; expected one character, got None"),
        (("replace", "xy"), "replacement is unknown; expected one character, got 'xy'"),
    ]:
        with pytest.raises(ValueError, match=words):
            _checks.as_errors(*arguments)


def test_limits_are_above_0():
    assert _checks.as_limit(float("inf"), "clip") == _checks.as_limit(np.inf, "clip") == float("inf")
    for value in (0, -1, -float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"clip is out of range; expected .*, got"):
            _checks.as_limit(value, "clip")


def test_arrays_of_no_dimensions_are_numbers():
    assert _checks.as_float(np.array(0.5), "rate") == 0.5
    with pytest.raises(TypeError, match="rate has the wrong type; expected a number, got bool"):
        _checks.as_float(np.array(True), "rate")


HUGE = (
    1e39,
    -1e39,
    np.float64(1e300),
    10**400,
    -(10**5000),
    Fraction(10**400),
    np.inf,
    np.nan,
    Decimal("1e39"),
)


@pytest.mark.parametrize("value", HUGE, ids=lambda value: type(value).__name__)
def test_numbers_that_float32_cannot_hold(value):
    m, G = Mat(2, 2), Graph()
    net, tm = recurrent.LSTM(2, [2], rng=0), recurrent.TextModel("lstm", [2], rng=0)
    sgd, x = recurrent.SGD(), np.zeros((1, 1, 2), np.float32)
    before = net.flat.w.copy()
    for call in (
        lambda: m.fill(value), lambda: m + value, lambda: m * value, lambda: value * m, lambda: value - m,
        lambda: m.leaky_relu(value), lambda: G.scale(m, value), lambda: Mat.uniform(2, 2, 0, value, rng=0),
        lambda: Mat.gaussian(2, 2, value, rng=0), lambda: recurrentjs.RandMat(2, 2, 0, value, rng=0),
        lambda: recurrent.SGD(value), lambda: recurrent.Adam(eps=value), lambda: recurrent.Adam(betas=(value, 0.9)),
        lambda: setattr(sgd, "learning_rate", value), lambda: sgd.step(net.parameters, value),
        lambda: sgd.step(net.parameters, 0.1, value), lambda: net.train_step(x, x, sgd, value),
        lambda: net.train_step(x, x, sgd, weight_decay=value), lambda: recurrentjs.Solver().step(net.parameters, value),
        lambda: recurrent.LSTM(2, [2], forget_bias=value), lambda: schedules.Constant(value),
        lambda: schedules.OneCycle(0.1, 10, div_factor=value), lambda: tm.fit("ab" * 9, 1, learning_rate=value),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert re.search(
            "out of range; expected|wrong type; expected|not finite|unsupported", str(caught.value)
        ), call
    assert np.array_equal(net.flat.w, before) and not m.w.any() and not tm.is_built
    # infinity is no clipping
    if value not in (np.inf,):
        with pytest.raises((TypeError, ValueError)):
            net.train_step(x, x, sgd, clip=value)


def test_padding_values():
    for array, value in (
        (np.zeros(2, np.float32), 1e39), (np.zeros(2), 10**400), (np.zeros(2, np.int8), 300),
        (np.zeros(2, int), 0.5), (np.zeros(2, int), np.nan), (np.zeros(2), "x"), (np.zeros(2), [0, 1]),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=r"^padding_value "):
            recurrent.pad_sequence([array], value)
    assert np.isnan(recurrent.pad_sequence([np.zeros(2), np.zeros(1)], np.nan)[0][1, 1])


def test_numbers_that_float64_holds():
    m = Mat(1, 1, "float64").fill(1e300)
    assert m.item() == 1e300 and ((m * 1e7) + 1e300).item() == 1e300 * 1e7 + 1e300
    assert Mat(1, 1).fill(3.4028234663852886e38).item() == np.finfo(np.float32).max
    with pytest.raises(
        ValueError, match=r"1 / the operand is out of range; expected a number of float32, got 1\.0"
    ):
        Mat(1, 1) / 1e-39
    # a comparison needs no conversion
    assert Mat(1, 1) < np.inf and Mat(1, 1) < 10**400 and not Mat(1, 1) < np.nan and Mat(1, 1) > -(10**400)
