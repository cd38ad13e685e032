"""The options of the classic cells: outputs, states and gradients as published implementations have them.

The figures of ``fixtures/cells`` come from a NumPy implementation in float64, checked against haste, PyTorch, Keras,
DyNet and ONNX Runtime. Where they were computed with given masks, the masks are further rows of x and further
parameters: the operations of the cell's program that draw are replaced by those that they stand for.
"""

import json

import numpy as np
import pytest

import recurrent
from recurrent import _c
from support import TESTS

CELLS = {
    "lstm_norm": recurrent.LSTMCell(norm="joint"),
    "lstm_norm_gate": recurrent.LSTMCell(norm="gate"),
    "gru_norm": recurrent.GRUCell(norm="joint"),
    "rnn_norm": recurrent.RNNCell(norm="joint"),
    "leaky_rnn": recurrent.RNNCell(leak=0.3),
    "lstm_coupled_peephole": recurrent.LSTMCell(coupled=True, peephole=True),
    "lstm_projection": recurrent.LSTMCell(projection=3),
    "lstm_zoneout": recurrent.LSTMCell(zoneout=0.5),
    "lstm_zoneout_h": recurrent.LSTMCell(zoneout=(0.5, 0.0)),
    "gru_zoneout": recurrent.GRUCell(zoneout=0.5),
    "lstm_gal": recurrent.LSTMCell(input_dropout=0.5, recurrent_dropout=0.5),
    "gru_gal": recurrent.GRUCell(input_dropout=0.5, recurrent_dropout=0.5),
    "gru_before_gal": recurrent.GRUCell(reset_after=False, input_dropout=0.5, recurrent_dropout=0.5),
    "lstm_recurrent_dropout": recurrent.LSTMCell(candidate_dropout=0.5),
    "lstm_weight_drop": recurrent.LSTMCell(weight_dropout=0.5),
    "lstm_all_flags": recurrent.LSTMCell(
        peephole=True, norm="joint", zoneout=0.5, input_dropout=0.5, recurrent_dropout=0.5, weight_dropout=0.5
    ),
}


class Layer:
    """A layer's program with the golden masks in place of those that it would draw."""

    def __init__(self, program, k, golden):
        self.program, self.golden, self.k = json.loads(json.dumps(program)), golden, k
        self.inputs, self.masks, self.names, self.given = program["inputs"], [], {}, []
        operations, places = [], []

        def operand(value):
            return [f"v{places[int(value[0][1:])]}", *value[1:]] if value[0][0] == "v" else value

        for name, *rest in program["operations"]:
            operands = [operand(value) for value in rest if isinstance(value, list)]
            if name == "zoneout":
                new, old = operands
                mask = self.mask({"s0": "zoneh", "s1": "zonec"}[old[0]])
                rows = old[2]
                operations.append(["sub", new, old])
                operations.append(["eltmul", mask, [f"v{len(operations) - 1}", 0, rows]])
                operations.append(["add", old, [f"v{len(operations) - 1}", 0, rows]])
            elif name in ("dropout", "variational_dropout"):
                source = operands[0][0]
                if source[0] == "p":
                    operations.append(["eltmul", operands[0], self.parameter_mask(operands[0])])
                else:
                    mask = self.mask({"x": "maskx", "s0": "maskh"}.get(source, "maskg"))
                    operations.append(["eltmul", operands[0], mask])
            else:
                operations.append(
                    [name, *(value for value in rest if not isinstance(value, list)), *operands]
                )
            places.append(len(operations) - 1)
        self.program["operations"] = operations
        self.program["next"] = [operand(value) for value in program["next"]]
        self.program["inputs"] = self.inputs + sum(len(mask) for mask in self.masks)

    def mask(self, name):
        """Rows of x with a mask of the figures, [B][n] or [T][B][n]."""
        values = np.array(self.golden["constants"][f"{name}{self.k}"])
        T, B = np.array(self.golden["inputs"]["x"]).shape[:2]
        values = np.broadcast_to(values, (T, *values.shape[-2:])).reshape(T * B, -1).T
        first = self.inputs + sum(len(mask) for mask in self.masks)
        self.masks.append(values)
        return ["x", first, len(values)]

    def parameter_mask(self, place):
        """A further parameter with the mask of the recurrent weights."""
        masks = self.golden["constants"][f"maskWh{self.k}"]
        parts = next(p["parts"] for p in self.program["parameters"] if p["name"] == "Wh")
        values = np.concatenate([np.array(masks[f"{part}{self.k}"]) for part in parts])
        n, d = values.shape
        self.given.append(recurrent.Mat.from_array(values, "float64"))
        self.program["parameters"].append({"name": "mask", "n": n, "d": d, "initial": None, "parts": []})
        return [f"p{len(self.program['parameters']) - 1}", 0, 0, n, d]

    def parameters(self):
        """The Mats of the parameters; ``names`` has the rows of each golden name."""
        mats = []
        for p in self.program["parameters"]:
            if p["name"] == "mask":
                break
            names = [f"{part}{self.k}" for part in p["parts"] or [p["name"]]]
            blocks = [np.array(self.golden["parameters"][name]) for name in names]
            blocks = [block.reshape(len(block), -1) for block in blocks]
            mats.append(recurrent.Mat.from_array(np.concatenate(blocks), "float64"))
            row = 0
            for name, block in zip(names, blocks):
                self.names[name] = (mats[-1], slice(row, row + len(block)))
                row += len(block)
        return mats + self.given


