"""Initial values of the parameters of a new network."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Union, get_args

import numpy as np

from .._arrays import as_array, as_numbers
from .._checks import as_choice, as_single
from ..mat import Mat
from ..names import InitializationName

if TYPE_CHECKING:
    import numpy.typing as npt

INITIALIZATIONS: tuple[InitializationName, ...] = get_args(InitializationName)
# the forget bias of every network that is created without another one, but for RecurrentJS's sentence model
FORGET_BIAS = 1.0
InitFunction = Callable[[str, tuple[int, int]], Any]
Init = Union[InitializationName, float, InitFunction]


class Initialization(NamedTuple):
    """The argument ``init`` of a network: what the library draws, or a function."""

    setting: str | float
    function: InitFunction | None

    @classmethod
    def of(cls, value: Any) -> Initialization:
        """Returns the argument, checked."""
        if callable(value):
            return cls("uniform", value)
        return cls(as_initial_values(value, "init", "a name, a number or a function"), None)

    @property
    def value(self) -> Any:
        """The argument."""
        return self.setting if self.function is None else self.function

    def fill(self, parameters: Mapping[str, Mat]) -> None:
        """Sets all parameters to the arrays of the function, if there is one; an error changes none of them."""
        if self.function is None:
            return
        arrays: dict[str, npt.NDArray[Any]] = {}
        for name, mat in parameters.items():
            label = f"init({name!r})"
            array = as_numbers(as_array(self.function(name, mat.shape), label), label, mat.shape, mat.dtype)
            if not np.isfinite(array).all():
                raise ValueError(f"{label} is not finite; expected finite numbers, got infinity or NaN")
            arrays[name] = array
        for name, array in arrays.items():
            parameters[name].w = array


def as_initial_values(value: Any, name: str, expected: str = "a name or a number") -> str | float:
    """Returns a name, or the range of a uniform distribution."""
    if isinstance(value, str):
        return as_choice(value, name, INITIALIZATIONS)
    if isinstance(value, (bool, np.bool_)) or not (
        isinstance(value, numbers.Real) or (isinstance(value, np.ndarray) and value.ndim == 0)
    ):
        raise TypeError(f"{name} has the wrong type; expected {expected}, got {type(value).__name__}")
    bound = as_single(value, name)
    if bound < 0:
        raise ValueError(f"{name} is out of range; expected at least 0, got {value}")
    return bound
