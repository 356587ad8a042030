"""Collective actions over BSB's MPI service."""

from __future__ import annotations

from typing import Any

import pytest
from bsb.services.mpi import MPIService

from bsb_hdf5.adapters.mpi.communicator import ServiceCommunicator
from bsb_hdf5.errors import InputError


class MainOfTwo(MPIService):
    """The service of the main rank, as the other one sees it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def get_rank(self) -> int:
        return 0

    def get_size(self) -> int:
        return 2

    def barrier(self) -> None:
        pass

    def bcast(self, value: Any, root: int) -> Any:
        self.sent.append(value)
        return value


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_the_other_ranks_get_an_error_where_the_main_rank_is_interrupted(
    interrupt: type[BaseException],
) -> None:
    service = MainOfTwo()

    def act() -> None:
        raise interrupt

    with pytest.raises(interrupt):
        ServiceCommunicator(service).on_main(act)
    [(result, failure)] = service.sent
    assert result is None
    assert isinstance(failure, RuntimeError)
    assert f"the main rank was interrupted: {interrupt.__name__}" == str(failure)


@pytest.mark.parametrize("error", [InputError("wrong"), OSError(28, "full")])
def test_the_other_ranks_get_the_error_of_the_main_rank(error: Exception) -> None:
    service = MainOfTwo()

    def act() -> None:
        raise error

    with pytest.raises(type(error)):
        ServiceCommunicator(service).on_main(act)
    assert [(None, error)] == service.sent


def test_an_error_that_can_not_be_sent_is_described() -> None:
    class LocalError(Exception):
        """Of a class that no other process finds."""

    service = MainOfTwo()

    def act() -> None:
        raise LocalError("of a function")

    with pytest.raises(RuntimeError, match=r"^LocalError: of a function$") as caught:
        ServiceCommunicator(service).on_main(act)
    assert [(None, caught.value)] == service.sent
