"""The workloads, and this library's side of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import recurrent
from recurrent import recurrentjs

Arrays = dict[str, np.ndarray]

DECAY, EPSILON, CLIP = 0.95, 1e-8, 5.0
# so small that the first step and the last meet the same numbers
LEARNING_RATE = 1e-6
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclass(frozen=True)
class Workload:
    """A network and the shape of its data.

    Attributes
    ----------
    name, cell : str
        ``cell`` is LSTM, GRU or RNN (tanh).
    vocabulary, embedding : int or None
        Tokens looked up in a table, and a decoder to as many classes; None for numbers as wide as the layer.
    hidden : tuple of int
        The widths of the layers, all alike.
    B, T : int
        The batch size, and the number of steps.
    dtypes : tuple of str
        The types that are measured by default.
    """

    name: str
    cell: str
    vocabulary: int | None
    embedding: int | None
    hidden: tuple[int, ...]
    B: int
    T: int
    dtypes: tuple[str, ...] = ("float32",)

    @property
    def input_size(self) -> int:
        """What a layer reads at the bottom."""
        return self.embedding or self.hidden[0]

    def network(self, dtype: str) -> Any:
        """Our network, with the same weights at every call."""
        return getattr(recurrent, self.cell)(
            self.vocabulary or self.hidden[0],
            list(self.hidden),
            self.vocabulary,
            self.embedding,
            dtype,
            rng=1,
        )

    def data(self, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        """An input and its targets: tokens and the tokens after them, or numbers."""
        rng = np.random.default_rng(2)
        if self.vocabulary is None:
            x, aim = rng.standard_normal((2, self.T, self.B, self.hidden[0]))
            return x.astype(dtype), 0.5 * aim.astype(dtype)
        # 0 begins and ends a sentence, as in RecurrentJS
        tokens = rng.integers(1, self.vocabulary, (self.T + 1, self.B))
        tokens[[0, -1]] = 0
        return tokens[:-1].copy(), tokens[1:].copy()

    def flops(self, through_table: bool = True) -> float:
        """Operations of the products in one training step, 2 for each multiply-add, as we do them.

        Gates, loss and update are not counted. Through a table, the bottom layer's input product is done for
        each of V tokens instead of each of T·B columns, forward and both ways back.
        """
        columns, gates, inputs = self.T * self.B, _GATES[self.cell], self.input_size
        total = 0
        for k, H in enumerate(self.hidden):
            bottom = columns
            if k == 0 and self.vocabulary is not None and through_table:
                bottom = min(columns, self.vocabulary)
            # numbers at the bottom need no gradient of their own
            ways = 2 if k == 0 and self.vocabulary is None else 3
            total += ways * gates * H * inputs * bottom + 3 * gates * H * H * columns
            inputs = H
        total += 3 * (self.vocabulary or 0) * inputs * columns
        return 2.0 * total


WORKLOADS = {
    w.name: w
    for w in (
        Workload("demo", "LSTM", 40, 5, (20, 20), 1, 66, ("float32", "float64")),
        Workload("char128", "LSTM", 65, 65, (128, 128), 50, 50),
        Workload("char512", "LSTM", 65, 65, (512, 512), 50, 50),
        Workload("gru256", "GRU", 65, 64, (256,), 32, 100),
        Workload("rnn256", "RNN", 65, 64, (256,), 32, 100),
    )
}
GENERATION = {
    w.name: w
    for w in (
        Workload("gen128", "LSTM", 65, 65, (128, 128), 1, 1),
        Workload("gen512", "LSTM", 65, 65, (512, 512), 1, 1),
    )
}
CUSTOM = {
    w.name: w
    for w in (
        Workload("custom", "LSTM", 40, 5, (20, 20), 1, 66),
        Workload("custom128", "LSTM", 65, 64, (128,), 32, 20),
    )
}


def grid() -> list[Workload]:
    """Every cell at every width and batch: T 32, one layer, numbers in, no decoder."""
    return [
        Workload(f"{cell} {H} x {B}", cell, None, None, (H,), B, 32)
        for cell in ("RNN", "LSTM", "GRU")
        for H in (20, 64, 128, 256, 512)
        for B in (1, 4, 16, 64)
    ]


class Ours:
    """A whole training step, by ``train_step``."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        self.workload = workload
        self.net = workload.network(dtype)
        self.x, self.targets = workload.data(dtype)
        self.optimizer = recurrentjs.Solver(DECAY, EPSILON)

    def step(self) -> float:
        """One step; the loss before it."""
        r = self.net.train_step(self.x, self.targets, self.optimizer, LEARNING_RATE, clip=CLIP)
        return float(r.loss)

    def one_thread(self) -> float:
        """The same on one thread."""
        threads = recurrent.get_num_threads()
        recurrent.set_num_threads(1)
        try:
            return self.step()
        finally:
            recurrent.set_num_threads(threads)

    def loss_and_gradients(self) -> tuple[float, Arrays]:
        """The loss from a step of size 0, the gradients from ``forward`` and ``backward``: they must fit."""
        r = self.net.train_step(self.x, self.targets, recurrentjs.Solver(DECAY, EPSILON), 0.0, clip=CLIP)
        self.net.flat.zero_gradient()
        y, _ = self.net.forward(self.x)
        self.net.backward(self._output_gradient(y))
        norm = float(np.linalg.norm(self.net.flat.dw.astype(np.float64)))
        if abs(norm - r.gradient_norm) > 1e-4 * norm:
            raise AssertionError(f"train_step's gradient has norm {r.gradient_norm}, backward's {norm}")
        gradients = in_torch_layout(self.workload, {k: m.dw for k, m in self.net.parameters.items()})
        self.net.flat.zero_gradient()
        return float(r.loss), gradients

    def _output_gradient(self, y: np.ndarray) -> np.ndarray:
        if self.workload.vocabulary is None:
            return 2 * (y - self.targets) / y.size
        p = np.exp(y - y.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        target = self.targets[..., None]
        np.put_along_axis(p, target, np.take_along_axis(p, target, -1) - 1, -1)
        return p / self.targets.size


def weights(workload: Workload, dtype: str) -> Arrays:
    """The weights that all sides begin with, under PyTorch's names; see ``essential``."""
    return essential(workload, workload.network(dtype).to_torch())


def essential(workload: Workload, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """PyTorch's parameters without the biases that only double others: of ``bias_hh``, a GRU's last third."""
    out = {}
    for name, array in arrays.items():
        if "bias_hh" not in name:
            out[name] = np.asarray(array)
        elif workload.cell == "GRU":
            out[name] = np.asarray(array)[-workload.hidden[0] :]
    return out


def in_torch_layout(workload: Workload, named: Mapping[str, np.ndarray]) -> Arrays:
    """Arrays under our names as arrays under PyTorch's: by way of a network whose weights they become."""
    net = workload.network(str(next(iter(named.values())).dtype))
    for name, array in named.items():
        net.parameters[name].w = np.asarray(array).reshape(net.parameters[name].shape)
    return essential(workload, net.to_torch())


class Custom:
    """RecurrentJS's forwardLSTM as a user writes it, by single operations, in a whole training step."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        self.workload, self.dtype = workload, dtype
        net = workload.network(dtype)
        self.model = {name: recurrent.Mat.from_array(mat.w) for name, mat in net.parameters.items()}
        self.x, self.targets = (array.tolist() for array in workload.data(dtype))
        self.optimizer = recurrentjs.Solver(DECAY, EPSILON)
        self.G = recurrent.Graph()
        self.zeros = [recurrent.Mat(H, workload.B, dtype) for H in workload.hidden]

    def step(self) -> float:
        """One step; the loss before it."""
        loss = self._backward()
        self.optimizer.step(self.model, LEARNING_RATE, 0.0, CLIP)
        return loss

    def loss_and_gradients(self) -> tuple[float, Arrays]:
        """The mean loss and its gradients, under our names."""
        loss = self._backward()
        gradients = {name: mat.dw.copy() for name, mat in self.model.items()}
        for mat in self.model.values():
            mat.zero_gradient()
        return loss, gradients

    def _backward(self) -> float:
        G, p = self.G, self.model
        G.reset()
        h, c = list(self.zeros), list(self.zeros)
        total = None
        for letters, targets in zip(self.x, self.targets):
            below = G.row_pluck(p["Wil"], letters)
            for k in range(len(h)):
                h[k], c[k] = self._cell(k, below, h[k], c[k])
                below = h[k]
            scores = G.add(G.mul(p["Whd"], below), p["bd"])
            cost = G.cross_entropy(scores, targets, "sum")
            total = cost if total is None else G.add(total, cost)
        loss = G.scale(total, 1 / (self.workload.T * self.workload.B))
        G.backward(loss)
        return float(loss.item())

    def _cell(self, k: int, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        G, p = self.G, self.model

        def gate(name: str) -> Any:
            return G.add(G.add(G.mul(p[f"W{name}x{k}"], x), G.mul(p[f"W{name}h{k}"], h)), p[f"b{name}{k}"])

        i, f, o, g = G.sigmoid(gate("i")), G.sigmoid(gate("f")), G.sigmoid(gate("o")), G.tanh(gate("c"))
        c = G.add(G.eltmul(f, c), G.eltmul(i, g))
        return G.eltmul(o, G.tanh(c)), c
