"""
The manifest: the one object that says what a network holds.

It is the metadata of zarr's root group, with the consolidated metadata of all groups and arrays
below it: their attributes, and how many rows of each array are committed. The ``zarr.json`` of a
group or array says the same again, for programs that do not look into the root; it is written
after the commit, so it may be that of an earlier state where a session was killed in between. Then
the root can be restored if another program consolidates it from those (``restoration.py``).
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Collection
from functools import cached_property

import attrs

from ...core.json_types import Document
from ...errors import CorruptNetworkError, NotANetworkError
from . import first_version
from .metadata import group_document
from .paths import Kind, checked_path
from .restoration import restored, session_of
from .tree import (
    Node,
    checked_values,
    new_group,
    node_of,
    origin_of,
    text_of,
    to_json,
    walk,
)
from .values import MARK, attributes_of

_FORMAT = "network"
# The beginning of a manifest that no other program rewrote; its checksum follows.
_BEFORE_CHECK = b'{"zarr_format":3,"node_type":"group","attributes":{"bsb_hdf5":{"crc32":"'
_AFTER_CHECK = len(_BEFORE_CHECK) + 8
_VERSION = 3
_LOST_MARK = (
    f": its root lost the attribute {MARK!r}, as another program replaced all attributes;"
    " restore the zarr.json of the root from a copy"
)


@attrs.define(eq=False)
class Manifest:
    """
    One state of a network.

    :param generation: unique to this state.
    :param session: how many sessions led to it.
    :param tree: the root group.
    :param stale: what the previous state had and this one no longer has, and of which kind that is,
        by path; its readers may still need it, so the next commit removes it.
    :param changed: paths of what this state changed: if the session was killed, their own
        ``zarr.json`` is that of the state before.
    :param foreign: the metadata of groups and arrays of other programs that the root lists, by
        path.
    :param data: the stored bytes of all this.
    :param version: version of the format.
    """

    generation: str
    tree: Node
    stale: dict[str, Kind] = attrs.field(factory=dict)
    changed: list[str] = attrs.field(factory=list)
    foreign: dict[str, Document] = attrs.field(factory=dict)
    data: bytes = b""
    version: int = _VERSION
    session: int = 0

    @cached_property
    def nodes(self) -> list[tuple[tuple[str, ...], Node]]:
        """The groups and arrays that have a path, with their names."""
        # perf: append 400 cells; a commit asks for them several times.
        return [(names, node) for names, node in walk(self.tree) if "path" in node]

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Whether there is a group or an array, by path."""
        return {
            path: "group" if node["kind"] == "group" else "array"
            for path, node in self.by_path.items()
        }

    @cached_property
    def by_path(self) -> dict[str, Node]:
        """The groups and arrays that have a path, by it."""
        return {str(node["path"]): node for _, node in self.nodes}

    @property
    def is_old(self) -> bool:
        """Whether it was stored in the first version of the format."""
        return self.version == first_version.VERSION


def make_manifest(manifest: Manifest) -> Manifest:
    """The manifest itself, with its bytes to store."""
    tree = manifest.tree
    mark = {
        "crc32": "00000000",
        "format": _FORMAT,
        "version": _VERSION,
        "generation": manifest.generation,
        "session": manifest.session,
        "stale": [path for path, kind in manifest.stale.items() if kind == "array"],
        "stale_groups": [path for path, kind in manifest.stale.items() if kind == "group"],
        "changed": "",
    }
    nodes = ",".join(_entries(manifest))
    root = to_json(group_document(attributes_of(tree["attributes"], mark)))
    # The metadata are JSON already. What comes before in the mark has no such key.
    changed = ",".join(manifest.by_path[path]["entry"] for path in manifest.changed)
    root = root.replace('"changed":""', f'"changed":{{{changed}}}', 1)
    consolidated = '{"kind":"inline","must_understand":false,"metadata":{' + nodes + "}}"
    data = f'{root[:-1]},"consolidated_metadata":{consolidated}}}'.encode("ascii")
    manifest.data = _BEFORE_CHECK + _check_of(data) + data[_AFTER_CHECK:]
    manifest.version = _VERSION
    return manifest


def _entries(manifest: Manifest) -> list[str]:
    """The metadata of each group and array in the root."""
    for names, node in manifest.nodes:
        # Unchanged parts keep their text.
        text_of(names[-1], node, manifest.session)
    entries = {path: node["entry"] for path, node in manifest.by_path.items()}
    if not manifest.foreign:
        return list(entries.values())
    manifest.foreign = _still_foreign(manifest)
    for path, found in manifest.foreign.items():
        entries[path] = f"{to_json(path)}:{to_json(found)}"
    # zarr finds the members of a group only where they follow each other.
    return [entries[path] for path in sorted(entries)]


def _still_foreign(manifest: Manifest) -> dict[str, Document]:
    """What is foreign, without what lies where a group was removed or a session made something."""
    own = manifest.kinds
    kept: dict[str, Document] = {}
    for path, found in sorted(manifest.foreign.items()):
        above, origin = path.rpartition("/")[0], origin_of(found)
        if above in kept:
            is_kept = kept[above].get("node_type") == "group"
        else:
            # The root would not say what the copy is a copy of.
            is_in_group = not above or own.get(above) == "group"
            is_kept = is_in_group and (origin is None or origin[1] in own)
        if is_kept and path not in own:
            kept[path] = found
    return kept


