"""Program: the equations of one step, recorded once, which run over whole sequences and trees."""

from __future__ import annotations

import ctypes
import json
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

from . import _c
from ._checks import DTYPES, as_dtype, as_int, as_list, as_text
from ._pickles import as_class, reduced
from ._readonly import Derived
from .mat import Mat, expect_mat
from .names import DType

_lib = _c.lib
_NEW = "a new Program"
_OWN = frozenset(("_handle", "_inputs", "_states", "_children", "_parameters", "_dtype"))
# the columns of the library's placeholders
_STEP_COLUMNS = 7
_graphs: list[Callable[[_c.Handle, _c.Handle], Any]] = []


def register(factory: Callable[[_c.Handle, _c.Handle], Any]) -> None:
    """Set what wraps the graph that records a step."""
    _graphs[:] = [factory]


class StepMat(Mat):
    """A value of a step that is being recorded: it has rows, but no numbers, and a column is any sequence."""

    @property
    def d(self) -> int:
        """The columns of a parameter; of another value they are the batch, which a step does not know."""
        columns = super().d
        if columns == _STEP_COLUMNS:
            raise RuntimeError(
                "d of a step's value is the batch size; expected a step for any, got a read of it"
            )
        return columns

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of a parameter."""
        return self.n, self.d

    @property  # type: ignore[misc]
    def dw(self) -> Any:
        """A value of a step has no gradient yet."""
        raise RuntimeError(
            "dw of a step's value does not exist yet; expected operations on it, got a read of dw"
        )

    def __repr__(self) -> str:
        return f"<Mat of {self.n} rows of a step>"


class StepParameters:
    """The parameters of a step by name, as attributes and as items, while it is recorded."""

    def __init__(self, mats: Mapping[str, Mat]) -> None:
        self._mats = dict(mats)

    def __getitem__(self, name: str) -> Mat:
        if name not in self._mats:
            expected = ", ".join(map(repr, self._mats)) or "none"
            raise KeyError(f"parameter is unknown; expected one of {expected}, got {name!r}")
        return self._mats[name]

    def __getattr__(self, name: str) -> Mat:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None


class Program:
    """A recurrent step, recorded once: ``Graph.scan`` runs it over sequences at the speed of a built-in layer.

    ``Graph.forest`` runs it over trees: with ``children=2`` it reads the states of two nodes.

    The step is called once, here, with Mats that have no numbers: a column of each is a sequence of the batch. It may
    use element-wise operations, ``W @ v`` with a parameter on the left, ``concat_rows``, slices of rows, and of each
    column the sum and mean (``axis=0``), ``softmax`` and ``layer_norm``; and ``dropout`` and ``zoneout``, which act in
    training. Other Mats that it reads become parameters; a single column is the same for every sequence.

    Parameters
    ----------
    step : callable
        ``step(x, *states)``, or ``step(x, *states, p)`` where there are ``parameters``, ``step(*states)`` for
        ``inputs`` 0; returns the next state, or a tuple of all next states. With several children the states of the
        first come first: ``step(x, hl, cl, hr, cr)``.
    inputs : int
        Rows of x; 0 for a step without.
    states : int or sequence of int
        Rows of each state; the first is the output.
    parameters : mapping, optional
        For each name the shape (n, d) of a parameter that each scan receives, or (n, d, initial value).
    dtype : {"float32", "float64"}
        The type of all Mats.
    children : int
        How many nodes of a tree the step reads the states of; 1 in a sequence. At most 64 states are read.

    Raises
    ------
    ValueError
        If the step uses an operation that it cannot, or returns other states.
    RuntimeError
        If the step reads numbers.

    Examples
    --------
    >>> import recurrent
    >>> W, U = recurrent.Mat.uniform(4, 3, rng=1), recurrent.Mat.uniform(4, 4, rng=2)
    >>> program = recurrent.Program(lambda x, h: (W @ x + U @ h).tanh(), inputs=3, states=4)
    >>> G, x, h = recurrent.Graph(), recurrent.Mat.uniform(3, 10, rng=3), recurrent.Mat(4, 2)
    >>> y, final = G.scan(program, x, [h])
    >>> y.shape, final[0].shape
    ((4, 10), (4, 2))
    """

    inputs = Derived[int](lambda program: program._inputs, _NEW)
    states = Derived["tuple[int, ...]"](lambda program: program._states, _NEW)
    parameters = Derived["dict[str, tuple[int, int]]"](lambda program: dict(program._parameters), _NEW)
    dtype = Derived[Any](lambda program: program._dtype, _NEW)
    children = Derived[int](lambda program: program._children, _NEW)

    def __init__(
        self,
        step: Callable[..., Any],
        inputs: int,
        states: int | Sequence[int],
        parameters: Mapping[str, Sequence[Any]] | None = None,
        dtype: DType = "float32",
        children: int = 1,
    ) -> None:
        if not callable(step):
            raise TypeError(f"step has the wrong type; expected a function, got {type(step).__name__}")
        listed = [states] if isinstance(states, numbers.Integral) else states
        if isinstance(listed, (str, bytes, Mapping)):
            raise TypeError(f"states has the wrong type; expected ints, got {type(listed).__name__}")
        rows = [as_int(n, f"states[{k}]") for k, n in enumerate(as_list(listed, "states", "ints"))]
        if parameters is not None and not isinstance(parameters, Mapping):
            raise TypeError(
                f"parameters has the wrong type; expected a dict of shapes, got {type(parameters).__name__}"
            )
        settings = {
            "inputs": as_int(inputs, "inputs"),
            "states": rows,
            "children": as_int(children, "children"),
            "parameters": [_declaration(name, shape) for name, shape in (parameters or {}).items()],
            "dtype": str(DTYPES[as_dtype(dtype)]),
        }
        recording = _Recording(settings)
        after = recording.run(step, with_parameters=parameters is not None)
        self._attach(recording.finish(after), settings)

    def _attach(self, handle: _c.Handle, settings: Mapping[str, Any]) -> None:
        self._handle = handle
        self._inputs, self._states = settings["inputs"], tuple(settings["states"])
        self._children = settings["children"]
        self._parameters = {p["name"]: (p["n"], p["d"]) for p in settings["parameters"]}
        self._dtype = DTYPES[as_dtype(settings["dtype"])]

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Returns the program of a text that ``json`` has written. Every operation is checked.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        Program
            New.

        Raises
        ------
        TypeError
            If ``text`` is not a str.
        ValueError
            If the text is not a program, with the place in it.
        """
        words = as_text(text, "text")
        handle = _c.new(_lib.recurrent_program_create, _lib.recurrent_program_free, words, len(words))
        program = cls.__new__(cls)
        program._attach(handle, {"children": 1, "parameters": [], "dtype": "float32", **json.loads(text)})
        return program

    @classmethod
    def _from_handle(cls, handle: _c.Handle) -> Program:
        """Returns a program of the library."""
        program = cls.__new__(cls)
        program._attach(handle, json.loads(_c.written(_lib.recurrent_program_describe, handle.value)))
        return program

    def json(self) -> str:
        """Returns the step as JSON, which C and Swift read too.

        Returns
        -------
        str
            Sizes, parameters and operations.

        Raises
        ------
        ValueError
            If the step read Mats other than its own parameters.
        """
        return str(_c.written(_lib.recurrent_program_describe, self._handle.value))

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self, program_of_json, type(self), self.json(), own=_OWN)

    def __repr__(self) -> str:
        states = ", ".join(map(str, self._states))
        children = f"{self._children} children, " if self._children > 1 else ""
        return (
            f"<Program: {self._inputs} inputs, states {states}, {children}{len(self._parameters)} parameters>"
        )


