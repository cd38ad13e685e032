"""The values in a pickle of PyTorch: tensors, and what stands for all that is no weight."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._checks import shown

if TYPE_CHECKING:
    import numpy.typing as npt

# the element types by the storage classes of the module torch; None stands for bfloat16, which NumPy lacks
STORAGES = {
    **{f"{name}Storage": f"f{size}" for name, size in (("Double", 8), ("Float", 4), ("Half", 2))},
    **{f"{name}Storage": f"i{size}" for name, size in (("Long", 8), ("Int", 4), ("Short", 2), ("Char", 1))},
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "BFloat16Storage": None,
}
# what a weight should be, which is the remedy too
EXPECTED = "tensors of torch.save(module.state_dict(), path)"
# the dimensions that every version of NumPy has
_MAX_RANK = 32


class PickleError(ValueError):
    """What a pickle should hold, and what it holds instead."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got


class Skipped:
    """A value of a type without a use for weights, such as a list, whose elements are dropped."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "a value of another type"


class Unknown:
    """A name of another class or function, and all that a pickle makes of it: nothing is imported, called or kept."""

    __slots__ = ("_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __repr__(self) -> str:
        return f"the name {shown(f'{self._module}.{self._name}')}"


class Storage(NamedTuple):
    """The elements that tensors are views of."""

    elements: npt.NDArray[Any]


def tensor_of(storage: Any, offset: Any, shape: Any, strides: Any) -> npt.NDArray[Any] | Unknown:
    """Returns a view of a storage, which is within it; of a storage of another class what stands for that."""
    if type(storage) is Unknown:
        return storage
    sizes = [shape, strides, (offset,)]
    if type(storage) is not Storage or not all(
        type(part) is tuple and all(type(n) is int and 0 <= n <= sys.maxsize for n in part) for part in sizes
    ):
        raise PickleError("a storage, an offset, a shape and strides", "others")
    count, width = storage.elements.size, storage.elements.itemsize
    is_empty = 0 in shape
    last = offset + (-1 if is_empty else sum((n - 1) * stride for n, stride in zip(shape, strides)))
    if len(shape) != len(strides) or len(shape) > _MAX_RANK or last >= count:
        raise PickleError(
            f"a tensor within {count} elements",
            f"shape {shown(shape)}, strides {shown(strides)} and offset {offset}",
        )
    # a stride of 0 repeats an element, and such a view takes no memory
    if math.prod(n for n in shape if n) * width > sys.maxsize:
        raise PickleError("a tensor that memory can hold", f"shape {shown(shape)}")
    if is_empty:
        return np.empty(shape, storage.elements.dtype)
    # the stride of one element is of no account
    steps = [stride * width if n > 1 else width for n, stride in zip(shape, strides)]
    return np.lib.stride_tricks.as_strided(storage.elements[offset:], shape, steps, writeable=False)
