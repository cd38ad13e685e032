"""The recorded operations of a graph, and their drawing."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import recurrent
from operations import OPERATIONS
from recurrent import Drawing, Graph, Mat, recurrentjs
from recurrent.operation import Operand
from recurrent.recurrentjs import Model

SVG = "{http://www.w3.org/2000/svg}"


def tick(hidden=(4, 3)):
    """One character through an LSTM of primitive operations, to the cost of the next one; and the names."""
    G, model = Graph(), recurrentjs.init_lstm(5, list(hidden), 6, rng=1)
    names = {**model, "Wil": recurrentjs.RandMat(6, 5, rng=2)}
    out = recurrentjs.forward_lstm(G, dict(model), list(hidden), G.row_pluck(names["Wil"], 3), None)
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
    assert re.fullmatch("[a-z_]+", found[-1].name) and found[-1].name in dir(Graph)
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
    model = recurrentjs.init_lstm(2, [H], 2, rng=1)
    out = recurrentjs.forward_lstm(G, model, [H], Mat(2, 1), None)
    out = recurrentjs.forward_lstm(G, model, [H], Mat(2, 1), out)
    cells = [k for k, o in enumerate(G.operations) if o.name == "scan"]
    second = G.operations[cells[1]]
    assert [p.operation for p in second.operands].count(cells[0]) == 2


def test_many_operands():
    G = Graph()
    G.concat_rows([Mat(1, 1) for _ in range(50)])
    assert len(G.operations[0].operands) == 50


# ---- drawn


def texts(svg):
    return [
        "".join(part.text for part in text.iter(f"{SVG}tspan"))
        for text in ElementTree.fromstring(svg).iter(f"{SVG}text")
    ]


def abouts(svg):
    """What pointing tells, the picture's own title first."""
    return [title.text for title in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def primitive(hidden):
    """The same of primitive operations only."""
    G, m = Graph(), recurrentjs.init_lstm(5, list(hidden), 6, rng=1)
    names = {**m, "Wil": recurrentjs.RandMat(6, 5, rng=2)}
    x = G.row_pluck(names["Wil"], 3)
    for k, n in enumerate(hidden):
        h, c = names[f"h{k}"], names[f"c{k}"] = Mat(n, 1), Mat(n, 1)
        z = {
            g: G.add(G.add(G.mul(m[f"W{g}x{k}"], x), G.mul(m[f"W{g}h{k}"], h)), m[f"b{g}{k}"]) for g in "ifoc"
        }
        i, f, o = (G.sigmoid(z[g]) for g in "ifo")
        x = G.eltmul(o, G.tanh(G.add(G.eltmul(f, c), G.eltmul(i, G.tanh(z["c"])))))
    G.cross_entropy(G.add(G.mul(m["Whd"], x), m["bd"]), 2)
    return G, names


@pytest.mark.parametrize("make", [tick, primitive])
def test_a_tick(make):
    G, names = make((4, 3))
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
    # an arrow ends at every operand of every operation; matrices that are stacked lie in one box
    arrows = sum("marker-end" in path.attrib for path in root.iter(f"{SVG}path"))
    assert arrows == sum(1 if o.name == "concat_rows" else len(o.operands) for o in G.operations)
    assert [f"operation {k}: {o.name}" in abouts(svg) for k, o in enumerate(G.operations)] == [True] * len(G)
    assert root.get("role") == "img" and "http" not in svg.replace('"http://www.w3.org/2000/svg"', "")
    assert G.svg(names) == svg and svg._repr_svg_() == svg
    assert repr(svg) == f"<Drawing of {len(svg):,} characters>" and str(svg) == svg


def boxes(svg):
    """Each box: left, top, right, bottom."""
    rects = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("class") != "paper"]
    return [
        (x, y, x + w, y + h)
        for x, y, w, h in ([float(r.get(name)) for name in ("x", "y", "width", "height")] for r in rects)
    ]


