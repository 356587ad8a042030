"""Groups, arrays, documents and attributes, over bytes by key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import attrs
import numpy as np

from ...core.names import can_name
from ...errors import CorruptNetworkError, InvalidNameError
from ...ports.arrays import AnyArray, DType
from ..native.arrays import Array, ArrayWriter, Document, DocumentWriter
from ..native.attributes import AttributesBase, AttributesWriterBase, StoredValue
from ..native.groups import Group, GroupWriter, Member
from . import encoding
from .encoding import ArrayForm
from .guarded import Guarded

GROUP, _ARRAY, _DOCUMENT = b"g", b"a", b"d"


class Tree:
    """
    What the nodes of a session share.

    :param transaction: where everything lies.
    :param next_id: of the node that is made next.
    """

    def __init__(self, transaction: Guarded, next_id: int) -> None:
        self.transaction = transaction
        self.next_id = next_id

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def delete_node(self, kind: bytes, node: int) -> None:
        """Delete a node, its attributes, and all below it."""
        transaction = self.transaction
        if kind == GROUP:
            for key in transaction.keys(encoding.members(node)):
                below, child, _ = self.entry(key) or (b"", 0, "")
                self.delete_node(below, child)
                transaction.delete(key)
        else:
            for key in transaction.keys(encoding.pages(node)):
                transaction.delete(key)
            transaction.delete(encoding.array(node))
        for key in transaction.keys(encoding.attributes(node)):
            transaction.delete(key)

    def entry(self, key: bytes) -> tuple[bytes, int, str] | None:
        """Kind, id and name of the member of a key."""
        value = self.transaction.get(key)
        if value is None:
            return None
        name, content = encoding.split(value)
        kind, child = content[:1], int.from_bytes(content[1:], "big")
        # A node has a greater id than its group, so no node is within itself.
        is_there = encoding.group_of(key) < child < self.next_id
        if kind not in (GROUP, _ARRAY, _DOCUMENT) or not is_there:
            raise CorruptNetworkError(
                f"the entry of '{name}' in '{self.transaction.location}' refers to no node"
            )
        return kind, child, name

    def names(self, prefix: bytes) -> Iterator[str]:
        """The names of all members or attributes whose keys begin alike."""
        for key in self.transaction.keys(prefix):
            name = encoding.name_in(key)
            if name is None:
                name = encoding.split(self.transaction.get(key) or b"")[0]
            yield name


class KeyAttributes(AttributesBase):
    """Attributes, to read: a key each."""

    def __init__(self, tree: Tree, node: int) -> None:
        self._tree = tree
        self._node = node

    def names(self) -> tuple[str, ...]:
        return tuple(self._tree.names(encoding.attributes(self._node)))

    def get(self, name: str) -> Any:
        found = self._tree.transaction.get(self._key(name)) if can_encode(name) else None
        return None if found is None else encoding.load_value(encoding.split(found)[1])

    def _key(self, name: str) -> bytes:
        return encoding.attribute(self._node, name)


class KeyAttributesWriter(KeyAttributes, AttributesWriterBase):
    """Attributes that can be changed."""

    def _put(self, name: str, value: StoredValue) -> None:
        check_encodable(name)
        stored = encoding.named(name, encoding.dump_value(value))
        self._tree.transaction.put(self._key(name), stored)

    def _drop(self, name: str) -> None:
        if can_encode(name) and self._tree.transaction.get(self._key(name)) is not None:
            self._tree.transaction.delete(self._key(name))


class KeyMember:
    """A group, array or document, to read."""

    def __init__(self, tree: Tree, node: int) -> None:
        self._tree = tree
        self._node = node

    @property
    def attributes(self) -> KeyAttributes:
        return KeyAttributes(self._tree, self._node)

    @property
    def _rows(self) -> Rows:
        return Rows(self._tree, self._node)


class KeyMemberWriter(KeyMember):
    """A group, array or document that can be changed."""

    @property
    def attributes(self) -> KeyAttributesWriter:
        return KeyAttributesWriter(self._tree, self._node)


def can_encode(name: str) -> bool:
    """Whether a name can be a part of a key: whether it has no lone surrogates."""
    return can_name(name) or "/" in name or name in ("", ".", "..")


def check_encodable(name: str) -> None:
    """
    Check that a name can be stored.

    :raises InvalidNameError: it can't be encoded as UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InvalidNameError(f"{name!r} can't be encoded as UTF-8", asked=name) from error


