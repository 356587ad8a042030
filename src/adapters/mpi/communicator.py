"""Collective actions."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

T = TypeVar("T")


class Service(Protocol):
    """The parts of ``bsb.services.mpi.MPIService`` that are used here."""

    def get_rank(self) -> int: ...

    def get_size(self) -> int: ...

    def get_communicator(self) -> object: ...

    def barrier(self) -> None: ...

    def bcast(self, obj: T, root: int = 0) -> T: ...

    def allgather(self, obj: T) -> list[T]: ...


def _sendable(error: Exception) -> Exception:
    try:
        pickle.dumps(error)
    except Exception:  # whatever an error of others holds
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def world() -> ServiceCommunicator:
    """All ranks of the program."""
    from bsb.services import MPI

    return ServiceCommunicator(MPI)


class ServiceCommunicator:
    """
    A communicator over BSB's MPI service, which is serial without MPI.

    :param service: BSB's service, or anything with these methods.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def rank(self) -> int:
        return int(self._service.get_rank())

    @property
    def size(self) -> int:
        return int(self._service.get_size())

    def on_main(self, action: Callable[[], T]) -> T:
        if self.size == 1:
            return action()
        # The main rank acts once the others have finished what they did before.
        self._service.barrier()
        outcome: tuple[T | None, Exception | None] = (None, None)
        if self.rank == 0:
            try:
                outcome = action(), None
                pickle.dumps(outcome)
            except Exception as error:  # sent to every rank, as the others would hang
                outcome = None, _sendable(error)
            except BaseException as error:
                # The other ranks must not raise the interrupt of this one.
                reason = RuntimeError(f"the main rank was interrupted: {type(error).__name__}")
                self._service.bcast((None, reason), root=0)
                raise
        result, failure = self._service.bcast(outcome, root=0)
        if failure is not None:
            raise failure
        return cast(T, result)

    def all_true(self, test: Callable[[], bool]) -> bool:
        try:
            found = bool(test())
        except Exception:  # sent to every rank, as the others would hang
            found = False
        return found if self.size == 1 else all(self._service.allgather(found))
