"""Optimizers beside torch.optim's, over 100 steps; clipping, state and refusals."""

import inspect
import json

import numpy as np
import pytest

import recurrent
from recurrent import SGD, Adagrad, Adam, AdamW, Mat, RMSProp, _c
from recurrent.recurrentjs import Solver
from support import DTYPES, PYTHON_FIXTURES, bits, relative_error

TORCH = json.loads((PYTHON_FIXTURES / "torch_solvers.json").read_text())["solvers"]
CLASSES = {"sgd": SGD, "adagrad": Adagrad, "rmsprop": RMSProp, "adam": Adam, "adamw": AdamW}
EVERY = [
    Solver(0.9), SGD(), SGD(0.1, 0.9, 0.5, 0.1), SGD(momentum=0.9, nesterov=True), Adagrad(0.1, 0.1, 0.1, 0.1, 1e-6),
    RMSProp(), RMSProp(0.1, 0.9, 1e-6, 0.1, 0.5, True, False), Adam(), Adam(0.1, (0.8, 0.9), 1e-6, 0.1, True),
    AdamW(), AdamW(clipping="global_norm"),
]  # fmt: skip


def named(case):
    return f"{case['rule']} {case['settings']} {case['clipping'] or ''}"


def solver_of(case):
    settings = dict(case["settings"])
    for old, new in (("lr", "learning_rate"), ("lr_decay", "learning_rate_decay")):
        if old in settings:
            settings[new] = settings.pop(old)
    if case["rule"] == "rmsprop":
        settings["bias_correction"] = False
    if case["clipping"]:
        settings["clipping"] = case["clipping"][0]
    return CLASSES[case["rule"]](**settings)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("case", TORCH["cases"], ids=named)
def test_against_torch(case, dtype, tolerance):
    solver, expected = solver_of(case), case[dtype]
    model = {name: Mat.from_array(np.array(w, dtype)) for name, w in zip("ab", expected[0])}
    noted = dict(zip(TORCH["noted"], expected))
    for step, forces in enumerate(TORCH["forces"], 1):
        for m, force in zip(model.values(), forces):
            m.dw = m.w + np.array(force, dtype)
        solver.step(model, clip=case["clipping"] and case["clipping"][1])
        if step in noted:
            found = np.concatenate([m.w.ravel() for m in model.values()])
            want = np.concatenate([np.ravel(w) for w in noted[step]])
            assert relative_error(found, want) <= tolerance, step


def test_the_first_steps_of_rmsprop():
    """With bias correction a weight's first step is the learning rate, without it 10 times as long."""
    for bias_correction, expected in ((True, -0.01), (False, -0.1)):
        m = Mat(1, 1, "float64")
        m.dw[...] = 3
        RMSProp(learning_rate=0.01, bias_correction=bias_correction).step({"m": m})
        assert np.isclose(m.w.item(), expected, rtol=1e-6)


def model(seed=0, dtype="float64"):
    net = recurrent.LSTM(3, [4, 2], 3, dtype=dtype, rng=seed)
    rng = np.random.default_rng(seed)
    net.flat.dw = rng.normal(size=(net.flat.n, 1))
    return net


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", EVERY, ids=repr)
def test_a_model_and_its_parts(solver, dtype):
    """One pass over a model's slab gives the bits of its Mats one by one."""
    solvers = [type(solver)._from_handle(recurrent_twin(solver)) for _ in range(2)]
    nets = [model(dtype=dtype), model(dtype=dtype)]
    for step in range(4):
        for net, own, whole in zip(nets, solvers, (True, False)):
            net.flat.dw = np.random.default_rng(step).normal(size=(net.flat.n, 1))
            own.step(net.parameters if whole else dict(net.parameters), 0.1, 0.01, 0.5)
    if solver.settings["clipping"] == "global_norm":
        # the norm is summed in another order
        assert relative_error(nets[0].flat.w, nets[1].flat.w) < (1e-6 if dtype == "float32" else 1e-14)
    else:
        assert bits(nets[0].parameters) == bits(nets[1].parameters)
        for slot, mats in solvers[0].state.items():
            assert bits(mats) == bits(solvers[1].state[slot])


