"""Cell: a recurrent cell of the user's own, accepted wherever the name of a built-in cell is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

from .._checks import as_choice
from ..names import DTypeName
from ..parameters import CELLS, CellName
from ..program import Program

_NO_STEP = "expected a method step(self, x, *states, p)"


class Cell:
    """A recurrent cell: what a layer computes at a time step, and with which parameters.

    A subclass has the attribute ``states`` and the methods ``parameters`` and ``step``. ``Network`` and ``TextModel``
    take an instance instead of the name of a built-in cell: they record the step once for each layer, and run it in
    forward, training, generation, streaming and beam search at the speed of the built-in cells. Checkpoints hold the
    recorded step; loading one needs no Python source.

    Attributes
    ----------
    states : sequence of str
        The names of the states that a sequence carries from time step to time step; the first is the output.

    Examples
    --------
    >>> import recurrent
    >>> class Leaky(recurrent.Cell):
    ...     states = ("h",)
    ...     def parameters(self, I, H):
    ...         return {"Wx": (H, I), "Wh": (H, H), "b": (H, 1)}
    ...     def step(self, x, h, p):
    ...         return h + 0.1 * ((p.Wx @ x + p.Wh @ h + p.b).tanh() - h)
    >>> net = recurrent.Network(Leaky(), 3, [8, 8], 2, rng=1)
    >>> list(net.parameters)[:3], net.zero_state().names
    (['Wx0', 'Wh0', 'b0'], ('h',))
    """

    states: Sequence[str] = ("h",)
    # the settings of a cell whose step is the library's
    _settings: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name in files and messages: that of the class."""
        return type(self).__name__

    def parameters(self, I: int, H: int) -> Mapping[str, Sequence[Any]]:  # noqa: E741 (the equations' letter)
        """Returns the parameters of a layer.

        Parameters
        ----------
        I : int
            Rows of the layer's input.
        H : int
            The layer's hidden size.

        Returns
        -------
        mapping of str to tuple
            For each name the shape (n, d), or (n, d, initial value). A matrix without an initial value is drawn
            uniform on ±0.08; a single column without one is 0, with None it is drawn.

        Raises
        ------
        NotImplementedError
            Unless a subclass defines it.
        """
        raise NotImplementedError(f"{self.name} has no parameters; expected a method parameters(self, I, H)")

    def rows(self, H: int) -> Sequence[int]:
        """Returns the rows of each state of a layer with the hidden size H: H for each state by default.

        Parameters
        ----------
        H : int
            The layer's hidden size.

        Returns
        -------
        sequence of int
            One number for each state; the first is the width of the layer's output.

        Raises
        ------
        Exception
            What a subclass raises.
        """
        return [H] * len(self.states)

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the states after a time step: ``step(self, x, *states, p)``. See ``Program`` for what it may use.

        Called once for each layer, to record it. ``x`` is the layer's input, ``states`` are those before the step, and
        ``p`` has the parameters by name: ``p.Wx`` or ``p["Wx"]``.

        Parameters
        ----------
        *args : Mat
            x, the states in the order of ``states``, the parameters.
        **kwargs
            Unused.

        Returns
        -------
        Mat, tuple of Mat or dict of str to Mat
            The states after it, in the order of ``states``, or by name.

        Raises
        ------
        NotImplementedError
            Unless a subclass defines it.
        """
        raise NotImplementedError(f"{self.name} has no step; {_NO_STEP}")

    @staticmethod
    def of(
        step: Callable[..., Any],
        parameters: Callable[[int, int], Mapping[str, Sequence[Any]]],
        states: Sequence[str] = ("h",),
        name: str | None = None,
    ) -> Cell:
        """Returns a cell of two functions.

        Parameters
        ----------
        step : callable
            ``step(x, *states, p)``, as the method.
        parameters : callable
            ``parameters(I, H)``, as the method.
        states : sequence of str
            The names of the states; the first is the output.
        name : str, optional
            The name in files and messages; that of ``step`` where absent.

        Returns
        -------
        Cell
            New.

        Raises
        ------
        TypeError
            If ``step`` or ``parameters`` cannot be called.

        Examples
        --------
        >>> import recurrent
        >>> cell = recurrent.Cell.of(
        ...     lambda x, h, p: (p.W @ x + p.u * h + p.b).tanh(),
        ...     lambda I, H: {"W": (H, I), "u": (H, 1, 0.5), "b": (H, 1)}, name="independent")
        >>> recurrent.Network(cell, 3, [8]).cell
        'independent'
        """
        for what, function in (("step", step), ("parameters", parameters)):
            if not callable(function):
                raise TypeError(
                    f"{what} has the wrong type; expected a function, got {type(function).__name__}"
                )
        return _FunctionCell(step, parameters, states, name)

    def __repr__(self) -> str:
        return f"<Cell {self.name}: states {', '.join(_names(self))}>"


class _FunctionCell(Cell):
    """A cell of two functions."""

    def __init__(self, step: Any, parameters: Any, states: Sequence[str], name: str | None) -> None:
        self._step, self._parameters, self.states = step, parameters, states
        self._name = getattr(step, "__name__", "step").strip("<>") if name is None else name

    @property
    def name(self) -> str:
        return self._name

    def __copy__(self) -> Cell:
        return _FunctionCell(self._step, self._parameters, self.states, self._name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Cell:
        return copy.copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # pickle names a function by its module and its name
        for what, function in (("step", self._step), ("parameters", self._parameters)):
            name = getattr(function, "__qualname__", "")
            if "<" in name:
                raise TypeError(
                    f"{what} of {self.name} is not pickled; expected a function that its module has by name, got "
                    f"{name}: a Network of the cell is pickled with the steps that it recorded"
                )
        return _FunctionCell, (self._step, self._parameters, self.states, self._name)

    def parameters(self, I: int, H: int) -> Mapping[str, Sequence[Any]]:  # noqa: E741
        result: Mapping[str, Sequence[Any]] = self._parameters(I, H)
        return result

    def step(self, *args: Any, **kwargs: Any) -> Any:
        return self._step(*args, **kwargs)


CellLike = Union[CellName, Cell]


def as_cell(cell: Any) -> CellLike:
    """Returns the name of a built-in cell, or a Cell; a class stands for its instance without arguments."""
    if isinstance(cell, type) and issubclass(cell, Cell):
        cell = cell()
    if isinstance(cell, Cell):
        _names(cell)
        return cell
    if not isinstance(cell, str):
        raise TypeError(
            f"cell has the wrong type; expected the name of a built-in cell or a Cell, got {type(cell).__name__}"
        )
    return as_choice(cell, "cell", CELLS)


def cell_name(cell: CellLike) -> str:
    """Returns the name of a cell."""
    return cell if isinstance(cell, str) else cell.name


def cell_settings(
    cell: CellLike, inputs: int, hidden_sizes: Sequence[int], dtype: DTypeName, directions: int = 1
) -> Any:
    """Returns a cell as the library's settings hold it: its step is recorded for each layer."""
    if isinstance(cell, str):
        return cell
    if cell._settings is not None:
        return cell._settings
    names, layers = _names(cell), []
    for k, units in enumerate(hidden_sizes):
        layers.append(json.loads(_record(cell, names, k, inputs, units, dtype).json()))
        inputs = directions * layers[k]["states"][0]
    return {"name": cell.name, "states": names, "layers": layers}


