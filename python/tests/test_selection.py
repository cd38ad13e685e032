"""Comparisons and choices: masks, truth values, numbers and arrays as operands, operations that a step refuses."""

import math

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat

X = np.array([[-1.0, 0.0, 2.0], [np.inf, -np.inf, np.nan]])
OPERATORS = {
    "greater": (lambda a, b: a > b), "greater_equal": (lambda a, b: a >= b),
    "less": (lambda a, b: a < b), "less_equal": (lambda a, b: a <= b),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "other", [0, 2.0, -0.0, math.inf, -math.inf, math.nan, np.float32(2), X, X[:1], X[:, :1]]
)
def test_operators(name, other):
    m, compare = Mat.from_array(X), OPERATORS[name]
    for found in (compare(m, other), getattr(m, name)(other)):
        assert found.dtype == m.dtype
        np.testing.assert_array_equal(found.w, compare(X, other))
    # reflected
    np.testing.assert_array_equal(compare(other, m).w, compare(other, X))


def test_numbers_beyond_the_range():
    m = Mat.from_array([[1.0, 3e38]], "float32")
    assert (m < 1e300).w.all() and (m > -(10**400)).w.all() and not (m >= 10**400).w.any()
    with pytest.raises(ValueError, match="other is out of range; expected a number of float32, got 1e\\+300"):
        m.maximum(1e300)
    with pytest.raises(
        TypeError, match="other has the wrong type; expected a Mat, an array or a number, got str"
    ):
        m.greater("1")
    with pytest.raises(TypeError, match="not supported between"):
        _ = m > "1"


def test_identity():
    """``==`` is that of objects, so that a Mat is a key; ``equal`` compares elements."""
    a, b = Mat.from_array([[1.0]]), Mat.from_array([[1.0]])
    assert a != b and a in [b, a] and len({a, b}) == 2 and bool(a.equal(b))
    assert bool(a.not_equal(2)) and not a.equal(2)


def test_truth_values():
    assert bool(Mat.from_array([[2.0]])) and not Mat(1, 1) and bool(Mat.from_array([[math.nan]]))
    with pytest.raises(ValueError, match=r"the Mat has no truth value; expected \(1, 1\), got \(2, 1\)"):
        bool(Mat(2, 1) > 0)


def test_a_mask_of_attention():
    """Scores are -inf where the mask is 0: their weights and gradients are 0."""
    scores = Mat.from_array([[1.0, 2.0], [3.0, 4.0]], "float64")
    mask = Mat.from_array([[1, 1], [0, 1]], "float64")
    weights = scores.where(mask, -math.inf).softmax()
    np.testing.assert_allclose(weights.w[:, 0], [1, 0])
    weights.square().sum().backward()
    assert np.isfinite(scores.dw).all() and scores.dw[1, 0] == 0


def test_broadcasting_is_numpys():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n, d = rng.integers(1, 300), rng.integers(1, 5)
        shapes = [(n if rng.random() < 0.5 else 1, d if rng.random() < 0.5 else 1) for _ in range(3)]
        a, b, c = (rng.integers(-3, 4, shape).astype(float) for shape in shapes)
        G, (x, y, z) = Graph(), [Mat.from_array(m) for m in (a, b, c)]
        for found, expected in (
            (x - y, a - b),
            (x * y, a * b),
            (x.maximum(y), np.maximum(a, b)),
            (x.where(z, y), np.where(c, a, b)),
        ):
            np.testing.assert_array_equal(found.w, expected)
        result = G.where(z, x, y)
        result.dw = weights = rng.integers(-3, 4, result.shape).astype(float)
        G.backward()
        for m, share in ((x, c != 0), (y, c == 0)):
            wide = np.broadcast_to(share, result.shape) * weights
            axes = tuple(axis for axis in (0, 1) if m.shape[axis] == 1 < result.shape[axis])
            np.testing.assert_array_equal(m.dw, wide.sum(axes, keepdims=True).reshape(m.shape))


STEPS = {
    "maximum": lambda x, h: x.maximum(h),
    "greater": lambda x, h: (x > h) * h,
    "where": lambda x, h: x.where(h, x),
    "clip": lambda x, h: (x + h).clip(-1, 1),
    "max": lambda x, h: h - h.max(0),
    "norm": lambda x, h: h / h.norm(0),
    "logsumexp": lambda x, h: h - h.logsumexp(0),
    "cumsum": lambda x, h: x + h.cumsum(0),
    "index_select": lambda x, h: x + h[::-1],
    "detach": lambda x, h: x + h.detach(),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_refuses_by_name(name):
    """Operations that programs do not have."""
    words = rf"operation \d of step is {name}; expected element-wise operations|does not|broadcasts none, got 1 row"
    with pytest.raises(ValueError, match=words):
        recurrent.Program(STEPS[name], 3, 3)


def test_a_step_broadcasts_no_rows():
    with pytest.raises(
        ValueError, match="operand 1 of sub has the wrong shape; expected 3 rows, as a step broadcasts none"
    ):
        recurrent.Program(lambda x, h: x - h.sum(0), 3, 3)


def test_curves_in_a_step():
    """The sine, the cosine and powers are the same in a step and in a graph."""
    x, h = (Mat.uniform(3, 4, dtype="float64", rng=k) for k in (1, 2))

    def step(x, h):
        return (x * h).sin() + (x + h).cos() * (h * h + 0.5) ** 1.3 + h**3

    program = recurrent.Program(step, 3, 3, dtype="float64")
    gradients = []
    for run in (lambda: Graph().scan(program, x, [h])[0], lambda: step(x, h)):
        for m in (x, h):
            m.zero_gradient()
        y = run()
        y.square().sum().backward()
        gradients.append([x.dw.copy(), h.dw.copy()])
    np.testing.assert_allclose(gradients[0], gradients[1], 1e-13, 1e-15)
