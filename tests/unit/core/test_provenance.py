"""The identity of a network and its states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.layouts.detection import LAYOUTS, create_network, open_network
from bsb_hdf5.core.layouts.protocols import NetworkWriter
from bsb_hdf5.core.provenance import WriterInfo, stamp
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.ports.cache import CacheView
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.memory import new_root

WRITER = WriterInfo("8.0.2", "8.1.0", lambda: {"storage_id": "new", "state_id": 0}, lambda: None)


class Stamped:
    """A network, and itself as a session finds it that has nothing cached."""

    def __init__(self, layout: str, bundle: dict[str, Any], cache: CacheView | None) -> None:
        self._root = new_root()
        create_network(self._root, layout)
        self.network = open_network(self._root, "here", cache)
        self.network.set_provenance(bundle)

    def put(self, provenance: Any) -> None:
        """Store something else, as a program does that knows nothing of provenance."""
        self._root.attributes.set("bsb_provenance", provenance)
        self.network = self.anew()

    def anew(self) -> NetworkWriter:
        return open_network(self._root, "here")

    def stamp(self) -> bool:
        upgraded = stamp(self.network, WRITER)
        assert self.network.provenance == self.anew().provenance
        assert ("8.0.2", "8.1.0") == self.network.versions == self.anew().versions
        return upgraded


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["remembered", "read"])
def cache(request: pytest.FixtureRequest) -> CacheView | None:
    return VersionedCache().at("version") if request.param else None


def test_a_change_moves_the_state_and_keeps_the_rest(layout: str, cache: CacheView | None) -> None:
    bundle = {"storage_id": "x", "state_id": 4, "extra": [1]}
    stamped = Stamped(layout, bundle, cache)
    held = stamped.network.provenance
    for state in (5, 6):
        assert not stamped.stamp()
        assert {**bundle, "state_id": state} == stamped.network.provenance
    assert bundle == held


def test_a_network_without_provenance_gets_one(layout: str, cache: CacheView | None) -> None:
    stamped = Stamped(layout, {"state_id": 7}, cache)
    assert stamped.stamp()
    assert {"storage_id": "new", "state_id": 1} == stamped.network.provenance
    assert not stamped.stamp()


@pytest.mark.parametrize("text", ["null", "", "[1]", "4", "{", "odd", 5, np.zeros(2)], ids=repr)
def test_what_is_no_provenance_is_replaced(layout: str, text: Any) -> None:
    """As in bsb-hdf5 8.0.2, which goes on with an empty one."""
    stamped = Stamped(layout, {"storage_id": "x"}, None)
    stamped.put(text)
    assert {} == stamped.network.provenance
    assert stamped.stamp()
    assert {"storage_id": "new", "state_id": 1} == stamped.network.provenance


@pytest.mark.parametrize(("state", "expected"), [("7", 8), (7.0, 8)])
def test_a_state_may_be_stored_as_another_number(layout: str, state: object, expected: int) -> None:
    stamped = Stamped(layout, {"storage_id": "x", "state_id": state}, None)
    stamped.stamp()
    assert expected == stamped.network.provenance["state_id"]


def test_a_bundle_without_state_starts_counting(layout: str, cache: CacheView | None) -> None:
    stamped = Stamped(layout, {"storage_id": "x"}, cache)
    assert not stamped.stamp()
    assert {"storage_id": "x", "state_id": 1} == stamped.network.provenance


def test_a_state_that_is_no_number_is_corrupt() -> None:
    stamped = Stamped("classic", {"storage_id": "x", "state_id": "first"}, None)
    with pytest.raises(CorruptNetworkError, match="'first'"):
        stamped.stamp()
