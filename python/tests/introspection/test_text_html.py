"""Pages of text: their content, and that no text is markup."""

from __future__ import annotations

import html.parser
import re

import numpy as np
import pytest

from reading_models import TEXT, model

TAGS = {"html", "head", "meta", "title", "body", "div", "style", "h1", "small", "p", "span", "pre", "i", "b"}


class Reader(html.parser.HTMLParser):
    """The text of a page's `pre` without the tooltips, and the tooltips; every element must be closed in order."""

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
    assert page._repr_html_() == page and repr(page) == f"<HTML of {len(page):,} characters>"


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


@pytest.mark.parametrize(("cell", "activations"), [("gru", "hrzn"), ("rnn_relu", "h"), ("lstm", "hcifog")])
def test_every_activation_has_a_page(cell, activations):
    tm = model(cell)
    for name in activations:
        shades = re.findall(r"background:rgba\([\d,]+,([\d.]+)\)", tm.html(TEXT, f"{name}0", 0))
        assert shades and all(0 <= float(shade) <= 1 for shade in shades)


def test_pages_that_cannot_be_made():
    tm = model()
    with pytest.raises(IndexError, match=r"unit is out of range; .*got 6"):
        tm.html(TEXT, "h0", 6)
    with pytest.raises(IndexError, match=r"unit is out of range; .*got -1"):
        tm.html(TEXT, "h0", -1)
    with pytest.raises(IndexError, match=r"activation is unknown; expected one of .*, got 'x'"):
        tm.html(TEXT, "x", 0)
    with pytest.raises(ValueError, match="text has the wrong length; expected 1 to 20,000 tokens"):
        tm.html("s" * 20_001, "h0", 0)
