"""Networks in zarr stores: kills at any moment, locks, archives, and few files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr import depot, locking
from bsb_hdf5.adapters.zarr.local import LocalObjects
from bsb_hdf5.adapters.zarr.locking import Patience
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    CorruptNetworkError,
    DtypeError,
    InputError,
    LockTimeoutError,
    NotANetworkError,
    ReadOnlyError,
    SessionAbortedError,
    SessionClosedError,
    StoreError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing

ROWS = np.arange(6000.0).reshape(2000, 3)
CHANGING = ("put", "put_description", "delete", "delete_below", "announce", "settle", "replace")


class KilledError(BaseException):
    """The program does nothing from here on."""


class Death:
    """Kills a program at one of the operations that change its files."""

    def __init__(self, patch: pytest.MonkeyPatch, moment: int, *, after: bool) -> None:
        self.operations = 0
        for name in CHANGING:
            original = getattr(LocalObjects, name)
            patch.setattr(LocalObjects, name, self._deadly(original, moment, after))

    def _deadly(self, original: Callable[..., Any], moment: int, after: bool) -> Any:
        def operation(*args: Any) -> Any:
            self.operations += 1
            if self.operations > moment or (self.operations == moment and not after):
                raise KilledError
            result = original(*args)
            if self.operations == moment:
                raise KilledError
            return result

        return operation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.zarr"


def filled(path: Path) -> ZarrStore:
    store = ZarrStore(path)
    make(store)
    with writing(store) as root:
        group = root.require_group("placement").require_group("granule")
        for name in ("position", "rotation", "labels", "gone"):
            group.create_array(name, ROWS)
        group.create_array("few", np.arange(5))
        root.write_document("document", b"first " * 1000)
        root.attributes.set("chunks", "x" * 5000)
    return store


def change(root: Any) -> None:
    group = root.group("placement").group("granule")
    group.array("position").append(ROWS)
    group.array("labels").write(10, -ROWS[:5])
    group.array("rotation").resize(100)
    group.array("few").append(np.arange(3))
    group.delete("gone")
    group.create_array("new", ROWS)
    root.write_document("document", b"second " * 1000)
    root.attributes.set("chunks", "y" * 6000)


def files_of(path: Path) -> set[str]:
    return {str(each.relative_to(path)) for each in path.rglob("*") if each.is_file()}


def commit_until_killed(store: ZarrStore, moment: int, *, after: bool) -> int:
    with pytest.MonkeyPatch.context() as patch:
        session = store.open_write()
        death = Death(patch, moment, after=after)
        change(session.root)
        try:
            session.commit()
        except KilledError:
            return moment
    return death.operations


@pytest.mark.parametrize("after", [False, True])
def test_a_commit_that_is_killed_at_any_operation_is_whole_or_not_there(
    tmp_path: Path, after: bool
) -> None:
    source = filled(tmp_path / "source.zarr")
    before = snapshot(source)
    moment, seen = 0, []
    while moment < 200:
        moment += 1
        path = tmp_path / f"{moment}.zarr"
        shutil.copytree(tmp_path / "source.zarr", path)
        operations = commit_until_killed(ZarrStore(path), moment, after=after)
        found = snapshot(ZarrStore(path))
        assert snapshot(ZarrStore(path)) == found
        seen.append(found == before)
        if found != before:
            _check_changed(ZarrStore(path))
        _check_goes_on(path)
        if operations < moment:
            break
    # Whole states only, the old one first; and there were both.
    assert sorted(seen, reverse=True) == seen
    assert {True, False} == set(seen)
    assert 10 < moment < 200


def _check_changed(store: ZarrStore) -> None:
    with reading(store) as root:
        group = root.group("placement").group("granule")
        assert np.array_equal(np.concatenate((ROWS, ROWS)), group.array("position").read())
        assert np.array_equal(-ROWS[:5], group.array("labels").read(10, 15))
        assert (100, 3) == group.array("rotation").shape
        assert "gone" not in group
        assert b"second " * 1000 == root.document("document").read()
        assert "y" * 6000 == root.attributes.get("chunks")


def _check_goes_on(path: Path) -> None:
    """The next commits store what they are to, and leave only what is in use."""
    store = ZarrStore(path)
    with writing(store) as root:
        group = root.group("placement").group("granule")
        held = group.array("position").read()
        group.array("position").append(ROWS + 7)
    with writing(store) as root:
        root.attributes.set("done", 1)
    with reading(ZarrStore(path)) as root:
        position = root.group("placement").group("granule").array("position")
        assert np.array_equal(np.concatenate((held, ROWS + 7)), position.read())
    ZarrStore(path).copy(f"{path}.copy")
    left = files_of(path) - files_of(Path(f"{path}.copy")) - {".lock"}
    assert set() == left


def test_a_failing_commit_leaves_the_state_before_and_no_files(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    before, files = snapshot(store), files_of(path)
    for moment in range(1, 6):
        with pytest.MonkeyPatch.context() as patch:
            count = iter(range(100))
            put = LocalObjects.put

            def failing(
                self: Any,
                key: str,
                data: bytes,
                moment: int = moment,
                put: Any = put,
                count: Iterator[int] = count,
            ) -> None:
                if next(count) >= moment:
                    raise StoreIOError("the disk is full")
                put(self, key, data)

            patch.setattr(LocalObjects, "put", failing)
            session = store.open_write()
            change(session.root)
            with pytest.raises(StoreIOError, match="disk is full"):
                session.commit()
        assert before == snapshot(store) == snapshot(ZarrStore(path))
    assert files >= files_of(path) - {".pending"}


WRITER = """
import sys
import numpy as np
from bsb_hdf5.adapters.zarr.store import ZarrStore
store = ZarrStore(sys.argv[1])
print("ready", flush=True)
while True:
    session = store.open_write()
    for name in ("x", "y"):
        array = session.root.array(name)
        array.append(np.arange(array.shape[0], array.shape[0] + 777))
    session.root.array("z").write(0, np.full(3000, session.root.array("x").shape[0]))
    session.commit()
