"""What tests of the page share: a desk with a small run, and a server for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from recurrent.web.desk import Desk
from recurrent.web.server import Server
from recurrent.web.settings import Settings

LINES = "hello there\ngood morning\nwell, good night\n"
SMALL = {"hidden_sizes": [12], "letter_size": 4, "learning_rate": 0.01}
BOOK = "".join(f"{k} times {k} is {k * k}, and that is that.\n" for k in range(200))


@contextmanager
def desk(text: str = LINES, patience: float = 60.0, **settings: Any) -> Iterator[Desk]:
    """A desk; it ends with the block."""
    made = Desk(Settings().changed({**SMALL, **settings}), text, patience)
    try:
        yield made
    finally:
        made.close()
        assert not made._thread.is_alive()


@contextmanager
def server(made: Desk) -> Iterator[Server]:
    """A server for a desk, at a port that is free."""
    with Server(made) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield serving
        finally:
            serving.shutdown()
            serving.close()
            thread.join(10)


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for something to come true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came")


def learned(made: Desk) -> np.ndarray:
    """A copy of the weights, taken between two ticks: the desk's thread may be at it even when it does not learn."""
    copy: np.ndarray = made.ask(lambda: made.learner.model.parameters.flat.w.copy())
    return copy


def part(made: Desk, name: str) -> Any:
    """What a page that comes now is told of one thing."""
    watcher = made.watch()
    try:
        return json.loads(watcher.frame(5))[name]
    finally:
        watcher.close()
