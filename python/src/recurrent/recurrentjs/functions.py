"""RecurrentJS's functions: RandMat, initRNN, initLSTM, forwardRNN, forwardLSTM, maxi, samplei."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _c
from .._checks import DTYPES, as_dtype, as_float, as_int, as_sizes
from ..graph import Graph
from ..mat import Mat, expect_mat
from ..parameters import Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import as_scores

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_RNN, _LSTM = "rnn_relu", "lstm"


class Model(dict[str, Mat]):
    """A model's parameters by name, in creation order: ``model["Wix0"].w``.

    A dict like any other, so entries may be added (RecurrentJS's demo puts its letter vectors ``Wil`` there) and
    replaced. As made, all Mats are views of one slab.

    Attributes
    ----------
    flat : Mat
        The whole slab as one column, ``flat.w`` and ``flat.dw``: for solvers, averaging, optimizers.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.own = parameters
        self.flat = parameters.flat
        super().__init__(parameters)

    @property
    def is_intact(self) -> bool:
        """Whether every parameter the model was made with is still in its place."""
        return all(self.get(name) is mat for name, mat in self.own.items())

    @property
    def is_whole(self) -> bool:
        """Whether it holds the parameters it was made with and nothing else."""
        return len(self) == len(self.own) and self.is_intact

    def __copy__(self) -> NoReturn:
        raise TypeError("dict(model) shares its Mats, copy.deepcopy(model) copies them: say which")

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Mat]:
        return {name: mat.copy() for name, mat in self.items()}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a model is not pickled; save its numbers, numpy.save(file, model.flat.w)")

    def __repr__(self) -> str:
        return repr(self.own)


def RandMat(
    n: int, d: int, mu: float = 0.0, std: float = 0.08, dtype: npt.DTypeLike = "float32", rng: RNG = None
) -> Mat:
    """Numbers uniform on ``mu`` ± ``std``.

    Parity: RecurrentJS calls the range std, and so do we. ``Mat.gaussian`` is what the name suggests.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    mu, std : float
        Middle and half width of the range; std at least 0.
    dtype : {"float32", "float64"}
        The type of the numbers.
    rng : int, numpy.random.Generator, Random, optional
        Where the numbers come from: the same int, the same numbers.
    """
    mu, std = as_float(mu, "mu"), as_float(std, "std")
    if std < 0:
        raise ValueError(f"std is {std}; expected at least 0")
    return Mat.uniform(n, d, mu - std, mu + std, dtype, rng)


def maxi(w: npt.ArrayLike | Mat) -> int:
    """The place of the largest number; of the first one where several are equal.

    Raises
    ------
    ValueError
        If there are no numbers, or one is NaN.
    """
    code, array = as_scores(w)
    index = ctypes.c_int64()
    _lib.recurrent_argmax(code, array.ctypes.data, array.size, ctypes.byref(index))
    return index.value


def samplei(w: npt.ArrayLike | Mat, rng: RNG = None) -> int:
    """An index drawn with the probability that ``w`` gives it.

    The draw is in proportion, so ``w`` need not sum to exactly 1; it never runs off the end.

    Parameters
    ----------
    w : array_like or Mat
        Finite numbers of at least 0, not all 0.
    rng : int, numpy.random.Generator, Random, optional
        An int draws the same index every time; pass a ``Random`` to go on drawing.
    """
    code, array = as_scores(w)
    random, index = as_random_or_shared(rng), ctypes.c_int64()
    _lib.recurrent_sample(code, array.ctypes.data, array.size, random._handle.value, ctypes.byref(index))
    return index.value


class Output:
    """What a tick returns: ``h`` and ``c``, a Mat for each layer, and the decoder's ``o``.

    ``c`` is empty for an RNN. ``o`` holds scores, not probabilities.
    """

    __slots__ = ("c", "h", "o")

    def __init__(self, h: list[Mat], c: list[Mat], o: Mat) -> None:
        self.h, self.c, self.o = h, c, o

    def __repr__(self) -> str:
        return f"<tick of {len(self.h)} layers, o {self.o.n} x {self.o.d}>"


