"""Networks in an object store that speaks the S3 protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast

import icechunk
import numpy as np
import obstore
import pytest
import zarr
from bsb import Chunk, Storage, open_storage
from obstore.store import S3Store, from_url

from bsb_hdf5 import convert, diff, expire, repack, tag, versions
from bsb_hdf5 import open_storage as open_any
from bsb_hdf5.adapters.zarr.commits import Branch
from bsb_hdf5.adapters.zarr.services import storage_of
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import (
    CommitConflictError,
    InputError,
    NotANetworkError,
    ReadOnlyError,
    StoreAccessError,
    StoreError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing

from .appending import SESSIONS, CellType, append_cells, append_elsewhere
from .conftest import SECRET
from .proxy import Proxy

ROWS = np.arange(60_000.0).reshape(-1, 3)


class OtherType(CellType):
    name = "golgi"


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


def test_icechunk_and_zarr_read_it(bucket: str) -> None:
    filled(f"{bucket}/net")
    repository = icechunk.Repository.open(storage_of(f"{bucket}/net"))
    found: Any = zarr.open_group(repository.readonly_session("main").store, mode="r")
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
    ZarrStore(f"{bucket}/b").move(f"{bucket}/c")
    store.copy(f"{bucket}/b")
    store.remove()
    assert [False, True, True] == [ZarrStore(f"{bucket}/{name}").exists() for name in "abc"]
    for root in (f"{bucket}/b", f"{bucket}/c", str(tmp_path / "local.zarr")):
        assert before == snapshot(ZarrStore(root))
    with pytest.raises(StoreExistsError):
        ZarrStore(f"{bucket}/b").copy(f"{bucket}/c")
    ZarrStore(f"{bucket}/b").remove()
    with pytest.raises(StoreNotFoundError):
        ZarrStore(f"{bucket}/b").open_read()
    # As icechunk 2 keeps what it replaced.
    obstore.put(connected(bucket), "c/overwritten/repo.1", b"state")
    obstore.put(connected(bucket), "c/notes.txt", b"mine")
    ZarrStore(f"{bucket}/c").remove()
    assert ["c/notes.txt"] == keys(bucket)


def test_what_is_no_network_is_reported(bucket: str) -> None:
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


def test_of_two_writers_the_second_to_commit_fails(bucket: str) -> None:
    store = filled(f"{bucket}/net")
    first, second = store.open_write(), ZarrStore(f"{bucket}/net").open_write()
    first.root.attributes.set("of", "the first")
    second.root.attributes.set("of", "the second")
    first.commit()
    with pytest.raises(CommitConflictError, match="another program changed"):
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


@pytest.mark.parametrize("writers", [2, 3])
def test_writers_that_meet_lose_nothing(bucket: str, writers: int) -> None:
    root = f"{bucket}/net"
    cells: Any = Storage("zarr", root).require_placement_set(CellType())
    # From now on other processes begin at once.
    append_elsewhere(root)
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(append_elsewhere, root, *range(1, writers))
        append_cells(root, 0)
        others.result()
    assert writers * SESSIONS * 2 == len(cells) == len(cells.load_positions())
    assert writers * SESSIONS == len(cells.get_all_chunks())


def test_a_scope_that_meets_another_writer_stores_nothing_and_says_so(bucket: str) -> None:
    root = f"{bucket}/net"
    storage = Storage("zarr", root)
    cells: Any = storage.require_placement_set(CellType())
    with pytest.raises(CommitConflictError), storage._engine.write_scope():
        cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=np.zeros((5, 3)))
        append_elsewhere(root, 1)
    assert SESSIONS * 2 == len(cells)


def test_an_iterator_is_not_read_twice_where_a_call_is_made_again(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells: Any = Storage("zarr", f"{bucket}/net").require_placement_set(CellType())
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=np.zeros((5, 3)))
    commit, failures = Branch.replace, [True]

    def conflict_once(self: Branch, manifest: bytes, known: Any) -> Any:
        if failures:
            failures.pop()
            raise CommitConflictError("as if another had committed", location=self.root)
        return commit(self, manifest, known)

    monkeypatch.setattr(Branch, "replace", conflict_once)
    cells.label(iter(["some"]), iter([1, 2]))
    assert not failures
    assert [False, True, True, False, False] == cells.get_label_mask(["some"]).tolist()


def test_a_reader_sees_one_state_over_many_commits(bucket: str) -> None:
    store = filled(f"{bucket}/net")
    session = store.open_read()
    for number in range(3):
        with writing(ZarrStore(f"{bucket}/net")) as root:
            root.attributes.set("number", number)
            root.group("placement").group("granule").array("position").append(ROWS)
    inner = session.root.group("placement").group("granule")
    assert np.array_equal(ROWS, inner.array("position").read())
    assert "number" not in session.root.attributes.names()
    session.close()
    with reading(store) as root:
        assert 2 == root.attributes.get("number")


def test_a_commit_whose_answer_was_lost_is_known_to_be_stored(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(f"{bucket}/net")
    commit = icechunk.Session.commit

    def lose_the_answer(self: icechunk.Session, *arguments: Any) -> str:
        commit(self, *arguments)
        raise icechunk.IcechunkError("x the connection was reset")

    monkeypatch.setattr(icechunk.Session, "commit", lose_the_answer)
    with writing(store) as root:
        root.attributes.set("of", "the first")
    assert "the first" == snapshot(store)["attributes"]["of"][1]


def test_a_commit_whose_answer_was_lost_is_known_to_be_stored_below_another_one(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(f"{bucket}/net")
    commit = icechunk.Session.commit

    def conflict_with_itself(self: icechunk.Session, *arguments: Any) -> str:
        monkeypatch.setattr(icechunk.Session, "commit", commit)
        stored = commit(self, *arguments)
        with writing(ZarrStore(f"{bucket}/net")) as root:
            root.attributes.set("second", "stored")
        # What becomes of the request if it is made again.
        raise icechunk.ConflictError(None, stored)

    monkeypatch.setattr(icechunk.Session, "commit", conflict_with_itself)
    with writing(store) as root:
        root.attributes.set("first", "stored")
    attributes = snapshot(store)["attributes"]
    assert ["stored", "stored"] == [attributes[name][1] for name in ("first", "second")]


def test_a_commit_that_fails_where_nobody_can_be_asked_is_an_error(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(f"{bucket}/net")
    before = snapshot(store)

    def fail(*_: object, **__: object) -> str:
        raise icechunk.IcechunkError("x dispatch failure\n  `-> connection refused")

    session = store.open_write()
    change(session.root)
    with monkeypatch.context() as patch:
        patch.setattr(icechunk.Session, "commit", fail)
        patch.setattr(icechunk.Repository, "ancestry", fail)
        with pytest.raises(StoreIOError, match="net': connection refused"):
            session.commit()
    assert before == snapshot(store)
    with writing(store) as root:
        change(root)
    assert before != snapshot(store)


def test_versions_are_listed_named_opened_and_let_go(bucket: str) -> None:
    root = f"{bucket}/net"
    storage = Storage("zarr", root)
    cells: Any = storage.require_placement_set(CellType())
    for x in range(3):
        cells.append_data(Chunk((x, 0, 0), (100, 100, 100)), positions=np.full((2, 3), float(x)))
    found = versions(root)
    assert sorted((each.written_at for each in found), reverse=True) == [
        each.written_at for each in found
    ]
    assert all("bsb-hdf5" in each.writer for each in found)
    named = tag(root, "of the paper", found[1].id)
    assert (found[1].id, ("of the paper",)) == (named.id, named.tags)
    with pytest.raises(InputError, match="already"):
        tag(root, "of the paper")
    for version in ("of the paper", found[1].id, found[1].written_at):
        earlier: Any = open_any(root, version=version)
        assert 4 == len(earlier.get_placement_set(CellType()))
        with pytest.raises(ReadOnlyError, match="can only be read"):
            earlier.require_placement_set(OtherType())
    with pytest.raises(InputError, match="no version 'another'"):
        open_any(root, version="another")
    gone = expire(root, timedelta(0))
    assert gone.versions == len(found) - 2
    assert [found[0].id, found[1].id] == [each.id for each in versions(root)]
    assert 6 == len(cells)
    assert 4 == len(open_any(root, version="of the paper").get_placement_set(CellType()))


def test_a_version_is_changed_by_no_call_of_a_storage(bucket: str) -> None:
    root = f"{bucket}/net"
    cells: Any = Storage("zarr", root).require_placement_set(CellType())
    tag(root, "first")
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=np.zeros((2, 3)))
    at = open_any(root, version="first")
    for change in (
        at.remove,
        lambda: at.move(f"{bucket}/moved"),
        lambda: expire(at, timedelta(0)),
        lambda: repack(at),
    ):
        with pytest.raises(ReadOnlyError, match=r"version 'first' of .* can only be read"):
            change()
    with pytest.raises(StoreError, match=r"which has 3 \(tags: 1\); copy"):
        Storage("zarr", root).move(f"{bucket}/moved")
    assert (2, 3) == (len(cells), len(versions(root)))
    for make_there in (
        lambda to: convert(at, to),
        at.copy,
        Storage("zarr", root).move,
    ):
        with pytest.raises(InputError, match="can't be made at version 'first'"):
            make_there(NetworkRoot(f"{bucket}/copy", version="first"))
    with pytest.raises(StoreNotFoundError):
        versions(f"{bucket}/copy")
    at.copy(f"{bucket}/copy")
    copy: Any = open_any(f"{bucket}/copy")
    copied = copy.get_placement_set(CellType())
    copied.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=np.zeros((5, 3)))
    assert 5 == len(copied)


@pytest.mark.parametrize("name", ["x" * 200, "v1.0!$&'()+,-.:;=@_", "a b", "..."])
def test_every_valid_tag_works_in_a_service(bucket: str, name: str) -> None:
    Storage("zarr", f"{bucket}/net")
    assert (name,) == tag(f"{bucket}/net", name).tags == versions(f"{bucket}/net")[0].tags


def test_wrong_names_and_times_are_refused_without_a_request(bucket: str, proxy: Proxy) -> None:
    root = f"{bucket}/net"
    wrong: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: tag(root, "x\0"), "can't be a tag"),
        (lambda: tag(root, "x", cast(str, datetime(2026, 1, 1))), "time zone"),
        (lambda: open_any(root, version=datetime(2026, 1, 1)), "time zone"),
        (lambda: expire(root, datetime(2026, 1, 1)), "time zone"),
        (lambda: expire(root, cast(timedelta, 5)), "must be a datetime or a timedelta"),
        (lambda: expire(root, timedelta(-1)), "must not be negative"),
        (lambda: expire(root, timedelta.max), "before the year 1"),
        (lambda: expire(root, datetime.max.replace(tzinfo=UTC)), "a time that has passed, not"),
    )
    for use, message in wrong:
        with pytest.raises(InputError, match=message):
            use()
    assert 0 == proxy.asked


def diff_with(root: str) -> Callable[[NetworkRoot], object]:
    return lambda other: list(diff(root, other))


def test_other_networks_keep_no_versions(tmp_path: Any) -> None:
    storage = Storage("zarr", str(tmp_path / "net.zarr"))
    with pytest.raises(StoreError, match="keeps no versions"):
        versions(storage)
    with pytest.raises(StoreError, match="keeps no versions"):
        open_any(storage.root, version="any")
    for engine in ("zarr", "hdf5", "memory"):
        root = str(tmp_path / f"other.{engine}")
        Storage(engine, root)
        for use in (open_any, diff_with(root), partial(Storage, engine)):
            with pytest.raises(StoreError, match="keeps no versions"):
                use(NetworkRoot(root, version="any"))


class Refusing(BaseHTTPRequestHandler):
    """A service that knows nobody."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def test_a_user_who_may_not_read_gets_an_error(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_bucket_that_does_not_exist_is_reported(bucket: str) -> None:
    store = ZarrStore("s3://there-is-no-such-bucket/net")
    for use in (store.open_read, store.create):
        with pytest.raises(StoreNotFoundError, match=r"the bucket of .* does not exist"):
            use()
