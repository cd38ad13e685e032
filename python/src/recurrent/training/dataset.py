"""Dataset: sequences and their targets, checked once, of which batches are made."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._arrays import are_ints, as_array, as_type, time_major
from .._checks import FLOAT32_MAX, as_single, shown
from ..sizes import Sizes
from .losses import Custom, Loss
from .sequences import Sequences

if TYPE_CHECKING:
    import numpy.typing as npt


# steps of sequences that are read at a time, to look for targets
_READ_STEPS = 1 << 16


class Batch(NamedTuple):
    """Some sequences, padded to the longest of them, and their targets.

    ``x`` is (T, B, n) or tokens (T, B); ``lengths`` (B,) or None; ``targets`` and ``weights`` are (T, B, ...) or, for
    one target a sequence, (B, ...). Weights are 0 where there is no target; None where all are 1.
    """

    x: npt.NDArray[Any]
    lengths: npt.NDArray[np.int64] | None
    targets: npt.NDArray[Any]
    weights: npt.NDArray[Any] | None

    def counted(self) -> npt.NDArray[np.float64]:
        """Returns the weights of the targets, 0 where a target is missing."""
        if self.weights is not None:
            return self.weights
        targets = self.targets
        if targets.dtype.kind not in "iu":
            return np.ones(targets.shape)
        valid = targets >= 0
        if targets.ndim == 2 and self.lengths is not None:
            valid &= np.arange(len(targets))[:, None] < self.lengths
        return valid.astype(float)

    def since(self, step: int) -> Batch:
        """Returns the batch without the targets of the steps before ``step``."""
        if not step:
            return self
        if self.weights is None and self.targets.dtype.kind in "iu":
            targets = self.targets.copy()
            targets[:step] = -1
            return self._replace(targets=targets)
        weights = self.counted().copy()
        weights[:step] = 0
        return self._replace(weights=weights)


class Dataset:
    """Sequences and their targets.

    Parameters
    ----------
    x, lengths
        As for ``Sequences``.
    y : array or list
        A target for every step, (T, N) classes or (T, N, n) numbers, or for each sequence, (N,) or (N, n): as that of
        its last valid step. A list has the targets of a sequence in each element. A class of -1 and NaN are no target.
    loss : Loss
        What the targets are for.
    sizes : Sizes
        Those of the network.
    batch_first : bool
        Whether the first axis of arrays is that of the sequences.
    sample_weight : array, optional
        (N,), or of the shape of the steps' targets.
    class_weight : mapping, array or "balanced", optional
        The weight of each class.
    names : tuple of str
        The names of ``x``, ``y`` and ``lengths`` in errors.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        lengths: Any,
        loss: Loss,
        sizes: Sizes,
        batch_first: bool,
        sample_weight: Any = None,
        class_weight: Any = None,
        names: tuple[str, str, str] = ("x", "y", "lengths"),
    ) -> None:
        self.sequences = Sequences(x, lengths, sizes, batch_first, names[0], names[2])
        self._loss, self._sizes, self._name, self._batch_first = loss, sizes, names[1], batch_first
        self._read_targets(y)
        self._weights = self._read_weights(sample_weight)
        self._class_weight = self._read_class_weight(class_weight)
        self.is_weighted = self._weights is not None or self._class_weight is not None
        if self.is_weighted and isinstance(loss, Custom):
            name = "sample_weight" if sample_weight is not None else "class_weight"
            raise ValueError(
                f"{name} is unused by a function; expected a loss with weights, got a function as loss"
            )
        if not self.has_targets(np.arange(self.count)):
            if not self.is_weighted:
                raise ValueError(
                    f"{self._name} is empty; expected at least one target at a valid step, got none"
                )
            name = "sample_weight" if sample_weight is not None else "class_weight"
            raise ValueError(f"{name} is 0 at all targets; expected at least one above 0, got none")

    @property
    def count(self) -> int:
        """The number of sequences."""
        return self.sequences.count

    # ---- targets

    def _read_targets(self, y: Any) -> None:
        name, N = self._name, self.sequences.count
        self._items: list[npt.NDArray[Any]] | None = None
        if isinstance(y, (list, tuple)):
            items = [as_array(item, f"{name}[{b}]") for b, item in enumerate(y)]
            if len(items) != N:
                raise ValueError(
                    f"{name} has the wrong length; expected {N}, one for each sequence, got {len(items)}"
                )
            self.are_classes = self._are_classes(items)
            n = 1 if self.are_classes else self._numbers()
            # one number, or one vector, for each sequence
            is_vectors = not self.are_classes and all(item.shape == (n,) for item in items)
            if not is_vectors and not all(item.ndim == 0 for item in items):
                self.per_sequence = False
                self._items = [self._as_item(item, b, name) for b, item in enumerate(items)]
                self._check_targets(self._items, name)
                return
            y = np.array(items)
        array = as_array(y, name)
        self.are_classes = self._are_classes([array])
        self._check_kind(array, name)
        self._targets = self._as_targets(array, name)
        self._check_targets([self._targets], name)

    def _are_classes(self, arrays: list[npt.NDArray[Any]]) -> bool:
        if isinstance(self._loss, Custom):
            return all(are_ints(array) for array in arrays)
        return self._loss.are_classes

    def _check_kind(self, array: npt.NDArray[Any], name: str) -> None:
        if self._loss.are_classes and array.size and not are_ints(array):
            raise TypeError(
                f"{name} has the wrong type; expected ints, the classes of {self._loss.name}, got {array.dtype}"
            )

    def _numbers(self) -> int:
        return self._loss.numbers(self._sizes.outputs)

    def _as_item(self, item: npt.NDArray[Any], b: int, name: str) -> npt.NDArray[Any]:
        """Returns the targets of the steps of one sequence."""
        name = f"{name}[{b}]"
        self._check_kind(item, name)
        T = self.sequences.length(b)
        classes = self.are_classes
        n = 1 if classes else self._numbers()
        expected: tuple[int, ...] = (T,) if classes else (T, n)
        if item.shape == (T,) and not classes and n == 1:
            item = item[:, None]
        if item.shape != expected:
            raise ValueError(
                f"{name} has the wrong shape; expected {expected}, got {item.shape}"
                f"{self._hint(item.shape == (T,))}"
            )
        return item if classes else as_type(item, self._sizes.dtype, name)

    def _hint(self, are_like_classes: bool) -> str:
        """Returns the end of a message about numbers that have the shape of classes."""
        return "; classes are ints" if are_like_classes and not self.are_classes else ""

    def _as_targets(self, array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
        """Returns the targets of an array, time-major, and finds whether there is one for each sequence."""
        s, N = self.sequences, self.sequences.count
        T, n = s.steps, 1 if self.are_classes else self._numbers()
        shape, of_steps = array.shape, (N, T) if self._batch_first else (T, N)
        if self.are_classes:
            accepted = {(N,): True, of_steps: False}
        else:
            accepted = {(N, n): True, (*of_steps, n): False}
            if n == 1:
                accepted = {of_steps: False, (N,): True, **accepted}
        if shape not in accepted:
            shapes = " or ".join(str(each) for each in accepted)
            hint = self._hint(shape in ((N,), of_steps))
            raise ValueError(f"{name} has the wrong shape; expected {shapes}, got {shape}{hint}")
        self.per_sequence = accepted[shape]
        if s.is_list and not self.per_sequence and len({self.sequences.length(b) for b in range(N)}) > 1:
            raise ValueError(f"{name} has the wrong type; expected a list, as {s._name} is one, got an array")
        if not self.are_classes and len(shape) == (1 if self.per_sequence else 2):
            array = array[..., None]
        if not self.per_sequence:
            array = time_major(array, self._batch_first)
            if s.lengths is not None and not s.is_list:
                # anything may be beyond the lengths
                kind: Any = np.float64 if are_ints(array) else array.dtype.newbyteorder("=")
                array = array.astype(np.int64 if self.are_classes else kind)
                array[np.arange(T)[:, None] >= s.lengths] = -1 if self.are_classes else np.nan
        return array if self.are_classes else as_type(array, self._sizes.dtype, name)

    def _check_targets(self, arrays: list[npt.NDArray[Any]], name: str) -> None:
        """Checks the targets that count: at valid steps, and not missing."""
        found = 0
        for array in arrays:
            if self.are_classes:
                most = self._sizes.outputs if self._loss.are_classes else 2**31
                wrong = (array < -1) | (array >= most)
                if wrong.any():
                    raise IndexError(
                        f"{name} has a class out of range; expected 0 to {most - 1}, or -1 for none, "
                        f"got {array[wrong][0]}"
                    )
                present = array[array >= 0]
            else:
                missing = np.isnan(array)
                if isinstance(self._loss, Custom) and (missing.any(-1) != missing.all(-1)).any():
                    raise ValueError(
                        f"{name} has a target that is missing in part; expected all of its numbers or NaN for all, as "
                        "a function has no weights, got both"
                    )
                present = array[~missing]
                if not np.isfinite(present).all():
                    raise ValueError(
                        f"{name} is not finite; expected finite numbers, or NaN for none, got inf"
                    )
            self._loss.check(present, name)
            found += present.size
        if not found:
            raise ValueError(f"{name} is empty; expected at least one target, got none")

    # ---- weights

    def _read_weights(self, given: Any) -> npt.NDArray[Any] | None:
        if given is None:
            return None
        name, N, T = "sample_weight", self.count, self.sequences.steps
        if isinstance(given, (list, tuple)) and self.sequences.is_list and not self.per_sequence:
            given = self._padded_weights(given, name)
        array = as_array(given, name)
        of_steps = (N, T) if self._batch_first else (T, N)
        accepted = [(N,)] if self.per_sequence else [(N,), of_steps]
        if array.shape not in accepted:
            shapes = " or ".join(map(str, accepted))
            raise ValueError(f"{name} has the wrong shape; expected {shapes}, got {array.shape}")
        if array.ndim == 2:
            array = time_major(array, self._batch_first)
            if self.sequences.lengths is not None:
                array = np.where(np.arange(T)[:, None] < self.sequences.lengths, array, 0)
        _check_weights(array, name)
        return array

    def _padded_weights(self, given: Any, name: str) -> Any:
        """Returns the weights of the steps of each sequence as an array; one number for each sequence as it is."""
        items = [as_array(item, f"{name}[{b}]") for b, item in enumerate(given)]
        if len(items) != self.count or all(item.ndim == 0 for item in items):
            return given
        padded: npt.NDArray[Any] = np.zeros((self.sequences.steps, self.count))
        for b, item in enumerate(items):
            if item.shape != (self.sequences.length(b),):
                raise ValueError(
                    f"{name}[{b}] has the wrong shape; expected {(self.sequences.length(b),)}, got {item.shape}"
                )
            padded[: len(item), b] = item
        return time_major(padded, self._batch_first)

    def _read_class_weight(self, given: Any) -> npt.NDArray[Any] | None:
        if given is None:
            return None
        if not self._loss.are_classes:
            raise ValueError(
                f"class_weight is unused by {self._loss.name}; expected cross_entropy, got {self._loss.name}"
            )
        R = self._sizes.outputs
        if isinstance(given, str):
            if given != "balanced":
                raise ValueError(
                    f'class_weight is unknown; expected weights or "balanced", got {shown(given)}'
                )
            seen = np.zeros(R)
            for array in self._items or [self._targets]:
                seen += np.bincount(array[array >= 0], minlength=R)
            balanced: npt.NDArray[Any] = np.divide(seen.sum(), R * seen, out=np.zeros(R), where=seen > 0)
            return balanced
        weights = np.ones(R)
        if isinstance(given, Mapping):
            for key, value in given.items():
                if not (type(key) is int or isinstance(key, np.integer)) or not 0 <= key < R:
                    raise ValueError(
                        f"class_weight has an unknown class; expected 0 to {R - 1}, got {shown(key)}"
                    )
                weights[key] = as_single(value, f"class_weight[{key}]")
        else:
            array = as_array(given, "class_weight")
            if array.shape != (R,):
                raise ValueError(f"class_weight has the wrong shape; expected {(R,)}, got {array.shape}")
            weights = array.astype(float)
        _check_weights(weights, "class_weight")
        return weights

    # ---- batches

    def batch(self, chosen: npt.NDArray[np.int64], first: int = 0, stop: int | None = None) -> Batch:
        """Returns some sequences with their targets; of those of steps the ones from ``first`` to before ``stop``."""
        x, lengths = self.sequences.batch(chosen, first, stop)
        targets = self._targets_of(chosen, first, first + len(x))
        return Batch(x, lengths, targets, self._weights_of(targets, lengths, chosen, first))

    def targeted_parts(self, count: int, seq_length: int) -> npt.NDArray[np.bool_]:
        """Returns whether sequences have a target with a weight above 0 in their parts of ``seq_length`` steps.

        (count, parts), for the first ``count`` sequences and the parts of the longest one.
        """
        steps = self.sequences.steps
        found = np.zeros((count, -(-steps // seq_length)), bool)
        # the parts, and the sequences, that are read at a time
        parts = min(found.shape[1], max(1, _READ_STEPS // seq_length))
        size = max(1, _READ_STEPS // (parts * seq_length))
        for part in range(0, found.shape[1], parts):
            for b in range(0, count, size):
                chosen = np.arange(b, min(b + size, count))
                batch = self.batch(chosen, part * seq_length, (part + parts) * seq_length)
                # of a target of several numbers the largest weight
                counted = batch.counted().reshape(*batch.x.shape[:2], -1).max(2) > 0
                ors = np.logical_or.reduceat(counted, np.arange(0, len(counted), seq_length), axis=0)
                found[b : b + size, part : part + len(ors)] = ors.T
        return found

    def has_targets(self, chosen: npt.NDArray[np.int64]) -> bool:
        """Whether some sequences have a target with a weight above 0."""
        lengths = self.sequences.lengths
        for b in chosen:
            one = np.array([b])
            if lengths is not None and not lengths[b]:
                continue
            targets = self._targets_of(one, 0, self.sequences.length(b))
            weights = self._weights_of(targets, None, one)
            if weights is None:
                weights = targets >= 0 if self.are_classes else np.ones(1)
            if (weights > 0).any():
                return True
        return False

    def _targets_of(self, chosen: npt.NDArray[np.int64], first: int, stop: int) -> npt.NDArray[Any]:
        """Returns the targets of some sequences, those of steps from ``first`` to before ``stop``."""
        kind: Any = np.int64 if self.are_classes else self._sizes.dtype
        if self._items is None:
            targets = self._targets[chosen] if self.per_sequence else self._targets[first:stop, chosen]
            return np.ascontiguousarray(targets, kind)
        filled = np.full(
            (stop - first, len(chosen), *self._items[0].shape[1:]), -1 if self.are_classes else np.nan, kind
        )
        for k, b in enumerate(chosen):
            item = self._items[b][first:stop]
            filled[: len(item), k] = item
        return filled

    def _weights_of(
        self, targets: npt.NDArray[Any], lengths: Any, chosen: npt.NDArray[np.int64], first: int = 0
    ) -> npt.NDArray[Any] | None:
        """Returns the weights of a batch, from the step ``first``; None where every target counts once."""
        valid = targets >= 0 if self.are_classes else ~np.isnan(targets)
        if not self.per_sequence and lengths is not None:
            present = np.arange(len(targets))[:, None] < lengths
            valid &= present if self.are_classes else present[:, :, None]
        if not self.is_weighted:
            # lengths and classes of -1 are masked by the library
            return None if self.are_classes or (lengths is None and valid.all()) else valid.astype(float)
        weights = valid.astype(float)
        if self._weights is not None:
            steps = slice(first, first + len(targets))
            each = self._weights[chosen] if self._weights.ndim == 1 else self._weights[steps, chosen]
            weights *= each if self.are_classes else each[..., None]
        if self._class_weight is not None:
            weights *= self._class_weight[np.maximum(targets, 0)]
        return weights

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of the data."""
        digest = hashlib.sha256()
        self.sequences.update(digest)
        kind: Any = "<i8" if self.are_classes else self._sizes.dtype.newbyteorder("<")
        targets = [(array, kind) for array in self._items or [self._targets]]
        for array, kind in [*targets, (self._weights, "<f8"), (self._class_weight, "<f8")]:
            if array is not None:
                digest.update(repr((array.shape, kind)).encode())
                digest.update(np.ascontiguousarray(array, kind).tobytes())
        return digest.hexdigest()


def _check_weights(weights: npt.NDArray[Any], name: str) -> None:
    # a sum of them is finite in float64; NaN fails the comparisons
    right = (weights >= 0) & (weights <= FLOAT32_MAX)
    if not right.all():
        raise ValueError(
            f"{name} is out of range; expected numbers of float32 of at least 0, got {weights[~right][0]}"
        )
    if not weights.any():
        raise ValueError(f"{name} sums to 0; expected at least one above 0, got none")
