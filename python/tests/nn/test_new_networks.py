"""The weights of new networks: ``init`` and the forget bias, in every kind of network."""

import copy
import json
import pickle

import numpy as np
import pytest

import recurrent
from recurrent import _c
from recurrent.parameters import CELLS

NAMES = ("uniform", "glorot", "orthogonal", "identity")
LAYERS = {"lstm": recurrent.LSTM, "gru": recurrent.GRU, "rnn_tanh": recurrent.RNN}


def expected(name, shape, init, random):
    """The values of one parameter that is drawn: next in the order of creation."""
    n, d = shape
    bound = init if isinstance(init, float) else 0.08
    if name == "Wil" or init == "uniform" or isinstance(init, float):
        return random.uniform(-bound, bound, count=n * d).reshape(d, n).T
    if "h" in name[2:] and name != "Whd" and not name.startswith("Wxh") and init != "glorot":
        if init == "identity":
            return np.eye(n, d)
        Q, R = np.linalg.qr(random.gaussian(count=n * d).reshape(n, d).T)
        return Q * np.sign(np.diag(R))
    bound = np.sqrt(6 / (n + d))
    return random.uniform(-bound, bound, count=n * d).reshape(d, n).T


@pytest.mark.parametrize("init", [*NAMES, 0.3, 0.0])
@pytest.mark.parametrize("cell", LAYERS)
def test_each_matrix_has_its_draws(cell, init):
    """In creation order, gate by gate; square recurrent matrices, so that NumPy's Q is the library's."""
    net = LAYERS[cell](7, [5, 4], 7, embedding=3, dtype="float64", rng=9, init=init)
    random = recurrent.Random(9)
    for name, mat in net.parameters.items():
        if name[0] == "b":
            assert (mat.w == (1.0 if name[:2] == "bf" else 0.0)).all(), name
        else:
            np.testing.assert_allclose(
                mat.w, expected(name, mat.shape, init, random), rtol=1e-9, atol=1e-11, err_msg=name
            )


def test_every_kind_of_network_draws_the_same():
    """One seed, one implementation: Python's classes, the C settings and a TextModel."""
    for init in (*NAMES, 0.25):
        net = recurrent.LSTM(6, [4, 3], 6, embedding=2, rng=3, init=init)
        twin = recurrent.Network("lstm", 6, [4, 3], 6, embedding=2, rng=3, init=init)
        words = json.dumps(
            {
                "cell": "lstm",
                "input_size": 6,
                "hidden_sizes": [4, 3],
                "output_size": 6,
                "embedding": 2,
                "init": init,
            }
        ).encode()
        random, out = recurrent.Random(3), _c.NetworkHandle()
        _c.lib.recurrent_network_create(words, len(words), random._handle.value, out)
        flat = _c.MatHandle()
        _c.lib.recurrent_network_flat(out.value, flat)
        native = recurrent.Mat._from_handle(flat)
        model = recurrent.TextModel("lstm", [4, 3], embedding=2, rng=3, init=init).build("abcdef")
        for other in (twin.flat.w, native.w, model.flat.w):
            assert (net.flat.w == other).all(), init
        _c.lib.recurrent_network_free(out.value)


def test_tables_keep_their_range():
    for tied in (False, True):
        net = recurrent.GRU(50, [8], 50, embedding=8, tied=tied, rng=1, init="glorot")
        table = net.parameters["Wil"].w
        assert 0.07 < np.abs(table).max() <= 0.08


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.startswith("lstm")])
def test_forget_biases_are_1_in_every_kind_of_network(cell):
    name, value = ("bi0", -1.0) if cell == "lstm_coupled" else ("bf0", 1.0)
    own = recurrent.LSTMCell(coupled=True) if cell == "lstm_coupled" else recurrent.LSTMCell(peephole=True)
    nets = [
        recurrent.Network(cell, 3, [2], rng=1),
        recurrent.TextModel(cell, [2], rng=1).build("abc").network,
        recurrent.Network(own, 3, [2], rng=1) if cell != "lstm" else recurrent.LSTM(3, [2], rng=1),
    ]
    for net in nets:
        assert net.forget_bias == 1
        for key, mat in net.parameters.items():
            if key[0] == "b":
                assert (mat.w == (value if key == name else 0)).all(), key
    assert (recurrent.Network(cell, 3, [2], rng=1, forget_bias=0.5).parameters[name].w == value / 2).all()
    # RecurrentJS's has none
    sentences = recurrent.SentenceModel(["abc"], rng=1)
    assert (sentences.parameters["bf0"].w == 0).all()


def halves(name, shape):
    return np.full(shape, 0.5 if name[0] == "W" else -0.5)


