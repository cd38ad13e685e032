"""Networks in files, copies and pickles: the same bits, training on to the same bits, and every damage said."""

import contextlib
import copy
import ctypes
import pickle
import pickletools
import threading

import numpy as np
import pytest

import recurrent
from recurrent import _c
from recurrent.parameters import CELLS, CELLS_WITH_GATES
from support import DTYPES, FIXTURES, succeed
from text.test_model_files import forged

RNG = np.random.default_rng(5)
TOKENS, TARGETS = RNG.integers(0, 6, (7, 3)), RNG.integers(0, 6, (7, 3))
OPTIMIZERS = {
    "sgd": lambda: recurrent.SGD(0.05),
    "momentum": lambda: recurrent.SGD(0.05, momentum=0.9, clipping="tensor_norm"),
    "adagrad": lambda: recurrent.Adagrad(0.05, initial_accumulator_value=0.1),
    "rmsprop": lambda: recurrent.RMSProp(0.01, momentum=0.5, centered=True),
    "adam": lambda: recurrent.Adam(0.01, amsgrad=True, clipping="global_norm"),
    "adamw": lambda: recurrent.AdamW(0.01),
    "recurrentjs": recurrent.recurrentjs.Solver,
}


class Leaky(recurrent.Cell):
    states = ("h", "s")

    def parameters(self, I, H):  # noqa: E741
        return {"Wx": (H, I), "Wh": (H, H), "b": (H, 1, 0.5)}

    def step(self, x, h, s, p):
        return h + 0.1 * ((p.Wx @ x + p.Wh @ h + p.b).tanh() - s), s * 0.5 + h


class Own(recurrent.LSTM):
    """A class of the caller's own."""


KINDS = {
    **{cell: lambda d, cell=cell: recurrent.Network(cell, 6, [5, 5], 6, dtype=d, rng=1) for cell in CELLS},
    "RNN": lambda d: recurrent.RNN(6, [5, 4], 6, nonlinearity="relu", dtype=d, rng=1),
    "GRU": lambda d: recurrent.GRU(6, [5], reset_after=False, dtype=d, rng=1),
    "own": lambda d: recurrent.Network(Leaky(), 6, [5, 4], 6, dtype=d, rng=1, dropout=0.2),
    "options": lambda d: recurrent.Network(
        recurrent.LSTMCell(peephole=True, norm="joint", zoneout=0.1), 6, [5, 4], 6, dtype=d, rng=1
    ),
    "bidirectional": lambda d: recurrent.LSTM(6, [5, 4], 6, bidirectional=True, dropout=0.2, dtype=d, rng=1),
    "tied": lambda d: recurrent.GRU(6, [5, 4], tied=True, dropout=0.2, dtype=d, rng=1),
    "embedding": lambda d: recurrent.LSTM(6, [5], 6, embedding=3, forget_bias=1, dtype=d, rng=1),
    "states": lambda d: recurrent.LSTM(
        6, [5, 5], 6, learned_initial_state=True, residual=True, variational=True, dropout=0.3, dtype=d, rng=1
    ),
    "reservoir": lambda d: recurrent.EchoStateNetwork(6, 9, 6, leak=0.5, dtype=d, rng=1),
    "subclass": lambda d: Own(6, [5], 6, dtype=d, rng=1),
}


