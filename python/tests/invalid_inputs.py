"""Bad calls to every function of recurrent.h, one process for a group of functions; test_invalid_inputs.py runs it.

    python invalid_inputs.py TRACE FOLDER EXAMPLES FUNCTION...

Each function is called with arguments that are good, then with each argument bad in turn, then with mixtures that
hypothesis chooses. A failing call must return a status, explain itself, leave its outputs alone and change nothing.
The file TRACE holds the call that is next, in case the process does not survive it.

Pointers are NULL or good, never garbage; sizes exceed true buffers only where the library can detect it.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st

from contract import Parameter, declarations, fitting, handle_types, header, integers
from recurrent import _c

# a library object of its own: no errcheck, pointers as plain numbers
lib = ctypes.CDLL(_c.lib._name)
TYPES = integers()
DECLARATIONS = declarations()
for _name, (_result, _parameters) in DECLARATIONS.items():
    _function = getattr(lib, _name)
    _function.restype = fitting(_result, TYPES)[0]
    _function.argtypes = [TYPES.get(p.c_type, ctypes.c_void_p) for p in _parameters]

KINDS = handle_types()
MIN32, MAX32, MIN64, MAX64 = -(2**31), 2**31 - 1, -(2**63), 2**63 - 1
NULL, HANDLE, KIND, SHAPE, TYPE, VALUE, INDEX, NO_MEMORY, FORMAT, NOT_FINITE, STALE, SHORT = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    11,
    13,
    14,
)


class Memory:
    """A buffer at a known address. Outputs are filled with a sentinel that a failing call must leave."""

    def __init__(self, content: bytes | int, align: int = 0) -> None:
        self.is_output = isinstance(content, int)
        raw = b"\xa5" * content if isinstance(content, int) else content
        self._block = ctypes.create_string_buffer(raw, len(raw) + 16)
        start = ctypes.addressof(self._block)
        self.address = (start + 7) // 8 * 8 + align
        ctypes.memmove(self.address, raw, len(raw))
        self._raw = raw

    def is_untouched(self) -> bool:
        return ctypes.string_at(self.address, len(self._raw)) == self._raw

    def restore(self) -> None:
        """Undoes what a call has written."""
        ctypes.memmove(self.address, self._raw, len(self._raw))


class Choice(NamedTuple):
    """An argument, and the statuses of which it must return one; empty if success is allowed too."""

    label: str
    value: Any
    must: frozenset[int] = frozenset()


def bad(label: str, value: Any, *must: int) -> Choice:
    return Choice(label, value, frozenset(must))


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *(v & (2**64 - 1) for v in values))


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def make(function: str, *arguments: Any) -> int:
    """A handle, from a call that must succeed."""
    out = ctypes.c_uint64()
    status = getattr(lib, function)(*arguments, ctypes.addressof(out))
    assert status == 0, f"{function}: {lib.recurrent_last_error().decode()}"
    return out.value


class Bench:
    """Objects of every kind to call with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = make("recurrent_random_create", 7)
        self.graph = make("recurrent_graph_create", 1)
        self.mats = {
            (n, d): self.new_mat(n, d)
            for n, d in ((3, 4), (4, 2), (3, 1), (3, 2), (2, 2), (3, 3), (12, 4), (12, 3), (12, 1), (1, 1))
        }
        self.other = self.new_mat(3, 4)
        self.doubles = {shape: self.new_mat(*shape, 1) for shape in self.mats}
        self.network = self.from_settings("recurrent_network_create", SETTINGS["network_create"], self.random)
        self.plain = self.from_settings(
            "recurrent_network_create",
            {"cell": "rnn_tanh", "input_size": 4, "hidden_sizes": [3, 2], "output_size": 4, "embedding": 3},
            self.random,
        )
        self.optimizer = self.from_settings(
            "recurrent_optimizer_create", {"name": "recurrentjs", "decay_rate": 0.9}
        )
        text = Memory(b"abba")
        texts, lengths = Memory(words(text.address)), Memory(words(4))
        given = (texts.address, lengths.address, 1, self.random)
        self.text_model = self.from_settings(
            "recurrent_text_model_create", {**SETTINGS["text_model_create"], "dropout": 0.5}, *given
        )
        self.sentences = self.from_settings(
            "recurrent_sentence_model_create", SETTINGS["sentence_model_create"], *given
        )
        key, metadata = Memory(b"user"), Memory(b"notes")
        assert lib.recurrent_text_model_set_optimizer(self.text_model, self.optimizer) == 0
        carried = Memory(bytes(80))
        assert lib.recurrent_text_model_set_state(self.text_model, carried.address, 2, 0) == 0
        assert (
            lib.recurrent_text_model_set_metadata(self.text_model, key.address, 4, metadata.address, 5) == 0
        )
        prompt = Memory(words(0, 3))
        self.generator = make(
            "recurrent_generator_create", self.plain, None, 0, prompt.address, 2, None, 0, None, self.random
        )
        self.writer = make(
            "recurrent_generator_create_text", self.text_model, None, 0, text.address, 4, self.random
        )
        self.step, self.step_value = self.new_step()
        after = Memory(words(self.step_value))
        self.program = make("recurrent_step_finish", self.step, after.address, 1)
        place = Memory(8)
        self.pin = make("recurrent_mat_pin_dw", self.other, place.address)
        self.loss = make("recurrent_graph_sum", self.graph, self.mats[3, 4], -1)
        stepped = Memory(words(self.mats[3, 1]))
        name, length = Memory(b"W"), Memory(words(1))
        names = Memory(words(name.address))
        status = lib.recurrent_optimizer_step(
            self.optimizer, names.address, length.address, stepped.address, 1, 0.1, 0.0, 1.0, None
        )
        assert status == 0, lib.recurrent_last_error()
        self.spent = make("recurrent_graph_create", 1)
        self.stale = {
            shape: make("recurrent_graph_unary", self.spent, 0, m, 0.0) for shape, m in self.mats.items()
        }
        lib.recurrent_graph_reset(self.spent)
        self.freed = self.new_mat(1, 1)
        lib.recurrent_mat_free(self.freed)

    @staticmethod
    def from_settings(function: str, settings: dict[str, Any], *arguments: Any) -> int:
        raw = json.dumps(settings).encode()
        memory = Memory(raw)
        return make(function, memory.address, len(raw), *arguments)

    def new_mat(self, n: int, d: int, dtype: int = 0) -> int:
        numbers = [math.sin(i + 1) for i in range(n * d)]
        raw = Memory(struct.pack(f"<{n * d}{'fd'[dtype]}", *numbers))
        return make("recurrent_mat_create_from", dtype, n, d, raw.address, n * d)

    def new_step(self) -> tuple[int, int]:
        """A step with h' = tanh(W x + h), and its value."""
        raw = json.dumps(SETTINGS["step_create"]).encode()
        places = {name: Memory(8) for name in ("step", "graph", "x", "state", "W")}
        pointers = [place.address for place in places.values()]
        settings = Memory(raw)
        status = lib.recurrent_step_create(settings.address, len(raw), *pointers[:4], 1, pointers[4], 1)
        assert status == 0, lib.recurrent_last_error()
        step, graph, x, state, weight = (
            struct.unpack("<Q", ctypes.string_at(place.address, 8))[0] for place in places.values()
        )
        product = make("recurrent_graph_mul", graph, weight, x)
        total = make("recurrent_graph_binary", graph, 0, product, state)
        value = make("recurrent_graph_unary", graph, 0, total, 0.0)
        for mat in (x, state, weight, product, total):
            lib.recurrent_mat_free(mat)
        lib.recurrent_graph_free(graph)
        return step, value

    def handles(self) -> list[tuple[str, int]]:
        """Every object, with its kind."""
        own = [(kind, getattr(self, kind)) for kind in KINDS if kind != "mat"]
        own += [("graph", self.spent), ("network", self.plain), ("text_model", self.sentences)]
        own += [("generator", self.writer)]
        many = (self.mats, self.doubles, self.stale)
        own += [("mat", m) for mats in many for m in mats.values()]
        return [*own, ("mat", self.other), ("mat", self.loss), ("mat", self.step_value)]

    def close(self) -> None:
        for kind, handle in self.handles():
            getattr(lib, f"recurrent_{kind}_free")(handle)

    def bad_handles(self, kind: str) -> list[Choice]:
        good = getattr(self, kind, None) or self.mats[3, 4]
        choices = [
            bad("0", 0, NULL),
            bad("freed", self.freed, HANDLE),
            bad("another generation", good + 2**32, HANDLE),
            bad("an earlier generation", (good - 2**32) % 2**64, HANDLE),
            bad("another slot", good + 1000, HANDLE),
            bad("kind 0", good & ~(15 << 28), HANDLE),
            bad("kind 15", good | 15 << 28, HANDLE),
            bad("a forged kind", good ^ 1 << 28, HANDLE),
            bad("1", 1, HANDLE),
            bad("all bits", 2**64 - 1, HANDLE),
        ]
        for other in KINDS:
            if other != kind:
                choices.append(bad(f"a {other}", getattr(self, other, None) or self.mats[3, 4], KIND))
        return choices

    def snapshot(self) -> tuple[Any, ...]:
        """What a failing call must leave as it is."""
        state, count, info, text = Memory(88), Memory(8), Memory(32), Memory(72)
        found: list[Any] = [lib.recurrent_object_count()]
        if lib.recurrent_random_get_state(self.random, state.address) == 0:
            found.append(ctypes.string_at(state.address, 88))
        if lib.recurrent_graph_count(self.graph, count.address) == 0:
            found.append(ctypes.string_at(count.address, 8))
        if lib.recurrent_optimizer_name_count(self.optimizer, count.address) == 0:
            found.append(ctypes.string_at(count.address, 8))
        inner = ctypes.c_uint64()
        if lib.recurrent_text_model_optimizer(self.sentences, ctypes.addressof(inner)) == 0:
            lib.recurrent_optimizer_name_count(inner, count.address)
            found.append(ctypes.string_at(count.address, 8))
            lib.recurrent_optimizer_free(inner)
        flats = []
        for model in (self.sentences, self.text_model):
            if lib.recurrent_text_model_network(model, ctypes.addressof(inner)) == 0:
                flats.append(make("recurrent_network_flat", inner))
                lib.recurrent_network_free(inner)
        if lib.recurrent_text_model_get_info(self.text_model, text.address) == 0:
            found.append(ctypes.string_at(text.address, 24))
        for generator, size in ((self.generator, 20), (self.writer, 40)):
            if lib.recurrent_generator_state(generator, text.address) == 0:
                found.append(ctypes.string_at(text.address, size))
        if lib.recurrent_network_flat(self.network, ctypes.addressof(inner)) == 0:
            flats.append(inner.value)
        for mat in (*flats, *self.mats.values(), *self.doubles.values()):
            if lib.recurrent_mat_describe(mat, info.address) != 0:
                continue
            n, d, _, dtype = struct.unpack("<qqqi", ctypes.string_at(info.address, 28))
            for numbers in (lib.recurrent_mat_w, lib.recurrent_mat_dw):
                assert numbers(mat, count.address) == 0
                (address,) = struct.unpack("<Q", ctypes.string_at(count.address, 8))
                found.append(ctypes.string_at(address, n * d * (8 if dtype else 4)))
        for flat in flats:
            lib.recurrent_mat_free(flat)
        return tuple(found)


