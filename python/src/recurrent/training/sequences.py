"""Sequences: numbers or tokens of one length or of several, checked once, of which padded batches are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import are_ints, as_array, as_lengths, as_type, time_major
from ..sizes import Sizes

if TYPE_CHECKING:
    import numpy.typing as npt


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
                bool(self._items) and all(item.ndim == 1 and are_ints(item) for item in self._items)
            )
            self.lengths: npt.NDArray[np.int64] | None = np.array(
                [len(i) for i in self._items if i.ndim], int
            )
        else:
            array = as_array(x, name)
            self.is_tokens = bool(sizes.embedding) or (array.ndim == 2 and are_ints(array))
            self._array = time_major(array, batch_first)
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
        if self.is_tokens and not are_ints(array):
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

    def batch(
        self, chosen: npt.NDArray[np.int64], first: int = 0, stop: int | None = None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64] | None]:
        """Returns some sequences, padded with zeros, and their lengths; None where all have one length.

        Of the sequences the steps from ``first`` to before ``stop``, all where absent; a sequence that ends before
        them has the length 0.
        """
        kind: Any = np.int64 if self.is_tokens else self.dtype
        end = self.steps if stop is None else min(stop, self.steps)
        if not self.is_list:
            x = self._array[first:end, chosen]
            if self.lengths is None:
                return np.ascontiguousarray(x, kind), None
            lengths = (self.lengths[chosen] - first).clip(0, len(x))
            # before the conversion, as anything may be there
            x[np.arange(len(x))[:, None] >= lengths] = 0
            return np.ascontiguousarray(x, kind), lengths
        lengths = (self.lengths[chosen] - first).clip(0, end - first)  # type: ignore[index]
        items = [self._items[b][first:end] for b in chosen]
        if lengths[0] and (lengths == lengths[0]).all():
            return np.ascontiguousarray(np.stack(items, 1), kind), None
        x = np.zeros((max(1, lengths.max()), len(chosen), *self._items[0].shape[1:]), kind)
        for k, item in enumerate(items):
            x[: len(item), k] = item
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
