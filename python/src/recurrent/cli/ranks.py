"""The processes of ``mpirun recurrent train``, which train together."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from .._terminal import UserError
from ..distributed import Communicator, world
from ..training.ranks import Ranks
from .console import EXIT_FAILURE, Console

DISTRIBUTED = ("auto", "mpi", "none")
# what launchers tell each process: Open MPI, MPICH and Intel MPI, MVAPICH, srun. SLURM_NTASKS is that of a whole job,
# which a command of its script has as well
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


def started() -> int:
    """Returns the number of processes that a launcher has started, 1 without one."""
    sizes = [os.environ.get(name, "") for name in _SIZES]
    return max([1, *(int(size) for size in sizes if size.isdecimal())])


def communicator(distributed: str) -> Communicator | None:
    """Returns the communicator of ``--distributed``; None for one process, without an import of MPI."""
    count = started()
    if distributed == "none" or (distributed == "auto" and count == 1):
        return None
    comm = world()
    if comm.Get_size() < count:
        raise UserError(
            f"MPI knows {comm.Get_size()} process, and the launcher has started {count}; expected mpi4py with the "
            "launcher's MPI library (`--distributed none` trains a model in each process)"
        )
    return comm


def together(
    job: Callable[[argparse.Namespace, Console, Ranks], int], options: argparse.Namespace, console: Console
) -> int:
    """Runs a command on all ranks; rank 0 prints, and of an error the lowest rank that it is of."""
    ranks = Ranks(communicator(options.distributed))
    if ranks.rank:
        console.is_json = console.is_verbose = False
    try:
        with ranks:
            return job(options, console, ranks)
    except Exception:
        if ranks.first_failure in (None, ranks.rank):
            raise
        return EXIT_FAILURE
