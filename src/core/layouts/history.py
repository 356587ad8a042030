"""The history of a set: its revision and time of creation, in every layout."""

from __future__ import annotations

import attrs

from ...ports.arrays import AttributeReader, AttributeWriter
from .documents import interpreting

_REVISION, _CREATED = "revision", "created_at"


@attrs.frozen
class SetHistory:
    """
    What a set says of itself; None where early versions stored nothing.

    :param revision: how many sessions changed it.
    :param created_at: when it was made, in ISO 8601.
    """

    revision: int | None
    created_at: str | None


def read_history(attributes: AttributeReader) -> SetHistory:
    """
    The history of a set.

    :raises CorruptNetworkError: its revision is not a number.
    """
    revision, created = attributes.get(_REVISION), attributes.get(_CREATED)
    with interpreting(_REVISION):
        return SetHistory(
            None if revision is None else int(revision), None if created is None else str(created)
        )


def write_history(attributes: AttributeWriter, history: SetHistory) -> None:
    """Store the history of a set, without the parts that are None."""
    values: dict[str, int | str | None] = {
        _REVISION: history.revision,
        _CREATED: history.created_at,
    }
    for name, value in values.items():
        if value is None:
            attributes.delete(name)
        else:
            attributes.set(name, value)


def advance_revision(attributes: AttributeWriter, sessions: int = 1) -> int:
    """
    Count sessions that changed a set; the revision from now on.

    :raises CorruptNetworkError: the revision is not a number.
    """
    held = attributes.get(_REVISION)
    with interpreting(_REVISION):
        revision = sessions if held is None else int(held) + sessions
    attributes.set(_REVISION, revision)
    return revision
