"""Weights of other libraries on their way into a network: checked first, then copied, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import as_type
from ..parameters import Parameters

if TYPE_CHECKING:
    import numpy.typing as npt


def finite_array(
    array: npt.NDArray[Any], name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> npt.NDArray[np.float64]:
    """Returns an array of finite numbers that a dtype can hold, as float64."""
    if array.shape != shape:
        raise ValueError(f"{name} has the wrong shape; expected {shape}, got {array.shape}")
    # exact for every type of weights but int64, and the sum of two biases is rounded once
    array = as_type(array, np.dtype(np.float64), name)
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} is not finite; expected finite elements, got {array[index]} at {list(index)}"
        )
    as_type(array, dtype, name)
    return array


def set_weights(parameters: Parameters, found: Mapping[str, npt.NDArray[Any]]) -> None:
    """Sets parameters by name, all of them or none."""
    values = {name: as_type(array, parameters.flat.dtype, name) for name, array in found.items()}
    # every view is taken before the first element is written: access to a Mat can fail, a copy cannot
    targets = [(parameters[name].w, value) for name, value in values.items()]
    for view, value in targets:
        np.copyto(view, value.reshape(view.shape))
