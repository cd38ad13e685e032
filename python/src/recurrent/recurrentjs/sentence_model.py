"""SentenceModel: RecurrentJS's demo, a network that learns sentences letter by letter."""

from __future__ import annotations

import copy
import ctypes
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _c
from .._arrays import as_sizes
from .._checks import (
    DTYPES,
    as_choice,
    as_count,
    as_dtype,
    as_flag,
    as_float,
    as_list,
    as_path,
    as_rate,
    as_single,
    as_text,
)
from .._pickles import as_bytes, as_class, reduced
from .._readonly import ReadOnly
from ..mat import Mat, gradients_of, set_gradients
from ..names import DType
from ..nn.checkpoint import network_of
from ..nn.generation import CHUNK_TOKENS, Generator
from ..nn.network import Network
from ..outputs import Outputs
from ..parameters import CELLS, CellName, Parameters
from ..random import RNG, Random, as_random
from ..texts import as_file_encoding, as_text_or_file
from .solver import Solver

_lib = _c.lib
_NEW = "a new SentenceModel"
_OWN = frozenset((
    "cell", "hidden_sizes", "letter_size", "index_to_letter", "letter_to_index", "sentences", "_handle", "_outputs",
    "_random", "_network", "_optimizer",
))  # fmt: skip


class Cost(NamedTuple):
    """The cost of a sentence."""

    cost: float
    """Σ -ln p over the n + 1 predictions of n letters, in nats."""
    perplexity: float
    """exp(cost / (n + 1)): 1 is certainty, the vocabulary's size is a guess."""


class Tick(NamedTuple):
    """The result of a tick; cost and perplexity are those before the update."""

    cost: float
    perplexity: float
    ratio_clipped: float
    gradient_norm: float


