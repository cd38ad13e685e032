"""Network: stacked recurrent layers over whole sequences of arrays."""

from __future__ import annotations

import ctypes
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import _c
from .._checks import DTYPES, as_dtype, as_float, as_int, as_limit, as_sizes
from ..mat import Mat
from ..optim.optimizer import Optimizer
from ..parameters import Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import sampler_settings
from ..state import State, StepResult
from .generation import CHUNK_TOKENS, Generator
from .torch import Architecture, from_torch, to_torch

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_ONE_LAYER = "dropout has no effect: it applies between layers, and the network has one layer"


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
        forget_bias: float = 0.0,
    ) -> None:
        widths = as_sizes(hidden_sizes, "hidden_sizes").tolist()
        settings: dict[str, Any] = {
            "cell": cell,
            "input_size": as_int(input_size, "input_size"),
            "hidden_sizes": widths,
            "output_size": None if output_size is None else as_int(output_size, "output_size"),
            "embedding": None if embedding is None else as_int(embedding, "embedding"),
            "tied": bool(tied),
            "dropout": as_float(dropout, "dropout"),
            "forget_bias": forget_bias,
            "dtype": str(DTYPES[as_dtype(type_)]),
        }
        if tied:
            settings["embedding"] = widths[-1] if embedding is None else settings["embedding"]
            settings["output_size"] = (
                settings["input_size"] if output_size is None else settings["output_size"]
            )
        self._random = as_random(rng)
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
        if self._dropout and len(self.hidden_sizes) == 1:
            warnings.warn(_ONE_LAYER, stacklevel=3)

    def _attach(self, handle: _c.Handle) -> None:
        """Takes a network of the library."""
        settings = json.loads(_c.written(_lib.recurrent_network_describe, handle.value))
        self._handle = handle
        self.cell: str = settings["cell"]
        self.input_size: int = settings["input_size"]
        self.embedding: int | None = settings["embedding"]
        self.hidden_sizes: list[int] = settings["hidden_sizes"]
        self.output_size: int | None = settings["output_size"]
        self.tied: bool = settings["tied"]
        self.forget_bias = float(settings["forget_bias"])
        self._dropout = float(settings["dropout"])
        self._code = as_dtype(settings["dtype"])
        self._has_cell = self.cell == "lstm"
        self._parameters = Parameters(handle, self.cell)
        self._shape: tuple[int, int] | None = None
        self._had_tokens = False
        width = ctypes.c_int64()
        _lib.recurrent_network_state_count(handle.value, 1, ctypes.byref(width))
        # elements of the state of one sequence
        self._width = width.value

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
            warnings.warn(_ONE_LAYER, stacklevel=3)
        _lib.recurrent_network_set_dropout(self._handle.value, share, self._random._handle.value)
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
        _lib.recurrent_network_forward_sequence(
            self._handle.value,
            _c.as_values(data),
            _c.as_ints(tokens),
            T,
            B,
            _c.as_values(before),
            _c.as_ints(counts),
            _c.as_values(y),
            _c.as_values(after),
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
        _lib.recurrent_network_backward_sequence(
            self._handle.value,
            _c.as_values(gradient),
            _c.as_values(after),
            _c.as_values(dx),
            _c.as_values(before),
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
            _lib.recurrent_network_activation(
                self._handle.value, name.encode(), len(name), _c.as_values(found[name])
            )
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
        result = _c.StepResult()
        _lib.recurrent_network_train_step(
            self._handle.value,
            optimizer._handle.value,
            _c.as_values(data),
            _c.as_ints(tokens),
            _c.as_ints(classes),
            _c.as_values(numbers),
            T,
            B,
            _c.as_values(before),
            _c.as_ints(counts),
            math.nan if learning_rate is None else as_float(learning_rate, "learning_rate"),
            as_float(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            _c.as_values(after),
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
        settings = sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
        generator = self._generator(n, prompt, state, rng, end, settings)
        random = generator.random
        drawn = random.state if random else None
        parts = []
        try:
            while not generator.has_ended:
                parts.append(generator.next(CHUNK_TOKENS))
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
        settings = sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
        generator = self._generator(n, prompt, state, rng, end, settings)

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
        _lib.recurrent_network_beam_search(
            self._handle.value,
            _c.as_ints(tokens),
            len(tokens),
            count,
            kept,
            -1 if end is None else self._token(end, "end"),
            _c.as_values(before),
            _c.as_ints(texts),
            _c.as_ints(lengths),
            numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            ctypes.byref(found),
        )
        return [(texts[i, : lengths[i]], float(numbers[i])) for i in range(found.value)]

    def _generator(
        self, n: int | None, prompt: Any, state: Any, rng: RNG, end: Any, settings: dict[str, Any]
    ) -> Generator:
        settings["max_tokens"] = None if n is None else as_int(n, "n")
        if n is not None and settings["max_tokens"] < 0:
            raise ValueError(f"n is out of range; expected at least 0, got {n}")
        settings["end"] = None if end is None else as_int(end, "end")
        random = as_random_or_shared(rng) if settings["temperature"] != 0 else None
        return Generator.of_tokens(
            self._handle, self._prompt(prompt), self._state(state, 1), settings, random
        )

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


def _tokens(array: npt.NDArray[Any], name: str, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has elements of type {array.dtype}; expected ints")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    return np.ascontiguousarray(array, np.int64)


def _lengths(lengths: Any, columns: int) -> npt.NDArray[np.int64] | None:
    return None if lengths is None else _tokens(np.asarray(lengths), "lengths", (columns,))
