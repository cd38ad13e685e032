"""A text colored by the activation of one unit, as HTML."""

from __future__ import annotations

import codecs
import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._checks import as_int
from ..nn.network import Network
from ..parameters import CELLS_WITH_GATES
from . import activations
from .document import HTML

if TYPE_CHECKING:
    import numpy.typing as npt

# a page of 20,000 tokens has about 10 MB
MAX_TOKENS = 20_000
_SIGNS = {"\n": "↵", "\t": "⇥", " ": "␣", "\r": "␍"}
_BLUE, _RED = "109,176,242", "244,140,125"

_STYLE = """\
.recurrent-page{background:#fff;color:#111;font:14px/1.5 system-ui,sans-serif;padding:1em 1.2em 9em;max-width:64em}
.recurrent-page h1{font-size:1.1em;margin:0 0 .2em}
.recurrent-page p{margin:0 0 1em;color:#555}
.recurrent-page .scale{display:inline-block;width:9em;height:.8em;margin:0 .5em;border:1px solid #ccc}
.recurrent-page pre{background:#fff;color:#111;margin:0;font:15px/1.7 ui-monospace,Menlo,Consolas,monospace;
white-space:pre-wrap;overflow-wrap:anywhere;overflow:visible}
.recurrent-page pre>span{position:relative}
.recurrent-page .sign{color:#777}
.recurrent-page pre i{display:none;position:absolute;left:0;top:1.6em;z-index:1;background:#fff;color:#111;
font-style:normal;line-height:1.4;padding:.4em .6em;border:1px solid #999;border-radius:4px;
box-shadow:0 2px 8px #0003;white-space:pre;pointer-events:none}
.recurrent-page pre>span:hover{outline:2px solid #333}
.recurrent-page pre>span:hover i{display:block}
.recurrent-page i b{display:block;font-weight:400;background:linear-gradient(#dfe7ee,#dfe7ee) 0/var(--p) 100% no-repeat}
"""


def page(
    network: Network,
    tokens: npt.NDArray[np.int64],
    characters: Sequence[str],
    is_bytes: bool,
    activation: str,
    unit: int,
    k: int,
    caption: str,
) -> HTML:
    """Returns the page of ``TextModel.html``."""
    if not 0 < len(tokens) <= MAX_TOKENS:
        raise ValueError(
            f"text has the wrong length; expected 1 to {MAX_TOKENS:,} tokens, got {len(tokens):,}"
        )
    values = activations.activations(network, tokens, [activation])[activation]
    index, units = as_int(unit, "unit"), values.shape[1]
    if not 0 <= index < units:
        raise IndexError(f"unit is out of range; expected 0 to {units - 1}, got {index}")
    column = values[:, index].astype(float)
    shades, ends, made = colors(network.cell, activation, column)
    guesses = activations.next_characters(network, tokens, characters, k)
    spans = []
    for shown, at in _characters(tokens, characters, is_bytes):
        rows = "".join(_row(name, p) for name, p in guesses[at])
        spans.append(
            f'<span style="background:{_color(shades[at])}">{_visible(shown)}'
            f"<i>{_visible(shown, brief=True)} {_number(column[at])}\n{rows}</i></span>"
            + "\n"
            * (shown == "\n")
        )
    title = html.escape(f"{activation}, unit {index}")
    about = html.escape(caption)
    return HTML(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title></head><body>\n"
        f'<div class="recurrent-page"><style>{_STYLE}</style>\n<h1>{title} <small>of {about}</small></h1>\n'
        f"<p>{_scale(ends, made)}. Point at a character for its value and the predictions after it.</p>\n"
        f"<pre>{''.join(spans)}</pre>\n</div>\n</body></html>\n"
    )


def colors(
    cell: str, activation: str, values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], tuple[float, float], str]:
    """Returns values from -1 to 1 for an activation of a cell, the ends of their scale, and the function applied."""
    if cell not in CELLS_WITH_GATES:
        # the range of the states is not known
        most = max(1.0, float(np.abs(values).max()))
        return values / most, (-most, most), ""
    if activation[0] == "c":
        return np.tanh(values), (-1.0, 1.0), "tanh"
    if activation[0] in "ifoz" or (activation[0] == "r" and "rnn" not in cell):
        return values, (0.0, 1.0), ""
    if cell == "rnn_relu":
        most = float(values.max()) or 1.0
        return values / most, (0.0, most), ""
    return values, (-1.0, 1.0), ""


def _scale(ends: tuple[float, float], made: str) -> str:
    """Returns the scale as HTML."""
    low, high = (_number(end) if end % 1 else _number(end).partition(".")[0] for end in ends)
    colors = f"rgb({_RED}),#fff,rgb({_BLUE})" if ends[0] < 0 else f"#fff,rgb({_BLUE})"
    bar = f'<span class="scale" style="background:linear-gradient(90deg,{colors})"></span>'
    return f"{made + ': ' if made else ''}{low} {bar} {high}"


def _characters(
    tokens: npt.NDArray[np.int64], characters: Sequence[str], is_bytes: bool
) -> list[tuple[str, int]]:
    """Characters, each with the index of its last token; a byte that is not part of a character stands for itself."""
    if not is_bytes:
        return [(characters[token], at) for at, token in enumerate(tokens)]
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    found = []
    for at, token in enumerate(tokens):
        last = at == len(tokens) - 1
        found += [(letter, at) for letter in decoder.decode(bytes([token]), last)]
    return found


def _color(shade: float) -> str:
    return f"rgba({_BLUE if shade > 0 else _RED},{min(1.0, abs(shade)):.2f})"


def _visible(letter: str, brief: bool = False) -> str:
    """Returns a character as HTML; invisible ones as a sign."""
    code = ord(letter[0])
    if letter in _SIGNS and (brief or letter != " "):
        sign = _SIGNS[letter]
    elif 0xDC80 <= code <= 0xDCFF:
        sign = f"\\x{code - 0xDC00:02X}"
    elif len(letter) == 1 and not letter.isprintable() and letter != " ":
        sign = chr(0x2400 + code) if code < 32 else f"U+{code:04X}"
    else:
        return html.escape(letter)
    return sign if brief else f'<span class="sign">{sign}</span>'


def _row(name: str, p: float) -> str:
    percent = "<1" if 0 < p < 0.01 else ">99" if 0.99 < p < 1 else f"{100 * p:.0f}"
    return f'<b style="--p:{100 * p:.0f}%">{_visible(name, brief=True)} {html.escape(percent)} %</b>'


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if math.isfinite(value) else str(value)
