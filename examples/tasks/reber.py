"""The embedded Reber grammar: the last symbol but one is the second symbol.

Seven symbols, and a machine that walks from B to E with two possible symbols at most steps. The walk is embedded in
another: after B comes T or P, then the walk, then the same T or P. After each symbol the possible next symbols, one or
two, must have the largest probabilities.

Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, experiment 1.
"""

import sys
import time

import numpy as np

import recurrent

SYMBOLS = "BTPSXVE"
# from each state: a symbol, and the state it leads to
WAYS = {0: "T1P2", 1: "S1X3", 2: "T2V4", 3: "X2S5", 4: "P3V5", 5: "E6"}
B = 10
PASS = 1.0


def string(rng):
    """A string of the grammar, and the symbols that might have stood in each place."""
    outer, walk, may, state = "TP"[rng.integers(2)], "B", ["B"], 0
    while state != 6:
        ways = WAYS[state]
        way = 2 * rng.integers(len(ways) // 2)
        walk, may, state = walk + ways[way], [*may, ways[::2]], int(ways[way + 1])
    return "B" + outer + walk + outer + "E", ["B", "TP", *may, outer, "E"]


def arrays(strings):
    """Symbols (T, B), their lengths, what came next (T, B), -1 for nothing, and what might have (T, B, 7)."""
    lengths = np.array([len(word) - 1 for word, _ in strings])
    x = np.zeros((lengths.max(), len(strings)), int)
    targets, may = np.full(x.shape, -1), np.zeros((*x.shape, 7), bool)
    for b, (word, possible) in enumerate(strings):
        for t, (now, next_) in enumerate(zip(word, word[1:])):
            x[t, b], targets[t, b] = SYMBOLS.index(now), SYMBOLS.index(next_)
            may[t, b] = [symbol in possible[t + 1] for symbol in SYMBOLS]
    return x, lengths, targets, may


def right(net, strings):
    """The share of strings that are predicted right from beginning to end."""
    x, lengths, _, may = arrays(strings)
    y, _ = net.forward(x, lengths=lengths)
    place = (-y).argsort(-1, kind="stable").argsort(-1)
    said = place < may.sum(-1, keepdims=True)
    return float((said == may).all((0, 2)).mean())


def unseen(rng, seen, count):
    """Returns ``count`` different strings that are not in ``seen``."""
    strings = {}
    while len(strings) < count:
        word, possible = string(rng)
        if word not in seen:
            strings[word] = possible
    return list(strings.items())


def run(seed, most=3000):
    """Learn until 1,000 unseen strings are right; return the share of 256 others that are, and how many were used."""
    rng = np.random.default_rng(seed)
    net = recurrent.LSTM(7, [16], 7, rng=rng)
    net.flat.w[:] = rng.uniform(-0.25, 0.25, net.flat.w.shape)
    net.parameters["bf0"].w[:] = 1
    solver = recurrent.Adam(learning_rate=0.02, clipping="global_norm")

    seen, known = set(), []
    for step in range(1, most + 1):
        strings = [string(rng) for _ in range(B)]
        seen.update(word for word, _ in strings)
        x, lengths, targets, _ = arrays(strings)
        net.train_step(x, targets, solver, clip=1.0, lengths=lengths)
        if step % 100 == 0:
            known = unseen(rng, seen, 1000)
            if right(net, known) == 1:
                break

    others = unseen(rng, seen.union(word for word, _ in known), 256)
    return right(net, others), step * B


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 6)):
        start = time.perf_counter()
        share, strings = run(seed)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: {share:.1%} of unseen strings right after {strings:,} strings, {seconds:.1f} s")
