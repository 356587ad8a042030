"""Folders that may come from anybody, and that hold more than the network."""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
import time
import tracemalloc
import uuid
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.local import DirectoryLocation
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    CorruptNetworkError,
    NotANetworkError,
    StorageError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing
from bsb_hdf5.transactions.deadline import ignore_slow
from tests.unit.adapters.zarr.stores import ROWS, change, check_changed, filled

PRIVATE = ("placement", "granule", "position")


def held(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def edit(path: Path, changed: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((path / "zarr.json").read_text())
    changed(document["attributes"])
    (path / "zarr.json").write_text(json.dumps(document))


def marked(folder: Path, path: str) -> Path:
    """A folder that looks like an array that a session made at a path."""
    folder.mkdir(parents=True)
    attributes = {"bsb_hdf5": {"array": path}}
    metadata = {"zarr_format": 3, "node_type": "array", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(metadata))
    (folder / "c").mkdir()
    (folder / "c" / "0").write_bytes(b"precious")
    return folder


def every_use(store: ZarrStore, target: Path) -> list[Callable[[], object]]:
    def read() -> None:
        with reading(store) as root:
            root.group("placement").group("granule").array("position").read()

    def write() -> None:
        with writing(store) as root:
            root.group("placement").group("granule").array("position").append(ROWS)

    return [read, write, lambda: store.copy(str(target))]


@pytest.mark.parametrize(
    "stale", ["out", "out/below", "../elsewhere", "/", ".", "", "a/../../elsewhere", "a\0b"]
)
def test_what_a_manifest_calls_stale_is_deleted_only_within_the_network(
    path: Path, tmp_path: Path, stale: str
) -> None:
    store = filled(path)
    marked(tmp_path / "elsewhere", "out")
    marked(tmp_path / "elsewhere" / "below", "out/below")
    before = held(tmp_path / "elsewhere")
    (path / "out").symlink_to(tmp_path / "elsewhere")
    entry = str(tmp_path / "elsewhere") if stale == "/" else stale
    edit(path, lambda attributes: attributes["bsb_hdf5"].update(stale=[entry]))
    with pytest.raises(StorageError), writing(store) as root:
        root.attributes.set("a", 1)
    assert before == held(tmp_path / "elsewhere")
    assert (path / "out").is_symlink()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_link_in_place_of_a_folder_is_neither_read_nor_written_through(
    path: Path, tmp_path: Path, depth: int
) -> None:
    filled(path)
    filled(tmp_path / "private.zarr")
    below = "/".join(PRIVATE[:depth])
    shutil.rmtree(path / below)
    (path / below).symlink_to(tmp_path / "private.zarr" / below)
    before = held(tmp_path / "private.zarr")
    for use in every_use(ZarrStore(path), tmp_path / "copy.zarr"):
        with pytest.raises(CorruptNetworkError, match="symbolic link"):
            use()
    assert before == held(tmp_path / "private.zarr")
    assert not (tmp_path / "copy.zarr").exists()


@pytest.mark.parametrize("name", ["zarr.json", "placement/granule/position/c/0/0"])
def test_a_link_in_place_of_a_file_is_not_read(path: Path, tmp_path: Path, name: str) -> None:
    filled(path)
    shutil.move(path / name, tmp_path / "private")
    (path / name).symlink_to(tmp_path / "private")
    for use in every_use(ZarrStore(path), tmp_path / "copy.zarr"):
        with pytest.raises(CorruptNetworkError, match="symbolic link"):
            use()


@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_in_place_of_the_lock_makes_and_locks_nothing_elsewhere(
    path: Path, tmp_path: Path, is_there: bool
) -> None:
    store = filled(path)
    (path / ".lock").unlink()
    (path / ".lock").symlink_to(tmp_path / "elsewhere")
    if is_there:
        (tmp_path / "elsewhere").touch()
    for open_session in (store.open_read, store.open_write):
        with pytest.raises(CorruptNetworkError, match="symbolic link"):
            open_session()
    assert is_there is (tmp_path / "elsewhere").exists()


def test_a_pipe_in_place_of_the_manifest_is_refused_at_once(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "zarr.json")
    assert not ZarrStore(path).recognizes()
    with pytest.raises(CorruptNetworkError, match="regular file"):
        ZarrStore(path).open_read()


def test_a_link_that_leads_to_the_network_itself_is_followed(path: Path, tmp_path: Path) -> None:
    filled(path)
    (tmp_path / "link.zarr").symlink_to(path)
    store = ZarrStore(tmp_path / "link.zarr")
    with writing(store) as root:
        change(root)
    check_changed(ZarrStore(path))


def test_what_is_not_of_the_network_stays(path: Path) -> None:
    store = filled(path)
    foreign = {
        "README": b"read me",
        ".git/config": b"[core]",
        ".git/zarr.json": b"{}",
        "mine/zarr.json": b'{"zarr_format":3,"node_type":"array","attributes":{}}',
        "mine/c/0": b"rows",
        "placement/granule/new/notes.txt": b"where an array will want to be",
        "placement/granule/gone/notes.txt": b"in an array that goes",
        "placement/granule/position/notes.txt": b"in an array that stays",
        "report.partial": b"half a report",
        f"recent/zarr.{uuid.uuid4().hex}.partial": b"being written",
    }
    for name, content in foreign.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    # A copy of an array is the user's.
    shutil.copytree(path / "placement/granule/labels", path / "labels-of-mine")
    foreign |= {f"labels-of-mine/{k}": v for k, v in held(path / "labels-of-mine").items()}
    for _ in range(2):
        store = ZarrStore(path)
        with writing(store) as root:
            if "new" not in root.group("placement").group("granule"):
                change(root)
            root.attributes.set("time", time.time())
    check_changed(ZarrStore(path))
    with reading(ZarrStore(path)) as root:
        assert np.array_equal(ROWS, root.group("placement").group("granule").array("new").read())
    found = held(path)
    assert foreign == {name: found.get(name) for name in foreign}
    named = set(ZarrStore(path).foreign())
    assert {"README", ".git", "mine", "labels-of-mine", "report.partial"} < named
    for name in foreign:
        is_named = any(f"{name}/".startswith(f"{each}/") for each in named)
        assert is_named != name.startswith("recent/zarr."), name


def test_a_network_alone_in_its_folder_has_nothing_foreign(path: Path) -> None:
    store = filled(path)
    (path / "placement" / f"zarr.{uuid.uuid4().hex}.partial").write_bytes(b"never completed")
    (path / "empty" / "folders").mkdir(parents=True)
    assert () == store.foreign()
    store.remove()
    assert not path.exists()


FOREIGN = ["README", ".git/config", "mine/zarr.json", "placement/granule/position/notes.txt"]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_removal_leaves_what_is_not_of_the_network(path: Path, name: str) -> None:
    store = filled(path)
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(b"mine")
    store.remove()
    assert b"mine" == (path / name).read_bytes()
    left = {each for each in held(path) if not each.endswith("zarr.json")}
    assert {name, ".lock"} == left | {name}
    assert {each for each in held(path) if each.endswith("/c/0")} == set()
    assert not store.exists()
    assert not store.recognizes()
    with pytest.raises(StoreNotFoundError):
        ZarrStore(path).open_read()
    if name.startswith("placement"):
        return
    # A network may be made there again, beside it.
    again = filled(path)
    assert b"mine" == (path / name).read_bytes()
    assert again.exists()
    with writing(again) as root:
        change(root)
    check_changed(ZarrStore(path))


def failing_at(k: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Let the k-th deletion fail, and all that follow; they are counted."""
    calls: Counter[str] = Counter()

    def hindered(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            if calls.total() > k:
                raise OSError(errno.EIO, os.strerror(errno.EIO), arguments[0])
            return call(*arguments, **options)

        return counted

    for name in ("unlink", "rmdir"):
        monkeypatch.setattr(os, name, hindered(name, getattr(os, name)))
    return calls


def test_a_removal_beside_files_of_others_is_done_or_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    k, whole = 0, True
    while whole:
        store = filled(path)
        (path / "README").write_bytes(b"read me")
        error = None
        with monkeypatch.context() as patch:
            calls = failing_at(k, patch)
            try:
                store.remove()
            except StoreIOError as raised:
                error = raised
        whole = calls.total() > k
        assert (not k) == store.exists()
        if store.exists():
            with writing(store) as root:
                change(root)
            check_changed(ZarrStore(path))
            ZarrStore(path).remove()
        # Folders that stay without any content are none of the network.
        assert error is None or bool(k) == ("is removed, but" in str(error))
        assert b"read me" == (path / "README").read_bytes()
        k += 1 + k // 4
    assert k > 10
    assert (path / ".lock").stat().st_size
    filled(path)
    assert not (path / ".lock").stat().st_size


def test_arrays_that_a_removal_left_stay_where_a_network_is(path: Path) -> None:
    filled(path)
    (path / "README").write_bytes(b"read me")
    (path / "zarr.json").rename(path / "zarr.json.lost")
    # It was lost, and not removed: what is there belongs to somebody.
    before, store = held(path), ZarrStore(path)
    with pytest.raises(StoreExistsError):
        store.create()
    assert before == held(path)


def test_a_network_is_not_made_over_what_was_left(path: Path) -> None:
    store = filled(path)
    (path / "mine").mkdir()
    (path / "mine" / "notes.txt").write_bytes(b"mine")
    store.remove()
    built = DirectoryLocation(str(path), 0, ignore_slow).build()
    built.put("mine/zarr.json", b"{}")
    with pytest.raises(StoreExistsError, match="mine"):
        built.replace(b"{}", None)
    built.discard()
    assert {"mine/notes.txt", ".lock"} == set(held(path))
    assert [path.name] == [each.name for each in path.parent.iterdir() if path.name in each.name]


def test_a_lock_of_another_program_is_no_place_for_a_network(path: Path) -> None:
    path.mkdir()
    (path / ".lock").write_bytes(b"")
    store = ZarrStore(path)
    assert store.exists()
    with pytest.raises(StoreExistsError):
        store.create()


def test_remains_of_killed_sessions_go(path: Path) -> None:
    filled(path)
    before = held(path)
    marked(path / "placement" / "killed" / "rows", "placement/killed/rows")
    (path / "placement" / "killed" / "zarr.json").write_text(
        '{"zarr_format":3,"node_type":"group","attributes":{}}'
    )
    for folder in (path, path / "placement/granule/position/c/0", path / "placement"):
        partial = folder / f"0.{uuid.uuid4().hex}.partial"
        partial.write_bytes(b"half")
        os.utime(partial, (0, 0))
    ZarrStore(path).open_write().rollback()
    assert before == held(path)
    assert not (path / "placement" / "killed").exists()


def packed(size: int) -> str:
    return base64.b64encode(zlib.compress(bytes(size), 9)).decode()


def bomb_in_rows(attributes: dict[str, Any]) -> None:
    """As the first version of the format has rows."""
    size = 1 << 26
    bomb = {"kind": "array", "attributes": {}, "dtype": "|u1", "shape": [size]}
    tree = {"kind": "group", "attributes": {}, "members": {"bomb": bomb}}
    bomb["content"] = packed(size)
    attributes["bsb_hdf5"].update(version=1, tree=tree)


def lying_bomb(attributes: dict[str, Any]) -> None:
    bomb_in_rows(attributes)
    attributes["bsb_hdf5"]["tree"]["members"]["bomb"]["shape"] = [5]


def bomb_in_attribute(attributes: dict[str, Any]) -> None:
    size = 1 << 26
    attributes["a"] = {"dtype": "|u1", "shape": [size], "data": packed(size)}


@pytest.mark.parametrize("bomb", [bomb_in_rows, lying_bomb, bomb_in_attribute])
def test_a_manifest_is_not_unpacked_to_more_than_it_may_hold(
    path: Path, bomb: Callable[[dict[str, Any]], None]
) -> None:
    store = filled(path)
    edit(path, bomb)
    tracemalloc.start()
    with pytest.raises(CorruptNetworkError, match="contradicts itself"):
        store.open_read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 16 << 20 > peak


def test_values_that_pack_tightly_are_stored_all_the_same(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        root.attributes.set("zeros", np.zeros(1 << 20))
        root.attributes.set("none", np.zeros(0))
    with reading(ZarrStore(path)) as root:
        assert np.array_equal(np.zeros(1 << 20), root.attributes.get("zeros"))
        assert (0,) == root.attributes.get("none").shape


def test_a_member_of_an_archive_is_not_unpacked_to_more_than_it_may_hold(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", b" " * (1 << 27))
    store = ZarrStore(tmp_path / "a.zip")
    tracemalloc.start()
    with pytest.raises(NotANetworkError):
        store.open_read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 16 << 20 > peak


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2770, 0o777])
def test_a_copy_keeps_the_mode_of_the_folder(path: Path, mode: int) -> None:
    store = filled(path)
    path.chmod(mode)
    store.copy(f"{path}.copy")
    assert oct(mode) == oct(Path(f"{path}.copy").stat().st_mode & 0o7777)
    assert snapshot(store) == snapshot(ZarrStore(f"{path}.copy"))


def test_a_private_copy_is_private_while_it_is_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    path.chmod(0o700)
    modes: set[int] = set()
    mkdir = os.mkdir

    def seen(name: str, *arguments: Any, **keywords: Any) -> None:
        mkdir(name, *arguments, **keywords)
        if str(name).endswith(".new"):
            modes.add(os.stat(name).st_mode & 0o7777)

    monkeypatch.setattr(os, "mkdir", seen)
    store.copy(f"{path}.copy")
    assert {0o700} == modes


class Inflated:
    """Pieces that claim to unpack to a gigabyte."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.root, self.name, self.folder = path, "/".join(names), path.joinpath(*names)

    def rewrite(self, changed: Callable[[dict[str, Any]], None]) -> None:
        metadata = self.root / "zarr.json"
        document = json.loads(metadata.read_text())
        changed(document["consolidated_metadata"]["metadata"][self.name])
        metadata.write_text(json.dumps(document))

    def blow_up(self) -> None:
        """Let what is compressed of the first shard say that it is a gigabyte."""
        for shard in (self.folder / "c").rglob("0"):
            if shard.is_file():
                data = bytearray(shard.read_bytes())
                claim = (1 << 30).to_bytes(4, "little")
                data[4:8] = claim
                shard.write_bytes(data)


def _longer_pieces(document: dict[str, Any]) -> None:
    sharding = document["codecs"][0]["configuration"]
    document["chunk_grid"]["configuration"]["chunk_shape"][0] = 1 << 30
    sharding["chunk_shape"][0] = 1 << 30


def _more_pieces(document: dict[str, Any]) -> None:
    document["chunk_grid"]["configuration"]["chunk_shape"][0] = 1 << 30
    document["codecs"][0]["configuration"]["chunk_shape"][0] = 1


def _gzip(document: dict[str, Any]) -> None:
    codecs = document["codecs"][0]["configuration"]["codecs"]
    codecs[1:] = [{"name": "gzip", "configuration": {"level": 1}}] * 2


def _no_shards(document: dict[str, Any]) -> None:
    document["codecs"] = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "gzip", "configuration": {"level": 1}},
    ]


@pytest.mark.parametrize("change_metadata", [None, _longer_pieces, _more_pieces, _gzip, _no_shards])
def test_a_piece_that_unpacks_to_more_than_its_rows_is_refused_before_it_takes_memory(
    path: Path, change_metadata: Callable[[dict[str, Any]], None] | None
) -> None:
    filled(path)
    array = Inflated(path, PRIVATE)
    if change_metadata is None:
        array.blow_up()
    else:
        array.rewrite(change_metadata)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptNetworkError), reading(ZarrStore(path)) as root:
            root.group("placement").group("granule").array("position").read(0, 5)
        assert 100 << 20 > tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
