"""The README's code runs as it stands, and prints what its comments say; so does the program of the header."""

import contextlib
import io
import re
import subprocess
from pathlib import Path

from recurrent import _c
from support import HEADER, ROOT

README = ROOT / "README.md"


def test_the_readme_prints_what_it_says(tmp_path, monkeypatch):
    # it writes a file
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S))
    expected = [line.rpartition("# ")[2] for line in code.splitlines() if line.startswith("print(")]
    assert len(expected) >= 4
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue().splitlines() == expected


def test_the_swift_of_the_readme_is_an_example():
    """`examples/swift/run` builds it and compares what it prints."""
    code = "\n".join(re.findall(r"```swift\n(.*?)```", README.read_text(encoding="utf-8"), re.S))
    assert code == (ROOT / "examples/swift/Sources/readme/main.swift").read_text(encoding="utf-8")
    assert "print(" in code


def test_the_program_of_the_header(tmp_path):
    """It compiles as C11 and C++17 without a warning, and its model has learned."""
    declared = re.search(
        r" \* A program, .*?\n \*\n(.*?) \*\n \* Rules", HEADER.read_text(encoding="utf-8"), re.S
    )
    code = re.sub(r"^ \*  ", "", declared[1], flags=re.M)
    checks = """
  double nats = 0;
  char state[4096] = {0};
  int64_t step = 0;
  if (recurrent_text_model_evaluate(model, tokens, NULL, 10, 1, 100, state, &step, &nats)) return 1;
  printf("%g", nats / 9);
  return 0;
"""
    source, program, library = tmp_path / "program.c", tmp_path / "program", Path(_c.lib._name)
    source.write_text(
        f'#include <stdio.h>\n#include <string.h>\n#include "recurrent.h"\n\nint main(void) {{\n{code}{checks}}}\n',
        encoding="utf-8",
    )
    for compiler in (["gcc", "-std=c11"], ["g++", "-std=c++17", "-x", "c++"]):
        command = [*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", HEADER.parent, source, "-x", "none",
                   library, f"-Wl,-rpath,{library.parent}", "-Wl,--allow-shlib-undefined", "-o", program]  # fmt: skip
        subprocess.run(command, check=True)
        assert 0 < float(subprocess.run([program], capture_output=True, check=True).stdout) < 0.1
