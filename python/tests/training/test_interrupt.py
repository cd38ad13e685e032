"""Interrupts: delayed to the end of a protected block, and only where Python's own handler is in place."""

import os
import signal
import threading

import pytest

from recurrent.training.interrupt import Interrupt, sigterm_as_interrupt

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
            with Interrupt() as interrupts, interrupts.held(), sigterm_as_interrupt():
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_from_outside_are_interrupts(name):
    number = getattr(signal, name)
    with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt():
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_an_ignored_signal_stays_ignored(name):
    number = getattr(signal, name)
    old = signal.signal(number, signal.SIG_IGN)
    try:
        with sigterm_as_interrupt():
            signal.raise_signal(number)
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, old)
