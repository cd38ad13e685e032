"""RecurrentJS's functions: RandMat, initRNN, initLSTM, forwardRNN, forwardLSTM, maxi, samplei."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _c
from .._arrays import as_sizes
from .._checks import DTYPES, as_dtype, as_float, as_int
from .._readonly import ReadOnly, refuse_assignment
from ..graph import Graph
from ..mat import Mat, expect_mat
from ..names import DType
from ..parameters import Parameters
from ..random import RNG, as_random, as_random_or_shared
from ..sampling import as_scores
from ..sizes import sizes_of

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_RNN, _LSTM = "rnn_relu", "lstm"


class Model(dict[str, Mat]):
    """A model's parameters by name, in creation order: ``model["Wix0"].w``.

    A dict, so that entries can be added (RecurrentJS's demo adds its letter vectors ``Wil``) and replaced. As created,
    all Mats are views of one buffer.

    Parameters
    ----------
    parameters : Parameters
        The weights of a network.

    Attributes
    ----------
    own : Parameters
        The weights as created.
    """

    own = ReadOnly[Parameters]("a new model")

    def __init__(self, parameters: Parameters) -> None:
        if not isinstance(parameters, Parameters):
            raise TypeError(
                f"parameters has the wrong type; expected those of a network, got {type(parameters).__name__}"
            )
        self.own = parameters
        super().__init__(parameters)

    @property
    def flat(self) -> Mat:
        """The weights as created as one column, ``flat.w`` and ``flat.dw``; an error once one of them is replaced."""
        replaced = [name for name, mat in self.own.items() if self.get(name) is not mat]
        if replaced:
            raise RuntimeError(
                f"flat is not the model; expected every parameter as created, got others for {', '.join(replaced)}"
            )
        return self.own.flat

    @flat.setter
    def flat(self, value: Any) -> None:
        refuse_assignment("flat", "an assignment to flat.w, which copies", value)

    @property
    def is_intact(self) -> bool:
        """Whether every original parameter is still in its place."""
        return all(self.get(name) is mat for name, mat in self.own.items())

    @property
    def is_whole(self) -> bool:
        """Whether the dict holds the original parameters and nothing else."""
        return len(self) == len(self.own) and self.is_intact

    def __copy__(self) -> NoReturn:
        raise TypeError("dict(model) shares its Mats, copy.deepcopy(model) copies them: say which")

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Mat]:
        return {name: mat.copy() for name, mat in self.items()}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a model is not pickled; save its numbers, numpy.save(file, model.flat.w)")

    def __repr__(self) -> str:
        return f"<{self.own.cell} with {sum(m.n * m.d for m in self.values())} parameters: {' '.join(self)}>"


def RandMat(
    n: int, d: int, mu: float = 0.0, std: float = 0.08, dtype: DType = "float32", rng: RNG = None
) -> Mat:
    """Returns a Mat of elements uniform on ``mu`` ± ``std``.

    Parity: RecurrentJS calls the half width std. ``Mat.gaussian`` has a standard deviation.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    mu, std : float
        The middle and the half width of the range; std at least 0.
    dtype : {"float32", "float64"}
        The type of the elements.
    rng : int, numpy.random.Generator, Random, optional
        The source of random numbers; a seed where an int; fresh where absent.

    Returns
    -------
    Mat
        (n, d).

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range.
    """
    mu, std = as_float(mu, "mu"), as_float(std, "std")
    if std < 0:
        raise ValueError(f"std is out of range; expected at least 0, got {std}")
    return Mat.uniform(n, d, mu - std, mu + std, dtype, rng)


def maxi(w: npt.ArrayLike | Mat) -> int:
    """Returns the index of the largest element, of the first of equal ones.

    Parameters
    ----------
    w : array_like or Mat
        At least one element.

    Returns
    -------
    int
        The index.

    Raises
    ------
    ValueError
        If there are no elements, or one is NaN.

    Examples
    --------
    >>> from recurrent.recurrentjs import maxi
    >>> maxi([0.1, 0.7, 0.2])
    1
    """
    code, scores, count = as_scores(w, "w")
    index = ctypes.c_int64()
    _lib.recurrent_argmax(code, scores, count, ctypes.byref(index))
    return index.value


def samplei(w: npt.ArrayLike | Mat, rng: RNG = None) -> int:
    """Returns an index drawn with probability proportional to ``w``.

    ``w`` need not sum to exactly 1; the index is always in range.

    Parameters
    ----------
    w : array_like or Mat
        Finite elements of at least 0, not all 0.
    rng : int, numpy.random.Generator, Random, optional
        An int draws the same index every time; a ``Random`` continues.

    Returns
    -------
    int
        The index.

    Raises
    ------
    ValueError
        If an element is negative, infinite or NaN, or all are 0.
    """
    code, scores, count = as_scores(w, "w")
    random, index = as_random_or_shared(rng), ctypes.c_int64()
    _lib.recurrent_sample(code, scores, count, random._handle.value, ctypes.byref(index))
    return index.value


class Output:
    """The result of a time step: ``h`` and ``c``, a Mat for each layer, and the decoder's ``o``.

    ``c`` is empty for an RNN. ``o`` holds scores, not probabilities.

    Parameters
    ----------
    h, c : list of Mat
        (H, B) each.
    o : Mat
        (output_size, B).
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
    dtype: DType = "float32",
    rng: RNG = None,
) -> Model:
    """Returns the parameters of LSTM layers with a linear decoder.

    Parameters
    ----------
    input_size : int
        Rows of the input.
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    output_size : int
        Rows of the output.
    dtype : {"float32", "float64"}
        The type of the elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights: uniform on ±0.08, matrix by matrix in creation order; biases are 0.

    Returns
    -------
    Model
        ``Wix0 Wih0 bi0 Wfx0 Wfh0 bf0 Wox0 Woh0 bo0 Wcx0 Wch0 bc0``, the same for each further layer, ``Whd bd``.

    Raises
    ------
    ValueError, TypeError
        If a size is out of range.

    Examples
    --------
    >>> from recurrent.recurrentjs import Graph, Mat, forward_lstm, init_lstm
    >>> model = init_lstm(2, [3], 4, rng=1)
    >>> out = forward_lstm(Graph(), model, [3], Mat(2, 1), None)
    >>> out.o.shape, out.h[0].shape
    ((4, 1), (3, 1))
    """
    return _init(_LSTM, input_size, hidden_sizes, output_size, dtype, rng)