def _check_of(data: bytes) -> bytes:
    """The checksum of a manifest, whatever is in its place."""
    return b"%08x" % zlib.crc32(data[_AFTER_CHECK:])


def read_manifest(data: bytes, location: str) -> Manifest:
    """
    Parse a manifest.

    :raises NotANetworkError: it belongs to another zarr store, or has an unknown version.
    :raises CorruptNetworkError: it is damaged, or contradicts itself.
    """
    document, mark = _marked(data, location)
    try:
        stale: dict[str, Kind] = {checked_path(path): "array" for path in mark["stale"]}
        if mark["version"] == first_version.VERSION:
            tree = first_version.read_tree(mark["tree"])
            return Manifest(
                str(mark["generation"]), tree, stale, data=data, version=first_version.VERSION
            )
        stale |= {checked_path(path): "group" for path in mark["stale_groups"]}
        changed = [checked_path(path) for path in mark["changed"]]
        nodes = document["consolidated_metadata"]["metadata"]
        if not data.startswith(_BEFORE_CHECK):
            nodes = restored(nodes, mark)
        tree, foreign = _tree(document["attributes"], nodes, stale)
        return Manifest(
            str(mark["generation"]),
            tree,
            stale,
            changed,
            foreign,
            data,
            session=session_of(mark),
        )
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        zlib.error,
    ) as error:
        # A wrong dtype is a ValueError, too.
        raise CorruptNetworkError(
            f"the manifest of '{location}' contradicts itself: {error!r}", location=location
        ) from error


def _marked(data: bytes, location: str) -> tuple[Document, Document]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptNetworkError(
            f"the manifest of '{location}' is not a JSON document: {error}", location=location
        ) from error
    if data.startswith(_BEFORE_CHECK) and not data.startswith(_check_of(data), len(_BEFORE_CHECK)):
        raise CorruptNetworkError(
            f"the manifest of '{location}' does not have its checksum", location=location
        )
    attributes = document.get("attributes") if isinstance(document, dict) else None
    mark = attributes.get(MARK) if isinstance(attributes, dict) else None
    if not isinstance(mark, dict) or mark.get("format") != _FORMAT:
        lost = _LOST_MARK if mark is None and _lists_own(document) else ""
        raise NotANetworkError(
            f"'{location}' is a zarr store, not a network{lost}", location=location
        )
    valid = tuple(range(first_version.VERSION, _VERSION + 1))
    if mark.get("version") not in valid:
        raise NotANetworkError(
            f"'{location}' has version {mark.get('version')!r} of the zarr format;"
            f" this version of bsb-hdf5 reads the versions {valid[0]} to {valid[-1]}",
            location=location,
            found=mark.get("version"),
            valid=valid,
        )
    return document, mark


def _lists_own(document: Document) -> bool:
    """Whether a root lists groups or arrays that sessions made."""
    with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):
        nodes = document["consolidated_metadata"]["metadata"]
        return any(origin_of(found) is not None for found in nodes.values())
    return False


def _tree(
    attributes: Document, nodes: dict[str, Document], gone: Collection[str]
) -> tuple[Node, dict[str, Document]]:
    """
    The root group, and the metadata of what is foreign, by path.

    :param attributes: of the root.
    :param nodes: the metadata of all groups and arrays.
    :param gone: paths of the state before, which zarr lists if it finds them.
    """
    tree = new_group()
    del tree["changed"]
    tree["attributes"] = checked_values(attributes)
    groups: dict[str, Node] = {"": tree}
    foreign: dict[str, Document] = {}
    # A group comes before its members.
    for path in sorted(nodes):
        above, _, last = path.rpartition("/")
        found = nodes[path]
        if _is_foreign(path, nodes, foreign):
            foreign[path] = found
            continue
        if path in gone:
            continue
        node = node_of(checked_path(path), found)
        if above not in groups:
            raise ValueError(
                f"{path!r} is in {above!r}, which has no {MARK!r} that says what it is"
            )
        if node["kind"] == "group":
            groups[path] = node
        name = found["attributes"][MARK].get("name", last)
        members = groups[above]["members"]
        if type(name) is not str:
            raise ValueError(f"the node {path!r} is called {name!r}")
        if name in members:
            raise ValueError(
                f"two members are called {name!r}: {members[name]['path']!r} and {path!r};"
                " delete the one that a killed session made, and consolidate the metadata again"
            )
        members[name] = node
    return tree, foreign


def _is_foreign(path: str, nodes: dict[str, Document], foreign: dict[str, Document]) -> bool:
    """
    Whether no session made what is at a path: it has no mark, or is a copy.

    What says of itself that it is elsewhere is a copy in a group of others, and if that is there.
    """
    origin = origin_of(nodes[path])
    if origin is None:
        return True
    if origin[1] == path:
        return False
    is_there = origin[1] in nodes and origin == origin_of(nodes[origin[1]])
    return is_there or path.rpartition("/")[0] in foreign
