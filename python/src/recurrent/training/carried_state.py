"""CarriedState: the state of sequences that one training step hands to the next, on one process or on several."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from .._checks import DTYPES, as_dtype
from ..state import State
from .ranks import Ranks


class CarriedState:
    """The state of this rank's sequences, where several processes train together.

    Attributes
    ----------
    now : State or None
        That after the last training step; None for sequences that begin, or of no sequences.
    next : State or None
        That after the training step that is computed: it counts once all ranks have made the step.
    """

    def __init__(self) -> None:
        self.now: State | None = None
        self.next: State | None = None

    def accept(self) -> None:
        """Takes the next state after the step of all ranks."""
        self.now = self.next

    def gathered(self, ranks: Ranks) -> State | None:
        """Returns the state of the sequences of all ranks."""
        parts = [part for part in ranks.gather(lambda: self.now) if part is not None]
        return State._concatenated(parts) if parts else None

    def take(self, whole: State | None, ranks: Ranks) -> None:
        """Takes this rank's part of the state of the sequences of all ranks."""
        where = ranks.shard(0 if whole is None else len(whole.h[0]))
        self.now = None if whole is None or where.start == where.stop else whole._part(where)


def state_to_dict(state: State) -> dict[str, Any]:
    """Returns a state for JSON, with its bits."""
    flat = state.flat
    return {
        "widths": {name: [layer.shape[1] for layer in state[name]] for name in state.names},
        "dtype": str(flat.dtype),
        "values": base64.b64encode(flat.astype(flat.dtype.newbyteorder("<")).tobytes()).decode(),
    }


def state_of_dict(data: Any) -> State:
    """Returns the state of a dict that ``state_to_dict`` returned."""
    if not isinstance(data, dict) or set(data) != {"widths", "dtype", "values"}:
        raise ValueError("state is invalid; expected widths, dtype and values, got other keys")
    dtype = DTYPES[as_dtype(data["dtype"])]
    if not isinstance(data["values"], str):
        raise TypeError(
            f"state.values has the wrong type; expected a str, got {type(data['values']).__name__}"
        )
    try:
        raw = np.frombuffer(base64.b64decode(data["values"], validate=True), dtype.newbyteorder("<"))
    except ValueError as error:
        raise ValueError(f"state.values is invalid; expected base64 of {dtype}, got {error}") from None
    if not np.isfinite(raw).all():
        raise ValueError(f"state is not finite; expected finite numbers, got {raw[~np.isfinite(raw)][0]}")
    return State(raw.astype(dtype), data["widths"])
