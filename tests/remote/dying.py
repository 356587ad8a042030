"""
A server that dies at each request of a commit, and while a network is read.

``pytest tests/remote/dying.py``: icechunk tries for half a minute to reach a server that is gone,
so this takes long, and is no part of ``make test``.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.testing.contents import snapshot, writing

from .proxy import Death, Proxy
from .test_s3 import change, filled

MOST_REQUESTS = 40
# Seconds until a server that is gone is told.
LONGEST = 180


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("death", ["before", "within", "after"])
def test_a_server_that_dies_in_a_commit_is_reported_and_the_network_is_whole(
    bucket: str, proxy: Proxy, death: Death
) -> None:
    changed = _expected(bucket)
    store = filled(f"{bucket}/net")
    before = snapshot(store)
    outcomes = []
    for request in range(1, MOST_REQUESTS):
        session = store.open_write()
        change(session.root)
        proxy.requests = 0
        proxy.die_at(request, death)
        start = time.monotonic()
        try:
            session.commit()
        except StoreIOError as error:
            assert f"{bucket}/net" in str(error)
            outcomes.append(_state(store, proxy, before, changed))
        else:
            outcomes.append("committed")
        assert LONGEST > time.monotonic() - start
        if outcomes[-1] != "before":
            break
    assert len(outcomes) > 4
    assert {"before"} == set(outcomes[:-1])
    # The commit may have arrived where the answer was lost, and nobody can be asked.
    assert outcomes[-1] == ("after" if death == "after" else "committed")


def _expected(bucket: str) -> Any:
    store = filled(f"{bucket}/expected")
    with writing(store) as root:
        change(root)
    return snapshot(store)


def _state(store: ZarrStore, proxy: Proxy, before: Any, changed: Any) -> str:
    with pytest.raises(StoreIOError):
        store.open_read()
    proxy.start()
    found = snapshot(store)
    assert found == snapshot(ZarrStore(store.location))
    return {True: "before", False: "after" if found == changed else "torn"}[found == before]


def test_a_server_that_dies_while_it_is_read_is_reported(bucket: str, proxy: Proxy) -> None:
    store = filled(f"{bucket}/net")
    session = store.open_read()
    proxy.stop()
    start = time.monotonic()
    with pytest.raises(StoreIOError, match="net"):
        session.root.group("placement").group("granule").array("position").read()
    assert LONGEST > time.monotonic() - start
    session.close()
    proxy.start()
    assert snapshot(store)
