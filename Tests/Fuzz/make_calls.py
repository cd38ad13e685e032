"""Prints calls.h for program.c: each function of recurrent.h with arguments that a program's bytes select.

python Tests/Fuzz/make_calls.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "tools"))

from make_signatures import (  # noqa: E402
    HEADER,
    declarations,
    handle_types,
    without_comments,
)

CODE = without_comments(HEADER.read_text(encoding="utf-8"))
# by the number that a handle holds, from 1
KINDS = ["", *handle_types(CODE)]
# what no byte can make: a function's address; and a number of threads that is the machine's business
LEFT_OUT = {
    "recurrent_set_interrupt_check",
    "recurrent_python_set_interrupt_check",
    "recurrent_set_num_threads",
}


def argument(c_type: str, name: str, at: int, before: str) -> str:
    """The expression of an argument."""
    kind = (
        c_type.removeprefix("const ")
        .removesuffix("*")
        .strip()
        .removeprefix("recurrent_")
    )
    if c_type == f"recurrent_{kind}" and kind in KINDS:
        return f"handle({KINDS.index(kind)})"
    if c_type == "double":
        return "number()"
    if c_type == "uint64_t":
        return "next()"
    if c_type == "int64_t":
        if before.startswith("const char*") and "length" in name:
            return "length()"
        return "steps()" if name == "max_tokens" else "size()"
    if "*" not in c_type:
        return "code()"
    if c_type == "const char*":
        return {"settings": "setting()", "path": "path()"}.get(name, "text()")
    if c_type.count("*") == 2:
        return f"text_list({at})" if "char" in c_type else f"output({at})"
    if "const" not in c_type:
        return f"output({at})"
    if kind == "mat":
        return f"mats({at})"
    if kind == "void":
        return f"numbers({at})"
    # the lengths of texts are written with the texts
    return f"memory({at})" if before.count("*") == 2 else f"integers({at})"


def function(name: str, arguments: list[str]) -> str:
    """A function that reads its arguments, calls, and keeps the objects that it receives."""
    lines, given, before, kept = [], [], "", []
    for at, text in enumerate(arguments):
        match = re.fullmatch(
            r"\s*(.*?)(\w+)\s*(\[\d+\])?\s*", re.sub(r"\s+", " ", text)
        )
        assert match, text
        c_type = re.sub(r"\s*\*\s*", "*", match[1]).strip() + ("*" if match[3] else "")
        # in order: the bytes of a length follow those of its text
        lines.append(f"  {c_type} a{at} = {argument(c_type, match[2], at, before)};")
        kind = c_type.removesuffix("*").removeprefix("recurrent_")
        if "const" not in c_type and c_type.endswith("*") and kind in KINDS:
            kept.append(
                f"    for (int i = 0; i < 4 && a{at}; i++) keep({KINDS.index(kind)}, a{at}[i]);"
            )
        if c_type == "void**":
            kept.append(f"    touch(a{at});")
        given.append(f"a{at}")
        before = c_type
    call = f"{name}({', '.join(given)})"
    lines += (
        [f"  if ({call} == RECURRENT_OK) {{", *kept, "  }"]
        if kept
        else [f"  (void){call};"]
    )
    return f"static void call_{name}(void) {{\n" + "\n".join(lines) + "\n}\n"


def main() -> None:
    """Prints the header."""
    found = [
        (name, arguments)
        for _, _, name, arguments in declarations(CODE)
        if name not in LEFT_OUT
    ]
    print("\n".join(function(name, arguments) for name, arguments in found))
    print(
        f"static void (*const functions[])(void) = {{{', '.join(f'call_{name}' for name, _ in found)}}};\n"
    )
    frees = "\n".join(
        f"  case {KINDS.index(kind)}: recurrent_{kind}_free(handle); break;"
        for kind in KINDS[1:]
    )
    print(
        f"static void release(int kind, uint64_t handle) {{\n  switch (kind) {{\n{frees}\n  }}\n}}"
    )


if __name__ == "__main__":
    main()
