"""Structures of recurrent.h."""

from __future__ import annotations

from ctypes import Structure, c_double, c_int32, c_int64, c_void_p


class MatInfo(Structure):
    """Shape and type of a Mat."""

    _fields_ = (("n", c_int64), ("d", c_int64), ("stride", c_int64), ("dtype", c_int32))


class Place(Structure):
    """Where numbers of a recorded operation come from or go to."""

    _fields_ = (("operation", c_int64), ("n", c_int64), ("d", c_int64), ("w", c_void_p))


class Step(Structure):
    """What a solver's step did."""

    _fields_ = (("ratio_clipped", c_double), ("gradient_norm", c_double))


class Cost(Structure):
    """What a sentence cost."""

    _fields_ = (("cost", c_double), ("perplexity", c_double))


class TickResult(Structure):
    """What a sentence model's tick did."""

    _fields_ = (
        ("cost", c_double),
        ("perplexity", c_double),
        ("ratio_clipped", c_double),
        ("gradient_norm", c_double),
    )


class TrainResult(Structure):
    """What a training step did."""

    _fields_ = (("loss", c_double), ("ratio_clipped", c_double), ("gradient_norm", c_double))


class Sampler(Structure):
    """How a token is chosen from scores."""

    _fields_ = (
        ("temperature", c_double),
        ("top_k", c_int64),
        ("top_p", c_double),
        ("min_p", c_double),
        ("repetition_penalty", c_double),
        ("repetition_window", c_int64),
    )


class SentenceModelInfo(Structure):
    """A sentence model's settings."""

    _fields_ = (
        ("cell", c_int32),
        ("dtype", c_int32),
        ("layers", c_int64),
        ("letter_size", c_int64),
        ("letters", c_int64),
    )


class TextModelInfo(Structure):
    """A text model's settings and where its training stands."""

    _fields_ = (
        ("alphabet", c_int32),
        ("cell", c_int32),
        ("dtype", c_int32),
        ("tied", c_int32),
        ("layers", c_int64),
        ("letters", c_int64),
        ("embedding", c_int64),
        ("step", c_int64),
        ("streams", c_int64),
        ("notes_length", c_int64),
        ("dropout", c_double),
    )
