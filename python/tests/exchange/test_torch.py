"""PyTorch's weights: the same values under its names, and results equal to its own."""

import json

import numpy as np
import pytest

import recurrent
from recurrent import recurrentjs
from support import PYTHON_FIXTURES

CASES = json.loads((PYTHON_FIXTURES / "torch.json").read_text())
TOKEN_CASES = json.loads((PYTHON_FIXTURES / "torch_tokens.json").read_text())
KINDS = {
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "tanh": recurrent.RNN,
    "relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}
NETWORKS = [*KINDS.values(), lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k)]


def distance(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12)


def softmax_gradient(y, targets):
    p = np.exp(y - y.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    valid = targets >= 0
    loss = -np.log(np.take_along_axis(p, np.maximum(targets, 0)[..., None], -1)[..., 0])[valid].mean()
    np.put_along_axis(
        p,
        np.maximum(targets, 0)[..., None],
        np.take_along_axis(p, np.maximum(targets, 0)[..., None], -1) - 1,
        -1,
    )
    return loss, p * valid[..., None] / valid.sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['kind']}-{c['hidden']}-{c['embedding']}")
def test_equals_torch(case, dtype):
    limit = 1e-5 if dtype == "float32" else 1e-12
    settings = (case["inputs"], case["hidden"], case["outputs"] or None, case["embedding"] or None)
    net = KINDS[case["kind"]](*settings, dtype=dtype, rng=0)
    net.load_torch(case["weights"])

    def state(parts):
        arrays = [[np.array(layer) for layer in part] for part in parts]
        return (arrays[0], arrays[1] if len(arrays) > 1 else None)

    y, final = net.forward(np.array(case["x"]), state(case["state"]), np.array(case["lengths"]))
    dx, dstate = net.backward(np.array(case["dy"]), state(case["dfinal"]))
    assert distance(y, case["y"]) < limit
    for ours, theirs in ((final, case["final"]), (dstate, case["dstate"])):
        assert distance(ours.h, theirs[0]) < limit
        if len(theirs) > 1:
            assert distance(ours.c, theirs[1]) < limit
    assert (dx is None) if case["dx"] is None else distance(dx, case["dx"]) < limit

    # PyTorch's gradients, brought into our names by the way weights take
    expected = KINDS[case["kind"]](*settings, dtype="float64", rng=0)
    gradients = {name: np.array(g) for name, g in case["gradients"].items()}
    hidden = case["hidden"][0]
    for name in [n for n in gradients if "bias_hh" in n]:
        gradients[name][: 2 * hidden if case["kind"] == "gru" else None] = 0
    expected.load_torch(gradients)
    for name, mat in net.parameters.items():
        assert distance(mat.dw, expected.parameters[name].w) < limit, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "case", TOKEN_CASES, ids=lambda c: f"{c['kind']}-{c['inputs']}-{'tied' if c['embedding'] else 'one-hot'}"
)
def test_tokens_equal_torch(case, dtype):
    limit = 1e-5 if dtype == "float32" else 1e-12
    tied = bool(case["embedding"])
    settings = (case["inputs"], case["hidden"], case["inputs"], case["embedding"] or None)
    net = KINDS[case["kind"]](*settings, dtype=dtype, rng=0, tied=tied)
    net.load_torch(case["weights"])
    x, targets = np.array(case["x"]), np.array(case["targets"])
    y, _ = net.forward(x)
    loss, dy = softmax_gradient(np.array(case["y"]), targets)
    dx, _ = net.backward(dy)
    assert distance(y, case["y"]) < limit and abs(loss - case["loss"]) < 1e-12 and dx is None

    expected = KINDS[case["kind"]](*settings, dtype="float64", rng=0, tied=tied)
    gradients = {name: np.array(g) for name, g in case["gradients"].items()}
    for name in [n for n in gradients if "bias_hh" in n]:
        gradients[name][: 2 * case["hidden"][0] if case["kind"] == "gru" else None] = 0
    expected.load_torch(gradients)
    for name, mat in net.parameters.items():
        assert distance(mat.dw, expected.parameters[name].w) < limit, name
    step = net.train_step(x, targets, recurrentjs.Solver(), 0.0)
    assert abs(step.loss - case["loss"]) < limit


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru", "tanh", "relu"])
def test_torch_weights_come_back(kind, tied):
    settings = (7, [5, 5], None, None) if tied else (7, [5, 5], 4, 3)
    net = KINDS[kind](*settings, dtype="float64", rng=1, tied=tied)
    net.flat.w = np.random.default_rng(0).standard_normal((net.flat.n, 1))
    other = KINDS[kind](*settings, dtype="float64", rng=2, tied=tied)
    other.load_torch(net.to_torch())
    assert np.array_equal(net.flat.w, other.flat.w)


