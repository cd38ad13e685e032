"""Graph: a tape for reverse-mode differentiation.

Operations are recorded as data, evaluated lazily on first access, and backpropagated in reverse order.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable
from weakref import ref

import numpy as np

from . import _c
from ._arrays import as_lengths, as_tokens
from ._checks import as_choice, as_flag, as_float, as_int, shown
from ._readonly import refuse_assignment
from .elementwise import GraphElementwise
from .introspection.document import Drawing
from .introspection.graph_svg import draw
from .introspection.subgraph import dependencies
from .mat import Mat, expect_mat
from .names import MaskScopeName, ReductionName
from .operands import as_handles, as_indices
from .operation import Operand, Operation
from .program import Program, StepMat
from .program import register as register_program
from .random import RNG, as_random
from .reductions import GraphReductions
from .selection import GraphSelection
from .shapes import GraphShapes
from .tape import Exit, enter, register

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
# an expression is made of these: they are looked up once
_record_unary, _record_binary = _lib.recurrent_graph_unary, _lib.recurrent_graph_binary
_record_apply = _lib.recurrent_graph_apply
_new_handle = _c.MatHandle
_SCOPES = {"step": 0, "sequence": 1}
_REDUCTIONS = {"mean": 0, "sum": 1}


class Graph(GraphElementwise[Mat], GraphSelection[Mat], GraphReductions[Mat], GraphShapes):
    """An expression graph, with the methods of RecurrentJS's.

    Operations check shapes and are recorded; a value is computed on the first access to a result's ``w``. After
    setting ``dw`` on results, ``backward()`` accumulates every operand's ``dw``. ``reset()`` empties the graph and
    keeps its memory: a loop of recording, backward and reset does not allocate.

    Parameters
    ----------
    needs_backprop : bool
        False keeps no history: each result is computed immediately and owns its memory.

    Raises
    ------
    TypeError
        If ``needs_backprop`` is not a bool.

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
            raise TypeError(
                f"needs_backprop has the wrong type; expected a bool, got {type(needs_backprop).__name__}"
            )
        self._needs_backprop = bool(needs_backprop)
        self._is_backpropagated = False
        self._recording = 0
        # answers None once no result is referenced any more, as a Mat or as a view
        self._results: Callable[[], _Results | None] = _no_results
        self._handle = _c.new(_lib.recurrent_graph_create, _lib.recurrent_graph_free, int(needs_backprop))

    # ---- the graph itself

    # not a `ReadOnly`: it gives the instance a dict of its own, which makes every attribute of an expression slower
    @property
    def needs_backprop(self) -> bool:
        """Whether operations are kept for ``backward``."""
        return self._needs_backprop

    @needs_backprop.setter
    def needs_backprop(self, value: bool) -> None:
        if value != self._needs_backprop:
            refuse_assignment("needs_backprop", "a new Graph", value)

    def backward(self, loss: Mat | None = None) -> None:
        """Accumulates every operand's ``dw`` from the results' ``dw``, in reverse order.

        Gradients are those of the recorded values, whatever is written to ``w`` afterwards. An operation that no
        gradient reaches is skipped: ``dw`` of its result is 0, and no operation that is reached reads its result.

        Parameters
        ----------
        loss : Mat, optional
            A (1, 1) result whose gradient is set to 1 first.

        Raises
        ------
        RuntimeError
            If backward was called on this recording already: gradients would count twice.
        ValueError
            If ``loss`` is not (1, 1) or not a result of this graph.
        """
        # set first: an interrupt between the pass and the assignment must not leave a recording that waits for its pass
        done = ctypes.c_int32(self._is_backpropagated)
        self._is_backpropagated = True
        try:
            if loss is None:
                _lib.recurrent_graph_backward(self._handle.value)
            else:
                _lib.recurrent_graph_backward_from(self._handle.value, expect_mat(loss, "loss"))
        except BaseException:
            with contextlib.suppress(RuntimeError):
                # another thread's graph is as it was
                _lib.recurrent_graph_backward_done(self._handle.value, ctypes.byref(done))
            self._is_backpropagated = bool(done.value)
            raise

    def evaluate(self) -> None:
        """Computes all recorded operations that are not computed yet."""
        _lib.recurrent_graph_evaluate(self._handle.value)

    def reset(self) -> None:
        """Removes all recorded operations and keeps the memory. Earlier results become invalid.

        Arrays that were taken from their ``w`` and ``dw`` stay as they are.
        """
        _lib.recurrent_graph_reset(self._handle.value)
        self._is_backpropagated = False
        self._recording += 1

    @property
    def operations(self) -> list[Operation]:
        """The recorded operations since the last reset, in order.

        A copy; its addresses are valid until the next reset.

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
                # concat_rows and concat_columns have any number of operands
                capacity *= 2
        inputs = [
            Operand(None if p.operation < 0 else p.operation, p.n, p.d, p.w) for p in operands[: count.value]
        ]
        return Operation(name.raw[: length.value].decode(), result.n, result.d, result.w, inputs)

    def _operand(self, index: int, operand: int = -1) -> Mat:
        """Returns a view of an operand of an operation, or of its result."""
        handle = _new_handle()
        _lib.recurrent_graph_operand(self._handle.value, index, operand, handle)
        # without the results: a view that is kept would keep the recording
        return Mat._from_handle(handle)

    def svg(self, names: Mapping[str, Mat] | None = None, *, values: bool = False) -> Drawing:
        """Returns a drawing of the recorded operations: inputs, operations, and arrows along the data.

        Parameters
        ----------
        names : mapping of str to Mat, optional
            Labels of inputs, such as ``Network.parameters``.
        values : bool
            Write the values of each Mat into its box, and gradients that are not 0 below: up to four elements, of
            larger ones the smallest, the mean and the largest. Notebooks display a graph in this way.

        Returns
        -------
        drawing : str
            A self-contained SVG; notebooks display it, ``drawing.save(path)`` writes it.

        Raises
        ------
        ValueError
            If no operation is recorded, or more than 400.
        TypeError
            If ``names`` is not a mapping of str to Mat.
        """
        read = self._operand if as_flag(values, "values") else None
        return draw(list(enumerate(self.operations)), names, read)

    def _repr_svg_(self) -> str | None:
        # a notebook shows the text where there is no drawing
        with contextlib.suppress(ValueError, RuntimeError):
            return self.svg(values=True)
        return None

    def _drawing(self, address: int, names: Mapping[str, Mat] | None) -> Drawing:
        """Returns the drawing of ``Mat.graph``, of the result whose gradient is at an address."""
        return draw(dependencies(self, address), names, self._operand)

    def __len__(self) -> int:
        count = ctypes.c_int64()
        _lib.recurrent_graph_count(self._handle.value, ctypes.byref(count))
        return count.value

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> Graph:
        enter(self)
        return self

    __exit__ = Exit()

    def __repr__(self) -> str:
        if not self.needs_backprop:
            return "<Graph without history>"
        return f"<Graph of {len(self)} operations{', backward done' if self._is_backpropagated else ''}>"

    def _record(self, operation: Callable[..., int], *arguments: Any) -> Mat:
        """Call an operation whose last argument receives the result."""
        handle = _new_handle()
        operation(self._handle, *arguments, handle)
        return self._result(handle)

    def _result(self, handle: _c.Handle) -> Mat:
        """Returns the Mat of a handle that the library has written. It keeps the graph alive."""
        if not self._needs_backprop:
            return Mat._from_handle(handle)
        results = self._results()
        if results is None:
            results = _Results(self)
            self._results = ref(results)
        handle._owner = results
        return Mat._from_handle(handle, self)

    def _record_mats(
        self, operation: Callable[..., int], mats: Sequence[tuple[Mat, str]], *arguments: Any
    ) -> Mat:
        """Call an operation of some Mats, each with the name of its argument."""
        return self._record(operation, *(expect_mat(m, name) for m, name in mats), *arguments)

    # an expression is made of these two: they do without the arguments of `_record`
    def _unary(self, operation: int, m: Mat, parameter: float = 0.0) -> Mat:
        handle = _new_handle()
        _record_unary(self._handle, operation, expect_mat(m, "m"), parameter, handle)
        return self._result(handle)

    def _binary(self, operation: int, a: Mat, b: Mat) -> Mat:
        handle = _new_handle()
        _record_binary(self._handle, operation, expect_mat(a, "a"), expect_mat(b, "b"), handle)
        return self._result(handle)

    # ---- products and look-ups

    def mul(self, a: Mat, b: Mat) -> Mat:
        """Returns the matrix product ``a b``.

        Parameters
        ----------
        a : Mat
            (n, k).
        b : Mat
            (k, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the columns of ``a`` differ from the rows of ``b``.
        """
        return self._record(_lib.recurrent_graph_mul, expect_mat(a, "a"), expect_mat(b, "b"))

    def bmm(self, a: Mat, b: Mat, batches: int, transpose_a: bool = False) -> Mat:
        """Returns the matrix products of the matrices of a batch, those of PyTorch's ``bmm``.

        Column ``j * batches + b`` of a Mat is column j of its matrix b, as in a sequence column ``t * B + b`` is time
        step t of sequence b.

        Parameters
        ----------
        a : Mat
            (n, k * batches); with ``transpose_a`` (k, n * batches).
        b : Mat
            (k, d * batches).
        batches : int
            The number of matrices, at least 1.
        transpose_a : bool
            Whether the matrices of ``a`` are transposed first.

        Returns
        -------
        Mat
            (n, d * batches), new.

        Raises
        ------
        ValueError
            If the columns are no multiple of ``batches``, or the matrices do not fit.
        TypeError
            If an argument has the wrong type.

        Examples
        --------
        Attention of two queries, one for each sequence, over three time steps:

        >>> import recurrent
        >>> keys, values, query = (recurrent.Mat.uniform(4, d, rng=d) for d in (6, 6, 2))
        >>> G = recurrent.Graph()
        >>> weights = G.softmax(G.bmm(keys, query, 2, transpose_a=True))
        >>> weights.shape, G.bmm(values, weights, 2).shape
        ((3, 2), (4, 2))
        """
        return self._record(
            _lib.recurrent_graph_bmm,
            expect_mat(a, "a"),
            expect_mat(b, "b"),
            as_int(batches, "batches"),
            int(as_flag(transpose_a, "transpose_a")),
        )

    def dot(self, a: Mat, b: Mat) -> Mat:
        """Returns ``Σ a b`` over all elements.

        Parameters
        ----------
        a, b : Mat
            (n, d) each.

        Returns
        -------
        Mat
            (1, 1), new.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        return self._record(_lib.recurrent_graph_dot, expect_mat(a, "a"), expect_mat(b, "b"))

    def row_pluck(self, m: Mat, rows: int | Iterable[int]) -> Mat:
        """Gathers rows of ``m`` as columns.

        Parameters
        ----------
        m : Mat
            (n, d).
        rows : int or list of int
            Row indices, 0 to n - 1. A repeated row accumulates both gradients.

        Returns
        -------
        Mat
            (d, 1) for one row, (d, B) for B rows.

        Raises
        ------
        IndexError
            If an index is out of range.
        """
        return self._record(_lib.recurrent_graph_row_pluck, expect_mat(m, "m"), *as_indices(rows, "rows"))

    # ---- probabilities, losses

    def softmax(self, m: Mat) -> Mat:
        """Returns ``exp(x) / Σ exp(x)`` of each column, without overflow for finite scores.

        Parameters
        ----------
        m : Mat
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._record(_lib.recurrent_graph_softmax, expect_mat(m, "m"))

    def log_softmax(self, m: Mat) -> Mat:
        """Returns ``ln softmax(x)`` of each column, computed without forming softmax.

        Parameters
        ----------
        m : Mat
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._record(_lib.recurrent_graph_log_softmax, expect_mat(m, "m"))

    def cross_entropy(
        self, scores: Mat, targets: int | Iterable[int], reduction: ReductionName = "mean"
    ) -> Mat:
        """Returns ``-ln softmax(scores)[target]`` over the columns.

        Parameters
        ----------
        scores : Mat
            (n, d): unnormalized scores of n classes for d examples.
        targets : int or list of int
            The class of each column, 0 to n - 1.
        reduction : {"mean", "sum"}
            How to reduce over the columns.

        Returns
        -------
        Mat
            (1, 1), in nats.

        Raises
        ------
        IndexError
            If a target is out of range.
        ValueError
            If the number of targets differs from d.

        Notes
        -----
        Finite for all finite scores. The gradient is ``softmax(scores) - onehot(target)``, divided by d for the mean.
        """
        return self._record(
            _lib.recurrent_graph_cross_entropy,
            expect_mat(scores, "scores"),
            *as_indices(targets, "targets"),
            _REDUCTIONS[as_choice(reduction, "reduction", _REDUCTIONS)],
        )

    def squared_error(self, a: Mat, b: Mat, reduction: ReductionName = "mean") -> Mat:
        """Returns ``(a - b)²`` reduced over all elements.

        Parameters
        ----------
        a, b : Mat
            (n, d) each.
        reduction : {"mean", "sum"}
            How to reduce.

        Returns
        -------
        Mat
            (1, 1), new.

        Raises
        ------
        ValueError
            If the shapes differ or ``reduction`` is unknown.
        """
        return self._record(
            _lib.recurrent_graph_squared_error,
            expect_mat(a, "a"),
            expect_mat(b, "b"),
            _REDUCTIONS[as_choice(reduction, "reduction", _REDUCTIONS)],
        )

    # ---- normalization

    def dropout(self, m: Mat, rate: float, rng: RNG = None, *, per: MaskScopeName | None = None) -> Mat:
        """Zeroes a random fraction of the elements and divides the others by ``1 - rate``.

        In the step of a ``Cell`` or ``Program`` it acts in training only, and draws from the generator of the run.

        Parameters
        ----------
        m : Mat
            (n, d).
        rate : float
            The probability of zeroing an element, at least 0 and below 1.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; a seed where an int; fresh where absent. None in a step.
        per : {"step", "sequence"}, optional
            In a step, how often a mask is drawn: at each time step, the default, or once for each sequence. A parameter
            is dropped once for a run.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If ``rate`` is out of range; for ``rng`` in a step and ``per`` elsewhere.

        References
        ----------
        Srivastava et al., JMLR 15, 2014; per sequence Gal and Ghahramani, arXiv:1512.05287.
        """
        if per is not None:
            raise ValueError(f"per is unused outside of a step; expected None, got {shown(per)}")
        share, random = _rate(rate), as_random(rng)
        return self._record(_lib.recurrent_graph_dropout, expect_mat(m, "m"), share, random._handle.value)

    def zoneout(self, m: Mat, previous: Mat, rate: float) -> Mat:
        """Keeps a random fraction of the elements of a state, in the step of a ``Cell`` or ``Program``.

        In training each element is that of ``previous`` with probability ``rate``, and that of ``m`` otherwise; in
        evaluation the result is their mean, ``rate * previous + (1 - rate) * m``.

        Parameters
        ----------
        m : Mat
            The new state.
        previous : Mat
            The state before the step, of the same shape.
        rate : float
            The probability of keeping an element, at least 0 and below 1.

        Returns
        -------
        Mat
            New.

        Raises
        ------
        RuntimeError
            Outside of a step.
        ValueError
            If ``rate`` is out of range or the shapes differ.

        References
        ----------
        Krueger et al., arXiv:1606.01305.
        """
        raise RuntimeError(
            "zoneout is an operation of steps; expected the graph of a step that is recorded, got another graph"
        )

    def attend(self, query: Mat, keys: Mat, values: Mat) -> Mat:
        """Attends over the past of states, in the step of a ``Cell`` or ``Program``.

        ``y = sum_s p_s values_s`` with ``p = softmax(query . keys_s)`` over the time steps ``s = 0 ... t``, where
        ``keys_s`` and ``values_s`` are the states before step s of the same sequence: the first are the initial ones.
        Scores are not scaled; scale the query. The past begins with a call, whose work is quadratic in its time steps.

        States do not hold the past. A network whose cell attends is refused where they would have to: in single steps,
        generation, text models, ``resets`` and ``memory``; and so is its program in forests and applications.

        Parameters
        ----------
        query : Mat
            A value of the step, with as many rows as the keys.
        keys, values : Mat
            States of the step, as it was given; they may be the same.

        Returns
        -------
        Mat
            New, of the shape of ``query``.

        Raises
        ------
        RuntimeError
            Outside of a step.
        ValueError
            If the shapes differ, or ``keys`` or ``values`` is no whole state: the latter when the step is complete.

        References
        ----------
        Luong, Pham and Manning, arXiv:1508.04025, equations 7 and 8; over own states, Cheng, Dong and Lapata,
        arXiv:1601.06733.

        Examples
        --------
        >>> import recurrent
        >>> class Remembering(recurrent.Cell):
        ...     def parameters(self, I, H):
        ...         return {"Wx": (H, I), "Wh": (H, H), "Wa": (H, H)}
        ...     def step(self, x, h, p):
        ...         return (p.Wx @ x + p.Wh @ h + p.Wa @ h.attend(h, h)).tanh()
        >>> recurrent.Network(Remembering(), 3, [8], 2, rng=1).cell
        'Remembering'
        """
        raise RuntimeError(
            "attend is an operation of steps; expected the graph of a step that is recorded, got another graph"
        )

    def name(self, m: Mat, name: str) -> Mat:
        """Names a value of a step, in the step of a ``Cell`` or ``Program``.

        A network with the cell has the value among its ``activations``, by the name and the layer's number.

        Parameters
        ----------
        m : Mat
            A value of the step, with a column for each sequence.
        name : str
            1 to 64 letters, digits and underscores, the first and the last not a digit; no other value's.

        Returns
        -------
        Mat
            ``m`` itself.

        Raises
        ------
        RuntimeError
            Outside of a step.
        ValueError
            If the name is unusable or taken, or ``m`` is not of the step.

        Examples
        --------
        >>> import recurrent
        >>> class Leaky(recurrent.Cell):
        ...     def parameters(self, I, H):
        ...         return {"W": (H, I), "U": (H, H)}
        ...
        ...     def step(self, x, h, p):
        ...         n = (p.W @ x + p.U @ h).tanh().name("n")
        ...         return h + (n - h) * 0.1
        >>> net = recurrent.Network(Leaky(), 4, [3], rng=1)
        >>> {name: array.shape for name, array in net.activations([[0], [2]]).items()}
        {'h0': (2, 1, 3), 'n0': (2, 1, 3)}
        """
        raise RuntimeError(
            "name is an operation of steps; expected the graph of a step that is recorded, got another graph"
        )

    def layer_norm(
        self, m: Mat, gain: Mat | None = None, bias: Mat | None = None, epsilon: float = 1e-5
    ) -> Mat:
        """Normalizes each column to mean 0 and variance 1, then multiplies by ``gain`` and adds ``bias``.

        Parameters
        ----------
        m : Mat
            (n, d).
        gain, bias : Mat, optional
            (n, 1) each; ones and zeros where absent.
        epsilon : float
            Added to the variance, above 0.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If a shape differs or ``epsilon`` is out of range.

        References
        ----------
        Ba, Kiros and Hinton, arXiv:1607.06450.
        """
        if gain is not None and bias is None:
            factor = _column(gain, m, "gain")
            return self.eltmul(self.layer_norm(m, epsilon=epsilon), factor)
        if bias is not None and gain is None:
            term = _column(bias, m, "bias")
            return self.add(self.layer_norm(m, epsilon=epsilon), term)
        return self._record(
            _lib.recurrent_graph_layer_norm,
            expect_mat(m, "m"),
            0 if gain is None else expect_mat(gain, "gain"),
            0 if bias is None else expect_mat(bias, "bias"),
            as_float(epsilon, "epsilon", m),
        )

    # ---- one time step of a layer

    def scan(
        self,
        program: Program,
        x: Mat | None,
        states: Iterable[Mat],
        parameters: Iterable[Mat] = (),
        lengths: npt.ArrayLike | None = None,
        steps: int | None = None,
        rng: RNG = None,
    ) -> tuple[Mat, tuple[Mat, ...]]:
        """Runs a recurrent step over whole sequences, as one operation.

        Parameters
        ----------
        program : Program
            The step.
        x : Mat or None
            (inputs, T * B), column ``t * B + b`` of step t and sequence b; None for a step without.
        states : iterable of Mat
            The initial states, (rows, B) each.
        parameters : iterable of Mat
            Of the shapes that the program declares; none for a step that has read its own.
        lengths : array of int, optional
            (B,): the valid steps of each sequence, 0 to T; all T where absent. Beyond them outputs are 0, the other
            states stay, and x may hold anything.
        steps : int, optional
            T; where absent, what the columns of ``x`` give.
        rng : int, numpy.random.Generator, Random, optional
            Draws the masks of dropout and zoneout in the step; evaluation, without masks, where absent.

        Returns
        -------
        Mat
            The outputs, (rows of the first state, T * B).
        tuple of Mat
            The final states.

        Raises
        ------
        ValueError, IndexError
            If a shape or a length does not fit.
        TypeError
            If an argument is no Mat, or has another type of elements.

        Examples
        --------
        >>> import recurrent
        >>> W = recurrent.Mat.uniform(3, 3, rng=1)
        >>> program = recurrent.Program(lambda h: (W @ h).tanh(), inputs=0, states=3)
        >>> y, (h,) = recurrent.Graph().scan(program, None, [recurrent.Mat.uniform(3, 2, rng=2)], steps=5)
        >>> y.shape, h.shape
        ((3, 10), (3, 2))
        """
        if not isinstance(program, Program):
            raise TypeError(f"program has the wrong type; expected a Program, got {type(program).__name__}")
        initial, state_count = as_handles(states, "states")
        given, parameter_count = as_handles(parameters, "parameters")
        batch = initial._mats[0].d if state_count else 1
        if steps is None:
            if x is None:
                raise ValueError("steps is missing; expected the number of time steps for a step without x")
            expect_mat(x, "x")
            steps = x.d // batch
        counts, random = as_lengths(lengths, batch), None if rng is None else as_random(rng)
        y = _new_handle()
        outs, finals = _c.outputs(_new_handle, max(1, len(program.states)))
        _lib.recurrent_graph_scan(
            self._handle.value,
            program._handle.value,
            0 if x is None else expect_mat(x, "x"),
            initial,
            state_count,
            given,
            parameter_count,
            as_int(steps, "steps"),
            None if counts is None else _c.as_ints(counts, len(counts)),
            0 if counts is None else len(counts),
            0 if random is None else random._handle.value,
            y,
            outs,
        )
        return self._result(y), tuple(self._result(final) for final in finals)

    def forest(
        self,
        program: Program,
        x: Mat | None,
        children: npt.ArrayLike,
        leaves: Iterable[Mat] = (),
        parameters: Iterable[Mat] = (),
    ) -> tuple[Mat, ...]:
        """Runs a step over the nodes of trees, or of directed graphs without circles, as one operation.

        The step of a node reads the states of its children and its x. The nodes of one height are computed together,
        and a node's states have the same bits in any forest.

        Parameters
        ----------
        program : Program
            The step; its ``children`` is the number of children of each node.
        x : Mat or None
            (inputs, nodes); None for a step without.
        children : array of int
            (nodes, children): i is leaf i, or node i - leaves; -1 stands for none: its states are zeros. Children
            precede their parents. A node can be the child of several.
        leaves : iterable of Mat
            The states of leaves, (rows, leaves) each; none where every leaf is a node without children.
        parameters : iterable of Mat
            Of the shapes that the program declares; none for a step that has read its own.

        Returns
        -------
        tuple of Mat
            Each state of all leaves and nodes, (rows, leaves + nodes). After ``backward()`` the gradient of a column
            includes what its parents add.

        Raises
        ------
        ValueError
            If a shape does not fit.
        IndexError
            If a child is out of range or does not precede its parent, with the number of the node.
        TypeError
            If an argument is no Mat, or has another type of elements.

        Examples
        --------
        The tree ((0 1) 2) of three leaves, whose states are given:

        >>> import recurrent
        >>> U, V = recurrent.Mat.uniform(4, 4, rng=1), recurrent.Mat.uniform(4, 4, rng=2)
        >>> program = recurrent.Program(lambda a, b: (U @ a + V @ b).tanh(), inputs=0, states=4, children=2)
        >>> leaves = recurrent.Mat.uniform(4, 3, rng=3)
        >>> (h,) = recurrent.Graph().forest(program, None, [[0, 1], [3, 2]], [leaves])
        >>> h.shape
        (4, 5)
        """
        if not isinstance(program, Program):
            raise TypeError(f"program has the wrong type; expected a Program, got {type(program).__name__}")
        listed = as_tokens(children, "children")
        arity = program.children
        if listed.ndim != 2 or listed.shape[1] != arity:
            raise ValueError(f"children has the wrong shape; expected (nodes, {arity}), got {listed.shape}")
        if x is None and program.inputs:
            raise ValueError(f"x is absent; expected {program.inputs} rows for each node, got None")
        initial, leaf_count = as_handles(leaves, "leaves")
        given, parameter_count = as_handles(parameters, "parameters")
        outs, states = _c.outputs(_new_handle, max(1, len(program.states)))
        _lib.recurrent_graph_forest(
            self._handle.value,
            program._handle.value,
            0 if x is None else expect_mat(x, "x"),
            _c.as_ints(listed.reshape(-1), listed.size),
            listed.size,
            initial,
            leaf_count,
            given,
            parameter_count,
            outs,
        )
        return tuple(self._result(state) for state in states)

    def apply(
        self,
        program: Program,
        x: Mat | None = None,
        states: Iterable[Mat | None] = (),
        parameters: Iterable[Mat] = (),
    ) -> tuple[Mat, ...]:
        """Records one application of a program: its step on one node, or on each of B columns.

        The result is computed on first access, together with all applications of the program with these parameters that
        wait for the same number of others: batched by height, as ``forest`` does, whatever the program that builds the
        graph looks like. A live view ``w`` of a parameter, which can be written to at any time, makes each application
        alone. Dropout and zoneout of the step are what they are in evaluation.

        Parameters
        ----------
        program : Program
            The step.
        x : Mat or None
            (inputs, B); None for a step without.
        states : iterable of Mat or None
            Those of the children, (rows, B) each, those of the first child first; None stands for zeros. Empty for a
            node without children.
        parameters : iterable of Mat
            Of the shapes that the program declares; none for a step that has read its own.

        Returns
        -------
        tuple of Mat
            Each state, (rows, B).

        Raises
        ------
        ValueError
            If a shape does not fit.
        TypeError
            If an argument is no Mat, or has another type of elements.

        Examples
        --------
        >>> import recurrent
        >>> U, V = recurrent.Mat.uniform(4, 4, rng=1), recurrent.Mat.uniform(4, 4, rng=2)
        >>> program = recurrent.Program(lambda a, b: (U @ a + V @ b).tanh(), inputs=0, states=4, children=2)
        >>> G, leaf = recurrent.Graph(), recurrent.Mat.uniform(4, 1, rng=3)
        >>> (h,) = G.apply(program, None, [leaf, None])
        >>> (root,) = G.apply(program, None, [h, leaf])
        >>> root.shape
        (4, 1)
        """
        if not isinstance(program, Program):
            raise TypeError(f"program has the wrong type; expected a Program, got {type(program).__name__}")
        if x is None and program._inputs:
            raise ValueError(f"x is absent; expected {program._inputs} rows, got None")
        before, count = as_handles(states, "states", optional=True)
        given, parameter_count = as_handles(parameters, "parameters")
        outs, after = _c.outputs(_new_handle, len(program._states))
        _record_apply(
            self._handle,
            program._handle,
            0 if x is None else expect_mat(x, "x"),
            before,
            count,
            given,
            parameter_count,
            outs,
        )
        return tuple([self._result(state) for state in after])

    def rnn(self, x: Mat, h: Mat, Wx: Mat, Wh: Mat, b: Mat) -> Mat:
        """Returns one time step of a ReLU layer: ``h' = relu(Wx x + Wh h + b)``.

        Parameters
        ----------
        x, h : Mat
            (I, B) and (H, B).
        Wx, Wh, b : Mat
            (H, I), (H, H) and (H, 1).

        Returns
        -------
        Mat
            h', (H, B).

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        mats = ((x, "x"), (h, "h"), (Wx, "Wx"), (Wh, "Wh"), (b, "b"))
        return self._record(_lib.recurrent_graph_rnn, *(expect_mat(m, name) for m, name in mats))

    def lstm(self, x: Mat, h: Mat, c: Mat, Wx: Mat, Wh: Mat, b: Mat) -> tuple[Mat, Mat]:
        """Returns one time step of an LSTM layer.

        ::

            i, f, o = sigmoid of their rows of Wx x + Wh h + b;  g = tanh of its rows
            c' = f c + i g
            h' = o tanh(c')

        Parameters
        ----------
        x, h, c : Mat
            (I, B), (H, B), (H, B).
        Wx, Wh, b : Mat
            (4H, I), (4H, H), (4H, 1): the rows of i, f, o, g in this order.

        Returns
        -------
        tuple of Mat
            h' and c', (H, B) each.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        mats = ((x, "x"), (h, "h"), (c, "c"), (Wx, "Wx"), (Wh, "Wh"), (b, "b"))
        next_h, next_c = _new_handle(), _new_handle()
        _lib.recurrent_graph_lstm(self._handle, *(expect_mat(m, name) for m, name in mats), next_h, next_c)
        return self._result(next_h), self._result(next_c)


