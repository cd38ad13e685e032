"""What this installation consists of: versions, the library and the reason why it was taken, the CPU."""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from typing import Any, Literal, overload

import numpy as np

from . import _c
from ._c.levels import cpu_flags, levels_of
from ._checks import as_choice
from ._version import __version__
from .nn.threads import get_num_threads

# packages that parts of this one use where they are installed
_OPTIONAL = (
    "anywidget", "h5py", "matplotlib", "mpi4py", "onnx", "onnxruntime", "plotext", "sklearn", "tokenizers", "tqdm",
)  # fmt: skip


@overload
def show_config(mode: Literal["stdout"] = ...) -> None: ...


@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Shows the versions, the library with the reason why it was taken, and the CPU, as ``numpy.show_config`` does.

    A wheel has a library for each of several instruction-set levels; the highest level of the CPU is taken. Under
    "optional" are the packages that parts of this one use, each with whether it is installed.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Print the settings as JSON, or return them.

    Returns
    -------
    dict, optional
        With "dicts".

    Raises
    ------
    ValueError
        If the mode is unknown.

    Examples
    --------
    >>> import recurrent
    >>> config = recurrent.show_config("dicts")
    >>> sorted(config)
    ['cpu', 'library', 'optional', 'versions']
    >>> config["versions"]["recurrent"] == recurrent.__version__
    True
    """
    chosen = as_choice(mode, "mode", ("stdout", "dicts"))
    flags = cpu_flags()
    settings = {
        "versions": {
            "recurrent": __version__,
            "abi": _c.lib.recurrent_abi_version(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "library": {
            "path": str(_c.loaded.path),
            "reason": _c.loaded.reason,
            "bytes": _c.loaded.path.stat().st_size,
            "threads": get_num_threads(),
        },
        "cpu": {
            "machine": platform.machine(),
            "system": sys.platform,
            "levels": levels_of(flags),
        },
        "optional": {name: importlib.util.find_spec(name) is not None for name in _OPTIONAL},
    }
    if chosen == "dicts":
        return settings
    print(json.dumps(settings, indent=2))
    return None
