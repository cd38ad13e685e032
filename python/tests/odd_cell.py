"""Cells of the user's own with operations and states that no built-in cell has."""

from __future__ import annotations

import recurrent
from recurrent import tape


class Odd(recurrent.Cell):
    """Many operations, on weights alone too, and states of different widths."""

    states = ("h", "m")

    def __init__(self, has_erf: bool = True) -> None:
        self._has_erf = has_erf

    def rows(self, H):
        return [H, 2]

    def parameters(self, I, H):  # noqa: E741
        return {
            "Wx": (3 * H, I), "Wh": (3 * H, H), "b": (3 * H, 1, 0.1), "a": (H, 1, None), "gain": (H, 1, 1.5),
            "shift": (H, 1, 0.1), "U": (H, 2), "V": (2, H + 4), "spread": (H, 1, None), "unused": (1, 1),
        }  # fmt: skip

    def step(self, x, h, m, p):
        H = h.n
        z = p.Wx @ x + p.Wh @ h + p.b
        i, f, g = z.split(3)
        g = g.gelu() if self._has_erf else g.silu()
        k = (p.a.exp() + 1).log() * p.a
        n = (i.sigmoid() * g + f.softplus() * k - h.leaky_relu(0.2)).layer_norm(p.gain, p.shift)
        share = (p.U @ m).softmax() + n.abs().sqrt() * (2.0 * h + 3.0).square().log()
        mean = n.mean(axis=0) + n.square().sum(axis=0) * 0.1
        after = (n * share + p.spread @ mean).tanh() + n.sin() * n.cos() / (n.square() + 1)
        after = (after - (-n).silu()) * 0.3
        both = tape.graph_for(after).concat_rows([m, after, after[:2] * 0.1])
        _ = x.tanh()
        return after[:H].zoneout(h, 0.25), m * 0.5 + (p.V @ both).relu() * 0.1 - (m.square() + 1).pow(-0.5)


class Delay(recurrent.Cell):
    """A state that is an earlier one, one that is rows of x, and an input that is read element by element."""

    states = ("h", "d", "e")

    def rows(self, H):
        return [H, H, 2]

    def parameters(self, I, H):  # noqa: E741
        return {"W": (H, I), "U": (H, H), "V": (H, 2)}

    def step(self, x, h, d, e, p):
        return (p.W @ x.tanh() + p.U @ d + p.V @ e).tanh(), h, x[1:3]
