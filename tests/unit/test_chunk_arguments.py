"""Chunks as callers give them: chunks, or three coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bsb import Chunk

from bsb_hdf5.chunk_arguments import (
    as_chunk,
    as_chunks,
    as_id,
    as_ids,
    chunk_size_to_note,
    chunks_by_id,
    each_chunk,
    given_chunks,
    ids_of,
    note_chunk_size,
)
from bsb_hdf5.errors import ChunkSizeError, InputError, ShapeError

SIZE = (10.0, 20.0, 30.0)
FIRST, SECOND, LAST = Chunk((0, 0, 0), SIZE), Chunk((1, 2, 3), None), Chunk((-1, 0, 0), SIZE)
IDS = [0, 1 + (2 << 16) + (3 << 32), 65535]


def test_a_chunk_stays_the_same_object() -> None:
    for chunk, id_ in zip((FIRST, SECOND, LAST), IDS, strict=True):
        assert chunk is as_chunk(chunk)
        assert id_ == as_id(chunk) == int(chunk.id)


@pytest.mark.parametrize("given", [(1, 2, 3), [1.0, 2.0, 3.0], np.array([1, 2, 3], np.uint8)])
def test_coordinates_are_a_chunk_of_unknown_size(given: Any) -> None:
    found = as_chunk(given)
    assert isinstance(found, Chunk)
    assert [1, 2, 3] == found.tolist()
    assert IDS[1] == as_id(given)
    # What is computed with chunks has another dtype.
    assert IDS[1] == as_id(SECOND + np.zeros(3, dtype=np.int64))
    assert IDS[2] == as_id(FIRST - np.array([1, 0, 0], dtype=np.int64))


def test_what_is_computed_with_chunks_is_a_chunk_if_it_could_be_given_as_one() -> None:
    for given in (FIRST + np.array([1, 2, 3]), LAST * 2.0, Chunk((2, 4, 6), SIZE) / 2):
        found = as_chunk(given)
        assert (Chunk, np.dtype(np.int16)) == (type(found), found.dtype)
        assert given.tolist() == found.tolist()
        assert [*SIZE] == found.dimensions.tolist()
        assert found.id == as_id(given)
        assert [np.int16] == [each.dtype for each in given_chunks(given)]
    assert np.isnan(as_chunk(SECOND + np.zeros(3, dtype=int)).dimensions).all()
    far = Chunk((32000, 0, 0), SIZE)
    for wrong in (Chunk((1, 1, 1), SIZE) / 2, LAST * 1.5, FIRST * np.nan):
        for read in (as_chunk, as_id, given_chunks, lambda chunk: each_chunk([chunk])):
            with pytest.raises(InputError, match="whole numbers"):
                read(wrong)
    for wrong in (far + np.array([1000, 0, 0]), FIRST - np.array([0, 40000, 0])):
        for read in (as_chunk, as_id, given_chunks, lambda chunk: each_chunk([chunk])):
            with pytest.raises(ShapeError, match="between -32768 and 32767"):
                read(wrong)


@pytest.mark.parametrize("wrong", [(1, 2), (1, 2, 3, 4), [[1, 2, 3]], 5, FIRST[:2]])
def test_other_shapes_are_refused(wrong: Any) -> None:
    with pytest.raises(ShapeError, match="three whole numbers"):
        as_chunk(wrong)


def test_other_values_are_refused() -> None:
    for wrong in ((1, 2, 0.5), "abc", (None, 1, 2), (np.nan, 0, 0)):
        with pytest.raises(InputError):
            as_chunk(wrong)
    with pytest.raises(ShapeError, match="between -32768 and 32767"):
        as_chunk((0, 0, 32768))


@pytest.mark.parametrize("wrong", [5, None, object()])
def test_no_list_of_chunks_is_refused(wrong: Any) -> None:
    for read in (each_chunk, as_ids, given_chunks):
        with pytest.raises(InputError, match="list of chunks"):
            read(wrong)


def test_some_chunks_come_once_each_by_id() -> None:
    other = Chunk((0, 0, 0), None)
    some = [LAST, FIRST, (1, 2, 3), other]
    assert [LAST, FIRST, other] == [each_chunk(some)[i] for i in (0, 1, 3)]
    assert sorted(IDS) == as_ids(iter(some)).tolist()
    found = given_chunks(iter(some))
    assert sorted(IDS) == [as_id(each) for each in found]
    # Of equal ones, the first.
    assert found[0] is FIRST
    by_id = chunks_by_id(some)
    assert by_id is not None
    assert sorted(IDS) == [*by_id]
    assert (found[0], found[1]) == (by_id[0], by_id[65535])
    found_ids = ids_of(by_id)
    assert found_ids is not None
    assert sorted(IDS) == found_ids.tolist()
    assert [FIRST] == given_chunks(FIRST)
    assert {0: FIRST} == chunks_by_id(FIRST)
    assert {} == chunks_by_id([])
    assert [None, None] == [chunks_by_id(None), ids_of(None)]


def test_equal_ids_get_the_same_chunk() -> None:
    ids, made = np.array([5, 0, 5]), {0: FIRST}
    found = as_chunks(ids, np.array(SIZE), made)
    assert [5, 0, 5] == [as_id(each) for each in found]
    assert found[0] is found[2] is made[5]
    assert found[1] is FIRST
    assert [*SIZE] == found[0].dimensions.tolist()
    assert [] == as_chunks(ids[:0], None)
    assert as_chunks(ids, None)[0] is not found[0]


class Network:
    """A network of which only the size of its chunks is asked for."""

    def __init__(self, size: Any) -> None:
        self.chunk_size = np.array(size, dtype=float)
        self.noted: list[list[float]] = []

    def set_chunk_size(self, size: Any) -> None:
        self.noted.append(size.tolist())


def test_the_first_chunk_with_a_size_gives_the_network_its_size() -> None:
    unknown: Any = Network([np.nan] * 3)
    found = chunk_size_to_note(unknown, FIRST)
    assert found is not None
    assert [*SIZE] == found.tolist()
    assert chunk_size_to_note(unknown, SECOND) is None
    note_chunk_size(unknown, SECOND)
    assert [] == unknown.noted
    note_chunk_size(unknown, FIRST)
    assert [[*SIZE]] == unknown.noted
    known: Any = Network(SIZE)
    note_chunk_size(known, FIRST)
    note_chunk_size(known, SECOND)
    assert [] == known.noted
    other: Any = Network((1.0, 1.0, 1.0))
    with pytest.raises(ChunkSizeError):
        note_chunk_size(other, FIRST)
