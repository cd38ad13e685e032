"""LanguageModel: a tokenizer, a network and an optimizer, with their state."""

from __future__ import annotations

import codecs
import ctypes
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, overload

import numpy as np

from .. import _c
from .._arrays import as_flags, as_sizes, as_tokens
from .._checks import (
    DTYPES,
    as_choice,
    as_count,
    as_dtype,
    as_errors,
    as_flag,
    as_int,
    as_limit,
    as_single,
    as_text,
    shown,
)
from .._readonly import ReadOnly
from ..mat import Mat
from ..names import DocumentsName, DType, ErrorsName, TokenizerName, UnitName
from ..nn.cell import Cell, CellLike, as_cell, cell_name, cell_settings
from ..nn.checkpoint import network_of
from ..nn.initialization import FORGET_BIAS, Init, Initialization
from ..nn.network import Network
from ..optim.optimizer import Optimizer
from ..outputs import Outputs
from ..parameters import Parameters
from ..random import RNG, Random, as_random
from ..sizes import TEXT_OPTIONS, Sizes, sizes_of
from ..sources import Sources, as_sources_encoding, is_list, read_parts
from ..state import State, StepResult, as_state
from ..training.documents import DOCUMENTS, Documents
from ..training.options import CLIP
from .coder import Coder, is_coded

if TYPE_CHECKING:
    import numpy.typing as npt
    import tokenizers

_lib = _c.lib
_NEW = "a new TextModel"
TOKENIZERS: tuple[TokenizerName, ...] = get_args(TokenizerName)
M = TypeVar("M", bound="LanguageModel")