def train(net, steps, optimizer=None):
    solver = optimizer or net.optimizer
    outputs = TARGETS if net.output_size else np.ones((*TOKENS.shape, net.forward(TOKENS)[0].shape[2]))
    return [net.train_step(TOKENS, outputs, solver).loss for _ in range(steps)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network(kind, dtype, tmp_path):
    net = KINDS[kind](dtype)
    net.optimizer, net.metadata = recurrent.Adam(0.01), {"author": "é\0", "": ""}
    train(net, 3)
    path = tmp_path / "net.safetensors"
    net.save(path)
    twins = {
        "load": type(net).load(path),
        "pickle": pickle.loads(pickle.dumps(net)),
        "copy": copy.copy(net),
        "deepcopy": copy.deepcopy(net),
    }
    # a file has the class of the cell: it knows neither the caller's nor that there was none
    is_other = kind == "subclass" or kind in CELLS_WITH_GATES
    if is_other:
        assert issubclass(type(recurrent.load(path)), (recurrent.LSTM, recurrent.GRU, recurrent.RNN))
    else:
        twins["recurrent.load"] = recurrent.load(path)
        twins["Network.load"] = recurrent.Network.load(path)
    y, state = net.forward(TOKENS)
    for way, twin in twins.items():
        if not (way == "load" and is_other):
            assert type(twin) is type(net) and repr(twin) == repr(net), way
        assert list(twin.parameters) == list(net.parameters) and twin.metadata == net.metadata
        assert repr(twin.optimizer) == repr(net.optimizer)
        found, after = twin.forward(TOKENS)
        assert found.tobytes() == y.tobytes() and after.flat.tobytes() == state.flat.tobytes(), way
    # a network that was loaded is saved as the same file
    twins["load"].save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    losses = train(net, 4)
    for way, twin in twins.items():
        assert train(twin, 4) == losses and twin.flat.w.tobytes() == net.flat.w.tobytes(), way


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_training_ends_on_the_same_bits(name, dtype, tmp_path):
    """2N steps at once, against N, a copy and N more; dropout is on, and the learning rate has changed."""
    make = lambda: recurrent.LSTM(6, [8, 7], 6, dropout=0.4, dtype=dtype, rng=3)  # noqa: E731
    whole, half = make(), make()
    for net in (whole, half):
        net.optimizer = OPTIMIZERS[name]()
        train(net, 4)
        net.optimizer.learning_rate *= 0.5
    half.save(tmp_path / "half")
    twins = [recurrent.load(tmp_path / "half"), pickle.loads(pickle.dumps(half)), copy.deepcopy(half)]
    # an optimizer and a network apart: the arrays of one, and the weights of the other
    apart, solver = make(), OPTIMIZERS[name]()
    apart.flat.w = half.flat.w
    solver.load_state_dict(half.optimizer.state_dict())
    half.save(tmp_path / "light", weights_only=True)
    light = recurrent.load(tmp_path / "light")
    assert light.optimizer is None
    light.optimizer = pickle.loads(pickle.dumps(half.optimizer))
    losses = train(whole, 5)
    for twin in (*twins, light):
        assert train(twin, 5) == losses and np.array_equal(twin.flat.w, whole.flat.w)
    # in this one dropout draws from its own generator
    assert train(apart, 5, solver) != losses


def test_another_process_reads_it(tmp_path):
    net = KINDS["own"]("float64")
    net.optimizer = recurrent.Adam(0.01)
    train(net, 2)
    net.save(tmp_path / "net")
    (tmp_path / "pickle").write_bytes(pickle.dumps(net))
    code = (
        "import pickle, sys, recurrent\nfrom pathlib import Path\nimport numpy as np\n"
        "x = np.array(eval(sys.argv[3]))\n"
        "for net in recurrent.load(sys.argv[1]), pickle.loads(Path(sys.argv[2]).read_bytes()):\n"
        "    print(net.forward(x)[0].tobytes().hex(), net.optimizer.state_dict()['state']['bd']['step'])\n"
    )
    found = succeed(code, str(tmp_path / "net"), str(tmp_path / "pickle"), repr(TOKENS.tolist()))
    assert found.split() == [net.forward(TOKENS)[0].tobytes().hex(), "2"] * 2


def test_through_the_c_interface(tmp_path):
    """A network that was trained in Python, run by a program of another language."""
    net = recurrent.GRU(4, [5], 3, rng=1, dtype="float64")
    net.metadata = {"for": "C"}
    net.save(tmp_path / "net")
    x, y, path = np.ones((2, 3, 4)), np.empty((2, 3, 3)), bytes(tmp_path / "net")
    handle = _c.NetworkHandle()
    _c.lib.recurrent_network_load(path, len(path), handle, None, None)
    _c.lib.recurrent_network_forward_sequence(
        handle.value, x.ctypes.data, None, 2, 3, None, None, None, 0, y.ctypes.data, None
    )
    assert y.tobytes() == net.forward(x)[0].tobytes()
    assert _c.written(_c.lib.recurrent_network_get_metadata, handle.value) == '{"for":"C"}'
    # what C has written, Python reads
    _c.lib.recurrent_network_save(handle.value, 0, 0, path, len(path), 1)
    again = recurrent.load(tmp_path / "net")
    assert again.metadata == {"for": "C"} and again.forward(x)[0].tobytes() == y.tobytes()
    length = ctypes.c_int64()
    _c.lib.recurrent_network_write(handle.value, 0, 0, None, 0, ctypes.byref(length))
    with pytest.raises(_c.ShortBufferError, match=f"expected at least {length.value} bytes"):
        buffer = ctypes.create_string_buffer(10)
        _c.lib.recurrent_network_write(handle.value, 0, 0, buffer, 10, ctypes.byref(length))


def test_a_network_of_another_language():
    """Both files are make_network.py's; C and Swift are held to them too."""
    net = recurrent.load(FIXTURES / "network.safetensors")
    y, _ = net.forward(np.arange(6)[:, None])
    lines = (FIXTURES / "network.txt").read_text(encoding="utf-8").split()
    assert [f"{bits:016x}" for bits in y.ravel().view(np.uint64).tolist()] == lines


def test_a_pickle_holds_bytes_and_no_code():
    net = KINDS["own"]("float32")
    net.optimizer = recurrent.Adam()
    train(net, 1)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(net, protocol)
        twin = pickle.loads(data)
        assert twin.flat.w.tobytes() == net.flat.w.tobytes()
        loaded = {arg for op, arg, _ in pickletools.genops(data) if op.name == "GLOBAL"}
        assert loaded <= {
            "recurrent.nn.checkpoint network_of_bytes", "recurrent.nn.network Network", "_codecs encode",
            "__builtin__ bytes", "builtins bytes",
        }  # fmt: skip
    names = [arg for op, arg, _ in pickletools.genops(data) if op.name == "SHORT_BINUNICODE"]
    assert names == ["recurrent.nn.checkpoint", "network_of_bytes", "recurrent.nn.network", "Network"]
    # the bytes are a file's
    assert b'{"__metadata__":{"crc64":' in data


def test_copies_share_nothing_and_keep_what_the_caller_adds():
    net = recurrent.LSTM(6, [5], 6, rng=1)
    net.optimizer, net.note = recurrent.Adam(0.01), ["a list"]
    y, _ = net.forward(TOKENS)
    net.backward(np.ones_like(y))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        # gradients too; a pass that waits for its backward is not
        assert np.array_equal(twin.flat.dw, net.flat.dw) and net.flat.dw.any()
        assert twin.note == net.note and twin.note is not net.note
        with pytest.raises(RuntimeError, match="backward has no forward pass"):
            twin.backward(np.ones_like(y))
        before = net.flat.w.copy()
        train(twin, 1)
        twin.metadata["a"] = "b"
        twin.dropout = 0
        assert np.array_equal(net.flat.w, before) and net.metadata == {}
    # an optimizer that is copied besides is the copy's
    twin, solver = copy.deepcopy((net, net.optimizer))
    assert twin.optimizer is solver
    solver, twin = copy.deepcopy((net.optimizer, net))
    assert twin.optimizer is solver


def test_joblib_and_scikit_learn(tmp_path):
    joblib = pytest.importorskip("joblib")
    base = pytest.importorskip("sklearn.base")
    net = recurrent.GRU(6, [5], 6, rng=1)
    net.optimizer = recurrent.Adam(0.01)
    train(net, 2)
    joblib.dump(net, tmp_path / "net")
    twins = [joblib.load(tmp_path / "net"), base.clone(net, safe=False)]
    losses = train(net, 3)
    assert all(train(twin, 3) == losses for twin in twins)


# ---- refusals


@pytest.fixture
def saved(tmp_path):
    net = recurrent.LSTM(6, [5], 6, rng=1)
    net.save(tmp_path / "net")
    return tmp_path / "net"


def test_files_of_another_kind_class_or_version(saved, tmp_path):
    recurrent.TextModel(hidden_sizes=[3], rng=1).build("abc").save(tmp_path / "text")
    for load, path, words in (
        (recurrent.TextModel.load, saved, "kind is wrong; expected text_model, got network, which Network.load reads"),
        (recurrent.LSTM.load, tmp_path / "text", "expected network, got text_model, which TextModel.load reads"),
        (recurrent.GRU.load, saved, "the class is wrong; expected GRU, got LSTM, of the cell lstm"),
        (recurrent.EchoStateNetwork.load, saved, "the class is wrong; expected EchoStateNetwork, got LSTM"),
        (recurrent.SentenceModel.load_recurrentjs, saved, "expected"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            load(path)
    for change, words in (
        ({"format_version": "3"}, r"format_version is not supported; expected 2, got 3, from a newer recurrent"),
        ({"kind": "forest"}, r"kind is unknown; expected text_model or network, got forest"),
        ({"format": "other"}, r"the file has the wrong format; expected a model of recurrent"),
        ({"model": "{}"}, r"is missing from the settings of the network"),
    ):  # fmt: skip
        recurrent.LSTM(6, [5], 6, rng=1).save(saved, overwrite=True)
        forged(saved, lambda m, change=change: m.update(change))
        for load in (recurrent.load, recurrent.Network.load):
            with pytest.raises(ValueError, match=rf"cannot load '{saved}': .*{words}"):
                load(saved)
    # a class in a forged file that its network cannot be of is not believed
    recurrent.EchoStateNetwork(2, 3, 1, rng=1).save(saved, overwrite=True)
    assert type(recurrent.load(saved)) is recurrent.EchoStateNetwork
    recurrent.LSTM(6, [5], 6, rng=1).save(saved, overwrite=True)
    forged(saved, lambda m: m.update({"metadata.python.class": "EchoStateNetwork"}))
    assert type(recurrent.load(saved)) is recurrent.LSTM


def test_files_that_are_no_model(tmp_path):
    path = tmp_path / "file"
    for data, words in (
        (b"", "truncated"), (b"some text of a novel", "not safetensors"), (b"PK\3\4 archive", "zip"),
        (pickle.dumps({"a": 1}), "pickle"), (b"\x93NUMPY\1\0\0\0", "NumPy"),
        (b'{"a": 1, "b": 2}', "a, b are unknown"),
    ):  # fmt: skip
        path.write_bytes(data)
        with pytest.raises(ValueError, match=words):
            recurrent.load(path)
    with pytest.raises(FileNotFoundError):
        recurrent.load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        recurrent.load(tmp_path)
    with pytest.raises(TypeError, match="path has the wrong type"):
        recurrent.load(3)


def test_damage(saved):
    good = saved.read_bytes()
    for at in (0, 7, 8, 30, *RNG.integers(0, len(good), 60), len(good) - 1):
        data = bytearray(good)
        data[at] ^= 1 << int(RNG.integers(8))
        saved.write_bytes(data)
        with pytest.raises(ValueError, match=r"cannot load '.*net'"):
            recurrent.Network.load(saved)
        with pytest.raises(ValueError, match=r"cannot load the bytes"):
            recurrent.nn.checkpoint.network_of_bytes(recurrent.LSTM, bytes(data), b"")
    for arguments in ((int, good, b""), (recurrent.LSTM, "text", b""), (recurrent.LSTM, good, 3)):
        with pytest.raises(TypeError, match="has the wrong type"):
            recurrent.nn.checkpoint.network_of_bytes(*arguments)
    with pytest.raises(ValueError, match="gradients has the wrong length"):
        recurrent.nn.checkpoint.network_of_bytes(recurrent.LSTM, good, b"123")


def test_refused_saves_leave_the_old_file(saved):
    before = saved.read_bytes()
    net, other = recurrent.LSTM.load(saved), recurrent.LSTM(6, [5], 6, rng=2)
    with pytest.raises(FileExistsError, match="was not written by this run"):
        other.save(saved)
    other.optimizer = net.optimizer = recurrent.Adam()
    train(other, 1)
    with pytest.raises(ValueError, match="Wix0 is another Mat than in earlier steps"):
        net.save(saved)
    net.optimizer = None
    for metadata, error, words in (
        ({"a": 1}, TypeError, r"metadata\['a'\] has the wrong type; expected a str, got int"),
        ({1: "a"}, TypeError, "a key of metadata has the wrong type; expected a str, got int"),
        ({"a": "\ud800"}, ValueError, "lone surrogate"),
        ({"python.class": "x"}, ValueError, "metadata has a key of the package"),
        ([("a", "b")], TypeError, "metadata has the wrong type; expected a dict of str, got list"),
    ):
        with pytest.raises(error, match=words):
            net.metadata = metadata
    assert net.metadata == {}
    net.metadata["a"] = 1
    for use in (lambda: net.save(saved), lambda: pickle.dumps(net), lambda: copy.copy(net)):
        with pytest.raises(TypeError, match=r"metadata\['a'\]"):
            use()
    net.metadata = {}
    for wrong in (recurrent.Adam, "adam", 3):
        with pytest.raises(TypeError, match="optimizer has the wrong type; expected an Optimizer or None"):
            net.optimizer = wrong
    with pytest.raises(TypeError, match="weights_only has the wrong type"):
        net.save(saved, weights_only=1)
    net.parameters["bd"].w[2] = np.nan
    words = r"bd is not finite; expected finite elements, got nan at \[2, 0\]"
    for use in (lambda: net.save(saved), lambda: pickle.dumps(net), lambda: copy.deepcopy(net)):
        with pytest.raises(FloatingPointError, match=words):
            use()
    assert saved.read_bytes() == before and [p.name for p in saved.parent.iterdir()] == ["net"]
    net.parameters["bd"].w[2] = 0
    net.save(saved)


def test_a_network_that_is_training_says_so():
    net = recurrent.LSTM(64, [256], 64, rng=1)
    x = np.zeros((400, 32), int)

    def step():
        for _ in range(1000):
            with contextlib.suppress(RuntimeError):
                return net.train_step(x, x, recurrent.SGD(0.1))
        return None

    thread, busy = threading.Thread(target=step), 0
    thread.start()
    while thread.is_alive():
        try:
            pickle.dumps(net)
        except RuntimeError as error:
            assert "object is in use by another thread" in str(error)
            busy += 1
    thread.join()
    assert busy and pickle.loads(pickle.dumps(net)).flat.w.tobytes() == net.flat.w.tobytes()


def test_a_network_of_a_text_model(tmp_path):
    tm = recurrent.TextModel("gru", [5, 4], dropout=0.3, rng=1).build("abcdef")
    tm.network.save(tmp_path / "net")
    net = recurrent.load(tmp_path / "net")
    assert type(net) is recurrent.GRU and net.dropout == 0.3
    assert net.forward(TOKENS)[0].tobytes() == tm.network.forward(TOKENS)[0].tobytes()
    twin = copy.deepcopy(tm.network)
    first, second = (each.forward(TOKENS, training=True)[0].tobytes() for each in (tm.network, twin))
    assert first == second
