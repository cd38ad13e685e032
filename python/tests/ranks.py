"""Ranks as threads of one process: a communicator without MPI."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

# a rank that waits for another one that has left ends here, and not with the patience of pytest
TIMEOUT = 20


class Shared:
    """What the threads have in common."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.places: list[Any] = [None] * size
        self.barrier = threading.Barrier(size, timeout=TIMEOUT)


class Communicator:
    """One thread's view of the others. Calls that do not belong together fail on all of them."""

    def __init__(self, shared: Shared, rank: int) -> None:
        self._shared, self._rank = shared, rank
        self.calls: list[str] = []

    def Get_rank(self) -> int:
        return self._rank

    def Get_size(self) -> int:
        return self._shared.size

    def Allreduce(self, sendbuf: None, recvbuf: npt.NDArray[Any]) -> None:
        parts = self._exchange(f"Allreduce {recvbuf.dtype} {recvbuf.shape}", recvbuf.copy())
        recvbuf[...] = sum(parts[1:], parts[0])

    def bcast(self, obj: Any, root: int = 0) -> Any:
        message = pickle.dumps(obj) if self._rank == root else None
        return pickle.loads(self._exchange("bcast", message)[root])

    def allgather(self, sendobj: Any) -> list[Any]:
        return [pickle.loads(message) for message in self._exchange("allgather", pickle.dumps(sendobj))]

    def _exchange(self, kind: str, value: Any) -> list[Any]:
        self.calls.append(kind.split()[0])
        self._shared.places[self._rank] = kind, value
        self._shared.barrier.wait()
        found = list(self._shared.places)
        self._shared.barrier.wait()
        kinds = {kind for kind, _ in found}
        assert len(kinds) == 1, f"the ranks call different functions: {kinds}"
        return [value for _, value in found]


def outcomes(size: int, function: Callable[[Communicator], Any]) -> list[Any]:
    """Calls a function on every rank; returns what each returned, or raised."""
    shared, found = Shared(size), [None] * size

    def call(rank: int) -> None:
        try:
            found[rank] = function(Communicator(shared, rank))
        except BaseException as error:
            found[rank] = error

    threads = [threading.Thread(target=call, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def results(size: int, function: Callable[[Communicator], Any]) -> list[Any]:
    """As ``outcomes``, of a function that must succeed on every rank."""
    found = outcomes(size, function)
    for rank, outcome in enumerate(found):
        assert not isinstance(outcome, BaseException), f"rank {rank}: {outcome!r}"
    return found


def same_bits(arrays: list[npt.NDArray[Any]]) -> bool:
    return all(np.array_equal(array, arrays[0]) for array in arrays)
