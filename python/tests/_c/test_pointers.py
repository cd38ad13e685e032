"""The address of an array leaves Python checked, and stays that of its elements as long as the pointer lives."""

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent._c import pointers

F32 = np.dtype(np.float32)


def test_the_elements():
    array = np.arange(6.0)
    assert ctypes.cast(ctypes.byref(pointers.as_doubles(array, 6)), ctypes.POINTER(ctypes.c_double))[5] == 5
    array.flags.writeable = False
    assert pointers.as_doubles(array, 6).value == 0
    assert pointers.as_values(None, 3, F32) is None and pointers.as_ints(None, 3) is None
    pointers.as_ints(np.empty(0, np.int64), 0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(8, np.float64), np.zeros(8, ">f4"), np.zeros(7, np.float32), np.zeros(16, np.float32)[::2],
        np.broadcast_to(np.float32(1), (8,)), np.zeros((4, 4), np.float32)[:, :2], np.zeros(33, np.int8)[1:].view("f4"),
        np.ma.zeros(8, np.float32), [0.0] * 8, 0, "x",
    ],
)  # fmt: skip
def test_others_are_refused(array):
    with pytest.raises((TypeError, ValueError), match=r"^the array has the wrong \w+; expected .*, got "):
        pointers.as_values(array, 8, F32)


def test_the_memory_stays():
    array = np.zeros(8, np.float32)
    pointer = pointers.as_values(array, 8, F32)
    with pytest.raises(ValueError, match="cannot resize"):
        array.resize(1 << 20, refcheck=False)
    del pointer
    array.resize(1 << 20, refcheck=False)


def test_no_other_file_takes_an_address():
    package = Path(recurrent.__file__).parent
    found = [
        str(path.relative_to(package))
        for path in sorted(package.rglob("*.py"))
        if re.search(r"\.ctypes\b|from_buffer\(", path.read_text(encoding="utf-8"))
    ]
    assert found == ["_c/pointers.py"]
