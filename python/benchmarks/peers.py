"""The others: PyTorch, JAX and RecurrentJS, doing the same step from the same weights.

Each has ``step()``, one whole training step, and ``loss_and_gradients()``, which changes nothing. Gradients
come under PyTorch's names, see ``workloads.essential``.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from workloads import (
    CLIP,
    DECAY,
    EPSILON,
    LEARNING_RATE,
    Arrays,
    Workload,
    essential,
    in_torch_layout,
    weights,
)


def missing(name: str) -> str | None:
    """Returns the reason that a peer cannot run, in one sentence; None if it can."""
    return None if importlib.util.find_spec(name) else f"{name} is not installed: left out"


class Torch:
    """nn.Embedding, nn.LSTM / GRU / RNN, nn.Linear, eager, with torch.optim.RMSprop."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        import torch

        self.torch, self.workload = torch, workload
        V, H = workload.vocabulary, workload.hidden
        parts = {"rnn": getattr(torch.nn, workload.cell)(workload.input_size, H[0], len(H))}
        if V is not None:
            parts["embedding"] = torch.nn.Embedding(V, workload.embedding)
            parts["decoder"] = torch.nn.Linear(H[-1], V)
        self.module = torch.nn.ModuleDict(parts).to(getattr(torch, dtype))
        state = workload.network(dtype).to_torch()
        self.module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        self.optimizer = torch.optim.RMSprop(
            self.module.parameters(), lr=LEARNING_RATE, alpha=DECAY, eps=EPSILON
        )
        self.x, self.targets = (torch.from_numpy(array) for array in workload.data(dtype))

    def _backward(self) -> float:
        functional = self.torch.nn.functional
        if self.workload.vocabulary is None:
            y, _ = self.module["rnn"](self.x)
            loss = functional.mse_loss(y, self.targets)
        else:
            y, _ = self.module["rnn"](self.module["embedding"](self.x))
            loss = functional.cross_entropy(self.module["decoder"](y).flatten(0, 1), self.targets.flatten())
        loss.backward()
        return float(loss.item())

    def step(self) -> float:
        """One training step; the loss before it."""
        self.optimizer.zero_grad()
        loss = self._backward()
        self.torch.nn.utils.clip_grad_value_(self.module.parameters(), CLIP)
        self.optimizer.step()
        return loss

    def loss_and_gradients(self) -> tuple[float, Arrays]:
        """The loss and its gradients."""
        self.optimizer.zero_grad()
        loss = self._backward()
        gradients = {name: p.grad.numpy().copy() for name, p in self.module.named_parameters()}
        return loss, essential(self.workload, gradients)

    def generate(self, n: int, greedy: bool = False) -> list[int]:
        """Write n tokens after token 0, each drawn from the scores and read in turn."""
        torch = self.torch
        embedding, rnn, decoder = (self.module[name] for name in ("embedding", "rnn", "decoder"))
        token, state, out = torch.zeros((1, 1), dtype=torch.int64), None, []
        with torch.inference_mode():
            for _ in range(n):
                y, state = rnn(embedding(token), state)
                scores = decoder(y[0])
                token = (
                    scores.argmax(-1, keepdim=True)
                    if greedy
                    else torch.multinomial(torch.softmax(scores, -1), 1)
                )
                out.append(int(token))
        return out


