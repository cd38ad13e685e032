"""Graph: operations recorded, computed on the first look, and walked back for gradients."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Literal

import numpy as np

from . import _c
from ._checks import as_float, as_int, as_ints
from .elementwise import GraphElementwise
from .introspection.graph_svg import Drawing, draw
from .mat import Mat, expect_mat
from .operation import Operand, Operation
from .random import RNG, as_random
from .tape import enter, leave, register

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
# the argument that is a unary operation's parameter
_PARAMETERS = {_c.signatures.LEAKY_RELU: "negative_slope", _c.signatures.SCALE: "factor"}
_AXES = {None: -1, 0: 0, 1: 1}
_REDUCTIONS = {"mean": 0, "sum": 1}


class Graph(GraphElementwise[Mat]):
    """An expression graph, as RecurrentJS has it.

    Operations check shapes and are recorded; values are computed when somebody looks at a result's ``w``. After
    setting ``dw`` on results, ``backward()`` adds to every operand's ``dw``. ``reset()`` empties the graph and keeps
    its memory: a loop that records, walks back and resets allocates nothing.

    Parameters
    ----------
    needs_backprop : bool
        False keeps no history: each result is computed at once and is a Mat of its own.

    Examples
    --------
    >>> import recurrent
    >>> G = recurrent.Graph()
    >>> W, x = recurrent.Mat.from_array([[1, 2], [3, 4]]), recurrent.Mat.from_array([1, 1])
    >>> y = G.mul(W, x)
    >>> y.w[:, 0].tolist()
    [3.0, 7.0]
    >>> y.dw = [[1], [1]]
    >>> G.backward()
    >>> x.dw[:, 0].tolist()
    [4.0, 6.0]
    """

    def __init__(self, needs_backprop: bool = True) -> None:
        if not isinstance(needs_backprop, (bool, np.bool_)):
            raise TypeError(f"needs_backprop is a {type(needs_backprop).__name__}; expected a bool")
        self.needs_backprop = bool(needs_backprop)
        self._is_backpropagated = False
        # results that somebody still holds, as Mat or as view
        self._live = 0
        self._handle = _c.new(_lib.recurrent_graph_create, _lib.recurrent_graph_free, int(needs_backprop))

    # ---- the graph itself

    def backward(self, loss: Mat | None = None) -> None:
        """Add to every operand's ``dw`` what the results' ``dw`` say.

        Parameters
        ----------
        loss : Mat, optional
            A 1 x 1 result whose gradient is set to 1 first.

        Raises
        ------
        RuntimeError
            If this recording has been walked already, which would count every gradient twice.
        """
        if loss is None:
            _lib.recurrent_graph_backward(self._handle.value)
        else:
            _lib.recurrent_graph_backward_from(self._handle.value, expect_mat(loss, "loss"))
        self._is_backpropagated = True

    def evaluate(self) -> None:
        """Compute everything recorded so far."""
        _lib.recurrent_graph_evaluate(self._handle.value)

    def reset(self) -> None:
        """Forget what was recorded; the memory is kept. Earlier results become stale."""
        _lib.recurrent_graph_reset(self._handle.value)
        self._is_backpropagated = False

    @property
    def operations(self) -> list[Operation]:
        """What was recorded since the last reset, in order; a copy, whose addresses are the Mats' until the next.

        Examples
        --------
        >>> import recurrent
        >>> G = recurrent.Graph()
        >>> y = G.tanh(G.mul(recurrent.Mat(2, 3), recurrent.Mat(3, 1)))
        >>> [(o.name, o.n, o.d, [p.operation for p in o.operands]) for o in G.operations]
        [('mul', 2, 1, [None, None]), ('tanh', 2, 1, [0])]
        """
        return [self._operation(index) for index in range(len(self))]

    def _operation(self, index: int) -> Operation:
        name, length, count = ctypes.create_string_buffer(32), ctypes.c_int64(), ctypes.c_int64()
        result, capacity = _c.Operand(), 8
        while True:
            operands = (_c.Operand * capacity)()
            try:
                _lib.recurrent_graph_operation(
                    self._handle.value, index, name, 32, ctypes.byref(length), ctypes.byref(result), operands,
                    capacity,
                    ctypes.byref(count),
                )  # fmt: skip
                break
            except ValueError:
                # concat_rows and concat_columns take any number
                capacity *= 2
        inputs = [
            Operand(None if p.operation < 0 else p.operation, p.n, p.d, p.w) for p in operands[: count.value]
        ]
        return Operation(name.raw[: length.value].decode(), result.n, result.d, result.w, inputs)

    def svg(self, names: Mapping[str, Mat] | None = None) -> Drawing:
        """A picture of what was recorded: Mats from outside, operations, and arrows along the data.

        Parameters
        ----------
        names : mapping of str to Mat, optional
            What Mats from outside are called; a ``Model`` is one.

        Returns
        -------
        drawing : str
            SVG that needs nothing else; a notebook shows it, ``drawing.save(path)`` writes it.

        Raises
        ------
        ValueError
            If nothing was recorded, or more than 400 operations.
        """
        return draw(self.operations, names)

    def __len__(self) -> int:
        count = ctypes.c_int64()
        _lib.recurrent_graph_count(self._handle.value, ctypes.byref(count))
        return count.value

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> Graph:
        enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self)

    def __repr__(self) -> str:
        if not self.needs_backprop:
            return "<Graph without history>"
        return f"<Graph of {len(self)} operations{', walked back' if self._is_backpropagated else ''}>"

    def _record(self, operation: Callable[..., int], *arguments: Any) -> Mat:
        """Call an operation whose last argument receives the result."""
        out = ctypes.c_uint64()
        operation(self._handle.value, *arguments, ctypes.byref(out))
        return self._result(out.value)

    def _result(self, handle: int) -> Mat:
        if not self.needs_backprop:
            return Mat._from_handle(_c.Handle(handle, _lib.recurrent_mat_free))
        return Mat._from_handle(_ResultHandle(handle, self), self)

    def _unary(self, operation: int, m: Mat, parameter: float = 0.0) -> Mat:
        name = _PARAMETERS.get(operation, "parameter")
        return self._record(
            _lib.recurrent_graph_unary, operation, expect_mat(m, "m"), as_float(parameter, name)
        )

    def _binary(self, operation: int, a: Mat, b: Mat) -> Mat:
        return self._record(_lib.recurrent_graph_binary, operation, expect_mat(a, "a"), expect_mat(b, "b"))

    # ---- products and look-ups

    def mul(self, a: Mat, b: Mat) -> Mat:
        """The matrix product: (n, k) times (k, d) is (n, d).

        Raises
        ------
        ValueError
            Unless a has as many columns as b has rows.
        """
        return self._record(_lib.recurrent_graph_mul, expect_mat(a, "a"), expect_mat(b, "b"))

    def dot(self, a: Mat, b: Mat) -> Mat:
        """Σ a b over all elements, 1 x 1."""
        return self._record(_lib.recurrent_graph_dot, expect_mat(a, "a"), expect_mat(b, "b"))

    def row_pluck(self, m: Mat, ix: int | Iterable[int]) -> Mat:
        """Rows of m stood upright as columns.

        Parameters
        ----------
        m : Mat
            (n, d).
        ix : int or list of ints
            Row numbers, 0 <= ix < n. A row that comes twice collects both gradients.

        Returns
        -------
        Mat
            (d, 1) for one row, (d, B) for B of them.
        """
        rows = as_ints(ix, "ix")
        return self._record(_lib.recurrent_graph_row_pluck, expect_mat(m, "m"), _pointer(rows), len(rows))

    # ---- shapes

    def transpose(self, m: Mat) -> Mat:
        """(n, d) becomes (d, n)."""
        return self._record(_lib.recurrent_graph_transpose, expect_mat(m, "m"))

    def concat_rows(self, mats: Iterable[Mat]) -> Mat:
        """Mats with equal columns, one below the other."""
        return self._record(_lib.recurrent_graph_concat_rows, *_handles(mats))

    def concat_columns(self, mats: Iterable[Mat]) -> Mat:
        """Mats with equal rows, side by side."""
        return self._record(_lib.recurrent_graph_concat_columns, *_handles(mats))

    def slice_rows(self, m: Mat, start: int, count: int) -> Mat:
        """Rows start .. start + count - 1: a view that shares w and dw with m, as slices in NumPy."""
        return self._slice(_lib.recurrent_graph_slice_rows, m, start, count)

    def slice_columns(self, m: Mat, start: int, count: int) -> Mat:
        """Columns start .. start + count - 1: a view, as ``slice_rows``."""
        return self._slice(_lib.recurrent_graph_slice_columns, m, start, count)

    def _slice(self, operation: Callable[..., int], m: Mat, start: int, count: int) -> Mat:
        out = ctypes.c_uint64()
        operation(
            self._handle.value,
            expect_mat(m, "m"),
            as_int(start, "start"),
            as_int(count, "count"),
            ctypes.byref(out),
        )
        return Mat._from_handle(_c.Handle(out.value, _lib.recurrent_mat_free, m._handle), m._graph)

    # ---- sums, probabilities, losses

    def sum(self, m: Mat, axis: int | None = None) -> Mat:
        """The sum over everything (1 x 1), over rows (axis 0: 1 x d) or over columns (axis 1: n x 1)."""
        return self._record(_lib.recurrent_graph_sum, expect_mat(m, "m"), _choice(axis, _AXES, "axis"))

    def mean(self, m: Mat, axis: int | None = None) -> Mat:
        """The mean, with axes as in ``sum``."""
        return self._record(_lib.recurrent_graph_mean, expect_mat(m, "m"), _choice(axis, _AXES, "axis"))

    def softmax(self, m: Mat) -> Mat:
        """exp(x) / Σ exp(x) in each column, safe for scores of any size."""
        return self._record(_lib.recurrent_graph_softmax, expect_mat(m, "m"))

    def log_softmax(self, m: Mat) -> Mat:
        """Ln softmax in each column, without forming it."""
        return self._record(_lib.recurrent_graph_log_softmax, expect_mat(m, "m"))

    def cross_entropy(
        self, scores: Mat, targets: int | Iterable[int], reduction: Literal["mean", "sum"] = "mean"
    ) -> Mat:
        """-ln softmax(scores)[target] over the columns, 1 x 1.

        Parameters
        ----------
        scores : Mat
            (n, d): n classes, d examples. Not yet probabilities.
        targets : int or list of ints
            A class, 0 <= target < n, for each column.
        reduction : {"mean", "sum"}
            Over the columns.

        Notes
        -----
        Finite for all finite scores; the gradient is softmax(scores) - onehot(target), over d for the mean.
        """
        classes = as_ints(targets, "targets")
        return self._record(
            _lib.recurrent_graph_cross_entropy,
            expect_mat(scores, "scores"),
            _pointer(classes),
            len(classes),
            _choice(reduction, _REDUCTIONS, "reduction"),
        )

    def squared_error(self, a: Mat, b: Mat, reduction: Literal["mean", "sum"] = "mean") -> Mat:
        """(a - b)² over all elements, 1 x 1: their mean, or their sum."""
        return self._record(
            _lib.recurrent_graph_squared_error,
            expect_mat(a, "a"),
            expect_mat(b, "b"),
            _choice(reduction, _REDUCTIONS, "reduction"),
        )

    # ---- normalization

    def dropout(self, m: Mat, rate: float, rng: RNG = None) -> Mat:
        """Each number 0 with probability ``rate`` (0 <= rate < 1), else divided by 1 - rate (JMLR 15, 2014)."""
        random = as_random(rng)
        return self._record(
            _lib.recurrent_graph_dropout, expect_mat(m, "m"), as_float(rate, "rate"), random._handle.value
        )

    def layer_norm(self, m: Mat, gain: Mat, bias: Mat, epsilon: float = 1e-5) -> Mat:
        """Each column to mean 0 and variance 1, then times gain plus bias, both (n, 1) (arXiv:1607.06450)."""
        return self._record(
            _lib.recurrent_graph_layer_norm,
            expect_mat(m, "m"),
            expect_mat(gain, "gain"),
            expect_mat(bias, "bias"),
            as_float(epsilon, "epsilon"),
        )

    # ---- one tick of a layer

    def rnn(self, x: Mat, h: Mat, Wx: Mat, Wh: Mat, b: Mat) -> Mat:
        """H' = relu(Wx x + Wh h + b), with x (I, B), h (H, B), Wx (H, I), Wh (H, H), b (H, 1)."""
        mats = ((x, "x"), (h, "h"), (Wx, "Wx"), (Wh, "Wh"), (b, "b"))
        return self._record(_lib.recurrent_graph_rnn, *(expect_mat(m, name) for m, name in mats))

    def lstm(self, x: Mat, h: Mat, c: Mat, Wx: Mat, Wh: Mat, b: Mat) -> tuple[Mat, Mat]:
        """One tick of an LSTM layer.

        ::

            i, f, o = sigmoid of their rows of Wx x + Wh h + b;  g = tanh of its rows
            c' = f c + i g
            h' = o tanh(c')

        Parameters
        ----------
        x, h, c : Mat
            (I, B), (H, B), (H, B).
        Wx, Wh, b : Mat
            (4H, I), (4H, H), (4H, 1): the rows of i, f, o, g one below the other.

        Returns
        -------
        tuple of Mat
            h' and c'.
        """
        mats = ((x, "x"), (h, "h"), (c, "c"), (Wx, "Wx"), (Wh, "Wh"), (b, "b"))
        next_h, next_c = ctypes.c_uint64(), ctypes.c_uint64()
        _lib.recurrent_graph_lstm(
            self._handle.value,
            *(expect_mat(m, name) for m, name in mats),
            ctypes.byref(next_h),
            ctypes.byref(next_c),
        )
        return self._result(next_h.value), self._result(next_c.value)


