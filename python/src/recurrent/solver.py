"""Solver: RMSProp as RecurrentJS has it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from . import _abi
from ._arguments import number, text
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

    def __init__(self, decay_rate: float = 0.999, smooth_eps: float = 1e-8) -> None:
        self._become(
            _abi.new(
                _lib.recurrent_solver_create,
                _lib.recurrent_solver_free,
                number(decay_rate, "decay_rate"),
                number(smooth_eps, "smooth_eps"),
            )
        )

    def _become(self, handle: _abi.Handle) -> None:
        decay_rate, smooth_eps = ctypes.c_double(), ctypes.c_double()
        _lib.recurrent_solver_describe(handle.value, ctypes.byref(decay_rate), ctypes.byref(smooth_eps))
        self._handle = handle
        self.decay_rate, self.smooth_eps = decay_rate.value, smooth_eps.value

    @classmethod
    def _of(cls, handle: _abi.Handle) -> Solver:
        solver = cls.__new__(cls)
        solver._become(handle)
        return solver

    def step(self, model: Mapping[str, Mat], step_size: float, regc: float, clipval: float) -> StepStatistics:
        """Move every Mat of ``model`` and zero its gradients.

        Parameters
        ----------
        model : mapping of str to Mat
            What to move; a name keeps its cache from step to step.
        step_size : float
            At least 0.
        regc : float
            The share of each weight that is taken off at every step, at least 0.
        clipval : float
            The bound on each gradient, above 0.

        Raises
        ------
        FloatingPointError
            Naming the first gradient that is infinite or NaN; nothing has been changed.
        ValueError, TypeError
            If a name comes back with another shape or type, or a setting is out of range.
        """
        if not isinstance(model, Mapping):
            raise TypeError(f"model is a {type(model).__name__}; expected a mapping of names to Mats")
        settings = number(step_size, "step_size"), number(regc, "regc"), number(clipval, "clipval")
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
    def step_cache(self) -> Mapping[str, Mat]:
        """The caches ``s`` by name, as live Mats."""
        return StepCache(self._handle)

    def __repr__(self) -> str:
        return f"Solver(decay_rate={self.decay_rate!r}, smooth_eps={self.smooth_eps!r})"


class StepCache(Mapping[str, Mat]):
    """A solver's caches by name: what is there now, not what was there when this object was made."""

    def __init__(self, handle: _abi.Handle) -> None:
        self._handle = handle

    def __getitem__(self, name: str) -> Mat:
        key = text(name, "the name")
        try:
            return Mat._of(
                _abi.new(
                    _lib.recurrent_solver_cache, _lib.recurrent_mat_free, self._handle.value, key, len(key)
                )
            )
        except IndexError:
            raise KeyError(name) from None

    def __contains__(self, name: Any) -> bool:
        return name in list(self)

    def __len__(self) -> int:
        count = ctypes.c_int64()
        _lib.recurrent_solver_cache_count(self._handle.value, ctypes.byref(count))
        return count.value

    def __iter__(self) -> Iterator[str]:
        # names are the user's own and of any length: grow until one fits
        buffer, length = ctypes.create_string_buffer(64), ctypes.c_int64()
        for index in range(len(self)):
            while True:
                try:
                    _lib.recurrent_solver_cache_name(
                        self._handle.value, index, buffer, len(buffer), ctypes.byref(length)
                    )
                    break
                except ValueError:
                    buffer = ctypes.create_string_buffer(2 * len(buffer))
            yield buffer.raw[: length.value].decode()

    def __repr__(self) -> str:
        return f"<step cache of {', '.join(self) or 'nothing yet'}>"
