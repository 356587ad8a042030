"""
Sections and segments of a morphology, as readers of SWC files number them.

A section runs from one end or bifurcation to the next; 0 is the soma, the others follow in the
order of the file. One that springs from another begins at the last point of that. Segments lie
between the points of a section.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core.layouts.protocols import NetworkReader
from ...core.morphology import MorphologyTable

SOMA = 1
"""Type of the points of the soma in SWC files."""
# Types of SWC files, by the label that BSB gives to their points.
_TYPES = {"soma": SOMA, "axon": 2, "dendrites": 3}
_TAG = "tag_"
# Morphologies whose sections stay in memory.
_MOST_SECTIONS = 256
Numbers = NDArray[np.int64]


def label_of(type_: int) -> frozenset[str]:
    """The labels that BSB gives to points of a type."""
    names = {number: label for label, number in _TYPES.items()}
    return frozenset([names.get(type_, f"{_TAG}{type_}")] if type_ else ())


def types_of(table: MorphologyTable) -> Numbers:
    """The type, in SWC files, of each point of the branches; 0 if no label says it."""
    codes = table.data[: _points(table), 4].astype(np.int64)
    known, at = np.unique(codes, return_inverse=True)
    types = [_type_of(labels) for labels in table.labels.of(known)]
    return np.array(types, dtype=np.int64)[at] if types else codes


def _type_of(labels: frozenset[str]) -> int:
    for label, type_ in _TYPES.items():
        if label in labels:
            return type_
    tags = [each.removeprefix(_TAG) for each in sorted(labels) if each.startswith(_TAG)]
    return next((int(tag) for tag in tags if tag.isascii() and tag.isdecimal()), 0)


def parents_of(table: MorphologyTable) -> Numbers:
    """For each point of the branches, the number of the point before it; -1 at roots."""
    parents = np.arange(_points(table), dtype=np.int64) - 1
    ends: list[int] = []
    first = 0
    for end, branch in table.graph.tolist():
        before = ends[branch] if branch >= 0 else -1
        if end > first:
            parents[first] = before
        # A branch without points has the type of its parent.
        ends.append(end - 1 if end > first else before)
        first = end
    return parents


def starts_of(parents: Numbers, types: Numbers) -> NDArray[np.bool_]:
    """Which points begin a section, of those that are not of the soma."""
    children = np.bincount(parents[parents >= 0], minlength=len(parents))
    begins = (parents < 0) | (children[parents] != 1) | (types[parents] != types)
    return np.asarray(begins & (types != SOMA))


def sections_of(parents: Numbers, types: Numbers) -> Numbers:
    """The section of each point."""
    begins = starts_of(parents, types)
    numbers = np.where(begins, np.cumsum(begins), 0).tolist()
    for i, parent in enumerate(parents.tolist()):
        if not begins[i] and types[i] != SOMA:
            numbers[i] = numbers[parent]
    return np.array(numbers, dtype=np.int64)


def _points(table: MorphologyTable) -> int:
    return int(table.graph[-1, 0]) if len(table.graph) else 0


@attrs.frozen(eq=False)
class Locations:
    """
    Places on a morphology: (n,) each; offsets in um, positions from 0 to 1.

    :param type: as in SWC files.
    :param xyz: (n, 3) um.
    """

    type: Numbers
    xyz: NDArray[np.float64]
    section: Numbers
    segment: Numbers
    offset: NDArray[np.float64]
    position: NDArray[np.float64]


@attrs.frozen(eq=False)
class Sections:
    """
    The sections of a morphology.

    :param ends: of each branch, the point after its last.
    :param points: the place of each point.
    :param order: points by section.
    :param firsts: (s + 1,) where each section begins in that order, and the end.
    :param springs: (s,) 1 for sections that begin at the last point of another.
    """

    ends: Numbers
    points: Locations
    order: Numbers
    firsts: Numbers
    springs: Numbers

    @classmethod
    def of(cls, table: MorphologyTable) -> Sections:
        """The sections of a morphology."""
        parents, types = parents_of(table), types_of(table)
        section = sections_of(parents, types)
        order = np.argsort(section, kind="stable")
        firsts = np.searchsorted(section[order], np.arange(section.max(initial=0) + 2))
        springs = np.zeros(len(firsts) - 1, dtype=np.int64)
        begins = starts_of(parents, types)
        before = parents[begins]
        springs[section[begins]] = (before >= 0) & (types[before] != SOMA)
        points = _places(table, parents, types, section, order, firsts, springs)
        return cls(table.graph[:, 0], points, order, firsts, springs)

    def locate(self, branches: Numbers, points: Numbers) -> tuple[NDArray[np.bool_], Locations]:
        """
        Where points of branches are.

        :returns: which of them exist, and the places of those.
        """
        known = (branches >= 0) & (branches < len(self.ends)) & (points >= 0)
        at = np.append(0, self.ends)[np.where(known, branches, 0)] + points
        known &= at < np.append(self.ends, 0)[np.where(known, branches, 0)]
        found = [getattr(self.points, field.name)[at[known]] for field in attrs.fields(Locations)]
        return known, Locations(*found)

    def nearest(
        self, section: Numbers, segment: Numbers, offset: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], Numbers, Numbers]:
        """
        The points that are nearest to some places along their segments.

        :returns: which places exist; branches and points of those.
        """
        sizes = np.diff(self.firsts)
        known = (section >= 0) & (section < len(sizes)) & (segment >= 0)
        known &= sizes[np.where(known, section, 0)] > 0
        section, segment, offset = section[known], segment[known], offset[known]
        end = self._point(section, segment + 1)
        # A point that ends a segment is as far along it as the segment is long.
        row = np.where(offset > self.points.offset[end] / 2, end, self._point(section, segment))
        branch = np.searchsorted(self.ends, row, side="right")
        return known, branch, row - np.append(0, self.ends)[branch]

    def _point(self, section: Numbers, index: Numbers) -> Numbers:
        """The points that are the n-th of their sections, or the nearest to that."""
        last = np.diff(self.firsts)[section] - 1
        own = np.clip(index - self.springs[section], 0, last)
        return np.asarray(self.order[self.firsts[section] + own])


def _places(
    table: MorphologyTable,
    parents: Numbers,
    types: Numbers,
    section: Numbers,
    order: Numbers,
    firsts: Numbers,
    springs: Numbers,
) -> Locations:
    xyz = table.data[: len(parents), :3]
    index = np.empty(len(parents), dtype=np.int64)
    index[order] = np.arange(len(order)) - np.repeat(firsts[:-1], np.diff(firsts))
    index += springs[section]
    before = np.where(parents >= 0, parents, 0)
    lengths = np.linalg.norm(xyz - xyz[before], axis=1) if len(xyz) else np.zeros(0)
    lengths = np.where((index > 0) & (parents >= 0), lengths, 0.0)
    along = np.cumsum(lengths[order])
    whole = np.append(0.0, along)
    position = np.empty(len(parents))
    position[order] = along - np.repeat(whole[firsts[:-1]], np.diff(firsts))
    total = np.diff(whole[firsts])[section]
    position = np.divide(position, total, out=np.zeros(len(total)), where=total > 0)
    return Locations(types, xyz, section, np.maximum(index - 1, 0), lengths, position)


FindSections: TypeAlias = Callable[[str], Sections | None]
"""Finds the sections of the morphology of a name; None if it does not exist."""


def sections_in(network: NetworkReader) -> FindSections:
    """The sections of the morphologies of a network; those used last are in memory."""

    @lru_cache(maxsize=_MOST_SECTIONS)
    def find_sections(name: str) -> Sections | None:
        held = network.morphologies
        return Sections.of(held.load(name)) if name in held else None

    return find_sections
