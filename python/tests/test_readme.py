"""The README's code runs as it stands, and prints what its comments say; so does the program of the header."""

import re

from document_code import blocks, run, run_c
from support import HEADER, ROOT

README = ROOT / "README.md"


def test_the_readme_prints_what_it_says(tmp_path, monkeypatch):
    # it writes a file
    monkeypatch.chdir(tmp_path)
    assert run(README, tmp_path) >= 4


def test_the_swift_of_the_readme_is_an_example():
    """`examples/swift/run` builds it and compares what it prints."""
    code = "\n".join(block.code for block in blocks(README) if block.language == "swift")
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
    printed = run_c(
        f'#include <stdio.h>\n#include <string.h>\n#include "recurrent.h"\n\nint main(void) {{\n{code}{checks}}}\n',
        tmp_path,
    )
    assert 0 < float(printed) < 0.1