class TorchCustom:
    """An LSTM operation for operation, in eager PyTorch."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        import torch

        self.torch, self.workload = torch, workload
        net = workload.network(dtype)
        self.p = {
            name: torch.tensor(np.array(m.w, order="C"), requires_grad=True)
            for name, m in net.parameters.items()
        }
        self.x, self.targets = (torch.from_numpy(array) for array in workload.data(dtype))
        self.zeros = [torch.zeros((H, workload.B), dtype=getattr(torch, dtype)) for H in workload.hidden]
        self.optimizer = torch.optim.RMSprop(self.p.values(), lr=LEARNING_RATE, alpha=DECAY, eps=EPSILON)

    def step(self) -> float:
        """One training step; the loss before it."""
        self.optimizer.zero_grad()
        loss = self._backward()
        self.torch.nn.utils.clip_grad_value_(self.p.values(), CLIP)
        self.optimizer.step()
        return loss

    def loss_and_gradients(self) -> tuple[float, Arrays]:
        """The mean loss and its gradients, under our names."""
        self.optimizer.zero_grad()
        loss = self._backward()
        named = {name: p.grad.numpy().copy() for name, p in self.p.items()}
        return loss, in_torch_layout(self.workload, named)

    def _backward(self) -> float:
        p, total = self.p, 0.0
        h, c = list(self.zeros), list(self.zeros)
        for letters, targets in zip(self.x, self.targets):
            below = p["Wil"][letters].T
            for k in range(len(h)):
                h[k], c[k] = self._cell(k, below, h[k], c[k])
                below = h[k]
            scores = p["Whd"] @ below + p["bd"]
            total = total + self.torch.nn.functional.cross_entropy(scores.T, targets, reduction="sum")
        loss = total / (self.workload.T * self.workload.B)
        loss.backward()
        return float(loss.item())

    def _cell(self, k: int, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        p, torch = self.p, self.torch

        def gate(name: str) -> Any:
            return p[f"W{name}x{k}"] @ x + p[f"W{name}h{k}"] @ h + p[f"b{name}{k}"]

        i, f, o = (torch.sigmoid(gate(name)) for name in "ifo")
        c = f * c + i * torch.tanh(gate("c"))
        return o * torch.tanh(c), c


class Jax:
    """lax.scan over each layer, its input product hoisted; one jitted function for the whole step."""

    def __init__(self, workload: Workload, dtype: str, unroll: int = 1) -> None:
        import jax

        # without it float64 becomes float32 in silence
        jax.config.update("jax_enable_x64", True)
        self.jax, self.workload, self.unroll = jax, workload, unroll
        self.p = {name: jax.numpy.asarray(array) for name, array in weights(workload, dtype).items()}
        self.s = {name: jax.numpy.zeros_like(array) for name, array in self.p.items()}
        x, targets = workload.data(dtype)
        if workload.vocabulary is not None:
            x, targets = x.astype(np.int32), targets.astype(np.int32)
        self.x, self.targets = jax.numpy.asarray(x), jax.numpy.asarray(targets)
        self._gradient = jax.jit(jax.value_and_grad(self._loss))
        self._step = jax.jit(self._update, donate_argnums=(0, 1))

    @classmethod
    def best(cls, workload: Workload, dtype: str) -> Jax:
        """The faster of a scan that is not unrolled and one that is by 8."""

        def seconds(peer: Jax) -> float:
            peer.step()
            start = time.perf_counter()
            for _ in range(3):
                peer.step()
            return time.perf_counter() - start

        return min((cls(workload, dtype, unroll) for unroll in (1, 8)), key=seconds)

    def step(self) -> float:
        """One training step; the loss before it."""
        self.p, self.s, loss = self._step(self.p, self.s, self.x, self.targets)
        return float(loss)

    def loss_and_gradients(self) -> tuple[float, Arrays]:
        """The loss and its gradients."""
        loss, gradients = self._gradient(self.p, self.x, self.targets)
        return float(loss), {name: np.asarray(array) for name, array in gradients.items()}

    def _update(self, p: Any, s: Any, x: Any, targets: Any) -> Any:
        np_ = self.jax.numpy
        loss, g = self.jax.value_and_grad(self._loss)(p, x, targets)
        s = {name: DECAY * s[name] + (1 - DECAY) * g[name] ** 2 for name in p}
        p = {
            name: p[name] - LEARNING_RATE * np_.clip(g[name], -CLIP, CLIP) / np_.sqrt(s[name] + EPSILON)
            for name in p
        }
        return p, s, loss

    def _loss(self, p: Any, x: Any, targets: Any) -> Any:
        np_ = self.jax.numpy
        y = x if self.workload.vocabulary is None else p["embedding.weight"][x]
        for k, H in enumerate(self.workload.hidden):
            y = self._layer(p, k, H, y)
        if self.workload.vocabulary is None:
            return np_.mean((y - targets) ** 2)
        scores = self.jax.nn.log_softmax(y @ p["decoder.weight"].T + p["decoder.bias"])
        return -np_.mean(np_.take_along_axis(scores, targets[..., None], -1))

    def _layer(self, p: Any, k: int, H: int, x: Any) -> Any:
        jax = self.jax
        z = x @ p[f"rnn.weight_ih_l{k}"].T + p[f"rnn.bias_ih_l{k}"]
        Wh = p[f"rnn.weight_hh_l{k}"].T
        h0 = jax.numpy.zeros((x.shape[1], H), x.dtype)

        def lstm(carry: Any, z: Any) -> Any:
            h, c = carry
            i, f, g, o = jax.numpy.split(z + h @ Wh, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
            h = jax.nn.sigmoid(o) * jax.numpy.tanh(c)
            return (h, c), h

        def gru(h: Any, z: Any) -> Any:
            a = h @ Wh
            gates = jax.nn.sigmoid(z[:, : 2 * H] + a[:, : 2 * H])
            r, u = gates[:, :H], gates[:, H:]
            n = jax.numpy.tanh(z[:, 2 * H :] + r * (a[:, 2 * H :] + p[f"rnn.bias_hh_l{k}"]))
            h = (1 - u) * n + u * h
            return h, h

        def rnn(h: Any, z: Any) -> Any:
            h = jax.numpy.tanh(z + h @ Wh)
            return h, h

        tick, start = {"LSTM": (lstm, (h0, h0)), "GRU": (gru, h0), "RNN": (rnn, h0)}[self.workload.cell]
        return jax.lax.scan(tick, start, z, unroll=min(self.unroll, x.shape[0]))[1]


class RecurrentJS:
    """src/recurrent.js under Node, in a process of its own: float64, one sequence, an LSTM."""

    def __init__(self, workload: Workload, path: str, clock: str = "wall") -> None:
        self.workload, self._clock = workload, clock
        net = workload.network("float64")
        x, targets = workload.data("float64")
        driver = Path(__file__).with_name("recurrentjs.js")
        self._process = subprocess.Popen(
            ["node", str(driver), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._task = {
            "hidden": workload.hidden,
            "letters": workload.vocabulary,
            "letterSize": workload.embedding,
            "x": x[:, 0].tolist(),
            "targets": targets[:, 0].tolist(),
            "weights": {name: np.ravel(mat.w).tolist() for name, mat in net.parameters.items()},
        }

    @staticmethod
    def missing(path: str | None) -> str | None:
        """Returns the reason that it cannot run, in one sentence; None if it can."""
        if path is None:
            return "RecurrentJS is left out: --recurrentjs PATH names its src/recurrent.js"
        if not Path(path).is_file():
            return f"RecurrentJS is left out: there is no file {path}"
        return None if shutil.which("node") else "RecurrentJS is left out: there is no node on the PATH"

    def loss_and_gradients(self) -> tuple[float, Arrays]:
        """The mean loss and its gradients."""
        answer = self._ask(self._task)
        named = {name: np.array(values) for name, values in answer["gradients"].items()}
        return answer["loss"], in_torch_layout(self.workload, named)

    def run(self, count: int) -> float:
        """Returns the seconds of a number of ticks."""
        return float(self._ask({"ticks": count})[self._clock])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("node ended before it answered; its message is above")
        return json.loads(line)  # type: ignore[no-any-return]
