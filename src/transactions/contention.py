"""Whether several programs write to one store at once, so that logging calls pays."""

from __future__ import annotations

from .versioned_cache import Version

# The share of the latest sessions before which another program wrote, and the weight of the last.
_MUCH, _WEIGHT = 0.25, 0.125


class Contention:
    """How often other programs write between the sessions in which this one does."""

    def __init__(self) -> None:
        self._left: Version = None
        self._share = 0.0

    def begin(self, version: Version) -> bool:
        """
        A session that writes has begun.

        :param version: of the store.
        :returns: whether writers often find that another one came before them.
        """
        overtaken = self._left is not None and version != self._left
        self._share += (overtaken - self._share) * _WEIGHT
        return self._share > _MUCH

    def commit(self, version: Version) -> None:
        """It has stored a version."""
        self._left = version
