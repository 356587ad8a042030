"""The root of a network in the columnar layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import ClassVar

import attrs
import numpy as np

from ....errors import NodeNotFoundError, NotANetworkError, ReadOnlyError, SetExistsError
from ....ports.arrays import AnyReader, GroupReader, GroupWriter
from ....ports.cache import CacheView
from ....ports.call_log import Mark
from ...names import check_name
from ...statistics import NetworkTotals
from ..documents import interpreting
from ..root import STATE, RootedNetwork, count_totals, not_found
from ..unknown import Unknown, unknown_below
from .connectivity import ColumnarConnectivity
from .files import ID, ColumnarFiles
from .known import ROOT, is_connectivity, is_placement
from .members import find_member, is_plain, member_of, names_of, new_member
from .morphologies import ColumnarMorphologies
from .placement import ColumnarPlacement

FORMAT = "bsb-hdf5-columnar"
FORMAT_VERSION = "1.1"
_PLACEMENT, _CONNECTIVITY = "placement_sets", "connectivity_sets"
_MORPHOLOGIES, _FILES = "morphology_tables", "stored_files"
# What bsb-hdf5 8.0.2 looks for in files that others can open: it stumbles over these, instead of
# seeing an empty network that it could write to.
_RESERVED = ("placement", "connectivity", "morphologies", "morphology_meta", "files")
_RESERVED_ATTRIBUTE = "chunks"
# The attribute with the name of a member that can't be called so.
NAMED_BY = {"placement": "cell_type", "connectivity": "tag", "files": ID}
# The major version of a network beside which there is a log, which programs must not ignore.
_MAJOR_WITH_CALLS = "2"
# The attribute of the mark.
_CALLS = "staged_calls"
CHECKED = ("columnar", "root")
"""The key in the cache of the root of a network whose version was checked."""
_IS_SET = {"placement": is_placement, "connectivity": is_connectivity}
# Their arrays and tables are useless without each other.
_ENTANGLED = frozenset((_PLACEMENT, _CONNECTIVITY, _MORPHOLOGIES, *_RESERVED))
_NOTICE = f"This is a network in the layout {FORMAT}, which needs bsb-hdf5 8.1 or later."


def check_version(root: GroupReader, location: str) -> None:
    """
    Check that this version of the layout can be read.

    :raises NotANetworkError: its major version differs.
    """
    found = root.attributes.get("format_version")
    major = FORMAT_VERSION.split(".", maxsplit=1)[0]
    given = found.split(".", maxsplit=1)[0] if isinstance(found, str) else None
    if given == _MAJOR_WITH_CALLS and root.attributes.get(_CALLS) is not None:
        return
    if given != major:
        raise NotANetworkError(
            f"'{location}' is a network in version {found!r} of the layout '{FORMAT}';"
            f" this engine reads the versions {major}.x",
            location=location,
            found=found,
            valid=f"{major}.x",
        )


@attrs.define(eq=False)
class KnownRoot:
    """
    What is known of the root of a network whose version was checked.

    :param marks: the mark, or None if there is none; empty if it was not read yet.
    """

    marks: tuple[Mark | None, ...] = ()


class ColumnarNetwork(RootedNetwork):
    """
    A stored network, for the duration of a session.

    :param known: of its root; without, nothing was read yet.
    """

    layout = "columnar"
    chunk_groups = False
    _parts: ClassVar = {
        "placement": _PLACEMENT,
        "connectivity": _CONNECTIVITY,
        "morphologies": _MORPHOLOGIES,
        "files": _FILES,
    }
    _state_apart = True
    _morphologies: ColumnarMorphologies | None = None

    def __init__(
        self, root: GroupWriter, cache: CacheView | None = None, known: KnownRoot | None = None
    ) -> None:
        super().__init__(root, cache)
        self._known = KnownRoot() if known is None else known
        self._placements: dict[str, ColumnarPlacement] = {}
        self._connectivities: dict[str, ColumnarConnectivity] = {}

    @classmethod
    def create(cls, root: GroupWriter) -> ColumnarNetwork:
        """Prepare an empty root group."""
        # What each session changes comes first: HDF5 keeps that closer together.
        root.attributes.set(STATE, 0)
        root.attributes.set("format", FORMAT)
        root.attributes.set("format_version", FORMAT_VERSION)
        if isinstance(root, AnyReader):
            for name in _RESERVED:
                root.write_document(name, _NOTICE)
            root.attributes.set(_RESERVED_ATTRIBUTE, _NOTICE)
        for name in (_PLACEMENT, _CONNECTIVITY, _FILES):
            root.require_group(name)
        ColumnarMorphologies.create(root.require_group(_MORPHOLOGIES))
        return cls(root)

    def unknown(self) -> Iterator[Unknown]:
        return unknown_below(self._root, ROOT)

    @property
    def mark(self) -> Mark | None:  # type: ignore[override]
        marks = self._known.marks
        if not marks:
            stored = self._root.attributes.get(_CALLS)
            with interpreting(_CALLS):
                mark = None if stored is None else Mark(*(int(each) for each in stored))
            self._known.marks = marks = (mark,)
        return marks[0]

    def set_mark(self, mark: Mark | None) -> None:
        """
        Say which calls of which log the network has not seen.

        This changes what is stored, but nothing of the network.
        """
        if (mark is None) != (self.mark is None):
            self._set_major(FORMAT_VERSION[0] if mark is None else _MAJOR_WITH_CALLS)
        if mark is None:
            self._root.attributes.delete(_CALLS)
        else:
            self._root.attributes.set(_CALLS, np.array(attrs.astuple(mark), dtype=np.int64))
        # Sessions of the state before share what was known of it.
        self._known = KnownRoot((mark,))
        self.remember()

    def remember(self) -> None:
        """Keep what is known of the root for the sessions to come."""
        self.cache.put(CHECKED, self._known)

    def _set_major(self, major: str) -> None:
        """Let only those programs read the file that know of a log, if there is one."""
        minor = str(self._root.attributes.get("format_version")).partition(".")[2]
        self._root.attributes.set("format_version", f"{major}.{minor}")

    def owns(self, names: Sequence[str]) -> bool:
        return not names or names[0] in _ENTANGLED or tuple(names) == (_FILES,)

    def is_part(self, names: Sequence[str]) -> bool:
        return len(names) > 1 and self.owns(names)

    def check_names(self, part: str, names: Sequence[str]) -> None:
        """Any text names anything."""

    def touch(self) -> None:
        """
        Count a change that is about to be made.

        :raises ReadOnlyError: the session only reads.
        """
        # Much is stored only at the end of a session, where it is too late to fail.
        if not hasattr(self._root, "require_group"):
            raise ReadOnlyError("the session only reads; this operation writes")
        super().touch()

    @property
    def totals(self) -> NetworkTotals:
        return count_totals(self)

    def place(self, part: str, *names: str) -> str:
        if part in NAMED_BY and names:
            group, (name, *rest) = self._root.group(self._parts[part]), names
            member = find_member(group, name, NAMED_BY[part]) or member_of(name)
            names = (member, *rest)
        return super().place(part, *names)

    def group_of(self, part: str, name: str) -> GroupWriter:
        sets = self._root.group(self._parts[part])
        member = name if is_plain(name) else find_member(sets, name, NAMED_BY[part])
        try:
            if member is not None:
                return sets.group(member)
        except NodeNotFoundError:
            pass
        raise not_found(part, name, self._names(part))

    def holds(self, part: str, name: object) -> bool:
        return name in self._names(part)

    def is_same(self, name: str, other: str) -> bool:
        return name == other

    def placement_names(self) -> tuple[str, ...]:
        return self._names("placement")

    def placement(self, name: str) -> ColumnarPlacement:
        found = self._placements.get(name)
        if found is None or (self._bypassed and name not in self.placement_names()):
            self._placements.pop(name, None)
            found = self._placements[name] = ColumnarPlacement(name, self)
        return found

    def create_placement(self, name: str, *, created_at: str) -> None:
        ColumnarPlacement.create(self._new_group("placement", name), name, created_at)
        # Callers removed it without the network.
        self._placements.pop(name, None)

    def remove_placement(self, name: str) -> None:
        # Raises if it does not exist.
        self.placement(name)
        self._remove("placement", name)
        del self._placements[name]

    def connectivity_tags(self) -> tuple[str, ...]:
        return self._names("connectivity")

    def connectivity(self, tag: str) -> ColumnarConnectivity:
        found = self._connectivities.get(tag)
        if found is None or (self._bypassed and tag not in self.connectivity_tags()):
            self._connectivities.pop(tag, None)
            found = self._connectivities[tag] = ColumnarConnectivity(tag, self)
        return found

    def create_connectivity(self, tag: str, pre: str, post: str, *, created_at: str) -> None:
        group = self._new_group("connectivity", tag)
        ColumnarConnectivity.create(group, tag, pre, post, created_at)
        self._connectivities.pop(tag, None)

    def remove_connectivity(self, tag: str) -> None:
        self.connectivity(tag)
        self._remove("connectivity", tag)
        del self._connectivities[tag]

    def clear_placement(self) -> None:
        self.touch()
        self._forget("placement", self.placement_names())
        self._placements.clear()
        self._replace(_PLACEMENT)
        self._forget_chunk_size()

    def clear_connectivity(self) -> None:
        self.touch()
        self._forget("connectivity", self.connectivity_tags())
        self._connectivities.clear()
        self._replace(_CONNECTIVITY)

    # perf: append morphologies; ``cached_property`` takes several times as long.
    @property
    def morphologies(self) -> ColumnarMorphologies:
        found = self._morphologies
        if found is None:
            find_group = partial(self._root.group, _MORPHOLOGIES)
            found = self._morphologies = ColumnarMorphologies(find_group, self)
        return found

    @cached_property
    def files(self) -> ColumnarFiles:
        return ColumnarFiles(self._root, _FILES)

    def release(self) -> None:
        self._placements.clear()
        self._connectivities.clear()
        self._morphologies = None

    def flush(self) -> None:
        for cells in self._placements.values():
            cells.flush()
        for connections in self._connectivities.values():
            connections.flush()
        if self._morphologies is not None:
            self._morphologies.flush()

    def _names(self, part: str) -> tuple[str, ...]:
        return names_of(self._root.group(self._parts[part]), NAMED_BY[part], _IS_SET[part])

    def _new_group(self, part: str, name: str) -> GroupWriter:
        """A group for a set that does not exist yet."""
        check_name(name, f"{part} set")
        sets = self._root.group(self._parts[part])
        member = new_member(sets, name, NAMED_BY[part])
        if member in sets:
            raise SetExistsError(f"the {part} set '{name}' exists", asked=name)
        self.touch()
        return sets.require_group(member)

    def _remove(self, part: str, name: str) -> None:
        sets = self._root.group(self._parts[part])
        member = find_member(sets, name, NAMED_BY[part])
        assert member is not None
        self.touch()
        self._forget(part, (name,))
        sets.delete(member)

    def _forget(self, part: str, names: tuple[str, ...]) -> None:
        for name in names:
            self.cache.invalidate(("columnar", part, name))

    def _replace(self, part: str) -> None:
        self._root.delete(part)
        self._root.require_group(part)
