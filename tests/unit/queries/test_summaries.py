"""A summary says what is stored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, LABELS
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
