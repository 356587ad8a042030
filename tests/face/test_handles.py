"""Every method that takes a handle, with every kind of handle."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5 import (
    ConnectivitySet,
    FileStore,
    MorphologyRepository,
    PlacementSet,
    verify,
)
from bsb_hdf5 import errors as e
from bsb_hdf5.chunk_filter import ChunkFilter
from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
from bsb_hdf5.placement_labels import LabelledCells
from bsb_hdf5.resource import Resource
from tests.face.layouts import column_place, new_storage, place
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    digest,
    morphology,
    on_soma,
    positions,
)
from tests.face.states import state_of


def _length(cells: Any, handle: Any) -> int:
    return int(cells.__len__(handle=handle))


# How each method that takes a handle is called: its owner, and its arguments.
Call = Callable[[SmallNetwork, Any], Any]


def _remove_unused(network: SmallNetwork, session: Any) -> None:
    network.a.clear(handle=session)
    network.storage.morphologies.remove("stub", handle=session)


CALLS: dict[tuple[type, str], Call] = {
    (PlacementSet, "create"): lambda n, h: PlacementSet.create(
        n.storage._engine, cell_type("new"), handle=h
    ),
    (PlacementSet, "exists"): lambda n, h: PlacementSet.exists(
        n.storage._engine, n.a.cell_type, handle=h
    ),
    (PlacementSet, "require"): lambda n, h: PlacementSet.require(
        n.storage._engine, cell_type("new"), handle=h
    ),
    (PlacementSet, "remove"): lambda n, h: n.b.remove(handle=h),
    (PlacementSet, "__len__"): lambda n, h: _length(n.b, h),
    (PlacementSet, "load_ids"): lambda n, h: n.b.load_ids(handle=h),
    (PlacementSet, "load_positions"): lambda n, h: n.b.load_positions(handle=h),
    (PlacementSet, "load_rotations"): lambda n, h: n.a.load_rotations(handle=h),
    (PlacementSet, "load_morphologies"): lambda n, h: n.a.load_morphologies(handle=h),
    (PlacementSet, "load_additional"): lambda n, h: n.a.load_additional(handle=h),
    (PlacementSet, "append_data"): lambda n, h: n.b.append_data(chunk(0), positions(1), handle=h),
    (PlacementSet, "append_additional"): lambda n, h: n.b.append_additional(
        "depth", chunk(0), np.ones(4), handle=h
    ),
    (PlacementSet, "clear"): lambda n, h: n.b.clear([chunk(0)], handle=h),
    (PlacementSet, "get_chunk_stats"): lambda n, h: n.b.get_chunk_stats(handle=h),
    (PlacementSet, "label"): lambda n, h: n.b.label(["new"], [0], handle=h),
    (PlacementSet, "remove_labels"): lambda n, h: n.b.remove_labels(["core"], [0], handle=h),
    (PlacementSet, "label_by_mask"): lambda n, h: n.b.label_by_mask(
        ["new"], np.ones(7, dtype=bool), handle=h
    ),
    (PlacementSet, "remove_labels_by_mask"): lambda n, h: n.b.remove_labels_by_mask(
        ["core"], np.ones(7, dtype=bool), handle=h
    ),
    (PlacementSet, "get_unique_labels"): lambda n, h: n.b.get_unique_labels(handle=h),
    (PlacementSet, "get_labelled"): lambda n, h: n.b.get_labelled(["core"], handle=h),
    (PlacementSet, "get_label_mask"): lambda n, h: n.b.get_label_mask(["core"], handle=h),
    (PlacementSet, "convert_to_local"): lambda n, h: n.b.convert_to_local([0, 1], handle=h),
    (ConnectivitySet, "create"): lambda n, h: ConnectivitySet.create(
        n.storage._engine, n.b.cell_type, n.a.cell_type, "back", handle=h
    ),
    (ConnectivitySet, "exists"): lambda n, h: ConnectivitySet.exists(
        n.storage._engine, "a_to_b", handle=h
    ),
    (ConnectivitySet, "get_tags"): lambda n, h: ConnectivitySet.get_tags(
        n.storage._engine, handle=h
    ),
    (ConnectivitySet, "require"): lambda n, h: ConnectivitySet.require(
        n.storage._engine, n.b.cell_type, n.a.cell_type, "back", handle=h
    ),
    (ConnectivitySet, "remove"): lambda n, h: n.ab.remove(handle=h),
    (ConnectivitySet, "__len__"): lambda n, h: _length(n.ab, h),
    (ConnectivitySet, "clear"): lambda n, h: n.ab.clear(handle=h),
    (ConnectivitySet, "connect"): lambda n, h: n.ab.connect(
        n.a, n.b, on_soma(0), on_soma(0), handle=h
    ),
    (ConnectivitySet, "chunk_connect"): lambda n, h: n.ab.chunk_connect(
        chunk(0), chunk(0), on_soma(0), on_soma(0), handle=h
    ),
    (ConnectivitySet, "get_chunk_stats"): lambda n, h: n.ab.get_chunk_stats(handle=h),
    (ConnectivitySet, "get_local_chunks"): lambda n, h: n.ab.get_local_chunks("inc", handle=h),
    (ConnectivitySet, "get_global_chunks"): lambda n, h: n.ab.get_global_chunks(
        "inc", chunk(0), handle=h
    ),
    (ConnectivitySet, "load_block_connections"): lambda n, h: n.ab.load_block_connections(
        "inc", chunk(0), chunk(0), handle=h
    ),
    (ConnectivitySet, "load_local_connections"): lambda n, h: n.ab.load_local_connections(
        "inc", chunk(0), handle=h
    ),
    (MorphologyRepository, "all"): lambda n, h: n.storage.morphologies.all(handle=h),
    (MorphologyRepository, "has"): lambda n, h: n.storage.morphologies.has("stub", handle=h),
    (MorphologyRepository, "preload"): lambda n, h: n.storage.morphologies.preload(
        "stub", handle=h
    ),
    (MorphologyRepository, "load"): lambda n, h: n.storage.morphologies.load("stub", handle=h),
    (MorphologyRepository, "get_meta"): lambda n, h: n.storage.morphologies.get_meta(
        "stub", handle=h
    ),
    (MorphologyRepository, "get_all_meta"): lambda n, h: n.storage.morphologies.get_all_meta(
        handle=h
    ),
    (MorphologyRepository, "set_all_meta"): lambda n, h: n.storage.morphologies.set_all_meta(
        {"stub": {"x": 1}}, handle=h
    ),
    (MorphologyRepository, "update_all_meta"): lambda n, h: n.storage.morphologies.update_all_meta(
        {"stub": {"x": 1}}, handle=h
    ),
    (MorphologyRepository, "save"): lambda n, h: n.storage.morphologies.save(
        "new", morphology(), handle=h
    ),
    (MorphologyRepository, "remove"): _remove_unused,
    (FileStore, "all"): lambda n, h: n.storage.files.all(handle=h),
    (FileStore, "has"): lambda n, h: n.storage.files.has("note", handle=h),
    (FileStore, "load"): lambda n, h: n.storage.files.load("note", handle=h),
    (FileStore, "get_meta"): lambda n, h: n.storage.files.get_meta("note", handle=h),
    (FileStore, "get_mtime"): lambda n, h: n.storage.files.get_mtime("note", handle=h),
    (FileStore, "get_encoding"): lambda n, h: n.storage.files.get_encoding("note", handle=h),
    (FileStore, "store"): lambda n, h: n.storage.files.store("text", "new", handle=h),
    (FileStore, "remove"): lambda n, h: n.storage.files.remove("note", handle=h),
    (ChunkLoader, "get_all_chunks"): lambda n, h: n.b.get_all_chunks(handle=h),
    (ChunkLoader, "require_chunk"): lambda n, h: n.b.require_chunk(chunk(6), handle=h),
    (ChunkedProperty, "load"): lambda n, h: n.b._position_chunks.load(handle=h),
    (ChunkedProperty, "get_chunk_reader"): lambda n, h: n.b._position_chunks.get_chunk_reader(
        h, True
    )(chunk(0)),
    (ChunkedProperty, "append"): lambda n, h: n.b._labels_chunks.append(chunk(0), [0], handle=h),
    (ChunkedProperty, "clear"): lambda n, h: n.b._position_chunks.clear(chunk(0), handle=h),
    (ChunkedProperty, "overwrite"): lambda n, h: n.b._position_chunks.overwrite(
        chunk(0), positions(4), handle=h
    ),
    (ChunkedCollection, "keys"): lambda n, h: n.a._additional_chunks.keys(handle=h),
    (ChunkedCollection, "load"): lambda n, h: n.a._additional_chunks.load("weight", handle=h),
    (ChunkedCollection, "load_all"): lambda n, h: n.a._additional_chunks.load_all(handle=h),
    (ChunkedCollection, "append"): lambda n, h: n.a._additional_chunks.append(
        chunk(0), "depth", np.ones(3), handle=h
    ),
    (ChunkedCollection, "clear"): lambda n, h: n.a._additional_chunks.clear(chunk(0), handle=h),
    (ChunkedCollection, "overwrite"): lambda n, h: n.a._additional_chunks.overwrite(
        chunk(0), np.ones(3), "weight", handle=h
    ),
    (Resource, "create"): lambda n, h: Resource(n.storage._engine, "/extra").create([1], handle=h),
    (Resource, "exists"): lambda n, h: Resource(n.storage._engine, place(n.layout, "files")).exists(
        handle=h
    ),
    (Resource, "keys"): lambda n, h: Resource(n.storage._engine, place(n.layout, "files")).keys(
        handle=h
    ),
    (Resource, "remove"): lambda n, h: Resource(
        n.storage._engine, place(n.layout, "files", "note")
    ).remove(handle=h),
    (Resource, "require"): lambda n, h: Resource(n.storage._engine, "/extra").require(h),
    (Resource, "get_dataset"): lambda n, h: Resource(
        n.storage._engine, column_place(n.layout, "b", chunk(0), "position")
    ).get_dataset(handle=h),
    (Resource, "append"): lambda n, h: Resource(n.storage._engine, "/extra").append([1], handle=h),
}

WRITERS = {
    "append", "append_additional", "append_data", "chunk_connect", "clear", "connect", "create",
    "label", "label_by_mask", "overwrite", "remove", "remove_labels", "remove_labels_by_mask",
    "require", "require_chunk", "save", "set_all_meta", "store", "update_all_meta",
}  # fmt: skip


# Classes that a documented one is made of.
PARTS: dict[type, tuple[type, ...]] = {PlacementSet: (LabelledCells,), ChunkLoader: (ChunkFilter,)}


def methods_with_handles() -> set[tuple[type, str]]:
    """Every documented method with a parameter ``handle``."""
    owners = (
        PlacementSet, ConnectivitySet, MorphologyRepository, FileStore, ChunkLoader,
        ChunkedProperty, ChunkedCollection, Resource,
    )  # fmt: skip
    return {
        (owner, name)
        for owner in owners
        for part in (owner, *PARTS.get(owner, ()))
        for name, member in vars(part).items()
        if (name == "__len__" or not name.startswith("_"))
        and callable(function := getattr(member, "__func__", member))
        and "handle" in inspect.signature(function).parameters
    }


def test_the_calls_below_are_those_of_every_method_that_takes_a_handle() -> None:
    assert methods_with_handles() == set(CALLS)


def _title(item: tuple[type, str]) -> str:
    return f"{item[0].__name__}.{item[1]}"


def _plain(value: Any) -> Any:
    """Something that compares by value."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | None) else type(value).__name__


