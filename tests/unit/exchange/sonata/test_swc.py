"""SWC files keep every point, and readers find each at the section and segment that edges name."""

from __future__ import annotations

import json
from pathlib import Path

import morphio
import numpy as np
import pytest

from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.exchange.diff import same_morphology
from bsb_hdf5.exchange.sonata.sections import Sections
from bsb_hdf5.exchange.sonata.swc import from_swc, to_swc

LABELS = LabelSets({0: frozenset(), 1: frozenset(["soma"]), 2: frozenset(["dendrites", "x"])})


def random_table(seed: int) -> MorphologyTable:
    """Branches depth first, the soma first; some spring from a branch that goes on nowhere else."""
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 15))
    sizes = random.integers(2, 6, count)
    parents, stack = [-1], [0]
    for branch in range(1, count):
        while len(stack) > 1 and random.random() < 0.4:
            stack.pop()
        parents.append(stack[-1])
        stack.append(branch)
    ends = np.cumsum(sizes)
    codes = np.where(np.arange(ends[-1]) < ends[0], 1, 2)
    points = random.uniform(0, 100, (ends[-1], 3))
    data = np.column_stack([points, np.ones(ends[-1]), codes, random.random((ends[-1], 2))])
    return MorphologyTable(data, np.column_stack([ends, parents]), LABELS, ("depth", "width"))


def locations(table: MorphologyTable) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(table.data))
    branches = np.searchsorted(table.graph[:, 0], rows, side="right")
    return branches, rows - np.append(0, table.graph[:, 0])[branches]


