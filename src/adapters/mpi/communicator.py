"""Collective actions."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def _sendable(error: Exception) -> Exception:
    try:
        pickle.dumps(error)
    except Exception:  # whatever an error of others holds
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class ServiceCommunicator:
    """
    Over BSB's MPI service, which is serial where there is no MPI.

    :param service: ``bsb.services.mpi.MPIService``, or anything with its methods.
    """

    def __init__(self, service: Any) -> None:
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
        # What the others did before must be done when the main rank acts.
        self._service.barrier()
        outcome: tuple[Any, Exception | None] = (None, None)
        if self.rank == 0:
            try:
                outcome = action(), None
                pickle.dumps(outcome)
            except Exception as error:  # every rank must hear of it, or it hangs
                outcome = None, _sendable(error)
            except BaseException as error:
                # What ends this rank is not for the others to raise.
                reason = RuntimeError(f"the main rank was interrupted: {type(error).__name__}")
                self._service.bcast((None, reason), root=0)
                raise
        result, failure = self._service.bcast(outcome, root=0)
        if failure is not None:
            raise failure
        value: T = result
        return value

    def all_true(self, test: Callable[[], bool]) -> bool:
        try:
            found = bool(test())
        except Exception:  # every rank must hear of it, or it hangs
            found = False
        return found if self.size == 1 else all(self._service.allgather(found))
