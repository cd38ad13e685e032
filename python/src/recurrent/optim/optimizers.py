"""Optimizers with the names and arguments of torch.optim.

The gradient is clipped first, ``g = clip(g)``. The ``weight_decay`` argument of a step, unlike that of a constructor,
is subtracted besides: ``w = w - weight_decay w``. t counts the steps of a weight from 1. ``clipping`` defines the
bound c of a step:

- ``"value"``: each element, ``clamp(g, ±c)``;
- ``"tensor_norm"``: each named Mat, ``g min(1, c / (‖g‖ + 1e-6))``;
- ``"global_norm"``: all gradients as one vector, by the same formula.

``groups`` are PyTorch's parameter groups, as factors by the names of parameters: ``{"b*": {"learning_rate": 2.0,
"weight_decay": 0.0}}`` multiplies the learning rate of the steps of b…, of a constructor or of a schedule, by 2, and
their weight decay, of the constructor and of the step, by 0. In a pattern ``*`` stands for any characters and ``?``
for one; an absent factor is 1. A ``learning_rate`` of 0 freezes: neither a step nor weight decay changes these
weights; their gradients count in norms. A pattern that matches no parameter, and a parameter that two patterns match,
are errors of the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .._checks import as_flag, as_list, as_single, as_text
from ..names import ClippingName
from .groups import Groups, as_groups
from .optimizer import Optimizer

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSProp"]


class SGD(Optimizer, name="sgd"):
    """Stochastic gradient descent with optional momentum (Sutskever et al., ICML 2013).

    ::

        g = g + weight_decay w
        b = momentum b + (1 - dampening) g, initially b = g
        w = w - learning_rate b;  nesterov: w = w - learning_rate (g + momentum b)

    Parameters
    ----------
    learning_rate : float
        The learning rate of steps that pass none, at least 0.
    momentum : float
        At least 0; 0 for none.
    dampening : float
        0 to 1.
    weight_decay : float
        At least 0.
    nesterov : bool
        Use Nesterov's momentum, which needs ``momentum`` and no ``dampening``.
    clipping : {"value", "tensor_norm", "global_norm"}
        The norm or value that the ``clip`` of a step bounds.
    groups : mapping of str to mapping, optional
        Factors of the learning rate and of weight decay by patterns of parameters' names, see above.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        clipping: ClippingName = "value",
        groups: Groups | None = None,
    ) -> None:
        self._create(
            learning_rate=as_single(learning_rate, "learning_rate"),
            momentum=as_single(momentum, "momentum"),
            dampening=as_single(dampening, "dampening"),
            weight_decay=as_single(weight_decay, "weight_decay"),
            nesterov=as_flag(nesterov, "nesterov"),
            clipping=_word(clipping),
            groups=as_groups(groups),
        )


class Adagrad(Optimizer, name="adagrad"):
    """Adagrad (Duchi, Hazan and Singer, JMLR 12, 2011).

    ::

        g = g + weight_decay w
        sum = sum + g²
        w = w - learning_rate / (1 + (t - 1) learning_rate_decay) g / (sqrt(sum) + eps)

    Parameters
    ----------
    learning_rate : float
        The learning rate of steps that pass none, at least 0.
    learning_rate_decay : float
        At least 0.
    weight_decay : float
        At least 0.
    initial_accumulator_value : float
        The initial ``sum``, at least 0.
    eps : float
        Above 0.
    clipping : {"value", "tensor_norm", "global_norm"}
        The norm or value that the ``clip`` of a step bounds.
    groups : mapping of str to mapping, optional
        Factors of the learning rate and of weight decay by patterns of parameters' names, see above.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    def __init__(
        self,
        learning_rate: float = 1e-2,
        learning_rate_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        clipping: ClippingName = "value",
        groups: Groups | None = None,
    ) -> None:
        self._create(
            learning_rate=as_single(learning_rate, "learning_rate"),
            learning_rate_decay=as_single(learning_rate_decay, "learning_rate_decay"),
            weight_decay=as_single(weight_decay, "weight_decay"),
            initial_accumulator_value=as_single(initial_accumulator_value, "initial_accumulator_value"),
            eps=as_single(eps, "eps"),
            clipping=_word(clipping),
            groups=as_groups(groups),
        )


class RMSProp(Optimizer, name="rmsprop"):
    """PyTorch's RMSprop with bias correction of the running average, which is on by default.

    ::

        g = g + weight_decay w
        s = alpha s + (1 - alpha) g²
        v = s / (1 - alpha^t);  without bias_correction v = s
        w = w - learning_rate g / (sqrt(v) + eps)

    ``centered`` replaces s in v by s - m², with m the running average of g. With momentum,
    b = momentum b + g / (sqrt(v) + eps) and w = w - learning_rate b.

    Parameters
    ----------
    learning_rate : float
        The learning rate of steps that pass none, at least 0.
    alpha : float
        At least 0 and below 1.
    eps : float
        Above 0.
    weight_decay : float
        At least 0.
    momentum : float
        At least 0; 0 for none.
    centered : bool
        Divide by the standard deviation instead of the root mean square.
    bias_correction : bool
        False is torch.optim.RMSprop: its first step is learning_rate / sqrt(1 - alpha), 10 learning_rate with 0.99.
    clipping : {"value", "tensor_norm", "global_norm"}
        The norm or value that the ``clip`` of a step bounds.
    groups : mapping of str to mapping, optional
        Factors of the learning rate and of weight decay by patterns of parameters' names, see above.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.

    References
    ----------
    Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, arXiv:1308.0850.
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
        clipping: ClippingName = "value",
        groups: Groups | None = None,
    ) -> None:
        self._create(
            learning_rate=as_single(learning_rate, "learning_rate"),
            alpha=as_single(alpha, "alpha"),
            eps=as_single(eps, "eps"),
            weight_decay=as_single(weight_decay, "weight_decay"),
            momentum=as_single(momentum, "momentum"),
            centered=as_flag(centered, "centered"),
            bias_correction=as_flag(bias_correction, "bias_correction"),
            clipping=_word(clipping),
            groups=as_groups(groups),
        )


