"""The weights of a network by name."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NoReturn, get_args

from . import _c
from ._readonly import ReadOnly
from .mat import Mat

_lib = _c.lib
# the cells whose gates are known by name, and all cells of the library: the others are steps
CellWithGatesName = Literal["lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu"]
CellName = Literal[
    CellWithGatesName,
    "min_gru",
    "min_lstm",
    "ind_rnn",
    "lstm_peephole",
    "lstm_coupled",
    "sru",
    "mgu",
    "li_gru",
]
CELLS_WITH_GATES: tuple[CellWithGatesName, ...] = get_args(CellWithGatesName)
CELLS: tuple[CellName, ...] = get_args(CellName)


class LiveMats(Mapping[str, Mat]):
    """A read-only mapping of names to live Mats: the base of ``Parameters`` and of an optimizer's state."""

    # the name of the mapping in messages
    _label = "parameters"

    def __setitem__(self, name: str, value: Any) -> NoReturn:
        raise TypeError(
            f"{self._label}[{name!r}] cannot be replaced; expected an assignment to {self._label}[{name!r}].w, "
            f"which copies, got a new {type(value).__name__}"
        )

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(
            f"{self._label}[{name!r}] cannot be deleted; expected all names to stay, got a deletion"
        )


class Parameters(LiveMats):
    """A network's weights by name, in creation order: ``parameters["Wix0"].w[:] = 0``.

    Read-only as a mapping: ``parameters["Wix0"].w = array`` copies values, and a new Mat in place of ``Wix0`` is
    refused. All Mats are live views of one buffer. ``dict(parameters)`` shares the Mats,
    ``copy.deepcopy(parameters)`` copies them.

    Parameters
    ----------
    handle : Handle
        The library's network.
    cell : str
        The name of its cell.

    Attributes
    ----------
    flat : Mat
        The whole buffer as one column, ``flat.w`` and ``flat.dw``.

    Examples
    --------
    >>> import recurrent
    >>> net = recurrent.RNN(3, [2], rng=1)
    >>> list(net.parameters), net.parameters.flat.shape
    (['Wxh0', 'Whh0', 'bhh0'], (12, 1))
    """

    handle = ReadOnly[_c.Handle]("the parameters of another network")
    cell = ReadOnly[str]("the parameters of another network")
    flat = ReadOnly[Mat]("an assignment to flat.w, which copies")

    def __init__(self, handle: _c.Handle, cell: str) -> None:
        self.handle, self.cell = handle, cell
        count = ctypes.c_int64()
        _lib.recurrent_network_parameter_count(handle.value, ctypes.byref(count))
        self._mats = {}
        for index in range(count.value):
            name = _c.written(_lib.recurrent_network_parameter_name, handle.value, index)
            encoded = name.encode()
            self._mats[name] = Mat._from_handle(
                _c.new(
                    _lib.recurrent_network_parameter,
                    _lib.recurrent_mat_free,
                    handle.value,
                    encoded,
                    len(encoded),
                )
            )
        self.flat = Mat._from_handle(
            _c.new(_lib.recurrent_network_flat, _lib.recurrent_mat_free, handle.value)
        )

    def __getitem__(self, name: str) -> Mat:
        return self._mats[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._mats)

    def __len__(self) -> int:
        return len(self._mats)

    def __copy__(self) -> NoReturn:
        raise TypeError("dict(parameters) shares its Mats, copy.deepcopy(parameters) copies them: say which")

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Mat]:
        return {name: mat.copy() for name, mat in self.items()}

    def __reduce__(self) -> NoReturn:
        raise TypeError("parameters are not pickled; save their values, numpy.save(file, parameters.flat.w)")

    def __repr__(self) -> str:
        return f"<{self.cell} with {self.flat.n} parameters: {' '.join(self)}>"
