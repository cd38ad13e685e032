"""Expressions: learn to evaluate nested expressions from the values of whole ones, with TreeLSTMs.

- Binary: and, or and xor of truth values, such as ((1 and 0) xor (0 or 1)).
- Child-sum: the largest or the smallest of two to four digits or expressions, such as max(3, min(7, 2, 9), 1).

A node of a tree is an operator or a constant, and its children are its operands. The network reads nothing but the
symbols; the target is the value of the root. It trains on expressions with up to 12 constants and is tested on others
with up to 36. The result is the fraction of the test expressions whose value is right.

Tai, Socher and Manning, ACL 2015, arXiv:1503.00075.
"""

import sys
import time

import numpy as np

import recurrent

H, TREES = 32, 32
PASS = 0.8


def binary(x, hl, cl, hr, cr, p):
    """Equations 9 to 14: a gate for each of two children, which have matrices of their own."""
    i, fl, fr, o, g = (p.W @ x + p.L @ hl + p.R @ hr + p.b).split(5)
    c = i.sigmoid() * g.tanh() + fl.sigmoid() * cl + fr.sigmoid() * cr
    return o.sigmoid() * c.tanh(), c


def child_sum(x, h1, c1, h2, c2, h3, c3, h4, c4, p):
    """Equations 2 to 8: children in any order; one that is missing has a state of zeros."""
    i, o, g = (p.W @ x + p.U @ (h1 + h2 + h3 + h4) + p.b).split(3)
    c = i.sigmoid() * g.tanh()
    for h_k, c_k in (h1, c1), (h2, c2), (h3, c3), (h4, c4):
        c = c + (p.V @ x + p.F @ h_k + p.f).sigmoid() * c_k
    return o.sigmoid() * c.tanh(), c


class Logic:
    """Symbols 0 and 1 are false and true; then and, or, xor."""

    classes, symbols, arity = 2, 5, 2
    step = staticmethod(binary)
    shapes = {"W": (5 * H, H), "L": (5 * H, H), "R": (5 * H, H), "b": (5 * H, 1)}  # noqa: RUF012

    @staticmethod
    def operands(rng, constants):
        """The constants of each operand."""
        left = int(rng.integers(1, constants))
        return [left, constants - left]

    @staticmethod
    def value(symbol, operands):
        """The value of an operator."""
        a, b = operands
        return [a & b, a | b, a ^ b][symbol - 2]


class Lists:
    """Symbols 0 to 9 are digits; then max and min."""

    classes, symbols, arity = 10, 12, 4
    step = staticmethod(child_sum)
    shapes = {  # noqa: RUF012
        "W": (3 * H, H), "U": (3 * H, H), "V": (H, H), "F": (H, H), "b": (3 * H, 1), "f": (H, 1),
    }  # fmt: skip

    @staticmethod
    def operands(rng, constants):
        """The constants of each operand."""
        count = int(rng.integers(2, min(4, constants) + 1))
        cuts = np.sort(rng.permutation(constants - 1)[: count - 1] + 1)
        return np.diff([0, *cuts, constants]).tolist()

    @staticmethod
    def value(symbol, operands):
        """The value of an operator."""
        return [max, min][symbol - 10](operands)


def forest(task, rng, trees, constants):
    """Random expressions: the symbol and the children of each node, the roots and their values."""
    symbols, children, roots, values = [], [], [], []

    def grow(count):
        """Append an expression with this many constants; return its last node and its value."""
        if count == 1:
            symbol, below = int(rng.integers(task.classes)), []
            value = symbol
        else:
            below, operands = zip(*(grow(n) for n in task.operands(rng, count)))
            symbol = int(rng.integers(task.classes, task.symbols))
            value = task.value(symbol, operands)
        symbols.append(symbol)
        children.append([*below, *[-1] * (task.arity - len(below))])
        return len(symbols) - 1, value

    for count in rng.integers(2, constants + 1, trees):
        root, value = grow(int(count))
        roots.append(root)
        values.append(value)
    return symbols, children, roots, values


class TreeLSTM:
    """A table of symbols, a step for every node, and a layer that reads the state of a root."""

    def __init__(self, task, rng):
        self.program = recurrent.Program(task.step, H, [H, H], task.shapes, children=task.arity)
        shapes = {
            "symbols": (task.symbols, H),
            **task.shapes,
            "out": (task.classes, H),
            "bias": (task.classes, 1),
        }
        self.parameters = {
            name: recurrent.Mat.from_array(rng.uniform(-1, 1, (n, d)) / np.sqrt(H), "float32")
            for name, (n, d) in shapes.items()
        }

    def scores(self, G, symbols, children, roots):
        """The scores of the classes, a column for each root."""
        p = self.parameters
        weights = [p[name] for name in self.program.parameters]
        h, _ = G.forest(self.program, G.row_pluck(p["symbols"], symbols), children, parameters=weights)
        # the columns of the roots
        chosen = G.row_pluck(G.transpose(h), roots)
        return G.add(G.mul(p["out"], chosen), p["bias"])


def train(task, seed, most):
    """Train on at most this many expressions; return the fraction of right values among 1,000 others."""
    rng = np.random.default_rng(seed)
    net, optimizer, G = TreeLSTM(task, rng), recurrent.Adam(0.005, clipping="global_norm"), recurrent.Graph()
    for _ in range(most // TREES):
        *trees, values = forest(task, rng, TREES, 12)
        G.cross_entropy(net.scores(G, *trees), values).backward()
        optimizer.step(net.parameters, clip=1.0)
        G.reset()
    *trees, values = forest(task, rng, 1000, 36)
    return np.mean(net.scores(G, *trees).w.argmax(0) == values)


def run(seed, most=19_200):
    """Learn both tasks; return the smaller fraction of right values, and how many expressions of each were used."""
    return min(train(task, seed, most) for task in (Logic, Lists)), most


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 6)):
        start = time.perf_counter()
        right, expressions = run(seed)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: {right:.1%} right after {expressions:,} expressions, {seconds:.1f} s")
