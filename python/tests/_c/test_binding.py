"""Signals in the middle of a long call: its handler decides whether the call stops, and nothing has changed then."""

import os
import signal
import threading

import numpy as np
import pytest

import recurrent
from recurrent import _c

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGINT to its own process")

# the forward pass takes a third of a second or more, a training step a second
T, B, INPUTS, HIDDEN = 4000, 16, 64, 256


class StopError(Exception):
    """An exception of a program's own handler."""


@pytest.fixture(scope="module")
def net():
    return recurrent.LSTM(INPUTS, [HIDDEN], 8, rng=1)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).standard_normal((T, B, INPUTS)).astype("float32")


def send_soon(seconds=0.1):
    """Sends SIGINT to this process from another thread."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.fixture
def handler():
    """Sets a handler of SIGINT for one test."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda function: signal.signal(signal.SIGINT, function)
    signal.signal(signal.SIGINT, before)


def test_a_training_step_stops_and_the_model_is_as_before(net, x):
    optimizer, targets = recurrent.Adam(), np.zeros((T, B), int)
    before = net.flat.w.copy()
    timer = send_soon()
    with pytest.raises(KeyboardInterrupt):
        net.train_step(x, targets, optimizer)
    timer.join()
    # before the library asked for signals the handler ran after the whole step, and the weights had changed
    np.testing.assert_array_equal(net.flat.w, before)
    np.testing.assert_array_equal(net.flat.dw, 0)
    short = recurrent.LSTM(INPUTS, [HIDDEN], 8, rng=1)
    expected = short.train_step(x[:3], targets[:3], recurrent.Adam()).loss
    assert net.train_step(x[:3], targets[:3], optimizer).loss == expected
    np.testing.assert_array_equal(net.flat.w, short.flat.w)


def test_a_forward_pass_stops_with_the_exception_of_the_programs_handler(net, x, handler):
    def stop(number, frame):
        raise StopError(number)

    handler(stop)
    timer = send_soon()
    with pytest.raises(StopError, match=str(int(signal.SIGINT))):
        net.forward(x)
    timer.join()
    # no forward pass is left to backpropagate through
    with pytest.raises(RuntimeError, match="no forward pass"):
        net.backward(np.zeros((T, B, 8), "float32"))
    net.forward(x[:2])


def test_a_handler_that_returns_does_not_stop_the_call(net, x, handler):
    seen = []
    handler(lambda *_: seen.append(_c.lib.recurrent_is_interrupt_check()))
    expected, _ = net.forward(x)
    timer = send_soon(0.05)
    y, _ = net.forward(x)
    timer.join()
    np.testing.assert_array_equal(y, expected)
    # 1: the handler ran in the middle of the call
    assert seen == [1]


def test_a_handler_may_not_use_the_objects_of_the_call(net, x, handler):
    def use(number, frame):
        assert recurrent.LSTM(2, [2], rng=1).forward(np.zeros((1, 1, 2), "float32"))[0].shape == (1, 1, 2)
        net.forward(x[:1])

    handler(use)
    timer = send_soon()
    with pytest.raises(RuntimeError, match=r"network is in use by .*; expected one such call at a time"):
        net.forward(x)
    timer.join()
    net.forward(x[:1])


def test_a_graph_stops_and_the_next_one_works():
    a = recurrent.Mat.from_array(np.random.default_rng(0).standard_normal((1500, 1500)).astype("float32"))
    timer = send_soon()
    with pytest.raises(KeyboardInterrupt):
        y = a
        for _ in range(40):
            y = (a @ y).tanh()
        y.sum().backward()
    timer.join()
    a.dw[:] = 0
    a.sum().backward()
    np.testing.assert_array_equal(a.dw, 1)


def test_a_signal_reaches_only_the_main_thread(net, x):
    done = []
    thread = threading.Thread(target=lambda: done.append(net.forward(x)))
    thread.start()
    timer = send_soon(0.05)
    with pytest.raises(KeyboardInterrupt):
        timer.join()
        signal.pause()
    thread.join()
    assert len(done) == 1
