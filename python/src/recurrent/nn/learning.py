"""Learning: training a network on arrays, and what a trained network says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from .. import _c
from .._arrays import allocated
from .._checks import as_callables, as_count, as_flag
from .._readonly import refuse_assignment
from ..optim.optimizer import Optimizer
from ..optim.schedules import Schedule
from ..random import RNG
from ..sizes import Sizes, sizes_of
from ..state import State
from ..training.array_trainer import CLIP, READ_BATCH, ArrayTrainer, Data, loss_for, measure
from ..training.dataset import Dataset, Sequences
from ..training.history import History
from ..training.losses import Loss, LossLike, as_loss
from ..training.metrics import MetricLike, Metrics, default_metrics
from ..training.options import CHECKPOINT_MINUTES
from ..training.trainer import Callback
from .checkpoint import Checkpoint

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
# the steps that prediction computes at a time
_CHUNK = 1024
# the keys of a file's metadata
_RUN = "python.training"
_BATCH_FIRST = "python.batch_first"
Arrays = Union["npt.ArrayLike", "list[npt.ArrayLike]"]
Outputs = Union["npt.NDArray[Any]", "list[npt.NDArray[Any]]"]


class Learning(Checkpoint):
    """The part of ``Network`` that learns from arrays: ``fit``, ``predict``, ``evaluate``, ``forecast``."""

    _trainer: ArrayTrainer | None = None
    _batch_first = False

    @property
    def _sizes(self) -> Sizes:
        """What buffers are sized by: asked of the library, whatever the attributes of this object are."""
        return sizes_of(self._handle.value)

    @property
    def batch_first(self) -> bool:
        """Whether the first axis of sequences is that of the batch."""
        return self._batch_first

    @batch_first.setter
    def batch_first(self, value: Any) -> None:
        refuse_assignment("batch_first", "a new network", value)

    # ---- training

    def fit(
        self,
        x: Arrays,
        y: Arrays,
        epochs: int | None = None,
        batch_size: int | None = None,
        loss: LossLike | None = None,
        optimizer: Optimizer | None = None,
        *,
        steps: int | None = None,
        lengths: npt.ArrayLike | None = None,
        metrics: Iterable[MetricLike] = (),
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        schedule: Schedule | None = None,
        learning_rate: float | None = None,
        clip: float | None = CLIP,
        shuffle: bool = True,
        rng: RNG = 0,
        evaluate_every: int | None = None,
        patience: int | None = None,
        restore_best: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        checkpoint_minutes: float | None = CHECKPOINT_MINUTES,
        keep_best: bool = True,
        record_every: int | None = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        overwrite: bool = False,
    ) -> History:
        """Trains on sequences and their targets.

        A step reads a batch of whole sequences. Ctrl-C stops between two steps, and ``resume`` continues to the same
        bits.

        Parameters
        ----------
        x : array or list of arrays
            (T, N, n) numbers or (T, N) tokens, of a network with ``batch_first`` (N, T, n) or (N, T); or a list of N
            sequences of any lengths, (T, n) or (T,) each.
        y : array or list
            A target for every step: classes (T, N), or numbers (T, N, n). Or one for each sequence, which the output of
            its last step is compared with: (N,) or (N, n). A list has the targets of a sequence in each element. A
            class of -1, and NaN, are no target. The axis of a single number may be absent.
        epochs, steps : int
            The passes over the sequences, or the training steps: one of both.
        batch_size : int, optional
            The sequences of a step; where absent 32, or all of fewer.
        loss : str, loss or callable, optional
            "cross_entropy" for classes, the default of ints; "mse", the default of floats, "mae", "huber",
            "binary_cross_entropy", "gaussian_nll", "quantile", or one of ``recurrent.losses``. A function receives the
            outputs as a Mat (outputs, M), and the M targets as a Mat (n, M) or as an array (M,) of classes, and returns
            a Mat (1, 1).
        optimizer : Optimizer, optional
            The optimizer; where absent the network's own, and initially ``Adam(3e-3, clipping="global_norm")``.
        lengths : array of int, optional
            (N,): the valid steps of each sequence of an array; later ones count for nothing.
        metrics : iterable of str or callable
            What each validation measures besides the loss: "accuracy", "class_accuracy", "perplexity" of classes;
            "r2", "mae", "mse", "rmse" of numbers; or functions of predictions and targets, (M,) or (M, n).
        sample_weight : array, optional
            (N,), or one for every step: the weights of the mean loss, at least 0.
        class_weight : mapping, array or "balanced", optional
            The weight of each class; "balanced" gives all classes equal weight.
        validation_split : float
            The fraction of sequences at the end that are held out for validation, at least 0 and below 1.
        validation_data : tuple, optional
            (x, y) or (x, y, lengths) for validation.
        schedule : Schedule, optional
            The learning rates, of ``recurrent.schedules``; the first step of the run is its step 0.
        learning_rate : float, optional
            Replaces the optimizer's.
        clip : float, optional
            The gradient clipping threshold, above 0; None for none.
        shuffle : bool
            Whether each epoch has an order of its own, which ``rng`` and the epoch decide.
        rng : int, numpy.random.Generator, Random, optional
            Decides the orders.
        evaluate_every : int, optional
            Steps between two validations; where absent an epoch. The end of the run is validated besides.
        patience : int, optional
            Stop after this number of validations without a new lowest loss.
        restore_best : bool
            Whether the network has the weights of the lowest validation loss at the end, unless the run was
            interrupted. Such a run is not resumed.
        checkpoint, checkpoint_every, checkpoint_minutes, keep_best, record_every, progress, callbacks, overwrite
            As for ``TextModel.fit``.

        Returns
        -------
        History
            The records, also at ``history``.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument does not fit; the network is unchanged.
        FloatingPointError
            If training diverges, with the name of the parameter.
        OSError
            If the checkpoint cannot be written.

        Examples
        --------
        >>> import numpy as np, recurrent
        >>> wave = np.sin(np.arange(400) / 5).reshape(10, 40).T[:, :, None]
        >>> net = recurrent.GRU(1, [16], 1, rng=1)
        >>> history = net.fit(wave[:-1], wave[1:], epochs=60, progress=False)
        >>> history.train[-1][1] < 0.1 * history.train[0][1]
        True
        """
        shows, listeners = as_flag(progress, "progress"), as_callables(callbacks)
        has_split = validation_data is None

        def data(found: Loss) -> Data:
            return Data(
                self._dataset(x, y, lengths, found, sample_weight, class_weight),
                self._validation_data(validation_data, found),
            )

        trainer = ArrayTrainer.new(
            self,  # type: ignore[arg-type]
            data,
            y,
            epochs=epochs,
            steps=steps,
            batch_size=batch_size,
            loss=loss,
            metrics=metrics,
            optimizer=optimizer,
            evaluate_every=evaluate_every,
            record_every=record_every,
            overwrite=overwrite,
            schedule=schedule,
            learning_rate=learning_rate,
            clip=clip,
            validation_split=validation_split if has_split else 0.0,
            patience=patience,
            restore_best=restore_best,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            checkpoint_minutes=checkpoint_minutes,
            keep_best=keep_best,
            shuffle=shuffle,
            rng=rng,
        )
        self._trainer = trainer
        return trainer.run(self, shows, listeners)  # type: ignore[arg-type]

    def resume(
        self,
        x: Arrays,
        y: Arrays,
        steps: int | None = None,
        *,
        lengths: npt.ArrayLike | None = None,
        loss: LossLike | None = None,
        metrics: Iterable[MetricLike] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Any = None,
        validation_data: Any = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> History:
        """Continues an interrupted or finished ``fit``, to the same bits as without the interruption.

        Parameters
        ----------
        x, y, lengths, sample_weight, class_weight, validation_data
            The same data, which are compared with those of the run by their digest.
        steps : int, optional
            The number of further steps; where absent, the remaining ones.
        loss, metrics
            The functions of the run, where it has some and was loaded from a file; None otherwise.
        progress, callbacks
            As for ``fit``.
        checkpoint : str or Path, optional
            The file to save to; where absent, that of ``fit``, and of a network that was loaded its file.
        overwrite : bool
            Whether to replace existing files at ``checkpoint`` and its best model, though never a text.

        Returns
        -------
        History
            The records of the whole run.

        Raises
        ------
        ValueError
            If the data differ from those of the run, or no steps remain.
        RuntimeError
            If there is no run to resume.
        """
        shows, listeners = as_flag(progress, "progress"), as_callables(callbacks)
        if self._trainer is None:
            raise RuntimeError("the network has no training run; expected fit first")

        def data(found: Loss) -> Data:
            return Data(
                self._dataset(x, y, lengths, found, sample_weight, class_weight),
                self._validation_data(validation_data, found),
            )

        self._trainer.resume(self, (data, loss, metrics), steps, checkpoint, overwrite)  # type: ignore[arg-type]
        return self._trainer.run(self, shows, listeners)  # type: ignore[arg-type]

    @property
    def trainer(self) -> ArrayTrainer | None:
        """The last training run; it is saved with the network."""
        return self._trainer

    @property
    def history(self) -> History | None:
        """The records of the last training run, which are saved with the network; None without one."""
        return None if self._trainer is None else self._trainer.history

    @property
    def step(self) -> int:
        """The training steps that ``fit`` has made."""
        return 0 if self._trainer is None else self._trainer.step

    def _dataset(
        self, x: Any, y: Any, lengths: Any, loss: Loss, sample_weight: Any, class_weight: Any
    ) -> Dataset:
        return Dataset(x, y, lengths, loss, self._sizes, self._batch_first, sample_weight, class_weight)

    def _validation_data(self, given: Any, loss: Loss) -> Dataset | None:
        if given is None:
            return None
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            got = f"{len(given)} of them" if isinstance(given, (tuple, list)) else type(given).__name__
            raise ValueError(
                f"validation_data has the wrong form; expected (x, y) or (x, y, lengths), got {got}"
            )
        x, y, lengths = (*given, None)[:3]
        names = ("validation_data[0]", "validation_data[1]", "validation_data[2]")
        return Dataset(x, y, lengths, loss, self._sizes, self._batch_first, names=names)

    # ---- predictions

    def _loss(self, loss: LossLike | None) -> Loss | None:
        if loss is not None:
            return as_loss(loss)
        return None if self._trainer is None else self._trainer.settings.loss

    def scores(
        self, x: Arrays, lengths: npt.ArrayLike | None = None, batch_size: int = READ_BATCH
    ) -> Outputs:
        """Returns the outputs of every step, computed in batches and in parts of long sequences.

        Parameters
        ----------
        x, lengths
            As for ``fit``.
        batch_size : int
            The sequences that are computed at a time.

        Returns
        -------
        array or list of arrays
            (T, N, outputs), with ``batch_first`` (N, T, outputs); of a list one (T, outputs) each. Outputs beyond
            ``lengths`` are 0.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument does not fit.

        Examples
        --------
        >>> import numpy as np, recurrent
        >>> recurrent.GRU(3, [4], 2, rng=1).scores(np.zeros((5, 7, 3))).shape
        (5, 7, 2)
        """
        sequences = Sequences(x, lengths, self._sizes, self._batch_first)
        return self._collected(sequences, batch_size, None, per_sequence=False)

    def predict(
        self,
        x: Arrays,
        lengths: npt.ArrayLike | None = None,
        batch_size: int = READ_BATCH,
        *,
        per_sequence: bool | None = None,
        loss: LossLike | None = None,
    ) -> Outputs:
        """Returns what the network says of the targets: classes, or numbers.

        The loss of ``fit`` decides: of "cross_entropy" the most probable class, of "binary_cross_entropy" 0 or 1, of
        "gaussian_nll" the mean, of "quantile" (..., levels, n), of others the outputs.

        Parameters
        ----------
        x, lengths
            As for ``fit``.
        batch_size : int
            The sequences that are computed at a time.
        per_sequence : bool, optional
            Whether to return one prediction for each sequence, that of its last valid step; where absent as in ``fit``.
        loss : str or loss, optional
            Another loss than that of ``fit``.

        Returns
        -------
        array or list of arrays
            One for every step or for each sequence, in the layout of the targets of ``fit``.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument does not fit.
        """
        found = self._loss(loss)
        return self._predicted(
            x, lengths, batch_size, per_sequence, (lambda y: y) if found is None else found.predict
        )

    def predict_proba(
        self,
        x: Arrays,
        lengths: npt.ArrayLike | None = None,
        batch_size: int = READ_BATCH,
        *,
        per_sequence: bool | None = None,
        loss: LossLike | None = None,
    ) -> Outputs:
        """Returns the probabilities of the classes.

        Parameters
        ----------
        x, lengths, batch_size, per_sequence, loss
            As for ``predict``.

        Returns
        -------
        array or list of arrays
            (..., classes), of sum 1; of "binary_cross_entropy" the probability of 1.

        Raises
        ------
        ValueError
            If the loss has no probabilities.
        """
        found = self._loss(loss)
        return self._predicted(
            x, lengths, batch_size, per_sequence, (found or as_loss("cross_entropy")).probabilities
        )

    def _predicted(
        self, x: Any, lengths: Any, batch_size: int, per_sequence: bool | None, of: Any
    ) -> Outputs:
        sequences = Sequences(x, lengths, self._sizes, self._batch_first)
        if per_sequence is None:
            per_sequence = self._trainer is not None and self._trainer.per_sequence
        return self._collected(sequences, batch_size, of, as_flag(per_sequence, "per_sequence"))

    def _collected(self, sequences: Sequences, batch_size: int, of: Any, per_sequence: bool) -> Outputs:
        """Returns predictions of all sequences in the layout of the caller."""
        size, N = as_count(batch_size, "batch_size", 1), sequences.count
        parts: list[Any] = [None] * N
        # of similar lengths together: little padding
        order = np.arange(N) if sequences.lengths is None else np.argsort(-sequences.lengths, kind="stable")
        for first in range(0, N, size):
            chosen = order[first : first + size]
            x, lengths = sequences.batch(chosen)
            y = self._scores(x, lengths)
            ends = np.full(len(chosen), len(x)) if lengths is None else lengths
            for k, b in enumerate(chosen):
                if per_sequence:
                    parts[b] = y[ends[k] - 1, k] if ends[k] else np.zeros_like(y[0, k])
                else:
                    parts[b] = y[: ends[k], k] if sequences.is_list else y[:, k]
        if of is not None:
            parts = [of(part) for part in parts]
        if per_sequence:
            return np.stack(parts)
        if sequences.is_list:
            return parts
        T = sequences.steps
        whole: npt.NDArray[Any] = np.zeros((N, T, *parts[0].shape[1:]), parts[0].dtype)
        for b, part in enumerate(parts):
            whole[b, : len(part)] = part
        # a view that is read step by step would be slow
        return whole if self._batch_first else np.ascontiguousarray(whole.swapaxes(0, 1))

    def _scores(self, x: npt.NDArray[Any], lengths: npt.NDArray[np.int64] | None) -> npt.NDArray[Any]:
        """Returns the outputs of a time-major batch; those of parts of long sequences carry the state."""
        if len(x) <= _CHUNK or not self._carries_state:
            y, _ = self._run(x, None, lengths)
            return y  # type: ignore[no-any-return]
        outputs, state = [], None
        for t in range(0, len(x), _CHUNK):
            part = x[t : t + _CHUNK]
            left = None if lengths is None else np.clip(lengths - t, 0, len(part))
            y, state = self._run(part, state, left)
            outputs.append(y)
        return np.concatenate(outputs)

    def _run(self, x: Any, state: Any, lengths: Any, training: bool = False) -> tuple[Any, Any]:
        """Computes a time-major pass."""
        raise NotImplementedError

    @property
    def _carries_state(self) -> bool:
        """Whether a sequence can be computed in parts."""
        raise NotImplementedError

    # ---- evaluation and forecasts

    def evaluate(
        self,
        x: Arrays,
        y: Arrays,
        lengths: npt.ArrayLike | None = None,
        *,
        loss: LossLike | None = None,
        metrics: Iterable[MetricLike] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Any = None,
    ) -> dict[str, float]:
        """Returns the loss of data and metrics.

        Parameters
        ----------
        x, y, lengths, sample_weight, class_weight
            As for ``fit``.
        loss : str, loss or callable, optional
            Where absent that of ``fit``, and without one that of the type of the targets.
        metrics : iterable of str or callable, optional
            Where absent those of ``fit``, and without any the accuracy of classes.

        Returns
        -------
        dict
            "loss", and each metric by its name.

        Raises
        ------
        ValueError, TypeError, IndexError
            If an argument does not fit.

        Examples
        --------
        >>> import numpy as np, recurrent
        >>> net = recurrent.GRU(3, [4], 2, rng=1)
        >>> list(net.evaluate(np.zeros((5, 7, 3)), np.zeros((5, 7), int)))
        ['loss', 'accuracy']
        """
        found = self._loss(loss) or loss_for(y, self._sizes.outputs)
        if metrics is None:
            known = self._trainer.metrics(self) if self._trainer is not None and loss is None else None  # type: ignore[arg-type]
            if known is None or not known.saved_names:
                known = Metrics(default_metrics(found), found, self._sizes.outputs)
            measures = known
        else:
            measures = Metrics(metrics, found, self._sizes.outputs)
        data = self._dataset(x, y, lengths, found, sample_weight, class_weight)
        measures.check(data.are_classes)
        value, results = measure(self, data, np.arange(data.count), found, measures)  # type: ignore[arg-type]
        return {"loss": value, **results}

    def forecast(self, x: npt.ArrayLike, steps: int, state: Any = None) -> tuple[npt.NDArray[Any], State]:
        """Continues sequences: each output is the next input.

        Parameters
        ----------
        x : array
            (T, N, n), with ``batch_first`` (N, T, n): what is known.
        steps : int
            The further steps.
        state : State, optional
            The state before ``x``.

        Returns
        -------
        y : array
            (steps, N, n), with ``batch_first`` (N, steps, n): the output of the last step of ``x``, and so on.
        state : State
            That after the last input.

        Raises
        ------
        ValueError, TypeError
            If an argument does not fit, or outputs are not inputs: ``output_size`` differs from ``input_size``.

        Examples
        --------
        >>> import numpy as np, recurrent
        >>> y, state = recurrent.GRU(1, [4], 1, rng=1).forecast(np.zeros((5, 3, 1)), 8)
        >>> y.shape
        (8, 3, 1)
        """
        sizes, count = self._sizes, as_count(steps, "steps", 1)
        if not self._carries_state:
            raise ValueError(
                "forecast needs a state that holds the past; expected one direction and a cell without attention, got "
                f"{'two directions' if sizes.options['bidirectional'] else 'attention'}"
            )
        if sizes.embedding or sizes.outputs != sizes.input_size:
            raise ValueError(
                f"forecast needs outputs that are inputs; expected output_size {sizes.input_size} and no embedding, "
                f"got {sizes.outputs}"
            )
        sequences = Sequences(x, None, sizes, self._batch_first)
        if sequences.is_list or sequences.is_tokens:
            raise TypeError(
                f"x has the wrong type; expected an array of numbers, got {'a list' if sequences.is_list else 'ints'}"
            )
        known, _ = sequences.batch(np.arange(sequences.count))
        for t in range(0, len(known), _CHUNK):
            y, state = self._run(known[t : t + _CHUNK], state, None)
        shape = (count, *y.shape[1:])
        found: npt.NDArray[Any] = allocated("steps", shape, np.empty, shape, y.dtype)
        found[0] = y[-1]
        for t in range(1, count):
            y, state = self._run(found[t - 1 : t], state, None)
            found[t] = y[0]
        return found.swapaxes(0, 1) if self._batch_first else found, state

    # ---- files

    def _texts(self, leaves_out: bool) -> dict[str, str]:
        """Returns what is saved besides the metadata."""
        texts = {_BATCH_FIRST: "true"} if self._batch_first else {}
        if self._trainer is not None and not leaves_out:
            texts[_RUN] = json.dumps(self._trainer.to_dict(), separators=(",", ":"))
        return texts

    def _take_texts(self, texts: dict[str, str], path: str | os.PathLike[str] | None) -> None:
        self._batch_first = texts.pop(_BATCH_FIRST, "") == "true"
        if run := texts.pop(_RUN, ""):
            self._trainer = ArrayTrainer.from_json(run, path)
