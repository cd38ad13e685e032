"""TextModel: a tokenizer, a network, an optimizer and the state of training."""

from __future__ import annotations

import ctypes
import json
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
from ..nn.layers import network_of, set_forget_bias
from ..nn.network import Network
from ..optim.optimizer import Optimizer
from ..optim.schedules import Schedule
from ..parameters import CELLS, Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import sampler
from ..state import StepResult
from ..training.history import History
from ..training.options import BATCH_SIZE, CHECKPOINT_MINUTES, CLIP, SEQ_LENGTH, VALIDATION_SPLIT
from ..training.trainer import Callback, Trainer
from .generation import decode_stream

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_ints = ctypes.POINTER(ctypes.c_int64)
# by recurrent_alphabet
TOKENIZERS = ("characters", "bytes")


class TextModel:
    """A network that predicts the next token of a text, with everything needed to resume training.

    A token is a character (a Unicode code point; nothing is normalized) or a byte. A file holds the weights, the
    optimizer, dropout's generator, the carried state, the step, the vocabulary and the metadata.

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu"}
        The kind of layer.
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    embedding : int, optional
        The width of the embedding; one-hot input where absent.
    dropout : float
        The fraction of the outputs between layers that training steps zero, at least 0 and below 1.
    tokenizer : {"characters", "bytes"}
        What a token is.
    dtype : {"float32", "float64"}
        The type of the elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights, uniform on ±0.08, and dropout's seed. Biases are 0, except forget biases.
    tied : bool
        Use the embedding's table as the decoder's matrix; it is as wide as the top layer.
    forget_bias : float
        The initial forget biases of an LSTM; other cells have none.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.

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
                raise ValueError(f"{name} is unknown; expected one of {', '.join(known)}, got {value!r}")
        self.hidden_sizes: list[int] = as_sizes(hidden_sizes, "hidden_sizes").tolist()
        self.cell, self.tokenizer, self.tied = cell, tokenizer, bool(tied)
        self.embedding: int | None = None if embedding is None else as_int(embedding, "embedding")
        if tied and self.embedding is None:
            self.embedding = self.hidden_sizes[-1]
        for name, size in (("embedding", self.embedding), *(("hidden_sizes", n) for n in self.hidden_sizes)):
            if size is not None and size < 1:
                raise ValueError(f"{name} is out of range; expected at least 1, got {size}")
        if tied and self.embedding != self.hidden_sizes[-1]:
            raise ValueError(
                f"embedding is out of range; expected {self.hidden_sizes[-1]}, as it is tied, got {embedding}"
            )
        self.dropout: float = as_float(dropout, "dropout")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is out of range; expected at least 0 and below 1, got {dropout}")
        self._forget_bias = as_float(forget_bias, "forget_bias")
        self._code = as_dtype(dtype)
        self._random = as_random(rng)
        self._model: _c.Handle | None = None
        self._metadata = ""
        self._trainer: Trainer | None = None

    # ---- what it is made of

    def build(self, text: str | bytes) -> TextModel:
        """Takes the vocabulary from a text and draws the weights; ``fit`` does so if necessary.

        Parameters
        ----------
        text : str or bytes
            All characters of the vocabulary, in any order and number; bytes are UTF-8.

        Returns
        -------
        TextModel
            This model.

        Raises
        ------
        RuntimeError
            If the model is built already.
        ValueError
            If the text is empty, or not UTF-8, with the index of the first invalid byte.
        """
        if self._model is not None:
            raise RuntimeError("the model is built already; expected a new TextModel")
        data = _bytes(text)
        widths = np.array(self.hidden_sizes, np.int64)
        self._attach(
            _c.new(
                _lib.recurrent_text_model_create,
                _lib.recurrent_text_model_free,
                data,
                len(data),
                TOKENIZERS.index(self.tokenizer),
                CELLS.index(self.cell),
                self._code,
                widths.ctypes.data_as(_ints),
                len(widths),
                self.embedding or 0,
                int(self.tied),
                self.dropout,
                self._random._handle.value,
            )
        )
        set_forget_bias(self._network, self._forget_bias)
        return self

    def _attach(self, handle: _c.Handle) -> None:
        """Takes over a text model of the library."""
        info = _info(handle)
        widths = (ctypes.c_int64 * info.layers)()
        _lib.recurrent_text_model_hidden_sizes(handle.value, widths, len(widths))
        codes = (ctypes.c_uint32 * info.letters)()
        _lib.recurrent_text_model_letters(handle.value, codes, len(codes))
        inside = _c.new(
            _lib.recurrent_text_model_network, _lib.recurrent_model_free, handle.value, owner=handle
        )
        self.cell = CELLS[info.cell]
        self.tokenizer, self._code, self.tied = TOKENIZERS[info.alphabet], info.dtype, bool(info.tied)
        self.hidden_sizes, self.embedding, self.dropout = list(widths), info.embedding or None, info.dropout
        self._network = network_of(
            inside, self.cell, info.dtype, info.letters, info.embedding, self.hidden_sizes, self.tied
        )
        self._network._dropout = info.dropout
        self._characters: list[str] = [] if self.tokenizer == "bytes" else [chr(code) for code in codes]
        self._optimizer = _optimizer_of(handle)
        self._model = handle
        self._read_metadata()

    @property
    def _handle(self) -> _c.Handle:
        if self._model is None:
            raise RuntimeError("the model has no vocabulary; expected fit, build or load first")
        return self._model

    @property
    def is_built(self) -> bool:
        """Whether the model has a vocabulary and weights."""
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
        r"""A label of each token, from 0: its character; of a byte beyond ASCII its code, such as ``\xC3``."""
        _ = self._handle
        if self.tokenizer == "bytes":
            return [chr(token) if token < 128 else f"\\x{token:02X}" for token in range(256)]
        return list(self._characters)

    @property
    def network(self) -> Network:
        """The network, an ``LSTM``, ``GRU`` or ``RNN`` over tokens, on the same weights."""
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
        """The type of all elements."""
        return DTYPES[self._code]  # type: ignore[no-any-return]

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer; assignable. It is saved with the model."""
        _ = self._handle
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer has the wrong type; expected an Optimizer, got {type(optimizer).__name__}"
            )
        _lib.recurrent_text_model_set_solver(self._handle.value, optimizer._handle.value)
        self._optimizer = optimizer

    @property
    def step(self) -> int:
        """The number of training steps made."""
        return int(_info(self._handle).step)

    @property
    def batch_size(self) -> int:
        """The number of sequences whose state is carried from step to step; 0 for none."""
        return int(_info(self._handle).streams)

    @property
    def metadata(self) -> str:
        """Text of the caller that is saved with the model; assignable."""
        _ = self._handle
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: str) -> None:
        self._write_metadata(as_text(metadata, "metadata"))
        self._metadata = metadata

    def _read_metadata(self) -> None:
        """Reads the metadata: the caller's text, or the saved training run that contains it."""
        length = ctypes.c_int64(_info(self._handle).notes_length)
        buffer = ctypes.create_string_buffer(max(1, length.value))
        _lib.recurrent_text_model_notes(self._handle.value, buffer, len(buffer), ctypes.byref(length))
        metadata = buffer.raw[: length.value].decode()
        self._trainer = None
        if metadata.startswith(_RUN):
            try:
                both = json.loads(metadata)
                self._metadata = both["notes"]
            except (KeyError, ValueError):
                raise ValueError(
                    "the training run in the file cannot be read: it is not JSON with notes"
                ) from None
            self._trainer = Trainer.from_dict(both["fit"])
        else:
            self._metadata = metadata

    def _write_metadata(self, data: bytes) -> None:
        _lib.recurrent_text_model_set_notes(self._handle.value, data, len(data))

    # ---- text and tokens

    def encode(
        self, text: str | bytes, errors: str = "strict", replacement: str | None = None
    ) -> npt.NDArray[np.int64]:
        """Returns the tokens of a text.

        Parameters
        ----------
        text : str or bytes
            Bytes are UTF-8; of any value where tokens are bytes.
        errors : {"strict", "ignore", "replace"}
            How to handle characters outside the vocabulary: raise an error, skip them, or encode ``replacement``.
        replacement : str, optional
            A character of the vocabulary, with ``errors="replace"``.

        Returns
        -------
        array of int
            (T,).

        Raises
        ------
        ValueError
            If a character is outside the vocabulary, with its index, or a byte is not UTF-8.

        Examples
        --------
        >>> import recurrent
        >>> tm = recurrent.TextModel(hidden_sizes=[4], rng=1).build("abc")
        >>> tm.encode("cab").tolist(), tm.encode("xa", errors="ignore").tolist()
        ([2, 0, 1], [0])
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
        """Returns the text of tokens.

        Of bytes, invalid UTF-8 becomes U+FFFD and an incomplete trailing character is omitted.

        Parameters
        ----------
        tokens : array of int
            Any shape.

        Returns
        -------
        str
            The text.

        Raises
        ------
        IndexError
            If a token is out of range.
        TypeError
            If the tokens are not ints.
        """
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
        """Trains on a text.

        The text is cut into ``batch_size`` contiguous sequences, which are read in chunks of ``seq_length`` tokens;
        the state is carried from chunk to chunk (Williams and Peng, Neural Computation 2, 1990). Ctrl-C stops after
        the current step; ``resume`` continues.

        Parameters
        ----------
        text : str, bytes or Path
            The text, or the Path of a UTF-8 file of at most 1 GiB. It gives the vocabulary if the model has none.
            Nothing is normalized: CRLF stays two characters. The byte order mark of a file is removed unless tokens
            are bytes.
        steps : int
            The number of further steps.
        batch_size : int
            The number of sequences.
        seq_length : int
            The tokens of each sequence in a step; gradients are truncated there.
        optimizer : Optimizer, optional
            The optimizer; where absent the model's own, and initially char-rnn's with bias correction,
            ``RMSProp(learning_rate=2e-3, alpha=0.95, eps=1e-8)``.
        schedule : Schedule, optional
            The learning rates, of ``recurrent.schedules``; the first step of the run is its step 0.
        validation_split : float
            The fraction at the end of the text that is held out for validation, at least 0 and below 1. Unused with
            ``validation_data``.
        validation_data : str, bytes or Path, optional
            Another text for validation.
        checkpoint : str or Path, optional
            The file to save to, during training and at its end.
        progress : bool
            Whether to show a bar, by tqdm, in terminals and notebooks.
        callbacks : iterable of callable
            Called with a ``StepReport`` after every step; a callback that returns True stops the run.
        learning_rate : float, optional
            Replaces the optimizer's. Without both it and a schedule, the optimizer's is read before each step, so
            that a callback may change it: ``report.model.optimizer.learning_rate *= 0.5``.
        clip : float, optional
            The gradient clipping threshold, above 0; None for none. Applied per element, per tensor or globally
            according to the optimizer's ``clipping``.
        evaluate_every : int, optional
            Steps between two validations; where absent 500, or more, so that validation takes about 10% of the time
            at most. The end of the run is validated besides.
        patience : int, optional
            Stop after this number of validations without a new lowest loss.
        checkpoint_every : int, optional
            Steps between two saves.
        checkpoint_minutes : float, optional
            Minutes between two saves; the earlier of both applies.
        keep_best : bool
            Whether to save the model of the lowest validation loss too: model.safetensors as model.best.safetensors.
        record_every : int, optional
            Steps for each record of the history; where absent 1, and more in runs above 20,000 steps.
        errors, replacement
            As for ``encode``, for characters outside a vocabulary that the model has already.

        Returns
        -------
        History
            The records, also at ``history``.

        Raises
        ------
        OSError
            If the text cannot be read, or the last save fails; an earlier save that fails is a warning.
        ValueError, TypeError
            If an argument is out of range, or the text is unreadable or too short; the model is unchanged.
        FloatingPointError
            If training diverges, with the name of the parameter; saved files are unchanged.

        Examples
        --------
        >>> import recurrent
        >>> tm = recurrent.TextModel("gru", [16], rng=1)
        >>> history = tm.fit("hello help " * 50, 60, batch_size=5, seq_length=10, progress=False)
        >>> history.stop_reason, tm.step, history.train[-1][1] < history.train[0][1]
        ('steps', 60, True)
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
        """Continues an interrupted or finished ``fit``, to the same bits as without the interruption.

        Parameters
        ----------
        text : str, bytes or Path, optional
            The same text; where absent, its file.
        steps : int, optional
            The number of further steps; where absent, those that remain.
        progress, callbacks
            As for ``fit``.
        validation_data : str, bytes or Path, optional
            The same validation text, if there was one and it was not a file.
        checkpoint : str or Path, optional
            The file to save to; where absent, that of ``fit``.

        Returns
        -------
        History
            The records of the whole run.

        Raises
        ------
        ValueError
            If the text differs from that of the run, or no steps remain.
        RuntimeError
            If there is no run to resume.
        """
        shows, listeners = as_flag(progress, "progress"), _callables(callbacks)
        if self._trainer is None:
            raise RuntimeError("the model has no training run; expected fit first")
        self._trainer.resume(self, text, steps, validation_data, checkpoint)
        return self._trainer.run(self, shows, listeners)

    @property
    def trainer(self) -> Trainer | None:
        """The last training run; it is saved with the model."""
        return self._trainer

    @property
    def history(self) -> History | None:
        """The records of the last training run, which are saved with the model; None without one."""
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
        """Makes one training step on the next chunk, from the carried state.

        Parameters
        ----------
        tokens, targets : array of int
            (T, B): T steps of B sequences; targets are the tokens that follow, -1 for none.
        learning_rate : float, optional
            At least 0; the optimizer's own where absent.
        clip : float, optional
            The gradient clipping threshold, above 0; None for none.
        weight_decay : float
            The fraction of each weight that is subtracted besides, at least 0.

        Returns
        -------
        StepResult
            The loss before the update, in nats per token; ``state`` is None, as the model keeps it.

        Raises
        ------
        RuntimeError
            If the model has no optimizer.
        FloatingPointError
            If a gradient is infinite or NaN, with the parameter's name; the model is unchanged.
        ValueError, TypeError, IndexError
            If an argument has the wrong shape, type or range.
        """
        read, aims = np.asarray(tokens), np.asarray(targets)
        if read.ndim != 2 or aims.shape != read.shape:
            raise ValueError(
                f"tokens and targets have the wrong shape; expected (T, B), got {read.shape} and {aims.shape}"
            )
        T, B = read.shape
        read, aims = _tokens(read, "tokens"), _tokens(aims, "targets")
        rate = (
            as_float(learning_rate, "learning_rate") if learning_rate is not None else self._learning_rate()
        )
        result = _c.TrainResult()
        _lib.recurrent_text_model_train_step(
            self._handle.value,
            read.ctypes.data_as(_ints),
            aims.ctypes.data_as(_ints),
            T,
            B,
            rate,
            as_float(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            ctypes.byref(result),
        )
        return StepResult(result.loss, result.gradient_norm, result.ratio_clipped)

    def _learning_rate(self) -> float:
        if self.optimizer is None:
            raise RuntimeError("the model has no optimizer; expected one before a training step")
        return self.optimizer.learning_rate

    def reset_state(self) -> None:
        """Resets the carried state: the next step starts from zeros, with any batch size."""
        _lib.recurrent_text_model_reset_state(self._handle.value)

    def evaluate(
        self,
        text: str | bytes | npt.ArrayLike,
        batch_size: int = 1,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> float:
        """Returns the mean of -ln p over all tokens but the first, in nats per token, without updating the weights.

        Parameters
        ----------
        text : str, bytes or array of int
            At least two tokens.
        batch_size : int
            The tokens are split into this number of equal parts that are evaluated in parallel, each from a zero
            state: 1 gives the exact value, more is faster.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        float
            Nats per token.

        Raises
        ------
        ValueError, TypeError, IndexError
            If the text is too short, or a token is out of range.
        """
        tokens = (
            self.encode(text, errors, replacement)
            if isinstance(text, (str, bytes))
            else _whole(text, "text").ravel()
        )
        count, most = len(tokens) - 1, as_int(batch_size, "batch_size")
        if count < 1:
            raise ValueError(f"text has the wrong length; expected at least 2 tokens, got {len(tokens)}")
        if most < 1:
            raise ValueError(f"batch_size is out of range; expected at least 1, got {batch_size}")
        # checked here, as the library would take a last token of -1 for no target
        if (wrong := (tokens < 0) | (tokens >= self.network.input_size)).any():
            at = int(wrong.argmax())
            raise IndexError(
                f"token {at} is out of range; expected 0 to {self.network.input_size - 1}, got {tokens[at]}"
            )
        B = min(most, count)
        length = -(-count // B)
        # part b starts at b·length; positions beyond the end have no target
        starts = np.arange(B, dtype=np.int64) * length
        state, loss, total = self.network.zero_state(B).flat, ctypes.c_double(), 0.0
        # in chunks: between two calls Python handles an interrupt
        for at in range(0, length, part := max(1, min(length, CHUNK_TOKENS, 8192 // B))):
            places = starts + np.arange(at, min(at + part, length))[:, None]
            inside = places < count
            places = np.where(inside, places, 0)
            x = tokens[places].astype(np.int64)
            y = np.where(inside, tokens[places + 1].astype(np.int64), -1)
            _lib.recurrent_model_loss(
                self._network._handle.value,
                None,
                x.ctypes.data_as(_ints),
                y.ctypes.data_as(_ints),
                None,
                len(x),
                B,
                state.ctypes.data,
                None,
                state.ctypes.data,
                ctypes.byref(loss),
            )
            total += loss.value * int((y >= 0).sum())
        return total / count

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
        r"""Generates text after a prompt.

        Parameters
        ----------
        n : int
            The largest number of tokens: characters, or bytes.
        prompt : str or bytes
            The text to start from, not part of the result. If empty, the model starts from ``"\n"``, or ``" "`` if the
            vocabulary has no newline, or token 0.
        temperature : float
            The divisor of the scores, at least 0: below 1 favors likely tokens, 0 takes the likeliest.
        top_k : int, optional
            Keep the k likeliest tokens, at least 1.
        top_p : float, optional
            Keep the likeliest tokens until their probability reaches this, above 0 and at most 1.
        stop : str or iterable of str, optional
            Strings that end the text and are not part of it.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; equal seeds give equal texts in every language.
        min_p : float, optional
            Keep tokens with p ≥ min_p · max p, 0 to 1.
        repetition_penalty : float
            The divisor of positive scores, and factor of negative ones, of recent tokens; 1 for none.
        repetition_window : int
            The number of recent tokens that are penalized, the prompt included.
        errors, replacement
            As for ``encode``, for characters of the prompt.

        Returns
        -------
        str
            The text after the prompt.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        count = _count(n)
        generator, stops = self._generator(
            prompt,
            rng,
            stop,
            errors,
            replacement,
            (temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        random = generator.random
        drawn = random.state if random else None
        try:
            return "".join(decode_stream(generator, self._known, count, stops, 1 if stops else CHUNK_TOKENS))
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
        r"""Yields the text of ``sample`` character by character, each as soon as it is complete.

        A suffix that may become a ``stop`` string is held back.

        Parameters
        ----------
        n : int, optional
            The largest number of tokens; no limit where absent.
        prompt : str or bytes
            The text to start from, not part of the result. If empty, the model starts from ``"\n"``, or ``" "`` if the
            vocabulary has no newline, or token 0.
        temperature, top_k, top_p, stop, rng, min_p, repetition_penalty, repetition_window
            As for ``sample``.
        errors, replacement
            As for ``sample``.

        Yields
        ------
        str
            One character.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        count = None if n is None else _count(n)
        generator, stops = self._generator(
            prompt,
            rng,
            stop,
            errors,
            replacement,
            (temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        # raise errors now, not at the first character
        generator.generate(0)
        return decode_stream(generator, self._known, count, stops, 1)

    def _generator(
        self,
        prompt: str | bytes,
        rng: RNG,
        stop: Any,
        errors: str,
        replacement: str | None,
        settings: tuple[Any, ...],
    ) -> tuple[Generator, list[str]]:
        stops = [stop] if isinstance(stop, str) else list(stop or ())
        for one in stops:
            as_text(one, "stop")
            if not one:
                raise ValueError("stop is empty; expected at least one character, got none")
        tokens = self.encode(prompt, errors, replacement)
        if not len(tokens):
            tokens = np.array([self._default_prompt()])
        state, chosen = self.network.zero_state().flat, sampler(*settings)
        random = as_random_or_shared(rng) if chosen.temperature != 0 else None
        return Generator(self._network._handle, tokens, state, chosen, random, -1), stops

    @property
    def _known(self) -> list[str] | None:
        return None if self.tokenizer == "bytes" else self._characters

    def _default_prompt(self) -> int:
        for letter in "\n", " ":
            if self.tokenizer == "bytes":
                return ord(letter)
            if letter in self._characters:
                return self._characters.index(letter)
        return 0

    # ---- introspection

    def activations(
        self,
        text: str | bytes,
        names: Sequence[str] | None = None,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Computes the activations of all layers over a text: outputs, cells and gates.

        Parameters
        ----------
        text : str or bytes
            At least one token, read from a zero state; bytes are UTF-8.
        names : list of str, optional
            Names as for ``Network.activations``: ``"h0"`` is layer 0's output, ``"c1"`` layer 1's cell, ``"f1"``
            its forget gate; all where absent.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        dict of str to array
            (T, H) each: row t is the value after token t, column j is unit j.

        Raises
        ------
        IndexError
            If a name is unknown.
        ValueError, TypeError
            If the text is empty or has characters outside the vocabulary.
        """
        return _activations.activations(self.network, self.encode(text, errors, replacement), names)

    def next_characters(
        self, text: str | bytes, k: int = 5, errors: str = "strict", replacement: str | None = None
    ) -> list[list[tuple[str, float]]]:
        """Returns the ``k`` likeliest next characters after each token of a text.

        Parameters
        ----------
        text : str or bytes
            At least one token, read from a zero state; bytes are UTF-8.
        k : int
            At least 1; limited by the size of the vocabulary.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        list of list of (str, float)
            For each token the characters and their probabilities, the likeliest first; the last element predicts
            what follows the text. Bytes beyond ASCII are written in hexadecimal.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        tokens = self.encode(text, errors, replacement)
        return _activations.next_characters(self.network, tokens, self.characters, k)

    def gradient_norms(
        self, text: str | bytes, errors: str = "strict", replacement: str | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Returns how strongly the prediction of a text's last token depends on each earlier state.

        Parameters
        ----------
        text : str or bytes
            At least three tokens, read from a zero state; bytes are UTF-8.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        dict of str to array
            ``"h0"``, ``"h1"``, … and an LSTM's ``"c0"``, …: (T - 2,) each; element t is ‖∂L/∂s‖ of the state s
            after token t, L being -ln p of the last token. The weights' gradients are unchanged.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.

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
        """Returns a page that colors each character of a text by the activation of one unit.

        Parameters
        ----------
        text : str or bytes
            1 to 20,000 tokens, read from a zero state; bytes are UTF-8.
        activation : str
            A name as for ``activations``: ``"c1"`` is layer 1's cell, shown through tanh.
        unit : int
            The index of the unit, from 0.
        k : int
            The number of predictions shown at each character.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        str
            Self-contained HTML; notebooks display it, ``page.save(path)`` writes it.

        Raises
        ------
        IndexError
            If ``activation`` or ``unit`` is unknown.
        ValueError, TypeError
            If the text is too long, or has characters outside the vocabulary.

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
        """Writes the model to a safetensors file with a checksum. A crash leaves the old file or the new one.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        OSError
            If the file cannot be written; the old file is unchanged.
        FloatingPointError
            If a weight is infinite or NaN, with its name; the old file is unchanged.
        """
        encoded = as_path(path)
        if self._trainer is not None:
            both = json.dumps(
                {"fit": self._trainer.to_dict(), "notes": self._metadata}, separators=(",", ":")
            )
            self._write_metadata(both.encode())
        _lib.recurrent_text_model_save(self._handle.value, encoded, len(encoded))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TextModel:
        """Returns the model of a file, which resumes training to the same bits.

        Parameters
        ----------
        path : str or Path
            A file that ``save`` wrote.

        Returns
        -------
        TextModel
            The model.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is damaged, truncated, of a newer version or not a text model.
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


# the beginning of metadata that contains a training run
_RUN = '{"fit":{'


def _callables(callbacks: Any) -> list[Callback]:
    listeners = list(callbacks)
    for listener in listeners:
        if not callable(listener):
            raise TypeError(
                f"callbacks has the wrong type; expected functions, got {type(listener).__name__}"
            )
    return listeners


def _info(handle: _c.Handle) -> _c.TextModelInfo:
    info = _c.TextModelInfo()
    _lib.recurrent_text_model_describe(handle.value, ctypes.byref(info))
    return info


def _optimizer_of(handle: _c.Handle) -> Optimizer | None:
    try:
        return Optimizer._from_handle(
            _c.new(_lib.recurrent_text_model_solver, _lib.recurrent_solver_free, handle.value, owner=handle)
        )
    except RuntimeError:
        # not set yet
        return None


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else as_text(value, "text")


def _whole(values: Any, name: str) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} has the wrong type; expected ints, got elements of type {array.dtype}")
    return array


def _tokens(values: Any, name: str) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(_whole(values, name), np.int64)


def _count(n: Any) -> int:
    count = as_int(n, "n")
    if count < 0:
        raise ValueError(f"n is out of range; expected at least 0, got {count}")
    return count