class SentenceModel:
    """Letter vectors, a recurrent network and a solver that learn one sentence at a tick.

    A sentence of n letters has n + 1 predictions: each letter, and the end. A letter is a Unicode code point; index
    0 is both start and end.

    Parameters
    ----------
    sentences : str, bytes, Path or iterable of str
        The vocabulary. A text, or the Path of a UTF-8 file, is split into lines, stripped of surrounding space; blank
        sentences are skipped. A str that can only be the name of a file is an error.
    cell : {"lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu"}
        The kind of layer. RecurrentJS has "lstm" and "rnn_relu", which it calls "rnn".
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    letter_size : int
        Elements of a letter vector.
    dtype : {"float32", "float64"}
        The type of the elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights and, unless ``predict`` gets its own generator, the letters.
    encoding : str, optional
        The encoding of a file, such as ``"cp1252"``; UTF-8 where absent.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError, ValueError
        If a setting is out of range, or all sentences are blank.

    Examples
    --------
    >>> import recurrent
    >>> sm = recurrent.SentenceModel(["hello", "help"], hidden_sizes=[16], rng=1)
    >>> for i in range(400):
    ...     t = sm.tick(sm.sentences[i % 2])
    >>> sm.predict(sample=False) in sm.sentences
    True
    """

    cell = ReadOnly[str](_NEW)
    hidden_sizes = ReadOnly["tuple[int, ...]"](_NEW)
    letter_size = ReadOnly[int](_NEW)
    index_to_letter = ReadOnly["dict[int, str]"](_NEW)
    letter_to_index = ReadOnly["dict[str, int]"](_NEW)
    sentences = ReadOnly["list[str]"](_NEW)

    def __init__(
        self,
        sentences: str | bytes | os.PathLike[str] | Iterable[str],
        cell: CellName = "lstm",
        hidden_sizes: Sequence[int] = (20, 20),
        letter_size: int = 5,
        dtype: DType = "float32",
        rng: RNG = None,
        *,
        encoding: str | None = None,
    ) -> None:
        kept = _sentences(sentences, as_file_encoding(encoding, "characters", sentences))
        settings = json.dumps(
            {
                "cell": as_choice(cell, "cell", CELLS),
                "hidden_sizes": as_sizes(hidden_sizes, "hidden_sizes").tolist(),
                "embedding": as_count(letter_size, "letter_size", 1),
                "dtype": str(DTYPES[as_dtype(dtype)]),
            }
        ).encode()
        encoded = [sentence.encode() for sentence in kept]
        random = as_random(rng)
        handle = _c.new(
            _lib.recurrent_sentence_model_create,
            _lib.recurrent_text_model_free,
            settings,
            len(settings),
            (ctypes.c_char_p * len(encoded))(*encoded),
            (ctypes.c_int64 * len(encoded))(*map(len, encoded)),
            len(encoded),
            random._handle.value,
        )
        self._attach(handle, random, kept)

    def _attach(self, handle: _c.Handle, random: Random, sentences: Sequence[str] = ()) -> None:
        info = _c.TextModelInfo()
        _lib.recurrent_text_model_get_info(handle.value, ctypes.byref(info))
        codes = (ctypes.c_uint32 * info.vocabulary_size)()
        _lib.recurrent_text_model_vocabulary(handle.value, codes, len(codes))
        network = _c.new(
            _lib.recurrent_text_model_network, _lib.recurrent_network_free, handle.value, owner=handle
        )
        solver = _c.new(
            _lib.recurrent_text_model_optimizer, _lib.recurrent_optimizer_free, handle.value, owner=handle
        )
        self._handle = handle
        self._outputs = Outputs()
        self._random = random
        self._network: Network = network_of(network)
        self.cell = self._network.cell
        self.hidden_sizes = self._network.hidden_sizes
        self.letter_size = self._network.embedding or 0
        # token 0 is the boundary
        self.index_to_letter = {k: chr(codes[k]) for k in range(1, len(codes))}
        self.letter_to_index = {letter: k for k, letter in self.index_to_letter.items()}
        self.sentences = list(sentences)
        self._optimizer = _as_solver(solver)

    @property
    def network(self) -> Network:
        """The network, an ``LSTM``, ``GRU`` or ``RNN`` over letters, on the same weights."""
        return self._network

    @property
    def optimizer(self) -> Solver:
        """The solver, with its caches."""
        return self._optimizer

    @property
    def parameters(self) -> Parameters:
        """The weights by name, live: ``Wil``, the letter vectors (letters + 1, letter_size), then the network's."""
        return self._network.parameters

    @property
    def step_cache(self) -> Mapping[str, Mat]:
        """The solver's caches by name, live; empty before the first tick."""
        return self._optimizer.step_cache

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all elements."""
        return self._network.dtype

    def tick(
        self, sentence: str, learning_rate: float = 0.01, regc: float = 1e-6, clipval: float = 5.0
    ) -> Tick:
        """Learns one sentence: forward, backward, and one step of the solver.

        Parameters
        ----------
        sentence : str
            At least one letter, all in the vocabulary.
        learning_rate, regc, clipval : float
            The step size (at least 0), the regularization (at least 0) and the bound on each gradient (above 0).

        Returns
        -------
        Tick
            Cost and perplexity before the update, the fraction clipped, the gradient's norm.

        Raises
        ------
        ValueError
            If a letter is outside the vocabulary, with its index, or a setting is out of range; the weights are
            unchanged.
        FloatingPointError
            If a gradient, or a weight after the step, is infinite or NaN;
            the weights are unchanged.
        """
        encoded = as_text(sentence, "sentence")
        perplexity, result = ctypes.c_double(), _c.StepResult()
        _lib.recurrent_sentence_model_tick(
            self._handle.value,
            encoded,
            len(encoded),
            as_rate(learning_rate, "learning_rate"),
            as_rate(regc, "regc"),
            as_single(clipval, "clipval"),
            ctypes.byref(perplexity),
            ctypes.byref(result),
        )
        return Tick(result.loss, perplexity.value, result.ratio_clipped, result.gradient_norm)

    def cost(self, sentence: str) -> Cost:
        """Computes the cost of a sentence without updating the weights.

        Parameters
        ----------
        sentence : str
            At least one letter, all in the vocabulary.

        Returns
        -------
        Cost
            Cost in nats, and perplexity.

        Raises
        ------
        ValueError
            If a letter is outside the vocabulary.
        """
        encoded = as_text(sentence, "sentence")
        cost, perplexity = ctypes.c_double(), ctypes.c_double()
        _lib.recurrent_sentence_model_cost(
            self._handle.value, encoded, len(encoded), ctypes.byref(cost), ctypes.byref(perplexity)
        )
        return Cost(cost.value, perplexity.value)

    def predict(
        self, sample: bool = True, temperature: float = 1.0, max_chars: int = 100, rng: RNG = None
    ) -> str:
        """Generates a sentence.

        Parameters
        ----------
        sample : bool
            Draw each letter; False takes the likeliest.
        temperature : float
            The divisor of the scores, above 0: below 1 favors likely letters.
        max_chars : int
            The largest number of letters, 1 to 2**20.
        rng : int, numpy.random.Generator, Random, optional
            An int gives the same sentence every time; None continues the model's generator.

        Returns
        -------
        str
            The sentence.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range.
        """
        draws, count = as_flag(sample, "sample"), as_count(max_chars, "max_chars", 1, 2**20)
        random = self._random if rng is None else as_random(rng)
        settings = {
            "temperature": as_float(temperature, "temperature") if draws else 0.0,
            "max_tokens": count,
        }
        drawn = random.state
        generator = Generator.of_text(self._handle, b"", settings, random if draws else None)
        parts = []
        try:
            while not generator.has_ended:
                parts.append(generator.next_bytes(CHUNK_TOKENS))
        except BaseException:
            random.state = drawn
            raise
        return b"".join(parts).decode()

    def save_recurrentjs(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the model and its solver's cache as RecurrentJS's page does.

        A crash leaves the old file or the new one.

        Parameters
        ----------
        path : str or Path
            The file.
        overwrite : bool
            Whether to replace a file that this model neither wrote nor was loaded from, never a text that was read.

        Raises
        ------
        FileExistsError
            If the file is a text that was read, or exists and this model neither wrote it nor was loaded from it.
        OSError
            If the file cannot be written.
        FloatingPointError
            If a weight is not finite, which JSON cannot hold.
        """
        encoded = as_path(path)
        with self._outputs.writing(path, overwrite) as replaces:
            _lib.recurrent_sentence_model_save(self._handle.value, encoded, len(encoded), replaces)

    @classmethod
    def load_recurrentjs(
        cls, path: str | os.PathLike[str], dtype: DType = "float64", rng: RNG = None
    ) -> SentenceModel:
        """Returns a model saved by RecurrentJS's page or by ``save_recurrentjs``.

        Parameters
        ----------
        path : str or Path
            A JSON file; its ``w`` may be lists or objects ``{"0": …}``.
        dtype : {"float32", "float64"}
            The type of the elements.
        rng : int, numpy.random.Generator, Random, optional
            Draws the letters of ``predict``; the file holds no generator.

        Returns
        -------
        SentenceModel
            The model, which continues training.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If a field is missing, or of the wrong kind or size, with its name.
        """
        encoded, random = as_path(path), as_random(rng)
        handle = _c.new(
            _lib.recurrent_sentence_model_load,
            _lib.recurrent_text_model_free,
            encoded,
            len(encoded),
            as_dtype(dtype),
        )
        model = cls.__new__(cls)
        model._attach(handle, random)
        model._outputs.set_source(path)
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        data = _c.written_bytes(_lib.recurrent_text_model_write, self._handle.value, False)
        arguments = (data, gradients_of(self.parameters.flat), self._random, tuple(self.sentences))
        return reduced(self, model_of_bytes, type(self), *arguments, own=_OWN)

    def __copy__(self) -> SentenceModel:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return (
            f"<SentenceModel: {self.cell} {list(self.hidden_sizes)}, {len(self.letter_to_index)} letters of "
            f"{self.letter_size}, {self.parameters.flat.n} parameters>"
        )