def tangle(seed):
    """Operations of whatever there is: of results, of parts of them, and of Mats from outside."""
    rng, G = np.random.default_rng(seed), Graph()
    mats = [Mat(3, 3) for _ in range(4)]
    for _ in range(rng.integers(1, 60)):
        a, b, c, d = (mats[rng.integers(max(0, len(mats) - 12), len(mats))] for _ in range(4))
        kind = rng.integers(7)
        if kind == 0:
            mats.append(G.mul(a, b))
        elif kind == 1:
            mats.append(G.tanh(a))
        elif kind == 2:
            mats.append(G.add(a, a))
        elif kind == 3:
            mats.append(G.add(a, Mat(3, 1)))
        elif kind == 4:
            whole = G.concat_rows([a, b, c, d, Mat(1, 3), Mat(1, 3), Mat(1, 3)])
            mats.append(G.slice_rows(whole, 2, 3))
        elif kind == 5:
            mats.append(G.mul(a, Mat(3, 3)))
        else:
            mats.append(G.layer_norm(a, Mat(3, 1), Mat(3, 1)))
    return G, {"a": mats[0], "b": mats[1]}


@pytest.mark.parametrize("case", [(1,), (4, 3), (200, 5, 5), *range(40)])
def test_boxes_lie_apart_and_on_the_paper(case):
    G, names = tangle(case) if isinstance(case, int) else primitive(case)
    svg = G.svg(names)
    assert len(re.findall('class="operation"', svg)) == len(G)
    root = ElementTree.fromstring(svg)
    found = boxes(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    for k, (left, top, right, bottom) in enumerate(found):
        assert min(left, top) >= 0 and right <= width and bottom <= height
        for other in found[:k]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top


@pytest.mark.parametrize("seed", range(40))
def test_lines_of_a_tangle_go_down(seed):
    svg = tangle(seed)[0].svg()
    for start, rest in re.findall(r'class="line" d="M\S+ (\S+?)([CV][^"]*)"', svg):
        ends = [float(y) for y in re.findall(r"V(\S+)|\S+ (\S+?)(?=V|$)", rest)[-1] if y]
        assert float(start) < ends[-1]


def test_a_tick_has_few_crossings():
    """The picture that the page shows: two inputs of eight products must cross some; and it fits a window."""
    from recurrent.introspection import graph_svg as drawing

    for hidden, most in (((20,), 18), ((20, 20), 36)):
        G, names = primitive(hidden)
        boxes, mats = drawing._boxes(list(enumerate(G.operations)), drawing._places(names))
        drawing._rank(boxes, mats)
        layers = drawing._layers(drawing._by_depth(boxes))
        drawing._order(layers)
        assert drawing._crossings(layers) <= most
        assert float(ElementTree.fromstring(G.svg(names)).get("width")) < 1200


def test_data_flows_down():
    svg = Graph()
    a = svg.tanh(Mat(2, 1))
    b = svg.sigmoid(a)
    svg.add(svg.tanh(b), a)
    paths = re.findall(r'd="M\S+ (\S+?)C.*? \S+ (\S+)"', svg.svg())
    assert paths and all(float(start) < float(end) for start, end in paths)


def test_few_crossings():
    """Three chains, recorded one through the other, are drawn next to each other."""
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
    hostile = '<script>"1"</script>&\'\u202e'
    svg = G.svg({hostile: x})
    assert "<script>" not in svg and hostile + "2×1" in texts(svg)
    # what no XML may hold, and what fills the paper
    assert "a\ufffd\ufffd\ufffdb2×1" in texts(G.svg({"a\0\x1b\ud800b": x}))
    svg = G.svg({"long " * 100: x})
    assert "long " * 5 + "lo…2×1" in texts(svg) and "long " * 100 in abouts(svg)
    assert float(ElementTree.fromstring(svg).get("width")) < 400


def test_models_are_names(tmp_path):
    G = Graph()
    model = recurrentjs.init_rnn(2, [3], 2, rng=1)
    assert isinstance(model, Model)
    recurrentjs.forward_rnn(G, model, [3], Mat(2, 1), None)
    drawing = G.svg(model)
    assert "Wxh03×2" in texts(drawing)
    drawing.save(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == drawing


def test_parts_take_the_name_of_the_whole():
    G, W = Graph(), Mat(6, 4)
    G.tanh(G.slice_rows(W, 2, 3))
    G.tanh(G.slice_columns(W, 0, 2))
    G.tanh(Mat(2, 2))
    assert {"W3×4", "W6×2", "2×2"} <= set(texts(G.svg({"W": W})))
    # a part that has a name of its own
    top = G.slice_rows(W, 0, 3)
    G.tanh(top)
    assert "top3×4" in texts(G.svg({"W": W, "top": top}))


def test_what_is_not_drawn():
    G = Graph()
    with pytest.raises(ValueError, match="the graph has the wrong size; expected 1 to 400 operations"):
        G.svg()
    x = Mat(1, 1)
    for _ in range(401):
        x = G.tanh(x)
    with pytest.raises(ValueError, match=r"the graph has the wrong size; .*got 401"):
        G.svg()
    G.reset()
    G.concat_rows([Mat(1, 1)] * 1001)
    with pytest.raises(ValueError, match="expected at most 1000 operands, got 1001"):
        G.svg()
    G.reset()
    G.tanh(Mat(1, 1))
    with pytest.raises(TypeError, match="names has the wrong type; expected a mapping of str to Mat"):
        G.svg([Mat(1, 1)])
    with pytest.raises(TypeError, match="expected str for Mat, got str for int"):
        G.svg({"x": 1})
    with pytest.raises(TypeError, match=r"names has the wrong type; .*got int for Mat"):
        G.svg({1: Mat(1, 1)})
    assert Graph(needs_backprop=False).operations == []


# ---- numbers


def test_values_and_gradients():
    G, W, x = Graph(), Mat.from_array([[1, -2]]), Mat.from_array([3, 4])
    y = G.square(G.mul(W, x))
    before = ["W1×2", "1, −2", "2×1", "3; 4", "×1×1", "−5", "x²1×1", "25"]
    assert texts(G.svg({"W": W}, values=True)) == before
    G.backward(y)
    svg = G.svg({"W": W, "x": x}, values=True)
    assert texts(svg) == [
        "W1×2", "1, −2", "∇ −30, −40", "x2×1", "3; 4", "∇ −10; 20", "×1×1", "−5", "∇ −10", "x²1×1", "25", "∇ 1",
    ]  # fmt: skip
    assert texts(G.svg({"W": W, "x": x})) == ["W1×2", "x2×1", "×1×1", "x²1×1"]
    # a notebook displays them, without names
    shown = G._repr_svg_()
    assert isinstance(shown, Drawing)
    assert texts(shown) == [text[1:] if text in ("W1×2", "x2×1") else text for text in texts(svg)]


def test_larger_mats_are_summed_up():
    G, m = Graph(), Mat.from_array(np.arange(6.0).reshape(2, 3) - 1)
    m.dw = np.full((2, 3), 0.5)
    G.tanh(m)
    assert texts(G.svg(values=True))[:3] == ["2×3", "−1 to 4, mean 1.5", "∇ 0.5 to 0.5, mean 0.5"]
    m.w[0, 0] = np.nan
    assert texts(G.svg(values=True))[1] == "nan to nan, mean nan"
    m.w[0, 0] = np.inf
    assert texts(G.svg(values=True))[1] == "0 to inf, mean inf"


@pytest.mark.parametrize("case", [(4, 3), *range(15)])
def test_boxes_with_numbers_lie_apart(case):
    G, names = tangle(case) if isinstance(case, int) else primitive(case)
    svg = G.svg(names, values=True)
    found = boxes(svg)
    for k, (left, top, right, bottom) in enumerate(found):
        for other in found[:k]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top
    # every line is within a box
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        x, y = float(text.get("x")), float(text.get("y"))
        assert any(left < x < right and top + 4 < y < bottom - 4 for left, top, right, bottom in found)


@pytest.mark.parametrize("name", OPERATIONS)
def test_numbers_of_every_operation(name):
    """The recorded operands and results are the Mats of the call, strided and broadcast ones included."""
    G, case, rng = Graph(), OPERATIONS[name], np.random.default_rng(1)
    wholes = [Mat.from_array(rng.uniform(0.3, 1, (n + 2, d + 1))) for n, d in case.shapes(4, 3, 2)]
    mats = [whole.view(1, 0, whole.n - 2, whole.d - 1) for whole in wholes]
    result = case.record(G, *mats)
    result.dw = rng.normal(size=result.shape)
    G.backward()
    found = 0
    for k, operation in enumerate(G.operations):
        for i, p in enumerate(operation.operands):
            for mat in mats:
                if p.w == address(mat) and (p.n, p.d) == mat.shape:
                    view = G._operand(k, i)
                    assert np.array_equal(view.w, mat.w) and np.array_equal(view.dw, mat.dw)
                    found += 1
    last = G._operand(len(G) - 1)
    if last.shape == result.shape:
        assert np.array_equal(last.w, result.w) and np.array_equal(last.dw, result.dw)
    # a slice is a part of its operand
    assert found >= len(mats) or name.startswith("slice")


def test_masks_have_no_numbers():
    G, m = Graph(), Mat.from_array(np.ones((2, 2)))
    G.dropout(m, 0.5, rng=1)
    operands = G.operations[0].operands
    mask = next(k for k, p in enumerate(operands) if p.w != address(m))
    with pytest.raises(
        ValueError, match="operand is a constant of the library; expected a Mat with gradients"
    ):
        G._operand(0, mask)
    assert "1, 1; 1, 1" in texts(G.svg(values=True))


def test_what_a_loss_depends_on():
    G, W, x = Graph(), Mat.from_array([[2.0]]), Mat.from_array([[3.0]])
    y = G.mul(W, x)
    G.tanh(y)
    loss = G.square(y)
    G.sigmoid(loss)
    operations = [text for text in abouts(loss.graph()) if "operation " in text]
    assert operations == ["operation 0: mul", "operation 2: square"]
    assert texts(y.graph({"W": W})) == ["W1×1", "2", "1×1", "3", "×1×1", "6"]
    G.backward(loss)
    assert texts(loss.graph())[-3:] == ["x²1×1", "36", "∇ 1"] and loss.graph() == loss.graph()
    G.reset()
    with pytest.raises(RuntimeError, match="Mat is invalid"):
        loss.graph()
    # a part of a result, and one of two results
    wide = G.tanh(Mat(4, 2))
    G.exp(wide)
    assert texts(wide.view(1, 1, 2, 1).graph())[-2].startswith("tanh4×2")
    h, c = G.lstm(Mat(2, 1), Mat(3, 1), Mat(3, 1), Mat(12, 2), Mat(12, 3), Mat(12, 1))
    assert len(boxes(h.graph())) == len(boxes(c.graph())) > 1


def test_a_loss_whose_backward_pass_is_done():
    W = Mat.from_array([[1.0, 2.0]])
    loss = (W @ np.array([[3.0], [4.0]])).square().sum()
    assert "∇" not in loss.graph({"W": W})
    loss.backward()
    found = texts(loss.graph({"W": W}))
    assert found[:3] == ["W1×2", "1, 2", "∇ 66, 88"] and found[-2:] == ["121", "∇ 1"]
    # until the next recording of the default graph
    again = W.tanh()
    with pytest.raises(ValueError, match=r"this Mat has no recorded history; .*recorded anew"):
        loss.graph()
    del again
    for mat in (W, W.copy()):
        with pytest.raises(ValueError, match="this Mat has no recorded history"):
            mat.graph()


def test_kept_losses_keep_no_graph():
    count = recurrent._c.lib.recurrent_object_count
    W, losses, results = Mat(20, 20), [], []
    before = count()
    for _ in range(5):
        # a result that is kept has the default graph replaced
        results.append(W @ W)
        losses.append(results[-1].square().sum())
        losses[-1].backward()
    del results
    # a Mat for each loss, and the default graph
    assert count() - before <= len(losses) + 1
    with pytest.raises(ValueError, match="this Mat has no recorded history"):
        losses[0].graph()


def test_a_graph_without_a_drawing():
    G = Graph()
    assert G._repr_svg_() is None
    x = Mat(1, 1)
    for _ in range(401):
        x = G.tanh(x)
    assert G._repr_svg_() is None
    with pytest.raises(ValueError, match="expected 1 to 400 operations, got more"):
        x.graph()
    with pytest.raises(TypeError, match="values has the wrong type; expected a bool, got int"):
        G.svg(values=1)
    with pytest.raises(TypeError, match="names has the wrong type"):
        G.tanh(Mat(1, 1)).graph([1])
    # of a long recording only what the loss depends on is counted
    assert len(boxes(G.square(Mat(1, 1)).graph())) == 2


def test_a_step_is_drawn_without_numbers():
    drawn = []

    def step(x, h, p):
        y = (p.W @ x + h).tanh()
        drawn.append(y.graph())
        return y

    recurrent.Program(step, 3, 3, {"W": (3, 3)})
    found = texts(drawn[0])
    assert found[-1].startswith("tanh3×") and not any("∇" in text or ";" in text for text in found)