class Rows:
    """
    The rows of an array: pages of an equal number of rows, a key each.

    :param node: id of the array.
    """

    def __init__(self, tree: Tree, node: int) -> None:
        self._transaction = tree.transaction
        self.node = node

    @property
    def form(self) -> ArrayForm:
        found = self._transaction.get(encoding.array(self.node))
        if found is None:
            raise CorruptNetworkError(
                f"the form of an array is missing in '{self._transaction.location}'"
            )
        return ArrayForm.load(found)

    def read(self, start: int, stop: int) -> AnyArray:
        form = self.form
        per_page, width = form.page_rows, form.row_bytes
        data = bytearray()
        for number in range(start // per_page, -(-stop // per_page) if width else 0):
            first = number * per_page
            begin, end = max(start - first, 0), min(stop - first, per_page)
            whole = begin == 0 and end in (per_page, form.length - first)
            part = self._page(number, None if whole else (begin * width, end * width))
            if len(part) != (end - begin) * width:
                raise CorruptNetworkError(
                    f"rows {first + begin} to {first + end} of an array are not complete in"
                    f" '{self._transaction.location}'"
                )
            data += part
        return np.frombuffer(data, form.dtype).reshape(stop - start, *form.width)

    def _page(self, number: int, part: tuple[int, int] | None) -> bytes:
        key = encoding.page(self.node, number)
        if part is None:
            return self._transaction.get(key) or b""
        return self._transaction.get_range(key, *part) or b""

    def write(self, form: ArrayForm, start: int, rows: AnyArray) -> None:
        """Write rows from one on, within the array or at its end."""
        per_page, width, stop = form.page_rows, form.row_bytes, start + len(rows)
        data = memoryview(np.ascontiguousarray(rows).tobytes())
        for number in range(start // per_page, -(-stop // per_page) if width else 0):
            first = number * per_page
            begin, end = max(start - first, 0), min(stop - first, per_page)
            piece = data[(first + begin - start) * width : (first + end - start) * width]
            held = min(form.length - first, per_page)
            if begin > 0 or end < held:
                before = self._page(number, None)
                piece = memoryview(before[: begin * width] + piece + before[end * width :])
            self._transaction.put(encoding.page(self.node, number), bytes(piece))
        self._put_form(attrs.evolve(form, length=max(form.length, stop)))

    def cut(self, length: int) -> None:
        form = self.form
        per_page, width = form.page_rows, form.row_bytes
        last = length // per_page
        kept = self._page(last, (0, (length - last * per_page) * width))
        for number in range(last, -(-form.length // per_page) if width else 0):
            self._transaction.delete(encoding.page(self.node, number))
        if kept:
            self._transaction.put(encoding.page(self.node, last), kept)
        self._put_form(attrs.evolve(form, length=length))

    def create(self, rows: AnyArray) -> None:
        form = ArrayForm(rows.dtype, rows.shape[1:], 0)
        self.write(form, 0, rows)

    def _put_form(self, form: ArrayForm) -> None:
        self._transaction.put(encoding.array(self.node), form.dump())


class KeyArray(KeyMember, Array):
    """Rows, to read."""

    @property
    def shape(self) -> tuple[int, ...]:
        form = self._rows.form
        return form.length, *form.width

    @property
    def dtype(self) -> DType:
        return self._rows.form.dtype

    def _read(self, start: int, stop: int) -> AnyArray:
        return self._rows.read(start, stop)


class KeyArrayWriter(KeyMemberWriter, KeyArray, ArrayWriter):
    """Rows that can be changed."""

    def _append(self, rows: AnyArray) -> None:
        form = self._rows.form
        self._rows.write(form, form.length, rows)

    def _cut(self, rows: int) -> None:
        self._rows.cut(rows)

    def _overwrite(self, start: int, rows: AnyArray) -> None:
        self._rows.write(self._rows.form, start, rows)


class KeyDocument(KeyMember, Document):
    """A byte string, to read: an array of bytes."""

    def read(self) -> bytes:
        return self._rows.read(0, self._rows.form.length).tobytes()


class KeyDocumentWriter(KeyMemberWriter, KeyDocument, DocumentWriter):
    """A byte string that was written."""


class KeyGroup(KeyMember, Group):
    """A group, to read."""

    # Of its members, by kind.
    _classes: ClassVar[dict[bytes, Callable[[Tree, int], Member]]] = {}

    def _names(self) -> Iterable[str]:
        return self._tree.names(encoding.members(self._node))

    def __contains__(self, name: str) -> bool:
        return self._entry(name) is not None

    def _entry(self, name: str) -> tuple[bytes, int, str] | None:
        return self._tree.entry(encoding.member(self._node, name)) if can_encode(name) else None

    def _member(self, name: str) -> Member | None:
        entry = self._entry(name)
        return None if entry is None else self._classes[entry[0]](self._tree, entry[1])


class KeyGroupWriter(KeyMemberWriter, KeyGroup, GroupWriter):
    """A group that can be changed."""

    overwrites_in_place = True
    _classes: ClassVar[dict[bytes, Callable[[Tree, int], Member]]] = {}

    def _make_group(self, name: str) -> None:
        self._put(name, GROUP)

    def _make_array(self, name: str, rows: AnyArray, expected: int) -> None:
        Rows(self._tree, self._put(name, _ARRAY)).create(rows)

    def _make_document(self, name: str, content: bytes) -> None:
        Rows(self._tree, self._put(name, _DOCUMENT)).create(np.frombuffer(content, np.uint8))

    def _replace(self, name: str, content: bytes) -> None:
        rows = Rows(self._tree, self._id_of(name, _DOCUMENT))
        rows.cut(0)
        rows.create(np.frombuffer(content, np.uint8))

    def _remove(self, name: str) -> None:
        entry = self._entry(name)
        if entry is not None:
            self._tree.delete_node(*entry[:2])
            self._tree.transaction.delete(encoding.member(self._node, name))

    def _id_of(self, name: str, kind: bytes) -> int:
        self.document(name)
        entry = self._entry(name)
        assert entry is not None
        return entry[1]

    def _put(self, name: str, kind: bytes) -> int:
        """Make an entry for a new member; its id."""
        check_encodable(name)
        node = self._tree.new_id()
        entry = encoding.named(name, kind + node.to_bytes(8, "big"))
        self._tree.transaction.put(encoding.member(self._node, name), entry)
        return node


KeyGroup._classes |= {GROUP: KeyGroup, _ARRAY: KeyArray, _DOCUMENT: KeyDocument}
KeyGroupWriter._classes |= {
    GROUP: KeyGroupWriter,
    _ARRAY: KeyArrayWriter,
    _DOCUMENT: KeyDocumentWriter,
}
