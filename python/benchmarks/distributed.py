"""Training over ranks: the time of a step, and what of it is the exchange.

    mpirun -n 2 python benchmarks/distributed.py [SIZE ...]

Each rank has one thread. A round has every mode once, so that all meet the same load. Of the wall time of a step the
least of all rounds counts, and the median tells the load. The CPU time of a step without its exchanges counts less of
other programs; on a busy machine its median and the fastest exchange give the efficiency.

- alone: one rank trains on the batch, the others sleep
- strong: all ranks, the batch in equal parts
- weak: all ranks, a batch each
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np
from mpi4py import MPI

import recurrent

BATCH, SEQ_LENGTH, STEPS, ROUNDS, SECONDS = 50, 50, 3, 12, 60
COMM = MPI.COMM_WORLD
TEXT = "".join(np.random.default_rng(0).choice([chr(33 + i) for i in range(65)], 1 << 18))


class Timed:
    """A communicator that adds up the CPU time of its calls."""

    Get_rank, Get_size, seconds = COMM.Get_rank, COMM.Get_size, 0.0

    def Allreduce(self, sendbuf: None, recvbuf: Any) -> None:
        """Times the sum over the ranks."""
        start = time.process_time()
        COMM.Allreduce(MPI.IN_PLACE, recvbuf)
        self.seconds += time.process_time() - start

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Passes an object on."""
        return COMM.bcast(obj, root)

    def allgather(self, sendobj: Any) -> list[Any]:
        """Passes objects on."""
        return COMM.allgather(sendobj)


def wait() -> None:
    """Waits for all ranks without the processor."""
    request = COMM.Ibarrier()
    while not request.Test():
        time.sleep(0.002)


def step_times(model: Any, batch_size: int, comm: Timed | None) -> list[tuple[float, float]]:
    """The wall and the CPU seconds of each step but the first, which allocates."""
    times: list[tuple[float, float]] = []

    def tick(_: Any) -> None:
        times.append((time.perf_counter(), time.process_time() - (comm.seconds if comm else 0)))

    model.fit(
        TEXT, STEPS + 1, batch_size, SEQ_LENGTH, validation_split=0, progress=False, callbacks=[tick],
        checkpoint_minutes=None, distributed=comm,
    )  # fmt: skip
    return [(b[0] - a[0], b[1] - a[1]) for a, b in zip(times, times[1:])]


def exchange_time(model: Any) -> float:
    """The least seconds of the exchanges of a step: two agreements and the gradients."""
    least = [float("inf")] * 2
    for _ in range(50):
        for k, buffer in enumerate((np.zeros(7), model.flat.dw)):
            start = time.perf_counter()
            COMM.Allreduce(MPI.IN_PLACE, buffer)
            least[k] = min(least[k], time.perf_counter() - start)
    return 2 * least[0] + least[1]


def main() -> None:
    rank, size = COMM.Get_rank(), COMM.Get_size()
    recurrent.set_num_threads(1)
    for hidden in [int(word) for word in sys.argv[1:]] or [128, 512]:
        model, own = (recurrent.TextModel("lstm", [hidden, hidden], rng=1).build(TEXT) for _ in range(2))
        found: dict[str, list[tuple[float, float]]] = {"alone": [], "strong": [], "weak": []}
        exchange, start = float("inf"), time.monotonic()
        for _ in range(ROUNDS):
            wait()
            found["alone"] += step_times(own, BATCH, None) if rank == 0 else []
            wait()
            found["strong"] += step_times(model, BATCH, Timed())
            wait()
            found["weak"] += step_times(model, size * BATCH, Timed())
            wait()
            exchange = min(exchange, exchange_time(model))
            if COMM.bcast(time.monotonic() - start > SECONDS):
                break
        if rank:
            continue
        print(f"lstm {hidden} {hidden}, {model.flat.n:,} parameters, {BATCH} x {SEQ_LENGTH}, {size} ranks, "
              f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")  # fmt: skip
        wall, cpu = {}, {}
        for name, times in found.items():
            walls, cpus = np.array(times).T
            wall[name], cpu[name] = walls.min(), float(np.median(cpus))
            print(f"  {name:7} wall {1e3 * wall[name]:8.2f} ms at least, {1e3 * np.median(walls):8.2f} median of "
                  f"{len(times)}; CPU {1e3 * cpu[name]:8.2f} ms")  # fmt: skip
        print(f"  exchange {1e3 * exchange:.3f} ms")
        for label, strong, weak in (
            ("wall", wall["strong"], wall["weak"]),
            ("CPU and exchange", cpu["strong"] + exchange, cpu["weak"] + exchange),
        ):
            alone = (wall if label == "wall" else cpu)["alone"]
            print(
                f"  efficiency by {label}: strong {alone / size / strong:.2f}, weak {alone / weak:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
