"""Programs: recording, scans, JSON, against the same step operation by operation."""

import json

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, Program

H, INPUTS, T, B = 6, 3, 5, 4
SHAPES = {"Wx": (4 * H, INPUTS), "Wh": (4 * H, H), "b": (4 * H, 1, 0.0), "p": (H, 1)}


def lstm(x, h, c, p):
    """A peephole LSTM."""
    i, f, o, g = (p.Wx @ x + p.Wh @ h + p["b"]).split(4)
    new_c = f.sigmoid() * c + (i + p.p * c).sigmoid() * g.tanh()
    return o.sigmoid() * new_c.tanh(), new_c


def gru(x, h, p):
    r, z = (p.Wx @ x + p.Wh @ h).split([H, 3 * H])[0].sigmoid(), (p.Wh @ h).split(4)[1].sigmoid()
    n = (p.Wx @ x).split(4)[2] + r * h
    return (1 - z) * n.tanh() + z * h - 0.5


def minimal(x, h):
    return (Mat.from_array(np.full((H, INPUTS), 0.1), "float64") @ x + h * 0.5).tanh()


class Case:
    """A step with its Mats, in float64."""

    def __init__(self, step, states, shapes):
        self.step, self.states = step, states
        self.program = Program(step, INPUTS, states, shapes, dtype="float64")
        self.parameters = [
            Mat.uniform(n, d, -0.7, 0.7, "float64", rng=k)
            for k, (n, d) in enumerate(self.program.parameters.values())
        ]
        self.x = Mat.uniform(INPUTS, T * B, -1, 1, "float64", rng=10)
        self.initial = [Mat.uniform(n, B, -1, 1, "float64", rng=20 + k) for k, n in enumerate(states)]

    @property
    def leaves(self):
        return [self.x, *self.initial, *self.parameters]

    def gradients(self):
        found = [leaf.dw.copy() for leaf in self.leaves]
        for leaf in self.leaves:
            leaf.dw = np.zeros(leaf.shape)
        return found

    def by_operations(self):
        class Names:
            def __init__(self, mats):
                self.mats = mats

            def __getattr__(self, name):
                return self.mats[name]

            __getitem__ = __getattr__

        names = [Names(dict(zip(self.program.parameters, self.parameters)))] if self.parameters else []
        G, states, outputs = Graph(), self.initial, []
        with G:
            for t in range(T):
                after = self.step(self.x.view(0, t * B, INPUTS, B), *states, *names)
                states = list(after) if isinstance(after, tuple) else [after]
                outputs.append(states[0])
            y = G.concat_columns(outputs)
            loss = (y * y * y).sum() + sum((s.square().sum() for s in states[1:]), start=y.sum())
            loss.backward()
        return [y.w.copy(), *(s.w.copy() for s in states)], self.gradients()

    def scanned(self, program=None):
        G = Graph()
        y, states = G.scan(program or self.program, self.x, self.initial, self.parameters)
        with G:
            loss = (y * y * y).sum() + sum((s.square().sum() for s in states[1:]), start=y.sum())
            loss.backward()
        return [y.w.copy(), *(s.w.copy() for s in states)], self.gradients()


