"""Which chunks a resource is restricted to."""

from __future__ import annotations

from typing import Any

import pytest
from bsb import Chunk

from bsb_hdf5.chunk_filter import ChunkFilter
from bsb_hdf5.errors import InputError

A, B, C = (Chunk((x, 0, 0), (1.0, 1.0, 1.0)) for x in range(3))


class Some(ChunkFilter):
    """A resource of three chunks."""

    def get_all_chunks(self) -> list[Chunk]:
        return [A, B, C]


def loaded(some: Some) -> list[int]:
    return [int(each.id) for each in some.get_loaded_chunks()]


def selected(some: Some) -> list[int] | None:
    found = some._selected_chunks()
    return None if found is None else found.tolist()


def test_without_a_restriction_all_chunks_are_looked_at() -> None:
    some = Some()
    assert ([0, 1, 2], None) == (loaded(some), selected(some))


def test_a_resource_is_restricted_to_chunks_by_id() -> None:
    some = Some()
    some.set_chunk_filter(iter([C, A, C]))
    assert ([0, 2], [0, 2]) == (loaded(some), selected(some))
    assert some.get_loaded_chunks()[0] is A
    other = Chunk((0, 0, 0), None)
    some.set_chunk_filter([A, other])
    assert some.get_loaded_chunks()[0] is A
    some.set_chunk_filter([])
    assert ([0, 1, 2], None) == (loaded(some), selected(some))


def test_chunks_are_included_and_excluded() -> None:
    some = Some()
    some.include_chunk((2, 0, 0))
    some.include_chunk(A)
    some.include_chunk(A)
    assert [0, 2] == loaded(some)
    with pytest.raises(InputError, match=r"not restricted to chunk \[1, 0, 0\]"):
        some.exclude_chunk(B)
    some.exclude_chunk((0, 0, 0))
    assert [2] == loaded(some)
    some.exclude_chunk(C)
    assert [0, 1, 2] == loaded(some)
    some.include_chunk(B)
    some.clear_chunk_filter()
    assert ([0, 1, 2], None) == (loaded(some), selected(some))


def test_a_block_restricts_for_as_long_as_it_runs() -> None:
    some = Some()
    some.set_chunk_filter([C])
    with some.chunk_context([A, B]):
        assert [0, 1] == loaded(some)
        with some.chunk_context([B]):
            assert [1] == loaded(some)
        assert [0, 1] == loaded(some)
    assert [2] == loaded(some)
    with pytest.raises(KeyError), some.chunk_context([A]):
        raise KeyError
    assert [2] == loaded(some)


def test_what_are_no_chunks_changes_nothing() -> None:
    some: Any = Some()
    some.set_chunk_filter([C])
    for call in (some.set_chunk_filter, some.include_chunk, some.exclude_chunk):
        with pytest.raises(InputError):
            call([(1, 2)])
    with pytest.raises(InputError), some.chunk_context(5):
        raise AssertionError
    assert [2] == loaded(some)
