"""TextModel: a network that reads and writes text, with all that its training goes on from."""

from __future__ import annotations

import ctypes
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import _c
from .._checks import (
    DTYPES,
    as_dtype,
    as_errors,
    as_flag,
    as_float,
    as_int,
    as_limit,
    as_path,
    as_sizes,
    as_text,
)
from ..introspection import activations as _activations
from ..introspection import text_html
from ..mat import Mat
from ..nn.generation import CHUNK_TOKENS, Generator
from ..nn.layers import network_of
from ..nn.network import Network
from ..optim.optimizer import Optimizer
from ..optim.schedules import Schedule
from ..parameters import CELLS, Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import sampler_settings
from ..state import StepResult
from ..training.history import History
from ..training.options import BATCH_SIZE, CHECKPOINT_MINUTES, CLIP, SEQ_LENGTH, VALIDATION_SPLIT
from ..training.trainer import Callback, Trainer

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_ints = ctypes.POINTER(ctypes.c_int64)
# by recurrent_alphabet
TOKENIZERS = ("characters", "bytes")


class TextModel:
    """A network that reads a text's tokens and scores the next, with all that its training goes on from.

    A token is a character of the text it was built on (a Unicode code point; nothing is normalized) or a byte. What a
    file holds: weights, solver, dropout's generator, the state of the streams, the count of steps, the vocabulary.

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu"}
        The kind of layer.
    hidden_sizes : list of int
        The width of each layer, lowest first.
    embedding : int, optional
        Numbers per token, looked up in a table; without it a token is a column of zeros with a 1.
    dropout : float
        The share that training steps drop between layers, at least 0 and below 1.
    tokenizer : {"characters", "bytes"}
        What a token is.
    dtype : {"float32", "float64"}
        The type of all numbers.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights, uniform on ±0.08 (an LSTM's forget biases are 1, the others 0), and dropout's seed.
    tied : bool
        Let the embedding's table be the decoder's matrix; it is then as wide as the top layer.
    forget_bias : float
        The initial value of an LSTM's forget biases; other cells have none.

    Examples
    --------
    >>> import recurrent
    >>> tm = recurrent.TextModel(hidden_sizes=[16], rng=1).build("hello help")
    >>> tm.vocabulary
    ' ehlop'
    >>> len(tm.sample(5, prompt="he", rng=1))
    5
    """

    def __init__(
        self,
        cell: str = "lstm",
        hidden_sizes: Sequence[int] = (128, 128),
        embedding: int | None = None,
        dropout: float = 0.0,
        tokenizer: str = "characters",
        dtype: npt.DTypeLike = "float32",
        rng: RNG = None,
        *,
        tied: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        for name, value, known in (("cell", cell, CELLS), ("tokenizer", tokenizer, TOKENIZERS)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")
        self.hidden_sizes: list[int] = as_sizes(hidden_sizes, "hidden_sizes").tolist()
        self.cell, self.tokenizer, self.tied = cell, tokenizer, bool(tied)
        self.embedding: int | None = None if embedding is None else as_int(embedding, "embedding")
        if tied and self.embedding is None:
            self.embedding = self.hidden_sizes[-1]
        for name, size in (("embedding", self.embedding), *(("hidden_sizes", n) for n in self.hidden_sizes)):
            if size is not None and size < 1:
                raise ValueError(f"{name} has {size}; expected at least 1")
        if tied and self.embedding != self.hidden_sizes[-1]:
            raise ValueError(
                f"embedding is {embedding}; expected {self.hidden_sizes[-1]} where the decoder is tied"
            )
        self.dropout: float = as_float(dropout, "dropout")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {dropout}; expected at least 0 and below 1")
        self._forget_bias = as_float(forget_bias, "forget_bias")
        self._code = as_dtype(dtype)
        self._random = as_random(rng)
        self._model: _c.Handle | None = None
        self._trainer: Trainer | None = None

    # ---- what it is made of

    def build(self, text: str | bytes) -> TextModel:
        """Take the vocabulary from a text and draw the weights; ``fit`` does it by itself.

        Parameters
        ----------
        text : str or bytes
            Every character that there will be, in any order and any number; bytes are UTF-8.

        Returns
        -------
        model : TextModel
            This one.

        Raises
        ------
        RuntimeError
            If it was built before.
        ValueError
            For an empty text, or naming the first byte that is not UTF-8.
        """
        if self._model is not None:
            raise RuntimeError("this model has its vocabulary and its weights already; make a new one")
        data = _bytes(text)
        settings = json.dumps(
            {
                "tokenizer": self.tokenizer,
                "cell": self.cell,
                "hidden_sizes": self.hidden_sizes,
                "embedding": self.embedding,
                "tied": self.tied,
                "dropout": self.dropout,
                "forget_bias": self._forget_bias,
                "dtype": str(DTYPES[self._code]),
            }
        ).encode()
        self._attach(
            _c.new(
                _lib.recurrent_text_model_create,
                _lib.recurrent_text_model_free,
                settings,
                len(settings),
                (ctypes.c_char_p * 1)(data),
                (ctypes.c_int64 * 1)(len(data)),
                1,
                self._random._handle.value,
            )
        )
        return self

    def _attach(self, handle: _c.Handle) -> None:
        """Takes a text model of the library."""
        settings = json.loads(_c.written(_lib.recurrent_text_model_describe, handle.value))
        self.tokenizer, self.dropout = settings["tokenizer"], float(settings["dropout"])
        codes = (ctypes.c_uint32 * _info(handle).vocabulary_size)()
        _lib.recurrent_text_model_vocabulary(handle.value, codes, len(codes))
        network = _c.new(
            _lib.recurrent_text_model_network, _lib.recurrent_network_free, handle.value, owner=handle
        )
        self._network = network_of(network)
        self._network._dropout = self.dropout
        self.cell, self.tied, self._code = self._network.cell, self._network.tied, self._network._code
        self.hidden_sizes, self.embedding = self._network.hidden_sizes, self._network.embedding
        self._characters: list[str] = [] if self.tokenizer == "bytes" else [chr(code) for code in codes]
        self._optimizer = _optimizer_of(handle)
        self._model = handle
        run = self._get_metadata("training")
        self._trainer = Trainer.from_json(run) if run else None

    @property
    def _handle(self) -> _c.Handle:
        if self._model is None:
            raise RuntimeError("this model has no vocabulary yet: fit it, build it on a text, or load one")
        return self._model

    @property
    def is_built(self) -> bool:
        """Whether there are an vocabulary and weights."""
        return self._model is not None

    @property
    def vocabulary(self) -> str | None:
        """The characters in the order of their tokens, from 0; None where tokens are bytes."""
        _ = self._handle
        return None if self.tokenizer == "bytes" else "".join(self._characters)

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens: of characters in the vocabulary, or 256."""
        return self.network.input_size

    @property
    def characters(self) -> list[str]:
        r"""Labels of the tokens, from 0: the character; for a byte beyond ASCII its code, such as ``\xC3``."""
        _ = self._handle
        if self.tokenizer == "bytes":
            return [chr(token) if token < 128 else f"\\x{token:02X}" for token in range(256)]
        return list(self._characters)

    @property
    def network(self) -> Network:
        """The network inside, an ``LSTM``, ``GRU`` or ``RNN`` over tokens, on the same weights."""
        _ = self._handle
        return self._network

    @property
    def parameters(self) -> Parameters:
        """The weights by name, live."""
        return self.network.parameters

    @property
    def flat(self) -> Mat:
        """All weights as one column."""
        return self.network.flat

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all numbers."""
        return DTYPES[self._code]  # type: ignore[no-any-return]

    @property
    def optimizer(self) -> Optimizer | None:
        """What moves the weights; assign one before the first step. It is saved with the model."""
        _ = self._handle
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer is a {type(optimizer).__name__}; expected an Optimizer")
        _lib.recurrent_text_model_set_optimizer(self._handle.value, optimizer._handle.value)
        self._optimizer = optimizer

    @property
    def step(self) -> int:
        """Training steps made."""
        return int(_info(self._handle).step)

    @property
    def batch_size(self) -> int:
        """The number of sequences whose state is carried from step to step; 0 for none."""
        return int(_info(self._handle).batch_size)

    @property
    def metadata(self) -> str:
        """Text of the caller that is saved with the model; assignable."""
        return self._get_metadata("user")

    @metadata.setter
    def metadata(self, metadata: str) -> None:
        self._set_metadata("user", as_text(metadata, "metadata"))

    def _get_metadata(self, key: str) -> str:
        encoded, length = key.encode(), ctypes.c_int64()
        get = _lib.recurrent_text_model_get_metadata
        get(self._handle.value, encoded, len(encoded), None, 0, ctypes.byref(length))
        buffer = ctypes.create_string_buffer(max(1, length.value))
        get(self._handle.value, encoded, len(encoded), buffer, len(buffer), ctypes.byref(length))
        return buffer.raw[: length.value].decode()

    def _set_metadata(self, key: str, text: bytes) -> None:
        encoded = key.encode()
        _lib.recurrent_text_model_set_metadata(self._handle.value, encoded, len(encoded), text, len(text))

    # ---- text and tokens

    def encode(
        self, text: str | bytes, errors: str = "strict", replacement: str | None = None
    ) -> npt.NDArray[np.int64]:
        """The tokens of a text.

        Parameters
        ----------
        text : str or bytes
            Bytes are UTF-8; or, where tokens are bytes, anything.
        errors : {"strict", "ignore", "replace"}
            How to handle characters outside the vocabulary: raise an error, skip them, or encode ``replacement``.
        replacement : str, optional
            One character of the vocabulary, with ``errors="replace"``.

        Raises
        ------
        ValueError
            Naming the first character outside the vocabulary and its position, or the first byte that is not UTF-8.
        """
        data, (code, point) = _bytes(text), as_errors(errors, replacement)
        tokens, count = np.empty(len(data), np.int64), ctypes.c_int64()
        _lib.recurrent_text_model_encode(
            self._handle.value,
            data,
            len(data),
            code,
            point,
            (tokens if len(data) else np.empty(1, np.int64)).ctypes.data_as(_ints),
            len(data),
            ctypes.byref(count),
        )
        return tokens[: count.value]

    def decode(self, tokens: npt.ArrayLike) -> str:
        """The text of tokens; of bytes, what is no UTF-8 becomes U+FFFD, and half a character at the end goes."""
        numbers = _tokens(tokens, "tokens")
        buffer, length = ctypes.create_string_buffer(4 * numbers.size + 1), ctypes.c_int64()
        _lib.recurrent_text_model_decode(
            self._handle.value,
            numbers.ctypes.data_as(_ints),
            numbers.size,
            buffer,
            len(buffer),
            ctypes.byref(length),
        )
        return buffer.raw[: length.value].decode()

    # ---- training

    def fit(
        self,
        text: str | bytes | os.PathLike[str],
        steps: int,
        batch_size: int = BATCH_SIZE,
        seq_length: int = SEQ_LENGTH,
        optimizer: Optimizer | None = None,
        schedule: Schedule | None = None,
        validation_split: float = VALIDATION_SPLIT,
        validation_data: str | bytes | os.PathLike[str] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        *,
        learning_rate: float | None = None,
        clip: float | None = CLIP,
        evaluate_every: int | None = None,
        patience: int | None = None,
        checkpoint_every: int | None = None,
        checkpoint_minutes: float | None = CHECKPOINT_MINUTES,
        keep_best: bool = True,
        record_every: int | None = None,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> History:
        """Learn from a text: ``batch_size`` parts of it side by side, in chunks, state carried from chunk to chunk.

        Ctrl-C ends it after the step that is being made; everything learned is kept, and ``resume`` goes on.

        Parameters
        ----------
        text : str, bytes or Path
            The text, or the Path of a UTF-8 file of at most 1 GiB. It gives the vocabulary if there is none yet.
            Nothing is normalized: CRLF stays two characters. Only a byte order mark that opens a file is removed;
            where tokens are bytes, nothing is.
        steps : int
            How many to make, more of them if there were some before.
        batch_size : int
            Streams that the text is cut into.
        seq_length : int
            Tokens of each that a step learns from; gradients go back no further.
        optimizer : Optimizer, optional
            What moves the weights; where absent the model's own, and at first
            ``RMSProp(learning_rate=2e-3, alpha=0.95, eps=1e-8)``: char-rnn's, with bias correction.
        schedule : Schedule, optional
            The learning rates, from ``recurrent.schedules``; the run's first step is its step 0.
        validation_split : float
            The fraction of the text, at its end, that is held out for validation, at least 0 and below 1. Ignored
            with ``validation_data``.
        validation_data : str, bytes or Path, optional
            Another text for validation.
        checkpoint : str or Path, optional
            The file to save to, at the end and on the way.
        progress : bool
            Show a bar, by tqdm, in terminals and notebooks.
        callbacks : iterable of callable
            Called with a ``StepReport`` after every step; one that returns True ends the run.
        learning_rate : float, optional
            In place of the solver's own. That one is looked at before every step, where there is no schedule
            either: a callback may say ``report.model.optimizer.learning_rate *= 0.5``.
        clip : float, optional
            The bound on gradients, above 0; None for none. The optimizer's ``clipping`` applies it
            to each element, to each tensor or to all gradients.
        evaluate_every : int, optional
            Steps between two looks at the validation loss; where absent 500, or more, so that they take about a tenth
            of the time at most. Besides there is one at the end.
        patience : int, optional
            So many looks without a new lowest loss end the run.
        checkpoint_every : int, optional
            Steps from one save to the next.
        checkpoint_minutes : float, optional
            Minutes from one save to the next, whichever comes first.
        keep_best : bool
            Save the model with the lowest validation loss too: beside model.safetensors as model.best.safetensors.
        record_every : int, optional
            Steps to a record of the history; where absent 1, and more in runs of more than 20,000.
        errors, replacement
            As for ``encode``, for characters outside a vocabulary that the model has already.

        Returns
        -------
        history : History
            What was recorded, this model's ``history`` too.

        Raises
        ------
        OSError
            If the text cannot be read, or the last save cannot be made; one on the way that fails is a warning.
        ValueError, TypeError
            Naming what is out of range, unreadable or too short for one batch; nothing has changed.
        FloatingPointError
            Naming the tensor with which training diverged; saved files are as they were.

        References
        ----------
        Karpathy, char-rnn, 2015; Williams and Peng, Neural Computation 2, 1990.
        """
        shows, listeners = as_flag(progress, "progress"), _callables(callbacks)
        trainer = Trainer.new(
            self,
            text,
            steps,
            optimizer,
            validation_split,
            validation_data,
            evaluate_every,
            record_every,
            batch_size=batch_size,
            seq_length=seq_length,
            schedule=schedule,
            checkpoint=checkpoint,
            learning_rate=learning_rate,
            clip=clip,
            patience=patience,
            checkpoint_every=checkpoint_every,
            checkpoint_minutes=checkpoint_minutes,
            keep_best=keep_best,
            errors=errors,
            replacement=replacement,
        )
        self._trainer = trainer
        return trainer.run(self, shows, listeners)

    def resume(
        self,
        text: str | bytes | os.PathLike[str] | None = None,
        steps: int | None = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        *,
        validation_data: str | bytes | os.PathLike[str] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> History:
        """Go on with the ``fit`` that was interrupted or has ended, to the same bits as without a break.

        Parameters
        ----------
        text : str, bytes or Path, optional
            The same text; where absent, the file that it was.
        steps : int, optional
            How many more; where absent, those that are left.
        progress, callbacks
            As for ``fit``.
        validation_data : str, bytes or Path, optional
            The same other text again, if there was one and it was no file.
        checkpoint : str or Path, optional
            The file to save to; where absent, that of ``fit``.

        Returns
        -------
        history : History
            Of the whole run, what was before the break included.

        Raises
        ------
        ValueError
            If the text is not the one that the model was learning from, or no steps are left.
        RuntimeError
            If there is no run to go on with.
        """
        shows, listeners = as_flag(progress, "progress"), _callables(callbacks)
        if self._trainer is None:
            raise RuntimeError("this model has no training run to go on with: fit it")
        self._trainer.resume(self, text, steps, validation_data, checkpoint)
        return self._trainer.run(self, shows, listeners)

    @property
    def trainer(self) -> Trainer | None:
        """The last training run; it is saved with the model."""
        return self._trainer

    @property
    def history(self) -> History | None:
        """What the last training run recorded; it is saved with the model."""
        return None if self._trainer is None else self._trainer.history

    # ---- steps and evaluation

    def train_step(
        self,
        tokens: npt.ArrayLike,
        targets: npt.ArrayLike,
        learning_rate: float | None = None,
        clip: float | None = CLIP,
        weight_decay: float = 0.0,
    ) -> StepResult:
        """Learn from the next chunk of streams, beginning in the state that the step before left, in one call.

        Parameters
        ----------
        tokens, targets : array of ints
            (T, B): T steps of B streams; targets are the tokens that follow, -1 where there is none.
        learning_rate : float, optional
            At least 0; the solver's own where absent.
        clip : float, optional
            The bound on gradients, above 0; None for none.
        weight_decay : float
            The fraction of each weight that is subtracted besides, at least 0.

        Raises
        ------
        RuntimeError
            If there is no optimizer yet.
        FloatingPointError
            Naming the parameter whose gradient is infinite or NaN; everything is as before.
        """
        read, aims = np.asarray(tokens), np.asarray(targets)
        if read.ndim != 2 or aims.shape != read.shape:
            raise ValueError(
                f"tokens have shape {read.shape} and targets {aims.shape}; expected (T, B) of both"
            )
        T, B = read.shape
        read, aims = _tokens(read, "tokens"), _tokens(aims, "targets")
        result = _c.StepResult()
        _lib.recurrent_text_model_train_step(
            self._handle.value,
            read.ctypes.data_as(_ints),
            aims.ctypes.data_as(_ints),
            T,
            B,
            math.nan if learning_rate is None else as_float(learning_rate, "learning_rate"),
            as_float(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            ctypes.byref(result),
        )
        return StepResult(result.loss, result.gradient_norm, result.ratio_clipped)

    def reset_state(self) -> None:
        """Forget the streams: the next step begins in zeros, with any number of them."""
        _lib.recurrent_text_model_reset_state(self._handle.value)

    def evaluate(
        self,
        text: str | bytes | npt.ArrayLike,
        batch_size: int = 1,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> float:
        """Nats per token: the mean of -ln p over all tokens but the first, each predicted from those before it.

        Parameters
        ----------
        text : str, bytes or array of ints
            At least two tokens.
        batch_size : int
            The tokens are split into this number of equal parts that are evaluated in parallel, each from a zero
            state: 1 gives the exact value, more is faster.
        errors, replacement
            As for ``encode``.
        """
        tokens = (
            self.encode(text, errors, replacement)
            if isinstance(text, (str, bytes))
            else _whole(text, "text").ravel()
        )
        count, most = len(tokens) - 1, as_int(batch_size, "batch_size")
        if count < 1:
            raise ValueError(f"there are {len(tokens)} tokens; expected at least 2")
        if most < 1:
            raise ValueError(f"batch_size is {batch_size}; expected at least 1")
        tokens = np.ascontiguousarray(tokens, np.int64)
        B = min(most, count)
        length, step, nats = -(-count // B), ctypes.c_int64(), ctypes.c_double()
        state = self.network.zero_state(B).flat
        # one slice per call: between two calls Python handles an interrupt
        while step.value < length:
            _lib.recurrent_text_model_evaluate(
                self._handle.value,
                _c.as_ints(tokens),
                len(tokens),
                most,
                1,
                _c.as_values(state),
                ctypes.byref(step),
                ctypes.byref(nats),
            )
        return nats.value / count

    # ---- writing

    def sample(
        self,
        n: int,
        prompt: str | bytes = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Iterable[str] | None = None,
        rng: RNG = None,
        *,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> str:
        """Read ``prompt``, then write.

        Parameters
        ----------
        n : int
            The most tokens to write: characters, or bytes.
        prompt : str or bytes
            What the text begins with; it is not part of what is returned. Empty: a line's end is read, where the
            vocabulary has none a space, else token 0.
        temperature : float
            Scores are divided by it: below 1 is cautious, above 1 is wild. 0 takes the likeliest each time.
        top_k, top_p, min_p, repetition_penalty, repetition_window
            As for ``recurrent.probabilities``; ``prompt`` counts as seen.
        stop : str or iterable of str, optional
            Texts that end the writing; the one that does is not part of what is returned.
        rng : int, numpy.random.Generator, Random, optional
            The same int, the same text, in every language.
        errors, replacement
            As for ``encode``, for characters of ``prompt``.
        """
        generator = self._generator(
            _count(n),
            prompt,
            rng,
            stop,
            (errors, replacement),
            sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        random = generator.random
        drawn = random.state if random else None
        try:
            return "".join(_pieces(generator, CHUNK_TOKENS))
        except BaseException:
            if random and drawn:
                random.state = drawn
            raise

    def stream(
        self,
        n: int | None = None,
        prompt: str | bytes = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Iterable[str] | None = None,
        rng: RNG = None,
        *,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> Iterator[str]:
        """The text of ``sample`` character by character, each as soon as it is sure.

        Parameters
        ----------
        n : int, optional
            The most tokens to write; without end where absent.
        prompt, temperature, top_k, top_p, stop, rng, min_p, repetition_penalty, repetition_window
            As for ``sample``.
        errors, replacement
            As for ``sample``. What may be the beginning of a ``stop`` is held back until it is sure.
        """
        generator = self._generator(
            None if n is None else _count(n),
            prompt,
            rng,
            stop,
            (errors, replacement),
            sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        return (character for piece in _pieces(generator, 1) for character in piece)

    def _generator(
        self,
        count: int | None,
        prompt: str | bytes,
        rng: RNG,
        stop: Any,
        errors: tuple[str, str | None],
        settings: dict[str, Any],
    ) -> Generator:
        stops = [stop] if isinstance(stop, str) else list(stop or ())
        for one in stops:
            as_text(one, "stop")
        as_errors(*errors)
        settings |= {"max_tokens": count, "stop": stops, "errors": errors[0], "replacement": errors[1]}
        random = as_random_or_shared(rng) if settings["temperature"] != 0 else None
        return Generator.of_text(self._handle, _bytes(prompt), settings, random)

    # ---- introspection

    def activations(
        self,
        text: str | bytes,
        names: Sequence[str] | None = None,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """What every layer does while it reads a text from zeros: outputs, cells and gates.

        Parameters
        ----------
        text : str or bytes
            At least one token.
        names : list of str, optional
            Which ones, as for ``network.activations``: ``"h0"`` is layer 0's output, ``"c1"`` layer 1's cell,
            ``"f1"`` its forget gate; all of them where absent.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        activations : dict of arrays
            (T, H) each: row t is what there is after token t; column j is unit j.
        """
        return _activations.activations(self.network, self.encode(text, errors, replacement), names)

    def next_characters(
        self, text: str | bytes, k: int = 5, errors: str = "strict", replacement: str | None = None
    ) -> list[list[tuple[str, float]]]:
        """After each token of a text, the ``k`` likeliest to come next, with their probabilities.

        Parameters
        ----------
        text : str or bytes
            At least one token; read from zeros.
        k : int
            How many, at least 1; no more than there are letters.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        guesses : list of lists of (str, float)
            One for each token, the likeliest first; ``guesses[-1]`` is what comes after the text. A byte that is no
            ASCII character is written in hexadecimal.
        """
        tokens = self.encode(text, errors, replacement)
        return _activations.next_characters(self.network, tokens, self.characters, k)

    def gradient_norms(
        self, text: str | bytes, errors: str = "strict", replacement: str | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """How strongly each moment of a text bears on the prediction of its last token.

        Parameters
        ----------
        text : str or bytes
            At least three tokens; read from zeros.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        norms : dict of arrays
            ``"h0"``, ``"h1"``, …, and an LSTM's ``"c0"``, …: number t is ‖∂L/∂s‖ of the state s that is carried on
            after token t, L being -ln p of the last token; two fewer than there are tokens. The weights' gradients are
            as before.

        References
        ----------
        Pascanu, Mikolov and Bengio, ICML 2013.
        """
        return _activations.gradient_norms(self.network, self.encode(text, errors, replacement))

    def html(
        self,
        text: str | bytes,
        activation: str,
        unit: int,
        k: int = 5,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> text_html.HTML:
        """A text colored by what one unit does, as a page of its own; the pointer shows what is expected next.

        Parameters
        ----------
        text : str or bytes
            At least one token, at most 20,000; read from zeros.
        activation : str
            What of a layer, as for ``activations``: ``"c1"`` is layer 1's cell, of which tanh is shown.
        unit : int
            Which of its units, from 0.
        k : int
            How many guesses are shown for each character.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        page : str
            HTML that needs nothing else; a notebook shows it, ``page.save(path)`` writes it.

        References
        ----------
        Karpathy, Johnson and Fei-Fei, arXiv:1506.02078.
        """
        layers = " ".join(map(str, self.hidden_sizes))
        return text_html.page(
            self.network,
            self.encode(text, errors, replacement),
            self.characters,
            self.tokenizer == "bytes",
            activation,
            unit,
            k,
            f"{self.cell} {layers}, {self.step:,} steps",
        )

    # ---- files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file, with a checksum; a crash leaves the old file or the new one.

        Raises
        ------
        OSError
            With the system's reason; the old file is as it was.
        FloatingPointError
            Naming a weight that is infinite or NaN; the old file is as it was.
        """
        encoded = as_path(path)
        run = None if self._trainer is None else json.dumps(self._trainer.to_dict(), separators=(",", ":"))
        self._set_metadata("training", (run or "").encode())
        _lib.recurrent_text_model_save(self._handle.value, encoded, len(encoded))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TextModel:
        """A model as it was saved, to go on to the same bits.

        Raises
        ------
        OSError
            FileNotFoundError, PermissionError, IsADirectoryError, …
        ValueError
            For a file that is damaged in any bit, truncated, from a newer version or not a text model.
        """
        encoded = as_path(path)
        handle = _c.new(_lib.recurrent_text_model_load, _lib.recurrent_text_model_free, encoded, len(encoded))
        model = cls.__new__(cls)
        model._random = as_random(None)
        model._attach(handle)
        return model

    def __reduce__(self) -> NoReturn:
        raise TypeError("a TextModel is not pickled; use save and load")

    def __repr__(self) -> str:
        state = "not built" if self._model is None else f"{self._network.input_size} tokens, step {self.step}"
        return f"<TextModel: {self.cell} {self.hidden_sizes}, {self.tokenizer}, {self.dtype}, {state}>"


def _callables(callbacks: Any) -> list[Callback]:
    listeners = list(callbacks)
    for listener in listeners:
        if not callable(listener):
            raise TypeError(f"callbacks has a {type(listener).__name__}; expected functions")
    return listeners


def _info(handle: _c.Handle) -> _c.TextModelInfo:
    info = _c.TextModelInfo()
    _lib.recurrent_text_model_get_info(handle.value, ctypes.byref(info))
    return info


def _optimizer_of(handle: _c.Handle) -> Optimizer | None:
    try:
        return Optimizer._from_handle(
            _c.new(
                _lib.recurrent_text_model_optimizer, _lib.recurrent_optimizer_free, handle.value, owner=handle
            )
        )
    except RuntimeError:
        # there is none yet
        return None


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else as_text(value, "text")


def _whole(values: Any, name: str) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} has elements of type {array.dtype}; expected ints")
    return array


def _tokens(values: Any, name: str) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(_whole(values, name), np.int64)


def _pieces(generator: Generator, chunk: int) -> Iterator[str]:
    """Yields the text of a generator, ``chunk`` tokens in one call of the library."""
    while not generator.has_ended:
        yield generator.next_text(chunk)


def _count(n: Any) -> int:
    count = as_int(n, "n")
    if count < 0:
        raise ValueError(f"n is {count}; expected 0 or more")
    return count
