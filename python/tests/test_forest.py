"""Forests: programs over trees, against the same step node by node and operation by operation."""

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, Program

H, INPUTS = 5, 3
BINARY = {"W": (5 * H, INPUTS), "L": (5 * H, H), "R": (5 * H, H), "b": (5 * H, 1)}
CHILD_SUM = {
    "W": (3 * H, INPUTS),
    "U": (3 * H, H),
    "V": (H, INPUTS),
    "F": (H, H),
    "b": (3 * H, 1),
    "f": (H, 1),
}


def binary(x, hl, cl, hr, cr, p):
    """A binary TreeLSTM."""
    i, f, k, o, g = (p.W @ x + p.L @ hl + p.R @ hr + p.b).split(5)
    c = i.sigmoid() * g.tanh() + f.sigmoid() * cl + k.sigmoid() * cr
    return o.sigmoid() * c.tanh(), c


def child_sum(x, *rest):
    """A child-sum TreeLSTM of any arity."""
    *states, p = rest
    h = states[0]
    for other in states[2::2]:
        h = h + other
    i, o, g = (p.W @ x + p.U @ h + p.b).split(3)
    c = i.sigmoid() * g.tanh()
    for h_k, c_k in zip(states[::2], states[1::2]):
        c = c + (p.V @ x + p.F @ h_k + p.f).sigmoid() * c_k
    return o.sigmoid() * c.tanh(), c


class Case:
    """A step with a forest, in float64."""

    def __init__(self, step, shapes, children, leaves=0, seed=0):
        self.step, self.children = step, [list(row) for row in children]
        self.program = Program(step, INPUTS, [H, H], shapes, "float64", children=len(children[0]))
        rng = iter(range(seed, seed + 100))
        self.parameters = [
            Mat.uniform(n, d, -0.7, 0.7, "float64", rng=next(rng))
            for n, d in self.program.parameters.values()
        ]
        self.x = Mat.uniform(INPUTS, len(children), -1, 1, "float64", rng=next(rng))
        self.leaves = (
            [Mat.uniform(H, leaves, -1, 1, "float64", rng=next(rng)) for _ in range(2)] if leaves else []
        )
        self.columns = leaves + len(children)
        self.targets = np.random.default_rng(seed).normal(size=(2, H, self.columns))

    def gradients(self):
        mats = [self.x, *self.leaves, *self.parameters]
        found = [mat.dw.copy() for mat in mats]
        for mat in mats:
            mat.dw = np.zeros(mat.shape)
        return found

    def forest(self, program=None):
        G = Graph()
        states = G.forest(program or self.program, self.x, self.children, self.leaves, self.parameters)
        values = [s.w.copy() for s in states]
        for state, target in zip(states, self.targets):
            state.dw = target
        G.backward()
        return values, [s.dw.copy() for s in states] + self.gradients()

    def by_operations(self):
        names = type("Names", (), dict(zip(self.program.parameters, self.parameters)))
        zeros = Mat(H, 1, "float64")

        def node(G, x, before):
            with G:
                return [s * 1.0 for s in self.step(x, *(zeros if s is None else s for s in before), names)]

        return self.by_nodes(node)

    def applied(self):
        return self.by_nodes(lambda G, x, before: G.apply(self.program, x, before, self.parameters))

    def by_nodes(self, node):
        G, first = Graph(), self.columns - len(self.children)
        with G:
            nodes = [[s.view(0, j, H, 1) * 1.0 for s in self.leaves] for j in range(first)]
        for j, children in enumerate(self.children):
            before = [m for c in children for m in (nodes[c] if c >= 0 else [None, None])]
            nodes.append(node(G, self.x.view(0, j, INPUTS, 1), before))
        values = [np.hstack([node[k].w for node in nodes]) for k in range(2)]
        for k, target in enumerate(self.targets):
            for j, node in enumerate(nodes):
                node[k].dw = target[:, j : j + 1]
        G.backward()
        return values, [np.hstack([node[k].dw for node in nodes]) for k in range(2)] + self.gradients()


def random_children(nodes, arity, leaves, seed):
    rng = np.random.default_rng(seed)
    return [[int(rng.integers(-1, leaves + j)) for _ in range(arity)] for j in range(nodes)]