"""


def test_a_writer_that_is_killed_again_and_again_leaves_whole_sessions(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        for name in ("x", "y"):
            root.create_array(name, np.arange(1000))
        root.create_array("z", np.full(3000, 1000))
    lengths = [1000]
    for round_ in range(5):
        program = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(program, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.05 + 0.03 * round_)
            writer.kill()
        with reading(store) as root:
            x, y, z = (root.array(name).read() for name in "xyz")
        assert np.array_equal(np.arange(len(x)), x)
        assert np.array_equal(x, y)
        assert {len(x)} == set(z.tolist())
        lengths.append(len(x))
    assert sorted(lengths) == lengths
    assert lengths[-1] > 1000
    with writing(store) as root:
        root.attributes.set("a", 1)
    assert 12 > len(files_of(path))


def test_who_reads_during_a_commit_sees_whole_states(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    before = snapshot(store)
    old = ZarrStore(path).open_read(locking=False)
    seen: list[bool] = []

    def looking(original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any) -> Any:
            session = ZarrStore(path).open_read(locking=False)
            group = session.root.group("placement").group("granule")
            now = np.array_equal(ROWS, group.array("position").read())
            assert now is ("gone" in group)
            assert now is np.array_equal(ROWS, group.array("labels").read())
            session.close()
            seen.append(now)
            return original(*args)

        return operation

    session = store.open_write()
    change(session.root)
    for name in ("put", "put_description", "delete", "settle"):
        monkeypatch.setattr(LocalObjects, name, looking(getattr(LocalObjects, name)))
    session.commit()
    assert {True, False} == set(seen)
    monkeypatch.undo()
    group = old.root.group("placement").group("granule")
    # One who began before reads the old state to its end.
    assert np.array_equal(ROWS, group.array("labels").read())
    assert np.array_equal(ROWS, group.array("gone").read())
    assert before["attributes"]["chunks"][1] == old.root.attributes.get("chunks")
    old.close()


def test_rows_that_went_missing_are_an_error_and_not_zeros(path: Path) -> None:
    store = filled(path)
    os.unlink(path / "placement/granule/position/c/0/0")
    with reading(store) as root, pytest.raises(StoreIOError, match="lacks 'placement/granule/po"):
        root.group("placement").group("granule").array("position").read()


def test_an_unchanged_store_is_read_with_one_small_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    store.open_read().close()
    asked: list[str] = []
    get = LocalObjects.get

    def counted(self: Any, key: str, span: Any = None) -> Any:
        asked.append(key)
        return get(self, key, span)

    monkeypatch.setattr(LocalObjects, "get", counted)
    monkeypatch.setattr("bsb_hdf5.adapters.zarr.store.read_manifest", None)
    store.open_read().close()
    assert ["zarr.json"] == asked


def test_a_whole_network_is_few_files(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        for i in range(5):
            group = root.require_group("placement").require_group(f"cells {i}")
            for j in range(5):
                group.create_array(f"column {j}", ROWS)
            group.create_array("segments", np.arange(50))
        for i in range(6):
            group = root.require_group("connectivity").require_group(f"set {i}")
            for j in range(3):
                group.create_array(f"column {j}", np.arange(300_000, dtype="i4"))
        for i in range(3):
            group = root.require_group("morphologies").require_group(f"neuron {i}")
            group.create_array("data", ROWS, growable=False)
            group.create_array("graph", np.arange(100).reshape(50, 2), growable=False)
        for i in range(10):
            root.require_group("files").write_document(str(i), b"content" * 500)
    for round_ in range(20):
        with writing(store) as root:
            root.attributes.set("chunks", str(round_) * 3000)
            root.group("placement").group("cells 0").array("column 0").write(0, ROWS)
    assert 150 > len(files_of(path))
    assert 60_000 > (path / "zarr.json").stat().st_size


def test_many_sessions_make_few_packs(path: Path) -> None:
    store = make(ZarrStore(path))
    for i in range(60):
        with writing(store) as root:
            root.write_document(f"{i}", os.urandom(2000))
            root.write_document("same", os.urandom(2000))
    assert 61 == len(snapshot(store)["members"])
    assert 20 > len(list((path / "packs").iterdir()))
    size = sum(each.stat().st_size for each in (path / "packs").iterdir())
    assert 5 * 61 * 2000 > size


def test_packs_of_which_little_is_in_use_are_made_anew(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        for i in range(10):
            root.write_document(str(i), os.urandom(50_000))
    before = snapshot(store)["members"]
    for i in range(8):
        with writing(store) as root:
            root.delete(str(i))
    with writing(store) as root:
        root.attributes.set("x", 1)
    assert 250_000 > sum(each.stat().st_size for each in (path / "packs").iterdir())
    assert {name: before[name] for name in "89"} == snapshot(ZarrStore(path))["members"]


def test_long_sessions_keep_only_so_many_rows_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.adapters.zarr.commit._MOST_GATHERED", 1 << 20)
    store = make(ZarrStore(path))
    rows = np.arange(60_000.0)
    with writing(store) as root:
        array = root.create_array("x", rows)
        for i in range(1, 8):
            array.append(rows + i)
        assert (path / "x/c/0").exists()
        array.write(100_000, np.full(5, -1.0))
        array.append(rows)
    expected = np.concatenate([*(rows + i for i in range(8)), rows])
    expected[100_000:100_005] = -1
    with reading(ZarrStore(path)) as read:
        assert np.array_equal(expected, read.array("x").read())
    session = store.open_write()
    for _ in range(8):
        session.root.array("x").append(rows)
        session.root.require_group("g")
    session.root.create_array("y", rows).append(np.tile(rows, 4))
    session.rollback()
    assert not (path / "y").exists()
    with reading(ZarrStore(path)) as read:
        assert np.array_equal(expected, read.array("x").read())


# Names

NAMES = ["zarr.json", "packs", "c", ".", "..", ".lock", "__x", "a/b", "A", "a", "é", "x" * 300, " "]


def test_arrays_of_any_name_lie_apart(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        for i, name in enumerate(NAMES):
            root.create_array(name, ROWS + i)
        root.require_group("group").create_array("zarr.json", ROWS)
    with reading(ZarrStore(path)) as read:
        for i, name in enumerate(NAMES):
            assert np.array_equal(ROWS + i, read.array(name).read())
    assert {path.name} == {each.name for each in path.parent.iterdir()}
    names = [each.name.casefold() for each in path.iterdir()]
    assert len(set(names)) == len(names)


def test_a_group_takes_the_place_of_an_array_and_back(path: Path) -> None:
    store = filled(path)
    for i in range(4):
        with writing(store) as root:
            root.delete("placement")
            if i % 2:
                root.require_group("placement").create_array("c", ROWS + i)
            else:
                root.create_array("placement", ROWS + i)
        with reading(ZarrStore(path)) as read:
            array = read.group("placement").array("c") if i % 2 else read.array("placement")
            assert np.array_equal(ROWS + i, array.read())


# What is no network


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"\xff\xfe", b"[]", b'{"zarr_format":3,"node_type":"group"}', b"0", b"{}"],
    ids=repr,
)
def test_a_directory_that_is_no_network_is_told(path: Path, content: bytes | None) -> None:
    path.mkdir()
    if content is not None:
        (path / "zarr.json").write_bytes(content)
    store = ZarrStore(path)
    assert store.exists()
    assert not store.recognizes()
    for verb in (store.open_read, store.open_write, store.remove):
        with pytest.raises((NotANetworkError, CorruptNetworkError), match=r"net\.zarr"):
            verb()
    assert [] == [each.name for each in path.iterdir() if each.name != "zarr.json"]
    with pytest.raises(StoreExistsError):
        store.create()


def test_a_manifest_that_is_cut_anywhere_is_told(path: Path) -> None:
    filled(path)
    manifest = path / "zarr.json"
    data = manifest.read_bytes()
    for length in range(0, len(data) - 1, 97):
        manifest.write_bytes(data[:length])
        with pytest.raises((NotANetworkError, CorruptNetworkError)):
            ZarrStore(path).open_read()
        assert not ZarrStore(path).recognizes()


def test_a_manifest_of_nonsense_is_told(path: Path) -> None:
    filled(path)
    document = json.loads((path / "zarr.json").read_bytes())
    ours = document["attributes"]["bsb_hdf5"]
    random = np.random.default_rng(5)
    for _ in range(300):
        broken = json.loads(json.dumps(document))
        _break(broken["attributes"]["bsb_hdf5"]["tree"], random)
        (path / "zarr.json").write_text(json.dumps(broken))
        with contextlib.suppress(StoreError):
            snapshot(ZarrStore(path))
    ours["version"] = 99
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(NotANetworkError, match="version 99"):
        ZarrStore(path).open_read()


def _break(node: Any, random: Any) -> None:
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[random.integers(len(keys))]
        if random.random() < 0.3 or not isinstance(node[key], dict | list):
            values: list[Any] = [None, -1, 10**9, "", "x", [], {}, [1, 2], "group", "../x", 1.5]
            node[key] = values[random.integers(len(values))]
            return
        node = node[key]


def test_packs_that_were_cut_are_told(path: Path) -> None:
    filled(path)
    for pack in (path / "packs").iterdir():
        pack.write_bytes(pack.read_bytes()[:10])
    with reading(ZarrStore(path)) as root, pytest.raises(StoreIOError, match="packs/"):
        root.document("document").read()


def test_objects_of_python_are_refused(path: Path) -> None:
    store = filled(path)
    session = store.open_write()
    for wrong in (np.array([{}, None]), np.zeros(2, dtype=[("a", "f8")])):
        with pytest.raises(DtypeError):
            session.root.create_array("x", wrong)
        with pytest.raises(DtypeError):
            session.root.attributes.set("x", wrong)
    assert 0 == session.changes
    session.rollback()


def test_a_session_that_ended_is_not_used_any_more(path: Path) -> None:
    store = filled(path)
    session = store.open_write()
    array = session.root.group("placement").group("granule").array("position")
    session.commit()
    with pytest.raises(SessionClosedError):
        array.append(ROWS)
    reader = store.open_read()
    array = reader.root.group("placement").group("granule").array("position")  # type: ignore[assignment]
    reader.close()
    with pytest.raises(SessionClosedError):
        array.read()


# Locks


@contextlib.contextmanager
def held(path: Path, operation: int) -> Iterator[None]:
    with open(path / ".lock", "a", encoding="ascii") as file:
        fcntl.flock(file, operation)
        yield


def test_writers_of_other_programs_are_waited_for(path: Path) -> None:
    filled(path)
    store = ZarrStore(path, Patience(limit=0.05))
    with held(path, fcntl.LOCK_EX):
        for verb in (store.open_read, store.open_write, store.remove):
            with pytest.raises(LockTimeoutError, match=r"gave up after 0\.05"):
                verb()
        store.open_read(locking=False).close()
    store.open_write().rollback()


def test_readers_of_other_programs_hold_off_writers_only(path: Path) -> None:
    filled(path)
    store = ZarrStore(path, Patience(limit=0.05))
    with held(path, fcntl.LOCK_SH):
        store.open_read().close()
        with pytest.raises(LockTimeoutError):
            store.open_write()


def test_a_session_holds_its_lock_until_it_ends(path: Path) -> None:
    store = filled(path)
    other = ZarrStore(path, Patience(limit=0))
    writer = store.open_write()
    with pytest.raises(LockTimeoutError):
        other.open_write()
    writer.rollback()
    reader = store.open_read()
    with pytest.raises(LockTimeoutError):
        other.open_write()
    reader.close()
    other.open_write().rollback()


def test_a_long_wait_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    waits: list[float] = []
    monkeypatch.setattr(locking, "_WARN_AFTER", 0.01)
    store = ZarrStore(path, Patience(limit=0.2, on_slow=waits.append))
    with held(path, fcntl.LOCK_EX), pytest.raises(LockTimeoutError):
        store.open_read()
    assert 1 == len(waits)


def test_a_store_without_its_lock_file_is_read_and_written(path: Path) -> None:
    store = filled(path)
    os.unlink(path / ".lock")
    with writing(store) as root:
        change(root)
    _check_changed(store)


def test_a_commit_of_another_program_fails_ours(path: Path) -> None:
    store, other = filled(path), ZarrStore(path)
    session = store.open_write()
    change(session.root)
    # As where there are no locks.
    os.unlink(path / ".lock")
    with writing(other) as root:
        root.attributes.set("of", "another")
    with pytest.raises(SessionAbortedError, match="another program changed"):
        session.commit()
    assert "another" == snapshot(store)["attributes"]["of"][1]
    assert "gone" in snapshot(store)["members"]["placement"]["members"]["granule"]["members"]


# Other places


def test_a_zip_is_read(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    archive = ZarrStore(tmp_path / "net.zarr.zip")
    store.copy(archive.location)
    assert zipfile.is_zipfile(archive.location)
    assert archive.recognizes()
    assert snapshot(store) == snapshot(archive)
    with reading(archive) as root:
        array = root.group("placement").group("granule").array("position")
        assert np.array_equal(ROWS[7:90], array.read(7, 90))


@pytest.mark.parametrize("folder", [False, True])
def test_a_zip_that_another_program_packed_is_read(
    path: Path, tmp_path: Path, folder: bool
) -> None:
    store = filled(path)
    root = {"root_dir": path.parent, "base_dir": path.name} if folder else {"root_dir": path}
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", **root)
    assert snapshot(store) == snapshot(ZarrStore(packed))


def test_a_zip_is_not_written(path: Path, tmp_path: Path) -> None:
    filled(path).copy(str(tmp_path / "a.zip"))
    archive = ZarrStore(tmp_path / "a.zip")
    with pytest.raises(ReadOnlyError, match="zip archive, which is only read"):
        archive.open_write()
    archive.move(str(tmp_path / "b.zip"))
    assert not archive.exists()
    moved = ZarrStore(tmp_path / "b.zip")
    moved.copy(str(tmp_path / "c.zarr"))
    assert snapshot(moved) == snapshot(ZarrStore(tmp_path / "c.zarr"))
    moved.remove()
    assert not moved.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense"])
def test_a_file_that_is_no_zip_of_a_network_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert not ZarrStore(tmp_path / "a.zip").recognizes()
    with pytest.raises(NotANetworkError):
        ZarrStore(tmp_path / "a.zip").open_read()


def test_networks_go_from_one_kind_of_place_to_another(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    before = snapshot(store)
    url = f"memory://{tmp_path.name}{os.getpid()}/net"
    store.copy(url)
    remote = ZarrStore(url)
    assert before == snapshot(remote)
    remote.move(str(tmp_path / "back.zarr"))
    assert not remote.exists()
    with pytest.raises(StoreNotFoundError):
        remote.open_read()
    assert before == snapshot(ZarrStore(tmp_path / "back.zarr"))


def test_a_copy_that_fails_leaves_nothing(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    os.unlink(path / "placement/granule/position/c/0/0")
    for target in ("copy.zarr", "copy.zip"):
        with pytest.raises(StoreIOError):
            store.copy(str(tmp_path / target))
    assert {path.name} == {each.name for each in tmp_path.iterdir()}


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/net", "s3://bucket/net?key=secret"])
def test_credentials_in_a_root_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InputError, match=r"s3://bucket/net") as caught:
        ZarrStore(url)
    assert "secret" not in str(caught.value)


def test_without_zarr_the_error_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    monkeypatch.setattr(depot, "_installed", lambda package: False)
    for verb in (store.open_read, store.open_write, ZarrStore(f"{path}2").create):
        with pytest.raises(StoreError, match=r"pip install 'bsb-hdf5\[zarr\]'"):
            verb()


WITHOUT = """
import sys
for name in ("zarr", "numcodecs", "google_crc32c", "obstore"):
    sys.modules[name] = None
import bsb
assert {"hdf5", "memory", "zarr"} <= set(bsb.get_engines()), bsb.get_engines()
bsb.Storage("memory", "x")
import bsb_hdf5.engines.zarr as engine
assert not engine.ZarrEngine.peek_exists("nothing.zarr")
"""


def test_the_other_engines_do_not_need_zarr(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], cwd=tmp_path, check=True)


def test_what_the_store_can_not_do_everywhere_is_declared() -> None:
    assert {"locks", "writing"} == set(ZarrStore.capabilities)
    assert "no locks" in ZarrStore.capabilities["locks"]