def model_of_bytes(kind: Any, data: Any, gradients: Any, random: Any, sentences: Any) -> Any:
    """Returns the model of a pickle, which holds the bytes of a text model's file."""
    data = as_bytes(data)
    handle = _c.new(_lib.recurrent_text_model_read, _lib.recurrent_text_model_free, data, len(data))
    tokenizer = json.loads(_c.written(_lib.recurrent_text_model_describe, handle.value))["tokenizer"]
    if tokenizer != "sentences":
        raise ValueError(f"the bytes have the wrong tokenizer; expected sentences, got {tokenizer}")
    model = as_class(kind, SentenceModel).__new__(kind)
    model._attach(handle, as_random(random), sentences)
    set_gradients(model.parameters.flat, gradients)
    return model


def _as_solver(handle: _c.Handle) -> Solver:
    solver = Solver._from_handle(handle)
    if not isinstance(solver, Solver):
        raise RuntimeError(f"internal error: the solver of a sentence model is {solver!r}")
    return solver


def _decoded(sentences: Any, encoding: str | None) -> str:
    data = as_text_or_file(sentences, "sentences", encoding=encoding)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"sentences is not valid UTF-8; expected UTF-8, got 0x{data[error.start]:02X} at byte {error.start}"
        ) from None


def _sentences(sentences: Any, encoding: str | None) -> list[str]:
    if isinstance(sentences, (str, bytes, bytearray, os.PathLike)):
        # RecurrentJS splits at line feeds alone
        sentences = [line.strip() for line in _decoded(sentences, encoding).split("\n")]
    expected = "a list of str, or a text or Path of lines"
    if isinstance(sentences, Mapping):
        raise TypeError(f"sentences has the wrong type; expected {expected}, got {type(sentences).__name__}")
    kept = []
    for i, sentence in enumerate(as_list(sentences, "sentences", expected)):
        if not isinstance(sentence, str):
            raise TypeError(
                f"sentences[{i}] has the wrong type; expected a str, got {type(sentence).__name__}"
            )
        # checked here, where the index is known
        as_text(sentence, f"sentences[{i}]")
        # a file yields its lines with their ends
        if (line := sentence.rstrip("\r\n")).strip():
            kept.append(line)
    if not kept:
        raise ValueError("sentences has no training data; expected at least one that is not blank, got none")
    return kept
