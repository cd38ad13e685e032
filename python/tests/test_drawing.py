"""Graphs that are read and drawn: what was recorded, and its picture."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import recurrent
from operations import OPERATIONS
from recurrent import Graph, Mat, Model
from recurrent.graph import Operand

SVG = "{http://www.w3.org/2000/svg}"


def tick(hidden=(4, 3)):
    """A letter's way through an LSTM of primitive operations to what the next one costs; and the names."""
    G, model = Graph(), recurrent.init_lstm(5, list(hidden), 6, rng=1)
    names = {**model, "Wil": recurrent.RandMat(6, 5, rng=2)}
    out = recurrent.forward_lstm(G, dict(model), list(hidden), G.row_pluck(names["Wil"], 3), None)
    G.cross_entropy(out.o, 2)
    return G, names


def address(mat):
    return mat.w.__array_interface__["data"][0]


# ---- read


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_its_name(name):
    G, case = Graph(), OPERATIONS[name]
    mats = [Mat(n, d) for n, d in case.shapes(4, 3, 2)]
    before = {address(mat): mat for mat in mats}
    result = case.record(G, *mats)
    found = G.operations
    assert len(found) == len(G) >= 1
    assert re.fullmatch("[a-z_]+", found[-1].name) and found[-1].name in [*dir(Graph), "lstm_sequence"]
    if len(found) == 1 and not name.startswith("slice"):
        assert name.startswith(found[0].name) or found[0].name in name, name
        assert (found[0].n, found[0].d) == result.shape
        for operand in found[0].operands:
            assert operand.operation is None
            assert (operand.n, operand.d) == before[operand.w].shape


def test_data_is_followed():
    G, W, x = Graph(), Mat(6, 3), Mat(3, 2)
    y = G.mul(W, x)
    top = G.slice_rows(y, 0, 3)
    bottom = G.slice_rows(y, 3, 3)
    z = G.add(G.eltmul(top, bottom), Mat(3, 1))
    G.sum(z)
    G.mean(z, axis=0)
    mul, eltmul, add, total, mean = G.operations
    assert mul == (
        "mul",
        6,
        2,
        address(y),
        [Operand(None, 6, 3, address(W)), Operand(None, 3, 2, address(x))],
    )
    assert [p.operation for p in eltmul.operands] == [0, 0]
    assert [(p.operation, p.d) for p in add.operands] == [(1, 2), (None, 1)]
    assert (total.name, mean.name, mean.n, mean.d) == ("sum", "mean", 1, 2)
    G.reset()
    assert G.operations == []


def test_cells_give_two_results():
    G, H = Graph(), 3
    model = recurrent.init_lstm(2, [H], 2, rng=1)
    out = recurrent.forward_lstm(G, model, [H], Mat(2, 1), None)
    out = recurrent.forward_lstm(G, model, [H], Mat(2, 1), out)
    cells = [k for k, o in enumerate(G.operations) if o.name == "lstm"]
    second = G.operations[cells[1]]
    assert [p.operation for p in second.operands].count(cells[0]) == 2


def test_many_operands():
    G = Graph()
    G.concat_rows([Mat(1, 1) for _ in range(50)])
    assert len(G.operations[0].operands) == 50


# ---- drawn


def texts(svg):
    return ["".join(part.text for part in text) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_tick():
    G, names = tick()
    svg = G.svg(names)
    shown = texts(svg)
    root = ElementTree.fromstring(svg)
    classes = [rect.get("class") for rect in root.iter(f"{SVG}rect")]
    assert (
        classes.count("operation") == len(G)
        and root.find(f"{SVG}title").text == f"An expression graph of {len(G)} operations"
    )
    for name, mat in names.items():
        assert sum(text == f"{name}{mat.n}×{mat.d}" for text in shown) == 1, name
    for sign, name in (
        ("×", "mul"),
        ("+", "add"),
        ("⊙", "eltmul"),
        ("σ", "sigmoid"),
        ("tanh", "tanh"),
        ("−ln p", "cross_entropy"),
    ):
        assert sum(re.fullmatch(rf"{re.escape(sign)}\d+×\d+", text) is not None for text in shown) == sum(
            o.name == name for o in G.operations
        )
    # an arrow ends at every operand of every operation
    arrows = sum("marker-end" in path.attrib for path in root.iter(f"{SVG}path"))
    assert arrows == sum(len(o.operands) for o in G.operations)
    assert G.svg(names) == svg and svg._repr_svg_() == svg


def boxes(svg):
    """Each box: left, top, right, bottom."""
    rects = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("class") != "paper"]
    return [
        (x, y, x + w, y + h)
        for x, y, w, h in ([float(r.get(name)) for name in ("x", "y", "width", "height")] for r in rects)
    ]


@pytest.mark.parametrize("hidden", [(1,), (4, 3), (200, 5, 5)])
def test_boxes_lie_apart_and_on_the_paper(hidden):
    G, names = tick(hidden)
    svg = G.svg(names)
    root = ElementTree.fromstring(svg)
    found = boxes(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    for k, (left, top, right, bottom) in enumerate(found):
        assert min(left, top) >= 0 and right <= width and bottom <= height
        for other in found[:k]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top


def test_data_flows_down():
    svg = Graph()
    a = svg.tanh(Mat(2, 1))
    b = svg.sigmoid(a)
    svg.add(svg.tanh(b), a)
    paths = re.findall(r'd="M\S+ (\S+?)C.*? \S+ (\S+)"', svg.svg())
    assert paths and all(float(start) < float(end) for start, end in paths)


def test_few_crossings():
    """Three chains, recorded one through the other, are drawn side by side."""
    G = Graph()
    ends = [Mat(2, 1) for _ in range(3)]
    for step in range(6):
        for k in np.random.default_rng(step).permutation(3):
            ends[k] = G.tanh(ends[k])
    columns = {round(float(x) / 50) for x in re.findall(r'<text x="(\S+)"', G.svg())}
    assert len(columns) == 3


def test_names_are_text():
    G, x = Graph(), Mat(2, 1)
    G.tanh(x)
    hostile = '<script>alert("1")</script>&\'\u202e'
    svg = G.svg({hostile: x})
    assert "<script>" not in svg and hostile + "2×1" in texts(svg)


def test_models_are_names(tmp_path):
    G = Graph()
    model = recurrent.init_rnn(2, [3], 2, rng=1)
    assert isinstance(model, Model)
    recurrent.forward_rnn(G, model, [3], Mat(2, 1), None)
    drawing = G.svg(model)
    assert "Wxh03×2" in texts(drawing)
    drawing.save(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == drawing


def test_what_is_not_drawn():
    G = Graph()
    with pytest.raises(ValueError, match="the graph has 0 operations; expected 1 to 400"):
        G.svg()
    x = Mat(1, 1)
    for _ in range(401):
        x = G.tanh(x)
    with pytest.raises(ValueError, match="the graph has 401 operations"):
        G.svg()
    G.reset()
    G.tanh(Mat(1, 1))
    with pytest.raises(TypeError, match="names is a list; expected a mapping of str to Mat"):
        G.svg([Mat(1, 1)])
    with pytest.raises(TypeError, match="names has a str for a int; expected a str for a Mat"):
        G.svg({"x": 1})
    with pytest.raises(TypeError, match="names has a int for a Mat"):
        G.svg({1: Mat(1, 1)})
    assert Graph(needs_backprop=False).operations == []
