"""What the groups and arrays of one session share."""

from __future__ import annotations

import attrs

from .errors import FailureSource, translated


@attrs.define(eq=False)
class Context:
    """
    Of a session.

    :param location: of the store, for messages.
    :param source: the file below HDF5, which knows why it failed.
    :param changes: made so far.
    """

    location: str
    source: FailureSource | None = None
    changes: int = 0

    def translated(self) -> translated:
        """Errors of h5py as ours."""
        return translated(self.location, self.source)