class _Results:
    """What the handles of a graph's results own together: it lives as long as one of them, and the graph with it."""

    __slots__ = ("__weakref__", "_graph")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph


def _no_results() -> None:
    """Stands for a weak reference to the results of a graph that has none."""


register(Graph)


class _StepGraph(Graph):
    """The graph that records a step."""

    def __init__(self, handle: _c.Handle, step: _c.Handle) -> None:
        self._needs_backprop, self._is_backpropagated, self._recording = True, False, 0
        self._results = _no_results
        self._handle, self._step = handle, step

    def dropout(self, m: Mat, rate: float, rng: RNG = None, *, per: MaskScopeName | None = None) -> Mat:
        if rng is not None:
            raise ValueError("rng is unused in a step; expected None, since a run has a generator")
        scope = 0 if per is None else _SCOPES[as_choice(per, "per", _SCOPES)]
        out, share = _new_handle(), _rate(rate)
        _lib.recurrent_step_dropout(self._step.value, expect_mat(m, "m"), share, scope, out)
        return self._result(out)

    def zoneout(self, m: Mat, previous: Mat, rate: float) -> Mat:
        out, share = _new_handle(), _rate(rate)
        new, old = expect_mat(m, "m"), expect_mat(previous, "previous")
        _lib.recurrent_step_zoneout(self._step.value, new, old, share, out)
        return self._result(out)

    def attend(self, query: Mat, keys: Mat, values: Mat) -> Mat:
        out = _new_handle()
        mats = expect_mat(query, "query"), expect_mat(keys, "keys"), expect_mat(values, "values")
        _lib.recurrent_step_attend(self._step.value, *mats, out)
        return self._result(out)

    def name(self, m: Mat, name: str) -> Mat:
        if not isinstance(name, str):
            raise TypeError(f"name has the wrong type; expected a str, got {type(name).__name__}")
        text = name.encode("utf-8", "surrogatepass")
        _lib.recurrent_step_name(self._step.value, expect_mat(m, "m"), text, len(text))
        return m

    def _result(self, handle: _c.Handle) -> Mat:
        return StepMat._from_handle(handle, self)


register_program(_StepGraph)


def no_grad() -> Graph:
    """Returns a graph without history, for a ``with`` block: expressions inside are computed immediately.

    Returns
    -------
    Graph
        ``Graph(needs_backprop=False)``.

    Examples
    --------
    >>> import recurrent
    >>> with recurrent.no_grad():
    ...     y = recurrent.Mat.from_array([1.0, 2.0]) * 3
    >>> y.w[:, 0].tolist()
    [3.0, 6.0]
    """
    return Graph(needs_backprop=False)


def _column(mat: Any, m: Any, name: str) -> Mat:
    """Returns a Mat that is a column of m."""
    expect_mat(mat, name)
    expect_mat(m, "m")
    if (mat.n, mat.d) != (m.n, 1):
        raise ValueError(f"{name} has the wrong shape; expected ({m.n}, 1), got ({mat.n}, {mat.d})")
    return mat  # type: ignore[no-any-return]


def _rate(rate: Any) -> float:
    """Returns the rate of a dropout."""
    share = as_float(rate, "rate")
    if not 0 <= share < 1:
        raise ValueError(f"rate is out of range; expected at least 0 and below 1, got {share}")
    return share
