"""Recipes: what a run does whose caller names no optimizer and no rates."""

import numpy as np
import pytest

import recurrent
from recurrent import schedules

TEXT = "the quick brown fox jumps over the lazy dog. " * 10
SMALL = {"batch_size": 4, "seq_length": 5, "progress": False}


def fitted(tm=None, steps=8, **settings):
    tm = tm or recurrent.TextModel("gru", [6], rng=1)
    return tm, tm.fit(TEXT, steps, **SMALL, **settings)


def rates(history):
    return [rate for _, rate in history.learning_rates]


def test_the_default_of_texts():
    tm, history = fitted()
    settings = tm.optimizer.settings
    assert isinstance(tm.optimizer, recurrent.RMSProp) and not settings["bias_correction"]
    first = rates(history)[0]
    assert settings["learning_rate"] == pytest.approx(first)
    assert rates(history) == pytest.approx([first * f for f in (1, 1, 1, 1, 1, 0.7625, 0.525, 0.2875)])
    # a second run has the rates of a first one
    _, again = fitted(tm)
    assert rates(again) == rates(history)


def test_weight_decay():
    """The recipe's goes with its rates; the caller's with any."""
    tm, _ = fitted()
    decay = tm.trainer.settings.weight_decay
    assert decay == 0.1
    for own in ({"learning_rate": 0.01}, {"optimizer": recurrent.SGD(0.1)}, {"recipe": "char_rnn"}):
        assert fitted(**own)[0].trainer.settings.weight_decay == 0
    assert fitted(weight_decay=0.5)[0].trainer.settings.weight_decay == 0.5
    tm = recurrent.TextModel("gru", [6], rng=1).build(TEXT)
    before = tm.flat.w.copy()
    # as AdamW's: in proportion to the learning rate
    steps = [
        tm.fit(TEXT, 1, **SMALL, optimizer=recurrent.SGD(0.5), clip=1e-30, weight_decay=0.5) for _ in range(2)
    ]
    assert np.allclose(tm.flat.w, 0.75**2 * before) and len(steps) == 2
    with pytest.raises(ValueError, match="weight_decay is out of range"):
        fitted(weight_decay=-1.0)


def test_clip():
    """The recipe's goes with its optimizer; 5 with another."""
    for own, expected in (
        ({}, 2.0),
        ({"learning_rate": 0.01}, 2.0),
        ({"recipe": "char_rnn"}, 5.0),
        ({"optimizer": recurrent.SGD(0.1)}, 5.0),
        ({"clip": None}, None),
        ({"clip": 0.5}, 0.5),
    ):
        assert fitted(**own)[0].trainer.settings.clip == expected
    with pytest.raises(TypeError, match="clip has the wrong type; expected a number, got "):
        fitted(clip="none")


def test_rates_of_the_caller():
    assert rates(fitted(learning_rate=0.25)[1]) == [0.25] * 8
    assert rates(fitted(schedule=schedules.Exponential(1.0, 0.5))[1]) == [0.5**k for k in range(8)]
    assert rates(fitted(optimizer=recurrent.SGD(0.125))[1]) == [0.125] * 8
    # an optimizer that is the caller's keeps its rate in later runs
    tm, _ = fitted(optimizer=recurrent.Adam(0.5))
    known = tm.optimizer
    _, history = fitted(tm)
    assert tm.optimizer is known and rates(history) == [0.5] * 8
    # also one that the model had before its first run
    tm = recurrent.TextModel("gru", [6], rng=1).build(TEXT)
    tm.optimizer = recurrent.SGD(0.125)
    assert rates(fitted(tm)[1]) == [0.125] * 8


def test_recipes_by_name():
    tm, history = fitted(recipe="char_rnn", steps=400)
    assert (tm.optimizer.learning_rate, tm.optimizer.settings["alpha"]) == (2e-3, 0.95)
    epoch = tm.trainer.epoch_steps
    found = np.array(rates(history))
    assert np.all(found[: 11 * epoch] == 2e-3) and np.allclose(found[11 * epoch : 12 * epoch], 2e-3 * 0.97)
    # another recipe replaces the optimizer
    _, history = fitted(tm, recipe="recurrentjs")
    assert isinstance(tm.optimizer, recurrent.recurrentjs.Solver) and rates(history) == [0.01] * 8
    known = tm.optimizer
    _, history = fitted(tm, recipe="recurrentjs", learning_rate=0.001)
    assert tm.optimizer is known and rates(history) == [0.001] * 8
    fitted(tm, recipe="default")
    assert isinstance(tm.optimizer, recurrent.RMSProp)


def test_refusals():
    tm = recurrent.TextModel("gru", [6], rng=1)
    with pytest.raises(
        ValueError,
        match="recipe is unknown; expected one of 'default', 'char_rnn', 'recurrentjs', got 'adam'",
    ):
        fitted(tm, recipe="adam")
    with pytest.raises(
        ValueError, match="recipe is unexpected; expected either recipe or optimizer, got both"
    ):
        fitted(tm, recipe="default", optimizer=recurrent.SGD(0.1))
    assert not tm.is_built and tm.trainer is None


def test_resumed_runs_have_the_same_rates(tmp_path):
    whole, _ = fitted()
    part, _ = fitted(callbacks=[lambda report: report.step == 3])
    part.save(tmp_path / "m")
    for one in (part, recurrent.load(tmp_path / "m")):
        one.resume(TEXT, 5, progress=False)
        assert one.flat.w.tobytes() == whole.flat.w.tobytes()
    # beyond its end a run has the last rate
    last = whole.trainer.settings.schedule
    whole.resume(TEXT, 2, progress=False)
    assert rates(whole.history)[-2:] == pytest.approx([last.learning_rate * 0.05] * 2)


def test_the_default_of_arrays():
    x, y = np.random.default_rng(0).normal(size=(6, 8, 2)), np.zeros((8,), int)
    net = recurrent.GRU(2, [3], 2, rng=1)
    history = net.fit(x, y, steps=10, progress=False)
    first = net.optimizer.learning_rate
    assert isinstance(net.optimizer, recurrent.Adam) and rates(history)[0] == first
    # a linear fall from the first step
    assert rates(history) == pytest.approx([first * (1 - 0.95 * k / 10) for k in range(10)])
    assert rates(net.fit(x, y, steps=10, progress=False, learning_rate=0.5)) == [0.5] * 10
    net.optimizer = recurrent.SGD(0.125)
    assert rates(net.fit(x, y, steps=3, progress=False)) == [0.125] * 3
