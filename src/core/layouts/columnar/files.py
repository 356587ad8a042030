"""Files in the columnar layout: a document each, whatever the id."""

from __future__ import annotations

from ....errors import FileNotStoredError, InvalidNameError
from ....ports.arrays import GroupWriter
from ...files import StoredContent
from ...names import check_name
from ..files import StoredFiles, is_document
from .members import find_member, names_of, new_member

ID = "id"


class ColumnarFiles(StoredFiles):
    """The files of a network."""

    def ids(self) -> tuple[str, ...]:
        if self._name not in self._root:
            return ()
        return names_of(self._group, ID, is_document)

    def store(self, id_: str, content: StoredContent) -> None:
        group, member = self._make_room(id_)
        super().store(id_, content)
        if member != id_:
            group.document(member).attributes.set(ID, id_)

    def remove(self, id_: str) -> None:
        found = self._find(id_)
        if found is None:
            raise FileNotStoredError(f"no file '{id_}' is stored", asked=id_)
        group, member = found
        group.delete(member)

    def _find(self, id_: str) -> tuple[GroupWriter, str] | None:
        if self._name not in self._root:
            return None
        member = find_member(self._group, id_, ID)
        if member is None or not is_document(self._group, member):
            return None
        return self._group, member

    def _make_room(self, id_: str) -> tuple[GroupWriter, str]:
        group = self._root.require_group(self._name)
        member = new_member(group, check_name(id_, "file"), ID)
        if member in group and not is_document(group, member):
            raise InvalidNameError(
                f"'{id_}' can't be the id of a file: '/{self._name}' has a member of this name that"
                " is not a file; choose another id",
                asked=id_,
            )
        return group, member
