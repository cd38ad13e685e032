"""Comparison of gradients with central differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Union

import numpy as np

from ._checks import DTYPES, as_list, as_rate, as_single
from .graph import Graph, no_grad
from .mat import Mat, expect_mat
from .random import Random

if TYPE_CHECKING:
    import numpy.typing as npt

# a smaller step would leave few digits of a difference
_STEPS = (1e-10, 1.0)
Mats = Union[Mat, Iterable[Mat], Mapping[str, Mat]]


@dataclass(frozen=True)
class GradientError:
    """The element of a Mat whose gradient differs most from its central difference, by their tolerance.

    Parameters
    ----------
    name : str
        The Mat: ``mats[0]``, or ``mats['W']``.
    row, column : int
        The place of the element.
    gradient : float
        The gradient of ``backward``.
    difference : float
        The central difference.
    elements : int
        The number of elements of the Mat, which were all compared.
    """

    name: str
    row: int
    column: int
    gradient: float
    difference: float
    elements: int

    @property
    def error(self) -> float:
        """``|gradient − difference|``."""
        return abs(self.gradient - self.difference)


@dataclass(frozen=True)
class GradientCheck:
    """The result of ``check_gradients``: every gradient is within the tolerances.

    Parameters
    ----------
    mats : tuple of GradientError
        The worst element of each Mat.
    """

    mats: tuple[GradientError, ...]

    @property
    def error(self) -> float:
        """The largest ``|gradient − difference|`` among the worst elements."""
        return max(mat.error for mat in self.mats)

    def __str__(self) -> str:
        width = max(len(mat.name) for mat in self.mats)
        return "\n".join(
            f"{mat.name:{width}}  {mat.elements:>8,} elements, worst at [{mat.row}, {mat.column}]: "
            f"{mat.gradient:.9g} and {mat.difference:.9g}, apart {mat.error:.1e}"
            for mat in self.mats
        )


def check_gradients(
    f: Callable[..., Mat], mats: Mats, eps: float = 1e-5, rtol: float = 1e-4, atol: float = 1e-6
) -> GradientCheck:
    """Compares the gradients of ``backward`` with central differences, as torch.autograd.gradcheck.

    For each element x of each Mat::

        |∂L/∂x - D| <= atol + rtol |D|,  D = (L(x + h) - L(x - h)) / 2 h,  h = eps max(1, |x|)

    L is the result of ``f``; of a larger result it is a sum with fixed random weights, so that every element counts.
    The values and gradients of ``mats`` are afterwards as before. Other Mats that ``f`` reads receive gradients, as
    from any backward pass. ``f`` runs twice for each element, and must have a derivative there: ``relu`` and ``abs``
    have none at 0.

    Parameters
    ----------
    f : callable
        ``f(*mats)``, or ``f(mats)`` for a mapping; returns a Mat, the same one for the same values.
    mats : Mat, iterable of Mat or mapping of str to Mat
        What ``f`` is differentiated by, such as ``Network.parameters``: float64, as float32 is too coarse for
        differences.
    eps : float
        The step of the differences, 1e-10 to 1.
    rtol, atol : float
        The tolerances, at least 0.

    Returns
    -------
    GradientCheck
        The worst element of each Mat.

    Raises
    ------
    ValueError
        If a gradient is wrong, with the Mat, the place and both numbers; if a Mat is float32 or a result of an
        operation; if ``f`` returns other values for the same arguments.
    TypeError
        If an argument has the wrong type, or ``f`` returns no Mat.

    Examples
    --------
    >>> import recurrent
    >>> W = recurrent.Mat.uniform(2, 3, -1, 1, dtype="float64", rng=1)
    >>> x = recurrent.Mat.uniform(3, 1, -1, 1, dtype="float64", rng=2)
    >>> result = recurrent.check_gradients(lambda W, x: (W @ x).tanh().square().sum(), [W, x])
    >>> result.error < 1e-8, [mat.name for mat in result.mats]
    (True, ['mats[0]', 'mats[1]'])
    """
    if not callable(f):
        raise TypeError(f"f has the wrong type; expected a function, got {type(f).__name__}")
    step, relative, absolute = as_single(eps, "eps"), as_rate(rtol, "rtol"), as_rate(atol, "atol")
    if not _STEPS[0] <= step <= _STEPS[1]:
        raise ValueError(f"eps is out of range; expected {_STEPS[0]} to {_STEPS[1]:g}, got {eps}")
    named = _named(mats)
    arguments = (mats,) if isinstance(mats, Mapping) else tuple(named.values())
    before = [(mat.w.copy(), mat.dw.copy()) for mat in named.values()]
    try:
        weights, loss, gradients = _backward(f, arguments, named)
        _expect_equal(loss, _value(f, arguments, weights))
        return GradientCheck(
            tuple(
                _compare(name, mat, gradient, step, relative, absolute, lambda: _value(f, arguments, weights))
                for (name, mat), gradient in zip(named.items(), gradients)
            )
        )
    finally:
        for mat, (w, dw) in zip(named.values(), before):
            mat.w, mat.dw = w, dw


def _named(mats: Any) -> dict[str, Mat]:
    """Returns the Mats by the names that messages have."""
    if isinstance(mats, Mapping):
        named = {f"mats[{name!r}]": mat for name, mat in mats.items()}
    else:
        listed = [mats] if isinstance(mats, Mat) else as_list(mats, "mats", "a list of Mats")
        named = {f"mats[{k}]": mat for k, mat in enumerate(listed)}
    if not named:
        raise ValueError("mats is empty; expected at least one Mat, got none")
    for name, mat in named.items():
        expect_mat(mat, name)
        if mat._graph is not None:
            raise ValueError(f"{name} is no input; expected a Mat of its own, got the result of an operation")
        if mat.dtype != DTYPES[1]:
            raise ValueError(
                f"{name} is too coarse; expected float64, as of Mat.from_array(values, 'float64'), got {mat.dtype}"
            )
    return named


def _backward(
    f: Callable[..., Mat], arguments: tuple[Any, ...], named: Mapping[str, Mat]
) -> tuple[npt.NDArray[np.float64], float, list[npt.NDArray[np.float64]]]:
    """Returns the weights of the result's elements, L, and its gradients."""
    for mat in named.values():
        mat.zero_gradient()
    with Graph():
        result = _result(f, arguments)
        weights = np.ones((1, 1))
        if result.shape != (1, 1):
            weights = Random(0).uniform(0.5, 1.5, count=result.n * result.d).reshape(result.shape)
        loss = float((weights * result.w).sum())
        if result._graph is not None:
            result.dw = weights
            result._graph.backward()
    return weights, loss, [mat.dw.copy() for mat in named.values()]