def init_lstm(
    input_size: int,
    hidden_sizes: Sequence[int],
    output_size: int,
    dtype: npt.DTypeLike = "float32",
    rng: RNG = None,
) -> Model:
    """LSTM layers, one on the other, and a linear decoder on top.

    Parameters
    ----------
    input_size, output_size : int
        Rows of the input and of the output.
    hidden_sizes : list of int
        The width of each layer, lowest first.
    dtype : {"float32", "float64"}
        The type of all numbers.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights: uniform on ±0.08, matrix by matrix in creation order; biases are 0.

    Returns
    -------
    Model
        Names to Mats: ``Wix0 Wih0 bi0 Wfx0 Wfh0 bf0 Wox0 Woh0 bo0 Wcx0 Wch0 bc0``, likewise for each further layer,
        ``Whd bd``.
    """
    return _init(_LSTM, input_size, hidden_sizes, output_size, dtype, rng)


def init_rnn(
    input_size: int,
    hidden_sizes: Sequence[int],
    output_size: int,
    dtype: npt.DTypeLike = "float32",
    rng: RNG = None,
) -> Model:
    """As ``init_lstm`` with plain ReLU layers: ``Wxh0 Whh0 bhh0``, …, ``Whd bd``."""
    return _init(_RNN, input_size, hidden_sizes, output_size, dtype, rng)


def _init(cell: str, input_size: Any, hidden_sizes: Any, output_size: Any, type_: Any, rng: RNG) -> Model:
    widths = as_sizes(hidden_sizes, "hidden_sizes")
    outputs = as_int(output_size, "output_size")
    if outputs < 1:
        raise ValueError(f"output_size is {outputs}; expected at least 1")
    random = as_random(rng)
    settings = json.dumps(
        {
            "cell": cell,
            "input_size": as_int(input_size, "input_size"),
            "hidden_sizes": widths.tolist(),
            "output_size": outputs,
            "dtype": str(DTYPES[as_dtype(type_)]),
        }
    ).encode()
    handle = _c.new(
        _lib.recurrent_network_create,
        _lib.recurrent_network_free,
        settings,
        len(settings),
        random._handle.value,
    )
    return Model(Parameters(handle, cell))


def forward_lstm(
    G: Graph,
    model: Mapping[str, Mat],
    hidden_sizes: Sequence[int],
    x: Mat,
    prev: Output | Mapping[str, Any] | None,
) -> Output:
    """One tick of an LSTM.

    For each layer, with x its input and h, c what the tick before left::

        i = σ(Wix x + Wih h + bi)    f = σ(Wfx x + Wfh h + bf)    o = σ(Wox x + Woh h + bo)
        c' = f c + i tanh(Wcx x + Wch h + bc)
        h' = o tanh(c')

    Parameters
    ----------
    G : Graph
        Records the tick.
    model : Model or mapping of str to Mat
        The parameters. Any mapping with these names will do; one from ``init_lstm`` is faster.
    hidden_sizes : list of int
        The widths of the model's layers.
    x : Mat
        (input_size, B).
    prev : Output, optional
        What the tick before returned; None or {} opens a sequence with zeros.

    Returns
    -------
    Output
        ``h`` and ``c``, lists of (H, B), and ``o``, (output_size, B).
    """
    return _forward(_LSTM, G, model, hidden_sizes, x, prev)


def forward_rnn(
    G: Graph,
    model: Mapping[str, Mat],
    hidden_sizes: Sequence[int],
    x: Mat,
    prev: Output | Mapping[str, Any] | None,
) -> Output:
    """One tick of an RNN: h' = relu(Wxh x + Whh h + bhh) for each layer. As ``forward_lstm`` otherwise."""
    return _forward(_RNN, G, model, hidden_sizes, x, prev)


