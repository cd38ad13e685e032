"""The recurrent state of sequences, and the result of a training step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _c
from ._arrays import as_array, as_numbers, as_sizes, as_type, contiguous
from ._checks import shown
from ._readonly import refuse_assignment
from .sizes import Sizes

if TYPE_CHECKING:
    import numpy.typing as npt


class State:
    """The recurrent state of sequences: for each state of the cell an array (B, rows) per layer, bottom first.

    ``h`` is the first state, the outputs; ``c`` the second, the cells of an LSTM. ``state["name"]`` is the state of a
    name. The arrays are views of one buffer, ``flat``. A call that continues a sequence does not change the state it is
    given.

    Parameters
    ----------
    flat : array
        All elements: the first state of each layer, then the second of each layer, and so on. Kept where it is
        contiguous, else copied.
    widths : mapping of str to sequence of int
        For each state its rows in each layer: ``{"h": (20, 20), "c": (20, 20)}``.

    Raises
    ------
    TypeError, ValueError
        If the elements are not real numbers, or do not make whole sequences.
    """

    __slots__ = ("_flat", "_widths")

    def __init__(self, flat: npt.NDArray[Any], widths: Mapping[str, Sequence[int]]) -> None:
        if not isinstance(widths, Mapping):
            raise TypeError(
                f"widths has the wrong type; expected a dict of state names, got {type(widths).__name__}"
            )
        self._widths = {
            str(name): tuple(as_sizes(rows, f"widths[{name!r}]").tolist()) for name, rows in widths.items()
        }
        every = [width for rows in self._widths.values() for width in rows]
        if not every or min(every) < 1:
            raise ValueError(f"widths is out of range; expected at least 1 each, got {dict(widths)}")
        layers = {len(rows) for rows in self._widths.values()}
        if len(layers) > 1:
            raise ValueError(
                f"widths has the wrong lengths; expected one number of layers, got {sorted(layers)}"
            )
        array = as_array(flat, "flat")
        if array.ndim != 1 or not array.size or array.size % sum(every):
            raise ValueError(f"flat has the wrong shape; expected (B * {sum(every)},), got {array.shape}")
        self._flat = contiguous(array, "flat")

    @classmethod
    def _of(cls, flat: npt.NDArray[Any], widths: dict[str, tuple[int, ...]]) -> State:
        """A State of what the library has written."""
        state = cls.__new__(cls)
        state._flat, state._widths = flat, widths
        return state

    @property
    def flat(self) -> npt.NDArray[Any]:
        """All elements: the first state of each layer, then the second of each, and so on. Assigning copies."""
        return self._flat

    @flat.setter
    def flat(self, values: npt.ArrayLike) -> None:
        array = as_array(values, "flat")
        if array.shape != self._flat.shape:
            raise ValueError(f"flat has the wrong shape; expected {self._flat.shape}, got {array.shape}")
        np.copyto(self._flat, as_type(array, self._flat.dtype, "flat"))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the states; the first is the output."""
        return tuple(self._widths)

    @property
    def h(self) -> list[npt.NDArray[Any]]:
        """The outputs, the first state: (B, H) for each layer."""
        return self[self.names[0]]

    @h.setter
    def h(self, value: Any) -> None:
        refuse_assignment("h", "an assignment to its arrays, h[0][...], which copies", value)

    @property
    def c(self) -> list[npt.NDArray[Any]]:
        """The second state, the cells of an LSTM: (B, H) for each layer; empty for cells without."""
        return self[self.names[1]] if len(self._widths) > 1 else []

    @c.setter
    def c(self, value: Any) -> None:
        refuse_assignment("c", "an assignment to its arrays, c[0][...], which copies", value)

    def __getitem__(self, name: str) -> list[npt.NDArray[Any]]:
        """Returns the arrays of a state by name, (B, rows) for each layer."""
        if not isinstance(name, str) or name not in self._widths:
            raise KeyError(f"state is unknown; expected one of {', '.join(self._widths)}, got {shown(name)}")
        columns = self._flat.size // sum(map(sum, self._widths.values()))
        parts, at = [], 0
        for other, widths in self._widths.items():
            if other == name:
                for width in widths:
                    parts.append(self._flat[at : at + width * columns].reshape(columns, width))
                    at += width * columns
                break
            at += sum(widths) * columns
        return parts

    def _part(self, where: slice) -> State:
        """Returns a copy of the state of some sequences."""
        parts = [layer[where] for name in self.names for layer in self[name]]
        return State._of(np.concatenate([part.ravel() for part in parts]), self._widths)

    @classmethod
    def _concatenated(cls, states: Sequence[State]) -> State:
        """Returns the state of the sequences of all states, one after the other."""
        layers = [[layer for name in state.names for layer in state[name]] for state in states]
        flat = np.concatenate([np.concatenate(parts).ravel() for parts in zip(*layers)])
        return State._of(flat, states[0]._widths)

    def copy(self) -> State:
        """Returns a copy with its own buffer.

        Returns
        -------
        State
            The copy.
        """
        return State._of(self._flat.copy(), self._widths)

    def __repr__(self) -> str:
        shapes = ", ".join(str(h.shape) for h in self.h)
        others = f" and {', '.join(self.names[1:])}" if len(self._widths) > 1 else ""
        return f"<State of {len(self.h)} layers: {self.names[0]} {shapes}{others}>"


