"""Networks that are published: plain zarr groups at a URL, to read."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from bsb import Chunk, Storage
from obstore.store import from_url
from zarr.storage import ObjectStore

from bsb_hdf5 import convert, expire, merge, open_storage, publish, repack, tag, versions
from bsb_hdf5.adapters.zarr.published import PublishedTarget
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    NotANetworkError,
    ReadOnlyError,
    StoreAccessError,
    StoreError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
    UnknownContentError,
)
from bsb_hdf5.platform import Forks
from bsb_hdf5.ports.services import ServiceOptions
from bsb_hdf5.resource import Resource
from bsb_hdf5.testing.contents import reading, snapshot
from tests.parallel.launcher import as_rank, mpiexec
from tests.unit.cli.conftest import Run, run

from .appending import CellType

__all__ = ["run"]

POSITIONS = np.arange(3000.0).reshape(-1, 3)


class Forbidding(http.server.SimpleHTTPRequestHandler):
    """A service whose objects everybody may read, and nobody list: it denies all others."""

    def send_error(self, *_: Any, **__: Any) -> None:
        body = b"<Error><Code>AccessDenied</Code></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server that lists nothing and logs nothing."""

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """URL of the folder ``web``."""
    folder = tmp_path / "web"
    folder.mkdir()
    with served(folder, Quiet) as url:
        yield url


@contextmanager
def served(folder: Path, kind: type[http.server.SimpleHTTPRequestHandler]) -> Iterator[str]:
    """URL of a folder."""
    handler = partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def network(engine: str, root: str | NetworkRoot) -> Storage:
    storage = Storage(engine, root)
    cells: Any = storage.require_placement_set(CellType())
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=POSITIONS)
    cells.label(["some"], [1, 2])
    return storage


def refuse(*_: Any) -> None:
    raise StoreIOError("the service does not respond")


def positions(storage: Storage) -> Any:
    cells: Any = storage.get_placement_set(CellType())
    return cells.load_positions()


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
def test_a_network_of_any_engine_is_published(engine: str, bucket: str, tmp_path: Path) -> None:
    source = network(engine, str(tmp_path / "source"))
    published = publish(source, f"{bucket}/shared")
    assert np.array_equal(POSITIONS, positions(published))
    assert np.array_equal(POSITIONS, positions(open_storage(f"{bucket}/shared")))
    plain = ObjectStore(from_url(f"{bucket}/shared", client_options={"allow_http": True}))
    group: Any = zarr.open_group(plain, mode="r")
    found = [array[:] for _, array in group["placement_sets/granule"].arrays()]
    assert any(np.array_equal(POSITIONS, rows) for rows in found)


def test_a_published_network_is_not_changed(bucket: str, tmp_path: Path) -> None:
    published = publish(network("zarr", f"{bucket}/own"), f"{bucket}/shared")
    cells: Any = published.get_placement_set(CellType())
    for change in (
        lambda: cells.append_data(Chunk((1, 0, 0), (100, 100, 100)), positions=POSITIONS),
        published.remove,
        lambda: published.move(f"{bucket}/elsewhere"),
    ):
        with pytest.raises(ReadOnlyError, match="published network, which is only read"):
            change()
    with pytest.raises(StoreExistsError):
        publish(published, f"{bucket}/own")
    with pytest.raises(StoreExistsError):
        publish(published, f"{bucket}/shared")
    copy = convert(published, str(tmp_path / "copy.hdf5"), engine="hdf5")
    assert np.array_equal(POSITIONS, positions(copy))


def test_a_published_network_stays_where_it_is_and_has_no_versions(bucket: str, web: str) -> None:
    source, url = network("zarr", f"{bucket}/source"), f"{bucket}/shared"
    published = publish(source, url)
    for change in (published.remove, lambda: published.move(f"{bucket}/elsewhere")):
        with pytest.raises(ReadOnlyError, match="published network, which is only read"):
            change()
    with pytest.raises(StoreNotFoundError):
        open_storage(f"{bucket}/elsewhere")
    for use in (
        lambda: versions(url),
        lambda: tag(url, "x"),
        lambda: expire(url, timedelta(0)),
        lambda: open_storage(url, version="x"),
        lambda: open_storage(url, version=datetime.now(UTC)),
        lambda: ZarrStore(url, version="x").open_read(),
    ):
        with pytest.raises(StoreError, match="published network, which has no versions"):
            use()
    assert np.array_equal(POSITIONS, positions(published))


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_what_users_added_is_not_left_out_of_what_is_published_without_a_word(
    engine: str, bucket: str, tmp_path: Path
) -> None:
    source = network(engine, str(tmp_path / "source"))
    if engine == "hdf5":
        with h5py.File(tmp_path / "source", "a") as file:
            file["mine"] = h5py.ExternalLink("elsewhere.hdf5", "/data")
    else:
        (tmp_path / "source" / "mine.txt").write_text("mine")
    with pytest.raises(UnknownContentError, match=r"mine.*drop_unknown"):
        publish(source, f"{bucket}/shared")
    plain = from_url(f"{bucket}/shared", client_options={"allow_http": True})
    assert [] == [each["path"] for page in plain.list() for each in page]
    published = publish(source, f"{bucket}/shared", drop_unknown=True)
    assert np.array_equal(POSITIONS, positions(published))


