"""The programs of examples/sequences: each reaches its mark, and not without training."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest

import recurrent
from support import ROOT

# a figure that is an error, and not a share that is right
ERRORS = ("mackey_glass", "sunspots")
TASKS = (*ERRORS, "digits", "names", "tagging", "attention")
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (2, 3))]


def task(name: str) -> ModuleType:
    if name == "digits":
        pytest.importorskip("sklearn", reason="the digits are those of scikit-learn, which is not installed")
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / "sequences" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TASKS)
def test_reaches_its_mark(name, seed):
    module = task(name)
    reached = module.run(seed)
    assert reached < module.PASS if name in ERRORS else reached >= module.PASS


@pytest.mark.parametrize("name", TASKS)
def test_does_not_reach_it_untaught(name):
    module = task(name)
    reached = module.run(1, epochs=1)
    assert reached > module.PASS if name in ERRORS else reached < module.PASS


@pytest.mark.parametrize("is_ragged", (False, True))
def test_one_class_is_a_target_of_the_last_step(is_ragged):
    """One call of the library, without weights, and operations of a graph, with weights of 1, learn the same."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(rng.integers(2, 9) if is_ragged else 8, 3)).astype("f") for _ in range(70)]
    y = rng.integers(0, 4, 70)
    weights, losses = [], []
    for given in (None, np.ones(70)):
        net = recurrent.GRU(3, [6], 4, rng=1, dtype="float64")
        history = net.fit(x, y, 3, rng=2, sample_weight=given, progress=False)
        weights.append(net.flat.w.copy())
        losses.append([loss for _, loss in history.train])
    np.testing.assert_allclose(*weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(*losses, rtol=1e-9)


def test_each_epoch_has_an_order_of_its_own():
    net = recurrent.GRU(2, [3], 2, rng=1)
    net.fit(np.zeros((3, 10, 2)), np.zeros(10, int), 3, batch_size=5, progress=False)
    orders = [
        np.concatenate([net.trainer.chosen(2 * epoch + k) for k in (0, 1)]).tolist() for epoch in (0, 1, 2, 0)
    ]
    assert orders[0] == orders[3] and len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == list(range(10)) for order in orders)


# ---- the data


def test_names_obey_their_rules():
    module = task("names")
    (x, y), _ = module.data()
    for letters, language in zip(x, y):
        word = "".join(module.LETTERS[k] for k in letters)
        groups = [letter in module.FRONT for letter in word if letter in module.FRONT + module.BACK]
        assert 3 <= len(groups) <= 7 and len(word) == 2 * len(groups) + 1
        assert language != 0 or len(set(groups)) == 1
        assert language != 1 or all(a != b for a, b in zip(groups, groups[1:]))
        assert language != 2 or word[-1] in "nrs"


def test_tags_are_the_nearest_marks():
    (x, y), _ = task("tagging").data()
    for symbols, tags in zip(x[:20], y[:20]):
        for t, tag in enumerate(tags):
            before = [s + 1 for s in symbols[:t] if s < 2] or [0]
            after = [s + 1 for s in symbols[t + 1 :] if s < 2] or [0]
            assert tag == 3 * before[-1] + after[0]


def test_attention_asks_for_what_was_given():
    (x, y), _ = task("attention").data()
    assert (y[:, :8] == -1).all()
    for steps, values in zip(x[:50], y[:50]):
        given = {int(step[:8].argmax()): int(step[8:].argmax()) for step in steps[:8]}
        assert len(given) == 8 and not steps[8:, 8:].any()
        assert [given[int(step[:8].argmax())] for step in steps[8:]] == values[8:].tolist()


def test_sunspots_are_the_years_to_2008():
    series = task("sunspots").SERIES[:, 0] * 100
    assert len(series) == 309
    np.testing.assert_allclose(series[[0, 257, 308]], [5, 190.2, 2.9], rtol=1e-5)
    # the figure divides by the variance of the publication
    assert abs(series[:280].var() / 1535 - 1) < 0.05


def test_mackey_glass_is_chaotic_and_bounded():
    (x, y), (known, later) = task("mackey_glass").data()
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    assert known.shape == (20, 100, 1) and later.shape == (20, 20, 1)
    assert np.abs(x).max() < 0.6 and 0.2 < x.std() < 0.3
