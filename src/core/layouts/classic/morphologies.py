"""Morphologies in the classic layout: a group each, and one document of metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

import numpy as np

from ....errors import CorruptNetworkError, MorphologyNotFoundError, NodeNotFoundError
from ....ports.arrays import GroupReader, GroupWriter
from ...json_types import Document
from ...labels import LabelSets
from ...morphology import MorphologyTable, dump_meta, load_meta
from ...names import check_name
from ...paths import canonical
from ..documents import padded, read_json, write_json
from ..nodes import ARRAY, GROUP, kind_of
from ..optional_verbs import create_fixed_array
from .paths import Kind, find, make_room, names_of, remove
from .sets import Network

_PART, _META = "morphologies", "morphology_meta"
_DATA, _GRAPH = "data", "graph"
# The name of a morphology whose path HDF5 writes in another way.
GIVEN_NAME = "morphology_name"


def _is_morphology(group: GroupReader, name: str) -> bool:
    if kind_of(group, name) != GROUP:
        return False
    member = group.group(name)
    return any(each in member and kind_of(member, each) == ARRAY for each in (_DATA, _GRAPH))


MORPHOLOGIES = Kind(
    "morphology",
    _is_morphology,
    frozenset((_DATA, _GRAPH)),
    lambda group, name: group.group(name).attributes.get(GIVEN_NAME),
)


class ClassicMorphologies:
    """The morphologies of a network."""

    def __init__(self, root: GroupWriter, network: Network) -> None:
        self._root = root
        self._network = network
        self._meta_changed = False

    def names(self) -> tuple[str, ...]:
        return names_of(self._root.group(_PART), MORPHOLOGIES) if _PART in self._root else ()

    def __contains__(self, name: str) -> bool:
        return canonical(name) in self._known or self._find(name) is not None

    def lacks(self, names: Collection[str]) -> Collection[str]:
        unknown = frozenset(names) - self._known
        return frozenset(name for name in unknown if self._find(name) is None)

    def damage(self) -> Iterator[str]:
        # The layout has no checksums.
        return iter(())

    def load(self, name: str) -> MorphologyTable:
        found = self._find(name)
        if found is None:
            raise MorphologyNotFoundError(f"there is no morphology '{name}'", asked=name)
        group, last = found
        try:
            return _read_table(group.group(last))
        except (LookupError, ValueError, TypeError) as error:
            raise CorruptNetworkError(f"the morphology '{name}' can't be read: {error}") from error

    def save(self, name: str, table: MorphologyTable) -> None:
        check_name(name, MORPHOLOGIES.title)
        if name in self:
            self._delete(name)
            self._forget_other_spelling(name)
        part = self._root.require_group(_PART)
        group, last = make_room(part, name, MORPHOLOGIES)
        member = group.require_group(last)
        if canonical(name) != name:
            member.attributes.set(GIVEN_NAME, name)
        attributes = create_fixed_array(member, _DATA, table.data).attributes
        write_json(attributes, "labels", _text_keys(table.labels))
        attributes.set("properties", list(table.properties))
        create_fixed_array(member, _GRAPH, table.graph)
        self._known.add(canonical(name))

    def remove(self, name: str) -> None:
        if name not in self:
            raise MorphologyNotFoundError(f"there is no morphology '{name}'", asked=name)
        self._delete(name)
        # bsb-hdf5 8.0.2 needs every morphology that a chunk lists, whether a cell uses it or not.
        self._network.unlist_morphology(name)

    def _delete(self, name: str) -> None:
        remove(self._root.group(_PART), name, MORPHOLOGIES)
        self._known.discard(canonical(name))

    def _find(self, name: str) -> tuple[GroupWriter, str] | None:
        if _PART not in self._root:
            return None
        found = find(self._root.group(_PART), name, MORPHOLOGIES)
        if found is not None:
            self._known.add(canonical(name))
        return found

    @property
    def _known(self) -> set[str]:
        """The paths of morphologies that were found or saved before."""
        known: set[str] | None = self._network.cache.get(_PART)
        if known is None:
            known = set()
            self._network.cache.put(_PART, known)
        return known

    def meta(self) -> Document:
        return load_meta(dump_meta(self._meta))

    def meta_of(self, name: str) -> Document:
        key = self._spelling(name)
        if key is None and name in self:
            return {}
        if key is None:
            raise MorphologyNotFoundError(f"there is no morphology '{name}'", asked=name)
        return load_meta(dump_meta(self._meta[key]))

    def update_meta(self, meta: Mapping[str, object]) -> None:
        self._meta.update(load_meta(dump_meta(meta)))
        self._change_meta()

    def replace_meta(self, meta: Mapping[str, object]) -> None:
        self.__dict__["_meta"] = load_meta(dump_meta(meta))
        self._change_meta()

    def forget_meta(self, name: str) -> None:
        key = self._spelling(name)
        if key is not None:
            del self._meta[key]
            self._change_meta()

    def _forget_other_spelling(self, name: str) -> None:
        other = self._spelling(name)
        if other is not None and other != name:
            self.forget_meta(other)

    def _spelling(self, name: str) -> str | None:
        """The name of a path that has metadata; None if none has."""
        if name in self._meta:
            return name
        path = canonical(name)
        return next((key for key in self._meta if canonical(key) == path), None)

    def flush(self) -> None:
        """Store the metadata; it is one document, so once a session."""
        if not self._meta_changed:
            return
        text = dump_meta(self._meta)
        self._root.write_document(_META, padded(text) if _META in self._root else text)
        self._meta_changed = False

    @cached_property
    def _meta(self) -> Document:
        if _META not in self._root:
            return {}
        try:
            document = self._root.document(_META)
        except NodeNotFoundError as error:
            raise CorruptNetworkError(f"'{_META}' is not a text") from error
        return load_meta(document.read())

    def _change_meta(self) -> None:
        self._meta_changed = True
        self._network.touch()


def _text_keys(labels: LabelSets) -> dict[str, list[str]]:
    return {str(code): names for code, names in labels.to_lists().items()}


def _read_table(group: GroupReader) -> MorphologyTable:
    data = group.array(_DATA)
    properties = data.attributes.get("properties")
    return MorphologyTable(
        np.asarray(data.read(), dtype=np.float64),
        np.asarray(group.array(_GRAPH).read(), dtype=np.int64).reshape(-1, 2),
        LabelSets.from_lists(read_json(data.attributes, "labels")),
        () if properties is None else tuple(map(str, properties)),
    )
