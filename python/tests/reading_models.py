"""Small models with large weights, and a text that HTML and formulas could misread."""

import numpy as np

import recurrent

TEXT = "so <b>it</b> goes & \"goes\"\t'on'\nand on, $x$"


def model(cell="lstm", tokenizer="characters", **settings):
    settings = {"dtype": "float64", "rng": 5, **settings}
    tm = recurrent.TextModel(cell, [6, 5], tokenizer=tokenizer, **settings).build(TEXT)
    tm.flat.w = 0.5 * np.random.default_rng(1).standard_normal(tm.flat.w.shape)
    return tm


def views(tm, times=1):
    """What a plot takes of a model."""
    return tm.network, tm.encode(TEXT * times), tm.characters