def described(cell, inputs, hidden):
    net = recurrent.Network(cell, inputs, hidden, dtype="float64", rng=1)
    return json.loads(_c.written(_c.lib.recurrent_network_describe, net._handle.value))["cell"]


@pytest.mark.parametrize("name", CELLS)
def test_published_figures(name):
    golden = json.loads((TESTS / "fixtures" / "cells" / f"{name}.json").read_text(encoding="utf-8"))
    x = np.array(golden["inputs"]["x"])
    inputs, layers = x.shape[2], golden["options"].get("layers", 1)
    H = len(golden["parameters"][next(p for p in golden["parameters"] if p[0] == "b")])
    settings = described(CELLS[name], inputs, [H] * layers)
    lengths = golden["constants"].get("lengths") if golden.get("constants") else None
    close = {"rtol": 1e-12, "atol": 1e-13}

    def columns(values):
        """[T][B][n] as [n x T B]; [B][n] as [n x B]."""
        values = np.array(values)
        return values.reshape(-1, values.shape[-1]).T

    G = recurrent.Graph()
    top = first = recurrent.Mat.from_array(columns(x), "float64")
    names, results, starts = {}, [], []
    for k, program in enumerate(settings["layers"]):
        layer = Layer(program, k, golden)
        states = [
            recurrent.Mat.from_array(columns(golden["inputs"][f"{s}{k}"]), "float64")
            for s in settings["states"]
        ]
        given = top
        if layer.masks:
            masks = [recurrent.Mat.from_array(mask, "float64") for mask in layer.masks]
            given = G.concat_rows([top, *masks])
        step = recurrent.Program.from_json(json.dumps(layer.program))
        top, final = G.scan(step, given, states, layer.parameters(), lengths=lengths)
        names.update(layer.names)
        results += [(f"{s}{k}", mat) for s, mat in zip(settings["states"], final)]
        starts += [(f"{s}{k}", mat) for s, mat in zip(settings["states"], states)]
    np.testing.assert_allclose(top.w, columns(golden["outputs"]["y"]), **close)
    for key, mat in results:
        np.testing.assert_allclose(mat.w, columns(golden["outputs"][key]), **close)
        mat.dw = columns(golden["upstream"][key])
    top.dw = columns(golden["upstream"]["y"])
    G.backward()
    np.testing.assert_allclose(first.dw, columns(golden["gradients"]["x"]), **close)
    for key, mat in starts:
        np.testing.assert_allclose(mat.dw, columns(golden["gradients"][key]), **close)
    assert set(names) == set(golden["parameters"])
    for key, (mat, rows) in names.items():
        expected = np.array(golden["gradients"][key])
        np.testing.assert_allclose(mat.dw[rows], expected.reshape(len(expected), -1), err_msg=key, **close)


@pytest.mark.parametrize("name", CELLS)
def test_a_model_of_text(name, tmp_path):
    text, cell = "hello help " * 60, CELLS[name]
    model = recurrent.TextModel(cell, [24, 24], rng=1)
    history = model.fit(
        text, 150, batch_size=4, seq_length=11, optimizer=recurrent.Adam(0.02), progress=False,
        checkpoint=tmp_path / "model",
    )  # fmt: skip
    assert history.train[-1][1] < history.train[0][1] - 0.05
    loaded = recurrent.TextModel.load(tmp_path / "model")
    assert loaded.cell == cell.name and loaded.sample(20, "he", rng=1) == model.sample(20, "he", rng=1)


