"""Networks in zarr stores: kills at any moment, locks, archives, and few files."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.abc.store import SuffixByteRequest
from zarr.storage import LocalStore

from bsb_hdf5.adapters.files import locking
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
from bsb_hdf5.ports.store import Capability
from bsb_hdf5.testing.contents import make, reading, snapshot, writing

ROWS = np.arange(6000.0).reshape(2000, 3)
CHANGING = ("set", "delete", "delete_dir")


class KilledError(BaseException):
    """The program does nothing from here on."""


class Death:
    """Kills a program before, within or after one of the operations that change its files."""

    def __init__(self, patch: pytest.MonkeyPatch, moment: int, when: str) -> None:
        self.operations = 0
        for name in CHANGING:
            original = getattr(LocalStore, name)
            patch.setattr(LocalStore, name, self._deadly(name, original, moment, when))

    def _deadly(self, name: str, original: Callable[..., Any], moment: int, when: str) -> Any:
        async def operation(store: LocalStore, key: str, *arguments: Any) -> Any:
            self.operations += 1
            if self.operations == moment and when == "within" and name == "set":
                half = store.root / f"{key}.half.partial"
                half.parent.mkdir(parents=True, exist_ok=True)
                half.write_bytes(arguments[0].to_bytes()[:20])
            if self.operations > moment or (self.operations == moment and when != "after"):
                raise KilledError
            result = await original(store, key, *arguments)
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


def commit_until_killed(store: ZarrStore, moment: int, when: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        session = store.open_write()
        death = Death(patch, moment, when)
        change(session.root)
        try:
            session.commit()
        except KilledError:
            return moment
    return death.operations


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_commit_that_is_killed_at_any_operation_is_whole_or_not_there(
    tmp_path: Path, when: str
) -> None:
    source = filled(tmp_path / "source.zarr")
    before = snapshot(source)
    moment, seen = 0, []
    while moment < 200:
        moment += 1
        path = tmp_path / f"{moment}.zarr"
        shutil.copytree(tmp_path / "source.zarr", path)
        operations = commit_until_killed(ZarrStore(path), moment, when)
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


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_failing_commit_leaves_the_state_before_and_no_files(path: Path, moment: int) -> None:
    store = filled(path)
    before, files, count = snapshot(store), files_of(path), 0
    original = LocalStore.set

    async def failing(self: Any, key: str, value: Any) -> None:
        nonlocal count
        count += 1
        if count >= moment:
            raise OSError(errno.ENOSPC, "the disk is full")
        await original(self, key, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "set", failing)
        session = store.open_write()
        change(session.root)
        with pytest.raises(StoreIOError, match="disk is full"):
            session.commit()
    assert before == snapshot(store) == snapshot(ZarrStore(path))
    assert files >= files_of(path)


WRITER = """
import sys
import numpy as np
from bsb_hdf5.adapters.zarr.store import ZarrStore
store = ZarrStore(sys.argv[1])
# What is imported late is there.
store.open_write().rollback()
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

    def look() -> None:
        session = ZarrStore(path).open_read(locking=False)
        group = session.root.group("placement").group("granule")
        now = np.array_equal(ROWS, group.array("position").read())
        assert now is ("gone" in group)
        assert now is np.array_equal(ROWS, group.array("labels").read())
        session.close()
        seen.append(now)

    def looking(original: Callable[..., Any]) -> Callable[..., Any]:
        async def operation(*arguments: Any) -> Any:
            await asyncio.to_thread(look)
            result = await original(*arguments)
            await asyncio.to_thread(look)
            return result

        return operation

    session = store.open_write()
    change(session.root)
    for name in CHANGING:
        monkeypatch.setattr(LocalStore, name, looking(getattr(LocalStore, name)))
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


