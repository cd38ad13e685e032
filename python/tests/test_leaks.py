"""Nothing is left behind: objects counted by the library, memory by the system."""

from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, SentenceModel, recurrentjs
from support import mat, names, objects, python, resident


def mats():
    m = Mat.from_array(np.ones((30, 20)))
    return m.w[3:], m.view(1, 1, 2, 2).dw, m.copy().w.T


def graphs():
    G = Graph()
    y = G.tanh(mat(20, 20))
    G.backward(G.sum(y))
    return y.w


def graphs_of_graphs():
    A, B = Graph(), Graph()
    y = A.tanh(mat(20, 20))
    A.backward()
    z = B.square(y)
    A.reset()
    B.backward(B.sum(z))
    return z


def models():
    model = recurrentjs.init_lstm(8, [16, 8], 8, rng=0)
    G, prev = Graph(), None
    for _ in range(3):
        prev = recurrentjs.forward_lstm(G, model, [16, 8], mat(8, 2, "float32"), prev)
    G.backward(G.sum(prev.o))
    recurrentjs.Solver().step(model, 0.01, 0, 5)
    return prev


def dicts():
    model = dict(recurrentjs.init_rnn(8, [16], 8, rng=0))
    G = Graph()
    out = recurrentjs.forward_rnn(G, model, [16], mat(8, 2, "float32"), None)
    solver = recurrentjs.Solver()
    solver.step(model, 0.01, 0, 5)
    return out, dict(solver.step_cache)


def sentences():
    sm = SentenceModel(["hello"], hidden_sizes=[16], rng=0)
    sm.tick("hello")
    return sm.predict(), sm.step_cache["Whd"].w, sm.parameters


def texts():
    tm = recurrent.TextModel(hidden_sizes=[16], dropout=0.1, rng=0).build("hello")
    tm.optimizer = recurrent.Adam()
    tm.train_step([[0, 1]], [[1, 2]])
    tm.evaluate("hello")
    return tm.sample(5), next(tm.stream()), tm.flat.w, tm.network, tm.optimizer


def failures():
    for bad in (
        lambda: Mat(0, 1),
        lambda: Graph().mul(mat(2, 3), mat(2, 3)),
        lambda: Graph().lstm(*[mat(2, 2)] * 6),
        lambda: recurrentjs.init_lstm(2, [0], 2),
        lambda: recurrentjs.Solver(5),
        lambda: SentenceModel(["a"], rng=0).tick("b"),
        lambda: SentenceModel.load_recurrentjs("/nowhere"),
        lambda: recurrent.TextModel.load("/nowhere"),
        lambda: recurrent.TextModel(rng=0).build(""),
        lambda: recurrentjs.samplei([0, 0]),
        lambda: Mat.from_array([1, 2]).view(0, 0, 3, 3),
        lambda: Graph().dropout(mat(2, 2), 2),
    ):
        with pytest.raises((ValueError, OSError, IndexError)):
            bad()


@pytest.mark.campaign("Uses after which an object or memory is left")
@pytest.mark.parametrize("use", [mats, graphs, graphs_of_graphs, models, dicts, sentences, texts, failures])
def test_nothing_is_left(use, cases):
    kept = None
    for _ in range(30):
        kept = use()
    before = objects()
    for _ in range(30):
        kept = use()
    assert objects() == before
    memory = resident()
    for _ in range(200):
        kept = use()
        cases(1)
    assert objects() == before
    assert resident() - memory < 2 << 20
    del kept


def test_files(tmp_path):
    sm = SentenceModel(["hello"], hidden_sizes=[16], rng=0)
    path = tmp_path / "m.json"

    def use():
        sm.save_recurrentjs(path)
        SentenceModel.load_recurrentjs(path)
        with pytest.raises(IsADirectoryError):
            SentenceModel.load_recurrentjs(tmp_path)

    use()
    descriptors = Path("/proc/self/fd")
    before, opened = objects(), names(descriptors) if descriptors.exists() else None
    for _ in range(30):
        use()
    assert objects() == before
    assert opened is None or len(names(descriptors)) == len(opened)


def test_cycles_are_collected():
    before = objects()
    for _ in range(10):
        holder = {"m": mat(3, 3).tanh()}
        holder["self"] = holder
    del holder
    # the thread's default graph may hold one graph
    assert objects() <= before + 1


def test_the_end_of_the_interpreter():
    """Objects that live to the very end are freed, or not, without a word."""
    done = python(
        "import recurrent; m = recurrent.Mat(3, 3).tanh(); w = m.w; sm = recurrent.SentenceModel(['a'], rng=0); "
        "sm.tick('a'); c = [m]; c.append(c); G = recurrent.Graph(); G.__enter__(); "
        "import builtins; builtins.kept = (m, sm, G)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.campaign("Uses after which an object or memory is left")
@pytest.mark.nightly
def test_long(cases):
    """A hundred thousand graphs and ten thousand models."""
    for use, count in ((graphs, 100_000), (models, 10_000), (failures, 10_000)):
        use()
        before, memory = objects(), resident()
        for _ in range(count):
            use()
        cases(count)
        assert objects() == before
        assert resident() - memory < 4 << 20
