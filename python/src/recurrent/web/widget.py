"""The way to a notebook: the page as an anywidget, over the notebook's own line to its kernel."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .desk import MENDABLE, Desk, Watcher

_HERE = Path(__file__).parent
_BEAT = 120.0  # seconds without a word from a view after which nobody is there; a busy kernel hears none


class Live(anywidget.AnyWidget):
    """A run on a page in a notebook; any number of its views show the same.

    Parameters
    ----------
    desk : Desk
        The run.
    """

    _esm = _HERE / "page.js"
    _css = _HERE / "page.css"
    markup = traitlets.Unicode().tag(sync=True)

    def __init__(self, desk: Desk) -> None:
        html = (_HERE / "page.html").read_text(encoding="utf-8")
        super().__init__(markup=html.partition('<main class="recurrent-live">')[2].partition("</main>")[0])
        self.desk = desk
        self._watcher: Watcher | None = None
        self._heard = 0.0
        self._lock = threading.Lock()
        self.on_msg(self._hear)

    def _hear(self, _: Any, message: Any, buffers: list[Any]) -> None:
        """What a view sends."""
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "watch":
            self._watch(bool(message.get("fresh")))
        elif kind == "do":
            self._do(message, bytes(buffers[0]) if buffers else None)

    def _do(self, message: dict[str, Any], data: bytes | None) -> None:
        answer = {"kind": "reply", "id": message.get("id")}
        try:
            reply, data = self.desk.do(str(message.get("name")), message.get("arguments", {}), data)
        except MENDABLE as error:
            self.send({**answer, "error": str(error) or type(error).__name__})
        except Exception as error:
            self.send({**answer, "error": f"this should not have happened: {error!r}"})
            raise
        else:
            self.send({**answer, "reply": reply}, [data] if data is not None else None)

    def _watch(self, fresh: bool) -> None:
        """Tell the views, as long as one of them says that it is there; a fresh one needs all from the start."""
        with self._lock:
            self._heard = time.monotonic()
            if self._watcher is None:
                self._watcher = self.desk.watch()
                threading.Thread(target=self._tell, name="recurrent-view", daemon=True).start()
            elif fresh:
                self._watcher.forget()

    def _tell(self) -> None:
        watcher = self._watcher
        assert watcher is not None
        while time.monotonic() - self._heard < _BEAT and not self.desk.is_closed:
            frame = watcher.frame(wait=1)
            if frame is not None:
                self.send({"kind": "frame", "frame": json.loads(frame)})
        with self._lock:
            watcher.close()
            self._watcher = None

    def close(self) -> None:
        """End the run, and take its views away."""
        self.desk.close()
        super().close()
