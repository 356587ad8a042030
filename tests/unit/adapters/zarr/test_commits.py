"""Commits in a folder: whole or not there, whoever dies, fails or reads."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr import local
from bsb_hdf5.adapters.zarr.objects import ObjectFile, write_again, write_object
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    StoreIOError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing
from tests.unit.adapters.zarr.stores import ROWS, change, check_changed, filled


class KilledError(BaseException):
    """The program does nothing from here on."""


class Death:
    """Kills a program before, within or after one of the operations that change its files."""

    def __init__(self, patch: pytest.MonkeyPatch, moment: int, when: str) -> None:
        self.operations = 0
        for write in (write_object, write_again):
            patch.setattr(local, write.__name__, self._deadly(write, moment, when))
        patch.setattr(os, "unlink", self._deadly_unlink(os.unlink, moment, when))

    def _deadly_unlink(self, original: Callable[..., None], moment: int, when: str) -> Any:
        def unlink(*arguments: Any, **keywords: Any) -> None:
            self.operations += 1
            if self.operations > moment or (self.operations == moment and when != "after"):
                raise KilledError
            original(*arguments, **keywords)
            if self.operations == moment:
                raise KilledError

        return unlink

    def _deadly(self, original: Callable[..., None], moment: int, when: str) -> Any:
        def write(path: str, data: bytes) -> None:
            self.operations += 1
            if self.operations == moment and when == "within":
                half = Path(path).with_suffix(f".{uuid.uuid4().hex}.partial")
                half.parent.mkdir(parents=True, exist_ok=True)
                half.write_bytes(data[:20])
                os.utime(half, (0, 0))
            if self.operations > moment or (self.operations == moment and when != "after"):
                raise KilledError
            original(path, data)
            if self.operations == moment:
                raise KilledError

        return write


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


def check_nodes_follow(path: Path) -> None:
    """The metadata of each group and array are those that the root has of it."""
    root = json.loads((path / "zarr.json").read_bytes())
    nodes = root["consolidated_metadata"]["metadata"]
    files = {str(each.relative_to(path).parent) for each in path.rglob("*/zarr.json")}
    assert set(nodes) == files - {"."}
    for each, node in nodes.items():
        assert node == json.loads((path / each / "zarr.json").read_bytes()), each


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
            check_changed(ZarrStore(path))
        _check_goes_on(path)
        if operations < moment:
            break
    # Whole states only, the old one first; and there were both.
    assert sorted(seen, reverse=True) == seen
    assert {True, False} == set(seen)
    assert 10 < moment < 200


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
    check_nodes_follow(path)


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_failing_commit_leaves_the_state_before_and_no_files(path: Path, moment: int) -> None:
    store = filled(path)
    before, files, count = snapshot(store), files_of(path), 0

    def failing(path: str, data: bytes) -> None:
        nonlocal count
        count += 1
        if count >= moment:
            raise OSError(errno.ENOSPC, "the disk is full")
        write_object(path, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "write_object", failing)
        session = store.open_write()
        change(session.root)
        with pytest.raises(StoreIOError, match="disk is full"):
            session.commit()
    assert before == snapshot(store) == snapshot(ZarrStore(path))
    assert files == files_of(path)


WRITER = """
import sys
import numpy as np
from bsb_hdf5.adapters.zarr.store import ZarrStore
store = ZarrStore(sys.argv[1])
while True:
    session = store.open_write()
    for name in ("x", "y"):
        array = session.root.array(name)
        array.append(np.arange(array.shape[0], array.shape[0] + 777))
    session.root.array("z").write(0, np.full(3000, session.root.array("x").shape[0]))
    session.commit()
    print("committed", flush=True)
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
            # Anywhere in the sessions after the first, which imports what is imported late.
            time.sleep(0.03 * round_)
            writer.kill()
        with reading(store) as root:
            x, y, z = (root.array(name).read() for name in "xyz")
        assert np.array_equal(np.arange(len(x)), x)
        assert np.array_equal(x, y)
        assert {len(x)} == set(z.tolist())
        lengths.append(len(x))
    assert sorted(set(lengths)) == lengths
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
        def operation(*arguments: Any) -> None:
            look()
            original(*arguments)
            look()

        return operation

    session = store.open_write()
    change(session.root)
    for write in (write_object, write_again):
        monkeypatch.setattr(local, write.__name__, looking(write))
    monkeypatch.setattr(os, "unlink", looking(os.unlink))
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
    store = make(ZarrStore(path))
    rows = np.arange(50_000.0)
    with writing(store) as root:
        root.create_array("x", rows)
    read, replaced = ObjectFile.read, 0

    def interrupted(self: ObjectFile, start: int, stop: int) -> bytes:
        nonlocal replaced
        found = read(self, start, stop)
        if not replaced:
            replaced += 1
            with writing(store) as root:
                root.array("x").append(rows)
        return found

    reader = ZarrStore(path).open_read(locking=False)
    monkeypatch.setattr(ObjectFile, "read", interrupted)
    assert np.array_equal(rows, reader.root.array("x").read())
    assert 1 == replaced
    reader.close()


def test_an_unchanged_store_is_read_with_one_small_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    store.open_read().close()
    read, seen = ObjectFile.read, list[int]()

    def note(self: ObjectFile, start: int, stop: int) -> bytes:
        seen.append(stop - start)
        return read(self, start, stop)

    monkeypatch.setattr(ObjectFile, "read", note)
    monkeypatch.setattr("bsb_hdf5.adapters.zarr.store.read_manifest", None)
    store.open_read().close()
    assert [(path / "zarr.json").stat().st_size] == seen


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
            group.create_array("data", ROWS)
            group.create_array("graph", np.arange(100).reshape(50, 2))
        for i in range(10):
            root.require_group("files").write_document(str(i), b"content" * 500)
    for round_ in range(20):
        with writing(store) as root:
            root.attributes.set("chunks", str(round_) * 3000)
            root.group("placement").group("cells 0").array("column 0").write(0, ROWS)
    # Two for each array, one for each group.
    assert 180 > len(files_of(path))
    assert 90_000 > (path / "zarr.json").stat().st_size


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


def test_a_session_renames_a_file_for_each_array_that_it_changes_and_the_root(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk waits for each, as filesystems write what takes the place of another file."""
    store = filled(path)
    renamed: list[str] = []
    replace = os.replace

    def note(source: str, target: str) -> None:
        renamed.append(os.path.relpath(target, path))
        replace(source, target)

    monkeypatch.setattr(os, "replace", note)
    with writing(store) as root:
        group = root.group("placement").group("granule")
        group.array("few").append(np.arange(3))
        group.array("position").append(ROWS)
        group.attributes.set("count", 3)
    folder = "placement/granule"
    assert [f"{folder}/few/c/0", f"{folder}/position/c/0/0", "zarr.json"] == sorted(renamed)
