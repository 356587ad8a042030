"""The parts of a file that the classic layout knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....ports.arrays import GroupReader
from ...chunk_id import is_chunk_id
from ...paths import canonical
from ..nodes import ARRAY, DOCUMENT, GROUP, kind_of
from ..unknown import Known, arrays, named
from .connectivity import CONNECTIVITY
from .files import FILES
from .morphologies import GIVEN_NAME, MORPHOLOGIES
from .paths import Kind, has_items
from .placement import PLACEMENT

Members = Callable[[GroupReader, str], Known | None]

_COLUMNS = arrays("position", "rotation", "morphology", "labels")


def _items(kind: Kind, known: Callable[[GroupReader, str], Known]) -> Known:
    """A group of a part, or one on the way to an item."""

    def member(group: GroupReader, name: str) -> Known | None:
        if kind.is_item(group, name):
            return known(group, name)
        leads = kind_of(group, name) == GROUP and has_items(group.group(name), kind)
        return _items(kind, known) if leads else None

    return Known(member=member)


def _sharing(kind: Kind, known: Callable[[GroupReader, str], Known], own: Members) -> Members:
    """Members of an item, within which other items may lie."""
    others = _items(kind, known).member

    def member(group: GroupReader, name: str) -> Known | None:
        return own(group, name) if name in (kind.own or ()) else others(group, name)

    return member


def _cells(group: GroupReader, name: str) -> Known:
    if kind_of(group, name) != GROUP:
        return Known()
    held = group.group(name).attributes.get("additional_keys")
    keys = frozenset(canonical(str(key)) for key in (held if isinstance(held, list) else ()))

    def chunk_member(group: GroupReader, name: str) -> Known | None:
        if name == "additional" and kind_of(group, name) == GROUP:
            return _additional(keys, "")
        return _COLUMNS(group, name)

    def member(group: GroupReader, name: str) -> Known | None:
        if not is_chunk_id(name) or kind_of(group, name) != GROUP:
            return None
        return Known(named("morphology_loaders"), chunk_member)

    return Known(_CELL_ATTRIBUTES, member)


_CELL_ATTRIBUTES = named(
    "cell_type", "revision", "created_at", "chunks", "len", "labelsets", "additional_keys"
)


def _additional(keys: frozenset[str], prefix: str) -> Known:
    """The additional data of the keys that a set lists; the layout does not know any other."""

    def member(group: GroupReader, name: str) -> Known | None:
        path = prefix + name
        if kind_of(group, name) == GROUP:
            leads = any(key.startswith(f"{path}/") for key in keys)
            return _additional(keys, f"{path}/") if leads else None
        return Known() if path in keys else None

    return Known(member=member)


def _connections(group: GroupReader, name: str) -> Known:
    def own(group: GroupReader, name: str) -> Known | None:
        return Known(member=_local_chunk) if kind_of(group, name) == GROUP else None

    return Known(_SET_ATTRIBUTES, _sharing(CONNECTIVITY, _connections, own))


_SET_ATTRIBUTES = named("pre", "post", "tag", "len", "chunks", "revision", "created_at")


def _local_chunk(group: GroupReader, name: str) -> Known | None:
    if not is_chunk_id(name) or kind_of(group, name) != GROUP:
        return None
    # The first row of each block is an attribute that is named by its chunk.
    return Known(
        lambda name: name == "chunk_list" or name.isdigit(), arrays("local_locs", "global_locs")
    )


def _morphology(group: GroupReader, name: str) -> Known:
    def own(group: GroupReader, name: str) -> Known | None:
        if kind_of(group, name) != ARRAY:
            return None
        return Known(named("labels", "properties")) if name == "data" else Known()

    given = MORPHOLOGIES.given(group, name)
    is_given = isinstance(given, str) and "/" in given
    attributes = named(GIVEN_NAME) if is_given else named()
    return Known(attributes, _sharing(MORPHOLOGIES, _morphology, own))


def _file(group: GroupReader, name: str) -> Known:
    return Known(named("encoding", "meta", "mtime", "id"))


_PARTS = {
    "placement": _items(PLACEMENT, _cells),
    "connectivity": _items(CONNECTIVITY, _connections),
    "morphologies": _items(MORPHOLOGIES, _morphology),
    "files": _items(FILES, _file),
}


def _part(group: GroupReader, name: str) -> Known | None:
    if name == "morphology_meta":
        return Known() if kind_of(group, name) == DOCUMENT else None
    return _PARTS.get(name) if kind_of(group, name) == GROUP else None


ROOT = Known(
    named("bsb_version", "bsb_hdf5_version", "bsb_provenance", "chunk_size", "chunks"), _part
)

_KINDS = {"placement": PLACEMENT, "connectivity": CONNECTIVITY, "morphologies": MORPHOLOGIES}


def is_part(root: GroupReader, names: Sequence[str]) -> bool:
    """Whether what is at a path is a part of a set or morphology."""
    kind, known = _KINDS.get(names[0]) if names else None, ROOT
    group: GroupReader | None = root
    if kind is None:
        return False
    in_item = is_part = False
    for name in names:
        if group is None or name not in group:
            return False
        member = known.member(group, name)
        if member is None:
            return False
        is_part = is_part or (in_item and (kind.own is None or name in kind.own))
        in_item = is_part or (group is not root and kind.is_item(group, name))
        known = member
        group = group.group(name) if kind_of(group, name) == GROUP else None
    return is_part