@contextmanager
def handle_of(network: SmallNetwork, kind: str) -> Iterator[Any]:
    if kind == "write session":
        with network.storage.write_scope() as session:
            yield session
    elif kind == "read session":
        with network.storage.read_scope() as session:
            yield session
    else:
        with h5py.File(network.path, kind.rsplit(maxsplit=1)[-1]) as file:
            yield file


@pytest.mark.parametrize("kind", ["write session", "read session", "file r", "file r+"])
@pytest.mark.parametrize("method", CALLS, ids=_title)
def test_every_method_works_with_every_handle_or_says_that_it_writes(
    small: SmallNetwork, method: tuple[type, str], kind: str
) -> None:
    small.storage._engine.sessions.store._settings.lock_limit = 0.2
    call, writes = CALLS[method], method[1] in WRITERS
    with handle_of(small, kind) as handle:
        before = digest(small.path)
        if writes and kind in ("read session", "file r"):
            with pytest.raises(e.ReadOnlyError):
                call(small, handle)
            assert before == digest(small.path)
            return
        with_handle = _plain(call(small, handle))
    if not writes:
        # HDF5 itself writes when it closes a file that was opened to write.
        assert before == digest(small.path) or kind == "file r+"
        assert with_handle == _plain(call(small, None))
    elif kind == "write session":
        assert before != digest(small.path)


