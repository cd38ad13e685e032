"""The same bits for any number of threads, in any process."""

import hashlib

import pytest

from support import HARDEN, succeed

THREADS = range(1, 9) if HARDEN else (1, 2, 3)
HASH_SEEDS = ("0", "1", "random") if HARDEN else ("random",)
REPEATS = 20 if HARDEN else 2

TRAIN = """
import hashlib, sys
import numpy as np, recurrent
from recurrent.parameters import CELLS

for cell in CELLS:
    for dtype in ("float32", "float64"):
        first = None
        for _ in range(int(sys.argv[1])):
            model = recurrent.TextModel(cell, [40, 33], dtype=dtype, dropout=0.1, rng=3).build("abcdefgh")
            model.optimizer = recurrent.AdamW(0.01, clipping="global_norm")
            for step in range(3):
                tokens = np.random.default_rng(step).integers(0, 8, (12, 21))
                model.train_step(tokens[:-1], tokens[1:], clip=1.0)
            with recurrent.Graph() as G:
                a = recurrent.Mat.from_array(np.arange(90_000.0).reshape(300, 300) / 9e4, dtype)
                loss = (a @ a.tanh() @ a).softmax().square().sum()
                loss.backward()
            text = model.sample(40, rng=1) + repr(model.evaluate("abcdefgh" * 20, 3))
            bits = model.flat.w.tobytes() + a.dw.tobytes() + text.encode()
            digest = hashlib.sha256(bits).hexdigest()
            assert first in (None, digest), (cell, dtype)
            first = digest
        print(cell, dtype, first)
"""


@pytest.mark.campaign("Training runs with other bits, over threads, hash seeds and repetitions")
def test_any_number_of_threads(cases):
    found = {
        succeed(TRAIN, str(REPEATS), RECURRENT_NUM_THREADS=str(threads), PYTHONHASHSEED=seed)
        for threads in THREADS
        for seed in HASH_SEEDS
    }
    (only,) = found
    assert len({hashlib.sha256(line.encode()).digest() for line in only.splitlines()}) == len(
        only.splitlines()
    )
    cases(len(THREADS) * len(HASH_SEEDS) * REPEATS * len(only.splitlines()))
