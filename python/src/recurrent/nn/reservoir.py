"""EchoStateNetwork: a random recurrent layer that is not trained, with a linear readout by ridge regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_array, as_numbers
from .._checks import as_float, as_int
from ..names import DType
from ..random import RNG, as_random
from ..sizes import Sizes
from ..state import State
from .cells import RNNCell
from .network import Network

# the eigenvalues of a reservoir are those of a dense matrix
_MAX_UNITS = 1 << 15


class EchoStateNetwork(Network, is_named=True):
    """A reservoir of leaky tanh units with random weights, and a readout that ``fit`` solves for.

    ::

        h' = (1 - leak) h + leak tanh(Wxh x + Whh h + bhh)        y = Whd h' + bd

    It is a ``Network`` of one ``RNNCell(leak=leak)``: forward passes, streaming, activations and training by gradients
    work as with every other.

    Parameters
    ----------
    input_size : int
        Elements of an input vector.
    units : int
        The size of the reservoir, 1 to 32768.
    output_size : int
        Elements of an output vector.
    leak : float
        The fraction of the way to its new value that a unit moves in a step, above 0 and at most 1.
    spectral_radius : float
        The largest magnitude of an eigenvalue of Whh, 0 to 1e6; below 1 a reservoir mostly forgets its initial state.
    density : float
        The fraction of the elements of Whh that are not 0, above 0 and at most 1.
    input_scale : float
        The elements of Wxh and bhh are uniform on ± this, 0 to 1e6.
    dtype : {"float32", "float64"}
        The type of all elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights; a seed where an int; fresh where absent.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.

    References
    ----------
    Jaeger, GMD Report 148 (2001); Lukoševičius and Jaeger, Computer Science Review 3 (2009).

    Examples
    --------
    >>> import numpy as np, recurrent
    >>> wave = np.sin(np.arange(600) / 5)[:, None, None]
    >>> net = recurrent.EchoStateNetwork(1, 50, 1, dtype="float64", rng=1)
    >>> state = net.fit(wave[:400], wave[1:401], washout=50)
    >>> y, _ = net.forward(wave[400:-1], state)
    >>> bool(np.abs(y - wave[401:]).max() < 1e-3)
    True
    """

    def __init__(
        self,
        input_size: int,
        units: int,
        output_size: int,
        *,
        leak: float = 1.0,
        spectral_radius: float = 0.9,
        density: float = 0.1,
        input_scale: float = 0.5,
        dtype: DType = "float32",
        rng: RNG = None,
    ) -> None:
        H = as_int(units, "units")
        if not 1 <= H <= _MAX_UNITS:
            raise ValueError(f"units is out of range; expected 1 to {_MAX_UNITS}, got {H}")
        radius = _within(spectral_radius, "spectral_radius", most=1e6)
        share, scale = _within(density, "density", most=1.0), _within(input_scale, "input_scale", most=1e6)
        if share == 0:
            raise ValueError("density is out of range; expected above 0 and at most 1, got 0.0")
        random = as_random(rng)
        super().__init__(RNNCell(leak=leak), input_size, [H], output_size, dtype=dtype, rng=random)
        W = random.uniform(-1, 1, H * H) * (random.uniform(count=H * H) < share)
        W = W.reshape(H, H)
        largest = np.abs(np.linalg.eigvals(W)).max()
        # a matrix without cycles has the radius 0 at any scale
        self.parameters["Whh0"].w = W * (radius / largest if largest > 0 else 1.0)
        for name in ("Wxh0", "bhh0"):
            mat = self.parameters[name]
            mat.w = random.uniform(-scale, scale, mat.n * mat.d).reshape(mat.shape)

    @classmethod
    def _fits(cls, sizes: Sizes) -> bool:
        return (
            sizes.cell.startswith("rnn_tanh")
            and len(sizes.hidden_sizes) == 1
            and sizes.output_size is not None
            and not (sizes.embedding or sizes.options["bidirectional"])
        )

    def fit(  # type: ignore[override]  # one pass over one sequence, solved instead of searched
        self,
        x: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        ridge: float = 1e-6,
        washout: int = 0,
        state: Any = None,
    ) -> State:
        """Sets the readout to the one of the smallest squared error plus ``ridge`` times its squared norm.

        With the outputs h of the reservoir after the washout as rows of S, and the targets as rows of Y, both without
        their means: ``Whd = ((S'S + ridge I)^-1 S'Y)'``, ``bd = mean Y - Whd mean S``.

        Parameters
        ----------
        x : array
            (T, B, input_size).
        targets : array
            (T, B, output_size).
        ridge : float
            The penalty, at least 0; with 0 and fewer steps than units the solution is not unique.
        washout : int
            The steps at the beginning of each sequence that do not count, 0 to T - 1.
        state : State, optional
            The initial state, of an earlier call; zeros where absent.

        Returns
        -------
        State
            The final state.

        Raises
        ------
        ValueError, TypeError
            If an argument has the wrong shape, type or range; the readout is unchanged.
        numpy.linalg.LinAlgError
            If the equations have no unique solution; the readout is unchanged.
        """
        penalty, skipped = _within(ridge, "ridge"), as_int(washout, "washout")
        inputs = as_array(x, "x")
        if inputs.ndim != 3:
            raise ValueError(f"x has the wrong shape; expected (T, B, input_size), got {inputs.shape}")
        T, B, _ = inputs.shape
        if not 0 <= skipped < max(1, T):
            raise ValueError(f"washout is out of range; expected 0 to {max(0, T - 1)}, got {skipped}")
        sizes = self._sizes
        aim = as_numbers(as_array(targets, "targets"), "targets", (T, B, sizes.outputs), sizes.dtype)
        _, after, found = self._forward(self._handle.value, inputs, state, None, None, ["h0"])
        S, Y = (each[skipped:].reshape(-1, each.shape[2]) for each in (found["h0"], aim))
        S, Y = S.astype(np.float64), Y.astype(np.float64)
        means, aims = S.mean(0), Y.mean(0)
        S, Y = S - means, Y - aims
        W = np.linalg.solve(S.T @ S + penalty * np.eye(S.shape[1]), S.T @ Y)
        if not np.isfinite(W).all():
            raise np.linalg.LinAlgError(
                "the equations have no finite solution; expected finite x and targets"
            )
        # both are in the dtype's range before one is set
        values = {"Whd": W.T, "bd": (aims - means @ W)[:, None]}
        ready = {name: as_numbers(array, name, array.shape, sizes.dtype) for name, array in values.items()}
        for name, array in ready.items():
            self.parameters[name].w = array
        return after


def _within(value: Any, name: str, most: float = np.inf) -> float:
    number = as_float(value, name)
    if not (0 <= number <= most and np.isfinite(number)):
        limits = f"0 to {most:g}" if np.isfinite(most) else "a finite number of at least 0"
        raise ValueError(f"{name} is out of range; expected {limits}, got {number}")
    return number
