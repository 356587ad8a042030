"""The parts of a network that the columnar layout knows."""

from __future__ import annotations

from collections.abc import Callable

from ....ports.arrays import GroupReader
from ..nodes import ARRAY, DOCUMENT, GROUP, kind_of
from ..unknown import Known, arrays, named
from .checksums import CHECKSUMS
from .files import ID
from .groups import TALLY
from .members import is_encoded, name_of
from .placement_names import ADDITIONAL, PlacementNames
from .placement_table import KEY

_HISTORY = ("revision", "created_at")


def is_placement(group: GroupReader, name: str) -> bool:
    """Whether a member of the group of all placement sets is one."""
    return _is_set(group, name, "cell_type", "segments")


def is_connectivity(group: GroupReader, name: str) -> bool:
    """Whether a member of the group of all connectivity sets is one."""
    return _is_set(group, name, "pre", "blocks")


def _is_set(group: GroupReader, name: str, attribute: str, table: str) -> bool:
    if kind_of(group, name) != GROUP:
        return False
    member = group.group(name)
    return member.attributes.get(attribute) is not None or table in member


def _cells(group: GroupReader) -> Known:
    # The names are only read.
    titles = PlacementNames.read(group).columns  # type: ignore[arg-type]
    column = arrays("segments", CHECKSUMS, "position", "rotation", "morphology", "labels")

    def additional(group: GroupReader, name: str) -> Known | None:
        if kind_of(group, name) != ARRAY:
            return None
        key = name_of(group, name, KEY)
        known = Known(named(KEY)) if is_encoded(name) else Known()
        return known if f"{ADDITIONAL}/{key}" in titles else None

    def member(group: GroupReader, name: str) -> Known | None:
        if name == ADDITIONAL and kind_of(group, name) == GROUP:
            return Known(member=additional)
        return column(group, name)

    return Known(named("cell_type", "names", TALLY, *_HISTORY), member, lambda name: name in titles)


def _connections(group: GroupReader) -> Known:
    return Known(
        named("pre", "post", "tag", TALLY, *_HISTORY),
        arrays("blocks", "cells", "points", CHECKSUMS),
    )


def _sets(
    is_set: Callable[[GroupReader, str], bool], known: Callable[[GroupReader], Known]
) -> Known:
    def member(group: GroupReader, name: str) -> Known | None:
        return known(group.group(name)) if is_set(group, name) else None

    return Known(member=member)


def _file(group: GroupReader, name: str) -> Known | None:
    known = Known(named("encoding", "meta", "mtime", *((ID,) if is_encoded(name) else ())))
    return known if kind_of(group, name) == DOCUMENT else None


_PARTS = {
    "placement_sets": _sets(is_placement, _cells),
    "connectivity_sets": _sets(is_connectivity, _connections),
    "morphology_tables": Known(
        named(TALLY), arrays("log", "points", "labels", "branches", "properties")
    ),
    "stored_files": Known(member=_file),
}
_RESERVED = named("placement", "connectivity", "morphologies", "morphology_meta", "files")


def _part(group: GroupReader, name: str) -> Known | None:
    if _RESERVED(name):
        return Known() if kind_of(group, name) == DOCUMENT else None
    return _PARTS.get(name) if kind_of(group, name) == GROUP else None


ROOT = Known(
    named(
        *("format", "format_version", "bsb_version", "bsb_hdf5_version", "bsb_provenance"),
        *("state_id", "chunk_size", "chunks", "staged_calls"),
    ),
    _part,
)
