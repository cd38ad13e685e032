"""Every function of recurrent.h with its types: the one place where ctypes signatures are declared.

A failing status raises the Python exception that fits, with the library's own sentence.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any, Callable, NoReturn

from ._library import load

_status = c_int32
_handle = c_uint64
_out_handle = POINTER(c_uint64)
_handles = POINTER(c_uint64)
_i32 = c_int32
_i64 = c_int64
_out_i64 = POINTER(c_int64)
_i64s = POINTER(c_int64)
_u64s = POINTER(c_uint64)
_f64 = c_double
_f64s = POINTER(c_double)
_text = c_char_p
_texts = POINTER(c_char_p)
_buffer = c_void_p
_data = c_void_p


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


_of_one = (_status, _handle, _handle, _out_handle)
_of_two = (_status, _handle, _handle, _handle, _out_handle)
_with_number = (_status, _handle, _handle, _f64, _out_handle)
_with_axis = (_status, _handle, _handle, _i32, _out_handle)
_with_range = (_status, _handle, _handle, _i64, _i64, _out_handle)
_of_many = (_status, _handle, _handles, _i64, _out_handle)
_free = (_status, _handle)

SIGNATURES: dict[str, tuple[Any, ...]] = {
    "recurrent_abi_version": (_i32,),
    "recurrent_version": (_text,),
    "recurrent_last_error": (_text,),
    "recurrent_last_errno": (_i32,),
    "recurrent_object_count": (_i64,),
    "recurrent_random_create": (_status, c_uint64, _out_handle),
    "recurrent_random_free": _free,
    "recurrent_random_words": (_status, _handle, _u64s, _i64),
    "recurrent_random_uniform": (_status, _handle, _f64, _f64, _f64s, _i64),
    "recurrent_random_gaussian": (_status, _handle, _f64, _f64, _f64s, _i64),
    "recurrent_random_get_state": (_status, _handle, _u64s),
    "recurrent_random_set_state": (_status, _handle, _u64s),
    "recurrent_mat_create": (_status, _i32, _i64, _i64, _out_handle),
    "recurrent_mat_create_from": (_status, _i32, _i64, _i64, c_void_p, _i64, _out_handle),
    "recurrent_mat_free": _free,
    "recurrent_mat_view": (_status, _handle, _i64, _i64, _i64, _i64, _out_handle),
    "recurrent_mat_copy": (_status, _handle, _out_handle),
    "recurrent_mat_describe": (_status, _handle, POINTER(MatInfo)),
    "recurrent_mat_w": (_status, _handle, POINTER(c_void_p)),
    "recurrent_mat_dw": (_status, _handle, POINTER(c_void_p)),
    "recurrent_mat_fill": (_status, _handle, _f64),
    "recurrent_mat_zero_gradient": (_status, _handle),
    "recurrent_mat_fill_uniform": (_status, _handle, _f64, _f64, _handle),
    "recurrent_mat_fill_gaussian": (_status, _handle, _f64, _f64, _handle),
    "recurrent_graph_create": (_status, _i32, _out_handle),
    "recurrent_graph_free": _free,
    "recurrent_graph_reset": (_status, _handle),
    "recurrent_graph_evaluate": (_status, _handle),
    "recurrent_graph_backward": (_status, _handle),
    "recurrent_graph_backward_from": (_status, _handle, _handle),
    "recurrent_graph_count": (_status, _handle, _out_i64),
    "recurrent_graph_operation": (
        _status,
        _handle,
        _i64,
        _buffer,
        _i64,
        _out_i64,
        POINTER(Place),
        POINTER(Place),
        _i64,
        _out_i64,
    ),
    "recurrent_graph_tanh": _of_one,
    "recurrent_graph_sigmoid": _of_one,
    "recurrent_graph_relu": _of_one,
    "recurrent_graph_leaky_relu": _with_number,
    "recurrent_graph_gelu": _of_one,
    "recurrent_graph_silu": _of_one,
    "recurrent_graph_softplus": _of_one,
    "recurrent_graph_neg": _of_one,
    "recurrent_graph_scale": _with_number,
    "recurrent_graph_exp": _of_one,
    "recurrent_graph_log": _of_one,
    "recurrent_graph_sqrt": _of_one,
    "recurrent_graph_square": _of_one,
    "recurrent_graph_abs": _of_one,
    "recurrent_graph_add": _of_two,
    "recurrent_graph_sub": _of_two,
    "recurrent_graph_eltmul": _of_two,
    "recurrent_graph_div": _of_two,
    "recurrent_graph_mul": _of_two,
    "recurrent_graph_dot": _of_two,
    "recurrent_graph_row_pluck": (_status, _handle, _handle, _i64s, _i64, _out_handle),
    "recurrent_graph_transpose": _of_one,
    "recurrent_graph_concat_rows": _of_many,
    "recurrent_graph_concat_columns": _of_many,
    "recurrent_graph_slice_rows": _with_range,
    "recurrent_graph_slice_columns": _with_range,
    "recurrent_graph_sum": _with_axis,
    "recurrent_graph_mean": _with_axis,
    "recurrent_graph_softmax": _of_one,
    "recurrent_graph_log_softmax": _of_one,
    "recurrent_graph_cross_entropy": (_status, _handle, _handle, _i64s, _i64, _i32, _out_handle),
    "recurrent_graph_squared_error": (_status, _handle, _handle, _handle, _i32, _out_handle),
    "recurrent_graph_dropout": (_status, _handle, _handle, _f64, _handle, _out_handle),
    "recurrent_graph_layer_norm": (_status, _handle, _handle, _handle, _handle, _f64, _out_handle),
    "recurrent_graph_rnn": (_status, _handle, _handle, _handle, _handle, _handle, _handle, _out_handle),
    "recurrent_graph_lstm": (_status, *(_handle,) * 7, _out_handle, _out_handle),
    "recurrent_softmax": (_status, _handle, _out_handle),
    "recurrent_argmax": (_status, _i32, c_void_p, _i64, _out_i64),
    "recurrent_sample": (_status, _i32, c_void_p, _i64, _handle, _out_i64),
    "recurrent_probabilities": (_status, _i32, c_void_p, _i64, POINTER(Sampler), _i64s, _i64, c_void_p),
    "recurrent_model_create": (_status, _i32, _i32, _i64, _i64, _i64s, _i64, _i64, _handle, _out_handle),
    "recurrent_model_create_tied": (_status, _i32, _i32, _i64, _i64s, _i64, _handle, _out_handle),
    "recurrent_model_set_dropout": (_status, _handle, _f64, _handle),
    "recurrent_model_free": _free,
    "recurrent_model_parameter": (_status, _handle, _text, _i64, _out_handle),
    "recurrent_model_parameter_count": (_status, _handle, _out_i64),
    "recurrent_model_parameter_name": (_status, _handle, _i64, _buffer, _i64, _out_i64),
    "recurrent_model_flat": (_status, _handle, _out_handle),
    "recurrent_model_forward": (
        _status,
        _handle,
        _handle,
        _handle,
        _handles,
        _handles,
        _handles,
        _handles,
        _out_handle,
    ),
    "recurrent_model_state_count": (_status, _handle, _i64, _out_i64),
    "recurrent_model_forward_sequence": (
        _status,
        _handle,
        _data,
        _i64s,
        _i64,
        _i64,
        _data,
        _i64s,
        _data,
        _data,
    ),
    "recurrent_model_backward_sequence": (_status, _handle, _data, _data, _data, _data),
    "recurrent_model_tap": (_status, _handle, _text, _i64, _data),
    "recurrent_model_train_step": (
        _status,
        _handle,
        _handle,
        _data,
        _i64s,
        _i64s,
        _data,
        _i64,
        _i64,
        _data,
        _i64s,
        _f64,
        _f64,
        _f64,
        _data,
        POINTER(TrainResult),
    ),
    "recurrent_model_loss": (
        _status,
        _handle,
        _data,
        _i64s,
        _i64s,
        _data,
        _i64,
        _i64,
        _data,
        _i64s,
        _data,
        _f64s,
    ),
    "recurrent_model_tick": (_status, _handle, _i64, _data, _data, _data),
    "recurrent_model_generate": (_status, _handle, _i64s, _i64, _i64, _f64, _data, _handle, _i64s),
    "recurrent_model_sample": (
        _status,
        _handle,
        POINTER(Sampler),
        _i64s,
        _i64,
        _i64s,
        _i64,
        _i64,
        _i64,
        _data,
        _handle,
        _i64s,
        _f64s,
        _out_i64,
    ),
    "recurrent_model_beam_search": (
        _status,
        _handle,
        _i64s,
        _i64,
        _i64,
        _i64,
        _i64,
        _data,
        _i64s,
        _i64s,
        _f64s,
        _out_i64,
    ),
    "recurrent_set_num_threads": (_status, _i64),
    "recurrent_get_num_threads": (_i64,),
    "recurrent_solver_create": (_status, _f64, _f64, _out_handle),
    "recurrent_solver_create_from": (_status, _text, _i64, _out_handle),
    "recurrent_solver_free": _free,
    "recurrent_solver_step": (
        _status,
        _handle,
        _texts,
        _i64s,
        _handles,
        _i64,
        _f64,
        _f64,
        _f64,
        POINTER(Step),
    ),
    "recurrent_solver_step_model": (_status, _handle, _handle, _f64, _f64, _f64, POINTER(Step)),
    "recurrent_solver_describe": (_status, _handle, _buffer, _i64, _out_i64),
    "recurrent_solver_get_learning_rate": (_status, _handle, _f64s),
    "recurrent_solver_set_learning_rate": (_status, _handle, _f64),
    "recurrent_solver_name_count": (_status, _handle, _out_i64),
    "recurrent_solver_name": (_status, _handle, _i64, _buffer, _i64, _out_i64),
    "recurrent_solver_slot_count": (_status, _handle, _out_i64),
    "recurrent_solver_slot_name": (_status, _handle, _i64, _buffer, _i64, _out_i64),
    "recurrent_solver_slot": (_status, _handle, _i64, _text, _i64, _out_handle),
    "recurrent_sentence_model_create": (
        _status,
        _texts,
        _i64s,
        _i64,
        _i32,
        _i32,
        _i64s,
        _i64,
        _i64,
        _handle,
        _out_handle,
    ),
    "recurrent_sentence_model_free": _free,
    "recurrent_sentence_model_tick": (_status, _handle, _text, _i64, _f64, _f64, _f64, POINTER(TickResult)),
    "recurrent_sentence_model_cost": (_status, _handle, _text, _i64, POINTER(Cost)),
    "recurrent_sentence_model_predict": (_status, _handle, _f64, _i64, _handle, _buffer, _i64, _out_i64),
    "recurrent_sentence_model_save_recurrentjs": (_status, _handle, _text, _i64),
    "recurrent_sentence_model_load_recurrentjs": (_status, _text, _i64, _i32, _out_handle),
    "recurrent_sentence_model_describe": (_status, _handle, POINTER(SentenceModelInfo)),
    "recurrent_sentence_model_hidden_sizes": (_status, _handle, _i64s, _i64),
    "recurrent_sentence_model_letters": (_status, _handle, POINTER(c_uint32), _i64),
    "recurrent_sentence_model_network": (_status, _handle, _out_handle),
    "recurrent_sentence_model_solver": (_status, _handle, _out_handle),
    "recurrent_text_model_create": (
        _status,
        _text,
        _i64,
        _i32,
        _i32,
        _i32,
        _i64s,
        _i64,
        _i64,
        _i32,
        _f64,
        _handle,
        _out_handle,
    ),
    "recurrent_text_model_free": _free,
    "recurrent_text_model_describe": (_status, _handle, POINTER(TextModelInfo)),
    "recurrent_text_model_hidden_sizes": (_status, _handle, _i64s, _i64),
    "recurrent_text_model_letters": (_status, _handle, POINTER(c_uint32), _i64),
    "recurrent_text_model_network": (_status, _handle, _out_handle),
    "recurrent_text_model_solver": (_status, _handle, _out_handle),
    "recurrent_text_model_set_solver": (_status, _handle, _handle),
    "recurrent_text_model_notes": (_status, _handle, _buffer, _i64, _out_i64),
    "recurrent_text_model_set_notes": (_status, _handle, _text, _i64),
    "recurrent_text_model_encode": (_status, _handle, _text, _i64, _i32, c_uint32, _i64s, _i64, _out_i64),
    "recurrent_text_model_decode": (_status, _handle, _i64s, _i64, _buffer, _i64, _out_i64),
    "recurrent_text_model_train_step": (
        _status,
        _handle,
        _i64s,
        _i64s,
        _i64,
        _i64,
        _f64,
        _f64,
        _f64,
        POINTER(TrainResult),
    ),
    "recurrent_text_model_reset_state": _free,
    "recurrent_text_model_evaluate": (_status, _handle, _i64s, _i64, _i64, _f64s),
    "recurrent_text_model_sample": (
        _status,
        _handle,
        _text,
        _i64,
        _i64,
        POINTER(Sampler),
        _texts,
        _i64s,
        _i64,
        _handle,
        _buffer,
        _i64,
        _out_i64,
    ),
    "recurrent_text_model_save": (_status, _handle, _text, _i64),
    "recurrent_text_model_load": (_status, _text, _i64, _out_handle),
}

# by recurrent_status
_EXCEPTIONS: dict[int, type[Exception]] = {
    1: ValueError,
    2: RuntimeError,
    3: TypeError,
    4: ValueError,
    5: TypeError,
    6: ValueError,
    7: IndexError,
    8: MemoryError,
    10: ValueError,
    11: FloatingPointError,
    12: RuntimeError,
    13: RuntimeError,
    14: ValueError,
}
_IO = 9


def _raise(status: int, function: Any, arguments: Any) -> int:
    """Turn a failing status into the exception that fits."""
    if status == 0:
        return status
    message = lib.recurrent_last_error().decode("utf-8", "replace")
    if status == _IO:
        number = lib.recurrent_last_errno()
        # OSError(errno, …) becomes FileNotFoundError, PermissionError, … by itself
        raise OSError(number, message.removesuffix(f": {os.strerror(number)}"))
    raise _EXCEPTIONS.get(status, RuntimeError)(message)


lib = load()
for _name, (_result, *_arguments) in SIGNATURES.items():
    _function = getattr(lib, _name)
    _function.restype, _function.argtypes = _result, _arguments
    if _result is _status and _name not in {
        "recurrent_abi_version",
        "recurrent_last_errno",
    }:
        _function.errcheck = _raise


class Handle:
    """Owns one object of the library and frees it when the last reference goes.

    Parameters
    ----------
    value
        The library's number for the object.
    free
        The function that frees it.
    needs
        Whatever must live as long as this object.
    """

    __slots__ = ("__weakref__", "_free", "_needs", "value")

    def __init__(self, value: int, free: Callable[[int], int], needs: Any = None) -> None:
        self.value = value
        self._free = free
        self._needs = needs

    def __del__(self) -> None:
        self._free(self.value)

    def __reduce__(self) -> NoReturn:
        # a copy would free the object a second time
        raise TypeError("this object belongs to the library and is not pickled or deep-copied")


def new(create: Callable[..., int], free: Callable[[int], int], *arguments: Any, needs: Any = None) -> Handle:
    """Call a function whose last argument receives a handle."""
    out = c_uint64()
    create(*arguments, ctypes.byref(out))
    return Handle(out.value, free, needs)
