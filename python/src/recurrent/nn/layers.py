"""RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from .._checks import as_choice, as_flag
from .._readonly import Derived
from ..names import DType, NonlinearityName
from ..random import RNG
from .initialization import FORGET_BIAS, Init
from .network import Network


class RNN(Network, cells=("rnn_tanh", "rnn_relu")):
    """Elman layers: h' = φ(Wxh x + Whh h + bhh), with φ tanh or ReLU.

    Parameters
    ----------
    input_size : int
        Elements of an input vector; the number of different tokens where the input is tokens.
    hidden_sizes : list of int
        The hidden size of each layer, bottom first.
    output_size : int, optional
        The size of a linear decoder ``Whd h + bd`` on top; none where absent.
    embedding : int, optional
        The width of a table ``Wil`` (input_size, embedding) for tokens; none where absent.
    dtype : {"float32", "float64"}
        The type of all elements.
    rng : int, numpy.random.Generator, Random, optional
        Draws the weights as ``init`` says, matrix by matrix in creation order; biases are 0.
    nonlinearity : {"tanh", "relu"}
        φ.
    tied : bool
        Use the embedding's table as the decoder's matrix, ``Wil h + bd`` (arXiv:1608.05859); it is as wide as the top
        layer. ``embedding`` and ``output_size`` may be omitted.
    dropout : float
        The fraction of the outputs between layers that training zeroes, at least 0 and below 1.
    learned_initial_state : bool
        Train the states of sequences that begin: ``hs0`` (H, 1) is that of state h of layer 0, 0 at first.
    residual : bool
        Each layer above the lowest adds its input to its output (arXiv:1609.08144); all layers have one width.
    variational : bool
        Dropout masks the input of every layer, the lowest one's too, with one mask for all steps of a sequence
        (arXiv:1512.05287); of tokens without an embedding it drops tokens.
    bidirectional : bool
        Run each layer in both directions; the layer above reads both outputs, (T, B, 2 H), the forward ones first.
        Parameters and states of the reverse direction have the suffix r, ``Wix0r``. Generation is refused.
    batch_first : bool
        Whether the first axis of sequences is that of the batch, in every call: (B, T, n) instead of (T, B, n).
    init : {"uniform", "glorot", "orthogonal", "identity"}, float or callable
        What the matrices are drawn from, as for ``Network``.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    nonlinearity = Derived[str](lambda network: network.cell.removeprefix("rnn_"), "a new network")

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        output_size: int | None = None,
        embedding: int | None = None,
        dtype: DType = "float32",
        rng: RNG = None,
        nonlinearity: NonlinearityName = "tanh",
        tied: bool = False,
        dropout: float = 0.0,
        *,
        learned_initial_state: bool = False,
        residual: bool = False,
        variational: bool = False,
        bidirectional: bool = False,
        batch_first: bool = False,
        init: Init = "uniform",
    ) -> None:
        choice = as_choice(nonlinearity, "nonlinearity", get_args(NonlinearityName))
        self._build(
            "rnn_tanh" if choice == "tanh" else "rnn_relu",
            input_size,
            hidden_sizes,
            output_size,
            embedding,
            dtype,
            rng,
            tied,
            dropout,
            learned_initial_state=learned_initial_state,
            residual=residual,
            variational=variational,
            bidirectional=bidirectional,
            batch_first=batch_first,
            init=init,
        )


class LSTM(Network, cells=("lstm",)):
    """Long short-term memory layers (Hochreiter and Schmidhuber, Neural Computation 9, 1997).

    ::

        i, f, o = σ(Wix x + Wih h + bi), σ(Wfx x + Wfh h + bf), σ(Wox x + Woh h + bo)
        c' = f c + i tanh(Wcx x + Wch h + bc)
        h' = o tanh(c')

    Parameters
    ----------
    input_size, hidden_sizes, output_size, embedding, dtype, rng, tied, dropout, learned_initial_state, \
    residual, variational, bidirectional, batch_first, init
        As for ``RNN``.
    forget_bias : float
        The initial forget biases ``bf``; 1 in every kind of network (Jozefowicz et al., ICML 2015).

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import numpy as np, recurrent
    >>> net = recurrent.LSTM(3, [8], 2, rng=1)
    >>> y, state = net.forward(np.ones((5, 4, 3), np.float32))
    >>> y.shape, state.h[0].shape
    ((5, 4, 2), (4, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        output_size: int | None = None,
        embedding: int | None = None,
        dtype: DType = "float32",
        rng: RNG = None,
        tied: bool = False,
        dropout: float = 0.0,
        forget_bias: float = FORGET_BIAS,
        *,
        learned_initial_state: bool = False,
        residual: bool = False,
        variational: bool = False,
        bidirectional: bool = False,
        batch_first: bool = False,
        init: Init = "uniform",
    ) -> None:
        self._build(
            "lstm",
            input_size,
            hidden_sizes,
            output_size,
            embedding,
            dtype,
            rng,
            tied,
            dropout,
            forget_bias,
            learned_initial_state=learned_initial_state,
            residual=residual,
            variational=variational,
            bidirectional=bidirectional,
            batch_first=batch_first,
            init=init,
        )


class GRU(Network, cells=("gru", "gru_reset_before")):
    """Gated recurrent units (Cho et al., arXiv:1406.1078).

    ::

        r, z = σ(Wrx x + Wrh h + br), σ(Wzx x + Wzh h + bz)
        n = tanh(Wnx x + bn + r (Wnh h + bnh))    reset_after=True: PyTorch, cuDNN
        n = tanh(Wnx x + bn + Wnh (r h))          reset_after=False: arXiv:1406.1078
        h' = (1 - z) n + z h

    Parameters
    ----------
    input_size, hidden_sizes, output_size, embedding, dtype, rng, tied, dropout, learned_initial_state, \
    residual, variational, bidirectional, batch_first, init
        As for ``RNN``.
    reset_after : bool
        Whether the reset gate multiplies after the product with the recurrent matrix.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    reset_after = Derived[bool](lambda network: network.cell == "gru", "a new network")

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        output_size: int | None = None,
        embedding: int | None = None,
        dtype: DType = "float32",
        rng: RNG = None,
        reset_after: bool = True,
        tied: bool = False,
        dropout: float = 0.0,
        *,
        learned_initial_state: bool = False,
        residual: bool = False,
        variational: bool = False,
        bidirectional: bool = False,
        batch_first: bool = False,
        init: Init = "uniform",
    ) -> None:
        self._build(
            "gru" if as_flag(reset_after, "reset_after") else "gru_reset_before",
            input_size,
            hidden_sizes,
            output_size,
            embedding,
            dtype,
            rng,
            tied,
            dropout,
            learned_initial_state=learned_initial_state,
            residual=residual,
            variational=variational,
            bidirectional=bidirectional,
            batch_first=batch_first,
            init=init,
        )
