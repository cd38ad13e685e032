"""State: the arrays of each layer, views of one buffer."""

import numpy as np
import pytest

import recurrent
from recurrent.state import State

FLAT = np.arange(2 * 3 * (4 + 2), dtype=np.float64)  # c and h, batch 3, widths 4 and 2


def test_layers_bottom_first():
    state = State(FLAT.copy(), {"h": (4, 2), "c": (4, 2)})
    assert [h.shape for h in state.h] == [c.shape for c in state.c] == [(3, 4), (3, 2)]
    joined = np.concatenate([part.ravel() for part in (*state.h, *state.c)])
    assert np.array_equal(joined, FLAT)


def test_without_a_cell():
    state = State(FLAT[:18].copy(), {"h": (4, 2)})
    assert [h.shape for h in state.h] == [(3, 4), (3, 2)] and state.c == []


def test_arrays_are_views_and_copies_are_not():
    state = State(FLAT.copy(), {"h": (4, 2), "c": (4, 2)})
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
    assert repr(State(FLAT, {"h": (4, 2), "c": (4, 2)})) == "<State of 2 layers: h (3, 4), (3, 2) and c>"
    assert repr(State(FLAT[:18], {"h": (4, 2)})) == "<State of 2 layers: h (3, 4), (3, 2)>"


def test_assigning_copies():
    net, x = recurrent.LSTM(4, [8], 4, rng=0), np.zeros((1, 2, 4), np.float32)
    state, big = net.zero_state(2), np.arange(64, dtype=np.float32) / 64
    buffer = state.flat
    for values in (big[::2], np.broadcast_to(np.float32(0.5), (32,)), big[::2].astype(">f8"), list(big[:32])):
        state.flat = values
        assert state.flat is buffer and np.array_equal(buffer, np.asarray(values, np.float32))
        copied = State(np.array(values, np.float32), {"h": (8,), "c": (8,)})
        assert np.array_equal(net.forward(x, state)[0], net.forward(x, copied)[0])
    for values, error in (
        (big, ValueError),
        ("x", TypeError),
        (None, TypeError),
        (np.full(32, 1e300), ValueError),
    ):
        with pytest.raises(error, match=r"^flat "):
            state.flat = values
    for name in ("h", "c"):
        with pytest.raises(
            AttributeError, match=f"^{name} is read-only; expected an assignment to its arrays"
        ):
            setattr(state, name, [])


def test_a_state_of_any_layout_is_copied():
    big = np.arange(64, dtype=np.float32)
    state = State(big[::2], {"h": (8,), "c": (8,)})
    assert state.flat.flags.c_contiguous and np.array_equal(state.flat, big[::2])


@pytest.mark.parametrize(
    "flat, widths, error, words",
    [
        (FLAT, [4, 2], TypeError, "widths has the wrong type; expected a dict of state names, got list"),
        (FLAT, {}, ValueError, "widths is out of range; expected at least 1 each"),
        (FLAT, {"h": (4, 0)}, ValueError, "widths is out of range; expected at least 1 each"),
        (FLAT, {"h": (4, 2), "c": (4,)}, ValueError, r"expected one number of layers, got \[1, 2\]"),
        (FLAT[:31], {"h": (8,), "c": (8,)}, ValueError, "^flat "),
        (FLAT[:0], {"h": (8,)}, ValueError, "^flat "),
    ],
)
def test_refused(flat, widths, error, words):
    with pytest.raises(error, match=words):
        State(flat, widths)


def test_states_that_do_not_fit():
    net, x = recurrent.LSTM(3, [4, 2], rng=1), np.zeros((1, 3, 3), np.float32)
    with pytest.raises(ValueError, match="state has the wrong length; expected 2 h and 2 c, got 1 states"):
        net.forward(x, State(FLAT[:18], {"h": (4, 2)}))
    with pytest.raises(TypeError, match=r"state.h has the wrong type; expected a list of arrays .*got str"):
        net.forward(x, ("h", "c"))
