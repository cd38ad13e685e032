"""Arrays at the boundary: what each kind of argument accepts, and which array is blamed."""

import numpy as np
import pytest

import recurrent
from recurrent import _arrays


def test_bounds_of_integers():
    for value in (2**63 - 1, -(2**63)):
        assert _arrays.as_ints(value, "n").tolist() == [value]


@pytest.mark.parametrize(
    "values, expected",
    [
        (5, [5]),
        ([], []),
        ([1, 2], [1, 2]),
        (range(3), [0, 1, 2]),
        (np.array([7, 8, 9], np.uint8)[::-1], [9, 8, 7]),
        (np.array([1], ">i2"), [1]),
    ],
)
def test_lists_of_integers(values, expected):
    found = _arrays.as_ints(values, "tokens")
    assert found.tolist() == expected and found.dtype == np.int64 and found.flags.c_contiguous


@pytest.mark.parametrize(
    "values, error, words",
    [
        ([1.0], TypeError, "has the wrong type; expected ints, got elements of type float64"),
        ([True], TypeError, "has the wrong type; expected ints, got elements of type bool"),
        (["1"], TypeError, "has the wrong type; expected ints, got elements of type <U1"),
        ([[1]], ValueError, "has the wrong shape; expected one int or a list of ints, got 2 dimensions"),
        ([2**70], ValueError, f"is out of range; expected 64 bits, got {2**70}"),
        (np.array([2**63], np.uint64), ValueError, f"is out of range; expected 64 bits, got {2**63}"),
    ],
)
def test_no_lists_of_integers(values, error, words):
    with pytest.raises(error, match=f"tokens {words}"):
        _arrays.as_ints(values, "tokens")


def test_sizes():
    assert _arrays.as_sizes((3, 4), "hidden_sizes").tolist() == [3, 4]
    with pytest.raises(TypeError, match="expected a list of ints, got int"):
        _arrays.as_sizes(3, "hidden_sizes")
    with pytest.raises(ValueError, match="hidden_sizes is empty; expected at least one size, got none"):
        _arrays.as_sizes([], "hidden_sizes")


def test_matrices():
    assert _arrays.as_matrix([1, 2], "w").shape == (2, 1)
    array = np.ones((2, 3), np.float32)
    assert _arrays.as_matrix(array, "w") is array


def test_overflow_of_a_type_is_refused():
    array = np.array([[1.0, 1e300]])
    with pytest.raises(ValueError, match=r"w is out of range; expected values of float32, got 1e\+300"):
        _arrays.as_type(array, np.float32, "w")
    # elements that are not finite keep their values
    found = _arrays.as_type(np.array([[np.inf, np.nan, 2]]), np.float32, "w")
    assert found.dtype == np.float32 and np.array_equal(found, [[np.inf, np.nan, 2]], equal_nan=True)
    assert _arrays.as_type(array, np.float64, "w") is array


# ---- arrays of networks


def network(dtype="float32"):
    return recurrent.LSTM(3, [4], 2, dtype=dtype, rng=0)


def tokens_network():
    return recurrent.LSTM(5, [4], 5, rng=0)


def train(net, x, targets, state=None, lengths=None):
    return net.train_step(x, targets, recurrent.SGD(0.1), state=state, lengths=lengths)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_cause_is_named_and_not_the_learning_rate(value):
    x, targets = np.zeros((6, 2, 3)), np.zeros((6, 2, 2))
    h, c = np.zeros((1, 2, 4)), np.zeros((1, 2, 4))
    net = network()
    before = net.flat.w.copy()

    def at(array, index):
        broken = array.copy()
        broken[index] = value
        return broken

    for words, arguments in [
        (r"x is not finite; expected finite numbers, got .* at \[4, 1, 2\]", {"x": at(x, (4, 1, 2))}),
        (r"targets is not finite; .* at \[0, 0, 1\]", {"targets": at(targets, (0, 0, 1))}),
        (r"state\.h\[0\] is not finite; .* at \[1, 0\]", {"state": (at(h, (0, 1, 0)), c)}),
        (r"state\.c\[0\] is not finite; .* at \[0, 3\]", {"state": (h, at(c, (0, 0, 3)))}),
        # the first of two
        (r"x is not finite", {"x": at(x, (0, 0, 0)), "targets": at(targets, (0, 0, 0))}),
    ]:
        # an infinite input may saturate a gate, and the step is right
        if np.isinf(value) and "targets" not in arguments:
            continue
        with pytest.raises(FloatingPointError, match=words):
            train(net, **{"x": x, "targets": targets, **arguments})
        assert np.array_equal(net.flat.w, before) and not net.flat.dw.any()
    net.parameters["Wfh0"].w[2, 1] = np.nan
    with pytest.raises(FloatingPointError, match=r"Wfh0 is not finite; .* at \[2, 1\]"):
        train(net, x, targets)


def test_targets_of_three_dimensions_are_numbers():
    x, y = np.array([[[1, 3]], [[2, 2]]]), np.array([[[2, 2]], [[3, 1]]])
    losses = [
        recurrent.LSTM(2, [10], 2, rng=0).train_step(x, aim, recurrent.Adam()).loss
        for aim in (y, y.astype(float), y.astype(np.uint8))
    ]
    assert losses[0] == losses[1] == losses[2]
    with pytest.raises(ValueError, match=r"targets has the wrong shape; expected \(1, 2, 5\), got \(1, 2\)"):
        train(tokens_network(), [[0, 1]], [[1.0, 2.0]])


def test_states_as_other_libraries_have_them():
    x, h = np.ones((5, 2, 3)), np.full((2, 2, 4), 0.5)
    lstm, gru = recurrent.LSTM(3, [4, 4], rng=0), recurrent.GRU(3, [4, 4], rng=0)
    # PyTorch's pair of (layers, B, H), Keras's list of two, lists of layers
    outputs = [lstm.forward(x, state)[0] for state in ((h, h), [h, h], (list(h), list(h)))]
    assert all(np.array_equal(outputs[0], y) for y in outputs)
    outputs = [gru.forward(x, state)[0] for state in (h, list(h), (h, None), (list(h), None))]
    assert all(np.array_equal(outputs[0], y) for y in outputs)
    assert not np.array_equal(outputs[0], gru.forward(x)[0])
    for net, state, words in [
        (lstm, h, r"expected a State, a pair \(h, c\) or None, got ndarray"),
        (lstm, (h, None), "expected 2 h and 2 c, got 2 h and 0 c"),
        (lstm, (h[:1], h), "expected 2 h and 2 c, got 1 h and 2 c"),
        (gru, (h, h), r"expected a State, h, a pair \(h, None\) or None, got tuple"),
        (gru, 0.5, "got float"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            net.forward(x, state)


class Failing:
    """An object whose conversion to an array fails."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *_, **__):
        raise self.error


@pytest.mark.parametrize("error, kind, words", [
    (TypeError("of no type"), TypeError, "expected an array, got Failing: of no type"),
    (OverflowError("too large"), TypeError, "expected an array, got Failing: too large"),
    (MemoryError(), MemoryError, "expected an array that fits into memory, got a Failing"),
    (ValueError("ragged"), ValueError, "expected"),
])  # fmt: skip
def test_a_conversion_that_fails(error, kind, words):
    with pytest.raises(kind, match=words):
        recurrent.Mat.from_array(Failing(error))
