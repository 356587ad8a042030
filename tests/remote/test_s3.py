"""Networks in an object store that speaks the S3 protocol."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import obstore
import pytest
import zarr
from bsb import Chunk, Storage, open_storage
from obstore.store import S3Store, from_url
from zarr.storage import ObjectStore

from bsb_hdf5.adapters.zarr.locations import Location
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    NotANetworkError,
    SessionAbortedError,
    StoreAccessError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing

from .conftest import SECRET
from .proxy import Death, Proxy

ROWS = np.arange(60_000.0).reshape(-1, 3)


class CellType:
    """As much of a cell type as a placement set needs."""

    name = "granule"


def filled(root: str) -> ZarrStore:
    store = ZarrStore(root)
    make(store)
    with writing(store) as group:
        inner = group.require_group("placement").require_group("granule")
        for name in ("position", "labels"):
            inner.create_array(name, ROWS)
        group.write_document("document", b"first " * 1000)
    return store


def change(group: Any) -> None:
    inner = group.group("placement").group("granule")
    inner.array("position").append(ROWS)
    inner.array("labels").write(10, -ROWS[:5])
    inner.create_array("new", ROWS)
    group.write_document("document", b"second " * 1000)


def connected(bucket: str) -> S3Store:
    store = from_url(bucket, client_options={"allow_http": True})
    assert isinstance(store, S3Store)
    return store


def keys(bucket: str) -> list[str]:
    return [str(each["path"]) for page in obstore.list(connected(bucket)) for each in page]


def test_a_network_is_stored_and_read(bucket: str) -> None:
    store = filled(f"{bucket}/some/net.zarr")
    with writing(store) as root:
        change(root)
    other = ZarrStore(f"{bucket}/some/net.zarr")
    assert other.exists()
    assert other.recognizes()
    with reading(other) as root:
        inner = root.group("placement").group("granule")
        assert np.array_equal(np.concatenate((ROWS, ROWS)), inner.array("position").read())
        assert np.array_equal(-ROWS[:5], inner.array("labels").read(10, 15))
        assert b"second " * 1000 == root.document("document").read()
    assert all(key.startswith("some/net.zarr/") for key in keys(bucket))
    assert 30 > len(keys(bucket))


def test_zarr_reads_it(bucket: str) -> None:
    filled(f"{bucket}/net")
    url = ObjectStore(from_url(f"{bucket}/net", client_options={"allow_http": True}))
    found: Any = zarr.open_group(url, mode="r")
    assert np.array_equal(ROWS, found["placement/granule/position"][:])


def test_credentials_are_stored_nowhere(bucket: str) -> None:
    filled(f"{bucket}/net")
    store = connected(bucket)
    contents = [bytes(obstore.get(store, key).bytes()) for key in keys(bucket)]
    assert contents
    assert not any(SECRET.encode() in content for content in contents)


def test_networks_are_copied_moved_and_removed(bucket: str, tmp_path: Any) -> None:
    store = filled(f"{bucket}/a")
    before = snapshot(store)
    store.copy(f"{bucket}/b")
    store.copy(str(tmp_path / "local.zarr"))
    store.move(f"{bucket}/c")
    assert [False, True, True] == [ZarrStore(f"{bucket}/{name}").exists() for name in "abc"]
    for root in (f"{bucket}/b", f"{bucket}/c", str(tmp_path / "local.zarr")):
        assert before == snapshot(ZarrStore(root))
    with pytest.raises(StoreExistsError):
        ZarrStore(f"{bucket}/b").copy(f"{bucket}/c")
    ZarrStore(f"{bucket}/b").remove()
    with pytest.raises(StoreNotFoundError):
        ZarrStore(f"{bucket}/b").open_read()
    ZarrStore(f"{bucket}/c").remove()
    assert [] == keys(bucket)


def test_what_is_no_network_is_told(bucket: str) -> None:
    obstore.put(connected(bucket), "net/other", b"content")
    assert not ZarrStore(f"{bucket}/net").recognizes()
    with pytest.raises(NotANetworkError, match="not a zarr network"):
        ZarrStore(f"{bucket}/net").open_read()
    with pytest.raises(StoreExistsError):
        ZarrStore(f"{bucket}/net").create()


def test_bsb_stores_a_network(bucket: str) -> None:
    storage = Storage("zarr", f"{bucket}/net")
    cells: Any = storage.require_placement_set(CellType())
    for x in range(3):
        cells.append_data(Chunk((x, 0, 0), (100, 100, 100)), positions=np.full((400, 3), float(x)))
    cells.label(["some"], [1, 2, 3])
    opened = open_storage(f"{bucket}/net")
    assert "zarr" == opened.format
    found: Any = opened.get_placement_set(CellType())
    assert np.repeat([0.0, 1.0, 2.0], 400).tolist() == found.load_positions()[:, 0].tolist()
    assert f"{bucket}/net" == opened.root_slug


@pytest.mark.parametrize("looking", [True, False])
def test_of_two_writers_the_second_to_commit_fails(
    bucket: str, monkeypatch: pytest.MonkeyPatch, looking: bool
) -> None:
    store = filled(f"{bucket}/net")
    if not looking:
        # As if both had looked before either put its manifest.
        monkeypatch.setattr(Location, "check", lambda self, known: None)
    first, second = store.open_write(), ZarrStore(f"{bucket}/net").open_write()
    first.root.attributes.set("of", "the first")
    second.root.attributes.set("of", "the second")
    first.commit()
    with pytest.raises(SessionAbortedError, match="another program changed"):
        second.commit()
    assert "the first" == snapshot(store)["attributes"]["of"][1]


def test_of_two_who_make_a_network_the_second_fails_and_harms_nothing(bucket: str) -> None:
    first, second = (ZarrStore(f"{bucket}/net").create() for _ in range(2))
    first.root.create_array("x", ROWS)
    second.root.create_array("x", -ROWS)
    first.commit()
    with pytest.raises(StoreExistsError):
        second.commit()
    with reading(ZarrStore(f"{bucket}/net")) as root:
        assert np.array_equal(ROWS, root.array("x").read())


@pytest.mark.slow
@pytest.mark.parametrize("death", ["before", "within", "after"])
def test_a_server_that_dies_in_a_commit_is_told_and_the_network_is_whole(
    bucket: str, proxy: Proxy, death: Death
) -> None:
    changed = _expected(bucket)
    store = filled(f"{bucket}/net")
    before = snapshot(store)
    outcomes = []
    for request in range(1, 40):
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
        assert 60 > time.monotonic() - start
        if outcomes[-1] != "before":
            break
    assert len(outcomes) > 4
    assert {"before"} == set(outcomes[:-1])
    # The manifest may have arrived where the answer was lost.
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


def test_a_server_that_dies_while_it_is_read_is_told(bucket: str, proxy: Proxy) -> None:
    store = filled(f"{bucket}/net")
    session = store.open_read()
    proxy.stop()
    start = time.monotonic()
    with pytest.raises(StoreIOError, match="net"):
        session.root.group("placement").group("granule").array("position").read()
    assert 60 > time.monotonic() - start
    session.close()
    proxy.start()
    assert snapshot(store)


class Refusing(BaseHTTPRequestHandler):
    """A service that knows nobody."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def test_who_may_not_read_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        try:
            with pytest.raises(StoreAccessError, match="may not be opened"):
                ZarrStore(f"{bucket}/net").open_read()
        finally:
            server.shutdown()
            thread.join()
