"""Parts of the tests of the page: a session with a small run, and a server for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from recurrent.web.server import Server
from recurrent.web.session import Session
from recurrent.web.settings import Settings

LINES = "hello there\ngood morning\nwell, good night\n"
SMALL = {"hidden_sizes": [12], "embedding": 4, "learning_rate": 0.01}
BOOK = "".join(f"{k} times {k} is {k * k}, and that is that.\n" for k in range(200))


@contextmanager
def open_session(text: str = LINES, idle_timeout: float = 60.0, **settings: Any) -> Iterator[Session]:
    """Opens a session for the block."""
    session = Session(Settings().changed({**SMALL, **settings}), text, idle_timeout)
    try:
        yield session
    finally:
        session.close()
        assert not session._thread.is_alive()


@contextmanager
def open_server(session: Session) -> Iterator[Server]:
    """Opens a server of a session at a free port, for the block."""
    with Server(session) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.close()
            thread.join(10)


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Waits until a condition is true and returns its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError(f"the condition is false after {seconds} s")


def weights_of(session: Session) -> np.ndarray:
    """Returns a copy of the weights, made between two steps: the worker thread uses the model even while paused."""
    copy: np.ndarray = session.call(lambda: session.trainer.model.parameters.flat.w.copy())
    return copy


def frame_part(session: Session, name: str) -> Any:
    """Returns one part of the first frame of a new subscriber."""
    subscriber = session.subscribe()
    try:
        return json.loads(subscriber.receive(5))[name]
    finally:
        subscriber.close()
