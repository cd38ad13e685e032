"""The element-wise functions of float32 beside float64: at every bit pattern in `make harden`, else at some."""

import re
import subprocess
from pathlib import Path

import pytest

from recurrent import _c
from support import HARDEN, HEADER, PYTHON_FIXTURES

STEP, PARTS = (1, 8) if HARDEN else (1021, 1)
# the largest errors in units in the last place; the others are correctly rounded
BOUNDS = {"exp": 4, "log": 4, "tanh": 4, "sigmoid": 4, "softplus": 6, "silu": 6, "gelu": 8, "sin": 4, "cos": 4,
          "pow": 4}  # fmt: skip
ROUNDED = {"relu", "leaky_relu", "neg", "scale", "shift", "sqrt", "square", "abs"}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program, library = tmp_path_factory.mktemp("program") / "every_float", Path(_c.lib._name)
    subprocess.run(
        ["gcc", "-std=gnu11", "-O3", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-I", HEADER.parent,
         PYTHON_FIXTURES / "every_float.c", library, f"-Wl,-rpath,{library.parent}", "-Wl,--allow-shlib-undefined",
         "-lm", "-o", program],
        check=True,
    )  # fmt: skip
    return program


@pytest.mark.campaign("Bit patterns of float32 whose functions are above their bound in ulp")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_float(program, part, cases):
    declaration = HEADER.read_text(encoding="utf-8").partition("recurrent_unary;")[2].partition("}")[0]
    declared = re.findall(r"RECURRENT_(\w+) = (\d+)", declaration)
    names = {int(number): name.lower() for name, number in declared}
    assert set(names.values()) == {*BOUNDS, *ROUNDED}
    done = subprocess.run([program, str(STEP), str(part), str(PARTS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [int(line[0]) for line in lines] == sorted(names)
    for number, points, worst, at in lines:
        name = names[int(number)]
        assert float(worst) <= BOUNDS.get(name, 0.501), (name, worst, at)
        cases(int(points))
