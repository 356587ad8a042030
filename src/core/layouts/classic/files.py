"""Files in the classic layout: a document each, at the path that its id is."""

from __future__ import annotations

from ....ports.arrays import GroupWriter
from ...files import StoredContent
from ...names import check_name
from ...paths import canonical
from ..files import StoredFiles, is_document
from .paths import Kind, find, make_room, names_of, remove

_PART = "files"
# The id of a file whose path HDF5 writes in another way.
_ID = "id"


FILES = Kind(
    "file", is_document, given=lambda group, name: group.document(name).attributes.get(_ID)
)


class ClassicFiles(StoredFiles):
    """The files of a network."""

    def ids(self) -> tuple[str, ...]:
        if _PART not in self._root:
            return ()
        return names_of(self._group, FILES)

    def store(self, id_: str, content: StoredContent) -> None:
        super().store(id_, content)
        if canonical(id_) != id_:
            group, name = self._make_room(id_)
            group.document(name).attributes.set(_ID, id_)

    def remove(self, id_: str) -> None:
        self._document(id_)
        remove(self._group, id_, FILES)

    def _find(self, id_: str) -> tuple[GroupWriter, str] | None:
        return find(self._group, id_, FILES) if _PART in self._root else None

    def _make_room(self, id_: str) -> tuple[GroupWriter, str]:
        check_name(id_, FILES.title)
        return make_room(self._root.require_group(_PART), id_, FILES)
