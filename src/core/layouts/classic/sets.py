"""Common parts of placement and connectivity sets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Protocol

from ....ports.cache import CacheView
from ...chunk_id import Ids, sorted_ids
from ...statistics import NetworkTotals

_CHUNKS = 1 << 48
# A number without leading zeros, of as many digits as the last chunk has at most.
_match_number = re.compile("0|[1-9][0-9]{0,14}").fullmatch


class Repository(Protocol):
    """The morphologies of a network."""

    def lacks(self, names: Collection[str]) -> Collection[str]: ...


class Totals(Protocol):
    """The network that a set counts in."""

    @property
    def totals(self) -> NetworkTotals: ...

    @property
    def cache(self) -> CacheView: ...

    def touch(self) -> None: ...


class Network(Totals, Protocol):
    """The network of cells and their morphologies."""

    @property
    def morphologies(self) -> Repository: ...

    def unlist_morphology(self, name: str) -> None: ...


def is_chunk_id(name: str) -> bool:
    """Whether a name is the id of a chunk, as the groups of chunks are named."""
    return _match_number(name) is not None and int(name) < _CHUNKS


def chunk_ids(names: Iterable[str]) -> Ids:
    """Ids of chunks from the names of their groups, ascending; other names are left out."""
    ids = sorted_ids(list(map(int, filter(_match_number, names))))
    return ids[: ids.searchsorted(_CHUNKS)]
