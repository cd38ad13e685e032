"""Runs that the tests of resuming make: in a process of its own, `python training.py resume|autosave PATH ...`."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

import recurrent
from recurrent import schedules

_letters = np.random.default_rng(7).choice(list("abcdefg é\n"), 500)
TEXT = "".join(_letters)
# 9 chunks make an epoch; a plateau, so that the validation matters
SETTINGS = {"batch_size": 6, "seq_length": 8, "evaluate_every": 4, "progress": False}


def model(cell="lstm", dtype="float32"):
    return recurrent.TextModel(cell, [7, 5], dropout=0.3, dtype=dtype, rng=3)


def fit(tm, steps, **settings):
    plateau = schedules.Plateau(learning_rate=0.01, factor=0.7, patience=0, threshold=0.5)
    solver = recurrent.Adam(amsgrad=True, clipping="global_norm")
    return tm.fit(
        TEXT, steps, **{"optimizer": solver, "schedule": plateau, "clip": 0.1, **SETTINGS, **settings}
    )


def digest(tm):
    """SHA-256 of the weights."""
    return hashlib.sha256(tm.flat.w.tobytes()).hexdigest()


def tensors(path):
    """All that is in a file but its texts: weights, the solver's memory, the generator, the state of the streams."""
    data = Path(path).read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


def resume(*paths):
    """Go on for as many steps as were made; for each file, say the weights' digest."""
    found = {}
    for path in paths:
        tm = recurrent.TextModel.load(path)
        tm.resume(TEXT, tm.step, progress=False)
        tm.save(path)
        found[path] = digest(tm)
    print(json.dumps(found))


def autosave(path, cell, dtype):
    """Saves after every step until killed."""
    fit(model(cell, dtype), 10**7, record_every=100, checkpoint=path, checkpoint_every=1)


if __name__ == "__main__":
    {"resume": resume, "autosave": autosave}[sys.argv[1]](*sys.argv[2:])