class LanguageModel:
    """The base of ``TextModel``: settings and parts, text and tokens, training steps and evaluation."""

    cell = ReadOnly[str](_NEW)
    tokenizer = ReadOnly[str](_NEW)
    hidden_sizes = ReadOnly["tuple[int, ...]"](_NEW)
    embedding = ReadOnly["int | None"](_NEW)
    tied = ReadOnly[bool](_NEW)
    dropout = ReadOnly[float](_NEW)
    options = ReadOnly["dict[str, bool]"](_NEW)

    def __init__(
        self,
        cell: CellLike = "lstm",
        hidden_sizes: Sequence[int] = (128, 128),
        embedding: int | None = None,
        dropout: float = 0.0,
        tokenizer: TokenizerName | os.PathLike[str] | tokenizers.Tokenizer = "characters",
        dtype: DType = "float32",
        rng: RNG = None,
        *,
        vocabulary_size: int | None = None,
        tied: bool = False,
        forget_bias: float = FORGET_BIAS,
        learned_initial_state: bool = False,
        residual: bool = False,
        variational: bool = False,
        init: Init = "uniform",
    ) -> None:
        self._cell = as_cell(cell)
        self.cell = cell_name(self._cell)
        self._coder: Coder | None = None
        if isinstance(tokenizer, str):
            self.tokenizer = as_choice(tokenizer, "tokenizer", TOKENIZERS)
        else:
            self._coder, self.tokenizer = Coder.of(tokenizer), "custom"
        self._vocabulary_limit = _as_limit(vocabulary_size, self.tokenizer)
        self.hidden_sizes = tuple(as_sizes(hidden_sizes, "hidden_sizes").tolist())
        self.tied = as_flag(tied, "tied")
        width = self.hidden_sizes[-1] if self.tied and embedding is None else embedding
        self.embedding = None if width is None else as_int(width, "embedding")
        for name, size in (("embedding", self.embedding), *(("hidden_sizes", n) for n in self.hidden_sizes)):
            if size is not None and size < 1:
                raise ValueError(f"{name} is out of range; expected at least 1, got {size}")
        if self.tied and self.embedding != self.hidden_sizes[-1]:
            raise ValueError(
                f"embedding is out of range; expected {self.hidden_sizes[-1]}, as it is tied, got {embedding}"
            )
        self.dropout = as_single(dropout, "dropout")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is out of range; expected at least 0 and below 1, got {dropout}")
        self._forget_bias = as_single(forget_bias, "forget_bias")
        self._init = Initialization.of(init)
        options = {
            "learned_initial_state": learned_initial_state,
            "residual": residual,
            "variational": variational,
        }
        self.options = {name: as_flag(value, name) for name, value in options.items()}
        self._code = as_dtype(dtype)
        self._random = as_random(rng)
        self._model: _c.Handle | None = None
        self._outputs = Outputs()

    # ---- parts and settings

    def build(self: M, text: Sources, *, encoding: str | None = None) -> M:
        """Takes the vocabulary from a text and draws the weights; ``fit`` does so if necessary.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            All characters of the vocabulary, in any order and number, as for ``fit``; bytes are UTF-8.
        encoding : str, optional
            The encoding of a file, as for ``fit``.

        Returns
        -------
        model
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
        data = self._read(text, encoding)
        self._build(data, self._new_coder(data) if is_coded(self.tokenizer) else None)
        return self

    def _new_coder(self, data: bytes) -> Coder:
        """Returns the tokenizer of a model that is not built: the caller's, or that of a text."""
        if self._coder is not None:
            return self._coder
        return Coder.train(self.tokenizer, as_utf8(data, "text"), self._vocabulary_limit)

    def _build(self, data: bytes, coder: Coder | None) -> None:
        """Draws the weights of a model over the vocabulary of a text, or over the tokens of a coder."""
        settings: dict[str, Any] = {
            "tokenizer": self.tokenizer,
            "cell": self._cell,
            "hidden_sizes": self.hidden_sizes,
            "embedding": self.embedding,
            "tied": self.tied,
            "dropout": self.dropout,
            "forget_bias": self._forget_bias,
            "init": self._init.setting,
            **self.options,
            "dtype": str(DTYPES[self._code]),
        }
        if isinstance(self._cell, Cell):
            # a step is recorded for the rows of its input: without an embedding they are the vocabulary's
            size = _vocabulary_size(data, self.tokenizer) if coder is None else coder.size
            inputs = self.embedding or size
            settings["cell"] = cell_settings(self._cell, inputs, self.hidden_sizes, settings["dtype"])
        if coder is not None:
            data, settings["vocabulary_size"] = coder.json.encode(), coder.size
        drawn = self._random.state if self._init.function else None
        handle = _new_model(data, settings, self._random)
        try:
            self._init.fill(_network_of(handle).parameters)
        except BaseException:
            if drawn:
                self._random.state = drawn
            raise
        self._attach(handle)
        self._coder = coder

    def _read(self, text: Sources, encoding: str | None) -> bytes:
        """Returns the bytes of a text, or of a file in an encoding."""
        name = as_sources_encoding(encoding, self.tokenizer, text)
        return b"".join(part.data for part in read_parts(text, "text", self.tokenizer, name))

    def _attach(self, handle: _c.Handle) -> None:
        """Takes a text model of the library."""
        settings = json.loads(_c.written(_lib.recurrent_text_model_describe, handle.value))
        self.tokenizer, self.dropout = settings["tokenizer"], float(settings["dropout"])
        codes = (ctypes.c_uint32 * _info(handle).vocabulary_size)()
        if not is_coded(self.tokenizer):
            _lib.recurrent_text_model_vocabulary(handle.value, codes, len(codes))
        self._network = _network_of(handle)
        self._network._dropout = self.dropout
        self.cell, self.tied = self._network.cell, self._network.tied
        self.options = {name: settings.get(name, False) for name in TEXT_OPTIONS}
        self._code = DTYPES.index(self._network.dtype)
        self.hidden_sizes, self.embedding = self._network.hidden_sizes, self._network.embedding
        self._characters: list[str] = [chr(code) for code in codes] if self.tokenizer == "characters" else []
        self._optimizer = _optimizer_of(handle)
        self._model = handle

    @property
    def _handle(self) -> _c.Handle:
        if self._model is None:
            raise RuntimeError("the model has no vocabulary; expected fit, build or load first")
        return self._model

    def _coded(self) -> Coder:
        """Returns the coder of a model whose tokens are those of the ``tokenizers`` package."""
        handle = self._handle
        if self._coder is None:
            text, size = _written_json(handle), _info(handle).vocabulary_size
            self._coder = Coder.of_json(self.tokenizer, text, size)
        return self._coder

    @property
    def is_built(self) -> bool:
        """Whether the model has a vocabulary and weights."""
        return self._model is not None

    @property
    def vocabulary(self) -> str | None:
        """The characters in the order of their tokens, from 0; None where tokens are no characters."""
        _ = self._handle
        return "".join(self._characters) if self.tokenizer == "characters" else None

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens: of characters, words or byte pairs in the vocabulary, or 256."""
        return self.network.input_size

    @property
    def characters(self) -> list[str]:
        r"""A label of each token, from 0: its text; of a byte beyond ASCII its code, such as ``\xC3``."""
        _ = self._handle
        if is_coded(self.tokenizer):
            return self._coded().labels
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

    @property
    def documents(self) -> DocumentsName | None:
        """What the last ``fit`` took as a document: "lines", "files", or None for a text as one. It is saved."""
        found = self._get_metadata("documents")
        return next((kind for kind in DOCUMENTS if kind == found), None)

    # ---- text and tokens

    def _newline(self) -> int:
        """Returns the token of the newline, which documents need."""
        if is_coded(self.tokenizer):
            return self._coded().newline()
        if self.tokenizer == "bytes":
            return 10
        if "\n" not in self._characters:
            raise ValueError("documents needs a newline; expected a token of it in the vocabulary, got none")
        return self._characters.index("\n")

    def _tokens_of(
        self, text: Sources, errors: ErrorsName, replacement: str | None, encoding: str | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_] | None]:
        """Returns the tokens of a text as the last ``fit`` would read it, and where documents begin."""
        if self.documents is None:
            return self.encode(text, errors, replacement, encoding=encoding), None
        name = as_sources_encoding(encoding, self.tokenizer, text)
        parts = [part.data for part in read_parts(text, "text", self.tokenizer, name)]

        def encode(parts: list[bytes]) -> list[npt.NDArray[np.int64]]:
            return [self.encode(part, errors, replacement) for part in parts]

        tokens, starts = Documents(parts, self.documents, "text").encode(encode, self._newline(), np.uint32)
        return tokens.astype(np.int64), starts

    def encode(
        self,
        text: Sources,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        *,
        encoding: str | None = None,
    ) -> npt.NDArray[np.int64]:
        """Returns the tokens of a text.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            As for ``fit``. Bytes are UTF-8; of any value where tokens are bytes.
        errors : {"strict", "ignore", "replace"}
            How to handle characters, or words, outside the vocabulary: raise an error, skip them, or encode
            ``replacement``. Bytes and byte pairs have none.
        replacement : str, optional
            A character of the vocabulary, with ``errors="replace"``. Of words the text of a token, or ``<unk>`` where
            absent.
        encoding : str, optional
            The encoding of a file, as for ``fit``.

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
        if is_coded(self.tokenizer):
            coder, data = self._coded(), self._read(text, encoding)
            return coder.encode(as_utf8(data, "text"), errors, replacement)
        data, (code, point) = self._read(text, encoding), as_errors(errors, replacement)
        # the library writes to a buffer of no elements as well
        tokens, count = np.empty(max(1, len(data)), np.int64), ctypes.c_int64()
        _lib.recurrent_text_model_encode(
            self._handle.value,
            data,
            len(data),
            code,
            point,
            _c.as_ints(tokens, len(data)),
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
        if is_coded(self.tokenizer):
            data = self._coded().decode(numbers)
            return data if wants_bytes else "".join(decoded([data]))
        count = numbers.size
        buffer, length = ctypes.create_string_buffer(4 * count + 1), ctypes.c_int64()
        _lib.recurrent_text_model_decode(
            self._handle.value,
            _c.as_ints(numbers, count),
            count,
            buffer,
            len(buffer),
            ctypes.byref(length),
        )
        data = buffer.raw[: length.value]
        return data if wants_bytes else "".join(decoded([data]))

    # ---- steps and evaluation

    def train_step(
        self,
        tokens: npt.ArrayLike,
        targets: npt.ArrayLike,
        learning_rate: float | None = None,
        clip: float | None = CLIP,
        weight_decay: float = 0.0,
        *,
        resets: npt.ArrayLike | None = None,
        bptt_length: int | None = None,
        overlap: int = 0,
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
        resets : array of bool, optional
            (T, B): where a document begins; the state before such a step is that of sequences that begin.
        bptt_length : int, optional
            The last steps, 1 to T, through which gradients pass and whose targets count; the others advance the state.
            T where absent.
        overlap : int
            The last steps, 0 to ``bptt_length``, that the next call reads again: it begins with the state before them.

        Returns
        -------
        StepResult
            The loss before the update, in nats per token; ``state`` is None, as the model keeps it.

        Raises
        ------
        RuntimeError
            If the model has no optimizer.
        FloatingPointError
            If a gradient, or a weight after the step, is infinite or NaN, with the parameter's name;
            the model is unchanged.
        ValueError, TypeError, IndexError
            If an argument has the wrong shape, type or range.
        """
        read, aims = as_tokens(tokens, "tokens"), as_tokens(targets, "targets")
        shape = read.shape
        if len(shape) != 2 or aims.shape != shape:
            raise ValueError(
                f"tokens and targets have the wrong shape; expected (T, B), got {shape} and {aims.shape}"
            )
        T, B = shape
        begins = None if resets is None else as_flags(resets, "resets", (T, B))
        result = _c.StepResult()
        _lib.recurrent_text_model_train_step(
            self._handle.value,
            _c.as_ints(read, T * B),
            _c.as_ints(aims, T * B),
            T,
            B,
            None if begins is None else _c.as_ints(begins, T * B),
            0 if bptt_length is None else as_count(bptt_length, "bptt_length", 1),
            as_count(overlap, "overlap"),
            math.nan if learning_rate is None else as_single(learning_rate, "learning_rate"),
            as_single(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            ctypes.byref(result),
        )
        return StepResult(result.loss, result.gradient_norm, result.ratio_clipped)

    @property
    def _mask_random(self) -> Random:
        """The generator that draws the dropout masks."""
        handle = _c.new(_lib.recurrent_text_model_random, _lib.recurrent_random_free, self._handle.value)
        return Random._from_handle(handle)

    def _carried_state(self) -> State | None:
        """Returns the carried state, None for none."""
        B, sizes = self.batch_size, _sizes_of(self._handle.value)
        if not B:
            return None
        flat = np.empty(sizes.state * B, sizes.dtype)
        _lib.recurrent_text_model_get_state(self._handle.value, _c.as_values(flat, flat.size, sizes.dtype))
        return State._of(flat, sizes.states)

    def _set_carried_state(self, state: State | None, step: int) -> None:
        """Sets the carried state, and the number of training steps made."""
        sizes = _sizes_of(self._handle.value)
        B = 0 if state is None else state.flat.size // sizes.state
        _lib.recurrent_text_model_set_state(self._handle.value, as_state(state, sizes, B), B, step)

    def reset_state(self) -> None:
        """Resets the carried state: with the next step sequences begin, any number of them."""
        _lib.recurrent_text_model_reset_state(self._handle.value)

    def evaluate(
        self,
        text: Sources | npt.ArrayLike,
        batch_size: int = 1,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        *,
        encoding: str | None = None,
        per: UnitName = "token",
        resets: npt.ArrayLike | None = None,
    ) -> float:
        """Returns the mean of -ln p over all tokens but the first, in nats, without updating the weights.

        Parameters
        ----------
        text : str, bytes, Path, list of these, or array of int
            At least two tokens; a text as for ``fit``, and with the documents of the last one.
        batch_size : int
            The tokens are split into this number of equal parts that are evaluated in parallel, each from its
            beginning: 1 gives the exact value, more is faster.
        errors, replacement, encoding
            As for ``encode``.
        per : {"token", "character", "byte"}
            What the sum of -ln p is divided by: the tokens, or the characters or bytes of UTF-8 of their text. Per
            character, or byte, models of different tokens compare; divided by ln 2 it is the bits per byte.
        resets : array of bool, optional
            Of an array of tokens: (T,), where a document begins; the state before such a token is that of sequences
            that begin.

        Returns
        -------
        float
            Nats per token, character or byte.

        Raises
        ------
        ValueError, TypeError, IndexError
            If the text is too short or the name of a file, or a token is out of range.
        """
        if isinstance(text, bytearray):
            text = bytes(text)
        as_sources_encoding(encoding, self.tokenizer, text)
        if isinstance(text, (str, bytes, os.PathLike)) or is_list(text):
            if resets is not None:
                raise ValueError(
                    "resets is without effect; expected None, as the model knows the documents of a text"
                )
            tokens, resets = self._tokens_of(text, errors, replacement, encoding)  # type: ignore[arg-type]
        else:
            tokens = as_tokens(text, "text").ravel()
        unit = as_choice(per, "per", get_args(UnitName))
        total, most = len(tokens), as_count(batch_size, "batch_size", 1)
        begins = None if resets is None else as_flags(resets, "resets", (total,))
        count = total - 1
        if count < 1:
            raise ValueError(f"text has the wrong length; expected at least 2 tokens, got {total}")
        B = min(most, count)
        length, step, nats = -(-count // B), ctypes.c_int64(), ctypes.c_double()
        model, sizes = self._handle.value, _sizes_of(self._handle.value)
        state = np.zeros(sizes.state * B, sizes.dtype)
        # one slice per call: between two calls Python handles an interrupt
        while step.value < length:
            _lib.recurrent_text_model_evaluate(
                model,
                _c.as_ints(tokens, total),
                None if begins is None else _c.as_ints(begins, total),
                total,
                most,
                1,
                _c.as_values(state, sizes.state * B, sizes.dtype),
                ctypes.byref(step),
                ctypes.byref(nats),
            )
        return nats.value / (count if unit == "token" else self._text_length(tokens[1:], unit))

    def _text_length(self, tokens: npt.NDArray[np.int64], unit: UnitName) -> int:
        """Returns the characters or bytes of the text of tokens."""
        data = self.decode(tokens, as_bytes=True)
        # a byte that continues a character does not count
        length = len(data) if unit == "byte" else sum(1 for byte in data if byte & 0xC0 != 0x80)
        if not length:
            raise ValueError(f"per is impossible; expected 'token', as the text has no {unit}, got {unit!r}")
        return length


def _info(handle: _c.Handle) -> _c.TextModelInfo:
    info = _c.TextModelInfo()
    _lib.recurrent_text_model_get_info(handle.value, ctypes.byref(info))
    return info


@lru_cache(maxsize=1024)
def _sizes_of(model: int) -> Sizes:
    """Returns the sizes of a text model's network."""
    network = _c.new(_lib.recurrent_text_model_network, _lib.recurrent_network_free, model)
    return sizes_of(network.value)


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


def decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yields characters: U+FFFD for invalid UTF-8, nothing for an incomplete character at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return (character for piece in pieces for character in decoder.decode(piece))


def _new_model(data: bytes, settings: dict[str, Any], random: Random) -> _c.Handle:
    """Returns a text model of the library with the vocabulary of a text."""
    words = json.dumps(settings).encode()
    return _c.new(
        _lib.recurrent_text_model_create,
        _lib.recurrent_text_model_free,
        words,
        len(words),
        (ctypes.c_char_p * 1)(data),
        (ctypes.c_int64 * 1)(len(data)),
        1,
        random._handle.value,
    )


def _written_json(handle: _c.Handle) -> str:
    """Returns the JSON of a model's tokenizer."""
    length = ctypes.c_int64()
    get = _lib.recurrent_text_model_tokenizer
    get(handle.value, None, 0, ctypes.byref(length))
    buffer = ctypes.create_string_buffer(max(1, length.value))
    get(handle.value, buffer, len(buffer), ctypes.byref(length))
    return buffer.raw[: length.value].decode()


def _as_limit(value: Any, tokenizer: str) -> int | None:
    """Returns the largest number of tokens, or None."""
    if value is None:
        return None
    if tokenizer not in ("words", "bpe"):
        raise ValueError(
            f"vocabulary_size is without effect; expected None, as tokenizer is {tokenizer!r}, got {shown(value)}"
        )
    return as_count(value, "vocabulary_size", 2 if tokenizer == "words" else 256)


def as_utf8(data: bytes, name: str) -> str:
    """Returns the characters of bytes in UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not valid UTF-8; expected UTF-8, got 0x{data[error.start]:02X} at byte {error.start}"
        ) from None


def _network_of(handle: _c.Handle) -> Network:
    """Returns the network of a text model of the library."""
    network: Network = network_of(
        _c.new(_lib.recurrent_text_model_network, _lib.recurrent_network_free, handle.value, owner=handle)
    )
    return network


def _vocabulary_size(data: bytes, tokenizer: str) -> int:
    """Returns the number of tokens of a text's vocabulary: that of the smallest model of it."""
    settings = {"tokenizer": tokenizer, "cell": "rnn_tanh", "hidden_sizes": [1], "embedding": 1}
    return int(_info(_new_model(data, settings, Random(0))).vocabulary_size)
