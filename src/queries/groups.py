"""Cells in groups: by type, by label, by chunk."""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from ..core.cell_labels import load_label_codes
from ..core.chunk_id import unpack
from ..transactions.session import Session
from .populations import Numbers, Population

GroupKey: TypeAlias = str | tuple[str, str | None] | tuple[str, tuple[int, ...]]
"""A type; a type and a label, None for the cells without label; a type and a chunk."""
GROUPED_BY = ("type", "label", "chunk")


def group_text(key: GroupKey) -> str:
    """A group in words."""
    if isinstance(key, str):
        return key
    name, part = key
    if part is None:
        return f"{name}, no label"
    if isinstance(part, str):
        return f"{name}, {part}"
    return f"{name}, chunk {' '.join(map(str, part))}"


@attrs.frozen(eq=False)
class Grouping:
    """
    The groups of the cells of a population.

    A cell has one code, whatever it is grouped by; with several labels, its code is in several
    groups.

    :param codes: (size,) code of each cell; None if all have 0.
    :param members: (groups, codes) whether the cells of a code are in a group; None if each code
        has a group of its own, in their order.
    """

    keys: tuple[GroupKey, ...]
    codes: Numbers | None
    members: NDArray[np.bool_] | None
    size: int

    @property
    def width(self) -> int:
        """How many codes there are."""
        return len(self.keys) if self.members is None else int(self.members.shape[1])

    def cells(self) -> NDArray[np.int64]:
        """(groups,) cells of each group: one with several labels is in several."""
        if self.codes is None:
            return self.by_group(np.array([self.size], dtype=np.int64))
        return self.by_group(np.bincount(self.codes, minlength=self.width))

    def by_group(self, by_code: NDArray[np.int64]) -> NDArray[np.int64]:
        """
        Sums over the codes of each group.

        :param by_code: (codes, ...) numbers.
        :returns: (groups, ...) likewise.
        """
        return by_code if self.members is None else self.members.astype(np.int64) @ by_code


def grouping_of(population: Population, by: str, session: Session) -> Grouping:
    """The groups of the cells of a population."""
    if by == "type":
        return Grouping((population.name,), None, None, population.size)
    # Also where the type has no placement set.
    if by == "chunk" or not population.size:
        return _by_chunk(population)
    return _by_label(population, session)


def _by_chunk(population: Population) -> Grouping:
    chunks = population.chunk_of_each()
    found, codes = np.unique(chunks, return_inverse=True)
    coordinates = unpack(population.whole.ids[found]).tolist()
    keys = tuple((population.name, tuple(each)) for each in coordinates)
    return Grouping(keys, codes, None, population.size)


def _by_label(population: Population, session: Session) -> Grouping:
    data = session.network.placement(population.name)
    codes = load_label_codes(data, population.whole)
    if population.numbers is not None:
        codes = codes[population.numbers >= 0]
    found, codes = np.unique(codes, return_inverse=True)
    sets = data.label_sets().of(found)
    labels: list[str | None] = [*sorted(frozenset[str]().union(*sets))]
    members = [[label in held for held in sets] for label in labels]
    if frozenset() in sets:
        labels.append(None)
        members.append([not held for held in sets])
    keys = tuple((population.name, label) for label in labels)
    table = np.array(members, dtype=bool).reshape(len(keys), len(sets))
    return Grouping(keys, codes, table, population.size)
