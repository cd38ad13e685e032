"""A Mat as text and as HTML: numbers as NumPy writes them; reading them changes nothing and never fails."""

from __future__ import annotations

import os
import threading
from xml.etree import ElementTree

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat


def numbers(n, d, dtype="float64", seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 3), (4, 1), (3, 5), (40, 25), (1000, 1), (1001, 1), (1, 2000), (6, 400), (7, 400), (90, 80)],
)
def test_numbers_are_those_of_numpy(shape, dtype):
    values = numbers(*shape, dtype)
    # what a summary leaves out may not decide on the format
    if values.size > 1000:
        values[shape[0] // 2, shape[1] // 2] = 1e9
    found = repr(Mat.from_array(values))
    body = np.array2string(values, separator=", ", prefix="Mat(", suffix=")")
    is_short = values.size > np.get_printoptions()["threshold"]
    assert ("..." in found) == is_short
    end = f", shape=({shape[0]}, {shape[1]})" if is_short else ""
    assert found == f"Mat({body}{end}, dtype={dtype})"


def test_options_of_numpy_apply():
    m = Mat.from_array(np.arange(40.0).reshape(4, 10) + 0.1234, "float64")
    with np.printoptions(precision=2, threshold=10, edgeitems=1, linewidth=40):
        assert repr(m) == (
            "Mat([[ 0.12, ...,  9.12],\n     ...,\n     [30.12, ..., 39.12]], shape=(4, 10), dtype=float64)"
        )
    with np.printoptions(threshold=3, edgeitems=0):
        assert repr(m).startswith("Mat([[")


def test_gradients_are_below_the_values():
    W, x = Mat.from_array([[1, 2], [3, 4]]), Mat.from_array([1, 1])
    (W @ x).square().sum().backward()
    assert repr(W) == "Mat([[1., 2.],\n     [3., 4.]],\n dw=[[ 6.,  6.],\n     [14., 14.]], dtype=float32)"
    W.zero_gradient()
    assert repr(W) == "Mat([[1., 2.],\n     [3., 4.]], dtype=float32)"
    W.dw[1, 1] = np.nan
    assert "nan" in repr(W)
    large = Mat(2000, 3)
    assert "dw" not in repr(large)
    # one that the summary leaves out
    large.dw[1000, 1] = 1
    assert repr(large).count("...") == 2 and "dw=" in repr(large)


def test_reading_evaluates_what_a_value_depends_on_alone():
    """The values of a graph that reads the Mat wait, and a backward pass reads what was recorded."""
    G, m = Graph(), Mat.from_array([[0.5, -0.5]], "float64")
    y = G.tanh(m)
    before = recurrent._c.lib.recurrent_object_count()
    for _ in range(3):
        repr(m), m._repr_html_()
    assert recurrent._c.lib.recurrent_object_count() == before
    # a write after it is seen by no earlier result
    loss = G.sum(G.square(y))
    assert repr(loss).startswith("Mat([[0.42")
    m.w = [[7.0, 7.0]]
    G.backward(loss)
    assert np.allclose(m.dw, 2 * np.tanh([0.5, -0.5]) * (1 - np.tanh([0.5, -0.5]) ** 2))
    assert len(G) == 3


def test_a_pending_graph_stays_pending():
    """The scores wait for their first read: the copy that repr makes of an operand does not evaluate them."""
    G, m = Graph(), Mat.from_array([[2.0]], "float64")
    y = G.square(m)
    address = G.operations[0].w
    repr(m)
    assert np.ctypeslib.as_array((np.ctypeslib.ctypes.c_double * 1).from_address(address))[0] != 4.0
    assert y.item() == 4.0


def test_states_without_numbers():
    G = Graph()
    m = G.tanh(Mat(2, 2))
    G.reset()
    assert repr(m) == "<Mat 2 x 2 float32, stale>"
    assert m._repr_html_() == "<pre>&lt;Mat 2 x 2 float32, stale&gt;</pre>"
    seen = []

    def step(x, h, p):
        seen.extend([repr(x), x._repr_html_(), repr(p.W), repr(h + x), f"{p.W}"])
        return (p.W @ x + h).tanh()

    recurrent.Program(step, 3, 3, {"W": (3, 3)})
    assert seen[0] == seen[3] == "<Mat of 3 rows of a step>" and seen[1].startswith("<pre>&lt;Mat of 3 rows")
    assert seen[2] == seen[4] == "<Mat 3 x 3 float32, of a step>"
    # what stands in for a Mat that no call has made
    assert repr(Mat.__new__(Mat)) == "<Mat, unreadable>"


def test_a_mat_that_another_thread_uses():
    net = recurrent.LSTM(64, [256], 64, rng=1)
    tokens = np.random.default_rng(0).integers(0, 64, (200, 32))
    shown = set()
    thread = threading.Thread(target=lambda: net.train_step(tokens, tokens, recurrent.SGD(0.1)))
    thread.start()
    while thread.is_alive():
        shown.add(repr(net.parameters["bi0"])[:4])
        shown.add(net.parameters["bd"]._repr_html_()[:4])
    thread.join()
    assert shown <= {"<Mat", "Mat(", "<div", "<pre"}


def test_after_a_fork():
    G = Graph()
    y = G.tanh(Mat(2, 2))
    child = os.fork()
    if child == 0:
        os._exit(0 if repr(y).startswith(("Mat(", "<Mat")) and y._repr_html_() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_html():
    m = Mat.from_array([[1.5, -2.0], [float("inf"), float("nan")]])
    page = ElementTree.fromstring(m._repr_html_())
    assert [[cell.text for cell in row] for row in page.iter("tr")] == [["1.5", "−2"], ["inf", "nan"]]
    m.dw = [[0, 1], [2, 3]]
    tables = list(ElementTree.fromstring(m._repr_html_()).iter("table"))
    assert [cell.text for cell in tables[1].iter("td")] == ["0", "1", "2", "3"]
    rows = list(ElementTree.fromstring(Mat(100, 13)._repr_html_()).iter("tr"))
    assert len(rows) == 13 and {len(row) for row in rows} == {13}
    assert {cell.text for cell in rows[6]} == {"…"}
    assert "…" not in Mat(13, 13)._repr_html_()
