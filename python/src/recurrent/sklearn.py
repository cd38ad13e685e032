"""Estimators for scikit-learn: ``RecurrentClassifier`` and ``RecurrentRegressor``.

They work in pipelines, grid search and cross-validation. This module needs scikit-learn 1.6 or newer:
``pip install scikit-learn``.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .names import LossName
from .nn.cell import CellLike
from .nn.initialization import Init
from .nn.layers import GRU, LSTM, RNN
from .nn.network import Network
from .optim.optimizers import AdamW
from .training.history import History

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
except ImportError:
    raise ImportError(
        "recurrent.sklearn needs scikit-learn 1.6; install it with `pip install 'scikit-learn>=1.6'`"
    ) from None

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["RecurrentClassifier", "RecurrentRegressor"]

_LAYERS: dict[str, Any] = {"gru": GRU, "lstm": LSTM, "rnn": RNN}


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: the form of X, and the network."""

    cell: CellLike
    hidden_sizes: Sequence[int]
    features_per_step: int
    bidirectional: bool
    dropout: float
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    clip: float | None
    validation_fraction: float
    patience: int | None
    init: Init
    dtype: str
    verbose: bool
    random_state: Any
    network_: Network
    n_features_in_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @property
    def history_(self) -> History | None:
        """The records of training."""
        return self.network_.history

    # ---- sequences

    def _sequences(self, X: Any, is_fit: bool) -> Any:
        """Returns an array (N, T, n) or a list of (T, n), checked."""
        if is_fit:
            for name in ("n_features_in_", "feature_names_in_"):
                self.__dict__.pop(name, None)
        if not _are_sequences(X) and _axes(X) != 3:
            return self._rows(X, is_fit)
        kind = "3-D or a list of sequences"
        if not is_fit and self._form != kind:
            raise ValueError(f"X has the wrong form; expected {self._form}, as in fit, got {kind}")
        if _are_sequences(X):
            items = [check_array(item, dtype=self.dtype, ensure_2d=False, input_name="X") for item in X]
            found: Any = [item[:, None] if item.ndim == 1 else item for item in items]
            widths = {item.shape[-1] for item in found}
            if len(widths) != 1:
                raise ValueError(
                    f"X has sequences of different widths; expected one number of features, got {sorted(widths)}"
                )
        else:
            found = check_array(X, dtype=self.dtype, allow_nd=True, input_name="X")
            widths = {found.shape[2]}
        (n,) = widths
        if not is_fit and n != self.n_features_in_:
            raise ValueError(
                f"X has the wrong width; expected {self.n_features_in_} features of a step, got {n}"
            )
        self._set(is_fit, kind, n)
        return found

    def _rows(self, X: Any, is_fit: bool) -> npt.NDArray[Any]:
        """Returns the sequences (N, T, n) of the rows of a 2-D X."""
        kind, n = "2-D", self.features_per_step
        if not isinstance(n, numbers.Integral) or n < 1:
            raise ValueError(f"features_per_step is out of range; expected an int of at least 1, got {n!r}")
        if not is_fit and self._form != kind:
            raise ValueError(f"X has the wrong form; expected {self._form}, as in fit, got {kind}")
        rows = validate_data(self, X, reset=is_fit, dtype=self.dtype)
        if rows.shape[1] % n:
            raise ValueError(
                f"X has the wrong width; expected a multiple of features_per_step {n}, got {rows.shape[1]} columns"
            )
        self._set(is_fit, kind, rows.shape[1])
        return np.ascontiguousarray(rows).reshape(len(rows), -1, n)

    def _set(self, is_fit: bool, form: str, features: int) -> None:
        if is_fit:
            self._form, self.n_features_in_ = form, int(features)

    # ---- training and predictions

    def _fit(
        self,
        X: Any,
        y: npt.NDArray[Any],
        outputs: int,
        loss: LossName,
        sample_weight: Any,
        class_weight: Any = None,
    ) -> None:
        sequences = self._sequences(X, is_fit=True)
        if len(sequences) != len(y):
            raise ValueError(
                f"X and y have different lengths; expected one target for each sequence, got {len(sequences)} and "
                f"{len(y)}: inconsistent numbers of samples"
            )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, np.empty((len(y), 1)))
        random = check_random_state(self.random_state)
        width = int(np.shape(sequences[0])[-1])
        network = self._network(width, outputs, int(random.randint(2**31 - 1)))
        fraction = self.validation_fraction
        if not isinstance(fraction, numbers.Real) or not 0 <= fraction < 1:
            raise ValueError(
                f"validation_fraction is out of range; expected at least 0 and below 1, got {fraction!r}"
            )
        held = math.ceil(len(y) * fraction)
        chosen = random.permutation(len(y)) if held else np.arange(len(y))
        training, validation = chosen[held:], chosen[:held]
        if not len(training):
            raise ValueError(
                f"validation_fraction leaves no sequence; expected at least 1 for training, got {len(y)} sequences"
            )
        network.fit(
            _taken(sequences, training),
            y[training],
            self.epochs,
            min(self.batch_size, len(training)),
            loss,
            AdamW(self.learning_rate, weight_decay=self.weight_decay, clipping="global_norm"),
            sample_weight=None if sample_weight is None else sample_weight[training],
            class_weight=class_weight,
            validation_data=(_taken(sequences, validation), y[validation]) if held else None,
            clip=self.clip,
            rng=int(random.randint(2**31 - 1)),
            patience=self.patience if held else None,
            restore_best=bool(held),
            progress=bool(self.verbose),
        )
        self.network_ = network

    def _network(self, width: int, outputs: int, seed: int) -> Network:
        options: dict[str, Any] = {
            "dropout": self.dropout,
            "dtype": self.dtype,
            "rng": seed,
            "bidirectional": self.bidirectional,
            "batch_first": True,
            "init": self.init,
        }
        hidden = self.hidden_sizes
        if isinstance(self.cell, str) and self.cell in _LAYERS:
            return _LAYERS[self.cell](width, hidden, outputs, **options)  # type: ignore[no-any-return]
        return Network(self.cell, width, hidden, outputs, **options)

    def _read(self, X: Any) -> Any:
        check_is_fitted(self, "network_")
        return self._sequences(X, is_fit=False)


class RecurrentClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier of sequences: a recurrent network whose last output decides.

    Parameters
    ----------
    cell : str or Cell
        "gru", "lstm", "rnn", the name of another built-in cell, or a ``recurrent.Cell``.
    hidden_sizes : sequence of int
        The hidden size of each layer, bottom first.
    features_per_step : int
        The numbers of a time step where X is 2-D: its rows are sequences of ``columns / features_per_step`` steps. By
        default a row is a series of single numbers.
    bidirectional : bool
        Whether the layers run in both directions.
    dropout : float
        The fraction of the outputs between layers that training zeroes, at least 0 and below 1.
    epochs : int
        The passes over the sequences.
    batch_size : int
        The sequences of a training step.
    learning_rate : float
        That of AdamW.
    weight_decay : float
        That of AdamW.
    clip : float, optional
        The largest norm of the gradient; None for none.
    class_weight : mapping or "balanced", optional
        The weight of each class by its label; "balanced" gives all classes equal weight.
    validation_fraction : float
        The fraction of sequences, chosen at random, that are held out. The network then has the weights of the lowest
        loss on them.
    patience : int, optional
        Stop after this number of epochs without a new lowest loss on the sequences held out.
    init : {"uniform", "glorot", "orthogonal", "identity"}, float or callable
        What the network's matrices are drawn from, as for ``Network``.
    dtype : {"float32", "float64"}
        The type of all elements.
    verbose : bool
        Whether to show the progress of training.
    random_state : int, numpy.random.RandomState, optional
        Decides the weights, the orders and the sequences held out.

    Attributes
    ----------
    network_ : Network
        The trained network.
    classes_ : array
        The labels, sorted; of several labels a sequence the numbers of their columns.
    n_features_in_ : int
        The columns of a 2-D X; otherwise the numbers of a time step.
    history_ : History
        The records of training.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent.sklearn import RecurrentClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 10, 2))
    >>> y = np.where(X[:, :, 0].sum(1) > 0, "up", "down")
    >>> bool(RecurrentClassifier(epochs=20, random_state=0).fit(X, y).score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        cell: CellLike = "gru",
        hidden_sizes: Sequence[int] = (32,),
        *,
        features_per_step: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        clip: float | None = 1.0,
        class_weight: Mapping[Any, float] | str | None = None,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        init: Init = "uniform",
        dtype: str = "float32",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.cell = cell
        self.hidden_sizes = hidden_sizes
        self.features_per_step = features_per_step
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip = clip
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.init = init
        self.dtype = dtype
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> RecurrentClassifier:
        """Trains a new network.

        Parameters
        ----------
        X : array or list of arrays
            (N, T, n); or a list of N sequences of any lengths, (T, n) or (T,) each; or (N, columns), see
            ``features_per_step``.
        y : array
            (N,): labels of any type; or (N, labels): 0 or 1 for each label.
        sample_weight : array, optional
            (N,): the weights of the mean loss, at least 0.

        Returns
        -------
        RecurrentClassifier
            This estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an argument does not fit.
        """
        y = _targets(self, y)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            if self.class_weight is not None:
                raise ValueError(
                    "class_weight is unused by several labels; expected None, got a class_weight and y of "
                    f"{y.shape[1]} columns"
                )
            self._is_multilabel, self.classes_ = True, np.arange(y.shape[1])
            self._fit(X, y.astype(self.dtype), y.shape[1], "binary_cross_entropy", sample_weight)
            return self
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"y has the wrong form; expected (N,) labels or (N, labels) of 0 and 1, got {kind}"
            )
        y = column_or_1d(y, warn=True)
        classes, numbers_ = np.unique(y, return_inverse=True)
        weight = self.class_weight
        if isinstance(weight, Mapping):
            unknown = [label for label in weight if label not in set(classes.tolist())]
            if unknown:
                raise ValueError(
                    f"class_weight has an unknown class; expected one of {classes.tolist()}, got {unknown[0]!r}"
                )
            weight = np.array([weight.get(label, 1.0) for label in classes.tolist()])  # type: ignore[assignment]
        self._is_multilabel, self.classes_ = False, classes
        self._fit(X, numbers_.astype(np.int64), len(classes), "cross_entropy", sample_weight, weight)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Returns the most probable labels.

        Parameters
        ----------
        X : array or list of arrays
            As for ``fit``.

        Returns
        -------
        array
            (N,); of several labels a sequence (N, labels), 0 or 1.

        Raises
        ------
        ValueError
            If X does not fit.
        """
        p = self.predict_proba(X)
        if self._is_multilabel:
            return (p > 0.5).astype(int)
        return self.classes_[p.argmax(1)]  # type: ignore[no-any-return]

    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Returns the probabilities of the classes.

        Parameters
        ----------
        X : array or list of arrays
            As for ``fit``.

        Returns
        -------
        array
            (N, classes), of sum 1; of several labels a sequence (N, labels), the probability of each.

        Raises
        ------
        ValueError
            If X does not fit.
        """
        sequences = self._read(X)
        loss: LossName = "binary_cross_entropy" if self._is_multilabel else "cross_entropy"
        return np.asarray(self.network_.predict_proba(sequences, per_sequence=True, loss=loss))


class RecurrentRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor of sequences: a recurrent network whose last output is the prediction.

    Targets far from 0 or of a large scale train slowly: ``sklearn.compose.TransformedTargetRegressor`` standardizes
    them.

    Parameters
    ----------
    cell, hidden_sizes, features_per_step, bidirectional, dropout, epochs, batch_size, learning_rate, weight_decay, \
    clip, validation_fraction, patience, init, dtype, verbose, random_state
        As for ``RecurrentClassifier``.
    loss : {"mse", "mae", "huber"}
        The loss.

    Attributes
    ----------
    network_ : Network
        The trained network.
    n_features_in_ : int
        The columns of a 2-D X; otherwise the numbers of a time step.
    history_ : History
        The records of training.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent.sklearn import RecurrentRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 10, 1))
    >>> y = X.mean((1, 2))
    >>> bool(RecurrentRegressor(epochs=20, random_state=0).fit(X, y).score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        cell: CellLike = "gru",
        hidden_sizes: Sequence[int] = (32,),
        *,
        features_per_step: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        clip: float | None = 1.0,
        loss: LossName = "mse",
        validation_fraction: float = 0.0,
        patience: int | None = None,
        init: Init = "uniform",
        dtype: str = "float32",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.cell = cell
        self.hidden_sizes = hidden_sizes
        self.features_per_step = features_per_step
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip = clip
        self.loss = loss
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.init = init
        self.dtype = dtype
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> RecurrentRegressor:
        """Trains a new network.

        Parameters
        ----------
        X : array or list of arrays
            As for ``RecurrentClassifier.fit``.
        y : array
            (N,) or (N, outputs).
        sample_weight : array, optional
            (N,): the weights of the mean loss, at least 0.

        Returns
        -------
        RecurrentRegressor
            This estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an argument does not fit.
        """
        if self.loss not in ("mse", "mae", "huber"):
            raise ValueError(f"loss is unknown; expected mse, mae or huber, got {self.loss!r}")
        y = _targets(self, y, dtype="numeric").astype(self.dtype)
        self._has_one_axis = y.ndim == 1
        y = y[:, None] if y.ndim == 1 else y
        self._fit(X, y, y.shape[1], self.loss, sample_weight)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Returns the predictions.

        Parameters
        ----------
        X : array or list of arrays
            As for ``fit``.

        Returns
        -------
        array
            (N,) or (N, outputs), as y of ``fit``.

        Raises
        ------
        ValueError
            If X does not fit.
        """
        sequences = self._read(X)
        found = np.asarray(self.network_.predict(sequences, per_sequence=True, loss="mse"))
        # float64 as y is, whatever the network computes in
        found = found.reshape(len(sequences), -1).astype(np.float64)
        return found[:, 0] if self._has_one_axis else found


def _axes(X: Any) -> int | None:
    """Returns the number of axes of an array; None of what is no array."""
    if hasattr(X, "ndim"):
        return int(X.ndim)
    try:
        return np.asarray(X).ndim
    except ValueError:
        return None


def _are_sequences(X: Any) -> bool:
    """Returns whether X is a list of sequences, (T, n) or (T,) of different lengths."""
    if not isinstance(X, (list, tuple)) and getattr(getattr(X, "dtype", None), "kind", "") != "O":
        return False
    if not len(X) or (isinstance(X, np.ndarray) and X.ndim != 1):
        return False
    shapes = []
    for item in X:
        if not isinstance(item, (list, tuple, np.ndarray)):
            return False
        try:
            shapes.append(np.shape(item))
        except ValueError:
            return False
    return len(shapes[0]) == 2 or (len(shapes[0]) == 1 and len(set(shapes)) > 1)


def _taken(sequences: Any, chosen: npt.NDArray[np.intp]) -> Any:
    return [sequences[b] for b in chosen] if isinstance(sequences, list) else sequences[chosen]


def _targets(estimator: _Estimator, y: Any, dtype: str | None = None) -> npt.NDArray[Any]:
    """Returns y, (N,) or (N, outputs), finite."""
    if y is None:
        raise ValueError(
            f"requires y to be passed, but the target y is None; expected one target for each sequence of "
            f"{type(estimator).__name__}, got None"
        )
    return check_array(  # type: ignore[no-any-return]
        y, dtype=dtype, ensure_2d=False, ensure_min_samples=0, input_name="y", estimator=estimator
    )