# ---- what to pass, by the names in recurrent.h

# sizes of operands; 3 x 4 where nothing is said
SHAPES = {
    "mul": {"b": (4, 2)},
    "bmm": {"b": (2, 2)},
    "layer_norm": {"gain": (3, 1), "bias": (3, 1)},
    "rnn": {"x": (4, 2), "h": (3, 2), "Wx": (3, 4), "Wh": (3, 3), "b": (3, 1)},
    "lstm": {"x": (4, 2), "h": (3, 2), "c": (3, 2), "Wx": (12, 4), "Wh": (12, 3), "b": (12, 1)},
    "forward": {"x": (4, 2)},
}
# what an output holds, in bytes; 8 where nothing is said
OUTPUTS = {"words": 24, "state": 88, "info": 72, "tokens": 32, "result": 32, "name": 40, "settings": 600, "text": 400,
           "bytes": 1 << 16, "kind": 40, "metadata": 300, "vocabulary": 8, "next_h": 16, "next_c": 16,
           "probabilities": 16, "values": 48, "operands": 96, "json": 40}  # fmt: skip
OPTIONAL = {("optimizer_step", "result"), ("optimizer_step_network", "result"), ("text_model_train_step", "result"),
            ("text_model_train_step", "resets"), ("text_model_evaluate", "resets"),
            ("sentence_model_tick", "result"), ("sentence_model_tick", "perplexity"),
            ("sentence_model_cost", "perplexity"), ("generator_next", "log_probabilities"),
            ("generators_next", "log_probabilities"),
            ("network_load", "optimizer"), ("network_load", "random"), ("network_read", "optimizer"),
            ("network_read", "random")}  # fmt: skip
# handles that may be 0
MAY_BE_0 = {(f"network_{name}", kind) for name in ("save", "write") for kind in ("optimizer", "random")}
GOOD_NUMBERS = {"low": -1.0, "high": 1.0, "std": 1.0, "mean": 0.0}
# settings that must be above 0, at least 0, below 1
POSITIVE = {"epsilon", "clip", "clipval"}
# infinity stands for no clipping
UNBOUNDED = {"clip", "clipval"}
NOT_NEGATIVE = {"std", "learning_rate", "weight_decay", "regc", "p"}
BELOW_ONE = {"p"}
CODES = {"dtype": 0, "axis": 0, "scope": 0, "reduction": 0, "needs_backprop": 1, "errors": 0, "operation": 0,
         "training": 0, "overwrite": 1, "weights_only": 0, "transpose_a": 0}  # fmt: skip
SAMPLER = {"temperature": 0.8, "top_k": 2, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 1.2,
           "repetition_window": 4}  # fmt: skip
