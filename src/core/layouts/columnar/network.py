"""The root of a network in the columnar layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import ClassVar

from ....errors import (
    NodeNotFoundError,
    NotANetworkError,
    ReadOnlyError,
    SetExistsError,
)
from ....ports.arrays import GroupReader, GroupWriter
from ....ports.cache import CacheView
from ...names import check_member
from ...statistics import NetworkTotals
from ..files import StoredFiles
from ..root import STATE, RootedNetwork, count_totals, not_found
from ..unknown import Unknown, unknown_below
from .connectivity import ColumnarConnectivity
from .known import ROOT, is_connectivity, is_placement
from .morphologies import ColumnarMorphologies
from .placement import ColumnarPlacement

FORMAT = "bsb-hdf5-columnar"
FORMAT_VERSION = "1.0"
_PLACEMENT, _CONNECTIVITY = "placement_sets", "connectivity_sets"
_MORPHOLOGIES, _FILES = "morphology_tables", "stored_files"
# What bsb-hdf5 8.0.2 looks for: it stumbles over these, instead of seeing an empty network that
# it could write to.
_RESERVED = ("placement", "connectivity", "morphologies", "morphology_meta", "files")
_RESERVED_ATTRIBUTE = "chunks"
# Their arrays and tables are of no use without each other.
_ENTANGLED = frozenset((_PLACEMENT, _CONNECTIVITY, _MORPHOLOGIES, *_RESERVED))
_NOTICE = f"This is a network in the layout {FORMAT}, which needs bsb-hdf5 8.1 or later."


def check_version(root: GroupReader, location: str) -> None:
    """
    Check that this version of the layout can be read.

    :raises NotANetworkError: it is of another major version.
    """
    found = root.attributes.get("format_version")
    major = FORMAT_VERSION.split(".", maxsplit=1)[0]
    if not isinstance(found, str) or found.split(".", maxsplit=1)[0] != major:
        raise NotANetworkError(
            f"'{location}' is a network in version {found!r} of the layout '{FORMAT}';"
            f" valid are the versions {major}.x",
            location=location,
            found=found,
            valid=f"{major}.x",
        )


class ColumnarNetwork(RootedNetwork):
    """A stored network, for the duration of a session."""

    layout = "columnar"
    chunk_groups = False
    _parts: ClassVar = {
        "placement": _PLACEMENT,
        "connectivity": _CONNECTIVITY,
        "morphologies": _MORPHOLOGIES,
        "files": _FILES,
    }
    _state_apart = True

    def __init__(self, root: GroupWriter, cache: CacheView | None = None) -> None:
        super().__init__(root, cache)
        self._placements: dict[str, ColumnarPlacement] = {}
        self._connectivities: dict[str, ColumnarConnectivity] = {}

    @classmethod
    def create(cls, root: GroupWriter) -> ColumnarNetwork:
        """Prepare an empty root group."""
        # What each session changes comes first: HDF5 keeps that closer together.
        root.attributes.set(STATE, 0)
        root.attributes.set("format", FORMAT)
        root.attributes.set("format_version", FORMAT_VERSION)
        for name in _RESERVED:
            root.write_document(name, _NOTICE)
        root.attributes.set(_RESERVED_ATTRIBUTE, _NOTICE)
        for name in (_PLACEMENT, _CONNECTIVITY, _FILES):
            root.require_group(name)
        ColumnarMorphologies.create(root.require_group(_MORPHOLOGIES))
        return cls(root)

    def unknown(self) -> Iterator[Unknown]:
        return unknown_below(self._root, ROOT)

    def owns(self, names: Sequence[str]) -> bool:
        return not names or names[0] in _ENTANGLED or tuple(names) == (_FILES,)

    def touch(self) -> None:
        """
        Count a change that is about to be made.

        :raises ReadOnlyError: the session only reads.
        """
        # Much is stored at the end of a session only, which would be too late to fail.
        if not hasattr(self._root, "require_group"):
            raise ReadOnlyError("the session only reads; this operation writes")
        super().touch()

    @property
    def totals(self) -> NetworkTotals:
        return count_totals(self)

    def placement_names(self) -> tuple[str, ...]:
        return self._names(_PLACEMENT, is_placement)

    def group_of(self, part: str, name: str) -> GroupWriter:
        sets = self._root.group(self._parts[part])
        try:
            return sets.group(name)
        except NodeNotFoundError as error:
            raise not_found(part, name, sets.names()) from error

    def placement(self, name: str) -> ColumnarPlacement:
        found = self._placements.get(name)
        if found is None:
            found = self._placements[name] = ColumnarPlacement(name, self)
        return found

    def create_placement(self, name: str, *, created_at: str) -> None:
        sets = self._root.group(_PLACEMENT)
        if check_member(name, "placement set") in sets:
            raise SetExistsError(f"the placement set '{name}' exists", asked=name)
        self.touch()
        ColumnarPlacement.create(sets.require_group(name), name, created_at)

    def remove_placement(self, name: str) -> None:
        # Unless there is none of that name.
        self.placement(name)
        self.touch()
        del self._placements[name]
        self.cache.invalidate(("columnar", "placement", name))
        self._root.group(_PLACEMENT).delete(name)

    def connectivity_tags(self) -> tuple[str, ...]:
        return self._names(_CONNECTIVITY, is_connectivity)

    def connectivity(self, tag: str) -> ColumnarConnectivity:
        found = self._connectivities.get(tag)
        if found is None:
            found = self._connectivities[tag] = ColumnarConnectivity(tag, self)
        return found

    def create_connectivity(self, tag: str, pre: str, post: str, *, created_at: str) -> None:
        sets = self._root.group(_CONNECTIVITY)
        if check_member(tag, "connectivity set") in sets:
            raise SetExistsError(f"the connectivity set '{tag}' exists", asked=tag)
        self.touch()
        ColumnarConnectivity.create(sets.require_group(tag), tag, pre, post, created_at)

    def remove_connectivity(self, tag: str) -> None:
        self.connectivity(tag)
        self.touch()
        del self._connectivities[tag]
        self.cache.invalidate(("columnar", "connectivity", tag))
        self._root.group(_CONNECTIVITY).delete(tag)

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

    @cached_property
    def morphologies(self) -> ColumnarMorphologies:
        return ColumnarMorphologies(self._root.group(_MORPHOLOGIES), self)

    @cached_property
    def files(self) -> StoredFiles:
        return StoredFiles(self._root, _FILES)

    def flush(self) -> None:
        for cells in self._placements.values():
            cells.flush()
        for connections in self._connectivities.values():
            connections.flush()
        if "morphologies" in self.__dict__:
            self.morphologies.flush()

    def _names(self, part: str, is_set: Callable[[GroupReader, str], bool]) -> tuple[str, ...]:
        sets = self._root.group(part)
        return tuple(name for name in sets.names() if is_set(sets, name))

    def _forget(self, part: str, names: tuple[str, ...]) -> None:
        for name in names:
            self.cache.invalidate(("columnar", part, name))

    def _replace(self, part: str) -> None:
        self._root.delete(part)
        self._root.require_group(part)
