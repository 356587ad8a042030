"""Sets are given alone, as several, or by their network in any form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, Configuration, Scaffold

from bsb_hdf5.errors import InputError
from bsb_hdf5.queries import (
    afferent,
    connectivity_sets,
    counts,
    density,
    distances,
    divergence,
    in_degree,
    matrix,
    out_degree,
    pairs,
    placement_sets,
    summary,
    synapses_per_pair,
    to_sparse,
)
from bsb_hdf5.testing.network_samples import cell_type
from tests.unit.queries.networks import TAGS, TYPES, Filters, Sample, new_storage, random_network


@pytest.fixture
def other(engine: str, tmp_path: Path) -> Sample:
    """A network in another storage."""
    return random_network(new_storage(engine, tmp_path), 2)


def test_the_sets_of_a_network_are_in_order_of_their_names(sample: Sample) -> None:
    assert sorted(TYPES) == [each.tag for each in placement_sets(sample.storage)]
    assert sorted(TAGS) == [each.tag for each in connectivity_sets(sample.storage)]


def test_a_network_is_its_scaffold_or_its_storage_or_the_path_of_that(tmp_path: Path) -> None:
    root = tmp_path / "network.hdf5"
    configuration = Configuration.default(storage={"engine": "hdf5", "root": str(root)})
    scaffold = Scaffold(configuration)
    golgi = scaffold.storage.require_placement_set(cell_type("golgi"))
    golgi.append_entities((0, 0, 0), 3)
    scaffold.storage.require_connectivity_set(golgi.cell_type, golgi.cell_type, "loops")
    for network in (scaffold, scaffold.storage, root, str(root)):
        assert {"golgi": 3} == counts(network)
        assert [[0]] == matrix(network).values.tolist()
        assert 3 == summary(network).cells[0].cells


ASKED_OF_ANOTHER: dict[str, Callable[[Sample, Sample], object]] = {
    "counts": lambda one, other: counts([one.placement("golgi"), other.placement("golgi")]),
    "matrix": lambda one, other: matrix([one.connectivity("gap"), other.connectivity("gap")]),
    "cells": lambda one, other: matrix(one.storage, cells=[other.placement("golgi")]),
    "presynaptic": lambda one, other: in_degree(
        one.connectivity("gap"), pre=other.placement("granule")
    ),
    "postsynaptic": lambda one, other: out_degree(
        one.connectivity("gap"), post=other.placement("golgi")
    ),
}


@pytest.mark.parametrize("question", ASKED_OF_ANOTHER)
def test_a_question_is_asked_of_one_storage(sample: Sample, other: Sample, question: str) -> None:
    with pytest.raises(InputError, match=r"of another storage|of several storages"):
        ASKED_OF_ANOTHER[question](sample, other)


ASKED_TWICE: dict[str, Callable[[Sample], object]] = {
    "counts": lambda sample: counts([sample.placement("golgi"), sample.placement("golgi")]),
    "density": lambda sample: density(
        [sample.placement("golgi", Filters(labels=("active",))), sample.placement("golgi")]
    ),
    "cells of a matrix": lambda sample: matrix(
        sample.storage, cells=[*placement_sets(sample.storage), sample.placement("golgi")]
    ),
    "matrix": lambda sample: matrix([sample.connectivity("gap"), sample.connectivity("gap")]),
}


@pytest.mark.parametrize("question", ASKED_TWICE)
def test_a_set_is_given_once(sample: Sample, question: str) -> None:
    """Answers by type have room for one selection of its cells."""
    with pytest.raises(InputError, match=r"'(golgi|gap)' is given twice"):
        ASKED_TWICE[question](sample)


def test_spellings_of_one_type_are_one_set(tmp_path: Path) -> None:
    storage = new_storage("classic", tmp_path)
    cells = storage.require_placement_set(cell_type("lib/a"))
    cells.append_data(Chunk((0, 0, 0), None), np.zeros((4, 3)))
    cells.label(["core"], [0])
    spelled = storage.get_placement_set(cell_type("lib//a"))
    with pytest.raises(InputError, match="'lib//a' is given twice, as 'lib/a' and as 'lib//a'"):
        counts([cells, spelled])
    storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    spelled.set_label_filter(["core"])
    assert [1] == matrix(storage, cells=spelled).pre_cells.tolist()


NO_SETS: list[tuple[Callable[[Any], object], Callable[[Sample], object], str]] = [
    (counts, lambda _: 3, "a PlacementSet, several of them, or a network is needed, not 3"),
    (counts, lambda sample: sample.connectivity("gap"), "a PlacementSet, several of them"),
    (counts, lambda sample: [sample.connectivity("gap")], "a PlacementSet is needed"),
    (matrix, lambda sample: sample.placement("golgi"), "a ConnectivitySet, several of them"),
    (matrix, lambda sample: [sample.placement("golgi")], "a ConnectivitySet is needed"),
    (lambda given: matrix([], cells=given), lambda sample: [3], "a PlacementSet is needed, not 3"),
    (lambda given: matrix([], cells=given), lambda _: 3, "a PlacementSet, several of them"),
    (
        lambda given: matrix([], cells=given),
        lambda sample: [sample.connectivity("gap")],
        "a PlacementSet is needed",
    ),
    *(
        (question, lambda _: "gap", "a ConnectivitySet is needed, not 'gap'")
        for question in (in_degree, divergence, pairs, synapses_per_pair, distances, to_sparse)
    ),
    (lambda given: afferent(given, [0]), lambda _: None, "a ConnectivitySet is needed, not None"),
]


@pytest.mark.parametrize(("question", "given", "message"), NO_SETS)
def test_anything_else_is_refused(
    sample: Sample,
    question: Callable[[Any], object],
    given: Callable[[Sample], object],
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        question(given(sample))