# good settings of the functions that take some
SETTINGS: dict[str, dict[str, Any]] = {
    "network_create": {"cell": "lstm", "input_size": 4, "hidden_sizes": [3, 2], "output_size": 5},
    "network_initialize": {"recurrent": "orthogonal", "input": "glorot", "chrono": 9},
    "optimizer_create": {"name": "adam", "learning_rate": 0.5},
    "optimizer_load_state": {"name": "recurrentjs", "decay_rate": 0.9, "learning_rate": 0.5},
    "step_create": {"inputs": 4, "states": [3], "parameters": [{"name": "W", "n": 3, "d": 4}]},
    "text_model_create": {"hidden_sizes": [3, 2], "embedding": 3},
    "sentence_model_create": {"hidden_sizes": [3, 2], "embedding": 3},
    "probabilities": SAMPLER,
    "generator_create": {**SAMPLER, "max_tokens": 20},
    "generator_create_text": {**SAMPLER, "max_tokens": 20, "stop": ["ba", "bb"]},
}
# values that each setting must not have; JSON's numbers as they are written
_SIZES = ["0", "-1", "2.5", "1e300", "2147483648", "4611686018427387904", '"3"', "true"]
_NOT_NUMBERS = ['"1"', "true", "[1]", "{}", "1e300", "1e999", "NaN"]
WRONG: dict[str, list[str]] = {
    "cell": ['"mamba"', "1", "null"], "input_size": _SIZES, "output_size": _SIZES, "embedding": _SIZES,
    "hidden_sizes": ["[]", "[0]", "[-1]", "[2.5]", "3", '["3"]', "[4611686018427387904]", "null"],
    "tied": ["1", '"true"'], "learned_initial_state": ["1", "null"], "residual": ["0", "true"],
    "variational": ["0", '"a"'], "bidirectional": ["1"],
    "recurrent": ['"normal"', "-1", "[]"], "input": ['"normal"', "true", "[]"], "chrono": ["2", "-1", *_NOT_NUMBERS],
    "dropout": ["1", "-0.1", *_NOT_NUMBERS], "forget_bias": _NOT_NUMBERS,
    "init": ['"normal"', "-0.1", "1e300", "true", "[]", "{}"],
    "dtype": ['"float16"', "0"], "name": ['"lion"', "0", "null"],
    "learning_rate": ["-1", *_NOT_NUMBERS], "betas": ["0.9", "[0.9]", "[0.9, 1]", "[-0.1, 0.9]"],
    "groups": ["[]", "1", '{"b": 1}', '{"b": {"lr": 1}}', '{"b": {"learning_rate": -1}}',
               '{"b": {"weight_decay": "1"}}'],
    "eps": ["-1", *_NOT_NUMBERS], "clipping": ['"norm"', "1"], "tokenizer": ['"words"', '"letters"', "0"],
    "vocabulary_size": ["4", "-1", "2.5", '"4"'],
    "temperature": ["-1", *_NOT_NUMBERS], "top_k": ["0", "-1", "1.5", '"2"'], "top_p": ["0", "-0.1", "1.1", "true"],
    "min_p": ["-0.1", "1.1", '"0"'], "repetition_penalty": ["0", "-1", *_NOT_NUMBERS],
    "repetition_window": ["-1", "0.5", '"4"'], "max_tokens": ["-1", "0.5", "1e300", '"9"'],
    "end": ["4", "-2", "1e300", '"a"'], "stop": ['"ba"', '[""]', "[1]", "{}"], "errors": ['"skip"', "0"],
    "replacement": ["1", '"ab"'], "inputs": [v for v in _SIZES if v != "0"],
    "states": ["[]", "[0]", "[-1]", "[2.5]", "3", '["3"]', "[4611686018427387904]", "null"],
    "parameters": ["3", "[1]", '[{"n": 1, "d": 1}]',
                   '[{"name": "", "n": 1, "d": 1}]', '[{"name": "W", "n": 0, "d": 1}]',
                   '[{"name": "W", "n": 65536, "d": 65536}]', '[{"name": "W", "n": 1, "d": 1, "initial": "a"}]'],
}  # fmt: skip
# the settings of each function by the functions' subjects
_NETWORK = [
    "hidden_sizes",
    "embedding",
    "cell",
    "tied",
    "dropout",
    "forget_bias",
    "init",
    "learned_initial_state",
    "residual",
    "variational",
    "bidirectional",
    "dtype",
]
TAKES = {
    "network_create": ["input_size", "output_size", *_NETWORK],
    "network_initialize": ["recurrent", "input", "chrono"],
    "step_create": ["inputs", "states", "parameters", "dtype"],
    "optimizer_create": ["name", "learning_rate", "betas", "eps", "clipping", "groups"],
    "optimizer_load_state": ["name", "learning_rate", "clipping"],
    "text_model_create": [*_NETWORK, "tokenizer", "vocabulary_size"],
    "sentence_model_create": _NETWORK,
    "probabilities": list(SAMPLER),
    "generator_create": [*SAMPLER, "max_tokens", "end"],
    "generator_create_text": [*SAMPLER, "max_tokens", "stop", "errors", "replacement"],
}
# the bytes of every settings argument; spaces fill them
SETTINGS_BYTES = 300
BIG = (2**31, 2**32 + 3, 2**62, MAX64)
# a process has 2^47 bytes of addresses
IMPOSSIBLE = (2**47, 2**48 + 1, 2**53, 2**60, 2**61 + 5, 2**62, 2**63 - 8)
# limits, and a token that is not read beside x
NO_SIZES = {
    ("text_model_evaluate", "max_steps"),
    ("text_model_evaluate", "batch_size"),
    ("network_step", "token"),
    ("text_model_set_state", "step"),
}


