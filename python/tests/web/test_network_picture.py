"""The picture of the network."""

import ctypes

import numpy as np
import pytest

import recurrent
from recurrent.parameters import CELLS
from recurrent.web.network_picture import picture
from sessions import BOOK, open_session


@pytest.mark.parametrize("cell", [*CELLS, "text"])
def test_picture_computes_the_loss(monkeypatch, cell):
    """The graph of the picture computes the loss of the next character."""
    result = []

    def draw(graph, names):
        graph.evaluate()
        last = graph.operations[-1]
        result.append((last.name, ctypes.c_float.from_address(last.w).value))
        return "<svg/>"

    monkeypatch.setattr(recurrent.Graph, "svg", draw)
    more = {"kind": "text", "batch_size": 2, "embedding": 0} if cell == "text" else {"cell": cell}
    with open_session(BOOK, **more) as session:
        weights = session.trainer.model.parameters.flat
        weights.w = np.random.default_rng(5).normal(size=weights.w.shape)
        picture(session.trainer.network)
        scores = session.trainer.network.forward([[1]])[0][0, 0].astype(float)
    expected = np.log(np.exp(scores).sum()) - scores[0]
    assert result == [("cross_entropy", pytest.approx(expected, rel=1e-5))]
