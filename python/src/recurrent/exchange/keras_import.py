"""Networks of Keras's model files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._checks import as_flag, as_path
from ..nn.cell import as_cell
from ..nn.checkpoint import Checkpoint
from ..nn.network import Network
from .keras_files import config_of_file

_KNOWN = "an embedding, LSTM, GRU or SimpleRNN layers, and a Dense decoder"
_LAYERS = ("LSTM", "GRU", "SimpleRNN")
# layers without weights that act in training alone
_IDLE = ("InputLayer", "Dropout", "SpatialDropout1D")


def from_keras(path: str | os.PathLike[str], strict: bool = True) -> Network:
    """Returns the network of a ``.keras`` file, with ``batch_first``. Needs the package h5py.

    The model is a chain: an Embedding or vectors; LSTM, GRU or SimpleRNN layers of one kind, each in Bidirectional or
    not; and a Dense decoder, in TimeDistributed or not. Where the last layer has ``return_sequences=False``, the output
    of Keras is that of the last step here.

    Parameters
    ----------
    path : str or Path
        The file.
    strict : bool
        Refuse an activation of the decoder and ``mask_zero``. False leaves them out: softmax belongs to the loss and to
        ``predict_proba`` here, and padding to ``lengths``.

    Returns
    -------
    Network
        ``RNN``, ``LSTM`` or ``GRU``.

    Raises
    ------
    ImportError
        If the package h5py is not installed.
    OSError
        If the file cannot be read.
    ValueError
        If the file is not a model, or has a layer or a setting without a place in a network, by its name, such as
        ``recurrent_activation="hard_sigmoid"``.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.from_keras("model.keras")  # doctest: +SKIP
    <GRU(6, [4, 3], output_size=6, embedding=3, batch_first=True, bidirectional=True) float32, 516 parameters>
    """
    as_path(path)
    file = Path(os.fsdecode(path) if isinstance(path, bytes) else path)
    is_strict = as_flag(strict, "strict")
    try:
        model = _Model(config_of_file(file)["config"]["layers"], is_strict)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"path is not a model of Keras; expected layers, got '{file}' without {error}"
        ) from None
    network = model.network()
    network.load_keras(file)
    return network


class _Model:
    """The layers of a model, read one after the other."""

    def __init__(self, layers: list[Any], is_strict: bool) -> None:
        self._is_strict = is_strict
        self._cell, self._directions = "", 0
        self._hidden_sizes: list[int] = []
        self._embedding: int | None = None
        self._output_size: int | None = None
        self._input_size, self._before = 0, ""
        for layer in layers:
            self._follow(layer, layer["config"]["name"])
            self._read(layer["class_name"], layer["config"])

    def _read(self, kind: str, config: Mapping[str, Any]) -> None:
        if kind == "InputLayer":
            shape = config.get("batch_shape") or config["batch_input_shape"]
            self._input_size = int(shape[-1] or 0)
        elif kind == "Embedding":
            self._check(config, kind, not (self._hidden_sizes or self._embedding), "one below the layers")
            self._input_size, self._embedding = int(config["input_dim"]), int(config["output_dim"])
            if self._is_strict:
                self._equal(config, "mask_zero", False)
        elif kind == "Bidirectional":
            layer = config["layer"]
            self._equal(config, "merge_mode", "concat")
            self._take(layer["class_name"], layer["config"], 2)
            self._equal(layer["config"], "return_sequences", True)
        elif kind in _LAYERS:
            self._take(kind, config, 1)
        elif kind in ("Dense", "TimeDistributed"):
            inner = config if kind == "Dense" else config["layer"]["config"]
            is_dense = kind == "Dense" or config["layer"]["class_name"] == "Dense"
            self._check(config, kind, is_dense and self._hidden_sizes and not self._output_size, "one Dense")
            if self._is_strict:
                self._equal(inner, "activation", "linear")
            self._output_size = int(inner["units"])
        elif kind not in _IDLE:
            raise ValueError(
                f"layer '{config['name']}' has no place in a network; expected {_KNOWN}, got {kind}"
            )

    def _follow(self, layer: Mapping[str, Any], name: str) -> None:
        """Refuses a layer whose input is not the layer before it."""
        nodes = layer.get("inbound_nodes") or []
        if nodes and self._before:
            source = nodes[0]["args"][0]["config"]["keras_history"][0]
            if len(nodes) > 1 or len(nodes[0]["args"]) > 1 or source != self._before:
                raise ValueError(f"layer '{name}' has other inputs; expected '{self._before}', got others")
        self._before = name

    @staticmethod
    def _check(config: Mapping[str, Any], kind: str, is_right: Any, expected: str) -> None:
        if not is_right:
            raise ValueError(
                f"layer '{config['name']}' has no place here; expected {expected}, got another {kind}"
            )

    @staticmethod
    def _equal(config: Mapping[str, Any], setting: str, *expected: Any) -> None:
        """Refuses a setting with another value."""
        value = config.get(setting, expected[0])
        if value not in expected:
            wanted = " or ".join(map(repr, expected))
            raise ValueError(
                f"layer '{config['name']}' has the wrong {setting}; expected {wanted}, got {value!r}"
            )

    def _take(self, kind: str, config: Mapping[str, Any], directions: int) -> None:
        """Takes a recurrent layer."""
        self._check(config, kind, kind in _LAYERS, "LSTM, GRU or SimpleRNN")
        self._check(config, kind, self._output_size is None, "recurrent layers below the decoder")
        self._equal(config, "activation", *(("tanh", "relu") if kind == "SimpleRNN" else ("tanh",)))
        for setting, value in (
            ("recurrent_activation", "sigmoid"),
            ("go_backwards", False),
            ("time_major", False),
        ):
            self._equal(config, setting, value)
        cell = {
            "LSTM": "lstm",
            "GRU": "gru" if config.get("reset_after", True) else "gru_reset_before",
            "SimpleRNN": f"rnn_{config.get('activation')}",
        }[kind]
        if self._hidden_sizes and (cell, directions) != (self._cell, self._directions):
            raise ValueError(
                f"layer '{config['name']}' is of another kind; expected {self._cell} of {self._directions} directions, "
                f"got {cell} of {directions}"
            )
        self._cell, self._directions = cell, directions
        self._hidden_sizes.append(int(config["units"]))

    def network(self) -> Network:
        """Returns a network of these sizes."""
        if not self._hidden_sizes:
            raise ValueError(f"the model has no recurrent layer; expected {_KNOWN}, got none")
        # the class of the cell, created without the arguments that only it has
        kind = Checkpoint._by_cell.get(self._cell, Network)
        network: Network = kind.__new__(kind)
        network._build(
            as_cell(self._cell),
            self._input_size,
            self._hidden_sizes,
            self._output_size,
            self._embedding,
            "float32",
            0,
            False,
            0.0,
            batch_first=True,
            learned_initial_state=False,
            residual=False,
            variational=False,
            bidirectional=self._directions == 2,
        )
        return network