def test_a_function_gives_every_parameter():
    seen = []

    def init(name, shape):
        seen.append((name, shape))
        return np.arange(shape[0] * shape[1], dtype=float).reshape(shape) + len(seen)

    net = recurrent.LSTM(3, [2], 4, rng=1, init=init, learned_initial_state=True)
    assert seen == [(name, mat.shape) for name, mat in net.parameters.items()]
    for i, (name, shape) in enumerate(seen):
        assert (net.parameters[name].w == np.arange(shape[0] * shape[1]).reshape(shape) + i + 1).all()
    # the generator is where the default leaves it: dropout's masks do not depend on init
    assert net._random.state == recurrent.LSTM(3, [2], 4, rng=1)._random.state
    model = recurrent.TextModel("gru", [2], rng=1, init=halves).build("abc")
    assert set(np.unique(model.flat.w)) == {0.5, -0.5}


def test_copies_of_models_that_are_not_built():
    for init in ("orthogonal", 0.5, halves):
        model = recurrent.TextModel("gru", [2], rng=1, init=init)
        twins = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
        for twin in [model.build("abc"), *(twin.build("abc") for twin in twins)]:
            assert (twin.flat.w == model.flat.w).all()


@pytest.mark.parametrize(
    "init, error, words",
    [
        (
            "normal",
            ValueError,
            "init is unknown; expected one of 'uniform', 'orthogonal', 'glorot', 'identity'",
        ),
        (-0.5, ValueError, "init is out of range; expected at least 0, got -0.5"),
        (np.nan, ValueError, "init is out of range; expected a finite number"),
        (1e39, ValueError, "init is out of range; expected a number of float32"),
        (True, TypeError, "init has the wrong type; expected a name, a number or a function, got bool"),
        (None, TypeError, "init has the wrong type; .* got NoneType"),
        (np.ones(2), TypeError, "init has the wrong type; .* got ndarray"),
        (lambda name, shape: None, TypeError, r"init\('Wxh0'\) has the wrong type; expected real numbers"),
        (lambda name, shape: "abc", TypeError, r"init\('Wxh0'\) has the wrong type; expected real numbers"),
        (
            lambda name, shape: 0.5,
            ValueError,
            r"init\('Wxh0'\) has the wrong shape; expected \(2, 3\), got \(\)",
        ),
        (
            lambda name, shape: np.ones(shape[::-1]),
            ValueError,
            r"init\('Wxh0'\) has the wrong shape; expected \(2, 3\), got \(3, 2\)",
        ),
        (
            lambda name, shape: np.full(shape, np.nan if name == "bhh0" else 1.0),
            ValueError,
            r"init\('bhh0'\) is not finite; expected finite numbers",
        ),
        (lambda name, shape: np.full(shape, 1e300), ValueError, r"init\('Wxh0'\)"),
        (lambda name, shape: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_refused(init, error, words):
    random = recurrent.Random(1)
    before = random.state
    for create in (
        lambda: recurrent.RNN(3, [2], rng=random, init=init),
        lambda: recurrent.Network("rnn_tanh", 3, [2], rng=random, init=init),
        lambda: recurrent.TextModel("rnn_tanh", [2], rng=random, init=init).build("abc"),
    ):
        with pytest.raises(error, match=words):
            create()
        assert random.state == before


def test_a_model_whose_init_failed_is_not_built():
    fails = [True]

    def init(name, shape):
        if fails:
            raise KeyError(name)
        return np.ones(shape)

    model = recurrent.TextModel("gru", [2], rng=1, init=init)
    with pytest.raises(KeyError):
        model.build("abc")
    assert not model.is_built
    fails.clear()
    assert (model.build("abd").flat.w == 1).all()


def test_no_recurrent_matrices():
    own = recurrent.Cell.of(
        lambda x, h, p: (p.W @ x + p.U @ h).tanh(), lambda rows, H: {"W": (H, rows), "U": (H, H)}
    )
    for cell in ("min_gru", "ind_rnn", own):
        with pytest.raises(ValueError, match="has no recurrent matrices; expected names such as Wh0"):
            recurrent.Network(cell, 3, [2], rng=1, init="orthogonal")
    W = recurrent.Network(own, 3, [2], rng=1, init="glorot").parameters["U0"].w
    assert np.abs(W).max() > 0.08


def test_files_hold_the_weights(tmp_path):
    net = recurrent.GRU(3, [4], 2, rng=1, init="orthogonal")
    net.save(tmp_path / "net")
    words = json.loads(_c.written(_c.lib.recurrent_network_describe, net._handle.value))
    assert "init" not in words and (recurrent.load(tmp_path / "net").flat.w == net.flat.w).all()
