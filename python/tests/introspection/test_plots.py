"""Plots of runs, activations and gradients."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import recurrent
from reading_models import TEXT, model, views
from recurrent.introspection import plots


def test_figures_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="plots need matplotlib"):
        plots.activations(*views(model()))


def test_figures_are_not_loaded_with_the_package():
    from support import succeed

    succeed("import sys, recurrent, recurrent.introspection.plots; assert 'matplotlib' not in sys.modules")


def test_the_figure_of_a_run():
    pytest.importorskip("matplotlib")
    run = model().fit(TEXT * 20, 12, 4, 5, evaluate_every=4, progress=False)
    figure = plots.history(run)
    top, bottom, rates = figure.axes
    lines = {line.get_label(): line for line in top.lines}
    label = f"held out {run.validation[-1][1]:.3f}"
    assert lines[label].get_ydata().tolist() == [loss for _, loss in run.validation]
    assert bottom.lines[-1].get_ydata().tolist() == [norm for _, norm in run.gradient_norms]
    assert rates.lines[0].get_ydata().tolist() == [rate for _, rate in run.learning_rates]
    # every validation is inside
    low, _ = top.get_ylim()
    assert all(low < loss for _, loss in run.validation)
    with pytest.raises(ValueError, match="run is empty"):
        plots.history(recurrent.History())
    plots.history(recurrent.History(train=[(1, 2.0)])).savefig("/dev/null", format="png")


def test_the_unit_of_the_losses():
    pytest.importorskip("matplotlib")
    # the best validation has a label of its own
    run = recurrent.History(train=[(1, 2.0), (2, 1.0)], validation=[(1, 1.5), (2, 1.75)])
    assert plots.history(run).axes[0].get_ylabel() == "loss"
    figure = plots.history(run, unit="$ per step")
    assert figure.axes[0].get_ylabel() == "loss, $ per step"
    figure.savefig("/dev/null", format="png")
    with pytest.raises(TypeError, match="unit has the wrong type; expected a str, got int"):
        plots.history(run, unit=3)


def test_a_notebook_displays_a_figure_without_pyplot():
    pytest.importorskip("matplotlib")
    picture = plots.predictions([1, 2, 4], [1, 2, 3])._repr_png_()
    assert picture.startswith(b"\x89PNG") and len(picture) > 1000


@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
def test_the_figure_of_activations(tokenizer):
    pytest.importorskip("matplotlib")
    tm = model(tokenizer=tokenizer)
    figure = plots.activations(*views(tm), ["c1", "f0"], units=[3, 1])
    cells, gates = (axes.images[0].get_array() for axes in figure.axes[:2])
    activations = tm.activations(TEXT)
    assert np.allclose(cells, np.tanh(activations["c1"].T[[3, 1]]))
    assert np.allclose(gates, activations["f0"].T[[3, 1]])
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert "".join(labels) == TEXT.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
    # dollars are drawn as they are
    figure.savefig("/dev/null", format="png")
    assert plots.activations(*views(tm, 9)).axes[0].get_xlabel() == "token"


def test_the_figure_of_gradients():
    pytest.importorskip("matplotlib")
    tm = model()
    figure = plots.gradient_norms(*views(tm))
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    norms = tm.gradient_norms(TEXT)
    assert set(lines) == set(norms) and all(np.array_equal(lines[name], norms[name]) for name in norms)
    figure.savefig("/dev/null", format="png")


def test_the_figure_of_a_long_run():
    """The losses and norms are shown with their means, and a best validation that is not the last with its step."""
    pytest.importorskip("matplotlib")
    train = [(step, 2.0 - step / 1000) for step in range(1, 301)]
    run = recurrent.History(train=train, validation=[(100, 1.5), (300, 1.75)], gradient_norms=train)
    top, bottom, *_ = plots.history(run).axes
    assert [line.get_label() for line in top.lines[1:]] == [
        "train 1.701",
        "held out 1.750",
        "best 1.500, step 100",
    ]
    assert len(top.lines[0].get_xdata()) == 300 and len(top.lines[1].get_xdata()) == 298
    assert len(bottom.lines) == 2


def test_the_figure_of_predictions():
    pytest.importorskip("matplotlib")
    targets = np.random.default_rng(0).normal(size=(50, 3, 2))
    predicted = targets + 0.1
    predicted[:10] += 7
    figure = plots.predictions(targets, predicted, warmup=10, names=["a $x", "b"], sequence=1)
    assert [axes.get_ylabel() for axes in figure.axes] == ["a $x", "b"]
    for k, axes in enumerate(figure.axes):
        target, prediction = axes.lines
        assert np.array_equal(target.get_ydata(), targets[:, 1, k])
        assert np.array_equal(prediction.get_ydata(), predicted[:, 1, k])
        # the warm-up is no part of the error
        assert [line.get_label() for line in axes.lines] == ["target", "predicted, RMSE 0.1"]
        assert len(axes.patches) == 1
    figure.savefig("/dev/null", format="png")
    (axes,) = plots.predictions([1, 2, 4], [1, 2, 3]).axes
    assert axes.lines[1].get_label() == "predicted, RMSE 0.5774" and not axes.patches
    assert len(plots.predictions(targets[:, 0], predicted[:, 0]).axes) == 2


@pytest.mark.parametrize(
    "targets, predicted, settings, error, words",
    [
        ([1, 2], [1], {}, ValueError, r"predicted has the wrong shape; expected \(2, 1\), .*, got \(1, 1\)"),
        ([], [], {}, ValueError, "targets has the wrong shape"),
        (np.zeros((1, 1, 1, 1)), [1], {}, ValueError, "targets has the wrong shape"),
        ([1], ["a"], {}, TypeError, "predicted has the wrong type"),
        ([1, 2], [1, 2], {"warmup": 2}, ValueError, "warmup is out of range; expected at most 1, got 2"),
        ([1, 2], [1, 2], {"names": ["a", "b"]}, ValueError, "names has the wrong length; expected 1, got 2"),
        (np.zeros((2, 21)), np.zeros((2, 21)), {}, ValueError, "expected at most 20 outputs, got 21"),
        (np.zeros((2, 3, 1)), np.zeros((2, 3, 1)), {"sequence": 3}, IndexError, "expected 0 to 2, got 3"),
    ],
)
def test_predictions_refused(targets, predicted, settings, error, words):
    with pytest.raises(error, match=words):
        plots.predictions(targets, predicted, **settings)


def test_predictions_need_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="plots need matplotlib; install it with `pip install matplotlib`"):
        plots.predictions([1], [1])