CASES = {
    "peephole": (lstm, [H, H], SHAPES),
    "gru": (gru, [H], {"Wx": (4 * H, INPUTS), "Wh": (4 * H, H)}),
    "captured": (minimal, [H], None),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_operations(name):
    case = Case(*CASES[name])
    for found, expected in zip(case.scanned(), case.by_operations()):
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_json():
    case = Case(*CASES["peephole"])
    text = case.program.json()
    again = Program.from_json(text)
    assert again.json() == text and again.parameters == case.program.parameters
    assert (again.inputs, again.states, again.dtype) == (INPUTS, (H, H), np.dtype("float64"))
    for a, b in zip(case.scanned(again)[0], case.scanned()[0]):
        assert a.tobytes() == b.tobytes()
    assert json.loads(text)["parameters"][2] == {"name": "b", "n": 4 * H, "d": 1, "initial": 0, "parts": []}
    with pytest.raises(ValueError, match="step reads a Mat from outside"):
        Case(*CASES["captured"]).program.json()
    with pytest.raises(IndexError, match=r"operations\[0\]\[0\] refers to nothing before it"):
        Program.from_json(text.replace('"p0"', '"p9"', 1))
    with pytest.raises(ValueError, match="settings"):
        Program.from_json("{")


def test_lengths():
    case = Case(*CASES["peephole"])
    lengths = [5, 0, 2, 4]
    w = case.x.w.copy()
    for b, length in enumerate(lengths):
        for t in range(length, T):
            case.x.w[:, t * B + b] = np.nan
    y, (h, c) = Graph().scan(case.program, case.x, case.initial, case.parameters, lengths)
    got = y.w.reshape(H, T, B)
    for b, length in enumerate(lengths):
        assert (got[:, length:, b] == 0).all()
        x = Mat.from_array(w.reshape(INPUTS, T, B)[:, : max(1, length), b].copy(), "float64")
        if length:
            states = [s.view(0, b, H, 1) for s in case.initial]
            alone, (end, cell) = Graph().scan(case.program, x, states, case.parameters)
            np.testing.assert_allclose(got[:, :length, b], alone.w, rtol=1e-12)
            np.testing.assert_allclose(h.w[:, b], end.w[:, 0], rtol=1e-12)
            np.testing.assert_allclose(c.w[:, b], cell.w[:, 0], rtol=1e-12)
        else:
            assert (h.w[:, b] == case.initial[0].w[:, b]).all()


STEPS = {
    "reads w": (lambda h: h * h.w[0, 0], RuntimeError, "step is being recorded"),
    "reads dw": (lambda h: h.dw, RuntimeError, "dw of a step's value"),
    "reads d": (lambda h: h * (1 / h.d), RuntimeError, "d of a step's value is the batch size"),
    "reads shape": (lambda h: h * h.shape[1], RuntimeError, "d of a step's value is the batch size"),
    "is a number": (lambda h: float(h.sum()), RuntimeError, "step is being recorded"),
    "transposes": (lambda h: h.T, ValueError, "operation 0 of step is transpose"),
    "sums columns": (lambda h: h + h.sum(axis=1), ValueError, "operation 0 of step is sum"),
    "other rows": (lambda h: h.split([1, H - 1])[1], ValueError, f"expected {H} rows, got {H - 1}"),
    "two states": (lambda h: (h, h), ValueError, "wrong number of states; expected 1, got 2"),
    "no Mat": (lambda h: None, TypeError, "step returns the wrong type; .* got NoneType"),
    "a list of None": (lambda h: [None], TypeError, "next value of state 0 has the wrong type"),
    "a parameter": (lambda h: Mat(H, 1), ValueError, "depends on neither x nor a state"),
    "wide Mats": (lambda h: h + Mat(H, 7), ValueError, "expected a single column from outside"),
    "raises": (lambda h: 1 / 0, ZeroDivisionError, "division"),
}


@pytest.mark.parametrize("name", STEPS)
def test_refuses_steps(name):
    step, error, message = STEPS[name]
    with pytest.raises(error, match=message):
        Program(step, 0, H)
    # the thread's graph is as before
    assert (Mat(1, 1) + 1).w[0, 0] == 1


def test_refuses_settings():
    def step(h, p=None):
        return h.tanh()

    for arguments, error, message in (
        ((3, 0, H), TypeError, "step has the wrong type"),
        ((step, -1, H), ValueError, "inputs is out of range"),
        ((step, 0, 0), ValueError, r"states\[0\] is out of range"),
        ((step, 0, []), ValueError, "states is empty"),
        ((step, 0, H, {"W": 3}), ValueError, r"parameters\['W'\] is unusable"),
        ((step, 0, H, {"W": (3, 0)}), ValueError, r"parameters\[0\]"),
        ((step, 0, H, {1: (3, 1)}), TypeError, "name of a parameter"),
        ((step, 0, H, {"": (3, 1)}), ValueError, r"name of parameters\[0\]"),
        ((step, 0, H, {"W": (3, 1, float("inf"))}), ValueError, "initial|finite|JSON|settings"),
        ((step, 0, H, None, "int8"), (TypeError, ValueError), "dtype"),
    ):
        with pytest.raises(error, match=message):
            Program(*arguments)
    with pytest.raises(
        (KeyError, AttributeError), match="parameter is unknown; expected one of 'W', got 'V'"
    ):
        Program(lambda h, p: p.V @ h, 0, H, {"W": (H, H)})


def test_parameters_have_their_columns():
    """A parameter of as many columns as a placeholder is asked for its shape."""

    def step(h, p):
        assert p.W.shape == (H, 7) and p.W.d == 7
        return (p.V @ h + (p.U @ (p.W @ h)).sigmoid()).tanh()

    Program(step, 0, 7, {"W": (H, 7), "V": (7, 7), "U": (7, H)})


def test_scan_refuses():
    case = Case(*CASES["peephole"])
    G, x, s, p = Graph(), case.x, case.initial, case.parameters
    for arguments, error, message in (
        ((None, x, s, p), TypeError, "program has the wrong type"),
        ((case.program, None, s, p), ValueError, "steps is missing"),
        ((case.program, x, s[:1], p), ValueError, "states has the wrong length"),
        ((case.program, x, [], p), ValueError, "states has the wrong length"),
        ((case.program, x, s[0], p), TypeError, "states has the wrong type"),
        ((case.program, x, s, p[:2]), ValueError, "parameters has the wrong length"),
        ((case.program, x, s, p[::-1]), ValueError, "parameter Wx has the wrong shape"),
        ((case.program, x, [s[0], 3], p), TypeError, r"states\[1\]"),
        ((case.program, x, s, p, [1, 2]), ValueError, "lengths"),
        ((case.program, x, s, p, [1, 2, 3, 9]), IndexError, r"lengths\[3\]"),
        ((case.program, x, s, p, None, 4), ValueError, "x has the wrong shape"),
        ((case.program, Mat(INPUTS, T * B), s, p), TypeError, "x has the wrong dtype"),
    ):
        with pytest.raises(error, match=message):
            G.scan(*arguments)
    assert len(G) == 0


def test_attributes_are_read_only():
    program = Case(*CASES["gru"]).program
    for name in ("inputs", "states", "parameters", "dtype"):
        with pytest.raises(AttributeError, match=name):
            setattr(program, name, "other")
    assert repr(program) == "<Program: 3 inputs, states 6, 2 parameters>"


def test_nested_steps_are_independent():
    """A step that records another program while it is recorded."""
    inner = []

    def step(h):
        inner.append(Program(lambda g: g.tanh(), 0, 2))
        return h.sigmoid()

    outer = Program(step, 0, 3)
    y, _ = Graph().scan(outer, None, [Mat(3, 1)], steps=2)
    z, _ = Graph().scan(inner[0], None, [Mat(2, 1).fill(1)], steps=1)
    assert y.w[0, 0] == 0.5 and z.w[0, 0] == np.tanh(np.float32(1))


def test_interpreter_is_unharmed_by_a_finished_step():
    """The Mats of a step outlive it: they have no numbers, and operations on them are of no program."""
    kept = []
    program = Program(lambda h: kept.append(h) or h.tanh(), 0, 3)
    with pytest.raises(RuntimeError):
        _ = kept[0].w
    kept[0].tanh()
    y, _ = Graph().scan(program, None, [Mat(3, 1)], steps=1)
    assert (y.w == 0).all()
    with pytest.raises((RuntimeError, ValueError)):
        _ = (kept[0] + Mat(3, 1)).w


def test_no_objects_leak():
    count = recurrent._c.lib.recurrent_object_count
    before = count()
    for _ in range(20):
        program = Program(lambda h: h.tanh(), 0, 3)
        with pytest.raises(ZeroDivisionError):
            Program(lambda h: 1 / 0, 0, 3)
        y, final = Graph().scan(program, None, [Mat(3, 1)], steps=1)
        del program, y, final
    assert count() == before


def test_arguments_of_other_types():
    def step(x, h, p):
        assert repr(h) == "<Mat of 3 rows of a step>"
        with pytest.raises(AttributeError, match=r"^_private$"):
            p._private  # noqa: B018
        return h.tanh()

    assert Program(step, inputs=2, states=3, parameters={"W": (3, 3)}).states == (3,)
    for settings, words in (
        ({"states": "3"}, "^states has the wrong type; expected ints, got str$"),
        ({"states": {3: 1}}, "^states has the wrong type; expected ints, got dict$"),
        (
            {"states": 3, "parameters": [("W", (3, 3))]},
            "^parameters has the wrong type; expected a dict of shapes, got list$",
        ),
    ):
        with pytest.raises(TypeError, match=words):
            Program(step, inputs=2, **settings)
