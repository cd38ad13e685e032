"""ONNX: results of onnxruntime are those of the network, and a file comes back as the same network."""

import re

import numpy as np
import pytest

import recurrent
from odd_cell import Delay, Odd
from recurrent.parameters import CELLS
from support import succeed

onnx = pytest.importorskip("onnx", reason="onnx is not installed: `pip install onnx onnxruntime`")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="onnxruntime is not installed: `pip install onnxruntime`"
)

T, B = 7, 3
# the cells that are operators of ONNX
NODES = ["rnn_tanh", "rnn_relu", "lstm", "gru", "gru_reset_before", "lstm_peephole", "lstm_coupled"]
OPTIONS = {
    "vectors": {},
    "embedding": {"embedding": 3},
    "tied": {"embedding": 5, "tied": True},
    "bidirectional": {"bidirectional": True},
    "residual": {"residual": True},
    "learned": {"learned_initial_state": True},
    "all": {
        "embedding": 5, "bidirectional": True, "batch_first": True, "learned_initial_state": True, "residual": True,
    },
    "no decoder": {"output_size": None, "batch_first": True},
}  # fmt: skip


def network(cell, dtype="float32", hidden_sizes=(5, 5), **options):
    settings = {"output_size": 6, **options}
    net = recurrent.Network(cell, 6, hidden_sizes, dtype=dtype, rng=1, **settings)
    net.flat.w = np.random.default_rng(2).standard_normal((net.flat.n, 1)) * 0.3
    return net


def inputs(net, tokens=False, steps=T, batch=B):
    random = np.random.default_rng(3)
    shape = (batch, steps) if net.batch_first else (steps, batch)
    if net.embedding or tokens:
        return random.integers(0, net.input_size, shape)
    return random.standard_normal((*shape, net.input_size)).astype(net.dtype)


def run(path, feeds):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, feeds)))


def states(net, state):
    """The arrays of a state by the names of its inputs or outputs, without their prefix."""
    return {
        f"{name}{suffix}": array
        for name in net._sizes.states
        for suffix, array in zip(net._sizes.suffixes(), state[name])
    }


def compare(net, path, tokens=False, bound=1e-6, lengths=None, **sizes):
    """Compares outputs and final states, from the initial state of the network and from one that is given."""
    bound = bound if net.dtype == np.float32 else 1e-12
    x = inputs(net, tokens, **sizes)
    batch = x.shape[0] if net.batch_first else x.shape[1]
    given = net.zero_state(batch)
    given.flat[...] = np.random.default_rng(4).standard_normal(given.flat.size)
    for state in (None, given):
        net.to_onnx(
            path, tokens=tokens, states=state is not None, lengths=lengths is not None, overwrite=True
        )
        y, final = net.forward(x, state, lengths)
        feeds = {"x": x} | (
            {} if state is None else {f"initial_{k}": a for k, a in states(net, state).items()}
        )
        if lengths is not None:
            feeds["lengths"] = np.array(lengths, np.int32)
        found = run(path, feeds)
        assert found["y"].dtype == net.dtype
        np.testing.assert_allclose(found["y"], y, rtol=bound, atol=bound)
        for name, array in states(net, final).items():
            np.testing.assert_allclose(found[f"final_{name}"], array, rtol=bound, atol=bound, err_msg=name)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", NODES)
def test_operators(cell, options, tmp_path):
    net, path = network(cell, **OPTIONS[options]), tmp_path / "net.onnx"
    compare(net, path)
    model = onnx.load(path)
    operators = [node.op_type for node in model.graph.node]
    assert "Scan" not in operators and operators.count(cell[:3].upper().replace("LST", "LSTM")) == 2
    assert model.opset_import[0].version == 17 and model.producer_name == "recurrent"
    back = path.with_name("back.onnx")
    net.to_onnx(back)
    twin = recurrent.from_onnx(back)
    assert type(twin) is type(recurrent.Network.load(saved(net, tmp_path)))
    assert list(twin.parameters) == list(net.parameters) and np.array_equal(twin.flat.w, net.flat.w)
    assert repr(twin).partition("(")[2] == repr(net).partition("(")[2]
    x = inputs(net)
    np.testing.assert_array_equal(twin.forward(x)[0], net.forward(x)[0])