CASES = {
    "binary": lambda: Case(binary, BINARY, random_children(20, 2, 6, 1), 6),
    "binary without leaves": lambda: Case(binary, BINARY, random_children(15, 2, 0, 2)),
    "child-sum of one": lambda: Case(child_sum, CHILD_SUM, random_children(12, 1, 0, 3)),
    "child-sum of four": lambda: Case(child_sum, CHILD_SUM, random_children(25, 4, 2, 4), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_operations(name):
    case = CASES[name]()
    expected = case.by_operations()
    for found in (case.forest(), case.applied()):
        for ours, theirs in zip(found, expected):
            for a, b in zip(ours, theirs):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_json():
    case = CASES["binary"]()
    again = Program.from_json(case.program.json())
    assert again.children == 2 and again.json() == case.program.json()
    for a, b in zip(case.forest(again), case.forest()):
        assert all(x.tobytes() == y.tobytes() for x, y in zip(a, b))


def test_bits_do_not_depend_on_threads():
    count = recurrent.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3, 4):
            recurrent.set_num_threads(threads)
            values, gradients = CASES["child-sum of four"]().forest()
            found.append(b"".join(a.tobytes() for a in values + gradients))
        assert len(set(found)) == 1
    finally:
        recurrent.set_num_threads(count)


def test_order_of_trees_changes_no_bit():
    """A list, a node in a level, beside a full tree; both orders of their nodes."""
    chain = [[0, 1], [4, 2], [5, 3]]
    full = [[0, 1], [2, 3], [7, 8]]
    case = Case(binary, BINARY, chain + full, 4)
    order = [3, 0, 4, 1, 5, 2]
    place = {4 + old: 4 + new for new, old in enumerate(order)}
    moved = Case(binary, BINARY, [[place.get(c, c) for c in (chain + full)[old]] for old in order], 4)
    moved.x.w[...] = case.x.w[:, order]
    moved.targets = case.targets[:, :, [0, 1, 2, 3, *(4 + old for old in order)]]
    (a, (dh, dc, dx, *_)), (b, (eh, ec, ex, *_)) = case.forest(), moved.forest()
    nodes = [4 + old for old in order]
    for x, y in ((a[0], b[0]), (a[1], b[1]), (dh, eh), (dc, ec)):
        assert np.ascontiguousarray(x[:, nodes]).tobytes() == np.ascontiguousarray(y[:, 4:]).tobytes()
    assert np.ascontiguousarray(dx[:, order]).tobytes() == ex.tobytes()


def test_refuses():
    case = CASES["binary"]()
    G, program, x, p = Graph(), case.program, case.x, case.parameters
    leaves, children = case.leaves, case.children
    for arguments, error, message in (
        ((None, x, children, leaves, p), TypeError, "program has the wrong type"),
        ((program, None, children, leaves, p), ValueError, "x is absent; expected 3 rows"),
        ((program, x, [0, 1, 2, 3], leaves, p), ValueError, r"children has the wrong shape; expected \(nodes, 2\)"),
        ((program, x, [[0], [1]], leaves, p), ValueError, "children has the wrong shape"),
        ((program, x, [], leaves, p), ValueError, "children has the wrong shape"),
        ((program, x, [["a", 1]], leaves, p), TypeError, "children has the wrong type"),
        ((program, x, [[0.5, 1]], leaves, p), TypeError, "children has the wrong type"),
        ((program, x, children[:-1], leaves, p), ValueError, "x has the wrong shape"),
        ((program, x, [[0, 1], [0, 7], *children[2:]], leaves, p), IndexError,
         r"children\[1\]\[1\] does not precede its parent, node 1"),
        ((program, x, [[0, 99], *children[1:]], leaves, p), IndexError, r"children\[0\]\[1\] is out of range"),
        ((program, x, [[0, -2], *children[1:]], leaves, p), IndexError, r"children\[0\]\[1\] is out of range"),
        ((program, x, children, leaves[:1], p), ValueError, "leaves has the wrong length"),
        ((program, x, children, [leaves[0], Mat(H, 5, "float64")], p), ValueError, r"leaves\[1\]"),
        ((program, x, children, [leaves[0], 3], p), TypeError, r"leaves\[1\]"),
        ((program, x, children, leaves, p[:2]), ValueError, "parameters has the wrong length"),
        ((program, Mat(INPUTS, 20), children, leaves, p), TypeError, "x has the wrong dtype"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            G.forest(*arguments)
    assert len(G) == 0
    with pytest.raises(ValueError, match="program reads the states of 2 nodes"):
        G.scan(program, x, leaves, p)
    for children in (0, -1, 33, 2**40):
        with pytest.raises(ValueError, match="children is out of range; expected 1 to 32 with 2 states"):
            Program(binary, INPUTS, [H, H], BINARY, children=children)
    with pytest.raises(TypeError, match="children"):
        Program(binary, INPUTS, [H, H], BINARY, children=None)
    assert repr(program) == "<Program: 3 inputs, states 5, 5, 2 children, 4 parameters>"


def test_apply_has_the_bits_of_a_forest():
    case = CASES["binary"]()
    for a, b in zip(case.forest()[0], case.applied()[0]):
        assert a.tobytes() == b.tobytes()


def test_apply_refuses():
    case = CASES["binary"]()
    G, program, p = Graph(), case.program, case.parameters
    x, s = case.x.view(0, 0, INPUTS, 1), [Mat(H, 1, "float64") for _ in range(4)]
    for arguments, error, message in (
        ((None, x, s, p), TypeError, "program has the wrong type"),
        ((program, None, s, p), ValueError, "x is absent; expected 3 rows"),
        ((program, case.x, s, p), ValueError, r"states\[0\] has the wrong shape; expected 5 x 20, got 5 x 1"),
        ((program, x, s[:2], p), ValueError, "states has the wrong length; expected 4, 2 for each child"),
        ((program, x, s[0], p), TypeError, "states has the wrong type"),
        ((program, x, [None, None, 3, None], p), TypeError, r"states\[2\]"),
        ((program, x, s, [None]), TypeError, r"parameters\[0\]"),
        ((program, x, s), ValueError, "parameters has the wrong length"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            G.apply(*arguments)
    assert len(G) == 0
    (h, c) = G.apply(program, x, (), p)
    assert h.shape == c.shape == (H, 1) and G.operations[0].name == "apply"


def test_no_objects_leak():
    case, count = CASES["binary"](), recurrent._c.lib.recurrent_object_count
    before = count()
    for _ in range(3):
        case.forest()
        case.applied()
    assert count() == before


def test_a_cell_has_one_child():
    text = Program(lambda x, a, b: (x + a + b).tanh(), 3, 3, children=2).json()
    settings = f'{{"cell": {{"name": "a", "states": ["h"], "layers": [{text}]}}, "input_size": 3, "hidden_sizes": [3]}}'
    lib, new = recurrent._c.lib, recurrent._c.new
    words, rng = settings.encode(), recurrent.Random(1)
    with pytest.raises(ValueError, match="layer 0 of a has the wrong number of children; expected 1"):
        new(lib.recurrent_network_create, lib.recurrent_network_free, words, len(words), rng._handle.value)