class _ResultHandle(_c.Handle):
    """A result's handle: keeps its graph, and is counted by it."""

    __slots__ = ()

    def __init__(self, value: int, graph: Graph) -> None:
        super().__init__(value, _lib.recurrent_mat_free, graph)
        graph._live += 1

    def __del__(self) -> None:
        self._owner._live -= 1
        super().__del__()


register(Graph)


def no_grad() -> Graph:
    """A graph without history, for a `with` block: expressions inside are computed at once.

    Examples
    --------
    >>> import recurrent
    >>> with recurrent.no_grad():
    ...     y = recurrent.Mat.from_array([1.0, 2.0]) * 3
    >>> y.w[:, 0].tolist()
    [3.0, 6.0]
    """
    return Graph(needs_backprop=False)


def _pointer(values: npt.NDArray[np.int64]) -> Any:
    return values.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))


def _handles(mats: Iterable[Mat]) -> tuple[Any, int]:
    if isinstance(mats, Mat):
        raise TypeError("mats is a Mat; expected a list of them")
    handles = [expect_mat(m, f"mats[{i}]") for i, m in enumerate(mats)]
    return (ctypes.c_uint64 * len(handles))(*handles), len(handles)


def _choice(value: Any, choices: dict[Any, int], name: str) -> int:
    try:
        return choices[value]
    except (KeyError, TypeError):
        expected = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} is {value!r}; expected one of {expected}") from None