def program_of_json(kind: Any, text: Any) -> Any:
    """Returns the program of a pickle, which holds its JSON."""
    return as_class(kind, Program).from_json(text)


class _Recording:
    """A step between its creation and its end."""

    def __init__(self, settings: dict[str, Any]) -> None:
        words, states, parameters = json.dumps(settings).encode(), settings["states"], settings["parameters"]
        # as many handles as the library writes: each is freed whatever happens afterwards
        self._step, graph = (
            _c.StepHandle(),
            _c.GraphHandle(),
        )
        x = _c.MatHandle()
        # a number that the library refuses needs no handles
        read = max(1, min(settings["children"] * len(states), 64))
        after, state_mats = _c.outputs(_c.MatHandle, read)
        given, parameter_mats = _c.outputs(_c.MatHandle, len(parameters))
        _lib.recurrent_step_create(
            words,
            len(words),
            self._step,
            graph,
            x,
            after,
            read,
            given,
            len(parameters),
        )
        self.graph = _graphs[0](graph, self._step)
        self._x = self.graph._result(x) if settings["inputs"] else None
        self._states = [self.graph._result(handle) for handle in state_mats]
        # a parameter has columns of its own, whatever the batch
        self._parameters = StepParameters(
            {p["name"]: Mat._from_handle(m, self.graph) for p, m in zip(parameters, parameter_mats)}
        )

    def run(self, step: Callable[..., Any], with_parameters: bool) -> list[Mat]:
        """Calls the step and returns its next states."""
        arguments = [] if self._x is None else [self._x]
        arguments += self._states
        if with_parameters:
            arguments.append(self._parameters)
        with self.graph:
            after = step(*arguments)
        if isinstance(after, Mat):
            after = [after]
        if isinstance(after, (str, bytes, Mapping)) or not isinstance(after, Iterable):
            raise TypeError(
                f"step returns the wrong type; expected the next state or a tuple of them, got {type(after).__name__}"
            )
        return list(after)

    def finish(self, after: list[Mat]) -> _c.Handle:
        """Returns the handle of the program."""
        handles = [expect_mat(m, f"next value of state {k}") for k, m in enumerate(after)]
        return _c.new(
            _lib.recurrent_step_finish,
            _lib.recurrent_program_free,
            self._step.value,
            (ctypes.c_uint64 * len(handles))(*handles),
            len(handles),
        )


def _declaration(name: Any, shape: Any) -> dict[str, Any]:
    """Returns a parameter of a step as the library reads it."""
    if not isinstance(name, str):
        raise TypeError(f"name of a parameter has the wrong type; expected a str, got {type(name).__name__}")
    what = f"parameters[{name!r}]"
    if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
        raise ValueError(f"{what} is unusable; expected (n, d) or (n, d, initial value), got {shape!r}")
    n, d, *initial = shape
    return {
        "name": name,
        "n": as_int(n, f"{what}[0]"),
        "d": as_int(d, f"{what}[1]"),
        "initial": float(initial[0]) if initial and initial[0] is not None else None,
    }
