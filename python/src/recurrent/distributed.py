"""Data-parallel training: processes, called ranks, that compute the gradients of parts of a batch and sum them.

``Network.fit`` and ``TextModel.fit`` take a communicator as ``distributed``; a training loop of the caller's own needs
``shard`` and ``all_reduce``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ._checks import as_count, as_float

if TYPE_CHECKING:
    import numpy.typing as npt

    from .mat import Mat

__all__ = ["Communicator", "RankError", "all_reduce", "shard", "world"]

_METHODS = ("Get_rank", "Get_size", "Allreduce", "bcast", "allgather")


class Communicator(Protocol):
    """What training needs of a communicator: five methods of ``mpi4py.MPI.Comm``, or of an adapter for other systems.

    All ranks call the same methods in the same order.
    """

    def Get_rank(self) -> int:
        """Returns the number of this process, from 0."""

    def Get_size(self) -> int:
        """Returns the number of processes."""

    def Allreduce(self, sendbuf: None, recvbuf: npt.NDArray[Any], /) -> Any:
        """Replaces the elements of ``recvbuf`` by their sums over all ranks, the same bits on each."""

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Returns the object of the rank ``root``, a copy as by pickle on the others."""

    def allgather(self, sendobj: Any) -> list[Any]:
        """Returns the objects of all ranks in the order of the ranks, copies as by pickle."""


class RankError(RuntimeError):
    """The end of a run on ranks other than the one that failed; the message has that of its error."""


def shard(count: int, comm: Communicator) -> slice:
    """Returns the part of ``count`` sequences that this rank trains on: contiguous, of sizes that differ by 1 at most.

    Parameters
    ----------
    count : int
        The sequences of the global batch, at least 0.
    comm : Communicator
        The ranks.

    Returns
    -------
    slice
        Of the lower ranks the longer ones.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import recurrent
    >>> class Second:
    ...     Get_rank, Get_size = (lambda self: 1), (lambda self: 3)
    ...     Allreduce = bcast = allgather = None
    >>> recurrent.distributed.shard(10, Second())
    slice(4, 7, None)
    """
    total, ranks = as_count(count, "count"), as_communicator(comm, "comm")
    return part(total, ranks.Get_rank(), ranks.Get_size())


def all_reduce(flat: Mat, weight: float, comm: Communicator) -> float:
    """Replaces the gradients by those of the global batch: ``dw = Σ weight · dw / Σ weight`` over the ranks, in place.

    All ranks have the same bits afterwards, so that the optimizer's ``step`` keeps their weights equal. That step
    clips, after the sum.

    Parameters
    ----------
    flat : Mat
        All weights of a model, ``model.flat``.
    weight : float
        The number of targets that this rank's mean loss is over; 0 for none.
    comm : Communicator
        The ranks.

    Returns
    -------
    float
        Σ weight.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    """
    if not isinstance(getattr(flat, "dw", None), np.ndarray):
        raise TypeError(f"flat has the wrong type; expected a Mat, got {type(flat).__name__}")
    own, ranks = as_float(weight, "weight"), as_communicator(comm, "comm")
    if own < 0:
        raise ValueError(f"weight is out of range; expected at least 0, got {weight}")
    total = np.array([own])
    ranks.Allreduce(None, total)
    add_up(flat, own / total[0] if total[0] else 0.0, ranks)
    return float(total[0])


def world() -> Communicator:
    """Returns the communicator of all processes that ``mpirun`` started, by mpi4py, which this function imports.

    Returns
    -------
    Communicator
        ``mpi4py.MPI.COMM_WORLD``.

    Raises
    ------
    ImportError
        If mpi4py or an MPI library is missing, with the command that installs it.
    """
    try:
        comm: Communicator = importlib.import_module("mpi4py.MPI").COMM_WORLD
    except (ImportError, RuntimeError) as error:
        raise ImportError(
            "mpi4py is missing; expected `pip install 'recurrent-nets[mpi]'` and an MPI library, such as "
            f"`apt-get install openmpi-bin`, got this: {error}"
        ) from None
    return comm


def part(count: int, rank: int, size: int) -> slice:
    """Returns the part of a rank."""
    least, rest = divmod(count, size)
    first = rank * least + min(rank, rest)
    return slice(first, first + least + (rank < rest))


def add_up(flat: Mat, share: float, comm: Communicator) -> None:
    """Replaces gradients by their sum over all ranks, each times its share."""
    gradient = flat.dw
    if share:
        gradient *= share
    else:
        # of a rank without a target, where an earlier backward may have left some
        gradient[:] = 0
    comm.Allreduce(None, gradient)


def as_communicator(value: Any, name: str) -> Communicator:
    """Returns a communicator after checking that it has the methods of one."""
    missing = [method for method in _METHODS if not hasattr(value, method)]
    if missing:
        raise TypeError(
            f"{name} has no {missing[0]}; expected a communicator, such as mpi4py.MPI.COMM_WORLD, got "
            f"{type(value).__name__}"
        )
    return value  # type: ignore[no-any-return]
