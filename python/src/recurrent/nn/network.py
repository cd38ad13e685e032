"""Network: stacked recurrent layers over whole sequences of arrays."""

from __future__ import annotations

import ctypes
import json
import math
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from .. import _c
from .._arrays import (
    allocated,
    as_array,
    as_flags,
    as_ints,
    as_lengths,
    as_numbers,
    as_sizes,
    as_tokens,
    time_major,
)
from .._checks import (
    DTYPES,
    MAX_COUNT,
    as_count,
    as_dtype,
    as_flag,
    as_int,
    as_limit,
    as_list,
    as_single,
    shown,
)
from .._readonly import Derived, refuse_assignment
from ..mat import Mat
from ..names import DType, InitializationName
from ..optim.optimizer import Optimizer
from ..parameters import CELLS_WITH_GATES, Parameters
from ..program import Program
from ..random import RNG, Random, as_random, as_random_or_shared, restoring, spawned
from ..sampling import sampler_settings
from ..sizes import Sizes, sizes_of
from ..state import State, StepResult, as_state
from .cell import CellLike, as_cell, cell_settings
from .exchange import Exchange
from .generation import MAX_SAMPLES, Generator, tokens_of
from .initialization import FORGET_BIAS, Init, Initialization, as_initial_values
from .summary import Summary, summarize

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_NEW = "a new network"
_ONE_LAYER = "dropout has no effect: it applies between layers, and the network has one layer"
_NO_LAYER_BELOW = "residual has no effect: it connects layers, and the network has one layer"


