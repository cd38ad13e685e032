"""PyTorch's weights: the same values under its names, and results equal to its own."""

import json

import numpy as np
import pytest

import recurrent
from recurrent import recurrentjs
from support import PYTHON_FIXTURES

CASES = json.loads((PYTHON_FIXTURES / "torch.json").read_text())
TOKEN_CASES = json.loads((PYTHON_FIXTURES / "torch_tokens.json").read_text())
KINDS = {
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "tanh": recurrent.RNN,
    "relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}
NETWORKS = [*KINDS.values(), lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k)]


def distance(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12)


def softmax_gradient(y, targets):
    p = np.exp(y - y.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    valid = targets >= 0
    loss = -np.log(np.take_along_axis(p, np.maximum(targets, 0)[..., None], -1)[..., 0])[valid].mean()
    np.put_along_axis(
        p,
        np.maximum(targets, 0)[..., None],
        np.take_along_axis(p, np.maximum(targets, 0)[..., None], -1) - 1,
        -1,
    )
    return loss, p * valid[..., None] / valid.sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['kind']}-{c['hidden']}-{c['embedding']}")
def test_equals_torch(case, dtype):
    limit = 1e-5 if dtype == "float32" else 1e-12
    settings = (case["inputs"], case["hidden"], case["outputs"] or None, case["embedding"] or None)
    net = KINDS[case["kind"]](*settings, dtype=dtype, rng=0)
    net.load_torch(case["weights"])

    def state(parts):
        arrays = [[np.array(layer) for layer in part] for part in parts]
        return (arrays[0], arrays[1] if len(arrays) > 1 else None)

    y, final = net.forward(np.array(case["x"]), state(case["state"]), np.array(case["lengths"]))
    dx, dstate = net.backward(np.array(case["dy"]), state(case["dfinal"]))
    assert distance(y, case["y"]) < limit
    for ours, theirs in ((final, case["final"]), (dstate, case["dstate"])):
        assert distance(ours.h, theirs[0]) < limit
        if len(theirs) > 1:
            assert distance(ours.c, theirs[1]) < limit
    assert (dx is None) if case["dx"] is None else distance(dx, case["dx"]) < limit

    # PyTorch's gradients, brought into our names by the way weights take
    expected = KINDS[case["kind"]](*settings, dtype="float64", rng=0)
    gradients = {name: np.array(g) for name, g in case["gradients"].items()}
    hidden = case["hidden"][0]
    for name in [n for n in gradients if "bias_hh" in n]:
        gradients[name][: 2 * hidden if case["kind"] == "gru" else None] = 0
    expected.load_torch(gradients)
    for name, mat in net.parameters.items():
        assert distance(mat.dw, expected.parameters[name].w) < limit, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "case", TOKEN_CASES, ids=lambda c: f"{c['kind']}-{c['inputs']}-{'tied' if c['embedding'] else 'one-hot'}"
)
def test_tokens_equal_torch(case, dtype):
    limit = 1e-5 if dtype == "float32" else 1e-12
    tied = bool(case["embedding"])
    settings = (case["inputs"], case["hidden"], case["inputs"], case["embedding"] or None)
    net = KINDS[case["kind"]](*settings, dtype=dtype, rng=0, tied=tied)
    net.load_torch(case["weights"])
    x, targets = np.array(case["x"]), np.array(case["targets"])
    y, _ = net.forward(x)
    loss, dy = softmax_gradient(np.array(case["y"]), targets)
    dx, _ = net.backward(dy)
    assert distance(y, case["y"]) < limit and abs(loss - case["loss"]) < 1e-12 and dx is None

    expected = KINDS[case["kind"]](*settings, dtype="float64", rng=0, tied=tied)
    gradients = {name: np.array(g) for name, g in case["gradients"].items()}
    for name in [n for n in gradients if "bias_hh" in n]:
        gradients[name][: 2 * case["hidden"][0] if case["kind"] == "gru" else None] = 0
    expected.load_torch(gradients)
    for name, mat in net.parameters.items():
        assert distance(mat.dw, expected.parameters[name].w) < limit, name
    step = net.train_step(x, targets, recurrentjs.Solver(), 0.0)
    assert abs(step.loss - case["loss"]) < limit


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru", "tanh", "relu"])
def test_torch_weights_come_back(kind, tied):
    settings = (7, [5, 5], None, None) if tied else (7, [5, 5], 4, 3)
    net = KINDS[kind](*settings, dtype="float64", rng=1, tied=tied)
    net.flat.w = np.random.default_rng(0).standard_normal((net.flat.n, 1))
    other = KINDS[kind](*settings, dtype="float64", rng=2, tied=tied)
    other.load_torch(net.to_torch())
    assert np.array_equal(net.flat.w, other.flat.w)


def test_load_torch_refuses_and_changes_nothing():
    net = recurrent.LSTM(3, [4], 2, dtype="float64", rng=0)
    weights, before = net.to_torch(), net.flat.w.copy()
    for name, array, words in [
        ("rnn.weight_ih_l0", np.zeros((16, 9)), "weight_ih_l0 has the wrong shape"),
        ("rnn.weight_hh_l0", None, "expected 'rnn.weight_hh_l0'"),
        ("decoder.weight", None, "a decoder"),
        ("other.weight_ih_l0", np.zeros((16, 3)), "expected 1 name"),
    ]:
        broken = dict(weights)
        broken.pop(name, None)
        if array is not None:
            broken[name] = array
        with pytest.raises(ValueError, match=words):
            net.load_torch(broken)
        assert np.array_equal(net.flat.w, before)
    tied = recurrent.LSTM(3, [4], dtype="float64", rng=0, tied=True)
    weights = tied.to_torch()
    weights["decoder.weight"] = weights["decoder.weight"] + 1
    with pytest.raises(ValueError, match="the decoder is tied"):
        tied.load_torch(weights)
    with pytest.raises(ValueError, match="gru_reset_before"):
        recurrent.GRU(3, [4], reset_after=False).load_torch({})
