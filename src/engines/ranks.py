"""The ranks of the program, for what is done without a storage."""

from __future__ import annotations

from ..adapters.mpi.communicator import world


def is_main_rank() -> bool:
    """Whether this process is the one of all ranks that acts for them."""
    return world().rank == 0