class Network(Exchange, cells=(None,)):
    """Stacked recurrent layers over whole sequences: of a ``Cell``, or RNN, LSTM and GRU.

    Sequences are time-major, T steps of B sequences, unless ``batch_first`` is on. Weights and ``dropout`` are
    assignable; cell and sizes are not. ``save`` writes all of it to a file; ``copy.deepcopy`` and ``pickle`` copy it
    through the same bytes.

    Parameters
    ----------
    cell : str or Cell
        What a layer computes: the name of a built-in cell, or a cell of the user's own.
    input_size : int
        Elements of an input vector; the number of different tokens where the input is tokens.
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    output_size : int, optional
        The size of a linear decoder ``Whd h + bd`` on top; none where absent.
    embedding : int, optional
        The width of a table ``Wil`` (input_size, embedding) for tokens; none where absent.
    dtype : {"float32", "float64"}
        The type of all elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights as ``init`` says, matrix by matrix in creation order, except those with an initial value.
    tied : bool
        Use the embedding's table as the decoder's matrix, ``Wil h + bd`` (arXiv:1608.05859); it is as wide as the top
        layer. ``embedding`` and ``output_size`` may be omitted.
    dropout : float
        The fraction of the outputs between layers that training zeroes, at least 0 and below 1.
    learned_initial_state : bool
        Train the states of sequences that begin: ``hs0`` (H, 1) is that of state h of layer 0, 0 at first.
    residual : bool
        Each layer above the lowest adds its input to its output (arXiv:1609.08144); all layers have one width.
    variational : bool
        Dropout masks the input of every layer, the lowest one's too, with one mask for all steps of a sequence
        (arXiv:1512.05287); of tokens without an embedding it drops tokens.
    bidirectional : bool
        Run each layer in both directions; the layer above reads both outputs, (T, B, 2 H), the forward ones first.
        Parameters and states of the reverse direction have the suffix r, ``Wix0r``. Generation is refused.
    batch_first : bool
        Whether the first axis of sequences is that of the batch, in every call: (B, T, n) instead of (T, B, n).
    forget_bias : float
        The initial biases ``bf`` of the forget gates of an LSTM and its variants, minus those ``bi`` of coupled ones; 1
        in every kind of network. Other cells ignore it.
    init : {"uniform", "glorot", "orthogonal", "identity"}, float or callable
        What the matrices are drawn from: uniform on ±0.08, or on ± a number; uniform on ±√(6/(n + d)) (Glorot and
        Bengio, AISTATS 2010); or orthonormal (arXiv:1312.6120) or identity recurrent matrices W…h with Glorot's
        others. Each gate's is drawn by itself; with the last three names an embedding's table, tied or not, is uniform
        on ±0.08. Biases are 0, except forget biases. A function ``f(name, shape)`` returns the finite numbers of each
        parameter, biases too. A file holds the weights and not ``init``.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range, or the step of the cell cannot be recorded.

    Examples
    --------
    >>> import numpy as np, recurrent
    >>> cell = recurrent.Cell.of(lambda x, h, p: (p.W @ x + p.U @ h).tanh(), lambda I, H: {"W": (H, I), "U": (H, H)})
    >>> net = recurrent.Network(cell, 4, [8], 2, rng=1)
    >>> net.forward(np.zeros((5, 3, 4)))[0].shape
    (5, 3, 2)
    >>> net = recurrent.Network("gru", 4, [8], 2, init=lambda name, shape: np.full(shape, 0.5))
    >>> float(net.flat.w.min()), float(net.flat.w.max())
    (0.5, 0.5)
    """

    def __init__(
        self,
        cell: CellLike,
        input_size: int,
        hidden_sizes: Sequence[int],
        output_size: int | None = None,
        embedding: int | None = None,
        dtype: DType = "float32",
        rng: RNG = None,
        tied: bool = False,
        dropout: float = 0.0,
        *,
        learned_initial_state: bool = False,
        residual: bool = False,
        variational: bool = False,
        bidirectional: bool = False,
        batch_first: bool = False,
        forget_bias: float = FORGET_BIAS,
        init: Init = "uniform",
    ) -> None:
        self._build(
            as_cell(cell),
            input_size,
            hidden_sizes,
            output_size,
            embedding,
            dtype,
            rng,
            tied,
            dropout,
            forget_bias,
            init=init,
            learned_initial_state=learned_initial_state,
            residual=residual,
            variational=variational,
            bidirectional=bidirectional,
            batch_first=batch_first,
        )

    cell = Derived[str](lambda network: network._sizes.cell, _NEW)
    input_size = Derived[int](lambda network: network._sizes.input_size, _NEW)
    embedding = Derived["int | None"](lambda network: network._sizes.embedding, _NEW)
    hidden_sizes = Derived["tuple[int, ...]"](lambda network: network._sizes.hidden_sizes, _NEW)
    output_size = Derived["int | None"](lambda network: network._sizes.output_size, _NEW)
    tied = Derived[bool](lambda network: network._sizes.tied, _NEW)
    forget_bias = Derived[float](lambda network: network._sizes.forget_bias, _NEW)
    learned_initial_state = Derived[bool](
        lambda network: network._sizes.options["learned_initial_state"], _NEW
    )
    residual = Derived[bool](lambda network: network._sizes.options["residual"], _NEW)
    variational = Derived[bool](lambda network: network._sizes.options["variational"], _NEW)
    bidirectional = Derived[bool](lambda network: network._sizes.options["bidirectional"], _NEW)

    def _build(
        self,
        cell: CellLike,
        input_size: Any,
        hidden_sizes: Any,
        output_size: Any,
        embedding: Any,
        type_: Any,
        rng: RNG,
        tied: bool,
        dropout: Any,
        forget_bias: float = FORGET_BIAS,
        batch_first: bool = False,
        init: Init = "uniform",
        **options: bool,
    ) -> None:
        is_batch_first = as_flag(batch_first, "batch_first")
        widths, initialization = as_sizes(hidden_sizes, "hidden_sizes").tolist(), Initialization.of(init)
        settings: dict[str, Any] = {
            "cell": None,
            "input_size": as_int(input_size, "input_size"),
            "hidden_sizes": widths,
            "output_size": None if output_size is None else as_int(output_size, "output_size"),
            "embedding": None if embedding is None else as_int(embedding, "embedding"),
            "tied": as_flag(tied, "tied"),
            "dropout": as_single(dropout, "dropout"),
            "forget_bias": as_single(forget_bias, "forget_bias"),
            "init": initialization.setting,
            **{name: as_flag(value, name) for name, value in options.items()},
            "dtype": str(DTYPES[as_dtype(type_)]),
        }
        if tied:
            settings["embedding"] = widths[-1] if embedding is None else settings["embedding"]
            settings["output_size"] = (
                settings["input_size"] if output_size is None else settings["output_size"]
            )
        settings["cell"] = cell_settings(
            cell,
            settings["embedding"] or settings["input_size"],
            widths,
            settings["dtype"],
            2 if settings["bidirectional"] else 1,
        )
        self._random = as_random(rng)
        drawn = self._random.state if initialization.function else None
        words = json.dumps(settings).encode()
        self._attach(
            _c.new(
                _lib.recurrent_network_create,
                _lib.recurrent_network_free,
                words,
                len(words),
                self._random._handle.value,
            )
        )
        try:
            initialization.fill(self._parameters)
        except BaseException:
            if drawn:
                self._random.state = drawn
            raise
        self._batch_first = is_batch_first
        if self._dropout and len(self.hidden_sizes) == 1 and not self.variational:
            warnings.warn(_ONE_LAYER, stacklevel=3)
        if self.residual and len(self.hidden_sizes) == 1:
            warnings.warn(_NO_LAYER_BELOW, stacklevel=3)

    def _attach(self, handle: _c.Handle) -> None:
        """Takes a network of the library."""
        super()._attach(handle)
        self._dropout = float(
            json.loads(_c.written(_lib.recurrent_network_describe, handle.value))["dropout"]
        )
        self._parameters = Parameters(handle, self.cell)
        # held from before a pass until it is known here, as the buffers of backward are sized by it
        self._lock = threading.Lock()
        self._pass: _Pass | None = None

    # ---- parts and settings

    @property
    def parameters(self) -> Parameters:
        """The weights by name, live: ``net.parameters["Wix0"].w`` and ``.dw``."""
        return self._parameters

    @parameters.setter
    def parameters(self, value: Any) -> None:
        refuse_assignment("parameters", "assignments to the .w of its Mats, which copy", value)

    @property
    def flat(self) -> Mat:
        """All weights as one column: ``net.flat.w`` and ``net.flat.dw``."""
        return self._parameters.flat

    @flat.setter
    def flat(self, value: Any) -> None:
        refuse_assignment("flat", "an assignment to flat.w, which copies", value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all elements."""
        return self._sizes.dtype

    @property
    def dropout(self) -> float:
        """The fraction of the outputs between layers that training zeroes; assignable.

        It acts in ``train_step`` and in ``forward`` with ``training=True``; all other calls are without dropout. The
        generator of the weights draws the masks, those of a ``variational`` network (B, rows) for each layer's input.
        """
        return self._dropout

    @dropout.setter
    def dropout(self, rate: float) -> None:
        share = as_single(rate, "dropout")
        if not 0 <= share < 1:
            raise ValueError(f"dropout is out of range; expected at least 0 and below 1, got {rate}")
        if share and len(self.hidden_sizes) == 1 and not self.variational:
            warnings.warn(_ONE_LAYER, stacklevel=3)
        _lib.recurrent_network_set_dropout(self._handle.value, share, self._random._handle.value)
        self._dropout = share

    def zero_state(self, batch_size: int = 1) -> State:
        """Returns a state of zeros, with which sequences begin unless their initial state is learned.

        Parameters
        ----------
        batch_size : int
            The number of sequences, at least 1.

        Returns
        -------
        State
            (B, H) for each layer.

        Raises
        ------
        ValueError
            If ``batch_size`` is below 1.
        """
        return self._new_state(self._sizes, batch_size)[0]

    def initial_state(self, batch_size: int = 1) -> State:
        """Returns the state of sequences that begin: zeros, or the learned initial states.

        A call without a state begins with it as well, and trains it where it is learned.

        Parameters
        ----------
        batch_size : int
            The number of sequences, at least 1.

        Returns
        -------
        State
            (B, H) for each layer.

        Raises
        ------
        ValueError
            If ``batch_size`` is below 1.

        Examples
        --------
        >>> import recurrent
        >>> net = recurrent.GRU(3, [2], learned_initial_state=True, rng=1)
        >>> net.parameters["hs0"].w = [[0.5], [-1]]
        >>> net.initial_state(2).h[0].tolist()
        [[0.5, -1.0], [0.5, -1.0]]
        """
        handle = self._handle.value
        sizes = sizes_of(handle)
        state, columns = self._new_state(sizes, batch_size)
        pointer = _c.as_values(state.flat, sizes.state * columns, sizes.dtype)
        _lib.recurrent_network_initial_state(handle, columns, pointer)
        return state

    @staticmethod
    def _new_state(sizes: Sizes, batch_size: Any) -> tuple[State, int]:
        """Returns a state of zeros and its number of sequences."""
        columns = as_count(batch_size, "batch_size", 1, MAX_COUNT // sizes.state)
        flat = allocated("batch_size", (columns,), np.zeros, sizes.state * columns, sizes.dtype)
        return _state(flat, sizes), columns

    def initialize(
        self,
        *,
        input: InitializationName | float | None = None,
        recurrent: InitializationName | float | None = None,
        chrono: float | None = None,
        rng: RNG = None,
    ) -> None:
        """Sets matrices and biases of the layers to new initial values; what is absent keeps its own.

        Parameters
        ----------
        input, recurrent : {"orthogonal", "glorot", "identity", "uniform"} or float, optional
            The values of the matrices of each gate: of the layers' inputs, ``Wix0`` or ``Wxh0``, and the recurrent
            ones, ``Wih0`` or ``Whh0``. Orthonormal (arXiv:1312.6120); uniform on ±√(6/(n + d)); the identity, of ReLU
            layers (arXiv:1504.00941); uniform on ±0.08, or on ± a number. Those of a ``Cell`` are found by their
            names, W…x and W…h.
        chrono : float, optional
            The longest memory in steps, above 2: the biases of the gates of an LSTM, a GRU and the minimal ones are
            ±log u, u uniform on [1, chrono - 1) for each unit (arXiv:1804.11188).
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; a seed where an int; fresh where absent.

        Raises
        ------
        ValueError, TypeError
            If a name is unknown, the cell has no such matrices or gates, or ``chrono`` is out of range; the weights are
            unchanged.

        Examples
        --------
        >>> import numpy as np, recurrent
        >>> net = recurrent.LSTM(3, [8], rng=1)
        >>> net.initialize(recurrent="orthogonal", chrono=100, rng=1)
        >>> W = net.parameters["Wih0"].w
        >>> bool(np.allclose(W.T @ W, np.eye(8), atol=1e-6))
        True
        """
        settings: dict[str, Any] = {
            name: None if value is None else as_initial_values(value, name)
            for name, value in (("input", input), ("recurrent", recurrent))
        }
        settings["chrono"] = None if chrono is None else as_single(chrono, "chrono")
        words, random = json.dumps(settings).encode(), as_random(rng)
        _lib.recurrent_network_initialize(self._handle.value, words, len(words), random._handle.value)

    # ---- forward and back

    def forward(
        self,
        x: npt.ArrayLike,
        state: Any = None,
        lengths: npt.ArrayLike | None = None,
        *,
        resets: npt.ArrayLike | None = None,
        training: bool = False,
        needs_backprop: bool = True,
    ) -> tuple[npt.NDArray[Any], State]:
        """Computes the outputs of T steps of B sequences.

        Padding steps are masked: their outputs are 0, and the final state is taken at the last valid step.

        Parameters
        ----------
        x : array
            (T, B, input_size); or tokens, (T, B) ints from 0 to input_size - 1, looked up in the embedding. Without an
            embedding a token is a one-hot vector, at the cost of a look-up.
        state : State or pair of lists, optional
            The initial state, of an earlier call; or (h, c), lists of arrays (B, H); where absent
            that of ``initial_state``.
        lengths : array of int, optional
            (B,): the valid steps of each sequence, 0 to T; all T where absent. Elements of the later steps are never
            read: they may be NaN.
        resets : array of bool, optional
            (T, B): where a sequence begins. The state before such a step is that of ``initial_state``, and no gradient
            passes: episodes one after the other, as in reinforcement learning. Nowhere where absent.
        training : bool
            Whether ``dropout`` acts, as in ``train_step``; ``backward`` then uses the same masks. A refused call
            draws nothing.
        needs_backprop : bool
            Whether ``backward`` can follow. Without it the call only reads the network: any number of threads may make
            such calls at once, and ``backward`` still follows an earlier ``forward``. Not with ``training``.

        Returns
        -------
        y : array
            (T, B, output_size), or (T, B, H) of the top layer without a decoder; 2 H of a bidirectional one.
        state : State
            The final state.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument has the wrong shape, type or range.
        """
        drops = as_flag(training, "training")
        keeps = needs_backprop is True or as_flag(needs_backprop, "needs_backprop")
        if drops and not keeps:
            raise ValueError("training is on without needs_backprop; expected one call for both, got False")
        x, resets = self._time_major(x, "x"), self._time_major_flags(resets)
        y, after, _ = self._forward(self._handle.value, x, state, lengths, resets, (), drops, keeps)
        return self._as_given(y), after

    def _time_major(self, values: Any, name: str) -> Any:
        """Returns sequences with the steps first."""
        return time_major(as_array(values, name), True) if self._batch_first else values

    def _time_major_flags(self, flags: Any) -> Any:
        array = as_flags(flags, "resets") if self._batch_first else None
        return flags if array is None else time_major(array, True)

    def _as_given(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns time-major sequences with the axes of the caller."""
        return time_major(values, self._batch_first)

    def _forward(
        self,
        handle: int,
        x: Any,
        state: Any,
        lengths: Any,
        resets: Any,
        names: Sequence[str],
        drops: bool = False,
        keeps: bool = True,
    ) -> tuple[npt.NDArray[Any], State, dict[str, npt.NDArray[Any]]]:
        """Computes a pass, with its activations of these names; keeps it for ``backward``."""
        sizes = sizes_of(handle)
        data, tokens, counts, (T, B) = _input(x, lengths, sizes)
        before, begins = as_state(state, sizes, B), as_flags(resets, "resets", (T, B))
        y, after = np.empty((T, B, sizes.outputs), sizes.dtype), np.empty(sizes.state * B, sizes.dtype)
        rows = sizes.activations() if names else {}
        found = {name: np.empty((T, B, rows[name]), sizes.dtype) for name in names}
        values, indices = _c.as_values(data, T * B * sizes.input_size, sizes.dtype), _c.as_ints(tokens, T * B)
        valid, starts = _c.as_ints(counts, B), _c.as_ints(begins, T * B)
        out, end = _c.as_values(y, y.size, sizes.dtype), _c.as_values(after, after.size, sizes.dtype)
        if not keeps:
            _lib.recurrent_network_infer_sequence(
                handle, values, indices, T, B, before, valid, starts, out, end
            )
            return y, _state(after, sizes), found
        self._check_free()
        with self._lock:
            # an interrupt or an error leaves none
            self._pass = None
            _lib.recurrent_network_forward_sequence(
                handle, values, indices, T, B, before, valid, starts, drops, out, end
            )
            for name, array in found.items():
                pointer = _c.as_values(array, array.size, sizes.dtype)
                _lib.recurrent_network_activation(handle, name.encode(), len(name), pointer)
            self._pass = _Pass(handle, T, B, data is None, counts)
        return y, _state(after, sizes), found

    def _run(
        self, x: Any, state: Any, lengths: Any, training: bool = False, state_after: int | None = None
    ) -> tuple[Any, Any]:
        handle = self._handle.value
        names = () if state_after is None else sizes_of(handle).state_names()
        y, after, found = self._forward(handle, x, state, lengths, None, names, training, training)
        if state_after is None:
            return y, after
        before = self.initial_state(y.shape[1]) if state is None else state
        return y, _state_after(state_after, list(found.values()), before, lengths)

    def _check_free(self) -> None:
        """Refuses a call during another thread's, as the library does; no call waits for another thread."""
        if self._lock.locked():
            raise RuntimeError(
                "network is in use by forward or backward of another thread; expected one such call at a time, got a "
                "second one"
            )

    def backward(self, dy: npt.ArrayLike, dstate: Any = None) -> tuple[npt.NDArray[Any] | None, State]:
        """Backpropagates through the last ``forward``, once, and accumulates ``net.flat.dw``.

        Parameters
        ----------
        dy : array
            The gradient of y, of its shape.
        dstate : State, optional
            The gradient of the final state; zeros where absent.

        Returns
        -------
        dx : array or None
            The gradient of x, (T, B, input_size); None for tokens.
        dstate : State
            The gradient of the initial state.

        Raises
        ------
        RuntimeError
            If there is no ``forward`` before it.
        ValueError
            If a shape is wrong.
        """
        dx, before = self._backward(self._time_major(dy, "dy"), dstate)
        return None if dx is None else self._as_given(dx), before

    def _backward(self, dy: npt.ArrayLike, dstate: Any = None) -> tuple[npt.NDArray[Any] | None, State]:
        """Backpropagates a time-major gradient."""
        handle, done = self._handle.value, self._pass
        if type(done) is not _Pass or done.network != handle:
            raise RuntimeError("backward has no forward pass; expected one forward before each backward")
        sizes, T, B = sizes_of(handle), done.T, done.B
        gradient = as_numbers(dy, "dy", (T, B, sizes.outputs), sizes.dtype, done.lengths)
        after = as_state(dstate, sizes, B, "dstate")
        dx = None if done.had_tokens else np.empty((T, B, sizes.input_size), sizes.dtype)
        before = np.empty(sizes.state * B, sizes.dtype)
        self._check_free()
        with self._lock:
            if self._pass is not done:
                raise RuntimeError("backward has no forward pass; expected one forward before each backward")
            self._pass = None
            _lib.recurrent_network_backward_sequence(
                handle,
                _c.as_values(gradient, T * B * sizes.outputs, sizes.dtype),
                after,
                _c.as_values(dx, T * B * sizes.input_size, sizes.dtype),
                _c.as_values(before, before.size, sizes.dtype),
            )
        return dx, _state(before, sizes)

    def activations(
        self,
        x: npt.ArrayLike,
        state: Any = None,
        lengths: Any = None,
        names: str | Sequence[str] | None = None,
        *,
        resets: npt.ArrayLike | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Computes the activations of all layers: outputs, cells and gates.

        Parameters
        ----------
        x : array
            (T, B, input_size), or tokens (T, B).
        state : State or pair of lists, optional
            The initial state, of an earlier call; or (h, c), lists of arrays (B, H); where absent
            that of ``initial_state``.
        lengths : array of int, optional
            (B,): the valid steps of each sequence, 0 to T; all T where absent.
        names : str or list of str, optional
            The activations to return; all where absent. Of layer 0: ``"h0"``, the output; of an LSTM ``"c0"``, the
            cell, ``"i0"``, ``"f0"`` and ``"o0"``, its gates (0 to 1), and ``"g0"``, the candidate (-1 to 1); of a
            GRU ``"r0"``, ``"z0"`` and ``"n0"``. Of a ``Cell`` its states by name, and the values that its step names
            with ``Graph.name``.
        resets : array of bool, optional
            (T, B): where a sequence begins, as in ``forward``.

        Returns
        -------
        dict of str to array
            (T, B, H) each, H the layer's hidden size or the rows of the state; 0 beyond a sequence's length.

        Raises
        ------
        IndexError
            If a name is unknown, with the names available.

        Examples
        --------
        >>> import recurrent
        >>> net = recurrent.GRU(4, [3], rng=1)
        >>> {name: array.shape for name, array in net.activations([[0], [2]]).items()}
        {'h0': (2, 1, 3), 'r0': (2, 1, 3), 'z0': (2, 1, 3), 'n0': (2, 1, 3)}
        """
        known = list(self._sizes.activations())
        wanted = (
            known if names is None
            else [names] if isinstance(names, str)
            else as_list(names, "names", "a str or a list of str")
        )  # fmt: skip
        for name in wanted:
            if not isinstance(name, str) or name not in known:
                raise IndexError(
                    f"activation is unknown; expected one of {', '.join(known)}, got {shown(name)}"
                )
        x, resets = self._time_major(x, "x"), self._time_major_flags(resets)
        found = self._forward(self._handle.value, x, state, lengths, resets, wanted)[2]
        return {name: self._as_given(values) for name, values in found.items()}

    def train_step(
        self,
        x: npt.ArrayLike,
        targets: npt.ArrayLike,
        optimizer: Optimizer,
        learning_rate: float | None = None,
        clip: float | None = 5.0,
        state: Any = None,
        lengths: npt.ArrayLike | None = None,
        weight_decay: float = 0.0,
        *,
        resets: npt.ArrayLike | None = None,
        memory: int | None = None,
    ) -> StepResult:
        """Makes one training step: forward, mean loss, backward, clipping, update. Releases the GIL.

        Ctrl-C ends a long step within a fraction of a second; the model is then as before the step, and its gradients
        are 0.

        The gradients of earlier calls of ``backward`` do not count: they are set to 0 first. To accumulate over
        batches, call ``forward`` and ``backward`` for each and the optimizer's ``step`` once.

        Parameters
        ----------
        x : array
            (T, B, input_size), or tokens (T, B).
        targets : array
            (T, B) ints for the mean cross-entropy, -1 for no target; or (T, B, outputs) for the mean squared error.
        optimizer : Optimizer
            Updates the weights.
        learning_rate : float, optional
            At least 0; the optimizer's own where absent.
        clip : float, optional
            The gradient clipping threshold, above 0; None for none.
        state : State or pair of lists, optional
            The initial state, of an earlier call; or (h, c), lists of arrays (B, H); where absent
            that of ``initial_state``.
        lengths : array of int, optional
            (B,): the valid steps of each sequence, 0 to T; all T where absent.
        weight_decay : float
            The fraction of each weight that is subtracted besides, at least 0.
        resets : array of bool, optional
            (T, B): where a sequence begins, as in ``forward``.
        memory : int, optional
            The bytes of the values that the step computes; as many as they need where absent. Longer sequences are
            computed in parts of time steps, twice: first for the states between the parts, then, from the last part to
            the first, for the gradient. The gradient is the same up to rounding; the step takes up to a third longer,
            and dropout draws other masks. Not for two directions, nor for dropout with a mask for whole sequences.
            Reference: Chen et al., arXiv:1604.06174.

        Returns
        -------
        StepResult
            The loss before the update, in nats for classes; the gradient's norm; the fraction clipped; the final state.

        Raises
        ------
        FloatingPointError
            If a gradient, or a weight after the step, is infinite or NaN, with the parameter's name;
            the weights are unchanged.
        ValueError, TypeError, IndexError
            If an argument has the wrong shape, type or range.

        Examples
        --------
        >>> import numpy as np, recurrent
        >>> net, tokens = recurrent.GRU(5, [8], 5, rng=1), np.array([[0], [1], [2], [3]])
        >>> r = net.train_step(tokens[:-1], tokens[1:], recurrent.SGD(0.1))
        >>> round(r.loss, 2), r.state.h[0].shape
        (1.61, (1, 8))
        """
        x, targets = self._time_major(x, "x"), self._time_major(targets, "targets")
        resets = self._time_major_flags(resets)
        return self._train(
            x, targets, optimizer, learning_rate, clip, state, lengths, weight_decay, resets, memory
        )

    def _train(
        self,
        x: Any,
        targets: Any,
        optimizer: Optimizer,
        learning_rate: float | None,
        clip: float | None,
        state: Any = None,
        lengths: Any = None,
        weight_decay: float = 0.0,
        resets: Any = None,
        memory: int | None = None,
    ) -> StepResult:
        """Makes a training step on time-major sequences."""
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer has the wrong type; expected an Optimizer, got {type(optimizer).__name__}"
            )
        handle = self._handle.value
        sizes = sizes_of(handle)
        data, tokens, counts, (T, B) = _input(x, lengths, sizes)
        before, begins = as_state(state, sizes, B), as_flags(resets, "resets", (T, B))
        classes, numbers = _targets(targets, sizes, T, B, counts)
        after = np.empty(sizes.state * B, sizes.dtype)
        result = _c.StepResult()
        self._pass = None
        _lib.recurrent_network_train_step(
            handle,
            optimizer._handle.value,
            _c.as_values(data, T * B * sizes.input_size, sizes.dtype),
            _c.as_ints(tokens, T * B),
            _c.as_ints(classes, T * B),
            _c.as_values(numbers, T * B * sizes.outputs, sizes.dtype),
            T,
            B,
            before,
            _c.as_ints(counts, B),
            _c.as_ints(begins, T * B),
            math.nan if learning_rate is None else as_single(learning_rate, "learning_rate"),
            as_single(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            0 if memory is None else as_count(memory, "memory", 1, sys.maxsize),
            _c.as_values(after, after.size, sizes.dtype),
            ctypes.byref(result),
        )
        return StepResult(result.loss, result.gradient_norm, result.ratio_clipped, _state(after, sizes))

    def _gradient(
        self, x: Any, targets: Any, state: Any = None, lengths: Any = None, resets: Any = None
    ) -> tuple[float, State]:
        """Computes the mean loss of a time-major batch, with dropout, and its gradients; returns the final state."""
        handle = self._handle.value
        sizes = sizes_of(handle)
        data, tokens, counts, (T, B) = _input(x, lengths, sizes)
        before = as_state(state, sizes, B)
        classes, numbers = _targets(targets, sizes, T, B, counts)
        after, loss = np.empty(sizes.state * B, sizes.dtype), ctypes.c_double()
        self._pass = None
        _lib.recurrent_network_gradient(
            handle,
            _c.as_values(data, T * B * sizes.input_size, sizes.dtype),
            _c.as_ints(tokens, T * B),
            _c.as_ints(classes, T * B),
            _c.as_values(numbers, T * B * sizes.outputs, sizes.dtype),
            T,
            B,
            before,
            _c.as_ints(counts, B),
            None if resets is None else _c.as_ints(resets, T * B),
            _c.as_values(after, after.size, sizes.dtype),
            ctypes.byref(loss),
        )
        return loss.value, _state(after, sizes)

    @overload
    def generate(
        self,
        n: int,
        prompt: npt.ArrayLike,
        temperature: float = ...,
        state: Any = ...,
        rng: RNG = ...,
        *,
        top_k: int | None = ...,
        top_p: float | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        end: int | None = ...,
        samples: None = ...,
    ) -> npt.NDArray[np.int64]: ...

    @overload
    def generate(
        self,
        n: int,
        prompt: npt.ArrayLike,
        temperature: float = ...,
        state: Any = ...,
        rng: RNG = ...,
        *,
        top_k: int | None = ...,
        top_p: float | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        end: int | None = ...,
        samples: int,
    ) -> list[npt.NDArray[np.int64]]: ...

    def generate(
        self,
        n: int,
        prompt: npt.ArrayLike,
        temperature: float = 1.0,
        state: Any = None,
        rng: RNG = None,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        end: int | None = None,
        samples: int | None = None,
    ) -> npt.NDArray[np.int64] | list[npt.NDArray[np.int64]]:
        """Generates tokens after a prompt.

        Parameters
        ----------
        n : int
            The number of tokens, at least 0.
        prompt : array of int
            (P,): the tokens to start from, at least one.
        temperature : float
            The divisor of the scores, at least 0: below 1 favors likely tokens, 0 takes the likeliest.
        state : State, optional
            The initial state, of one sequence, which is unchanged; that of ``initial_state`` where absent.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; a seed where an int; fresh where absent.
        top_k : int, optional
            Keep the k likeliest tokens, at least 1.
        top_p : float, optional
            Keep the likeliest tokens until their probability reaches this, above 0 and at most 1.
        min_p : float, optional
            Keep tokens with p ≥ min_p · max p, 0 to 1.
        repetition_penalty : float
            The divisor of positive scores, and factor of negative ones, of recent tokens; 1 for none.
        repetition_window : int
            The number of recent tokens that are penalized, the prompt included.
        end : int, optional
            The token that ends the text, which is not returned.
        samples : int, optional
            The number of continuations, 1 to 4096, all computed together: several times the tokens in a second. The
            seed of each is the next word of ``rng``: sample i is that of ``rng=int(words[i])`` alone, where
            ``words`` is ``Random(rng).words(samples)``, and for a ``Random`` ``rng.words(samples)``.

        Returns
        -------
        array of int, or list of them
            (n,), or fewer where ``end`` is drawn; with ``samples`` a list.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument is out of range.

        Examples
        --------
        >>> import recurrent
        >>> net = recurrent.LSTM(5, [8], 5, rng=1)
        >>> net.generate(4, prompt=[1], rng=2).shape
        (4,)
        >>> first, second = net.generate(4, prompt=[1], rng=2, samples=2)
        >>> seed = int(recurrent.Random(2).words(2)[1])
        >>> bool((second == net.generate(4, prompt=[1], rng=seed)).all())
        True
        """
        settings = sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
        count = None if samples is None else as_count(samples, "samples", 1, MAX_SAMPLES)
        most, random = as_count(n, "n"), self._random_of(rng, settings)
        with restoring(random):
            if count is None:
                return self._generator(most, prompt, state, random, end, settings).tokens()
            return tokens_of(
                [self._generator(most, prompt, state, each, end, settings) for each in spawned(random, count)]
            )

    def stream(
        self,
        n: int | None,
        prompt: npt.ArrayLike,
        temperature: float = 1.0,
        state: Any = None,
        rng: RNG = None,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        end: int | None = None,
    ) -> Iterator[tuple[int, float]]:
        """Yields the tokens of ``generate`` one by one, each as soon as it is drawn.

        Parameters
        ----------
        n : int or None
            The number of tokens; None for no limit.
        prompt : array of int
            (P,): the tokens to start from, at least one.
        temperature : float
            The divisor of the scores, at least 0: below 1 favors likely tokens, 0 takes the likeliest.
        state : State, optional
            The initial state, of one sequence, which is unchanged; that of ``initial_state`` where absent.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; a seed where an int; fresh where absent.
        top_k : int, optional
            Keep the k likeliest tokens, at least 1.
        top_p : float, optional
            Keep the likeliest tokens until their probability reaches this, above 0 and at most 1.
        min_p : float, optional
            Keep tokens with p ≥ min_p · max p, 0 to 1.
        repetition_penalty : float
            The divisor of positive scores, and factor of negative ones, of recent tokens; 1 for none.
        repetition_window : int
            The number of recent tokens that are penalized, the prompt included.
        end : int, optional
            The token that ends the text, which is not yielded.

        Yields
        ------
        token : int
            The token.
        log_probability : float
            ln p of it by the softmax of the network's scores, in nats.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument is out of range, before the first token.
        """
        settings = sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
        count = None if n is None else as_count(n, "n")
        generator = self._generator(count, prompt, state, self._random_of(rng, settings), end, settings)

        def tokens() -> Iterator[tuple[int, float]]:
            while True:
                token, p = generator.next(1)
                if generator.has_ended:
                    return
                yield int(token[0]), float(p[0])

        return tokens()

    def beam_search(
        self, n: int, prompt: npt.ArrayLike, beams: int = 4, state: Any = None, *, end: int | None = None
    ) -> list[tuple[npt.NDArray[np.int64], float]]:
        """Searches for the likeliest texts, with the ``beams`` likeliest hypotheses kept at each step.

        Parameters
        ----------
        n : int
            The largest number of tokens of a text.
        prompt : array of int
            (P,): the tokens to start from, at least one.
        beams : int
            Hypotheses kept at each step, 1 to 4096.
        state : State, optional
            The initial state, of one sequence, which is unchanged; that of ``initial_state`` where absent.
        end : int, optional
            The token that ends a text; its probability counts, and it is not part of the text.

        Returns
        -------
        list of (array of int, float)
            At most ``beams`` texts with their log-probabilities in nats, the likeliest first.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument is out of range.
        """
        handle = self._handle.value
        tokens, before = as_ints(prompt, "prompt"), as_state(state, sizes_of(handle), 1)
        kept = as_count(beams, "beams", 1, 4096)
        count = as_count(n, "n", 0, MAX_COUNT // kept)
        texts = allocated("n", (kept, count), np.empty, (kept, count), np.int64)
        lengths = np.empty(kept, np.int64)
        numbers, found = np.empty(kept), ctypes.c_int64()
        _lib.recurrent_network_beam_search(
            handle,
            _c.as_ints(tokens, len(tokens)),
            len(tokens),
            count,
            kept,
            -1 if end is None else self._token(end, "end"),
            before,
            _c.as_ints(texts, kept * count),
            _c.as_ints(lengths, kept),
            _c.as_doubles(numbers, kept),
            ctypes.byref(found),
        )
        return [(texts[i, : lengths[i]], float(numbers[i])) for i in range(found.value)]

    @staticmethod
    def _random_of(rng: RNG, settings: dict[str, Any]) -> Random | None:
        return as_random_or_shared(rng) if settings["temperature"] != 0 else None

    def _generator(
        self,
        n: int | None,
        prompt: Any,
        state: Any,
        random: Random | None,
        end: Any,
        settings: dict[str, Any],
    ) -> Generator:
        settings["max_tokens"] = n
        settings["end"] = None if end is None else as_int(end, "end")
        handle = self._handle
        return Generator.of_tokens(
            handle, as_ints(prompt, "prompt"), as_state(state, sizes_of(handle.value), 1), settings, random
        )

    def _token(self, token: Any, name: str) -> int:
        value = as_int(token, name)
        if not 0 <= value < self.input_size:
            raise IndexError(f"{name} is out of range; expected 0 to {self.input_size - 1}, got {value}")
        return value

    # ---- overview

    def _is_of_library(self, layer: int) -> bool:
        """Whether a layer's step is that of the library's cell of its name; a cell of the caller's own may have it."""
        if self.cell in CELLS_WITH_GATES:
            return True
        own = json.loads(self.program(layer).json())
        twin = Network(as_cell(self.cell), own["inputs"], [self.hidden_sizes[layer]], dtype=self.dtype, rng=0)
        return bool(json.loads(twin.program(0).json()) == own)

    def program(self, layer: int) -> Program:
        """Returns the step of a layer, of a built-in cell too.

        ``Graph.scan`` runs it elsewhere, and ``json()`` lists its operations. Its parameters are those of the network
        without the layer's number, stacked as its text lists their ``parts``.

        Parameters
        ----------
        layer : int
            0 for the bottom layer. Both directions of a layer have the same step.

        Returns
        -------
        Program
            New.

        Raises
        ------
        IndexError
            If the network has no such layer.

        Examples
        --------
        >>> import recurrent
        >>> recurrent.LSTM(3, [8], rng=1).program(0)
        <Program: 3 inputs, states 8, 8, 3 parameters>
        """
        index = as_int(layer, "layer")
        if not 0 <= index < len(self.hidden_sizes):
            raise IndexError(
                f"layer is out of range; expected 0 to {len(self.hidden_sizes) - 1}, got {index}"
            )
        return Program._from_handle(
            _c.new(_lib.recurrent_network_program, _lib.recurrent_program_free, self._handle.value, index)
        )

    def summary(self) -> Summary:
        """Returns the layers with their sizes and parameters, as a table.

        Returns
        -------
        Summary
            ``print(net.summary())`` writes the table; notebooks display it.

        Raises
        ------
        MemoryError
            If the memory of the table cannot be allocated.

        Examples
        --------
        >>> import recurrent
        >>> print(recurrent.RNN(3, [2], 1, rng=1).summary())
        <RNN(3, [2], output_size=1) float32, 15 parameters>
        ----------------------------------------------------------------------------
        layer    cell      input  output  count  bytes  parameters
        ----------------------------------------------------------------------------
        layer 0  rnn_tanh      3       2     12     48  Wxh0 2×3, Whh0 2×2, bhh0 2×1
        decoder  linear        2       1      3     12  Whd 1×2, bd 1×1
        ----------------------------------------------------------------------------
        15 parameters of float32, 60 bytes
        """
        return summarize(self._handle.value, self._parameters, repr(self))

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __repr__(self) -> str:
        ends = f", output_size={self.output_size}" if self.output_size else ""
        ends += f", embedding={self.embedding}" if self.embedding else ""
        ends += ", tied=True" if self.tied else ""
        ends += ", batch_first=True" if self._batch_first else ""
        ends += f", dropout={self.dropout}" if self.dropout else ""
        ends += "".join(f", {name}=True" for name, is_on in self._sizes.options.items() if is_on)
        name = self.cell if type(self) is Network else type(self).__name__
        return f"<{name}({self.input_size}, {list(self.hidden_sizes)}{ends}) {self.dtype}, {self.flat.n} parameters>"


class _Pass(NamedTuple):
    """A forward pass that waits for its backward pass."""

    network: int
    T: int
    B: int
    had_tokens: bool
    lengths: npt.NDArray[np.int64] | None


def _state(flat: npt.NDArray[Any], sizes: Sizes) -> State:
    return State._of(flat, sizes.states)


def _state_after(
    steps: int, found: list[npt.NDArray[Any]], before: State, lengths: npt.NDArray[np.int64] | None
) -> State:
    """Returns the state of sequences after some steps, of all states (T, B, rows) and those before the first step."""
    T, B = found[0].shape[:2]
    ends = np.minimum(T if lengths is None else lengths, np.full(B, steps))
    after, parts = before.copy(), [array[ends - 1, np.arange(B)] for array in found]
    for own, part in zip([layer for name in after.names for layer in after[name]], parts):
        # a sequence without a step keeps its state
        own[ends > 0] = part[ends > 0]
    return after


def _targets(targets: Any, sizes: Sizes, T: int, B: int, lengths: Any) -> tuple[Any, Any]:
    """Returns classes (T, B) or numbers (T, B, outputs), and None for the others."""
    aim = as_array(targets, "targets")
    # an array of three dimensions is numbers, whatever its type
    if aim.ndim != 3 and aim.dtype.kind in "iu":
        return as_tokens(aim, "targets", (T, B)), None
    return None, as_numbers(aim, "targets", (T, B, sizes.outputs), sizes.dtype, lengths)


def _input(
    x: Any, lengths: Any, sizes: Sizes
) -> tuple[
    npt.NDArray[Any] | None, npt.NDArray[np.int64] | None, npt.NDArray[np.int64] | None, tuple[int, int]
]:
    """Returns x as numbers or as tokens, the lengths, and (T, B)."""
    array = as_array(x, "x")
    shape = array.shape
    if sizes.embedding and len(shape) != 2:
        raise ValueError(f"x has the wrong shape; expected tokens (T, B), got {shape}")
    if len(shape) == 2 and (sizes.embedding or array.dtype.kind in "iu"):
        T, B = shape
        return None, as_tokens(array, "x", (T, B)), as_lengths(lengths, B), (T, B)
    if len(shape) != 3:
        raise ValueError(
            f"x has the wrong shape; expected numbers (T, B, {sizes.input_size}) or ints (T, B), got "
            f"{shape} of {array.dtype}"
        )
    T, B, _ = shape
    counts = as_lengths(lengths, B)
    return as_numbers(array, "x", (T, B, sizes.input_size), sizes.dtype, counts), None, counts, (T, B)
