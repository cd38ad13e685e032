"""Parameter groups beside torch.optim's; patterns, state, networks and refusals."""

import copy
import json
import pickle

import numpy as np
import pytest

import recurrent
from recurrent import SGD, Adagrad, Adam, AdamW, Mat, RMSProp
from recurrent.recurrentjs import Solver
from support import DTYPES, PYTHON_FIXTURES, bits, relative_error

TORCH = json.loads((PYTHON_FIXTURES / "torch_groups.json").read_text())
CLASSES = {"sgd": SGD, "adagrad": Adagrad, "rmsprop": RMSProp, "adam": Adam, "adamw": AdamW}
NAMES = {"lr": "learning_rate", "lr_decay": "learning_rate_decay"}
GROUPS = {
    "b*": {"learning_rate": 2.0, "weight_decay": 0.0},
    "W?h*": {"learning_rate": 0.5},
    "Whd": {"learning_rate": 0},
}
EVERY = [
    SGD(0.1, 0.9, 0.0, 0.1, groups=GROUPS), Adagrad(0.1, weight_decay=0.1, groups=GROUPS),
    RMSProp(0.01, weight_decay=0.1, groups=GROUPS), Adam(0.01, weight_decay=0.1, groups=GROUPS),
    AdamW(0.01, weight_decay=0.1, groups=GROUPS), AdamW(0.01, clipping="tensor_norm", groups=GROUPS),
    Solver(0.9, groups=GROUPS),
]  # fmt: skip


@pytest.mark.parametrize("case", TORCH["cases"], ids=lambda case: f"{case['rule']} {case['clip']}")
def test_against_torch(case):
    settings = {NAMES.get(name, name): value for name, value in case["settings"].items()}
    if case["rule"] == "rmsprop":
        settings["bias_correction"] = False
    groups = {
        name: {"learning_rate": rate, "weight_decay": decay}
        for name, (rate, decay) in TORCH["factors"].items()
    }
    optimizer = CLASSES[case["rule"]](**settings, clipping="global_norm", groups=groups)
    model = {name: Mat.from_array(np.array(w)) for name, w in zip(groups, case["weights"][0])}
    noted = dict(zip(TORCH["noted"], case["weights"]))
    for step, forces in enumerate(TORCH["forces"], 1):
        for mat, force in zip(model.values(), forces):
            mat.dw = mat.w + np.array(force)
        optimizer.step(model, settings["learning_rate"] / step, clip=case["clip"])
        for name, mat in model.items():
            expected = np.array(noted.get(step, [mat.w] * 3)[list(groups).index(name)])
            if groups[name]["learning_rate"] == 0:
                assert (mat.w == noted[0][2]).all()
            assert relative_error(mat.w, expected) <= 1e-12, (name, step)


def network(dtype="float64"):
    return recurrent.LSTM(3, [4, 2], 3, dtype=dtype, rng=1)


def pushed(net, step):
    """The network with the gradient of a step."""
    net.flat.dw = np.random.default_rng(step).normal(size=(net.flat.n, 1))
    return net


def twin(optimizer):
    return copy.deepcopy(optimizer)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", EVERY, ids=repr)
def test_each_parameter_has_the_step_of_its_own_optimizer(optimizer, dtype):
    """As with an optimizer for each group whose settings are the products, in one pass and Mat by Mat."""
    settings = {k: v for k, v in optimizer.settings.items() if k not in ("name", "groups")}
    if isinstance(optimizer, Solver):
        settings = {"decay_rate": 0.9}
    factors = {"b": (2.0, 0.0), "h": (0.5, 1.0), "Whd": (0.0, 1.0), "": (1.0, 1.0)}

    def group_of(name):
        return "Whd" if name == "Whd" else "b" if name[0] == "b" else "h" if name[2] == "h" else ""

    nets, expected = [network(dtype), network(dtype)], network(dtype)
    owns = [twin(optimizer), twin(optimizer)]
    parts = {}
    for key, (_, decay) in factors.items():
        own = dict(settings)
        if "weight_decay" in own:
            own["weight_decay"] *= decay
        parts[key] = type(optimizer)(**own)
    for step in range(4):
        owns[0].step(pushed(nets[0], step).parameters, 0.1, 0.01)
        owns[1].step(dict(pushed(nets[1], step).parameters), 0.1, 0.01)
        pushed(expected, step)
        for key, (rate, decay) in factors.items():
            named = {name: mat for name, mat in expected.parameters.items() if group_of(name) == key}
            parts[key].step(named, 0.1 * rate, 0.01 * decay if rate else 0.0)
    for net in nets:
        assert bits(net.parameters) == bits(expected.parameters)
        assert (net.parameters["Whd"].w == network(dtype).parameters["Whd"].w).all()


