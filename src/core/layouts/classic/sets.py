"""What placement and connectivity sets have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ....errors import CorruptNetworkError
from ....ports.cache import CacheView
from ...chunk_id import Ids, sorted_ids
from ...statistics import NetworkTotals


class Totals(Protocol):
    """The network that a set counts in."""

    @property
    def totals(self) -> NetworkTotals: ...

    @property
    def cache(self) -> CacheView: ...

    def touch(self) -> None: ...


def chunk_ids(names: Iterable[str], where: str) -> Ids:
    """
    Ids of chunks from the names of their groups, ascending.

    :raises CorruptNetworkError: a name is no id.
    """
    try:
        return sorted_ids(int(name) for name in names)
    except (ValueError, OverflowError) as error:
        raise CorruptNetworkError(f"{where} holds a member that is no chunk: {error}") from error
