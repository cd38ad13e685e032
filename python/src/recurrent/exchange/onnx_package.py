"""The onnx package, which is imported on use."""

from __future__ import annotations

import importlib
from typing import Any


def onnx_package(use: str) -> Any:
    """Returns the package, or raises a sentence with the command that installs it."""
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise ImportError(f"{use} needs the package onnx; install it with `pip install onnx`") from None
