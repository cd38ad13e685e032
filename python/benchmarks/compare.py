"""Compares recurrent with PyTorch, JAX and RecurrentJS, on the same weights, in one run, in turns.

A peer is timed only after its loss and all its gradients have agreed with ours. Each figure is the median
over rounds in which each library has a turn; a ratio is the median of the rounds' own ratios, above 1 where we
are faster.

    python compare.py                               all workloads on one core
    python compare.py --threads 2 --only char128
    python compare.py --grid --json grid.json       every cell, width and batch
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tables import TITLES, machine, report

if TYPE_CHECKING:
    from measure import Peak, Race
    from workloads import Arrays, Workload

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
NAMES = ("demo", "char128", "char512", "gru256", "rnn256", "gen128", "gen512", "custom", "custom128")


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="cores to use, all sides alike (1)"
    )
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--dtype", choices=tuple(TOLERANCE), help="demo is measured in both, the others in float32"
    )
    parser.add_argument("--grid", action="store_true", help="{RNN, LSTM, GRU} x width x batch instead")
    parser.add_argument(
        "--own", action="store_true", help="with --grid: a recurrent.Cell against the built-in cell"
    )
    parser.add_argument(
        "--peer", action="append", choices=("torch", "jax"), help="ask only these (all there are)"
    )
    parser.add_argument(
        "--recurrentjs", metavar="PATH", help="RecurrentJS's src/recurrent.js, run under node"
    )
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="for each measurement, of 15 rounds or more (3)"
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu, on one core: where it is shared"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    args = parser.parse_args(argv)
    if args.own and not args.grid:
        parser.error("--own goes with --grid; custom and custom128 measure a Cell without it")
    if args.threads < 1 or args.threads > len(_cores()):
        parser.error(f"--threads is {args.threads}; this machine gives us 1 to {len(_cores())}")
    if args.clock == "cpu" and args.threads > 1:
        parser.error("--clock cpu adds up the threads' seconds; it is for --threads 1")
    return args


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(threads: int) -> None:
    """Limits the number of cores, of every library before it is loaded."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, _cores()[-threads:])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RECURRENT_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def say(text: str) -> None:
    """Writes a line of progress; the tables go to standard output."""
    print(text, file=sys.stderr, flush=True)


# ---- agreement


class DisagreementError(AssertionError):
    """A peer computes something else: timing it would compare nothing."""


def agree(
    peer: str, what: str, dtype: str, ours: tuple[float, Arrays], theirs: tuple[float, Arrays]
) -> float:
    """Hold losses and gradients against each other; the largest relative difference (L2).

    Raises
    ------
    DisagreementError
        Naming the first that differs.
    """
    import numpy as np

    (loss, gradients), (their_loss, their_gradients) = ours, theirs
    if gradients.keys() != their_gradients.keys():
        raise DisagreementError(f"{what}: {peer} has {sorted(their_gradients)}, we have {sorted(gradients)}")
    worst, pairs = 0.0, [("the loss", loss, their_loss)]
    pairs += [(f"the gradient of {name}", gradients[name], their_gradients[name]) for name in gradients]
    for name, mine, other in pairs:
        a, b = np.asarray(mine, np.float64), np.asarray(other, np.float64)
        if a.shape != b.shape:
            raise DisagreementError(f"{what}: {name} has shape {a.shape}, with {peer} {b.shape}")
        difference = float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-300))
        if not difference <= TOLERANCE[dtype]:
            raise DisagreementError(
                f"{what} {dtype}: {name} differs from {peer} by {difference:.1e}; not timed"
            )
        worst = max(worst, difference)
    say(f"{what} {dtype}: loss and {len(gradients)} gradients agree with {TITLES[peer]} within {worst:.0e}")
    return worst


# ---- measurements