class Call:
    """The choices for each argument of a function, the good one first."""

    def __init__(self, function: str, bench: Bench) -> None:
        self.function, self.bench = function, bench
        self.name = function.removeprefix("recurrent_")
        self.last = self.name.removeprefix("graph_").removeprefix("network_")
        parameters = DECLARATIONS[function][1]
        over_sequences = {
            **self.over_sequences(), **self.over_text(), **self.over_generators(), **self.over_programs(),
        }  # fmt: skip
        self.arguments = [
            [*(over_sequences.get(p.name) or self.choices(p)), *self.impossible(p)] for p in parameters
        ]
        if self.name in {"network_backward_sequence", "network_activation"}:
            # both need a forward
            forward = Call("recurrent_network_forward_sequence", bench)
            attempt(forward, [choices[0] for choices in forward.arguments], check=False)

    def impossible(self, p: Parameter) -> list[Choice]:
        """Sizes of which no process has the memory."""
        if p.c_type != "int64_t" or (self.name, p.name) in NO_SIZES:
            return []
        return [bad(str(v), v, SHAPE, VALUE, INDEX, NO_MEMORY) for v in IMPOSSIBLE]

    def over_sequences(self) -> dict[str, list[Choice]]:
        """Arguments of the functions over sequences in the caller's memory: two steps of two sequences."""
        if self.name == "set_num_threads":
            return {
                "count": [Choice("2", 2), *(bad(str(v), v, VALUE, SHAPE) for v in (0, -1, 257, MIN64, *BIG))]
            }
        if self.name in {"network_state_count", "network_initial_state"}:
            wrong = (0, -1, MIN64, MAX64, 2**62)
            return {
                "batch_size": [Choice("2", 2), *(bad(str(v), v, SHAPE, VALUE) for v in wrong)],
                "state": [
                    Choice("good", Memory(80)), bad("NULL", None, NULL), bad("misaligned", Memory(80, 1), VALUE)
                ],
            }  # fmt: skip
        if self.name == "probabilities":
            return self.choosing(1, 2, below=3)
        writes = self.name in {"network_beam_search", "generator_create"}
        if not writes and self.name not in {
            "network_forward_sequence", "network_infer_sequence", "network_backward_sequence",
            "network_train_step", "network_loss", "network_gradient",
            "network_step",
        }:  # fmt: skip
            return {}
        one = writes or self.name == "network_step"
        rows, width = (1 if one else 4), (5 if writes else 10) * (1 if one else 2)

        def given(count: int) -> list[Choice]:
            raw = floats(*(0.1 * (i % 7) for i in range(count)))
            return [
                Choice("good", Memory(raw)),
                Choice("NULL", None),
                bad("misaligned", Memory(raw, 1), VALUE),
            ]

        def received(count: int, *null: int) -> list[Choice]:
            choices = [Choice("good", Memory(4 * count)), bad("NULL", None, *null)]
            return [*choices, bad("misaligned", Memory(4 * count, 1), VALUE)]

        def chosen(good: tuple[int, ...], *wrong: int) -> list[Choice]:
            choices = [
                Choice("good", Memory(words(*good))),
                bad("misaligned", Memory(words(*good), 4), VALUE),
            ]
            # the first, since the last is beyond the lengths (2, 1)
            return choices + [
                bad(f"first {v}", Memory(words(v, *good[1:])), INDEX, SHAPE, VALUE) for v in wrong
            ]

        # so large that no buffer could hold it
        sizes = [Choice("2", 2), *(bad(str(v), v, SHAPE, 8) for v in (0, -1, MIN64, *BIG))]
        none = [Choice("NULL", None)]
        searches = self.name == "network_beam_search"
        counts = [Choice("3", 3), Choice("0", 0), *(bad(str(v), v, SHAPE, VALUE) for v in (-1, MIN64, MAX64))]
        return {
            **self.choosing(1, 3, below=4),
            "end": [Choice("-1", -1), Choice("2", 2), *(bad(str(v), v, INDEX) for v in (4, -2, MIN64, *BIG))],
            "beams": [Choice("2", 2), *(bad(str(v), v, VALUE, SHAPE) for v in (0, -1, 4097, MIN64, *BIG))],
            "log_probabilities": received(4, NULL), "count": received(2, NULL), "max_tokens": counts,
            "x": given(4 * rows) if self.name != "network_backward_sequence" else none,
            "tokens": received(12, NULL) if searches else none,
            "T": sizes, "B": sizes,
            "memory": [Choice("0", 0), Choice("1 GiB", 1 << 30),
                       *(bad(str(v), v, VALUE) for v in (-1, 1, MIN64))],
            "state": received(width, NULL) if one and not writes else given(width),
            "lengths": received(4, NULL) if searches
                       else [*chosen((2, 1), -1, 3, MIN64, MAX64), Choice("NULL", None)],
            "resets": [*chosen((0, 1, 1, 0), -1, 2, MIN64, MAX64), Choice("NULL", None)],
            "y": received(5 * rows, *[] if one else [NULL]), "final_state": received(width),
            "dy": [given(5 * rows)[0], bad("NULL", None, NULL)], "dfinal": given(width),
            "dx": received(4 * rows), "dstate": received(width),
            "classes": [*chosen((0, 4, -1, 1), 5, -2, MIN64, MAX64), bad("NULL", None, NULL)], "values": none,
            "result": [Choice("good", Memory(24)), Choice("NULL", None)],
            "token": [Choice("0", 0), Choice("-1", -1), Choice("MIN", MIN64), Choice("MAX", MAX64)],
            "network": [Choice("good", self.bench.plain if writes else self.bench.network),
                        *self.bench.bad_handles("network"),
                        bad("of the other input", self.bench.network if writes else self.bench.plain,
                            *[] if self.name == "network_step" else [VALUE, SHAPE, NULL, STALE])],
            "prompt": [*chosen((0, 3), 4, -1, MIN64, MAX64), bad("NULL", None, NULL)],
            "prompt_length": [Choice("2", 2), *(bad(str(v), v, SHAPE, VALUE) for v in (0, -1, MIN64, MAX64))],
            "random": self.random_or_0(),
        }  # fmt: skip

    def random_or_0(self) -> list[Choice]:
        """A generator that is 0 where the largest score is selected."""
        return [Choice("good", self.bench.random), Choice("0", 0), *self.bench.bad_handles("random")[1:]]

    def over_text(self) -> dict[str, list[Choice]]:
        """Arguments of the functions of text models, whose vocabulary is a and b."""
        if self.name == "generator_create_text":
            name = self.name
        elif (name := self.name.removeprefix("text_model_")) == self.name:
            return {}

        def tokens(*good: int, least: int = 0) -> list[Choice]:
            wrong = [
                bad(f"last {v}", Memory(words(*good[:-1], v)), INDEX) for v in (2, least - 1, MIN64, MAX64)
            ]
            misaligned = bad("misaligned", Memory(words(*good), 4), VALUE)
            return [Choice("good", Memory(words(*good))), bad("NULL", None, NULL), misaligned, *wrong]

        def resets(*good: int) -> list[Choice]:
            # the second is read by the step that is the good one of an evaluation too
            wrong = [bad(str(v), Memory(words(0, v, *good[2:])), INDEX) for v in (2, -1, MIN64, MAX64)]
            misaligned = bad("misaligned", Memory(words(*good), 4), VALUE)
            return [Choice("good", Memory(words(*good))), Choice("NULL", None), misaligned, *wrong]

        def number(good: int, *wrong: int, zero: int | None = None, must: int = SHAPE) -> list[Choice]:
            zeros = [Choice("0", 0)] if zero is None else [bad("0", 0, zero)]
            return [
                Choice(str(good), good), *zeros,
                *(bad(str(v), v, must, NULL, 8, SHORT) for v in (-1, MIN64, *wrong)),
            ]  # fmt: skip

        text = [
            Choice("good", Memory(b"abba")), bad("NULL", None, NULL), bad("not UTF-8", Memory(b"ab\xffa"), VALUE),
            bad("cut UTF-8", Memory(b"abb\xe2"), VALUE),
        ]  # fmt: skip
        strange = bad("unknown", Memory(b"abca"), VALUE)
        return {
            "get_metadata": {"capacity": [Choice("32", 32), Choice("0", 0), bad("4", 4, SHORT), bad("-1", -1, SHORT)]},
            "set_metadata": {"text": text},
            # that of a vocabulary of characters is ""
            "tokenizer": {"capacity": [Choice("32", 32), Choice("0", 0), bad("-1", -1, SHORT)]},
            "generator_create_text": {
                "prompt": [*text, strange], "prompt_length": number(4), "random": self.random_or_0(),
            },
            "encode": {
                "text": [*text, strange],
                "capacity": [Choice("4", 4), *(bad(str(v), v, SHORT, SHAPE) for v in (3, 0, -1, MIN64))],
                "replacement": [Choice(str(v), v) for v in (97, 0, 0xD800, 2**32 - 1)],
            },
            "decode": {
                "tokens": tokens(0, 1), "count": number(2, MAX64), "capacity": number(8, 7, zero=SHORT, must=SHORT),
            },
            "train_step": {
                "tokens": tokens(0, 1, 1, 0), "targets": tokens(0, 1, -1, 0, least=-1),
                "T": number(2, *BIG, zero=SHAPE), "B": number(2, *BIG, zero=SHAPE),
                "resets": resets(0, 1, 0, 0),
                "result": [Choice("good", Memory(24)), Choice("NULL", None)],
            },
            "get_state": {
                "state": [
                    Choice("good", Memory(80)), bad("NULL", None, NULL), bad("misaligned", Memory(80, 1), VALUE),
                ],
            },
            "set_state": {
                # without a state there are no sequences
                "state": [
                    Choice("good", Memory(bytes(80))), bad("NULL", None, SHAPE),
                    bad("misaligned", Memory(bytes(80), 1), VALUE),
                ],
                "batch_size": [
                    Choice("2", 2), *(bad(str(v), v, SHAPE, VALUE, NO_MEMORY) for v in (0, -1, MIN64, *BIG)),
                ],
                "step": [Choice("3", 3), *(bad(str(v), v, VALUE) for v in (-1, MIN64, MAX64, 2**53 + 1))],
            },
            "evaluate": {
                "tokens": tokens(0, 1, 1, 0, 1), "count": number(5, MAX64, zero=SHAPE),
                "resets": resets(0, 1, 0, 0, 0),
                "batch_size": [*number(2, zero=SHAPE), Choice("MAX", MAX64)],
                "max_steps": [
                    Choice("9", 9), Choice("MAX", MAX64), *(bad(str(v), v, VALUE, SHAPE) for v in (0, -1, MIN64)),
                ],
                "state": [
                    Choice("good", Memory(bytes(160))), bad("NULL", None, NULL),
                    bad("misaligned", Memory(bytes(160), 1), VALUE),
                ],
                "step": [
                    # the second of two: the largest number of steps more must not overflow
                    Choice("good", Memory(words(1))), Choice("0", Memory(words(0))), bad("NULL", None, NULL),
                    *(bad(str(v), Memory(words(v)), VALUE, INDEX, SHAPE) for v in (-1, MIN64, MAX64)),
                ],
                "nats": [Choice("good", Memory(bytes(8))), bad("NULL", None, NULL)],
            },
        }.get(name, {})  # fmt: skip

    def over_generators(self) -> dict[str, list[Choice]]:
        """Arguments of several generators at once: of one."""
        if self.name not in {"generators_next", "generators_next_text"}:
            return {}
        good = self.bench.writer if self.name.endswith("text") else self.bench.generator
        wrong = [c._replace(value=Memory(words(c.value))) for c in self.bench.bad_handles("generator")]
        return {
            "generators": [
                Choice("good", Memory(words(good))), bad("NULL", None, NULL),
                bad("misaligned", Memory(words(good), 4), VALUE), *wrong,
            ],
            "count": [Choice("1", 1), *(bad(str(v), v, SHAPE) for v in (0, -1, 4097, MIN64, *BIG))],
        }  # fmt: skip

    def over_programs(self) -> dict[str, list[Choice]]:
        """Arguments of steps and programs: two time steps of one sequence."""
        if self.name not in {
            "step_create",
            "step_finish",
            "program_describe",
            "graph_scan",
            "graph_forest",
            "graph_reverse_sequence",
            "graph_apply",
            "step_name",
        }:
            return {}
        bench = self.bench
        if self.name == "step_name":
            return {"m": [Choice("good", bench.step_value), *bench.bad_handles("mat")]}

        def mats(good: int) -> list[Choice]:
            wrong = [c._replace(value=Memory(words(c.value))) for c in bench.bad_handles("mat")]
            return [
                Choice("good", Memory(words(good))), bad("NULL", None, NULL),
                bad("misaligned", Memory(words(good), 4), VALUE), *wrong,
                *(Choice(f"{n} x {d}", Memory(words(m))) for (n, d), m in bench.mats.items()),
                Choice("of another type", Memory(words(bench.doubles[3, 1]))),
            ]  # fmt: skip

        def number(good: int, *must: int) -> list[Choice]:
            return [Choice(str(good), good), *(bad(str(v), v, *must, NULL) for v in (0, -1, MIN64))]

        sizes = [Choice("2", 2), *(bad(str(v), v, SHAPE, VALUE) for v in (0, -1, 1, 3, MIN64, *BIG))]
        wrong_lengths = (bad(str(v), Memory(words(v)), INDEX) for v in (-1, 3, MIN64, MAX64))
        if self.name == "graph_reverse_sequence":
            sizes = [choice for choice in sizes if choice.value != 1]
        capacities = {"state_capacity": number(1, SHORT), "parameter_capacity": number(1, SHORT)}
        if self.name == "step_create":
            return capacities
        states = mats(bench.mats[3, 1])
        if self.name == "graph_apply":
            # two columns; 0 stands for zeros
            states = [c for c in mats(bench.mats[3, 2]) if c.label != "0"] + [
                Choice("zeros", Memory(words(0)))
            ]
        # an application without children has no states
        state_counts = [
            Choice("0", 0) if choice.value == 0 and self.name == "graph_apply" else choice
            for choice in number(1, SHAPE)
        ]
        # two time steps of one sequence
        turned = {"m": [Choice("good", bench.mats[4, 2]), *bench.bad_handles("mat")]}
        # 0 stands for evaluation
        drawn = [c for c in bench.bad_handles("random") if c.label != "0"]
        draws = {"random": [Choice("good", bench.random), Choice("0", 0), *drawn]}
        return {
            **(turned if self.name == "graph_reverse_sequence" else {}),
            **(draws if self.name == "graph_scan" else {}),
            "next": mats(bench.step_value), "count": number(1, SHAPE), "T": sizes,
            "capacity": [Choice("400", 400), bad("9", 9, SHORT), *number(400, SHORT)[1:]],
            "text": [Choice("good", Memory(400)), bad("NULL", None, NULL)],
            "x": [Choice("good", bench.mats[4, 2]), *bench.bad_handles("mat"),
                  bad("of another type", bench.doubles[4, 2], TYPE)],
            # a forest's receive handles
            **({} if self.name == "graph_forest" else {"states": states}), "parameters": mats(bench.mats[3, 4]),
            "state_count": state_counts, "parameter_count": number(1, SHAPE),
            "lengths": [Choice("good", Memory(words(1))), Choice("NULL", None), *wrong_lengths,
                        bad("misaligned", Memory(words(1), 4), VALUE)],
            "length_count": number(1, SHAPE),
            "children": [Choice("good", Memory(words(0, 1))), bad("NULL", None, NULL),
                         bad("misaligned", Memory(words(0, 1), 4), VALUE),
                         *(bad(str(v), Memory(words(0, v)), INDEX) for v in (-2, 2, 3, MIN64, MAX64))],
            "child_count": number(2, SHAPE),
            "leaves": mats(bench.mats[3, 1]), "leaf_count": number(1, SHAPE, INDEX),
        }  # fmt: skip

    def choosing(self, *seen: int, below: int) -> dict[str, list[Choice]]:
        """Tokens that were seen."""
        return {
            "history": [
                Choice("good", Memory(words(*seen))),
                bad("NULL", None, NULL),
                bad("misaligned", Memory(words(*seen), 4), VALUE),
                *(bad(f"last {v}", Memory(words(seen[0], v)), INDEX) for v in (below, -1, MIN64, MAX64)),
            ],
            "history_length": [
                Choice("2", 2),
                Choice("0", 0),
                *(bad(str(v), v, SHAPE, VALUE) for v in (-1, MIN64, MAX64)),
            ],
        }

    def settings(self) -> list[Choice]:
        """Settings in JSON of one length: good, damaged, and with each setting wrong in turn."""
        good = json.dumps(SETTINGS[self.name])[1:-1]

        def padded(text: bytes) -> Memory:
            assert len(text) <= SETTINGS_BYTES, text
            return Memory(text.ljust(SETTINGS_BYTES))

        raw = b"{" + good.encode() + b"}"
        damaged = {
            "no object": b"[1]", "a number": b"5", "nothing": b"", "cut": raw[:-1], "two": raw + b"{}",
            "nested": b"[" * SETTINGS_BYTES, "unknown key": raw[:-1] + b', "colour": 1}', "no quotes": b"{cell: 1}",
            "twice": raw[:-1] + b', "x": 1, "x": 2}', "not UTF-8": b'{"\xff": 1}', "NUL": b"\0" * SETTINGS_BYTES,
        }  # fmt: skip
        choices = [Choice("good", padded(raw)), bad("NULL", None, NULL)]
        choices += [bad(label, padded(text), VALUE, FORMAT) for label, text in damaged.items()]
        for key in TAKES[self.name]:
            others = {k: v for k, v in SETTINGS[self.name].items() if k != key}
            if key == "replacement":
                # the other errors do not read it
                others["errors"] = "replace"
            for value in WRONG[key]:
                text = json.dumps({**others, key: "@"}).replace('"@"', value)
                choices.append(bad(f"{key} {value}", padded(text.encode()), VALUE, SHAPE, INDEX, FORMAT))
        return choices

    def choices(self, p: Parameter) -> list[Choice]:
        if p.c_type in TYPES:
            if p.c_type == "double":
                return self.numbers(p.name)
            if p.c_type == "uint64_t":
                return [Choice("7", 7), Choice("0", 0), Choice("all bits", 2**64 - 1)]
            if TYPES[p.c_type] is ctypes.c_uint64:
                return self.handle(p)
            if TYPES[p.c_type] is ctypes.c_int32:
                return self.code(p.name)
            return self.size(p.name)
        if "const" in p.c_type:
            return self.input(p)
        return self.output(p)

    def handle(self, p: Parameter) -> list[Choice]:
        kind = p.c_type.removeprefix("recurrent_")
        bench = self.bench
        others = bench.bad_handles(kind)
        if kind != "mat":
            good = Choice("good", getattr(bench, kind))
            if self.name.startswith("sentence_model_") and kind == "text_model":
                good = Choice("good", bench.sentences)
                others.append(bad("of another tokenizer", bench.text_model, VALUE))
            if self.name in {"generator_next_text", "generator_next_characters"}:
                good = Choice("good", bench.writer)
            if self.name.endswith("_free") or (self.name, kind) in MAY_BE_0:
                others[0] = Choice("0", 0)
            return [good, *others]
        shape = SHAPES.get(self.last, {}).get(p.name, (3, 4))
        mat = bench.loss if self.name == "graph_backward_from" else bench.mats[shape]
        if p.name == "b" and shape == (3, 4):
            mat = bench.other
        choices = [Choice("good", mat), *others]
        if self.name == "mat_free":
            choices[1] = Choice("0", 0)
        elif self.name not in {"mat_describe", "mat_free"}:
            if self.name == "graph_backward_from":
                shape = (1, 1)
            choices.append(bad("a stale Mat", bench.stale[shape], STALE, VALUE))
        if (self.name.startswith("graph_") and "slice" not in self.name) or self.last == "forward":
            choices.append(bad("of another type", bench.doubles[shape], TYPE, VALUE))
        # any shape may come; whether it fits is for the library to say
        return choices + [Choice(f"{n} x {d}", m) for (n, d), m in bench.mats.items()]

    def numbers(self, name: str) -> list[Choice]:
        must = [VALUE]
        choices = [Choice("good", GOOD_NUMBERS.get(name, 0.5))]
        own = name == "learning_rate" and self.name != "optimizer_set_learning_rate"
        # NaN is the optimizer's own learning rate
        # an interval may have no end
        is_end = self.name == "graph_clip"
        choices += [
            bad("nan", math.nan, *[] if own else must),
            bad("-inf", -math.inf, *[] if is_end and name == "low" else must),
        ]
        choices.append(
            bad("inf", math.inf, *[] if name in UNBOUNDED or (is_end and name == "high") else must)
        )
        choices.append(bad("-1", -1.0, *must if name in POSITIVE | NOT_NEGATIVE else []))
        choices.append(bad("0", 0.0, *must if name in POSITIVE else []))
        choices.append(bad("1", 1.0, *must if name in BELOW_ONE else []))
        # beyond float32, the type of the Mats and networks here; draws of a generator are float64
        fits = name in UNBOUNDED or self.name.startswith("random_")
        choices += [bad(str(v), v, *[] if fits else must) for v in (-1e308, 1e308)]
        return choices + [Choice(str(v), v) for v in (5e-324, -0.0, 1e-46)]

    def code(self, name: str) -> list[Choice]:
        # LEAKY_RELU takes a parameter
        good = 3 if self.name == "graph_unary" else CODES[name]
        choices = [Choice(str(good), good)]
        must = [] if name in {"needs_backprop", "transpose_a"} else [VALUE]
        # the other type of numbers would read beyond a buffer of this one
        others = {
            "axis": [-1, 1],
            "operation": [0, 1, 2, 3, *([] if self.name == "graph_unary" else range(4, 12))],
            "errors": [1, 2],
            "reduction": [1],
            "training": [1],
            "dtype": [],
        }.get(name, [0])
        first_bad = {"errors": 3, "operation": 18 if self.name == "graph_unary" else 12}.get(name, 2)
        return choices + [Choice(str(v), v) for v in others] + [
            bad(str(v), v, *must) for v in (-2, first_bad, 99, MIN32, MAX32)
        ]  # fmt: skip

    def size(self, name: str) -> list[Choice]:
        good = {
            ("mat_create", "n"): 3, ("mat_create", "d"): 4, ("mat_create_from", "n"): 3, ("mat_create_from", "d"): 4,
            ("mat_create_from", "count"): 12, ("mat_view", "n"): 2, ("mat_view", "d"): 2,
            ("graph_slice_rows", "count"): 2, ("graph_slice_columns", "count"): 2, ("graph_concat_rows", "count"): 2,
            ("graph_concat_columns", "count"): 2, ("optimizer_step", "count"): 2,
            ("optimizer_load_state", "count"): 2, ("graph_cross_entropy", "count"): 4,
            ("sentence_model_create", "count"): 2, ("text_model_create", "count"): 2,
            ("argmax", "count"): 3, ("sample", "count"): 3, ("graph_bmm", "batches"): 2, ("graph_reshape", "n"): 4,
            ("graph_stack", "count"): 2,
        }.get((self.name, name))  # fmt: skip
        defaults = {"count": 3, "index": 0, "operand": 0, "row": 1, "column": 1, "start": 1, "bptt_length": 1,
                    "overlap": 1}  # fmt: skip
        if name == "capacity":
            good = {
                "text_model_vocabulary": 2,
                "text_model_describe": 300,
                "network_describe": 300,
                "optimizer_describe": 512,
                "generator_next_text": 300,
                "generators_next_text": 300,
                "generator_next_characters": 300,
                "network_get_metadata": 300,
                "network_write": 1 << 16,
                "text_model_write": 1 << 16,
            }.get(self.name, 32)
        if name in {"length", "settings_length", "key_length", "prompt_length", "path_length"}:
            good = self.text_length(name)
        if good is None:
            good = defaults.get(name, 3)
        choices = [Choice(str(good), good)]
        must = {
            "index": [INDEX], "operand": [INDEX],
            "row": [INDEX], "column": [INDEX], "start": [INDEX], "capacity": [SHORT],
            "operand_capacity": [SHORT], "max_tokens": [VALUE, SHAPE], "memory": [VALUE],
        }.get(name, [SHAPE, INDEX])  # fmt: skip
        # -1 stands for the result of an operation, and for the rows or columns that fit
        fits = [] if self.name == "graph_reshape" else must
        choices.append(Choice("-1", -1) if name == "operand" else bad("-1", -1, *fits))
        choices += [bad(str(v), v, *must) for v in (MIN64, MIN32)]
        zero_is_bad = name in {"n", "d", "capacity", "operand_capacity"}
        zero_is_bad |= name == "count" and self.name.split("_")[0] not in {"random", "optimizer"}
        # a text of nothing is a value, as is a corpus of nothing
        choices.append(bad("0", 0, *[*must, VALUE] if zero_is_bad else []))
        # a text's bytes need no multiplication that could overflow: the library cannot tell
        if name in {
            "length",
            "settings_length",
            "key_length",
            "prompt_length",
            "path_length",
            "operand_capacity",
            "max_tokens",
        }:
            return choices
        if name == "capacity":
            return [*choices, bad("1 short", good - 1, *must) if good < 32 else Choice("31", 31)]
        choices += [bad(str(v), v, *must, NULL, 8) for v in (MAX64,)]
        holds_no_buffer = name != "count" or "slice" in self.name or self.name == "mat_create_from"
        if holds_no_buffer:
            choices += [bad(str(v), v, *must, 8) for v in BIG]
            # one Mat of MAX32 x 1 is allowed, and only as large as the machine's memory
            if self.name not in {"mat_create"}:
                choices += [bad(str(v), v, *must, 8) for v in (MAX32, 1000)]
        return choices

    def text_length(self, name: str) -> int:
        if name == "settings_length" or (name == "length" and self.name in SETTINGS):
            return SETTINGS_BYTES
        if self.name.endswith("_read"):
            return len(self.text("bytes"))
        return len(self.text("key" if name == "key_length" else "text"))

    def text(self, name: str) -> bytes:
        if self.name.endswith(("_load", "_save")) or self.name == "file_kind":
            which = "written" if "save" in self.name else "saved"
            kind = {"sentence": "json", "text": "safetensors"}.get(self.name.split("_")[0], "network")
            return os.fsencode(self.bench.folder / f"{which}.{kind}")
        if name == "bytes":
            kind = "network" if self.name.startswith("network") else "safetensors"
            return (self.bench.folder / f"saved.{kind}").read_bytes()
        if self.name == "network_set_metadata":
            return b'{"a":"b"}'
        if name == "key":
            return b"user"
        if self.name == "program_create":
            return b'{"inputs":0,"states":[2],"operations":[["tanh",["s0",0,2]]],"next":[["v0",0,2]]}'
        return {
            "network_parameter": b"Wix0",
            "network_activation": b"f0",
            "optimizer_state": b"W",
            "optimizer_steps": b"W",
        }.get(self.name, b"abba")

    def input(self, p: Parameter) -> list[Choice]:
        name = p.name
        null = bad("NULL", None, NULL, SHAPE, FORMAT)
        if p.c_type == "const char*" and name == "settings":
            return self.settings()
        if p.c_type == "const char*":
            raw = self.text(name)
            unknown = b"\xc3\xa9" + raw[2:] if len(raw) > 1 else b"z"
            broken = b"\xff" + raw[1:]
            if name == "key":
                # any key is one, and an absent one has the value ""
                return [
                    Choice("good", Memory(raw)),
                    null,
                    bad("not UTF-8", Memory(broken), VALUE),
                    Choice("other", Memory(unknown)),
                ]
            # a path is any bytes: the folder of this one does not exist
            texts = [bad("not UTF-8", Memory(broken), {"path": 9, "bytes": FORMAT}.get(name, VALUE))]
            if name not in {"path", "bytes"}:
                texts.append(bad("cut UTF-8", Memory(raw[:-1] + b"\xe2"), VALUE))
            return [
                Choice("good", Memory(raw)),
                null,
                *texts,
                bad("unknown", Memory(unknown), VALUE, INDEX, FORMAT, 9) if "save" not in self.name
                else bad("no folder", Memory(b"/n/" + raw[3:]), 9),
                bad("NUL", Memory(b"\0" * len(raw)), VALUE, INDEX, FORMAT),
            ]  # fmt: skip
        if p.c_type == "const char*const*" or p.c_type == "const char* const*":
            a, b, broken = Memory(b"abba"), Memory(b"baab"), Memory(b"ab\xff\xff")
            good = words(a.address, b.address)
            same_name = VALUE if "optimizer" in self.name else None
            return [
                Choice("good", self.holding(good, a, b)),
                null,
                bad("a NULL", self.holding(words(a.address, 0), a), NULL),
                bad("not UTF-8", self.holding(words(a.address, broken.address), a, broken), VALUE),
                bad("twice", self.holding(words(a.address, a.address), a), *[same_name] if same_name else []),
                bad("misaligned", self.holding(good, a, b, align=1), VALUE),
            ]
        if p.c_type == "const void*":
            choices = [Choice("good", Memory(floats(*[0.5] * 12))), null]
            if self.name in {"argmax", "sample"}:
                choices.append(bad("NaN", Memory(floats(0.5, math.nan, 0.5)), VALUE))
                choices.append(bad("misaligned", Memory(floats(*[0.5] * 12), align=1), VALUE))
            if self.name == "sample":
                for label, p3 in (("negative", (1, -1, 1)), ("zeros", (0, 0, 0)), ("inf", (1, math.inf, 1))):
                    choices.append(bad(label, Memory(floats(*p3)), VALUE))
            return choices
        if p.c_type == "const recurrent_mat*":
            return self.mat_array(name)
        good = {
            "rows": (0, 2, 1), "indices": (0, 2, 1), "targets": (0, 2, 1, 0), "lengths": (4, 4), "steps": (3, 3),
            "state": (7, 0, 3, 0, 0, 0, 1, 2, 3, 4, 2),
        }[name]  # fmt: skip
        choices = [
            Choice("good", Memory(words(*good))),
            null,
            bad("misaligned", Memory(words(*good), 4), VALUE),
        ]
        hostile = {
            "state": [(5, VALUE), (MAX64, VALUE), (-1, VALUE)],
            "lengths": [(v, SHAPE) for v in (-1, MIN64, *IMPOSSIBLE)],
            "steps": [(v, VALUE) for v in (-1, MIN64, MAX64)],
        }.get(name, [(v, INDEX) for v in (-1, 3, MIN64, MAX32, *BIG)])
        return choices + [bad(f"last {v}", Memory(words(*good[:-1], v)), status, 8) for v, status in hostile]

    def mat_array(self, name: str) -> list[Choice]:
        bench = self.bench
        if self.last == "forward":
            shape = (2, 2)
            good = [bench.mats[3, 2], bench.mats[2, 2]]
            null = Choice("NULL", None) if name == "h" else bad("NULL", None, NULL)
        elif self.name == "optimizer_load_state":
            # elements above 0, as a mean of squares has
            shape = (3, 1)
            good, null = [bench.mats[3, 1], bench.mats[1, 1]], bad("NULL", None, NULL)
        else:
            shape = (3, 4)
            good, null = [bench.mats[3, 4], bench.other], bad("NULL", None, NULL)
        choices = [
            Choice("good", Memory(words(*good))),
            null,
            bad("misaligned", Memory(words(*good), 4), VALUE),
        ]
        for choice in bench.bad_handles("mat"):
            choices.append(choice._replace(value=Memory(words(good[0], choice.value))))
        choices.append(bad("a stale Mat", Memory(words(good[0], bench.stale[shape])), STALE))
        must = [] if "optimizer" in self.name else [TYPE]
        choices.append(bad("two types", Memory(words(good[0], bench.doubles[shape])), *must))
        if self.name == "optimizer_step":
            choices.append(bad("a NaN gradient", Memory(words(good[0], self.broken())), NOT_FINITE))
        return choices + [Choice(f"{n} x {d}", Memory(words(good[0], m))) for (n, d), m in bench.mats.items()]

    def broken(self) -> int:
        """A Mat whose gradient has a NaN."""
        mat, out = self.bench.mats[1, 1], Memory(8)
        lib.recurrent_mat_dw(mat, out.address)
        (address,) = struct.unpack("<Q", ctypes.string_at(out.address, 8))
        ctypes.memmove(address, floats(math.nan), 4)
        return mat

    def holding(self, raw: bytes, *kept: Memory, align: int = 0) -> Memory:
        memory = Memory(raw, align)
        memory.kept = kept
        return memory

    def output(self, p: Parameter) -> list[Choice]:
        size = OUTPUTS.get(p.name, 8)
        null = Choice("NULL", None) if (self.name, p.name) in OPTIONAL else bad("NULL", None, NULL)
        choices = [Choice("good", Memory(size)), null]
        if p.c_type != "char*":
            must = [] if (self.name, p.name) in OPTIONAL else [VALUE]
            choices.append(bad("misaligned", Memory(size, align=1), *must))
        return choices


