"""Losses: against formulas, central differences and PyTorch, with weights."""

import json

import numpy as np
import pytest

import recurrent
from learning import fit, network
from recurrent import losses
from recurrent.training.losses import Custom, as_loss, loss_of_dict
from support import PYTHON_FIXTURES, close

M = 6
rng = np.random.default_rng(2)
SCORES = rng.uniform(-2, 2, (M, 6))
CLASSES = rng.integers(0, 6, M)
WEIGHTS = np.array([1.0, 0, 2, 0.5, 3, 1]) / 7.5


def wide(n):
    """Numbers (M, n) away from kinks, and weights of sum 1."""
    weights = np.repeat(WEIGHTS[:, None], n, 1)
    return np.round(rng.uniform(-2, 2, (M, n)), 1) + 0.05, weights / weights.sum()


def pinball(t, y, q):
    return np.maximum(q * (t - y), (q - 1) * (t - y))


def softplus(y):
    return np.logaddexp(0, y)


def log_softmax(y):
    return y - np.log(np.exp(y).sum(-1, keepdims=True))


CASES = {
    "cross_entropy": (losses.CrossEntropy(), None, lambda y, t, w: -(w * log_softmax(y)[np.arange(M), t]).sum()),
    "mse": (losses.MSE(), wide(6), lambda y, t, w: (w * (y - t) ** 2).sum()),
    "mae": (losses.MAE(), wide(6), lambda y, t, w: (w * abs(y - t)).sum()),
    "huber": (
        losses.Huber(0.7), wide(6),
        lambda y, t, w: (w * np.where(abs(y - t) <= 0.7, (y - t) ** 2 / 2, 0.7 * (abs(y - t) - 0.35))).sum(),
    ),
    "binary_cross_entropy": (
        losses.BinaryCrossEntropy(), (np.clip(wide(6)[0], 0, 1), wide(6)[1]),
        lambda y, t, w: (w * (softplus(y) - t * y)).sum(),
    ),
    "gaussian_nll": (
        losses.GaussianNLL(), wide(3),
        lambda y, t, w: (
            w * 0.5 * (np.log(2 * np.pi) + y[:, 3:] + (t - y[:, :3]) ** 2 * np.exp(-y[:, 3:]))
        ).sum(),
    ),
    "quantile": (
        losses.Quantile([0.1, 0.5, 0.9]), wide(2),
        lambda y, t, w: np.mean(
            [(w * pinball(t, y[:, 2 * k : 2 * k + 2], q)).sum() for k, q in enumerate((0.1, 0.5, 0.9))]
        ),
    ),
}  # fmt: skip


def computed(loss, scores, targets, weights, dtype="float64"):
    """The loss and its gradient (M, R)."""
    graph, mat = recurrent.Graph(), recurrent.Mat.from_array(np.ascontiguousarray(scores.T), dtype)
    found = loss(mat, targets, weights, graph)
    found.backward()
    return float(found.w[0, 0]), mat.dw.T.copy()


@pytest.mark.parametrize("name", CASES)
def test_formula_and_central_differences(name):
    loss, given, formula = CASES[name]
    targets, weights = given or (CLASSES, WEIGHTS)
    value, gradient = computed(loss, SCORES, targets, weights)
    assert abs(value - formula(SCORES, targets, weights)) < 1e-13
    for at in np.ndindex(SCORES.shape):
        moved = [SCORES.copy(), SCORES.copy()]
        moved[0][at] += 1e-6
        moved[1][at] -= 1e-6
        up, down = (formula(scores, targets, weights) for scores in moved)
        assert abs(gradient[at] - (up - down) / 2e-6) < 1e-8, at


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "case", json.loads((PYTHON_FIXTURES / "torch_losses.json").read_text()), ids=lambda case: case["name"]
)
def test_torch(case, dtype):
    loss = (
        as_loss(case["name"])
        if "settings" not in case
        else loss_of_dict({"name": case["name"], **case["settings"]})
    )
    scores, targets = np.array(case["scores"]), np.array(case["targets"])
    weights = np.full(targets.shape, 1 / targets.size)
    if case["class_weight"]:
        weights = np.array(case["class_weight"])[targets]
        weights /= weights.sum()
    value, gradient = computed(loss, scores, targets, weights.astype(dtype), dtype)
    limit = 1e-14 if dtype == "float64" else 1e-6
    close(value, case["loss"], limit)
    close(gradient, case["gradient"], limit)


