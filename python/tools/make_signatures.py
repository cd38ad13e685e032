"""Writes src/recurrent/_c/signatures.py from recurrent.h: types of every function, handles, structures and constants.

    python tools/make_signatures.py [--check]

The table of contents of recurrent.h is written as well. ``--check`` compares both with the header and exits with 1 if
one differs; a test runs it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from header_contents import with_contents

PYTHON = Path(__file__).resolve().parents[1]
HEADER = PYTHON.parent / "Sources" / "CRecurrent" / "include" / "recurrent.h"
TARGET = PYTHON / "src" / "recurrent" / "_c" / "signatures.py"

SCALARS = {
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
    "double": "c_double",
}
PREFIX = '''\
"""ctypes signatures, handles and constants of recurrent.h. Written by tools/make_signatures.py; do not edit."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

from .handle import Handle
'''


def main() -> int:
    """Write the files, or compare them."""
    header = HEADER.read_text(encoding="utf-8")
    for path, text in ((HEADER, with_contents(header)), (TARGET, render(header))):
        if path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            print(
                f"{path.name} differs from the declarations of {HEADER.name}; run python tools/make_signatures.py"
            )
            return 1
        path.write_text(text, encoding="utf-8")
    return 0


def render(header: str) -> str:
    """Return the module's source."""
    code = without_comments(header)
    aliases = dict(SCALARS)
    for kind, name in re.findall(r"typedef (\w+) (recurrent_\w+);", code):
        aliases[name] = SCALARS[kind]
    for name in handle_types(code):
        aliases[f"recurrent_{name}"] = f"{titled(name)}Handle"
    for name in re.findall(r"typedef \w+ \(\*(recurrent_\w+)\)\(void\);", code):
        aliases[name] = "c_void_p"
    parts = [PREFIX]

    constants = [("RECURRENT_ABI_VERSION", re.findall(r"#define RECURRENT_ABI_VERSION (\d+)", code)[0])]
    for body in re.findall(r"enum \{(.*?)\}", code, re.S):
        constants += re.findall(r"(\w+) = (-?\d+)", body)
    parts.append("".join(f"{name.removeprefix('RECURRENT_')} = {value}\n" for name, value in constants))

    for name in handle_types(code):
        parts.append(
            f'class {titled(name)}Handle(Handle):\n    """``recurrent_{name}``."""\n\n    __slots__ = ()\n'
        )

    structures = {}
    for name, body in re.findall(r"typedef struct (recurrent_\w+) \{(.*?)\}", code, re.S):
        structures[name] = titled(name.removeprefix("recurrent_"))
        fields = []
        for line in filter(None, (part.strip() for part in body.split(";"))):
            match = re.fullmatch(r"(const )?(\w+) (.*)", line, re.S)
            assert match, line
            for field in match[3].split(","):
                pointer = field.strip().startswith("*")
                fields.append((field.strip().lstrip("*"), "c_void_p" if pointer else aliases[match[2]]))
        rows = "".join(f'        ("{field}", {kind}),\n' for field, kind in fields)
        parts.append(
            f'class {structures[name]}(Structure):\n    """``{name}``."""\n\n    _fields_ = (\n{rows}    )\n'
        )

    rows = []
    for result, pointer, name, arguments in declarations(code):
        kinds = ["c_char_p" if pointer else aliases[result]]
        kinds += [parameter(argument, aliases, structures) for argument in arguments]
        line = f'    "{name}": ({", ".join(kinds)},),\n'
        if len(line) > 111:
            line = f'    "{name}": (\n' + "".join(f"        {kind},\n" for kind in kinds) + "    ),\n"
        rows.append(line.replace(",),\n", "),\n") if len(kinds) > 1 and "\n        " not in line else line)
    parts.append("SIGNATURES: dict[str, tuple[Any, ...]] = {\n" + "".join(rows) + "}\n")
    return parts[0] + "\n" + parts[1] + "\n\n" + "\n\n".join(parts[2:])


def without_comments(header: str) -> str:
    """Return the code of a header."""
    return re.sub(r"/\*.*?\*/", "", header, flags=re.S)


def handle_types(code: str) -> list[str]:
    """Return the types that are handles, without their prefix, in the order of the kinds that a handle holds."""
    return re.findall(r"typedef uint64_t recurrent_(\w+);", code)


def titled(name: str) -> str:
    """Return a name in snake case as the name of a class."""
    return "".join(word.title() for word in name.split("_"))


def declarations(code: str) -> list[tuple[str, str, str, list[str]]]:
    """Return each function of a header without comments: its result, a star, its name and its parameters."""
    found = re.findall(r"^(?:const )?(\w+) (\*?)(recurrent_\w+)\((.*?)\);", code, re.S | re.M)
    return [
        (result, pointer, name, [] if arguments.strip() == "void" else arguments.split(","))
        for result, pointer, name, arguments in found
    ]


def parameter(argument: str, aliases: dict[str, str], structures: dict[str, str]) -> str:
    """Return the ctypes type of one parameter."""
    words = re.fullmatch(r"\s*(.*?)(\w+)\s*(\[\d+\])?\s*", argument, re.S)
    assert words, argument
    kind, array = words[1].replace("const", " "), words[3]
    stars = kind.count("*") + bool(array)
    base = kind.replace("*", " ").strip()
    if base in structures:
        return f"POINTER({structures[base]})"
    if base == "char":
        # text that goes in is bytes; text that comes out is a buffer
        if stars == 2:
            return "POINTER(c_char_p)"
        return "c_char_p" if "const" in words[1] else "c_void_p"
    if base == "void":
        return "c_void_p" if stars == 1 else "POINTER(c_void_p)"
    if stars and "const" in words[1] and aliases[base].endswith("Handle"):
        # an array of handles that the library reads owns none
        return "POINTER(c_uint64)"
    return f"POINTER({aliases[base]})" if stars else aliases[base]


if __name__ == "__main__":
    sys.exit(main())
