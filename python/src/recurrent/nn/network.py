"""Network: stacked recurrent layers over whole sequences of arrays."""

from __future__ import annotations

import ctypes
import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import _c
from .._checks import DTYPES, as_dtype, as_float, as_int, as_limit, as_sizes
from ..mat import Mat
from ..optim.optimizer import Optimizer
from ..parameters import CELLS, Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import sampler
from ..state import State, StepResult
from .generation import CHUNK_TOKENS, Generator
from .torch import Architecture, from_torch, to_torch

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib


class Network:
    """What RNN, LSTM and GRU have in common: stacked layers over whole sequences, in one call.

    Sequences are time-major: T steps of B sequences side by side.
    """

    def _build(
        self,
        cell: str,
        input_size: Any,
        hidden_sizes: Any,
        output_size: Any,
        embedding: Any,
        type_: Any,
        rng: RNG,
        tied: bool,
        dropout: Any,
    ) -> None:
        widths = as_sizes(hidden_sizes, "hidden_sizes")
        counts = {"input_size": input_size, "output_size": output_size, "embedding": embedding}
        for name, value in counts.items():
            if value is None and name != "input_size":
                counts[name] = 0
            else:
                counts[name] = as_int(value, name)
                if counts[name] < 1:
                    raise ValueError(f"{name} is {value}; expected at least 1")
        if tied:
            for name, expected in (("embedding", int(widths[-1])), ("output_size", counts["input_size"])):
                if counts[name] not in (0, expected):
                    raise ValueError(
                        f"{name} is {counts[name]}; expected {expected} where the decoder is tied"
                    )
                counts[name] = expected
        self._random = as_random(rng)
        self._code = as_dtype(type_)
        table = [] if tied else [counts["embedding"]]
        rows = [] if tied else [counts["output_size"]]
        handle = _c.new(
            _lib.recurrent_model_create_tied if tied else _lib.recurrent_model_create,
            _lib.recurrent_model_free,
            CELLS.index(cell),
            self._code,
            counts["input_size"],
            *table,
            widths.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
            len(widths),
            *rows,
            self._random._handle.value,
        )
        self._attach(
            handle,
            cell,
            counts["input_size"],
            counts["embedding"],
            widths.tolist(),
            counts["output_size"],
            tied,
        )
        self.dropout = dropout

    def _attach(
        self, handle: Any, cell: str, inputs: int, embedding: int, widths: list[int], outputs: int, tied: bool
    ) -> None:
        """Stand for a model of the library, with what is known of it; 0 is none."""
        self._handle = handle
        self._has_cell = cell == "lstm"
        self.cell = cell
        self.input_size: int = inputs
        self.embedding: int | None = embedding or None
        self.hidden_sizes: list[int] = widths
        self.output_size: int | None = outputs or None
        self.tied = bool(tied)
        self._dropout = 0.0
        self._parameters = Parameters(handle, cell)
        self._shape: tuple[int, int] | None = None
        self._had_tokens = False
        # numbers in the state of one sequence
        self._width = sum(self.hidden_sizes) * (2 if self._has_cell else 1)

    # ---- what it is made of

    @property
    def parameters(self) -> Parameters:
        """The weights by name, live: ``net.parameters["Wix0"].w`` and ``.dw``."""
        return self._parameters

    @property
    def flat(self) -> Mat:
        """All weights as one column, ``net.flat.w`` and ``net.flat.dw``, for optimizers and averaging."""
        return self._parameters.flat

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all numbers."""
        return DTYPES[self._code]  # type: ignore[no-any-return]

    @property
    def dropout(self) -> float:
        """The share of every layer's output but the top one's that training steps drop on its way up; assignable.

        The masks are drawn by the generator that drew the weights. ``forward`` and ``generate`` drop nothing.
        """
        return self._dropout

    @dropout.setter
    def dropout(self, rate: float) -> None:
        share = as_float(rate, "dropout")
        if not 0 <= share < 1:
            raise ValueError(f"dropout is {rate}; expected at least 0 and below 1")
        if share and len(self.hidden_sizes) == 1:
            warnings.warn("dropout is between layers, and there is one: nothing is dropped", stacklevel=4)
        _lib.recurrent_model_set_dropout(self._handle.value, share, self._random._handle.value)
        self._dropout = share

    @property
    def _outputs(self) -> int:
        return self.output_size or self.hidden_sizes[-1]

    def zero_state(self, batch: int = 1) -> State:
        """The state before the first step of ``batch`` sequences."""
        columns = as_int(batch, "batch")
        if columns < 1:
            raise ValueError(f"batch is {columns}; expected at least 1")
        return State(np.zeros(self._width * columns, self.dtype), self.hidden_sizes, self._has_cell)

    # ---- forward and back

    def forward(
        self, x: npt.ArrayLike, state: Any = None, lengths: npt.ArrayLike | None = None
    ) -> tuple[npt.NDArray[Any], State]:
        """Run T steps of B sequences.

        Parameters
        ----------
        x : array
            Numbers (T, B, input_size); or tokens (T, B), ints 0 .. input_size - 1, looked up in the embedding. Without
            one a token stands for a row of zeros with a 1, at the cost of a look-up.
        state : State, optional
            What an earlier call returned; zeros where absent. Also a pair (h, c) of lists of arrays (B, H).
        lengths : array of B ints, optional
            Valid steps of each sequence, 0 to T. Later outputs are 0, and the final state is that of the last valid
            step; no sorting is needed.

        Returns
        -------
        y : array
            (T, B, output_size), or (T, B, H) of the top layer where there is no decoder.
        state : State
            The final state.

        Raises
        ------
        ValueError, TypeError, IndexError
            Naming the argument, what was expected and what came.
        """
        data, tokens, (T, B) = self._input(x)
        before, counts = self._state(state, B), _lengths(lengths, B)
        y = np.empty((T, B, self._outputs), self.dtype)
        after = np.empty(self._width * B, self.dtype)
        _lib.recurrent_model_forward_sequence(
            self._handle.value,
            _data(data),
            _ints(tokens),
            T,
            B,
            _data(before),
            _ints(counts),
            _data(y),
            _data(after),
        )
        self._shape, self._had_tokens = (T, B), data is None
        return y, State(after, self.hidden_sizes, self._has_cell)

    def backward(self, dy: npt.ArrayLike, dstate: Any = None) -> tuple[npt.NDArray[Any] | None, State]:
        """Walk the last ``forward`` back, once: adds to ``net.flat.dw``.

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
            If there is no ``forward`` to walk back.
        """
        if self._shape is None:
            raise RuntimeError("backward needs a forward before it; each forward can be walked back once")
        T, B = self._shape
        gradient = self._numbers(dy, "dy", (T, B, self._outputs))
        after = self._state(dstate, B)
        dx = None if self._had_tokens else np.empty((T, B, self.input_size), self.dtype)
        before = np.empty(self._width * B, self.dtype)
        _lib.recurrent_model_backward_sequence(
            self._handle.value, _data(gradient), _data(after), _data(dx), _data(before)
        )
        self._shape = None
        return dx, State(before, self.hidden_sizes, self._has_cell)

    def activations(
        self, x: npt.ArrayLike, state: Any = None, lengths: Any = None, names: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """What every layer does over a sequence: outputs, cells and gates.

        Parameters
        ----------
        x, state, lengths
            As for ``forward``.
        names : list of str, optional
            Which ones; all of them where absent. For layer 0 ``"h0"`` is the output; an LSTM has ``"c0"``, the cell,
            ``"i0"``, ``"f0"`` and ``"o0"``, its gates (0 to 1), and ``"g0"``, the candidate (-1 to 1); a GRU has
            ``"r0"``, ``"z0"`` and ``"n0"``.

        Returns
        -------
        activations : dict of arrays
            (T, B, H) each, H being the layer's width; 0 beyond each sequence's end.

        Raises
        ------
        IndexError
            For an unknown name, with those available.
        """
        letters = {"lstm": "hcifog", "gru": "hrzn", "gru_reset_before": "hrzn"}.get(self.cell, "h")
        known = [f"{letter}{k}" for k in range(len(self.hidden_sizes)) for letter in letters]
        wanted = known if names is None else list(names)
        for name in wanted:
            if name not in known:
                raise IndexError(f"unknown activation {name!r}; available: {' '.join(known)}")
        y, _ = self.forward(x, state, lengths)
        found = {}
        for name in wanted:
            found[name] = np.empty((*y.shape[:2], self.hidden_sizes[int(name[1:])]), self.dtype)
            _lib.recurrent_model_tap(self._handle.value, name.encode(), len(name), _data(found[name]))
        return found

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
    ) -> StepResult:
        """Forward, mean loss, backward, clipping and the optimizer's step, in one call that releases the GIL.

        Parameters
        ----------
        x, state, lengths
            As for ``forward``.
        targets : array
            Classes (T, B), ints, -1 for none: mean cross-entropy. Or numbers (T, B, outputs): mean squared error.
        optimizer : Optimizer
            Moves the weights.
        learning_rate, clip, weight_decay : float
            As for ``optimizer.step``: None is the optimizer's own learning rate, or no clipping.

        Raises
        ------
        FloatingPointError
            Naming the parameter whose gradient is infinite or NaN; the weights are as before.
        """
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer is a {type(optimizer).__name__}; expected an Optimizer")
        data, tokens, (T, B) = self._input(x)
        before, counts = self._state(state, B), _lengths(lengths, B)
        aim = np.asarray(targets)
        if aim.dtype.kind in "iu":
            classes, numbers = _tokens(aim, "targets", (T, B)), None
        else:
            classes, numbers = None, self._numbers(targets, "targets", (T, B, self._outputs))
        after = np.empty(self._width * B, self.dtype)
        result = _c.TrainResult()
        _lib.recurrent_model_train_step(
            self._handle.value,
            optimizer._handle.value,
            _data(data),
            _ints(tokens),
            _ints(classes),
            _data(numbers),
            T,
            B,
            _data(before),
            _ints(counts),
            optimizer.learning_rate if learning_rate is None else as_float(learning_rate, "learning_rate"),
            as_float(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            _data(after),
            ctypes.byref(result),
        )
        self._shape = None
        return StepResult(
            result.loss,
            result.gradient_norm,
            result.ratio_clipped,
            State(after, self.hidden_sizes, self._has_cell),
        )

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
    ) -> npt.NDArray[np.int64]:
        """Read ``prompt``, then write ``n`` tokens, each drawn from the scores and read in turn.

        Parameters
        ----------
        n : int
            How many tokens to write.
        prompt : array of ints
            At least one token to begin with.
        temperature : float
            Scores are divided by it; 0 takes the likeliest each time.
        state : State, optional
            Where to go on from, of one sequence; it is not changed.
        rng : int, numpy.random.Generator, Random, optional
            The same int, the same tokens.
        top_k, top_p, min_p, repetition_penalty, repetition_window
            As for ``recurrent.probabilities``; ``prompt`` counts as seen.
        end : int, optional
            A token that ends the text and is not written.

        Returns
        -------
        tokens : array of ints
            ``n`` of them, or fewer where the text has ended.
        """
        settings = sampler(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
        generator, count = self._generator(n, prompt, state, rng, end, settings)
        random = generator.random
        drawn = random.state if random else None
        parts = [generator.generate(min(CHUNK_TOKENS, count))]
        left = count - CHUNK_TOKENS
        try:
            while left > 0 and not generator.has_ended:
                parts.append(generator.generate(min(CHUNK_TOKENS, left)))
                left -= CHUNK_TOKENS
        except BaseException:
            if random and drawn:
                random.state = drawn
            raise
        return np.concatenate([tokens for tokens, _ in parts])

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
        """Write token by token: the tokens of ``generate``, each as soon as it is there.

        Parameters
        ----------
        prompt, temperature, state, rng, top_k, top_p, min_p, repetition_penalty, repetition_window, end
            As for ``generate``.
        n : int, optional
            How many tokens to write; without end where absent.

        Yields
        ------
        token : int
            The token.
        log_probability : float
            ln p of it by the softmax of the network's own scores.
        """
        settings = sampler(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
        generator, count = self._generator(0 if n is None else n, prompt, state, rng, end, settings)
        # what is wrong is said here, not at the first token
        generator.generate(0)

        def tokens() -> Iterator[tuple[int, float]]:
            for _ in itertools.count() if n is None else range(count):
                token, p = generator.generate(1)
                if generator.has_ended:
                    return
                yield int(token[0]), float(p[0])

        return tokens()

    def beam_search(
        self, n: int, prompt: npt.ArrayLike, beams: int = 4, state: Any = None, *, end: int | None = None
    ) -> list[tuple[npt.NDArray[np.int64], float]]:
        """The likeliest whole texts of ``n`` tokens, as far as a search that keeps ``beams`` beginnings finds them.

        Parameters
        ----------
        n : int
            Tokens of a text, at most.
        prompt : array of ints
            At least one token to begin with.
        beams : int
            Beginnings to keep at each step, 1 to 4096.
        state : State, optional
            Where to go on from, of one sequence.
        end : int, optional
            A token that ends a text and is not part of it; what it costs is.

        Returns
        -------
        texts : list of (tokens, log_probability)
            At most ``beams`` of them, the likeliest first.
        """
        tokens, before = self._prompt(prompt), self._state(state, 1)
        count, kept = as_int(n, "n"), as_int(beams, "beams")
        if count < 0:
            raise ValueError(f"n is {n}; expected 0 or more")
        if not 1 <= kept <= 4096:
            raise ValueError(f"beams is {beams}; expected 1 to 4096")
        texts, lengths = np.empty((kept, count), np.int64), np.empty(kept, np.int64)
        numbers, found = np.empty(kept), ctypes.c_int64()
        _lib.recurrent_model_beam_search(
            self._handle.value,
            _ints(tokens),
            len(tokens),
            count,
            kept,
            -1 if end is None else self._token(end, "end"),
            _data(before),
            _ints(texts),
            _ints(lengths),
            numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            ctypes.byref(found),
        )
        return [(texts[i, : lengths[i]], float(numbers[i])) for i in range(found.value)]

    def _generator(
        self, n: Any, prompt: Any, state: Any, rng: RNG, end: Any, settings: _c.Sampler
    ) -> tuple[Generator, int]:
        """What writes a text, and how many tokens; a temperature of 0 stands for the likeliest each time."""
        count = as_int(n, "n")
        if count < 0:
            raise ValueError(f"n is {count}; expected 0 or more")
        tokens, before = self._prompt(prompt), self._state(state, 1)
        carried = self.zero_state().flat if before is None else before.copy()
        last = -1 if end is None else self._token(end, "end")
        random = as_random_or_shared(rng) if settings.temperature != 0 else None
        return Generator(self._handle, tokens, carried, settings, random, last), count

    def _prompt(self, prompt: Any) -> npt.NDArray[np.int64]:
        array = np.atleast_1d(np.asarray(prompt))
        return _tokens(array, "prompt", array.shape[:1])

    def _token(self, token: Any, name: str) -> int:
        value = as_int(token, name)
        if not 0 <= value < self.input_size:
            raise IndexError(f"{name} is {value}, outside 0..<{self.input_size}")
        return value

    # ---- PyTorch's weights

    def load_torch(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the weights of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``, with its Embedding and Linear if any.

        Parameters
        ----------
        state_dict : mapping of str to array
            As ``{k: v.numpy() for k, v in module.state_dict().items()}``. The layers are found by ``weight_ih_l0``
            and its fellows under any prefix; the embedding and the decoder by their shapes.

        Raises
        ------
        ValueError
            Naming what is missing, ambiguous or of the wrong shape; nothing has been changed.
        """
        from_torch(self._architecture, self._parameters, state_dict)

    def to_torch(self) -> dict[str, npt.NDArray[Any]]:
        """The weights as a ``state_dict`` of arrays: ``rnn.weight_ih_l0`` …, ``embedding.weight``, ``decoder.weight``.

        PyTorch's two biases hold ours and zeros.
        """
        return to_torch(self._architecture, self._parameters)

    @property
    def _architecture(self) -> Architecture:
        return Architecture(
            self.cell, self.input_size, self.embedding, self.hidden_sizes, self.output_size, self.tied
        )

    # ---- checks

    def _input(self, x: Any) -> tuple[npt.NDArray[Any] | None, npt.NDArray[np.int64] | None, tuple[int, int]]:
        array = np.asarray(x)
        if self.embedding and array.ndim != 2:
            raise ValueError(f"x has shape {array.shape}; expected tokens (T, B)")
        if array.ndim == 2 and (self.embedding or array.dtype.kind in "iu"):
            T, B = array.shape
            return None, _tokens(array, "x", (T, B)), (T, B)
        if array.ndim != 3:
            raise ValueError(
                f"x has shape {array.shape} of {array.dtype}; expected numbers (T, B, {self.input_size}) or tokens "
                "(T, B), ints"
            )
        T, B, _ = array.shape
        return self._numbers(array, "x", (T, B, self.input_size)), None, (T, B)

    def _numbers(self, values: Any, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """An array as it lies, or a contiguous copy in the network's type."""
        if isinstance(values, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array; fill it first")
        array = np.asarray(values)
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name} has elements of type {array.dtype}; expected real numbers")
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
        return np.ascontiguousarray(array, self.dtype)

    def _state(self, state: Any, columns: int) -> npt.NDArray[Any] | None:
        """A state's numbers in one buffer."""
        if state is None:
            return None
        if isinstance(state, State):
            if (
                state.flat.dtype == self.dtype
                and state._has_cell == self._has_cell
                and list(state._widths) == self.hidden_sizes
                and state.flat.size == self._width * columns
            ):
                return state.flat
            h, c = state.h, state.c
        elif isinstance(state, tuple) and len(state) == 2:
            h, c = list(state[0]), list(state[1]) if state[1] is not None else []
        else:
            raise TypeError(f"state is a {type(state).__name__}; expected a State, a pair (h, c) or None")
        layers, cells = len(self.hidden_sizes), len(self.hidden_sizes) if self._has_cell else 0
        if len(h) != layers or len(c) != cells:
            raise ValueError(f"state has {len(h)} h and {len(c)} c; expected {layers} and {cells}")
        parts = [
            self._numbers(part, f"state.{name}[{k}]", (columns, self.hidden_sizes[k]))
            for name, list_ in (("h", h), ("c", c))
            for k, part in enumerate(list_)
        ]
        return np.concatenate([part.reshape(-1) for part in parts])

    def __reduce__(self) -> NoReturn:
        raise TypeError("a network is not pickled; save its numbers, numpy.save(file, net.flat.w)")

    def __repr__(self) -> str:
        ends = f", output_size={self.output_size}" if self.output_size else ""
        ends += f", embedding={self.embedding}" if self.embedding else ""
        ends += ", tied=True" if self.tied else ""
        ends += f", dropout={self.dropout}" if self.dropout else ""
        name = type(self).__name__
        return (
            f"<{name}({self.input_size}, {self.hidden_sizes}{ends}) {self.dtype}, {self.flat.n} parameters>"
        )


def _data(array: npt.NDArray[Any] | None) -> Any:
    """Where an array's numbers lie. ``array.ctypes`` takes as long as a small network's step; a buffer does not."""
    if array is None:
        return None
    try:
        return ctypes.byref(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # read-only, or empty
        return array.ctypes.data


def _ints(array: npt.NDArray[np.int64] | None) -> Any:
    if array is None:
        return None
    try:
        return ctypes.c_int64.from_buffer(array)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return array.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))


def _tokens(array: npt.NDArray[Any], name: str, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has elements of type {array.dtype}; expected ints")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    return np.ascontiguousarray(array, np.int64)


def _lengths(lengths: Any, columns: int) -> npt.NDArray[np.int64] | None:
    return None if lengths is None else _tokens(np.asarray(lengths), "lengths", (columns,))
