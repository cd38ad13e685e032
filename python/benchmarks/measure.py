"""Clocks: the machine's peak, and competitors timed in turns so that they meet the same weather."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# runs a step a number of times and returns the seconds
Run = Callable[[int], float]

_CHAINS, _VECTOR_BYTES = 12, 32
# a turn is at least this long, or the clock and the other's leavings in the caches would count
_TURN_SECONDS = 0.01


class Clock:
    """Seconds on the wall; or those of this process, which others on its core do not lengthen."""

    def __init__(self, kind: str = "wall") -> None:
        self.now = {"wall": time.perf_counter, "cpu": time.process_time}[kind]

    def timed(self, step: Callable[[], object]) -> Run:
        """A step as something that can be timed."""

        def run(count: int) -> float:
            start = self.now()
            for _ in range(count):
                step()
            return self.now() - start

        return run


class Peak:
    """Returns the multiply-adds per second of a number of cores.

    Attributes
    ----------
    gflops : dict of str to float
        By dtype, 2 for each multiply-add: the most that was ever seen, which a busy machine may show late.
    source : str
        How they were measured.
    """

    def __init__(self, threads: int, clock: Clock) -> None:
        self.threads, self._now = threads, clock.now
        self._pool = ThreadPoolExecutor(threads)
        self._loops = _compile()
        self.source = "independent FMA chains" if self._loops else "NumPy's matrix product (no gcc here)"
        self.gflops = {"float32": 0.0, "float64": 0.0}
        for dtype in self.gflops:
            for _ in range(100):
                self.once(dtype)

    def once(self, dtype: str) -> float:
        """GFLOP/s in one short run, a few milliseconds."""
        gflops = self._chains(dtype) if self._loops else self._product(dtype)
        self.gflops[dtype] = max(self.gflops[dtype], gflops)
        return gflops

    def _chains(self, dtype: str) -> float:
        loops, rounds = self._loops or {}, 500_000
        start = self._now()
        list(self._pool.map(loops[dtype], [rounds] * self.threads))
        seconds = self._now() - start
        numbers = _VECTOR_BYTES // np.dtype(dtype).itemsize
        return 2 * _CHAINS * numbers * rounds * self.threads / seconds / 1e9

    def _product(self, dtype: str, n: int = 512) -> float:
        a = np.ones((n, n), dtype)
        start = self._now()
        a @ a
        return 2 * n**3 / (self._now() - start) / 1e9


def _compile() -> dict[str, Callable[[int], float]] | None:
    """fma.c, compiled for the library's instruction level; None where that fails."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    level = ["-march=x86-64-v3"] if platform.machine().lower() in ("x86_64", "amd64") else []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "fma.so"
        source = Path(__file__).with_name("fma.c")
        options = ["-O3", "-ffp-contract=fast", *level, "-shared", "-fPIC"]
        if (
            subprocess.run(
                [compiler, *options, "-o", out, source], capture_output=True, check=False
            ).returncode
            != 0
        ):
            return None
        library = ctypes.CDLL(str(out))
    loops: dict[str, Callable[[int], float]] = {}
    for dtype, number in (("float32", ctypes.c_float), ("float64", ctypes.c_double)):
        loop = getattr(library, f"fma_{dtype}")
        loop.argtypes, loop.restype = [ctypes.c_long], number
        loops[dtype] = loop
    return loops


@dataclass(frozen=True)
class Timing:
    """Seconds for one step."""

    median: float
    low: float
    """The 10th percentile over the rounds."""
    high: float
    """The 90th percentile."""
    ratio: float
    """How many times as long as the first competitor: the median over the rounds."""


@dataclass(frozen=True)
class Race:
    """What a measurement found."""

    timings: dict[str, Timing]
    rounds: int
    """How many counted."""
    disturbed: int
    """Rounds in which the machine was not ours: its peak was below 90 % just before."""
    left_out: bool
    """Whether these were left out; not where hardly any others were."""


def race(
    runs: dict[str, Run], seconds: float, peak: Peak, dtype: str, rounds: int = 15, warmups: int = 3
) -> Race:
    """Time competitors in turns, A B C A B C …, for at least a number of rounds and of seconds.

    Parameters
    ----------
    runs : dict of str to Run
        The first is the one that the ratios are for.
    seconds : float
        How long, warm-ups not counted.
    peak : Peak
        Tells the rounds that something else on this machine disturbed.
    dtype : str
        Which peak.
    rounds, warmups : int
        The fewest rounds; steps before the first.
    """
    counts = {}
    for name, run in runs.items():
        run(warmups)
        once = run(1)
        # the first guess may have met a hiccup
        once = min(once, run(1))
        counts[name] = max(1, int(_TURN_SECONDS / once) + 1 if once < _TURN_SECONDS else 1)
    table: list[list[float]] = []
    peaks: list[float] = []
    start = time.perf_counter()
    while len(table) < rounds or time.perf_counter() - start < seconds:
        # the best of three: the first may still be warming up
        peaks.append(max(peak.once(dtype) for _ in range(3)))
        table.append([run(counts[name]) / counts[name] for name, run in runs.items()])
    times = np.array(table)
    ours = np.array(peaks) >= 0.9 * peak.gflops[dtype]
    left_out = int(ours.sum()) >= min(rounds, 10)
    if left_out:
        times = times[ours]
    timings = {
        name: Timing(
            float(np.median(times[:, k])),
            float(np.percentile(times[:, k], 10)),
            float(np.percentile(times[:, k], 90)),
            float(np.median(times[:, k] / times[:, 0])),
        )
        for k, name in enumerate(runs)
    }
    return Race(timings, len(times), len(ours) - int(ours.sum()), left_out)
