"""What the decorators make of the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from bsb import Storage

from bsb_hdf5.connectivity_set import ConnectivitySet
from bsb_hdf5.handles import HANDLED, handles_handles
from bsb_hdf5.placement_set import PlacementSet
from bsb_hdf5.transactions.session import Session
from tests.face.samples import cell_type


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage("memory", str(tmp_path / "network"))


class Part:
    """Something with an engine, as users make it."""

    def __init__(self, storage: Storage) -> None:
        self._engine = storage._engine

    @handles_handles("r")
    def look(self, first: int, handle: Session = HANDLED, last: int = 0) -> tuple[int, int, bool]:
        return first, last, isinstance(handle, Session)


def test_arguments_reach_the_method_whether_the_handle_is_given_or_not(storage: Storage) -> None:
    part = Part(storage)
    assert (1, 0, True) == part.look(1)
    assert (1, 2, True) == part.look(1, last=2)
    with storage.read_scope() as session:
        assert (1, 2, True) == part.look(1, session, 2)
        assert (1, 2, True) == part.look(1, last=2, handle=session)


class Named(Part):
    """Something whose methods take a handle by its name only."""

    @handles_handles("r")
    def find(self, first: int, *, handle: Session = HANDLED, last: int = 0) -> Any:
        return first, last, isinstance(handle, Session)

    @handles_handles("r")
    def list(self, *given: int, handle: Session = HANDLED) -> Any:
        return given, isinstance(handle, Session)


def test_a_handle_that_is_given_by_name_only_takes_no_place_among_the_arguments(
    storage: Storage,
) -> None:
    part: Any = Named(storage)
    assert ((1, 2, 3), True) == part.list(1, 2, 3)
    assert ((), True) == part.list()
    assert (1, 2, True) == part.find(1, last=2)
    with storage.read_scope() as session:
        assert (1, 0, True) == part.find(1, handle=session)
        assert ((1, 2), True) == part.list(1, 2, handle=session)
        with pytest.raises(TypeError):
            part.find(1, session)


def test_the_parameter_of_upstream_is_taken(storage: Storage) -> None:
    look: Any = Part(storage).look
    assert (1, 0, True) == look(1, promote_from_read=True)


def test_what_is_too_much_or_given_twice_is_refused(storage: Storage) -> None:
    look: Any = Part(storage).look
    calls: list[Callable[[], Any]] = [
        lambda: look(1, None, 2, 3),
        lambda: look(1, None, 2, last=3),
        lambda: look(1, None, handle=None),
        lambda: look(1, first=1),
        look,
        lambda: look(1, other=2),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_the_engine_may_be_given_by_its_name(storage: Storage) -> None:
    engine = storage._engine
    kind = cell_type("a")
    assert not PlacementSet.exists(engine=engine, cell_type=kind)
    PlacementSet.create(engine=engine, cell_type=kind)
    assert PlacementSet.exists(engine=engine, cell_type=kind)
    assert not ConnectivitySet.exists(engine=engine, tag="loop")
    assert [] == ConnectivitySet.get_tags(engine=engine)
    with pytest.raises(TypeError, match="engine"):
        cast(Any, PlacementSet).exists(cell_type=kind)
