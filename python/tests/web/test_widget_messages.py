"""Messages of the page in a notebook, without a browser."""

import sys

import pytest

import recurrent
from sessions import LINES


def test_without_anywidget(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "recurrent.web.widget", raising=False)
    with pytest.raises(ImportError, match="the page in a notebook requires anywidget: pip install anywidget"):
        recurrent.live(LINES)


def test_answers(monkeypatch):
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    live, sent = recurrent.live(LINES, hidden_sizes="4"), []
    try:
        live.send = lambda content, buffers=None: sent.append(content)
        live._receive(None, {"kind": "do", "id": 1, "name": "no_such"}, [])
        live._receive(None, "no message", [])
        assert len(sent) == 1 and "no_such" in sent[0]["error"]

        def bug(*_):
            raise AttributeError("a bug")

        monkeypatch.setattr("recurrent.web.widget.perform", bug)
        with pytest.raises(AttributeError):
            live._receive(None, {"kind": "do", "id": 2, "name": "pause"}, [])
        assert sent[1] == {"kind": "reply", "id": 2, "error": "internal error: AttributeError('a bug')"}
    finally:
        live.close()
