"""Comparison of everything in a storage with the model of the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import bsb
import numpy as np
from bsb import Chunk, Storage

from ..connectivity_set import ConnectivitySet
from ..placement_set import PlacementSet
from .network_model import Cells, Chunks, ConnectionBlocks, Labels, NetworkModel, Row
from .network_samples import COORDINATES, KEYS, TYPES, cell_type, described, morphology_of

# Chunks, by their index in COORDINATES, and labels.
Filter: TypeAlias = tuple[Sequence[int] | None, Labels]
FILTERS: tuple[Filter, ...] = (
    (None, None),
    ((1,), None),
    ((3, 0), None),
    (None, ("active",)),
    (None, ()),
    ((0, 2, 3), ("dead", "é")),
    ((0,), ("nobody has this",)),
)


def check_storage(
    storage: Storage,
    model: NetworkModel,
    turn: int | None = None,
    unchanged: Collection[str] = (),
) -> None:
    """
    Compare a storage with a model of it.

    :param turn: look at the cells through two of the filters, those whose turn it is, instead
        of through all.
    :param unchanged: sets that are loaded as a whole alone, as they are what they were when they
        were last loaded in every way.
    :raises AssertionError: they differ.
    """
    engine = storage._engine
    for name in TYPES:
        exists = storage._PlacementSet.exists(engine, cell_type(name))
        assert (name in model.cells) == exists, f"the placement set '{name}'"
        if exists:
            filters = FILTERS[:1] if name in unchanged else _filters(turn)
            _check_cells(storage, name, model, filters)
    assert sorted(model.connections) == sorted(storage._ConnectivitySet.get_tags(engine))
    for tag, connections in model.connections.items():
        assert storage._ConnectivitySet.exists(engine, tag)
        _check_connections(storage.get_connectivity_set(tag), connections, tag not in unchanged)
    _check_totals(storage, model)
    _check_morphologies(storage, model)
    _check_files(storage, model)


def equal(expected: object, found: object, what: str) -> None:
    """Check that values are equal: NaN equals NaN, and no rows of any width equal no rows."""
    wanted, got = np.asarray(expected), np.asarray(found)
    if len(wanted) or len(got):
        np.testing.assert_array_equal(got, wanted, err_msg=what, strict=False)
        assert wanted.shape == got.shape, f"{what}: shape {got.shape} is not {wanted.shape}"


def _filters(turn: int | None) -> tuple[Filter, ...]:
    if turn is None:
        return FILTERS
    first, *others = FILTERS
    return first, others[turn % len(others)], others[turn * 2 % len(others)]


def _check_cells(
    storage: Storage, name: str, model: NetworkModel, filters: Sequence[Filter]
) -> None:
    cells = model.cells[name]
    whole = storage.get_placement_set(cell_type(name))
    chunks = [id_ for id_, _ in cells.select()]
    assert chunks == [int(chunk.id) for chunk in whole.get_all_chunks()], f"chunks of '{name}'"
    stats = {str(id_): chunk.count for id_, chunk in cells.select()}
    assert stats == whole.get_chunk_stats(), f"chunk stats of '{name}'"
    for among, labels in filters:
        chosen = None if among is None else [Chunk(COORDINATES[i], None) for i in among]
        ids = None if chosen is None else [int(chunk.id) for chunk in chosen]
        selected = storage.get_placement_set(cell_type(name), chosen, labels)
        where = f"'{name}', chunks {ids}, labels {labels}"
        _check_selected(selected, cells, (ids, labels), where)
        _check_labels(selected, cells, (ids, labels), where)
        _check_cell_morphologies(selected, model, name, (ids, labels))


def _check_selected(
    selected: PlacementSet, cells: Cells, by: tuple[Chunks, Labels], where: str
) -> None:
    count = len(cells.places(*by))
    assert count == len(selected), f"count of {where}"
    equal(cells.ids(*by), selected.load_ids(), f"ids of {where}")
    equal(cells.column("position", *by), selected.load_positions(), f"positions of {where}")
    turned = cells.column("rotation", *by)
    if len(turned) == count:
        equal(turned, selected.load_rotations(), f"rotations of {where}")
    else:
        _fails(f"rotations of {where}", selected.load_rotations)
    additional = selected.load_additional()
    assert cells.keys == set(additional), f"keys of {where}"
    for key in KEYS:
        if key in cells.keys:
            rows = cells.stored(("additional", key), *by)
            equal(rows, additional[key], f"'{key}' of {where}")
            equal(rows, selected.load_additional(key), f"'{key}' of {where}")
        else:
            _fails(f"'{key}' of {where}", selected.load_additional, key)


def _check_labels(
    selected: PlacementSet, cells: Cells, by: tuple[Chunks, Labels], where: str
) -> None:
    chunks, labels = by
    mask = cells.mask(chunks, labels)
    equal(mask, selected.get_label_mask(labels), f"label mask of {where}")
    equal(np.flatnonzero(mask), selected.get_labelled(labels), f"labelled cells of {where}")
    held = {labels for _, chunk in cells.select(chunks) for labels in chunk.labels()}
    found = [frozenset(labels) for labels in selected.get_unique_labels()]
    assert len(set(found)) == len(found), f"label sets of {where} come twice"
    assert held == set(found), f"label sets of {where}"
    local = cells.ids(chunks, None)
    equal(range(len(local)), selected.convert_to_local(local), f"local ids of {where}")
    every = np.arange(sum(chunk.count for _, chunk in cells.select()))
    equal(range(len(local)), selected.convert_to_local(every), f"local ids of {where}")


def _check_cell_morphologies(
    selected: PlacementSet, model: NetworkModel, name: str, by: tuple[Chunks, Labels]
) -> None:
    cells, what = model.cells[name], f"morphologies of '{name}', {by}"
    names = cells.stored("morphology", *by)
    in_chunks = cells.stored("morphology", by[0], None)
    if not in_chunks:
        assert len(selected.load_morphologies(allow_empty=True)) == 0
        _fails(what, selected.load_morphologies)
    elif len(names) != len(cells.places(*by)):
        _fails(what, selected.load_morphologies)
    else:
        found = selected.load_morphologies()
        assert names == [found.names[i] for i in found.get_indices()], what


def _check_connections(
    found: ConnectivitySet, connections: ConnectionBlocks, by_local_chunk: bool
) -> None:
    what = f"connections of '{found.tag}'"
    assert (connections.pre, connections.post) == (found.pre_type_name, found.post_type_name)
    assert len(connections) == len(found), what
    stats = {
        str(id_): {"inc": incoming, "out": outgoing}
        for id_, (incoming, outgoing) in connections.totals().items()
    }
    assert stats == found.get_chunk_stats(), f"chunk stats of '{found.tag}'"
    every = []
    for direction in ("inc", "out"):
        blocks = connections.seen(direction)
        every += [(direction, *block, *_ends(rows)) for block, rows in blocks.items()]
        locals_ = sorted({local for local, _ in blocks})
        chunks = found.get_local_chunks(direction)
        assert locals_ == [int(chunk.id) for chunk in chunks], f"local chunks, {what}"
        for chunk in chunks if by_local_chunk else ():
            _check_local(found, direction, chunk, blocks)
    order = [
        (direction, int(local.id), int(far.id), near.tolist(), remote.tolist())
        for direction, local, far, (near, remote) in found.flat_iter_connections()
    ]
    assert every == order, f"the iteration over {what}"


def _ends(rows: Sequence[Row]) -> tuple[list[list[int]], list[list[int]]]:
    """Local and global locations, as they are loaded."""
    return [list(near) for near, _ in rows], [list(remote) for _, remote in rows]


def _check_local(
    found: ConnectivitySet, direction: str, local: Chunk, blocks: dict[Chunk, Row]
) -> None:
    what = f"{direction} of chunk {int(local.id)} of '{found.tag}'"
    mine = {far: rows for (near, far), rows in blocks.items() if near == local.id}
    globals_ = found.get_global_chunks(direction, local)
    assert list(mine) == [int(chunk.id) for chunk in globals_], f"global chunks, {what}"
    near, ids, far = found.load_local_connections(direction, local)
    joined = [connection for rows in mine.values() for connection in rows]
    equal([a for a, _ in joined], near, what)
    equal([b for _, b in joined], far, what)
    equal([id_ for id_, rows in mine.items() for _ in rows], ids, what)
    iterated = found.flat_iter_connections(direction, local)
    for chunk, (_, _, other, pair) in zip(globals_, iterated, strict=True):
        assert chunk.id == other.id
        block = found.load_block_connections(direction, local, chunk)
        for i, (loaded, also) in enumerate(zip(block, pair, strict=True)):
            rows = [each[i] for each in mine[int(chunk.id)]]
            equal(rows, loaded, f"{what}, block {int(chunk.id)}")
            equal(rows, also, f"{what}, block {int(chunk.id)}, iterated")


def _check_totals(storage: Storage, model: NetworkModel) -> None:
    found = {}
    for id_, entry in storage.get_chunk_stats().items():
        connections = entry["connections"]
        counts = (entry["placed"], connections["inc"], connections["out"])
        if any(counts):
            found[int(id_)] = counts
    assert model.totals() == found, "chunk stats of the network"


def _check_morphologies(storage: Storage, model: NetworkModel) -> None:
    repository = storage.morphologies
    meta = {name: _plain(meta) for name, meta in repository.get_all_meta().items()}
    assert model.meta == meta, "metadata of the morphologies"
    assert sorted(model.meta) == sorted(stored.name for stored in repository.all())
    for name, shape in model.morphologies.items():
        assert repository.has(name), f"the morphology '{name}'"
        assert model.meta.get(name, {}) == _plain(repository.get_meta(name))
        found = described(repository.load(name))
        assert described(morphology_of(shape)) == found, f"the morphology '{name}'"
    for name in model.meta.keys() - model.morphologies.keys():
        assert not repository.has(name), f"the morphology '{name}'"


def _check_files(storage: Storage, model: NetworkModel) -> None:
    assert sorted(model.files) == sorted(storage.files.all()), "ids of the files"
    for id_, (content, meta) in model.files.items():
        assert storage.files.has(id_)
        loaded, described_as = storage.files.load(id_)
        assert (content, type(content)) == (loaded, type(loaded)), f"the file '{id_}'"
        assert meta.items() <= described_as.items(), f"meta of the file '{id_}'"
        assert described_as == storage.files.get_meta(id_), f"meta of the file '{id_}'"


def _plain(meta: object) -> Any:
    return json.loads(json.dumps(meta, default=lambda array: array.tolist()))


def _fails(what: str, load: Callable[..., object], *arguments: object) -> None:
    """Check that nothing can be loaded."""
    try:
        load(*arguments)
    except bsb.DatasetNotFoundError:
        return
    raise AssertionError(f"{what}: DatasetNotFoundError was not raised")
