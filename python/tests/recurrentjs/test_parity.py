"""RecurrentJS's own figures, from Python, in float64: operations, first gradients, whole runs, saved models.

A run is made four ways: by the sentence model, by ``forward_lstm`` on a model and on a plain dict, and by single
operations exactly as RecurrentJS writes them. All four must give its plots.
"""

import json
import math

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, recurrentjs
from support import close, relative_error, rows

RUNS = ("train_lstm_7", "train_lstm_20x20", "train_rnn_9x6x5", "train_rnn_20x20")
SAVED = ("saved_lstm_20x20", "saved_rnn_20x20")

# RecurrentJS's words for cells
CELLS = {"lstm": "lstm", "rnn": "rnn_relu"}


def test_operations(golden):
    names = {"rowPluck": "row_pluck"}
    kinds = set()
    for case in golden("ops"):
        kinds.add(case["op"])
        inputs = [Mat.from_array(rows(m)) for m in case["inputs"]]
        G = Graph()
        if case["op"] == "softmax":
            p = recurrent.softmax(inputs[0])
            close(p.w, rows(case["out"]), 1e-12)
            assert recurrentjs.maxi(p) == recurrentjs.maxi(inputs[0].w) == case["argmax"]
            continue
        if case["op"] == "shared":
            assert case["formula"] == "add(mul(m,m), eltmul(m, tanh(m)))"
            m = inputs[0]
            out = G.add(G.mul(m, m), G.eltmul(m, G.tanh(m)))
        else:
            index = [case["index"]] if "index" in case else []
            out = getattr(G, names.get(case["op"], case["op"]))(*inputs, *index)
        close(out.w, rows(case["out"]), 1e-12)
        out.dw = np.reshape(case["out"]["dw"], out.shape)
        G.backward()
        for m, saved in zip(inputs, case["inputs"]):
            close(m.dw, np.reshape(saved["dw"], m.shape), 1e-12)
    assert kinds == {
        "rowPluck", "tanh", "sigmoid", "relu", "mul", "add", "eltmul", "softmax", "shared",
    }  # fmt: skip


# ---- four ways to run the demo


class BySentenceModel:
    """One call a tick."""

    def __init__(self, run):
        self.sm = recurrent.SentenceModel(
            run["sentences"], CELLS[run["generator"]], run["hidden_sizes"], run["letter_size"], "float64", 0
        )
        assert self.sm.letter_to_index == run["letterToIndex"]
        assert list(self.sm.parameters) == list(run["initial"])
        self.model = self.sm.parameters
        for name, saved in run["initial"].items():
            self.model[name].w = rows(saved)
        self.settings = run["learning_rate"], run["regc"], run["clipval"]

    def tick(self, sentence):
        tick = self.sm.tick(sentence, *self.settings)
        assert math.isclose(tick.perplexity, math.exp(tick.cost / (len(sentence) + 1)), rel_tol=1e-12)
        return tick.cost, tick.ratio_clipped

    @property
    def step_cache(self):
        return self.sm.step_cache


class ByTick:
    """The demo's loop: a graph for each sentence, one tick for each letter."""

    def __init__(self, run):
        self.run = run
        self.sizes = run["hidden_sizes"]
        self.optimizer = recurrentjs.Solver()
        self.model = self.make()

    def make(self):
        return {name: Mat.from_array(rows(saved)) for name, saved in self.run["initial"].items()}

    def advance(self, G, x, prev):
        forward = recurrentjs.forward_lstm if self.run["generator"] == "lstm" else recurrentjs.forward_rnn
        return forward(G, self.model, self.sizes, x, prev)

    def gradient(self, sentence):
        index = self.run["letterToIndex"]
        letters = [0, *(index[c] for c in sentence)]
        G, prev, cost = Graph(), {}, 0.0
        for at, target in zip(letters, [*letters[1:], 0]):
            prev = self.advance(G, G.row_pluck(self.model["Wil"], at), prev)
            scores = prev.o
            p = recurrent.softmax(scores)
            cost -= math.log(p.w[target, 0])
            scores.dw = p.w
            scores.dw[target] -= 1
        G.backward()
        return cost

    def tick(self, sentence):
        cost = self.gradient(sentence)
        step = self.optimizer.step(
            self.model, self.run["learning_rate"], self.run["regc"], self.run["clipval"]
        )
        return cost, step.ratio_clipped

    @property
    def step_cache(self):
        return self.optimizer.step_cache


class ByModel(ByTick):
    """The same with a model of ours, letter vectors added as RecurrentJS's demo adds them."""

    def make(self):
        run = self.run
        init = recurrentjs.init_lstm if run["generator"] == "lstm" else recurrentjs.init_rnn
        model = init(run["letter_size"], self.sizes, len(run["letterToIndex"]) + 1, "float64", 0)
        model["Wil"] = Mat(len(run["letterToIndex"]) + 1, run["letter_size"], "float64")
        for name, saved in run["initial"].items():
            model[name].w = rows(saved)
        return model