def as_state(state: Any, sizes: Sizes, batch_size: int, name: str = "state") -> Any:
    """Returns a pointer to the elements of a state in one buffer; None for None.

    Accepts a State; for each state of the cell a list of arrays (B, rows), one for each layer, or an array
    (layers, B, rows), in a tuple or by name in a dict; for a cell with one state that alone, or a pair (h, None).
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
        and (state._widths is sizes.states or list(state._widths.values()) == list(sizes.states.values()))
    )
    return flat if fits else None


def _joined(state: Any, sizes: Sizes, batch_size: int, name: str) -> npt.NDArray[Any]:
    """Returns a copy of the parts of a state in one buffer."""
    names = list(sizes.states)
    parts = _parts(state, names, name)
    found, expected = list(map(len, parts)), list(map(len, sizes.states.values()))
    if found != expected:
        raise ValueError(
            f"{name} has the wrong length; expected {_counted(names, expected)}, got {_counted(names, found)}"
        )
    arrays = [
        as_numbers(part, f"{name}.{names[s]}[{k}]", (batch_size, sizes.states[names[s]][k]), sizes.dtype)
        for s, layers in enumerate(parts)
        for k, part in enumerate(layers)
    ]
    return np.concatenate([array.reshape(-1) for array in arrays])


def _counted(names: list[str], counts: list[int]) -> str:
    if len(names) != len(counts):
        return f"{len(counts)} states"
    return " and ".join(f"{count} {name}" for name, count in zip(names, counts))


def _parts(state: Any, names: list[str], name: str) -> list[list[Any]]:
    """Returns for each state of the cell one array for each layer."""
    if isinstance(state, State):
        return [state[own] for own in state.names]
    if isinstance(state, Mapping) and set(state) == set(names):
        return [_layers(state[own], f"{name}.{own}") for own in names]
    if len(names) > 1 and isinstance(state, (tuple, list)) and len(state) == len(names):
        return [[] if part is None else _layers(part, f"{name}.{own}") for part, own in zip(state, names)]
    if len(names) == 1:
        if isinstance(state, (tuple, list)) and len(state) == 2 and state[1] is None:
            return [_layers(state[0], f"{name}.{names[0]}")]
        if isinstance(state, list) or getattr(state, "ndim", 0) == 3:
            return [_layers(state, f"{name}.{names[0]}")]
    form = f"({', '.join(names)})" if len(names) > 1 else f"{names[0]}, a pair ({names[0]}, None)"
    kind = "a pair " if len(names) == 2 else "a tuple " if len(names) > 2 else ""
    raise TypeError(
        f"{name} has the wrong type; expected a State, {kind}{form} or None, got {type(state).__name__}"
    )


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
