"""Dataset: sequences and their targets, checked once, of which batches are made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._arrays import as_array, as_lengths, as_type
from .._checks import FLOAT32_MAX, as_single, shown
from ..sizes import Sizes
from .losses import Custom, Loss

if TYPE_CHECKING:
    import numpy.typing as npt


class Batch(NamedTuple):
    """Some sequences, padded to the longest of them, and their targets.

    ``x`` is (T, B, n) or tokens (T, B); ``lengths`` (B,) or None; ``targets`` and ``weights`` are (T, B, ...) or, for
    one target a sequence, (B, ...). Weights are 0 where there is no target; None where all are 1.
    """

    x: npt.NDArray[Any]
    lengths: npt.NDArray[np.int64] | None
    targets: npt.NDArray[Any]
    weights: npt.NDArray[Any] | None


class Sequences:
    """N sequences of numbers or of tokens.

    Parameters
    ----------
    x : array or list of arrays
        (T, N, n) numbers or (T, N) tokens, or with ``batch_first`` (N, T, ...); a list has a sequence (T, n) or (T,) in
        each element, of any length.
    lengths : array of int, optional
        The valid steps of each sequence of an array.
    sizes : Sizes
        Those of the network.
    batch_first : bool
        Whether the first axis of arrays is that of the sequences.
    name, lengths_name : str
        The names of the arguments in errors.
    """

    def __init__(
        self,
        x: Any,
        lengths: Any,
        sizes: Sizes,
        batch_first: bool,
        name: str = "x",
        lengths_name: str = "lengths",
    ) -> None:
        self.dtype, self._name, self._batch_first = sizes.dtype, name, batch_first
        self.is_list = isinstance(x, (list, tuple))
        if self.is_list:
            if lengths is not None:
                raise ValueError(
                    f"{lengths_name} is unexpected; expected None, as {name} is a list of sequences, got "
                    f"{type(lengths).__name__}"
                )
            self._items = [as_array(item, f"{name}[{b}]") for b, item in enumerate(x)]
            self.is_tokens = bool(sizes.embedding) or (
                bool(self._items) and all(item.ndim == 1 and _is_ints(item) for item in self._items)
            )
            self.lengths: npt.NDArray[np.int64] | None = np.array(
                [len(i) for i in self._items if i.ndim], int
            )
        else:
            array = as_array(x, name)
            self.is_tokens = bool(sizes.embedding) or (array.ndim == 2 and _is_ints(array))
            self._array = _time_major(array, batch_first) if array.ndim >= 2 else array
            self.lengths = None
        self._check_shapes(sizes)
        if not self.is_list:
            self.lengths = as_lengths(lengths, self.count, lengths_name)
            if self.lengths is not None:
                wrong = self.lengths[(self.lengths < 0) | (self.lengths > len(self._array))]
                if wrong.size:
                    raise ValueError(
                        f"{lengths_name} is out of range; expected 0 to {len(self._array)}, got {wrong[0]}"
                    )
        self._check_values(sizes)

    @property
    def count(self) -> int:
        """The number of sequences."""
        return len(self._items) if self.is_list else int(self._array.shape[1])

    @property
    def steps(self) -> int:
        """The steps of the longest sequence."""
        if self.is_list:
            return int(self.lengths.max())  # type: ignore[union-attr]
        return len(self._array)

    def length(self, b: int) -> int:
        """Returns the valid steps of a sequence."""
        return self.steps if self.lengths is None else int(self.lengths[b])

    def _check_shapes(self, sizes: Sizes) -> None:
        name, n = self._name, sizes.input_size
        if self.is_list:
            if not self._items:
                raise ValueError(f"{name} is empty; expected at least one sequence, got none")
            for b, item in enumerate(self._items):
                if item.ndim != (1 if self.is_tokens else 2) or (not self.is_tokens and item.shape[1] != n):
                    expected = "tokens (T,)" if self.is_tokens else f"a sequence (T, {n})"
                    raise ValueError(
                        f"{name}[{b}] has the wrong shape; expected {expected}, got {item.shape}"
                    )
                if not len(item):
                    raise ValueError(f"{name}[{b}] is empty; expected at least one step, got none")
                self._check_kind(item, f"{name}[{b}]")
            return
        shape = self._array.shape
        axes = "(N, T" if self._batch_first else "(T, N"
        if len(shape) != (2 if self.is_tokens else 3) or (not self.is_tokens and shape[2] != n):
            expected = f"tokens {axes})" if sizes.embedding else f"numbers {axes}, {n}) or tokens {axes})"
            raise ValueError(f"{name} has the wrong shape; expected {expected}, got {shape}")
        if 0 in shape[:2]:
            raise ValueError(f"{name} is empty; expected at least one step of one sequence, got {shape}")
        self._check_kind(self._array, name)

    def _check_kind(self, array: npt.NDArray[Any], name: str) -> None:
        if self.is_tokens and not _is_ints(array):
            raise TypeError(f"{name} has the wrong type; expected ints, the tokens, got {array.dtype}")

    def _check_values(self, sizes: Sizes) -> None:
        for b, item in enumerate(self._items if self.is_list else [self._array]):
            name = f"{self._name}[{b}]" if self.is_list else self._name
            if not self.is_list and self.lengths is not None:
                valid = np.arange(len(item))[:, None] < self.lengths
                item = item[valid]
            if self.is_tokens:
                wrong = (item < 0) | (item >= sizes.input_size)
                if wrong.any():
                    raise IndexError(
                        f"{name} has a token out of range; expected 0 to {sizes.input_size - 1}, got {item[wrong][0]}"
                    )
            elif not np.isfinite(as_type(item, sizes.dtype, name)).all():
                raise ValueError(
                    f"{name} is not finite; expected finite numbers at all valid steps, got "
                    f"{item[~np.isfinite(item)][0]}"
                )

    def batch(self, chosen: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64] | None]:
        """Returns some sequences, padded with zeros, and their lengths; None where all have one length."""
        kind: Any = np.int64 if self.is_tokens else self.dtype
        if not self.is_list:
            x = self._array[:, chosen]
            if self.lengths is None:
                return np.ascontiguousarray(x, kind), None
            lengths = self.lengths[chosen]
            # before the conversion, as anything may be there
            x[np.arange(len(x))[:, None] >= lengths] = 0
            return np.ascontiguousarray(x, kind), lengths
        lengths = self.lengths[chosen]  # type: ignore[index]
        if (lengths == lengths[0]).all():
            return np.ascontiguousarray(np.stack([self._items[b] for b in chosen], 1), kind), None
        x = np.zeros((lengths.max(), len(chosen), *self._items[0].shape[1:]), kind)
        for k, b in enumerate(chosen):
            x[: lengths[k], k] = self._items[b]
        return x, lengths

    def update(self, digest: Any) -> None:
        """Adds the sequences to a digest."""
        kind: Any = "<i8" if self.is_tokens else self.dtype.newbyteorder("<")
        # the form decides how a batch is computed, and with it the last bits
        digest.update(repr((self.is_list, self.lengths is None, self.is_tokens, self.count)).encode())
        for b in range(self.count):
            item = self._items[b] if self.is_list else self._array[: self.length(b), b]
            digest.update(repr(item.shape).encode())
            digest.update(np.ascontiguousarray(item, kind).tobytes())


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
            return all(_is_ints(array) for array in arrays)
        return self._loss.are_classes

    def _check_kind(self, array: npt.NDArray[Any], name: str) -> None:
        if self._loss.are_classes and array.size and not _is_ints(array):
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
            array = _time_major(array, self._batch_first)
            if s.lengths is not None and not s.is_list:
                # anything may be beyond the lengths
                kind: Any = np.float64 if _is_ints(array) else array.dtype.newbyteorder("=")
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
            array = _time_major(array, self._batch_first)
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
        return _time_major(padded, self._batch_first)

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

    def batch(self, chosen: npt.NDArray[np.int64]) -> Batch:
        """Returns some sequences with their targets."""
        x, lengths = self.sequences.batch(chosen)
        targets = self._targets_of(chosen, len(x))
        return Batch(x, lengths, targets, self._weights_of(targets, lengths, chosen))

    def has_targets(self, chosen: npt.NDArray[np.int64]) -> bool:
        """Whether some sequences have a target with a weight above 0."""
        lengths = self.sequences.lengths
        for b in chosen:
            one = np.array([b])
            if lengths is not None and not lengths[b]:
                continue
            targets = self._targets_of(one, self.sequences.length(b))
            weights = self._weights_of(targets, None, one)
            if weights is None:
                weights = targets >= 0 if self.are_classes else np.ones(1)
            if (weights > 0).any():
                return True
        return False

    def _targets_of(self, chosen: npt.NDArray[np.int64], T: int) -> npt.NDArray[Any]:
        """Returns the targets of some sequences, those of steps for T steps."""
        kind: Any = np.int64 if self.are_classes else self._sizes.dtype
        if self._items is None:
            targets = self._targets[chosen] if self.per_sequence else self._targets[:T, chosen]
            return np.ascontiguousarray(targets, kind)
        filled = np.full(
            (T, len(chosen), *self._items[0].shape[1:]), -1 if self.are_classes else np.nan, kind
        )
        for k, b in enumerate(chosen):
            filled[: self.sequences.length(b), k] = self._items[b]
        return filled

    def _weights_of(
        self, targets: npt.NDArray[Any], lengths: Any, chosen: npt.NDArray[np.int64]
    ) -> npt.NDArray[Any] | None:
        """Returns the weights of a batch; None where every target counts once."""
        valid = targets >= 0 if self.are_classes else ~np.isnan(targets)
        if not self.per_sequence and lengths is not None:
            steps = np.arange(len(targets))[:, None] < lengths
            valid &= steps if self.are_classes else steps[:, :, None]
        if not self.is_weighted:
            # lengths and classes of -1 are masked by the library
            return None if self.are_classes or (lengths is None and valid.all()) else valid.astype(float)
        weights = valid.astype(float)
        if self._weights is not None:
            each = self._weights[chosen] if self._weights.ndim == 1 else self._weights[: len(targets), chosen]
            weights *= each if self.are_classes else each[..., None]
        if self._class_weight is not None:
            weights *= self._class_weight[np.maximum(targets, 0)]
        return weights

    def digest(self) -> str:
        """Returns the SHA-256 of the data."""
        digest = hashlib.sha256()
        self.sequences.update(digest)
        kind: Any = "<i8" if self.are_classes else self._sizes.dtype.newbyteorder("<")
        targets = [(array, kind) for array in self._items or [self._targets]]
        for array, kind in [*targets, (self._weights, "<f8"), (self._class_weight, "<f8")]:
            if array is not None:
                digest.update(repr((array.shape, kind)).encode())
                digest.update(np.ascontiguousarray(array, kind).tobytes())
        return digest.hexdigest()


def _is_ints(array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind in "iu"


def _time_major(array: npt.NDArray[Any], batch_first: bool) -> npt.NDArray[Any]:
    return array.swapaxes(0, 1) if batch_first else array


def _check_weights(weights: npt.NDArray[Any], name: str) -> None:
    # a sum of them is finite in float64; NaN fails the comparisons
    right = (weights >= 0) & (weights <= FLOAT32_MAX)
    if not right.all():
        raise ValueError(
            f"{name} is out of range; expected numbers of float32 of at least 0, got {weights[~right][0]}"
        )
    if not weights.any():
        raise ValueError(f"{name} sums to 0; expected at least one above 0, got none")