@pytest.mark.parametrize("method", [each for each in CALLS if each[1] in WRITERS], ids=_title)
def test_what_is_written_with_a_file_is_counted_and_stored_like_the_rest(
    small: SmallNetwork, method: tuple[type, str], tmp_path: Path
) -> None:
    small.storage._engine.sessions.store._settings.lock_limit = 0.2
    other = SmallNetwork.build(new_storage(tmp_path / "other", small.layout))
    before = state_of(small)
    with h5py.File(small.path, "r+") as file:
        CALLS[method](small, file)
    # What a morphology is removed with is removed first, by a call of its own.
    writes = 2 if method == (MorphologyRepository, "remove") else 1
    with other.storage.write_scope() if writes == 1 else nullcontext() as session:
        CALLS[method](other, session)
    assert before + writes == state_of(small)
    assert _contents(other.path) == _contents(small.path)


def _contents(path: Path) -> dict[str, Any]:
    """Whatever is in the file, but for identities and times."""
    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        attributes = {
            key: np.asarray(value).tolist()
            for key, value in node.attrs.items()
            if key not in ("created_at", "mtime", "bsb_provenance", "meta")
        }
        for key, value in attributes.items():
            if isinstance(value, str):
                attributes[key] = value.strip()
        found[name] = attributes
        if isinstance(node, h5py.Dataset):
            found[name + " rows"] = np.asarray(node[()]).tolist()

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return found


