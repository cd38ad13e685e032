"""Interrupts: delayed to the end of a protected block, and only where Python's own handler is in place."""

import os
import signal
import threading

import pytest

from recurrent.training.interrupt import Interrupt, StopSignals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGINT to its own process")


def interrupt():
    signal.raise_signal(signal.SIGINT)


def test_a_protected_block_is_completed():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupts:
        with interrupts.held():
            interrupt()
            interrupt()
            done.append("block")
        done.append("after")
    assert done == ["block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_interrupt_is_raised_once():
    with Interrupt() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.held():
            interrupt()
        with interrupts.held():
            pass


def test_outside_of_a_protected_block_it_comes_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupt():
        interrupt()
        done.append("after")
    assert not done


def test_an_error_in_a_protected_block_is_the_error():
    with Interrupt() as interrupts:
        with pytest.raises(ZeroDivisionError), interrupts.held():
            interrupt()
            _ = 1 // 0
        # the interrupt is raised at the end of the next block
        with pytest.raises(KeyboardInterrupt), interrupts.held():
            pass


def test_a_handler_of_the_program_stays():
    seen = []
    old = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        with Interrupt() as interrupts, interrupts.held():
            interrupt()
            assert seen == [1]
    finally:
        signal.signal(signal.SIGINT, old)


def test_another_thread_has_no_handlers():
    failed = []

    def run():
        try:
            with StopSignals(), Interrupt() as interrupts, interrupts.held():
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.fixture
def ignore():
    """Ignores a signal, until the test ends."""
    before = {}

    def set_ignored(number):
        before.setdefault(number, signal.signal(number, signal.SIG_IGN))

    yield set_ignored
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_stop_signals(number):
    before = [signal.getsignal(each) for each in SIGNALS]
    with StopSignals() as stop, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert stop.number == number and [signal.getsignal(each) for each in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS[1:])
def test_stop_signals_where_ctrl_c_is_ignored(number, ignore):
    """As in a job of a shell's background."""
    ignore(signal.SIGINT)
    done = []
    with StopSignals() as stop, pytest.raises(KeyboardInterrupt), Interrupt() as interrupts:
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(number)
            done.append("block")
        done.append("after")
    assert done == ["block"] and stop.number == number
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(number, ignore):
    ignore(number)
    with StopSignals() as stop, Interrupt() as interrupts:
        signal.raise_signal(number)
        with interrupts.held():
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN
    assert stop.number is None


def test_a_second_signal_does_not_split_the_way_to_the_save():
    """A supervisor may send SIGTERM and SIGHUP at once."""
    done = []
    with StopSignals() as stop, Interrupt() as interrupts:
        try:
            with interrupts.held():
                signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            for number in SIGNALS:
                signal.raise_signal(number)
            with interrupts.held():
                done.append("saved")
    assert done == ["saved"] and stop.number == signal.SIGTERM


def test_the_program_is_prepared_first():
    seen = []
    with pytest.raises(KeyboardInterrupt), StopSignals(lambda: seen.append(1)):
        signal.raise_signal(signal.SIGTERM)
    assert seen == [1]
