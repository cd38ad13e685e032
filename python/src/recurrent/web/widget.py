"""The live page in a notebook: an anywidget that sends messages between the views and the kernel."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import anywidget
import traitlets

from .actions import perform
from .assets import STATIC, bundle, markup
from .session import USER_ERRORS, Session, Subscriber

_VIEW_TIMEOUT = 120.0  # seconds without a message of any view; a busy kernel receives none


class Live(anywidget.AnyWidget):
    """A run in a notebook; all its views show the same.

    Parameters
    ----------
    session : Session
        The run.
    """

    _esm = bundle()
    _css = STATIC / "page.css"
    markup = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session) -> None:
        super().__init__(markup=markup())
        self.session = session
        self._subscriber: Subscriber | None = None
        self._last_message = 0.0
        self._lock = threading.Lock()
        self.on_msg(self._receive)

    def _receive(self, _: Any, message: Any, buffers: list[Any]) -> None:
        """Handles a message of a view."""
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "watch":
            self._subscribe(bool(message.get("fresh")))
        elif kind == "do":
            self._perform(message, bytes(buffers[0]) if buffers else None)

    def _perform(self, message: dict[str, Any], data: bytes | None) -> None:
        answer = {"kind": "reply", "id": message.get("id")}
        try:
            reply, data = perform(self.session, str(message.get("name")), message.get("arguments", {}), data)
        except USER_ERRORS as error:
            self.send({**answer, "error": str(error) or type(error).__name__})
        except Exception as error:
            self.send({**answer, "error": f"internal error: {error!r}"})
            raise
        else:
            self.send({**answer, "reply": reply}, [data] if data is not None else None)

    def _subscribe(self, fresh: bool) -> None:
        """Sends frames while messages of views arrive; a fresh view needs a frame with everything."""
        with self._lock:
            self._last_message = time.monotonic()
            if self._subscriber is None:
                self._subscriber = self.session.subscribe()
                threading.Thread(target=self._send_frames, name="recurrent-view", daemon=True).start()
            elif fresh:
                self._subscriber.restart()

    def _send_frames(self) -> None:
        subscriber = self._subscriber
        assert subscriber is not None
        while time.monotonic() - self._last_message < _VIEW_TIMEOUT and not self.session.is_closed:
            frame = subscriber.receive(timeout=1)
            if frame is not None:
                self.send({"kind": "frame", "frame": json.loads(frame)})
        with self._lock:
            subscriber.close()
            self._subscriber = None

    def close(self) -> None:
        """Ends the run and removes its views."""
        self.session.close()
        super().close()
