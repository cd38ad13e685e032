"""The session: training, requests between steps, subscribers, divergence and idling."""

import json
import math
import time
from concurrent.futures import TimeoutError as FutureTimeout

import numpy as np
import pytest

from recurrent.web.actions import perform
from recurrent.web.session import SessionTimeout
from sessions import BOOK, LINES, frame_part, open_session, wait_for, weights_of


def test_run():
    with open_session() as session:
        time.sleep(0.05)
        assert session.trainer.step == 0  # without a subscriber
        subscriber = session.subscribe()
        first = json.loads(subscriber.receive(5))
        assert first["run"]["text"] == LINES and first["curve"]["from"] == 0
        wait_for(lambda: session.trainer.step > 3000)
        before = frame_part(session, "samples")
        assert (
            math.exp(wait_for(lambda: frame_part(session, "progress")["loss"]))
            < 3
            < first["run"]["vocabulary"]
        )
        assert perform(session, "pause", {}) == ({}, None)
        tick, weights = session.trainer.step, weights_of(session)
        time.sleep(0.1)
        assert session.trainer.step == tick and not frame_part(session, "run")["learning"]
        assert np.array_equal(weights_of(session), weights)
        assert (
            frame_part(session, "progress")["step"] == tick and frame_part(session, "samples")["step"] == tick
        )
        assert frame_part(session, "samples")["samples"] != before["samples"]
        # introspection does not change the weights
        for action, values in (
            ("continue", {"prompt": "h"}),
            ("predict", {}),
            ("color", {}),
            ("change", {"temperature": 1}),
        ):
            perform(session, action, values)
        assert np.array_equal(weights_of(session), weights)
        perform(session, "resume", {})
        wait_for(lambda: session.trainer.step > tick + 100)
        subscriber.close()


def test_calls_run_between_steps():
    """An object serves one thread at a time: another thread may get an error."""
    with open_session() as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 100)
        tick, before = session.trainer.step, weights_of(session)
        for _ in range(300):
            assert np.isfinite(weights_of(session)).all()
        assert session.trainer.step > tick and not np.array_equal(weights_of(session), before)
        assert session.call(lambda: session.call(lambda: 7)) == 7
        with pytest.raises(AttributeError, match="no_such"):
            session.call(lambda: session.no_such)
        wait_for(lambda: session.trainer.step > tick + 1000)
        subscriber.close()
    with pytest.raises(RuntimeError, match="the run has ended"):
        session.call(lambda: 1)


def test_subscribers_receive_the_same_curve():
    with open_session() as session:
        early, points = session.subscribe(), []

        def read(subscriber, points):
            frame = json.loads(subscriber.receive(1) or "{}")
            if "curve" in frame:
                del points[frame["curve"]["from"] :]
                points += frame["curve"]["points"]

        while len(points) < 1000:
            read(early, points)
        revision = session.trainer.curve.revision
        wait_for(lambda: read(early, points) or session.trainer.curve.revision > revision, 60)
        perform(session, "pause", {})
        while (frame := early.receive(0.3)) is not None:
            frame = json.loads(frame)
            if "curve" in frame:
                del points[frame["curve"]["from"] :]
                points += frame["curve"]["points"]
        assert points == frame_part(session, "curve")["points"] and len(points) == len(
            session.trainer.curve.points
        )
        early.close()


def test_sliders_act_at_once():
    with open_session() as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 50)
        perform(session, "change", {"learning_rate": "0", "weight_decay": 0})
        # a pause ends the changes of the worker thread
        perform(session, "pause", {})
        weights, tick = weights_of(session), session.trainer.step
        perform(session, "resume", {})
        wait_for(lambda: session.trainer.step > tick + 500)
        perform(session, "pause", {})
        assert np.array_equal(weights_of(session), weights)
        assert frame_part(session, "run")["settings"]["learning_rate"] == 0
        cold = frame_part(session, "samples")["samples"]
        perform(session, "change", {"temperature": 1e-3})
        assert frame_part(session, "samples")["samples"] != cold
        assert len({text for text, _ in frame_part(session, "samples")["samples"]}) == 1
        subscriber.close()


