"""The progress bar: in terminals, in notebooks, elsewhere."""

import re
import sys
import types
from typing import ClassVar

import numpy as np
import pytest

import recurrent
from support import succeed

TEXT = "".join(
    np.random.default_rng(1).choice(list("abcde \n"), 400, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
)
SMALL = {"batch_size": 4, "seq_length": 5, "progress": False}


def model(cell="lstm", seed=1, **settings):
    return recurrent.TextModel(cell, [6, 5], rng=seed, **settings)


def weights(tm):
    return tm.flat.w.tobytes()


class Bar:
    """Records the calls of tqdm."""

    made: ClassVar[list] = []

    def __init__(self, **settings):
        self.settings, self.steps, self.texts, self.is_closed = settings, 0, [], False
        Bar.made.append(self)

    def update(self, steps):
        self.steps += steps

    def set_postfix_str(self, text, refresh):
        self.texts.append(text)

    def close(self):
        self.is_closed = True


@pytest.fixture
def bars(monkeypatch):
    """A tqdm that can be looked at."""
    Bar.made = []
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    return Bar.made


def terminal(monkeypatch, is_one=True):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_one, raising=False)


def test_progress_in_a_terminal(bars, monkeypatch):
    terminal(monkeypatch)
    tm = model()
    tm.fit(TEXT, 30, evaluate_every=10, **{**SMALL, "progress": True})
    (bar,) = bars
    assert bar.steps == 30 == bar.settings["total"] and bar.settings["initial"] == 0 and bar.is_closed
    assert "remaining" in bar.settings["bar_format"]
    assert len(bar.texts) >= 3
    for text in bar.texts:
        assert re.fullmatch(r"loss \d\.\d{3}, validation \d\.\d{3}, [\d,]+ characters/s", text), text
    tm.resume(TEXT, 6)
    assert bars[-1].settings["initial"] == 30 and bars[-1].settings["total"] == 36 and bars[-1].steps == 6


def test_progress_elsewhere(bars, monkeypatch, capsys):
    terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    h = model().fit(TEXT, 3, **{**SMALL, "progress": True})
    assert h.stop_reason == "steps"
    assert (
        capsys.readouterr().err == "training shows its progress where tqdm is installed: pip install tqdm\n"
    )
    # neither a terminal nor a notebook
    terminal(monkeypatch, False)
    model().fit(TEXT, 3, **{**SMALL, "progress": True})
    assert capsys.readouterr().err == "" and not bars
    # a notebook
    shell = types.SimpleNamespace(kernel=1)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    monkeypatch.setitem(sys.modules, "tqdm.notebook", types.SimpleNamespace(tqdm=Bar))
    model().fit(TEXT, 3, **{**SMALL, "progress": True})
    assert len(bars) == 1 and "dynamic_ncols" not in bars[0].settings
    # one without widgets
    monkeypatch.setitem(sys.modules, "tqdm.notebook", None)
    model().fit(TEXT, 3, **{**SMALL, "progress": True})
    assert len(bars) == 2 and bars[1].settings["dynamic_ncols"]


def test_a_terminal_that_goes_does_not_end_the_training(bars, monkeypatch):
    terminal(monkeypatch)

    def fail(*_):
        raise OSError(5, "Input/output error")

    for method in ("update", "close"):
        monkeypatch.setattr(Bar, method, fail)
        h = model().fit(TEXT, 30, evaluate_every=10, **{**SMALL, "progress": True})
        assert h.stop_reason == "steps" and bars[-1].disable


def test_tqdm_itself(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    terminal(monkeypatch)
    model().fit(TEXT, 30, evaluate_every=10, **{**SMALL, "progress": True})
    last = capsys.readouterr().err.rstrip().rpartition("\r")[2]
    assert "100%" in last and "30/30" in last and "left, loss" in last and "characters/s" in last


def test_nothing_is_imported_before_it_is_wanted():
    code = """
import sys, recurrent
recurrent.TextModel("rnn_tanh", [4], rng=1).fit("hello help " * 20, 2, 2, 3, progress=False)
print(sorted({"tqdm", "matplotlib", "IPython"} & set(sys.modules)))
"""
    assert succeed(code).strip() == "[]"