def test_rows_of_zeros_stay_though_more_are_added(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        root.create_array("x", np.zeros(1000))
    for count in range(2000, 6000, 1000):
        with writing(store) as root:
            root.array("x").append(np.zeros(1000))
        for seen in (store, ZarrStore(path)):
            with reading(seen) as view:
                assert np.array_equal(np.zeros(count), view.array("x").read())


def test_rows_are_found_while_their_file_is_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(7).random((3000, 3))
    store = make(ZarrStore(path))
    with writing(store) as root:
        root.create_array("x", rows)
    get, replaced = LocalStore.get, 0

    def append() -> None:
        with writing(store) as root:
            root.array("x").append(rows)

    async def interrupted(self: Any, key: str, prototype: Any, byte_range: Any = None) -> Any:
        nonlocal replaced
        found = await get(self, key, prototype, byte_range)
        if isinstance(byte_range, SuffixByteRequest) and not replaced:
            replaced += 1
            await asyncio.to_thread(append)
        return found

    reader = ZarrStore(path).open_read(locking=False)
    monkeypatch.setattr(LocalStore, "get", interrupted)
    assert np.array_equal(rows, reader.root.array("x").read())
    assert 1 == replaced
    reader.close()


def test_an_unchanged_store_is_read_with_one_small_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    store.open_read().close()
    monkeypatch.setattr(LocalStore, "get", None)
    monkeypatch.setattr("bsb_hdf5.adapters.zarr.store.read_manifest", None)
    store.open_read().close()


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


def test_long_sessions_keep_only_so_many_rows_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.adapters.zarr.session._MOST_GATHERED", 1 << 20)
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
    store = ZarrStore(path, limit=0.05)
    with held(path, fcntl.LOCK_EX):
        for verb in (store.open_read, store.open_write, store.remove):
            with pytest.raises(LockTimeoutError, match=r"gave up after 0\.05"):
                verb()
        store.open_read(locking=False).close()
    store.open_write().rollback()


def test_readers_of_other_programs_hold_off_writers_only(path: Path) -> None:
    filled(path)
    store = ZarrStore(path, limit=0.05)
    with held(path, fcntl.LOCK_SH):
        store.open_read().close()
        with pytest.raises(LockTimeoutError):
            store.open_write()


def test_a_session_holds_its_lock_until_it_ends(path: Path) -> None:
    store = filled(path)
    other = ZarrStore(path, limit=0)
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
    store = ZarrStore(path, limit=0.2, on_slow=waits.append)
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


@pytest.mark.parametrize("folder", [False, True])
def test_a_zip_that_another_program_packed_is_read(
    path: Path, tmp_path: Path, folder: bool
) -> None:
    store = filled(path)
    root = {"root_dir": path.parent, "base_dir": path.name} if folder else {"root_dir": path}
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", **root)
    archive = ZarrStore(packed)
    assert archive.recognizes()
    assert snapshot(store) == snapshot(archive)
    with reading(archive) as group:
        array = group.group("placement").group("granule").array("position")
        assert np.array_equal(ROWS[7:90], array.read(7, 90))
    with writing(store) as changed:
        change(changed)
    shutil.make_archive(str(tmp_path / "packed"), "zip", **root)
    # Another archive took its place.
    assert snapshot(store) == snapshot(archive)


def test_a_zip_is_not_written(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    archive = ZarrStore(shutil.make_archive(str(tmp_path / "a"), "zip", path))
    for verb in (archive.open_write, archive.remove, lambda: archive.move(f"{path}.2")):
        with pytest.raises(ReadOnlyError, match="zip archive, which is only read"):
            verb()
    for verb in (ZarrStore(tmp_path / "b.zip").create, lambda: store.copy(f"{path}.zip")):
        with pytest.raises(ReadOnlyError, match="zip archive, which is only read"):
            verb()
    archive.copy(str(tmp_path / "c.zarr"))
    assert snapshot(store) == snapshot(archive) == snapshot(ZarrStore(tmp_path / "c.zarr"))


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


def test_a_network_is_made_with_all_that_is_in_it_or_not_at_all(tmp_path: Path) -> None:
    for root in (str(tmp_path / "net.zarr"), f"memory://{tmp_path.name}{os.getpid()}/made"):
        for commits in (False, True):
            store = ZarrStore(root)
            session = store.create()
            session.root.require_group("g").create_array("x", ROWS)
            assert not store.recognizes()
            session.commit() if commits else session.rollback()
            assert commits is store.exists() is store.recognizes()
        assert ["g"] == list(snapshot(store)["members"])
        with pytest.raises(StoreExistsError):
            store.create()


def test_a_copy_that_fails_leaves_nothing(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    os.unlink(path / "placement/granule/position/c/0/0")
    url = f"memory://{tmp_path.name}{os.getpid()}/failed"
    for target in (str(tmp_path / "copy.zarr"), url):
        with pytest.raises(StoreIOError, match="lacks 'placement/granule/position/c/0/0'"):
            store.copy(target)
    assert {path.name} == {each.name for each in tmp_path.iterdir()}
    assert not ZarrStore(url).exists()


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/net", "s3://bucket/net?key=secret"])
def test_credentials_in_a_root_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InputError, match=r"s3://bucket/net") as caught:
        ZarrStore(url)
    assert "secret" not in str(caught.value)


WITHOUT = """
import sys
for name in ("zarr", "numcodecs", "obstore"):
    sys.modules[name] = None
import bsb
assert {"hdf5", "memory", "zarr"} <= set(bsb.get_engines()), bsb.get_engines()
bsb.Storage("memory", "x")
import bsb_hdf5.engines.zarr as engine
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import StoreError
assert not engine.ZarrEngine.peek_exists("nothing.zarr")
for root, extra in (("x.zarr", "zarr"), ("memory://x/y", "zarr-remote")):
    try:
        ZarrStore(root).create()
    except StoreError as error:
        assert f"pip install 'bsb-hdf5[{extra}]'" in str(error), error
    else:
        raise AssertionError(root)
"""


def test_the_other_engines_do_not_need_zarr(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], cwd=tmp_path, check=True)


def test_what_the_store_can_not_do_everywhere_is_declared() -> None:
    assert {"locking", "writable", "durable"} == set(ZarrStore.limits)
    assert "no locks" in ZarrStore.limits[Capability.LOCKING]
