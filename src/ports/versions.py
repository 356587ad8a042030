"""Versions of a network, where its store keeps what it was before."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen
class Version:
    """
    A state of a network that was committed.

    :param id: of the commit.
    :param written_at: when it was committed, with a time zone.
    :param message: of the commit.
    :param writer: what committed it, and on which machine.
    :param tags: names that were given to it.
    """

    id: str
    written_at: datetime
    message: str
    writer: str
    tags: tuple[str, ...] = ()


@attrs.frozen
class Expired:
    """
    What was removed of versions that are too old.

    :param versions: how many can't be opened any more.
    :param bytes: that this freed.
    """

    versions: int
    bytes: int
