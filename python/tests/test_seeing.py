"""What a text model does while it reads: taps, guesses, gradients through time, pages and plots."""

from __future__ import annotations

import html.parser
import math
import re
import sys

import numpy as np
import pytest

import recurrent
from recurrent.introspection import plots

TAGS = {"html", "head", "meta", "title", "body", "div", "style", "h1", "small", "p", "span", "pre", "i", "b"}
TEXT = "so <b>it</b> goes & \"goes\"\t'on'\nand on, $x$"
CELLS = ("lstm", "gru", "gru_reset_before", "rnn", "rnn_relu")


def model(cell="lstm", tokenizer="characters", **settings):
    settings = {"dtype": "float64", "rng": 5, **settings}
    tm = recurrent.TextModel(cell, [6, 5], tokenizer=tokens, **settings).build(TEXT)
    tm.flat.w = 0.5 * np.random.default_rng(1).standard_normal(tm.flat.w.shape)
    return tm


# ---- arrays


def test_taps_are_the_networks():
    tm = model()
    tokens = tm.encode(TEXT)
    found, expected = tm.activations(TEXT), tm.network.activations(tokens[:, None])
    assert list(found) == list(expected)
    for name, values in found.items():
        assert values.shape == (len(tokens), 6 if name.endswith("0") else 5)
        assert np.array_equal(values, expected[name][:, 0])
    assert list(tm.activations(TEXT, ["f1"])) == ["f1"]
    with pytest.raises(IndexError, match="there is no tap 'r0'"):
        tm.activations(TEXT, ["r0"])


@pytest.mark.parametrize("text", ["", "é", 3])
def test_texts_that_cannot_be_read(text):
    tm = model()
    for look in (tm.taps, tm.next_characters, tm.gradient_norms, lambda text: tm.html(text, "h0", 0)):
        with pytest.raises(TypeError if text == 3 else ValueError, match=r"text|character 'é' \(U\+00E9\)"):
            look(text)
    assert len(tm.next_characters("é" + TEXT, errors="ignore")) == len(TEXT)


@pytest.mark.parametrize("tokens", ["characters", "bytes"])
def test_next_characters_are_the_likeliest(tokens, monkeypatch):
    tm = model(tokenizer=tokens)
    read = tm.encode(TEXT)
    y, _ = tm.network.forward(read[:, None])
    p = np.exp(y[:, 0]) / np.exp(y[:, 0]).sum(1, keepdims=True)
    # read in parts, the state goes from one to the next
    monkeypatch.setattr(recurrent.introspection.activations, "_PART", 7 * p.shape[1])
    found = tm.next_characters(TEXT)
    assert len(found) == len(read)
    names = tm.vocabulary or [chr(b) if b < 128 else f"\\x{b:02X}" for b in range(256)]
    for row, guesses in zip(p, found):
        order = np.argsort(-row)[:5]
        assert [name for name, _ in guesses] == [names[token] for token in order]
        assert np.allclose([share for _, share in guesses], row[order], rtol=1e-12)
    if tokens == "characters":
        every = tm.next_characters("so", k=1000)[-1]
        assert len(every) == len(tm.vocabulary)
        assert math.isclose(sum(share for _, share in every), 1)
    with pytest.raises(ValueError, match="k is 0; expected at least 1"):
        tm.next_characters("so", k=0)


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_norms_are_central_differences(cell):
    tm = model(cell)
    tm.flat.dw[:] = 3
    tokens = tm.encode(TEXT[:9])
    found = tm.gradient_norms(TEXT[:9])
    assert (tm.flat.dw == 3).all()

    def loss(state, t):
        y, _ = tm.network.forward(tokens[t + 1 : -1, None], state)
        row = y[-1, 0]
        return np.log(np.exp(row).sum()) - row[tokens[-1]]

    for t in range(7):
        _, state = tm.network.forward(tokens[: t + 1, None])
        slope = np.empty_like(state.flat)
        for j in range(len(slope)):
            above, below = state.copy(), state.copy()
            above.flat[j] += 1e-5
            below.flat[j] -= 1e-5
            slope[j] = (loss(above, t) - loss(below, t)) / 2e-5
        slope = recurrent.State(slope, tm.hidden_sizes, cell == "lstm")
        expected = {f"h{k}": np.linalg.norm(part) for k, part in enumerate(slope.h)}
        expected |= {f"c{k}": np.linalg.norm(part) for k, part in enumerate(slope.c)}
        assert set(found) == set(expected)
        for name, norm in expected.items():
            assert found[name].shape == (7,)
            assert abs(found[name][t] - norm) < 1e-7 * (1 + norm), (name, t)
    with pytest.raises(ValueError, match="text has 2 tokens; expected at least 3"):
        tm.gradient_norms("so")


# ---- pages


