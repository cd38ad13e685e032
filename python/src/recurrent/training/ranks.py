"""Ranks: the processes of a run, which make the same decisions in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..distributed import Communicator, RankError, add_up, as_communicator, part
from ..mat import Mat
from .interrupt import Interrupt

if TYPE_CHECKING:
    import numpy.typing as npt

_Result = TypeVar("_Result")
# numbers that an agreement sums besides its two counts, of failures and of interrupts
_VALUES = 5


class Ranks:
    """A context in which processes train together; of one process it does nothing.

    Every exchange begins with an agreement, one sum over all ranks: whether a rank has failed or was interrupted since
    the last one. So an error on a rank ends all of them, and no rank waits for another one that has left. An error that
    leaves the context takes part in the next agreement of the others.

    Parameters
    ----------
    comm : Communicator or Ranks, optional
        The processes; one where absent. Of a Ranks the same object is returned, whose context may be entered again.

    Attributes
    ----------
    rank, size : int
        The number of this process, and of all.
    first_failure : int or None
        The lowest rank that has failed.
    interrupt : Interrupt or None
        Tells the exceptions that stop a run from failures.
    """

    rank: int
    size: int

    def __new__(cls, comm: Any = None) -> Ranks:
        """Returns the ranks of a communicator."""
        if isinstance(comm, Ranks):
            return comm
        ranks = super().__new__(cls)
        ranks._comm = None if comm is None else as_communicator(comm, "distributed")
        ranks.rank = 0 if ranks._comm is None else ranks._comm.Get_rank()
        ranks.size = 1 if ranks._comm is None else ranks._comm.Get_size()
        ranks.first_failure = None
        ranks.interrupt = None
        ranks._depth = 0
        ranks._is_over = False
        return ranks

    _comm: Communicator | None
    first_failure: int | None
    interrupt: Interrupt | None
    _depth: int
    # after a failure that all know, or one of the communicator
    _is_over: bool

    def __enter__(self) -> Ranks:
        self._depth += 1
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        self._depth -= 1
        if self._depth or self._is_over or self._comm is None or self.size == 1:
            return
        if error is None:
            self.call(int)
        else:
            self._announce(error)

    def shard(self, count: int) -> slice:
        """Returns the part of ``count`` sequences that is this rank's."""
        return part(count, self.rank, self.size)

    def is_stop(self, error: BaseException) -> bool:
        """Whether an exception stops a run, rather than being a failure."""
        raised = None if self.interrupt is None else self.interrupt.raised
        return isinstance(error, KeyboardInterrupt) or error is raised

    # ---- agreements

    def sums(
        self, function: Callable[..., tuple[_Result, Sequence[float]]], *arguments: Any
    ) -> tuple[_Result, list[float]]:
        """Calls a function on every rank; returns its result, and the sums over all ranks of its numbers.

        Raises
        ------
        BaseException
            That of the function; on the other ranks KeyboardInterrupt for an exception that stops the run, and
            RankError for others.
        """
        if self._comm is None or self.size == 1:
            result, values = function(*arguments)
            return result, list(values)
        try:
            result, values = function(*arguments)
        except BaseException as error:
            self._announce(error)
            raise
        vector = self._agree(values, is_failure=False, is_stop=False)
        if vector[0] or vector[1]:
            raise self._others_error()
        return result, vector[2:].tolist()

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Calls a function on every rank and returns its result; an error on one rank is raised on all."""
        return self.sums(lambda: (function(*arguments), ()))[0]

    def any(self, function: Callable[[], bool]) -> bool:
        """Calls a function on every rank; returns whether it returned True on one."""
        return self.sums(lambda: (None, [float(function())]))[1][0] > 0

    def gather(self, function: Callable[..., _Result], *arguments: Any) -> list[_Result]:
        """Calls a function on every rank; returns the results of all ranks."""
        own = self.call(function, *arguments)
        if self._comm is None or self.size == 1:
            return [own]
        return self._exchange(self._comm.allgather, own)  # type: ignore[no-any-return]

    def of_first(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Calls a function on rank 0; returns its result on every rank."""
        own: Any = self.call(lambda: None if self.rank else function(*arguments))
        return own if self._comm is None or self.size == 1 else self._exchange(self._comm.bcast, own)  # type: ignore[no-any-return]

    def add_up(self, flat: Mat, share: float) -> None:
        """Replaces gradients by their sum over all ranks, each times its share; an agreement comes before."""
        if self._comm is not None:
            self._exchange(add_up, flat, share, self._comm)

    def _agree(self, values: Sequence[float], is_failure: bool, is_stop: bool) -> npt.NDArray[np.float64]:
        vector = np.zeros(2 + _VALUES)
        vector[:2] = is_failure, is_stop
        vector[2 : 2 + len(values)] = values
        if self._comm is not None:
            self._exchange(self._comm.Allreduce, None, vector)
        return vector

    def _announce(self, error: BaseException) -> None:
        """Tells the others of an error, which takes the place of what they agree on."""
        if self._is_over:
            return
        is_stop = self.is_stop(error)
        self._agree((), not is_stop, is_stop)
        found = self._messages(None if is_stop else f"{type(error).__name__}: {error}")
        if is_stop and self._is_over:
            # another rank has failed at the same time
            raise RankError(found) from None

    def _others_error(self) -> BaseException:
        """Returns the exception of this rank after one of another rank."""
        message = self._messages(None)
        return RankError(message) if self._is_over else KeyboardInterrupt()

    def _messages(self, own: str | None) -> str:
        """Returns the message of the lowest rank that has failed."""
        if self._comm is None:
            return ""
        for rank, message in enumerate(self._exchange(self._comm.allgather, own)):
            if message is not None:
                self.first_failure, self._is_over = rank, True
                return f"rank {rank} has failed, which ends the run on all ranks: {message}"
        return ""

    def _exchange(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException:
            # nothing is known of the others any more
            self._is_over = True
            raise
