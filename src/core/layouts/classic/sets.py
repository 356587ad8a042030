"""What placement and connectivity sets have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ....ports.cache import CacheView
from ...chunk_id import Ids, sorted_ids
from ...statistics import NetworkTotals

_CHUNKS = 1 << 48
_MOST_DIGITS = 15


class Totals(Protocol):
    """The network that a set counts in."""

    @property
    def totals(self) -> NetworkTotals: ...

    @property
    def cache(self) -> CacheView: ...

    def touch(self) -> None: ...


def is_chunk_id(name: str) -> bool:
    """Whether a name is the id of a chunk, as the groups of chunks are named."""
    if not (name.isascii() and name.isdigit()) or len(name) > _MOST_DIGITS:
        return False
    return (name[0] != "0" or name == "0") and int(name) < _CHUNKS


def chunk_ids(names: Iterable[str]) -> Ids:
    """Ids of chunks from the names of their groups, ascending; what is named otherwise is none."""
    return sorted_ids(int(name) for name in names if is_chunk_id(name))
