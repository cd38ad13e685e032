"""Parameters: the names and Mats of a network as a mapping, and the buffer behind them."""

import copy
import pickle

import numpy as np
import pytest

import recurrent
from support import DTYPES

NAMES = {
    "lstm": [f"{kind}{gate}{way}0" for gate in "ifoc" for kind, way in (("W", "x"), ("W", "h"), ("b", ""))],
    "rnn_tanh": ["Wxh0", "Whh0", "bhh0"],
}
MAKE = {"lstm": recurrent.LSTM, "rnn_tanh": recurrent.RNN}
cells = pytest.mark.parametrize("cell", MAKE)


@cells
def test_names_in_creation_order(cell):
    parameters = MAKE[cell](3, [2], output_size=4, rng=1).parameters
    assert list(parameters) == [*NAMES[cell], "Whd", "bd"] and len(parameters) == len(list(parameters))
    assert "Whd" in parameters and "Wxx" not in parameters
    with pytest.raises(KeyError, match="Wxx"):
        parameters["Wxx"]


@cells
def test_a_replaced_parameter_is_refused_with_the_remedy(cell):
    net = MAKE[cell](3, [2], output_size=4, rng=1)
    before = net.flat.w.copy()
    for value, kind in ((recurrent.Mat(4, 2), "Mat"), (np.ones((4, 2)), "ndarray")):
        with pytest.raises(
            TypeError,
            match=rf"^parameters\['Whd'\] cannot be replaced; expected an assignment to parameters\['Whd'\]\.w, "
            rf"which copies, got a new {kind}$",
        ):
            net.parameters["Whd"] = value
    with pytest.raises(TypeError, match=r"^parameters\['bd'\] cannot be deleted"):
        del net.parameters["bd"]
    assert np.array_equal(net.flat.w, before)
    # the remedy acts on the network
    net.parameters["Whd"].w = np.zeros((4, 2))
    net.parameters["bd"].w = [1, 2, 3, 4]
    assert net.forward(np.ones((1, 1, 3)))[0].ravel().tolist() == [1, 2, 3, 4]


@cells
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_are_views_of_one_buffer(cell, dtype):
    net = MAKE[cell](3, [2], output_size=4, dtype=dtype, rng=1)
    for mat in net.parameters.values():
        assert np.shares_memory(mat.w, net.parameters.flat.w)
        assert np.shares_memory(mat.dw, net.parameters.flat.dw)
    net.parameters.flat.w[:] = 0
    assert not any(mat.w.any() for mat in net.parameters.values())
    x = np.ones((1, 1, 3), dtype)
    assert not net.forward(x)[0].any()
    net.parameters["bd"].w[:, 0] = [1, 2, 3, 4]
    assert net.forward(x)[0].ravel().tolist() == [1, 2, 3, 4]


def test_copies_are_shared_or_deep_and_never_in_doubt():
    parameters = recurrent.RNN(3, [2], rng=1).parameters
    shared, deep = dict(parameters), copy.deepcopy(parameters)
    assert list(shared) == list(deep) == list(parameters)
    before = parameters["bhh0"].w.copy()
    parameters["bhh0"].w[:] = 7
    assert (shared["bhh0"].w == 7).all() and (deep["bhh0"].w == before).all()
    with pytest.raises(TypeError, match="dict"):
        copy.copy(parameters)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(parameters)


def test_repr():
    assert repr(recurrent.RNN(3, [2], rng=1).parameters) == "<rnn_tanh with 12 parameters: Wxh0 Whh0 bhh0>"
