"""The code of documents: its blocks, in order, and what runs them."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from recurrent import _c
from support import HEADER


class Block(NamedTuple):
    """A block of code: its language, and its text."""

    language: str
    code: str


def blocks(path: Path) -> list[Block]:
    """Every block of a Markdown document, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)
    return [Block(*each) for each in found]


def run(path: Path, folder: Path) -> int:
    """Runs a document in the current folder, ``folder``; returns the number of lines that it compared.

    Python blocks share a namespace. A line that begins with ``print(`` has what it prints as a comment, and no other
    line prints. A C block is a program; a ``text`` block after it has what it prints.
    """
    names: dict[str, Any] = {}
    compared = 0
    document = blocks(path)
    for block, after in zip(document, [*document[1:], Block("", "")]):
        if block.language == "python":
            expected = [
                line.rpartition("# ")[2] for line in block.code.splitlines() if line.startswith("print(")
            ]
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.code, path.name, "exec"), names)
            assert printed.getvalue().splitlines() == expected, path
            compared += len(expected)
        elif block.language == "c":
            printed_c = run_c(block.code, folder)
            if after.language == "text":
                assert printed_c == after.code, path
                compared += len(after.code.splitlines())
    return compared


def run_c(code: str, folder: Path) -> str:
    """Compiles a program as C11 and as C++17 without a warning, runs both, and returns what they print."""
    source, program, library = folder / "program.c", folder / "program", Path(_c.lib._name)
    source.write_text(code, encoding="utf-8")
    printed = set()
    for compiler in (["gcc", "-std=c11"], ["g++", "-std=c++17", "-x", "c++"]):
        options = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", HEADER.parent, source, "-x", "none"]
        linked = [library, f"-Wl,-rpath,{library.parent}", "-Wl,--allow-shlib-undefined", "-lm"]
        command = [*compiler, *options, *linked, "-o", program]
        subprocess.run(command, check=True)
        printed.add(subprocess.run([program], capture_output=True, check=True, text=True, cwd=folder).stdout)
    assert len(printed) == 1, "C and C++ print the same"
    return printed.pop()
