"""Storages are converted into each other, and rewritten in their place."""

from __future__ import annotations

import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import convert, repack
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.core.layouts.columnar.connectivity import ColumnarConnectivity
from bsb_hdf5.core.layouts.files import StoredFiles
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    LockTimeoutError,
    NotANetworkError,
    ReadOnlyError,
    SessionAbortedError,
    StoreAccessError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from tests.compat import dump
from tests.compat import network as sample
from tests.compat.exchange import differences, parse_dump
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    folder_of,
    locked_elsewhere,
    on_soma,
    open_engine_quickly,
    positions,
    run_python,
    untouched,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


@pytest.fixture
def name() -> Iterator[str]:
    """A root in memory."""
    root = f"network {uuid.uuid4()}"
    yield root
    if Storage("memory", root).exists():
        Storage("memory", root).remove()


@pytest.fixture
def rich_file(tmp_path: Path) -> Path:
    """A classic file that uses every feature, and was added to."""
    path = tmp_path / "rich.hdf5"
    sample.create(NetworkRoot(path, "classic"))
    sample.extend(str(path))
    return path


def described(storage: Storage) -> Any:
    """All that can be read from a storage, by whatever engine."""
    engine = storage._engine
    with engine.read_scope() as session:
        network = session.network
        names = network.placement_names()
        histories = [network.placement(each).history() for each in names]
        tags = network.connectivity_tags()
        histories += [network.connectivity(each).history() for each in tags]

    def connected(tag: str) -> Any:
        found = storage.get_connectivity_set(tag)
        found.pre_type, found.post_type = (
            SimpleNamespace(get_placement_set=partial(storage.get_placement_set, cell_type(each)))
            for each in (found.pre_type_name, found.post_type_name)
        )
        return found

    scaffold: Any = SimpleNamespace(
        storage=storage,
        get_cell_types=lambda: [cell_type(each) for each in names],
        get_connectivity_set=connected,
        get_connectivity_sets=lambda: map(connected, tags),
    )
    has_config = any(meta.get("active_config") for meta in storage.files.all().values())
    document = {
        **dump.dump_sets(scaffold),
        "files": dump.dump_files(storage),
        "times": dump.file_times(storage),
        "config": dump.dump_active_config(storage) if has_config else None,
        "morphologies": dump.dump_morphologies(storage),
        "stats": engine.get_chunk_stats(),
        "provenance": engine.metadata,
        "versions": engine.versions,
        "histories": [repr(each) for each in histories],
    }
    return parse_dump(json.dumps(document))


def small_storage(engine: str, root: str, layout: str | None = None) -> Storage:
    storage = Storage(engine, NetworkRoot(root, layout) if engine == "hdf5" else root)
    SmallNetwork.build(storage)
    return storage


# --- convert ------------------------------------------------------------------------------


def test_a_network_that_went_through_all_engines_equals_the_original(
    rich_file: Path, tmp_path: Path, name: str
) -> None:
    original = described(Storage("hdf5", str(rich_file)))
    source: Any = str(rich_file)
    for engine, layout, target in (
        ("hdf5", "columnar", str(tmp_path / "columnar.hdf5")),
        ("zarr", None, str(tmp_path / "network.zarr")),
        ("memory", None, name),
        ("hdf5", "classic", str(tmp_path / "classic.hdf5")),
        ("memory", "classic", f"{name} classic"),
    ):
        copy = convert(source, target, engine=engine, layout=layout)
        assert (engine, target) == (copy.format, copy.root)
        assert (layout or "columnar") == copy._engine.layout
        assert [] == differences(original, described(copy))
        source = target
    assert [] == differences(original, described(Storage("hdf5", str(rich_file))))
    Storage("memory", f"{name} classic").remove()