@pytest.mark.parametrize("optimizer", EVERY, ids=repr)
def test_state_comes_back(optimizer):
    net = network()
    own = twin(optimizer)
    own.step(pushed(net, 0).parameters)
    again = eval(repr(own), {**vars(recurrent), "Solver": Solver})
    assert again.settings["groups"] == own.settings["groups"]
    again.load_state_dict(own.state_dict())
    for other in (again, pickle.loads(pickle.dumps(own)), copy.deepcopy(own)):
        one, two = network(), network()
        for target in (one, two):
            target.flat.w = net.flat.w
        mine = pickle.loads(pickle.dumps(own))
        for step in (1, 2):
            mine.step(pushed(one, step).parameters)
            other.step(pushed(two, step).parameters)
        assert bits(one.parameters) == bits(two.parameters)
    without = type(own)(
        **({"decay_rate": 0.9} if isinstance(own, Solver) else {"clipping": own.settings["clipping"]})
    )
    assert "groups" not in without.settings
    with pytest.raises(ValueError, match="groups"):
        without.load_state_dict(own.state_dict())
    changed = {**own.settings, "groups": {"b*": {"learning_rate": 3.0}}}
    with pytest.raises(
        ValueError, match=r"groups of the settings is wrong; expected .*that of the optimizer"
    ):
        own.load_state_dict({"settings": changed, "state": own.state_dict()["state"]})


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("b*", {"bi0", "bf0", "bo0", "bc0", "bd"}), ("Wix0", {"Wix0"}), ("W?h?", {"Wih0", "Wfh0", "Woh0", "Wch0"}),
        ("*0", {f"{a}{b}0" for a in "Wb" for b in "ifoc"} | {f"W{g}{o}0" for g in "ifoc" for o in "xh"}),
        ("*d", {"Whd", "bd"}), ("W*h*0", {"Wih0", "Wfh0", "Woh0", "Wch0"}), ("**d*", {"Whd", "bd"}), ("b?", {"bd"}),
    ],
)  # fmt: skip
def test_patterns(pattern, names):
    """Those of fnmatch without sets; the parameters that a frozen group leaves as they are."""
    net = recurrent.LSTM(3, [4], 3, dtype="float64", rng=1)
    names = names & set(net.parameters)
    before = {name: mat.w.copy() for name, mat in net.parameters.items()}
    SGD(0.1, groups={pattern: {"learning_rate": 0}}).step(pushed(net, 0).parameters, weight_decay=0.1)
    kept = {name for name, mat in net.parameters.items() if (mat.w == before[name]).all()}
    assert kept == names


@pytest.mark.parametrize("dtype", DTYPES)
def test_neutral_groups_have_the_bits_of_none(dtype):
    """Gates in stacks of their own runs, and all of them in one."""
    for groups in ({"*": {}}, {"Wf*": {"learning_rate": 1.0}, "bo?": {}}, {}):
        nets = [network(dtype), network(dtype)]
        optimizers = [AdamW(0.01, groups=groups), AdamW(0.01)]
        for step in range(3):
            for net, optimizer in zip(nets, optimizers):
                optimizer.step(pushed(net, step).parameters, clip=0.5)
        assert bits(nets[0].parameters) == bits(nets[1].parameters)


def test_weight_decay_that_spares_biases():
    for optimizer, decay in (
        (AdamW(0.1, weight_decay=0.5, groups={"b*": {"weight_decay": 0}}), 0.0),
        (SGD(0.1, weight_decay=0.5, groups={"b*": {"weight_decay": 0}}), 0.0),
        (Solver(groups={"b*": {"weight_decay": 0}}), 0.05),
    ):
        net = network()
        before = net.flat.w.copy(), {name: mat.w.copy() for name, mat in net.parameters.items()}
        net.flat.dw[...] = 0
        arguments = (0.1, decay)
        optimizer.step(net.parameters, *arguments)
        for name, mat in net.parameters.items():
            factor = 1 if name[0] == "b" else 0.95
            np.testing.assert_allclose(mat.w, factor * before[1][name], rtol=1e-14)


