"""A step that would make a weight infinite or NaN is refused, and nothing has changed."""

import numpy as np
import pytest

import recurrent
from recurrent import Mat, recurrentjs
from snapshots import snapshot
from support import DTYPES

OPTIMIZERS = {
    "SGD": lambda: recurrent.SGD(0.1),
    "SGD with momentum": lambda: recurrent.SGD(0.1, momentum=0.9),
    "SGD of Nesterov": lambda: recurrent.SGD(0.1, momentum=0.9, nesterov=True),
    "SGD with decay": lambda: recurrent.SGD(0.1, weight_decay=0.1),
    "SGD by tensor_norm": lambda: recurrent.SGD(0.1, clipping="tensor_norm"),
    "SGD by global_norm": lambda: recurrent.SGD(0.1, clipping="global_norm"),
    "Adagrad": lambda: recurrent.Adagrad(0.1),
    "RMSProp": lambda: recurrent.RMSProp(0.1),
    "RMSProp, centered": lambda: recurrent.RMSProp(0.1, momentum=0.9, centered=True),
    "Adam": lambda: recurrent.Adam(0.1),
    "Adam with AMSGrad": lambda: recurrent.Adam(0.1, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda: recurrent.AdamW(0.1),
    "Solver": lambda: recurrentjs.Solver(),
}
# the largest number of a type
LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in DTYPES}
KINDS = {"mats": "b", "network": "bc0"}


def parameters(kind: str, dtype: str):
    """Two Mats, or the weights of a network, with gradients."""
    if kind == "network":
        found = recurrent.LSTM(2, [3], rng=1, dtype=dtype).parameters
    else:
        found = {name: Mat.from_array(np.linspace(-1, 1, 6).reshape(3, 2), dtype) for name in "ab"}
    return refill(found)


def refill(found):
    for mat in found.values():
        mat.dw[...] = 0.5
    return found


def refuse(optimizer, weights, name, *arguments):
    before = snapshot((weights, optimizer))
    words = rf"{name} is not finite after step \d+; expected finite elements, got -?(inf|nan) at \[\d, 0\]"
    with pytest.raises(FloatingPointError, match=words):
        optimizer.step(weights, *arguments)
    assert snapshot((weights, optimizer)) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_that_overflow(name, dtype, kind):
    """Three good steps, with a refused one before each, give the bits of three good steps."""
    ends = []
    for is_refused in (False, True):
        optimizer, weights, last = OPTIMIZERS[name](), parameters(kind, dtype), KINDS[kind]
        weights[last].w[1, 0] = LARGEST[dtype]
        for _ in range(3):
            refill(weights)
            if is_refused:
                # the weight times 1 - 4
                refuse(optimizer, weights, last, 0.1, 4.0)
            optimizer.step(weights, 0.1)
        ends.append(snapshot((weights, optimizer)))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_that_overflow(name, kind):
    """The largest learning rate of float32; infinity times a gradient of 0 is NaN."""
    optimizer, weights, last = OPTIMIZERS[name](), parameters(kind, "float32"), KINDS[kind]
    for mat in weights.values():
        mat.dw[...] = 0
    weights[last].dw[1, 0] = 4
    weights[last].w[1, 0] = -LARGEST["float32"]
    refuse(optimizer, weights, r"\w+", LARGEST["float32"])
    optimizer.step(weights, 0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [-1, np.inf, np.nan])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_states_that_a_caller_has_written(name, dtype, value, kind):
    optimizer, weights, last = OPTIMIZERS[name](), parameters(kind, dtype), KINDS[kind]
    optimizer.step(weights, 0.1)
    refill(weights)
    for slot, states in optimizer.state.items():
        kept = states[last].w[1, 0]
        states[last].w[1, 0] = value
        before = snapshot((weights, optimizer))
        try:
            optimizer.step(weights, 0.1)
        except FloatingPointError as error:
            assert f"{last} is not finite after step 2; expected" in str(error)
            assert snapshot((weights, optimizer)) == before
        # right where the largest or a mean of -1, or an infinite square, leave weights finite
        assert all(np.isfinite(mat.w).all() for mat in weights.values()), slot
        if snapshot((weights, optimizer)) != before:
            optimizer, weights = OPTIMIZERS[name](), parameters(kind, dtype)
            optimizer.step(weights, 0.1)
            refill(weights)
        else:
            states[last].w[1, 0] = kept


def test_training_steps():
    net, tokens = recurrent.LSTM(4, [5], 4, rng=1, dropout=0.0), np.array([[0], [1], [2]])
    optimizer = recurrent.SGD(0.1)
    net.train_step(tokens, tokens, optimizer)
    net.parameters["bd"].w[0, 0] = 2
    before = snapshot((net, optimizer))
    with pytest.raises(FloatingPointError, match=r"is not finite after step 2; expected"):
        net.train_step(tokens, tokens, optimizer, weight_decay=3e38, learning_rate=3e38)
    assert snapshot((net, optimizer)) == before

    model = recurrent.TextModel("gru", [4], rng=1).build("abc")
    model.optimizer = recurrent.Adam(0.1)
    before = snapshot(model)
    with pytest.raises(FloatingPointError, match=r"is not finite after step 1; expected"):
        model.train_step(tokens, tokens, learning_rate=3e38, weight_decay=3e38)
    assert snapshot(model) == before and model.step == 0

    sentences = recurrent.SentenceModel(["abc"], hidden_sizes=[4], rng=1)
    before = snapshot(sentences)
    with pytest.raises(FloatingPointError, match=r"is not finite after step 1; expected"):
        sentences.tick("abc", 3e38, 3e38)
    assert snapshot(sentences) == before
