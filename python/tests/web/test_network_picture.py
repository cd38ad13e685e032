"""The picture of the network."""

import ctypes

import numpy as np
import pytest

import recurrent
from recurrent.parameters import CELLS
from recurrent.web.network_picture import picture
from sessions import BOOK, open_session


class Columns(recurrent.Cell):
    """Operations over the rows of a column."""

    def parameters(self, I, H):  # noqa: E741
        return {"W": (H, I), "U": (H, H), "a": (H, 1, 0.5), "b": (H, 1, 2)}

    def step(self, x, h, p):
        z = p.W @ x + p.U @ h
        return z.softmax() + p.a @ z.sum(axis=0) - p.b @ z.mean(axis=0)


def losses(monkeypatch, network):
    """The loss of the next character: that of the picture's graph, and that of the network."""
    found = []

    def draw(graph, names):
        graph.evaluate()
        last = graph.operations[-1]
        assert last.name == "cross_entropy"
        found.append(ctypes.c_float.from_address(last.w).value)
        return "<svg/>"

    monkeypatch.setattr(recurrent.Graph, "svg", draw)
    network.flat.w = np.random.default_rng(5).normal(size=network.flat.w.shape)
    picture(network)
    scores = network.forward([[1]])[0][0, 0].astype(float)
    return *found, np.log(np.exp(scores).sum()) - scores[0]


@pytest.mark.parametrize("cell", [*CELLS, "text"])
def test_picture_computes_the_loss(monkeypatch, cell):
    more = {"kind": "text", "batch_size": 2, "embedding": 0} if cell == "text" else {"cell": cell}
    with open_session(BOOK, **more) as session:
        found, expected = losses(monkeypatch, session.trainer.network)
    assert found == pytest.approx(expected, rel=1e-5)


class Remembering(recurrent.Cell):
    """A cell that attends to its past."""

    def parameters(self, I, H):  # noqa: E741
        return {"W": (H, I), "U": (H, H)}

    def step(self, x, h, p):
        return (p.W @ x + p.U @ h.attend(h, h)).tanh()


MASKED = recurrent.GRUCell(zoneout=0.3, candidate_dropout=0.2, input_dropout=0.1)


@pytest.mark.parametrize("cell", [Columns(), Remembering(), MASKED], ids=["columns", "past", "masks"])
def test_picture_of_an_own_cell(monkeypatch, cell):
    found, expected = losses(monkeypatch, recurrent.Network(cell, 4, [5, 3], 4, rng=1))
    assert found == pytest.approx(expected, rel=1e-5)