def _value(f: Callable[..., Mat], arguments: tuple[Any, ...], weights: npt.NDArray[np.float64]) -> float:
    """Returns L without recording."""
    with no_grad():
        result = _result(f, arguments)
        if result.shape != weights.shape:
            raise ValueError(f"f returns another shape; expected {weights.shape} again, got {result.shape}")
        return float((weights * result.w).sum())


def _result(f: Callable[..., Mat], arguments: tuple[Any, ...]) -> Mat:
    result: Any = f(*arguments)
    if not isinstance(result, Mat):
        raise TypeError(f"f returns the wrong type; expected a Mat, got {type(result).__name__}")
    return result


def _expect_equal(loss: float, again: float) -> None:
    # the same operations give the same bits; NaN is reported with its place
    if loss != again and loss == loss and again == again:
        raise ValueError(
            f"f returns other values for the same arguments; expected {loss!r} again, got {again!r}"
        )


def _compare(
    name: str,
    mat: Mat,
    gradient: npt.NDArray[np.float64],
    eps: float,
    rtol: float,
    atol: float,
    value: Callable[[], float],
) -> GradientError:
    """Returns the worst element of a Mat; raises for one beyond the tolerances."""
    worst, most = None, -1.0
    for i, j in np.ndindex(mat.shape):
        before = float(mat.w[i, j])
        step = eps * max(1.0, abs(before))
        above, below = before + step, before - step
        mat.w[i, j] = above
        high = value()
        mat.w[i, j] = below
        low = value()
        mat.w[i, j] = before
        # the step that was made, after rounding
        difference = (high - low) / (above - below)
        found = GradientError(name, i, j, float(gradient[i, j]), difference, mat.n * mat.d)
        bound = atol + rtol * abs(difference)
        # NaN fails the comparison
        if not found.error <= bound:
            raise ValueError(
                f"gradient of {name} is wrong at [{i}, {j}]; expected {difference:.9g}, the central difference, "
                f"got {found.gradient:.9g}"
            )
        share = found.error / bound if bound else 0.0
        if worst is None or share > most:
            worst, most = found, share
    if worst is None:
        raise ValueError(f"{name} is empty; expected at least one element, got none")
    return worst