def test_the_engine_of_a_copy_is_that_of_its_source(path: Path, tmp_path: Path, name: str) -> None:
    source = small_storage("hdf5", str(path), "columnar")
    target = NetworkRoot(tmp_path / "copy.hdf5", "columnar")
    copy = convert(source, target)
    assert ("hdf5", "columnar") == (copy.format, copy._engine.layout)
    assert "memory" == convert(small_storage("memory", name), f"{name} copy").format
    Storage("memory", f"{name} copy").remove()


def test_a_copy_goes_on_as_a_separate_network(path: Path, tmp_path: Path) -> None:
    source = small_storage("hdf5", str(path), "classic")
    copy = convert(source, str(tmp_path / "copy.hdf5"), layout="columnar")
    assert source._engine.storage_id == copy._engine.storage_id
    assert source._engine.state_id == copy._engine.state_id
    SmallNetwork.of(copy).a.append_data(chunk(5), positions(2))
    assert 1 + source._engine.state_id == copy._engine.state_id
    assert (5, 7) == (len(SmallNetwork.of(source).a), len(SmallNetwork.of(copy).a))


@pytest.mark.parametrize("engine", ["hdf5", "zarr", "memory"])
def test_a_root_that_is_taken_is_left_alone(
    engine: str, path: Path, tmp_path: Path, name: str
) -> None:
    source = small_storage("hdf5", str(path), "classic")
    target = name if engine == "memory" else str(tmp_path / "taken")
    taken = small_storage(engine, target)
    before = described(taken)
    with pytest.raises(StoreExistsError, match=target):
        convert(source, target, engine=engine)
    assert [] == differences(before, described(taken))


def test_a_storage_is_not_converted_into_itself(path: Path) -> None:
    source = small_storage("hdf5", str(path))
    with untouched(path), pytest.raises(StoreExistsError):
        convert(source, str(path))


def fail_at(monkeypatch: pytest.MonkeyPatch, owner: Any, verb: str, turn: int) -> None:
    """Let a method fail when it is called for the second time, or another."""
    held, turns = getattr(owner, verb), iter(range(1, turn + 1))

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(turns) == turn:
            raise StoreIOError("the disk is gone")
        return held(*arguments, **options)

    monkeypatch.setattr(owner, verb, failing)


