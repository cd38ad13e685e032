"""Assignments: each takes effect, or is refused with what to do instead."""

import numpy as np
import pytest

import recurrent
from recurrent import recurrentjs
from recurrent._readonly import ReadOnly

NEW_NETWORK = {
    "cell": "gru", "input_size": 4, "hidden_sizes": [5],
    "output_size": 7, "embedding": 2, "tied": True, "forget_bias": 0.5,
}  # fmt: skip


def network(**settings):
    return recurrent.LSTM(3, [2], output_size=4, rng=1, **settings)


class Thing:
    size = ReadOnly["list[int]"]("a new Thing")

    def __init__(self, size):
        self.size = size


def test_the_first_value_stays():
    thing = Thing([1])
    # the same value once more is no change
    thing.size = [1]
    for value in ([2], (1,), None, np.array([1]), np.array([1, 2])):
        with pytest.raises(AttributeError, match=r"^size is read-only; expected a new Thing, got"):
            thing.size = value
    with pytest.raises(AttributeError, match=r"^size is read-only; expected a new Thing, got a deletion"):
        del thing.size
    assert thing.size == [1] and isinstance(Thing.size, ReadOnly)


@pytest.mark.parametrize("name", NEW_NETWORK)
def test_a_network(name):
    net = network()
    before = getattr(net, name)
    with pytest.raises(AttributeError, match=f"^{name} is read-only; expected a new network, got"):
        setattr(net, name, NEW_NETWORK[name])
    assert getattr(net, name) == before


def test_more_objects():
    model = recurrent.TextModel("gru", [2], rng=1)
    for _ in range(2):
        for name, value in {
            "cell": "lstm", "hidden_sizes": [3], "embedding": 2, "tied": True, "dropout": 0.5, "tokenizer": "bytes",
        }.items():  # fmt: skip
            with pytest.raises(AttributeError, match=f"^{name} is read-only; expected a new TextModel, got"):
                setattr(model, name, value)
        # and the same of a model with weights
        model.is_built or model.build("abc")
    sentences = recurrent.SentenceModel(["ab"], hidden_sizes=[2], rng=1)
    for name in ("cell", "hidden_sizes", "letter_size", "index_to_letter", "letter_to_index", "sentences"):
        with pytest.raises(
            AttributeError, match=f"^{name} is read-only; expected a new SentenceModel, got 9"
        ):
            setattr(sentences, name, 9)
    for thing, name in (
        (recurrent.RNN(3, [2]), "nonlinearity"),
        (recurrent.GRU(3, [2]), "reset_after"),
        (recurrent.Graph(), "needs_backprop"),
    ):
        with pytest.raises(AttributeError, match=f"^{name} is read-only; expected a new .*, got 'x'"):
            setattr(thing, name, "x")


def test_weights():
    net, array = network(), np.arange(8.0).reshape(4, 2)
    net.parameters["Whd"].w = array
    net.parameters["bd"].w[:] = 7
    assert np.array_equal(net.flat.w[-12:, 0], np.r_[array.T.ravel(), [7] * 4])
    before = net.flat.w.copy()
    with pytest.raises(ValueError, match=r"^w has the wrong shape; expected \(4, 2\), got \(4, 3\)"):
        net.parameters["Whd"].w = np.ones((4, 3))
    text = recurrent.TextModel("lstm", [2], rng=1).build("abcd")
    for owner in (net, text, net.parameters):
        with pytest.raises(
            AttributeError, match=r"^flat is read-only; expected an assignment to flat\.w, which copies"
        ):
            owner.flat = recurrent.Mat(1, 1)
    for owner in (net, text):
        with pytest.raises(
            AttributeError, match=r"^parameters is read-only; expected assignments to the \.w of its"
        ):
            owner.parameters = {}
    assert np.array_equal(net.flat.w, before)


def test_optimizers():
    adam = recurrent.Adam()
    adam.learning_rate = 0.5
    assert adam.settings["learning_rate"] == 0.5
    with pytest.raises(AttributeError, match=r"^betas is read-only; expected a new Adam, got \(0\.5, 0\.5\)"):
        adam.betas = (0.5, 0.5)
    with pytest.raises(
        AttributeError, match=r"^lr is not an attribute of Adam; expected learning_rate, got lr"
    ):
        adam.lr = 0.1
    solver = recurrentjs.Solver()
    with pytest.raises(AttributeError, match=r"^decay_rate is read-only; expected a new Solver, got 0\.5"):
        solver.decay_rate = 0.5
    assert solver.decay_rate == solver.settings["decay_rate"] == 0.999 and solver.smooth_eps == 1e-8
    net = network()
    adam.step(net.parameters)
    with pytest.raises(TypeError, match=r"^exp_avg\['bd'\] cannot be replaced; expected an assignment to"):
        adam.state["exp_avg"]["bd"] = recurrent.Mat(4, 1)
    with pytest.raises(TypeError):
        adam.state["exp_avg"] = {}
    adam.state["exp_avg"]["bd"].w = np.full((4, 1), 3)
    assert (adam.state["exp_avg"]["bd"].w == 3).all()


def test_deletions():
    net = recurrent.LSTM(2, [3], rng=0)
    with pytest.raises(AttributeError, match=r"^hidden_sizes is read-only; expected .*, got a deletion$"):
        del net.hidden_sizes
    assert net.hidden_sizes == (3,)
