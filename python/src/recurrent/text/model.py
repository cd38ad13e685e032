"""TextModel: a language model with its training run and its file."""

from __future__ import annotations

import copy
import html
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from .. import _c
from .._checks import as_callables, as_flag, as_path
from .._pickles import as_bytes, as_class, reduced
from ..distributed import Communicator
from ..mat import gradients_of, set_gradients
from ..names import DocumentsName, DType, ErrorsName, QuantizationName, RecipeName
from ..nn.summary import Summary
from ..optim.optimizer import Optimizer
from ..optim.schedules import Schedule
from ..outputs import Outputs
from ..random import as_random
from ..sources import Sources
from ..training.corpus_trainer import CorpusTrainer
from ..training.history import History
from ..training.options import BATCH_SIZE, CHECKPOINT_MINUTES, SEQ_LENGTH, VALIDATION_SPLIT
from ..training.ranks import Ranks
from ..training.trainer import Callback
from .coder import tokenizer_of
from .generation import Generation
from .introspection import Introspection
from .language_model import TOKENIZERS

_lib = _c.lib
_OWN = frozenset((
    "cell", "tokenizer", "hidden_sizes", "embedding", "tied", "dropout", "options", "_cell", "_forget_bias", "_init",
    "_code", "_random", "_model", "_outputs", "_network", "_characters", "_optimizer", "_trainer", "_coder",
    "_vocabulary_limit",
))  # fmt: skip


