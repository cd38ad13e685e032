"""Plots of training runs, predictions and activations, by matplotlib where it is installed.

Each function returns a ``matplotlib.figure.Figure``: notebooks display it, ``figure.savefig(path)`` writes it.
"""

from __future__ import annotations

import functools
import importlib
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import as_array, as_type
from .._checks import as_count, as_int, as_list, as_text
from ..nn.network import Network
from ..training.history import Curve, History
from . import activations as _activations

if TYPE_CHECKING:
    import numpy.typing as npt

_BLUE, _ORANGE, _GRAY, _LIGHT, _FAINT = "#1f6fb2", "#d9601a", "#888888", "#bbbbbb", "#e6e6e6"
# more labels would overlap
_MAX_LABELS = 120
# more would be too flat to read
_MAX_PANELS = 20


def history(run: History, unit: str | None = None) -> Any:
    """Plots a run's losses, learning rate and gradient norms against the steps.

    Parameters
    ----------
    run : History
        The result of ``TextModel.fit`` or ``Network.fit``.
    unit : str, optional
        The unit of the losses, such as "nats per character", for the label of their axis.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels.

    Raises
    ------
    ValueError, TypeError
        If no step is recorded, or ``unit`` is no str.
    ImportError
        Without matplotlib.
    """
    if not run.train:
        raise ValueError("run is empty; expected at least one recorded step, got none")
    quantity = "loss" if unit is None else f"loss, {as_text(unit, 'unit').decode()}"
    figure = _figure(8.0, 5.6)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    steps, losses = _columns(run.train)
    window = max(1, len(losses) // 100)
    if window > 1:
        top.plot(steps, losses, color=_BLUE, lw=0.6, alpha=0.3)
    smooth = np.convolve(losses, np.full(window, 1 / window), "valid")
    top.plot(steps[window - 1 :], smooth, color=_BLUE, lw=1.6, label=f"train {smooth[-1]:.3f}")
    if run.validation:
        at, losses = _columns(run.validation)
        top.plot(at, losses, "o-", ms=3.5, lw=1.4, color=_ORANGE, label=f"held out {losses[-1]:.3f}")
        best = min(run.validation, key=lambda point: point[1])
        if best != run.validation[-1]:
            label = f"best {best[1]:.3f}, step {best[0]:,}"
            top.plot(*best, "o", ms=8, mfc="none", color=_ORANGE, label=label, ls="none")
    # the limits leave out the steep start
    low = min(smooth.min(), *(loss for _, loss in run.validation or [run.train[-1]]))
    high = max(np.percentile(smooth, 98), low + 0.1)
    top.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    top.set_ylabel(quantity, parse_math=False)
    top.legend(frameon=False)
    top.set_title("Training", loc="left")
    if run.gradient_norms:
        at, norms = _columns(run.gradient_norms)
        if window > 1:
            bottom.plot(at, norms, color=_GRAY, lw=0.6, alpha=0.4)
        smooth = np.convolve(norms, np.full(window, 1 / window), "valid")
        bottom.plot(at[window - 1 :], smooth, color=_GRAY, lw=1.4)
        if (norms > 0).all():
            ticker = importlib.import_module("matplotlib.ticker")
            bottom.set_yscale("log")
            bottom.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            bottom.yaxis.set_major_formatter("{x:g}")
            bottom.yaxis.set_minor_locator(ticker.NullLocator())
    bottom.set_ylabel("gradient norm")
    bottom.set_xlabel("step")
    bottom.xaxis.set_major_formatter("{x:,.0f}")
    if run.learning_rates:
        rates = bottom.twinx()
        rates.plot(*_columns(run.learning_rates), color=_ORANGE, lw=1.2, ls="--")
        rates.set_ylim(bottom=0)
        rates.set_ylabel("learning rate", color=_ORANGE)
        rates.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        rates.spines[["top", "left"]].set_visible(False)
    for axes in (top, bottom):
        _plain(axes)
    return figure


def predictions(
    targets: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    warmup: int = 0,
    names: Sequence[str] | None = None,
    sequence: int = 0,
) -> Any:
    """Plots predicted series above their targets: a panel for each output of a network.

    Parameters
    ----------
    targets, predicted : array_like
        (T,), (T, n) or (T, B, n), such as ``Network.forward`` returns: T time steps of n outputs.
    warmup : int
        The first time steps, which the error leaves out and the plot shades: 0 to T - 1.
    names : list of str, optional
        The label of each output.
    sequence : int
        Which of the B sequences is shown.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each output, with the root mean square error of the steps after ``warmup``.

    Raises
    ------
    ValueError, IndexError
        If the shapes differ, or an argument does not fit them.
    TypeError
        If the elements are not real numbers.
    ImportError
        Without matplotlib.
    """
    shown = [_series(targets, "targets", sequence), _series(predicted, "predicted", sequence)]
    if shown[0].shape != shown[1].shape:
        raise ValueError(
            f"predicted has the wrong shape; expected {shown[0].shape}, that of targets, got {shown[1].shape}"
        )
    steps, outputs = shown[0].shape
    start = as_count(warmup, "warmup", 0, steps - 1)
    labels = (
        [f"output {k}" for k in range(outputs)] if names is None else as_list(names, "names", "a list of str")
    )
    if len(labels) != outputs:
        raise ValueError(f"names has the wrong length; expected {outputs}, got {len(labels)}")
    if outputs > _MAX_PANELS:
        raise ValueError(
            f"targets has the wrong shape; expected at most {_MAX_PANELS} outputs, got {outputs}"
        )
    figure = _figure(8.0, 1.0 + 1.9 * outputs)
    panels = figure.subplots(outputs, 1, squeeze=False, sharex=True)[:, 0]
    for axes, label, target, prediction in zip(panels, labels, shown[0].T, shown[1].T):
        error = math.sqrt(float(np.mean((prediction - target)[start:] ** 2)))
        axes.plot(target, color=_LIGHT, lw=3.2, label="target")
        axes.plot(prediction, color=_BLUE, lw=1.2, label=f"predicted, RMSE {error:.4g}")
        if start:
            axes.axvspan(0, start, color=_FAINT, lw=0, zorder=0)
        axes.set_ylabel(label, parse_math=False)
        axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
        _plain(axes)
    panels[-1].set_xlabel("time step")
    return figure


def _series(values: npt.ArrayLike, name: str, sequence: int) -> npt.NDArray[np.float64]:
    """Returns the (T, n) elements of one sequence."""
    array = as_array(values, name)
    if array.ndim not in (1, 2, 3) or not array.size:
        raise ValueError(f"{name} has the wrong shape; expected (T,), (T, n) or (T, B, n), got {array.shape}")
    if array.ndim == 3:
        index = as_int(sequence, "sequence")
        if not 0 <= index < array.shape[1]:
            raise IndexError(f"sequence is out of range; expected 0 to {array.shape[1] - 1}, got {index}")
        array = array[:, index]
    return as_type(array.reshape(len(array), -1), np.dtype(np.float64), name)


def activations(
    network: Network,
    tokens: npt.NDArray[np.int64],
    characters: Sequence[str],
    names: str | Sequence[str] | None = None,
    units: Sequence[int] | None = None,
) -> Any:
    """Plots activations over a text: a row for each unit, a column for each token.

    Parameters
    ----------
    network : Network
        A network over tokens.
    tokens : array of int
        (T,); above 120 tokens the characters are omitted.
    characters : sequence of str
        The label of each token, such as ``TextModel.characters``.
    names : str or list of str, optional
        Names as for ``Network.activations``, a panel for each; the top layer's output where absent. A cell is shown
        through tanh.
    units : list of int, optional
        The indices of the units; all where absent.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each name.

    Raises
    ------
    ValueError, IndexError
        If there are no tokens, or a name or unit is unknown.
    ImportError
        Without matplotlib.
    """
    wanted = [names] if isinstance(names, str) else list(names or [f"h{len(network.hidden_sizes) - 1}"])
    found = _activations.activations(network, tokens, wanted)
    chosen = None if units is None else list(units)
    rows = [len(values.T if chosen is None else chosen) for values in found.values()]
    count = len(next(iter(found.values())))
    width = min(16.0, max(5.0, 1.6 + 0.13 * count))
    figure = _figure(width, 0.9 + sum(min(4.0, max(1.2, 0.22 * row)) for row in rows))
    panels = figure.subplots(len(found), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, values) in zip(panels, found.items()):
        shown = (np.tanh(values) if name[0] == "c" else values).T
        if chosen is not None:
            shown = shown[chosen]
        is_signed = name[0] in "chgn"
        most = max(1.0, float(shown.max())) if is_signed else 1.0
        image = axes.imshow(
            shown,
            aspect="auto",
            interpolation="nearest",
            cmap="RdBu" if is_signed else "Blues",
            vmin=-most if is_signed else 0,
            vmax=most,
        )
        axes.set_ylabel("unit")
        axes.tick_params(axis="x", length=0)
        axes.set_title(f"tanh({name})" if name[0] == "c" else name, loc="left", fontsize=10)
        if chosen is not None and len(chosen) <= 30:
            axes.set_yticks(range(len(chosen)), [str(unit) for unit in chosen])
        else:
            axes.yaxis.get_major_locator().set_params(integer=True)
        figure.colorbar(image, ax=axes, pad=0.01, fraction=0.04, aspect=12)
    _label(panels[-1], tokens[:count], characters)
    return figure


def gradient_norms(network: Network, tokens: npt.NDArray[np.int64], characters: Sequence[str]) -> Any:
    """Plots ‖∂L/∂s‖ of the last prediction against time, on a log scale.

    Parameters
    ----------
    network : Network
        A network over tokens.
    tokens : array of int
        (T,), at least three.
    characters : sequence of str
        The label of each token, such as ``TextModel.characters``.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each layer's h and c.

    Raises
    ------
    ValueError
        If there are fewer than three tokens.
    ImportError
        Without matplotlib.
    """
    norms = _activations.gradient_norms(network, tokens)
    count = len(next(iter(norms.values())))
    figure = _figure(min(16.0, max(6.0, 1.6 + 0.13 * count)), 3.6)
    axes = figure.subplots()
    colors = (_BLUE, _ORANGE, "#2a8f5a", "#8a56b0", "#b0912a", _GRAY)
    for name, values in norms.items():
        shown = np.where(values > 0, values, np.nan)
        style = "-" if name[0] == "h" else "--"
        axes.plot(shown, style, marker="." * (count < 3), color=colors[int(name[1:]) % 6], lw=1.4, label=name)
    if any((values > 0).any() for values in norms.values()):
        axes.set_yscale("log")
    axes.set_ylabel("‖∂L/∂s‖")
    axes.set_title(
        "Gradient of the last prediction, by the state after each character", loc="left", fontsize=11
    )
    axes.legend(frameon=False, ncols=2)
    _plain(axes)
    _label(axes, tokens[:count], characters)
    return figure


def _figure(width: float, height: float) -> Any:
    """Returns an empty figure, which a notebook displays."""
    try:
        base = importlib.import_module("matplotlib.figure").Figure
    except ImportError:
        raise ImportError("plots need matplotlib; install it with `pip install matplotlib`") from None
    figure = base(figsize=(width, height), layout="constrained", dpi=110)
    # notebooks know the figures of pyplot alone
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure: Any) -> bytes:
    """Returns the picture of a figure, for a notebook."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    return picture.getvalue()


def _columns(curve: Curve) -> Any:
    return np.array(curve, dtype=float).T


def _plain(axes: Any) -> None:
    axes.grid(axis="y", color=_FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Any, tokens: npt.NDArray[np.int64], characters: Sequence[str]) -> None:
    """Writes the characters under the columns if there is room; dollars do not open formulas."""
    if len(tokens) > _MAX_LABELS:
        axes.set_xlabel("token")
        return
    signs = [{"\n": "↵", " ": "␣", "\t": "⇥"}.get(label, label) for label in (characters[t] for t in tokens)]
    axes.set_xticks(range(len(tokens)), [sign if sign.isprintable() else "·" for sign in signs])
    for label in axes.get_xticklabels():
        label.set(parse_math=False, family="monospace", fontsize=9)
    axes.tick_params(axis="x", length=0)
