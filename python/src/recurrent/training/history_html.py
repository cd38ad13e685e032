"""The learning curves of a run as HTML, which a notebook displays without matplotlib."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

Points = Sequence[tuple[int, float]]

# pixels: the drawing, and the space around the curves
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 480, 180, 52, 12, 10, 24
# points of a curve; more would lie within a pixel
_MAX_POINTS = 400
_STYLE = """\
.recurrent-history text{font:11px system-ui,sans-serif;fill:currentColor;opacity:.7}
.recurrent-history polyline{fill:none;stroke-width:1.5}.recurrent-history .axis{stroke:currentColor;opacity:.3}
.recurrent-history polyline.train{stroke:#1f6fb2}.recurrent-history polyline.validation{stroke:#d9601a}
.recurrent-history circle.train,.recurrent-history text.train{fill:#1f6fb2;opacity:1}
.recurrent-history circle.validation,.recurrent-history text.validation{fill:#d9601a;opacity:1}
.recurrent-history p{margin:.2em 0;font:13px/1.5 system-ui,sans-serif}
"""


def page(train: Points, validation: Points, caption: str) -> str:
    """Returns the curves of the losses above a caption; the caption alone without a loss."""
    curves = {"train": _thinned(train), "validation": _thinned(validation)}
    every = [(step, loss) for curve in curves.values() for step, loss in curve if math.isfinite(loss)]
    chart = _chart(curves, every) if every else ""
    return f'<div class="recurrent-history"><style>{_STYLE}</style><p>{html.escape(caption)}</p>{chart}</div>'


def _thinned(points: Points) -> Points:
    """Returns as many points as the drawing can show, the first and the last among them."""
    every = max(1, math.ceil(len(points) / (_MAX_POINTS - 1)))
    kept = points[::-1][::every][::-1]
    return kept if kept[:1] == points[:1] else [*points[:1], *kept]


def _chart(curves: dict[str, Points], every: Points) -> str:
    first, last = min(step for step, _ in every), max(step for step, _ in every)
    low, high = min(loss for _, loss in every), max(loss for _, loss in every)
    # a curve of one point, or of equal losses, lies in the middle
    steps = last - first or 1
    floor = low if high > low else low - 0.5
    # halves: the difference of two losses may be infinite
    losses = high / 2 - floor / 2 if high > low else 0.5

    def place(step: int, loss: float) -> str:
        x = _LEFT + (step - first) / steps * (_WIDTH - _LEFT - _RIGHT)
        y = _HEIGHT - _BOTTOM - (loss / 2 - floor / 2) / losses * (_HEIGHT - _TOP - _BOTTOM)
        return f"{x:.1f},{y:.1f}"

    lines = []
    for name, curve in curves.items():
        shown = [(step, loss) for step, loss in curve if math.isfinite(loss)]
        if len(shown) == 1:
            x, _, y = place(*shown[0]).partition(",")
            lines.append(f'<circle class="{name}" cx="{x}" cy="{y}" r="2.5"/>')
        elif shown:
            places = " ".join(place(step, loss) for step, loss in shown)
            lines.append(f'<polyline class="{name}" points="{places}"/>')
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    top_label, bottom_label = (high, low) if high > low else (high + 0.5, floor)
    labels = (
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{top_label:.3g}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom + 4}" text-anchor="end">{bottom_label:.3g}</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{first:,}</text>'
        f'<text x="{right}" y="{_HEIGHT - 6}" text-anchor="end">{last:,} steps</text>'
    )
    # in the corner that falling losses leave free
    legend = "".join(
        f'<text class="{name}" x="{right}" y="{_TOP + 10 + 14 * k}" text-anchor="end">{name}</text>'
        for k, name in enumerate(name for name, curve in curves.items() if curve)
    )
    axes = f'<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><title>Loss</title>'
        f"{axes}{''.join(lines)}{labels}{legend}</svg>"
    )
