"""The training loop over sentences, and the options of a run."""

import math

import numpy as np
import pytest

import recurrent
from recurrent.demo.training import RunOptions, SentenceTraining

SENTENCES = ["hello there", "good morning", "well, good night"]


@pytest.fixture
def training():
    model = recurrent.SentenceModel(SENTENCES, hidden_sizes=[8], letter_size=4, rng=1)
    return SentenceTraining(model, SENTENCES, np.random.default_rng(2))


def test_order_is_a_permutation(training):
    orders = [training.order() for _ in range(10)]
    assert all(sorted(order) == [0, 1, 2] for order in orders) and len(set(map(tuple, orders))) > 1


def test_steps_are_counted(training):
    perplexities = [training.train_step(index, 0.01, 1e-6, 5.0).perplexity for index in (0, 1, 2, 1)]
    assert (training.step, training.characters, training.lap) == (4, 11 + 12 + 16 + 12, 3)
    assert training.epoch == 4 / 3 and not training.ends_lap
    assert training.median_perplexity == np.median(perplexities[1:])


def test_bias_correction_undoes_the_empty_cache(training):
    """The first step of RecurrentJS's optimizer is 1 / √(1 - decay_rate) times that of an unbiased average."""
    decay_rate = training.model.optimizer.decay_rate
    assert training.bias_correction() == math.sqrt(1 - decay_rate)
    training.train_step(0, 0.01, 0.0, 5.0)
    assert training.bias_correction() == math.sqrt(1 - decay_rate**2)


def test_divergence_names_the_step(training, monkeypatch):
    result = recurrent.recurrentjs.sentence_model.Tick(math.nan, math.nan, 0.0, 0.0)
    monkeypatch.setattr(training.model, "tick", lambda *_: result)
    with pytest.raises(FloatingPointError, match="training diverged in step 1"):
        training.train_step(0, 0.01, 0.0, 5.0)
    assert training.step == 0


def test_options_are_bounded():
    assert (RunOptions().bounded(100).epochs, RunOptions().bounded(100).seconds) == (300, 120.0)
    assert RunOptions(schedule="constant").bounded(100).epochs == 3000
    assert RunOptions().bounded(2).epochs == 5000
    options = RunOptions(epochs=7)
    assert options.bounded(2) is options