# ---- calling

trace: int


def attempt(call: Call, chosen: list[Choice], must: frozenset[int] = frozenset(), check: bool = True) -> int:
    """Make the call; complain if it breaks a promise."""
    said = f"{call.function}({', '.join(c.label for c in chosen)})"
    os.pwrite(trace, said.encode() + b"\n" + b" " * 200, 0)
    values = [c.value.address if isinstance(c.value, Memory) else c.value for c in chosen]
    before = call.bench.snapshot() if check else None
    status = getattr(lib, call.function)(*values)
    assert not must or status in must, f"{said} answered {status}, expected {sorted(must)}"
    assert 0 <= status <= SHORT, f"{said} answered {status}"
    if status:
        message = lib.recurrent_last_error().decode("utf-8")
        assert len(message) > 8 and "\n" not in message, f"{said} says {message!r}"
        assert lib.recurrent_last_errno() == 0 or status == 9, said
        touched = [c for c in chosen if isinstance(c.value, Memory) and not c.value.is_untouched()]
        assert not touched, f"{said} failed and wrote {touched}"
        assert not check or call.bench.snapshot() == before, (
            f"{said} failed ({message}) and changed something"
        )
    else:
        release(call, chosen)
    return status


def release(call: Call, chosen: list[Choice]) -> None:
    """Free what a call that succeeded gave out."""
    for p, choice in zip(DECLARATIONS[call.function][1], chosen):
        kind = p.c_type.removesuffix("*").removeprefix("recurrent_")
        if p.c_type.endswith("*") and "const" not in p.c_type and kind in KINDS and choice.value is not None:
            raw = ctypes.string_at(choice.value.address, OUTPUTS.get(p.name, 8))
            for handle in struct.unpack(f"<{len(raw) // 8}Q", raw):
                # an array may have been filled in part, and the sentinel is no handle
                if handle != 0xA5A5A5A5A5A5A5A5:
                    assert getattr(lib, f"recurrent_{kind}_free")(handle) == 0