class Reader(html.parser.HTMLParser):
    """The text of a page's `pre` without what the pointer shows, and that; every element must be closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.shown, self.metadata, self.elements = [], "", [], set()
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        for name, value in attributes:
            assert name not in ("src", "href") and not name.startswith("on"), name
            assert "url(" not in (value or "")
        if tag != "meta":
            self.open.append(tag)
        if tag == "i":
            self.metadata.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "i" in self.open:
            self.metadata[-1] += data
        elif "pre" in self.open:
            self.shown += data


def test_a_page_shows_the_text_and_nothing_of_it_is_markup():
    tm = model()
    page = tm.html(TEXT, "c1", 2)
    read = Reader(page)
    assert read.shown == TEXT.replace("\n", "↵\n").replace("\t", "⇥")
    assert read.elements <= TAGS
    for letter, escaped in (("<", "&lt;"), (">", "&gt;"), ("&", "&amp;"), ('"', "&quot;"), ("'", "&#x27;")):
        assert f'">{escaped}<i>' in page and f'">{letter}<i>' not in page
    # the five guesses under each character's number
    assert len(read.metadata) == len(TEXT)
    cells, guesses = tm.activations(TEXT, ["c1"])["c1"][:, 2], tm.next_characters(TEXT)
    for note, value, guess in zip(read.metadata, cells, guesses):
        first, rest = note.split("\n", 1)
        assert first.endswith(f" {value:.2f}".replace("-", "−"))
        assert rest.count("%") == 5
        assert rest.startswith({" ": "␣", "\n": "↵", "\t": "⇥"}.get(guess[0][0], guess[0][0]) + " ")
    # tanh of the cell is how strong the colour is
    shades = [float(shade) for shade in re.findall(r"span style=\"background:rgba\([\d,]+,([\d.]+)\)", page)]
    assert np.allclose(shades, np.abs(np.tanh(cells)), atol=0.005)
    assert "<p>tanh: −1 <span" in page
    assert page._repr_html_() == page


def test_a_page_is_saved_and_says_whose_unit_it_is(tmp_path):
    page = model().html("so", "i0", 5)
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert page.startswith("<!doctype html>") and '<meta charset="utf-8">' in page
    assert "<title>i0, unit 5</title>" in page and "lstm 6 5, 0 steps" in page


def test_pages_of_bytes_show_characters():
    tm = model(tokenizer="bytes")
    read = Reader(tm.html(b"a\xc3\xa9\xff<\x00\xe2\x82", "h0", 0))
    assert read.shown == "aé\\xFF<␀\\xE2\\x82"
    assert len(read.metadata) == 7


@pytest.mark.parametrize(("cell", "taps"), [("gru", "hrzn"), ("rnn_relu", "h"), ("lstm", "hcifog")])
def test_every_tap_has_a_page(cell, taps):
    tm = model(cell)
    for tap in taps:
        shades = re.findall(r"background:rgba\([\d,]+,([\d.]+)\)", tm.html(TEXT, f"{tap}0", 0))
        assert shades and all(0 <= float(shade) <= 1 for shade in shades)


def test_pages_that_cannot_be_made():
    tm = model()
    with pytest.raises(IndexError, match="unit is 6; h0 has units 0 to 5"):
        tm.html(TEXT, "h0", 6)
    with pytest.raises(IndexError, match="unit is -1"):
        tm.html(TEXT, "h0", -1)
    with pytest.raises(IndexError, match="there is no tap 'x'"):
        tm.html(TEXT, "x", 0)
    with pytest.raises(ValueError, match="text has 20,001 tokens; expected 1 to 20,000"):
        tm.html("s" * 20_001, "h0", 0)


# ---- figures


def test_figures_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="matplotlib, which is not installed: pip install matplotlib"):
        plots.activations(model(), TEXT)


def test_figures_are_not_loaded_with_the_package():
    from support import succeed

    succeed("import sys, recurrent, recurrent.figures; assert 'matplotlib' not in sys.modules")


def test_the_figure_of_a_run():
    pytest.importorskip("matplotlib")
    run = model().fit(TEXT * 20, 12, 4, 5, evaluate_every=4, progress=False)
    figure = plots.history(run)
    top, bottom, rates = figure.axes
    lines = {line.get_label(): line for line in top.lines}
    label = f"held out {run.validation[-1][1]:.3f}"
    assert lines[label].get_ydata().tolist() == [loss for _, loss in run.validation]
    assert bottom.lines[-1].get_ydata().tolist() == [norm for _, norm in run.gradient_norms]
    assert rates.lines[0].get_ydata().tolist() == [rate for _, rate in run.learning_rates]
    # every look at the validation is inside
    low, _ = top.get_ylim()
    assert all(low < loss for _, loss in run.validation)
    with pytest.raises(ValueError, match="the history is empty"):
        plots.history(recurrent.History())
    plots.history(recurrent.History(train=[(1, 2.0)])).savefig("/dev/null", format="png")


@pytest.mark.parametrize("tokens", ["characters", "bytes"])
def test_the_figure_of_taps(tokens):
    pytest.importorskip("matplotlib")
    tm = model(tokenizer=tokens)
    figure = plots.activations(tm, TEXT, ["c1", "f0"], units=[3, 1])
    cells, gates = (axes.images[0].get_array() for axes in figure.axes[:2])
    taps = tm.activations(TEXT)
    assert np.allclose(cells, np.tanh(taps["c1"].T[[3, 1]]))
    assert np.allclose(gates, taps["f0"].T[[3, 1]])
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert "".join(labels) == TEXT.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
    # dollars are drawn as they are
    figure.savefig("/dev/null", format="png")
    assert plots.activations(tm, TEXT * 9).axes[0].get_xlabel() == "token"


def test_the_figure_of_gradients():
    pytest.importorskip("matplotlib")
    tm = model()
    figure = plots.gradient_norms(tm, TEXT)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    norms = tm.gradient_norms(TEXT)
    assert set(lines) == set(norms) and all(np.array_equal(lines[name], norms[name]) for name in norms)
    figure.savefig("/dev/null", format="png")
