"""
A network copied into an empty one, whatever their layouts, value for value.

Identity, revisions and times are those of the source: the copy is the same network, as that
of a copied file is. What is stored of cells and connections follows each other sorted by chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import attrs
import numpy as np

from ..core.chunk_id import Ids
from ..core.column_specs import LABELS, POSITION, ROTATION, ColumnSpec, additional_column
from ..core.connectivity import Blocks, Perspective, batches, check_direction
from ..core.labels import LabelSets
from ..core.layouts.classic.placement import ClassicPlacement
from ..core.layouts.protocols import (
    ConnectivityReader,
    ConnectivityWriter,
    MorphologyReader,
    MorphologyWriter,
    NetworkReader,
    NetworkWriter,
    PlacementWriter,
)
from ..core.mirrored import check_mirrored, perspectives
from ..core.placement_rows import MorphologyRows, PlacementRows
from ..core.rows import Lengths, Rows
from ..core.statistics import ChunkCounts
from ..errors import CorruptNetworkError, DtypeError
from ..queries.progress import count_done, count_expected, rows_in
from ..transactions.interrupts import call_pending
from .damage import check_undamaged


@attrs.frozen
class Portion:
    """
    How much is in memory at a time.

    It is never less than the cells of one chunk, the connections between two, one morphology
    or one file; and the metadata of all morphologies is one portion.

    :param cells: most cells of a piece, in one set.
    :param connections: most connections of a piece, in one set.
    """

    cells: int = 1 << 17
    connections: int = 1 << 19


class CellReader(Protocol):
    """Cells of one type that can be copied: see :class:`PlacementReader` of the layouts."""

    def counts(self) -> ChunkCounts: ...

    def label_sets(self) -> LabelSets: ...

    def additional_keys(self) -> tuple[str, ...]: ...

    def read_column(self, column: ColumnSpec, chunks: Ids, /) -> tuple[Rows, Lengths]: ...

    def read_morphologies(self, chunks: Ids, /) -> MorphologyRows: ...


def transfer(
    source: NetworkReader,
    target: NetworkWriter,
    *,
    trust: str | None = None,
    keep_damaged: bool = False,
    portion: Portion | None = None,
) -> None:
    """
    Copy a network.

    :param target: an empty network.
    :param trust: ``inc`` or ``out``: which of two mirrored copies of the connections to keep.
    :param keep_damaged: copy rows that do not match their checksums, as they are.
    :raises InputError: ``trust`` is neither.
    :raises BaseException: what the handler of a signal raises, such as KeyboardInterrupt.
    :raises CorruptNetworkError: the mirrored copies of connections differ and ``trust`` is not
        given, rows do not match their checksums, or something contradicts the layout of the source.
    :raises InvalidNameError: the layout of the target can't keep some names apart.
    """
    _check_names(source, target)
    direction = "out" if trust is None else check_direction(trust)
    portion = portion or Portion()
    tags = source.connectivity_tags()
    for tag in tags if trust is None else ():
        call_pending()
        check_mirrored(source.connectivity(tag), portion.connections)
    if not keep_damaged:
        check_undamaged(source, portion.cells, portion.connections)
    count_expected(rows_in(source))
    _copy_root(source, target)
    _copy_morphologies(source.morphologies, target.morphologies)
    for id_ in source.files.ids():
        call_pending()
        target.files.store(id_, source.files.load(id_))
    names, spelling = source.placement_names(), listed_morphology(source)
    for name in names:
        target.create_placement(name, created_at="")
        copy_cells(source.placement(name), target.placement(name), portion.cells, spelling)
    for tag in tags:
        held = source.connectivity(tag)
        target.create_connectivity(tag, *types_of(source, held), created_at="")
        _copy_connections(held, target.connectivity(tag), direction, portion.connections)
    # A flush counts the changes as a revision.
    target.flush()
    for name in names:
        target.placement(name).set_history(source.placement(name).history())
    for tag in tags:
        target.connectivity(tag).set_history(source.connectivity(tag).history())


def types_of(network: NetworkReader, connections: ConnectivityReader) -> tuple[str, str]:
    """The pre- and postsynaptic types of a set, by the names that the network lists them by."""
    listed = network.placement_names()
    types = connections.pre_type, connections.post_type
    pre, post = (_as_listed(network, listed, name) for name in types)
    return pre, post


def listed_morphology(network: NetworkReader) -> Callable[[str], str]:
    """The name by which a network lists a morphology, for a name by which cells have it."""
    listed = network.morphologies.names()
    known = frozenset(listed)

    def spelling(name: str) -> str:
        return name if name in known else _as_listed(network, listed, name)

    return spelling


def _as_listed(network: NetworkReader, listed: Sequence[str], name: str) -> str:
    """The listed spelling of a name; the name itself if none is listed."""
    return next((each for each in listed if network.is_same(each, name)), name)


def _check_names(source: NetworkReader, target: NetworkWriter) -> None:
    names = source.placement_names()
    target.check_names("placement", names)
    target.check_names("connectivity", source.connectivity_tags())
    target.check_names("morphologies", source.morphologies.names())
    target.check_names("files", source.files.ids())
    for name in names:
        target.check_names("additional", source.placement(name).additional_keys())


def _copy_root(source: NetworkReader, target: NetworkWriter) -> None:
    bundle = source.provenance
    if bundle:
        target.set_provenance(bundle)
    bsb, engine = source.versions
    if bsb is not None and engine is not None:
        target.set_versions(bsb, engine)
    size = source.chunk_size
    if not np.isnan(size).all():
        target.set_chunk_size(size)


def _copy_morphologies(source: MorphologyReader, target: MorphologyWriter) -> None:
    for name in source.names():
        call_pending()
        target.save(name, source.load(name))
    meta = source.meta()
    if meta:
        target.replace_meta(meta)


@attrs.frozen(eq=False)
class _Column:
    """
    The rows of a column of some chunks.

    :param lengths: rows of each chunk: those of its first cells.
    """

    spec: ColumnSpec
    rows: Rows
    lengths: Lengths
    firsts: Lengths

    @classmethod
    def of(cls, spec: ColumnSpec, rows: Rows, lengths: Lengths, counts: ChunkCounts) -> _Column:
        """
        Check what was read.

        :raises CorruptNetworkError: there are more rows than cells.
        :raises DtypeError: values that the column can't hold without loss.
        """
        more = lengths > counts.counts
        if more.any():
            chunk = int(np.argmax(more))
            raise CorruptNetworkError(
                f"chunk {counts.ids[chunk]} has {lengths[chunk]} rows of '{spec.title}'"
                f" for {counts.counts[chunk]} cells, as after a failed append; bsb_hdf5.repair"
                " counts them"
            )
        return cls(spec, _exact(spec, rows), lengths, np.cumsum(lengths) - lengths)

    def part(self, chunk: int, begin: int, end: int) -> Rows | None:
        """Rows of some cells of the chunk of that index, if it has them."""
        if self.lengths[chunk] < end:
            return None
        first = int(self.firsts[chunk])
        return self.rows[first + begin : first + end]


def _exact(spec: ColumnSpec, rows: Rows) -> Rows:
    """Rows in the dtype of their column."""
    if rows.dtype == spec.dtype:
        return rows
    converted = rows.astype(spec.dtype)
    if not np.array_equal(converted.astype(rows.dtype), rows, equal_nan=rows.dtype.kind == "f"):
        raise DtypeError(
            f"'{spec.title}' holds values of dtype '{rows.dtype}' that '{spec.dtype}' can't"
            " represent",
            found=str(rows.dtype),
            valid=str(spec.dtype),
        )
    return converted


def copy_cells(
    source: CellReader, target: PlacementWriter, most: int, spelling: Callable[[str], str] = str
) -> None:
    """
    Copy the cells of a type into an empty set.

    :param most: cells at a time, unless there are more in one chunk.
    :param spelling: of the names of morphologies in the copy.
    """
    target.require_keys(source.additional_keys())
    sets = source.label_sets()
    labelled = False
    for batch, chunks in cells_of(source, most, spelling):
        for chunk, rows in chunks:
            append_parts(target, chunk, rows)
        labelled |= _copy_labels(source, target, batch, sets)
    if not labelled and sets.table != LabelSets().table:
        nothing = np.zeros(0, dtype=np.int64)
        target.write_labels(ChunkCounts(nothing, nothing), nothing, sets)


def append_parts(target: PlacementWriter, chunk: int, parts: Iterable[PlacementRows]) -> None:
    """
    Add the parts of a chunk; one without cells is made, too.

    :raises LengthError: the chunk has cells already, and either only these or only the first of
        the new ones have morphologies.
    """
    first = True
    for rows in parts:
        # Within a chunk of a network, cells without a morphology may follow those with one.
        target.append(chunk, rows, gaps=not first)
        first = False
    if first:
        target.require_chunk(chunk)


def cells_of(
    source: CellReader, most: int, spelling: Callable[[str], str] = str
) -> Iterator[tuple[ChunkCounts, Iterator[tuple[int, Iterator[PlacementRows]]]]]:
    """
    The cells of a set without their labels, some chunks at a time.

    :param most: cells at a time, unless there are more in one chunk.
    :param spelling: of the names of morphologies that the parts have.
    :returns: the counts of these chunks; and each chunk with its cells, in parts each of which has
        all rows of some columns.
    """
    specs = [POSITION, ROTATION, *map(additional_column, source.additional_keys())]
    counts = source.counts()
    for ids in batches(counts, most):
        call_pending()
        batch = counts.select(ids)
        count_done(batch.total)
        columns = [_Column.of(spec, *source.read_column(spec, ids), batch) for spec in specs]
        morphologies = source.read_morphologies(ids)
        known = tuple(map(spelling, morphologies.names))
        names = _Column.of(_CODES, morphologies.indices, morphologies.lengths, batch)
        yield batch, _by_chunk(source, columns, names, known, batch, spelling)


# Indices of the names of morphologies.
_CODES = ColumnSpec("morphology", (), np.dtype(np.int64), None)


def _by_chunk(
    source: CellReader,
    columns: Sequence[_Column],
    names: _Column,
    known: Sequence[str],
    batch: ChunkCounts,
    spelling: Callable[[str], str],
) -> Iterator[tuple[int, Iterator[PlacementRows]]]:
    """Each chunk and its cells; for parameters, see :func:`_parts`."""
    for i, (chunk, count) in enumerate(zip(batch.ids.tolist(), batch.counts.tolist(), strict=True)):
        listed: Sequence[str] = ()
        if isinstance(source, ClassicPlacement) and names.lengths[i]:
            # bsb-hdf5 8.0.2 relies on what a chunk lists, had by a cell or not.
            listed = [spelling(name) for name in source.morphology_names(chunk)]
        yield chunk, _parts(columns, names, known, listed, i, count)


def _parts(
    columns: Sequence[_Column],
    names: _Column,
    known: Sequence[str],
    listed: Sequence[str],
    chunk: int,
    count: int,
) -> Iterator[PlacementRows]:
    """
    The cells of a chunk, in parts each of which has all rows of some columns.

    :param columns: positions, rotations and additional data.
    :param known: the morphologies that the cells of several chunks have.
    :param listed: those that the chunk lists.
    """
    edges = {0, count, *(int(each.lengths[chunk]) for each in (*columns, names))}
    for begin, end in pairwise(sorted(edges)):
        parts = [(each.spec.name, each.part(chunk, begin, end)) for each in columns]
        (_, positions), (_, rotations), *additional = parts
        codes = names.part(chunk, begin, end)
        yield PlacementRows(
            end - begin,
            positions,
            rotations,
            None if codes is None else _offered(MorphologyRows(tuple(known), codes).used(), listed),
            {key: rows for key, rows in additional if rows is not None},
        )


def _offered(rows: MorphologyRows, listed: Sequence[str]) -> MorphologyRows:
    """The same morphologies, by names that begin with those that a chunk lists."""
    names = tuple(dict.fromkeys((*listed, *rows.names)))
    codes = {name: code for code, name in enumerate(names)}
    translation = np.array([codes[name] for name in rows.names], dtype=np.int64)
    return MorphologyRows(names, translation[rows.indices])


def _copy_labels(
    source: CellReader, target: PlacementWriter, counts: ChunkCounts, sets: LabelSets
) -> bool:
    """Copy the label codes of some chunks; whether there are any."""
    rows, lengths = source.read_column(LABELS, counts.ids)
    column = _Column.of(LABELS, rows, lengths, counts)
    found = lengths > 0
    if found.any():
        target.write_labels(ChunkCounts(counts.ids[found], lengths[found]), column.rows, sets)
    return bool(found.any())


def _copy_connections(
    source: ConnectivityReader, target: ConnectivityWriter, direction: str, most: int
) -> None:
    # Connections that are stored once read the same from both sides; store them in this order.
    seen = direction if source.mirrored else "out"
    for part in perspectives(source, seen, most):
        call_pending()
        count_done(len(part.local_locations))
        target.append(as_blocks(source.tag, part))


def as_blocks(tag: str, part: Perspective) -> Blocks:
    """
    The blocks of a piece, as connections that can be appended.

    :param tag: tag of their set.
    :raises CorruptNetworkError: a connection is on a cell below 0.
    """
    cells = (part.local_locations[:, 0], part.global_locations[:, 0])
    if (least := min(int(each.min(initial=0)) for each in cells)) < 0:
        raise CorruptNetworkError(
            f"a connection of '{tag}' is on cell {least}, which no chunk has; connect the set again"
        )
    sizes = np.diff(part.starts)
    near, far = (np.repeat(ids, sizes) for ids in (part.local_chunks, part.global_chunks))
    if part.direction == "inc":
        return Blocks(far, near, part.global_locations, part.local_locations)
    return Blocks(near, far, part.local_locations, part.global_locations)
