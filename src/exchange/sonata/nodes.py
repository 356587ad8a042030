"""Cells as node populations of SONATA: their numbers there are those in their placement set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core import columns as cell_columns
from ...core.cell_labels import load_label_codes
from ...core.chunk_id import unpack
from ...core.column_specs import POSITION, ROTATION, ColumnSpec, additional_column
from ...core.connectivity import batches
from ...core.json_types import Document
from ...core.labels import LabelSets
from ...core.layouts.protocols import PlacementReader
from ...core.rows import Rows
from ...core.statistics import ChunkCounts
from ...errors import CorruptNetworkError
from ...queries.progress import count_done
from ...transactions.interrupts import call_pending
from .columns import Columns, Group
from .names import safe_name

AXES = ("x", "y", "z")
CHUNK = tuple(f"chunk_{axis}" for axis in AXES)
ROTATIONS = tuple(f"rotation_{axis}" for axis in AXES)
ORIENTATION = ("orientation_w", "orientation_x", "orientation_y", "orientation_z")
UNTURNED = (1.0, 0.0, 0.0, 0.0)
MORPHOLOGY, LABELS = "morphology", "labels"
RESERVED = {
    *(*AXES, *CHUNK, *ROTATIONS, *ORIENTATION, MORPHOLOGY, LABELS),
    *("model_type", "model_template", "mtype", "@library", "dynamics_params"),
}
MODEL_TYPE = "virtual"
"""The type of nodes without a model in SONATA: a network describes structure."""


@attrs.frozen(eq=False)
class Nodes:
    """
    A node population that was written.

    :param name: name of the population.
    :param source: its cells in the network.
    :param morphologies: names in the network; 0 stands for none.
    :param codes: (n,) the number of one of these for each cell; None if no cell has one.
    :param labels: the label sets, as the texts that stand for them.
    :param document: what SONATA has no place for.
    """

    name: str
    source: PlacementReader
    counts: ChunkCounts
    morphologies: tuple[str, ...]
    codes: NDArray[np.int32] | None
    labels: dict[str, frozenset[str]]
    document: Document

    def read(self, spec: ColumnSpec) -> Rows | None:
        """Rows of a column for each cell, as :func:`read_rows` reads them."""
        return read_rows(self.source, spec, self.counts)


def read_rows(source: PlacementReader, spec: ColumnSpec, cells: ChunkCounts) -> Rows | None:
    """Rows of a column, NaN for cells without; None if none of the cells has any."""
    rows, lengths = source.read_column(spec, cells.ids)
    if not len(rows):
        return None
    floats = rows.astype(np.float64, copy=False)
    return cell_columns.align(attrs.evolve(spec, fill=np.nan), floats, lengths, cells)


def quaternions(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Rotations as SONATA keeps them.

    :param degrees: (n, 3) Euler angles about the fixed axes x, y and z, in this order.
    :returns: (n, 4) w, x, y, z; no rotation where an angle is not finite.
    """
    from scipy.spatial.transform import Rotation

    found = np.tile(UNTURNED, (len(degrees), 1))
    known = np.isfinite(degrees).all(axis=1)
    if known.any():
        turned = Rotation.from_euler("xyz", degrees[known], degrees=True)
        found[known] = turned.as_quat()[:, [3, 0, 1, 2]]
    return found


def write_nodes(file: Group, source: PlacementReader, files: Mapping[str, str], most: int) -> Nodes:
    """
    Write the cells of a set.

    :param files: names of the files of morphologies, by those of the morphologies.
    :param most: cells in memory at a time, unless there are more in one chunk.
    """
    writer = _NodeWriter(file, source, files)
    counts = source.counts()
    first = 0
    for ids in batches(counts, most):
        call_pending()
        batch = counts.select(ids)
        writer.write(first, batch)
        count_done(batch.total)
        first += batch.total
    return writer.finish()


