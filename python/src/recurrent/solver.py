"""Solver: RMSProp as RecurrentJS has it, and what it shares with the rules of torch.optim."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from . import _abi
from ._arguments import limit, number, text
from .mat import Mat, expect_mat
from .model import Model

_lib = _abi.lib


class StepStatistics(NamedTuple):
    """What a step did."""

    ratio_clipped: float
    """The share of all gradients that were clipped, 0 to 1."""
    gradient_norm: float
    """√Σg² over all gradients, before clipping."""


class Solver:
    """Moves weights against their gradients.

    ::

        s = decay_rate s + (1 - decay_rate) g²
        w = w - step_size clamp(g, ±clipval) / sqrt(s + smooth_eps) - regc w
        g = 0

    Parity: ``s`` sees the gradient before it is clipped, ``smooth_eps`` stands under the root, ``regc`` is not scaled
    by the step, and there is no bias correction: with 0.999 a weight's first step is about 31.6 times step_size.

    This is RecurrentJS's rule; SGD, Adagrad, RMSProp, Adam and AdamW are Solvers with rules of their own.

    Parameters
    ----------
    decay_rate : float
        At least 0 and below 1.
    smooth_eps : float
        Above 0.

    References
    ----------
    Tieleman and Hinton, Coursera lecture 6.5, 2012.
    """

    _rule: ClassVar[str] = "recurrentjs"
    _classes: ClassVar[dict[str, type[Solver]]] = {}

    def __init_subclass__(cls, rule: str | None = None) -> None:
        if rule is not None:
            cls._rule = rule
            Solver._classes[rule] = cls

    def __init__(self, decay_rate: float = 0.999, smooth_eps: float = 1e-8) -> None:
        self._create(decay_rate=number(decay_rate, "decay_rate"), smooth_eps=number(smooth_eps, "smooth_eps"))

    def _create(self, **settings: Any) -> None:
        words = json.dumps({"rule": self._rule, **settings}).encode()
        self._become(
            _abi.new(_lib.recurrent_solver_create_from, _lib.recurrent_solver_free, words, len(words))
        )

    def _become(self, handle: _abi.Handle) -> None:
        self._handle = handle
        if self._rule == Solver._rule:
            settings = self.settings
            self.decay_rate, self.smooth_eps = settings["decay_rate"], settings["smooth_eps"]

    @classmethod
    def _of(cls, handle: _abi.Handle) -> Solver:
        """The solver behind a handle, as the class that has its rule."""
        rule = json.loads(_written(_lib.recurrent_solver_describe, handle.value))["rule"]
        kind = Solver._classes.get(rule, Solver)
        solver = kind.__new__(kind)
        solver._become(handle)
        return solver

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that this solver is set to, ``rule`` first; by torch.optim's names."""
        words = json.loads(_written(_lib.recurrent_solver_describe, self._handle.value))
        return {name: _python(value) for name, value in words.items()}

    @property
    def lr(self) -> float:
        """The learning rate of steps that are given none, at least 0; assignable, for the steps to come."""
        rate = ctypes.c_double()
        _lib.recurrent_solver_get_learning_rate(self._handle.value, ctypes.byref(rate))
        return rate.value

    @lr.setter
    def lr(self, lr: float) -> None:
        _lib.recurrent_solver_set_learning_rate(self._handle.value, number(lr, "lr"))

    def step(
        self,
        model: Mapping[str, Mat],
        step_size: float | None = None,
        regc: float = 0.0,
        clipval: float | None = None,
    ) -> StepStatistics:
        """Move every Mat of ``model`` and zero its gradients.

        Parameters
        ----------
        model : mapping of str to Mat
            What to move; what is remembered of a Mat belongs to its name.
        step_size : float, optional
            The learning rate, at least 0; the solver's own where absent.
        regc : float
            The share of each weight that is taken off at every step besides, at least 0.
        clipval : float, optional
            The bound for clipping, above 0; None for no clipping.

        Raises
        ------
        FloatingPointError
            Naming the first gradient that is infinite or NaN; nothing has been changed.
        ValueError, TypeError
            If a name comes back with another shape or type, or a setting is out of range.
        """
        if not isinstance(model, Mapping):
            raise TypeError(f"model is a {type(model).__name__}; expected a mapping of names to Mats")
        rate = self.lr if step_size is None else number(step_size, "step_size")
        settings = rate, number(regc, "regc"), limit(clipval, "clipval")
        step = _abi.Step()
        if isinstance(model, Model) and model.is_whole:
            _lib.recurrent_solver_step_model(
                self._handle.value, model.handle.value, *settings, ctypes.byref(step)
            )
        else:
            names = [text(name, "a name in model") for name in model]
            handles = [expect_mat(mat, f"model[{name!r}]") for name, mat in model.items()]
            _lib.recurrent_solver_step(
                self._handle.value,
                (ctypes.c_char_p * len(names))(*names),
                (ctypes.c_int64 * len(names))(*map(len, names)),
                (ctypes.c_uint64 * len(names))(*handles),
                len(names),
                *settings,
                ctypes.byref(step),
            )
        return StepStatistics(step.ratio_clipped, step.gradient_norm)

    @property
    def state(self) -> dict[str, Mapping[str, Mat]]:
        """What the rule remembers: for each of its slots (torch.optim's names) live Mats by name."""
        count = ctypes.c_int64()
        _lib.recurrent_solver_slot_count(self._handle.value, ctypes.byref(count))
        slots = [Slot(self._handle, index) for index in range(count.value)]
        return {slot.name: slot for slot in slots}

    @property
    def step_cache(self) -> Mapping[str, Mat]:
        """RecurrentJS's caches ``s`` by name, as live Mats."""
        if self._rule != Solver._rule:
            raise AttributeError(f"{type(self).__name__} has no step_cache; see its state")
        return self.state["step_cache"]

    def __repr__(self) -> str:
        # lr and clipping are no arguments of RecurrentJS's
        known = type(self).__init__.__annotations__
        words = [f"{name}={value!r}" for name, value in self.settings.items() if name in known]
        return f"{type(self).__name__}({', '.join(words)})"


class Slot(Mapping[str, Mat]):
    """One of a solver's slots, by name: what is there now, not what was there when this object was made."""

    def __init__(self, handle: _abi.Handle, index: int) -> None:
        self._handle, self._index = handle, index
        self.name = _written(_lib.recurrent_solver_slot_name, handle.value, index)

    def __getitem__(self, name: str) -> Mat:
        key = text(name, "the name")
        try:
            return Mat._of(
                _abi.new(
                    _lib.recurrent_solver_slot,
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
        _lib.recurrent_solver_name_count(self._handle.value, ctypes.byref(count))
        return count.value

    def __iter__(self) -> Iterator[str]:
        for index in range(len(self)):
            yield _written(_lib.recurrent_solver_name, self._handle.value, index)

    def __repr__(self) -> str:
        return f"<{self.name.replace('_', ' ')} of {', '.join(self) or 'nothing yet'}>"


def _written(function: Callable[..., int], *arguments: Any) -> str:
    """A text that a function writes, of any length: grow until it fits."""
    buffer, length = ctypes.create_string_buffer(512), ctypes.c_int64()
    while True:
        try:
            function(*arguments, buffer, len(buffer), ctypes.byref(length))
            return buffer.raw[: length.value].decode()
        except ValueError:
            buffer = ctypes.create_string_buffer(2 * len(buffer))


def _python(value: Any) -> Any:
    """A setting as the classes take it: floats, tuples."""
    if isinstance(value, list):
        return tuple(float(number) for number in value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
