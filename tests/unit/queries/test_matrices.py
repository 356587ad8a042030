"""Matrices between groups are those of a plain count."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk

from bsb_hdf5.core.chunk_id import unpack
from bsb_hdf5.errors import CorruptNetworkError, InputError
from bsb_hdf5.queries import GroupKey, matrices, matrix
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import FILTERS, TAGS, TYPES, Filters, Sample, new_storage

pytestmark = pytest.mark.usefixtures("_pieces")


def groups(sample: Sample, name: str, by: str, filters: Filters | None) -> dict[Any, list[int]]:
    """Cells of each group, as numbers under the filters."""
    found: dict[Any, list[int]] = {name: []} if by == "type" else {}
    for i, number in enumerate(sample.kept(name, filters)):
        cell = sample.cells[name][number]
        keys: list[Any] = [name]
        if by == "chunk":
            keys = [(name, tuple(unpack([cell.chunk])[0].tolist()))]
        elif by == "label":
            keys = [(name, label) for label in cell.labels] or [(name, None)]
        for key in keys:
            found.setdefault(key, []).append(i)
    return found


def plain(
    sample: Sample, value: str, by: str, filters: dict[str, Filters | None]
) -> dict[tuple[GroupKey, GroupKey], float]:
    """The value of each pair of groups."""
    found = {}
    for pre, post in itertools.product(TYPES, ["golgi"]):
        sets = [tag for tag, types in TAGS.items() if types == (pre, post)]
        sides = filters[pre], filters[post]
        between = [sample.pairs(tag, *sides) for tag in sets]
        for (a, sources), (b, targets) in itertools.product(
            groups(sample, pre, by, sides[0]).items(), groups(sample, post, by, sides[1]).items()
        ):
            here = [
                {k: n for k, n in each.items() if k[0] in sources and k[1] in targets}
                for each in between
            ]
            count = sum(sum(each.values()) for each in here)
            if value != "count":
                count = len(set().union(*here))
            possible = len(sources) * len(targets)
            chance = count / possible if possible else float("nan")
            found[a, b] = chance if value == "probability" else count
    return found


@pytest.mark.parametrize("by", ["type", "label", "chunk"])
@pytest.mark.parametrize("value", ["count", "pairs", "probability"])
def test_it_counts_between_groups_with_and_without_filters(
    sample: Sample, value: str, by: str
) -> None:
    for chosen in FILTERS:
        filters = dict(zip(TYPES, chosen, strict=True))
        cells = [sample.placement(name, filters[name]) for name in TYPES]
        found = matrix(sample.storage, value, by=by, cells=cells)
        expected = plain(sample, value, by, filters)
        keys = list(itertools.product(found.pre, found.post))
        assert set(expected) == set(keys)
        np.testing.assert_array_equal(
            [expected[key] for key in keys], found.values.reshape(-1), strict=False
        )
        for names, numbers in ((found.pre, found.pre_cells), (found.post, found.post_cells)):
            sizes: dict[Any, int] = {}
            for name in TYPES:
                by_group = groups(sample, name, by, filters[name])
                sizes |= {key: len(held) for key, held in by_group.items()}
            assert [sizes[key] for key in names] == numbers.tolist()


def test_some_sets_are_asked_alone(sample: Sample) -> None:
    found = matrix(sample.connectivity("gap"))
    assert (("granule",), ("golgi",)) == (found.pre, found.post)
    assert [[len(sample.connections["gap"])]] == found.values.tolist()
    assert (0, 0) == matrix([]).values.shape


def test_a_single_placement_set_needs_no_list(sample: Sample) -> None:
    golgi = sample.placement("golgi", Filters(labels=("active",)))
    cs = sample.connectivity("gap")
    expected = matrix(cs, cells=[golgi]).values.tolist()
    assert [[len(sample.between("gap", None, Filters(labels=("active",))))]] == expected
    assert expected == matrix(cs, cells=golgi).values.tolist()


def test_a_probability_says_what_it_was_divided_by(sample: Sample) -> None:
    assert "ordered pairs" in matrix(sample.storage, "probability").over
    assert "" == matrix(sample.storage).over


def test_as_many_entries_as_fit_are_answered(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices, "_MOST_ENTRIES", 2)
    assert (2, 1) == matrix(sample.storage).values.shape


def test_1_gib_of_entries_fit(tmp_path: Path) -> None:
    storage = new_storage("memory", tmp_path)
    cells = storage.require_placement_set(cell_type("golgi"))
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), [[1.0, 2.0, 3.0]])
    storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    cells.label([f"label {i}" for i in range(11_586)], [0])
    with pytest.raises(
        InputError, match="a matrix of 11586 by 11586 groups is too large"
    ) as raised:
        matrix(storage, by="label")
    assert (1 << 30) // 8 == raised.value.fields["valid"]


def test_what_does_not_fit_is_refused(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrices, "_MOST_ENTRIES", 1)
    with pytest.raises(InputError, match="is too large"):
        matrix(sample.storage)
    with pytest.raises(InputError, match="value must be 'count' or 'pairs' or 'probability'"):
        matrix(sample.storage, "sum")
    with pytest.raises(InputError, match="by must be 'type' or 'label' or 'chunk', not 'colour'"):
        matrix(sample.storage, by="colour")
    with pytest.raises(InputError, match="or a network is needed, not 3"):
        matrix(3)


@pytest.mark.parametrize("by", ["label", "chunk"])
@pytest.mark.parametrize("value", ["count", "pairs"])
@pytest.mark.parametrize("past", [0, 600])
def test_a_connection_on_no_cell_is_named(
    own_sample: Sample, value: str, by: str, past: int
) -> None:
    missing, cs = own_sample.connect_with_no_cell("gap", past), own_sample.connectivity("gap")
    with pytest.raises(CorruptNetworkError, match=f"is on cell {missing} in chunk"):
        matrix(cs, value, by=by)
