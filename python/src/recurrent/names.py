"""The names that arguments take, as types: a type checker refuses any other.

``CellName`` is beside the cells in ``parameters``, ``OptimizerName`` beside the classes in ``optim.optimizers``.
"""

from __future__ import annotations

from typing import Literal, Union

import numpy as np

__all__ = [
    "AnnealName",
    "ClippingName",
    "DType",
    "DTypeName",
    "DocumentsName",
    "ErrorsName",
    "InitializationName",
    "LossName",
    "MaskScopeName",
    "NonlinearityName",
    "NormName",
    "PlateauModeName",
    "QuantizationName",
    "RecipeName",
    "ReductionName",
    "StopReasonName",
    "ThresholdModeName",
    "TokenizerName",
    "UnitName",
]

DTypeName = Literal["float32", "float64"]
DType = Union[
    DTypeName, "np.dtype[np.float32]", "np.dtype[np.float64]", type[np.float32], type[np.float64], type[float]
]
InitializationName = Literal["uniform", "orthogonal", "glorot", "identity"]
NonlinearityName = Literal["tanh", "relu"]
NormName = Literal["joint", "gate"]
ReductionName = Literal["mean", "sum"]
LossName = Literal["cross_entropy", "mse", "mae", "huber", "binary_cross_entropy", "gaussian_nll", "quantile"]
ClippingName = Literal["value", "tensor_norm", "global_norm"]
MaskScopeName = Literal["step", "sequence"]
QuantizationName = Literal["int8"]
TokenizerName = Literal["characters", "bytes", "words", "bpe"]
ErrorsName = Literal["strict", "ignore", "replace"]
RecipeName = Literal["default", "char_rnn", "recurrentjs"]
DocumentsName = Literal["lines", "files"]
UnitName = Literal["token", "character", "byte"]
StopReasonName = Literal["steps", "patience", "callback", "interrupted"]
AnnealName = Literal["cos", "linear"]
PlateauModeName = Literal["min", "max"]
ThresholdModeName = Literal["rel", "abs"]
