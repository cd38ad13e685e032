"""SentenceModel: RecurrentJS's demo, a network that learns sentences letter by letter."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from . import _abi
from ._arguments import DTYPES, dtype, integer, number, sizes, text
from ._arguments import path as _path
from ._random import RNG, Random, generator
from .mat import Mat
from .model import Model
from .solver import Solver

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _abi.lib
# by recurrent_cell; the words are those of saved files
_CELLS = ("rnn", "lstm", "rnn_tanh", "gru", "gru_before")


class Cost(NamedTuple):
    """What a sentence costs."""

    cost: float
    """Σ -ln p over the n + 1 predictions of n letters, in nats."""
    perplexity: float
    """exp(cost / (n + 1)): 1 is certainty, the vocabulary's size is a guess."""


class Tick(NamedTuple):
    """What a tick did; cost and perplexity are those before the step."""

    cost: float
    perplexity: float
    ratio_clipped: float
    gradient_norm: float


class SentenceModel:
    """Letter vectors, a recurrent network and a solver, learning one sentence at a tick.

    A sentence of n letters asks for n + 1 predictions: the first letter, each next one, and the end. A letter is a
    Unicode code point; number 0 is both start and end.

    Parameters
    ----------
    sentences : str or iterable of str
        Give the vocabulary. A str is split into lines, stripped of surrounding space; blank sentences are passed over.
    generator : {"lstm", "gru", "rnn", "rnn_tanh", "gru_before"}
        The kind of layer; "rnn" is RecurrentJS's, with ReLU. Its page knows "lstm" and "rnn" alone.
    hidden_sizes : list of int
        The width of each layer, lowest first.
    letter_size : int
        Numbers per letter vector.
    dtype : {"float32", "float64"}
        The type of all numbers.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights and, where ``predict`` gets no generator of its own, the letters.

    Examples
    --------
    >>> import recurrent
    >>> sm = recurrent.SentenceModel(["hello", "help"], hidden_sizes=[16], rng=1)
    >>> for i in range(400):
    ...     t = sm.tick(sm.sentences[i % 2])
    >>> sm.predict(sample=False) in sm.sentences
    True
    """

    def __init__(
        self,
        sentences: str | Iterable[str],
        generator: str = "lstm",
        hidden_sizes: Sequence[int] = (20, 20),
        letter_size: int = 5,
        dtype: npt.DTypeLike = "float32",
        rng: RNG = None,
    ) -> None:
        kept = _sentences(sentences)
        if generator not in _CELLS:
            raise ValueError(f"generator is {generator!r}; expected one of {', '.join(_CELLS)}")
        widths = sizes(hidden_sizes, "hidden_sizes")
        encoded = [sentence.encode() for sentence in kept]
        random = _generator(rng)
        handle = _abi.new(
            _lib.recurrent_sentence_model_create,
            _lib.recurrent_sentence_model_free,
            (ctypes.c_char_p * len(encoded))(*encoded),
            (ctypes.c_int64 * len(encoded))(*map(len, encoded)),
            len(encoded),
            _CELLS.index(generator),
            _dtype(dtype),
            widths.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
            len(widths),
            integer(letter_size, "letter_size"),
            random._handle.value,
        )
        self._become(handle, random)
        self.sentences = kept

    def _become(self, handle: _abi.Handle, random: Random) -> None:
        info = _abi.SentenceModelInfo()
        _lib.recurrent_sentence_model_describe(handle.value, ctypes.byref(info))
        widths = (ctypes.c_int64 * info.layers)()
        _lib.recurrent_sentence_model_hidden_sizes(handle.value, widths, len(widths))
        letters = (ctypes.c_uint32 * info.letters)()
        _lib.recurrent_sentence_model_letters(handle.value, letters, len(letters))
        network = _abi.new(
            _lib.recurrent_sentence_model_network, _lib.recurrent_model_free, handle.value, needs=handle
        )
        solver = _abi.new(
            _lib.recurrent_sentence_model_solver, _lib.recurrent_solver_free, handle.value, needs=handle
        )
        self._handle = handle
        self._random = random
        self._dtype = info.dtype
        self.generator: str = _CELLS[info.cell]
        self.hidden_sizes: list[int] = list(widths)
        self.letter_size: int = info.letter_size
        self.letter_to_index: dict[str, int] = {chr(letter): k + 1 for k, letter in enumerate(letters)}
        self.index_to_letter: dict[int, str] = {k: letter for letter, k in self.letter_to_index.items()}
        self.sentences = []
        self.solver = Solver._of(solver)
        self._parameters = Model(network, info.cell)

    @property
    def parameters(self) -> Model:
        """The weights by name, live: ``Wil``, the letter vectors (letters + 1, letter_size), then the network's."""
        return self._parameters

    @property
    def step_cache(self) -> Mapping[str, Mat]:
        """The solver's caches by name, live; empty before the first tick."""
        return self.solver.step_cache

    @property
    def dtype(self) -> Any:
        """The type of all numbers."""
        return DTYPES[self._dtype]

    def tick(
        self, sentence: str, learning_rate: float = 0.01, regc: float = 1e-6, clipval: float = 5.0
    ) -> Tick:
        """Learn from one sentence: forward, backward, one step of the solver, in one call.

        Parameters
        ----------
        sentence : str
            At least one letter, all of them in the vocabulary.
        learning_rate, regc, clipval : float
            The solver's step size (at least 0), regularization (at least 0) and bound on each gradient (above 0).

        Raises
        ------
        ValueError
            Naming a letter outside the vocabulary and its position, or a setting out of range.
        FloatingPointError
            If a gradient is infinite or NaN. In either case the weights are as before.
        """
        encoded = text(sentence, "sentence")
        result = _abi.TickResult()
        _lib.recurrent_sentence_model_tick(
            self._handle.value,
            encoded,
            len(encoded),
            number(learning_rate, "learning_rate"),
            number(regc, "regc"),
            number(clipval, "clipval"),
            ctypes.byref(result),
        )
        return Tick(result.cost, result.perplexity, result.ratio_clipped, result.gradient_norm)

    def cost(self, sentence: str) -> Cost:
        """What a sentence costs now; learns nothing."""
        encoded = text(sentence, "sentence")
        result = _abi.Cost()
        _lib.recurrent_sentence_model_cost(self._handle.value, encoded, len(encoded), ctypes.byref(result))
        return Cost(result.cost, result.perplexity)

    def predict(
        self, sample: bool = True, temperature: float = 1.0, max_chars: int = 100, rng: RNG = None
    ) -> str:
        """Write a sentence.

        Parameters
        ----------
        sample : bool
            Draw each letter; False takes the likeliest, whatever the temperature.
        temperature : float
            Above 0: scores are divided by it. Below 1 is cautious, above 1 is wild.
        max_chars : int
            The most letters to write, 1 to 2**20.
        rng : int, numpy.random.Generator, Random, optional
            An int writes the same sentence every time; None goes on with the model's own generator.
        """
        count = integer(max_chars, "max_chars")
        if not 1 <= count <= 2**20:
            raise ValueError(f"max_chars is {count}; expected 1 to {2**20}")
        random = self._random if rng is None else _generator(rng)
        buffer, length = ctypes.create_string_buffer(4 * count), ctypes.c_int64()
        _lib.recurrent_sentence_model_predict(
            self._handle.value,
            number(temperature, "temperature") if sample else 1.0,
            count,
            random._handle.value if sample else 0,
            buffer,
            len(buffer),
            ctypes.byref(length),
        )
        return buffer.raw[: length.value].decode("utf-8")

    def save_recurrentjs(self, path: str | os.PathLike[str]) -> None:
        """Write the model and its solver's cache as RecurrentJS's page does.

        A crash while saving leaves the old file or the new one, never a mixture.

        Raises
        ------
        OSError
            With the system's reason.
        FloatingPointError
            If a weight is not finite, which JSON cannot hold.
        """
        encoded = _path(path)
        _lib.recurrent_sentence_model_save_recurrentjs(self._handle.value, encoded, len(encoded))

    @classmethod
    def load_recurrentjs(
        cls, path: str | os.PathLike[str], dtype: npt.DTypeLike = "float64", rng: RNG = None
    ) -> SentenceModel:
        """A model saved by RecurrentJS's page or by ``save_recurrentjs``, ready to go on where it stopped.

        Parameters
        ----------
        path : path-like
            A JSON file; its ``w`` may be lists or objects ``{"0": …}``.
        dtype : {"float32", "float64"}
            The type to hold the numbers in.
        rng : int, numpy.random.Generator, Random, optional
            Draws the letters of ``predict``; the file holds no generator.

        Raises
        ------
        OSError
            FileNotFoundError, PermissionError, IsADirectoryError, …
        ValueError
            Naming what in the file is missing, of the wrong kind or of the wrong size.
        """
        encoded, random = _path(path), _generator(rng)
        handle = _abi.new(
            _lib.recurrent_sentence_model_load_recurrentjs,
            _lib.recurrent_sentence_model_free,
            encoded,
            len(encoded),
            _dtype(dtype),
        )
        model = cls.__new__(cls)
        model._become(handle, random)
        return model

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SentenceModel is not pickled; use save_recurrentjs and load_recurrentjs")

    def __repr__(self) -> str:
        return (
            f"<SentenceModel: {self.generator} {self.hidden_sizes}, {len(self.letter_to_index)} letters of "
            f"{self.letter_size}, {self._parameters.flat.n} parameters>"
        )


_dtype = dtype
_generator = generator


def _sentences(sentences: Any) -> list[str]:
    if isinstance(sentences, str):
        sentences = [line.strip() for line in sentences.splitlines()]
    elif isinstance(sentences, (bytes, Mapping)) or not isinstance(sentences, Iterable):
        raise TypeError(
            f"sentences is a {type(sentences).__name__}; expected a list of str, or a text of lines"
        )
    kept = []
    for i, sentence in enumerate(sentences):
        if not isinstance(sentence, str):
            raise TypeError(f"sentences[{i}] is a {type(sentence).__name__}; expected a str")
        # here, where the place in the list is known
        text(sentence, f"sentences[{i}]")
        if sentence.strip():
            kept.append(sentence)
    if not kept:
        raise ValueError("there is nothing to learn from: no sentence has a letter in it")
    return kept