def recurrent_twin(solver):
    """A handle of a new solver with the same settings."""
    settings = solver.settings
    words = json.dumps(settings).encode()
    lib = recurrent._c.lib
    return recurrent._c.new(lib.recurrent_optimizer_create, lib.recurrent_optimizer_free, words, len(words))


@pytest.mark.parametrize("solver", EVERY, ids=repr)
def test_settings_and_repr(solver):
    twin = Solver._from_handle(recurrent_twin(solver))
    assert type(twin) is type(solver)
    assert (
        twin.settings == solver.settings
        and twin.learning_rate == solver.learning_rate == solver.settings["learning_rate"]
    )
    again = eval(repr(solver), {**vars(recurrent), "Solver": Solver})
    assert again.settings == solver.settings and repr(again) == repr(solver)


@pytest.mark.parametrize("kind", [Solver, *CLASSES.values()])
def test_python_and_the_core_have_the_same_defaults(kind):
    words = json.dumps({"name": kind().settings["name"]}).encode()
    lib = recurrent._c.lib
    handle = recurrent._c.new(lib.recurrent_optimizer_create, lib.recurrent_optimizer_free, words, len(words))
    assert Solver._from_handle(handle).settings == kind().settings
    # and a class's arguments are its settings, groups where there are some
    assert kind(groups={"a": {}}).settings["groups"] == {"a": {"learning_rate": 1, "weight_decay": 1}}
    names = set(inspect.signature(kind).parameters) - {"groups"}
    assert names == set(kind().settings) - (
        {"name", "learning_rate", "clipping"} if kind is Solver else {"name"}
    )


def test_signatures_are_torchs():
    for kind, expected in (
        (SGD, "learning_rate momentum dampening weight_decay nesterov"),
        (Adagrad, "learning_rate learning_rate_decay weight_decay initial_accumulator_value eps"),
        (RMSProp, "learning_rate alpha eps weight_decay momentum centered"),
        (Adam, "learning_rate betas eps weight_decay amsgrad"),
        (AdamW, "learning_rate betas eps weight_decay amsgrad"),
    ):
        assert list(inspect.signature(kind).parameters)[: len(expected.split())] == expected.split()


def test_state():
    solver, net = Adam(amsgrad=True), model()
    state = solver.state
    assert list(state) == ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert all(len(mats) == 0 for mats in state.values())
    assert repr(state["exp_avg"]) == "<exp avg of nothing yet>"
    g = net.parameters["bd"].dw.copy()
    solver.step(net.parameters)
    assert list(state["exp_avg"]) == list(net.parameters)
    assert np.allclose(state["exp_avg"]["bd"].w, 0.1 * g) and np.allclose(
        state["exp_avg_sq"]["bd"].w, 0.001 * g * g
    )
    assert SGD().state == {} and list(SGD(momentum=0.5).state) == ["momentum_buffer"]
    assert list(Solver().state) == ["step_cache"]
    with pytest.raises(KeyError, match="bx"):
        state["exp_avg"]["bx"]
    with pytest.raises(AttributeError, match="step_cache"):
        _ = solver.step_cache
    with pytest.raises(AttributeError, match="decay_rate"):
        _ = solver.decay_rate


def test_rates_of_a_step():
    """A step's own learning rate, else the solver's."""
    weights = []
    for solver, rate in ((SGD(0.25), None), (SGD(7.0), 0.25)):
        net = model()
        solver.step(net.parameters, rate)
        weights.append(net.flat.w.copy())
    assert (weights[0] == weights[1]).all()
    x, aim = np.ones((3, 2, 3)), np.ones((3, 2), int)
    nets = [model(), model()]
    a = nets[0].train_step(x, aim, SGD(0.25), clip=None)
    b = nets[1].train_step(x, aim, SGD(), 0.25, clip=1e9)
    assert a.ratio_clipped == b.ratio_clipped == 0 and bits(nets[0].parameters) == bits(nets[1].parameters)