@pytest.mark.parametrize("seed", range(20))
def test_a_reader_finds_each_point(seed: int, tmp_path: Path) -> None:
    table = random_table(seed)
    (tmp_path / "m.swc").write_text(to_swc(table, {}))
    read = morphio.Morphology(tmp_path / "m.swc", options=morphio.Option.no_modifier)
    known, found = Sections.of(table).locate(*locations(table))
    assert known.all()
    assert {0, *(each.id + 1 for each in read.sections)} == set(found.section.tolist())
    for row in np.flatnonzero(found.section):
        points = read.sections[found.section[row] - 1].points.astype(float)
        begin, end = points[found.segment[row]], points[found.segment[row] + 1]
        along = found.offset[row] / np.linalg.norm(end - begin)
        assert np.allclose(table.data[row, :3], begin + (end - begin) * along, atol=1e-3)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        passed = steps[: found.segment[row]].sum() + found.offset[row]
        assert passed / steps.sum() == pytest.approx(found.position[row], abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_sections_and_segments_lead_back_to_the_points(seed: int) -> None:
    table = random_table(seed)
    branches, points = locations(table)
    sections = Sections.of(table)
    _, places = sections.locate(branches, points)
    known, *back = sections.nearest(places.section, places.segment, places.offset)
    assert known.all()
    assert np.array_equal(branches, back[0])
    assert np.array_equal(points, back[1])


@pytest.mark.parametrize("seed", range(5))
def test_a_morphology_comes_back_as_it_was(seed: int) -> None:
    table = random_table(seed)
    meta = {"name": "m", "array": np.arange(3)}
    made, found = from_swc(to_swc(table, meta), "m")
    assert same_morphology(table, made)
    assert found is not None
    assert [0, 1, 2] == found["array"].tolist()
    assert {} == from_swc(to_swc(table, {}), "m")[1]
    assert from_swc(to_swc(table, None), "m")[1] is None


@pytest.mark.parametrize("seed", range(5))
def test_a_file_of_another_program_gets_a_branch_for_each_section(seed: int) -> None:
    table = random_table(seed)
    text = "\n".join(line for line in to_swc(table, {}).splitlines() if line[0] != "#")
    made, meta = from_swc(text, "m")
    assert meta is not None
    assert "m" == meta["name"]
    assert table.data[:, :3].min(axis=0).tolist() == meta["ldc"].tolist()
    assert table.data[:, :3].max(axis=0).tolist() == meta["mdc"].tolist()
    before, after = Sections.of(table), Sections.of(made)
    assert len(made.graph) == len(before.firsts) - 1
    _, places = before.locate(*locations(table))
    _, branches, points = after.nearest(places.section, places.segment, places.offset)
    rows = np.append(0, made.graph[:, 0])[branches] + points
    assert np.array_equal(table.data[:, :4], made.data[rows, :4])
    labels = made.labels.of(made.data[rows, 4].astype(np.int64))
    assert [frozenset(["soma" if i == 1 else "dendrites"]) for i in table.data[:, 4]] == labels


def test_places_that_do_not_exist_are_found_out() -> None:
    sections = Sections.of(random_table(1))
    known, _ = sections.locate(np.array([0, 0, 99, -1]), np.array([0, 99, 0, -1]))
    assert [True, False, False, False] == known.tolist()
    many = len(sections.firsts)
    known, *_ = sections.nearest(np.array([0, many]), np.array([0, 0]), np.zeros(2))
    assert [True, False] == known.tolist()


def test_branches_without_points_and_morphologies_without_branches_are_kept() -> None:
    for graph in ([], [[0, -1], [2, 0], [2, 1], [3, 2]]):
        points = graph[-1][0] if graph else 0
        data = np.zeros((points, 5))
        table = MorphologyTable(data, np.array(graph, np.int64).reshape(-1, 2), LabelSets(), ())
        assert same_morphology(table, from_swc(to_swc(table, {}), "m")[0])
        assert len(Sections.of(table).points.section) == points


def test_samples_are_numbered_from_one_with_their_parents() -> None:
    data = np.array([[0.0, 1, 2, 3, 1, 7, 8], [4, 5, 6, 7.5, 2, 9, 10], [1, 1, 1, 1, 0, 11, 12]])
    table = MorphologyTable(data, np.array([[1, -1], [2, 0]]), LABELS, ("depth", "width"))
    title, header, *samples = to_swc(table, {"of": 1}).split("\n")
    assert "# id type x y z radius parent" == title
    assert ["1 1 0.0 1.0 2.0 3.0 -1", "2 3 4.0 5.0 6.0 7.5 1", ""] == samples
    assert json.loads(header.removeprefix("# bsb-hdf5 ")) == {
        "graph": [[1, -1], [2, 0]],
        "labels": {"0": [], "1": ["soma"], "2": ["dendrites", "x"]},
        "codes": [1, 2],
        "properties": {"depth": [7.0, 9.0], "width": [8.0, 10.0]},
        "meta": {"of": 1},
    }


def test_a_file_of_another_program_may_number_its_samples_as_it_likes() -> None:
    lines = ["# of another program", "", "10 3 0 0 0 1 -1 # a root", " 12 1 5 0 0 2 -1", "  "]
    lines += ["7 3 0 1 0 1 10", "8 3 0 2 0 1 7", "9 2 1 1 0 1 7", "20 0 9 9 9 1 12"]
    made, _ = from_swc("\n".join(lines), "m")
    # The soma, then a section for each bifurcation and each change of type.
    assert [[1, -1], [3, -1], [4, 1], [5, 1], [6, 0]] == made.graph.tolist()
    assert [5.0, 0, 0, 0, 1, 9] == made.data[:, 0].tolist()
    assert [2.0, 1, 1, 1, 1, 1] == made.data[:, 3].tolist()
    labels = made.labels.of(made.data[:, 4].astype(np.int64))
    assert [["soma"], *[["dendrites"]] * 3, ["axon"], []] == list(map(sorted, labels))
    assert () == made.properties


@pytest.mark.parametrize("root", [1, 3], ids=["a soma", "a dendrite"])
def test_branches_of_a_file_of_another_program_may_spring_from_its_first_sample(root: int) -> None:
    lines = [f"1 {root} 0 0 0 2 -1", "2 3 1 0 0 1 1", "3 3 2 0 0 1 2", "4 2 0 1 0 1 1"]
    made, _ = from_swc("\n".join(lines), "m")
    assert [[1, -1], [3, 0], [4, 0]] == made.graph.tolist()
    assert [0.0, 1, 2, 0] == made.data[:, 0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "1 1 0 0 0 1",
        "1 1 a 0 0 1 -1",
        "1 1 0 0 0 1 2\n2 1 0 0 0 1 -1",
        "1 1 0 0 0 1 1",
        "1 1 0 0 0 1 -1\n1 1 0 0 0 1 -1",
        "1 1 0 0 0 1 -1\n2 1 0 0 0 1 9",
        "1 nan 0 0 0 1 -1",
        "1 1.5 0 0 0 1 -1",
        "1 1e300 0 0 0 1 -1",
    ],
)
def test_what_is_no_swc_file_is_refused(text: str) -> None:
    with pytest.raises(CorruptNetworkError, match="'m'"):
        from_swc(text, "m")
