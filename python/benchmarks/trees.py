"""A binary TreeLSTM over random trees: ours in one forest and node by node, DyNet and PyTorch.

    python trees.py --hidden 32 128 256 --autobatch 1

A step is the recording, forward, backward and a step of SGD: 25 trees of 8 to 30 leaves, a table of 1,000 tokens, a
class of five for every node. DyNet batches the nodes by itself; PyTorch gets them in levels, made by hand before
the clock starts. The peers that are installed are measured; all have the same weights, and losses and gradients must
agree. The steps take turns on one core; times are CPU times of the process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

# a rate that leaves the weights as they are: the last step meets the same numbers as the first
RATE = 1e-6
V, CLASSES = 1000, 5
Arrays = dict[str, np.ndarray]


class Forest:
    """Random binary trees: tokens of the leaves, children of the inner nodes in post-order, a class for each.

    Attributes
    ----------
    tokens, children, targets : array
        (leaves,), (nodes, 2) and (leaves + nodes,): a child is a leaf, or the number of leaves plus a node.
    levels : list of array
        The nodes of each height, as PyTorch batches them.
    """

    def __init__(self, trees: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        sizes = rng.integers(8, 31, trees)
        leaves = int(sizes.sum())
        children: list[tuple[int, int]] = []
        self.roots, first = [], 0
        for size in sizes:
            open_ = list(range(first, first + size))
            first += size
            while len(open_) > 1:
                k = int(rng.integers(len(open_) - 1))
                children.append((open_[k], open_[k + 1]))
                open_[k : k + 2] = [leaves + len(children) - 1]
            self.roots.append(open_[0])
        self.tokens = rng.integers(0, V, leaves)
        self.children = np.array(children)
        self.targets = rng.integers(0, CLASSES, leaves + len(children))
        height = np.zeros(leaves + len(children), int)
        for j, pair in enumerate(children):
            height[leaves + j] = height[list(pair)].max() + 1
        self.levels = [np.flatnonzero(height[leaves:] == h) for h in range(1, height.max() + 1)]


def weights(H: int) -> Arrays:
    """Returns weights; rows of gates: i, o, g of a leaf, and i, fl, fr, o, g of a node."""
    rng = np.random.default_rng(3)
    shapes = {
        "T": (V, H), "Wx": (3 * H, H), "bx": (3 * H, 1), "L": (5 * H, H), "R": (5 * H, H), "b": (5 * H, 1),
        "Ws": (CLASSES, H), "bs": (CLASSES, 1),
    }  # fmt: skip
    return {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


def leaf_step(x: Any, h: Any, c: Any, p: Any) -> Any:
    """Return the states of a leaf; it has no child."""
    i, o, g = (p.Wx @ x + p.bx).split(3)
    c = i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def node_step(hl: Any, cl: Any, hr: Any, cr: Any, p: Any) -> Any:
    """Return the states of a node: equations 9 to 14 of Tai, Socher and Manning, without an input."""
    i, fl, fr, o, g = (p.L @ hl + p.R @ hr + p.b).split(5)
    c = i.sigmoid() * g.tanh() + fl.sigmoid() * cl + fr.sigmoid() * cr
    return o.sigmoid() * c.tanh(), c


class Ours:
    """Ours: the trees are one operation."""

    name = "recurrent"

    def __init__(self, forest: Forest, H: int) -> None:
        import recurrent

        self.forest, self.none = forest, np.full((len(forest.tokens), 1), -1)
        self.p = {name: recurrent.Mat.from_array(w, "float32") for name, w in weights(H).items()}
        shapes = {name: m.shape for name, m in self.p.items()}
        leaf_shapes, node_shapes = (
            {name: shapes[name] for name in names.split()} for names in ("Wx bx", "L R b")
        )
        self.leaf = recurrent.Program(leaf_step, H, [H, H], leaf_shapes)
        self.node = recurrent.Program(node_step, 0, [H, H], node_shapes, children=2)
        self.G, self.optimizer = recurrent.Graph(), recurrent.SGD(RATE)

    def _loss(self) -> Any:
        G, p = self.G, self.p
        G.reset()
        x = G.row_pluck(p["T"], self.forest.tokens)
        leaves = G.forest(self.leaf, x, self.none, parameters=[p["Wx"], p["bx"]])
        h, _ = G.forest(self.node, None, self.forest.children, leaves, [p["L"], p["R"], p["b"]])
        with G:
            return G.cross_entropy(p["Ws"] @ h + p["bs"], self.forest.targets, "sum")

    def step(self) -> None:
        """Train once."""
        self._loss().backward()
        self.optimizer.step(self.p)

    def gradients(self) -> tuple[float, Arrays]:
        """Return the loss and the gradients by name."""
        loss = self._loss()
        loss.backward()
        found = {name: m.dw.copy() for name, m in self.p.items()}
        self.optimizer.step(self.p, learning_rate=0)
        return float(loss.w[0, 0]), found


class Applied(Ours):
    """Ours, a call of Python for every node; the steps have captured their parameters."""

    name = "recurrent, apply"

    def __init__(self, forest: Forest, H: int) -> None:
        import recurrent

        super().__init__(forest, H)
        parameters = SimpleNamespace(**self.p)
        self.leaf, self.node = (
            recurrent.Program(
                lambda *mats, step=step: step(*mats, parameters), inputs, [H, H], children=children
            )
            for step, inputs, children in ((leaf_step, H, 1), (node_step, 0, 2))
        )

    def _loss(self) -> Any:
        G, p, forest = self.G, self.p, self.forest
        G.reset()
        x, H = G.row_pluck(p["T"], forest.tokens), p["L"].d
        states = [G.apply(self.leaf, x.view(0, j, H, 1)) for j in range(len(forest.tokens))]
        for left, right in forest.children:
            states.append(G.apply(self.node, None, (*states[left], *states[right])))
        with G:
            scores = p["Ws"] @ G.concat_columns([h for h, _ in states]) + p["bs"]
        return G.cross_entropy(scores, forest.targets, "sum")


class Torch:
    """PyTorch: the nodes of one height are a batch that the program has made by hand, before the clock starts."""

    name = "torch in levels"

    def __init__(self, forest: Forest, H: int) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        # a row is a node
        self.p = {
            name: torch.tensor(w if name == "T" else w.T.copy(), requires_grad=True)
            for name, w in weights(H).items()
        }
        self.optimizer = torch.optim.SGD(self.p.values(), lr=RATE)
        self.tokens = torch.tensor(forest.tokens)
        leaves = len(forest.tokens)
        column = np.concatenate([np.arange(leaves), np.zeros(len(forest.children), int)])
        order = np.concatenate(forest.levels)
        column[leaves + order] = leaves + np.arange(len(order))
        self.levels = [
            tuple(torch.tensor(column[forest.children[level, k]]) for k in (0, 1)) for level in forest.levels
        ]
        self.targets = torch.tensor(np.concatenate([forest.targets[:leaves], forest.targets[leaves + order]]))

    def _loss(self) -> Any:
        torch, p = self.torch, self.p
        i, o, g = (torch.nn.functional.embedding(self.tokens, p["T"]) @ p["Wx"] + p["bx"]).chunk(3, 1)
        c = torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        for l, r in self.levels:  # noqa: E741
            i, fl, fr, o, g = (h[l] @ p["L"] + h[r] @ p["R"] + p["b"]).chunk(5, 1)
            new = torch.sigmoid(i) * torch.tanh(g) + torch.sigmoid(fl) * c[l] + torch.sigmoid(fr) * c[r]
            h = torch.cat([h, torch.sigmoid(o) * torch.tanh(new)])
            c = torch.cat([c, new])
        return torch.nn.functional.cross_entropy(h @ p["Ws"] + p["bs"], self.targets, reduction="sum")

    def step(self) -> None:
        """Train once."""
        self.optimizer.zero_grad()
        self._loss().backward()
        self.optimizer.step()

    def gradients(self) -> tuple[float, Arrays]:
        """Return the loss and the gradients by name."""
        self.optimizer.zero_grad()
        loss = self._loss()
        loss.backward()
        return loss.item(), {n: (p.grad if n == "T" else p.grad.T).numpy().copy() for n, p in self.p.items()}


class DyNet:
    """DyNet: one expression for each node, batched by the library."""

    name = "DyNet autobatch"

    def __init__(self, forest: Forest, H: int) -> None:
        import dynet

        self.dy, self.forest, self.H = dynet, forest, H
        self.collection = dynet.ParameterCollection()
        w = weights(H)
        self.table = self.collection.lookup_parameters_from_numpy(w.pop("T"))
        self.p = {
            name: self.collection.parameters_from_numpy(v[:, 0] if v.shape[1] == 1 else v)
            for name, v in w.items()
        }
        self.trainer = dynet.SimpleSGDTrainer(self.collection, RATE)
        self.trainer.set_clip_threshold(0)

    def _loss(self) -> Any:
        dy, forest, p, H = self.dy, self.forest, self.p, self.H
        dy.renew_cg()
        losses, states = [], []

        def add(h: Any, c: Any) -> None:
            target = int(forest.targets[len(states)])
            losses.append(dy.pickneglogsoftmax(dy.affine_transform([p["bs"], p["Ws"], h]), target))
            states.append((h, c))

        for token in forest.tokens:
            z = dy.affine_transform([p["bx"], p["Wx"], dy.lookup(self.table, int(token))])
            i, o, g = (dy.pick_range(z, k * H, (k + 1) * H) for k in range(3))
            c = dy.cmult(dy.logistic(i), dy.tanh(g))
            add(dy.cmult(dy.logistic(o), dy.tanh(c)), c)
        for left, right in forest.children:
            (hl, cl), (hr, cr) = states[left], states[right]
            z = dy.affine_transform([p["b"], p["L"], hl, p["R"], hr])
            i, fl, fr, o, g = (dy.pick_range(z, k * H, (k + 1) * H) for k in range(5))
            new = dy.cmult(dy.logistic(i), dy.tanh(g))
            c = new + dy.cmult(dy.logistic(fl), cl) + dy.cmult(dy.logistic(fr), cr)
            add(dy.cmult(dy.logistic(o), dy.tanh(c)), c)
        return dy.esum(losses)

    def step(self) -> None:
        """Train once."""
        loss = self._loss()
        loss.value()
        loss.backward()
        self.trainer.update()

    def gradients(self) -> tuple[float, Arrays]:
        """Return the loss and the gradients by name."""
        loss = self._loss()
        value = loss.value()
        loss.backward()
        found = {name: p.grad_as_array().reshape(p.shape()[0], -1) for name, p in self.p.items()}
        found["T"] = self.table.grad_as_array()
        self.trainer.update()
        return value, found


def installed(kinds: list[Any], forest: Forest, H: int) -> list[Any]:
    """Returns what can be imported, with a line for what cannot."""
    found = []
    for kind in kinds:
        try:
            found.append(kind(forest, H))
        except ImportError as error:
            print(f"{kind.name}: {error}")
    return found


def check(sides: list[Any]) -> None:
    """Requires equal losses and gradients, relative to the norm of each Mat."""
    loss, gradients = sides[0].gradients()
    for side in sides[1:]:
        other, found = side.gradients()
        assert abs(loss - other) < 1e-5 * abs(loss), (side.name, loss, other)
        for name, mine in gradients.items():
            error = np.linalg.norm(found[name].reshape(mine.shape) - mine) / np.linalg.norm(mine)
            assert error < 1e-4, (side.name, name, error)


def race(sides: list[Any], seconds: float) -> list[list[float]]:
    """Returns the CPU seconds of each side's steps, taken in turns."""
    for side in sides:
        for _ in range(5):
            side.step()
    times: list[list[float]] = [[] for _ in sides]
    start = time.process_time()
    while time.process_time() - start < seconds or len(times[0]) < 5:
        for side, own in zip(sides, times):
            own.append(timed(side.step))
    return times


