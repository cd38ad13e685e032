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
        Workload("custom", "LSTM", 40, 5, (20, 20), 1, 66, ("float32", "float64")),
        Workload("custom128", "LSTM", 65, 64, (128,), 50, 50),
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
        gradients = self.gradients()
        self.net.flat.zero_gradient()
        return float(r.loss), gradients

    def gradients(self) -> Arrays:
        """The gradients that ``backward`` left, under PyTorch's names."""
        return in_torch_layout(self.workload, {k: m.dw for k, m in self.net.parameters.items()})

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


class OwnLSTM(recurrent.Cell):
    """The equations of the built-in LSTM, as a user writes them."""

    states = ("h", "c")

    def parameters(self, I: int, H: int) -> dict[str, tuple[int, int]]:  # noqa: D102, E741
        return {"Wx": (4 * H, I), "Wh": (4 * H, H), "b": (4 * H, 1)}

    def step(self, x: Any, h: Any, c: Any, p: Any) -> Any:  # noqa: D102
        i, f, o, g = (p.Wx @ x + p.Wh @ h + p.b).split(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class OwnGRU(recurrent.Cell):
    """The equations of the built-in GRU."""

    def parameters(self, I: int, H: int) -> dict[str, tuple[int, int]]:  # noqa: D102, E741
        return {"Wx": (3 * H, I), "Wh": (3 * H, H), "b": (3 * H, 1), "bh": (H, 1)}

    def step(self, x: Any, h: Any, p: Any) -> Any:  # noqa: D102
        (r, z, n), (hr, hz, hn) = (p.Wx @ x + p.b).split(3), (p.Wh @ h).split(3)
        n = (n + (r + hr).sigmoid() * (hn + p.bh)).tanh()
        return n + (z + hz).sigmoid() * (h - n)


class OwnRNN(recurrent.Cell):
    """The equations of the built-in RNN."""

    def parameters(self, I: int, H: int) -> dict[str, tuple[int, int]]:  # noqa: D102, E741
        return {"Wx": (H, I), "Wh": (H, H), "b": (H, 1)}

    def step(self, x: Any, h: Any, p: Any) -> Any:  # noqa: D102
        return (p.Wx @ x + p.Wh @ h + p.b).tanh()


# each with the letters of the built-in cell's gates
_OWN: dict[str, tuple[recurrent.Cell, str]] = {
    "LSTM": (OwnLSTM(), "ifoc"),
    "GRU": (OwnGRU(), "rzn"),
    "RNN": (OwnRNN(), "h"),
}


class Own(Ours):
    """A whole training step of a network whose cell is a ``recurrent.Cell``, with the weights of the built-in one."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        super().__init__(workload, dtype)
        builtin, (cell, _) = self.net, _OWN[workload.cell]
        self.net = recurrent.Network(
            cell, builtin.input_size, workload.hidden, workload.vocabulary, workload.embedding, dtype
        )
        for name, part in self._parts(builtin).items():
            part[...] = builtin.parameters[name].w

    def _parts(self, builtin: Any, kind: str = "w") -> Arrays:
        """The parts of the own parameters, or of their gradients, that the built-in ones stand for."""
        found: Arrays = {}
        for name in builtin.parameters:
            if name in self.net.parameters:
                found[name] = getattr(self.net.parameters[name], kind)
        for k, H in enumerate(self.workload.hidden):
            own = {n: getattr(self.net.parameters[f"{n}{k}"], kind) for n in ("Wx", "Wh", "b")}
            for j, gate in enumerate(_OWN[self.workload.cell][1]):
                names = ("Wxh", "Whh", "bhh") if gate == "h" else (f"W{gate}x", f"W{gate}h", f"b{gate}")
                for n, name in zip(own, names):
                    found[f"{name}{k}"] = own[n][j * H : (j + 1) * H]
            if self.workload.cell == "GRU":
                found[f"bnh{k}"] = getattr(self.net.parameters[f"bh{k}"], kind)
        return found

    def gradients(self) -> Arrays:  # noqa: D102
        builtin = self.workload.network(str(self.net.dtype))
        return in_torch_layout(self.workload, self._parts(builtin, "dw"))
