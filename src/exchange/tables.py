"""Export of networks as tables, for programs that don't know BSB."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
import numpy as np

from ..chunk_arguments import as_chunks
from ..connectivity_set import ConnectivitySet
from ..core.chunk_id import Ids
from ..core.connectivity import batches
from ..core.json_types import Document
from ..engine import StorageEngine
from ..placement_set import PlacementSet
from ..ports.store import common_mode
from ..queries.networks import Network, connectivity_sets, engine_of_network, placement_sets
from ..queries.progress import count_done, count_expected, rows_in
from ..queries.streams import stream_of
from ..queries.tables import Shapes, additional_shapes, cell_table, piece_rows
from ..targets import local_path
from ..transactions.interrupts import call_pending, without_interrupts
from ..transactions.session import Session
from .csv_tables import CsvFormat
from .exported import INDEX, exported
from .folders import write_folder
from .parquet_tables import ParquetFormat
from .table_format import Connections, TableFormat

if TYPE_CHECKING:
    import pandas

# Cells of one set that are in memory at a time, unless there are more in one chunk.
_MOST_CELLS = 1 << 17
# Characters that every file system allows in a name.
_SAFE = " -_.()"
# The most characters of a name before its ending; file systems allow 255 in all.
_LONGEST = 200
_SCHEMA = 1


@without_interrupts
def export_csv(
    network: Network, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """
    :guilabel:`collective` Write a network as tables: a CSV file for each cell type and each
    connectivity set, and ``network.json``, which names them.

    The rows are those of :func:`bsb_hdf5.queries.to_frame`; connections have the ids of their
    cells, which are the first column of the tables of cells. At most 131,072
    cells or a million connections are in memory at a time, unless there are more in one chunk or
    between two. Morphologies, files and the configuration are not written. The folder appears
    once it is complete, or not at all.

    :param network: ``bsb.Storage``, ``bsb.Scaffold``, or the root of one.
    :param folder: the folder to write.
    :param overwrite: replace the folder, if an earlier export wrote it.
    :raises StoreExistsError: the folder exists, and ``overwrite`` is not given; or it holds
        something that no export wrote.
    :raises InputError: the folder is a URL, or empty.
    :raises StoreAccessError: you have no permission to write it.
    :raises StoreIOError: the system failed to write it.
    """
    _export(network, local_path(folder), CsvFormat(), overwrite)


@without_interrupts
def export_parquet(
    network: Network, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """
    :guilabel:`collective` Write a network as tables: a Parquet file for each cell type and each
    connectivity set, and ``network.json``, which names them.

    Rows and columns are those of :func:`export_csv`, with these types: ``cell`` is the first
    column, ``labels`` are lists of strings, and what a cell lacks is null. Each file has the name
    of its set, the chunk size (um), and pre- and postsynaptic types as JSON in its metadata, under
    ``bsb``. Memory and folder are as for :func:`export_csv`.

    Parameters and errors as for :func:`export_csv`, and

    :raises InputError: pyarrow is not installed (extra ``parquet``).
    """
    _export(network, local_path(folder), ParquetFormat(), overwrite)


def _export(network: Network, target: Path, form: TableFormat, overwrite: bool) -> None:
    form.check()
    engine = engine_of_network(network)

    def write(folder: Path) -> None:
        with engine.read_scope() as session:
            _TableWriter(engine, session, folder, form).write()

    def make() -> None:
        mode = common_mode(engine.sessions.store)
        write_folder(target, write, exported, overwrite=overwrite, mode=mode)

    engine.ranks.on_main(make)


class _TableWriter:
    def __init__(
        self, engine: StorageEngine, session: Session, folder: Path, form: TableFormat
    ) -> None:
        self._engine = engine
        self._session = session
        self._folder = folder
        self._form = form
        self._taken: set[str] = set()
        size = session.network.chunk_size
        self._chunk_size = None if np.isnan(size).any() else size.tolist()

    def write(self) -> None:
        """Write all tables, and their index."""
        count_expected(rows_in(self._session.network))
        index: Document = {
            "schema": _SCHEMA,
            "format": self._form.name,
            "chunk_size": self._chunk_size,
            "cells": {each.tag: self._write_cells(each) for each in placement_sets(self._engine)},
            "connections": {
                each.tag: self._write_connections(each) for each in connectivity_sets(self._engine)
            },
        }
        text = json.dumps(index, indent=2, ensure_ascii=False)
        (self._folder / INDEX).write_text(text, encoding="utf-8")

    def _write_cells(self, cells: PlacementSet) -> str:
        name = self._file("cells", cells.tag)
        data = self._session.network.placement(cells.tag)
        counts = data.counts()
        # Cells are read twice: to find all columns, and to write them.
        count_expected(counts.total)
        chunks = [*batches(counts, _MOST_CELLS)]
        parts = _CellTables(cells, chunks, additional_shapes(data, chunks), self._form)
        facts = {"name": cells.tag, "chunk_size": self._chunk_size}
        self._form.write_cells(self._folder / name, parts, facts)
        return name

    def _write_connections(self, connections: ConnectivitySet) -> Document:
        name = self._file("connections", connections.tag)
        types = {"pre": connections.pre_type_name, "post": connections.post_type_name}
        pieces = stream_of([connections], None, None, self._session, with_points=True).pieces("out")
        rows: Iterator[Connections] = map(piece_rows, pieces)
        facts = {"name": connections.tag, "chunk_size": self._chunk_size, **types}
        self._form.write_connections(self._folder / name, rows, facts)
        return {"file": name, **types}

    def _file(self, kind: str, name: str) -> str:
        """A free name, also where names that differ in capitals are those of one file."""
        stem = f"{kind}.{quote(name, safe=_SAFE)}"[:_LONGEST]
        names = (f"{stem}~{i}" if i else stem for i in itertools.count())
        free = next(each for each in names if each.lower() not in self._taken)
        self._taken.add(free.lower())
        return f"{free}.{self._form.name}"


@attrs.frozen(eq=False)
class _CellTables:
    """The cells of a set as tables of some chunks each; without chunks, as an empty table."""

    cells: PlacementSet
    chunks: list[Ids]
    shapes: Shapes
    form: TableFormat

    def __iter__(self) -> Iterator[pandas.DataFrame]:
        for ids in self.chunks or (None,):
            call_pending()
            if ids is not None:
                self.cells.set_chunk_filter(as_chunks(ids, None))
            table = cell_table(self.cells, self.form.label_value, self.shapes)
            count_done(len(table))
            yield table
