"""Random calls and random handles: no call ends the process, and none accepts a handle that is no object's."""

import json
import subprocess
import sys
from collections import Counter

import pytest

import invalid_inputs
import random_calls
from support import HARDEN, ROOT, succeed

# a process has its own random numbers
CALLS, PROCESSES = (500_000, 10) if HARDEN else (25_000, 2)
HANDLES = 1_000_000 if HARDEN else 20_000


@pytest.mark.campaign("Bad calls of exported functions")
@pytest.mark.parametrize("seed", range(PROCESSES))
def test_random_calls(memory_folder, cases, seed):
    trace = memory_folder / "trace"
    process = subprocess.run(
        [sys.executable, random_calls.__file__, trace, memory_folder, str(CALLS), str(seed)],
        capture_output=True,
        text=True,
    )
    last = trace.read_text().splitlines()[0] if trace.exists() else "nothing"
    assert process.returncode == 0, f"status {process.returncode}, {last}\n{process.stderr}"
    done = Counter(json.loads(process.stdout))
    called = {name for name in invalid_inputs.DECLARATIONS if done[name]}
    alone = {
        name
        for name, (result, parameters) in invalid_inputs.DECLARATIONS.items()
        if result != "recurrent_status" or not parameters or name.endswith("set_interrupt_check")
    }
    assert called | alone == set(invalid_inputs.DECLARATIONS)
    assert done.total() == CALLS
    cases(CALLS)


# in a process of its own, whose objects are known
HANDLES_ACCEPTED = """
import random, sys
from pathlib import Path
import invalid_inputs as bad

rng, count, bench = random.Random(1), int(sys.argv[2]), bad.Bench(Path(sys.argv[1]))
frees = [getattr(bad.lib, f"recurrent_{kind}_free") for kind in bad.KINDS]
own = [handle for _, handle in bench.handles()]
freed = []
for _ in range(count // 100):
    freed.append(bad.make("recurrent_graph_create", 1))
    assert bad.lib.recurrent_graph_free(freed[-1]) == 0
before = bad.lib.recurrent_object_count()
forged = set(freed) | {rng.getrandbits(64) for _ in range(count // 2)}
# there are 2,016 pairs of bits: equal ones are drawn again and again
forged |= {rng.choice(own) ^ 1 << rng.randrange(64) ^ 1 << rng.randrange(64) for _ in range(count // 2)}
forged -= {0, *own}
for handle in forged:
    for free in frees:
        assert free(handle) != 0, f"{handle:#x} was accepted"
assert bad.lib.recurrent_object_count() == before
bench.close()
assert bad.lib.recurrent_object_count() == 0
print(len(forged) * len(frees))
"""


@pytest.mark.campaign("Random and freed handles accepted")
def test_random_handles(memory_folder, cases):
    """Each is given to every function that frees a kind of object, while objects of all kinds live."""
    cases(int(succeed(HANDLES_ACCEPTED, str(memory_folder), str(HANDLES))))


def test_every_kind_is_here():
    header = (ROOT / "Sources/CRecurrent/include/recurrent.h").read_text(encoding="utf-8")
    assert all(f"recurrent_status recurrent_{kind}_free(" in header for kind in invalid_inputs.KINDS)
    frees = [name for name in invalid_inputs.DECLARATIONS if name.endswith("_free")]
    assert len(frees) == len(invalid_inputs.KINDS)
