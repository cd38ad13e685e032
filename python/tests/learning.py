"""Small data for the tests of ``Network.fit``, and a network for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import recurrent

T, N, SIZE, CLASSES = 6, 7, 3, 4
LENGTHS = np.array([6, 3, 4, 1, 2, 6, 5])
_numbers = np.random.default_rng(3)
X = _numbers.standard_normal((T, N, SIZE))
TOKENS = _numbers.integers(0, SIZE, (T, N))
LABELS = _numbers.integers(0, CLASSES, (T, N))
NUMBERS = _numbers.standard_normal((T, N, CLASSES))


def network(kind: Any = recurrent.GRU, outputs: int = CLASSES, **settings: Any) -> Any:
    return kind(SIZE, [5], outputs, **{"dtype": "float64", "rng": 1, **settings})


def ragged(array: Any) -> list[Any]:
    """The valid steps of each sequence of a time-major array."""
    return [array[:length, b] for b, length in enumerate(LENGTHS)]


def fit(net: Any, x: Any = X, y: Any = LABELS, **settings: Any) -> Any:
    """A short run, quiet."""
    if "steps" not in settings:
        settings.setdefault("epochs", 2)
    return net.fit(x, y, **{"batch_size": 3, "progress": False, **settings})


def resume(net: Any, x: Any = X, y: Any = LABELS, *arguments: Any, **settings: Any) -> Any:
    return net.resume(x, y, *arguments, progress=False, **settings)


def bits(net: Any) -> tuple[Any, ...]:
    """What a run changes."""
    return net.flat.w.tobytes(), net.step, net.history


def state(net: Any) -> tuple[Any, ...]:
    """All that a refused call must leave as it is."""
    optimizer = net.optimizer
    return (
        net.flat.w.tobytes(),
        net.flat.dw.tobytes(),
        net._random.state,
        None if optimizer is None else repr(optimizer.state_dict()),
        net.trainer,
        None if net.trainer is None else repr(net.trainer.to_dict()),
    )
