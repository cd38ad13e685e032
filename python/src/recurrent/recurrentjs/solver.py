"""RecurrentJS's Solver."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .._checks import as_limit, as_rate, as_single
from ..mat import Mat
from ..optim.groups import Groups, as_groups
from ..optim.optimizer import Optimizer
from ..state import StepResult
from .functions import Model


class Solver(Optimizer, name="recurrentjs"):
    """RMSProp as RecurrentJS defines it (Tieleman and Hinton, Coursera lecture 6.5, 2012).

    ::

        s = decay_rate s + (1 - decay_rate) g²
        w = w - step_size clamp(g, ±clipval) / sqrt(s + smooth_eps) - regc w
        g = 0

    Parity: ``s`` uses the gradient before clipping, ``smooth_eps`` is inside the root, ``regc`` is not scaled by the
    step, and there is no bias correction: with 0.999 the first step of a weight is about 31.6 step_size.

    Parameters
    ----------
    decay_rate : float
        At least 0 and below 1.
    smooth_eps : float
        Above 0.
    groups : mapping of str to mapping, optional
        Factors of the learning rate and of ``regc`` by patterns of names, as for ``recurrent.Adam``.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    def __init__(
        self, decay_rate: float = 0.999, smooth_eps: float = 1e-8, *, groups: Groups | None = None
    ) -> None:
        self._create(
            decay_rate=as_single(decay_rate, "decay_rate"),
            smooth_eps=as_single(smooth_eps, "smooth_eps"),
            groups=as_groups(groups),
        )

    @property
    def decay_rate(self) -> float:
        """The decay of the mean of squares, at least 0 and below 1."""
        return float(self.settings["decay_rate"])

    @property
    def smooth_eps(self) -> float:
        """The constant under the root, above 0."""
        return float(self.settings["smooth_eps"])

    def step(
        self,
        model: Mapping[str, Mat],
        step_size: float | None = None,
        regc: float = 0.0,
        clipval: float | None = None,
    ) -> StepResult:
        """Updates every Mat of ``model`` and sets its gradients to 0.

        Parameters
        ----------
        model : mapping of str to Mat
            The weights; the cache of a Mat belongs to its name.
        step_size : float, optional
            The learning rate, at least 0; the solver's own where absent.
        regc : float
            The fraction of each weight that is subtracted besides, at least 0.
        clipval : float, optional
            The bound on each gradient, above 0; None for none.

        Returns
        -------
        StepResult
            The norm of the gradients before clipping and the fraction clipped; ``loss`` is NaN.

        Raises
        ------
        FloatingPointError
            If a gradient, or a weight after the step, is infinite or NaN, with the name of its Mat;
            the weights are unchanged.
        ValueError, TypeError
            If a name has another shape or dtype than before, or a setting is out of range.
        """
        if not isinstance(model, Mapping):
            raise TypeError(
                f"model has the wrong type; expected a mapping of names to Mats, got {type(model).__name__}"
            )
        return self._step(
            model.own if isinstance(model, Model) and model.is_whole else model,
            math.nan if step_size is None else as_rate(step_size, "step_size"),
            as_rate(regc, "regc"),
            as_limit(clipval, "clipval"),
            "model",
        )

    @property
    def step_cache(self) -> Mapping[str, Mat]:
        """The caches ``s`` by name, as live Mats."""
        return self.state["step_cache"]