def test_forget_biases():
    for cell, name, value in (
        (recurrent.LSTMCell(norm="joint"), "bf0", 1.5),
        (recurrent.LSTMCell(coupled=True), "bi0", -1.5),
    ):
        net = recurrent.Network(cell, 2, [3], rng=1)
        np.testing.assert_array_equal(net.parameters[name].w, value / 1.5)
        model = recurrent.TextModel(cell, [3], forget_bias=1.5, rng=1)
        model.build("abc")
        np.testing.assert_array_equal(model.parameters[name].w, value)


def test_no_options_is_the_built_in_cell():
    assert recurrent.LSTMCell().name == "lstm" and recurrent.GRUCell().name == "gru"
    assert recurrent.GRUCell(reset_after=False).name == "gru_reset_before"
    assert recurrent.Network(recurrent.RNNCell(nonlinearity="relu"), 2, [3]).cell == "rnn_relu"
    assert repr(recurrent.LSTMCell(peephole=True)) == "LSTMCell(peephole=True)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: recurrent.LSTMCell(zoneout=1.0),
            ValueError,
            "zoneout is out of range; expected at least 0 and below 1",
        ),
        (lambda: recurrent.LSTMCell(zoneout=(0.1, 0.2, 0.3)), ValueError, "zoneout has the wrong length"),
        (
            lambda: recurrent.LSTMCell(projection=0),
            ValueError,
            "projection is out of range; expected 1 to 1048576, got 0",
        ),
        (
            lambda: recurrent.LSTMCell(norm="layer"),
            ValueError,
            "norm is unknown; expected one of 'joint', 'gate'",
        ),
        (lambda: recurrent.LSTMCell(peephole=1), TypeError, "peephole has the wrong type"),
        (
            lambda: recurrent.GRUCell(reset_after=False, norm="joint"),
            ValueError,
            "norm is unused by gru_reset_before",
        ),
        (lambda: recurrent.GRUCell(weight_dropout=-1), ValueError, "weight_dropout is out of range"),
        (lambda: recurrent.RNNCell(nonlinearity="gelu"), ValueError, "nonlinearity is unknown"),
        (
            lambda: recurrent.RNNCell(leak=0),
            ValueError,
            "leak is out of range; expected above 0 and at most 1",
        ),
        (lambda: recurrent.RNNCell(leak=1.5), ValueError, "leak is out of range"),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_refused_by_the_settings():
    """What C and Swift can ask for and Python cannot."""
    random = recurrent.Random(1)
    for cell, message in (
        ({"name": "gru", "peephole": True}, "peephole is unused by gru"),
        ({"name": "rnn_tanh", "candidate_dropout": 0.5}, "candidate_dropout is unused by rnn_tanh"),
        ({"name": "min_gru", "norm": "joint"}, "base is no built-in cell"),
        ({"name": "gru", "leak": 0.5}, "leak is unused by gru"),
        ({"name": "rnn_relu", "leak": 0}, "leak is out of range; expected above 0 and at most 1"),
        ({"name": "lstm", "norms": "joint"}, "norms"),
    ):
        words = json.dumps({"cell": cell, "input_size": 2, "hidden_sizes": [3]}).encode()
        with pytest.raises(ValueError, match=message):
            _c.new(
                _c.lib.recurrent_network_create, _c.lib.recurrent_network_free, words, len(words),
                random._handle.value,
            )  # fmt: skip


def test_layer_norm_without_gain():
    m = recurrent.Mat.uniform(6, 3, dtype="float64", rng=1)
    one, zero = (recurrent.Mat.from_array(np.full((6, 1), v), "float64") for v in (1.0, 0.0))
    G = recurrent.Graph()
    np.testing.assert_allclose(G.layer_norm(m).w, G.layer_norm(m, one, zero).w, rtol=1e-14)
    two = recurrent.Mat.from_array(np.full((6, 1), 2.0), "float64")
    np.testing.assert_allclose(G.layer_norm(m, gain=two).w, 2 * G.layer_norm(m).w, rtol=1e-14)
    np.testing.assert_allclose(m.layer_norm(bias=two).w, G.layer_norm(m).w + 2, rtol=1e-14)
