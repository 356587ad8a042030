"""The connections of some cells are those of a plain search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.errors import CellIdError, InputError
from bsb_hdf5.queries import Connections, afferent, efferent
from tests.unit.queries.networks import FILTERS, TAGS, Filters, Location, Sample

Ends = list[tuple[Location, Location]]
Query = Callable[..., Connections]
WAYS: list[tuple[Query, int]] = [(efferent, 0), (afferent, 1)]


def listed(found: Connections) -> Ends:
    pairs = zip(found.pre.tolist(), found.post.tolist(), strict=True)
    assert len(found) == len(found.pre)
    return [(tuple(pre), tuple(post)) for pre, post in pairs]


def in_order(sample: Sample, tag: str, ends: Ends, side: int, filters: Any) -> Ends:
    """By chunk of the one, then of the other side."""
    chunks = [
        [sample.cells[name][number].chunk for number in sample.kept(name, each)]
        for name, each in zip(TAGS[tag], filters, strict=True)
    ]
    return sorted(
        ends, key=lambda pair: (chunks[side][pair[side][0]], chunks[1 - side][pair[1 - side][0]])
    )


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize(("query", "side"), WAYS)
@pytest.mark.parametrize("tag", ["granule_to_golgi", "between golgi"])
def test_connections_of_some_cells_are_those_that_are_on_them(
    sample: Sample,
    tag: str,
    query: Query,
    side: int,
    filters: tuple[Filters | None, Filters | None],
) -> None:
    names = TAGS[tag]
    size = len(sample.kept(names[side], filters[side]))
    cs = sample.connectivity(tag)
    given = {
        end: sample.placement(name, each)
        for end, name, each in zip(("pre", "post"), names, filters, strict=True)
        if each is not None
    }
    random = np.random.default_rng(5)
    for count in {0, min(1, size), size // 2, size}:
        cells = random.permutation(size)[:count]
        ends = [
            pair for pair in sample.between(tag, *filters) if pair[side][0] in set(cells.tolist())
        ]
        found = query(cs, cells, **given)
        # As stored within a block; the order of several calls is that of the calls.
        expected = in_order(sample, tag, ends, side, filters)
        assert sorted(expected) == sorted(listed(found))
        assert in_order(sample, tag, listed(found), side, filters) == listed(found)


def test_a_cell_that_is_named_twice_counts_once(sample: Sample) -> None:
    cs = sample.connectivity("between golgi")
    for query, _ in WAYS:
        once, twice = query(cs, [1, 0]), query(cs, [0, 1, 1, 0])
        assert listed(once) == listed(twice)


def test_only_chunks_with_such_cells_are_read(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    cs = sample.connectivity("between golgi")
    cells = sample.cells["golgi"]
    asked: list[int] = []
    with sample.storage.read_scope() as session:
        data = type(cs._data(session))
    plain = data.read_locals

    def read(self: Any, direction: str, locals_: Any, *rest: Any, **named: Any) -> Any:
        asked.extend(locals_.tolist())
        return plain(self, direction, locals_, *rest, **named)

    monkeypatch.setattr(data, "read_locals", read)
    for number, cell in enumerate(cells):
        for query, side in WAYS:
            asked.clear()
            found = query(cs, [number])
            assert {cell.chunk} >= set(asked)
            assert all(pair[side][0] == number for pair in listed(found))


def test_cells_that_do_not_exist_are_refused(sample: Sample) -> None:
    cs = sample.connectivity("granule_to_golgi")
    for query, side in WAYS:
        size = len(sample.cells[TAGS["granule_to_golgi"][side]])
        for outside in ([size], [-1]):
            with pytest.raises(CellIdError):
                query(cs, outside)
        wrong: list[Any] = [[0.5], [[0]], ["a"]]
        for each in wrong:
            with pytest.raises(InputError):
                query(cs, each)
        with pytest.raises(InputError):
            query(cs, [], post=sample.placement("granule"))