def state_dict(layers=1, ways=("",), **more):
    """The arrays of a torch.nn.LSTM(3, 4), and others."""
    random, arrays, below = np.random.default_rng(0), {}, 3
    for k in range(layers):
        for way in ways:
            arrays[f"rnn.weight_ih_l{k}{way}"] = random.standard_normal((16, below))
            arrays[f"rnn.weight_hh_l{k}{way}"] = random.standard_normal((16, 4))
            arrays[f"rnn.bias_ih_l{k}{way}"] = random.standard_normal(16)
            arrays[f"rnn.bias_hh_l{k}{way}"] = random.standard_normal(16)
        below = 4 * len(ways)
    return arrays | {name.replace("__", "."): np.ones(shape) for name, shape in more.items()}


DECODER = {"fc__weight": (2, 4), "fc__bias": 2}
EXPECTED = r"^state_dict has {} without a place in the network; expected 1 layer of one direction{}, got "
NAMES = r"rnn\.weight_ih_{0}, rnn\.weight_hh_{0}, rnn\.bias_ih_{0}, rnn\.bias_hh_{0}"


@pytest.mark.parametrize(
    "outputs, arrays, words",
    [
        (None, state_dict(2), EXPECTED.format("4 arrays", "") + "layer 1: " + NAMES.format("l1")),
        (None, state_dict(ways=("", "_reverse")),
         EXPECTED.format("4 arrays", "") + "a reverse direction: " + NAMES.format("l0_reverse")),
        # its decoder has another shape, and the second direction is the cause
        (2, state_dict(ways=("", "_reverse"), fc__weight=(2, 8), fc__bias=2), "a reverse direction: rnn"),
        (None, state_dict(rnn__weight_hr_l0=(4, 4)),
         EXPECTED.format("1 array", "") + r"a projection: rnn\.weight_hr_l0$"),
        (None, state_dict() | {"rnn.weight_hh_l0": np.ones((16, 2)), "rnn.weight_hr_l0": np.ones((2, 4))},
         r"a projection: rnn\.weight_hr_l0$"),
        (None, state_dict(encoder__weight_hh_l0=(16, 4)), r"another recurrent layer: encoder\.weight_hh_l0$"),
        (None, state_dict(**DECODER), r"a Linear or an Embedding: fc\.weight, fc\.bias$"),
        (None, state_dict(emb__weight=(9, 3)), r"a Linear or an Embedding: emb\.weight$"),
        (2, state_dict(ln__weight=4, ln__bias=4, mid__weight=(4, 4), mid__bias=4, conv__weight=(4, 4, 1), **DECODER),
         EXPECTED.format("5 arrays", ", a decoder")
         + r"a norm or an activation: ln\.weight, ln\.bias; a Linear or an Embedding: mid\.weight, mid\.bias; "
         r"an unknown array: conv\.weight$"),
        (2, state_dict(bn__running_mean=4, bn__num_batches_tracked=(), **DECODER),
         r"a norm or an activation: bn\.running_mean, bn\.num_batches_tracked$"),
        (4, state_dict(a__weight=(4, 4), b__weight=(4, 4)),
         r"^state_dict is ambiguous; expected 1 array of shape \(4, 4\) for a decoder, or one named decoder\.weight, "
         r"got a\.weight, b\.weight$"),
        (2, state_dict(fc__weight=(3, 4), fc__bias=3),
         r"^state_dict lacks a decoder; expected an array of shape \(2, 4\), got fc\.weight \(3, 4\)$"),
        (2, state_dict(fc__weight=(2, 4), fc__bias=3), r"^fc\.bias has the wrong shape; expected \(2,\), got \(3,\)$"),
    ],
)  # fmt: skip
def test_arrays_without_a_place_are_named(outputs, arrays, words):
    net = recurrent.LSTM(3, [4], outputs, rng=0)
    before = net.flat.w.copy()
    with pytest.raises(ValueError, match=words):
        net.load_torch(arrays)
    assert np.array_equal(net.flat.w, before)


