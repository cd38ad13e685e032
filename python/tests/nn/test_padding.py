"""Padding: steps beyond the lengths count for nothing, whatever stands there; sequences of different lengths."""

import numpy as np
import pytest

import recurrent
from support import DTYPES

T, B, I, H, O = 6, 4, 3, 5, 2  # noqa: E741
LENGTHS = [6, 2, 0, 5]
VALID = np.arange(T)[:, None] < np.array(LENGTHS)
MAKE = {
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "gru_reset_before": lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k),
    "rnn_tanh": recurrent.RNN,
    "rnn_relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}
cells = pytest.mark.parametrize("cell", MAKE)


def arrays(*shape):
    return np.random.default_rng(3).standard_normal(shape)


def beyond(array, value):
    """The array with a value at every step beyond the lengths."""
    return np.where(VALID[..., None], array, value)


def run(net, x, targets, dy):
    """All results of a forward and a backward pass, and of a training step."""
    y, state = net.forward(x, lengths=LENGTHS)
    names = net.activations(x, lengths=LENGTHS)
    net.forward(x, lengths=LENGTHS)
    dx, dstate = net.backward(dy)
    gradient = net.flat.dw.copy()
    net.flat.zero_gradient()
    r = net.train_step(x, targets, recurrent.Adam(), lengths=LENGTHS)
    numbers = [r.loss, r.gradient_norm, r.ratio_clipped]
    results = [y, state.flat, dx, dstate.flat, gradient, r.state.flat, net.flat.w.copy(), *names.values()]
    return [np.asarray(result).tobytes() for result in (*results, numbers)]


@cells
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e300])
@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_beyond_the_lengths(cell, value, dtype):
    numbers = [arrays(T, B, n).astype(dtype) for n in (I, O, O)]

    def results(padding, kind):
        net = MAKE[cell](I, [H, 4], O, dtype=dtype, rng=1)
        return run(net, *(beyond(array.astype(kind), padding) for array in numbers))

    expected = results(0, dtype)
    # float64 arrays are rounded to the dtype of the network: 1e300 would be out of range in a valid step
    assert results(value, np.float64) == expected
    if not np.isfinite(value) or value < 1e38:
        assert results(np.dtype(dtype).type(value), dtype) == expected


@cells
@pytest.mark.parametrize("threads", [1, 4])
def test_wide_networks_in_threads(cell, threads):
    x, targets, dy = arrays(T, B, 128), arrays(T, B, 128), arrays(T, B, 128)
    before = recurrent.get_num_threads()
    recurrent.set_num_threads(threads)
    try:
        zeros, nans = (
            run(MAKE[cell](128, [128], dtype="float32", rng=1), *(beyond(a, v) for a in (x, targets, dy)))
            for v in (0, np.nan)
        )
    finally:
        recurrent.set_num_threads(before)
    assert zeros == nans


@cells
def test_tokens_and_classes_beyond_the_lengths(cell):
    rng = np.random.default_rng(0)
    tokens, classes = rng.integers(0, 9, (T, B)), rng.integers(0, 9, (T, B))
    results = []
    for value in (0, -1, 99, -(2**63)):
        net = MAKE[cell](9, [H], 9, 3, dtype="float64", rng=1)
        x, targets = np.where(VALID, tokens, value), np.where(VALID, classes, value)
        y, state = net.forward(x, lengths=LENGTHS)
        r = net.train_step(x, targets, recurrent.Adam(), lengths=LENGTHS)
        results.append([a.tobytes() for a in (y, state.flat, net.flat.w)] + [r.loss, r.gradient_norm])
    assert all(result == results[0] for result in results)
    net = MAKE[cell](9, [H], 9, 3, rng=1)
    tokens[4, 3] = 9
    with pytest.raises(IndexError, match=r"tokens\[4, 3\] is out of range; expected 0 to 8, got 9"):
        net.forward(tokens, lengths=LENGTHS)
    tokens[4, 3] = 0
    classes[1, 1] = -2
    with pytest.raises(IndexError, match=r"targets\[1, 1\] is out of range; expected -1 to 8, got -2"):
        net.train_step(tokens, classes, recurrent.SGD(0.1), lengths=LENGTHS)


