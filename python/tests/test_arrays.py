"""Arrays at the boundary: each is right, or refused by its own name and index."""

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, _arrays


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


# ---- every public function that takes an array


def masked(array):
    return np.ma.array(array, mask=np.ones(np.shape(array), bool))


X = np.ones((2, 1, 3))
TOKENS = np.array([[1], [2]])
SCORES = np.arange(3.0)


def network(dtype="float32"):
    return recurrent.LSTM(3, [4], 2, dtype=dtype, rng=0)


def tokens_network():
    return recurrent.LSTM(5, [4], 5, rng=0)


def text_model():
    model = recurrent.TextModel("lstm", [4], rng=0).build("abcde")
    model.optimizer = recurrent.SGD(0.1)
    return model


def train(net, x=X, targets=None, state=None, lengths=None):
    aim = np.zeros((2, 1, 2)) if targets is None else targets
    return net.train_step(x, aim, recurrent.SGD(0.1), state=state, lengths=lengths)


def backward(dy):
    net = network()
    net.forward(X)
    return net.backward(dy)


# the name of the argument, a good array, and the call
NUMBERS = {
    "forward": ("x", X, lambda a: network().forward(a)),
    "activations": ("x", X, lambda a: network().activations(a)),
    "train_step x": ("x", X, lambda a: train(network(), a)),
    "train_step targets": ("targets", np.zeros((2, 1, 2)), lambda a: train(network(), targets=a)),
    "state": ("state.h[0]", np.zeros((1, 4)), lambda a: network().forward(X, ([a], [np.zeros((1, 4))]))),
    "backward": ("dy", np.ones((2, 1, 2)), backward),
    "Mat.from_array": ("values", np.ones((2, 3)), lambda a: Mat.from_array(a, "float32")),
    "w": ("w", np.ones((2, 3)), lambda a: setattr(Mat(2, 3), "w", a)),
    "dw": ("dw", np.ones((2, 3)), lambda a: setattr(Mat(2, 3), "dw", a)),
    "operator": ("values", np.ones((2, 3)), lambda a: Mat(2, 3) + a),
    "probabilities": ("scores", SCORES, recurrent.probabilities),
    "pad_sequence": ("sequences[0]", np.ones((2, 3)), lambda a: recurrent.pad_sequence([a])),
}
INTS = {
    "forward": ("x", TOKENS, lambda a: tokens_network().forward(a)),
    "train_step x": ("x", TOKENS, lambda a: train(tokens_network(), a, TOKENS)),
    "train_step targets": ("targets", TOKENS, lambda a: train(tokens_network(), TOKENS, a)),
    "lengths": ("lengths", np.array([2]), lambda a: network().forward(X, lengths=a)),
    "generate": ("prompt", np.array([1, 2]), lambda a: tokens_network().generate(1, a, rng=0)),
    "beam_search": ("prompt", np.array([1, 2]), lambda a: tokens_network().beam_search(1, a)),
    "TextModel.train_step tokens": ("tokens", TOKENS, lambda a: text_model().train_step(a, TOKENS)),
    "TextModel.train_step targets": ("targets", TOKENS, lambda a: text_model().train_step(TOKENS, a)),
    "TextModel.evaluate": ("text", np.array([1, 2]), lambda a: text_model().evaluate(a)),
    "TextModel.decode": ("tokens", np.array([1, 2]), lambda a: text_model().decode(a)),
    "row_pluck": ("rows", np.array([1, 2]), lambda a: Graph().row_pluck(Mat(3, 3), a)),
    "cross_entropy": ("targets", np.array([0, 1, 2]), lambda a: Graph().cross_entropy(Mat(3, 3), a)),
    "history": ("history", np.array([0, 1]), lambda a: recurrent.probabilities(SCORES, history=a)),
}


def refused(call, array, name, error=(TypeError, ValueError, IndexError, FloatingPointError)):
    """Expects a refusal that begins with the name of the argument and names the expected value."""
    with pytest.raises(error) as caught:
        call(array)
    words = str(caught.value)
    assert words.startswith(name), words
    assert "; expected " in words and ", got " in words, words


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_are_right_or_named(case):
    name, good, call = NUMBERS[case]
    call(good)
    call(good.astype(np.int8))
    call(good.astype(">f4")[::1])
    call(np.asfortranarray(good))
    refused(call, masked(good), name, TypeError)
    if good.ndim > 1 and case != "operator":
        refused(call, list(masked(good)), name, TypeError)
    for kind in (object, bool, complex, "U3", "S3", "datetime64[s]"):
        refused(call, good.astype(kind), name, TypeError)
    refused(call, good[None, None], name, ValueError)
    if case not in ("pad_sequence", "probabilities", "Mat.from_array", "operator"):
        refused(call, np.concatenate([good, good], -1), name, ValueError)
    if case not in ("probabilities", "pad_sequence"):
        huge = good.copy()
        huge.flat[-1] = 1e300
        refused(call, huge, name, ValueError)
    if case != "operator":
        refused(call, [[1.0, 2.0], [3.0]], name, ValueError)


@pytest.mark.parametrize("case", INTS)
def test_ints_are_right_or_named(case):
    name, good, call = INTS[case]
    for kind in (np.int8, np.uint8, np.int16, np.uint64, ">i4"):
        call(good.astype(kind))
    refused(call, masked(good), name, TypeError)
    for kind in (object, bool, complex, "U3", np.float64):
        if kind is object and case != "forward":
            continue
        refused(call, good.astype(kind), name, (TypeError, ValueError))
    names = (name, {"x": "tokens", "prompt": "tokens", "text": "tokens"}.get(name, name))
    for value in (-2, 99, 2**62):
        far = good.copy()
        far.flat[-1] = value
        with pytest.raises(IndexError) as caught:
            call(far)
        words = str(caught.value)
        assert words.startswith(names) and f"got {value}" in words, words
    refused(call, np.full(good.shape, 2**63, np.uint64), name, ValueError)


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
        (lstm, (h, None), "expected 2 h and 2 c, got 2 and 0"),
        (lstm, (h[:1], h), "expected 2 h and 2 c, got 1 and 2"),
        (gru, (h, h), r"expected a State, h, a pair \(h, None\) or None, got tuple"),
        (gru, 0.5, "got float"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            net.forward(x, state)
