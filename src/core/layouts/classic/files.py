"""Files in the classic layout: a document each, at the path that its id is."""

from __future__ import annotations

from ....ports.arrays import GroupWriter
from ...files import StoredContent
from ...names import check_name
from ..files import StoredFiles, is_document
from .paths import Kind, canonical, find, locate, make_room, names_of, remove

_PART = "files"
# The id of a file whose path HDF5 writes in another way.
_ID = "id"


FILES = Kind("file", is_document)


class ClassicFiles(StoredFiles):
    """The files of a network."""

    def ids(self) -> tuple[str, ...]:
        if _PART not in self._root:
            return ()
        names = names_of(self._group, FILES)
        return tuple(sorted(self._id_at(name) if "/" in name else name for name in names))

    def store(self, id_: str, content: StoredContent) -> None:
        super().store(id_, content)
        if canonical(id_) != id_:
            group, name = self._make_room(id_)
            group.document(name).attributes.set(_ID, id_)

    def remove(self, id_: str) -> None:
        self._document(id_)
        remove(self._group, id_, FILES)

    def _id_at(self, path: str) -> str:
        """The id of the file at a path: as it was given, if that is known."""
        found = locate(self._group, path)
        given = None if found is None else found[0].document(found[1]).attributes.get(_ID)
        return given if isinstance(given, str) and canonical(given) == path else path

    def _find(self, id_: str) -> tuple[GroupWriter, str] | None:
        return find(self._group, id_, FILES) if _PART in self._root else None

    def _make_room(self, id_: str) -> tuple[GroupWriter, str]:
        check_name(id_, FILES.title)
        return make_room(self._root.require_group(_PART), id_, FILES)
