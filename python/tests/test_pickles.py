"""Copies and pickles of everything but networks, which have a test of their own."""

import copy
import pickle
import pickletools

import numpy as np
import pytest

import instances
import recurrent
from recurrent import Mat, Random, mat, program, random
from recurrent import recurrentjs as js
from recurrent.optim import optimizer
from recurrent.recurrentjs import sentence_model
from recurrent.text import model as text_model
from text_models import TEXT, chunk, lesson

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def ways(thing):
    """Every way to copy."""
    for protocol in PROTOCOLS:
        yield pickle.loads(pickle.dumps(thing, protocol))
    yield copy.copy(thing)
    yield copy.deepcopy(thing)


def globals_of(thing):
    """What a pickle names: functions of modules, and classes."""
    return {
        arg for op, arg, _ in pickletools.genops(pickle.dumps(thing, 2)) if op.name == "GLOBAL"
    } - {"_codecs encode", "__builtin__ bytes"}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mats(dtype):
    m = Mat.uniform(4, 3, -1, 1, dtype, rng=1)
    m.w[2, 1], m.w[0, 0] = np.nan, -np.inf
    for protocol in PROTOCOLS:
        twin = pickle.loads(pickle.dumps(m, protocol))
        assert type(twin) is Mat and twin.w.tobytes("F") == m.w.tobytes("F") and not twin.dw.any()
    m.dw[1, 2] = -0.0
    view = m.view(1, 1, 2, 2)
    assert np.signbit(pickle.loads(pickle.dumps(m)).dw[1, 2])
    assert pickle.loads(pickle.dumps(view)).w.tobytes("F") == view.w.tobytes("F")
    result = pickle.loads(pickle.dumps(m.view(0, 1, 2, 2).tanh()))
    assert result.w.tobytes("F") == m.view(0, 1, 2, 2).tanh().w.tobytes("F")
    assert globals_of(m) == {"recurrent.mat mat_of_bytes"}
    for arguments, error, words in (
        (("float32", 2, 1, b"123", b""), ValueError, "values has the wrong length; expected 8 bytes, got 3"),
        (
            ("float32", 1, 1, b"1234", b"1"),
            ValueError,
            "gradients has the wrong length; expected 4 bytes, got 1",
        ),
        (
            ("float32", 1, 1, "1234", b""),
            TypeError,
            "data has the wrong type; expected the bytes of a pickle, got str",
        ),
        (("float32", 0, 1, b"", b""), ValueError, "n is out of range|wrong shape|at least 1"),
        (("float16", 1, 1, b"12", b""), (TypeError, ValueError), "dtype"),
    ):
        with pytest.raises(error, match=words):
            mat.mat_of_bytes(*arguments)


def test_a_value_of_a_step_has_no_numbers():
    def step(x, h):
        with pytest.raises(RuntimeError, match="d of a step's value is the batch size"):
            pickle.dumps(x)
        return (x + h).tanh()

    recurrent.Program(step, 3, 3)


def test_generators():
    source = Random(9)
    source.words(7)
    for twin in ways(source):
        assert twin.state == source.state and twin is not source
    assert globals_of(source) == {"recurrent.random random_of_state", "recurrent.random Random"}
    with pytest.raises(TypeError, match="kind has the wrong type; expected a class of Random"):
        random.random_of_state(int, source.state)
    with pytest.raises(ValueError, match="state has the wrong elements"):
        random.random_of_state(Random, (1, 2))


class Kept(recurrent.Adam):
    """A class of the caller's own."""


@pytest.mark.parametrize("kind", [*recurrent.Optimizer._classes.values(), Kept])
def test_optimizers(kind):
    solver, net = kind(), recurrent.GRU(3, [4], rng=1)
    for twin in ways(solver):
        assert type(twin) is kind and repr(twin) == repr(solver)
    solver._note = "kept"
    for _ in range(3):
        net.flat.dw = np.ones((net.flat.n, 1))
        solver.step(net.parameters)
    for twin in ways(solver):
        other = recurrent.GRU(3, [4], rng=1)
        other.flat.w = net.flat.w
        assert twin._note == "kept"
        twice = []
        # its state belongs to no Mat before its first step
        for opt, network in ((copy.deepcopy(solver), copy.deepcopy(net)), (twin, other)):
            network.flat.dw = np.ones((net.flat.n, 1))
            opt.step(network.parameters)
            twice.append(network.flat.w.tobytes())
        assert twice[0] == twice[1]
    names = globals_of(kind())
    assert {name for name in names if not name.endswith(kind.__name__)} == {
        "recurrent.optim.optimizer optimizer_of_state"
    }


def test_optimizers_that_do_not_fit():
    settings = '{"name": "sgd", "momentum": 0.5}'
    for arguments, error, words in (
        ((int, settings, ()), TypeError, "kind has the wrong type"),
        ((recurrent.Adam, settings, ()), ValueError, "name of the settings is wrong; expected adam, got sgd"),
        ((recurrent.SGD, "[]", ()), ValueError, "an object"),
        (
            (recurrent.SGD, settings, (("w", 1, ()),)),
            ValueError,
            "state has the wrong length; expected 1 names with 1 Mats",
        ),
        ((recurrent.SGD, settings, (("w", 1, (3,)),)), TypeError, "a Mat of state"),
        ((recurrent.SGD, settings, (("w", -1, (Mat(1, 1),)),)), ValueError, "steps is out of range"),
    ):
        with pytest.raises(error, match=words):
            optimizer.optimizer_of_state(*arguments)


