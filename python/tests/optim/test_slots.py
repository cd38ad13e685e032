"""The state of an optimizer as arrays: whole, or refused whole."""

import copy
import json
import pickle

import numpy as np
import pytest

import recurrent
from support import DTYPES

KINDS = {
    "sgd": lambda: recurrent.SGD(0.05),
    "nesterov": lambda: recurrent.SGD(0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda: recurrent.Adagrad(0.05, initial_accumulator_value=0.1),
    "rmsprop": lambda: recurrent.RMSProp(0.01, momentum=0.5, centered=True, clipping="tensor_norm"),
    "adam": lambda: recurrent.Adam(0.01, amsgrad=True, clipping="global_norm"),
    "adamw": lambda: recurrent.AdamW(0.01),
    "recurrentjs": recurrent.recurrentjs.Solver,
}


def network(dtype="float32", seed=1):
    return recurrent.LSTM(3, [5, 4], 2, dtype=dtype, rng=seed)


def step(solver, net, seed, by_names=False):
    net.flat.dw = np.random.default_rng(seed).normal(size=(net.flat.n, 1))
    limit = {"clipval" if isinstance(solver, recurrent.recurrentjs.Solver) else "clip": 1.0}
    return solver.step(dict(net.parameters) if by_names else net.parameters, **limit)


@pytest.mark.parametrize("by_names", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_optimizer_continues_from_arrays(kind, dtype, by_names):
    net, solver = network(dtype), KINDS[kind]()
    for k in range(3):
        step(solver, net, k, by_names)
    solver.learning_rate *= 0.5
    saved = solver.state_dict()
    assert list(saved) == ["settings", "state"] and list(saved["state"]) == list(net.parameters)
    assert list(saved["state"]["bd"]) == ["step", *solver.state] and saved["state"]["bd"]["step"] == 3
    # arrays are copies, and survive NumPy's files and pickle
    packed = pickle.loads(pickle.dumps(saved))
    other, twin = network(dtype, seed=9), KINDS[kind]()
    other.flat.w = net.flat.w
    twin.load_state_dict(packed)
    assert twin.settings == solver.settings and twin.state_dict()["settings"] == saved["settings"]
    for k in range(3, 6):
        assert step(solver, net, k, by_names)[1:3] == step(twin, other, k, by_names)[1:3]
    assert other.flat.w.tobytes() == net.flat.w.tobytes()
    assert saved["state"]["bd"]["step"] == 3 and twin.state_dict()["state"]["bd"]["step"] == 6
    if by_names is False:
        with pytest.raises(ValueError, match="Wix0 is another Mat than in earlier steps"):
            step(twin, net, 7)


def test_refused_whole():
    net, solver = network(), recurrent.Adam(0.01)
    step(solver, net, 1)
    good = solver.state_dict()
    before = pickle.dumps(solver)

    def refuse(error, words, change):
        saved = copy.deepcopy(good)
        saved["settings"]["learning_rate"] = 0.5
        change(saved)
        with pytest.raises(error, match=words):
            solver.load_state_dict(saved)
        assert pickle.dumps(solver) == before

    for error, words, change in (
        (ValueError, "state_dict has no state; expected settings, state", lambda s: s.pop("state")),
        (ValueError, "state_dict has an unknown key; expected settings, state, got 'more'", lambda s: s.update(more=1)),
        (ValueError, "settings has no eps", lambda s: s["settings"].pop("eps")),
        (ValueError, "settings has an unknown key", lambda s: s["settings"].update(momentum=1.0)),
        (ValueError, "eps of the settings is wrong; expected 1e-08, .*", lambda s: s["settings"].update(eps=0.5)),
        (ValueError, "name of the settings is wrong", lambda s: s["settings"].update(name="adamw")),
        (ValueError, "betas of the settings is wrong", lambda s: s["settings"].update(betas=(0.5, 0.5))),
        (ValueError, "learning_rate is out of range", lambda s: s["settings"].update(learning_rate=-1.0)),
        (TypeError, "state has the wrong type; expected a dict", lambda s: s.update(state=[])),
        (TypeError, r"state\['bd'\] has the wrong type", lambda s: s["state"].update(bd=3)),
        (ValueError, r"state\['bd'\] has no exp_avg_sq", lambda s: s["state"]["bd"].pop("exp_avg_sq")),
        (ValueError, r"state\['bd'\] has an unknown key", lambda s: s["state"]["bd"].update(sum=np.zeros((2, 1)))),
        (ValueError, "step of bd is out of range", lambda s: s["state"]["bd"].update(step=-1)),
        (TypeError, "step of bd has the wrong type", lambda s: s["state"]["bd"].update(step=1.5)),
        (ValueError, "exp_avg_sq of bd has the wrong shape; expected 2 x 1, that of exp_avg, got 3 x 1",
         lambda s: s["state"]["bd"].update(exp_avg_sq=np.zeros((3, 1), np.float32))),
        (TypeError, "exp_avg_sq of bd has the wrong type; expected float32",
         lambda s: s["state"]["bd"].update(exp_avg_sq=np.zeros((2, 1)))),
        (TypeError, "exp_avg of bd", lambda s: s["state"]["bd"].update(exp_avg="text")),
        (FloatingPointError, r"exp_avg of bd is not finite; .* got nan at \[1, 0\]",
         lambda s: s["state"]["bd"].update(exp_avg=np.float32([[0], [np.nan]]))),
        (ValueError, r"exp_avg_sq of bd is negative",
         lambda s: s["state"]["bd"].update(exp_avg_sq=np.float32([[0], [-1]]))),
    ):  # fmt: skip
        refuse(error, words, change)
    with pytest.raises(TypeError, match="state_dict has the wrong type; expected a dict, got list"):
        solver.load_state_dict([])
    # a network of other shapes: the step is refused, and says so
    solver.load_state_dict(good)
    wider = recurrent.LSTM(4, [5, 4], 2, rng=1)
    with pytest.raises(
        ValueError, match="Wix0 has the wrong shape for its optimizer state; expected 5 x 3, got 5 x 4"
    ):
        step(solver, wider, 1)
    assert pickle.dumps(solver) == before
    with pytest.raises(TypeError, match="Wix0 has the wrong type for its optimizer state"):
        step(solver, network("float64"), 1)
    assert pickle.dumps(solver) == before
    step(solver, net, 2)


def test_settings_as_json_and_lists():
    """What went through JSON loads again: tuples are lists, floats may be ints."""
    net, solver = network(), recurrent.SGD(1.0, momentum=0.5)
    step(solver, net, 1)
    saved = solver.state_dict()
    saved["settings"] = json.loads(json.dumps(saved["settings"]))
    saved["settings"]["learning_rate"] = 2
    twin = recurrent.SGD(0.1, momentum=0.5)
    twin.load_state_dict(saved)
    assert twin.learning_rate == 2.0
    adam = recurrent.Adam(0.1)
    adam.load_state_dict(json.loads(json.dumps(recurrent.Adam(0.2).state_dict())))
    assert adam.learning_rate == 0.2 and adam.state_dict()["state"] == {}
    # lists are numbers of float32
    one, other = recurrent.Adam(), recurrent.Adam()
    one.load_state_dict(
        {"settings": one.settings, "state": {"a": {"step": 2, "exp_avg": [[1]], "exp_avg_sq": [[4]]}}}
    )
    assert (
        one.state["exp_avg"]["a"].w.tolist() == [[1.0]] and one.state["exp_avg_sq"]["a"].dtype == np.float32
    )
    assert list(other.state["exp_avg"]) == []
