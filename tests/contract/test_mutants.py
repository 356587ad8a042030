"""The contract notices broken stores: each mutant fails a test that the memory store passes."""

from __future__ import annotations

import json
import threading
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from bsb_hdf5.adapters.memory import arrays, store
from bsb_hdf5.adapters.native.attributes import stored_value
from bsb_hdf5.errors import StorageError
from bsb_hdf5.testing.store_contract import NewStore, StoreContract
from tests.contract.cases import contract_cases, failures_of
from tests.mutants import NOTICED, check_is_called_alike

Patch = Callable[[pytest.MonkeyPatch], None]

Array, ArrayWriter = arrays.MemoryArray, arrays.MemoryArrayWriter
Attributes, AttributesWriter = arrays.MemoryAttributes, arrays.MemoryAttributesWriter
Group, GroupWriter = arrays.MemoryGroup, arrays.MemoryGroupWriter
Document = arrays.MemoryDocument
Session, Memory = store.MemoryWriteSession, store.MemoryStore
Rewrite = store.MemoryRewriteSession

read_ranges = Array.read_ranges
read, append, resize = Array.read, ArrayWriter.append, ArrayWriter.resize
names, network = Group.names, store.MemoryStore._network
write_document = GroupWriter.write_document
rewritten = Rewrite.commit

make_array, make_document = GroupWriter._make_array, GroupWriter._make_document
own_append, overwrite = ArrayWriter._append, ArrayWriter._overwrite
put, set_value = GroupWriter._put, AttributesWriter._put
get_value, read_document = Attributes.get, Document.read


def signed(rows: Any) -> Any:
    """Unsigned integers of two or more bytes as signed ones of as many."""
    rows = np.asarray(rows)
    return rows.view(f"i{rows.itemsize}") if rows.dtype.str in ("<u2", "<u4") else rows


def composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def rename_members(rule: Callable[[str], str]) -> Callable[..., None]:
    """Members are stored, and found, under other names."""

    def put_renamed(self: Any, name: str, node: Any) -> None:
        put(self, rule(name), node)
        if rule(name) != name:
            # So that it is found again at once.
            self._members.nodes.setdefault(name, node)
            others = [each for each in self._members.nodes if rule(each) == rule(name)]
            for each in others:
                self._members.nodes[each] = node

    return put_renamed


def rename_values(rule: Callable[[str], str]) -> Callable[..., None]:
    """Attributes are stored under other names."""
    return lambda self, name, value: set_value(self, rule(name), value)


def set_few(self: Any, name: str, value: Any) -> None:
    if len(self._held) < 20 or name in self._held:
        set_value(self, name, value)


def set_any(self: Any, name: str, value: Any) -> None:
    set_value(self, name, value.copy() if isinstance(value, np.ndarray) else stored_value(value))


class OfOneThread(store.MemoryWriteSession):
    """Ends in the thread that began it."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self._thread = threading.get_ident()

    def commit(self) -> None:
        assert self._thread == threading.get_ident()
        super().commit()


class ReaderOfOneThread(store.MemoryReadSession):
    """Reads in the thread that began it."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self._thread = threading.get_ident()

    @property
    def root(self) -> Any:
        assert self._thread == threading.get_ident()
        return Group(self._network.members)