class ByOperation(ByTick):
    """The same with each operation of forwardLSTM and forwardRNN by itself."""

    def advance(self, G, x, prev):
        model, hs, cs = self.model, [], []
        for d, size in enumerate(self.sizes):
            h = prev.h[d] if prev else Mat(size, 1, "float64")

            def linear(gate, bias, below=x if d == 0 else hs[-1], before=h, d=d):
                both = G.add(G.mul(model[f"W{gate}x{d}"], below), G.mul(model[f"W{gate}h{d}"], before))
                return G.add(both, model[f"{bias}{d}"])

            if self.run["generator"] == "rnn":
                both = G.add(G.mul(model[f"Wxh{d}"], x if d == 0 else hs[-1]), G.mul(model[f"Whh{d}"], h))
                hs.append(G.relu(G.add(both, model[f"bhh{d}"])))
                continue
            c = prev.c[d] if prev else Mat(size, 1, "float64")
            i, f, o = (G.sigmoid(linear(gate, f"b{gate}")) for gate in "ifo")
            cs.append(G.add(G.eltmul(f, c), G.eltmul(i, G.tanh(linear("c", "bc")))))
            hs.append(G.eltmul(o, G.tanh(cs[-1])))
        return recurrentjs.Output(hs, cs, G.add(G.mul(model["Whd"], hs[-1]), model["bd"]))


WAYS = (BySentenceModel, ByModel, ByTick, ByOperation)
ways = pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])


def prepared(run):
    """The sentences in the order in which they give the vocabulary."""
    return {**run, "sentences": list(dict.fromkeys(tick["sentence"] for tick in run["trace"]))}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("way", WAYS[1:], ids=[way.__name__ for way in WAYS[1:]])
def test_first_gradient(golden, name, way):
    run = prepared(golden(name))
    runner = way(run)
    runner.gradient(run["trace"][0]["sentence"])
    for parameter, expected in run["first_gradient"].items():
        m = runner.model[parameter]
        close(m.dw, np.reshape(expected, m.shape), 1e-10)


@pytest.mark.parametrize("name", RUNS)
def test_first_gradient_of_the_sentence_model(golden, name):
    run = prepared(golden(name))
    runner = BySentenceModel(run)
    runner.tick(run["trace"][0]["sentence"])
    for parameter, expected in run["first_gradient"].items():
        # a tick keeps no gradient, but the first cache is 0.001 g^2
        close(np.sqrt(runner.step_cache[parameter].w.ravel() / (1 - 0.999)), np.abs(expected), 1e-10)


@pytest.mark.parametrize("name", RUNS)
@ways
def test_run(golden, name, way):
    run = prepared(golden(name))
    runner = way(run)
    for k, expected in enumerate(run["trace"]):
        cost, ratio_clipped = runner.tick(expected["sentence"])
        assert relative_error(cost, expected["cost"]) <= 1e-8, f"tick {k}"
        assert ratio_clipped == expected["ratio_clipped"], f"tick {k}"
    for parameter in run["initial"]:
        close(runner.model[parameter].w, rows(run["final"][parameter]), 1e-6)
        close(runner.step_cache[parameter].w, rows(run["step_cache"][parameter]), 1e-6)
    assert set(runner.step_cache) == set(run["step_cache"])


# ---- saved models


@pytest.mark.parametrize("form", ["list", "object"])
@pytest.mark.parametrize("name", SAVED)
def test_saved(golden, tmp_path, name, form):
    saved, expected = golden(name), golden(f"{name}_expected")
    path = tmp_path / "model.json"
    if form == "object":
        saved = json.loads(json.dumps(saved))
        for matrices in (saved["model"], saved["solver"]["step_cache"]):
            for matrix in matrices.values():
                matrix["w"] = {str(i): w for i, w in enumerate(matrix["w"])}
    path.write_text(json.dumps(saved), encoding="utf-8")
    sm = recurrent.SentenceModel.load_recurrentjs(path)
    assert sm.dtype == np.float64
    assert sm.letter_to_index == saved["letterToIndex"]

    assert sm.predict(sample=False) == expected["argmax"]
    for case in expected["costs"]:
        found = sm.cost(case["sentence"])
        n = len(case["sentence"])
        assert relative_error(found.cost, case["cost"]) <= 1e-8
        # RecurrentJS divides by n - 1, one for each prediction is n + 1
        assert math.isclose(found.perplexity ** ((n + 1) / (n - 1)), case["ppl"], rel_tol=1e-8)

    resume = expected["resume"]
    settings = resume["learning_rate"], resume["regc"], resume["clipval"]
    for case in resume["trace"]:
        tick = sm.tick(case["sentence"], *settings)
        assert relative_error(tick.cost, case["cost"]) <= 1e-8
        assert tick.ratio_clipped == case["ratio_clipped"]
    for parameter, matrix in resume["final"].items():
        close(sm.parameters[parameter].w, rows(matrix), 1e-6)