def fresh(function: str, folder: Path) -> Call:
    return Call(function, Bench(folder))


def each_argument_bad_in_turn(function: str, folder: Path) -> int:
    call = fresh(function, folder)
    good = [choices[0] for choices in call.arguments]
    status = attempt(call, good, check=False)
    assert status == 0, f"{function} with good arguments: {lib.recurrent_last_error().decode()}"
    call.bench.close()
    count = 1
    for at in range(len(good)):
        for which in range(1, len(call.arguments[at])):
            # objects of its own for each: a call that is no failure after all may have changed them
            call = fresh(function, folder)
            chosen = [choices[0] for choices in call.arguments]
            chosen[at] = call.arguments[at][which]
            attempt(call, chosen, chosen[at].must)
            call.bench.close()
            count += 1
    return count


def mixtures(function: str, folder: Path, examples: int) -> int:
    sizes = [len(choices) for choices in fresh(function, folder).arguments]
    count = 0

    @hypothesis.settings(
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.given(st.tuples(*(st.one_of(st.just(0), st.integers(0, size - 1)) for size in sizes)))
    def run(places: tuple[int, ...]) -> None:
        nonlocal count
        count += 1
        call = fresh(function, folder)
        attempt(call, [choices[at] for choices, at in zip(call.arguments, places)], check=count % 4 == 0)
        call.bench.close()

    if sizes:
        run()
    return count


def save_files(folder: Path) -> None:
    """Writes the files that the loaders read."""
    bench = Bench(folder)
    path = os.fsencode(folder / "saved.json")
    saved = Memory(path)
    assert lib.recurrent_sentence_model_save(bench.sentences, saved.address, len(path), 1) == 0
    path = os.fsencode(folder / "saved.network")
    saved = Memory(path)
    assert lib.recurrent_network_save(bench.network, 0, bench.random, saved.address, len(path), 1) == 0
    path = os.fsencode(folder / "saved.safetensors")
    saved = Memory(path)
    assert lib.recurrent_text_model_save(bench.text_model, saved.address, len(path), 1, 0) == 0
    bench.close()


def main() -> None:
    global trace
    trace = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
    folder, examples = Path(sys.argv[2]), int(sys.argv[3])
    save_files(folder)
    count = 0
    for function in sys.argv[4:]:
        if function.endswith("_interrupt_check") or function == "recurrent_python_raise":
            # no function can check the address of another one; tests/_c/test_binding.py has the valid calls
            getattr(lib, function)(*(None for _ in DECLARATIONS[function][1]))
            count += 1
        elif DECLARATIONS[function][0] == "recurrent_status":
            count += each_argument_bad_in_turn(function, folder) + mixtures(function, folder, examples)
        else:
            getattr(lib, function)()
            count += 1
    print(count)


assert header()
if __name__ == "__main__":
    main()
