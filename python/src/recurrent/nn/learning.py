"""Learning: training a network on arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Union, cast

from .._checks import as_callables, as_flag
from .._readonly import refuse_assignment
from ..distributed import Communicator
from ..optim.optimizer import Optimizer
from ..optim.schedules import Schedule
from ..random import RNG
from ..sizes import Sizes, sizes_of
from ..training.array_trainer import CLIP, ArrayTrainer, Data
from ..training.dataset import Dataset
from ..training.history import History
from ..training.losses import Loss, LossLike, as_loss
from ..training.metrics import MetricLike
from ..training.options import CHECKPOINT_MINUTES
from ..training.ranks import Ranks
from ..training.trainable import TrainableNetwork
from ..training.trainer import Callback
from .checkpoint import Checkpoint

if TYPE_CHECKING:
    import numpy.typing as npt

# the keys of a file's metadata
_RUN = "python.training"
_BATCH_FIRST = "python.batch_first"
Arrays = Union["npt.ArrayLike", "list[npt.ArrayLike]"]


class Learning(Checkpoint):
    """The part of ``Network`` that learns from arrays: ``fit`` and ``resume``."""

    _trainer: ArrayTrainer | None = None
    _batch_first = False

    @property
    def _sizes(self) -> Sizes:
        """What buffers are sized by: asked of the library, whatever the attributes of this object are."""
        return sizes_of(self._handle.value)

    @property
    def _carries_state(self) -> bool:
        """Whether a sequence can be computed in parts."""
        return not (self._sizes.options["bidirectional"] or self._sizes.attends)

    def _require_state(self, name: str) -> None:
        """Refuses a network whose state does not hold the past, for an argument that needs it."""
        if not self._carries_state:
            raise ValueError(
                f"{name} needs a state that holds the past; expected one direction and a cell without attention, got "
                f"{'two directions' if self._sizes.options['bidirectional'] else 'attention'}"
            )

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
        seq_length: int | None = None,
        bptt_length: int | None = None,
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
        distributed: Communicator | None = None,
    ) -> History:
        """Trains on sequences and their targets.

        A training step reads a batch of whole sequences, or with ``seq_length`` the next part of them: truncated
        backpropagation through time, BPTT(h; h′) of Williams and Peng, Neural Computation 2 (1990), where h′ is
        ``seq_length`` and h ``bptt_length``. Ctrl-C stops between two training steps, and ``resume`` continues to the
        same bits.

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
            The passes over the sequences, or the training steps: one of both. Of parts the training steps are counted
            before the first one; where sequences differ in their parts and epochs in their order, of at most 100,000
            epochs.
        batch_size : int, optional
            The sequences of a step; where absent 32, or all of fewer.
        loss : str, loss or callable, optional
            "cross_entropy" for classes, the default of ints; "mse", the default of floats, "mae", "huber",
            "binary_cross_entropy", "gaussian_nll", "quantile", or one of ``recurrent.losses``. A function receives the
            outputs as a Mat (outputs, M), and the M targets as a Mat (n, M) or as an array (M,) of classes, and returns
            a Mat (1, 1).
        optimizer : Optimizer, optional
            The optimizer; where absent the network's own, and initially ``Adam(1e-2, clipping="global_norm")``. The
            rate of this one falls linearly to a twentieth over the steps, unless ``schedule`` or ``learning_rate`` is
            given; another optimizer keeps its rate.
        lengths : array of int, optional
            (N,): the valid steps of each sequence of an array; later ones count for nothing.
        seq_length : int, optional
            The steps of a part: a training step follows each, and the loss is the mean over its targets. A batch begins
            without a state, and its parts carry the state on, up to the end of its longest sequence; the state is part
            of a checkpoint. A part without a target advances the state alone; those after the last target are not read.
            Memory is that of ``bptt_length`` steps, however long sequences are. Whole sequences where absent. Needs
            targets of every step, one direction and a cell without attention.
        bptt_length : int, optional
            The steps, at least ``seq_length``, through which the gradients of a part pass; where absent ``seq_length``.
            Earlier steps are computed again, and their targets do not count.
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
            Training steps between two validations; where absent those of the first epoch. The end of the run is
            validated besides.
        patience : int, optional
            Stop after this number of validations without a new lowest loss.
        restore_best : bool
            Whether the network has the weights of the lowest validation loss at the end, unless the run was
            interrupted. Such a run is not resumed.
        checkpoint, checkpoint_every, checkpoint_minutes, keep_best, record_every, progress, callbacks, overwrite
            As for ``TextModel.fit``.
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
        model = cast("TrainableNetwork", self)
        with Ranks(distributed) as ranks:
            trainer = ArrayTrainer.new(
                model,
                self._data(x, y, lengths, sample_weight, class_weight, validation_data),
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
                validation_split=validation_split if validation_data is None else 0.0,
                patience=patience,
                restore_best=restore_best,
                checkpoint=None if ranks.rank else checkpoint,
                checkpoint_every=checkpoint_every,
                checkpoint_minutes=checkpoint_minutes,
                keep_best=keep_best,
                shuffle=shuffle,
                seq_length=seq_length,
                bptt_length=bptt_length,
                rng=rng,
                ranks=ranks,
            )
            trainer.join(model, ranks)
            self._trainer = trainer
            return trainer.run(model, shows, listeners)

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
        distributed: Communicator | None = None,
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
            Whether to replace existing files at ``checkpoint`` and its best model, though never a text that was read.
        distributed : Communicator, optional
            As for ``fit``; of as many processes as before or of others, each with the loaded network.

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
        with Ranks(distributed) as ranks:
            if self._trainer is None:
                raise RuntimeError("the network has no training run; expected fit first")
            model = cast("TrainableNetwork", self)
            data = self._data(x, y, lengths, sample_weight, class_weight, validation_data)
            self._trainer.resume(model, (data, loss, metrics), steps, checkpoint, overwrite, ranks)
            self._trainer.join(model, ranks)
            return self._trainer.run(model, shows, listeners)

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

    def _data(
        self, x: Any, y: Any, lengths: Any, sample_weight: Any, class_weight: Any, validation_data: Any
    ) -> Callable[[Loss], Data]:
        """Returns a function that reads the data of a run for a loss."""
        return lambda loss: Data(
            self._dataset(x, y, lengths, loss, sample_weight, class_weight),
            self._validation_data(validation_data, loss),
        )

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

    def _loss(self, loss: LossLike | None) -> Loss | None:
        if loss is not None:
            return as_loss(loss)
        return None if self._trainer is None else self._trainer.settings.loss

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
