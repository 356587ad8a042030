"""Two mirrored copies of the connections: whether they agree, and where they do not."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.connectivity import Blocks, Perspective
from bsb_hdf5.core.mirrored import MirroredCopy, check_mirrored
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import CorruptNetworkError, InputError, StoreError, StoreIOError

Row = tuple[int, int, list[int], list[int]]
"""Presynaptic and postsynaptic chunk, and location on either side."""
ROWS: list[Row] = [
    (0, 3, [0, -1, -1], [1, 2, 3]),
    (0, 3, [1, -1, -1], [1, 2, 3]),
    (0, 3, [1, 0, 5], [0, -1, -1]),
    (0, 7, [2, -1, -1], [2, -1, -1]),
    (5, 3, [0, 1, 2], [3, 4, 5]),
]


class Stored:
    """A set of connections whose two copies may differ."""

    mirrored = True
    tag = "a_to_b"

    def __init__(self, incoming: list[Row], outgoing: list[Row]) -> None:
        self._rows = {"inc": incoming, "out": outgoing}
        self.error: Exception | None = None
        self.asked: list[tuple[list[int], list[int] | None]] = []

    def _view(self, direction: str) -> Perspective:
        columns: list[Any] = [*zip(*self._rows[direction], strict=True)] or [[], [], [], []]
        pre, post = (np.array(each, dtype=np.int64) for each in columns[:2])
        near, far = (np.array(each, dtype=np.int64).reshape(-1, 3) for each in columns[2:])
        return Blocks(pre, post, near, far).seen(direction)

    def local_sizes(self, direction: str) -> ChunkCounts:
        view = self._view(direction)
        counts: dict[int, int] = {}
        for chunk, size in zip(view.local_chunks.tolist(), np.diff(view.starts), strict=True):
            counts[chunk] = counts.get(chunk, 0) + int(size)
        return ChunkCounts.of(counts)

    def block_sizes(self, direction: str, local: int) -> ChunkCounts:
        view = self._view(direction)
        ours = view.local_chunks == local
        return ChunkCounts(view.global_chunks[ours], np.diff(view.starts)[ours])

    def read_locals(
        self, direction: str, locals_: Any, globals_: Any = None, *, cells_only: bool = False
    ) -> Iterator[Perspective]:
        self.asked.append((locals_.tolist(), None if globals_ is None else globals_.tolist()))
        if self.error is not None:
            raise self.error
        view = self._view(direction)
        for i, chunk in enumerate(view.local_chunks.tolist()):
            far = view.global_chunks[i]
            if chunk in locals_ and (globals_ is None or far in globals_):
                rows = slice(int(view.starts[i]), int(view.starts[i + 1]))
                yield Perspective(
                    direction,
                    view.local_chunks[i : i + 1],
                    view.global_chunks[i : i + 1],
                    np.array([0, rows.stop - rows.start]),
                    view.local_locations[rows],
                    view.global_locations[rows],
                )


def copies(incoming: list[Row], outgoing: list[Row], **options: Any) -> list[MirroredCopy]:
    stored: Any = Stored(incoming, outgoing)
    return [MirroredCopy.read(stored, each, 100, **options) for each in ("inc", "out")]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 100])
def test_copies_that_are_the_same_agree_however_they_are_read(most: int) -> None:
    stored: Any = Stored(ROWS, ROWS)
    check_mirrored(stored, most)
    incoming, outgoing = copies(ROWS, ROWS)
    assert [[0, 3], [0, 7], [5, 3]] == incoming.pairs.tolist() == outgoing.pairs.tolist()
    assert [3, 1, 1] == incoming.counts.tolist() == outgoing.counts.tolist()
    assert incoming.equals(outgoing)
    assert incoming.by_pair() == outgoing.by_pair()
    assert {(0, 3): 3, (0, 7): 1, (5, 3): 1} == {
        pair: count for pair, (count, _) in incoming.by_pair().items()
    }


def changed(row: int, side: int, column: int, value: int) -> list[Row]:
    rows: Any = [[*each[:2], [*each[2]], [*each[3]]] for each in ROWS]
    rows[row][2 + side][column] = value
    return rows  # type: ignore[no-any-return]


@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("side", range(2))
def test_each_number_of_a_location_counts(side: int, column: int) -> None:
    for row in (0, 2, 4):
        incoming, outgoing = copies(ROWS, changed(row, side, column, 9))
        assert not incoming.equals(outgoing)
        assert incoming.counts.tolist() == outgoing.counts.tolist()


def test_two_numbers_that_change_places_count() -> None:
    first, second = copies(ROWS, [*ROWS[:4], (5, 3, [0, 2, 1], [3, 4, 5])])
    assert not first.equals(second)
    first, second = copies(ROWS, [*ROWS[:4], (5, 3, [3, 4, 5], [0, 1, 2])])
    assert not first.equals(second)


def test_the_order_of_a_block_counts_where_it_is_asked_for() -> None:
    other = [ROWS[1], ROWS[0], *ROWS[2:]]
    assert not copies(ROWS, other)[0].equals(copies(ROWS, other)[1])
    incoming, outgoing = copies(ROWS, other, ordered=False)
    assert incoming.equals(outgoing)
    assert not MirroredCopy.equals(*copies(ROWS, changed(1, 0, 0, 9), ordered=False))
    # Blocks may come in any order.
    incoming, outgoing = copies(ROWS, ROWS[::-1][:2] + ROWS[:3])
    assert incoming.equals(outgoing)


def test_without_a_block_or_a_row_copies_differ() -> None:
    for other in (ROWS[:4], ROWS[1:], [*ROWS, ROWS[0]], []):
        incoming, outgoing = copies(ROWS, other)
        assert not incoming.equals(outgoing)
        assert not outgoing.equals(incoming)
    nothing, none = copies([], [])
    assert nothing.equals(none)
    assert ((0, 2), 0) == (nothing.pairs.shape, len(nothing.counts))


def test_where_copies_differ_is_reported() -> None:
    stored: Any = Stored(ROWS, [*changed(0, 0, 0, 9)[:4]])
    with pytest.raises(CorruptNetworkError) as caught:
        check_mirrored(stored, 10)
    message = str(caught.value)
    assert "'a_to_b' differ: 5 incoming and 4 outgoing connections" in message
    assert "from chunk 0 to 3 3 and 3 that are not the same, from chunk 5 to 3 1 and 0" in message
    assert "more" not in message and "other places" not in message
    assert {
        "tag": "a_to_b",
        "counts": (5, 4),
        "where": [(0, 3, 3, 3), (5, 3, 1, 0)],
    } == caught.value.fields


@pytest.mark.parametrize(("blocks", "rest"), [(10, ""), (11, ", and in 1 other places")])
def test_ten_places_are_named(blocks: int, rest: str) -> None:
    rows: list[Row] = [(chunk, 0, [0, -1, -1], [0, -1, -1]) for chunk in range(blocks)]
    stored: Any = Stored(rows, [])
    with pytest.raises(CorruptNetworkError) as caught:
        check_mirrored(stored, 100)
    assert 10 == len(caught.value.fields["where"]) == str(caught.value).count("from chunk")
    assert f"from chunk 9 to 0 1 and 0{rest};" in str(caught.value)


def test_what_is_stored_once_can_not_contradict() -> None:
    stored: Any = Stored(ROWS, [])
    stored.mirrored = False
    check_mirrored(stored, 10)
    assert [] == stored.asked


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StoreError("odd"), CorruptNetworkError),
        (CorruptNetworkError("odd"), CorruptNetworkError),
        (StoreIOError("odd"), CorruptNetworkError),
        (StoreIOError("odd", errno=errno.EIO), StoreIOError),
    ],
    ids=repr,
)
def test_a_copy_that_can_not_be_read_is_named(error: Exception, kind: type[StoreError]) -> None:
    stored: Any = Stored(ROWS, ROWS)
    stored.error = error
    with pytest.raises(
        StoreError, match=r"the 'inc' copy of .* 'a_to_b' can't be read: odd"
    ) as found:
        check_mirrored(stored, 10)
    assert kind is type(found.value)
    assert ("a_to_b", "inc") == (found.value.fields["tag"], found.value.fields["direction"])
    assert getattr(error, "errno", None) == found.value.fields.get("errno")
    stored.error = InputError("mine")
    with pytest.raises(InputError, match="mine"):
        check_mirrored(stored, 10)