def test_programs():
    source = instances.program()
    for twin in ways(source):
        assert twin.json() == source.json() and twin.parameters == source.parameters
    with pytest.raises(TypeError, match="kind has the wrong type"):
        program.program_of_json(int, source.json())
    W = Mat(3, 3)
    with pytest.raises(ValueError, match=r"."):
        pickle.dumps(recurrent.Program(lambda x, h: (W @ x + h).tanh(), 3, 3))


def step(x, h, p):
    return (p.W @ x + h).tanh()


def parameters(I, H):  # noqa: E741
    return {"W": (H, I)}


def test_cells():
    x = np.ones((2, 1, 3))
    for cell in (
        recurrent.LSTMCell(peephole=True, zoneout=0.1), recurrent.GRUCell(), recurrent.RNNCell(leak=0.5),
        recurrent.Cell.of(step, parameters, name="mine"),
    ):  # fmt: skip
        expected = recurrent.Network(cell, 3, [4], rng=1).forward(x)[0]
        for twin in ways(cell):
            assert type(twin) is type(cell) and twin.name == cell.name
            assert np.array_equal(recurrent.Network(twin, 3, [4], rng=1).forward(x)[0], expected)
    local = recurrent.Cell.of(lambda x, h, p: step(x, h, p), parameters)
    assert copy.deepcopy(local).name == copy.copy(local).name == local.name
    with pytest.raises(
        TypeError, match="step of lambda is not pickled; expected a function that its module has"
    ):
        pickle.dumps(local)
    # its network is, with the steps that it recorded
    net = recurrent.Network(local, 3, [4], rng=1)
    assert np.array_equal(pickle.loads(pickle.dumps(net)).forward(x)[0], net.forward(x)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
def test_text_models(cell, dtype):
    """Training resumes to the same bits, dropout and the carried state included."""
    tm = lesson(cell, 4, dtype=dtype)
    tm.metadata, tm.note = "ours", [1]
    for twin in ways(tm):
        same = copy.deepcopy(tm)
        assert type(twin) is type(tm) and repr(twin) == repr(tm) and twin.vocabulary == tm.vocabulary
        assert (twin.metadata, twin.note, twin.step, twin.batch_size) == ("ours", [1], 4, tm.batch_size)
        for _ in range(3):
            assert twin.train_step(*chunk(twin)) == same.train_step(*chunk(same))
        assert twin.flat.w.tobytes() == same.flat.w.tobytes() != tm.flat.w.tobytes()
        assert twin.sample(9, rng=1) == same.sample(9, rng=1)
    assert globals_of(tm) == {"recurrent.text.model model_of_bytes", "recurrent.text.model TextModel"}


def test_text_models_before_their_vocabulary_and_with_a_run(tmp_path):
    new = recurrent.TextModel(recurrent.Cell.of(step, parameters), [5], dropout=0.25, rng=4)
    for twin in ways(new):
        assert not twin.is_built and twin.dropout == 0.25
        assert twin.build(TEXT).flat.w.tobytes() == copy.deepcopy(new).build(TEXT).flat.w.tobytes()
    tm = recurrent.TextModel(hidden_sizes=[5], rng=1)
    options = {"batch_size": 2, "seq_length": 4, "progress": False}
    tm.fit(TEXT, 6, checkpoint=tmp_path / "run", **options)
    for twin in ways(tm):
        assert twin.history.train == tm.history.train
        # a copy has no checkpoint: it leaves that of the original as it is
        before = (tmp_path / "run").read_bytes()
        twin.resume(TEXT, 4, progress=False)
        assert twin.step == 10 and (tmp_path / "run").read_bytes() == before
    tm.resume(TEXT, 4, progress=False)
    assert tm.flat.w.tobytes() == twin.flat.w.tobytes()


def test_models_that_do_not_fit():
    sm, tm = recurrent.SentenceModel(["ab"], rng=1), lesson()
    _, (_, data, _) = tm.__reduce__()[:2]
    with pytest.raises(ValueError, match="wrong tokenizer; expected sentences, got characters"):
        sentence_model.model_of_bytes(recurrent.SentenceModel, data, b"", None, ())
    with pytest.raises(TypeError, match="kind has the wrong type; expected a class of TextModel"):
        text_model.model_of_bytes(recurrent.SentenceModel, data, b"")
    with pytest.raises(TypeError, match="kind has the wrong type"):
        text_model.new_model(int, {}, None)
    for at in (8, 30, 1000, len(data) - 1):
        bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(ValueError, match="cannot load the bytes: "):
            text_model.model_of_bytes(recurrent.TextModel, bad, b"")
    assert sm.cell == "lstm"


def test_sentence_models():
    sm = recurrent.SentenceModel(["abc", "bcd"], hidden_sizes=[5], rng=1)
    for _ in range(3):
        sm.tick("abc")
    for twin in ways(sm):
        same = copy.deepcopy(sm)
        assert twin.sentences == sm.sentences and twin.tick("bcd") == same.tick("bcd")
        assert twin.predict() == same.predict()
        assert twin.step_cache["Whd"].w.tobytes() == same.step_cache["Whd"].w.tobytes()


def test_what_is_not_pickled():
    for thing in (recurrent.Graph(), js.init_rnn(1, [1], 1, rng=0), recurrent.LSTM(2, [2], rng=1).parameters):
        with pytest.raises(TypeError, match=r"not pickled|cannot pickle"):
            pickle.dumps(thing)
