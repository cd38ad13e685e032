"""Cells beside the built-in LSTM or GRU: whole training steps on one core, timed in turns by the process's clock.

    python benchmarks/cells.py                      every cell, at 20 units and at 128
    python benchmarks/cells.py --only norm --size 128

A ratio is the median over the rounds. The cells' correctness is a matter of the tests: the numbers differ from the
built-in cell's.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

from measure import Clock, Peak, race
from workloads import CLIP, CUSTOM, DECAY, EPSILON, LEARNING_RATE

import recurrent
from recurrent import recurrentjs

SIZES = {"20": CUSTOM["custom"], "128": CUSTOM["custom128"]}


class OddGate(recurrent.Cell):
    """A cell with gates that no kernel was written for."""

    def parameters(self, I: int, H: int) -> dict[str, tuple[int, int]]:  # noqa: D102, E741
        return {"Wx": (3 * H, I), "Wh": (3 * H, H), "b": (3 * H, 1)}

    def step(self, x: Any, h: Any, p: Any) -> Any:  # noqa: D102
        a, b, c = (p.Wx @ x + p.Wh @ h + p.b).split(3)
        return (h + a.silu() * b.softplus() - h * h + c).tanh()


LSTM, GRU = recurrent.LSTMCell, recurrent.GRUCell
# the cell, and the built-in one with the same products
CELLS: dict[str, tuple[Any, str]] = {
    "lstm peephole": (LSTM(peephole=True), "LSTM"),
    "lstm coupled": (LSTM(coupled=True), "LSTM"),
    "lstm norm": (LSTM(norm="joint"), "LSTM"),
    "lstm norm gate": (LSTM(norm="gate"), "LSTM"),
    "lstm zoneout": (LSTM(zoneout=(0.05, 0.5)), "LSTM"),
    "lstm dropout": (LSTM(input_dropout=0.2, recurrent_dropout=0.2), "LSTM"),
    "gru norm": (GRU(norm="joint"), "GRU"),
    "gru zoneout": (GRU(zoneout=0.1), "GRU"),
    "gru reset before": (GRU(reset_after=False), "GRU"),
    "odd gate": (OddGate(), "GRU"),
    "min_gru": ("min_gru", "GRU"),
}


class Side:
    """A network and its training step."""

    def __init__(self, cell: Any, size: str, dtype: str) -> None:
        workload = SIZES[size]
        self.net = recurrent.Network(
            cell, workload.vocabulary, workload.hidden, workload.vocabulary, workload.embedding, dtype, rng=1
        )
        self.x, self.targets = workload.data(dtype)
        self.optimizer = recurrentjs.Solver(DECAY, EPSILON)

    def step(self) -> float:
        """The loss before the step."""
        r = self.net.train_step(self.x, self.targets, self.optimizer, LEARNING_RATE, clip=CLIP)
        return float(r.loss)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="cells whose names contain this")
    parser.add_argument("--size", choices=sorted(SIZES), help="units of a layer")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--seconds", type=float, default=3, help="of each row, at least")
    args = parser.parse_args()
    recurrent.set_num_threads(1)
    clock = Clock("cpu")
    peak = Peak(1, clock)
    print("| cell | units | ms | built-in | ratio |\n|---|---:|---:|---|---:|")
    for name, (cell, base) in CELLS.items():
        if args.only and args.only not in name:
            continue
        for size in [args.size] if args.size else SIZES:
            builtin, own = Side(base.lower(), size, args.dtype), Side(cell, size, args.dtype)
            runs = {"builtin": clock.timed(builtin.step), "own": clock.timed(own.step)}
            own_time = race(runs, args.seconds, peak, args.dtype).timings["own"]
            print(
                f"| {name} | {size} | {own_time.median * 1e3:.3f} | {base} | {own_time.ratio:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
