"""The element-wise functions of float32 beside float64: at every bit pattern in `make harden`, else at some."""

import re
import subprocess
from pathlib import Path

import pytest

from recurrent import _c
from support import HARDEN, HEADER, PYTHON_FIXTURES

STEP, PARTS = (1, 2) if HARDEN else (1021, 1)
# the largest errors in units in the last place; the others are correctly rounded
BOUNDS = {"exp": 4, "log": 4, "tanh": 4, "sigmoid": 4, "softplus": 6, "silu": 6, "gelu": 8}
ROUNDED = {"relu", "leaky_relu", "neg", "scale", "shift", "sqrt", "square", "abs"}


@pytest.mark.campaign("Bit patterns of float32 whose functions are above their bound in ulp")
def test_every_float(tmp_path, cases):
    program, library = tmp_path / "every_float", Path(_c.lib._name)
    subprocess.run(
        ["gcc", "-std=gnu11", "-O3", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-I", HEADER.parent,
         PYTHON_FIXTURES / "every_float.c", library, f"-Wl,-rpath,{library.parent}", "-Wl,--allow-shlib-undefined",
         "-lm", "-o", program],
        check=True,
    )  # fmt: skip
    parts = [
        subprocess.Popen([program, str(STEP), str(part), str(PARTS)], stdout=subprocess.PIPE, text=True)
        for part in range(PARTS)
    ]
    declaration = HEADER.read_text(encoding="utf-8").partition("recurrent_unary;")[2].partition("}")[0]
    declared = re.findall(r"RECURRENT_(\w+) = (\d+)", declaration)
    names = {int(number): name.lower() for name, number in declared}
    assert set(names.values()) == {*BOUNDS, *ROUNDED}
    for process in parts:
        out, _ = process.communicate()
        assert process.returncode == 0
        lines = [line.split() for line in out.splitlines()]
        assert [int(line[0]) for line in lines] == sorted(names)
        for number, points, worst, at in lines:
            name = names[int(number)]
            assert float(worst) <= BOUNDS.get(name, 0.501), (name, worst, at)
            cases(int(points))
