"""The recurrent state of sequences, and the result of a training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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
