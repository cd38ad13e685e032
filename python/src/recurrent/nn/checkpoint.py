"""Checkpoint: the file of a network, and the copies and pickles that are made of its bytes."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Callable, ClassVar, TypeVar

from .. import _c
from .._checks import as_flag, as_path, as_text
from .._pickles import as_bytes, as_class, reduced
from ..mat import gradients_of, set_gradients
from ..optim.optimizer import Optimizer
from ..outputs import Outputs
from ..parameters import Parameters
from ..random import Random
from ..sizes import Sizes, sizes_of

_lib = _c.lib
N = TypeVar("N", bound="Checkpoint")
# the key of a file's metadata that names a class which the cell does not tell; others with the prefix are kept free
_PREFIX = "python."
_CLASS = f"{_PREFIX}class"


class Checkpoint:
    """The base of ``Network``: its optimizer and metadata, which are saved with it, files, copies and pickles."""

    # the class of the networks of each cell that has a name in settings; None stands for every other cell
    _by_cell: ClassVar[dict[str | None, Any]] = {}
    # the classes whose name is saved
    _by_name: ClassVar[dict[str, Any]] = {}
    # the attributes that are set when a network takes an object of the library
    _own = frozenset(
        (
            "_handle",
            "_random",
            "_dropout",
            "_parameters",
            "_lock",
            "_pass",
            "_optimizer",
            "_metadata",
            "_outputs",
            "_trainer",
            "_batch_first",
        )
    )

    _handle: _c.Handle
    _random: Random
    _outputs: Outputs
    _optimizer: Optimizer | None
    _metadata: dict[str, str]
    _parameters: Parameters

    def __init_subclass__(cls, cells: Sequence[str | None] = (), is_named: bool = False) -> None:
        for cell in cells:
            Checkpoint._by_cell[cell] = cls
        if is_named:
            Checkpoint._by_name[cls.__name__] = cls

    def _attach(self, handle: _c.Handle) -> None:
        self._handle, self._outputs = handle, Outputs()
        self._optimizer, self._metadata = None, {}

    @classmethod
    def _fits(cls, sizes: Sizes) -> bool:
        """Whether a network of these sizes can be of this class."""
        return True

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that is saved with the network; None, or assignable: that of its training steps."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer | None) -> None:
        if not (optimizer is None or isinstance(optimizer, Optimizer)):
            raise TypeError(
                f"optimizer has the wrong type; expected an Optimizer or None, got {type(optimizer).__name__}"
            )
        self._optimizer = optimizer

    @property
    def metadata(self) -> dict[str, str]:
        """Texts of the caller by key, which are saved with the network: ``net.metadata["author"] = "..."``."""
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: Mapping[str, str]) -> None:
        if not isinstance(metadata, Mapping):
            raise TypeError(
                f"metadata has the wrong type; expected a dict of str, got {type(metadata).__name__}"
            )
        self._metadata = _checked(dict(metadata))

    # ---- files

    def save(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, weights_only: bool = False
    ) -> None:
        """Writes the network to a safetensors file with a checksum. A crash leaves the old file or the new one.

        The file holds the settings, the weights, ``optimizer`` with its state, the generator that draws dropout, and
        ``metadata``: a network that was loaded trains on to the same bits.

        Parameters
        ----------
        path : str or Path
            The file.
        overwrite : bool
            Whether to replace a file that this network neither wrote nor was loaded from, never a text that was read.
        weights_only : bool
            Whether to leave out the optimizer.

        Raises
        ------
        FileExistsError
            If the file is a text that was read, or exists and this network neither wrote it nor was loaded from it.
        OSError
            If the file cannot be written; the old file is unchanged.
        FloatingPointError
            If a weight, or a state of the optimizer, is infinite or NaN, with its name; the old file is unchanged.
        ValueError, TypeError
            If the optimizer has stepped another network, or ``metadata`` has another value than a str; the old file is
            unchanged.
        RuntimeError
            If the network is training in another thread.

        Examples
        --------
        >>> import recurrent, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recurrent.GRU(5, [8], 5, rng=1).save(f"{folder}/net.safetensors")
        ...     net = recurrent.load(f"{folder}/net.safetensors")
        >>> net
        <GRU(5, [8], output_size=5) float32, 389 parameters>
        """
        encoded, solver = as_path(path), self._solver(weights_only)
        self._write_metadata(weights_only)
        with self._outputs.writing(path, overwrite) as replaces:
            _lib.recurrent_network_save(
                self._handle.value, solver, self._random._handle.value, encoded, len(encoded), replaces
            )

    @classmethod
    def load(cls: type[N], path: str | os.PathLike[str]) -> N:
        """Returns the network of a file, which trains on to the same bits.

        Parameters
        ----------
        path : str or Path
            A file that ``save`` wrote, here, in C or in Swift.

        Returns
        -------
        Network
            Of the class of its cell: ``RNN``, ``LSTM``, ``GRU``, or ``Network`` for others.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is damaged, truncated, of a newer version, not a network, or a network of another class.
        """
        encoded = as_path(path)
        network: N = _loaded(cls, path, _lib.recurrent_network_load, encoded, len(encoded))
        network._outputs.set_source(path)
        return network

    def _solver(self, weights_only: bool) -> int:
        """Returns the handle of the optimizer that is saved, 0 for none."""
        leaves_out = as_flag(weights_only, "weights_only")
        return 0 if leaves_out or self._optimizer is None else self._optimizer._handle.value

    def _texts(self, leaves_out: bool) -> dict[str, str]:
        """Returns what is saved besides the metadata; without the training run if that is left out."""
        return {}

    def _take_texts(self, texts: dict[str, str], path: str | os.PathLike[str] | None) -> None:
        """Takes out what ``_texts`` returned; the path is that of a file, None for a copy."""

    def _write_metadata(self, leaves_out: bool = False) -> None:
        """Hands the metadata to the library, which saves them."""
        texts = {**_checked(self._metadata), **self._texts(leaves_out)}
        for kind in type(self).__mro__:
            if kind.__name__ in Checkpoint._by_name:
                texts[_CLASS] = kind.__name__
                break
        words = json.dumps(texts).encode()
        _lib.recurrent_network_set_metadata(self._handle.value, words, len(words))

    # ---- copies

    def __reduce__(self) -> tuple[Any, ...]:
        self._write_metadata()
        data = _c.written_bytes(
            _lib.recurrent_network_write, self._handle.value, self._solver(False), self._random._handle.value
        )
        return reduced(
            self, network_of_bytes, type(self), data, gradients_of(self._parameters.flat), own=self._own
        )

    def __copy__(self: N) -> N:
        return copy.deepcopy(self)

    def __deepcopy__(self: N, memo: dict[int, Any]) -> N:
        restore, arguments, *rest = self.__reduce__()
        twin: N = restore(*arguments)
        memo[id(self)] = twin
        if rest:
            vars(twin).update(copy.deepcopy(rest[0], memo))
        if self._optimizer is not None:
            # an optimizer that is copied besides is the copy's
            twin._optimizer = memo.setdefault(id(self._optimizer), twin._optimizer)
        return twin


def network_of_bytes(kind: Any, data: Any, gradients: Any) -> Any:
    """Returns the network of a pickle, which holds the bytes of a file and the gradients if one is not 0."""
    data = as_bytes(data)
    network = _loaded(
        as_class(kind, Checkpoint), None, _lib.recurrent_network_read, data, len(data), is_copy=True
    )
    set_gradients(network.flat, gradients)
    return network


def _loaded(
    kind: Any,
    path: str | os.PathLike[str] | None,
    read: Callable[..., int],
    *arguments: Any,
    is_copy: bool = False,
) -> Any:
    """Returns the network that a function of the library reads, of a class or of one below; a copy of the class."""
    source = "the bytes" if path is None else f"'{os.fspath(path)}'"
    handle, solver, random = _c.NetworkHandle(), _c.OptimizerHandle(), _c.RandomHandle()
    read(*arguments, handle, solver, random)
    texts = json.loads(_c.written(_lib.recurrent_network_get_metadata, handle.value))
    own = _class_of(handle, texts.pop(_CLASS, None))
    if issubclass(own, kind):
        kind = kind if is_copy else own
    elif not (issubclass(kind, own) or kind in Checkpoint._by_name.values()) or not kind._fits(
        sizes_of(handle.value)
    ):
        raise ValueError(
            f"cannot load {source}: the class is wrong; expected {kind.__name__}, got {own.__name__}, "
            f"of the cell {sizes_of(handle.value).cell}"
        )
    network = kind.__new__(kind)
    network._random = Random._from_handle(random)
    network._attach(handle)
    network._optimizer = Optimizer._from_handle(solver) if solver.value else None
    try:
        network._take_texts(texts, path)
    except ValueError as error:
        raise ValueError(f"cannot load {source}: {error}") from None
    network._metadata = texts
    return network


def _class_of(handle: _c.Handle, name: str | None = None) -> Any:
    """Returns the class of a network of the library, by the name in its file or by its cell."""
    named = Checkpoint._by_name.get(name or "")
    if named is not None and named._fits(sizes_of(handle.value)):
        return named
    cell = json.loads(_c.written(_lib.recurrent_network_describe, handle.value))["cell"]
    known = Checkpoint._by_cell
    return known.get(cell if isinstance(cell, str) else None, known[None])


def network_of(handle: _c.Handle) -> Any:
    """Returns a network of the library as the class of its cell."""
    kind = _class_of(handle)
    network = kind.__new__(kind)
    network._random = Random()
    network._attach(handle)
    return network


def _checked(metadata: dict[str, str]) -> dict[str, str]:
    """Returns texts by key, as a file can hold them."""
    for key, value in metadata.items():
        as_text(key, "a key of metadata")
        as_text(value, f"metadata[{key!r}]")
        if key.startswith(_PREFIX):
            raise ValueError(
                f"metadata has a key of the package; expected none that begins with {_PREFIX}, got {key}"
            )
    return metadata
