"""
Versions of a network in an object store: listing, naming and removing them.

Each commit is a version, which :func:`bsb_hdf5.open_storage` opens to read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import bsb

from .config import Root
from .core.names import check_tag
from .errors import InputError
from .ports.versions import Expired, Version, check_version
from .storages import versioned
from .transactions.interrupts import without_interrupts


@without_interrupts
def versions(root: bsb.Storage | Root) -> list[Version]:
    """
    The versions of a network, newest first.

    :param root: ``bsb.Storage``, or the root of one.
    :raises StoreError: the store keeps no versions.
    :raises StoreNotFoundError: nothing lies at the root.
    """
    return versioned(root).versions()


@without_interrupts
def tag(root: bsb.Storage | Root, name: str, version: str | None = None) -> Version:
    """
    Give a version a name, so that :func:`expire` keeps it.

    :param name: a name that no other version has: 1 to 200 ASCII letters, digits,
        ``!$&'()+,-.:;=@_`` and, except at the ends, blanks; not ``.`` or ``..``, and not in the
        form of a version id.
    :param version: id or tag of the version; by default, the latest.
    :returns: the version, with its names.
    :raises InputError: there is no such version, or the name is taken or is not a valid tag.
    """
    check_tag(name)
    if version is not None:
        check_version(version)
    return versioned(root).tag(name, version)


@without_interrupts
def expire(root: bsb.Storage | Root, older_than: datetime | timedelta) -> Expired:
    """
    Remove old versions, except the latest and those that have a name.

    It also removes leftovers of killed sessions, so no program may write meanwhile.

    :param older_than: a time with a time zone, or a time span before now.
    :raises InputError: the time has no time zone, or lies in the future.
    :raises ReadOnlyError: the storage was opened at a version.
    """
    before = _before(older_than)
    return versioned(root).expire(before)


def _before(older_than: object) -> datetime:
    """The time before which versions are too old."""
    if isinstance(older_than, timedelta):
        return _ago(older_than)
    if not isinstance(older_than, datetime):
        raise InputError(
            "older_than must be a datetime or a timedelta, not"
            f" {type(older_than).__name__} ({older_than!r})",
            asked=older_than,
        )
    if older_than.utcoffset() is None:
        raise InputError(
            f"older_than must have a time zone; add tzinfo=timezone.utc to {older_than!r}",
            asked=older_than,
        )
    if older_than > datetime.now(UTC):
        raise InputError(
            f"older_than must be a time that has passed, not {older_than!r}", asked=older_than
        )
    return older_than


def _ago(age: timedelta) -> datetime:
    if age < timedelta(0):
        raise InputError(f"older_than must not be negative, as {age!r} is", asked=age)
    try:
        return datetime.now(UTC) - age
    except OverflowError as error:
        raise InputError(
            f"older_than must not reach back before the year 1, as {age!r} does", asked=age
        ) from error