def _names(cell: Cell) -> list[str]:
    """Returns the names of a cell's states."""
    names = cell.states
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise TypeError(f"states of {cell.name} has the wrong type; expected a tuple of names, got {names!r}")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"states of {cell.name} has the wrong type; expected names, got {name!r}")
    return list(names)


def _record(cell: Cell, names: list[str], k: int, inputs: int, units: int, dtype: DTypeName) -> Program:
    """Returns the program of a layer."""
    rows, declared = cell.rows(units), cell.parameters(inputs, units)
    if not isinstance(declared, Mapping):
        raise TypeError(
            f"parameters of {cell.name} returns the wrong type; expected a dict of shapes, "
            f"got {type(declared).__name__}"
        )
    if not isinstance(rows, Sequence) or len(rows) != len(names):
        raise ValueError(
            f"rows of {cell.name} has the wrong length; expected {len(names)}, one for each state, got {rows!r}"
        )

    def step(*arguments: Any) -> Any:
        after = cell.step(*arguments)
        if not isinstance(after, Mapping):
            return after
        if set(after) != set(names):
            raise ValueError(
                f"step of {cell.name} returns the wrong states; expected {', '.join(names)}, "
                f"got {', '.join(map(str, after)) or 'none'}"
            )
        return [after[name] for name in names]

    shapes = {name: _with_initial(shape) for name, shape in declared.items()}
    return Program(step, inputs, rows, shapes, dtype)


def _with_initial(shape: Any) -> Any:
    """Returns a shape with the initial value of a single column."""
    if isinstance(shape, (tuple, list)) and len(shape) == 2 and shape[1] == 1:
        return (*shape, 0.0)
    return shape
