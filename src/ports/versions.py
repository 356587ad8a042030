"""Versions of a network, in stores that keep earlier states."""

from __future__ import annotations

from datetime import datetime

import attrs

from ..errors import InputError


@attrs.frozen
class Version:
    """
    A committed state of a network.

    :param id: id of the commit.
    :param written_at: when it was committed, with a time zone.
    :param message: message of the commit.
    :param writer: the program that committed it, and its machine.
    :param tags: its names.
    """

    id: str
    written_at: datetime
    message: str
    writer: str
    tags: tuple[str, ...] = ()


@attrs.frozen
class Expired:
    """
    The result of removing old versions.

    :param versions: number of versions that were removed.
    :param bytes: bytes that this freed.
    """

    versions: int
    bytes: int


def check_version(version: object) -> None:
    """
    Check that something can say which version is meant: an id, a tag, or a time.

    :raises InputError: it is something else, or a time without a time zone.
    """
    if not isinstance(version, str | datetime):
        raise InputError(
            "a version must be the id of one, a tag or a datetime, not"
            f" {type(version).__name__} ({version!r})",
            asked=version,
        )
    if isinstance(version, datetime) and version.utcoffset() is None:
        raise InputError(
            f"the time of a version must have a time zone, unlike {version!r};"
            " add tzinfo=timezone.utc, or call its astimezone() if it is local time",
            asked=version,
        )