def init_rnn(
    input_size: int,
    hidden_sizes: Sequence[int],
    output_size: int,
    dtype: DType = "float32",
    rng: RNG = None,
) -> Model:
    """Returns the parameters of ReLU layers with a linear decoder.

    Parameters
    ----------
    input_size : int
        Rows of the input.
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    output_size : int
        Rows of the output.
    dtype : {"float32", "float64"}
        The type of the elements.
    rng : int, numpy.random.Generator, Random, optional
        The source of random numbers; a seed where an int; fresh where absent.

    Returns
    -------
    Model
        ``Wxh0 Whh0 bhh0``, the same for each further layer, ``Whd bd``.

    Raises
    ------
    ValueError, TypeError
        If a size is out of range.
    """
    return _init(_RNN, input_size, hidden_sizes, output_size, dtype, rng)


def _init(cell: str, input_size: Any, hidden_sizes: Any, output_size: Any, type_: Any, rng: RNG) -> Model:
    widths = as_sizes(hidden_sizes, "hidden_sizes")
    outputs = as_int(output_size, "output_size")
    if outputs < 1:
        raise ValueError(f"output_size is out of range; expected at least 1, got {outputs}")
    random = as_random(rng)
    settings = json.dumps(
        {
            "cell": cell,
            "input_size": as_int(input_size, "input_size"),
            "hidden_sizes": widths.tolist(),
            "output_size": outputs,
            "forget_bias": 0,
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
    """Returns one time step of LSTM layers.

    For each layer, with x its input and h, c the previous state::

        i = σ(Wix x + Wih h + bi)    f = σ(Wfx x + Wfh h + bf)    o = σ(Wox x + Woh h + bo)
        c' = f c + i tanh(Wcx x + Wch h + bc)
        h' = o tanh(c')

    Parameters
    ----------
    G : Graph
        Records the step.
    model : Model or mapping of str to Mat
        The parameters. Any mapping with these names works; one from ``init_lstm`` is faster.
    hidden_sizes : list of int
        The hidden sizes of the model.
    x : Mat
        (input_size, B).
    prev : Output, optional
        The result of the previous step; None or {} starts from zeros.

    Returns
    -------
    Output
        ``h`` and ``c``, lists of (H, B), and ``o``, (output_size, B).

    Raises
    ------
    ValueError, TypeError
        If a shape or type does not fit.
    KeyError
        If a parameter is missing.
    """
    return _forward(_LSTM, G, model, hidden_sizes, x, prev)


def forward_rnn(
    G: Graph,
    model: Mapping[str, Mat],
    hidden_sizes: Sequence[int],
    x: Mat,
    prev: Output | Mapping[str, Any] | None,
) -> Output:
    """Returns one time step of ReLU layers: ``h' = relu(Wxh x + Whh h + bhh)``.

    Parameters
    ----------
    G, model, hidden_sizes, x, prev
        As for ``forward_lstm``.

    Returns
    -------
    Output
        ``h``, a list of (H, B), and ``o``, (output_size, B); ``c`` is empty.

    Raises
    ------
    ValueError, TypeError
        If a shape or type does not fit.
    KeyError
        If a parameter is missing.
    """
    return _forward(_RNN, G, model, hidden_sizes, x, prev)


def _forward(cell: str, G: Graph, model: Mapping[str, Mat], hidden_sizes: Any, x: Mat, prev: Any) -> Output:
    if not isinstance(G, Graph):
        raise TypeError(f"G has the wrong type; expected a Graph, got {type(G).__name__}")
    if not isinstance(model, Mapping):
        raise TypeError(
            f"model has the wrong type; expected a mapping of names to Mats, got {type(model).__name__}"
        )
    widths = as_sizes(hidden_sizes, "hidden_sizes").tolist()
    expect_mat(x, "x")
    h, c = _state(cell, prev, len(widths))
    if isinstance(model, Model) and model.is_intact:
        return _forward_model(cell, G, model, widths, x, h, c)
    return _forward_named(cell, G, model, widths, x, h, c)


def _state(cell: str, prev: Any, layers: int) -> tuple[list[Mat] | None, list[Mat] | None]:
    """Returns the outputs and cells of ``prev``; None for both if it starts a sequence."""
    if prev is None or (isinstance(prev, Mapping) and not prev):
        return None, None
    parts = []
    for part in ("h", "c") if cell == _LSTM else ("h",):
        mats = prev.get(part) if isinstance(prev, Mapping) else getattr(prev, part, None)
        if mats is None:
            raise TypeError(
                f"prev has no {part}; expected None, {{}} or the Output of an earlier call, got {type(prev).__name__}"
            )
        mats = list(mats)
        if len(mats) != layers:
            raise ValueError(f"prev.{part} has the wrong length; expected {layers} layers, got {len(mats)}")
        for k, mat in enumerate(mats):
            expect_mat(mat, f"prev.{part}[{k}]")
        parts.append(mats)
    return parts[0], parts[1] if cell == _LSTM else None


def _forward_model(
    cell: str, G: Graph, model: Model, widths: list[int], x: Mat, h: list[Mat] | None, c: list[Mat] | None
) -> Output:
    own = model.own
    known = sizes_of(handle := own.handle.value)
    if cell != known.cell:
        names = {"rnn_relu": "an rnn", "lstm": "an lstm"}
        raise ValueError(f"model has the wrong cell; expected {names[cell]}, got {names[known.cell]}")
    found = list(known.hidden_sizes)
    if found != widths:
        raise ValueError(f"hidden_sizes is out of range; expected {found}, the model's, got {widths}")
    layers = len(found)
    handles = ctypes.c_uint64 * layers
    next_h, hs = _c.outputs(_c.MatHandle, layers)
    next_c, cs = _c.outputs(_c.MatHandle, layers if cell == _LSTM else 0)
    out = _c.MatHandle()
    _lib.recurrent_network_forward(
        handle,
        G._handle.value,
        x._handle.value,
        handles(*(m._handle.value for m in h)) if h else None,
        handles(*(m._handle.value for m in c)) if c else None,
        next_h,
        next_c if cell == _LSTM else None,
        out,
    )
    return Output([G._result(h) for h in hs], [G._result(c) for c in cs], G._result(out))


def _forward_named(
    cell: str,
    G: Graph,
    model: Mapping[str, Mat],
    widths: list[int],
    x: Mat,
    h: list[Mat] | None,
    c: list[Mat] | None,
) -> Output:
    """Computes the step from a mapping of foreign Mats: gates are stacked first, on the graph."""
    parameters = _named(cell, model, widths, x)
    for name, mats in (("h", h), ("c", c)):
        for k, mat in enumerate(mats or ()):
            _expect_shape(mat, f"prev.{name}[{k}]", (widths[k], x.d), x)

    def stack(names: list[str]) -> Mat:
        return G.concat_rows([parameters[name] for name in names])

    below, outputs, cells = x, [], []
    for k, width in enumerate(widths):
        before = h[k] if h else Mat(width, x.d, x.dtype)
        if cell == _RNN:
            Wx, Wh, b = (parameters[f"{name}{k}"] for name in ("Wxh", "Whh", "bhh"))
            below = G.rnn(below, before, Wx, Wh, b)
        else:
            Wx, Wh = (stack([f"W{gate}{side}{k}" for gate in "ifoc"]) for side in "xh")
            b = stack([f"b{gate}{k}" for gate in "ifoc"])
            below, cell_after = G.lstm(below, before, c[k] if c else Mat(width, x.d, x.dtype), Wx, Wh, b)
            cells.append(cell_after)
        outputs.append(below)
    return Output(outputs, cells, G.add(G.mul(parameters["Whd"], below), parameters["bd"]))


def _named(cell: str, model: Mapping[str, Mat], widths: list[int], x: Mat) -> dict[str, Mat]:
    """Returns the parameters by name, all checked before the first operation is recorded."""
    parameters = {}

    def take(name: str, n: int | None, d: int | None) -> Mat:
        if name not in model:
            raise KeyError(f"model lacks '{name}'; expected a Mat of this name, got none")
        mat = model[name]
        expect_mat(mat, f"model[{name!r}]")
        _expect_shape(mat, f"model[{name!r}]", (mat.n if n is None else n, mat.d if d is None else d), x)
        parameters[name] = mat
        return mat

    below = None
    for k, width in enumerate(widths):
        for gate in ("h",) if cell == _RNN else "ifoc":
            Wx, Wh = (f"Wxh{k}", f"Whh{k}") if cell == _RNN else (f"W{gate}x{k}", f"W{gate}h{k}")
            below = take(Wx, width, below).d
            take(Wh, width, width)
            take(f"bhh{k}" if cell == _RNN else f"b{gate}{k}", width, 1)
        if k == 0:
            _expect_shape(x, "x", (below or 0, x.d), x)
        below = width
    take("bd", take("Whd", None, below).n, 1)
    return parameters


def _expect_shape(mat: Mat, name: str, shape: tuple[int, int], x: Mat) -> None:
    if mat.shape != shape:
        raise ValueError(
            f"{name} has the wrong shape; expected {shape[0]} x {shape[1]}, got {mat.n} x {mat.d}"
        )
    if mat.dtype != x.dtype:
        raise TypeError(f"{name} has the wrong type; expected {x.dtype} as x, got {mat.dtype}")
