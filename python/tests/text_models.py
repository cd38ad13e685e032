"""Small text models, and training steps whose data depend on the count of steps alone."""

import numpy as np

import recurrent

TEXT = "the quick brown fox jumps over the lazy dog.\nthe end is not the end, the end is the beginning.\n"


def lesson(cell="lstm", steps=0, text=TEXT, **settings):
    """A small model with everything on, after some steps."""
    settings = {"hidden_sizes": [6, 5], "dropout": 0.25, "dtype": "float64", "rng": 7, **settings}
    tm = recurrent.TextModel(cell, **settings).build(text)
    tm.optimizer = recurrent.Adam(learning_rate=0.01)
    train(tm, steps)
    return tm


def chunk(tm, T=5, B=2):
    """The tokens and targets that the model's count of steps names."""
    tokens = tm.encode(TEXT)
    length = len(tokens) // B
    at = np.arange(B) * length + ((tm.step * T + np.arange(T)) % (length - 1))[:, None]
    return tokens[at], tokens[at + 1]


def train(tm, steps):
    return [tm.train_step(*chunk(tm)).loss for _ in range(steps)]
