"""Keras's weights: outputs equal to Keras's own, and the way back."""

import json
import zipfile

import numpy as np
import pytest

import recurrent
from support import PYTHON_FIXTURES, succeed

CASES = json.loads((PYTHON_FIXTURES / "keras.json").read_text())
KINDS = {
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "gru_reset_before": lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k),
    "rnn_tanh": recurrent.RNN,
    "rnn_relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}


def network(case, **settings):
    return KINDS[case["kind"]](
        6, [4, 3], case["outputs"] or None, case["embedding"] or None, bidirectional=case["directions"] == 2,
        batch_first=True, rng=0, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['kind']}-{c['embedding']}-{c['directions']}")
def test_equals_keras(case, dtype):
    net = network(case, dtype=dtype)
    weights = [np.array(array, np.float32) for array in case["weights"]]
    net.load_keras(weights)
    np.testing.assert_allclose(net.forward(np.array(case["x"]))[0], case["y"], rtol=1e-6, atol=1e-6)
    # the sum of two biases stands in the first
    back = net.to_keras()
    assert [array.shape for array in back] == [array.shape for array in weights]
    twin = network(case, dtype=dtype)
    twin.load_keras(back)
    assert np.array_equal(twin.flat.w, net.flat.w)
    if case["kind"] != "gru":
        for mine, given in zip(back, weights):
            np.testing.assert_array_equal(mine.astype(np.float32), given)


class Model:
    """What a model of Keras has of interest."""

    def __init__(self, arrays):
        self.get_weights = lambda: arrays


def test_models_and_layers_without_biases():
    net, twin = recurrent.LSTM(3, [4, 4], 2, rng=0), recurrent.LSTM(3, [4, 4], 2, rng=1)
    weights = net.to_keras()
    twin.load_keras(Model(weights))
    assert np.array_equal(net.flat.w, twin.flat.w)
    for without in ((2, 5), (7,), (2, 5, 7)):
        twin.load_keras([array for i, array in enumerate(weights) if i not in without])
        for name in twin.parameters:
            has = not ((name == "bd" and 7 in without) or (name[0] == "b" and name != "bd" and 2 in without))
            assert np.array_equal(twin.parameters[name].w, net.parameters[name].w * has)
    tied = recurrent.GRU(5, [4], tied=True, rng=0)
    tied.load_keras(tied.to_keras())
    with pytest.raises(
        ValueError, match=r"weights\[4\] has the wrong values; expected those of the embedding"
    ):
        tied.load_keras([*tied.to_keras()[:4], np.ones((4, 5)), np.ones(5)])


def changed(i, array):
    weights = recurrent.GRU(3, [4], 2, rng=0).to_keras()
    return [*weights[:i], array, *weights[i + 1 :]]


@pytest.mark.parametrize(
    "weights, error, words",
    [
        (changed(2, np.ones(12)), ValueError, r"weights\[2\] has the wrong shape; expected \(2, 12\), got \(12,\)"),
        (changed(0, np.ones((3, 16))), ValueError, r"weights\[0\] has the wrong shape; expected \(3, 12\), got"),
        (changed(1, np.full((4, 12), np.nan)), ValueError, r"weights\[1\] is not finite; .* got nan at \[0, 0\]"),
        (changed(4, np.full(2, 1e39)), ValueError, r"weights\[4\] is out of range; .*float32, got 1e\+39"),
        (changed(3, np.ones((4, 2), complex)), TypeError, r"weights\[3\] has the wrong type; .*complex128"),
        (changed(0, None)[1:], ValueError, "weights has the wrong length; expected 5 arrays of the shapes .* got 4: "),
        (5, TypeError, "weights has the wrong type; expected a list of arrays, a file or a model of Keras, got int"),
        ([], ValueError, "got 0: none"),
    ],
)  # fmt: skip
def test_load_keras_refuses_and_changes_nothing(weights, error, words):
    net = recurrent.GRU(3, [4], 2, rng=1)
    before = net.flat.w.copy()
    with pytest.raises(error, match=words):
        net.load_keras(weights)
    assert np.array_equal(net.flat.w, before)


def test_networks_that_keras_has_not():
    for net, words in (
        (recurrent.Network("mgu", 3, [4], rng=0), "wrong cell; expected one that Keras has, got mgu"),
        (
            recurrent.GRU(3, [4], learned_initial_state=True, rng=0),
            "wrong options; .* got learned_initial_state",
        ),
    ):
        for call in (net.to_keras, lambda net=net: net.load_keras([])):
            with pytest.raises(ValueError, match=words):
                call()


