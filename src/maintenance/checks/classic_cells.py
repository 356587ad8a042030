"""Checks of a placement set in the classic layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
import numpy as np

from ...core.column_specs import (
    LABELS,
    MORPHOLOGY,
    POSITION,
    ROTATION,
    ColumnSpec,
    additional_column,
)
from ...core.labels import LabelSets
from ...core.layouts.classic.columns import COLUMNS, array_of
from ...core.layouts.classic.paths import names_of
from ...core.layouts.documents import interpreting, read_json, write_json
from ...core.paths import canonical
from ...errors import CorruptNetworkError
from ...ports.arrays import GroupReader
from ..findings import Findings
from .parts import (
    check_codes,
    check_history,
    check_length,
    check_numbers,
    chunk_of,
    note_strangers,
    pieces,
    writable,
)

PLACEMENT = "placement"
_COUNTS, _LENGTH, _KEYS, _ADDITIONAL = "chunks", "len", "additional_keys", "additional"
_NAMES = "morphology_loaders"


@attrs.define(eq=False)
class CheckedCells:
    """A placement set."""

    name: str
    group: GroupReader
    found: Findings
    stored: set[str] | None
    longest: dict[int, int] = attrs.field(factory=dict)
    keys: set[str] = attrs.field(factory=set)
    sets: LabelSets | None = None

    def run(self) -> dict[int, int]:
        """Check it; how many cells each chunk has."""
        check_history(self.group, PLACEMENT, self.name, self.found)
        with self.found.reading(PLACEMENT, f"'{self.name}', labelsets"):
            document = read_json(self.group.attributes, "labelsets")
            with interpreting("labelsets"):
                self.sets = LabelSets.from_lists(document)
        for member in self.group.names():
            where = f"'{self.name}', chunk {member}"
            with self.found.reading(PLACEMENT, where):
                chunk = chunk_of(member)
                self.longest[chunk] = self._chunk(self.group.group(member), where)
        self._check_keys()
        return self._check_counts()

    def _strange(self, names: Iterable[str]) -> set[str]:
        """The names that are not the path of a stored morphology, if these are known."""
        if self.stored is None:
            return set()
        unlisted = {*names} - self.stored
        paths = {*map(canonical, self.stored)} if unlisted else set()
        return {each for each in unlisted if canonical(each) not in paths}

    def _chunk(self, group: GroupReader, where: str) -> int:
        """Check the columns of a chunk; how many rows the longest has."""
        rows = [0]
        for column in (POSITION, ROTATION, MORPHOLOGY, LABELS):
            if column.name in group:
                rows.append(self._column(group, column, where))
        if _ADDITIONAL in group:
            for key in names_of(group.group(_ADDITIONAL), COLUMNS):
                self.keys.add(key)
                rows.append(self._column(group, additional_column(key), where))
        return max(rows)

    def _column(self, chunk: GroupReader, column: ColumnSpec, where: str) -> int:
        where = f"{where}, {column.title}"
        rows = 0
        with self.found.reading(PLACEMENT, where):
            array = array_of(chunk, column)
            check_numbers(array, column.width, "iub" if column.dtype.kind == "i" else "biuf")
            names = _texts(chunk, _NAMES) if column is MORPHOLOGY else []
            used: set[int] = set()
            for piece in pieces(array):
                if column is LABELS and self.sets is not None:
                    check_codes(piece, self.sets)
                elif column is MORPHOLOGY:
                    used.update(np.unique(piece).tolist())
            rows = array.shape[0]
            _check_used(used, names)
            note_strangers(self.found, where, self._strange(names[code] for code in used))
        return rows

    def _check_keys(self) -> None:
        with self.found.reading(PLACEMENT, f"'{self.name}', {_KEYS}"):
            known = _texts(self.group, _KEYS)
            missing = sorted(self.keys - set(map(canonical, known)))

            def add() -> None:
                writable(self.group).attributes.set(_KEYS, sorted({*known, *missing}))

            for key in missing:
                what = f"does not list '{key}', which has data"
                mend = ((self.name, _KEYS), add)
                self.found.note(PLACEMENT, f"'{self.name}', {_KEYS}", what, mend)

    def _check_counts(self) -> dict[int, int]:
        attributes = self.group.attributes
        if attributes.get(_COUNTS) is None:
            # Sets of early versions are not counted.
            return self.longest
        mend = ((PLACEMENT, self.name), self._recount)
        said: dict[int, int] = {}
        with self.found.reading(PLACEMENT, f"'{self.name}', {_COUNTS}", mend=mend):
            said = self._said()
        counts = self._corrected(said)
        for chunk in sorted(set(said) | set(counts)):
            stored, count = said.get(chunk, 0), counts.get(chunk, 0)
            if stored != count:
                what = f"{stored} cells are counted; the columns have rows for {count}"
                self.found.note(PLACEMENT, f"'{self.name}', chunk {chunk}", what, mend)
        check_length(attributes, sum(counts.values()), (PLACEMENT, self.name), self.found, mend)
        return counts

    def _said(self) -> dict[int, int]:
        document = read_json(self.group.attributes, _COUNTS)
        with interpreting(_COUNTS):
            said = {int(chunk): int(count) for chunk, count in document.items()}
            for chunk in said:
                chunk_of(str(chunk))
            return said

    def _corrected(self, said: Mapping[int, int]) -> dict[int, int]:
        return {
            chunk: max(0, said.get(chunk, 0), self.longest.get(chunk, 0))
            for chunk in sorted({*said, *self.longest})
        }

    def _recount(self) -> None:
        try:
            said = self._said()
        except CorruptNetworkError:
            said = {}
        counts = self._corrected(said)
        document = {str(chunk): count for chunk, count in counts.items()}
        attributes = writable(self.group).attributes
        write_json(attributes, _COUNTS, document)
        attributes.set(_LENGTH, sum(counts.values()))


def _check_used(used: set[int], names: list[str]) -> None:
    wrong = [code for code in sorted(used) if not 0 <= code < len(names)]
    if wrong:
        raise CorruptNetworkError(
            f"cells use the morphology indices {wrong[:10]}; there are {len(names)} morphologies"
        )


def _texts(group: GroupReader, name: str) -> list[str]:
    value = group.attributes.get(name)
    return [] if value is None else [str(each) for each in value]
