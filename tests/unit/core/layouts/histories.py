"""Random histories of a network, and all that a network answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.cell_labels import change_labels
from bsb_hdf5.core.column_specs import LABELS, POSITION, ROTATION, additional_column
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.layouts.protocols import NetworkReader, NetworkWriter
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement import append_additional
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.errors import StorageError
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.memory import new_store

CHUNKS = [0, 1, 65535, 2**40]

UNKNOWN = 99

CELLS = ("a", "b")

TAG = "a_to_b"

NAMES = ("m", "n", "o")

COLUMNS = (POSITION, ROTATION, LABELS, additional_column("k"), additional_column("w"))

# An operation is its name and the choices it is made with.
Operation = tuple[str, tuple[Any, ...]]

chunk = st.sampled_from(CHUNKS)

cells = st.sampled_from(CELLS)

numbers = st.integers(0, 4)

some_chunks = st.none() | st.frozensets(st.sampled_from([*CHUNKS, UNKNOWN]), max_size=2)

names = st.sampled_from(NAMES)

point = st.sampled_from([(-1, -1), (0, 0), (3, 200), (40_000, 7), (5, 2**31)])

rank = st.sampled_from([0, 1, 300, 70_000, 2**33])

link = st.tuples(chunk, chunk, rank, point, rank, point)

operation: st.SearchStrategy[Operation] = st.one_of(
    st.tuples(
        st.just("cells"),
        st.tuples(
            cells,
            chunk,
            numbers,
            st.booleans(),
            st.none() | st.lists(names, min_size=1, max_size=3),
            st.frozensets(st.sampled_from("kw")),
        ),
    ),
    st.tuples(st.just("entities"), st.tuples(cells, chunk, numbers)),
    st.tuples(st.just("label"), st.tuples(cells, st.sampled_from("xy"), numbers, st.booleans())),
    st.tuples(st.just("additional"), st.tuples(cells, chunk, st.sampled_from("kw"), numbers)),
    st.tuples(
        st.sampled_from(["append column", "overwrite column"]),
        st.tuples(cells, chunk, st.sampled_from(COLUMNS), numbers),
    ),
    st.tuples(st.just("require chunk"), st.tuples(cells, chunk)),
    st.tuples(st.just("clear cells"), st.tuples(cells, some_chunks)),
    st.tuples(st.just("connect"), st.tuples(st.lists(link, max_size=6))),
    st.tuples(st.just("connect"), st.tuples(st.lists(link, max_size=6))),
    st.tuples(st.just("disconnect"), st.tuples(some_chunks)),
    st.tuples(st.sampled_from(["make", "remove"]), st.tuples(cells | st.just(TAG))),
    st.tuples(st.just("clear all"), st.tuples(st.booleans())),
    st.tuples(st.just("save"), st.tuples(names, numbers, st.integers(0, 2))),
    st.tuples(st.sampled_from(["drop", "forget"]), st.tuples(names)),
    st.tuples(st.just("meta"), st.tuples(st.booleans(), st.frozensets(names), numbers)),
)


@attrs.frozen
class Step:
    """
    A session.

    :param stored: whether it is committed; rolled back otherwise.
    :param author: which program it is of: each has memories of its own.
    :param looks: whether it reads everything between its operations.
    """

    operations: list[Operation]
    stored: bool
    author: int
    looks: bool


steps = st.lists(
    st.builds(
        Step,
        st.lists(operation, max_size=5),
        st.sampled_from([True, True, True, False]),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=5,
)


@attrs.define
class Side:
    """A network in one layout, and what each program keeps of it."""

    store: MemoryStore
    caches: list[VersionedCache]

    @classmethod
    def of(cls, layout: str) -> Side:
        store = new_store()
        session = store.create()
        network = create_network(session.root, layout)
        for name in CELLS:
            network.create_placement(name, created_at="now")
        network.create_connectivity(TAG, "a", "b", created_at="now")
        network.flush()
        session.commit()
        return cls(store, [VersionedCache(), VersionedCache(), VersionedCache()])

    def run(self, step: Step, number: int) -> list[Any]:
        """Do what a session does; what came of it."""
        cache = self.caches[step.author]
        session = self.store.open_write()
        before = session.version
        network = open_network(session.root, "here", cache.at(before))
        answers: list[Any] = []
        for i, each in enumerate(step.operations):
            answers.append(tried(network, each, 100 * number + 10 * i))
            if step.looks:
                answers.append(everything(network))
        if not step.stored:
            session.rollback()
            cache.clear()
            return answers
        network.flush()
        session.commit()
        cache.advance(before, session.version)
        return answers

    def look(self, author: int) -> Any:
        """Everything, as a program finds it that remembers something, or nothing."""
        cache = VersionedCache() if author == 2 else self.caches[author]
        session = self.store.open_read()
        return everything(open_network(session.root, "here", cache.at(session.version)))


def tried(network: NetworkWriter, done: Operation, number: int) -> str:
    """Do an operation; the name of the error if it is refused."""
    verb, choices = done
    try:
        VERBS[verb](network, number, *choices)
    except StorageError as error:
        return type(error).__name__
    return "done"


def add_cells(
    network: NetworkWriter,
    number: int,
    name: str,
    where: int,
    count: int,
    rotated: bool,
    used: list[str] | None,
    keys: frozenset[str],
) -> None:
    values = number + np.arange(float(count))
    indices = np.arange(count) % len(used or [None])
    rows = PlacementRows.of_cells(
        np.repeat(values, 3).reshape(-1, 3),
        None if used is None else (used, indices),
        np.repeat(values + 0.5, 3).reshape(-1, 3) if rotated else None,
        {key: rows_of(key, values) for key in keys},
    )
    network.placement(name).append(where, rows)


def rows_of(key: str, values: Any) -> Any:
    """Additional data: ``w`` is two numbers a cell."""
    return np.stack((values, -values), axis=1) if key == "w" else values * 2


def add_entities(network: NetworkWriter, number: int, name: str, where: int, count: int) -> None:
    network.placement(name).append(where, PlacementRows.of_entities(count, None))


def label(
    network: NetworkWriter, number: int, name: str, text: str, step: int, remove: bool
) -> None:
    data = network.placement(name)
    selected = Selection().resolve(data)
    change_labels(data, selected, np.arange(0, len(selected), step + 1), [text], remove=remove)


def add_data(
    network: NetworkWriter, number: int, name: str, where: int, key: str, count: int
) -> None:
    values = rows_of(key, number + np.arange(float(count)))
    append_additional(network.placement(name), key, where, values)


def column_rows(column: Any, number: int, count: int) -> Any:
    if column is LABELS:
        return np.zeros(count, dtype=np.int64)
    values = number + np.arange(float(count))
    if column.collection is not None:
        return rows_of(column.name, values)
    return np.repeat(values, 3).reshape(-1, 3)


def append_rows(
    network: NetworkWriter, number: int, name: str, where: int, column: Any, count: int
) -> None:
    rows = column_rows(column, number, count)
    network.placement(name).append_column(column, where, rows)


def overwrite_rows(
    network: NetworkWriter, number: int, name: str, where: int, column: Any, count: int
) -> None:
    rows = column_rows(column, number, count)
    network.placement(name).overwrite_column(column, where, rows)


def connect(network: NetworkWriter, number: int, links: list[Any]) -> None:
    table = np.array(
        [[pre, post, a, *p, b, *q] for pre, post, a, p, b, q in links], dtype=np.int64
    ).reshape(-1, 8)
    blocks = Blocks(table[:, 0], table[:, 1], table[:, 2:5], table[:, 5:])
    network.connectivity(TAG).append(blocks)


def ids_of(chosen: frozenset[int] | None) -> Any:
    return None if chosen is None else np.array(sorted(chosen), dtype=np.int64)


def make(network: NetworkWriter, number: int, name: str) -> None:
    if name == TAG:
        network.create_connectivity(TAG, "b", str(number), created_at="now")
    else:
        network.create_placement(name, created_at="now")


def remove(network: NetworkWriter, number: int, name: str) -> None:
    (network.remove_connectivity if name == TAG else network.remove_placement)(name)


def clear_all(network: NetworkWriter, number: int, cells: bool) -> None:
    (network.clear_placement if cells else network.clear_connectivity)()


def save(network: NetworkWriter, number: int, name: str, count: int, properties: int) -> None:
    data = number + np.arange(count * (5.0 + properties)).reshape(count, 5 + properties)
    data[:, 4] = np.arange(count) % 2
    graph = [[count // 2, -1], [count, 0]]
    table = MorphologyTable(
        data,
        np.array(graph, dtype=np.int64),
        LabelSets.from_lists({0: [], 1: [str(number)]}),
        tuple(f"p{i}" for i in range(properties)),
    )
    network.morphologies.save(name, table)


def set_meta(
    network: NetworkWriter, number: int, whole: bool, chosen: frozenset[str], value: int
) -> None:
    given: dict[str, Any] = {
        name: {"name": name, "v": value, "at": np.arange(value), "none": np.nan}
        for name in sorted(chosen)
    }
    stored = network.morphologies
    (stored.replace_meta if whole else stored.update_meta)(given)


VERBS: dict[str, Callable[..., Any]] = {
    "cells": add_cells,
    "entities": add_entities,
    "label": label,
    "additional": add_data,
    "append column": append_rows,
    "overwrite column": overwrite_rows,
    "require chunk": lambda network, _, name, where: network.placement(name).require_chunk(where),
    "clear cells": lambda network, _, name, some: network.placement(name).clear(ids_of(some)),
    "connect": connect,
    "disconnect": lambda network, _, some: network.connectivity(TAG).clear(ids_of(some)),
    "make": make,
    "remove": remove,
    "clear all": clear_all,
    "save": save,
    "drop": lambda network, _, name: network.morphologies.remove(name),
    "forget": lambda network, _, name: network.morphologies.forget_meta(name),
    "meta": set_meta,
}


def everything(network: NetworkReader) -> dict[str, Any]:
    """All that the readers of a network answer, as values that compare."""
    totals = network.totals.as_document()
    return {
        "cells": {name: all_cells(network, name) for name in network.placement_names()},
        "connections": {tag: all_blocks(network, tag) for tag in network.connectivity_tags()},
        "morphologies": all_morphologies(network),
        # Chunks that lost what they had may be known, or not.
        "totals": {
            key: entry
            for key, entry in totals.items()
            if entry["placed"] or any(entry["connections"].values())
        },
    }


def plain(values: Any) -> tuple[str, str]:
    array = np.asarray(values)
    return array.dtype.str, repr(array.tolist())


def all_cells(network: NetworkReader, name: str) -> dict[str, Any]:
    data = network.placement(name)
    counts, known = data.counts(), data.chunks()
    asked = [known, np.array([UNKNOWN, *known.tolist()[::-2], 1], dtype=np.int64)]
    return {
        "chunks": plain(known),
        "counts": [plain(counts.ids), plain(counts.counts)],
        "labels": data.label_sets().table,
        "keys": data.additional_keys(),
        "columns": [
            [plain(part) for part in data.read_column(column, chunks)]
            for chunks in asked
            for column in COLUMNS
        ],
        "morphologies": [morphologies_of(data, chunks) for chunks in asked],
    }


def morphologies_of(data: Any, chunks: Any) -> Any:
    rows = data.read_morphologies(chunks)
    return [rows.names[index] for index in rows.indices.tolist()], plain(rows.lengths)


def all_blocks(network: NetworkReader, tag: str) -> dict[str, Any]:
    data = network.connectivity(tag)
    asked = np.array([2**40, UNKNOWN, 0, 65535, 1, 0])
    return {
        "types": (data.pre_type, data.post_type, data.tag),
        "count": data.count,
        "totals": dict(data.chunk_totals()),
        "locals": [plain(data.local_chunks(direction)) for direction in ("inc", "out")],
        "blocks": {
            (direction, local): [
                plain(part)
                for part in (
                    data.block_sizes(direction, local).ids,
                    data.block_sizes(direction, local).counts,
                    *data.read_blocks(direction, local, asked),
                    *data.read_local(direction, local),
                )
            ]
            for direction in ("inc", "out")
            for local in [*CHUNKS, UNKNOWN]
        },
    }


def all_morphologies(network: NetworkReader) -> dict[str, Any]:
    stored = network.morphologies
    tables = {name: stored.load(name) for name in NAMES if name in stored}
    meta = stored.meta()
    return {
        "tables": {
            name: (
                plain(table.data),
                plain(table.graph),
                table.labels.table,
                table.properties,
                table.data.shape,
            )
            for name, table in tables.items()
        },
        "meta": repr(meta),
        "each": {name: repr(stored.meta_of(name)) for name in meta},
    }
