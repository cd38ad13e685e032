"""Attention from a few operations of a graph, beside a loop over sequences and time steps in NumPy."""

import math

import numpy as np

from recurrent import Graph, Mat

T, B, H = 5, 3, 4


def softmax(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum()


def test_a_query_for_each_sequence():
    rng = np.random.default_rng(0)
    keys, values, queries = rng.normal(size=(T, B, H)), rng.normal(size=(T, B, H)), rng.normal(size=(B, H))
    K, V = (Mat.from_array(m.reshape(T * B, H).T) for m in (keys, values))
    q, G = Mat.from_array(queries.T), Graph()
    context = G.bmm(V, G.softmax(G.bmm(K, q, B, transpose_a=True)), B)
    assert len(G) == 3
    for b in range(B):
        expected = values[:, b].T @ softmax(keys[:, b] @ queries[b])
        np.testing.assert_allclose(context.w[:, b], expected, 1e-12)


def test_every_step_attends_to_the_past():
    """A causal mask: column s * B + b of the scores has the T keys of sequence b for its query of step s."""
    x = np.random.default_rng(1).normal(size=(T, B, H))
    X, G = Mat.from_array(x.reshape(T * B, H).T), Graph()
    future = Mat.from_array(np.repeat(np.tri(T).T, B, axis=1))
    with G:
        scores = G.bmm(X, X * H**-0.5, B, transpose_a=True)
        context = G.bmm(X, scores.where(future, -math.inf).softmax(), B)
    for s in range(T):
        for b in range(B):
            past = x[: s + 1, b]
            expected = past.T @ softmax(past @ x[s, b] * H**-0.5)
            np.testing.assert_allclose(context.w[:, s * B + b], expected, 1e-12)
    G.backward(G.sum(G.square(context)))
    assert np.isfinite(X.dw).all() and (X.dw != 0).all()


def test_a_cell_that_attends_to_its_own_states():
    """Gradients of all weights, by central differences in random directions."""
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=(H, H)) for _ in range(3)]
    x = rng.normal(size=(T, H, B))

    def loss(mats):
        G, h, past = Graph(), Mat(H, B, "float64"), []
        with G:
            for t in range(T):
                past.append(h)
                keys = G.concat_columns(past)
                context = G.bmm(keys, G.softmax(G.bmm(keys, h, B, transpose_a=True)), B)
                h = (mats[0] @ x[t] + mats[1] @ h + mats[2] @ context).tanh()
            return h.square().sum()

    mats = [Mat.from_array(w) for w in weights]
    loss(mats).backward()
    for k, weight in enumerate(weights):
        direction, step = rng.normal(size=(H, H)), 1e-6
        sides = []
        for sign in (1, -1):
            moved = [Mat.from_array(w) for w in weights]
            moved[k].w = weight + sign * step * direction
            sides.append(loss(moved).item())
        slope = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose((mats[k].dw * direction).sum(), slope, 1e-6)
