"""Indices and slices of a Mat beside NumPy's, their gradients, refusals; and constants."""

import numpy as np
import pytest

from recurrent import Graph, Mat, Program, no_grad

ARRAY = np.arange(20.0).reshape(4, 5)
# both axes stay: an index alone stands for a slice of one
KEYS = [
    (slice(1, 3), 2), (slice(None), slice(1, 4)), (0, 0), (-1, -2), slice(1, None), 2, -1, (slice(None, None, 2), 1),
    (slice(None), slice(None, None, -1)), (slice(-3, -1), slice(0, 100)), ([0, 2, 2], slice(1, 3)), (1, [4, 0, -1]),
    ([3], slice(None, None, 2)), (np.array([1, 1]), slice(None)), (slice(3, 0, -2), slice(4, None, -3)),
    (np.int64(2), 0),
]  # fmt: skip


def kept(key, size):
    return slice(key, key + 1 or None) if isinstance(key, (int, np.integer)) else key


def expected(array, key):
    rows, columns = key if isinstance(key, tuple) else (key, slice(None))
    return array[kept(rows, 4)][:, kept(columns, 5)]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("graph", [Graph, no_grad])
def test_values_and_gradients(key, graph):
    m = Mat.from_array(ARRAY, "float64")
    with graph() as G:
        part = m[key]
        np.testing.assert_array_equal(part.w, expected(ARRAY, key))
        if G.needs_backprop:
            loss = (part * part).sum()
            loss.backward()
            indices = np.zeros((4, 5))
            np.add.at(indices.ravel(), expected(np.arange(20).reshape(4, 5), key).ravel(), 1)
            np.testing.assert_array_equal(m.dw, 2 * ARRAY * indices)


def test_slices_of_step_one_are_views():
    m = Mat.from_array(ARRAY)
    m[1:3, 2].w[...] = -1
    assert m.w[1, 2] == m.w[2, 2] == -1
    # a result that is recorded is another Mat
    m[::2].w[...] = 7
    assert (m.w[::2] != 7).all()
    G = Graph()
    with G:
        _ = m[:2, 1:]
    assert len(G) == 0


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (4, IndexError, "rows is out of range; expected -4 to 3, got 4"),
        ((0, -6), IndexError, "columns is out of range; expected -5 to 4, got -6"),
        ([0, 4], IndexError, r"rows\[1\] is out of range; expected -4 to 3, got 4"),
        (slice(2, 2), IndexError, "rows is empty; expected at least 1 of 4"),
        ((0, []), IndexError, "columns is empty|columns has"),
        ((0, 0, 0), IndexError, "key has the wrong number of indices; expected 1 or 2, got 3"),
        ((), IndexError, "key has the wrong number of indices; expected 1 or 2, got 0"),
        (([0], [1]), IndexError, "rows and columns are both lists"),
        ("a", TypeError, "rows has the wrong type; expected an int, a slice or a list of ints, got str"),
        (True, TypeError, "rows has the wrong type"),
        (None, TypeError, "rows has the wrong type"),
        (1.0, TypeError, "rows has the wrong type"),
        (..., TypeError, "rows has the wrong type"),
        ([True, False], TypeError, "bool"),
        ((0, [[1]]), ValueError, "columns has the wrong shape"),
        (2**70, IndexError, "rows is out of range"),
    ],
)
def test_refusals(key, error, words):
    with pytest.raises(error, match=words):
        Mat.from_array(ARRAY)[key]


def test_elements_are_not_iterated_over():
    with pytest.raises(TypeError):
        iter(Mat(2, 2))
    with pytest.raises(TypeError):
        Mat(2, 2)[0] = 1


def test_rows_of_a_step():
    """Rows by slices are views in a step too."""
    m = Mat.uniform(2, 4, dtype="float64", rng=1), Mat.uniform(4, 4, dtype="float64", rng=2)

    def step(x, h):
        graph = x._graph
        return graph.concat_rows([h[2:] * x, h[0:2].tanh()])

    program = Program(step, 2, 4, dtype="float64")
    y, _ = Graph().scan(program, m[0], [m[1]])
    np.testing.assert_allclose(y.w, np.vstack([m[1].w[2:] * m[0].w, np.tanh(m[1].w[:2])]))
    with pytest.raises(RuntimeError, match="d of a step's value is the batch size"):
        Program(lambda x, h: h[:, 0:1], 2, 4)


def test_detached_values_are_constants():
    x = Mat.from_array([[0.0, 4.0]], "float64")
    root = x.sqrt()
    y = root.detach() * x + x
    y.sum().backward()
    # the root's own derivative, infinite at 0, is not read
    np.testing.assert_array_equal(x.dw, [[1, 3]])
    np.testing.assert_array_equal(root.dw, [[0, 0]])


def test_a_mask_passes_no_gradient():
    x = Mat.from_array([[0.0, 4.0]], "float64")
    (x * (x.sqrt() > 1)).sum().backward()
    np.testing.assert_array_equal(x.dw, [[0, 1]])
    x.zero_gradient()
    G = Graph()
    G.backward(G.sum(G.where(G.sqrt(x), x, G.scale(x, 3))))
    np.testing.assert_array_equal(x.dw, [[3, 1]])