class _NodeWriter:
    def __init__(self, file: Group, source: PlacementReader, files: Mapping[str, str]) -> None:
        self._source = source
        self._files = files
        self._counts = source.counts()
        self.name = safe_name(source.name)
        population = file.create_group(f"nodes/{self.name}")
        size = self._counts.total
        Columns(population, size).make("node_type_id", np.int64, -1)
        self._columns = Columns(population.create_group("0"), size)
        for name in CHUNK:
            self._columns.make(name, np.int16, 0)
        # Readers look for what a node set names in every population.
        self._columns.make(LABELS, np.uint32, 0)
        self._names: dict[str, int] = {"": 0}
        self._codes = np.zeros(size, dtype=np.int32)
        self._labels = LabelSets()
        self._additional: dict[str, Document] = {}
        self._taken = set(RESERVED)

    def write(self, first: int, batch: ChunkCounts) -> None:
        """Write the cells of some chunks."""
        chunks = np.repeat(unpack(batch.ids), batch.counts, axis=0)
        for name, values in zip(CHUNK, chunks.T, strict=True):
            self._columns.write(name, first, values)
        self._write_triples(first, batch)
        for key in self._source.additional_keys():
            self._write_additional(key, first, batch)
        self._write_morphologies(first, batch)
        codes = load_label_codes(self._source, batch)
        self._labels, codes = self._labels.translate(codes, self._source.label_sets())
        if codes.any():
            self._columns.write(LABELS, first, codes.astype(np.uint32))

    def _write_triples(self, first: int, batch: ChunkCounts) -> None:
        positions = read_rows(self._source, POSITION, batch)
        if positions is not None:
            self._write(AXES, first, positions)
            self._make_orientation()
        rotations = read_rows(self._source, ROTATION, batch)
        if rotations is not None:
            self._write(ROTATIONS, first, rotations)
            self._make_orientation()
            self._write(ORIENTATION, first, quaternions(rotations))

    def _make_orientation(self) -> None:
        for name, fill in zip(ORIENTATION, UNTURNED, strict=True):
            self._columns.require(name, np.float64, fill)

    def _write_additional(self, key: str, first: int, batch: ChunkCounts) -> None:
        rows = read_rows(self._source, additional_column(key), batch)
        if rows is None:
            return
        shape = list(rows.shape[1:])
        if key not in self._additional:
            names = self._free_names(key, rows)
            self._taken.update(names)
            self._additional[key] = {"columns": names, "shape": shape}
        made = self._additional[key]
        if made["shape"] != shape:
            raise CorruptNetworkError(
                f"rows of '{additional_column(key).title}' of '{self._source.name}' are of shapes"
                f" {made['shape']} and {shape}"
            )
        self._write(made["columns"], first, rows.reshape(len(rows), -1))

    def _free_names(self, key: str, rows: Rows) -> list[str]:
        base = safe_name(key)
        while True:
            width = int(np.prod(rows.shape[1:]))
            names = [base] if rows.ndim == 1 else [f"{base}_{i}" for i in range(width)]
            if self._taken.isdisjoint(names):
                return names
            base += "_"

    def _write(self, names: Any, first: int, rows: Rows) -> None:
        for name, values in zip(names, rows.T, strict=True):
            self._columns.require(name, np.float64, np.nan)
            self._columns.write(name, first, values)

    def _write_morphologies(self, first: int, batch: ChunkCounts) -> None:
        held = self._source.read_morphologies(batch.ids)
        indices, lengths = cell_columns.within(held.indices, held.lengths, batch)
        if not len(indices):
            return
        numbers = [self._names.setdefault(name, len(self._names)) for name in held.names]
        ranks = np.arange(batch.total) - np.repeat(batch.offsets, batch.counts)
        codes = np.zeros(batch.total, dtype=np.uint32)
        codes[ranks < np.repeat(lengths, batch.counts)] = np.array(numbers, np.uint32)[indices]
        self._columns.require(MORPHOLOGY, np.uint32, 0)
        self._columns.write(MORPHOLOGY, first, codes)
        self._codes[first : first + batch.total] = codes

    def finish(self) -> Nodes:
        """Say what the numbers in the arrays stand for."""
        named = MORPHOLOGY in self._columns
        if named:
            # There is no file where a damaged network lacks the morphology.
            files = [self._files.get(name, safe_name(name)) for name in self._names]
            self._columns.enumerate(MORPHOLOGY, files)
        texts = {_label_text(held): held for held in self._labels.table.values()}
        table = self._labels.table
        known = [_label_text(table.get(i, frozenset())) for i in range(max(table) + 1)]
        self._columns.enumerate(LABELS, known)
        for name, text in (("model_type", MODEL_TYPE), ("mtype", self._source.name)):
            self._columns.make(name, np.uint32, 0)
            self._columns.enumerate(name, [text])
        empty = self._counts.ids[self._counts.counts == 0]
        document: Document = {
            "name": self._source.name,
            "empty_chunks": unpack(empty).tolist(),
            "additional": {
                key: self._additional.get(key) for key in self._source.additional_keys()
            },
        }
        codes = self._codes if named else None
        named_as = tuple(self._names)
        return Nodes(self.name, self._source, self._counts, named_as, codes, texts, document)


def _label_text(labels: frozenset[str]) -> str:
    return json.dumps(sorted(labels), ensure_ascii=False)


def node_sets(populations: list[Nodes]) -> Document:
    """
    Node sets: of each population, of each label in it, and of each label in all.

    Those of labels pick the nodes whose texts stand for a label set with the label. A label that is
    called as another node set gets underscores.
    """
    sets: Document = {}
    by_label: dict[str, list[str]] = {}
    for each in populations:
        sets[each.name] = {"population": each.name}
        for label in sorted({label for held in each.labels.values() for label in held}):
            name = f"{each.name}/{label}"
            texts = [text for text, held in each.labels.items() if label in held]
            sets[name] = {"population": each.name, LABELS: texts}
            by_label.setdefault(label, []).append(name)
    # Those that keep their names come first.
    for label in sorted(by_label, key=sets.__contains__):
        name = label
        while name in sets:
            name += "_"
        sets[name] = by_label[label]
    return sets
