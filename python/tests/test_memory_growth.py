"""A steady training loop takes no more memory, not even for a moment; and memory is linear in the steps."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import recurrent
from recurrent import _c
from recurrent._c import lib
from support import HEADER, SANITIZED, succeed

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps memory that was freed")


OWN = recurrent.Cell.of(
    lambda x, h, p: (h + (p.W @ x + p.U @ h + p.b).silu()).tanh(),
    lambda inputs, H: {"W": (H, inputs), "U": (H, H), "b": (H, 1)},
    name="own",
)
CELLS = {"lstm": "lstm", "own": OWN, "options": recurrent.LSTMCell(norm="gate", zoneout=0.1)}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.skipif(not Path("/lib64/ld-linux-x86-64.so.2").exists(), reason="counts calls of glibc's malloc")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_nothing_is_taken_from_the_heap(tmp_path: Path, threads: int, cell: str) -> None:
    program, library = tmp_path / "allocations", Path(lib._name)
    source = Path(__file__).parent / "fixtures" / "allocations.c"
    subprocess.run(
        [
            *("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", HEADER.parent, source, "-o", program),
            *("-L", library.parent, "-lrecurrent", f"-Wl,-rpath,{library.parent}"),
        ],
        check=True,
    )
    net = recurrent.Network(CELLS[cell], 12, [16, 16], 12)
    settings = _c.written(lib.recurrent_network_describe, net._handle.value)
    done = subprocess.run(
        [program, "200", settings],
        env={**os.environ, "RECURRENT_NUM_THREADS": str(threads)},
        check=True,
        capture_output=True,
        text=True,
    )
    # training, inference; more in a long scan than in a short one, in a deep forest than in a shallow one
    assert done.stdout.split() == ["0", "0", "0", "0"]


STEADY = """
import sys, numpy as np, recurrent
from support import resident
steps = int(sys.argv[1])
net = recurrent.LSTM(40, [20, 20], 40, 5, rng=0)
x = np.arange(66).reshape(66, 1) % 40
solver, state = recurrent.RMSProp(), None
for step in range(steps):
    if step == steps // 10:
        before = resident()
    state = net.train_step(x, x, solver, 0.001, state=state).state
print(resident() - before)
"""


@pytest.mark.parametrize("steps", [3_000, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_memory_is_flat_over_many_steps(steps: int) -> None:
    assert int(succeed(STEADY, str(steps))) < 256 << 10


LENGTHS = """
import sys, numpy as np, recurrent
from support import resident
net = recurrent.LSTM(65, [128], 65, 65, rng=0)
before = resident()
x = np.zeros((int(sys.argv[1]), 16), int)
net.train_step(x, x, recurrent.RMSProp(), 0.001)
print(resident() - before)
"""


def test_memory_is_linear_in_the_steps() -> None:
    short, long = (int(succeed(LENGTHS, str(T))) for T in (400, 1600))
    assert 3 < long / short < 5
