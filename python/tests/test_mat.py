"""Mat: creation, attributes, copies, refusals."""

import copy
import pickle

import numpy as np
import pytest

import recurrent
from recurrent import Mat, recurrentjs
from recurrent.recurrentjs import RandMat
from support import DTYPES, values

both = pytest.mark.parametrize("dtype", DTYPES)


@both
def test_zeros(dtype):
    m = Mat(3, 2, dtype=dtype)
    assert (m.n, m.d, m.shape, m.dtype) == (3, 2, (3, 2), np.dtype(dtype))
    assert not m.w.any() and not m.dw.any()
    assert m.w.dtype == m.dw.dtype == dtype
    # column-major and aligned, as the memory law says
    assert m.w.strides == (m.w.itemsize, 3 * m.w.itemsize)
    assert m.w.ctypes.data % 64 == 0 and m.dw.ctypes.data % 64 == 0


def test_float32_is_the_default():
    assert Mat(1, 1).dtype == RandMat(1, 1).dtype == Mat.from_array([1]).dtype == np.float32
    assert Mat.uniform(1, 1).dtype == Mat.gaussian(1, 1).dtype == np.float32


def test_numpy_integers_are_sizes():
    assert Mat(np.int32(2), np.uint8(3)).shape == (2, 3)


@both
def test_of(dtype):
    array = values(3, 4, dtype)
    m = Mat.from_array(array)
    assert m.dtype == dtype
    np.testing.assert_array_equal(m.w, array)
    array[0, 0] = 99
    assert m.w[0, 0] != 99
    assert Mat.from_array([1, 2, 3]).shape == (3, 1)
    assert Mat.from_array([[1, 2, 3]]).shape == (1, 3)
    assert Mat.from_array(array, dtype="float64").dtype == np.float64
    assert Mat.from_array(range(3)).w[2, 0] == 2
    # other types become float32
    assert Mat.from_array(np.arange(3)).dtype == np.float32
    twin = Mat.from_array(Mat.from_array(values(3, 4, dtype)))
    np.testing.assert_array_equal(twin.w, values(3, 4, dtype))
    assert (
        twin.dtype
        == Mat.from_array(values(3, 4, dtype).astype(np.dtype(dtype).newbyteorder())).dtype
        == dtype
    )


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((0, 1), ValueError, "0 x 1"),
        ((-1, 1), ValueError, "-1 x 1"),
        ((2**31, 1), ValueError, "2147483648 x 1"),
        ((2**31, 2**31), ValueError, "2147483648 x 2147483648"),
        ((2**63, 1), ValueError, r"n is out of range; .*got 9223372036854775808"),
        ((1, -(2**63) - 1), ValueError, r"d is out of range; .*got -9223372036854775809"),
        ((2**64 + 3, 1), ValueError, r"n is out of range; .*got 18446744073709551619"),
        ((1.0, 1), TypeError, r"n has the wrong type; .*got float"),
        (("1", 1), TypeError, r"n has the wrong type; .*got str"),
        ((True, 1), TypeError, r"n has the wrong type; .*got bool"),
        ((None, 1), TypeError, r"n has the wrong type; .*got NoneType"),
        ((1, 1, "float16"), TypeError, r"dtype is unknown; .*got float16"),
        ((1, 1, "int32"), TypeError, r"dtype is unknown; .*got int32"),
        ((1, 1, "nonsense"), TypeError, r"dtype is unknown; .*got 'nonsense'"),
        ((1, 1, None), TypeError, r"dtype is unknown; .*got None"),
        ((1, 1, ">f4"), TypeError, r"dtype is unknown; .*got >f4"),
        ((1, 1, np.complex64), TypeError, r"dtype is unknown; .*got complex64"),
    ],
)
def test_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        Mat(*arguments)


def test_too_large_for_the_machine():
    resource = pytest.importorskip("resource")
    used = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**34, used[1]))
    try:
        with pytest.raises(MemoryError, match="bytes"):
            Mat(2**31 - 1, 1, "float64")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, used)


@pytest.mark.parametrize(
    "array, error, words",
    [
        ([], ValueError, "0 x 1|at least 1"),
        ([[]], ValueError, "at least 1"),
        (5.0, ValueError, "0 dimensions"),
        (np.zeros((2, 2, 2)), ValueError, "3 dimensions"),
        ([[1, 2], [3]], ValueError, "expected rows of one length"),
        (["a"], TypeError, "<U1"),
        ([None], TypeError, "object"),
        (np.array([1, 2], dtype=object), TypeError, "object"),
        ([1j], TypeError, "complex128"),
        ([True], TypeError, "bool"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), TypeError, "datetime64"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), TypeError, "masked"),
        (np.array([(1.0,)], dtype=[("x", "f8")]), TypeError, "x"),
    ],
)
def test_values_refused(array, error, words):
    with pytest.raises(error, match=words):
        Mat.from_array(array)