def test_fit_and_files(tmp_path):
    """Training on arrays and on text uses the groups; a resumed run has the bits of one without an interruption."""
    x = np.random.default_rng(0).normal(size=(6, 8, 2)).astype(np.float32)
    y = x.sum(2).cumsum(0)[:, :, None]

    def trained(steps):
        net = recurrent.GRU(2, [3], 1, rng=1)
        net.fit(
            x,
            y,
            batch_size=4,
            steps=steps,
            optimizer=Adam(0.01, groups={"Wn*": {"learning_rate": 0}}),
            progress=False,
        )
        return net

    whole, part = trained(6), trained(3)
    part.save(tmp_path / "net")
    part = recurrent.load(tmp_path / "net")
    part.resume(x, y, 3, progress=False)
    assert bits(whole.parameters) == bits(part.parameters)
    start = recurrent.GRU(2, [3], 1, rng=1)
    for name, mat in whole.parameters.items():
        assert (mat.w == start.parameters[name].w).all() == name.startswith("Wn"), name

    def learned(steps):
        model = recurrent.TextModel("gru", [3], rng=1)
        groups = {"Whd": {"learning_rate": 0}}
        model.fit("hello world " * 20, steps, 2, 5, optimizer=RMSProp(0.01, groups=groups), progress=False)
        return model

    whole, part = learned(6), learned(3)
    part.save(tmp_path / "model")
    part = recurrent.load(tmp_path / "model")
    part.resume("hello world " * 20, 3, progress=False)
    assert bits(whole.parameters) == bits(part.parameters)
    start = recurrent.TextModel("gru", [3], rng=1).build("hello world ")
    assert (whole.parameters["Whd"].w == start.parameters["Whd"].w).all()


def test_patterns_that_do_not_fit(tmp_path):
    for groups, words in (
        (
            {"x*": {"learning_rate": 2}},
            r"groups has a pattern of no parameter; expected one that .*Wix0.*got 'x\*'",
        ),
        ({"b*": {}, "bi?": {}}, r"groups has two patterns for bi0; expected one .*got 'b\*' and 'bi\?'"),
    ):
        net = network()
        optimizer = Adam(groups=groups)
        for mats in (net.parameters, dict(net.parameters)):
            before = pushed(net, 0).flat.w.copy()
            with pytest.raises(ValueError, match=words):
                optimizer.step(mats)
            assert (net.flat.w == before).all() and (net.flat.dw != 0).all()
            assert not optimizer.state_dict()["state"]
        # a file that could not be loaded is not written
        net._optimizer = optimizer
        with pytest.raises(ValueError, match="groups has"):
            net.save(tmp_path / "net")
        assert not list(tmp_path.iterdir())
    # a pattern may be of a Mat of an earlier step
    a, b = Mat(1, 1), Mat(1, 1)
    optimizer = SGD(groups={"a": {"learning_rate": 2}})
    optimizer.step({"a": a})
    optimizer.step({"b": b})
    with pytest.raises(ValueError, match="no parameter"):
        SGD(groups={"a": {}}).step({"b": b})


@pytest.mark.parametrize(
    "groups, error, words",
    [
        (
            [("b*", {})],
            TypeError,
            "groups has the wrong type; expected a mapping of patterns to factors, got list",
        ),
        ({1: {}}, TypeError, "a pattern in groups has the wrong type; expected a str, got int"),
        (
            {"b*": 0.5},
            TypeError,
            r"groups\['b\*'\] has the wrong type; expected a mapping of factors, got float",
        ),
        (
            {"b*": {"lr": 1}},
            ValueError,
            r"groups\['b\*'\] has an unknown factor; expected learning_rate or .*got 'lr'",
        ),
        ({"b*": {"learning_rate": -1}}, ValueError, r"groups\['b\*'\]\['learning_rate'\] is out of range"),
        ({"b*": {"weight_decay": "1"}}, TypeError, r"groups\['b\*'\]\['weight_decay'\] has the wrong type"),
        ({"b*": {"weight_decay": 1e39}}, ValueError, r"groups\['b\*'\]\['weight_decay'\] is out of range"),
    ],
)
def test_refused(groups, error, words):
    for kind in (SGD, Adagrad, RMSProp, Adam, AdamW, Solver):
        with pytest.raises(error, match=words):
            kind(groups=groups)