class TextModel(Generation, Introspection):
    """A network that predicts the next token of a text, with everything needed to resume training.

    A token is a character (a Unicode code point; nothing is normalized), a byte, a word, a byte pair, or a token of the
    caller's own tokenizer. A file holds the weights, the optimizer, dropout's generator, the carried state, the step,
    the vocabulary and the metadata.

    Parameters
    ----------
    cell : str or Cell
        The kind of layer: "lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu", "min_gru", "min_lstm", "ind_rnn",
        "lstm_peephole", "lstm_coupled", "sru", "mgu" or "li_gru"; a ``Cell`` is recorded here, and loading the model
        needs no source of it.
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    embedding : int, optional
        The width of the embedding; one-hot input where absent.
    dropout : float
        The fraction of the outputs between layers that training zeroes, at least 0 and below 1.
    tokenizer : {"characters", "bytes", "words", "bpe"}, tokenizers.Tokenizer or Path
        What a token is. All but characters and bytes need the ``tokenizers`` package, and their JSON is part of a
        checkpoint. "words" are words, marks and single characters of white space; words that are not among the most
        frequent of the text that gives the vocabulary are ``<unk>``. "bpe" are byte-level byte
        pairs, which have no unknown text. A ``tokenizers.Tokenizer``, or the Path of the JSON of one, is taken as it
        is, but for special tokens around a text, truncation and padding.
    dtype : {"float32", "float64"}
        The type of the elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights, as ``init`` says, and dropout's seed. Biases are 0, except forget biases.
    vocabulary_size : int, optional
        The largest number of "words", at least 2, or of tokens of "bpe", at least 256; 10,000 or 4,096 where absent.
    tied : bool
        Use the embedding's table as the decoder's matrix; it is as wide as the top layer.
    forget_bias : float
        The initial forget biases of an LSTM and its variants, 1 in every kind of network; other cells have none.
    learned_initial_state : bool
        Train the states of sequences that begin, as in ``Network``.
    residual : bool
        Each layer above the lowest adds its input to its output; all layers have one width.
    variational : bool
        Dropout masks the input of every layer with one mask for all steps of a sequence in a training step.
    init : {"uniform", "glorot", "orthogonal", "identity"}, float or callable
        What the matrices are drawn from, as for ``Network``; a function is called by ``build``.

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
    >>> words = recurrent.TextModel(hidden_sizes=[4], tokenizer="words", rng=1).build("to be, or not to be")
    >>> words.characters, words.decode(words.encode("not to be"))
    (['<unk>', ' ', 'be', 'to', ',', 'not', 'or'], 'not to be')
    """

    _trainer: CorpusTrainer | None = None

    # ---- training

    def fit(
        self,
        text: Sources,
        steps: int | None = None,
        batch_size: int = BATCH_SIZE,
        seq_length: int = SEQ_LENGTH,
        optimizer: Optimizer | None = None,
        schedule: Schedule | None = None,
        validation_split: float = VALIDATION_SPLIT,
        validation_data: Sources | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        *,
        learning_rate: float | None = None,
        clip: float | Literal["recipe"] | None = "recipe",
        evaluate_every: int | None = None,
        patience: int | None = None,
        checkpoint_every: int | None = None,
        checkpoint_minutes: float | None = CHECKPOINT_MINUTES,
        keep_best: bool = True,
        restore_best: bool = False,
        record_every: int | None = None,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        encoding: str | None = None,
        overwrite: bool = False,
        recipe: RecipeName | None = None,
        weight_decay: float | None = None,
        epochs: int | None = None,
        documents: DocumentsName | None = None,
        bptt_length: int | None = None,
        distributed: Communicator | None = None,
    ) -> History:
        """Trains on a text.

        The text is cut into ``batch_size`` contiguous sequences, which are read in chunks of ``seq_length`` tokens;
        the state is carried from chunk to chunk (BPTT(h; h') of Williams and Peng, Neural Computation 2, 1990: h' is
        ``seq_length`` and h ``bptt_length``). Ctrl-C stops between two steps, and ``resume`` continues; so does a
        signal whose handler raises another exception, which is raised after the save.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            The text, or the Path of a file, in UTF-8 or ``encoding``. A Path may also be a directory, whose files
            ``*.txt`` are taken, those of its subdirectories too, or a pattern such as ``Path("data/*.txt")``: the files
            are read in the order of their paths, name by name. Several texts are one text, in the order of the list,
            with nothing between them; they have at most 1 GiB together. The text gives the vocabulary if the model has
            none. Nothing is normalized: CRLF stays two characters. The byte order mark of a file is removed unless
            tokens are bytes. A str that can only be the name of a file is an error; bytes are always text.
        steps : int, optional
            The number of further steps; either it or ``epochs`` is given.
        batch_size : int
            The number of sequences.
        seq_length : int
            The tokens of each sequence between two updates.
        optimizer : Optimizer, optional
            The optimizer; where absent the model's own, and initially that of ``recipe``.
        schedule : Schedule, optional
            The learning rates, of ``recurrent.schedules``; the first step of the run is its step 0.
        validation_split : float
            The fraction at the end of the text that is held out for validation, at least 0 and below 1. Unused with
            ``validation_data``.
        validation_data : str, bytes, Path, or list of these, optional
            Another text for validation.
        checkpoint : str or Path, optional
            The file to save to, during training and at its end. A file that this model did not write, and a text, are
            not replaced: an error before training.
        progress : bool
            Whether to show a bar, by tqdm, in terminals and notebooks.
        callbacks : iterable of callable
            Called with a ``StepReport`` after every step; a callback that returns True stops the run.
        learning_rate : float, optional
            Replaces the optimizer's. Without both it and a schedule, the rate of an optimizer of the caller's is read
            before each step, so that a callback may change it: ``report.model.optimizer.learning_rate *= 0.5``.
        clip : float, optional
            The gradient clipping threshold, above 0; None for none. Applied per element, per tensor or globally
            according to the optimizer's ``clipping``. "recipe": that of the recipe, and 5 with another optimizer.
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
        restore_best : bool
            Whether the model has the weights of the lowest validation loss at the end, unless the run was interrupted.
            Such a run is not resumed.
        record_every : int, optional
            Steps for each record of the history; where absent 1, and more in runs above 20,000 steps. It doubles,
            and each two records become one, whenever there are 40,000.
        errors, replacement
            As for ``encode``, for characters outside a vocabulary that the model has already.
        encoding : str, optional
            The encoding of a file, such as ``"cp1252"`` or ``"utf-16"``; UTF-8 where absent. ``resume`` reads the file
            in the same encoding.
        overwrite : bool
            Whether to replace existing files at ``checkpoint`` and its best model, though never a text that was read.
        recipe : {"default", "char_rnn", "recurrentjs"}, optional
            The optimizer, and its learning rates unless ``schedule`` or ``learning_rate`` is given. "default":
            ``RMSProp(7e-3, alpha=0.9, bias_correction=False, clipping="global_norm")``, whose rate is constant for the
            first half of the steps and falls linearly to a twentieth in the second, with a weight decay of 0.1 and a
            clip of 2. "char_rnn": ``RMSProp(2e-3, alpha=0.95)``, whose rate falls by 3 % an epoch after ten.
            "recurrentjs": ``recurrentjs.Solver()`` at the constant rate 0.01; both clip at 5. Where absent "default",
            for a model without an optimizer or with the default's: another optimizer keeps its rate.
        weight_decay : float, optional
            A step subtracts ``learning_rate * weight_decay`` of each weight, as ``AdamW`` does, besides the optimizer's
            own decay. Where absent that of the recipe, and 0 with an optimizer, a schedule or a learning rate of the
            caller's.
        epochs : int, optional
            The number of passes over the training text: steps of its length / (batch_size · seq_length), rounded down.
        documents : {"lines", "files"}, optional
            Take each line, or each file or text of a list, as a document, that no state passes to or from; where absent
            the text is one, and the state is reset where a pass over it begins. A newline ends a document and begins
            the next: the state is reset before it is read, and the model learns it as the end. Lines without a
            character are no documents. ``sample`` then begins a document, and ends with its line.
        bptt_length : int, optional
            The tokens that gradients pass through in a step; ``seq_length`` where absent. More: a step reads earlier
            tokens of the epoch again, from the state before them, without a loss. Fewer: the first tokens of a chunk
            only advance the state, and the last ``bptt_length`` count in the loss.
        distributed : Communicator, optional
            The processes that train together, such as ``mpi4py.MPI.COMM_WORLD``: each computes the gradients of a part
            of every batch. All call ``fit`` with the same arguments and data; rank 0 writes the checkpoint and shows
            the bar. The results are those of one process up to rounding, dropout's masks excepted.

        Returns
        -------
        History
            The records, also at ``history``.

        Raises
        ------
        FileExistsError
            If the checkpoint or its best model is a text that was read, or a file that this model did not write;
            nothing is changed.
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
        shows, listeners = as_flag(progress, "progress"), as_callables(callbacks)
        with Ranks(distributed) as ranks:
            trainer = CorpusTrainer.new(
                self,
                text,
                steps,
                epochs,
                optimizer,
                recipe,
                validation_split,
                validation_data,
                evaluate_every,
                record_every,
                batch_size=batch_size,
                seq_length=seq_length,
                bptt_length=bptt_length,
                schedule=schedule,
                checkpoint=None if ranks.rank else checkpoint,
                learning_rate=learning_rate,
                clip=clip,
                patience=patience,
                checkpoint_every=checkpoint_every,
                checkpoint_minutes=checkpoint_minutes,
                keep_best=keep_best,
                restore_best=restore_best,
                errors=errors,
                replacement=replacement,
                encoding=encoding,
                documents=documents,
                weight_decay=weight_decay,
                overwrite=overwrite,
                ranks=ranks,
            )
            trainer.join(self, ranks)
            self._trainer = trainer
            return trainer.run(self, shows, listeners)

    def resume(
        self,
        text: Sources | None = None,
        steps: int | None = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        *,
        validation_data: Sources | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        distributed: Communicator | None = None,
    ) -> History:
        """Continues an interrupted or finished ``fit``, to the same bits as without the interruption.

        Parameters
        ----------
        text : str, bytes, Path, or list of these, optional
            The same text; where absent, its file, or its files.
        steps : int, optional
            The number of further steps; where absent, the remaining ones.
        progress, callbacks
            As for ``fit``.
        validation_data : str, bytes, Path, or list of these, optional
            The same validation text, if there was one and it was not a file.
        checkpoint : str or Path, optional
            The file to save to; where absent, that of ``fit``, and of a model that was loaded its file: a copy of a
            checkpoint leaves the original as it is. That file and its best model are replaced; other files are not.
        overwrite : bool
            Whether to replace existing files at ``checkpoint`` and its best model, though never a text that was read.
        distributed : Communicator, optional
            As for ``fit``; of as many processes as before or of others, each with the loaded model.

        Returns
        -------
        History
            The records of the whole run.

        Raises
        ------
        FileExistsError
            If the checkpoint or its best model is a text that was read, or a file that this run did not write; nothing
            is changed.
        ValueError
            If the text differs from that of the run, or no steps remain.
        RuntimeError
            If there is no run to resume.
        """
        shows, listeners = as_flag(progress, "progress"), as_callables(callbacks)
        with Ranks(distributed) as ranks:
            if self._trainer is None:
                raise RuntimeError("the model has no training run; expected fit first")
            self._trainer.resume(self, (text, validation_data), steps, checkpoint, overwrite, ranks)
            self._trainer.join(self, ranks)
            return self._trainer.run(self, shows, listeners)

    @property
    def trainer(self) -> CorpusTrainer | None:
        """The last training run; it is saved with the model."""
        return self._trainer

    @property
    def history(self) -> History | None:
        """The records of the last training run, which are saved with the model; None without one."""
        return None if self._trainer is None else self._trainer.history

    # ---- files

    def save(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, weights_only: bool = False
    ) -> None:
        """Writes the model to a safetensors file with a checksum. A crash leaves the old file or the new one.

        Parameters
        ----------
        path : str or Path
            The file.
        overwrite : bool
            Whether to replace a file that this model neither wrote nor was loaded from, never a text that was read.
        weights_only : bool
            Whether to leave out the optimizer and the training run, without which ``resume`` has none to continue.

        Raises
        ------
        FileExistsError
            If the file is a text that was read, or exists and this model neither wrote it nor was loaded from it.
        OSError
            If the file cannot be written; the old file is unchanged.
        FloatingPointError
            If a weight is infinite or NaN, with its name; the old file is unchanged.
        """
        encoded, leaves_out = as_path(path), as_flag(weights_only, "weights_only")
        self._write_run(leaves_out)
        with self._outputs.writing(path, overwrite) as replaces:
            _lib.recurrent_text_model_save(self._handle.value, encoded, len(encoded), replaces, leaves_out)

    def _write_run(self, leaves_out: bool) -> None:
        """Hands the training run to the library, which saves it."""
        run = ""
        if self._trainer is not None and not leaves_out:
            run = json.dumps(self._trainer.to_dict(), separators=(",", ":"))
        self._set_metadata("training", run.encode())

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
        model = cls._of_handle(handle, path)
        model._outputs.set_source(path)
        return model

    @classmethod
    def _of_handle(cls, handle: _c.Handle, path: str | os.PathLike[str] | None) -> TextModel:
        """Returns the model of a file, or of the bytes of one."""
        model = cls.__new__(cls)
        model._random = as_random(None)
        model._coder = model._vocabulary_limit = None
        model._outputs = Outputs()
        model._attach(handle)
        if run := model._get_metadata("training"):
            try:
                model._trainer = _checked(CorpusTrainer.from_json(run, path), model)
            except ValueError as error:
                source = "the bytes" if path is None else f"'{os.fspath(path)}'"
                raise ValueError(f"cannot load {source}: {error}") from None
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        if self._model is None:
            return reduced(self, new_model, type(self), self._settings(), self._random, own=_OWN)
        self._write_run(False)
        data = _c.written_bytes(_lib.recurrent_text_model_write, self._handle.value, False)
        return reduced(self, model_of_bytes, type(self), data, gradients_of(self.flat), own=_OWN)

    def __copy__(self) -> TextModel:
        return copy.deepcopy(self)

    def _settings(self) -> dict[str, Any]:
        """Returns the arguments that the model was created with, but for the generator."""
        return {
            "cell": self._cell,
            "hidden_sizes": self.hidden_sizes,
            "embedding": self.embedding,
            "dropout": self.dropout,
            "tokenizer": self.tokenizer if self._coder is None else self._coder.json,
            "vocabulary_size": self._vocabulary_limit,
            "dtype": str(self.dtype),
            "tied": self.tied,
            "forget_bias": self._forget_bias,
            "init": self._init.value,
            **self.options,
        }

    # ---- other libraries

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        states: bool = False,
        lengths: bool = False,
        dtype: DType | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes the network to an ONNX file, whose input is tokens and whose output is scores. Needs the package onnx.

        The metadata of the file have ``tokenizer`` and ``vocabulary``, the characters in the order of their tokens.

        Parameters
        ----------
        path : str or Path
            The file.
        states, lengths, dtype
            As for ``Network.to_onnx``.
        overwrite : bool
            Whether to replace a file that this model did not write, though never a text that was read.

        Raises
        ------
        ImportError, FileExistsError, OSError, ValueError, FloatingPointError
            As for ``Network.to_onnx``.
        RuntimeError
            If the model is not built.

        Examples
        --------
        >>> import recurrent
        >>> model = recurrent.TextModel(hidden_sizes=[8], rng=1).build("hello")
        >>> model.to_onnx("model.onnx", states=True)  # doctest: +SKIP
        """
        texts = {"tokenizer": self.tokenizer, "vocabulary": self.vocabulary or ""}
        self.network._write_onnx(path, True, states, lengths, dtype, overwrite, self._outputs, texts)

    def to_c(
        self,
        path: str | os.PathLike[str],
        *,
        quantize: QuantizationName | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes a C file and its header, which read a token and compute the scores of the next one.

        ``model_vocabulary`` of ``model.c`` has the character of each token.

        Parameters
        ----------
        path : str or Path
            The C file, an identifier with the suffix .c; the header is beside it with the suffix .h.
        quantize : {"int8"}, optional
            As for ``Network.to_c``.
        overwrite : bool
            Whether to replace files that this model did not write, though never a text that was read.

        Raises
        ------
        FileExistsError, OSError, ValueError, FloatingPointError
            As for ``Network.to_c``.
        RuntimeError
            If the model is not built.

        Examples
        --------
        >>> import recurrent, tempfile
        >>> from pathlib import Path
        >>> model = recurrent.TextModel(hidden_sizes=[8], rng=1).build("hello")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.to_c(f"{folder}/model.c", quantize="int8")
        ...     "int model_step(model_state *state, int token, float *y);" in Path(f"{folder}/model.h").read_text()
        True
        """
        characters = range(256) if self.vocabulary is None else map(ord, self.vocabulary)
        self.network._write_c(path, True, quantize, overwrite, self._outputs, list(characters))

    def summary(self) -> Summary:
        """Returns the layers of the network with their sizes and parameters, as a table.

        Returns
        -------
        Summary
            ``print(model.summary())`` writes the table; notebooks display it.

        Raises
        ------
        RuntimeError
            If the model is not built.

        Examples
        --------
        >>> import recurrent
        >>> summary = recurrent.TextModel("gru", [8], rng=1).build("hello").summary()
        >>> summary.title, [layer.name for layer in summary.layers]
        ('<TextModel: gru [8], characters, float32, 4 tokens, step 0>', ['layer 0', 'decoder'])
        """
        return replace(self.network.summary(), title=repr(self))

    def _repr_html_(self) -> str:
        if self._model is None:
            return f"<pre>{html.escape(repr(self))}</pre>"
        history = self.history
        return self.summary()._repr_html_() + ("" if history is None else history._repr_html_())

    def __repr__(self) -> str:
        state = "not built" if self._model is None else f"{self._network.input_size} tokens, step {self.step}"
        return f"<TextModel: {self.cell} {list(self.hidden_sizes)}, {self.tokenizer}, {self.dtype}, {state}>"


def new_model(kind: Any, settings: Any, random: Any) -> Any:
    """Returns the model of a pickle before it has a vocabulary."""
    model = as_class(kind, TextModel)
    if (tokenizer := settings["tokenizer"]) not in TOKENIZERS:
        settings = {**settings, "tokenizer": tokenizer_of(tokenizer, "the pickle")}
    return model(**settings, rng=random)


def model_of_bytes(kind: Any, data: Any, gradients: Any) -> Any:
    """Returns the model of a pickle, which holds the bytes of a file and the gradients if one is not 0."""
    data = as_bytes(data)
    handle = _c.new(_lib.recurrent_text_model_read, _lib.recurrent_text_model_free, data, len(data))
    model = as_class(kind, TextModel)._of_handle(handle, None)
    set_gradients(model.flat, gradients)
    return model


def _checked(trainer: CorpusTrainer, model: TextModel) -> CorpusTrainer:
    """Returns a training run after comparing it with the model of its file."""
    if trainer.step > model.step:
        raise ValueError(
            f"step of the training run is out of range; expected at most the model's {model.step:,}, "
            f"got {trainer.step:,}"
        )
    batch_size = trainer.settings.batch_size
    if trainer.step == model.step and model.batch_size not in (0, batch_size):
        raise ValueError(
            f"batch_size of the training run is out of range; expected the model's {model.batch_size}, got {batch_size}"
        )
    return trainer
