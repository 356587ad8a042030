"""Chunks as callers give them, and as they are returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from bsb import Chunk
from numpy.typing import ArrayLike, NDArray

from .core.chunk_id import (
    Ids,
    agree_on_size,
    normalize_size,
    pack,
    pack_one,
    sorted_ids,
    unpack,
)
from .core.layouts.protocols import NetworkReader, NetworkWriter
from .core.validation import as_integers
from .errors import ChunkRangeError, InputError, ShapeError
from .exceptions import raise_as_bsb

ChunkLike: TypeAlias = Chunk | ArrayLike
"""A chunk, or its three coordinates."""
Chunks: TypeAlias = Chunk | Iterable[ChunkLike] | None
"""A restriction of reads: a chunk, or some; None for all."""

_COORDINATES = np.dtype(np.int16)


def as_chunk(chunk: ChunkLike) -> Chunk:
    """
    A chunk.

    :param chunk: a chunk, or its three coordinates; a chunk of unknown size then.
    :raises InputError: it is neither, or its coordinates are fractions or out of range.
    """
    # The result of arithmetic with chunks may have another dtype, and is not a chunk.
    if isinstance(chunk, Chunk) and chunk.shape == (3,) and chunk.dtype == _COORDINATES:
        return chunk
    coordinates = as_integers(chunk, "chunk coordinates")
    if coordinates.shape != (3,):
        raise ShapeError(f"a chunk must be three whole numbers, not {chunk!r}", asked=chunk)
    try:
        packed = pack(coordinates[None])
    except ChunkRangeError as error:
        raise_as_bsb(error)
    return Chunk(unpack(packed)[0], getattr(chunk, "_size", None))


def as_id(chunk: ChunkLike) -> int:
    """The id of a chunk; parameters and errors as for :func:`as_chunk`."""
    return id_of(as_chunk(chunk))


def id_of(chunk: Chunk) -> int:
    """The id of a chunk that :func:`as_chunk` returned."""
    return pack_one(*chunk.tolist())


def each_chunk(chunks: Iterable[ChunkLike]) -> list[Chunk]:
    """
    Some chunks.

    :raises InputError: they are not a list, or one of them is not a chunk.
    """
    return [as_chunk(chunk) for chunk in _listed(chunks)]


def _listed(chunks: Iterable[ChunkLike]) -> list[ChunkLike]:
    try:
        return list(chunks)
    except TypeError as error:
        raise InputError(
            f"chunks must be a list of chunks, not {chunks!r}", asked=chunks
        ) from error


def as_ids(chunks: Iterable[ChunkLike]) -> Ids:
    """Ids of chunks, each once, ascending."""
    return sorted_ids(map(as_id, _listed(chunks)))


def given_chunks(chunks: Chunk | Iterable[ChunkLike]) -> list[Chunk]:
    """A chunk, or some: each once, by id; errors as for :func:`each_chunk`."""
    return list(_by_id(chunks).values())


def chunks_by_id(chunks: Chunks) -> dict[int, Chunk] | None:
    """As :func:`given_chunks`, by id; None for all."""
    return None if chunks is None else _by_id(chunks)


def _by_id(chunks: Chunk | Iterable[ChunkLike]) -> dict[int, Chunk]:
    if isinstance(chunks, Chunk) and chunks.ndim == 1:
        chunk = as_chunk(chunks)
        return {id_of(chunk): chunk}
    found: dict[int, Chunk] = {}
    for chunk in each_chunk(chunks):
        found.setdefault(id_of(chunk), chunk)
    return dict(sorted(found.items()))


def ids_of(chunks: Mapping[int, Chunk] | None) -> Ids | None:
    """The ids of chunks, ascending; None for all."""
    return None if chunks is None else sorted_ids(chunks)


def as_chunks(
    ids: Ids, size: NDArray[np.float64] | None, made: dict[int, Chunk] | None = None
) -> list[Chunk]:
    """
    Chunks, one for each id; equal ids get the same object.

    :param size: (3,) um; None if it is unknown.
    :param made: chunks by id, to use; those that are made are added.
    """
    chunks = {} if made is None else made
    wanted = ids.tolist()
    missing = [id_ for id_ in dict.fromkeys(wanted) if id_ not in chunks]
    for id_, coordinates in zip(missing, unpack(missing).tolist(), strict=True):
        chunks[id_] = Chunk(coordinates, size)
    return [chunks[id_] for id_ in wanted]


def chunk_size_to_note(network: NetworkReader, chunk: Chunk) -> NDArray[np.float64] | None:
    """
    The size to note for the network: that of the first chunk that has one.

    :returns: (3,) um; None if there is nothing to note.
    :raises ChunkSizeError: the chunk is of another size than the network's.
    """
    return agree_on_size(network.chunk_size, normalize_size(getattr(chunk, "_size", None)))


def note_chunk_size(network: NetworkWriter, chunk: Chunk) -> None:
    """Note the size of the first chunk that has one; errors as for :func:`chunk_size_to_note`."""
    size = chunk_size_to_note(network, chunk)
    if size is not None:
        network.set_chunk_size(size)