@pytest.mark.parametrize("engine", ["hdf5", "zarr", "memory"])
@pytest.mark.parametrize(
    ("owner", "verb"), [(StoredFiles, "store"), (ColumnarConnectivity, "append")]
)
def test_a_copy_that_fails_half_way_is_not_there(
    engine: str,
    owner: Any,
    verb: str,
    path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = small_storage("hdf5", str(path), "classic")
    target = name if engine == "memory" else str(path.with_name("copy"))
    fail_at(monkeypatch, owner, verb, 1)
    with untouched(path), pytest.raises(StoreIOError, match="the disk is gone"):
        convert(source, target, engine=engine, layout="columnar")
    monkeypatch.undo()
    convert(source, target, engine=engine, layout="columnar")


@pytest.mark.parametrize(
    "options",
    [{"engine": "no such"}, {"engine": "fs"}, {"layout": "no such"}, {"trust": "no such"}],
)
def test_what_does_not_exist_can_not_be_asked_for(path: Path, options: dict[str, Any]) -> None:
    source = small_storage("hdf5", str(path))
    with (
        untouched(path),
        pytest.raises(InputError, match=options.get("engine", "no such")),
    ):
        convert(source, str(path.with_name("copy")), **options)


def test_a_source_has_to_be_a_network(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreNotFoundError, match="nowhere"):
        convert(str(tmp_path / "nowhere"), str(tmp_path / "copy"))
    with pytest.raises(NotANetworkError, match="folder"):
        convert(str(tmp_path / "folder"), str(tmp_path / "copy"))
    assert [] == os.listdir(tmp_path / "folder")
    assert ["folder"] == os.listdir(tmp_path)


def test_what_is_not_stored_yet_is_not_copied(path: Path) -> None:
    source = small_storage("hdf5", str(path))
    with source.write_scope():
        SmallNetwork.of(source).a.append_data(chunk(7), positions(1))
        with pytest.raises(SessionAbortedError, match="write scope"):
            convert(source, str(path.with_name("copy.hdf5")))
    assert not path.with_name("copy.hdf5").exists()


def test_copies_that_differ_are_reported_unless_one_is_trusted(path: Path) -> None:
    """In a classic file, the only ones with two copies, as a killed bsb-hdf5 8.0.2 leaves it."""
    source = small_storage("hdf5", str(path), "classic")
    before = connections(SmallNetwork.of(source).ab)
    with h5py.File(path, "r+") as file:
        outgoing = file["connectivity/a_to_b/out"]
        del outgoing["1"]
    target = str(path.with_name("copy.hdf5"))
    with pytest.raises(CorruptNetworkError, match=r"a_to_b.* 3 incoming and 1 outgoing"):
        convert(str(path), target, layout="columnar")
    assert not os.path.exists(target)
    copy = convert(str(path), target, layout="columnar", trust="inc")
    assert before == connections(SmallNetwork.of(copy).ab)
    with pytest.raises(CorruptNetworkError, match="a_to_b"):
        repack(str(path))
    repack(str(path), trust="out")
    assert before[:1] == connections(SmallNetwork.of(Storage("hdf5", str(path))).ab)


# --- repack -------------------------------------------------------------------------------


def with_holes(storage: Storage) -> Storage:
    """A small network in which much was replaced."""
    small = SmallNetwork.build(storage)
    rng = np.random.default_rng(1)
    cells = storage.require_placement_set(cell_type("c"))
    loops = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    for turn in range(4):
        cells.append_data(chunk(turn), rng.random((3000, 3)))
        ends = rng.integers(0, len(cells), (2, 40_000))
        loops.connect(cells, cells, *(np.repeat(end[:, None], 3, axis=1) for end in ends))
    cells.clear([chunk(0), chunk(2)])
    loops.clear()
    loops.connect(cells, cells, on_soma(0, 1), on_soma(1, 0))
    storage.morphologies.save("stub", storage.morphologies.load("stub"), overwrite=True)
    small.b.label(["other"], [1])
    return storage


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_rewritten_file_holds_the_same_and_takes_less(path: Path, layout: str) -> None:
    storage = with_holes(Storage("hdf5", NetworkRoot(path, layout)))
    other = Storage("hdf5", str(path))
    before, size = described(other), path.stat().st_size
    path.chmod(0o640)
    result = repack(storage)
    assert (size, path.stat().st_size) == (result.before, result.after)
    assert result.after is not None
    assert size * 0.6 > result.after
    assert 0o640 == stat.S_IMODE(path.stat().st_mode)
    assert layout == storage._engine.layout
    for each in (storage, other, Storage("hdf5", str(path))):
        assert [] == differences(before, described(each))
    SmallNetwork.of(other).a.append_data(chunk(9), positions(1))
    assert 6 == len(SmallNetwork.of(storage).a)
    assert [path.name] == folder_of(path)


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_file_that_is_compressed_holds_the_same_and_takes_less(path: Path, layout: str) -> None:
    storage = small_storage("hdf5", NetworkRoot(path, layout))
    small = SmallNetwork.of(storage)
    locations = np.stack([np.arange(8_000) % 2, np.full(8_000, -1), np.full(8_000, -1)], axis=1)
    storage.require_connectivity_set(small.a.cell_type, small.a.cell_type, "many").connect(
        small.a, small.a, locations, locations
    )
    before, plain = described(storage), repack(storage).after
    compressed = repack(storage, compress=True).after
    assert plain is not None and compressed is not None
    assert plain * 0.6 > compressed
    assert [] == differences(before, described(Storage("hdf5", str(path))))
    many = storage.get_connectivity_set("many")
    many.connect(small.a, small.a, locations[:10], locations[:10])
    incoming = [len(rows) for _, _, _, (rows, _) in many.flat_iter_connections("inc")]
    assert 8_010 == len(many) == sum(incoming)
    assert plain * 0.9 < (repack(storage).after or 0)


def test_what_was_rewritten_can_not_become_smaller(path: Path) -> None:
    with_holes(Storage("hdf5", NetworkRoot(path, "columnar")))
    first, second = repack(str(path)), repack(str(path))
    assert first.after == second.before == second.after


@pytest.mark.parametrize("engine", ["memory", "zarr"])
def test_networks_of_other_engines_are_rewritten(engine: str, name: str, tmp_path: Path) -> None:
    root = name if engine == "memory" else str(tmp_path / "network.zarr")
    storage, other = with_holes(Storage(engine, root)), Storage(engine, root)
    before = described(storage)
    result = repack(storage)
    assert result.before is not None
    assert result.after is not None
    assert result.before * 0.7 > result.after
    for each in (storage, other):
        assert [] == differences(before, described(each))


def test_what_is_only_read_is_not_rewritten(tmp_path: Path) -> None:
    folder = tmp_path / "network.zarr"
    small_storage("zarr", str(folder))
    archive = shutil.make_archive(str(folder), "zip", folder)
    with untouched(Path(archive)), pytest.raises(ReadOnlyError):
        repack(archive)


def test_the_file_behind_a_link_is_rewritten(path: Path) -> None:
    small_storage("hdf5", str(path))
    link = path.with_name("link.hdf5")
    link.symlink_to(path)
    inode = path.stat().st_ino
    repack(str(link))
    assert link.is_symlink()
    assert inode != path.stat().st_ino
    assert 5 == len(SmallNetwork.of(Storage("hdf5", str(path))).a)


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
def test_a_rewrite_that_fails_leaves_what_was_there(
    engine: str, path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = {"hdf5": str(path), "memory": name, "zarr": str(path.with_name("zarr"))}[engine]
    storage = small_storage(engine, root, "columnar")
    path.touch()
    before = described(storage)
    fail_at(monkeypatch, ColumnarConnectivity, "append", 1)
    with untouched(path), pytest.raises(StoreIOError, match="the disk is gone"):
        repack(storage)
    monkeypatch.undo()
    assert [] == differences(before, described(storage))
    repack(storage)
    assert [] == differences(before, described(storage))


def test_a_new_file_that_can_not_take_its_name_goes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = small_storage("hdf5", str(path))

    def replace(*_: Any) -> None:
        raise PermissionError(13, "not here")

    monkeypatch.setattr(os, "replace", replace)
    with untouched(path), pytest.raises(StoreAccessError, match="not here"):
        repack(storage)


KILLED = """
    import os, sys
    from bsb_hdf5 import repack
    os.replace = lambda *_: os._exit(7)
    repack(sys.argv[1])
"""


def test_a_program_killed_before_the_new_file_has_its_name_leaves_the_old_one(path: Path) -> None:
    small_storage("hdf5", str(path))
    before = path.read_bytes()
    process = run_python(KILLED, str(path))
    process.communicate()
    assert 7 == process.returncode
    assert before == path.read_bytes()
    repack(str(path))


def test_a_file_that_others_use_is_not_rewritten(path: Path) -> None:
    storage = open_engine_quickly(small_storage("hdf5", str(path)))
    storage._engine.sessions.store._settings.lock_limit = 0.1
    with (
        untouched(path),
        locked_elsewhere(path, exclusive=False),
        pytest.raises(LockTimeoutError),
    ):
        repack(storage)


def test_a_storage_in_use_or_read_only_is_not_rewritten(path: Path) -> None:
    storage = small_storage("hdf5", str(path))
    with untouched(path):
        with storage.read_scope(), pytest.raises(SessionAbortedError):
            repack(storage)
        with storage._engine.read_only(), pytest.raises(ReadOnlyError):
            repack(storage)


def test_a_storage_of_another_engine_is_not_rewritten(tmp_path: Path) -> None:
    other = Storage("fs", str(tmp_path / "folder"))
    with pytest.raises(InputError, match="'fs'"):
        repack(other)
