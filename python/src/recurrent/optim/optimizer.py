"""Optimizer: the base of the algorithms of ``optimizers``."""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from .. import _c
from .._checks import as_limit, as_rate, as_single, as_text
from .._readonly import refuse_assignment
from ..mat import Mat, expect_mat
from ..parameters import LiveMats, Parameters
from ..state import StepResult

_lib = _c.lib


class Optimizer:
    """Updates weights from their gradients: the base of every optimizer.

    Raises
    ------
    TypeError
        As the class is abstract.
    """

    _name: ClassVar[str] = ""
    _classes: ClassVar[dict[str, type[Optimizer]]] = {}

    def __init_subclass__(cls, name: str | None = None) -> None:
        if name is not None:
            cls._name = name
            Optimizer._classes[name] = cls

    def __init__(self) -> None:
        names = ", ".join(kind.__name__ for kind in Optimizer._classes.values())
        raise TypeError(f"Optimizer is abstract; expected one of {names}")

    def _create(self, **settings: Any) -> None:
        words = json.dumps({"name": self._name, **settings}).encode()
        self._attach(
            _c.new(_lib.recurrent_optimizer_create, _lib.recurrent_optimizer_free, words, len(words))
        )

    def _attach(self, handle: _c.Handle) -> None:
        self._handle = handle

    @classmethod
    def _from_handle(cls, handle: _c.Handle) -> Optimizer:
        """The optimizer behind a handle, as the class of its algorithm."""
        name = json.loads(_c.written(_lib.recurrent_optimizer_describe, handle.value))["name"]
        kind = Optimizer._classes.get(name, Optimizer)
        optimizer = kind.__new__(kind)
        optimizer._attach(handle)
        return optimizer

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by the names of the arguments, a copy; ``name``, the algorithm's, first."""
        settings = json.loads(_c.written(_lib.recurrent_optimizer_describe, self._handle.value))
        return {name: _python(value) for name, value in settings.items()}

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name != "learning_rate":
            kind = type(self).__name__
            if name in self.settings:
                refuse_assignment(name, f"a new {kind}", value)
            if not hasattr(type(self), name):
                raise AttributeError(
                    f"{name} is not an attribute of {kind}; expected learning_rate, got {name}"
                )
        super().__setattr__(name, value)

    @property
    def learning_rate(self) -> float:
        """The learning rate of steps that are given none, at least 0; assignable, for later steps."""
        rate = ctypes.c_double()
        _lib.recurrent_optimizer_get_learning_rate(self._handle.value, ctypes.byref(rate))
        return rate.value

    @learning_rate.setter
    def learning_rate(self, learning_rate: float) -> None:
        _lib.recurrent_optimizer_set_learning_rate(
            self._handle.value, as_single(learning_rate, "learning_rate")
        )

    def step(
        self,
        parameters: Mapping[str, Mat],
        learning_rate: float | None = None,
        weight_decay: float = 0.0,
        clip: float | None = None,
    ) -> StepResult:
        """Updates every Mat of ``parameters`` and sets its gradients to 0.

        Parameters
        ----------
        parameters : mapping of str to Mat
            The weights; the optimizer's state of a Mat belongs to its name.
        learning_rate : float, optional
            At least 0; the optimizer's own where absent.
        weight_decay : float
            The fraction of each weight that is subtracted besides, at least 0.
        clip : float, optional
            The gradient clipping threshold, above 0; None for none.

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
        if not isinstance(parameters, Mapping):
            raise TypeError(
                f"parameters has the wrong type; expected a mapping of names to Mats, got {type(parameters).__name__}"
            )
        return self._step(
            parameters,
            math.nan if learning_rate is None else as_rate(learning_rate, "learning_rate"),
            as_rate(weight_decay, "weight_decay"),
            as_limit(clip, "clip"),
            "parameters",
        )

    def _step(
        self, mats: Mapping[str, Mat], learning_rate: float, weight_decay: float, clip: float, argument: str
    ) -> StepResult:
        settings, step = (learning_rate, weight_decay, clip), _c.StepResult()
        if isinstance(mats, Parameters):
            _lib.recurrent_optimizer_step_network(
                self._handle.value, mats.handle.value, *settings, ctypes.byref(step)
            )
        else:
            # a mapping may make its Mats at each access: these live until the call is done
            kept = dict(mats)
            names = [as_text(name, f"a name in {argument}") for name in kept]
            handles = [expect_mat(mat, f"{argument}[{name!r}]") for name, mat in kept.items()]
            _lib.recurrent_optimizer_step(
                self._handle.value,
                (ctypes.c_char_p * len(names))(*names),
                (ctypes.c_int64 * len(names))(*map(len, names)),
                (ctypes.c_uint64 * len(names))(*handles),
                len(names),
                *settings,
                ctypes.byref(step),
            )
        return StepResult(math.nan, step.gradient_norm, step.ratio_clipped)

    @property
    def state(self) -> Mapping[str, Mapping[str, Mat]]:
        """The state of the algorithm: for each of its slots, named as in torch.optim, live Mats by name; read-only."""
        count = ctypes.c_int64()
        _lib.recurrent_optimizer_state_count(self._handle.value, ctypes.byref(count))
        slots = [Slot(self._handle, index) for index in range(count.value)]
        return MappingProxyType({slot.name: slot for slot in slots})

    def __repr__(self) -> str:
        # recurrentjs.Solver has no arguments learning_rate and clipping
        known = type(self).__init__.__annotations__
        words = [f"{name}={value!r}" for name, value in self.settings.items() if name in known]
        return f"{type(self).__name__}({', '.join(words)})"


class Slot(LiveMats):
    """One of an optimizer's slots, by name: a live view of the optimizer's state."""

    def __init__(self, handle: _c.Handle, index: int) -> None:
        self._handle, self._index = handle, index
        self.name = self._label = _c.written(_lib.recurrent_optimizer_state_name, handle.value, index)

    def __getitem__(self, name: str) -> Mat:
        key = as_text(name, "the name")
        try:
            return Mat._from_handle(
                _c.new(
                    _lib.recurrent_optimizer_state,
                    _lib.recurrent_mat_free,
                    self._handle.value,
                    self._index,
                    key,
                    len(key),
                )
            )
        except IndexError:
            raise KeyError(name) from None

    def __contains__(self, name: Any) -> bool:
        return name in list(self)

    def __len__(self) -> int:
        count = ctypes.c_int64()
        _lib.recurrent_optimizer_name_count(self._handle.value, ctypes.byref(count))
        return count.value

    def __iter__(self) -> Iterator[str]:
        for index in range(len(self)):
            yield _c.written(_lib.recurrent_optimizer_name, self._handle.value, index)

    def __repr__(self) -> str:
        return f"<{self.name.replace('_', ' ')} of {', '.join(self) or 'nothing yet'}>"


def _python(value: Any) -> Any:
    """Returns a setting as the classes take it: floats, tuples."""
    if isinstance(value, list):
        return tuple(float(number) for number in value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
