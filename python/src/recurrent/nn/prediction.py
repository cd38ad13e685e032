"""Prediction: what a network says of arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union, cast

import numpy as np

from .._arrays import allocated
from .._checks import as_count, as_flag
from ..state import State
from ..training.array_step import READ_BATCH, measure
from ..training.losses import LossLike, as_loss, loss_for
from ..training.metrics import MetricLike, Metrics, default_metrics
from ..training.sequences import Sequences
from ..training.trainable import TrainableNetwork
from .learning import Arrays, Learning

if TYPE_CHECKING:
    import numpy.typing as npt

# the steps that are computed at a time
_CHUNK = 1024
Outputs = Union["npt.NDArray[Any]", "list[npt.NDArray[Any]]"]


class Prediction(Learning):
    """The part of ``Network`` that reads arrays: predictions, evaluation, forecasts."""

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

    def _run(
        self, x: Any, state: Any, lengths: Any, training: bool = False, state_after: int | None = None
    ) -> tuple[Any, Any]:
        """Computes a time-major pass."""
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
        model = cast("TrainableNetwork", self)
        found = self._loss(loss) or loss_for(y, self._sizes.outputs)
        if metrics is None:
            known = self._trainer.metrics(model) if self._trainer is not None and loss is None else None
            if known is None or not known.saved_names:
                known = Metrics(default_metrics(found), found, self._sizes.outputs)
            measures = known
        else:
            measures = Metrics(metrics, found, self._sizes.outputs)
        data = self._dataset(x, y, lengths, found, sample_weight, class_weight)
        measures.check(data.are_classes)
        measured = measure(model, data, np.arange(data.count), found, measures)
        return {"loss": measured.loss, **measured.results()}

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
        self._require_state("forecast")
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
