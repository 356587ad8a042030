"""The names in a placement set: its columns, morphologies and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, InputError, InvalidNameError
from ....ports.arrays import GroupWriter
from ...labels import LabelSets
from ...names import check_member, check_name
from ..documents import interpreting, read_json, write_json
from .checksums import CHECKSUMS
from .segments import MOST_COLUMNS, SEGMENTS

ADDITIONAL = "additional"
_NAMES = "names"


@attrs.frozen(eq=False)
class PlacementNames:
    """
    What a placement set knows by name; never changed, but replaced.

    :param columns: bit of each column in the table, by its title.
    :param morphologies: code of each morphology, by its name.
    """

    columns: Mapping[str, int]
    morphologies: Mapping[str, int]
    labels: LabelSets

    @classmethod
    def read(cls, group: GroupWriter) -> PlacementNames:
        """
        From the attribute of a set.

        :raises CorruptNetworkError: it holds something else.
        """
        document = read_json(group.attributes, _NAMES)
        with interpreting(_NAMES):
            columns = [str(title) for title in document.get("columns", [])]
            morphologies = [str(name) for name in document.get("morphologies", [])]
            labels = LabelSets.from_lists(document.get("labels", {}))
        if len(columns) > MOST_COLUMNS:
            raise CorruptNetworkError(f"a placement set has {len(columns)} columns")
        return cls(_codes(columns), _codes(morphologies), labels)

    def write(self, group: GroupWriter) -> None:
        """To the attribute of a set."""
        document = {
            "columns": list(self.columns),
            "morphologies": list(self.morphologies),
            "labels": {str(code): held for code, held in self.labels.to_lists().items()},
        }
        write_json(group.attributes, _NAMES, document)

    def with_columns(self, titles: tuple[str, ...], what: str) -> tuple[PlacementNames, int]:
        """
        Names that know some columns, and the bits of these; those that are new get one.

        :param what: the set is, for messages.
        :raises InputError: there are too many, or one can't be named so.
        """
        # perf: append morphologies; nearly always all are known.
        known, bits = self.columns, 0
        try:
            for title in titles:
                bits |= 1 << known[title]
            return self, bits
        except KeyError:
            pass
        for title in titles:
            if title not in self.columns:
                _check_title(title)
        columns = _extended(self.columns, titles)
        if len(columns) > MOST_COLUMNS:
            raise InputError(
                f"{what} would have {len(columns)} columns;"
                f" a placement set of the columnar layout has {MOST_COLUMNS} at most"
            )
        return attrs.evolve(self, columns=columns), sum(1 << columns[title] for title in titles)

    def with_morphologies(
        self, morphologies: tuple[str, ...]
    ) -> tuple[PlacementNames, NDArray[np.int32]]:
        """Names that know some morphologies, and the codes of these; the new ones get one."""
        # perf: append morphologies; nearly always all are known.
        try:
            return self, self._codes_of(morphologies)
        except KeyError:
            known = _extended(self.morphologies, morphologies)
        names = attrs.evolve(self, morphologies=known)
        return names, names._codes_of(morphologies)

    def _codes_of(self, morphologies: tuple[str, ...]) -> NDArray[np.int32]:
        codes = map(self.morphologies.__getitem__, morphologies)
        return np.fromiter(codes, dtype=np.int32, count=len(morphologies))


def _extended(codes: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    """Codes of some more names, which may be repeated."""
    extended = dict(codes)
    for name in names:
        extended.setdefault(name, len(extended))
    return extended


def _codes(names: list[str]) -> dict[str, int]:
    codes = {name: code for code, name in enumerate(names)}
    if len(codes) < len(names):
        raise CorruptNetworkError(f"the names {names} must be unique")
    return codes


def _check_title(title: str) -> None:
    key = title.removeprefix(f"{ADDITIONAL}/")
    (check_member if key == title else check_name)(key, "column of a placement set")
    if title in (SEGMENTS, ADDITIONAL, CHECKSUMS):
        raise InvalidNameError(f"'{title}' can't name a column of a placement set", asked=title)
