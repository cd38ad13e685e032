"""Interrupts: kept until a check, whatever handler is in place, and raised at once within a call."""

import os
import signal
import threading

import pytest

from recurrent.training.interrupt import Interrupt, StopSignals, _Handlers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGINT to its own process")


def interrupt():
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_for_a_check():
    done = []
    with Interrupt() as interrupts:
        interrupt()
        interrupt()
        done.append("block")
        with pytest.raises(KeyboardInterrupt) as raised:
            interrupts.check()
        assert raised.value is interrupts.raised
        # once
        interrupts.check()
    assert done == ["block"] and interrupts.raised is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_call_is_interrupted_at_once():
    done = []

    def work(name):
        done.append(name)
        interrupt()
        done.append("after")

    with Interrupt() as interrupts:
        with pytest.raises(KeyboardInterrupt) as raised:
            interrupts.call(work, "begun")
        assert done == ["begun"] and raised.value is interrupts.raised
        assert interrupts.call(abs, -2) == 2


def test_a_call_is_not_begun_after_an_interrupt():
    with Interrupt() as interrupts:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupts.call(pytest.fail, "called")


def test_an_interrupt_without_a_check_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt), Interrupt():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # an error is not replaced
    with pytest.raises(ZeroDivisionError), Interrupt():
        interrupt()
        _ = 1 // 0


def test_a_second_interrupt_ends_nothing():
    """As the first one has begun the save."""
    with Interrupt() as interrupts:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupt()
        done = True
    assert done


def test_an_interrupt_can_be_taken():
    with Interrupt() as interrupts:
        assert interrupts.take() is None
        interrupt()
        assert isinstance(interrupts.take(), KeyboardInterrupt) and interrupts.take() is None


class StopError(Exception):
    """Raised by a handler of the program."""


def test_a_handler_of_the_program_is_called_at_once():
    """Its exception waits as any other."""
    seen = []

    def stop(*_):
        seen.append(1)
        raise StopError

    old = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        with Interrupt() as interrupts:
            interrupt()
            assert seen == [1]
            interrupts.check()
        mine = signal.signal(signal.SIGUSR1, stop)
        with Interrupt() as interrupts:
            signal.raise_signal(signal.SIGUSR1)
            assert seen == [1, 1]
            with pytest.raises(StopError):
                interrupts.check()
        assert signal.signal(signal.SIGUSR1, mine) is stop
    finally:
        signal.signal(signal.SIGINT, old)


def test_a_handler_that_is_set_within_stays():
    def handler(*_):
        pass

    with Interrupt():
        signal.signal(signal.SIGINT, handler)
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is handler


def test_another_thread_has_no_handlers():
    failed = []

    def run():
        try:
            with StopSignals(), Interrupt() as interrupts:
                interrupts.call(list)
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
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(number)
        done.append("block")
        interrupts.check()
        done.append("after")
    assert done == ["block"] and stop.number == number
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(number, ignore):
    ignore(number)
    with StopSignals() as stop, Interrupt() as interrupts:
        interrupts.call(signal.raise_signal, number)
        signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN
    assert stop.number is None


def test_a_second_signal_does_not_split_the_way_to_the_save():
    """A supervisor may send SIGTERM and SIGHUP at once."""
    done = []
    with StopSignals() as stop, Interrupt() as interrupts:
        try:
            signal.raise_signal(signal.SIGTERM)
            interrupts.check()
        except KeyboardInterrupt:
            for number in SIGNALS:
                signal.raise_signal(number)
            done.append("saved")
    assert done == ["saved"] and stop.number == signal.SIGTERM


def test_the_program_is_prepared_first():
    seen = []
    with pytest.raises(KeyboardInterrupt), StopSignals(lambda: seen.append(1)):
        signal.raise_signal(signal.SIGTERM)
    assert seen == [1]


def test_nothing_after_the_end():
    with StopSignals() as stop:
        stop.is_over = True
        for number in SIGNALS:
            signal.raise_signal(number)
    assert stop.number is None


def test_handlers_come_back_whatever_is_raised(monkeypatch):
    """A signal that arrives while handlers are replaced, and one that arrives while they are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def wanted(number, _):
        if number == signal.SIGTERM:
            raise KeyboardInterrupt
        return number == signal.SIGINT

    handlers = _Handlers(lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        handlers.replace(wanted)
    assert {number: signal.getsignal(number) for number in before} == before

    handlers.replace(lambda number, _: number in before)
    real, calls = signal.signal, []

    def interrupted(number, handler):
        calls.append(number)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(number, handler)

    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", interrupted)
        with pytest.raises(KeyboardInterrupt):
            handlers.put_back()
    assert {number: signal.getsignal(number) for number in before} == before


def test_other_threads_have_no_handlers():
    thread = threading.Thread(
        target=lambda: _Handlers(lambda *_: None).replace(lambda *_: pytest.fail("asked"))
    )
    thread.start()
    thread.join()
