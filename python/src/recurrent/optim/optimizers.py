"""Optimizers as torch.optim defines them, argument for argument.

A step clips the gradient first, ``g = clip(g)``, and subtracts its argument ``weight_decay`` besides,
``w = w - weight_decay w``. t counts the steps of a weight from 1. ``clipping`` selects how the bound c applies:

- ``"value"``: to each element, ``clamp(g, ±c)``;
- ``"tensor_norm"``: to each named Mat, ``g min(1, c / (‖g‖ + 1e-6))``;
- ``"global_norm"``: to all gradients by one such factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._checks import as_flag, as_float, as_text
from .optimizer import Optimizer


class SGD(Optimizer, name="sgd"):
    """Stochastic gradient descent, with momentum or without.

    ::

        g = g + weight_decay w
        b = momentum b + (1 - dampening) g, at first b = g
        w = w - learning_rate b;  nesterov: w = w - learning_rate (g + momentum b)

    Parameters
    ----------
    learning_rate : float
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
        learning_rate: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            learning_rate=as_float(learning_rate, "learning_rate"),
            momentum=as_float(momentum, "momentum"),
            dampening=as_float(dampening, "dampening"),
            weight_decay=as_float(weight_decay, "weight_decay"),
            nesterov=as_flag(nesterov, "nesterov"),
            clipping=_word(clipping),
        )


class Adagrad(Optimizer, name="adagrad"):
    """Adagrad: the more a weight has moved, the less it moves.

    ::

        g = g + weight_decay w
        sum = sum + g²
        w = w - learning_rate / (1 + (t - 1) learning_rate_decay) g / (sqrt(sum) + eps)

    Parameters
    ----------
    learning_rate : float
        The learning rate of steps that are given none, at least 0.
    learning_rate_decay : float
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
        learning_rate: float = 1e-2,
        learning_rate_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            learning_rate=as_float(learning_rate, "learning_rate"),
            learning_rate_decay=as_float(learning_rate_decay, "learning_rate_decay"),
            weight_decay=as_float(weight_decay, "weight_decay"),
            initial_accumulator_value=as_float(initial_accumulator_value, "initial_accumulator_value"),
            eps=as_float(eps, "eps"),
            clipping=_word(clipping),
        )


class RMSProp(Optimizer, name="rmsprop"):
    """RMSProp as torch.optim has it, its start put right.

    ::

        g = g + weight_decay w
        s = alpha s + (1 - alpha) g²
        v = s / (1 - alpha^t);  without bias_correction v = s
        w = w - learning_rate g / (sqrt(v) + eps)

    ``centered`` computes v from s - m² instead of s, m being the mean of g as s is of g². With momentum,
    learning_rate multiplies b = momentum b + g / (sqrt(v) + eps).

    Parameters
    ----------
    learning_rate : float
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
        False is torch.optim.RMSprop's: the first step is learning_rate / sqrt(1 - alpha), which is
        10 learning_rate with alpha 0.99.
    clipping : {"value", "tensor_norm", "global_norm"}
        What the bound of a step means.

    References
    ----------
    Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, arXiv 1308.0850.
    """

    def __init__(
        self,
        learning_rate: float = 1e-2,
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
            learning_rate=as_float(learning_rate, "learning_rate"),
            alpha=as_float(alpha, "alpha"),
            eps=as_float(eps, "eps"),
            weight_decay=as_float(weight_decay, "weight_decay"),
            momentum=as_float(momentum, "momentum"),
            centered=as_flag(centered, "centered"),
            bias_correction=as_flag(bias_correction, "bias_correction"),
            clipping=_word(clipping),
        )


class Adam(Optimizer, name="adam"):
    """Adam, with AMSGrad on request.

    ::

        g = g + weight_decay w
        m = betas[0] m + (1 - betas[0]) g
        v = betas[1] v + (1 - betas[1]) g²
        w = w - learning_rate m / (1 - betas[0]^t) / (sqrt(v / (1 - betas[1]^t)) + eps)

    Parameters
    ----------
    learning_rate : float
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
        learning_rate: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        clipping: str = "value",
    ) -> None:
        self._create(
            learning_rate=as_float(learning_rate, "learning_rate"),
            betas=_pair(betas),
            eps=as_float(eps, "eps"),
            weight_decay=as_float(weight_decay, "weight_decay"),
            amsgrad=as_flag(amsgrad, "amsgrad"),
            clipping=_word(clipping),
        )


class AdamW(Adam, name="adamw"):
    """Adam whose weight decay stays out of the means: w = (1 - learning_rate weight_decay) w, then Adam's step.

    Parameters
    ----------
    learning_rate, betas, eps, weight_decay, amsgrad, clipping
        As Adam's.

    References
    ----------
    Loshchilov and Hutter, ICLR 2019.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        clipping: str = "value",
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay, amsgrad, clipping=clipping)


def _pair(betas: Any) -> list[float]:
    if isinstance(betas, str) or not isinstance(betas, Sequence):
        raise TypeError(f"betas is a {type(betas).__name__}; expected two numbers")
    if len(betas) != 2:
        raise ValueError(f"betas has {len(betas)} elements; expected two numbers")
    return [as_float(beta, f"betas[{k}]") for k, beta in enumerate(betas)]


def _word(clipping: Any) -> str:
    return as_text(clipping, "clipping").decode()


OPTIMIZERS: dict[str, type[Optimizer]] = {kind._name: kind for kind in (RMSProp, Adam, AdamW, SGD, Adagrad)}
"""The optimizers by name."""
