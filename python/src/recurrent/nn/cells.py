"""LSTMCell, GRUCell, RNNCell: the classic cells with options."""

from __future__ import annotations

import json
from typing import Any, get_args

from .. import _c
from .._checks import as_choice, as_flag, as_float, as_int
from ..names import NonlinearityName, NormName
from ..random import Random
from .cell import Cell

_lib = _c.lib
_NORMS: tuple[NormName, ...] = get_args(NormName)
# the rows of a state
_MAX_ROWS = 1 << 20


class CellWithOptions(Cell):
    """A classic cell with options: the base of ``LSTMCell``, ``GRUCell`` and ``RNNCell``."""

    def __init__(self, base: str, **options: Any) -> None:
        # only what is on: a cell without options is the built-in one
        settings = {"name": base, **{name: value for name, value in options.items() if value}}
        self._settings = settings
        # the library checks the options and names the cell
        network = {"cell": settings, "input_size": 1, "hidden_sizes": [1]}
        words, random = json.dumps(network).encode(), Random(0)
        handle = _c.new(
            _lib.recurrent_network_create,
            _lib.recurrent_network_free,
            words,
            len(words),
            random._handle.value,
        )
        described = json.loads(_c.written(_lib.recurrent_network_describe, handle.value))["cell"]
        self._name = described if isinstance(described, str) else described["name"]
        self.states = ("h", "c") if base == "lstm" else ("h",)

    @property
    def name(self) -> str:
        """The name in files and messages: that of the base and of the options."""
        return self._name

    def __repr__(self) -> str:
        options = ", ".join(
            f"{name}={value!r}" for name, value in (self._settings or {}).items() if name != "name"
        )
        return f"{type(self).__name__}({options})"


