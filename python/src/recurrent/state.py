"""The recurrent state of sequences, and the result of a training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._arrays import as_numbers

if TYPE_CHECKING:
    import numpy.typing as npt


class State:
    """The recurrent state of sequences: ``h`` and, for an LSTM, ``c``, an array (B, H) for each layer, bottom first.

    The arrays are views of one buffer, ``flat``. A call that continues a sequence does not change the state it is
    given.

    Parameters
    ----------
    flat : array
        All elements: h of each layer, then c of each layer.
    widths : sequence of int
        The hidden size of each layer.
    has_cell : bool
        Whether there is a ``c``.
    """

    __slots__ = ("_has_cell", "_widths", "flat")

    def __init__(self, flat: npt.NDArray[Any], widths: Sequence[int], has_cell: bool) -> None:
        self.flat = flat
        self._widths, self._has_cell = widths, has_cell

    @property
    def h(self) -> list[npt.NDArray[Any]]:
        """The outputs, (B, H) for each layer."""
        return self._parts(0)

    @property
    def c(self) -> list[npt.NDArray[Any]]:
        """The cells of an LSTM, (B, H) for each layer; empty for other cells."""
        return self._parts(1) if self._has_cell else []

    def _parts(self, which: int) -> list[npt.NDArray[Any]]:
        total = sum(self._widths)
        columns = self.flat.size // (total * (2 if self._has_cell else 1))
        parts, at = [], which * total * columns
        for width in self._widths:
            parts.append(self.flat[at : at + width * columns].reshape(columns, width))
            at += width * columns
        return parts

    def copy(self) -> State:
        """Returns a copy with its own buffer.

        Returns
        -------
        State
            The copy.
        """
        return State(self.flat.copy(), self._widths, self._has_cell)

    def __repr__(self) -> str:
        shapes = ", ".join(str(h.shape) for h in self.h)
        return f"<State of {len(self.h)} layers: h {shapes}{' and c' if self._has_cell else ''}>"


def as_state(
    state: Any, widths: Sequence[int], has_cell: bool, batch_size: int, dtype: Any
) -> npt.NDArray[Any] | None:
    """Returns the elements of a state in one buffer; None for None.

    Accepts a State, and for an LSTM a pair (h, c), for other cells h or a pair (h, None): lists of arrays (B, H), one
    for each layer, or an array (layers, B, H).
    """
    if state is None:
        return None
    if isinstance(state, State):
        if (
            state.flat.dtype == dtype
            and state._has_cell == has_cell
            and list(state._widths) == list(widths)
            and state.flat.size == sum(widths) * (2 if has_cell else 1) * batch_size
        ):
            return state.flat
        h, c = state.h, state.c
    elif isinstance(state, (tuple, list)) and len(state) == 2 and (has_cell or state[1] is None):
        h, c = _layers(state[0], "h"), [] if state[1] is None else _layers(state[1], "c")
    elif not has_cell and (isinstance(state, list) or np.ndim(state) == 3):
        h, c = _layers(state, "h"), []
    else:
        expected = "a State, a pair (h, c)" if has_cell else "a State, h, a pair (h, None)"
        raise TypeError(f"state has the wrong type; expected {expected} or None, got {type(state).__name__}")
    layers, cells = len(widths), len(widths) if has_cell else 0
    if len(h) != layers or len(c) != cells:
        raise ValueError(
            f"state has the wrong length; expected {layers} h and {cells} c, got {len(h)} and {len(c)}"
        )
    parts = [
        as_numbers(part, f"state.{name}[{k}]", (batch_size, widths[k]), dtype)
        for name, list_ in (("h", h), ("c", c))
        for k, part in enumerate(list_)
    ]
    return np.concatenate([part.reshape(-1) for part in parts])


def _layers(arrays: Any, name: str) -> list[Any]:
    """Returns one array for each layer."""
    if isinstance(arrays, (list, tuple)) or np.ndim(arrays) == 3:
        return list(arrays)
    raise TypeError(
        f"state.{name} has the wrong type; expected a list of arrays (B, H) or an array (layers, B, H), "
        f"got {type(arrays).__name__}"
    )


class StepResult(NamedTuple):
    """The result of a training step."""

    loss: float
    """The mean loss over all valid steps, before the update; NaN where the call computes none."""
    gradient_norm: float
    """√Σg² over all gradients, before clipping."""
    ratio_clipped: float
    """The fraction of all gradient elements that were clipped, 0 to 1."""
    state: State | None = None
    """The final state, for the next chunk of the same sequences; None where the model keeps it."""
