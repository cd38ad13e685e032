"""The recurrent state of sequences, and the result of a training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _c
from ._arrays import as_array, as_numbers, as_sizes, as_type, contiguous
from ._checks import as_flag
from ._readonly import refuse_assignment
from .sizes import Sizes

if TYPE_CHECKING:
    import numpy.typing as npt


class State:
    """The recurrent state of sequences: ``h`` and, for an LSTM, ``c``, an array (B, H) for each layer, bottom first.

    The arrays are views of one buffer, ``flat``. A call that continues a sequence does not change the state it is
    given.

    Parameters
    ----------
    flat : array
        All elements: h of each layer, then c of each layer. Kept where it is contiguous, else copied.
    widths : sequence of int
        The hidden size of each layer.
    has_cell : bool
        Whether there is a ``c``.

    Raises
    ------
    TypeError, ValueError
        If the elements are not real numbers, or do not make whole sequences.
    """

    __slots__ = ("_flat", "_has_cell", "_widths")

    def __init__(self, flat: npt.NDArray[Any], widths: Sequence[int], has_cell: bool) -> None:
        self._widths, self._has_cell = (
            tuple(as_sizes(widths, "widths").tolist()),
            as_flag(has_cell, "has_cell"),
        )
        if min(self._widths) < 1:
            raise ValueError(f"widths is out of range; expected at least 1 each, got {list(self._widths)}")
        array = as_array(flat, "flat")
        one = sum(self._widths) * (2 if self._has_cell else 1)
        if array.ndim != 1 or not array.size or array.size % one:
            raise ValueError(f"flat has the wrong shape; expected (B * {one},), got {array.shape}")
        self._flat = contiguous(array, "flat")

    @classmethod
    def _of(cls, flat: npt.NDArray[Any], widths: tuple[int, ...], has_cell: bool) -> State:
        """A State of what the library has written."""
        state = cls.__new__(cls)
        state._flat, state._widths, state._has_cell = flat, widths, has_cell
        return state

    @property
    def flat(self) -> npt.NDArray[Any]:
        """All elements: h of each layer, then c of each layer. Assigning copies."""
        return self._flat

    @flat.setter
    def flat(self, values: npt.ArrayLike) -> None:
        array = as_array(values, "flat")
        if array.shape != self._flat.shape:
            raise ValueError(f"flat has the wrong shape; expected {self._flat.shape}, got {array.shape}")
        np.copyto(self._flat, as_type(array, self._flat.dtype, "flat"))

    @property
    def h(self) -> list[npt.NDArray[Any]]:
        """The outputs, (B, H) for each layer."""
        return self._parts(0)

    @h.setter
    def h(self, value: Any) -> None:
        refuse_assignment("h", "an assignment to its arrays, h[0][...], which copies", value)

    @property
    def c(self) -> list[npt.NDArray[Any]]:
        """The cells of an LSTM, (B, H) for each layer; empty for other cells."""
        return self._parts(1) if self._has_cell else []

    @c.setter
    def c(self, value: Any) -> None:
        refuse_assignment("c", "an assignment to its arrays, c[0][...], which copies", value)

    def _parts(self, which: int) -> list[npt.NDArray[Any]]:
        total = sum(self._widths)
        columns = self._flat.size // (total * (2 if self._has_cell else 1))
        parts, at = [], which * total * columns
        for width in self._widths:
            parts.append(self._flat[at : at + width * columns].reshape(columns, width))
            at += width * columns
        return parts

    def copy(self) -> State:
        """Returns a copy with its own buffer.

        Returns
        -------
        State
            The copy.
        """
        return State(self._flat.copy(), self._widths, self._has_cell)

    def __repr__(self) -> str:
        shapes = ", ".join(str(h.shape) for h in self.h)
        return f"<State of {len(self.h)} layers: h {shapes}{' and c' if self._has_cell else ''}>"


def as_state(state: Any, sizes: Sizes, batch_size: int, name: str = "state") -> Any:
    """Returns a pointer to the elements of a state in one buffer; None for None.

    Accepts a State, and for an LSTM a pair (h, c), for other cells h or a pair (h, None): lists of arrays (B, H), one
    for each layer, or an array (layers, B, H).
    """
    if state is None:
        return None
    count = sizes.state * batch_size
    flat = _flat(state, sizes, count)
    return _c.as_values(_joined(state, sizes, batch_size, name) if flat is None else flat, count, sizes.dtype)


def _flat(state: Any, sizes: Sizes, count: int) -> npt.NDArray[Any] | None:
    """Returns the buffer of a State of this network; None where its parts have to be converted."""
    if not isinstance(state, State):
        return None
    flat = state._flat
    fits = (
        type(flat) is np.ndarray
        and flat.dtype == sizes.dtype
        and flat.shape == (count,)
        and flat.flags.c_contiguous
        and state._has_cell == sizes.has_cell
        and state._widths == sizes.hidden_sizes
    )
    return flat if fits else None


def _joined(state: Any, sizes: Sizes, batch_size: int, name: str) -> npt.NDArray[Any]:
    """Returns a copy of the parts of a state in one buffer."""
    widths, has_cell = sizes.hidden_sizes, sizes.has_cell
    if isinstance(state, State):
        h, c = state.h, state.c
    elif isinstance(state, (tuple, list)) and len(state) == 2 and (has_cell or state[1] is None):
        h, c = _layers(state[0], f"{name}.h"), [] if state[1] is None else _layers(state[1], f"{name}.c")
    elif not has_cell and (isinstance(state, list) or getattr(state, "ndim", 0) == 3):
        h, c = _layers(state, f"{name}.h"), []
    else:
        expected = "a State, a pair (h, c)" if has_cell else "a State, h, a pair (h, None)"
        raise TypeError(f"{name} has the wrong type; expected {expected} or None, got {type(state).__name__}")
    layers, cells = len(widths), len(widths) if has_cell else 0
    if len(h) != layers or len(c) != cells:
        raise ValueError(
            f"{name} has the wrong length; expected {layers} h and {cells} c, got {len(h)} and {len(c)}"
        )
    parts = [
        as_numbers(part, f"{name}.{part_name}[{k}]", (batch_size, widths[k]), sizes.dtype)
        for part_name, list_ in (("h", h), ("c", c))
        for k, part in enumerate(list_)
    ]
    return np.concatenate([part.reshape(-1) for part in parts])


def _layers(arrays: Any, name: str) -> list[Any]:
    """Returns one array for each layer."""
    if isinstance(arrays, (list, tuple)) or getattr(arrays, "ndim", 0) == 3:
        return list(arrays)
    raise TypeError(
        f"{name} has the wrong type; expected a list of arrays (B, H) or an array (layers, B, H), "
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
