"""Export of networks as tables, for programs that don't know BSB."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import bsb
import numpy as np

from ..chunk_arguments import as_chunks
from ..connectivity_set import ConnectivitySet
from ..core.chunk_id import Ids
from ..core.connectivity import batches
from ..engine import StorageEngine
from ..placement_set import PlacementSet
from ..queries.networks import Network, connectivity_sets, placement_sets
from ..queries.streams import stream_of
from ..queries.tables import CONNECTION_COLUMNS, piece_rows, to_frame
from ..storages import engine_of
from ..transactions.interrupts import call_pending
from ..transactions.session import Session
from .folders import write_folder

if TYPE_CHECKING:
    import pandas

# Cells of one set that are in memory at a time, unless there are more in one chunk.
_MOST_CELLS = 1 << 17
# What the file systems of all systems take in a name.
_SAFE = " -_.()"
_INDEX = "network.json"


def export_csv(
    network: Network, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """
    :guilabel:`collective` Write a network as tables: a CSV file for each cell type and each
    connectivity set, and ``network.json``, which names them.

    The rows are those of :func:`bsb_hdf5.queries.to_frame`; connections have the numbers of the
    cells in their whole sets, which are the first column of the tables of cells. At most 131,072
    cells or a million connections are in memory at a time, unless there are more in one chunk or
    between two. Morphologies, files and the configuration are not written. The folder is there
    once it is complete, or not at all.

    :param network: ``bsb.Storage``, ``bsb.Scaffold``, or the root of one.
    :param folder: to write.
    :param overwrite: replace what is at the folder, if an earlier export made it.
    :raises StoreExistsError: there is something at the folder, and ``overwrite`` is not given; or
        what is there was not exported.
    :raises StoreIOError: it can't be written.
    """
    engine = engine_of(network.storage if isinstance(network, bsb.Scaffold) else network)
    target = Path(folder)
    engine.ranks.on_main(lambda: _export(engine, target, overwrite))


def _export(engine: StorageEngine, target: Path, overwrite: bool) -> None:
    def write(folder: Path) -> None:
        with engine.read_scope() as session:
            _write(engine, session, folder)

    write_folder(target, write, lambda each: (each / _INDEX).is_file(), overwrite=overwrite)


def _write(engine: StorageEngine, session: Session, folder: Path) -> None:
    cells = {each.tag: _file("cells", each.tag) for each in placement_sets(engine)}
    sets = connectivity_sets(engine)
    for each in placement_sets(engine):
        _write_cells(each, session, folder / cells[each.tag])
    for connections in sets:
        _write_connections(connections, session, folder / _file("connections", connections.tag))
    size = session.network.chunk_size
    index = {
        "schema": 1,
        "chunk_size": None if np.isnan(size).any() else size.tolist(),
        "cells": cells,
        "connections": {
            each.tag: {
                "file": _file("connections", each.tag),
                "pre": each.pre_type_name,
                "post": each.post_type_name,
            }
            for each in sets
        },
    }
    (folder / _INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False), encoding="utf-8")


def _file(kind: str, name: str) -> str:
    return f"{kind}.{quote(name, safe=_SAFE)}.csv"


def _write_cells(cells: PlacementSet, session: Session, path: Path) -> None:
    counts = session.network.placement(cells.tag).counts()
    parts: list[Ids | None] = [*batches(counts, _MOST_CELLS)] or [None]
    # One part may lack columns that another has.
    names = dict.fromkeys(name for ids in parts for name in _table(cells, ids).columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        for i, ids in enumerate(parts):
            table = _table(cells, ids).reindex(columns=list(names))
            table.to_csv(file, header=not i, lineterminator="\n")


def _table(cells: PlacementSet, ids: Ids | None) -> pandas.DataFrame:
    call_pending()
    if ids is not None:
        cells.set_chunk_filter(as_chunks(ids, None))
    return to_frame(cells)


def _write_connections(connections: ConnectivitySet, session: Session, path: Path) -> None:
    import pandas

    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(CONNECTION_COLUMNS) + "\n")
        for piece in stream_of([connections], None, None, session).pieces("out"):
            rows = pandas.DataFrame(piece_rows(piece))
            rows.to_csv(file, header=False, index=False, lineterminator="\n")
