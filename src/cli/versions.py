"""The versions of networks in object stores: the command `versions`, and the option `--at`."""

from __future__ import annotations

import argparse
from datetime import datetime

import bsb

from ..network_versions import versions as versions_of
from ..storages import open_storage
from .formats import table
from .running import Answer


def versions(given: argparse.Namespace) -> Answer:
    """List the versions of a network."""
    found = versions_of(given.root)
    data = [
        {
            "id": each.id,
            "written_at": each.written_at.isoformat(),
            "tags": list(each.tags),
            "message": each.message,
            "writer": each.writer,
        }
        for each in found
    ]
    rows = [
        (
            each.id,
            each.written_at.isoformat(sep=" ", timespec="seconds"),
            ", ".join(each.tags) or "-",
            each.message,
        )
        for each in found
    ]
    lines = table(("version", "written at", "tags", "message"), rows)
    return Answer({"root": given.root, "versions": data}, lines)


def open_at(root: str, version: str | None) -> bsb.Storage:
    """
    The storage at a root, as it was.

    :param version: id or tag of a version, or a time such as ``2026-01-31T12:00``, of this place if
        it has no time zone; None for the last one.
    """
    return open_storage(root, version=None if version is None else _as_version(version))


def _as_version(text: str) -> str | datetime:
    try:
        time = datetime.fromisoformat(text)
        # A tag may be a date.
        return time.astimezone() if ":" in text else text
    except (ValueError, OverflowError):
        return text
