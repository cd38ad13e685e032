"""Exchange: a network's weights and programs in the forms of other libraries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from .._checks import DTYPES, as_choice, as_dtype, as_flag
from ..exchange.c_source import as_c_path, c_files
from ..exchange.keras import from_keras_weights, to_keras_weights
from ..exchange.onnx_export import onnx_bytes
from ..exchange.step import check_finite
from ..exchange.torch import Architecture, from_torch, to_torch
from ..exchange.torch_source import as_torch_path
from ..names import DType, QuantizationName
from .prediction import Prediction

if TYPE_CHECKING:
    import numpy.typing as npt


class Exchange(Prediction):
    """The part of ``Network`` that reads and writes the forms of other libraries."""

    # ---- PyTorch's weights

    def load_torch(self, state_dict: Any, strict: bool = True, key: str | None = None) -> list[str]:
        """Copies the weights of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``, with its Embedding and Linear if any.

        Parameters
        ----------
        state_dict : torch.nn.Module, mapping of str to array, str or Path
            A module, its ``state_dict()`` as tensors or arrays, or the path of a file of it: that of ``torch.save`` or
            a safetensors file, which the beginning of the file tells, not its name. Files need neither PyTorch nor
            another package, and nothing in them is executed. The layers are found by ``weight_ih_l0`` and its
            relatives under any prefix; the embedding and the decoder by their shapes, and of several with one shape by
            the names of ``to_torch``. A module without biases has biases of 0. The nonlinearity of a ``torch.nn.RNN``
            is compared with the network's where the module is given: the arrays do not tell it.
        strict : bool
            Refuse arrays without a place in the network: reverse directions, further layers, projections, norms and
            other Linear layers. False ignores them.
        key : str, optional
            The key of the ``state_dict`` in a checkpoint, such as "model" of ``{"epoch": 3, "model": state_dict}``;
            dots lead deeper. Or what names begin with: of ``encoder.weight_ih_l0``, ``decoder.weight_ih_l0`` …
            "encoder" takes the entries ``encoder.…``, without those of other modules.

        Returns
        -------
        list of str
            The names of the ignored arrays, below the key if any; empty where ``strict``.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If an array is missing, ambiguous, of the wrong shape, without a place, not finite, or beyond the range of
            the network's dtype, with its name; if an array is parametrized, as by weight_norm; if torch.nn has no such
            network; if the key is unknown; or if the file is damaged, of an old format, or has an object in place of a
            tensor. The weights are unchanged.
        TypeError
            If an array has no real numbers, with its name, or a name is not a str; the weights are unchanged.
        """
        return from_torch(self._architecture, self._parameters, state_dict, strict, key)

    def to_torch(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the weights under PyTorch's names: ``rnn.weight_ih_l0`` …, ``embedding.weight``, ``decoder.weight``.

        Of PyTorch's two biases the first holds the bias, the second zeros.

        Returns
        -------
        dict of str to array
            A ``state_dict``.

        Raises
        ------
        ValueError
            If torch.nn has no such cell, or not the options of the layers.
        """
        return to_torch(self._architecture, self._parameters)

    def save_torch(self: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes ``to_torch()`` to a file for PyTorch. Needs no other package.

        ``torch.load(path, weights_only=True)`` returns the ``state_dict`` of a ``.pt`` file, which ``.pth`` and
        ``.bin`` are too, and ``safetensors.torch.load_file(path)`` that of a safetensors file.

        Parameters
        ----------
        path : str or Path
            The file, with the suffix .pt, .pth, .bin or .safetensors.
        overwrite : bool
            Whether to replace a file that this network did not write, though never a text that was read.

        Raises
        ------
        FileExistsError
            If the file is a text that was read, or exists and this network did not write it.
        OSError
            If the file cannot be written; the old file is unchanged.
        ValueError
            If the path has another suffix, or torch.nn has no such cell, or not the options of the layers.
        FloatingPointError
            If a weight is infinite or NaN, with its name.

        Examples
        --------
        >>> import recurrent, tempfile
        >>> net, twin = recurrent.GRU(3, [4], 2, rng=1), recurrent.GRU(3, [4], 2, rng=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.save_torch(f"{folder}/net.pt")
        ...     twin.load_torch(f"{folder}/net.pt")
        []
        >>> bool((twin.flat.w == net.flat.w).all())
        True
        """
        written = as_torch_path(path)
        self._outputs.check(path, "path", overwrite)
        check_finite(self)
        self._outputs.write(path, written(self.to_torch()), overwrite)

    # ---- Keras's weights

    def load_keras(self, weights: Any) -> None:
        """Copies the weights of Keras's SimpleRNN, LSTM or GRU layers, with their Embedding and Dense if any.

        A GRU with ``reset_after=True``, Keras's default, is ``GRU``; without it is ``GRU(reset_after=False)``. The
        activations must be Keras's defaults, tanh and sigmoid, which arrays do not tell; ``from_keras`` compares them.

        Parameters
        ----------
        weights : list of array, str, Path or model
            What ``model.get_weights()`` returns, in the order of the layers: the embedding; of each layer the kernel,
            the recurrent kernel and the bias, of Bidirectional those of the forward and of the backward layer; the
            kernel and the bias of the decoder. Layers without biases have biases of 0. Or a file, ``.weights.h5`` or
            ``.keras``, for which the package h5py is needed; or an object with ``get_weights``.

        Raises
        ------
        ValueError
            If an array is missing, of the wrong shape, not finite or beyond the range of the network's dtype, with its
            index; or if Keras has no such network. The weights are unchanged.
        TypeError
            If an array has no real numbers, with its index; the weights are unchanged.
        ImportError
            If the package h5py is not installed and a file is given.
        OSError
            If the file cannot be read.

        Examples
        --------
        >>> import recurrent
        >>> net, twin = recurrent.GRU(3, [4], 2, rng=1), recurrent.GRU(3, [4], 2, rng=2)
        >>> twin.load_keras(net.to_keras())
        >>> bool((twin.flat.w == net.flat.w).all())
        True
        """
        from_keras_weights(self._architecture, self._parameters, weights)

    def to_keras(self) -> list[npt.NDArray[Any]]:
        """Returns the weights in Keras's order, for ``model.set_weights``.

        Returns
        -------
        list of array
            Of a GRU with ``reset_after`` the bias is (2, 3 H).

        Raises
        ------
        ValueError
            If Keras has no such cell, or not the options of the layers.

        Examples
        --------
        >>> import recurrent
        >>> [array.shape for array in recurrent.LSTM(3, [4], 2, rng=1).to_keras()]
        [(3, 16), (4, 16), (16,), (4, 2), (2,)]
        """
        return to_keras_weights(self._architecture, self._parameters)

    @property
    def _architecture(self) -> Architecture:
        sizes = self._sizes
        return Architecture(
            sizes.cell,
            sizes.input_size,
            sizes.embedding,
            sizes.hidden_sizes,
            sizes.output_size,
            sizes.tied,
            sizes.options,
        )

    # ---- ONNX

    def to_onnx(
        self: Any,
        path: str | os.PathLike[str],
        *,
        tokens: bool = False,
        states: bool = False,
        lengths: bool = False,
        dtype: DType | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes the network to an ONNX file, opset 17, for evaluation. Needs the package onnx.

        The input is ``x`` and the output ``y``, with any number of steps and sequences, and the axes of ``forward``.
        The final states, (B, rows), are the outputs ``final_h0``, ``final_c0`` …. Layers of RNN, LSTM and GRU are the
        operators of that name, those of other cells, and of float64, a Scan of their step.

        Parameters
        ----------
        path : str or Path
            The file.
        tokens : bool
            Whether the input of a network without an embedding is tokens, for one-hot vectors.
        states : bool
            Whether the initial states are inputs, ``initial_h0``, ``initial_c0`` … (B, rows); else sequences begin with
            those of ``initial_state``.
        lengths : bool
            Whether the lengths of the sequences are an input, ``lengths`` (B,) of int32, with the meaning that they
            have in ``forward``: later outputs are 0, and the final states are those of the last valid steps.
        dtype : {"float32", "float64"}, optional
            The type of the numbers; the network's where absent.
        overwrite : bool
            Whether to replace a file that this network did not write, though never a text that was read.

        Raises
        ------
        ImportError
            If the package onnx is not installed.
        FileExistsError
            If the file is a text that was read, or exists and this network did not write it.
        OSError
            If the file cannot be written; the old file is unchanged.
        ValueError
            If the cell attends to the past, which no state holds.
        FloatingPointError
            If a weight is infinite or NaN, with its name.

        Examples
        --------
        >>> import recurrent
        >>> recurrent.LSTM(3, [8], 2, rng=1).to_onnx("net.onnx")  # doctest: +SKIP
        """
        self._write_onnx(path, tokens, states, lengths, dtype, overwrite, self._outputs, {})

    def _write_onnx(
        self: Any,
        path: Any,
        tokens: Any,
        states: Any,
        lengths: Any,
        dtype: Any,
        overwrite: Any,
        outputs: Any,
        metadata: dict[str, str],
    ) -> None:
        takes_tokens, takes_states = as_flag(tokens, "tokens"), as_flag(states, "states")
        takes_lengths = as_flag(lengths, "lengths")
        kind = self.dtype if dtype is None else DTYPES[as_dtype(dtype)]
        outputs.check(path, "path", overwrite)
        data = onnx_bytes(self, takes_tokens, takes_states, takes_lengths, kind, metadata)
        outputs.write(path, data, overwrite)

    # ---- C

    def to_c(
        self: Any,
        path: str | os.PathLike[str],
        *,
        tokens: bool = False,
        quantize: QuantizationName | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes a C file and its header, which compute the network step by step.

        The source is C99 with math.h alone and without a heap. ``net.c`` defines ``net_reset(&state)``, which begins a
        sequence, and ``net_step(&state, x, y)``; of tokens ``net_step(&state, token, y)``. All memory of a sequence is
        a ``net_state``; the weights are constants. Every cell of one direction can be written, of the caller's own too.

        Parameters
        ----------
        path : str or Path
            The C file, an identifier with the suffix .c; the header is beside it with the suffix .h.
        tokens : bool
            Whether the input of a network without an embedding is a token, for a one-hot vector.
        quantize : {"int8"}, optional
            The type of the matrices: int8 with a scale for each row, which rounds a weight by at most 1/254 of the
            row's largest; all else stays as it is. The network's dtype where absent.
        overwrite : bool
            Whether to replace files that this network did not write, though never a text that was read.

        Raises
        ------
        FileExistsError
            If a file is a text that was read, or exists and this network did not write it; nothing is written.
        OSError
            If a file cannot be written.
        ValueError
            If the name is no identifier of C with .c, the network is bidirectional, or its cell attends to the past.
        FloatingPointError
            If a weight is infinite or NaN, with its name.

        Examples
        --------
        >>> import recurrent, tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recurrent.GRU(3, [8], 2, rng=1).to_c(f"{folder}/net.c")
        ...     [file.name for file in sorted(Path(folder).iterdir())]
        ['net.c', 'net.h']
        """
        self._write_c(path, tokens, quantize, overwrite, self._outputs)

    def _write_c(
        self: Any,
        path: Any,
        tokens: Any,
        quantize: Any,
        overwrite: Any,
        outputs: Any,
        vocabulary: Sequence[int] | None = None,
    ) -> None:
        file, name = as_c_path(path)
        kind = None if quantize is None else as_choice(quantize, "quantize", get_args(QuantizationName))
        takes_tokens = as_flag(tokens, "tokens")
        texts = {file: 0, file.with_suffix(".h"): 1}
        for each in texts:
            outputs.check(each, "path", overwrite)
        files = c_files(self, name, takes_tokens, kind, vocabulary)
        for each, index in texts.items():
            outputs.write(each, files[index].encode(), overwrite)