class LSTMCell(CellWithOptions):
    """Long short-term memory with options, accepted wherever the name of a cell is.

    ::

        z = Wx x + Wh h + b                     with norm: LN(Wx x) gx + LN(Wh h) gh + b
        i = σ(zi + pi c)      f = σ(zf + pf c)  coupled: f = 1 - i
        c~ = f c + i tanh(zc)   o = σ(zo + po c~)
        r = o tanh(c~)                          with norm: o tanh(LN(c~) gy + by)
        h~ = Whr r with a projection, else r

    h' and c' are h~ and c~ after zoneout. The names of parameters are those of the equations, gate by gate (``gix0``
    for the gain of Wix0).

    Parameters
    ----------
    norm : {"joint", "gate"}, optional
        Layer normalization of the products of all gates together, or of each gate by itself, and of the cell.
    peephole : bool
        Gates see the cell.
    coupled : bool
        The forget gate is 1 - i.
    projection : int, optional
        Rows of the output.
    zoneout : float or tuple of two
        The fraction of outputs that keep their value at a time step in training, and that of cells.
    input_dropout, recurrent_dropout : float
        Dropout of x, and of h in the products, with one mask for all time steps of a sequence.
    candidate_dropout : float
        Dropout of tanh(zc) at each time step.
    weight_dropout : float
        Dropout of the recurrent weights, once for each training step.

    Raises
    ------
    ValueError
        If an option is out of range.
    TypeError
        If an option has the wrong type.

    References
    ----------
    Gers and Schmidhuber, IJCNN 2000 (peephole); Greff et al., arXiv:1503.04069 (coupled); Ba, Kiros and Hinton,
    arXiv:1607.06450 (norm); Sak et al., arXiv:1402.1128 (projection); Krueger et al., arXiv:1606.01305 (zoneout); Gal
    and Ghahramani, arXiv:1512.05287 (input, recurrent); Semeniuta et al., arXiv:1603.05118 (candidate); Merity et al.,
    arXiv:1708.02182 (weights).

    Examples
    --------
    >>> import recurrent
    >>> cell = recurrent.LSTMCell(norm="joint", peephole=True, zoneout=(0.05, 0.5))
    >>> net = recurrent.Network(cell, 3, [8], 2, rng=1)
    >>> net.cell, list(net.parameters)[-6:]
    ('lstm_peephole_norm_zoneout', ['by0', 'pi0', 'pf0', 'po0', 'Whd', 'bd'])
    """

    def __init__(
        self,
        *,
        norm: NormName | None = None,
        peephole: bool = False,
        coupled: bool = False,
        projection: int | None = None,
        zoneout: float | tuple[float, float] = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        candidate_dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        pair = zoneout if isinstance(zoneout, (tuple, list)) else (zoneout, zoneout)
        if len(pair) != 2:
            raise ValueError(f"zoneout has the wrong length; expected a number or two, got {len(pair)}")
        super().__init__(
            "lstm",
            norm=_norm(norm),
            peephole=as_flag(peephole, "peephole"),
            coupled=as_flag(coupled, "coupled"),
            projection=None if projection is None else _rows(projection, "projection"),
            zoneout_h=_rate(pair[0], "zoneout"),
            zoneout_c=_rate(pair[1], "zoneout"),
            input_dropout=_rate(input_dropout, "input_dropout"),
            recurrent_dropout=_rate(recurrent_dropout, "recurrent_dropout"),
            candidate_dropout=_rate(candidate_dropout, "candidate_dropout"),
            weight_dropout=_rate(weight_dropout, "weight_dropout"),
        )


class GRUCell(CellWithOptions):
    """A gated recurrent unit with options, accepted wherever the name of a cell is.

    ::

        r, z = σ(Wx x + Wh h + b)               with norm: LN(Wx x) gx + LN(Wh h) gh + b
        n = tanh(Wnx x + bn + r (Wnh h + bnh))  reset before: tanh(Wnx x + Wnh (r h) + bn)
        h~ = n + z (h - n)

    h' is h~ after zoneout.

    Parameters
    ----------
    reset_after : bool
        Whether the reset gate acts after the recurrent product, as in PyTorch. ``norm`` needs it.
    norm : {"joint", "gate"}, optional
        Layer normalization of the products of all gates together, or of each gate by itself.
    zoneout : float
        The fraction of outputs that keep their value at a time step in training.
    input_dropout, recurrent_dropout : float
        Dropout of x, and of h in the products, with one mask for all time steps of a sequence.
    candidate_dropout : float
        Dropout of n at each time step.
    weight_dropout : float
        Dropout of the recurrent weights, once for each training step.

    Raises
    ------
    ValueError
        If an option is out of range, or ``norm`` is given for a reset before the product.
    TypeError
        If an option has the wrong type.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.Network(recurrent.GRUCell(norm="joint", zoneout=0.1), 3, [8], 2, rng=1).cell
    'gru_norm_zoneout'
    """

    def __init__(
        self,
        *,
        reset_after: bool = True,
        norm: NormName | None = None,
        zoneout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        candidate_dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            "gru" if as_flag(reset_after, "reset_after") else "gru_reset_before",
            norm=_norm(norm),
            zoneout_h=_rate(zoneout, "zoneout"),
            input_dropout=_rate(input_dropout, "input_dropout"),
            recurrent_dropout=_rate(recurrent_dropout, "recurrent_dropout"),
            candidate_dropout=_rate(candidate_dropout, "candidate_dropout"),
            weight_dropout=_rate(weight_dropout, "weight_dropout"),
        )


class RNNCell(CellWithOptions):
    """A plain recurrent layer with options, accepted wherever the name of a cell is.

    ``n = f(Wxh x + Whh h + bhh)``, with norm ``f(LN(Wxh x) gxh + LN(Whh h) ghh + bhh)``; ``h~ = h + leak (n - h)``;
    h' is h~ after zoneout.

    Parameters
    ----------
    nonlinearity : {"tanh", "relu"}
        f.
    norm : {"joint", "gate"}, optional
        Layer normalization of both products; with one gate both are the same.
    leak : float
        The fraction of the way to n that the output moves in a time step, above 0 and at most 1: below 1 the leaky
        integrator of echo-state networks (Jaeger et al., Neural Networks 20, 2007).
    zoneout : float
        The fraction of outputs that keep their value at a time step in training.
    input_dropout, recurrent_dropout : float
        Dropout of x, and of h in the product, with one mask for all time steps of a sequence.
    weight_dropout : float
        Dropout of the recurrent weights, once for each training step.

    Raises
    ------
    ValueError
        If an option is out of range.
    TypeError
        If an option has the wrong type.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.Network(recurrent.RNNCell(norm="joint"), 3, [8], 2, rng=1).cell
    'rnn_tanh_norm'
    """

    def __init__(
        self,
        *,
        nonlinearity: NonlinearityName = "tanh",
        norm: NormName | None = None,
        leak: float = 1.0,
        zoneout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            f"rnn_{as_choice(nonlinearity, 'nonlinearity', get_args(NonlinearityName))}",
            norm=_norm(norm),
            leak=_leak(leak),
            zoneout_h=_rate(zoneout, "zoneout"),
            input_dropout=_rate(input_dropout, "input_dropout"),
            recurrent_dropout=_rate(recurrent_dropout, "recurrent_dropout"),
            weight_dropout=_rate(weight_dropout, "weight_dropout"),
        )


def _leak(value: Any) -> float | None:
    leak = as_float(value, "leak")
    if not 0 < leak <= 1:
        raise ValueError(f"leak is out of range; expected above 0 and at most 1, got {leak}")
    return None if leak == 1 else leak


def _norm(norm: Any) -> str | None:
    return None if norm is None else as_choice(norm, "norm", _NORMS)


def _rate(value: Any, name: str) -> float:
    rate = as_float(value, name)
    if not 0 <= rate < 1:
        raise ValueError(f"{name} is out of range; expected at least 0 and below 1, got {rate}")
    return rate


def _rows(value: Any, name: str) -> int:
    number = as_int(value, name)
    if not 1 <= number <= _MAX_ROWS:
        raise ValueError(f"{name} is out of range; expected 1 to {_MAX_ROWS}, got {number}")
    return number
