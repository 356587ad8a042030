"""Places along the sections of a morphology, be they there or not."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.exchange.sonata.sections import (
    Sections,
    label_of,
    parents_of,
    sections_in,
    sections_of,
    types_of,
)
from tests.unit.exchange.networks import network


def table() -> MorphologyTable:
    """A branch of three points, and another of two that springs from it."""
    data = np.zeros((5, 5))
    data[:, 0] = [0.0, 10.0, 20.0, 30.0, 40.0]
    data[:, 3] = 1.0
    return MorphologyTable(data, np.array([[3, -1], [5, 0]]), LabelSets(), ())


def test_places_that_are_not_there_are_reported() -> None:
    sections = Sections.of(table())
    count = len(sections.firsts) - 1
    section = np.array([-1, 0, count - 1, count, count + 5, 0])
    segment = np.array([0, 0, 0, 0, 0, -1])
    known, branches, points = sections.nearest(section, segment, np.zeros(6))
    sizes = np.diff(sections.firsts)
    assert [False, sizes[0] > 0, sizes[-1] > 0, False, False, False] == known.tolist()
    assert known.sum() == len(branches) == len(points)
    found, _ = sections.locate(np.array([0, 0, 1, 1, 2, -1, 0]), np.array([0, 3, 1, 2, 0, 0, -1]))
    assert [True, False, True, False, False, False, False] == found.tolist()


def test_there_are_no_places_on_a_morphology_without_branches() -> None:
    nothing = np.zeros((0, 5)), np.zeros((0, 2), dtype=np.int64)
    sections = Sections.of(MorphologyTable(*nothing, LabelSets(), ()))
    known, places = sections.locate(np.array([0, -1, 1]), np.array([0, -1, 0]))
    assert not known.any()
    assert (0, (0, 3)) == (len(places.section), places.xyz.shape)
    known, branches, points = sections.nearest(np.zeros(1, int), np.zeros(1, int), np.zeros(1))
    assert ([False], 0, 0) == (known.tolist(), len(branches), len(points))


def made(points: list[list[float]], graph: list[list[int]], *labels: str) -> MorphologyTable:
    """A morphology; the points have one label each, and a radius of 1."""
    names = sorted({*labels})
    sets = {0: frozenset[str](), **{i + 1: frozenset(e.split()) for i, e in enumerate(names)}}
    codes = [names.index(each) + 1 for each in labels] or [0] * len(points)
    data = np.column_stack([np.array(points).reshape(-1, 3), np.ones(len(points)), codes])
    return MorphologyTable(data, np.array(graph).reshape(-1, 2), LabelSets(sets), ())


TYPES = [
    ("soma", 1),
    ("axon", 2),
    ("dendrites", 3),
    ("axon soma", 1),
    ("dendrites axon x", 2),
    ("tag_7", 7),
    ("tag_16 soma", 1),
    ("tag_3 tag_12", 12),
    ("tag_x tag_9", 9),
    ("tag_x", 0),
    ("tag_-3", 0),
    ("tag_", 0),
    ("tag_\u0663", 0),
    ("my_tag_7", 0),
    ("x", 0),
    ("", 0),
]


def test_the_type_of_a_point_is_that_of_its_labels() -> None:
    points = [[0.0, 0, 0], [1.0, 0, 0]]
    for labels, type_ in TYPES:
        found = types_of(made(points, [[2, -1]], labels, "soma"))
        assert np.dtype(np.int64) == found.dtype
        assert [type_, 1] == found.tolist(), labels
        # Points that no branch has are left out.
        assert [type_] == types_of(made(points, [[1, -1]], labels, "soma")).tolist(), labels


def test_labels_of_types_are_those_of_bsb() -> None:
    found = [sorted(label_of(each)) for each in (0, 1, 2, 3, 4, 12)]
    assert [[], ["soma"], ["axon"], ["dendrites"], ["tag_4"], ["tag_12"]] == found


def test_a_branch_springs_from_the_last_point_of_another() -> None:
    graph = [[0, -1], [2, 0], [2, 1], [5, 2], [5, 0], [6, 4], [7, 1], [9, -1]]
    parents = parents_of(made([[0.0] * 3] * 9, graph))
    assert [-1, 0, 1, 2, 3, -1, 1, -1, 7] == parents.tolist()


def test_a_section_begins_at_ends_bifurcations_and_other_types() -> None:
    parents = np.array([-1, 0, 1, 1, 3, 4, 0, -1])
    types = np.array([1, 1, 3, 3, 3, 2, 3, 2])
    assert [0, 0, 1, 2, 2, 3, 4, 5] == sections_of(parents, types).tolist()


# A root of one point, from which two branches spring, and a soma with a branch.
FORK = made(
    [[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [0, 2, 0], [9, 0, 0], [9, 1, 0], [9, 4, 0]],
    [[1, -1], [3, 0], [4, 0], [5, -1], [7, 3]],
    *["dendrites"] * 4,
    *["soma", "axon", "axon"],
)


def test_points_are_placed_along_their_sections() -> None:
    sections = Sections.of(FORK)
    places = sections.points
    assert [3, 3, 3, 3, 1, 2, 2] == places.type.tolist()
    assert [1, 2, 2, 3, 0, 4, 4] == places.section.tolist()
    assert [0, 0, 1, 0, 0, 0, 0] == places.segment.tolist()
    assert [0, 1, 2, 2, 0, 0, 3] == places.offset.tolist()
    assert [0, 1 / 3, 1, 1, 0, 0, 1] == pytest.approx(places.position.tolist())
    assert FORK.data[:, :3].tolist() == places.xyz.tolist()
    known, found = sections.locate(np.array([0, 1, 1, 4, 4]), np.array([1, 0, 1, 1, 2]))
    assert [False, True, True, True, False] == known.tolist()
    assert [2, 2, 4] == found.section.tolist()
    assert [[1, 0, 0], [3, 0, 0], [9, 4, 0]] == found.xyz.tolist()


NEAREST = [
    (0, 0, 0.0, (3, 0)),
    (0, 5, 9.0, (3, 0)),
    (1, 0, 0.0, (0, 0)),
    (2, 0, 0.2, (1, 0)),
    (2, 0, 0.9, (1, 0)),
    (2, 1, 1.0, (1, 0)),
    (2, 1, 1.1, (1, 1)),
    (2, 7, 0.0, (1, 1)),
    (3, 0, 1.5, (2, 0)),
    (4, 0, 1.5, (4, 0)),
    (4, 0, 1.6, (4, 1)),
]


def test_the_nearest_point_of_a_segment_is_found() -> None:
    sections = Sections.of(FORK)
    for section, segment, offset, point in NEAREST:
        known, branch, index = sections.nearest(
            np.array([section]), np.array([segment]), np.array([offset])
        )
        assert (True, *point) == (known[0], branch[0], index[0])


def test_sections_of_a_network_are_those_of_its_morphologies() -> None:
    find_sections = sections_in(network())
    found = find_sections("m")
    assert found is not None
    assert found is find_sections("m")
    assert [0.0, 4.0] == found.points.xyz[:, 0].tolist()
    assert find_sections("never") is None