def test_ignored_arrays_are_returned():
    more = state_dict(2, ln__weight=4, mid__weight=(4, 4), **DECODER)
    net, twin = recurrent.LSTM(3, [4], 2, rng=0), recurrent.LSTM(3, [4], 2, rng=1)
    ignored = [name for name in more if "_l1" in name or name.startswith(("ln", "mid"))]
    assert net.load_torch(more, strict=False) == ignored and len(ignored) == 6
    assert twin.load_torch({name: more[name] for name in more if name not in ignored}) == []
    assert np.array_equal(net.flat.w, twin.flat.w)
    # an ignored entry need not be an array
    assert net.load_torch(more | {"extra": "text", "ln.weight": np.full(4, np.nan)}, strict=False)
    with pytest.raises(TypeError, match="strict has the wrong type"):
        net.load_torch(more, strict=0)


def test_a_decoder_without_bias():
    net = recurrent.LSTM(3, [4], 2, dtype="float64", rng=0)
    net.parameters["bd"].w[:] = 5
    arrays = state_dict() | {"fc.weight": np.arange(8.0).reshape(2, 4)}
    assert net.load_torch(arrays) == []
    assert not net.parameters["bd"].w.any() and np.array_equal(net.parameters["Whd"].w, arrays["fc.weight"])
    # an embedding of the same shape is recognized by its name only
    net = recurrent.LSTM(5, [4], 5, 4, dtype="float64", rng=0)
    layer = {name: np.ones((16, 4)) if "weight" in name else a for name, a in state_dict().items()}
    table, decoder = np.arange(20.0).reshape(5, 4), np.arange(20.0, 40.0).reshape(5, 4)
    for names in (("embedding", "x"), ("x", "decoder"), ("model.embedding", "model.decoder")):
        net.load_torch(layer | {f"{name}.weight": a for name, a in zip(names, (table, decoder))})
        assert np.array_equal(net.parameters["Wil"].w, table)
        assert np.array_equal(net.parameters["Whd"].w, decoder)
    with pytest.raises(ValueError, match=r"ambiguous; .*an embedding, .*got a\.weight, b\.weight"):
        net.load_torch(layer | {"a.weight": table, "b.weight": decoder})
    tied = recurrent.LSTM(5, [4], tied=True, dtype="float64", rng=0)
    assert tied.load_torch(layer | {"a.weight": table, "b.weight": table}) == []
    with pytest.raises(ValueError, match=r"b\.weight has the wrong values; expected those of a\.weight"):
        tied.load_torch(layer | {"a.weight": table, "b.weight": decoder})


@pytest.mark.parametrize(
    "name, value, error, words",
    [
        ("rnn.weight_hh_l0", np.nan, ValueError, r"rnn\.weight_hh_l0 is not finite; .*got nan at \[0, 0\]"),
        ("rnn.bias_ih_l0", -np.inf, ValueError, r"rnn\.bias_ih_l0 is not finite; .*got -inf at \[0\]"),
        ("rnn.bias_hh_l0", 1e300, ValueError, r"rnn\.bias_hh_l0 is out of range; .*float32, got 1e\+300"),
        ("fc.bias", 1e39, ValueError, r"fc\.bias is out of range; .*float32, got 1e\+39"),
        ("fc.weight", 1j, TypeError, r"fc\.weight has the wrong type; .*got elements of type complex128"),
        ("fc.weight", "1", TypeError, r"fc\.weight has the wrong type; .*got elements of type <U"),
        ("fc.bias", None, TypeError, r"fc\.bias has the wrong type; .*got elements of type object"),
    ],
)
def test_values_are_checked_before_any_is_written(name, value, error, words):
    net = recurrent.LSTM(3, [4], 2, rng=0)
    before, arrays = net.flat.w.copy(), state_dict(**DECODER)
    kind = np.result_type(np.asarray(value), arrays[name]) if isinstance(value, (float, complex)) else None
    arrays[name] = arrays[name].astype(kind or np.array(value).dtype)
    arrays[name].flat[0] = value
    with pytest.raises(error, match=words):
        net.load_torch(arrays)
    assert np.array_equal(net.flat.w, before)
    masked = state_dict(**DECODER)
    masked[name] = np.ma.masked_array(masked[name])
    with pytest.raises(TypeError, match=f"{name} has the wrong type; .*masked"):
        net.load_torch(masked)


