"""Random calls of every function of recurrent.h, in a process of their own; test_bad_calls.py runs it.

    python random_calls.py TRACE FOLDER COUNT SEED

Each argument is good or one of the bad choices of invalid_inputs.py. Prints the number of calls of each function.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from pathlib import Path

import invalid_inputs as bad
from recurrent import _c

# objects are made anew after this many calls: some were freed
ROUND = 400
FUNCTIONS = [
    name
    for name, (result, parameters) in bad.DECLARATIONS.items()
    # no function can check the address of another one
    if result == "recurrent_status" and parameters and not name.endswith("set_interrupt_check")
]


def weight(function: str) -> float:
    """Objects that are freed, and threads that are set, make the calls after them all alike."""
    return 0.05 if function.endswith("_free") or function == "recurrent_set_num_threads" else 1


def calls(folder: Path, count: int, seed: int) -> Counter[str]:
    rng, done = random.Random(seed), Counter()
    weights = [weight(function) for function in FUNCTIONS]
    while done.total() < count:
        bench = bad.Bench(folder)
        table = {function: bad.Call(function, bench) for function in FUNCTIONS}
        for at, function in enumerate(rng.choices(FUNCTIONS, weights, k=min(ROUND, count - done.total()))):
            call = table[function]
            chosen = [choices[0] if rng.random() < 0.6 else rng.choice(choices) for choices in call.arguments]
            if bad.attempt(call, chosen, check=at % 100 == 0) == 0:
                for choice in chosen:
                    if isinstance(choice.value, bad.Memory):
                        choice.value.restore()
            done[function] += 1
        bench.close()
    return done


def main() -> None:
    folder = Path(sys.argv[2])
    bad.trace = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
    bad.save_files(folder)
    before = _c.lib.recurrent_object_count()
    print(json.dumps(calls(folder, int(sys.argv[3]), int(sys.argv[4]))))
    assert _c.lib.recurrent_object_count() == before, "objects are left"


if __name__ == "__main__":
    main()
