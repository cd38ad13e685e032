"""Losses of ``Network.fit``, as objects with settings; a name stands for one with the usual settings.

>>> import recurrent
>>> recurrent.losses.Huber(delta=0.5), recurrent.losses.Quantile([0.1, 0.9])
(Huber(delta=0.5), Quantile(levels=[0.1, 0.9]))
"""

from .training.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Loss,
    Quantile,
)

__all__ = [
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "GaussianNLL",
    "Huber",
    "Loss",
    "Quantile",
]
