"""
Earlier states of a network in an object store: they are listed, named, opened and let go.

Each commit there is a version. :func:`bsb_hdf5.open_storage` opens one, to read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import bsb

from .config import Root
from .errors import InputError
from .ports.versions import Expired, Version
from .storages import versioned
from .transactions.interrupts import without_interrupts


@without_interrupts
def versions(root: bsb.Storage | Root) -> list[Version]:
    """
    The versions of a network, the last first.

    :param root: ``bsb.Storage``, or the root of one.
    :raises StoreError: its store keeps no versions.
    :raises StoreNotFoundError: there is nothing at the root.
    """
    return versioned(root).versions()


@without_interrupts
def tag(root: bsb.Storage | Root, name: str, version: str | None = None) -> Version:
    """
    Give a version a name, which keeps it from being expired.

    :param name: that no other version has.
    :param version: id or tag of the version; without, the last one.
    :returns: the version, with its names.
    :raises InputError: there is no such version, or the name is taken.
    """
    return versioned(root).tag(name, version)


@without_interrupts
def expire(root: bsb.Storage | Root, older_than: datetime | timedelta) -> Expired:
    """
    Remove versions that are too old, but the last and those that have a name.

    Leftovers of killed sessions are removed, too, so no program may write meanwhile.

    :param older_than: a time with a time zone, or how long ago.
    :raises InputError: a time without a time zone.
    """
    if isinstance(older_than, timedelta):
        older_than = datetime.now(UTC) - older_than
    if older_than.tzinfo is None:
        raise InputError(
            f"older_than must have a time zone, unlike {older_than!r}; add tzinfo=timezone.utc",
            asked=older_than,
        )
    return versioned(root).expire(older_than)
