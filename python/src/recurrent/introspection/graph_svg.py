"""A drawing of a graph as SVG, in layers from the top down (Sugiyama, Tagawa and Toda, IEEE SMC-11, 1981).

Every operation is one layer above the first operation that uses its result, and a branch that shares its inputs with
others is beside those; a line that crosses layers has a bend in each. Orders within layers come from barycenters,
positions from a least-squares fit that keeps the order.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from ..mat import Mat
from ..operation import Operand, Operation
from .document import Drawing
from .number_lines import Read, lines

MAX_OPERATIONS, MAX_OPERANDS = 400, 1000
_SIGNS = {
    "add": "+", "sub": "−", "neg": "−", "mul": "×", "eltmul": "⊙", "div": "÷", "sigmoid": "σ", "row_pluck": "row",
    "sum": "Σ", "dot": "·", "sqrt": "√", "square": "x²", "transpose": "ᵀ", "cross_entropy": "−ln p",
    "squared_error": "(a−b)²", "abs": "|x|", "concat_rows": "stack rows", "concat_columns": "stack columns",
    "pow": "xᵖ", "maximum": "max", "minimum": "min", "greater": ">", "greater_equal": "≥", "less": "<",
    "less_equal": "≤", "equal": "=", "not_equal": "≠", "norm": "‖x‖", "logsumexp": "ln Σeˣ", "index_select": "index",
}  # fmt: skip
# from this number on, operands share one box, one below the other
_STACKED = 3
_LETTERS = 28
_SWEEPS, _FITS, _NEAR = 24, 120, 4.0
# pixels: between rows, between boxes of a row, around all, a box's height and that of one of several lines, and of a
# line of numbers
_APART, _GAP, _EDGE, _HEIGHT, _LINE, _SMALL = 36, 18, 20, 26, 20, 15
_STYLE = """\
.recurrent-graph text{font:13px system-ui,sans-serif;text-anchor:middle;dominant-baseline:central;fill:#1d2127}
.recurrent-graph .shape,.recurrent-graph .number{font-size:10.5px;fill:#5c6570}.recurrent-graph .sign{font-weight:600}
.recurrent-graph .paper{fill:#fff}.recurrent-graph .mat{fill:#eef1f4;stroke:#b9c1ca}
.recurrent-graph .operation{fill:#dcebf8;stroke:#1f6fb2}
.recurrent-graph .line{fill:none;stroke:#8a94a0;stroke-width:1.2}.recurrent-graph .head{fill:#8a94a0}
@media(prefers-color-scheme:dark){
.recurrent-graph text{fill:#e8e6e1}.recurrent-graph .shape,.recurrent-graph .number{fill:#a3acb7}
.recurrent-graph .paper{fill:#1d2127}.recurrent-graph .mat{fill:#2a3038;stroke:#4a535e}
.recurrent-graph .operation{fill:#1d3a55;stroke:#6cb2f0}
.recurrent-graph .line{stroke:#7d8894}.recurrent-graph .head{fill:#7d8894}}
"""


class _Label(NamedTuple):
    """A line in a box: a sign or a name, a shape, and a tooltip; and the lines of its numbers."""

    sign: str
    shape: str
    about: str
    numbers: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """An estimate of the width in pixels, as the font is unknown."""
        longest = max(map(len, self.numbers), default=0)
        return max(8.2 * len(self.sign) + 6.3 * len(self.shape), 5.9 * longest) + 26

    @property
    def height(self) -> int:
        return _LINE + _SMALL * len(self.numbers)


class _Node:
    """A box, or the bend of a line."""

    def __init__(self, kind: str, labels: list[_Label]) -> None:
        self.kind, self.labels = kind, labels
        self.layer, self.x = 0, 0.0
        self.above: list[_Node] = []
        self.below: list[_Node] = []
        self.width = max((label.width for label in labels), default=2.0)
        self.height = _HEIGHT - _LINE + sum(label.height for label in labels) if labels else 0


class _Region(NamedTuple):
    """The memory range of a named Mat."""

    name: str
    low: int
    high: int
    n: int
    d: int
    itemsize: int


def draw(
    recorded: Sequence[tuple[int, Operation]], names: Mapping[str, Mat] | None, read: Read | None = None
) -> Drawing:
    """Returns the drawing of operations, each with its index in the graph.

    ``read(index, k)`` returns operand k of an operation, ``read(index)`` its result; without it no numbers are drawn.
    """
    operations = [operation for _, operation in recorded]
    if not 0 < len(operations) <= MAX_OPERATIONS:
        raise ValueError(
            f"the graph has the wrong size; expected 1 to {MAX_OPERATIONS} operations, got {len(operations)}"
        )
    places = _places(names)
    operands = sum(len(operation.operands) for operation in operations)
    if operands > MAX_OPERANDS:
        raise ValueError(
            f"the graph has the wrong size; expected at most {MAX_OPERANDS} operands, got {operands}"
        )
    boxes, mats = _boxes(recorded, places, read)
    _rank(boxes, mats)
    layers = _layers(_by_depth(boxes))
    _order(layers)
    _place(layers)
    return _write(layers, len(operations))


# ---- what there is to draw


def _places(names: Mapping[str, Mat] | None) -> list[_Region]:
    if names is None:
        return []
    if not isinstance(names, Mapping):
        raise TypeError(
            f"names has the wrong type; expected a mapping of str to Mat, got {type(names).__name__}"
        )
    places = []
    for name, mat in names.items():
        if not isinstance(name, str) or not isinstance(mat, Mat):
            raise TypeError(
                f"names has the wrong type; expected str for Mat, got {type(name).__name__} for {type(mat).__name__}"
            )
        w = mat.w
        low = w.__array_interface__["data"][0]
        # columns may lie apart
        high = low + w.itemsize + sum((n - 1) * s for n, s in zip(w.shape, w.strides))
        places.append(_Region(name, low, high, mat.n, mat.d, w.itemsize))
    return places


def _name(p: Operand, places: list[_Region]) -> str:
    """Returns the name of an operand's memory: of one Mat, of several adjacent ones, or of a larger one."""
    # gates that are stacked lie one through the other: their parts begin within the first column
    begins = [place for place in places if place.low == p.w]
    for place in begins:
        if (place.n, place.d) == (p.n, p.d):
            return place.name
    for place in begins:
        if p.n > place.n:
            end = p.w + p.n * place.itemsize
            last = max((other for other in places if p.w <= other.low < end), key=lambda other: other.low)
            return f"{place.name}…{last.name}" if last.low > p.w else f"{place.name}…"
    within = [place.name for place in places if place.low <= p.w < place.high]
    return begins[0].name if begins else within[0] if within else ""


def _boxes(
    recorded: Sequence[tuple[int, Operation]], places: list[_Region], read: Read | None = None
) -> tuple[list[_Node], list[_Node]]:
    """Returns a node for each operation and each input, joined along the data."""
    users: dict[tuple[int, int, int], set[int]] = {}
    for k, operation in recorded:
        for p in operation.operands:
            if p.operation is None:
                users.setdefault((p.w, p.n, p.d), set()).add(k)
    boxes: dict[int, _Node] = {}
    mats: dict[tuple[int, int, int], _Node] = {}
    for k, o in recorded:
        sign = _SIGNS.get(o.name, o.name.replace("_", " "))
        result = lines(read, k) if read else ()
        inputs = {
            (p.w, p.n, p.d): _label(p, places, lines(read, k, i) if read else ())
            for i, p in enumerate(o.operands)
            if p.operation is None
        }
        box = _Node("operation", [_Label(sign, f"{o.n}×{o.d}", f"operation {k}: {o.name}", result)])
        own = [p for p in o.operands if p.operation is None and len(users[p.w, p.n, p.d]) == 1]
        stack = None
        if o.name.startswith("concat") and len(own) >= _STACKED:
            stack = _Node("mat", [inputs[p.w, p.n, p.d] for p in own])
        for p in o.operands:
            if p.operation is not None:
                _join(boxes[p.operation], box)
            elif stack and len(users[p.w, p.n, p.d]) == 1:
                if stack not in box.above:
                    _join(stack, box)
            else:
                key = p.w, p.n, p.d
                if key not in mats:
                    mats[key] = _Node("mat", [inputs[key]])
                _join(mats[key], box)
        if stack:
            mats[-1 - k, 0, 0] = stack
        boxes[k] = box
    return list(boxes.values()), list(mats.values())


def _label(p: Operand, places: list[_Region], numbers: tuple[str, ...]) -> _Label:
    name = _visible(_name(p, places))
    short = name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
    return _Label(short, f"{p.n}×{p.d}", name or "a Mat without a name", numbers)


def _visible(name: str) -> str:
    """Replaces characters that XML cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", name)


def _join(above: _Node, below: _Node) -> None:
    above.below.append(below)
    below.above.append(above)


# ---- layers


def _rank(boxes: list[_Node], mats: list[_Node]) -> None:
    """Sets the layer of each node; the lowest is 0, others are negative."""
    for box in reversed(boxes):
        box.layer = min((user.layer - 1 for user in box.below), default=0)
    for mat in mats:
        _above_users(mat)
    # A branch that hangs on a single line and takes several from elsewhere goes up to where those come from: an
    # output gate beside the other gates, not beside the cell that it waits for.
    has_moved = True
    while has_moved:
        has_moved = False
        for box in reversed(boxes):
            if len(box.below) == 1:
                has_moved |= _raise(box)


def _above_users(mat: _Node) -> None:
    mat.layer = min(user.layer for user in mat.below) - 1


def _raise(box: _Node) -> bool:
    branch, found = {box}, [box]
    inputs: list[tuple[_Node, _Node]] = []
    for node in found:  # grows
        for above in node.above:
            if above not in branch and all(user in branch for user in above.below):
                branch.add(above)
                found.append(above)
    for node in found:
        inputs += [(above, node) for above in node.above if above not in branch]
    rise = min((node.layer - above.layer - 1 for above, node in inputs), default=0)
    if len(inputs) < 2 or rise < 1:
        return False
    for node in found:
        node.layer -= rise
    return True


def _by_depth(boxes: list[_Node]) -> list[_Node]:
    """Returns every node after its operands, in the order of the calls, so that related nodes are neighbors."""
    found: dict[_Node, None] = {}
    waiting = [box for box in reversed(boxes) if not box.below]
    while waiting:
        node = waiting[-1]
        ahead = [above for above in node.above if above not in found]
        if ahead:
            waiting += reversed(ahead)
        else:
            found.setdefault(waiting.pop())
    return list(found)


def _layers(nodes: list[_Node]) -> list[list[_Node]]:
    """Returns the nodes by layer, with a bend where a line crosses a layer."""
    lowest = min(node.layer for node in nodes)
    layers: list[list[_Node]] = [[] for _ in range(1 - lowest)]
    for node in nodes:
        layers[node.layer - lowest].append(node)
    for node in nodes:
        node.above = [above for above in node.above if above.layer == node.layer - 1]
    for node in nodes:
        ends, node.below = node.below, []
        bends: dict[int, _Node] = {}  # lines from one box go together as far as they can
        for end in ends:
            last = node
            for between in range(node.layer + 1, end.layer):
                if between not in bends:
                    bends[between] = _Node("", [])
                    bends[between].layer = between
                    layers[between - lowest].append(bends[between])
                    _join(last, bends[between])
                last = bends[between]
            last.below.append(end)
            if last is not node:
                end.above.append(last)
    return layers


# ---- orders


def _order(layers: list[list[_Node]]) -> None:
    """Orders each layer by the mean position of its neighbors, alternating down and up; keeps the fewest crossings."""
    for layer in layers:
        _number(layer)
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            layer.sort(key=lambda node: _mean(node.above if down else node.below, node.x))
            _number(layer)
        if (count := _crossings(layers)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    for layer, order in zip(layers, best):
        layer[:] = order


def _number(layer: list[_Node]) -> None:
    for k, node in enumerate(layer):
        node.x = k


def _crossings(layers: list[list[_Node]]) -> int:
    """Returns the number of pairs of lines that cross."""
    count = 0
    for layer in layers:
        seen: list[float] = []
        for _, end in sorted((node.x, end.x) for node in layer for end in node.below):
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


def _mean(nodes: list[_Node], otherwise: float) -> float:
    return sum(node.x for node in nodes) / len(nodes) if nodes else otherwise


# ---- places


def _place(layers: list[list[_Node]]) -> None:
    """Sets positions near those of the neighbors, as order and widths allow, in alternating sweeps."""
    for layer in layers:
        x = 0.0
        for node in layer:
            node.x = x + node.width / 2
            x += node.width + _GAP
    for sweep in range(_FITS):
        for layer in layers if sweep % 2 else reversed(layers):
            # squares spread a shift over many layers; distances leave it in one, and the rest is straight
            _fit(layer, straight=sweep >= _FITS // 2)
    left = min(node.x - node.width / 2 for layer in layers for node in layer)
    for layer in layers:
        for node in layer:
            node.x += _EDGE - left


def _pull(above: _Node, below: _Node) -> float:
    """Returns the weight of a line: highest for one through layers, lowest for one from an input."""
    if not above.kind and not below.kind:
        return 8.0
    if above.kind == "mat":
        return 0.1
    return 2.0 if len(above.below) == 1 else 1.0


def _fit(layer: list[_Node], straight: bool) -> None:
    """Sets the positions nearest to the wanted ones, in squares, with order and gaps kept: pool adjacent violators."""
    offsets, x = [], 0.0
    for before, node in zip([None, *layer], layer):
        x += (before.width + node.width) / 2 + _GAP if before else 0.0
        offsets.append(x)
    pools: list[tuple[float, float, int]] = []  # weighted sum, weight, count
    for node, offset in zip(layer, offsets):
        pulls = [(_pull(other, node), other.x) for other in node.above]
        pulls += [(_pull(node, other), other.x) for other in node.below]
        if straight:
            pulls = [(w / max(_NEAR, abs(x - node.x)), x) for w, x in pulls]
        weight, count = sum(w for w, _ in pulls), 1
        total = sum(w * (x - offset) for w, x in pulls)
        while pools and pools[-1][0] / pools[-1][1] > total / weight:
            other_total, other_weight, more = pools.pop()
            total, weight, count = total + other_total, weight + other_weight, count + more
        pools.append((total, weight, count))
    places = [total / weight for total, weight, count in pools for _ in range(count)]
    for node, place, offset in zip(layer, places, offsets):
        node.x = place + offset


# ---- SVG


def _write(layers: list[list[_Node]], count: int) -> Drawing:
    lines, boxes = [], []
    # a row is as high as its highest box; boxes stand on its floor
    tops, floors, y = [], [], float(_EDGE)
    for layer in layers:
        tops.append(y)
        floors.append(y + max(_HEIGHT, *(node.height for node in layer)))
        y = floors[-1] + _APART
    for row, layer in enumerate(layers):
        for node in layer:
            x, start = node.x, floors[row]
            if not node.kind:
                lines.append(f'<path class="line" d="M{x:.1f} {tops[row]:.1f}V{start:.1f}"/>')
            for end in node.below:
                stop = floors[row + 1] - end.height - 5 if end.kind else tops[row + 1]
                near = tops[row + 1] - (5 if end.kind else 0)
                half = (start + near) / 2
                curve = f"C{x:.1f} {half:.1f} {end.x:.1f} {half:.1f} {end.x:.1f} {near:.1f}"
                if stop > near:
                    curve += f"V{stop:.1f}"
                head = ' marker-end="url(#recurrent-graph-head)"' if end.kind else ""
                lines.append(f'<path class="line" d="M{x:.1f} {start:.1f}{curve}"{head}/>')
            if node.kind:
                boxes.append(_box(node, floors[row]))
    width = max(node.x + node.width / 2 for layer in layers for node in layer) + _EDGE
    height = floors[-1] + _EDGE
    body = "\n".join([*lines, *boxes])
    return Drawing(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="recurrent-graph" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">\n'
        f"<title>An expression graph of {count} operation{'s' * (count > 1)}</title>\n<style>\n{_STYLE}</style>\n"
        '<defs><marker id="recurrent-graph-head" viewBox="0 0 8 8" refX="3" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>\n'
        f'<rect class="paper" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def _box(node: _Node, floor: float) -> str:
    top = floor - node.height
    round_ = _HEIGHT / 2 if node.kind == "operation" else 5
    rect = (
        f'<rect class="{node.kind}" x="{node.x - node.width / 2:.1f}" y="{top:.1f}" width="{node.width:.1f}" '
        f'height="{node.height}" rx="{round_}"/>'
    )
    texts, y = [], top + _HEIGHT / 2
    for label in node.labels:
        texts.append(_text(label, node.x, y, len(node.labels) == 1))
        y += label.height
    about = "" if len(texts) > 1 else f"<title>{escape(node.labels[0].about)}</title>"
    return f"<g>{about}{rect}{''.join(texts)}</g>"


def _text(label: _Label, x: float, y: float, is_alone: bool) -> str:
    sign = f'<tspan class="sign">{escape(label.sign)}</tspan>' if label.sign else ""
    apart = ' dx="5"' if sign else ""
    about = "" if is_alone else f"<title>{escape(label.about)}</title>"
    numbers = "".join(
        f'<text class="number" x="{x:.1f}" y="{y + (_LINE + _SMALL) / 2 + k * _SMALL - 1:.1f}">'
        f"<tspan>{escape(line)}</tspan></text>"
        for k, line in enumerate(label.numbers)
    )
    return (
        f'<text x="{x:.1f}" y="{y:.1f}">{about}{sign}<tspan class="shape"{apart}>{label.shape}</tspan></text>'
        f"{numbers}"
    )
