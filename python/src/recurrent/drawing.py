"""A graph drawn as SVG: layers from the top down, as Sugiyama, Tagawa and Toda have it (IEEE SMC-11, 1981).

Every operation stands just above the first that needs its result; a line that crosses layers has a bend in each;
orders within layers come from barycentres, places from a least-squares fit that keeps the order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from .mat import Mat

if TYPE_CHECKING:
    from .graph import Graph

MOST = 400
_SIGNS = {
    "add": "+", "sub": "−", "neg": "−", "mul": "×", "eltmul": "⊙", "div": "÷", "sigmoid": "σ", "row_pluck": "row",
    "sum": "Σ", "dot": "·", "sqrt": "√", "square": "x²", "transpose": "ᵀ", "cross_entropy": "−ln p",
    "squared_error": "(a−b)²", "abs": "|x|", "concat_rows": "stack", "concat_columns": "side by side",
}  # fmt: skip
_SWEEPS, _ROW, _GAP, _HEIGHT, _EDGE = 24, 62, 18, 26, 20  # the last four in pixels
_STYLE = """\
text{font:13px system-ui,sans-serif;text-anchor:middle;dominant-baseline:central;fill:#1d2127}
.shape{font-size:10.5px;fill:#5c6570}.sign{font-weight:600}
.paper{fill:#fff}.mat{fill:#eef1f4;stroke:#b9c1ca}.operation{fill:#dcebf8;stroke:#1f6fb2}
.line{fill:none;stroke:#8a94a0;stroke-width:1.2}.head{fill:#8a94a0}
@media(prefers-color-scheme:dark){text{fill:#e8e6e1}.shape{fill:#a3acb7}.paper{fill:#1d2127}
.mat{fill:#2a3038;stroke:#4a535e}.operation{fill:#1d3a55;stroke:#6cb2f0}.line{stroke:#7d8894}.head{fill:#7d8894}}
"""


class Drawing(str):
    """SVG that needs nothing else; a notebook shows it."""

    __slots__ = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, for a browser or an editor of drawings."""
        Path(path).write_text(self, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return str(self)


class _Node:
    """A box, or the bend of a line."""

    def __init__(self, layer: int, name: str = "", shape: str = "", kind: str = "") -> None:
        self.layer, self.name, self.shape, self.kind = layer, name, shape, kind
        self.above: list[_Node] = []
        self.below: list[_Node] = []
        self.x = 0.0
        self.width = 8.2 * len(name) + 6.3 * len(shape) + 26 if kind else 2.0


def draw(graph: Graph, names: Mapping[str, Mat] | None) -> Drawing:
    """``Graph.svg``."""
    if not 0 < len(graph) <= MOST:
        raise ValueError(f"the graph has {len(graph)} operations; expected 1 to {MOST}")
    layers = _layers(_nodes(graph, _places(names)))
    _order(layers)
    _place(layers)
    return _write(layers, len(graph))


def _places(names: Mapping[str, Mat] | None) -> list[tuple[int, int, str]]:
    """Where the named Mats' numbers lie: from, to, name."""
    if names is None:
        return []
    if not isinstance(names, Mapping):
        raise TypeError(f"names is a {type(names).__name__}; expected a mapping of str to Mat")
    places = []
    for name, mat in names.items():
        if not isinstance(name, str) or not isinstance(mat, Mat):
            raise TypeError(
                f"names has a {type(name).__name__} for a {type(mat).__name__}; expected a str for a Mat"
            )
        w = mat.w
        start = w.__array_interface__["data"][0]
        # columns may lie apart
        places.append(
            (start, start + w.itemsize + sum((n - 1) * s for n, s in zip(w.shape, w.strides)), name)
        )
    return places


def _nodes(graph: Graph, places: list[tuple[int, int, str]]) -> list[_Node]:
    """A box for each operation and for each Mat from outside, each in its layer, joined."""
    operations = graph.operations
    deepest = [1] * len(operations)
    for k, operation in enumerate(operations):
        needs = [deepest[p.operation] for p in operation.operands if p.operation is not None]
        deepest[k] = 1 + max(needs, default=1)
    users: list[list[int]] = [[] for _ in operations]
    for k, operation in enumerate(operations):
        for p in operation.operands:
            if p.operation is not None:
                users[p.operation].append(k)
    layer = [max(deepest)] * len(operations)
    for k in reversed(range(len(operations))):
        layer[k] = min((layer[user] - 1 for user in users[k]), default=layer[k])
    boxes = [
        _Node(layer[k], _SIGNS.get(o.name, o.name.replace("_", " ")), f"{o.n}×{o.d}", "operation")
        for k, o in enumerate(operations)
    ]
    mats: dict[tuple[int, int, int], _Node] = {}
    for k, operation in enumerate(operations):
        for p in operation.operands:
            if p.operation is None:
                new = _Node(layer[k] - 1, _name(p.w, places), f"{p.n}×{p.d}", "mat")
                node = mats.setdefault((p.w, p.n, p.d), new)
                node.layer = min(node.layer, layer[k] - 1)
            else:
                node = boxes[p.operation]
            node.below.append(boxes[k])
    return [*mats.values(), *boxes]


def _name(w: int, places: list[tuple[int, int, str]]) -> str:
    """Who begins at an address; else, of whom it is a part: matrices that are stacked lie one through the other."""
    begins = (name for low, _, name in places if low == w)
    return next(begins, next((name for low, high, name in places if low <= w < high), ""))


def _layers(nodes: list[_Node]) -> list[list[_Node]]:
    """The nodes by layer, with bends where a line passes a layer by."""
    lowest = min(node.layer for node in nodes)
    layers: list[list[_Node]] = [[] for _ in range(1 + max(node.layer for node in nodes) - lowest)]
    for node in nodes:
        layers[node.layer - lowest].append(node)
    for node in nodes:
        ends, node.below = node.below, []
        bends: dict[int, _Node] = {}  # lines from one box go together as far as they can
        for end in ends:
            last = node
            for between in range(node.layer + 1, end.layer):
                if between not in bends:
                    bends[between] = _Node(between)
                    layers[between - lowest].append(bends[between])
                    _join(last, bends[between])
                last = bends[between]
            _join(last, end)
    return layers


def _join(above: _Node, below: _Node) -> None:
    above.below.append(below)
    below.above.append(above)


def _order(layers: list[list[_Node]]) -> None:
    """Fewer crossings: each layer by the mean place of its neighbours, down and up in turn; the best of all."""
    for layer in layers:
        for k, node in enumerate(layer):
            node.x = k
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            layer.sort(key=lambda node: _mean(node.above if down else node.below, node.x))
            for k, node in enumerate(layer):
                node.x = k
        if (count := _crossings(layers)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    for layer, order in zip(layers, best):
        layer[:] = order


def _crossings(layers: list[list[_Node]]) -> int:
    count = 0
    for layer in layers:
        lines = [(node.x, end.x) for node in layer for end in node.below]
        count += sum((a - c) * (b - d) < 0 for k, (a, b) in enumerate(lines) for c, d in lines[:k])
    return count


def _mean(nodes: list[_Node], otherwise: float) -> float:
    return sum(node.x for node in nodes) / len(nodes) if nodes else otherwise


def _place(layers: list[list[_Node]]) -> None:
    """As near to their neighbours as order and widths allow, in turns."""
    for layer in layers:
        x = 0.0
        for node in layer:
            node.x = x + node.width / 2
            x += node.width + _GAP
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 else reversed(layers):
            _fit(layer, [_mean(node.above + node.below, node.x) for node in layer])
    left = min(node.x - node.width / 2 for layer in layers for node in layer)
    for layer in layers:
        for node in layer:
            node.x += _EDGE - left


def _fit(layer: list[_Node], wanted: list[float]) -> None:
    """The places nearest to those wanted, in squares, that keep the order and the gaps: pool adjacent violators."""
    offsets, x = [], 0.0
    for before, node in zip([None, *layer], layer):
        x += (before.width + node.width) / 2 + _GAP if before else 0.0
        offsets.append(x)
    pools: list[tuple[float, int]] = []  # sum, count
    for want, offset in zip(wanted, offsets):
        total, count = want - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            other, more = pools.pop()
            total, count = total + other, count + more
        pools.append((total, count))
    places = [total / count for total, count in pools for _ in range(count)]
    for node, place, offset in zip(layer, places, offsets):
        node.x = place + offset


def _write(layers: list[list[_Node]], count: int) -> Drawing:
    lines, boxes = [], []
    for row, layer in enumerate(layers):
        y = _EDGE + _HEIGHT / 2 + row * _ROW
        for node in layer:
            start = y + _HEIGHT / 2 if node.kind else y
            for end in node.below:
                stop = y + _ROW - (_HEIGHT / 2 + 5 if end.kind else 0)
                middle = (start + stop) / 2
                head = ' marker-end="url(#head)"' if end.kind else ""
                curve = f"C{node.x:.1f} {middle:.1f} {end.x:.1f} {middle:.1f} {end.x:.1f} {stop:.1f}"
                lines.append(f'<path class="line" d="M{node.x:.1f} {start:.1f}{curve}"{head}/>')
            if node.kind:
                boxes.append(_box(node, y))
    width = max(node.x + node.width / 2 for layer in layers for node in layer) + _EDGE
    height = 2 * _EDGE + _HEIGHT + (len(layers) - 1) * _ROW
    body = "\n".join([*lines, *boxes])
    return Drawing(
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">\n<title>An expression graph of {count} operations</title>\n'
        f"<style>\n{_STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="3" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>\n'
        f'<rect class="paper" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def _box(node: _Node, y: float) -> str:
    round_ = _HEIGHT / 2 if node.kind == "operation" else 5
    name = f'<tspan class="sign">{escape(node.name)}</tspan>' if node.name else ""
    apart = ' dx="5"' if name else ""
    shape = f'<tspan class="shape"{apart}>{node.shape}</tspan>'
    return (
        f'<rect class="{node.kind}" x="{node.x - node.width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" '
        f'width="{node.width:.1f}" height="{_HEIGHT}" rx="{round_}"/>'
        f'<text x="{node.x:.1f}" y="{y:.1f}">{name}{shape}</text>'
    )