def test_the_rate_is_the_cores():
    tm = recurrent.TextModel("lstm", [4], rng=1).build("abc")
    tm.optimizer = Adam(0.5)
    twins = tm.optimizer, Solver._from_handle(_again(tm.optimizer, tm))
    twins[1].learning_rate = 0.125
    for twin in twins:
        assert twin.learning_rate == twin.settings["learning_rate"] == 0.125 and repr(twin) == repr(
            Adam(0.125)
        )
    assert list(twins[0].settings) == list(Adam().settings)
    sentences = recurrent.SentenceModel(["ab"], rng=1)
    sentences.optimizer.learning_rate = 3
    assert sentences.optimizer.learning_rate == 3.0 and sentences.optimizer.decay_rate == 0.999


def _again(solver, tm):
    """Another handle of the core's solver."""
    return _c.new(
        _c.lib.recurrent_text_model_optimizer, _c.lib.recurrent_optimizer_free, tm._handle.value, owner=solver
    )


def test_the_rate_can_be_set():
    solver, weights = SGD(7.0), []
    solver.learning_rate = 0.25
    assert solver.learning_rate == solver.settings["learning_rate"] == 0.25 and "learning_rate=0.25" in repr(
        solver
    )
    for each in (solver, SGD(0.25)):
        net = model()
        each.step(net.parameters)
        weights.append(net.flat.w.copy())
    assert (weights[0] == weights[1]).all()
    x, aim, nets = np.ones((3, 2, 3)), np.ones((3, 2), int), [model(), model()]
    fresh = SGD(7.0)
    fresh.learning_rate = 0.25
    nets[0].train_step(x, aim, fresh)
    nets[1].train_step(x, aim, SGD(0.25))
    assert bits(nets[0].parameters) == bits(nets[1].parameters)
    for bad, error in ((-1, ValueError), (np.nan, ValueError), (np.inf, ValueError), ("fast", TypeError)):
        with pytest.raises(error, match=r"learning_rate (is|has)"):
            solver.learning_rate = bad
        assert solver.learning_rate == 0.25


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "make",
    [
        lambda: Solver(0.95), lambda: SGD(0.5, momentum=0.9), lambda: SGD(0.5, momentum=0.9, nesterov=True),
        lambda: Adagrad(0.1), RMSProp, lambda: RMSProp(centered=True), lambda: Adam(0.01),
        lambda: Adam(0.01, amsgrad=True), lambda: AdamW(0.01, clipping="global_norm"),
        lambda: AdamW(0.01, clipping="tensor_norm"),
    ],
)  # fmt: skip
def test_learns(make, dtype):
    """To say what came one step before."""
    net, solver = recurrent.LSTM(4, [16], 4, embedding=4, dtype=dtype, rng=0), make()
    x = np.random.default_rng(0).integers(0, 4, (10, 8))
    aim = np.vstack([np.full((1, 8), -1), x[:-1]])
    losses = [net.train_step(x, aim, solver, clip=1).loss for _ in range(150)]
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(
    "clipping, bound, expected, ratio",
    [
        ("value", 3.5, [3, 3.5, 3.5], 2 / 3),
        ("value", None, [3, 4, 12], 0),
        ("tensor_norm", 6, [3, 4, 6], 1 / 3),
        ("global_norm", 6.5, [1.5, 2, 6], 1),
        ("global_norm", 14, [3, 4, 12], 0),
        ("global_norm", None, [3, 4, 12], 0),
    ],
)
def test_clipping(clipping, bound, expected, ratio):
    mats = {"a": Mat(2, 1, "float64"), "b": Mat(1, 1, "float64")}
    mats["a"].dw, mats["b"].dw = np.array([[3.0], [4.0]]), np.array([[12.0]])
    stats = SGD(1.0, clipping=clipping).step(mats, clip=bound)
    assert np.allclose([*mats["a"].w.ravel(), *mats["b"].w.ravel()], -np.array(expected), atol=1e-5)
    assert (stats.ratio_clipped, stats.gradient_norm) == (ratio, 13.0)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: SGD(-1), ValueError, "learning_rate is .*-1"),
        (lambda: SGD("fast"), TypeError, r"learning_rate has the wrong type; .*got str"),
        (lambda: SGD(momentum=-0.1), ValueError, "momentum is .*-0.1"),
        (lambda: SGD(momentum=np.nan), ValueError, r"momentum is out of range; .*got nan"),
        (lambda: SGD(nesterov=True), ValueError, "nesterov .*momentum above 0"),
        (lambda: SGD(momentum=0.9, dampening=0.1, nesterov=True), ValueError, "nesterov .*dampening 0"),
        (lambda: SGD(nesterov=1), TypeError, r"nesterov has the wrong type; .*got int"),
        (lambda: Adagrad(eps=0), ValueError, "eps is .*0"),
        (lambda: Adagrad(learning_rate_decay=-1), ValueError, "learning_rate_decay is .*-1"),
        (lambda: Adagrad(initial_accumulator_value=-1), ValueError, "initial_accumulator_value is .*-1"),
        (lambda: RMSProp(alpha=1), ValueError, "alpha is .*expected at least 0 and below 1, got 1.0"),
        (lambda: RMSProp(centered=None), TypeError, r"centered has the wrong type; .*got NoneType"),
        (lambda: RMSProp(weight_decay=-1e-9), ValueError, "weight_decay is .*-1e-09"),
        (lambda: Adam(betas=(0.9, 1.0)), ValueError, r"betas\[1\] is .*got 1.0"),
        (lambda: Adam(betas=(-0.1, 0.9)), ValueError, r"betas\[0\] is .*got -0.1"),
        (lambda: Adam(betas=0.9), TypeError, r"betas has the wrong type; .*got float"),
        (lambda: Adam(betas="01"), TypeError, r"betas has the wrong type; .*got str"),
        (lambda: Adam(betas=(0.9,)), ValueError, r"betas has the wrong length; .*got 1"),
        (lambda: Adam(betas=(0.9, None)), TypeError, r"betas\[1\] has the wrong type; .*got NoneType"),
        (lambda: Adam(eps=np.inf), ValueError, r"eps is out of range; .*got inf"),
        (
            lambda: AdamW(clipping="norm"),
            ValueError,
            "clipping is .*expected one of value, tensor_norm, global_norm, got 'norm'",
        ),
        (lambda: AdamW(clipping=None), TypeError, r"clipping has the wrong type; .*got NoneType"),
        (lambda: Adam(eps=1e-60).step({"m": Mat(1, 1)}), ValueError, "eps is 0 in float32; .*got 1e-60"),
        (lambda: Adam().step({"m": Mat(1, 1)}, clip=0), ValueError, "clip is .*expected above 0.*got 0"),
        (
            lambda: Adam().step({"m": Mat(1, 1)}, clip=-np.inf),
            ValueError,
            r"clip is out of range; .*got -inf",
        ),
        (
            lambda: Adam().step({"m": Mat(1, 1)}, clip=0),
            ValueError,
            r"clip is out of range; expected above 0, or None",
        ),
        (
            lambda: Adam().step([Mat(1, 1)]),
            TypeError,
            "parameters has the wrong type; expected a mapping of names to Mats, got list",
        ),
        (lambda: Adam(betas=np.ones(3)), ValueError, "betas has the wrong length; expected 2, got 3"),
    ],
)
def test_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("solver", EVERY, ids=repr)
def test_a_gradient_that_is_not_finite(solver):
    own, net = Solver._from_handle(recurrent_twin(solver)), model()
    own.step(net.parameters)
    net.flat.dw = np.ones((net.flat.n, 1))
    net.parameters["Wfh0"].dw[2, 1] = np.nan
    before, state = bits(net.parameters), {slot: bits(mats) for slot, mats in own.state.items()}
    with pytest.raises(FloatingPointError, match=r"gradient of Wfh0 is not finite; .*nan at \[2, 1\]"):
        own.step(net.parameters)
    assert bits(net.parameters) == before
    assert {slot: bits(mats) for slot, mats in own.state.items()} == state


def test_the_optimizer_of_no_kind():
    with pytest.raises(TypeError, match=r"^Optimizer is abstract; expected one of .*Adam"):
        recurrent.Optimizer()