def timed(step: Callable[[], None]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 128, 256])
    parser.add_argument("--trees", type=int, default=25)
    parser.add_argument("--autobatch", type=int, default=1, help="DyNet's strategy: 1 or 3")
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        import dynet_config

        dynet_config.set(mem=2048, autobatch=arguments.autobatch)
        sys.argv = sys.argv[:1]
    except ImportError:
        pass
    import recurrent

    recurrent.set_num_threads(1)
    for H in arguments.hidden:
        forest = Forest(arguments.trees, 11)
        nodes = len(forest.children)
        sides = installed([Ours, Applied, DyNet, Torch], forest, H)
        check(sides)
        times = race(sides, arguments.seconds)
        print(
            f"H {H}: {arguments.trees} trees, {len(forest.tokens)} leaves, {nodes} nodes, {len(times[0])} turns"
        )
        for side, own in zip(sides, times):
            ratios = sorted(b / a for a, b in zip(times[0], own))
            low, median, high = (ratios[int(q * (len(ratios) - 1))] for q in (0.1, 0.5, 0.9))
            micro = [1e6 * t / nodes for t in own]
            print(
                f"  {side.name:18} {statistics.median(micro):7.1f} us a node, least {min(micro):7.1f}; "
                f"{median:5.2f} times ours ({low:.2f} to {high:.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