class Module:
    """What torch.nn.Module has of interest."""

    def __init__(self, arrays, mode="LSTM"):
        self.arrays, self.mode, self.weight_ih_l0 = arrays, mode, None

    def state_dict(self):
        return {name: Tensor(array) for name, array in self.arrays.items()}

    def modules(self):
        return [self]


class Tensor:
    """A tensor on another device, which has to be detached and copied."""

    def __init__(self, array, steps=()):
        self.array, self.steps, self.shape = array, steps, array.shape

    def detach(self):
        return Tensor(self.array, (*self.steps, "detach"))

    def cpu(self):
        return Tensor(self.array, (*self.steps, "cpu"))

    def __array__(self, dtype=None, copy=None):
        if self.steps != ("detach", "cpu"):
            raise TypeError("on another device")
        return self.array


def test_a_module():
    arrays = state_dict(**DECODER)
    net, twin = recurrent.LSTM(3, [4], 2, rng=0), recurrent.LSTM(3, [4], 2, rng=1)
    assert net.load_torch(Module(arrays)) == twin.load_torch(arrays) == []
    assert np.array_equal(net.flat.w, twin.flat.w)
    # the arrays of a tanh and of a ReLU layer have the same shapes
    relu = {name: a[:4] if name.startswith("rnn") else a for name, a in arrays.items()}
    for mode, nonlinearity in (("RNN_RELU", "relu"), ("RNN_TANH", "tanh")):
        assert recurrent.RNN(3, [4], 2, nonlinearity=nonlinearity).load_torch(Module(relu, mode)) == []
    with pytest.raises(ValueError, match="wrong cell; expected rnn_tanh, got rnn_relu"):
        recurrent.RNN(3, [4], 2).load_torch(Module(relu, "RNN_RELU"))
    for other in (5, [arrays], b"weights"):
        with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, a mapping .*, got"):
            net.load_torch(other)
    with pytest.raises(OSError, match="cannot read 'weights'"):
        net.load_torch("weights")
    with pytest.raises(TypeError, match="key of the wrong type; expected a str, got 1"):
        net.load_torch({1: arrays["fc.bias"]})
    with pytest.raises(
        ValueError, match="nested; expected key='state_dict', got a dict of 'epoch', 'state_dict'"
    ):
        net.load_torch({"epoch": 1, "state_dict": arrays})


class Pair(Module):
    """A module with two recurrent ones of several kinds."""

    def named_modules(self):
        for name, mode in (("encoder", "RNN_RELU"), ("decoder", "RNN_TANH")):
            yield name, Module({}, mode)

    def modules(self):
        return [module for _, module in self.named_modules()]


