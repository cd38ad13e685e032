"""NumPy views of a Mat: live, valid as long as a reference exists, and checked when assigned."""

import gc

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, recurrentjs, tape
from support import DTYPES, objects, values

both = pytest.mark.parametrize("dtype", DTYPES)
NUMPY_2 = int(np.__version__.split(".")[0]) >= 2


@both
def test_write_through(dtype):
    m = Mat(3, 2, dtype)
    m.w[1, 1] = 5
    m.dw[2, 0] = 7
    assert m.w[1, 1] == 5 and m.dw[2, 0] == 7
    assert m.copy().w[1, 1] == 5
    m.w += 1
    m.w[:, 0] *= 3
    np.testing.assert_array_equal(m.w, [[3, 1], [3, 6], [3, 1]])
    G = Graph()
    np.testing.assert_array_equal(G.scale(m, 2).w, 2 * m.w)


def test_views_are_cached_and_writable():
    m = Mat(3, 2)
    assert m.w is m.w and m.dw is m.dw
    assert m.w.flags.writeable and not m.w.flags.owndata
    assert m.w.base is not None
    result = m.tanh()
    assert result.w is result.w


@both
def test_views_outlive_their_mats(dtype):
    def views():
        m = Mat.from_array(values(30, 20, dtype))
        return m.w, m.w[3:5], m.w.T[::2], m.dw.ravel(order="K"), memoryview(m.w), np.asarray(m)

    before = objects()
    kept = views()
    for _ in range(3):
        gc.collect()
        Mat.from_array(values(30, 20, dtype, seed=9))
    expected = values(30, 20, dtype)
    np.testing.assert_array_equal(kept[0], expected)
    np.testing.assert_array_equal(kept[1], expected[3:5])
    np.testing.assert_array_equal(kept[2], expected.T[::2])
    assert not kept[3].any()
    assert kept[4][29, 19] == expected[29, 19]
    np.testing.assert_array_equal(kept[5], expected)
    kept[1][...] = 1
    assert (kept[0][3:5] == 1).all()
    # a pin of the values and one of the gradients; no Mat
    assert objects() == before + 2
    del kept
    assert objects() == before


def test_views_of_results_keep_their_graph():
    def view():
        G = Graph()
        return G.add(Mat(40, 40).fill(1), Mat(40, 40).fill(2)).w

    kept = [view() for _ in range(20)]
    gc.collect()
    assert all((w == 3).all() for w in kept)


def test_views_of_parameters_outlive_the_model():
    w = recurrentjs.init_lstm(3, [4], 2, rng=0)["Wix0"].w
    flat = recurrent.SentenceModel(["ab"], rng=0).parameters.flat.w
    gc.collect()
    for _ in range(10):
        recurrentjs.init_lstm(3, [4], 2, rng=1)
    np.testing.assert_array_equal(w, recurrentjs.init_lstm(3, [4], 2, rng=0)["Wix0"].w)
    np.testing.assert_array_equal(flat, recurrent.SentenceModel(["ab"], rng=0).parameters.flat.w)


def test_assigning_copies():
    m, array = Mat(2, 3), np.ones((2, 3), np.float32)
    view = m.w
    m.w = array
    assert m.w is view
    array[0, 0] = 9
    assert m.w[0, 0] == 1
    m.w = [[1, 2, 3], [4, 5, 6]]
    assert view[1, 2] == 6
    # from its own numbers, overlapping
    m = Mat.from_array(values(3, 3))
    before = m.w.copy()
    m.w = m.w.T
    np.testing.assert_array_equal(m.w, before.T)
    column = Mat(3, 1)
    column.w = [1, 2, 3]
    np.testing.assert_array_equal(column.w[:, 0], [1, 2, 3])
    m.dw = values(3, 3, "float32")
    np.testing.assert_array_equal(m.dw, values(3, 3, "float32"))


@pytest.mark.parametrize(
    "array, error, words",
    [
        (np.ones((3, 2)), ValueError, r"w has the wrong shape; .*got \(3, 2\)"),
        (np.ones(6), ValueError, r"\(6, 1\)"),
        (1.0, ValueError, "0 dimensions"),
        (np.ones((1, 2, 3)), ValueError, "3 dimensions"),
        (np.ones((2, 3), object), TypeError, "object"),
        (np.full((2, 3), "a"), TypeError, "<U1"),
        (np.ones((2, 3), complex), TypeError, "complex128"),
        (np.ones((2, 3), bool), TypeError, "bool"),
        (np.ma.ones((2, 3)), TypeError, "masked"),
        ([[1, 2, 3], [4]], ValueError, "expected rows of one length"),
        (None, TypeError, "object"),
    ],
)
@pytest.mark.parametrize("which", ["w", "dw"])
def test_assigning_the_wrong_thing(which, array, error, words):
    m = Mat(2, 3).fill(4)
    with pytest.raises(error, match=words.replace("w is", f"{which} is")):
        setattr(m, which, array)
    assert (m.w == 4).all() and not m.dw.any()


