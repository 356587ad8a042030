"""A placement set in the classic layout: a group per chunk, an array per column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeVar

import attrs
import numpy as np

from ....errors import CorruptNetworkError, LengthError
from ....ports.arrays import GroupReader, GroupWriter
from ...cell_labels import load_label_codes, replace_codes
from ...chunk_id import Ids, chunk_ids, is_chunk_id
from ...column_specs import (
    LABELS,
    MORPHOLOGY,
    POSITION,
    ROTATION,
    ColumnSpec,
    additional_column,
    join,
)
from ...labels import LabelChange, LabelSets
from ...paths import by_path, canonical, check_paths
from ...placement_rows import MorphologyRows, PlacementRows
from ...rows import Lengths, Rows
from ...statistics import ChunkCounts
from ..documents import interpreting, read_json, write_json
from ..history import SetHistory, advance_revision, read_history, write_history
from ..nodes import GROUP, kind_of
from .columns import COLUMNS, append_aligned, check_width, find_array, replace_rows
from .morphology_names import list_names, names_in, unlist_name
from .paths import Kind
from .sets import Network

G = TypeVar("G", bound=GroupReader)

_ADDITIONAL = "additional"
_OF_CELLS = (POSITION, ROTATION, MORPHOLOGY, LABELS)
# Attributes that every set has; one that bsb-hdf5 8.0.2 has only required has none yet.
_MARKS = ("cell_type", "chunks", "created_at", "len")


def _is_set(group: GroupReader, name: str) -> bool:
    if kind_of(group, name) != GROUP:
        return False
    member = group.group(name)
    if _is_marked(member):
        return True
    names = member.names()
    return not names or any(_is_chunk(member, each) for each in names)


def _is_marked(group: GroupReader) -> bool:
    return any(group.attributes.get(mark) is not None for mark in _MARKS)


def _is_chunk(group: GroupReader, name: str) -> bool:
    # The name of a set can be a number.
    if not is_chunk_id(name) or kind_of(group, name) != GROUP:
        return False
    return not _is_marked(group.group(name))


PLACEMENT = Kind(
    "placement set",
    _is_set,
    given=lambda group, name: group.group(name).attributes.get("cell_type"),
)


@attrs.define(eq=False)
class StoredCounts:
    """
    The cached cell counts of a set.

    :param counts: cells per chunk, of the chunks that are counted in the file.
    :param of_all: cells of all chunks, counted or not; None if unknown.
    """

    counts: dict[int, int]
    of_all: ChunkCounts | None = None


class ClassicPlacement:
    """The cells of one type, for the duration of a session."""

    def __init__(self, group: GroupWriter, name: str, network: Network) -> None:
        self._group = group
        self._network = network
        self.name = name
        self._key = ("placement", canonical(name))
        self._touched = False
        self._loaded: StoredCounts | None = None
        self._widths: dict[str, tuple[int, ...]] = {}
        # Keys that are known to have a separate path.
        self._free: set[str] = set()

    @classmethod
    def create(cls, group: GroupWriter, name: str, created_at: str) -> None:
        """Prepare an empty group."""
        group.attributes.set("cell_type", name)
        group.attributes.set("revision", 0)
        group.attributes.set("created_at", created_at)

    def chunks(self) -> Ids:
        return chunk_ids(self._group.names())

    @property
    def holes(self) -> int:
        # Each chunk has separate arrays, which are removed with it.
        return 0

    def counts(self) -> ChunkCounts:
        stored = self._load()
        if stored.of_all is not None:
            return stored.of_all
        counts = dict.fromkeys(self.chunks().tolist(), 0)
        counts.update(stored.counts)
        of_all = ChunkCounts.of(counts)
        if not self._touched:
            stored.of_all = of_all
        return of_all

    def label_sets(self) -> LabelSets:
        document = read_json(self._group.attributes, "labelsets")
        with interpreting(f"labelsets of {self.name}"):
            return LabelSets.from_lists(document)

    def additional_keys(self) -> tuple[str, ...]:
        # bsb-hdf5 8.0.2 lists each spelling of a path that it was given.
        return tuple(sorted(by_path(self._listed_keys()).values()))

    def has_key(self, key: str) -> bool:
        return canonical(key) in by_path(self._listed_keys())

    def read_column(self, column: ColumnSpec, chunks: Ids) -> tuple[Rows, Lengths]:
        return join([self._read(column, chunk) for chunk in chunks.tolist()], column)

    def read_morphologies(self, chunks: Ids) -> MorphologyRows:
        codes: dict[str, int] = {}
        rows = []
        for chunk in chunks.tolist():
            indices = self._read(MORPHOLOGY, chunk)
            names = names_in(self._group.group(str(chunk))) if len(indices) else []
            if len(indices) and (indices.min() < 0 or indices.max() >= len(names)):
                raise CorruptNetworkError(
                    f"chunk {chunk} of '{self.name}' has {len(names)} morphologies,"
                    f" but its cells use index {indices.min()} to {indices.max()}"
                )
            translation = [codes.setdefault(name, len(codes)) for name in names]
            rows.append(np.array(translation, dtype=np.int64)[indices] if names else indices)
        joined, lengths = join(rows, MORPHOLOGY)
        # Names that were offered, and that no cell has, may be gone from the repository.
        return MorphologyRows(tuple(codes), joined, lengths).used()

    def morphology_names(self, chunk: int) -> Sequence[str]:
        return names_in(self._group.group(str(chunk))) if str(chunk) in self._group else ()

    def unlist_morphology(self, name: str) -> None:
        """No longer list a morphology that was offered with cells, and that none of them has."""
        for chunk in self.chunks().tolist():
            unlist_name(self._group.group(str(chunk)), name)

    def require_chunk(self, chunk: int) -> None:
        self._chunk(chunk)

    def damage(self, _most: int) -> Iterator[str]:
        # The layout has no checksums.
        return iter(())

    def history(self) -> SetHistory:
        return read_history(self._group.attributes)

    def set_history(self, history: SetHistory) -> None:
        write_history(self._group.attributes, history)

    def require_keys(self, keys: Sequence[str]) -> None:
        self._check_paths(keys)
        if not all(map(self.has_key, keys)):
            self._touch()
            self._add_keys(keys)

    def append(self, chunk: int, rows: PlacementRows, *, gaps: bool = False) -> None:
        before = self._counts.get(chunk, 0)
        self._check_paths(rows.additional)
        columns = [(column, self._fitting(column, chunk, each)) for column, each in rows.columns()]
        if str(chunk) in self._group:
            self._check_counted(chunk, before)
            if not gaps:
                self._check_morphologies(chunk, before, rows)
        self._touch()
        group = self._chunk(chunk, [column for column, _ in columns], rows.count)
        for column, values in columns:
            append_aligned(group, column, before, values)
        if rows.morphologies is not None:
            codes = list_names(group, rows.morphologies, self._network.morphologies.lacks)
            append_aligned(group, MORPHOLOGY, 0, codes)
        self._add_keys(rows.additional)
        self._count(chunk, rows.count)

    def append_column(self, column: ColumnSpec, chunk: int, rows: Rows) -> None:
        self._check_paths([column.name] if column.collection == _ADDITIONAL else ())
        rows = self._fitting(column, chunk, rows)
        self._touch()
        group = self._chunk(chunk, [column], len(rows))
        append_aligned(group, column, 0, rows)
        self._after_column(column, chunk, group)

    def overwrite_column(self, column: ColumnSpec, chunk: int, rows: Rows) -> None:
        self._check_paths([column.name] if column.collection == _ADDITIONAL else ())
        rows = self._fitting(column, chunk, rows)
        self._touch()
        self._widths.pop(column.name, None)
        group = self._chunk(chunk, [column], len(rows))
        replace_rows(group, column, rows)
        self._after_column(column, chunk, group)

    def relabel(self, counts: ChunkCounts, cells: Rows, change: LabelChange) -> None:
        codes = load_label_codes(self, counts)
        sets = replace_codes(codes, cells, change)
        if sets is not None:
            self.write_labels(counts, codes, sets)

    def write_labels(self, counts: ChunkCounts, codes: Rows, sets: LabelSets) -> None:
        self._touch()
        parts = np.split(codes, np.cumsum(counts.counts)[:-1]) if len(counts.ids) else []
        for chunk, part in zip(counts.ids.tolist(), parts, strict=True):
            replace_rows(self._chunk(chunk), LABELS, part)
        table = {str(code): labels for code, labels in sets.to_lists().items()}
        write_json(self._group.attributes, "labelsets", table)

    def clear(self, chunks: Ids | None) -> None:
        self._touch()
        self._widths.clear()
        known = self.counts().ids
        cleared = known if chunks is None else np.intersect1d(known, chunks)
        for chunk in cleared.tolist():
            self._network.totals.add(chunk, placed=-self._counts.pop(chunk, 0))
            if str(chunk) in self._group:
                self._group.delete(str(chunk))

    def flush(self) -> None:
        """Store the counts, once a session."""
        if not self._touched:
            return
        counts = {str(chunk): count for chunk, count in self._counts.items()}
        write_json(self._group.attributes, "chunks", counts)
        self._group.attributes.set("len", sum(self._counts.values()))
        advance_revision(self._group.attributes)
        self._network.cache.put(self._key, self._load())
        self._touched = False

    @property
    def _counts(self) -> dict[int, int]:
        return self._load().counts

    def _load(self) -> StoredCounts:
        if self._loaded is None:
            known: StoredCounts | None = self._network.cache.get(self._key)
            if known is None:
                known = StoredCounts(self._read_counts())
                self._network.cache.put(self._key, known)
            self._loaded = known
        return self._loaded

    def _read_counts(self) -> dict[int, int]:
        if self._group.attributes.get("chunks") is None:
            # Sets of early versions are not counted; each cell had a position then.
            chunks = self.chunks()
            _, lengths = self.read_column(POSITION, chunks)
            return dict(zip(chunks.tolist(), lengths.tolist(), strict=True))
        document = read_json(self._group.attributes, "chunks")
        with interpreting(f"chunks of {self.name}"):
            return {int(chunk): int(count) for chunk, count in document.items()}

    def _count(self, chunk: int, added: int) -> None:
        self._counts[chunk] = self._counts.get(chunk, 0) + added
        self._network.totals.add(chunk, placed=added)

    def _touch(self) -> None:
        """Prepare a change of the set: load the counts first, and mark them for storing."""
        self._load().of_all = None
        self._touched = True
        self._network.touch()

    def _chunk(
        self, chunk: int, columns: Collection[ColumnSpec] = (), rows: int = 0
    ) -> GroupWriter:
        """
        The group of a chunk, which is made if it is missing.

        :param columns: those of which the caller makes the arrays.
        :param rows: cells that it is about to hold: arrays are stored in pieces of that many rows.
        """
        name = str(chunk)
        if name in self._group:
            return self._group.group(name)
        self._touch()
        group = self._group.require_group(name)
        # bsb-hdf5 8.0.2 relies on these in every chunk, with or without cells: where the first that
        # it labels has no array of labels, it takes it that no cell of the set has any yet.
        for column in (POSITION, LABELS):
            if column not in columns:
                group.create_array(column.name, column.empty, expected=rows)
        group.require_group(_ADDITIONAL)
        self._counts.setdefault(chunk, 0)
        return group

    def _read(self, column: ColumnSpec, chunk: int) -> Rows:
        name = str(chunk)
        if name not in self._group:
            return column.empty
        array = find_array(self._group.group(name), column)
        return column.empty if array is None else self._checked(column, array.read(), chunk)

    def _checked(self, column: ColumnSpec, rows: Rows, chunk: int) -> Rows:
        width = column.width
        if rows.dtype.kind not in "biuf" or (width is not None and rows.shape[1:] != width):
            raise CorruptNetworkError(
                f"'{column.title}' of chunk {chunk} of '{self.name}' has shape {rows.shape}"
                f" and dtype '{rows.dtype}'"
            )
        if column.dtype.kind == "i" and rows.dtype != column.dtype:
            return rows.astype(column.dtype)
        return rows

    def _after_column(self, column: ColumnSpec, chunk: int, group: GroupWriter) -> None:
        """A chunk has at least as many cells as any column has rows."""
        if column.collection == _ADDITIONAL:
            self._add_keys([column.name])
        array = find_array(group, column)
        rows = 0 if array is None else array.shape[0]
        self._count(chunk, max(0, rows - self._counts.get(chunk, 0)))

    def _listed_keys(self) -> list[str]:
        keys = self._group.attributes.get("additional_keys")
        with interpreting(f"additional_keys of {self.name}"):
            return [] if keys is None else [*map(str, keys)]

    def _add_keys(self, keys: Iterable[str]) -> None:
        self._free.update(keys)
        listed = self._listed_keys()
        known = by_path(listed)
        new = [key for key in keys if canonical(key) not in known]
        if new:
            self._group.attributes.set("additional_keys", sorted([*listed, *new]))

    def _check_counted(self, chunk: int, before: int) -> None:
        """Before cells are appended, check that no column has rows that would become theirs."""
        group = self._group.group(str(chunk))
        keys = self._listed_keys() if _ADDITIONAL in group else []
        for column in (*_OF_CELLS, *map(additional_column, keys)):
            array = find_array(group, column)
            if array is not None and array.shape[0] > before:
                raise LengthError(
                    f"'{column.title}' of chunk {chunk} has {array.shape[0]} rows for {before}"
                    " cells; bsb_hdf5.repair counts them, before more can be added"
                )

    def _check_paths(self, keys: Iterable[str]) -> None:
        """Keys with ``/`` are paths: no two may lead to the same array, or one through another."""
        new = set(keys)
        if new <= self._free:
            return
        known = self._listed_keys()
        if not any("/" in key for key in (*new, *known)):
            return
        check_paths(new, COLUMNS.title)
        check_paths((by_path(known) | by_path(new)).values(), COLUMNS.title)

    def _fitting(self, column: ColumnSpec, chunk: int, rows: Rows) -> Rows:
        """
        Rows of the width that those of the chunk have, and those of its key in all chunks.

        :raises LengthError: they are of another.
        """
        array = None
        if str(chunk) in self._group:
            array = find_array(self._group.group(str(chunk)), column)
        held = None if array is None or not array.shape[0] else array.shape[1:]
        for width in (held, self._width(column)):
            if width is not None and not len(rows):
                # An empty column can have any width.
                return np.zeros((0, *width), dtype=column.dtype)
            if width is not None:
                check_width(column, width, rows)
        return rows

    def _width(self, column: ColumnSpec) -> tuple[int, ...] | None:
        """The shape of a row; None if there are no rows yet to decide it."""
        if column.width is not None or not self.has_key(column.name):
            return column.width
        if column.name not in self._widths:
            chunks = (self._group.group(str(chunk)) for chunk in self.chunks().tolist())
            arrays = (find_array(chunk, column) for chunk in chunks)
            first = next((array for array in arrays if array is not None and array.shape[0]), None)
            if first is None:
                return None
            self._widths[column.name] = first.shape[1:]
        return self._widths[column.name]

    def _check_morphologies(self, chunk: int, before: int, rows: PlacementRows) -> None:
        """A cell without morphology can't stand among cells that have one."""
        group = self._group.group(str(chunk))
        held = group.array(MORPHOLOGY.name).shape[0] if MORPHOLOGY.name in group else 0
        given = rows.count if rows.morphologies is not None else 0
        if not rows.count or (held == before and given == rows.count) or not (held or given):
            return
        raise LengthError(
            f"chunk {chunk} of '{self.name}' has {held} morphologies for {before} cells,"
            f" and {given} are given for {rows.count} more; a chunk needs one for every cell,"
            " or none"
        )