def saved(net, folder):
    net.save(folder / "net.safetensors", overwrite=True)
    return folder / "net.safetensors"


def scanned(*cells):
    """The cells in both types, without those that are an operator of ONNX, which has float32 alone."""
    pairs = [(cell, dtype) for cell in cells for dtype in ("float32", "float64")]
    chosen = [(cell, dtype) for cell, dtype in pairs if dtype == "float64" or cell not in NODES]
    return pytest.mark.parametrize("cell, dtype", chosen, ids=str)


@pytest.mark.parametrize("options", ["vectors", "embedding", "all"])
@scanned(*CELLS, recurrent.LSTMCell(norm="gate", projection=3, zoneout=0.2, peephole=True),
         recurrent.GRUCell(norm="joint", weight_dropout=0.2), recurrent.RNNCell(leak=0.5), Odd, Delay())  # fmt: skip
def test_scans(cell, dtype, options, tmp_path):
    """Cells without an operator, and all cells in float64."""
    net = network(Odd(has_erf=dtype == "float32") if cell is Odd else cell, dtype, **OPTIONS[options])
    compare(net, tmp_path / "net.onnx", bound=3e-6 if cell is Odd else 1e-6)
    assert "Scan" in [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    compare_twin(net, tmp_path, None, 3e-6 if cell is Odd else 1e-6)


def compare_twin(net, folder, lengths, bound=1e-6):
    """Imports a file of a network: its results are those of the network, also those of its own file."""
    bound = bound if net.dtype == np.float32 else 1e-12
    net.to_onnx(folder / "first.onnx", lengths=lengths is not None, overwrite=True)
    twin = recurrent.from_onnx(folder / "first.onnx")
    assert twin.dtype == net.dtype and twin.batch_first == net.batch_first
    x = inputs(net)
    (y, final), (found, after) = net.forward(x, lengths=lengths), twin.forward(x, lengths=lengths)
    np.testing.assert_allclose(found, y, rtol=bound, atol=bound)
    for name, array in states(net, final).items():
        np.testing.assert_allclose(states(twin, after)[name], array, rtol=bound, atol=bound, err_msg=name)
    compare(twin, folder / "second.onnx", bound=bound, lengths=lengths)
    # it is a network as any other: it trains, and its files hold the step
    twin.save(folder / "twin.safetensors", overwrite=True)
    assert np.array_equal(recurrent.load(folder / "twin.safetensors").forward(x)[0], twin.forward(x)[0])
    before = twin.flat.w.copy()
    twin.train_step(x, np.zeros(y.shape, y.dtype), recurrent.SGD(0.01))
    assert not np.array_equal(twin.flat.w, before)


LENGTHS = [(T, 4, 1), (2, T, T), (3, 3, 5)]


@pytest.mark.parametrize("options", ["vectors", "bidirectional", "all", "no decoder"])
@pytest.mark.parametrize("cell", NODES)
def test_lengths_of_operators(cell, options, tmp_path):
    net = network(cell, **OPTIONS[options])
    for lengths in LENGTHS:
        compare(net, tmp_path / "net.onnx", lengths=lengths)
    net.to_onnx(tmp_path / "twin.onnx", lengths=True)
    assert np.array_equal(recurrent.from_onnx(tmp_path / "twin.onnx").flat.w, net.flat.w)
    assert "Scan" not in [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    # padding may be anything
    x = inputs(net)
    if not net.embedding:
        padded = np.moveaxis(x, int(net.batch_first), 0)
        y, _ = net.forward(x, lengths=LENGTHS[0])
        padded[4:, 1] = 1e30
        net.to_onnx(tmp_path / "net.onnx", lengths=True, overwrite=True)
        found = run(tmp_path / "net.onnx", {"x": x, "lengths": np.array(LENGTHS[0], np.int32)})["y"]
        np.testing.assert_allclose(found, y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", ["vectors", "all", "no decoder"])
@scanned("lstm", "gru", "mgu", "sru", Delay())
def test_lengths_of_scans(cell, dtype, options, tmp_path):
    net = network(cell, dtype, **OPTIONS[options])
    for lengths in (*LENGTHS, (0, 1, T)):
        compare(net, tmp_path / "net.onnx", lengths=lengths)
    compare_twin(net, tmp_path, LENGTHS[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_hot_tokens(dtype, tmp_path):
    net = network("gru", dtype)
    compare(net, tmp_path / "net.onnx", tokens=True)
    net.to_onnx(tmp_path / "net.onnx", tokens=True, overwrite=True)
    if dtype == "float32":
        assert np.array_equal(recurrent.from_onnx(tmp_path / "net.onnx").flat.w, net.flat.w)


def test_any_number_of_steps_and_sequences(tmp_path):
    for options in ({}, {"bidirectional": True}):
        net = network("lstm", hidden_sizes=(4, 7, 3), **options)
        for steps, batch in ((1, 1), (1, 5), (40, 1)):
            compare(net, tmp_path / "net.onnx", steps=steps, batch=batch)


def test_steps_that_are_fed_back(tmp_path):
    """States go from call to call."""
    net, path = network("lstm"), tmp_path / "net.onnx"
    net.to_onnx(path, states=True)
    x = inputs(net)
    found = states(net, net.zero_state(B))
    for t in range(T):
        results = run(path, {"x": x[t : t + 1], **{f"initial_{k}": a for k, a in found.items()}})
        found = {name: results[f"final_{name}"] for name in found}
    np.testing.assert_allclose(results["y"][0], net.forward(x)[0][-1], atol=1e-6)


def test_dtype_of_the_file(tmp_path):
    net = network("gru")
    net.to_onnx(tmp_path / "net.onnx", dtype="float64")
    found = run(tmp_path / "net.onnx", {"x": inputs(net).astype(np.float64)})["y"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, net.forward(inputs(net))[0], atol=1e-6)


def test_text_models(tmp_path):
    model = recurrent.TextModel("gru", [8], rng=1).build("hello help")
    model.to_onnx(tmp_path / "model.onnx")
    tokens = model.encode("help")[:, None]
    found = run(tmp_path / "model.onnx", {"x": tokens})["y"]
    np.testing.assert_allclose(found, model.network.forward(tokens)[0], atol=1e-6)
    model.to_onnx(tmp_path / "lengths.onnx", lengths=True)
    tokens = np.array([model.encode("help"), model.encode("hell")]).T
    found = run(tmp_path / "lengths.onnx", {"x": tokens, "lengths": np.array([4, 2], np.int32)})["y"]
    np.testing.assert_allclose(found, model.network.forward(tokens, lengths=[4, 2])[0], atol=1e-6)
    metadata = {p.key: p.value for p in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert metadata == {"tokenizer": "characters", "vocabulary": " ehlop"}
    with pytest.raises(FileExistsError, match="was not written by this run"):
        recurrent.TextModel("gru", [8], rng=1).build("hello").to_onnx(tmp_path / "model.onnx")
    with pytest.raises(RuntimeError):
        recurrent.TextModel("gru", [8]).to_onnx(tmp_path / "new.onnx")


def test_a_users_cell_with_a_name_of_the_library(tmp_path):
    """Its equations are exported, not those that the name stands for."""

    class Impostor(recurrent.Cell):
        states = ("h", "c")
        name = "lstm_coupled"

        def parameters(self, I, H):  # noqa: E741
            return {"Wix": (H, I), "Wih": (H, H), "bi": (H, 1)}

        def step(self, x, h, c, p):
            return (p.Wix @ x + p.Wih @ h + p.bi).sigmoid(), c + h

    compare(network(Impostor()), tmp_path / "net.onnx")


def test_export_refuses_and_writes_nothing(tmp_path):
    path = tmp_path / "net.onnx"
    net = network("lstm")
    net.parameters["Wix1"].w[2, 3] = np.nan
    with pytest.raises(
        FloatingPointError, match=r"Wix1 is not finite; expected finite elements, got nan at \[2, 3\]"
    ):
        net.to_onnx(path)
    for options, words in (
        ({"tokens": 1}, "tokens has the wrong type"),
        ({"states": None}, "states has the wrong type"),
        ({"lengths": [3, 2]}, "lengths has the wrong type"),
        ({"dtype": "int8"}, "dtype"),
        ({"overwrite": 1}, "overwrite has the wrong type"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            network("lstm").to_onnx(path, **options)
    assert not path.exists()
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="was not written by this run"):
        network("lstm").to_onnx(path)
    assert path.read_bytes() == b"mine"
    network("lstm").to_onnx(path, overwrite=True)


# ---- import


def edited(path, change):
    """Writes a file of a small LSTM after a change to its model."""
    network("lstm", hidden_sizes=(4,)).to_onnx(path, overwrite=True)
    model = onnx.load(path)
    layer = next(node for node in model.graph.node if node.op_type == "LSTM")
    change(model, layer)
    path.write_bytes(model.SerializeToString())
    return path


def attribute(name, value):
    return lambda model, layer: layer.attribute.append(onnx.helper.make_attribute(name, value))


def replaced(name, value):
    def change(model, layer):
        kept = [a for a in layer.attribute if a.name != name]
        del layer.attribute[:]
        layer.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])

    return change


def sequence_lens(model, layer):
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(B, T, np.int32), "lens"))
    layer.input[4] = "lens"


def extra(operator):
    def change(model, layer):
        name = model.graph.output[0].name
        model.graph.node[-3].output[0] = "before"
        nodes = [n for n in model.graph.node if name in n.output]
        for node in nodes:
            node.output[0] = "before"
        model.graph.node.append(onnx.helper.make_node(operator, ["before"], [name]))

    return change


@pytest.mark.parametrize(
    "change, words",
    [
        (attribute("clip", 3.0), r"LSTM 'layer0_0' has the wrong attributes; expected no clip, got 3\.0"),
        (
            attribute("activations", ["Sigmoid", "Relu", "Tanh"]),
            r"wrong activations; .* got \['Sigmoid', 'Relu', 'Tanh'\]",
        ),
        (attribute("activation_alpha", [0.5]), "expected no activation_alpha"),
        (attribute("layout", 1), "has the wrong layout; expected 0, got 1"),
        (replaced("direction", "reverse"), "expected 'forward' or 'bidirectional', got 'reverse'"),
        (
            sequence_lens,
            "LSTM 'layer0_0' has the wrong sequence_lens; expected an input of the model, or none, got other lengths",
        ),
        (extra("Softsign"), "node 'y' has no place in a network; .* got Softsign"),
        (extra("Tanh"), "got Tanh"),
    ],
)
def test_import_refuses_by_name(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        recurrent.from_onnx(edited(tmp_path / "net.onnx", change))


def test_import_of_another_model(tmp_path):
    with pytest.raises(OSError, match="cannot read"):
        recurrent.from_onnx(tmp_path / "absent.onnx")
    path = tmp_path / "text.onnx"
    path.write_text("no model")
    with pytest.raises(ValueError, match="path is not an ONNX model; expected one, got"):
        recurrent.from_onnx(path)


def edited_lengths(path, change, cell="lstm"):
    """Writes a file of a small network with lengths after a change to its model."""
    network(cell, hidden_sizes=(4, 4)).to_onnx(path, lengths=True, overwrite=True)
    model = onnx.load(path)
    change(model, {node.op_type: node for node in model.graph.node})
    path.write_bytes(model.SerializeToString())
    return path


def other_lengths(model, nodes):
    model.graph.input.append(
        onnx.helper.make_tensor_value_info("others", onnx.TensorProto.INT32, ["sequences"])
    )
    nodes["LSTM"].input[4] = "others"


def no_lengths(model, nodes):
    nodes["LSTM"].input[4] = ""


def renamed(operator, index, base):
    """Another operand of the last node of an operator: a constant of these numbers."""

    def change(model, nodes):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(base), "another"))
        nodes[operator].input[index] = "another"

    return change


@pytest.mark.parametrize("change, words", [
    (other_lengths, "Where 'valid_y' has the wrong operands; expected the lengths of the layers and 0, got others"),
    (no_lengths, "Where 'valid_y' has the wrong operands; expected the lengths of the layers and 0, got others"),
    (renamed("Where", 2, np.float32(1)), "expected the lengths of the layers and 0, got others"),
    (renamed("Range", 0, np.int64(1)), "node 'step' has no place in a network; .* got Range"),
    (renamed("Range", 2, np.int64(2)), "node 'step' has no place in a network; .* got Range"),
    (lambda m, n: n["Less"].input.extend([n["Less"].input.pop(0)]), "'valid' has no place in a network; .* got Less"),
])  # fmt: skip
def test_import_of_other_lengths(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        recurrent.from_onnx(edited_lengths(tmp_path / "net.onnx", change))


def test_layers_of_different_lengths(tmp_path):
    def change(model, nodes):
        other_lengths(model, nodes)
        where = nodes["Where"]
        for node in model.graph.node:
            node.input[:] = [where.input[1] if name == where.output[0] else name for name in node.input]
        model.graph.node.remove(where)

    with pytest.raises(
        ValueError, match="the layers have different sequence_lens; expected one input for all"
    ):
        recurrent.from_onnx(edited_lengths(tmp_path / "net.onnx", change))


# ---- import of Scan


def edited_body(path, change, cell="mgu", **options):
    """Writes a file of a small network of Scans after a change to the body of the first."""
    network(cell, hidden_sizes=(4,), **options).to_onnx(path, overwrite=True)
    model = onnx.load(path)
    scan = next(node for node in model.graph.node if node.op_type == "Scan")
    body = next(a for a in scan.attribute if a.name == "body").g
    change(scan, body)
    path.write_bytes(model.SerializeToString())
    return path


def operator(old, new):
    def change(scan, body):
        next(node for node in body.node if node.op_type == old).op_type = new

    return change


def attribute_of_scan(name, value):
    def change(scan, body):
        kept = [a for a in scan.attribute if a.name != name]
        del scan.attribute[:]
        scan.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])

    return change


def other_output(scan, body):
    """Another value than the first state."""
    value = next(node.output[0] for node in body.node if node.op_type == "Tanh")
    next(node for node in body.node if node.output[0] == body.output[-1].name).input[0] = value


def no_sizes(scan, body):
    del body.input[-1].type.tensor_type.shape.dim[:]
    body.input[-1].type.tensor_type.shape.dim.add()
    body.input[-1].type.tensor_type.shape.dim.add()


@pytest.mark.parametrize("change, words", [
    (operator("Tanh", "Softsign"),
     r"node 'tanh' of Scan 'layer0_0' has no place in a step; expected an operation that a step has, got Softsign$"),
    (operator("Sigmoid", "HardSigmoid"), "'sigmoid' of Scan 'layer0_0' has no place in a step; .*, got HardSigmoid"),
    (operator("Sigmoid", "Erf"), "node 'sigmoid' of Scan 'layer0_0' has no place in a step; .*, got Erf"),
    (operator("Add", "Max"), "has no place in a step; .*, got Max"),
    (other_output, "Scan 'layer0_0' has the wrong outputs; expected its first state, got another value"),
    (no_sizes, r"has the wrong body; expected the size of x0, \(sequences, n\), got none"),
    (attribute_of_scan("scan_input_axes", [1]), r"has the wrong directions; expected one direction, of the first axis"),
    (attribute_of_scan("scan_output_directions", [1]), r"has the wrong directions; expected one direction"),
])  # fmt: skip
def test_import_of_other_scans(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        recurrent.from_onnx(edited_body(tmp_path / "net.onnx", change))


def test_scans_of_one_direction(tmp_path):
    """A Scan in reverse belongs to one forward, and has its body."""

    def both(*values):
        def change(scan, body):
            for name, value in zip(("scan_input_directions", "scan_output_directions"), values):
                attribute_of_scan(name, value)(scan, body)

        return change

    with pytest.raises(ValueError, match="Scan 'layer0_0' has the wrong operand"):
        recurrent.from_onnx(edited_body(tmp_path / "net.onnx", both([1], [1])))
    with pytest.raises(ValueError, match="expected that of the forward direction, got another"):
        recurrent.from_onnx(
            edited_body(tmp_path / "net.onnx", operator("Tanh", "Sigmoid"), bidirectional=True)
        )


@pytest.mark.parametrize("cell, options", [("gru", OPTIONS["all"]), ("mgu", OPTIONS["all"]),
                                           (Odd(), {"bidirectional": True})], ids=str)  # fmt: skip
def test_damaged_models(cell, options, tmp_path):
    """A damaged file is a network or a sentence."""
    path = tmp_path / "net.onnx"
    network(cell, **options).to_onnx(path, lengths=cell != "gru")
    good, random, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(150):
        data = bytearray(good)
        for _ in range(random.integers(1, 4)):
            data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(data[: random.integers(1, len(data))] if random.random() < 0.2 else data)
        try:
            recurrent.from_onnx(path)
        except ValueError as error:
            assert re.search("; expected .*, got ", str(error)), error
            refused += 1
    assert refused > 20


def test_a_model_of_pytorch(tmp_path):
    """What torch.onnx.export writes of an embedding, two layers and a decoder: zeros by Expand, Slice and Squeeze."""
    helper, random = onnx.helper, np.random.default_rng(1)
    arrays = {
        "table": random.standard_normal((6, 3)), "W": random.standard_normal((1, 16, 3)),
        "R": random.standard_normal((1, 16, 4)), "B": random.standard_normal((1, 32)),
        "M": random.standard_normal((4, 2)), "b": random.standard_normal(2),
    }  # fmt: skip
    constants = [onnx.numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    ints = {"one": [1], "one0": [1], "four": [4], "index1": [1]}
    constants += [onnx.numpy_helper.from_array(np.array(v, np.int64), name) for name, v in ints.items()]
    constants.append(onnx.numpy_helper.from_array(np.array(0, np.int64), "index0"))
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["e"]),
        helper.make_node("Shape", ["e"], ["s"]), helper.make_node("Gather", ["s", "index0"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "index0_axes"], ["n1"]),
        helper.make_node("Concat", ["one0", "n1", "four"], ["hs"], axis=0),
        helper.make_node("ConstantOfShape", ["hs"], ["h"]), helper.make_node("ConstantOfShape", ["hs"], ["c"]),
        helper.make_node("Transpose", ["e"], ["et"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["et", "W", "R", "B", "", "h", "c"], ["Y", "Yh", "Yc"], hidden_size=4),
        helper.make_node("Squeeze", ["Y", "one"], ["Ys"]),
        helper.make_node("Transpose", ["Ys"], ["Yt"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["Yt", "M"], ["p"]), helper.make_node("Add", ["b", "p"], ["scores"]),
    ]  # fmt: skip
    constants.append(onnx.numpy_helper.from_array(np.array([0], np.int64), "index0_axes"))
    graph = helper.make_graph(
        nodes, "torch",
        [helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["batch", "time"])],
        [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["batch", "time", 2])], constants,
    )  # fmt: skip
    path = tmp_path / "torch.onnx"
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()
    )
    net = recurrent.from_onnx(path)
    assert isinstance(net, recurrent.LSTM) and net.batch_first and not net.learned_initial_state
    tokens = inputs(net)
    np.testing.assert_allclose(net.forward(tokens)[0], run(path, {"tokens": tokens})["scores"], atol=1e-6)


MISSING = """
import sys
sys.modules["onnx"] = None
import recurrent
net = recurrent.LSTM(3, [2], rng=1)
for call in (lambda: net.to_onnx("net.onnx"), lambda: recurrent.from_onnx("net.onnx")):
    try:
        call()
    except ImportError as error:
        print(error)
"""


def test_without_the_package():
    lines = succeed(MISSING).splitlines()
    assert lines == [f"{name} needs the package onnx; install it with `pip install onnx`"
                     for name in ("to_onnx", "from_onnx")]  # fmt: skip