@pytest.mark.parametrize("seed", range(5))
def test_assigning_any_layout(seed):
    base = values(8, 8, seed=seed)
    for array in (
        base[:4, :6][::-1],
        base.T[::2, :6],
        base[2:6, 1:7].astype(">f8"),
        base[:4, :6].astype(np.int16),
    ):
        m = Mat(4, 6, "float64")
        m.w = array
        np.testing.assert_array_equal(m.w, array)
    read_only = base[:4, :6]
    read_only.flags.writeable = False
    m.w = read_only
    np.testing.assert_array_equal(m.w, read_only)


def test_too_large_for_float32():
    m = Mat(1, 1)
    with pytest.raises(ValueError, match="float32"):
        m.w = [[1e300]]
    assert m.w[0, 0] == 0
    m.w = np.array([[np.inf]])
    assert m.w[0, 0] == np.inf


@both
def test_array_protocol(dtype):
    m = Mat.from_array(values(3, 2, dtype))
    other = "float32" if dtype == "float64" else "float64"
    assert np.asarray(m) is m.w
    np.testing.assert_array_equal(np.array(m), m.w)
    assert not np.shares_memory(np.array(m), m.w)
    assert np.asarray(m, dtype=other).dtype == other
    assert np.shares_memory(np.asarray(m, dtype=dtype), m.w)
    assert m.__array__(dtype) is m.w
    assert not np.shares_memory(m.__array__(copy=True), m.w)
    with pytest.raises(ValueError, match="copy"):
        m.__array__(other, copy=False)
    if NUMPY_2:
        assert np.shares_memory(np.array(m, copy=False), m.w)
        assert np.shares_memory(np.asarray(m, copy=False), m.w)
        with pytest.raises(ValueError, match="copy"):
            np.asarray(m, dtype=other, copy=False)
    np.testing.assert_array_equal(np.linalg.norm(m), np.linalg.norm(m.w))
    assert np.allclose(m, m.w)


@both
def test_dlpack(dtype):
    m = Mat.from_array(values(3, 2, dtype))
    array = np.from_dlpack(m)
    assert array.dtype == dtype and np.shares_memory(array, m.w)
    np.testing.assert_array_equal(array, m.w)
    m.w[0, 0] = 5
    assert array[0, 0] == 5
    assert m.__dlpack_device__() == (1, 0)
    copied = np.from_dlpack(Mat.from_array(values(4, 4, dtype)))
    gc.collect()
    Mat.from_array(values(4, 4, dtype, seed=8))
    np.testing.assert_array_equal(copied, values(4, 4, dtype))
    if NUMPY_2:
        assert not np.shares_memory(np.from_dlpack(m, copy=True), m.w)
        assert array.flags.writeable


def test_rectangles():
    m = Mat.from_array(values(6, 5))
    part = m.view(1, 2, 3, 2)
    np.testing.assert_array_equal(part.w, m.w[1:4, 2:4])
    assert np.shares_memory(part.w, m.w) and np.shares_memory(part.dw, m.dw)
    part.w[...] = 0
    part.dw[...] = 1
    assert not m.w[1:4, 2:4].any() and m.dw.sum() == 6
    inner = part.view(2, 1, 1, 1)
    del m, part
    gc.collect()
    inner.w[0, 0] = 4
    assert inner.item() == 4
    with pytest.raises(
        IndexError, match=r"rows are out of range; expected a part of 0\.\.<6, got rows from 5, 2 of them"
    ):
        Mat(6, 5).view(5, 0, 2, 1)
    with pytest.raises(IndexError, match="columns from -1"):
        Mat(6, 5).view(0, -1, 1, 1)
    with pytest.raises(TypeError, match=r"row has the wrong type; .*got float"):
        Mat(6, 5).view(0.5, 0, 1, 1)


def test_no_ufuncs_behind_the_graph():
    m = Mat(2, 2)
    with pytest.raises(TypeError, match="Mat"):
        np.tanh(m)
    with pytest.raises(TypeError):
        np.add(np.ones((2, 2)), m)
    array = np.ones((2, 2))
    with pytest.raises(TypeError):
        array += m


@both
def test_views_of_results_do_not_change_by_a_reset(dtype):
    G, kept = Graph(), []
    for step in range(4):
        G.reset()
        y = G.scale(Mat.from_array([step], dtype), 2)
        y.dw = [[step + 1]]
        kept.append((y.w, y.dw[0], memoryview(y.w)))
    assert [w[0, 0] for w, _, _ in kept] == [0, 2, 4, 6]
    assert [dw[0] for _, dw, _ in kept] == [1, 2, 3, 4]
    assert [view[0, 0] for _, _, view in kept] == [0, 2, 4, 6]


def test_a_loop_that_keeps_no_view_reuses_its_memory():
    G, addresses = Graph(), set()
    for step in range(10):
        G.reset()
        addresses.add(G.scale(Mat(1, 1).fill(step), 2).w.ctypes.data)
    assert len(addresses) == 1


def test_the_views_of_expressions_do_not_keep_their_graph_from_reuse():
    W, kept = Mat(3, 3).fill(1), []
    for step in range(5):
        kept.append((W * step).w)
    assert [view[0, 0] for view in kept] == [0, 1, 2, 3, 4]
    assert len(tape.graph_for(W)) == 0