@pytest.mark.parametrize(
    "array",
    [
        values(6, 4)[::2],
        values(6, 4)[::-1, ::-1],
        values(6, 4).T,
        np.asfortranarray(values(3, 4)),
        values(3, 4).astype(">f8"),
        values(3, 4, "float32").astype(">f4"),
        np.frombuffer(b"\0" + values(3, 4).tobytes(), np.float64, offset=1).reshape(3, 4),
        np.broadcast_to(values(3, 1), (3, 4)),
        values(3, 4).astype(np.float16),
        values(3, 4).astype(np.longdouble),
        np.arange(12, dtype=np.int8).reshape(3, 4),
    ],
    ids=["strided", "negative strides", "transposed", "Fortran", "big-endian", "big-endian float32", "unaligned",
         "broadcast", "float16", "long double", "int8"],
)  # fmt: skip
def test_any_layout_is_copied_right(array):
    m = Mat.from_array(array, "float64")
    assert type(m.w) is np.ndarray
    np.testing.assert_array_equal(m.w, np.asarray(array, np.float64))


def test_values_too_large_for_the_type():
    with pytest.raises(ValueError, match=r"float32"):
        Mat.from_array(np.array([1e300]), "float32")
    # elements that are infinite before may stay so
    assert Mat.from_array(np.array([np.inf]), "float32").w[0, 0] == np.inf


@both
def test_uniform_and_gaussian(dtype):
    m = Mat.uniform(50, 40, -1, 3, dtype, rng=5)
    assert m.w.min() >= -1 and m.w.max() <= 3 and abs(m.w.mean() - 1) < 0.1
    # column by column, and float32 is float64 rounded
    numbers = recurrent.Random(5).uniform(-1, 3, 2000).astype(dtype)
    np.testing.assert_array_equal(m.w.ravel(order="F"), numbers)
    m = Mat.gaussian(50, 40, 2, 0.5, dtype, rng=5)
    assert abs(m.w.mean() - 2) < 0.05 and abs(m.w.std() - 0.5) < 0.05
    m = RandMat(50, 40, 1.0, 0.25, dtype=dtype, rng=5)
    np.testing.assert_array_equal(m.w, Mat.uniform(50, 40, 0.75, 1.25, dtype, 5).w)
    assert np.array_equal(RandMat(2, 2, rng=3).w, RandMat(2, 2, rng=3).w)
    assert not np.array_equal(RandMat(2, 2).w, RandMat(2, 2).w)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: RandMat(1, 1, std=-1), r"std is out of range; .*got -1\.0"),
        (lambda: RandMat(1, 1, mu=float("nan")), r"mu is out of range; .*got nan"),
        (
            lambda: Mat.gaussian(1, 1, std=-1),
            r"std is out of range; expected a finite number of at least 0\.0, got \-1\.0",
        ),
        (lambda: Mat.gaussian(1, 1, mean=float("inf")), r"mean is out of range; .*got inf"),
        (lambda: Mat.uniform(1, 1, low=10**400), r"low is out of range; .*got 10000000"),
        (
            lambda: Mat.uniform(1, 1, -1e308, 1e308, "float64"),
            r"bounds are not finite; expected finite low, high and high − low, got \-1e\+308 and 1e\+308",
        ),
        (lambda: Mat(1, 1).fill(float("nan")), r"value is out of range; .*got nan"),
    ],
)
def test_bad_settings(make, words):
    with pytest.raises(ValueError, match=words):
        make()
    with pytest.raises(TypeError, match=r"low has the wrong type; .*got str"):
        Mat.uniform(1, 1, "0")


@pytest.mark.parametrize(
    "parts, error, words",
    [
        (4, ValueError, "parts does not divide the rows; expected a divisor of 6, got 4"),
        (0, ValueError, "parts does not divide the rows"),
        ([1, 2], ValueError, "parts does not make the rows; expected positive numbers of sum 6"),
        ([7, -1], ValueError, "parts does not make the rows"),
        ([], ValueError, "parts does not make the rows"),
        (2.5, TypeError, "parts has the wrong type; expected an int or a list of ints"),
    ],
)
def test_parts_refused(parts, error, words):
    with pytest.raises(error, match=words):
        Mat(6, 2).split(parts)


@both
def test_copies(dtype):
    m = Mat.from_array(values(3, 2, dtype))
    m.dw = np.ones((3, 2))
    for twin in (m.copy(), copy.copy(m), copy.deepcopy(m)):
        assert twin is not m and twin.dtype == m.dtype
        np.testing.assert_array_equal(twin.w, m.w)
        assert not twin.dw.any()
        twin.w[0, 0] = 77
        assert m.w[0, 0] != 77
    assert list(copy.deepcopy({"a": m, "b": [m]})) == ["a", "b"]
    result = m.tanh()
    twin = copy.deepcopy(result)
    assert twin.w[0, 0] == np.tanh(m.w[0, 0]).astype(dtype) or np.isclose(twin.w[0, 0], np.tanh(m.w[0, 0]))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol):
    for thing in (recurrentjs.init_rnn(1, [1], 1, rng=0), recurrent.Graph(), recurrent.Graph()._handle):
        with pytest.raises(TypeError, match=r"not pickled|cannot pickle"):
            pickle.dumps(thing, protocol)


def test_item_and_fill():
    m = Mat(1, 1).fill(2)
    assert m.item() == float(m) == 2.0
    assert type(m.item()) is float
    with pytest.raises(ValueError, match=r"\(2, 1\)"):
        Mat(2, 1).item()
    m.dw[...] = 3
    assert m.zero_gradient() is m and not m.dw.any()


def test_unknown_attributes_are_refused():
    m = Mat(1, 1)
    with pytest.raises(AttributeError):
        m.W = np.ones((1, 1))
    with pytest.raises(AttributeError):
        m.n = 3
