"""Random placement: cells that are added, labelled and cleared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bsb import MorphologySet
from hypothesis import strategies as st
from hypothesis.stateful import rule

from ..errors import LengthError
from ..placement_set import PlacementSet
from .network_choices import (
    chunks,
    counts,
    label_filters,
    masks,
    numbers,
    some,
    some_chunks,
    some_labels,
    types,
)
from .network_history import NetworkHistory, raising
from .network_model import FILL, NAN, Cells, ChunkOfCells, Column, Row
from .network_samples import KEYS, chunk_at, chunk_id, chunks_at


class PlacementRules(NetworkHistory):
    """The rules that change the cells of a set."""

    @rule(name=types, chunk=chunks)
    def require_chunk(self, name: str, chunk: int) -> None:
        placed, cells = self._cells(name)
        placed.require_chunk(chunk_at(chunk))
        self._settle(cells, chunk)

    @rule(
        name=types,
        chunk=chunks,
        count=counts,
        turned=st.booleans(),
        shaped=numbers,
        keys=st.sets(st.sampled_from(sorted(KEYS))),
    )
    def append_cells(
        self, name: str, chunk: int, count: int, turned: bool, shaped: list[int], keys: set[str]
    ) -> None:
        placed, cells = self._cells(name)
        columns: dict[Column, list[Row]] = {"position": self._triplets(count)}
        if turned:
            columns["rotation"] = self._triplets(count)
        columns.update(self._additional(count, keys))
        given: dict[str, Row] = {
            "positions": np.reshape(columns["position"], (count, 3)),
            "rotations": np.reshape(columns["rotation"], (count, 3)) if turned else None,
            "additional": self._rows(columns),
        }
        known = sorted(self.model.meta.keys() & self.model.morphologies.keys())
        if shaped and known and count:
            used = [known[shaped[i % len(shaped)] % len(known)] for i in range(count)]
            columns["morphology"] = used
            columns.setdefault("rotation", [(0.0, 0.0, 0.0)] * count)
            given["morphologies"] = self._morphologies(used)
        self._append(placed, cells, chunk, count, columns, given)

    @rule(name=types, chunk=chunks, count=counts, keys=st.sets(st.sampled_from(sorted(KEYS))))
    def append_entities(self, name: str, chunk: int, count: int, keys: set[str]) -> None:
        placed, cells = self._cells(name)
        columns = self._additional(count, keys)
        given = {"count": count, "additional": self._rows(columns) or None}
        self._append(placed, cells, chunk, count, columns, given)

    @rule(name=types, chunk=chunks, key=st.sampled_from(sorted(KEYS)), number=st.integers(1, 70))
    def append_additional(self, name: str, chunk: int, key: str, number: int) -> None:
        placed, cells = self._cells(name)
        held = cells.chunks.get(chunk_id(chunk), ChunkOfCells())
        free = held.count - len(held.columns.get(("additional", key), []))
        if not free:
            return
        columns = self._additional(min(free, number), {key})
        placed.append_additional(key, chunk_at(chunk), self._rows(columns)[key])
        held.columns.setdefault(("additional", key), []).extend(columns["additional", key])
        cells.keys.add(key)

    @rule(
        name=types, among=some_chunks, by=label_filters, given=some_labels, which=some, masked=masks
    )
    def add_labels(self, **given: Row) -> None:
        self.change_labels(**given, remove=False)

    @rule(
        name=types, among=some_chunks, by=label_filters, given=some_labels, which=some, masked=masks
    )
    def remove_labels(self, **given: Row) -> None:
        self.change_labels(**given, remove=True)

    def change_labels(
        self,
        name: str,
        among: list[int] | None,
        by: list[str] | None,
        given: list[str],
        which: list[int],
        masked: bool,
        remove: bool,
    ) -> None:
        cells, selected, places = self._selected(name, among, by)
        ids = [each % len(places) for each in which] if places else []
        if masked:
            mask = np.isin(np.arange(len(places)), ids)
            (selected.remove_labels_by_mask if remove else selected.label_by_mask)(given, mask)
        else:
            (selected.remove_labels if remove else selected.label)(given, ids)
        cells.change_labels([places[i] for i in ids], set(given), remove=remove)

    @rule(name=types, among=some_chunks)
    def clear_cells(self, name: str, among: list[int] | None) -> None:
        placed, cells = self._cells(name)
        placed.clear(chunks_at(among))
        for id_ in list(cells.chunks) if among is None else map(chunk_id, among):
            cells.chunks.pop(id_, None)

    def _settle(self, cells: Cells, chunk: int) -> ChunkOfCells:
        self.model.sized = True
        return cells.chunks.setdefault(chunk_id(chunk), ChunkOfCells())

    def _append(
        self,
        placed: PlacementSet,
        cells: Cells,
        chunk: int,
        count: int,
        columns: dict[Column, list[Row]],
        given: dict[str, Row],
    ) -> None:
        """Append cells; check that this fails if not all cells of a chunk had morphologies."""
        held = cells.chunks.get(chunk_id(chunk), ChunkOfCells())
        before = len(held.columns.get("morphology", []))
        shaped = len(columns.get("morphology", []))
        if count and (before or shaped) and (before, shaped) != (held.count, count):
            with raising(LengthError):
                placed.append_data(chunk_at(chunk), **given)
            return
        placed.append_data(chunk_at(chunk), **given)
        fill = {**FILL, "morphology": None}
        fill |= {("additional", key): NAN if not wide else (NAN,) * 2 for key, wide in KEYS.items()}
        self._settle(cells, chunk).append(count, columns, fill)
        cells.keys |= {name[1] for name in columns if isinstance(name, tuple)}

    def _triplets(self, count: int) -> list[tuple[float, ...]]:
        """Numbers that come once in a history, so that no two cells are alike."""
        self.number += 1
        rows = np.arange(3.0 * count).reshape(count, 3) + 1000.0 * self.number
        return [tuple(row) for row in rows.tolist()]

    def _additional(self, count: int, keys: set[str]) -> dict[Column, list[Row]]:
        rows = {key: self._triplets(count) for key in sorted(keys)}
        return {
            ("additional", key): [row[:2] if KEYS[key] else row[0] for row in rows[key]]
            for key in rows
        }

    def _rows(self, columns: dict[Column, list[Row]]) -> dict[str, Row]:
        """The additional data as a caller gives them."""
        keys = [name[1] for name in columns if isinstance(name, tuple)]
        return {key: np.reshape(columns["additional", key], (-1, *KEYS[key])) for key in keys}

    def _morphologies(self, used: Sequence[str]) -> MorphologySet:
        distinct = list(dict.fromkeys(used))
        loaders = [self.storage.morphologies.preload(name) for name in distinct]
        return MorphologySet(loaders, [distinct.index(name) for name in used])