def _forward(cell: str, G: Graph, model: Mapping[str, Mat], hidden_sizes: Any, x: Mat, prev: Any) -> Output:
    if not isinstance(G, Graph):
        raise TypeError(f"G is a {type(G).__name__}; expected a Graph")
    if not isinstance(model, Mapping):
        raise TypeError(f"model is a {type(model).__name__}; expected a mapping of names to Mats")
    widths = as_sizes(hidden_sizes, "hidden_sizes").tolist()
    expect_mat(x, "x")
    h, c = _state(cell, prev, len(widths))
    if isinstance(model, Model) and model.is_intact:
        return _forward_model(cell, G, model, widths, x, h, c)
    return _forward_named(cell, G, model, widths, x, h, c)


def _state(cell: str, prev: Any, layers: int) -> tuple[list[Mat] | None, list[Mat] | None]:
    """The outputs and cells in ``prev``; None for both where it opens a sequence."""
    if prev is None or (isinstance(prev, Mapping) and not prev):
        return None, None
    parts = []
    for part in ("h", "c") if cell == _LSTM else ("h",):
        mats = prev.get(part) if isinstance(prev, Mapping) else getattr(prev, part, None)
        if mats is None:
            raise TypeError(f"prev has no {part}; expected None, {{}} or what an earlier tick returned")
        mats = list(mats)
        if len(mats) != layers:
            raise ValueError(f"prev.{part} has {len(mats)} layers; expected {layers}")
        for k, mat in enumerate(mats):
            expect_mat(mat, f"prev.{part}[{k}]")
        parts.append(mats)
    return parts[0], parts[1] if cell == _LSTM else None


def _forward_model(
    cell: str, G: Graph, model: Model, widths: list[int], x: Mat, h: list[Mat] | None, c: list[Mat] | None
) -> Output:
    own = model.own
    if cell != own.cell:
        names = {"rnn_relu": "an rnn", "lstm": "an lstm"}
        raise ValueError(f"the model is {names[own.cell]}; this is forward for {names[cell]}")
    layers = len(widths)
    found = [mat.n for name, mat in own.items() if name.startswith("bhh" if cell == _RNN else "bi")]
    if found != widths:
        raise ValueError(f"hidden_sizes is {widths}; the model has {found}")
    handles = ctypes.c_uint64 * layers
    next_h, next_c, out = handles(), handles(), ctypes.c_uint64()
    _lib.recurrent_network_forward(
        own.handle.value,
        G._handle.value,
        x._handle.value,
        handles(*(m._handle.value for m in h)) if h else None,
        handles(*(m._handle.value for m in c)) if c else None,
        next_h,
        next_c if cell == _LSTM else None,
        ctypes.byref(out),
    )
    return Output(
        [G._result(value) for value in next_h],
        [G._result(value) for value in next_c] if cell == _LSTM else [],
        G._result(out.value),
    )


def _forward_named(
    cell: str,
    G: Graph,
    model: Mapping[str, Mat],
    widths: list[int],
    x: Mat,
    h: list[Mat] | None,
    c: list[Mat] | None,
) -> Output:
    """The same tick from Mats that somebody else made: gates are stacked first, on the graph."""

    def parameter(name: str) -> Mat:
        if name not in model:
            raise KeyError(f"model has no '{name}'")
        expect_mat(model[name], f"model[{name!r}]")
        return model[name]

    def stack(names: list[str]) -> Mat:
        return parameter(names[0]) if len(names) == 1 else G.concat_rows([parameter(name) for name in names])

    below, outputs, cells = x, [], []
    for k, width in enumerate(widths):
        before = h[k] if h else Mat(width, x.d, x.dtype)
        if cell == _RNN:
            Wx, Wh, b = (parameter(f"{name}{k}") for name in ("Wxh", "Whh", "bhh"))
            below = G.rnn(below, before, Wx, Wh, b)
        else:
            Wx, Wh = (stack([f"W{gate}{side}{k}" for gate in "ifoc"]) for side in "xh")
            b = stack([f"b{gate}{k}" for gate in "ifoc"])
            below, cell_after = G.lstm(below, before, c[k] if c else Mat(width, x.d, x.dtype), Wx, Wh, b)
            cells.append(cell_after)
        outputs.append(below)
    return Output(outputs, cells, G.add(G.mul(parameter("Whd"), below), parameter("bd")))