def test_undo():
    """Any replacement of the model is undone with its settings, its text and its progress."""
    with open_session() as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 100)
        assert frame_part(session, "run")["former"] is None
        replacements = (
            ("learn", {"settings": {"hidden_sizes": "5"}, "text": "another"}, None),
            ("pretrained", {}, None),
            ("open", {"name": "b.txt", "settings": {"batch_size": 2, "hidden_sizes": "5"}}, BOOK.encode()),
        )
        for name, arguments, data in replacements:
            perform(session, "pause", {})
            run = session.call(lambda: session.run)
            weights, step = weights_of(session), run.trainer.step
            perform(session, name, arguments, data)
            replaced = session.call(lambda: session.run)
            assert replaced.trainer is not run.trainer
            assert session.text == arguments.get("text", data.decode() if data else LINES)
            assert frame_part(session, "run")["former"] == {"step": step}
            perform(session, "undo", {})
            assert session.run == run and np.array_equal(weights_of(session), weights)
            shown = frame_part(session, "run")
            assert (shown["text"], shown["learning"]) == (run.text, False)
            assert frame_part(session, "progress")["step"] == step
            assert frame_part(session, "curve")["points"]
            # and there is a way back
            perform(session, "undo", {})
            assert session.run == replaced
            perform(session, "undo", {})
            perform(session, "resume", {})
            wait_for(lambda step=step: session.trainer.step > step + 10)
        subscriber.close()


def test_a_minute_of_learning_is_kept():
    """Shorter runs do not displace it."""
    with open_session() as session:
        long = session.run
        long.trainer.seconds = 61.0
        for sizes in ("5", "6", "7"):
            perform(session, "learn", {"settings": {"hidden_sizes": sizes}})
        assert session.former == long
        session.trainer.seconds = 61.0
        latest = session.run
        perform(session, "learn", {"settings": {"hidden_sizes": "8"}})
        assert session.former == latest
        perform(session, "undo", {})
        assert session.run == latest


def test_divergence_pauses_the_run(monkeypatch):
    def lost(*_):
        raise FloatingPointError("training diverged in step 7")

    with open_session() as session:
        subscriber = session.subscribe()
        monkeypatch.setattr(session.trainer.model, "tick", lost)
        problem = wait_for(lambda: frame_part(session, "run")["problem"])
        assert problem == "training diverged in step 7: lower the learning rate and learn again"
        assert not session.is_learning
        assert perform(session, "continue", {"prompt": "h"})[0]["text"] is not None
        perform(session, "learn", {"settings": {"learning_rate": 0.01, "clip": 5}})
        wait_for(lambda: session.trainer.step > 100)
        assert frame_part(session, "run")["problem"] == ""
        subscriber.close()


def test_pauses_without_subscribers():
    with open_session(idle_timeout=0.2) as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 20)
        time.sleep(0.4)
        assert session.is_learning
        subscriber.close()
        subscriber.close()
        wait_for(lambda: not session.is_learning, 5)
        assert frame_part(session, "run")["note"] == "paused: no page was open"


def test_calls_that_do_not_end(monkeypatch):
    """A timeout of the function itself is another one than that of the call."""
    with open_session() as session:
        assert session.call(lambda: session.call(lambda: 7)) == 7

        def late():
            raise FutureTimeout

        with pytest.raises(FutureTimeout) as raised:
            session.call(late)
        assert not isinstance(raised.value, SessionTimeout)
        monkeypatch.setattr("recurrent.web.session._TIMEOUT", 0.05)
        with pytest.raises(SessionTimeout, match="the network is in a long step"):
            session.call(lambda: time.sleep(0.5))


def test_the_end_of_a_run(monkeypatch):
    with open_session() as session:
        monkeypatch.setattr(session.trainer, "run", lambda _: None)
        subscriber = session.subscribe()
        assert wait_for(lambda: session.note) == "all steps are done: learn again to continue"
        assert not session.is_learning
        subscriber.close()