def test_one_of_several_recurrent_layers():
    """A key is also what names begin with."""
    one, other = recurrent.RNN(3, [4], nonlinearity="relu", rng=0), recurrent.RNN(3, [4], rng=1)
    pair = {f"encoder.{name}": array for name, array in one.to_torch().items()}
    pair |= {f"decoder.{name[4:]}": array for name, array in other.to_torch().items()} | {
        "fc.weight": np.ones((9, 4))
    }
    twin = recurrent.RNN(3, [4], nonlinearity="relu", rng=2)
    words = r"^state_dict is ambiguous; expected 1 name that ends in weight_ih_l0, or key='{0}encoder\.rnn' or " \
            r"'{0}decoder', got encoder\.rnn\.weight_ih_l0, decoder\.weight_ih_l0$"  # fmt: skip
    with pytest.raises(ValueError, match=words.format("")):
        twin.load_torch(pair)
    with pytest.raises(ValueError, match=words.format(r"model\.")):
        twin.load_torch({"model": pair}, key="model")
    for source, outer in ((pair, ""), ({"model": pair}, "model."), ({"a": {"b": pair}}, "a.b.")):
        for key, expected in (("encoder", one), ("encoder.rnn", one), ("decoder", other)):
            assert twin.load_torch(source, key=outer + key) == []
            assert np.array_equal(twin.flat.w, expected.flat.w)
    with pytest.raises(
        ValueError, match=r"key is unknown; expected one of 'encoder\.rnn', 'decoder', got 'dec'"
    ):
        twin.load_torch(pair, key="dec")
    # of a module the layer under the key tells the nonlinearity
    assert twin.load_torch(Pair(pair), key="encoder") == []
    with pytest.raises(ValueError, match="the module has the wrong cell; expected rnn_relu, got rnn_tanh"):
        twin.load_torch(Pair(pair), key="decoder")


@pytest.mark.parametrize("names, remedy", [
    (["parametrizations.weight.original0", "parametrizations.weight.original1"], "remove_parametrizations of torch"),
    (["weight_g", "weight_v"], "remove_weight_norm"), (["weight_orig", "weight_u"], "remove_spectral_norm"),
])  # fmt: skip
@pytest.mark.parametrize("strict", [False, True])
def test_parametrized_weights_are_refused(names, remedy, strict):
    """The parts have the shapes of weights: a decoder's direction would be taken for it."""
    net = recurrent.LSTM(3, [4], 2, rng=0)
    before = net.flat.w.copy()
    parts = {f"fc.{name}": np.ones((2, 1 if name[-1] in "0gu" else 4)) for name in names}
    with pytest.raises(
        ValueError, match=rf"^state_dict is parametrized; .*{remedy}.*got fc\.{names[0]}"
    ) as caught:
        net.load_torch(state_dict() | {"fc.bias": np.ones(2)} | parts, strict=strict)
    assert len(str(caught.value)) < 300 and np.array_equal(net.flat.w, before)
    # of the recurrent layer itself
    arrays = state_dict(**DECODER)
    first = arrays.pop("rnn.weight_ih_l0")
    own = [name.replace("weight", "weight_ih_l0") for name in names]
    for key, source in (
        (None, arrays),
        ("model", {"model": arrays | {f"rnn.{name}": first for name in own}}),
    ):
        source = source if key else arrays | {f"rnn.{name}": first for name in own}
        with pytest.raises(ValueError, match=r"^state_dict is parametrized; "):
            net.load_torch(source, strict=strict, key=key)
    # one of two names is no pair
    assert net.load_torch(state_dict(**DECODER) | {"attend.weight_v": first}, strict=False) == [
        "attend.weight_v"
    ]


def test_a_state_dict_without_layers():
    net = recurrent.LSTM(3, [4], rng=0)
    for arrays, got in (({}, "an empty dict"), ({"fc.weight": np.ones(2)}, r"'fc\.weight'"),
                        ({f"k{i}": 0 for i in range(9)}, "'k0', .*'k7', …")):  # fmt: skip
        with pytest.raises(ValueError, match=r"^state_dict lacks a recurrent layer; expected a name that ends in "
                           rf"weight_ih_l0, got {got}$"):  # fmt: skip
            net.load_torch(arrays)


def test_load_torch_refuses_and_changes_nothing():
    net = recurrent.LSTM(3, [4], 2, dtype="float64", rng=0)
    weights, before = net.to_torch(), net.flat.w.copy()
    for name, array, words in [
        ("rnn.weight_ih_l0", np.zeros((16, 9)), "weight_ih_l0 has the wrong shape"),
        ("rnn.weight_hh_l0", None, "expected 'rnn.weight_hh_l0'"),
        ("decoder.weight", None, r"lacks a decoder; expected an array of shape \(2, 4\), got none"),
        ("rnn.bias_hh_l0", None, "expected 'rnn.bias_hh_l0'"),
        ("other.weight_ih_l0", np.zeros((16, 3)), "expected 1 name"),
    ]:
        broken = dict(weights)
        broken.pop(name, None)
        if array is not None:
            broken[name] = array
        with pytest.raises(ValueError, match=words):
            net.load_torch(broken)
        assert np.array_equal(net.flat.w, before)
    tied = recurrent.LSTM(3, [4], dtype="float64", rng=0, tied=True)
    weights = tied.to_torch()
    weights["decoder.weight"] = weights["decoder.weight"] + 1
    with pytest.raises(ValueError, match="the decoder is tied"):
        tied.load_torch(weights)
    with pytest.raises(ValueError, match="gru_reset_before"):
        recurrent.GRU(3, [4], reset_after=False).load_torch({})


