"""Values that tests pass for an argument: other forms of a good value, and values that no argument takes."""

from __future__ import annotations

import datetime
import fractions
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import recurrent


def masked(array: Any) -> Any:
    return np.ma.array(array, mask=np.ones(np.shape(array), bool))


def unaligned(array: np.ndarray) -> np.ndarray:
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    copy = buffer[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def strided(array: np.ndarray) -> np.ndarray:
    wide = np.repeat(array, 2, axis=-1)
    return wide[..., ::2]


def reversed_twice(array: np.ndarray) -> np.ndarray:
    return array[::-1].copy()[::-1]


def cyclic() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def deep(depth: int = 100_000) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


class Broken:
    """An object with the attributes of an array and no elements."""

    dtype = np.dtype(np.float32)
    shape = (2, 1)
    ndim = 2

    def __len__(self) -> int:
        return 2**40

    def __getitem__(self, key: Any) -> Any:
        raise IndexError("no element")


# values of any type, by name; functions, as tests may not share them
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "an object": object,
    "a function": lambda: len,
    "a type": lambda: int,
    "a bool": lambda: True,
    "2**40": lambda: 2**40,
    "2**62": lambda: 2**62,
    "2**63": lambda: 2**63,
    "-1": lambda: -1,
    "-2**63": lambda: -(2**63),
    "10**400": lambda: 10**400,
    "-10**5000": lambda: -(10**5000),
    "0": lambda: 0,
    "1e300": lambda: 1e300,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: -float("inf"),
    "a complex": lambda: 1 + 2j,
    "a fraction": lambda: fractions.Fraction(10**400, 3),
    "a str": lambda: "no such word",
    "an empty str": lambda: "",
    "a digit": lambda: "1",
    "a surrogate": lambda: "a\ud800",
    "a NUL": lambda: "a\0b",
    "a long str": lambda: "ab " * 100_000,
    "bytes": lambda: b"\xff\xfe",
    "a path": lambda: Path("/nonexistent/file"),
    "a list": lambda: [],
    "a list of None": lambda: [None, None],
    "a list of str": lambda: ["a", "b"],
    "a ragged list": lambda: [[1.0, 2.0], [3.0]],
    "a cyclic list": cyclic,
    "a deep list": deep,
    "a dict": lambda: {"a": 1},
    "a dict of Mats": lambda: {"a": recurrent.Mat(1, 1)},
    "a set": lambda: {1, 2},
    "a generator": lambda: (k for k in range(3)),
    "a date": lambda: datetime.date(2000, 1, 1),
    "no array": Broken,
    "a masked array": lambda: masked(np.ones((2, 2))),
    "a masked number": lambda: np.ma.masked,
    "an array of objects": lambda: np.array([object()], object),
    "an array of lists": lambda: np.array([[1], [2, 3]], object),
    "an array of str": lambda: np.array(["a", "b"]),
    "an array of dates": lambda: np.zeros(2, "datetime64[s]"),
    "a record array": lambda: np.zeros(2, [("a", "f4")]),
    "an array of bools": lambda: np.ones((2, 2), bool),
    "an array of complex": lambda: np.ones((2, 2), complex),
    "an array of NaN": lambda: np.full((2, 2), np.nan),
    "an empty array": lambda: np.zeros((0, 3)),
    "an array of many dimensions": lambda: np.zeros((1,) * 32),
    "a wide array": lambda: np.zeros((1, 70_000)),
    "a huge array": lambda: np.broadcast_to(np.float32(1), (2**31, 2**9)),
    "a huge array of ints": lambda: np.broadcast_to(np.int64(1), (2**40,)),
    "an array of no dimensions": lambda: np.array(1.0),
    "a Mat": lambda: recurrent.Mat(7, 9),
    "a Mat of float64": lambda: recurrent.Mat(3, 3, "float64"),
    "a Graph": recurrent.Graph,
    "a network": lambda: recurrent.LSTM(2, [3], rng=0),
}

ARRAY_FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "reversed": reversed_twice,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "unaligned": unaligned,
    "read-only": read_only,
    "a list": lambda a: a.tolist(),
    "a tuple": lambda a: tuple(a.tolist()),
}


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _is_ints(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu"


def forms(value: Any) -> Iterator[tuple[str, Any]]:
    """Other forms of a good value, which mean the same."""
    if isinstance(value, np.ndarray):
        for name, form in ARRAY_FORMS.items():
            yield name, form(value)
    if _is_ints(value):
        for kind in ("int8", "uint8", "int16", "uint64", ">i4"):
            yield kind, value.astype(kind)
    elif _is_numbers(value) and (value.astype(np.float16) == value).all():
        yield "float16", value.astype(np.float16)
    elif type(value) is bool:
        yield "a bool of NumPy", np.bool_(value)
    elif type(value) is int:
        for kind in (np.int8, np.uint8, np.int64, np.uint64):
            if value <= np.iinfo(kind).max:
                yield kind.__name__, kind(value)
        yield "an array of no dimensions", np.array(value)
    elif type(value) is float:
        yield "a float of NumPy", np.float64(value)
        yield "an array of no dimensions", np.array(value)


def _with(array: np.ndarray, value: Any) -> np.ndarray:
    other = array.copy()
    other.flat[-1] = value
    return other


def wrong(value: Any) -> Iterator[tuple[str, Any]]:
    """Values near a good one that are always wrong."""
    if isinstance(value, np.ndarray):
        yield "masked", masked(value)
        for kind in (object, bool, complex, "U3", "S3", "datetime64[s]"):
            yield f"of {np.dtype(kind)}", value.astype(kind)
        yield "of more dimensions", value[None, None, None, None]
    if isinstance(value, np.ndarray) and value.ndim > 1:
        yield "a list of masked arrays", list(masked(value))
        yield "of no width", value[..., :0]
        yield "of another width", np.concatenate([value, value], -1)
    if _is_numbers(value):
        yield "with 1e300", _with(value.astype(np.float64), 1e300)
    if _is_ints(value):
        yield "float", value.astype(float)
        for element in (-2, 99, 2**31, 2**62):
            yield f"with {element}", _with(value.astype(np.int64), element)
        yield "with 2**63", _with(value.astype(np.uint64), 2**63)
    elif type(value) is bool:
        yield from ((repr(other), other) for other in (0, 1, "True", None, [True], np.array([True, False])))
    elif type(value) is int:
        yield from ((repr(other), other) for other in (1.5, "1", True, [1], float("nan")))
    elif type(value) is float:
        others = ("1", True, 1j, [0.5], 10**400, float("nan"), -float("inf"), masked(0.5), np.ones(2))
        yield from ((repr(other)[:20], other) for other in others)
    elif isinstance(value, str):
        yield from ((repr(other), other) for other in (1, 1.5, ["a", "b", 3], "\ud800", np.array([1, 2])))
    elif isinstance(value, (recurrent.Mat, recurrent.Graph, recurrent.Optimizer)):
        yield from ((repr(other), other) for other in (1, "a", np.ones((3, 2)), [1.0], object()))
    if isinstance(value, dict) and value:
        for name, other in value.items():
            yield f"without {name!r}", {key: v for key, v in value.items() if key != name}
            for label, bad in wrong(other):
                yield f"{name!r} {label}", {**value, name: bad}
    if type(value) in (list, tuple):
        for k, other in enumerate(value):
            for label, bad in wrong(other):
                yield f"[{k}] {label}", type(value)([*value[:k], bad, *value[k + 1 :]])
