"""Random is numpy.random.Philox, and what rng arguments may be."""

import copy

import numpy as np
import pytest

import recurrent
from recurrent import Random


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32, 2**64 - 1])
def test_words(seed):
    count = 1_000_000 if seed == 42 else 10_001
    np.testing.assert_array_equal(Random(seed).words(count), np.random.Philox(key=seed).random_raw(count))


@pytest.mark.parametrize("seed", [0, 7])
def test_uniform(seed):
    ours, theirs = Random(seed), np.random.Generator(np.random.Philox(key=seed))
    np.testing.assert_array_equal(ours.uniform(count=1001), theirs.random(1001))
    np.testing.assert_array_equal(ours.uniform(-3, 5, 1001), theirs.uniform(-3, 5, 1001))


def test_gaussian():
    numbers = Random(3).gaussian(2, 0.5, 200_000)
    assert abs(numbers.mean() - 2) < 0.01 and abs(numbers.std() - 0.5) < 0.01
    standard = (numbers - 2) / 0.5
    # tails as they should be
    for bound, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert abs((np.abs(standard) < bound).mean() - share) < 0.003
    np.testing.assert_array_equal(Random(3).gaussian(2, 0.5, 100), numbers[:100])
    assert (Random(3).gaussian(5, 0, 10) == 5).all()


@pytest.mark.parametrize("used", range(6))
def test_state(used):
    a = Random(9)
    a.words(used)
    state = a.state
    assert len(state) == 11 and all(type(word) is int for word in state)
    expected = a.words(50)
    b = Random(0)
    b.state = state
    np.testing.assert_array_equal(b.words(50), expected)
    b.state = list(state)
    np.testing.assert_array_equal(b.words(50), expected)
    # NumPy's state is the same words in other words
    theirs = np.random.Philox(key=9)
    theirs.random_raw(used)
    assert list(theirs.state["state"]["counter"]) == list(state[2:6])
    assert list(theirs.state["state"]["key"]) == list(state[:2])


@pytest.mark.parametrize(
    "state",
    [
        (),
        (0,) * 10,
        (0,) * 12,
        (0,) * 10 + (5,),
        (-1,) + (0,) * 10,
        (2**64,) + (0,) * 10,
        ("0",) * 11,
        (0.0,) * 11,
    ],
)
def test_bad_state(state):
    rng = Random(1)
    before = rng.state
    with pytest.raises(ValueError, match="state"):
        rng.state = state
    assert rng.state == before


def test_a_long_counter():
    rng = Random(0)
    rng.state = (5, 0, 2**64 - 1, 2**64 - 1, 0, 0, 0, 0, 0, 0, 4)
    rng.words(1)
    assert rng.state[2:6] == (0, 0, 1, 0)
    rng.state = (5, 0, *(2**64 - 1,) * 4, 0, 0, 0, 0, 4)
    rng.words(1)
    assert rng.state[2:6] == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "seed, error, words",
    [
        (-1, ValueError, r"seed is out of range; .*got -1"),
        (2**64, ValueError, r"seed is out of range; .*got 18446744073709551616"),
        (1.0, TypeError, r"seed has the wrong type; .*got float"),
        ("1", TypeError, r"seed has the wrong type; .*got str"),
        (True, TypeError, r"seed has the wrong type; .*got bool"),
        (np.bool_(True), TypeError, r"seed has the wrong type; .*got bool"),
    ],
)
def test_bad_seeds(seed, error, words):
    with pytest.raises(error, match=words):
        Random(seed)
    with pytest.raises(error, match=words.replace("seed", "rng")):
        recurrent.Mat.uniform(1, 1, rng=seed)


def test_bad_counts():
    for count, error in ((-1, ValueError), (1.0, TypeError), (2**63, ValueError), (None, TypeError)):
        for draw in (
            Random(0).words,
            lambda n: Random(0).uniform(count=n),
            lambda n: Random(0).gaussian(count=n),
        ):
            with pytest.raises(error, match="count"):
                draw(count)
    assert Random(0).words(0).shape == (0,)
    for bad in (
        lambda: Random(0).uniform(0, np.inf),
        lambda: Random(0).gaussian(0, -1),
        lambda: Random(0).gaussian(np.nan),
    ):
        with pytest.raises(ValueError):
            bad()


def test_rng_arguments():
    def draw(rng):
        return recurrent.Mat.uniform(4, 4, rng=rng).w

    np.testing.assert_array_equal(draw(5), draw(5))
    np.testing.assert_array_equal(draw(np.int64(5)), draw(5))
    np.testing.assert_array_equal(draw(Random(5)), draw(5))
    assert not np.array_equal(draw(5), draw(6))
    assert not np.array_equal(draw(None), draw(None))
    # a Random continues; a NumPy generator gives a seed each time
    rng = Random(5)
    assert not np.array_equal(draw(rng), draw(rng))
    generator = np.random.default_rng(5)
    first, second = draw(generator), draw(generator)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draw(np.random.default_rng(5)), first)
    for bad in (np.random.RandomState(0), "a", 1.5, [1]):
        with pytest.raises(TypeError, match="rng has the wrong type"):
            draw(bad)


def test_repr():
    assert repr(Random(12)) == "<Random seed 12>"
    assert Random().state != Random().state


def test_copies_continue_by_themselves():
    random = Random(3)
    random.words(5)
    for twin in (copy.copy(random), copy.deepcopy(random)):
        before = random.state
        words = twin.words(3)
        assert random.state == before
        again = Random()
        again.state = before
        assert words.tolist() == again.words(3).tolist()
