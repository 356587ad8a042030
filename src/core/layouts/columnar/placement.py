"""A placement set in the columnar layout: a long array per column, and a table of segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, LengthError
from ....ports.arrays import GroupWriter
from ...cell_labels import load_label_codes, replace_codes
from ...chunk_id import Ids
from ...column_specs import LABELS, MORPHOLOGY, ColumnSpec, additional_column
from ...labels import LabelChange, LabelSets
from ...placement_rows import MorphologyRows, PlacementRows
from ...rows import Lengths, Rows
from ...statistics import ChunkCounts
from .arrays import LongArray
from .groups import Holder, SetGroup
from .placement_names import PlacementNames
from .placement_table import (
    FORM,
    PREFIX,
    PlacementArrays,
    PlacementSums,
    PlacementTable,
    count_segments,
    morphology_lengths,
)
from .segments import CHUNK, COUNT, FIRST, MASK, Cover, Segments, split
from .sets import ColumnarSet
from .tables import create_table, entries_of, prepare_tally


class ColumnarPlacement(ColumnarSet[PlacementNames, PlacementSums, Segments]):
    """The cells of one type, for the duration of a session."""

    # Cells, and cells with morphology, of every chunk.
    _held: dict[int, list[int]] | None = None

    def __init__(self, name: str, network: Holder) -> None:
        self.name = name
        place = SetGroup(network, "placement", name)
        self._arrays = PlacementArrays(place)
        super().__init__(PlacementTable(place, self._arrays))

    @classmethod
    def create(cls, group: GroupWriter, name: str, created_at: str) -> None:
        """Prepare an empty group."""
        # A session changes the first two: HDF5 keeps what comes first closer together.
        prepare_tally(group, FORM)
        group.attributes.set("cell_type", name)
        group.attributes.set("created_at", created_at)
        create_table(group, FORM)

    def chunks(self) -> Ids:
        return self._segments.counts.ids

    def counts(self) -> ChunkCounts:
        return self._segments.counts

    @property
    def holes(self) -> int:
        sums = self._table.sums
        return sums.rows - sums.cells

    def label_sets(self) -> LabelSets:
        return self._names.labels

    def additional_keys(self) -> tuple[str, ...]:
        titles = self._names.columns
        start = len(PREFIX)
        return tuple(sorted(title[start:] for title in titles if title.startswith(PREFIX)))

    def has_key(self, key: str) -> bool:
        return f"{PREFIX}{key}" in self._names.columns

    def read_column(self, column: ColumnSpec, chunks: Ids) -> tuple[Rows, Lengths]:
        bit = self._names.columns.get(column.title)
        if bit is None:
            return column.empty, np.zeros(len(chunks), dtype=np.int64)
        cover = self._segments.cover(bit, chunks)
        return self._read(column, cover), cover.lengths

    def read_morphologies(self, chunks: Ids) -> MorphologyRows:
        codes, lengths = self.read_column(MORPHOLOGY, chunks)
        names = tuple(self._names.morphologies)
        if len(codes) and (codes.min() < 0 or codes.max() >= len(names)):
            raise CorruptNetworkError(
                f"'{self.name}' has {len(names)} morphologies,"
                f" but its cells use index {codes.min()} to {codes.max()}"
            )
        used = np.zeros(len(names), dtype=bool)
        used[codes] = True
        indices = (np.cumsum(used) - 1)[codes] if len(codes) else codes
        return MorphologyRows(
            tuple(names[code] for code in np.flatnonzero(used).tolist()), indices, lengths
        )

    def morphology_names(self, chunk: int) -> Sequence[str]:
        return tuple(self._names.morphologies)

    def damage_of_rows(self, most: int) -> Iterator[str]:
        table = self._segments.table
        for title, first, end in self.damaged_rows(most):
            filled = table[table[:, MASK] >> self._names.columns[title] & 1 == 1]
            chunks = np.unique(entries_of(filled, (FIRST, COUNT), first, end)[:, CHUNK])
            # Rows that no entry refers to are holes.
            if len(chunks):
                yield f"'{self.name}', chunk {', '.join(map(str, chunks.tolist()))}, {title}"

    def require_chunk(self, chunk: int) -> None:
        if chunk not in self._cells_held():
            self._touch()
            self._add(chunk, 0, 0, with_morphology=False)

    def require_keys(self, keys: Sequence[str]) -> None:
        titles = tuple(additional_column(key).title for key in keys)
        if not self._names.columns.keys() >= set(titles):
            self._mask(titles)
            self._touch()

    def append(self, chunk: int, rows: PlacementRows, *, gaps: bool = False) -> None:
        columns = rows.columns()
        arrays = [self._find_array(column, values) for column, values in columns]
        with_morphology = rows.morphologies is not None and rows.count > 0
        if rows.count and not gaps:
            self._check_morphologies(chunk, rows.count, with_morphology)
        titles = [column.title for column, _ in columns]
        if with_morphology:
            titles.append(MORPHOLOGY.name)
        mask = self._mask(tuple(titles))
        self._touch()
        first = self._table.sums.rows
        for (column, values), array in zip(columns, arrays, strict=True):
            (array or self._replace_array(column)).put(first, values)
        if with_morphology and rows.morphologies is not None:
            self._arrays.of(MORPHOLOGY).put(first, self._morphology_rows(rows.morphologies))
        self._add(chunk, rows.count, mask, with_morphology=with_morphology)

    def has_form_of(self, rows: PlacementRows) -> bool:
        """
        Whether some cells differ from those of the set in nothing but numbers.

        Then they can be appended to any chunk, also after others of which this is true.
        """
        for column, values in rows.columns():
            bit = self._names.columns.get(column.title)
            if bit is None or not self._segments.has(bit):
                return False
            if self._arrays.of(column).width != values.shape[1:]:
                return False
        sums, given = self._table.sums, rows.morphologies is not None
        if given and MORPHOLOGY.name not in self._names.columns:
            return False
        with_morphology = sums.cells if given else 0
        return rows.count > 0 and sums.cells > 0 and sums.with_morphology == with_morphology

    def append_column(self, column: ColumnSpec, chunk: int, rows: Rows) -> None:
        chunks = np.array([chunk], dtype=np.int64)
        bit = self._names.columns.get(column.title)
        held = 0 if bit is None else int(self._segments.cover(bit, chunks).lengths[0])
        self._write_column(column, chunk, held, rows, only=False)

    def overwrite_column(self, column: ColumnSpec, chunk: int, rows: Rows) -> None:
        self._write_column(column, chunk, 0, rows, only=True)

    def write_labels(self, counts: ChunkCounts, codes: Rows, sets: LabelSets) -> None:
        self._write_labels(counts, self._label_cover(counts), codes, sets, spread=False)

    def relabel(self, counts: ChunkCounts, cells: Rows, change: LabelChange) -> None:
        cover = self._label_cover(counts)
        codes = load_label_codes(self, counts) if cover is None else self._read(LABELS, cover)
        sets = replace_codes(codes, cells, change)
        if sets is not None:
            self._write_labels(counts, cover, codes, sets, spread=True)

    def clear(self, chunks: Ids | None) -> None:
        self._touch()
        table = self._segments.table
        kept = table[:0] if chunks is None else table[~np.isin(table[:, CHUNK], chunks)]
        if len(kept) < len(table):
            self._replace(Segments(kept))
        if not len(kept):
            for title in self._names.columns:
                self._arrays.get(title).empty()

    def _store_names(self) -> None:
        if self._names is not self._table.names:
            self._names.write(self._place.group)

    def _column_numbers(self) -> Mapping[str, int]:
        return self._names.columns

    def _array_of(self, column: str) -> LongArray:
        return self._arrays.get(column)

    def _opened_arrays(self) -> Iterable[LongArray]:
        return self._arrays.opened.values()

    @property
    def _segments(self) -> Segments:
        return self._table.index

    def _read(self, column: ColumnSpec, cover: Cover) -> Rows:
        """The rows of a cover; cells without a value before others get that of the column."""
        if not len(cover.counts):
            return column.empty
        starts, present = cover.starts, cover.present
        stops = starts + cover.counts
        array = self._arrays.of(column)
        if column.width is not None and array.width != column.width:
            raise CorruptNetworkError(
                f"rows of '{column.title}' of '{self.name}' have shape {array.width}"
            )
        if present is not None:
            starts, stops = starts[present], stops[present]
        read = array.read_ranges(starts, stops)
        if column.dtype.kind == "i":
            read = read.astype(column.dtype, copy=False)
        if present is None:
            return read
        if column.fill is None:
            raise CorruptNetworkError(
                f"cells of '{self.name}' without '{column.title}' come before cells with one"
            )
        filled = present.repeat(cover.counts)
        rows = np.full((len(filled), *read.shape[1:]), column.fill, dtype=read.dtype)
        rows[filled] = read
        return rows

    def _mask(self, titles: tuple[str, ...]) -> int:
        """The bits of some columns; those that are new get one."""
        self._names, mask = self._names.with_columns(titles, f"'{self.name}'")
        return mask

    def _morphology_rows(self, rows: MorphologyRows) -> NDArray[np.int32]:
        self._names, codes = self._names.with_morphologies(rows.names)
        return codes[rows.indices]

    def _add(self, chunk: int, count: int, mask: int, *, with_morphology: bool) -> None:
        """Add a segment of rows that were put at the end."""
        sums = self._table.sums
        entry = np.array([[chunk, sums.rows, count, mask]], dtype=np.int64)
        after = PlacementSums(
            sums.rows + count,
            sums.cells + count,
            sums.with_morphology + (count if with_morphology else 0),
        )
        self._table.add(entry, after)
        if self._held is not None:
            held = self._held.setdefault(chunk, [0, 0])
            held[0] += count
            held[1] = held[0] if with_morphology else held[1]

    def _find_array(self, column: ColumnSpec, rows: Rows) -> LongArray | None:
        """
        The array that can hold some rows of a column; None if one without rows is in its place.

        :raises LengthError: rows of a column are as wide in every chunk, and these are not.
        """
        array = self._arrays.get(column.title, column.dtype)
        if array.width in (None, rows.shape[1:]) or not len(rows):
            return array
        bit = self._names.columns.get(column.title)
        if bit is not None and self._segments.has(bit):
            raise LengthError(
                f"rows of '{column.title}' are of shape {rows.shape[1:]};"
                f" those stored are of {array.width}"
            )
        return None

    def _replace_array(self, column: ColumnSpec) -> LongArray:
        """A new array of a column in place of one without rows."""
        self._arrays.drop(column.title)
        return self._arrays.of(column)

    def _check_morphologies(self, chunk: int, count: int, given: bool) -> None:
        """A cell without morphology can't stand among cells that have one."""
        sums = self._table.sums
        if sums.with_morphology == (sums.cells if given else 0):
            return
        before, held = self._cells_held().get(chunk, (0, 0))
        if held == (before if given else 0):
            return
        raise LengthError(
            f"chunk {chunk} of '{self.name}' has {held} morphologies for {before} cells,"
            f" and {count if given else 0} are given for {count} more; a chunk needs one for every"
            " cell, or none"
        )

    def _cells_held(self) -> dict[int, list[int]]:
        """Cells, and cells with morphology, of every chunk."""
        if self._held is None:
            counts = self.counts()
            lengths = morphology_lengths(self._segments, self._names, counts.ids)
            pairs = zip(counts.counts.tolist(), lengths.tolist(), strict=True)
            self._held = {
                chunk: list(pair) for chunk, pair in zip(counts.ids.tolist(), pairs, strict=True)
            }
        return self._held

    def _write_column(
        self, column: ColumnSpec, chunk: int, begin: int, rows: Rows, *, only: bool
    ) -> None:
        """Write rows of one column from a cell of a chunk on; those past the last are new cells."""
        array = self._find_array(column, rows)
        mask = self._mask((column.title,))
        self._touch()
        if array is None:
            self._replace_array(column)
        chunks = np.array([chunk], dtype=np.int64)
        held = int(self.counts().among(chunks).counts[0])
        within = min(len(rows), held - begin)
        if held:
            end = np.array([begin + within])
            self._cover(column, chunks, (np.array([begin]), end), rows[:within], only)
        if within < len(rows) or chunk not in self.chunks():
            self._arrays.of(column).put(self._table.sums.rows, rows[within:])
            with_morphology = column.title == MORPHOLOGY.name
            self._add(chunk, len(rows) - within, mask, with_morphology=with_morphology)

    def _cover(
        self,
        column: ColumnSpec,
        chunks: Ids,
        ranges: tuple[Lengths, Lengths],
        rows: Rows,
        only: bool,
    ) -> None:
        """Set the values of a column for a range of cells in each of several chunks."""
        segments, bit = self._segments, self._names.columns[column.title]
        parts = split(segments, bit, chunks, ranges, only=only)
        if len(parts.counts):
            self._arrays.of(column).scatter(parts.starts, parts.counts, rows)
        if not np.array_equal(parts.table, segments.table):
            self._replace(Segments(parts.table))

    def _label_cover(self, counts: ChunkCounts) -> Cover | None:
        """Where the label codes of some chunks are; None if there are fewer or more."""
        bit = self._names.columns.get(LABELS.name)
        cover = None if bit is None else self._segments.cover(bit, counts.ids)
        return cover if cover is not None and cover.is_of(counts) else None

    def _write_labels(
        self,
        counts: ChunkCounts,
        cover: Cover | None,
        codes: Rows,
        sets: LabelSets,
        *,
        spread: bool,
    ) -> None:
        if cover is None:
            self._write_first_labels(counts, codes, spread)
        else:
            self._touch()
            self._arrays.of(LABELS).scatter(cover.starts, cover.counts, codes)
        labels = self._names.labels
        if sets is not labels and sets.table != labels.table:
            self._names = attrs.evolve(self._names, labels=sets)

    def _write_first_labels(self, counts: ChunkCounts, codes: Rows, spread: bool) -> None:
        """Write label codes of cells that have none, or that are not all that have one."""
        segments = self._segments
        entries = segments.of_all(counts)
        if entries is None and (segments.counts.among(counts.ids).counts < counts.counts).any():
            raise LengthError(f"there are more labels than cells in chunks of '{self.name}'")
        self._mask((LABELS.name,))
        self._touch()
        if entries is None:
            ranges = np.zeros_like(counts.counts), counts.counts
            self._cover(LABELS, counts.ids, ranges, codes, True)
            return
        self._mark_labels(segments, entries, spread=spread)
        self._arrays.of(LABELS).scatter(segments.first[entries], segments.count[entries], codes)

    def _mark_labels(self, segments: Segments, entries: NDArray[np.int64], *, spread: bool) -> None:
        """
        Reserve rows for the label codes of all cells of some segments; the caller writes them.

        :param spread: also fill all other cells that lack codes with zeros, where that is cheap,
            so that a writer that labels chunk by chunk changes the table only once. Entities have
            no rows, and get no codes.
        """
        bit = self._names.columns[LABELS.name]
        if spread and self._place.group.overwrites_in_place:
            others = np.setdiff1d(segments.lacking(bit), entries, assume_unique=True)
            first, count = segments.first[others], segments.count[others]
            self._arrays.of(LABELS).blank(first, first + count)
            entries = np.concatenate((entries, others))
        marked = segments.marked(bit, entries)
        if marked is not segments:
            self._table.amend(marked, segments.order[entries])

    def _replace(self, segments: Segments) -> None:
        self._held = None
        self._table.replace(segments, count_segments(segments, self._names))
