"""State: the arrays of each layer, views of one buffer."""

import numpy as np
import pytest

import recurrent
from recurrent.state import State

FLAT = np.arange(2 * 3 * (4 + 2), dtype=np.float64)  # c and h, batch 3, widths 4 and 2


def test_layers_bottom_first():
    state = State(FLAT.copy(), (4, 2), has_cell=True)
    assert [h.shape for h in state.h] == [c.shape for c in state.c] == [(3, 4), (3, 2)]
    joined = np.concatenate([part.ravel() for part in (*state.h, *state.c)])
    assert np.array_equal(joined, FLAT)


def test_without_a_cell():
    state = State(FLAT[:18].copy(), (4, 2), has_cell=False)
    assert [h.shape for h in state.h] == [(3, 4), (3, 2)] and state.c == []


def test_arrays_are_views_and_copies_are_not():
    state = State(FLAT.copy(), (4, 2), has_cell=True)
    other = state.copy()
    state.h[0][0, 0], state.c[1][2, 1] = -1, -2
    assert state.flat[0] == -1 and state.flat[-1] == -2
    assert np.array_equal(other.flat, FLAT)


@pytest.mark.parametrize("make", [recurrent.LSTM, recurrent.GRU, recurrent.RNN])
def test_a_call_does_not_change_the_state_it_is_given(make):
    net = make(3, [4, 2], rng=1)
    x = np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32)
    first = net.forward(x)[1]
    before = first.flat.copy()
    second = net.forward(x, first)[1]
    assert np.array_equal(first.flat, before) and not np.array_equal(second.flat, before)
    assert bool(first.c) == (make is recurrent.LSTM)


def test_repr():
    assert repr(State(FLAT, (4, 2), has_cell=True)) == "<State of 2 layers: h (3, 4), (3, 2) and c>"
    assert repr(State(FLAT[:18], (4, 2), has_cell=False)) == "<State of 2 layers: h (3, 4), (3, 2)>"
