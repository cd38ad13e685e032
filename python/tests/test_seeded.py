"""The same seed gives the same bits: what C prints (examples/c/seeded.c), Python must come to."""

from pathlib import Path

import recurrent

FIXTURE = Path(__file__).parents[2] / "Tests" / "RecurrentTests" / "Fixtures" / "seeded.txt"


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def test_python_comes_to_the_same_bits_as_c():
    lines = []
    for dtype in ("float32", "float64"):
        sentences = ["a river is never finished", "snow makes the street listen"]
        sm = recurrent.SentenceModel(sentences, hidden_sizes=[20, 9], letter_size=5, dtype=dtype, rng=7)
        for i in range(200):
            sm.tick(sentences[i % 2])
        lines.append(f"{dtype} {fnv(sm.parameters.flat.w.tobytes()):016x} {sm.predict()}\n")
    assert "".join(lines) == FIXTURE.read_text()