def test_predictions_and_probabilities():
    y = np.array([[[0.1, 2.0, -1.0, 0.5]]])
    assert losses.CrossEntropy().predict(y) == [[1]]
    p = losses.CrossEntropy().probabilities(1000 * y)
    assert p.sum() == 1 and p[0, 0, 1] == 1
    assert losses.BinaryCrossEntropy().predict(y).tolist() == [[[1, 1, 0, 1]]]
    with np.errstate(all="raise"):
        assert losses.BinaryCrossEntropy().probabilities(1e4 * y).tolist() == [[[1, 1, 0, 1]]]
    assert losses.GaussianNLL().predict(y).tolist() == [[[0.1, 2.0]]]
    assert losses.Quantile([0.2, 0.8]).predict(y).tolist() == [[[[0.1, 2.0], [-1.0, 0.5]]]]
    with pytest.raises(
        ValueError, match=r"^loss has no probabilities; expected cross_entropy or .*, got mse"
    ):
        losses.MSE().probabilities(y)


@pytest.mark.parametrize("name", CASES)
def test_a_dict_and_back(name):
    loss = CASES[name][0]
    again = loss_of_dict(json.loads(json.dumps(loss.to_dict())))
    assert again == loss and repr(again) == repr(loss) and again != as_loss(lambda y, t: y) and loss.is_saved


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: losses.Huber(0), ValueError, "^delta is out of range; expected above 0, got 0"),
        (lambda: losses.Huber("1"), TypeError, "^delta has the wrong type; expected a number, got str"),
        (lambda: losses.Quantile([]), ValueError, "^levels is out of range; expected numbers above 0"),
        (lambda: losses.Quantile([0.1, 1]), ValueError, "^levels is out of range"),
        (lambda: losses.Quantile(0.5), TypeError, "^levels has the wrong type; expected a list of numbers"),
        (lambda: losses.Quantile([0.1, 0.9]).numbers(3), ValueError, "^output_size does not fit the quantiles"),
        (lambda: losses.GaussianNLL().numbers(3), ValueError, "^output_size is odd"),
        (lambda: as_loss("nll"), ValueError, "^loss is unknown; expected one of cross_entropy, .*, got 'nll'"),
        (lambda: as_loss(3), TypeError, "^loss has the wrong type; expected a name, a loss or a function, got int"),
        (lambda: as_loss(losses.MSE), TypeError, r"^loss has the wrong type; expected an object, MSE\(\), got the"),
        (lambda: loss_of_dict({"name": "x"}), ValueError, "^loss is unknown"),
        (lambda: loss_of_dict(3), ValueError, "^loss is unknown"),
    ],
)  # fmt: skip
def test_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    "function, got",
    [
        (lambda y, t: 1.0, "float"),
        (lambda y, t: None, "NoneType"),
        (lambda y, t: y, r"a Mat \(4, 18\)"),
        (lambda y, t: (y - t).sum(0), r"a Mat \(1, 18\)"),
    ],
)
def test_functions_that_return_no_loss(function, got):
    net, targets = network(), np.zeros((6, 7, 4))
    before = net.flat.w.tobytes(), net._random.state
    with pytest.raises(
        TypeError, match=rf"^loss returns the wrong result; expected a Mat \(1, 1\), got {got}$"
    ):
        fit(net, y=targets, loss=function)
    assert (net.flat.w.tobytes(), net._random.state) == before and net.step == 0 and not net.flat.dw.any()


class Squared(losses.Loss, name="squared"):
    """A loss of a class of the caller's."""

    def __call__(self, scores, targets, weights, graph):
        with graph:
            error = scores - recurrent.Mat.from_array(np.ascontiguousarray(targets.T), scores.dtype)
            return (
                error.square() * recurrent.Mat.from_array(np.ascontiguousarray(weights.T), scores.dtype)
            ).sum()


def test_a_class_of_the_caller_s(tmp_path):
    """A file names no class that another process may lack."""
    x, y = np.ones((6, 7, 3)), np.ones((6, 7, 4))
    net, other = network(), network()
    fit(net, x, y, loss=Squared())
    fit(other, x, y, loss="mse")
    assert np.abs(net.flat.w - other.flat.w).max() < 1e-12 and not Squared().is_saved
    with pytest.raises(ValueError, match=r"^loss is unknown"):
        as_loss("squared")
    net.save(tmp_path / "n")
    loaded = recurrent.load(tmp_path / "n")
    assert isinstance(loaded.trainer.settings.loss, Custom)
    with pytest.raises(ValueError, match=r"^loss is missing; expected the function of the run again"):
        loaded.resume(x, y, 1, progress=False)
    loaded.resume(x, y, 1, loss=Squared(), progress=False)
    net.resume(x, y, 1, progress=False)
    assert loaded.flat.w.tobytes() == net.flat.w.tobytes()
