"""ctypes signatures, handles and constants of recurrent.h. Written by tools/make_signatures.py; do not edit."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

from .handle import Handle

ABI_VERSION = 2
OK = 0
NULL_ARGUMENT = 1
BAD_HANDLE = 2
WRONG_KIND = 3
BAD_SHAPE = 4
BAD_TYPE = 5
BAD_VALUE = 6
BAD_INDEX = 7
NO_MEMORY = 8
IO = 9
BAD_FORMAT = 10
NOT_FINITE = 11
BUSY = 12
INVALIDATED = 13
SHORT_BUFFER = 14
INTERRUPTED = 15
FLOAT32 = 0
FLOAT64 = 1
ALL = -1
ROWS = 0
COLUMNS = 1
MEAN = 0
SUM = 1
STEP = 0
SEQUENCE = 1
TANH = 0
SIGMOID = 1
RELU = 2
LEAKY_RELU = 3
GELU = 4
SILU = 5
SOFTPLUS = 6
NEG = 7
SCALE = 8
EXP = 9
LOG = 10
SQRT = 11
SQUARE = 12
ABS = 13
SHIFT = 14
SIN = 15
COS = 16
POW = 17
ADD = 0
SUB = 1
ELTMUL = 2
DIV = 3
MAXIMUM = 4
MINIMUM = 5
GREATER = 6
GREATER_EQUAL = 7
LESS = 8
LESS_EQUAL = 9
EQUAL = 10
NOT_EQUAL = 11
ERRORS_STRICT = 0
ERRORS_IGNORE = 1
ERRORS_REPLACE = 2


class RandomHandle(Handle):
    """``recurrent_random``."""

    __slots__ = ()


class MatHandle(Handle):
    """``recurrent_mat``."""

    __slots__ = ()


class GraphHandle(Handle):
    """``recurrent_graph``."""

    __slots__ = ()


class NetworkHandle(Handle):
    """``recurrent_network``."""

    __slots__ = ()


class OptimizerHandle(Handle):
    """``recurrent_optimizer``."""

    __slots__ = ()


class TextModelHandle(Handle):
    """``recurrent_text_model``."""

    __slots__ = ()


class GeneratorHandle(Handle):
    """``recurrent_generator``."""

    __slots__ = ()


class PinHandle(Handle):
    """``recurrent_pin``."""

    __slots__ = ()


class StepHandle(Handle):
    """``recurrent_step``."""

    __slots__ = ()


class ProgramHandle(Handle):
    """``recurrent_program``."""

    __slots__ = ()


class StepResult(Structure):
    """``recurrent_step_result``."""

    _fields_ = (
        ("loss", c_double),
        ("gradient_norm", c_double),
        ("ratio_clipped", c_double),
    )


class MatInfo(Structure):
    """``recurrent_mat_info``."""

    _fields_ = (
        ("n", c_int64),
        ("d", c_int64),
        ("stride", c_int64),
        ("dtype", c_int32),
    )


class Operand(Structure):
    """``recurrent_operand``."""

    _fields_ = (
        ("operation", c_int64),
        ("n", c_int64),
        ("d", c_int64),
        ("w", c_void_p),
    )


class TextModelInfo(Structure):
    """``recurrent_text_model_info``."""

    _fields_ = (
        ("vocabulary_size", c_int64),
        ("step", c_int64),
        ("batch_size", c_int64),
    )


SIGNATURES: dict[str, tuple[Any, ...]] = {
    "recurrent_abi_version": (c_int32,),
    "recurrent_version": (c_char_p,),
    "recurrent_last_error": (c_char_p,),
    "recurrent_last_errno": (c_int32,),
    "recurrent_object_count": (c_int64,),
    "recurrent_random_create": (c_int32, c_uint64, POINTER(RandomHandle)),
    "recurrent_random_free": (c_int32, RandomHandle),
    "recurrent_random_words": (c_int32, RandomHandle, POINTER(c_uint64), c_int64),
    "recurrent_random_uniform": (c_int32, RandomHandle, c_double, c_double, POINTER(c_double), c_int64),
    "recurrent_random_gaussian": (c_int32, RandomHandle, c_double, c_double, POINTER(c_double), c_int64),
    "recurrent_random_get_state": (c_int32, RandomHandle, POINTER(c_uint64)),
    "recurrent_random_set_state": (c_int32, RandomHandle, POINTER(c_uint64)),
    "recurrent_mat_create": (c_int32, c_int32, c_int64, c_int64, POINTER(MatHandle)),
    "recurrent_mat_create_from": (c_int32, c_int32, c_int64, c_int64, c_void_p, c_int64, POINTER(MatHandle)),
    "recurrent_mat_free": (c_int32, MatHandle),
    "recurrent_mat_view": (c_int32, MatHandle, c_int64, c_int64, c_int64, c_int64, POINTER(MatHandle)),
    "recurrent_mat_copy": (c_int32, MatHandle, POINTER(MatHandle)),
    "recurrent_mat_describe": (c_int32, MatHandle, POINTER(MatInfo)),
    "recurrent_mat_w": (c_int32, MatHandle, POINTER(c_void_p)),
    "recurrent_mat_dw": (c_int32, MatHandle, POINTER(c_void_p)),
    "recurrent_mat_pin_w": (c_int32, MatHandle, POINTER(c_void_p), POINTER(PinHandle)),
    "recurrent_mat_pin_dw": (c_int32, MatHandle, POINTER(c_void_p), POINTER(PinHandle)),
    "recurrent_pin_free": (c_int32, PinHandle),
    "recurrent_mat_fill": (c_int32, MatHandle, c_double),
    "recurrent_mat_zero_gradient": (c_int32, MatHandle),
    "recurrent_mat_fill_uniform": (c_int32, MatHandle, c_double, c_double, RandomHandle),
    "recurrent_mat_fill_gaussian": (c_int32, MatHandle, c_double, c_double, RandomHandle),
    "recurrent_graph_create": (c_int32, c_int32, POINTER(GraphHandle)),
    "recurrent_graph_free": (c_int32, GraphHandle),
    "recurrent_graph_reset": (c_int32, GraphHandle),
    "recurrent_graph_evaluate": (c_int32, GraphHandle),
    "recurrent_graph_backward": (c_int32, GraphHandle),
    "recurrent_graph_backward_from": (c_int32, GraphHandle, MatHandle),
    "recurrent_graph_backward_done": (c_int32, GraphHandle, POINTER(c_int32)),
    "recurrent_graph_count": (c_int32, GraphHandle, POINTER(c_int64)),
    "recurrent_graph_operation": (
        c_int32,
        GraphHandle,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
        POINTER(Operand),
        POINTER(Operand),
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_graph_operand": (c_int32, GraphHandle, c_int64, c_int64, POINTER(MatHandle)),
    "recurrent_graph_unary": (c_int32, GraphHandle, c_int32, MatHandle, c_double, POINTER(MatHandle)),
    "recurrent_graph_binary": (c_int32, GraphHandle, c_int32, MatHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_clip": (c_int32, GraphHandle, MatHandle, c_double, c_double, POINTER(MatHandle)),
    "recurrent_graph_where": (c_int32, GraphHandle, MatHandle, MatHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_detach": (c_int32, GraphHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_mul": (c_int32, GraphHandle, MatHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_bmm": (
        c_int32,
        GraphHandle,
        MatHandle,
        MatHandle,
        c_int64,
        c_int32,
        POINTER(MatHandle),
    ),
    "recurrent_graph_dot": (c_int32, GraphHandle, MatHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_row_pluck": (
        c_int32,
        GraphHandle,
        MatHandle,
        POINTER(c_int64),
        c_int64,
        POINTER(MatHandle),
    ),
    "recurrent_graph_transpose": (c_int32, GraphHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_reverse_sequence": (
        c_int32,
        GraphHandle,
        MatHandle,
        c_int64,
        POINTER(c_int64),
        c_int64,
        POINTER(MatHandle),
    ),
    "recurrent_graph_concat_rows": (c_int32, GraphHandle, POINTER(c_uint64), c_int64, POINTER(MatHandle)),
    "recurrent_graph_concat_columns": (c_int32, GraphHandle, POINTER(c_uint64), c_int64, POINTER(MatHandle)),
    "recurrent_graph_stack": (c_int32, GraphHandle, POINTER(c_uint64), c_int64, c_int32, POINTER(MatHandle)),
    "recurrent_graph_reshape": (c_int32, GraphHandle, MatHandle, c_int64, c_int64, POINTER(MatHandle)),
    "recurrent_graph_index_select": (
        c_int32,
        GraphHandle,
        MatHandle,
        POINTER(c_int64),
        c_int64,
        c_int32,
        POINTER(MatHandle),
    ),
    "recurrent_graph_slice_rows": (c_int32, GraphHandle, MatHandle, c_int64, c_int64, POINTER(MatHandle)),
    "recurrent_graph_slice_columns": (c_int32, GraphHandle, MatHandle, c_int64, c_int64, POINTER(MatHandle)),
    "recurrent_graph_sum": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_mean": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_max": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_min": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_norm": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_logsumexp": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_cumsum": (c_int32, GraphHandle, MatHandle, c_int32, POINTER(MatHandle)),
    "recurrent_graph_softmax": (c_int32, GraphHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_log_softmax": (c_int32, GraphHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_graph_cross_entropy": (
        c_int32,
        GraphHandle,
        MatHandle,
        POINTER(c_int64),
        c_int64,
        c_int32,
        POINTER(MatHandle),
    ),
    "recurrent_graph_squared_error": (
        c_int32,
        GraphHandle,
        MatHandle,
        MatHandle,
        c_int32,
        POINTER(MatHandle),
    ),
    "recurrent_graph_dropout": (c_int32, GraphHandle, MatHandle, c_double, RandomHandle, POINTER(MatHandle)),
    "recurrent_graph_layer_norm": (
        c_int32,
        GraphHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        c_double,
        POINTER(MatHandle),
    ),
    "recurrent_graph_rnn": (
        c_int32,
        GraphHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        POINTER(MatHandle),
    ),
    "recurrent_graph_lstm": (
        c_int32,
        GraphHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        MatHandle,
        POINTER(MatHandle),
        POINTER(MatHandle),
    ),
    "recurrent_step_create": (
        c_int32,
        c_char_p,
        c_int64,
        POINTER(StepHandle),
        POINTER(GraphHandle),
        POINTER(MatHandle),
        POINTER(MatHandle),
        c_int64,
        POINTER(MatHandle),
        c_int64,
    ),
    "recurrent_step_free": (c_int32, StepHandle),
    "recurrent_step_dropout": (c_int32, StepHandle, MatHandle, c_double, c_int32, POINTER(MatHandle)),
    "recurrent_step_zoneout": (c_int32, StepHandle, MatHandle, MatHandle, c_double, POINTER(MatHandle)),
    "recurrent_step_attend": (c_int32, StepHandle, MatHandle, MatHandle, MatHandle, POINTER(MatHandle)),
    "recurrent_step_name": (c_int32, StepHandle, MatHandle, c_char_p, c_int64),
    "recurrent_step_finish": (c_int32, StepHandle, POINTER(c_uint64), c_int64, POINTER(ProgramHandle)),
    "recurrent_program_create": (c_int32, c_char_p, c_int64, POINTER(ProgramHandle)),
    "recurrent_program_free": (c_int32, ProgramHandle),
    "recurrent_program_describe": (c_int32, ProgramHandle, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_graph_scan": (
        c_int32,
        GraphHandle,
        ProgramHandle,
        MatHandle,
        POINTER(c_uint64),
        c_int64,
        POINTER(c_uint64),
        c_int64,
        c_int64,
        POINTER(c_int64),
        c_int64,
        RandomHandle,
        POINTER(MatHandle),
        POINTER(MatHandle),
    ),
    "recurrent_graph_forest": (
        c_int32,
        GraphHandle,
        ProgramHandle,
        MatHandle,
        POINTER(c_int64),
        c_int64,
        POINTER(c_uint64),
        c_int64,
        POINTER(c_uint64),
        c_int64,
        POINTER(MatHandle),
    ),
    "recurrent_graph_apply": (
        c_int32,
        GraphHandle,
        ProgramHandle,
        MatHandle,
        POINTER(c_uint64),
        c_int64,
        POINTER(c_uint64),
        c_int64,
        POINTER(MatHandle),
    ),
    "recurrent_softmax": (c_int32, MatHandle, POINTER(MatHandle)),
    "recurrent_argmax": (c_int32, c_int32, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_sample": (c_int32, c_int32, c_void_p, c_int64, RandomHandle, POINTER(c_int64)),
    "recurrent_probabilities": (
        c_int32,
        c_int32,
        c_void_p,
        c_int64,
        c_char_p,
        c_int64,
        POINTER(c_int64),
        c_int64,
        c_void_p,
    ),
    "recurrent_network_create": (c_int32, c_char_p, c_int64, RandomHandle, POINTER(NetworkHandle)),
    "recurrent_network_free": (c_int32, NetworkHandle),
    "recurrent_network_describe": (c_int32, NetworkHandle, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_network_program": (c_int32, NetworkHandle, c_int64, POINTER(ProgramHandle)),
    "recurrent_network_initialize": (c_int32, NetworkHandle, c_char_p, c_int64, RandomHandle),
    "recurrent_network_set_dropout": (c_int32, NetworkHandle, c_double, RandomHandle),
    "recurrent_network_parameter": (c_int32, NetworkHandle, c_char_p, c_int64, POINTER(MatHandle)),
    "recurrent_network_parameter_count": (c_int32, NetworkHandle, POINTER(c_int64)),
    "recurrent_network_parameter_name": (
        c_int32,
        NetworkHandle,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_network_flat": (c_int32, NetworkHandle, POINTER(MatHandle)),
    "recurrent_network_forward": (
        c_int32,
        NetworkHandle,
        GraphHandle,
        MatHandle,
        POINTER(c_uint64),
        POINTER(c_uint64),
        POINTER(MatHandle),
        POINTER(MatHandle),
        POINTER(MatHandle),
    ),
    "recurrent_network_state_count": (c_int32, NetworkHandle, c_int64, POINTER(c_int64)),
    "recurrent_network_initial_state": (c_int32, NetworkHandle, c_int64, c_void_p),
    "recurrent_network_forward_sequence": (
        c_int32,
        NetworkHandle,
        c_void_p,
        POINTER(c_int64),
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_int32,
        c_void_p,
        c_void_p,
    ),
    "recurrent_network_infer_sequence": (
        c_int32,
        NetworkHandle,
        c_void_p,
        POINTER(c_int64),
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_void_p,
        c_void_p,
    ),
    "recurrent_network_backward_sequence": (c_int32, NetworkHandle, c_void_p, c_void_p, c_void_p, c_void_p),
    "recurrent_network_activation": (c_int32, NetworkHandle, c_char_p, c_int64, c_void_p),
    "recurrent_network_train_step": (
        c_int32,
        NetworkHandle,
        OptimizerHandle,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_void_p,
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_double,
        c_double,
        c_double,
        c_int64,
        c_void_p,
        POINTER(StepResult),
    ),
    "recurrent_network_loss": (
        c_int32,
        NetworkHandle,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_void_p,
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_void_p,
        POINTER(c_double),
    ),
    "recurrent_network_gradient": (
        c_int32,
        NetworkHandle,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_void_p,
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        c_void_p,
        POINTER(c_double),
    ),
    "recurrent_network_step": (c_int32, NetworkHandle, c_int64, c_void_p, c_void_p, c_void_p),
    "recurrent_network_beam_search": (
        c_int32,
        NetworkHandle,
        POINTER(c_int64),
        c_int64,
        c_int64,
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_int64),
        POINTER(c_double),
        POINTER(c_int64),
    ),
    "recurrent_generator_create": (
        c_int32,
        NetworkHandle,
        c_char_p,
        c_int64,
        POINTER(c_int64),
        c_int64,
        POINTER(c_int64),
        c_int64,
        c_void_p,
        RandomHandle,
        POINTER(GeneratorHandle),
    ),
    "recurrent_generator_create_text": (
        c_int32,
        TextModelHandle,
        c_char_p,
        c_int64,
        c_char_p,
        c_int64,
        RandomHandle,
        POINTER(GeneratorHandle),
    ),
    "recurrent_generator_free": (c_int32, GeneratorHandle),
    "recurrent_generator_next": (
        c_int32,
        GeneratorHandle,
        c_int64,
        POINTER(c_int64),
        POINTER(c_double),
        POINTER(c_int64),
    ),
    "recurrent_generator_next_text": (
        c_int32,
        GeneratorHandle,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
        POINTER(c_int32),
    ),
    "recurrent_generator_next_characters": (
        c_int32,
        GeneratorHandle,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
        POINTER(c_int32),
    ),
    "recurrent_generators_next": (
        c_int32,
        POINTER(c_uint64),
        c_int64,
        c_int64,
        POINTER(c_int64),
        POINTER(c_double),
        POINTER(c_int64),
    ),
    "recurrent_generators_next_text": (
        c_int32,
        POINTER(c_uint64),
        c_int64,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
        POINTER(c_int32),
    ),
    "recurrent_generator_state": (c_int32, GeneratorHandle, c_void_p),
    "recurrent_optimizer_create": (c_int32, c_char_p, c_int64, POINTER(OptimizerHandle)),
    "recurrent_optimizer_free": (c_int32, OptimizerHandle),
    "recurrent_optimizer_describe": (c_int32, OptimizerHandle, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_optimizer_get_learning_rate": (c_int32, OptimizerHandle, POINTER(c_double)),
    "recurrent_optimizer_set_learning_rate": (c_int32, OptimizerHandle, c_double),
    "recurrent_optimizer_step": (
        c_int32,
        OptimizerHandle,
        POINTER(c_char_p),
        POINTER(c_int64),
        POINTER(c_uint64),
        c_int64,
        c_double,
        c_double,
        c_double,
        POINTER(StepResult),
    ),
    "recurrent_optimizer_step_network": (
        c_int32,
        OptimizerHandle,
        NetworkHandle,
        c_double,
        c_double,
        c_double,
        POINTER(StepResult),
    ),
    "recurrent_optimizer_name_count": (c_int32, OptimizerHandle, POINTER(c_int64)),
    "recurrent_optimizer_name": (c_int32, OptimizerHandle, c_int64, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_optimizer_steps": (c_int32, OptimizerHandle, c_char_p, c_int64, POINTER(c_int64)),
    "recurrent_optimizer_state_count": (c_int32, OptimizerHandle, POINTER(c_int64)),
    "recurrent_optimizer_state_name": (
        c_int32,
        OptimizerHandle,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_optimizer_state": (c_int32, OptimizerHandle, c_int64, c_char_p, c_int64, POINTER(MatHandle)),
    "recurrent_optimizer_load_state": (
        c_int32,
        OptimizerHandle,
        c_char_p,
        c_int64,
        POINTER(c_char_p),
        POINTER(c_int64),
        POINTER(c_int64),
        POINTER(c_uint64),
        c_int64,
    ),
    "recurrent_text_model_create": (
        c_int32,
        c_char_p,
        c_int64,
        POINTER(c_char_p),
        POINTER(c_int64),
        c_int64,
        RandomHandle,
        POINTER(TextModelHandle),
    ),
    "recurrent_text_model_free": (c_int32, TextModelHandle),
    "recurrent_text_model_describe": (c_int32, TextModelHandle, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_text_model_get_info": (c_int32, TextModelHandle, POINTER(TextModelInfo)),
    "recurrent_text_model_vocabulary": (c_int32, TextModelHandle, POINTER(c_uint32), c_int64),
    "recurrent_text_model_tokenizer": (c_int32, TextModelHandle, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_text_model_network": (c_int32, TextModelHandle, POINTER(NetworkHandle)),
    "recurrent_text_model_optimizer": (c_int32, TextModelHandle, POINTER(OptimizerHandle)),
    "recurrent_text_model_set_optimizer": (c_int32, TextModelHandle, OptimizerHandle),
    "recurrent_text_model_get_metadata": (
        c_int32,
        TextModelHandle,
        c_char_p,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_text_model_set_metadata": (c_int32, TextModelHandle, c_char_p, c_int64, c_char_p, c_int64),
    "recurrent_text_model_encode": (
        c_int32,
        TextModelHandle,
        c_char_p,
        c_int64,
        c_int32,
        c_uint32,
        POINTER(c_int64),
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_text_model_decode": (
        c_int32,
        TextModelHandle,
        POINTER(c_int64),
        c_int64,
        c_void_p,
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_text_model_train_step": (
        c_int32,
        TextModelHandle,
        POINTER(c_int64),
        POINTER(c_int64),
        c_int64,
        c_int64,
        POINTER(c_int64),
        c_int64,
        c_int64,
        c_double,
        c_double,
        c_double,
        POINTER(StepResult),
    ),
    "recurrent_text_model_reset_state": (c_int32, TextModelHandle),
    "recurrent_text_model_get_state": (c_int32, TextModelHandle, c_void_p),
    "recurrent_text_model_set_state": (c_int32, TextModelHandle, c_void_p, c_int64, c_int64),
    "recurrent_text_model_random": (c_int32, TextModelHandle, POINTER(RandomHandle)),
    "recurrent_text_model_evaluate": (
        c_int32,
        TextModelHandle,
        POINTER(c_int64),
        POINTER(c_int64),
        c_int64,
        c_int64,
        c_int64,
        c_void_p,
        POINTER(c_int64),
        POINTER(c_double),
    ),
    "recurrent_text_model_save": (c_int32, TextModelHandle, c_char_p, c_int64, c_int32, c_int32),
    "recurrent_text_model_load": (c_int32, c_char_p, c_int64, POINTER(TextModelHandle)),
    "recurrent_text_model_write": (c_int32, TextModelHandle, c_int32, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_text_model_read": (c_int32, c_char_p, c_int64, POINTER(TextModelHandle)),
    "recurrent_network_save": (
        c_int32,
        NetworkHandle,
        OptimizerHandle,
        RandomHandle,
        c_char_p,
        c_int64,
        c_int32,
    ),
    "recurrent_network_load": (
        c_int32,
        c_char_p,
        c_int64,
        POINTER(NetworkHandle),
        POINTER(OptimizerHandle),
        POINTER(RandomHandle),
    ),
    "recurrent_network_write": (
        c_int32,
        NetworkHandle,
        OptimizerHandle,
        RandomHandle,
        c_void_p,
        c_int64,
        POINTER(c_int64),
    ),
    "recurrent_network_read": (
        c_int32,
        c_char_p,
        c_int64,
        POINTER(NetworkHandle),
        POINTER(OptimizerHandle),
        POINTER(RandomHandle),
    ),
    "recurrent_network_get_metadata": (c_int32, NetworkHandle, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_network_set_metadata": (c_int32, NetworkHandle, c_char_p, c_int64),
    "recurrent_file_kind": (c_int32, c_char_p, c_int64, c_void_p, c_int64, POINTER(c_int64)),
    "recurrent_sentence_model_create": (
        c_int32,
        c_char_p,
        c_int64,
        POINTER(c_char_p),
        POINTER(c_int64),
        c_int64,
        RandomHandle,
        POINTER(TextModelHandle),
    ),
    "recurrent_sentence_model_tick": (
        c_int32,
        TextModelHandle,
        c_char_p,
        c_int64,
        c_double,
        c_double,
        c_double,
        POINTER(c_double),
        POINTER(StepResult),
    ),
    "recurrent_sentence_model_cost": (
        c_int32,
        TextModelHandle,
        c_char_p,
        c_int64,
        POINTER(c_double),
        POINTER(c_double),
    ),
    "recurrent_sentence_model_save": (c_int32, TextModelHandle, c_char_p, c_int64, c_int32),
    "recurrent_sentence_model_load": (c_int32, c_char_p, c_int64, c_int32, POINTER(TextModelHandle)),
    "recurrent_set_num_threads": (c_int32, c_int64),
    "recurrent_get_num_threads": (c_int64,),
    "recurrent_set_interrupt_check": (c_int32, c_void_p),
    "recurrent_is_interrupt_check": (c_int32,),
    "recurrent_python_set_interrupt_check": (c_int32, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "recurrent_python_raise": (c_int32,),
}
