"""The pickle in a file of PyTorch: dicts, numbers and tensors. Nothing in it is called or imported."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable
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
_DICT = "collections.OrderedDict"
_TENSOR, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
_KNOWN = {_DICT, _TENSOR, _PARAMETER, *(f"torch.{name}" for name in STORAGES)}
_EXPECTED = "tensors of torch.save(module.state_dict(), path)"
# the dimensions that every version of NumPy has
_MAX_RANK = 32


class PickleError(ValueError):
    """What a pickle should hold, and what it holds instead."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got


class Skipped:
    """A value of a type without a use for weights, such as a list, whose elements are dropped."""


class _Global(NamedTuple):
    """A name that stands for a class or a function, which is not imported."""

    name: str


class _Storage(NamedTuple):
    """The elements that tensors are views of."""

    elements: npt.NDArray[Any]


# what a dict holds; keys have no parts, as the hash of a deep tuple would overflow the stack
_KEYS = (str, int, float, bool, type(None))
_VALUES = (*_KEYS, dict, np.ndarray, Skipped)


def values_of_pickle(data: bytes, storage: Callable[[str, str, int], npt.NDArray[Any]]) -> Any:
    """Returns what a pickle holds: dicts of numbers, texts and arrays, with other values as ``Skipped``.

    Parameters
    ----------
    data : bytes
        The pickle, of protocol 2 to 5.
    storage : callable
        Returns the elements of a storage, of its class, its key and its number of elements.

    Raises
    ------
    PickleError
        If the pickle is damaged, or has names other than those of dicts and tensors.
    """
    return _Machine(data, storage).run()


class _Machine:
    """The stack machine of pickles, with the operations that ``torch.save`` writes of dicts and tensors."""

    def __init__(self, data: bytes, storage: Callable[[str, str, int], npt.NDArray[Any]]) -> None:
        self._data, self._at, self._storage_of = data, 0, storage
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        while True:
            code = self._bytes(1)
            if code == b".":
                break
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise PickleError(_EXPECTED, f"operation {code!r} of a pickle at byte {self._at - 1}")
            operation(self)
        if self._at != len(self._data) or len(self._stack) != 1:
            raise self._damage()
        return _entry(self._stack[0])

    # ---- reading

    def _damage(self) -> PickleError:
        return PickleError("a whole pickle", f"a damaged one at byte {self._at}")

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise self._damage()
        self._at += count
        return found

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _text(self, form: str) -> str:
        return self._decoded(self._bytes(self._number(form)))

    def _line(self) -> str:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise self._damage()
        return self._decoded(self._bytes(end + 1 - self._at)[:-1])

    def _decoded(self, text: bytes) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise self._damage() from None

    # ---- the stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise self._damage()
        return self._stack.pop()

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _since_mark(self) -> list[Any]:
        """Takes the values after the last mark."""
        if not self._marks or self._marks[-1] > len(self._stack):
            raise self._damage()
        start = self._marks.pop()
        found = self._stack[start:]
        del self._stack[start:]
        return found

    def _tuple(self, count: int) -> None:
        self._push(tuple([self._pop() for _ in range(count)][::-1]))

    def _put(self, index: int) -> None:
        if not self._stack:
            raise self._damage()
        self._memo[index] = self._stack[-1]

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise self._damage()
        self._push(self._memo[index])

    # ---- containers

    def _set(self, items: list[Any]) -> None:
        """Adds keys and values, in turns, to the dict on the stack."""
        target = self._stack[-1] if self._stack else None
        if type(target) is not dict or len(items) % 2:
            raise self._damage()
        for key, value in zip(items[::2], items[1::2]):
            if type(key) not in _KEYS:
                raise PickleError(
                    "keys that are texts or numbers", f"a key of another type at byte {self._at}"
                )
            target[key] = _entry(value)

    def _append(self, items: list[Any]) -> None:
        if not self._stack or type(self._stack[-1]) is not Skipped:
            raise self._damage()

    def _build(self) -> None:
        """Drops the attributes of a dict, which are the versions of its modules."""
        self._pop()
        if not self._stack or type(self._stack[-1]) is not dict:
            raise self._damage()

    # ---- names and calls

    def _name(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise self._damage()
        if f"{module}.{name}" not in _KNOWN:
            raise PickleError(_EXPECTED, f"the name {shown(f'{module}.{name}')}")
        self._push(_Global(f"{module}.{name}"))

    def _reduce(self) -> None:
        """Returns what a known function returns, which is not called."""
        arguments, function = self._pop(), self._pop()
        if type(function) is not _Global or type(arguments) is not tuple:
            raise self._damage()
        if function.name == _DICT and not arguments:
            self._push({})
        elif function.name == _TENSOR and len(arguments) in (6, 7):
            self._push(_tensor(*arguments[:4]))
        elif function.name == _PARAMETER and len(arguments) == 3 and type(arguments[0]) is np.ndarray:
            self._push(arguments[0])
        else:
            raise PickleError(f"the arguments of {function.name}", f"{len(arguments)} others")

    def _persistent(self) -> None:
        found = self._pop()
        kinds = [type(part) for part in found] if type(found) is tuple else []
        if kinds != [str, _Global, str, str, int] or found[0] != "storage":
            raise PickleError("a storage of 5 parts", f"{len(kinds)} parts at byte {self._at}")
        name = found[1].name.rpartition(".")[2]
        if name not in STORAGES:
            raise PickleError("a storage class", found[1].name)
        self._push(_Storage(self._storage_of(name, found[2], found[4])))


def _entry(value: Any) -> Any:
    """Returns a value as a dict holds it."""
    return value if type(value) in _VALUES else Skipped()


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> npt.NDArray[Any]:
    """Returns a view of a storage, which is within it."""
    sizes = [shape, strides, (offset,)]
    if type(storage) is not _Storage or not all(
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


_OPERATIONS: dict[bytes, Callable[[_Machine], None]] = {
    # the protocol and the lengths of frames
    b"\x80": lambda m: m._number("<B"),
    b"\x95": lambda m: m._number("<Q"),
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"J": lambda m: m._push(m._number("<i")),
    b"K": lambda m: m._push(m._number("<B")),
    b"M": lambda m: m._push(m._number("<H")),
    b"\x8a": lambda m: m._push(int.from_bytes(m._bytes(m._number("<B")), "little", signed=True)),
    b"G": lambda m: m._push(m._number(">d")),
    b"X": lambda m: m._push(m._text("<I")),
    b"\x8c": lambda m: m._push(m._text("<B")),
    b"\x8d": lambda m: m._push(m._text("<Q")),
    b"(": lambda m: m._mark(),
    b")": lambda m: m._push(()),
    b"t": lambda m: m._push(tuple(m._since_mark())),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"]": lambda m: m._push(Skipped()),
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._since_mark()),
    b"}": lambda m: m._push({}),
    b"s": lambda m: m._set([m._pop(), m._pop()][::-1]),
    b"u": lambda m: m._set(m._since_mark()),
    b"q": lambda m: m._put(m._number("<B")),
    b"r": lambda m: m._put(m._number("<I")),
    b"\x94": lambda m: m._put(len(m._memo)),
    b"h": lambda m: m._get(m._number("<B")),
    b"j": lambda m: m._get(m._number("<I")),
    b"c": lambda m: m._name(m._line(), m._line()),
    b"\x93": lambda m: m._name(*[m._pop(), m._pop()][::-1]),
    b"Q": lambda m: m._persistent(),
    b"R": lambda m: m._reduce(),
    b"b": lambda m: m._build(),
}
