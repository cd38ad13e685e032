"""The state of an object as a value, to compare before and after a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import recurrent
from recurrent import recurrentjs
from recurrent.training.trainer import Trainer


def snapshot(thing: Any) -> Any:
    """A value that stays equal as long as the object does: weights, gradients, steps, generators, records."""
    if isinstance(thing, np.ndarray):
        return thing.dtype.str, thing.shape, thing.tobytes()
    if isinstance(thing, recurrent.Mat):
        try:
            return snapshot(thing.w), snapshot(thing.dw)
        except RuntimeError as error:
            return str(error)
    if isinstance(thing, recurrent.Random):
        return thing.state
    if isinstance(thing, recurrent.State):
        return snapshot(thing.flat.astype(np.float64))
    if isinstance(thing, recurrent.Graph):
        return len(thing.operations), thing._is_backpropagated
    if isinstance(thing, recurrent.Network):
        parts = (thing.flat, thing.dropout, thing._random, thing.batch_first, thing.optimizer, thing.trainer)
        return snapshot((*parts, len(thing._outputs._written)))
    if isinstance(thing, recurrent.Optimizer):
        return snapshot((thing.settings, {slot: dict(mats) for slot, mats in thing.state.items()}))
    if isinstance(thing, recurrent.TextModel):
        if not thing.is_built:
            return snapshot(thing._random)
        parts = (
            thing.flat,
            thing.dropout,
            thing.optimizer,
            thing.step,
            thing.batch_size,
            thing.metadata,
            thing.trainer,
        )
        return snapshot((*parts, len(thing._outputs._written)))
    if isinstance(thing, recurrent.SentenceModel):
        return snapshot((thing.parameters, thing.optimizer, thing._random, thing.sentences))
    if isinstance(thing, Trainer):
        return repr(thing.to_dict()), thing.target_step, thing.settings.checkpoint
    if isinstance(thing, recurrentjs.Output):
        return snapshot((thing.h, thing.c, thing.o))
    if isinstance(thing, recurrent.History):
        return repr(thing.to_dict())
    if isinstance(thing, recurrent.Parameters):
        return snapshot(thing.flat)
    if isinstance(thing, Mapping):
        return {name: snapshot(value) for name, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [snapshot(value) for value in thing]
    if isinstance(thing, (float, np.generic)):
        return repr(float(thing)) if np.isreal(thing) else repr(thing)
    return repr(thing) if isinstance(thing, (int, str, bytes, bool, np.dtype)) else type(thing).__name__