def test_what_is_valid_is_still_checked():
    net = recurrent.LSTM(I, [H], O, rng=1)
    x, targets = arrays(T, B, I), arrays(T, B, O)
    x[1, 1, 2] = np.nan
    x[3, 2, 0] = np.nan
    with pytest.raises(FloatingPointError, match=r"x is not finite; .* at \[1, 1, 2\]"):
        net.train_step(x, targets, recurrent.SGD(0.1), lengths=LENGTHS)
    x[1, 1, 2] = 1e300
    with pytest.raises(
        ValueError, match=r"x is out of range; expected values of float32, got 1e\+300 at \[1, 1, 2\]"
    ):
        net.forward(x, lengths=LENGTHS)


# ---- pad_sequence


def test_pad_sequence():
    a, b = np.arange(6).reshape(3, 2), np.array([[7.5, 8]])
    x, lengths = recurrent.pad_sequence([a, b], padding_value=-1)
    assert x.tolist() == [[[0, 1], [7.5, 8]], [[2, 3], [-1, -1]], [[4, 5], [-1, -1]]]
    assert x.dtype == np.float64 and lengths.tolist() == [3, 1]
    net = recurrent.LSTM(2, [3], dtype="float64", rng=0)
    y, _ = net.forward(x, lengths=lengths)
    np.testing.assert_allclose(y[:1, 1:], net.forward(b[:, None])[0], rtol=1e-12)
    tokens, lengths = recurrent.pad_sequence([[1], [], [2, 3]])
    assert tokens.tolist() == [[1, 0, 2], [0, 0, 3]] and lengths.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    "sequences, error, words",
    [
        ([], ValueError, "sequences is empty; expected at least one sequence, got none"),
        (
            [[1, 2], [[1], [2]]],
            ValueError,
            r"sequences\[1\] has the wrong shape; expected \(T,\), got \(2, 1\)",
        ),
        (
            [[[1, 2]], [[1]]],
            ValueError,
            r"sequences\[1\] has the wrong shape; expected \(T, 2\), got \(1, 1\)",
        ),
        ([[1, 2], 3], ValueError, r"sequences\[1\] has the wrong shape"),
        ([["a"]], TypeError, r"sequences\[0\] has the wrong type; expected real numbers"),
    ],
)
def test_sequences_refused(sequences, error, words):
    with pytest.raises(error, match=words):
        recurrent.pad_sequence(sequences)


def test_ragged_lists_name_the_remedy():
    net = recurrent.LSTM(3, [4], rng=0)
    with pytest.raises(
        ValueError, match=r"x is ragged; expected rows of one length, .*pad_sequence pads sequences"
    ):
        net.forward([[[1, 2, 3]], [[1, 2]]])


# ---- stale gradients


@cells
def test_a_step_counts_its_own_gradients(cell):
    x, targets = arrays(3, 1, I), arrays(3, 1, O)
    nets = [MAKE[cell](I, [H], O, dtype="float64", rng=0) for _ in range(3)]
    y, _ = nets[1].forward(x)
    nets[1].backward(np.ones_like(y))
    nets[2].flat.dw[...] = np.nan
    results = [net.train_step(x, targets, recurrent.SGD(0.1)) for net in nets]
    assert results[0][:3] == results[1][:3] == results[2][:3]
    for net in nets:
        assert np.array_equal(net.flat.w, nets[0].flat.w) and not net.flat.dw.any()


def test_models_of_text_count_their_own_gradients():
    models = [recurrent.TextModel("lstm", [4], rng=0).build("abcde") for _ in range(2)]
    sentences = [recurrent.SentenceModel(["ab"], hidden_sizes=[4], rng=0) for _ in range(2)]
    models[1].flat.dw[...] = 1
    sentences[1].parameters.flat.dw[...] = 1
    for model in models:
        model.optimizer = recurrent.SGD(0.1)
        model.train_step([[0], [1]], [[1], [2]])
    for model in sentences:
        model.tick("ab")
    assert np.array_equal(models[0].flat.w, models[1].flat.w)
    assert np.array_equal(sentences[0].parameters.flat.w, sentences[1].parameters.flat.w)


def test_gradients_accumulate_by_backward_and_step():
    """One step over two batches."""
    x = arrays(2, 3, 1, I)
    net, twin = (recurrent.GRU(I, [H], dtype="float64", rng=0) for _ in range(2))
    for batch in x:
        y, _ = net.forward(batch)
        net.backward(np.ones_like(y))
    y, _ = twin.forward(np.concatenate(list(x), 1))
    twin.backward(np.ones_like(y))
    np.testing.assert_allclose(net.flat.dw, twin.flat.dw, rtol=1e-12)
    recurrent.SGD(0.1).step(net.parameters)
    assert not net.flat.dw.any()
