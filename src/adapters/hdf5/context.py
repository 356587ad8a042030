"""What the groups and arrays of one session share."""

from __future__ import annotations

from typing import Any

import attrs

from ...errors import SessionClosedError
from .errors import FailureSource, translated

# Groups and arrays that stay open for the sessions that follow.
_MOST_MEMBERS = 512


@attrs.define(eq=False)
class Context:
    """
    Of a session.

    :param location: of the store, for messages.
    :param source: the file below HDF5, which knows why it failed.
    :param members: kind and id of HDF5 by path, open beyond the session.
    :param changes: made so far.
    :param ended: whether the session is over, so that nothing can be read or written.
    """

    location: str
    source: FailureSource | None = None
    members: dict[str, tuple[str, Any]] = attrs.field(factory=dict)
    changes: int = 0
    ended: bool = False

    def translated(self) -> translated:
        """
        Errors of h5py as ours.

        :raises SessionClosedError: the session is over.
        """
        if self.ended:
            raise SessionClosedError("the session that this belongs to has ended")
        return translated(self.location, self.source)

    def remember(self, path: str, member: tuple[str, Any]) -> None:
        """Keep a group or array open; the one that was opened first may have to go."""
        if len(self.members) >= _MOST_MEMBERS:
            del self.members[next(iter(self.members))]
        self.members[path] = member
