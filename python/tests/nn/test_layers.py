"""RNN, LSTM and GRU: their settings."""

import numpy as np
import pytest

import recurrent


def test_cells_have_names():
    for net, cell in (
        (recurrent.RNN(3, [2]), "rnn_tanh"),
        (recurrent.RNN(3, [2], nonlinearity="relu"), "rnn_relu"),
        (recurrent.LSTM(3, [2]), "lstm"),
        (recurrent.GRU(3, [2]), "gru"),
        (recurrent.GRU(3, [2], reset_after=False), "gru_reset_before"),
    ):
        assert net.cell == net.parameters.cell == cell
        assert repr(net.parameters).startswith(f"<{cell} with ")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forget_bias(dtype):
    """It is all that it changes: the weights are drawn as without it."""
    plain, other = recurrent.LSTM(3, [2, 4], rng=1), recurrent.LSTM(3, [2, 4], rng=1, forget_bias=1.5)
    for name, mat in plain.parameters.items():
        if name.startswith("bf"):
            assert (mat.w == 1).all() and (other.parameters[name].w == 1.5).all()
        else:
            assert np.array_equal(mat.w, other.parameters[name].w)
    texts = [recurrent.TextModel(hidden_sizes=[3], rng=1, dtype=dtype, forget_bias=b) for b in (1.0, -2.0)]
    one, two = (tm.build("abc") for tm in texts)
    default = recurrent.TextModel(hidden_sizes=[3], rng=1, dtype=dtype).build("abc")
    assert np.array_equal(one.flat.w, default.flat.w) and (one.parameters["bf0"].w == 1).all()
    assert (two.parameters["bf0"].w == -2).all()
    # other cells have none
    recurrent.TextModel("gru", [3], rng=1, forget_bias=7).build("abc")
    with pytest.raises(TypeError, match="forget_bias"):
        recurrent.LSTM(3, [2], forget_bias="1")