def test_connect_takes_a_file_under_morphology_label_filters(small: SmallNetwork) -> None:
    small.storage._engine.sessions.store._settings.lock_limit = 0.2
    small.a.set_morphology_label_filter(["tuft"])
    with h5py.File(small.path, "r+") as file:
        small.ab.connect(small.a, small.b, [[0, 0, 1]], on_soma(0), handle=file)
    assert (0, 0, 0, 1, 1, 0, -1, -1) in connections(small.ab)


def test_a_write_with_a_file_within_a_scope_on_it_is_seen_by_the_file(
    small: SmallNetwork, layout: str
) -> None:
    with h5py.File(small.path, "r+") as file:
        small.b.append_data(chunk(0), positions(2), handle=file)
        column = file[column_place(layout, "b", chunk(0), "position")]
        # That of the chunk, or that of the whole set.
        assert (6 if layout == "classic" else 9, 3) == column.shape
        assert 9 == _length(small.b, file)
    assert 9 == len(small.b)


def test_what_is_written_within_a_read_of_a_file_is_stored(small: SmallNetwork) -> None:
    sessions = small.storage._engine.sessions
    with (
        h5py.File(small.path, "r+") as file,
        sessions.scope(write=False, handle=file) as session,
    ):
        small.b.append_data(chunk(0), positions(2), handle=session)
        assert 9 == len(small.b)
    assert 9 == len(small.b) == len(small.b.load_positions())
    assert not verify(small.storage).findings


def test_a_file_that_is_a_handle_within_a_scope_on_it_is_the_handle_of_the_scope(
    small: SmallNetwork,
) -> None:
    sessions = small.storage._engine.sessions
    with h5py.File(small.path, "r+") as file, sessions.scope(write=True, handle=file):
        small.b.append_data(chunk(0), positions(2))
        small.b.append_data(chunk(0), positions(3), handle=file)
        small.b.append_data(chunk(0), positions(1))
        assert 13 == _length(small.b, file)
    assert 13 == len(small.b) == len(small.b.load_positions())
    assert not verify(small.storage).findings


@pytest.mark.parametrize("kind", ["write session", "read session", "file r", "file r+"])
def test_a_handle_is_taken_by_position_too(small: SmallNetwork, kind: str) -> None:
    with handle_of(small, kind) as handle:
        assert (7, 3) == small.b.load_positions(handle).shape
        assert [0.0, 1.0, 2.0, 0.0, 1.0] == small.a.load_additional("weight", handle).tolist()
