"""The chunk filter of a resource."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from bsb import Chunk

from .chunk_arguments import ChunkLike, as_chunk, as_id, each_chunk, id_of
from .core.chunk_id import Ids
from .errors import InputError


class ChunkFilter:
    """The part of a resource that restricts it to some of its chunks."""

    if TYPE_CHECKING:

        def get_all_chunks(self) -> list[Chunk]: ...

    def __init__(self) -> None:
        # Sorted by id.
        self._chunks: dict[int, Chunk] = {}

    def get_loaded_chunks(self) -> list[Chunk]:
        """The chunks that the resource is restricted to; by default, all."""
        return list(self._chunks.values()) if self._chunks else self.get_all_chunks()

    @contextlib.contextmanager
    def chunk_context(self, chunks: Iterable[ChunkLike]) -> Iterator[None]:
        """Restrict the set to some chunks until the end of a ``with`` block."""
        before = self._chunks
        self.set_chunk_filter(chunks)
        try:
            yield
        finally:
            self._chunks = before

    def include_chunk(self, chunk: ChunkLike) -> None:
        """Restrict the set to this chunk as well."""
        self.set_chunk_filter([*self._chunks.values(), chunk])

    def exclude_chunk(self, chunk: ChunkLike) -> None:
        """
        Remove a chunk from those that the set is restricted to.

        :raises ValueError: the set is not restricted to it.
        """
        excluded = as_id(chunk)
        if excluded not in self._chunks:
            raise InputError(f"the set is not restricted to chunk {as_chunk(chunk).tolist()}")
        self._chunks = {id_: kept for id_, kept in self._chunks.items() if id_ != excluded}

    def set_chunk_filter(self, chunks: Iterable[ChunkLike]) -> None:
        """Restrict the set to some chunks; an empty list removes the restriction."""
        by_id = {id_of(chunk): chunk for chunk in reversed(each_chunk(chunks))}
        self._chunks = dict(sorted(by_id.items())) if len(by_id) > 1 else by_id

    def clear_chunk_filter(self) -> None:
        """Remove the restriction to some chunks."""
        self._chunks = {}

    def _selected_chunks(self) -> Ids | None:
        return np.array(list(self._chunks), dtype=np.int64) if self._chunks else None
