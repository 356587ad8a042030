"""A summary says what is stored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk

from bsb_hdf5 import open_storage
from bsb_hdf5.queries import (
    counts,
    density,
    distances,
    efferent,
    in_degree,
    matrix,
    pairs,
    plot,
    summary,
)
from bsb_hdf5.queries.summaries import CellSummary, ConnectionSummary
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, LABELS, cell_type, morphology_of
from tests.unit.queries.networks import NEEDS_ZARR, TAGS, TYPES, Sample, new_storage, random_network


def test_it_counts_cells_and_connections(sample: Sample) -> None:
    found = summary(sample.storage)
    assert CHUNK_SIZE == found.chunk_size
    cells = {each.name: each for each in found.cells}
    assert {name: len(sample.cells[name]) for name in TYPES} == {
        name: each.cells for name, each in cells.items()
    }
    for name in TYPES:
        held = frozenset[str]().union(*(cell.labels for cell in sample.cells[name]))
        assert held <= set(cells[name].labels) <= set(LABELS)
    sets = {each.tag: each for each in found.connections}
    for tag, (pre, post) in TAGS.items():
        count = len(sample.connections[tag])
        assert (pre, post, count) == (sets[tag].pre, sets[tag].post, sets[tag].connections)
        assert count / len(sample.cells[post]) == pytest.approx(sets[tag].mean_in_degree)
        assert count / len(sample.cells[pre]) == pytest.approx(sets[tag].mean_out_degree)
    assert (0, 0) == (found.morphologies, found.files)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that can only be read."""
    folder = tmp_path_factory.mktemp("archive")
    random_network(new_storage("zarr", folder), 1)
    return Path(shutil.make_archive(str(folder / "network"), "zip", folder / "network.zarr"))


QUESTIONS: dict[str, Callable[[Any, Any, Path], object]] = {
    "summary": lambda storage, cs, _: summary(storage),
    "counts": lambda storage, cs, _: counts(storage, by="chunk"),
    "density": lambda storage, cs, _: density(storage),
    "matrix": lambda storage, cs, _: matrix(storage),
    "pairs": lambda storage, cs, _: pairs(cs),
    "in-degree": lambda storage, cs, _: in_degree(cs),
    "page": lambda storage, cs, folder: plot(storage, folder / "page.html"),
}


@NEEDS_ZARR
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_only_reads(question: str, archive: Path, tmp_path: Path) -> None:
    storage = open_storage(str(archive))
    QUESTIONS[question](storage, storage.get_connectivity_set("gap"), tmp_path)


@pytest.mark.parametrize(
    "question",
    [pairs, distances, matrix, lambda cs: efferent(cs, [0])],
    ids=["pairs", "distances", "matrix", "efferent"],
)
def test_an_answer_that_holds_arrays_equals_itself_alone(
    sample: Sample, question: Callable[[Any], object]
) -> None:
    """Arrays have no one answer to whether they are equal."""
    one, other = (question(sample.connectivity("gap")) for _ in range(2))
    assert one != other
    assert 2 == len({one, other, one})


def test_it_counts_morphologies_and_files_and_names_what_cells_have(own_sample: Sample) -> None:
    storage = own_sample.storage
    for name in "ab":
        storage.morphologies.save(name, morphology_of("one branch"))
    for text in ("one", "two", "three"):
        storage.files.store(text)
    golgi = own_sample.placement("golgi")
    golgi.append_data(
        Chunk((9, 9, 9), CHUNK_SIZE), np.ones((1, 3)), additional={"weight": np.array([7.0])}
    )
    golgi.label(["a label"], [0])
    found = summary(storage)
    assert (2, 3) == (found.morphologies, found.files)
    (cells,) = (each for each in found.cells if each.name == "golgi")
    assert ("weight",) == cells.additional
    assert "a label" in cells.labels
    assert sorted(cells.labels) == list(cells.labels)
    chunks = {cell.chunk for cell in own_sample.cells["golgi"]}
    assert len(chunks) + 1 == len(golgi.get_all_chunks()) == cells.chunks


def test_an_empty_network_has_no_chunk_size_and_no_mean(engine: str, tmp_path: Path) -> None:
    storage = new_storage(engine, tmp_path)
    assert summary(storage).chunk_size is None
    cells = storage.require_placement_set(cell_type("golgi"))
    storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    found = summary(storage)
    assert CellSummary("golgi", 0, 0, (), ()) == found.cells[0]
    assert ConnectionSummary("loops", "golgi", "golgi", 0, None, None) == found.connections[0]


def test_the_mean_degrees_are_known_for_all_spellings_of_a_type(tmp_path: Path) -> None:
    storage = new_storage("classic", tmp_path)
    kinds = [cell_type(name) for name in ("lib/a", "lib//a")]
    storage.require_placement_set(kinds[0]).append_data(Chunk((0, 0, 0), None), np.zeros((4, 3)))
    loop = storage.require_connectivity_set(kinds[1], kinds[1], "loop")
    sources, targets = np.array([[0, -1, -1], [1, -1, -1]]), np.array([[2, -1, -1], [3, -1, -1]])
    loop.chunk_connect(Chunk((0, 0, 0), None), Chunk((0, 0, 0), None), sources, targets)
    (found,) = summary(storage).connections
    assert (0.5, 0.5) == (found.mean_in_degree, found.mean_out_degree)