@pytest.mark.parametrize("name", SAVED)
def test_saved_in_float32(golden, tmp_path, name):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(golden(name)), encoding="utf-8")
    sm = recurrent.SentenceModel.load_recurrentjs(path, dtype="float32")
    expected = golden(f"{name}_expected")
    assert sm.predict(sample=False) == expected["argmax"]
    for case in expected["costs"]:
        assert relative_error(sm.cost(case["sentence"]).cost, case["cost"]) <= 1e-4


# ---- parameters filled with a sine: figures of RecurrentJS for 'hello'

SINE = {
    "lstm": {
        "cost": 9.67368787849274,
        "perplexity": 5.014237234729093,
        "h": [0.03892263033638761, 0.03845779756624777],
        "c": [0.0792502677439177, 0.0792015756752488],
        "sums": {"Wil": -9.34468411032e-5, "Wcx1": -0.00426235991584, "bc1": 0.0438091768337},
        "absolute sums": {"Wil": 4.84532253008e-4, "Whd": 0.128769818128, "bd": 1.63865283690},
        "first bd step": [-0.316199, -0.316190, -0.316182, 0.316225, -0.316185],
        "cost after 5": 7.78200606878838,
        "sum of w after 5": -1.6271494520483167,
        "cost after 200": 0.3371536946949271,
    },
    "rnn": {
        "cost": 9.632326241864815,
        "perplexity": 4.9797899278166,
        "h": [0.02804999488708285, 0],
        "sums": {"Wil": -7.84882713118e-6, "Wxh1": 6.67527754161e-6, "bhh1": -0.0264043237868},
        "absolute sums": {"Wil": 1.22553791939e-3, "Whd": 0.0435380279143, "bd": 1.53154759108},
        "first bd step": [-0.316143, -0.316168, -0.316187, 0.316225, -0.316206],
        "cost after 5": 7.037095957831372,
        "sum of w after 5": 4.570483223017999,
        "cost after 200": 0.11354597904404973,
    },
}


def sine(generator):
    sm = recurrent.SentenceModel(["hello"], CELLS[generator], [4, 2], 3, "float64", 0)
    assert sm.letter_to_index == {"h": 1, "e": 2, "l": 3, "o": 4}
    for k, m in enumerate(sm.parameters.values()):
        m.w = (0.08 * np.sin(1.3 * (k + 1) + 0.37 * np.arange(m.n * m.d))).reshape(m.n, m.d)
    return sm


@pytest.mark.parametrize("generator", SINE)
def test_sine(generator):
    expected = SINE[generator]
    sm = sine(generator)
    found = sm.cost("hello")
    assert math.isclose(found.cost, expected["cost"], rel_tol=1e-12)
    assert math.isclose(found.perplexity, expected["perplexity"], rel_tol=1e-12)

    model = sm.parameters
    forward = recurrentjs.forward_lstm if generator == "lstm" else recurrentjs.forward_rnn
    G, prev, letters = Graph(), None, [0, 1, 2, 3, 3, 4]
    for at, target in zip(letters, [*letters[1:], 0]):
        prev = forward(G, model, [4, 2], G.row_pluck(model["Wil"], at), prev)
        p = recurrent.softmax(prev.o)
        p.w[target] -= 1
        prev.o.dw = p.w
    G.backward()
    close(prev.h[-1].w[:, 0], expected["h"], 1e-12)
    if generator == "lstm":
        close(prev.c[-1].w[:, 0], expected["c"], 1e-12)
    for name, figure in expected["sums"].items():
        assert math.isclose(model[name].dw.sum(), figure, rel_tol=1e-9), name
    for name, figure in expected["absolute sums"].items():
        assert math.isclose(np.abs(model[name].dw).sum(), figure, rel_tol=1e-9), name

    sm = sine(generator)
    before = sm.parameters["bd"].w.copy()
    sm.tick("hello", 0.01, 1e-6, 5.0)
    np.testing.assert_allclose((sm.parameters["bd"].w - before)[:, 0], expected["first bd step"], atol=6e-7)
    for _ in range(4):
        sm.tick("hello", 0.01, 1e-6, 5.0)
    assert math.isclose(sm.cost("hello").cost, expected["cost after 5"], rel_tol=1e-10)
    assert math.isclose(sm.parameters.flat.w.sum(), expected["sum of w after 5"], rel_tol=1e-10)
    for _ in range(195):
        sm.tick("hello", 0.01, 1e-6, 5.0)
    assert math.isclose(sm.cost("hello").cost, expected["cost after 200"], rel_tol=1e-6)