class Bench:
    """What all measurements share: the machine's peak, the peers there are, and how long to take."""

    def __init__(self, args: argparse.Namespace) -> None:
        import peers
        from measure import Clock, Peak

        import recurrent

        self.args, self.threads = args, args.threads
        recurrent.set_num_threads(self.threads)
        self.peers = []
        for name in ("torch", "jax"):
            if args.peer and name not in args.peer:
                continue
            reason = peers.missing(name)
            if reason:
                say(reason)
            else:
                self.peers.append(name)
        if "torch" in self.peers:
            import torch

            torch.set_num_threads(self.threads)
        self.clock = Clock(args.clock)
        self.peak: Peak = Peak(self.threads, self.clock)

    def training(self, workload: Workload, dtype: str) -> dict[str, Any]:
        """A whole training step: forward, loss, backward, clip, update."""
        import peers
        from workloads import Ours

        ours = Ours(workload, dtype)
        sides: dict[str, Any] = {}
        if "torch" in self.peers:
            sides["torch"] = peers.Torch(workload, dtype)
        if "jax" in self.peers:
            sides["jax"] = peers.Jax(workload, dtype)
        js = self._recurrentjs(workload)
        if js:
            sides["recurrentjs"] = js
        mine = ours.loss_and_gradients()
        for name, side in sides.items():
            agree(name, workload.name, dtype, mine, side.loss_and_gradients())
        if "jax" in sides:
            sides["jax"] = peers.Jax.best(workload, dtype)
        runs = {"ours": self.clock.timed(ours.step)}
        if self.threads > 1:
            runs["one_thread"] = self.clock.timed(ours.one_thread)
        runs.update(
            {
                name: side.run if name == "recurrentjs" else self.clock.timed(side.step)
                for name, side in sides.items()
            }
        )
        race = self._race(runs, dtype)
        if js:
            js.close()
        return self._row(workload, dtype, race, workload.flops())

    def custom(self, workload: Workload, dtype: str) -> dict[str, Any]:
        """A ``recurrent.Cell``, against the built-in cell and, for an LSTM of tokens, the same operations of the peers.

        PyTorch's are eager; JAX compiles a scan of them.
        """
        import peers
        from workloads import Ours, Own

        own, builtin = Own(workload, dtype), Ours(workload, dtype)
        mine = own.loss_and_gradients()
        agree("builtin", workload.name, dtype, mine, builtin.loss_and_gradients())
        runs = {"ours": self.clock.timed(own.step), "builtin": self.clock.timed(builtin.step)}
        if self.threads > 1:
            runs["one_thread"] = self.clock.timed(own.one_thread)
        if "torch" in self.peers and workload.vocabulary and workload.cell == "LSTM":
            eager = peers.TorchCustom(workload, dtype)
            agree("torch", workload.name, dtype, mine, eager.loss_and_gradients())
            runs["torch"] = self.clock.timed(eager.step)
        if "jax" in self.peers and workload.vocabulary:
            agree("jax", workload.name, dtype, mine, peers.Jax(workload, dtype).loss_and_gradients())
            runs["jax"] = self.clock.timed(peers.Jax.best(workload, dtype).step)
        return self._row(workload, dtype, self._race(runs, dtype), workload.flops(through_table=False))

    def generation(self, workload: Workload, dtype: str, tokens: int = 200) -> dict[str, Any]:
        """Sampling token by token."""
        import peers

        net = workload.network(dtype)
        runs = {"ours": self.clock.timed(lambda: net.generate(tokens, [0], rng=1))}
        if "torch" in self.peers:
            other = peers.Torch(workload, dtype)
            mine, theirs = net.generate(50, [0], temperature=0).tolist(), other.generate(50, greedy=True)
            if mine != theirs:
                raise DisagreementError(
                    f"{workload.name} {dtype}: other tokens than PyTorch's are likeliest; not timed"
                )
            say(f"{workload.name} {dtype}: the 50 likeliest tokens are PyTorch's too")
            runs["torch"] = self.clock.timed(lambda: other.generate(tokens))
        race = self._race(runs, dtype)
        row = self._row(workload, dtype, race)
        for name, timing in race.timings.items():
            row[f"{name}_tps"] = tokens / timing.median
        return row

    def _race(self, runs: dict[str, Any], dtype: str) -> Race:
        from measure import race

        return race(runs, self.args.seconds, self.peak, dtype)

    def _recurrentjs(self, workload: Workload) -> Any:
        import peers

        if workload.name != "demo":
            return None
        reason = peers.RecurrentJS.missing(self.args.recurrentjs)
        if reason:
            say(reason)
            return None
        return peers.RecurrentJS(workload, self.args.recurrentjs, self.args.clock)

    def _row(self, workload: Workload, dtype: str, race: Race, flops: float | None = None) -> dict[str, Any]:
        row: dict[str, Any] = {
            "workload": workload.name,
            "cell": workload.cell,
            "hidden": list(workload.hidden),
            "B": workload.B,
            "T": workload.T,
            "dtype": dtype,
            "threads": self.threads,
            "ours_ms": None,
            "torch_ms": None,
            "jax_ms": None,
            "gflops": None,
            "peak_fraction": None,
            "peak_gflops": None,
            "clock": self.args.clock,
            "rounds": race.rounds,
            "rounds_disturbed": race.disturbed,
        }
        for name, timing in race.timings.items():
            row[f"{name}_ms"] = 1e3 * timing.median
            row[f"{name}_ms_10_90"] = [1e3 * timing.low, 1e3 * timing.high]
            if name != "ours":
                row[f"{name}_ratio"] = timing.ratio
        if flops is not None:
            row["gflops"] = flops / race.timings["ours"].median / 1e9
        if race.disturbed:
            of = race.rounds + (race.disturbed if race.left_out else 0)
            fate = "left out" if race.left_out else "kept: take the figures with salt"
            say(f"{workload.name} {dtype}: others at work in {race.disturbed} of {of} rounds, {fate}")
        return row


# ---- the whole run


def measure_all(bench: Bench, args: argparse.Namespace) -> list[dict[str, Any]]:
    from workloads import CUSTOM, GENERATION, WORKLOADS, grid

    rows = []
    names = args.only or ([] if args.grid else NAMES)
    for name in names:
        for group, measure in (
            (WORKLOADS, bench.training),
            (GENERATION, bench.generation),
            (CUSTOM, bench.custom),
        ):
            if name in group:
                workload = group[name]
                dtypes = [args.dtype] if args.dtype else workload.dtypes
                rows += [measure(workload, dtype) for dtype in dtypes]
    if args.grid:
        measure = bench.custom if args.own else bench.training
        rows += [measure(workload, args.dtype or "float32") for workload in grid()]
    # by the peak as it is known at the end
    for row in rows:
        row["peak_gflops"] = bench.peak.gflops[row["dtype"]]
        if row["gflops"] is not None:
            row["peak_fraction"] = row["gflops"] / row["peak_gflops"]
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    pin(args.threads)
    bench = Bench(args)
    try:
        rows = measure_all(bench, args)
    except DisagreementError as error:
        say(str(error))
        return 1
    print(f"{machine(bench)}\n\n{report(rows)}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(rows, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
