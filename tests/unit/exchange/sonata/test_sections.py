"""Places along the sections of a morphology, be they there or not."""

from __future__ import annotations

import numpy as np

from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.exchange.sonata.sections import Sections


def table() -> MorphologyTable:
    """A branch of three points, and another of two that springs from it."""
    data = np.zeros((5, 5))
    data[:, 0] = [0.0, 10.0, 20.0, 30.0, 40.0]
    data[:, 3] = 1.0
    return MorphologyTable(data, np.array([[3, -1], [5, 0]]), LabelSets(), ())


def test_places_that_are_not_there_are_told() -> None:
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
