"""Optimizer: the base of the algorithms of ``optimizers``."""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from .. import _c
from .._checks import as_count, as_limit, as_rate, as_single, as_text
from .._pickles import as_class, reduced
from .._readonly import refuse_assignment
from ..mat import Mat, expect_mat
from ..parameters import Parameters
from ..state import StepResult
from .slots import Slot, as_json, as_slot, members

_lib = _c.lib
_OWN = frozenset(("_handle",))


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
        given = {name: value for name, value in settings.items() if name != "groups" or value}
        words = json.dumps({"name": self._name, **given}).encode()
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
            If a name has another shape or dtype than before, a setting is out of range, or a pattern of ``groups``
            matches none of the names.
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

    # ---- state as arrays, and copies

    def state_dict(self) -> dict[str, Any]:
        """Returns the settings and the state as arrays, from which an optimizer continues to the same bits.

        Returns
        -------
        dict
            ``{"settings": {...}, "state": {name: {"step": int, slot: array, ...}}}``: for each name, in the order of
            the first step, the steps made and a copy (n, d) of each slot.

        Examples
        --------
        >>> import recurrent
        >>> adam, net = recurrent.Adam(0.1), recurrent.GRU(3, [4], rng=1)
        >>> result = adam.step(net.parameters)
        >>> saved = adam.state_dict()
        >>> list(saved["state"]["bz0"]), saved["state"]["bz0"]["exp_avg"].shape
        (['step', 'exp_avg', 'exp_avg_sq'], (4, 1))
        >>> twin = recurrent.Adam()
        >>> twin.load_state_dict(saved)
        >>> twin.learning_rate
        0.1
        """
        return {
            "settings": self.settings,
            "state": {
                name: {"step": steps, **{slot: mat.w.copy() for slot, mat in mats.items()}}
                for name, steps, mats in self._named_states()
            },
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Replaces the state and the learning rate by those of ``state_dict``; arrays are copied.

        The next step of a name continues with its state, whichever Mat of the same shape and dtype it is of.

        Parameters
        ----------
        state_dict : mapping
            What ``state_dict`` of an optimizer returned whose settings are the same but for the learning rate.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            If a setting differs, or a slot is missing, unknown, of the wrong shape or type, or not finite, with its
            name; nothing has changed.
        """
        parts = members(state_dict, "state_dict", ("settings", "state"))
        settings = members(parts["settings"], "settings", self.settings)
        slots, names, steps, mats = list(self.state), [], [], []
        for name, values in members(parts["state"], "state").items():
            found = members(values, f"state[{name!r}]", ("step", *slots))
            names.append(name)
            steps.append(as_count(found["step"], f"step of {name}", 0, 1 << 53))
            mats += [as_slot(found[slot], f"{slot} of {name}") for slot in slots]
        self._load(json.dumps(as_json(settings)), names, steps, mats)

    def _named_states(self) -> Iterator[tuple[str, int, dict[str, Mat]]]:
        """Yields the names with their steps and live Mats."""
        slots, steps = self.state, ctypes.c_int64()
        names, count = [], ctypes.c_int64()
        _lib.recurrent_optimizer_name_count(self._handle.value, ctypes.byref(count))
        for index in range(count.value):
            names.append(_c.written(_lib.recurrent_optimizer_name, self._handle.value, index))
        for name in names:
            key = name.encode()
            _lib.recurrent_optimizer_steps(self._handle.value, key, len(key), ctypes.byref(steps))
            yield name, steps.value, {slot: mats[name] for slot, mats in slots.items()}

    def _load(self, settings: str, names: Sequence[str], steps: Sequence[int], mats: Sequence[Mat]) -> None:
        """Replaces the state by Mats, those of a name together."""
        words, keys = settings.encode(), [as_text(name, "a name in state") for name in names]
        handles, each = [expect_mat(mat, "a Mat of state") for mat in mats], len(self.state)
        # the library reads as many of each as there are names
        if len(steps) != len(keys) or len(handles) != each * len(keys):
            raise ValueError(
                f"state has the wrong length; expected {len(keys)} names with {each} Mats and the steps of each, "
                f"got {len(handles)} Mats and {len(steps)} steps"
            )
        counts = [as_count(count, "steps", 0, 1 << 53) for count in steps]
        _lib.recurrent_optimizer_load_state(
            self._handle.value,
            words,
            len(words),
            (ctypes.c_char_p * len(keys))(*keys),
            (ctypes.c_int64 * len(keys))(*map(len, keys)),
            (ctypes.c_int64 * len(keys))(*counts),
            (ctypes.c_uint64 * len(handles))(*handles),
            len(keys),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        settings = _c.written(_lib.recurrent_optimizer_describe, self._handle.value)
        states = tuple((name, steps, tuple(mats.values())) for name, steps, mats in self._named_states())
        return reduced(self, optimizer_of_state, type(self), settings, states, own=_OWN)

    def __repr__(self) -> str:
        # recurrentjs.Solver has no arguments learning_rate and clipping
        known = type(self).__init__.__annotations__
        words = [f"{name}={value!r}" for name, value in self.settings.items() if name in known]
        return f"{type(self).__name__}({', '.join(words)})"


def optimizer_of_state(kind: Any, settings: Any, states: Any) -> Any:
    """Returns the optimizer of a pickle, which holds its settings as JSON and its state as Mats by name."""
    words = as_text(settings, "settings")
    optimizer = as_class(kind, Optimizer).__new__(kind)
    optimizer._attach(
        _c.new(_lib.recurrent_optimizer_create, _lib.recurrent_optimizer_free, words, len(words))
    )
    if optimizer.settings["name"] != kind._name:
        raise ValueError(
            f"name of the settings is wrong; expected {kind._name}, got {optimizer.settings['name']}"
        )
    names, steps, mats = zip(*states) if states else ((), (), ())
    optimizer._load(settings, names, steps, [mat for each in mats for mat in each])
    return optimizer


def _python(value: Any) -> Any:
    """Returns a setting as the classes take it: floats, tuples, mappings."""
    if isinstance(value, list):
        return tuple(float(number) for number in value)
    if isinstance(value, dict):
        return {name: _python(each) for name, each in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_optimizer(value: Any) -> Optimizer | None:
    """Returns an optimizer, or None for None."""
    if value is not None and not isinstance(value, Optimizer):
        raise TypeError(
            f"optimizer has the wrong type; expected an Optimizer or None, got {type(value).__name__}"
        )
    return value