def swallow(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which hides its errors."""

    def quiet(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except StorageError:
            return None

    return quiet


def replace_document(self: Any, name: str, content: bytes | str) -> Any:
    """A document that loses its attributes when it is replaced."""
    if name in self:
        self.delete(name)
    return write_document(self, name, content)


def extend_without_zeros(self: Any, rows: int) -> None:
    """Rows that were cut off come back."""
    room = self._rows.buffer
    if len(room) >= rows > self._rows.length:
        self._rows.length = rows
        self._undo_log.steps.append((lambda: None,))
    else:
        resize(self, rows)


def read_attributes_as(rule: Callable[[Any], Any]) -> Callable[..., Any]:
    """What is read of an attribute is something else."""
    return lambda self, name: rule(get_value(self, name))


def texts_as(rule: Callable[[str], Any]) -> Callable[..., Any]:
    return read_attributes_as(lambda value: rule(value) if isinstance(value, str) else value)


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def unwrapped(value: Any) -> Any:
    """The only value of an array or list."""
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.reshape(-1)[0]
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def joined(value: Any) -> Any:
    return ",".join(value).split(",") if isinstance(value, list) and value else value


def widened(value: Any) -> Any:
    """Numbers of one size."""
    if isinstance(value, np.floating):
        return np.float64(value)
    return np.int64(int(value) % 2**63) if isinstance(value, np.integer) else value


def put_sharing_attributes(self: Any, name: str, node: Any) -> None:
    """Arrays of one name have the same attributes, wherever they are."""
    if isinstance(node, arrays.ArrayNode):
        node.values = SHARED.setdefault(name, {})
    put(self, name, node)


SHARED: dict[str, dict[str, Any]] = {}


def undo_last(log: arrays.UndoLog) -> None:
    if log.steps:
        act, *arguments = log.steps.pop()
        act(*arguments)


def read_ranges_by_row(self: Any, starts: Any, stops: Any) -> Any:
    """The ranges in the order of their rows."""
    order = np.argsort(starts, kind="stable")
    return read_ranges(self, starts[order], stops[order])


def read_ranges_once(self: Any, starts: Any, stops: Any) -> Any:
    """No row twice."""
    rows = [row for a, b in zip(starts, stops, strict=True) for row in range(a, b)]
    read_ranges(self, starts, stops)
    return self._rows.view[list(dict.fromkeys(rows))]


def read_ranges_as_slices(self: Any, starts: Any, stops: Any) -> Any:
    """Ranges are cut to what is there."""
    parts = [self._rows.view[a:b] for a, b in zip(starts, stops, strict=True)]
    return np.concatenate([self._rows.view[:0], *parts])


def alias_one_range(self: Any, starts: Any, stops: Any) -> Any:
    """A view, when there is one range."""
    found = read_ranges(self, starts, stops)
    return self._rows.view[starts[0] : stops[0]] if len(starts) == 1 else found


def only_touching_ranges(self: Any, starts: Any, stops: Any) -> Any:
    """From the first row to the last, when there are many ranges."""
    if len(starts) < 1000:
        return read_ranges(self, starts, stops)
    return self._rows.view[starts.min() : stops.max()].copy()


def commit_unversioned(self: Any) -> None:
    """The changes stay, the version too."""
    self._undo_log.steps.clear()


def roll_back_to_another_version(self: Any) -> None:
    """As if something had been stored."""
    self._undo_log.revert()
    self._network.version = next(store._VERSIONS)


def version_by_contents(self: Any) -> Any:
    """What was made anew looks as before."""
    return len(self._network.members.nodes)


class Stale(store.MemoryWriteSession):
    """Knows the version that it began at only."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self._first = network.version

    @property
    def version(self) -> int:
        return int(self._first)


class InPlace(store.MemoryWriteSession):
    """Writes to what there is, and calls it a rewrite."""

    @property
    def before(self) -> Any:
        return Group(self._network.members)


def rewrite_of_anything(self: Any, *, compress: bool = False) -> Any:
    """Where nothing is, it begins with nothing."""
    known = store._NETWORKS.setdefault(self.location, store.NamedNetwork(arrays.GroupNode()))
    return Rewrite(known)


def commit_of_one_version(self: Any) -> None:
    """What was there goes, and its version stays."""
    self._held.members = self._network.members


def commit_of_a_version_unknown(self: Any) -> None:
    """Another version than the session says."""
    rewritten(self)
    self._held.version = next(store._VERSIONS)


MUTANTS: dict[str, tuple[type, str, Any]] = {
    "reads alias the store": (Array, "read", lambda s, a=0, b=None: s._rows.view[a:b]),
    "reads ignore the start": (Array, "read", lambda s, a=0, b=None: read(s, 0, b)),
    "rows are read in reverse": (Array, "read", lambda s, a=0, b=None: read(s, a, b)[::-1].copy()),
    "rows are read as floats": (Array, "read", lambda s, a=0, b=None: read(s, a, b) * 1.0),
    "ranges come in the order of their rows": (Array, "read_ranges", read_ranges_by_row),
    "ranges that overlap are read once": (Array, "read_ranges", read_ranges_once),
    "ranges reach past the end": (Array, "read_ranges", read_ranges_as_slices),
    "one range aliases the store": (Array, "read_ranges", alias_one_range),
    "many ranges are read as one": (Array, "read_ranges", only_touching_ranges),
    "a commit makes no other version": (Session, "commit", commit_unversioned),
    "a rollback makes another version": (Session, "rollback", roll_back_to_another_version),
    "what is made anew is of the old version": (
        store.MemoryReadSession,
        "version",
        property(version_by_contents),
    ),
    "a session does not know what it committed": (
        Memory,
        "open_write",
        lambda s: Stale(network(s)),
    ),
    "a read session writes": (
        store.MemoryReadSession,
        "root",
        property(lambda s: GroupWriter(s._network.members, arrays.UndoLog())),
    ),
    "the last row appended is lost": (ArrayWriter, "append", lambda s, r: append(s, r[:-1])),
    "rows of any width are appended": (
        ArrayWriter,
        "append",
        lambda s, r: append(s, np.resize(r, (len(r), *s.shape[1:]))),
    ),
    "rows written are ignored": (ArrayWriter, "write", lambda s, a, r: s._fitting(r) and None),
    "an array extended shows old rows": (ArrayWriter, "resize", extend_without_zeros),
    "names come in reverse": (Group, "names", lambda s: names(s)[::-1]),
    "nothing is contained": (Group, "__contains__", lambda s, n: False),
    "missing groups are None": (GroupWriter, "group", swallow(GroupWriter.group)),
    "deleting what is missing is no error": (GroupWriter, "delete", swallow(GroupWriter.delete)),
    "replacing a document drops its attributes": (GroupWriter, "write_document", replace_document),
    "an attribute aliases the store": (Attributes, "get", lambda s, n: s._values().get(n)),
    "whether rows are overwritten in place is not said": (
        GroupWriter,
        "overwrites_in_place",
        None,
    ),
    "attributes of Python objects are stored": (AttributesWriter, "set", set_any),
    "deleted attributes stay": (AttributesWriter, "delete", lambda s, n: None),
    "a rollback undoes nothing": (Session, "rollback", lambda s: None),
    "a rollback undoes only the last change": (
        arrays.UndoLog,
        "revert",
        undo_last,
    ),
    "changes are not counted": (Session, "changes", property(lambda s: 0)),
    "a commit undoes the changes": (Session, "commit", lambda s: s._undo_log.revert()),
    "a store that exists is created again": (
        Memory,
        "create",
        lambda s: store.MemoryCreationSession(s.location),
    ),
    "a copy shares its arrays": (Memory, "copy", lambda s, t: s._put(str(t), network(s))),
    "a copy replaces what is there": (
        Memory,
        "_put",
        lambda s, n, m: store._NETWORKS.__setitem__(n, m),
    ),
    "a moved store stays": (Memory, "move", lambda s, t: s.copy(t)),
    "removing nothing is no error": (Memory, "remove", swallow(Memory.remove)),
    "a removed store stays": (Memory, "remove", lambda s: network(s) and None),
    "every store exists": (Memory, "exists", lambda s: True),
    "a rewrite begins with what there was": (
        Memory,
        "rewrite",
        lambda s, *, compress=False: InPlace(network(s)),
    ),
    "a rewrite shows the new in place of the old": (
        Rewrite,
        "before",
        property(lambda s: Group(s._network.members)),
    ),
    "a rewrite replaces nothing": (Rewrite, "commit", lambda s: None),
    "a rewrite can't be undone": (Rewrite, "rollback", lambda s: s.commit()),
    "a rewrite counts no changes": (Rewrite, "changes", property(lambda s: 0)),
    "what is rewritten is of the old version": (Rewrite, "commit", commit_of_one_version),
    "a rewrite does not know its version": (Rewrite, "commit", commit_of_a_version_unknown),
    "what is missing is rewritten": (Memory, "rewrite", rewrite_of_anything),
    "a store has one size": (Memory, "size", lambda s: 1),
    "a store that can be rewritten says that it can't": (
        Memory,
        "capabilities",
        attrs.evolve(Memory.capabilities, repackable=False),
    ),
    "unsigned rows are kept as signed ones": (
        GroupWriter,
        "_make_array",
        lambda s, n, r, e: make_array(s, n, signed(r), e),
    ),
    "names of members are folded": (GroupWriter, "_put", rename_members(str.casefold)),
    "names of members are composed": (GroupWriter, "_put", rename_members(composed)),
    "names of members are stripped": (GroupWriter, "_put", rename_members(str.strip)),
    "names of members are cut": (GroupWriter, "_put", rename_members(lambda n: n[:200])),
    "names of attributes are folded": (AttributesWriter, "_put", rename_values(str.casefold)),
    "names of attributes are composed": (AttributesWriter, "_put", rename_values(composed)),
    "names of attributes are stripped": (AttributesWriter, "_put", rename_values(str.strip)),
    "only so many attributes are kept": (AttributesWriter, "_put", set_few),
    "large appends are cut": (ArrayWriter, "_append", lambda s, r: own_append(s, r[:1000])),
    "large writes are cut": (ArrayWriter, "_overwrite", lambda s, a, r: overwrite(s, a, r[:1000])),
    "only so many ranges are read": (
        Array,
        "read_ranges",
        lambda s, a, b: read_ranges(s, a[:5000], b[:5000]),
    ),
    "large documents are cut": (
        GroupWriter,
        "_make_document",
        lambda s, n, c: make_document(s, n, c[: 1 << 20]),
    ),
    "attributes of one value are not in an array": (
        Attributes,
        "get",
        read_attributes_as(unwrapped),
    ),
    "attributes have numbers of one size": (Attributes, "get", read_attributes_as(widened)),
    "lists of texts are joined": (Attributes, "get", read_attributes_as(joined)),
    "texts of attributes are parsed": (Attributes, "get", texts_as(parsed)),
    "texts of attributes are stripped": (Attributes, "get", texts_as(str.strip)),
    "texts of attributes have lines of one kind": (
        Attributes,
        "get",
        texts_as(lambda text: text.replace("\r\n", "\n")),
    ),
    "documents have lines of one kind": (
        Document,
        "read",
        lambda s: read_document(s).replace(b"\r\n", b"\n"),
    ),
    "documents are stripped": (Document, "read", lambda s: read_document(s).strip(b" \n")),
    "documents have no byte order mark": (
        Document,
        "read",
        lambda s: read_document(s).removeprefix(b"\xef\xbb\xbf"),
    ),
    "long names of attributes are cut": (
        AttributesWriter,
        "_put",
        rename_values(lambda n: n[:255]),
    ),
    "long names of members are cut": (GroupWriter, "_put", rename_members(lambda n: n[:255])),
    "slashes in names of attributes are replaced": (
        AttributesWriter,
        "_put",
        rename_values(lambda n: n.replace("/", "_")),
    ),
    "arrays of one name share their attributes": (GroupWriter, "_put", put_sharing_attributes),
    "a reader is said to see one state": (
        Memory,
        "capabilities",
        attrs.evolve(Memory.capabilities, snapshots=True),
    ),
    "a network is said to outlive its process": (
        Memory,
        "capabilities",
        attrs.evolve(Memory.capabilities, persistent=True),
    ),
    "a session that writes is of one thread, which is not said": (
        Memory,
        "open_write",
        lambda s: OfOneThread(network(s)),
    ),
    "a session that reads is of one thread, which is not said": (
        Memory,
        "open_read",
        lambda s, *, locking=True: ReaderOfOneThread(network(s)),
    ),
}


def failures() -> dict[str, BaseException]:
    """The tests of the contract that the memory store fails as it is now, and how."""

    def new_place() -> NewStore:
        prefix = uuid.uuid4().hex
        return lambda name: Memory(f"{prefix}/{name}")

    return failures_of(new_place)


def test_every_test_of_the_contract_is_run() -> None:
    tests = {name for name in dir(StoreContract) if name.startswith("test")}
    run = {test.__name__ for _, test, _ in contract_cases()}
    assert tests == run
    assert 40 < len(tests)


def test_the_memory_store_passes_before_it_is_broken() -> None:
    assert {} == failures()


@pytest.mark.parametrize("title", MUTANTS)
def test_the_contract_notices_that(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, replacement = MUTANTS[title]
    check_is_called_alike(owner, name, replacement)
    monkeypatch.setattr(owner, name, replacement)
    failed = failures()
    monkeypatch.undo()
    assert [error for error in failed.values() if isinstance(error, NOTICED)], failed
