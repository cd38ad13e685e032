"""The pickle in a file of PyTorch: dicts, numbers and tensors. Nothing in it is called or imported."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .torch_values import EXPECTED, STORAGES, PickleError, Skipped, Storage, Unknown, tensor_of

if TYPE_CHECKING:
    import numpy.typing as npt

_DICT = ("collections", "OrderedDict")
_TENSOR, _PARAMETER = ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")
_KNOWN = {_DICT, _TENSOR, _PARAMETER, *(("torch", name) for name in STORAGES)}


class _Global(NamedTuple):
    """A known name, which stands for a class or a function that is not imported."""

    module: str
    name: str


# what a dict holds; keys have no parts, as the hash of a deep tuple would overflow the stack
_KEYS = (str, int, float, bool, type(None))
_VALUES = (*_KEYS, dict, np.ndarray, Unknown)
# one for all, as pickles can have millions
_SKIPPED = Skipped()


def values_of_pickle(data: bytes, storage: Callable[[str, str, int], npt.NDArray[Any]]) -> Any:
    """Returns what a pickle holds: dicts of numbers, texts and arrays, with other values as ``Skipped`` or ``Unknown``.

    Parameters
    ----------
    data : bytes
        The pickle, of protocol 2 to 5.
    storage : callable
        Returns the elements of a storage, of its class, its key and its number of elements.

    Raises
    ------
    PickleError
        If the pickle is damaged, or has operations other than those of ``torch.save``.
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
                raise PickleError(EXPECTED, f"operation {code!r} of a pickle at byte {self._at - 1}")
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
        if type(target) not in (dict, Unknown) or len(items) % 2:
            raise self._damage()
        if type(target) is dict:
            for key, value in zip(items[::2], items[1::2]):
                target[key if type(key) in (*_KEYS, Unknown) else _SKIPPED] = _entry(value)

    def _append(self, items: list[Any]) -> None:
        if not self._stack or type(self._stack[-1]) not in (Skipped, Unknown):
            raise self._damage()

    def _skip(self, _: Any) -> None:
        self._push(_SKIPPED)

    def _build(self) -> None:
        """Drops the attributes of an object; those of a dict are the versions of its modules."""
        self._pop()
        if not self._stack or type(self._stack[-1]) not in (dict, Unknown):
            raise self._damage()

    # ---- names and calls

    def _name(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise self._damage()
        self._push((_Global if (module, name) in _KNOWN else Unknown)(module, name))

    def _reduce(self) -> None:
        """Returns what a known function returns, which is not called."""
        arguments, function = self._pop(), self._pop()
        if type(function) not in (_Global, Unknown) or type(arguments) is not tuple:
            raise self._damage()
        if type(function) is Unknown:
            self._push(function)
        elif function == _DICT and not arguments:
            self._push({})
        elif function == _TENSOR and len(arguments) in (6, 7):
            self._push(tensor_of(*arguments[:4]))
        elif function == _PARAMETER and len(arguments) == 3 and type(arguments[0]) in (np.ndarray, Unknown):
            self._push(arguments[0])
        else:
            raise PickleError(f"the arguments of {'.'.join(function)}", f"{len(arguments)} others")

    def _new(self, count: int) -> None:
        """Leaves the name of a class on the stack for its new object."""
        arguments = [self._pop() for _ in range(count)]
        if not self._stack or type(self._stack[-1]) is not Unknown or type(arguments[-1]) is not tuple:
            raise self._damage()

    def _persistent(self) -> None:
        found = self._pop()
        kinds = [type(part) for part in found] if type(found) is tuple else []
        if kinds not in ([str, kind, str, str, int] for kind in (_Global, Unknown)) or found[0] != "storage":
            raise PickleError("a storage of 5 parts", f"{len(kinds)} parts at byte {self._at}")
        if type(found[1]) is Unknown:
            self._push(found[1])
            return
        if found[1].name not in STORAGES:
            raise PickleError("a storage class", ".".join(found[1]))
        self._push(Storage(self._storage_of(found[1].name, found[2], found[4])))


def _entry(value: Any) -> Any:
    """Returns a value as a dict holds it."""
    return value if type(value) in _VALUES else _SKIPPED


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
    **{code: lambda m: m._push(_SKIPPED) for code in (b"]", b"\x8f")},
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._since_mark()),
    # sets and frozensets, and bytes
    b"\x90": lambda m: m._append(m._since_mark()),
    b"\x91": lambda m: m._skip(m._since_mark()),
    b"C": lambda m: m._skip(m._bytes(m._number("<B"))),
    b"B": lambda m: m._skip(m._bytes(m._number("<I"))),
    **{code: lambda m: m._skip(m._bytes(m._number("<Q"))) for code in (b"\x8e", b"\x96")},
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
    b"\x81": lambda m: m._new(1),
    b"\x92": lambda m: m._new(2),
}
