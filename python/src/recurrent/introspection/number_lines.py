"""The numbers of a Mat in a few words, for a box of a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from ..mat import Mat
from ..mat_repr import short

if TYPE_CHECKING:
    import numpy.typing as npt

# the most elements that are written one by one
_LISTED = 4

Read = Callable[..., Mat]


def lines(read: Read, *place: int) -> tuple[str, ...]:
    """Returns the lines of the values and of the gradients that are not 0; none where a Mat has no numbers."""
    try:
        mat = read(*place)
        # a copy: a pointer to the values would have later writes in view
        values, gradients = mat.copy().w, mat.dw
    except (ValueError, RuntimeError, MemoryError):
        # a constant, a step, or a Mat that another thread uses
        return ()
    return (_line(values), f"∇ {_line(gradients)}") if gradients.any() else (_line(values),)


def _line(values: npt.NDArray[Any]) -> str:
    """Returns the elements, rows between semicolons; of more than four the smallest, the mean and the largest."""
    if values.size <= _LISTED:
        return "; ".join(", ".join(map(short, row)) for row in values)
    with np.errstate(all="ignore"):
        low, mean, high = values.min(), values.mean(dtype=np.float64), values.max()
    return f"{short(low)} to {short(high)}, mean {short(mean)}"