def test_files(tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed: `pip install h5py`")
    figures = json.loads((PYTHON_FIXTURES / "keras_file.json").read_text())
    for name in ("keras.keras", "keras.weights.h5"):
        net = recurrent.GRU(6, [4, 3], 6, 3, bidirectional=True, batch_first=True, rng=0)
        net.load_keras(str(PYTHON_FIXTURES / name))
        np.testing.assert_allclose(net.forward(np.array(figures["x"]))[0], figures["y"], rtol=1e-6, atol=1e-6)
    with pytest.raises(OSError, match="cannot read"):
        net.load_keras(tmp_path / "absent.weights.h5")
    (tmp_path / "text.h5").write_text("no file")
    with pytest.raises(
        ValueError, match=r"weights is not a file of Keras; expected \.weights\.h5 or \.keras, got"
    ):
        net.load_keras(tmp_path / "text.h5")


def keras_file(path, change):
    """Writes a copy of the file with another configuration."""
    with zipfile.ZipFile(PYTHON_FIXTURES / "keras.keras") as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config["config"]["layers"])
                data = json.dumps(config).encode()
            target.writestr(name, data)
    return path


def setting(name, value, inner=True):
    def change(layers):
        config = layers[2]["config"]
        (config["layer"]["config"] if inner else config)[name] = value

    return change


def test_networks_of_model_files(tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed: `pip install h5py`")
    figures = json.loads((PYTHON_FIXTURES / "keras_file.json").read_text())
    net = recurrent.from_keras(PYTHON_FIXTURES / "keras.keras")
    assert isinstance(net, recurrent.GRU) and net.bidirectional and net.batch_first and net.embedding == 3
    np.testing.assert_allclose(net.forward(np.array(figures["x"]))[0], figures["y"], rtol=1e-6, atol=1e-6)

    def softmax(layers):
        layers[-1]["config"]["activation"] = "softmax"

    path = keras_file(tmp_path / "softmax.keras", softmax)
    with pytest.raises(ValueError, match="has the wrong activation; expected 'linear', got 'softmax'"):
        recurrent.from_keras(path)
    assert np.array_equal(recurrent.from_keras(path, strict=False).flat.w, net.flat.w)


@pytest.mark.parametrize(
    "change, words",
    [
        (
            setting("recurrent_activation", "hard_sigmoid"),
            "wrong recurrent_activation; expected 'sigmoid', got 'hard_sigmoid'",
        ),
        (setting("activation", "relu"), "has the wrong activation; expected 'tanh', got 'relu'"),
        (setting("go_backwards", True), "has the wrong go_backwards; expected False, got True"),
        (setting("return_sequences", False), "has the wrong return_sequences; expected True, got False"),
        (setting("merge_mode", "sum", inner=False), "has the wrong merge_mode; expected 'concat', got 'sum'"),
        (
            setting("reset_after", False),
            "is of another kind; expected gru_reset_before of 2 directions, got gru of 2",
        ),
        (
            lambda layers: layers.insert(2, {"class_name": "Conv1D", "config": {"name": "conv"}}),
            "layer 'conv' has no place in a network; .* got Conv1D",
        ),
        (
            lambda layers: layers[1]["config"].update(mask_zero=True),
            "wrong mask_zero; expected False, got True",
        ),
        (
            lambda layers: layers[2].pop("class_name"),
            "not a model of Keras; expected layers, got .* 'class_name'",
        ),
        (lambda layers: layers.clear(), "the model has no recurrent layer; expected"),
    ],
)
def test_models_without_a_place_are_refused_by_name(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        recurrent.from_keras(keras_file(tmp_path / "model.keras", change))


def test_other_files(tmp_path):
    with pytest.raises(OSError, match="cannot read"):
        recurrent.from_keras(tmp_path / "absent.keras")
    (tmp_path / "text.keras").write_text("no file")
    with pytest.raises(ValueError, match=r"path is not a file of Keras; expected \.keras, got"):
        recurrent.from_keras(tmp_path / "text.keras")


MISSING = """
import sys
sys.modules["h5py"] = None
import recurrent
for call in (lambda: recurrent.GRU(6, [4], rng=1).load_keras(sys.argv[1]), lambda: recurrent.from_keras(sys.argv[1])):
    try:
        call()
    except ImportError as error:
        print(error)
"""


def test_without_the_package():
    lines = succeed(MISSING, str(PYTHON_FIXTURES / "keras.keras")).splitlines()
    assert lines == ["a file of Keras needs the package h5py; install it with `pip install h5py`"] * 2
