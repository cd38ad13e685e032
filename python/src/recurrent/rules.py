"""Solvers as torch.optim defines them, argument for argument.

In all of them the gradient is clipped, ``g = clip(g)``, before anything else, and what a step's ``regc`` says is taken
off besides: ``w = w - regc w``. t counts the steps of a weight from 1. ``clipping`` says what a step's bound c means:

- ``"value"``: each number by itself, ``clamp(g, ±c)``;
- ``"tensor_norm"``: each named Mat as a whole, ``g min(1, c / (‖g‖ + 1e-6))``;
- ``"global_norm"``: all gradients as a whole, likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._arguments import flag, number, text
from .solver import Solver


class SGD(Solver, rule="sgd"):
    """Stochastic gradient descent, with momentum or without.

    ::

        g = g + weight_decay w
        b = momentum b + (1 - dampening) g, at first b = g
        w = w - lr b;  nesterov: w = w - lr (g + momentum b)

    Parameters
    ----------
    lr : float
        The learning rate of steps that are given none, at least 0.
    momentum : float
        At least 0; 0 is none.
    dampening : float
        0 to 1.
    weight_decay : float
        At least 0.
    nesterov : bool
        Look ahead; needs momentum, and no dampening.
    clipping : {"value", "tensor_norm", "global_norm"}
        What the bound of a step means.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, ICML 2013.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            lr=number(lr, "lr"),
            momentum=number(momentum, "momentum"),
            dampening=number(dampening, "dampening"),
            weight_decay=number(weight_decay, "weight_decay"),
            nesterov=flag(nesterov, "nesterov"),
            clipping=_word(clipping),
        )


class Adagrad(Solver, rule="adagrad"):
    """Adagrad: the more a weight has moved, the less it moves.

    ::

        g = g + weight_decay w
        sum = sum + g²
        w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(sum) + eps)

    Parameters
    ----------
    lr : float
        The learning rate of steps that are given none, at least 0.
    lr_decay : float
        At least 0.
    weight_decay : float
        At least 0.
    initial_accumulator_value : float
        Where ``sum`` starts, at least 0.
    eps : float
        Above 0.
    clipping : {"value", "tensor_norm", "global_norm"}
        What the bound of a step means.

    References
    ----------
    Duchi, Hazan and Singer, JMLR 12, 2011.
    """

    def __init__(
        self,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            lr=number(lr, "lr"),
            lr_decay=number(lr_decay, "lr_decay"),
            weight_decay=number(weight_decay, "weight_decay"),
            initial_accumulator_value=number(initial_accumulator_value, "initial_accumulator_value"),
            eps=number(eps, "eps"),
            clipping=_word(clipping),
        )


class RMSProp(Solver, rule="rmsprop"):
    """RMSProp as torch.optim has it, its start put right.

    ::

        g = g + weight_decay w
        s = alpha s + (1 - alpha) g²
        v = s / (1 - alpha^t);  without bias_correction v = s
        w = w - lr g / (sqrt(v) + eps)

    ``centered`` puts s - m² for s in v, m the mean of g as s is of g². With momentum it is b that lr multiplies,
    b = momentum b + g / (sqrt(v) + eps).

    Parameters
    ----------
    lr : float
        The learning rate of steps that are given none, at least 0.
    alpha : float
        At least 0 and below 1.
    eps : float
        Above 0.
    weight_decay : float
        At least 0.
    momentum : float
        At least 0; 0 is none.
    centered : bool
        Divide by the deviation instead of the root mean square.
    bias_correction : bool
        False is torch.optim.RMSprop to the letter: its first step is lr / sqrt(1 - alpha), 10 lr with 0.99.
    clipping : {"value", "tensor_norm", "global_norm"}
        What the bound of a step means.

    References
    ----------
    Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, arXiv 1308.0850.
    """

    def __init__(
        self,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        bias_correction: bool = True,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            lr=number(lr, "lr"),
            alpha=number(alpha, "alpha"),
            eps=number(eps, "eps"),
            weight_decay=number(weight_decay, "weight_decay"),
            momentum=number(momentum, "momentum"),
            centered=flag(centered, "centered"),
            bias_correction=flag(bias_correction, "bias_correction"),
            clipping=_word(clipping),
        )


class Adam(Solver, rule="adam"):
    """Adam, with AMSGrad on request.

    ::

        g = g + weight_decay w
        m = betas[0] m + (1 - betas[0]) g
        v = betas[1] v + (1 - betas[1]) g²
        w = w - lr m / (1 - betas[0]^t) / (sqrt(v / (1 - betas[1]^t)) + eps)

    Parameters
    ----------
    lr : float
        The learning rate of steps that are given none, at least 0.
    betas : pair of float
        Each at least 0 and below 1.
    eps : float
        Above 0.
    weight_decay : float
        At least 0.
    amsgrad : bool
        The largest v so far takes v's place in the last line.
    clipping : {"value", "tensor_norm", "global_norm"}
        What the bound of a step means.

    References
    ----------
    Kingma and Ba, ICLR 2015; Reddi, Kale and Kumar, ICLR 2018.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            lr=number(lr, "lr"),
            betas=_pair(betas),
            eps=number(eps, "eps"),
            weight_decay=number(weight_decay, "weight_decay"),
            amsgrad=flag(amsgrad, "amsgrad"),
            clipping=_word(clipping),
        )


class AdamW(Adam, rule="adamw"):
    """Adam whose weight decay stays out of the means: w = (1 - lr weight_decay) w, then Adam's step.

    Parameters
    ----------
    lr, betas, eps, weight_decay, amsgrad, clipping
        As Adam's.

    References
    ----------
    Loshchilov and Hutter, ICLR 2019.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        clipping: str = "value",
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, amsgrad, clipping=clipping)


def _pair(betas: Any) -> list[float]:
    if isinstance(betas, str) or not isinstance(betas, Sequence):
        raise TypeError(f"betas is a {type(betas).__name__}; expected two numbers")
    if len(betas) != 2:
        raise ValueError(f"betas has {len(betas)} elements; expected two numbers")
    return [number(beta, f"betas[{k}]") for k, beta in enumerate(betas)]


def _word(clipping: Any) -> str:
    return text(clipping, "clipping").decode()
