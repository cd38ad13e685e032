"""Metrics: against plain formulas, in parts of any size, and with NaN, weights and lengths."""

import math

import numpy as np
import pytest

from learning import CLASSES, LABELS, LENGTHS, NUMBERS, N, T, X, fit, network, ragged
from recurrent.training import array_step
from recurrent.training.losses import as_loss
from recurrent.training.metrics import Metrics, default_metrics


def parts(monkeypatch, size=2):
    monkeypatch.setattr(array_step, "READ_BATCH", size)


@pytest.mark.parametrize("is_in_parts", [False, True])
def test_of_classes(is_in_parts, monkeypatch):
    if is_in_parts:
        parts(monkeypatch)
    net, y = network(), LABELS.copy()
    y[1, 2] = -1
    scores, _ = net.forward(X)
    valid, guess = y >= 0, scores.argmax(-1)
    log_p = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    loss = -np.take_along_axis(log_p, np.maximum(y, 0)[..., None], -1)[..., 0][valid].mean()
    found = net.evaluate(X, y, metrics=["accuracy", "perplexity", "class_accuracy"])
    assert abs(found.pop("loss") - loss) < 1e-14
    assert abs(found.pop("perplexity") - math.exp(loss)) < 1e-13
    assert found.pop("accuracy") == (guess == y)[valid].mean()
    for k in range(CLASSES):
        assert found.pop(f"accuracy_{k}") == (guess[y == k] == k).mean()
    assert not found
    # a class that no target has is left out
    few = net.evaluate(X, np.minimum(LABELS, 1), metrics="class_accuracy")
    assert list(few) == ["loss", "accuracy_0", "accuracy_1"]


@pytest.mark.parametrize("shift", [0.0, 1e8])
@pytest.mark.parametrize("is_in_parts", [False, True])
def test_of_numbers(is_in_parts, shift, monkeypatch):
    if is_in_parts:
        parts(monkeypatch)
    net, y = network(), NUMBERS + shift
    y[0, 0, 1], y[2, 3] = np.nan, np.nan
    scores, _ = net.forward(X)
    valid = ~np.isnan(y)
    error, aims = (scores - y)[valid], y[valid]
    found = net.evaluate(X, y, metrics=["mse", "rmse", "mae", "r2"])
    expected = {
        "loss": (error**2).mean(), "mse": (error**2).mean(), "rmse": math.sqrt((error**2).mean()),
        "mae": abs(error).mean(), "r2": 1 - (error**2).sum() / ((aims - aims.mean()) ** 2).sum(),
    }  # fmt: skip
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert abs(found[name] - value) < 1e-9 * abs(value), name
    assert math.isnan(net.evaluate(X, np.ones_like(y), metrics=["r2"])["r2"])


def test_of_other_losses():
    net, y = network(), (NUMBERS > 0).astype(float)
    y[0, 0] = np.nan
    scores, _ = net.forward(X)
    valid = ~np.isnan(y)
    found = net.evaluate(X, y, loss="binary_cross_entropy", metrics=["accuracy"])
    assert found["accuracy"] == ((scores > 0) == y)[valid].mean()
    quantiles, t = network(outputs=6), NUMBERS[..., :2]
    middle = quantiles.forward(X)[0][..., 2:4]
    found = quantiles.evaluate(X, t, loss="quantile", metrics=["mae"])
    assert abs(found["mae"] - abs(middle - t).mean()) < 1e-14
    normal = network(outputs=4)
    found = normal.evaluate(X, t, loss="gaussian_nll", metrics=["mse"])
    assert abs(found["mse"] - ((normal.forward(X)[0][..., :2] - t) ** 2).mean()) < 1e-14


def test_of_sequences():
    net = network()
    scores, _ = net.forward(X, lengths=LENGTHS)
    last = scores[LENGTHS - 1, np.arange(N)]
    for found in (
        net.evaluate(X, LABELS[0], LENGTHS),
        net.evaluate(ragged(X), LABELS[0]),
        net.evaluate(ragged(X), list(LABELS[0])),
    ):
        assert found["accuracy"] == (last.argmax(-1) == LABELS[0]).mean()


def test_functions(monkeypatch):
    parts(monkeypatch, 3)
    seen = {}

    def count(predictions, targets):
        seen["count"] = predictions.shape, targets.shape
        return np.float32(len(targets))

    net = network()
    assert net.evaluate(X, LABELS, metrics=[count])["count"] == T * N and seen["count"] == ((42,), (42,))
    assert net.evaluate(X, NUMBERS, metrics=count)["count"] == T * N and seen["count"] == ((42, 4), (42, 4))
    assert net.evaluate(ragged(X), ragged(LABELS), metrics=[count])["count"] == LENGTHS.sum()
    for bad in (lambda y, t: "many", lambda y, t: None, lambda y, t: y):
        with pytest.raises(
            TypeError, match=r"^metric <lambda> returns the wrong result; expected a number, got"
        ):
            net.evaluate(X, LABELS, metrics=[bad])


def test_which_are_measured():
    net = network()
    assert list(net.evaluate(X, LABELS)) == ["loss", "accuracy"] and list(net.evaluate(X, NUMBERS)) == [
        "loss"
    ]
    fit(net, steps=1)
    assert list(net.evaluate(X, LABELS)) == ["loss", "accuracy"]
    fit(net, steps=1, metrics=["perplexity"])
    assert list(net.evaluate(X, LABELS)) == ["loss", "perplexity"]
    assert list(net.evaluate(X, LABELS, metrics=[])) == ["loss"]
    assert list(net.evaluate(X, NUMBERS, loss="mse")) == ["loss"]
    assert default_metrics(as_loss("cross_entropy")) == ("accuracy",)
    for name, loss in (
        ("accuracy", "mse"),
        ("r2", "cross_entropy"),
        ("mse", "binary_cross_entropy"),
        (3, "mse"),
    ):
        with pytest.raises(
            ValueError, match=r"^metrics has an unknown name; expected one of .*a function, got"
        ):
            Metrics([name], as_loss(loss), 2)

    def loss(predictions, targets):
        return 0.0

    with pytest.raises(ValueError, match=r"^metrics has a name twice; .*, other than loss, got 'loss'"):
        net.evaluate(X, LABELS, metrics=[loss])
