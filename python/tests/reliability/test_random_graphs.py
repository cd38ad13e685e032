"""Random graphs: values and gradients are those of dual numbers in NumPy."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from instances import methods
from recurrent import Graph, Mat
from reliability import duals
from reliability.duals import Dual
from support import HARDEN

GRAPHS = 20_000 if HARDEN else 500
TOLERANCE = 1e-9
SIZES = (1, 2, 3, 5)


class Program:
    """Operations on some leaves, chosen at random: run once on a graph, and once for each direction of a derivative."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.leaves = [self.leaf() for _ in range(self.rng.randint(1, 4))]
        if self.rng.random() < 0.2:
            # of a cell
            n, k, d = (self.rng.choice(SIZES[:3]) for _ in range(3))
            shapes = [(k, d), (n, d), (4 * n, k), (4 * n, n), (4 * n, 1)]
            self.leaves += [self.leaf(*shape) for shape in shapes]
        self.steps: list[tuple[str, tuple[Any, ...], list[int]]] = []
        self.values: list[np.ndarray[Any, Any]] = list(self.leaves)
        for _ in range(self.rng.randint(1, 14)):
            self.add_step()
        # results that a loss depends on; the others are dead branches
        results = range(len(self.leaves), len(self.values))
        self.ends = sorted(self.rng.sample(results, self.rng.randint(1, min(3, len(results)))))
        self.weights = [self.numbers.normal(size=self.values[at].shape) for at in self.ends]

    def leaf(self, *shape: int) -> np.ndarray[Any, Any]:
        shape = shape or (self.rng.choice(SIZES), self.rng.choice(SIZES))
        return self.numbers.uniform(-1.5, 1.5, shape)

    def operand(self, fits: Any) -> int | None:
        places = [at for at, value in enumerate(self.values) if fits(value)]
        return self.rng.choice(places) if places else None

    def add_step(self) -> None:
        """Adds an operation whose operands there are; at most a few tries."""
        for _ in range(20):
            first = self.rng.randrange(len(self.values))
            name = self.rng.choice(NAMES)
            chosen = self.choose(name, first)
            if chosen is None:
                continue
            extra, places = chosen
            with np.errstate(all="ignore"):
                found = [
                    v.value
                    for v in apply(name, extra, [Dual(self.values[p], 0 * self.values[p]) for p in places])
                ]
            if not all(np.isfinite(v).all() and np.abs(v).max() < 20 for v in found):
                continue
            self.steps.append((name, extra, places))
            self.values += found
            return
        # the scale of any value is an operation
        self.steps.append(("scale", (0.5,), [0]))
        self.values.append(self.values[0] * 0.5)

    def choose(self, name: str, first: int) -> tuple[tuple[Any, ...], list[int]] | None:
        """The other operands of an operation, and its settings; None if it fits no value."""
        a, rng = self.values[first], self.rng
        n, d = a.shape
        if name in duals.UNARY:
            is_near = np.abs(a).min() < 1e-3 and name in ("relu", "leaky_relu", "abs")
            is_outside = name in duals.POSITIVE and a.min() < 0.05
            return None if is_near or is_outside else ((), [first])
        if name in ("scale", "shift"):
            return (rng.uniform(-2, 2),), [first]
        if name == "pow":
            exponent = rng.choice((-1.5, 0.0, 0.5, 1.0, 1.7, 2.0, 3.0))
            return None if a.min() < 0.1 else ((exponent,), [first])
        if name == "clip":
            low = rng.uniform(-1, 1)
            limits = low, low + rng.uniform(0, 1)
            return None if any(np.abs(a - limit).min() < 1e-3 for limit in limits) else (limits, [first])
        if name in PAIRS:
            return self.choose_pair(name, first)
        if name == "where":
            others = [self.operand(lambda v: v.shape in fitting(n, d)) for _ in range(2)]
            return None if 0 < np.abs(a).min() < 1e-3 or None in others else ((), [first, *others])
        if name in ("max", "min", "norm", "logsumexp"):
            if (
                name in ("max", "min")
                and 0
                < np.abs(np.subtract.outer(a, a))[~np.eye(a.size, dtype=bool).reshape(n, d, n, d)].min(
                    initial=1
                )
                < 1e-3
            ):
                return None
            return (
                None if name == "norm" and np.abs(a).min() < 1e-3 else ((rng.choice((None, 0, 1)),), [first])
            )
        if name == "cumsum":
            return (rng.choice((0, 1)),), [first]
        if name == "reshape":
            return (rng.choice([r for r in range(1, a.size + 1) if a.size % r == 0]), -1), [first]
        if name == "index_select":
            axis = rng.choice((0, 1))
            return ([rng.randrange(a.shape[axis]) for _ in range(rng.randint(1, 4))], axis), [first]
        if name == "stack":
            others = [self.operand(lambda v: v.shape == (n, d)) for _ in range(rng.randint(0, 2))]
            return (rng.choice((0, 1)),), [first, *others]
        if name == "bmm":
            batches, transposed = rng.choice([B for B in range(1, d + 1) if d % B == 0]), rng.random() < 0.5
            inner = n if transposed else d // batches
            other = self.operand(lambda v: v.shape[0] == inner and v.shape[1] % batches == 0)
            return None if other is None else ((batches, transposed), [first, other])
        if name in ("dot", "squared_error"):
            other = self.operand(lambda v: v.shape == (n, d))
            return (), [first, other]
        if name == "mul":
            other = self.operand(lambda v: v.shape[0] == d)
            return None if other is None else ((), [first, other])
        if name in ("sum", "mean"):
            return (rng.choice((None, 0, 1)),), [first]
        if name == "row_pluck":
            return ([rng.randrange(n) for _ in range(rng.randint(1, 4))],), [first]
        if name == "slice_rows":
            start = rng.randrange(n)
            return (start, rng.randint(1, n - start)), [first]
        if name == "slice_columns":
            start = rng.randrange(d)
            return (start, rng.randint(1, d - start)), [first]
        if name == "reverse_sequence":
            steps = rng.choice([T for T in range(1, d + 1) if d % T == 0])
            return (steps, [rng.randint(0, steps) for _ in range(d // steps)]), [first]
        if name in ("concat_rows", "concat_columns"):
            axis = int(name == "concat_rows")
            others = [
                self.operand(lambda v: v.shape[axis] == a.shape[axis]) for _ in range(rng.randint(0, 2))
            ]
            return (), [first, *others]
        if name == "cross_entropy":
            return ([rng.randrange(n) for _ in range(d)],), [first]
        if name == "layer_norm":
            column = [self.operand(lambda v: v.shape == (n, 1)) for _ in range(2)]
            return None if n < 2 or None in column or a.std(0).min() < 0.1 else ((), [first, *column])
        if name in ("rnn", "lstm"):
            return self.choose_cell(name, first)
        return (), [first]

    def choose_pair(self, name: str, first: int) -> tuple[tuple[Any, ...], list[int]] | None:
        """The other operand of an element-wise operation: of the same shape, or broadcast."""
        a = self.values[first]

        def fits(v: Any) -> bool:
            if v.shape not in fitting(*a.shape):
                return False
            if name == "div":
                return bool(np.abs(v).min() > 0.1)
            # equal elements are those of one value
            return name in ("add", "sub", "eltmul") or bool(np.abs(a - v).min() > 1e-3)

        other = self.operand(fits)
        return None if other is None else ((), [first, other])

    def choose_cell(self, name: str, first: int) -> tuple[tuple[Any, ...], list[int]] | None:
        """The state and the weights of a cell whose input is a value."""
        (k, d), times = self.values[first].shape, 4 if name == "lstm" else 1
        for n in SIZES:
            shapes = [(n, d)] * (2 if name == "lstm" else 1) + [
                (times * n, k),
                (times * n, n),
                (times * n, 1),
            ]
            places = [self.operand(lambda v, s=s: v.shape == s) for s in shapes]
            if None in places:
                continue
            if name == "rnn":
                h, Wx, Wh, b = (self.values[p] for p in places)
                if np.abs(Wx @ self.values[first] + Wh @ h + b).min() < 1e-3:
                    continue
            return (), [first, *places]
        return None

    def recorded(self) -> tuple[list[Any], list[Any]]:
        """Values of the results and gradients of the leaves, from a graph. Values are read at random moments."""
        G, mats = Graph(), [Mat.from_array(leaf) for leaf in self.leaves]
        leaves = list(mats)
        for name, extra, places in self.steps:
            operands = [mats[p] for p in places]
            given = (
                [operands, *extra]
                if name in ("concat_rows", "concat_columns", "stack")
                else [*operands, *extra]
            )
            results = getattr(G, name)(*given)
            mats += results if isinstance(results, tuple) else [results]
            if self.rng.random() < 0.1:
                _ = mats[-1].w
            if self.rng.random() < 0.1:
                # a write after the recording changes no result and no gradient
                leaf = self.rng.choice(leaves)
                kept = leaf.w.copy()
                leaf.w = kept + 1
                leaf.w = kept
        for at, weights in zip(self.ends, self.weights):
            # a slice shares its gradients with its operand
            mats[at].dw += weights
        G.backward()
        return [m.w.copy() for m in mats], [leaf.dw.copy() for leaf in leaves]

    def carried(self, leaf: int, direction: Any) -> tuple[list[Any], float]:
        """Values of the results, and the derivative of the weighted sum in a direction of one leaf."""
        values = [Dual(v, direction if at == leaf else 0 * v) for at, v in enumerate(self.leaves)]
        for name, extra, places in self.steps:
            values += apply(name, extra, [values[p] for p in places])
        slope = sum(float((values[at].slope * weights).sum()) for at, weights in zip(self.ends, self.weights))
        return [v.value for v in values], slope


def apply(name: str, extra: tuple[Any, ...], operands: list[Dual]) -> list[Dual]:
    a = operands[0]
    if name in duals.UNARY:
        return [duals.unary(name, a)]
    if name in ("sum", "mean"):
        return [(duals.total if name == "sum" else duals.mean)(a, *extra)]
    if name == "squared_error":
        return [duals.mean(duals.unary("square", duals.sub(*operands)), None)]
    if name == "lstm":
        return list(duals.lstm(*operands))
    moves = {
        "transpose": lambda x: x.T,
        "row_pluck": lambda x: x[extra[0]].T,
        "slice_rows": lambda x: x[extra[0] : extra[0] + extra[1]],
        "slice_columns": lambda x: x[:, extra[0] : extra[0] + extra[1]],
        "reverse_sequence": lambda x: x[:, reversed_columns(*extra)],
        "concat_rows": lambda *x: np.concatenate(x, 0),
        "concat_columns": lambda *x: np.concatenate(x, 1),
        "cumsum": lambda x: x.cumsum(*extra),
        "reshape": lambda x: x.reshape(*extra),
        "index_select": lambda x: np.take(x, *extra),
        "stack": lambda *x: stacked(x, *extra),
    }
    if name in moves:
        return [duals.each(moves[name], *operands)]
    return [getattr(duals, name)(*operands, *extra)]


def stacked(arrays: Any, axis: int) -> Any:
    """Columns or rows in turn."""
    (n, d), together = arrays[0].shape, np.stack(arrays, axis + 1)
    return together.reshape(n, -1) if axis else together.reshape(-1, d)


def fitting(n: int, d: int) -> tuple[tuple[int, int], ...]:
    """The shapes that broadcast to (n, d)."""
    return (n, d), (n, 1), (1, d), (1, 1)


def reversed_columns(steps: int, lengths: list[int]) -> list[int]:
    """The columns of sequences, each reversed within its length."""
    batch = len(lengths)
    turned = [[(n - 1 - t if t < n else t) * batch + b for b, n in enumerate(lengths)] for t in range(steps)]
    return [column for step in turned for column in step]


COMPARISONS = "greater", "greater_equal", "less", "less_equal", "equal", "not_equal"
PAIRS = ["add", "sub", "eltmul", "div", "maximum", "minimum", *COMPARISONS]
NAMES = [
    *duals.UNARY, *PAIRS, "scale", "shift", "pow", "clip", "where", "detach", "max", "min", "norm", "logsumexp",
    "cumsum",
    "reshape", "index_select", "stack", "bmm", "mul", "mul", "dot", "sum", "mean", "row_pluck",
    "transpose", "reverse_sequence", "slice_rows", "slice_columns", "concat_rows", "concat_columns", "softmax",
    "log_softmax",
    "cross_entropy", "squared_error", "layer_norm", "rnn", "lstm",
]  # fmt: skip


def differs(found: Any, expected: Any, size: float) -> bool:
    return not abs(found - expected) <= TOLERANCE * max(1.0, size)


@pytest.mark.campaign("Random graphs that differ from dual numbers")
def test_random_graphs(cases):
    seen: Counter[str] = Counter()
    for seed in range(GRAPHS):
        program = Program(seed)
        values, gradients = program.recorded()
        for leaf, gradient in enumerate(gradients):
            direction = program.numbers.normal(size=gradient.shape)
            expected, slope = program.carried(leaf, direction)
            if leaf == 0:
                for at, (found, other) in enumerate(zip(values, expected)):
                    np.testing.assert_allclose(
                        found, other, TOLERANCE, TOLERANCE, err_msg=f"seed {seed}, value {at}"
                    )
            found = float((gradient * direction).sum())
            size = float(np.abs(gradient * direction).sum())
            assert not differs(found, slope, size), (
                f"seed {seed}, leaf {leaf}: {found} is not {slope}\n{program.steps}"
            )
        seen.update(name for name, _, _ in program.steps)
        cases(1)
    assert set(seen) == set(NAMES), set(NAMES) - set(seen)


def test_every_operation_is_here():
    others = {
        "backward",
        "evaluate",
        "reset",
        "operations",
        "svg",
        "needs_backprop",
        "dropout",
        "attend",
        "zoneout",
        "name",
        "scan",
        "forest",
        "apply",
    }
    assert set(methods(Graph)) - others == set(NAMES)


def test_the_oracle_finds_a_wrong_gradient():
    assert differs(1 + 2e-9, 1, 1) and differs(math.nan, 1, 1) and not differs(1 + 1e-10, 1, 1)