def test_damaged_rows_are_published_if_that_is_asked_for(bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "source.hdf5"
    source = Storage("hdf5", NetworkRoot(path, layout="columnar"))
    source.require_placement_set(CellType()).append_data(
        Chunk((0, 0, 0), (100, 100, 100)), positions=POSITIONS
    )
    with h5py.File(path, "r+") as file:
        file["placement_sets/granule/position"][5, 1] = 7.5
    with pytest.raises(CorruptNetworkError, match="keep_damaged=True"):
        publish(source, f"{bucket}/shared")
    published = publish(source, f"{bucket}/shared", keep_damaged=True)
    assert 7.5 == positions(published)[5, 1]


def test_arrays_of_others_are_published_unless_they_are_to_be_left_out(
    bucket: str, tmp_path: Path
) -> None:
    source = Storage("zarr", str(tmp_path / "source"))
    source.require_placement_set(CellType()).append_data(
        Chunk((0, 0, 0), (100, 100, 100)), positions=POSITIONS
    )
    Resource(source._engine, "mine").create(np.arange(3.0))
    for drop_unknown in (False, True):
        made = publish(source, f"{bucket}/{drop_unknown}", drop_unknown=drop_unknown)
        assert Resource(made._engine, "mine").exists() is not drop_unknown
        assert np.array_equal(POSITIONS, positions(made))


@pytest.mark.parametrize(
    "place",
    [
        "/a/path",
        "path",
        "file:///a/path",
        "memory://a/path",
        "https://example.org/net",
        "HTTP://example.org/net",
        "ftp://example.org/net",
        "ftp://me:secret@example.org/net",
    ],
)
def test_a_network_is_published_at_urls_alone(place: str, tmp_path: Path) -> None:
    source = network("hdf5", str(tmp_path / "source.hdf5"))
    with pytest.raises(InputError, match="can't be published at") as refused:
        publish(source, place)
    assert "pass a URL that begins with s3://" in str(refused.value)
    assert "secret" not in f"{refused.value} {refused.value.fields}"
    with pytest.raises(InputError, match="can't be made at version 'x'"):
        publish(source, NetworkRoot("s3://lab/net", version="x"))


def test_a_url_in_use_is_refused_before_anything_is_copied(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = network("hdf5", str(tmp_path / "source.hdf5"))
    network("zarr", f"{bucket}/repository")
    publish(source, f"{bucket}/shared")
    monkeypatch.delattr("bsb_hdf5.exchange.publish.write_copy")
    for taken in ("repository", "shared"):
        with pytest.raises(StoreExistsError, match=f"/{taken}' exists"):
            publish(source, f"{bucket}/{taken}")


@pytest.mark.parametrize("path", ["refs/p", "chunks/p", "sub/p/"])
def test_nothing_is_published_copied_or_merged_into_its_source(bucket: str, path: str) -> None:
    source = network("zarr", f"{bucket}/source")

    def merge_into(source: Storage, root: str) -> Storage:
        return merge([network("memory", f"beside {root}"), source], root, engine="zarr")

    for copy in (publish, partial(convert, engine="zarr"), merge_into):
        with pytest.raises(InputError, match="lies within the network"):
            copy(source, f"{bucket}/source/{path}")
    assert 1 == len({each.tags for each in versions(source)})
    assert np.array_equal(POSITIONS, positions(publish(source, f"{bucket}/source-2/{path}")))


def test_a_network_is_published_by_the_options_of_its_source(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"endpoint": os.environ["AWS_ENDPOINT_URL"]}
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    source = network("zarr", NetworkRoot(f"{bucket}/source", storage_options=options))
    assert np.array_equal(POSITIONS, positions(publish(source, f"{bucket}/shared")))


@pytest.mark.mpi
@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_ranks_publish_a_network_once(engine: str, bucket: str, tmp_path: Path) -> None:
    source = str(tmp_path / "source")
    network(engine, source)
    code = f"import bsb_hdf5; print(bsb_hdf5.publish({source!r}, {bucket + '/shared'!r}).root)"
    program = tmp_path / "program.py"
    program.write_text(code)
    command = [str(mpiexec()), "-n", "2", *as_rank(str(program))]
    folder = tmp_path / "temporary"
    folder.mkdir()
    done = subprocess.run(
        command,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (0, 2 * f"{bucket}/shared\n") == (done.returncode, done.stdout), done.stderr
    assert np.array_equal(POSITIONS, positions(open_storage(f"{bucket}/shared")))
    assert [] == list(folder.glob("bsb-hdf5-*"))


def test_a_network_that_cannot_be_published_whole_leaves_nothing(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = network("hdf5", str(tmp_path / "source.hdf5"))
    plain = from_url(f"{bucket}/shared", client_options={"allow_http": True})

    def fail(*_: Any) -> Any:
        plain.put("notes.txt", b"of another program")
        refuse()

    with monkeypatch.context() as patch:
        patch.setattr(PublishedTarget, "replace", fail)
        with pytest.raises(StoreIOError):
            publish(source, f"{bucket}/shared")
    assert ["notes.txt"] == [each["path"] for page in plain.list() for each in page]
    plain.delete("notes.txt")
    assert np.array_equal(POSITIONS, positions(publish(source, f"{bucket}/shared")))


def test_of_two_programs_that_publish_at_one_url_the_second_changes_nothing(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{bucket}/shared"
    first, second = (ZarrStore(tmp_path / name) for name in "ab")
    for store in (first, second):
        network("zarr", store.location)
    replace = PublishedTarget.replace

    def meet(self: PublishedTarget, *given: Any) -> Any:
        monkeypatch.setattr(PublishedTarget, "replace", replace)
        # As if it had looked before the first one began.
        monkeypatch.setattr(PublishedTarget, "exists", lambda _: False)
        with pytest.raises(StoreExistsError, match="a program makes or removes one there"):
            second.publish(url)
        return replace(self, *given)

    monkeypatch.setattr(PublishedTarget, "replace", meet)
    first.publish(url)
    assert snapshot(first) == snapshot(ZarrStore(url))
    with pytest.raises(StoreExistsError, match="/shared' exists"):
        second.publish(url)
    assert snapshot(first) == snapshot(ZarrStore(url)) != snapshot(second)


def test_what_a_killed_program_published_is_distinguished_from_a_network(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{bucket}/shared"
    source = network("zarr", str(tmp_path / "source"))
    with monkeypatch.context() as patch:
        patch.setattr(PublishedTarget, "replace", refuse)
        patch.setattr(PublishedTarget, "discard", lambda _: None)
        with pytest.raises(StoreIOError):
            publish(source, url)
    with pytest.raises(NotANetworkError, match="a program publishes or removes one there"):
        ZarrStore(url).open_read()
    for again in (partial(publish, source), ZarrStore(source.root).publish):
        with pytest.raises(StoreExistsError, match="delete the objects below it"):
            again(url)
    plain = from_url(url, client_options={"allow_http": True})
    plain.delete([each["path"] for page in plain.list() for each in page])
    assert np.array_equal(POSITIONS, positions(publish(source, url)))


@pytest.mark.parametrize("of_service", [True, False])
def test_a_forked_process_is_refused_instead_of_waiting_for_threads_that_it_lacks(
    of_service: bool, bucket: str, web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = network("zarr", str(tmp_path / "web" / "net.zarr"))
    url = f"{bucket}/shared" if of_service else f"{web}/net.zarr"
    if of_service:
        publish(source, url)
    store = ZarrStore(url, options=ServiceOptions(max_age=0.0))
    with reading(store) as root:
        array = root.group("placement_sets").group("granule").array("position")
        monkeypatch.setattr(Forks, "count", Forks.count + 1)
        for use in (store.exists, store.open_read, array.read):
            with pytest.raises(StoreIOError, match="start processes with the method 'spawn'"):
                use()


def test_a_web_server_is_enough_to_read_from(web: str, tmp_path: Path) -> None:
    network("zarr", str(tmp_path / "web" / "net.zarr"))
    found = open_storage(f"{web}/net.zarr")
    assert np.array_equal(POSITIONS, positions(found))
    with pytest.raises(ReadOnlyError, match="only read"):
        Storage("zarr", f"{web}/other.zarr")
    cells: Any = found.get_placement_set(CellType())
    for change in (
        lambda: cells.append_data(Chunk((1, 0, 0), (100, 100, 100)), positions=POSITIONS),
        found.remove,
    ):
        with pytest.raises(ReadOnlyError, match="only read"):
            change()
    with pytest.raises(StoreNotFoundError, match="no storage at"):
        open_storage(f"{web}/other.zarr")


def test_a_published_network_is_read_by_who_may_read_objects_and_not_list_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "lab").mkdir()
    network("zarr", str(tmp_path / "lab" / "shared"))
    with served(tmp_path, Forbidding) as url:
        options = {"endpoint": url, "region": "here", "anonymous": True}
        found = open_storage("s3://lab/shared", storage_options=options)
        assert np.array_equal(POSITIONS, positions(found))
        with pytest.raises(StoreAccessError, match="may not be opened"):
            open_storage("s3://lab/other", storage_options=options)


def test_a_network_whose_server_lists_nothing_is_described_without_its_size(
    web: str, tmp_path: Path, run: Run
) -> None:
    network("zarr", str(tmp_path / "web" / "net.zarr"))
    url = f"{web}/net.zarr"
    told = run("info", url)
    assert (0, f"{url}: zarr, columnar layout, unknown size") == (
        told.code,
        told.out.splitlines()[0],
    )
    with pytest.raises(ReadOnlyError, match="only read"):
        repack(url)
