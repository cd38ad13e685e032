"""A recurrent cell that attends to its past, from single operations, beside PyTorch's eager mode: one core.

    python benchmarks/attention.py [T B H]

Each time step computes h = tanh(Wx x + Wh h + Wa c) with the context c = softmax(h K) K over all states so far. Both
libraries record the same operations; a run is forward and backward. Values and gradients are compared first.
"""

from __future__ import annotations

import os
import sys
import time

os.environ.setdefault("RECURRENT_NUM_THREADS", "1")

import numpy as np
import torch

import recurrent

ROUNDS = 15


class Case:
    """Weights and inputs, and the step in both libraries."""

    def __init__(self, T: int, B: int, H: int, dtype: str) -> None:
        self.T, self.B, self.H = T, B, H
        rng = np.random.default_rng(1)
        self.weights = [rng.normal(size=(H, H), scale=H**-0.5).astype(dtype) for _ in range(3)]
        self.x = rng.normal(size=(T, B, H)).astype(dtype)
        self.mats = [recurrent.Mat.from_array(w) for w in self.weights]
        self.columns = [recurrent.Mat.from_array(x.T) for x in self.x]
        self.zero = recurrent.Mat(H, B, dtype)
        self.tensors = [torch.tensor(w, requires_grad=True) for w in self.weights]
        self.inputs = [torch.tensor(x) for x in self.x]
        self.graph = recurrent.Graph()

    def ours(self) -> float:
        """Loss; the gradients are in ``mats``."""
        G, B = self.graph, self.B
        Wx, Wh, Wa = self.mats
        for m in self.mats:
            m.zero_gradient()
        G.reset()
        h, past = self.zero, []
        for x in self.columns:
            past.append(h)
            keys = G.concat_columns(past)
            weights = G.softmax(G.bmm(keys, h, B, transpose_a=True))
            context = G.bmm(keys, weights, B)
            h = G.tanh(G.add(G.add(G.mul(Wx, x), G.mul(Wh, h)), G.mul(Wa, context)))
        loss = G.mean(G.square(h))
        G.backward(loss)
        return loss.item()

    def theirs(self) -> float:
        """Loss; the gradients are in ``tensors``."""
        Wx, Wh, Wa = self.tensors
        for w in self.tensors:
            w.grad = None
        h, past = torch.zeros(self.B, self.H, dtype=Wx.dtype), []
        for x in self.inputs:
            past.append(h)
            keys = torch.stack(past, 1)
            weights = torch.softmax(torch.bmm(keys, h[:, :, None]), 1)
            context = torch.bmm(weights.transpose(1, 2), keys)[:, 0]
            h = torch.tanh(x @ Wx.T + h @ Wh.T + context @ Wa.T)
        loss = (h * h).mean()
        loss.backward()
        return loss.item()

    def check(self) -> None:
        """Requires equal losses and gradients."""
        tolerance = 1e-10 if self.weights[0].dtype == np.float64 else 1e-4
        np.testing.assert_allclose(self.ours(), self.theirs(), tolerance)
        for mat, tensor in zip(self.mats, self.tensors):
            np.testing.assert_allclose(mat.dw, tensor.grad.numpy(), tolerance, tolerance * 1e-2)


def main() -> None:
    """Print the medians."""
    torch.set_num_threads(1)
    sizes = (
        [tuple(map(int, sys.argv[1:4]))] if len(sys.argv) == 4 else [(35, 32, 128), (20, 8, 32), (50, 16, 64)]
    )
    for T, B, H in sizes:
        Case(T, B, H, "float64").check()
        case = Case(T, B, H, "float32")
        case.check()
        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(ROUNDS):
            for name, found in times.items():
                begin = time.perf_counter()
                getattr(case, name)()
                found.append(time.perf_counter() - begin)
        ours, theirs = (float(np.median(found)) * 1e3 for found in times.values())
        print(
            f"T {T}, B {B}, H {H}: {ours:.2f} ms, PyTorch {theirs:.2f} ms: {theirs / ours:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