class Adam(Optimizer, name="adam"):
    """Adam (Kingma and Ba, ICLR 2015), optionally AMSGrad (Reddi, Kale and Kumar, ICLR 2018).

    ::

        g = g + weight_decay w
        m = betas[0] m + (1 - betas[0]) g
        v = betas[1] v + (1 - betas[1]) g²
        w = w - learning_rate m / (1 - betas[0]^t) / (sqrt(v / (1 - betas[1]^t)) + eps)

    Parameters
    ----------
    learning_rate : float
        The learning rate of steps that pass none, at least 0.
    betas : pair of float
        Each at least 0 and below 1.
    eps : float
        Above 0.
    weight_decay : float
        At least 0.
    amsgrad : bool
        Use the largest v so far in the last line.
    clipping : {"value", "tensor_norm", "global_norm"}
        The norm or value that the ``clip`` of a step bounds.
    groups : mapping of str to mapping, optional
        Factors of the learning rate and of weight decay by patterns of parameters' names, see above.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import recurrent
    >>> net, optimizer = recurrent.LSTM(4, [8], 4, rng=1), recurrent.Adam(learning_rate=0.01)
    >>> losses = [net.train_step([[0], [1], [2]], [[1], [2], [3]], optimizer).loss for _ in range(50)]
    >>> losses[-1] < losses[0]
    True
    >>> slow = recurrent.Adam(0.01, weight_decay=0.1, groups={"b*": {"learning_rate": 0.5, "weight_decay": 0}})
    >>> slow.settings["groups"]
    {'b*': {'learning_rate': 0.5, 'weight_decay': 0.0}}
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        clipping: ClippingName = "value",
        groups: Groups | None = None,
    ) -> None:
        self._create(
            learning_rate=as_single(learning_rate, "learning_rate"),
            betas=_pair(betas),
            eps=as_single(eps, "eps"),
            weight_decay=as_single(weight_decay, "weight_decay"),
            amsgrad=as_flag(amsgrad, "amsgrad"),
            clipping=_word(clipping),
            groups=as_groups(groups),
        )


class AdamW(Adam, name="adamw"):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    First w = (1 - learning_rate weight_decay) w, then Adam's step without weight decay.

    Parameters
    ----------
    learning_rate, betas, eps, weight_decay, amsgrad, clipping, groups
        As for ``Adam``.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        clipping: ClippingName = "value",
        groups: Groups | None = None,
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay, amsgrad, clipping=clipping, groups=groups)


def _pair(betas: Any) -> list[float]:
    if isinstance(betas, str) or not isinstance(betas, (Sequence, np.ndarray)):
        raise TypeError(f"betas has the wrong type; expected two numbers, got {type(betas).__name__}")
    pair = as_list(betas, "betas", "two numbers")
    if len(pair) != 2:
        raise ValueError(f"betas has the wrong length; expected 2, got {len(pair)}")
    return [as_single(beta, f"betas[{k}]") for k, beta in enumerate(pair)]


def _word(clipping: Any) -> str:
    return as_text(clipping, "clipping").decode()


OptimizerName = Literal["rmsprop", "adam", "adamw", "sgd", "adagrad"]
OPTIMIZERS: dict[OptimizerName, type[Optimizer]] = {
    "rmsprop": RMSProp, "adam": Adam, "adamw": AdamW, "sgd": SGD, "adagrad": Adagrad,
}  # fmt: skip
"""The optimizers by name."""
