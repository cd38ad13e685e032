"""Schedules as torch.optim.lr_scheduler has them, pure, into dicts and back."""

import json

import numpy as np
import pytest

from recurrent import schedules
from recurrent.optim.schedules import Constant, Cosine, Exponential, Linear, OneCycle, Plateau, Schedule, Step
from support import PYTHON_FIXTURES

TORCH = json.loads((PYTHON_FIXTURES / "torch_solvers.json").read_text())["schedules"]
EVERY = [Schedule.from_dict(case["settings"]) for case in TORCH]


@pytest.mark.parametrize("case", TORCH, ids=lambda case: str(case["settings"]))
def test_against_torch(case):
    schedule = Schedule.from_dict(case["settings"])
    validation = [(10 * (k + 1), loss) for k, loss in enumerate(case.get("losses", []))]
    # what lies ahead is not looked at, so all of it may be given
    found = [schedule(step, validation) for step in range(100)]
    assert np.allclose(found, case["rates"], rtol=1e-12, atol=1e-15)
    # pure: any order, any number of times
    assert [schedule(step, validation) for step in reversed(range(100))] == found[::-1]


def test_every_schedule_is_compared():
    assert {type(schedule) for schedule in EVERY} == set(Schedule._classes.values())
    assert {Constant, Step, Exponential, Cosine, Linear, OneCycle, Plateau} == set(Schedule._classes.values())


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_dicts(schedule):
    again = Schedule.from_dict(json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule and repr(again) == repr(schedule) and hash(again) == hash(schedule)
    assert eval(repr(schedule), vars(schedules)) == schedule
    with pytest.raises(AttributeError):
        schedule.learning_rate = 3


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_long_after(schedule):
    """Beyond its end a schedule holds; nothing overflows."""
    rates = [schedule(step) for step in (10**4, 10**5, 10**6, 2**62)]
    assert all(np.isfinite(rate) and 0 <= rate <= 0.5 and type(rate) is float for rate in rates)
    if isinstance(schedule, (Cosine, Linear, OneCycle)):
        assert set(rates) == {schedule(100)}


def test_step_after():
    """char-rnn's: 0.97 per epoch from the tenth."""
    schedule = Step(2e-3, step_size=100, gamma=0.97, after=900)
    assert schedule(0) == schedule(999) == 2e-3
    assert schedule(1000) == 2e-3 * 0.97 and schedule(1100) == 2e-3 * 0.97**2


def test_one_cycle_of_any_length():
    for total in range(2, 12):
        for share in (0.0, 0.1, 0.3, 0.5, 1.0):
            for three in (False, True):
                if not three or share <= 0.5:
                    schedule = OneCycle(1.0, total, share, three_phase=three)
                    rates = [schedule(step) for step in range(total + 3)]
                    assert all(0 < rate <= 1 for rate in rates), (total, share, three)
                    assert rates[-1] == rates[total - 1]


def test_plateau_only_looks_back():
    schedule = Plateau(1.0, patience=0, factor=0.5)
    losses = [(10, 1.0), (20, 1.0), (30, 0.5), (40, float("nan"))]
    assert [schedule(step, losses) for step in (0, 10, 19, 20, 30, 39, 40)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert schedule(100) == 1.0


def test_numpys_numbers():
    schedule = Step(np.float32(0.5), np.int64(3), np.float64(0.5))
    assert json.loads(json.dumps(schedule.to_dict()))["step_size"] == 3
    assert schedule(np.int32(3)) == 0.25


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Constant(-1), ValueError, r"learning_rate is out of range; .*got -1\.0"),
        (lambda: Constant(np.nan), ValueError, r"learning_rate is out of range; .*got nan"),
        (lambda: Constant("1"), TypeError, r"learning_rate has the wrong type; .*got str"),
        (lambda: Step(0.1, 0), ValueError, "step_size is out of range; expected at least 1"),
        (lambda: Step(0.1, 2.5), TypeError, r"step_size has the wrong type; .*got float"),
        (lambda: Step(0.1, 5, after=-1), ValueError, r"after is out of range; .*got -1"),
        (lambda: Step(0.1, 5, 1.5), ValueError, "gamma is out of range; expected above 0 and at most 1"),
        (lambda: Exponential(0.1, 0), ValueError, r"gamma is out of range; .*got 0\.0"),
        (lambda: Cosine(0.1, 10, 10), ValueError, "total_steps is out of range; expected at least 11"),
        (lambda: Linear(0.1, 10, 11), ValueError, "decay_steps is out of range; expected at most 10, got 11"),
        (lambda: Linear(0.1, 10, 6, 5), ValueError, "decay_steps is out of range; expected at most 5, got 6"),
        (
            lambda: Linear(0.1, 5, warmup_steps=5),
            ValueError,
            "total_steps is out of range; expected at least 6",
        ),
        (
            lambda: Linear(0.1, 5, end_factor=1.5),
            ValueError,
            r"end_factor is out of range; expected 0 to 1, got 1\.5",
        ),
        (lambda: Cosine(0.1, 10, -1), ValueError, r"warmup_steps is out of range; .*got -1"),
        (lambda: Cosine(0.1, 10, eta_min=-1), ValueError, r"eta_min is out of range; .*got -1\.0"),
        (lambda: OneCycle(0.1, 1), ValueError, "total_steps is out of range; expected at least 2"),
        (lambda: OneCycle(0.1, 10, 1.5), ValueError, r"pct_start is out of range; expected 0 to 1\.0"),
        (
            lambda: OneCycle(0.1, 10, 0.6, three_phase=True),
            ValueError,
            r"pct_start is out of range; expected 0 to 0\.5",
        ),
        (
            lambda: OneCycle(0.1, 10, anneal_strategy="sin"),
            ValueError,
            "expected one of 'cos', 'linear', got 'sin'",
        ),
        (lambda: OneCycle(0.1, 10, div_factor=0), ValueError, r"div_factor is out of range; .*got 0\.0"),
        (lambda: OneCycle(0.1, 10, three_phase=1), TypeError, r"three_phase has the wrong type; .*got int"),
        (lambda: Plateau(0.1, factor=1), ValueError, r"factor is out of range; .*got 1\.0"),
        (lambda: Plateau(0.1, mode="least"), ValueError, "mode is unknown; expected one of 'min', 'max'"),
        (
            lambda: Plateau(0.1, threshold_mode=None),
            ValueError,
            "threshold_mode is unknown; .*got None",
        ),
        (lambda: Plateau(0.1, patience=-1), ValueError, r"patience is out of range; .*got -1"),
        (lambda: Constant(0.1)(-1), ValueError, r"step is out of range; .*got -1"),
        (lambda: Constant(0.1)(1.5), TypeError, r"step has the wrong type; .*got float"),
        (lambda: Schedule.from_dict([]), TypeError, "data has the wrong type; expected a dict, got list"),
        (
            lambda: Schedule.from_dict({}),
            ValueError,
            "schedule is unknown; expected one of constant, step, exponential, cosine, linear, one_cycle, plateau",
        ),
        (lambda: Schedule.from_dict({"schedule": "poly"}), ValueError, r"schedule is unknown; .*got 'poly'"),
        (lambda: Schedule.from_dict({"schedule": []}), ValueError, r"schedule is unknown; .*got \[\]"),
        (
            lambda: Schedule.from_dict({"schedule": "step", "learning_rate": 1}),
            ValueError,
            "step lacks .*step_size",
        ),
        (
            lambda: Schedule.from_dict({"schedule": "constant", "learning_rate": 1, "x": 1}),
            ValueError,
            "unknown setting; expected one of learning_rate, .*got 'x'",
        ),
        (
            lambda: Schedule.from_dict({"schedule": "constant", "learning_rate": None}),
            TypeError,
            r"learning_rate has the wrong type; .*got NoneType",
        ),
    ],
)
def test_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
