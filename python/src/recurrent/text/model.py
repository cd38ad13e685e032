"""TextModel: a tokenizer, a network, an optimizer and the state of training."""

from __future__ import annotations

import codecs
import ctypes
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

import numpy as np

from .. import _c
from .._arrays import as_sizes, as_tokens
from .._checks import (
    DTYPES,
    as_dtype,
    as_errors,
    as_flag,
    as_float,
    as_int,
    as_limit,
    as_path,
    as_text,
)
from .._readonly import ReadOnly
from ..introspection import activations as _activations
from ..introspection import text_html
from ..mat import Mat
from ..nn.generation import CHUNK_TOKENS, Generator
from ..nn.layers import network_of
from ..nn.network import Network
from ..optim.optimizer import Optimizer
from ..optim.schedules import Schedule
from ..outputs import Outputs
from ..parameters import CELLS, Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import sampler_settings
from ..state import StepResult
from ..texts import as_text_or_file
from ..training.history import History
from ..training.options import BATCH_SIZE, CHECKPOINT_MINUTES, CLIP, SEQ_LENGTH, VALIDATION_SPLIT
from ..training.trainer import Callback, Trainer

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_NEW = "a new TextModel"
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

    cell = ReadOnly[str](_NEW)
    tokenizer = ReadOnly[str](_NEW)
    hidden_sizes = ReadOnly["list[int]"](_NEW)
    embedding = ReadOnly["int | None"](_NEW)
    tied = ReadOnly[bool](_NEW)
    dropout = ReadOnly[float](_NEW)

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
        self.hidden_sizes = as_sizes(hidden_sizes, "hidden_sizes").tolist()
        self.cell, self.tokenizer, self.tied = cell, tokenizer, bool(tied)
        width = self.hidden_sizes[-1] if tied and embedding is None else embedding
        self.embedding = None if width is None else as_int(width, "embedding")
        for name, size in (("embedding", self.embedding), *(("hidden_sizes", n) for n in self.hidden_sizes)):
            if size is not None and size < 1:
                raise ValueError(f"{name} is out of range; expected at least 1, got {size}")
        if tied and self.embedding != self.hidden_sizes[-1]:
            raise ValueError(
                f"embedding is out of range; expected {self.hidden_sizes[-1]}, as it is tied, got {embedding}"
            )
        self.dropout = as_float(dropout, "dropout")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is out of range; expected at least 0 and below 1, got {dropout}")
        self._forget_bias = as_float(forget_bias, "forget_bias")
        self._code = as_dtype(dtype)
        self._random = as_random(rng)
        self._model: _c.Handle | None = None
        self._trainer: Trainer | None = None
        self._outputs = Outputs()

    # ---- parts and settings

    def build(self, text: str | bytes | os.PathLike[str]) -> TextModel:
        """Takes the vocabulary from a text and draws the weights; ``fit`` does so if necessary.

        Parameters
        ----------
        text : str, bytes or Path
            All characters of the vocabulary, in any order and number, as for ``fit``; bytes are UTF-8.

        Returns
        -------
        TextModel
            This model.

        Raises
        ------
        RuntimeError
            If the model is built already.
        ValueError
            If the text is empty, the name of a file, or not UTF-8, with the index of the first invalid byte.
        """
        if self._model is not None:
            raise RuntimeError("the model is built already; expected a new TextModel")
        data = as_text_or_file(text, "text", self.tokenizer)
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

    @parameters.setter
    def parameters(self, value: Any) -> None:
        self.network.parameters = value

    @property
    def flat(self) -> Mat:
        """All weights as one column."""
        return self.network.flat

    @flat.setter
    def flat(self, value: Any) -> None:
        self.network.flat = value

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
        _lib.recurrent_text_model_set_optimizer(self._handle.value, optimizer._handle.value)
        self._optimizer = optimizer

    @property
    def step(self) -> int:
        """The number of training steps made."""
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
        self, text: str | bytes | os.PathLike[str], errors: str = "strict", replacement: str | None = None
    ) -> npt.NDArray[np.int64]:
        """Returns the tokens of a text.

        Parameters
        ----------
        text : str, bytes or Path
            As for ``fit``. Bytes are UTF-8; of any value where tokens are bytes.
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
            If a character is outside the vocabulary, with its index, a byte is not UTF-8, or a str is the name of a
            file.

        Examples
        --------
        >>> import recurrent
        >>> tm = recurrent.TextModel(hidden_sizes=[4], rng=1).build("abc")
        >>> tm.encode("cab").tolist(), tm.encode("xa", errors="ignore").tolist()
        ([2, 0, 1], [0])
        """
        data, (code, point) = as_text_or_file(text, "text", self.tokenizer), as_errors(errors, replacement)
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

    @overload
    def decode(self, tokens: npt.ArrayLike, as_bytes: Literal[False] = ...) -> str: ...

    @overload
    def decode(self, tokens: npt.ArrayLike, as_bytes: Literal[True]) -> bytes: ...

    def decode(self, tokens: npt.ArrayLike, as_bytes: bool = False) -> str | bytes:
        r"""Returns the text of tokens.

        Parameters
        ----------
        tokens : array of int
            Any shape.
        as_bytes : bool
            Return bytes: those of the tokens as they are, or characters in UTF-8. In a str, invalid UTF-8 becomes
            U+FFFD and an incomplete trailing character is omitted.

        Returns
        -------
        str or bytes
            The text.

        Raises
        ------
        IndexError
            If a token is out of range.
        TypeError
            If the tokens are not ints, or ``as_bytes`` is not a bool.

        Examples
        --------
        >>> import recurrent
        >>> tm = recurrent.TextModel(hidden_sizes=[4], tokenizer="bytes", rng=1).build("")
        >>> tm.decode([99, 233], as_bytes=True)
        b'c\xe9'
        """
        numbers, wants_bytes = as_tokens(tokens, "tokens"), as_flag(as_bytes, "as_bytes")
        buffer, length = ctypes.create_string_buffer(4 * numbers.size + 1), ctypes.c_int64()
        _lib.recurrent_text_model_decode(
            self._handle.value,
            numbers.ctypes.data_as(_ints),
            numbers.size,
            buffer,
            len(buffer),
            ctypes.byref(length),
        )
        data = buffer.raw[: length.value]
        return data if wants_bytes else _shown(data)

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
        encoding: str | None = None,
        overwrite: bool = False,
    ) -> History:
        """Trains on a text.

        The text is cut into ``batch_size`` contiguous sequences, which are read in chunks of ``seq_length`` tokens;
        the state is carried from chunk to chunk (Williams and Peng, Neural Computation 2, 1990). Ctrl-C stops after
        the current step; ``resume`` continues.

        Parameters
        ----------
        text : str, bytes or Path
            The text, or the Path of a file of at most 1 GiB, in UTF-8 or ``encoding``. It gives the vocabulary if the
            model has none. Nothing is normalized: CRLF stays two characters. The byte order mark of a file is removed
            unless tokens are bytes. A str that can only be the name of a file is an error; bytes are always text.
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
            The file to save to, during training and at its end. A file that this model did not write, and a text, are
            not replaced: an error before training.
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
        encoding : str, optional
            The encoding of a file, such as ``"cp1252"`` or ``"utf-16"``; UTF-8 where absent. ``resume`` reads the file
            in the same encoding.
        overwrite : bool
            Whether to replace existing files at ``checkpoint`` and its best model, though never a text.

        Returns
        -------
        History
            The records, also at ``history``.

        Raises
        ------
        FileExistsError
            If the checkpoint or its best model is a text, or a file that this model did not write; nothing is changed.
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
            encoding=encoding,
            overwrite=overwrite,
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
        overwrite: bool = False,
    ) -> History:
        """Continues an interrupted or finished ``fit``, to the same bits as without the interruption.

        Parameters
        ----------
        text : str, bytes or Path, optional
            The same text; where absent, its file.
        steps : int, optional
            The number of further steps; where absent, the remaining ones.
        progress, callbacks
            As for ``fit``.
        validation_data : str, bytes or Path, optional
            The same validation text, if there was one and it was not a file.
        checkpoint : str or Path, optional
            The file to save to; where absent, that of ``fit``. The file that was loaded and earlier saves of the same
            run are replaced; other files are not.
        overwrite : bool
            Whether to replace existing files at ``checkpoint`` and its best model, though never a text.

        Returns
        -------
        History
            The records of the whole run.

        Raises
        ------
        FileExistsError
            If the checkpoint or its best model is a text, or a file that this run did not write; nothing is changed.
        ValueError
            If the text differs from that of the run, or no steps remain.
        RuntimeError
            If there is no run to resume.
        """
        shows, listeners = as_flag(progress, "progress"), _callables(callbacks)
        if self._trainer is None:
            raise RuntimeError("the model has no training run; expected fit first")
        self._trainer.resume(self, text, steps, validation_data, checkpoint, overwrite)
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
        read, aims = as_tokens(tokens, "tokens"), as_tokens(targets, "targets")
        if read.ndim != 2 or aims.shape != read.shape:
            raise ValueError(
                f"tokens and targets have the wrong shape; expected (T, B), got {read.shape} and {aims.shape}"
            )
        T, B = read.shape
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
        """Resets the carried state: the next step starts from zeros, with any batch size."""
        _lib.recurrent_text_model_reset_state(self._handle.value)

    def evaluate(
        self,
        text: str | bytes | os.PathLike[str] | npt.ArrayLike,
        batch_size: int = 1,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> float:
        """Returns the mean of -ln p over all tokens but the first, in nats per token, without updating the weights.

        Parameters
        ----------
        text : str, bytes, Path or array of int
            At least two tokens; a text as for ``fit``.
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
            If the text is too short or the name of a file, or a token is out of range.
        """
        if isinstance(text, bytearray):
            text = bytes(text)
        tokens = (
            self.encode(text, errors, replacement)
            if isinstance(text, (str, bytes, os.PathLike))
            else as_tokens(text, "text").ravel()
        )
        count, most = len(tokens) - 1, as_int(batch_size, "batch_size")
        if count < 1:
            raise ValueError(f"text has the wrong length; expected at least 2 tokens, got {len(tokens)}")
        if most < 1:
            raise ValueError(f"batch_size is out of range; expected at least 1, got {batch_size}")
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

    @overload
    def sample(
        self,
        n: int,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: str = ...,
        replacement: str | None = ...,
        as_bytes: Literal[False] = ...,
    ) -> str: ...

    @overload
    def sample(
        self,
        n: int,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: str = ...,
        replacement: str | None = ...,
        as_bytes: Literal[True],
    ) -> bytes: ...

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
        as_bytes: bool = False,
    ) -> str | bytes:
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
        as_bytes : bool
            Return bytes, as ``decode`` does: those of the tokens as they are, or characters in UTF-8. In a str,
            invalid UTF-8 becomes U+FFFD and an incomplete trailing character is omitted.

        Returns
        -------
        str or bytes
            The text after the prompt.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        wants_bytes = as_flag(as_bytes, "as_bytes")
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
            data = b"".join(_pieces(generator, CHUNK_TOKENS))
        except BaseException:
            if random and drawn:
                random.state = drawn
            raise
        return data if wants_bytes else _shown(data)

    @overload
    def stream(
        self,
        n: int | None = ...,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: str = ...,
        replacement: str | None = ...,
        as_bytes: Literal[False] = ...,
    ) -> Iterator[str]: ...

    @overload
    def stream(
        self,
        n: int | None = ...,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: str = ...,
        replacement: str | None = ...,
        as_bytes: Literal[True],
    ) -> Iterator[bytes]: ...

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
        as_bytes: bool = False,
    ) -> Iterator[str] | Iterator[bytes]:
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
        errors, replacement, as_bytes
            As for ``sample``.

        Yields
        ------
        str or bytes
            One character; of bytes that are not UTF-8 each byte by itself.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        wants_bytes = as_flag(as_bytes, "as_bytes")
        generator = self._generator(
            None if n is None else _count(n),
            prompt,
            rng,
            stop,
            (errors, replacement),
            sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        pieces = _pieces(generator, 1)
        return _characters_in_bytes(pieces) if wants_bytes else _characters(pieces)

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
        start = prompt if isinstance(prompt, bytes) else as_text(prompt, "prompt")
        return Generator.of_text(self._handle, start, settings, random)

    # ---- introspection

    def activations(
        self,
        text: str | bytes | os.PathLike[str],
        names: Sequence[str] | None = None,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Computes the activations of all layers over a text: outputs, cells and gates.

        Parameters
        ----------
        text : str, bytes or Path
            At least one token, read from a zero state; as for ``encode``.
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
        self,
        text: str | bytes | os.PathLike[str],
        k: int = 5,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Returns the ``k`` likeliest next characters after each token of a text.

        Parameters
        ----------
        text : str, bytes or Path
            At least one token, read from a zero state; as for ``encode``.
        k : int
            At least 1; limited by the size of the vocabulary.
        errors, replacement
            As for ``encode``.

        Returns
        -------
        list of list of (str, float)
            For each token the characters and their probabilities, the likeliest first; the last element predicts
            the characters after the text. Bytes beyond ASCII are written in hexadecimal.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        tokens = self.encode(text, errors, replacement)
        return _activations.next_characters(self.network, tokens, self.characters, k)

    def gradient_norms(
        self, text: str | bytes | os.PathLike[str], errors: str = "strict", replacement: str | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Returns how strongly the prediction of a text's last token depends on each earlier state.

        Parameters
        ----------
        text : str, bytes or Path
            At least three tokens, read from a zero state; as for ``encode``.
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
        text: str | bytes | os.PathLike[str],
        activation: str,
        unit: int,
        k: int = 5,
        errors: str = "strict",
        replacement: str | None = None,
    ) -> text_html.HTML:
        """Returns a page that colors each character of a text by the activation of one unit.

        Parameters
        ----------
        text : str, bytes or Path
            1 to 20,000 tokens, read from a zero state; as for ``encode``.
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

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the model to a safetensors file with a checksum. A crash leaves the old file or the new one.

        Parameters
        ----------
        path : str or Path
            The file.
        overwrite : bool
            Whether to replace a file that this model neither wrote nor was loaded from, though never a text.

        Raises
        ------
        FileExistsError
            If the file is a text, or exists and this model neither wrote it nor was loaded from it.
        OSError
            If the file cannot be written; the old file is unchanged.
        FloatingPointError
            If a weight is infinite or NaN, with its name; the old file is unchanged.
        """
        encoded = as_path(path)
        run = None if self._trainer is None else json.dumps(self._trainer.to_dict(), separators=(",", ":"))
        self._set_metadata("training", (run or "").encode())
        with self._outputs.writing(path, overwrite):
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
        model._outputs = Outputs()
        model._outputs.set_source(path)
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
            raise TypeError(
                f"callbacks has the wrong type; expected functions, got {type(listener).__name__}"
            )
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
        # not set yet
        return None


def _pieces(generator: Generator, chunk: int) -> Iterator[bytes]:
    """Yields the text of a generator, ``chunk`` tokens in one call of the library."""
    while not generator.has_ended:
        yield generator.next_bytes(chunk)


def _characters(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yields characters: U+FFFD for invalid UTF-8, nothing for an incomplete character at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return (character for piece in pieces for character in decoder.decode(piece))


def _characters_in_bytes(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the bytes of each character, and each byte that is not part of one."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        yield from (character.encode("utf-8", "surrogateescape") for character in decoder.decode(piece))
    yield from (bytes([byte]) for byte in decoder.getstate()[0])


def _shown(data: bytes) -> str:
    return "".join(_characters([data]))


def _count(n: Any) -> int:
    count = as_int(n, "n")
    if count < 0:
        raise ValueError(f"n is out of range; expected at least 0, got {count}")
    return count
