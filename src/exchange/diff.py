"""Differences between two networks, value for value, of any engines and layouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice

import attrs
import bsb
import numpy as np
from numpy.typing import NDArray

from ..config import Root
from ..core import columns
from ..core.batches import ReadTask, plan_reads
from ..core.chunk_id import unpack
from ..core.column_specs import LABELS, POSITION, ROTATION, ColumnSpec, additional_column
from ..core.connectivity import batches
from ..core.files import StoredContent
from ..core.json_types import DocumentView
from ..core.labels import LabelSets
from ..core.layouts.protocols import (
    ConnectivityReader,
    NetworkReader,
    PlacementReader,
)
from ..core.morphology import MorphologyTable, dump_meta
from ..core.statistics import ChunkCounts
from ..core.validation import as_count
from ..engine import StorageEngine
from ..errors import InputError
from ..ports.arrays import AnyArray
from ..queries.progress import count_done, count_expected, rows_in
from ..storages import engine_of
from ..transactions.interrupts import call_pending, without_interrupts

_MOST_CELLS = 1 << 17
_MOST_CONNECTIONS = 1 << 19
# Column of the label codes of a morphology.
_CODE = 4
# The time at which a file was stored is not part of its content.
_OF_THE_STORAGE = {"mtime"}


_Numbers = tuple[NDArray[np.int64], NDArray[np.int64]]


@attrs.frozen
class Difference:
    """
    A difference between two networks.

    :param part: ``placement``, ``connectivity``, ``morphologies``, ``files`` or ``network``.
    :param where: the place within the part: set, chunk, name.
    :param what: what differs, first in the first network, then in the second.
    """

    part: str
    where: str
    what: str

    def __str__(self) -> str:
        return ": ".join(each for each in (self.part, self.where, self.what) if each)


@without_interrupts
def diff(
    first: bsb.Storage | Root,
    second: bsb.Storage | Root,
    *,
    ignore_order: bool = False,
    most: int | None = None,
) -> list[Difference]:
    """
    :guilabel:`collective` List the differences between two networks: cells with all their data,
    labels, connections, morphologies, files, and the size of chunks.

    The origin of a network is not compared: its identity, provenance, versions, and the revisions
    and times of sets and files. At most 131,072 cells or 524,288 connections of each network are
    in memory at a time, unless one chunk or pair of chunks has more.

    :param first: ``bsb.Storage``, or its root. ``second`` likewise, of any engine and layout.
    :param ignore_order: ignore the order of the connections between two chunks.
    :param most: stop after this many differences; by default, find all.
    :returns: a difference for each chunk, column, block, morphology or file; none if the
        networks are equal.
    :raises InputError: ``most`` is not a whole number above 0.
    :raises StoreNotFoundError: nothing lies at one of the roots.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    """
    if most is not None and as_count(most, "most") < 1:
        raise InputError(f"most must be 1 or more, not {most!r}", asked=most)
    engines = engine_of(first), engine_of(second)
    return engines[0].ranks.on_main(lambda: _diff(*engines, ignore_order, most))


def _diff(
    first: StorageEngine, second: StorageEngine, ignore_order: bool, most: int | None
) -> list[Difference]:
    with ExitStack() as stack:
        a, b = (stack.enter_context(each.read_scope()).network for each in (first, second))
        return list(islice(_differences(a, b, ignore_order), most))


def _differences(a: NetworkReader, b: NetworkReader, ignore_order: bool) -> Iterator[Difference]:
    count_expected(rows_in(a))
    sizes = a.chunk_size, b.chunk_size
    if not np.array_equal(*sizes, equal_nan=True):
        what = " and ".join(str(each.tolist()) for each in sizes)
        yield Difference("network", "", f"chunks of size {what} um")
    names = a.placement_names(), b.placement_names()
    yield from _only("placement", "cells", *names)
    for name in _both(*names):
        yield from _placement(a.placement(name), b.placement(name))
    tags = a.connectivity_tags(), b.connectivity_tags()
    yield from _only("connectivity", "set", *tags)
    for tag in _both(*tags):
        yield from _connectivity(a.connectivity(tag), b.connectivity(tag), ignore_order)
    yield from _morphologies(a, b)
    yield from _files(a, b)


def _only(
    part: str, kind: str, first: Iterable[str], second: Iterable[str]
) -> Iterator[Difference]:
    """The names that only one of the networks has."""
    held = set(first), set(second)
    for name in sorted(held[0] ^ held[1]):
        where = "first" if name in held[0] else "second"
        yield Difference(part, f"'{name}'", f"{kind} of the {where} network only")


def _both(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return sorted({*first} & {*second})


def _placement(a: PlacementReader, b: PlacementReader) -> Iterator[Difference]:
    where = f"'{a.name}'"
    counts = a.counts(), b.counts()
    every = ChunkCounts.united(counts)
    held = [each.among(every.ids).counts for each in counts]
    known = [np.isin(every.ids, each.ids) for each in counts]
    for i in np.flatnonzero((held[0] != held[1]) | (known[0] != known[1])).tolist():
        what = f"{held[0][i]} and {held[1][i]} cells"
        if held[0][i] == held[1][i]:
            what = f"a chunk of the {'first' if known[0][i] else 'second'} network only"
        yield Difference("placement", f"{where}, {_chunk(every.ids[i])}", what)
    keys = a.additional_keys(), b.additional_keys()
    yield from _only("placement", f"additional data of {where}", *keys)
    specs = [POSITION, ROTATION, *map(additional_column, _both(*keys))]
    same = every.ids[held[0] == held[1]]
    for ids in batches(counts[0].select(same), _MOST_CELLS):
        call_pending()
        batch = counts[0].select(ids)
        count_done(batch.total)
        if batch.total:
            yield from _cells(a, b, specs, batch)


def _cells(
    a: PlacementReader, b: PlacementReader, specs: list[ColumnSpec], counts: ChunkCounts
) -> Iterator[Difference]:
    """The differences of some chunks; columns of different widths are removed from ``specs``."""
    for spec in tuple(specs):
        first, second = (each.read_column(spec, counts.ids) for each in (a, b))
        rows = [_aligned(spec, *each, counts) for each in (first, second)]
        if rows[0].shape != rows[1].shape and len(first[0]) and len(second[0]):
            widths = [each.shape[1] for each in rows]
            yield Difference("placement", f"'{a.name}'", f"{spec.title} of {widths} numbers a cell")
            specs.remove(spec)
            continue
        yield from _rows(a.name, spec.title, rows[0], rows[1], counts, first[1] != second[1])
    for title, numbers in (("morphology", _names(a, b, counts)), ("labels", _labels(a, b, counts))):
        yield from _rows(a.name, title, *numbers, counts)


def _aligned(
    spec: ColumnSpec, rows: AnyArray, lengths: NDArray[np.int64], counts: ChunkCounts
) -> AnyArray:
    aligned = columns.align(spec, rows, lengths, counts)
    return aligned.reshape(counts.total, -1)


def _names(a: PlacementReader, b: PlacementReader, counts: ChunkCounts) -> _Numbers:
    """A number for the morphology of each cell, the same in both; -1 without."""
    numbers: dict[str, int] = {}
    both = []
    for each in (a, b):
        rows = each.read_morphologies(counts.ids)
        found = [numbers.setdefault(name, len(numbers)) for name in rows.names]
        indices, lengths = columns.within(rows.indices, rows.lengths, counts)
        ranks = np.arange(counts.total) - np.repeat(counts.offsets, counts.counts)
        named = np.full(counts.total, -1, dtype=np.int64)
        named[ranks < np.repeat(lengths, counts.counts)] = np.array(found, np.int64)[indices]
        both.append(named)
    return both[0], both[1]


def _labels(a: PlacementReader, b: PlacementReader, counts: ChunkCounts) -> _Numbers:
    """A number for the labels of each cell, the same in both."""
    sets = LabelSets()
    both = []
    for each in (a, b):
        codes = columns.align(LABELS, *each.read_column(LABELS, counts.ids), counts)
        sets, translated = sets.translate(codes, each.label_sets())
        both.append(translated)
    return both[0], both[1]


def _rows(
    name: str,
    title: str,
    a: AnyArray,
    b: AnyArray,
    counts: ChunkCounts,
    differing: NDArray[np.bool_] | None = None,
) -> Iterator[Difference]:
    """A difference for each chunk with cells whose rows differ."""
    same = a == b
    if a.dtype.kind == "f":
        same |= np.isnan(a) & np.isnan(b)
    wrong = ~same.reshape(counts.total, -1).all(axis=1)
    ends = np.append(0, np.cumsum(wrong))
    cells = ends[counts.ends] - ends[counts.offsets]
    chosen = cells > 0 if differing is None else (cells > 0) | differing
    for i in np.flatnonzero(chosen).tolist():
        what = f"{title} of {cells[i]} of {counts.counts[i]} cells"
        if not cells[i]:
            what = f"{title} is stored for another number of cells"
        yield Difference("placement", f"'{name}', {_chunk(counts.ids[i])}", what)


def _connectivity(
    a: ConnectivityReader, b: ConnectivityReader, ignore_order: bool
) -> Iterator[Difference]:
    where = f"'{a.tag}'"
    types = (a.pre_type, a.post_type), (b.pre_type, b.post_type)
    if types[0] != types[1]:
        what = " and ".join(f"from '{pre}' to '{post}'" for pre, post in types)
        yield Difference("connectivity", where, what)
    sizes = ChunkCounts.united([each.local_sizes("out") for each in (a, b)])

    def block_sizes(local: int) -> ChunkCounts:
        return ChunkCounts.united([each.block_sizes("out", local) for each in (a, b)])

    for task in plan_reads("out", sizes, block_sizes, _MOST_CONNECTIONS):
        for pair, held in _blocks(a, b, task):
            call_pending()
            count_done(len(held[0]))
            found = _difference(*held, ignore_order)
            if found:
                chunks = f"{_chunk(pair[0])} to {_chunk(pair[1])}"
                yield Difference("connectivity", f"{where}, {chunks}", found)


_Block = NDArray[np.int64]
_NOTHING: _Block = np.zeros((0, 6), dtype=np.int64)


def _blocks(
    a: ConnectivityReader, b: ConnectivityReader, task: ReadTask
) -> Iterator[tuple[tuple[int, int], tuple[_Block, _Block]]]:
    """The blocks of a task: their chunks, and their rows in both networks."""
    first, second = (_read(each, task) for each in (a, b))
    for pair in sorted({*first, *second}):
        yield pair, (first.get(pair, _NOTHING), second.get(pair, _NOTHING))


def _read(source: ConnectivityReader, task: ReadTask) -> dict[tuple[int, int], _Block]:
    held = {}
    for part in task.read(source):
        rows = np.concatenate([part.local_locations, part.global_locations], axis=1)
        for i, starts in enumerate(zip(part.starts[:-1], part.starts[1:], strict=True)):
            pair = int(part.local_chunks[i]), int(part.global_chunks[i])
            held[pair] = rows[starts[0] : starts[1]]
    return held


def _difference(a: _Block, b: _Block, ignore_order: bool) -> str | None:
    if len(a) != len(b):
        return f"{len(a)} and {len(b)} connections"
    if np.array_equal(a, b):
        return None
    first, second = (each[np.lexsort(each.T[::-1])] for each in (a, b))
    if np.array_equal(first, second):
        return None if ignore_order else f"{len(a)} connections in another order"
    if ignore_order:
        a, b = first, second
    return f"{int((a != b).any(axis=1).sum())} of {len(a)} connections"


def _morphologies(a: NetworkReader, b: NetworkReader) -> Iterator[Difference]:
    held = a.morphologies, b.morphologies
    names = held[0].names(), held[1].names()
    yield from _only("morphologies", "morphology", *names)
    for name in _both(*names):
        if not same_morphology(held[0].load(name), held[1].load(name)):
            yield Difference("morphologies", f"'{name}'", "points, branches, labels or properties")
    metas = [each.meta() for each in held]
    for name in sorted({*metas[0], *metas[1]}):
        if not same_meta(metas[0].get(name), metas[1].get(name)):
            yield Difference("morphologies", f"'{name}'", "metadata")


def same_meta(a: DocumentView | None, b: DocumentView | None) -> bool:
    """Whether the metadata of two morphologies are the same; arrays may be among them."""
    if a is None or b is None:
        return a is b
    return dump_meta(dict(sorted(a.items()))) == dump_meta(dict(sorted(b.items())))


def same_morphology(a: MorphologyTable, b: MorphologyTable) -> bool:
    """Whether two morphologies have the same points, branches, labels and properties."""
    if a.properties != b.properties or a.data.shape != b.data.shape:
        return False
    codes = [each.data[:, _CODE].astype(np.int64) for each in (a, b)]
    first, second = (np.delete(each.data, _CODE, axis=1) for each in (a, b))
    return (
        np.array_equal(first, second, equal_nan=True)
        and np.array_equal(a.graph, b.graph)
        and a.labels.of(codes[0]) == b.labels.of(codes[1])
    )


def _files(a: NetworkReader, b: NetworkReader) -> Iterator[Difference]:
    held = a.files, b.files
    ids = held[0].ids(), held[1].ids()
    yield from _only("files", "file", *ids)
    for id_ in _both(*ids):
        contents = [each.load(id_) for each in held]
        sizes = [len(each.data) for each in contents]
        if contents[0].data != contents[1].data:
            yield Difference("files", f"'{id_}'", f"content: {sizes[0]} and {sizes[1]} bytes")
        elif not same_file(*contents):
            yield Difference("files", f"'{id_}'", "encoding or metadata")


def same_file(a: StoredContent, b: StoredContent) -> bool:
    """Whether two files have the same content, encoding and metadata, whenever they were stored."""
    metas = [
        {key: each for key, each in content.meta.items() if key not in _OF_THE_STORAGE}
        for content in (a, b)
    ]
    return a.data == b.data and a.encoding == b.encoding and metas[0] == metas[1]


def _chunk(id_: int | np.int64) -> str:
    return f"chunk {unpack(np.array([id_]))[0].tolist()}"
