"""recurrent.h, read as far as the tests need it."""

from __future__ import annotations

import ctypes
import re
from typing import NamedTuple

from recurrent import _c
from support import HEADER


def header() -> str:
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"^\s*#.*$", "", text, flags=re.M)


def handle_types() -> tuple[str, ...]:
    """The kinds of objects: C names of the handles' types without the prefix."""
    return tuple(re.findall(r"typedef uint64_t recurrent_(\w+);", header()))


def integers() -> dict[str, type]:
    """C names of types that are numbers, or addresses of functions."""
    types = {
        "int32_t": ctypes.c_int32,
        "uint32_t": ctypes.c_uint32,
        "int64_t": ctypes.c_int64,
        "uint64_t": ctypes.c_uint64,
        "double": ctypes.c_double,
    }
    for known, name in re.findall(r"typedef (\w+) (\w+);", header()):
        types[name] = types[known]
    for name in re.findall(r"typedef \w+ \(\*(\w+)\)\(void\);", header()):
        types[name] = ctypes.c_void_p
    return types


STRUCTURES = {
    "recurrent_mat_info": _c.MatInfo,
    "recurrent_operand": _c.Operand,
    "recurrent_step_result": _c.StepResult,
    "recurrent_text_model_info": _c.TextModelInfo,
}


class Parameter(NamedTuple):
    """One parameter of a function: ``const int64_t *rows`` is c_type "const int64_t*" and name "rows"."""

    c_type: str
    name: str


def declarations() -> dict[str, tuple[str, list[Parameter]]]:
    """Each function's result and parameters."""
    found = {}
    body = header().split('extern "C" {', 1)[1]
    # text between braces is an enum or a structure
    body = re.sub(r"\{[^{}]*\}", "", body)
    body = re.sub(r"typedef \w+ \(\*\w+\)\(void\);", "", body)
    for result, name, parameters in re.findall(r"([\w\s]+?[\s*]+)(recurrent_\w+)\(([^)]*)\);", body):
        listed = []
        for parameter in re.sub(r"\s+", " ", parameters).split(","):
            parameter = parameter.strip()
            if parameter == "void":
                continue
            # an array is a pointer
            parameter = re.sub(r"(\w+)\[\d+\]", r"*\1", parameter)
            c_type, own_name = re.fullmatch(r"(.*?[ *])(\w+)", parameter).groups()
            listed.append(Parameter(c_type.replace(" *", "*").strip(), own_name))
        found[name] = (result.strip().replace(" *", "*"), listed)
    return found


def fitting(c_type: str, integers: dict[str, type]) -> list[object]:
    """The ctypes that stand for a C type; text, untyped buffers and handles have more than one."""
    # what const protects is the callee's business
    c_type = re.sub(r"\bconst\b", "", c_type).replace(" ", "")
    pointee = c_type.removesuffix("*")
    if pointee.removeprefix("recurrent_") in handle_types():
        words = pointee.removeprefix("recurrent_").split("_")
        own = [integers[pointee], getattr(_c.signatures, "".join(map(str.title, words)) + "Handle")]
        return own if c_type == pointee else [ctypes.POINTER(kind) for kind in own]
    if c_type in integers:
        return [integers[c_type]]
    if c_type == "void*":
        return [ctypes.c_void_p]
    if c_type == "void**":
        return [ctypes.POINTER(ctypes.c_void_p)]
    if c_type == "char*":
        return [ctypes.c_char_p, ctypes.c_void_p]
    if c_type == "char**":
        return [ctypes.POINTER(ctypes.c_char_p)]
    return [ctypes.POINTER(STRUCTURES.get(pointee) or integers[pointee])]