class Quantized:
    """A tensor that NumPy has no type for."""

    dtype, shape = "quint8", (3, 2)

    def detach(self):
        return self

    def cpu(self):
        raise TypeError("unsupported")


def test_a_tensor_of_a_type_that_numpy_lacks():
    net = recurrent.RNN(2, [3], rng=0)
    arrays = {"weight_ih_l0": Quantized(), "weight_hh_l0": np.zeros((3, 3)), "bias_ih_l0": np.zeros(3),
              "bias_hh_l0": np.zeros(3)}  # fmt: skip
    with pytest.raises(TypeError, match=r"weight_ih_l0 has the wrong type; .* got elements of type quint8"):
        net.load_torch(arrays)


def safetensors(path, arrays, kinds=("F32",), change=lambda header: None):
    """Writes a file as other tools do, the arrays in turns of these types."""
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for i, (name, array) in enumerate(arrays.items()):
        kind = kinds[i % len(kinds)]
        if kind == "BF16":
            data = (np.asarray(array, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
        else:
            data = np.asarray(array, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[kind]).tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(np.shape(array)),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_safetensors_of_other_tools(tmp_path):
    net = recurrent.LSTM(3, [4], 2, rng=0)
    arrays = net.to_torch()
    for kinds, bound in ((("F32",), 0), (("F64",), 0), (("F16", "BF16", "F32"), 1e-3)):
        twin = recurrent.LSTM(3, [4], 2, rng=1)
        assert twin.load_torch(safetensors(tmp_path / "net.safetensors", arrays, kinds)) == []
        assert np.abs(twin.flat.w - net.flat.w).max() <= bound
    assert twin.load_torch(str(tmp_path / "net.safetensors")) == []
    # a file of this library has other names
    net.save(tmp_path / "own.safetensors")
    with pytest.raises(
        ValueError, match="lacks a recurrent layer; expected a name that ends in weight_ih_l0"
    ):
        twin.load_torch(tmp_path / "own.safetensors")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda h: h.update(a=1), "expected a shape and data_offsets of a, got None and None"),
        (
            lambda h: h["decoder.bias"].update(dtype="F8"),
            r"decoder\.bias has the wrong type; .* or BF16, got 'F8'",
        ),
        (lambda h: h["decoder.bias"].update(shape=[3]), r"expected 12 bytes of decoder\.bias"),
        (lambda h: h["decoder.bias"].update(shape=[2**62, 4]), r"bytes of decoder\.bias"),
        (
            lambda h: h["decoder.bias"].update(data_offsets=[10**9, 10**9 + 8]),
            r"expected 8 bytes of decoder\.bias",
        ),
        (lambda h: h["decoder.bias"].update(data_offsets=[-8, 0]), "expected a shape and data_offsets"),
    ],
)
def test_damaged_safetensors(change, words, tmp_path):
    net = recurrent.LSTM(3, [4], 2, rng=0)
    before = net.flat.w.copy()
    with pytest.raises(ValueError, match=words):
        net.load_torch(safetensors(tmp_path / "net.safetensors", net.to_torch(), change=change))
    assert np.array_equal(net.flat.w, before)
    for data in (b"", b"\xff" * 20, (3).to_bytes(8, "little") + b"[1]", (2).to_bytes(8, "little") + b"{x"):
        (tmp_path / "net.safetensors").write_bytes(data)
        with pytest.raises(ValueError, match="is not a safetensors file; expected "):
            net.load_torch(tmp_path / "net.safetensors")
    with pytest.raises(OSError, match="cannot read"):
        net.load_torch(tmp_path / "absent.safetensors")
