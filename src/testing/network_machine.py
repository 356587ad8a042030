"""
Random histories of a network, on a storage and on a model of it.

A Hypothesis state machine that drives a storage engine through BSB's interfaces. After each
step, all that can be loaded is compared with plain dictionaries.
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
import unittest
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar

import attrs
import numpy as np
from bsb import MorphologySet, Storage
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from ..errors import LengthError, SessionAbortedError, StoreExistsError
from .network_comparison import check_storage
from .network_mistakes import MISTAKES
from .network_model import FILL, NAN, Cells, ChunkOfCells, Connections, NetworkModel
from .network_samples import (
    COORDINATES,
    KEYS,
    LABELS,
    NAMES,
    SHAPES,
    TAGS,
    TYPES,
    cell_type,
    chunk_at,
    chunk_id,
    morphology_of,
)

EXAMPLES_VARIABLE = "BSB_HDF5_TESTING_EXAMPLES"

types = st.sampled_from(TYPES)
tags = st.sampled_from(sorted(TAGS))
chunks = st.integers(0, len(COORDINATES) - 1)
# Many chunks, some of which are the same, none, or no restriction.
some_chunks = st.none() | st.lists(chunks, min_size=1, max_size=2) | st.lists(chunks, max_size=3)
counts = st.sampled_from([0, 1, 2, 3, 7, 60])
labels = st.lists(st.sampled_from(LABELS), unique=True, max_size=2)
label_filters = st.none() | st.none() | labels
some_labels = st.sampled_from([LABELS, *((label,) for label in LABELS), ()]).map(list)
some = st.lists(st.integers(0, 1000), min_size=1, max_size=12)
masks = st.booleans()
names = st.sampled_from(NAMES)
numbers = st.lists(st.integers(0, 1000), max_size=8)
points = st.sampled_from([(-1, -1), (0, 0), (2, 5), (40_000, 70_000)])
links = st.lists(st.tuples(st.integers(0, 1000), points, st.integers(0, 1000), points), max_size=12)
ranks = st.sampled_from([0, 1, 2, 300, 70_000])
rank_links = st.lists(st.tuples(ranks, points, ranks, points), max_size=6)


def machine_settings(examples: int = 15, steps: int = 25) -> settings:
    """
    How long a machine runs.

    :param examples: histories; the environment variable ``BSB_HDF5_TESTING_EXAMPLES``, if it is
        set, says another number, and then they differ from run to run.
    :param steps: of each history, at most.
    """
    asked = os.environ.get(EXAMPLES_VARIABLE)
    return settings(
        max_examples=int(asked) if asked else examples,
        stateful_step_count=steps,
        derandomize=not asked,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def histories_on(
    engine: str, *, root: Callable[[str], Any] = str, examples: int = 15, steps: int = 25
) -> type[unittest.TestCase]:
    """
    A test of random histories on an engine.

    :param root: makes the root of a storage of a path where there is nothing.
    :param examples: see :func:`machine_settings`; ``steps`` likewise.
    """

    def make_root(machine: NetworkMachine) -> Any:
        return root(NetworkMachine.make_root(machine))

    members = {"engine": engine, "make_root": make_root}
    machine: Any = type(f"{engine} machine", (NetworkMachine,), members)
    case: type[unittest.TestCase] = machine.TestCase
    machine.TestCase.settings = machine_settings(examples, steps)
    return case


@attrs.frozen
class OpenScope:
    """A scope, and the network as it was before, if it is the scope that is stored whole."""

    manager: AbstractContextManager[Any]
    before: NetworkModel | None
    writes: bool


class NetworkMachine(RuleBasedStateMachine):
    """
    Random histories of one storage.

    A subclass says which ``engine``, or overrides :meth:`make_storage`. Its ``TestCase`` is
    what pytest and unittest run.
    """

    engine: ClassVar[str] = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bsb-network-"))
        self.root = self.make_root()
        self.storage = self.make_storage(self.root)
        self.model = NetworkModel()
        self.scopes: list[OpenScope] = []
        self.number = self.turn = 0

    def make_storage(self, root: Any) -> Storage:
        """The storage at a root; it is made if it is absent."""
        return Storage(self.engine, root)

    def make_root(self) -> Any:
        """Where there is nothing yet."""
        return str(self.folder / uuid.uuid4().hex)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self._abandon()
        with suppress(FileNotFoundError):
            self.storage.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    @invariant()
    def the_storage_is_as_the_model(self) -> None:
        """Compared call by call, and in one session, in turn."""
        self.turn += 1
        with self.storage.read_scope() if self.turn % 2 else nullcontext():
            check_storage(self.storage, self.model, self.turn // 2)

    @initialize(filled=st.sampled_from([True, True, False]))
    def begin(self, filled: bool) -> None:
        """Most histories begin with something of everything, so that much can go wrong."""
        if not filled:
            return
        self.save_morphology("a", "labelled", 1, True)
        self.save_morphology("b b", "two branches", 2, True)
        for name in TYPES:
            self.append_cells(name, 0, 3, True, [0, 1], {"weight"})
            self.append_cells(name, 1, 4, False, [], set())
            self.append_entities(name, 1, 2, {"pair"})
            self.append_entities(name, 3, 1, set())
            self.change_labels(name, None, None, ["active", "dead"], [0, 3, 8], False, False)
            self.change_labels(name, [1], None, ["é"], [1, 2], True, False)
        crossing = [(i, (-1, -1), 7 * i, (i, 2 * i)) for i in range(20)]
        for tag in TAGS:
            self.connect(tag, None, None, None, crossing, 1)
            self.chunk_connect(tag, 2, 0, [(300, (0, 0), 1, (-1, -1))])
        self.store_file("a", "text", 1)

    # Placement

    @rule(name=types, chunk=chunks)
    def require_chunk(self, name: str, chunk: int) -> None:
        placed, cells = self._cells(name)
        placed.require_chunk(chunk_at(chunk))
        self._settle(cells, chunk)

    @rule(
        name=types,
        chunk=chunks,
        count=counts,
        turned=st.booleans(),
        shaped=numbers,
        keys=st.sets(st.sampled_from(sorted(KEYS))),
    )
    def append_cells(
        self, name: str, chunk: int, count: int, turned: bool, shaped: list[int], keys: set[str]
    ) -> None:
        placed, cells = self._cells(name)
        columns: dict[Any, list[Any]] = {"position": self._triplets(count)}
        if turned:
            columns["rotation"] = self._triplets(count)
        columns.update(self._additional(count, keys))
        given: dict[str, Any] = {
            "positions": np.reshape(columns["position"], (count, 3)),
            "rotations": np.reshape(columns["rotation"], (count, 3)) if turned else None,
            "additional": self._rows(columns),
        }
        known = sorted(self.model.meta.keys() & self.model.morphologies.keys())
        if shaped and known and count:
            used = [known[shaped[i % len(shaped)] % len(known)] for i in range(count)]
            columns["morphology"] = used
            columns.setdefault("rotation", [(0.0, 0.0, 0.0)] * count)
            given["morphologies"] = self._morphologies(used)
        self._append(placed, cells, chunk, count, columns, given)

    @rule(name=types, chunk=chunks, count=counts, keys=st.sets(st.sampled_from(sorted(KEYS))))
    def append_entities(self, name: str, chunk: int, count: int, keys: set[str]) -> None:
        placed, cells = self._cells(name)
        columns = self._additional(count, keys)
        given = {"count": count, "additional": self._rows(columns) or None}
        self._append(placed, cells, chunk, count, columns, given)

    @rule(name=types, chunk=chunks, key=st.sampled_from(sorted(KEYS)), number=st.integers(1, 70))
    def append_additional(self, name: str, chunk: int, key: str, number: int) -> None:
        placed, cells = self._cells(name)
        held = cells.chunks.get(chunk_id(chunk), ChunkOfCells())
        free = held.count - len(held.columns.get(("additional", key), []))
        if not free:
            return
        columns = self._additional(min(free, number), {key})
        placed.append_additional(key, chunk_at(chunk), self._rows(columns)[key])
        held.columns.setdefault(("additional", key), []).extend(columns["additional", key])
        cells.keys.add(key)

    @rule(
        name=types, among=some_chunks, by=label_filters, given=some_labels, which=some, masked=masks
    )
    def add_labels(self, **given: Any) -> None:
        self.change_labels(**given, remove=False)

    @rule(
        name=types, among=some_chunks, by=label_filters, given=some_labels, which=some, masked=masks
    )
    def remove_labels(self, **given: Any) -> None:
        self.change_labels(**given, remove=True)

    def change_labels(
        self,
        name: str,
        among: list[int] | None,
        by: list[str] | None,
        given: list[str],
        which: list[int],
        masked: bool,
        remove: bool,
    ) -> None:
        cells, selected, places = self._selected(name, among, by)
        ids = [each % len(places) for each in which] if places else []
        if masked:
            mask = np.isin(np.arange(len(places)), ids)
            (selected.remove_labels_by_mask if remove else selected.label_by_mask)(given, mask)
        else:
            (selected.remove_labels if remove else selected.label)(given, ids)
        cells.change_labels([places[i] for i in ids], set(given), remove=remove)

    @rule(name=types, among=some_chunks)
    def clear_cells(self, name: str, among: list[int] | None) -> None:
        placed, cells = self._cells(name)
        placed.clear(_at(among))
        for id_ in list(cells.chunks) if among is None else map(chunk_id, among):
            cells.chunks.pop(id_, None)

    # Connectivity

    @rule(
        tag=tags,
        pre_chunks=some_chunks,
        post_chunks=some_chunks,
        pre_labels=label_filters,
        given=links,
        repeats=st.sampled_from([1, 1, 30]),
    )
    def connect(
        self,
        tag: str,
        pre_chunks: list[int] | None,
        post_chunks: list[int] | None,
        pre_labels: list[str] | None,
        given: list[Any],
        repeats: int,
    ) -> None:
        connected, connections = self._connections(tag)
        cells, pre, sources = self._selected(connections.pre, pre_chunks, pre_labels)
        _, post, targets = self._selected(connections.post, post_chunks, None)
        pairs: list[Any] = []
        if sources and targets:
            pairs = [
                (((a + i) % len(sources), *on_a), ((b + 2 * i) % len(targets), *on_b))
                for i in range(repeats)
                for a, on_a, b, on_b in given
            ]
        connected.connect(pre, post, *_sides(pairs))
        loaded = len(set(pre_chunks)) if pre_chunks else len(cells.chunks)
        connections.connect(sources, targets, pairs, by_cell=loaded == 1)

    @rule(tag=tags, pre=chunks, post=chunks, given=rank_links)
    def chunk_connect(self, tag: str, pre: int, post: int, given: list[Any]) -> None:
        connected, connections = self._connections(tag)
        pairs = [((a, *on_a), (b, *on_b)) for a, on_a, b, on_b in given]
        connected.chunk_connect(chunk_at(pre), chunk_at(post), *_sides(pairs))
        if pairs:
            block = (chunk_id(pre), chunk_id(post))
            connections.blocks.setdefault(block, []).extend(pairs)

    @rule(tag=tags, among=some_chunks)
    def clear_connections(self, tag: str, among: list[int] | None) -> None:
        connected, connections = self._connections(tag)
        connected.clear(_at(among))
        connections.clear(None if among is None else list(map(chunk_id, among)))

    @rule(
        what=st.sampled_from(["cells", "connections", "all cells", "all connections"]),
        name=types,
        tag=tags,
    )
    def remove_sets(self, what: str, name: str, tag: str) -> None:
        if what == "cells":
            self._cells(name)[0].remove()
            del self.model.cells[name]
        elif what == "connections":
            self._connections(tag)[0].remove()
            del self.model.connections[tag]
        elif what == "all cells":
            self.storage.clear_placement()
            self.model.cells.clear()
            self.model.sized = False
        else:
            self.storage.clear_connectivity()
            self.model.connections.clear()

    # Morphologies and files

    @rule(
        name=names, shape=st.sampled_from(SHAPES), note=st.integers(0, 9), update_meta=st.booleans()
    )
    def save_morphology(self, name: str, shape: str, note: int, update_meta: bool) -> None:
        morphology = morphology_of(shape)
        morphology.meta["note"] = note
        self.storage.morphologies.save(name, morphology, overwrite=True, update_meta=update_meta)
        self.model.morphologies[name] = shape
        if update_meta:
            rows = np.concatenate([branch.points for branch in morphology.branches])
            bounds = {"ldc": rows.min(axis=0).tolist(), "mdc": rows.max(axis=0).tolist()}
            self.model.meta[name] = {"note": note, "name": name, **bounds}

    def remove_morphology(self, name: str) -> None:
        if name in self.model.morphologies:
            self.storage.morphologies.remove(name)
            del self.model.morphologies[name]
            self.model.meta.pop(name, None)

    def describe_morphology(self, name: str, note: int, replace: bool) -> None:
        meta = {name: {"note": note, "list": [note, [1.5, None]]}}
        if replace:
            self.storage.morphologies.set_all_meta(meta)
            self.model.meta.clear()
        else:
            self.storage.morphologies.update_all_meta(meta)
        self.model.meta.update(copy.deepcopy(meta))

    def store_file(self, name: str, content: str | bytes, note: int) -> None:
        meta = {"note": note}
        assert name == self.storage.files.store(content, id=name, meta=meta, overwrite=True)
        self.model.files[name] = (content, meta)

    def remove_file(self, name: str) -> None:
        if name in self.model.files:
            self.storage.files.remove(name)
            del self.model.files[name]

    @rule(
        what=st.sampled_from(["describe", "describe all", "remove"]),
        name=names,
        note=st.integers(0, 9),
    )
    def change_morphologies(self, what: str, name: str, note: int) -> None:
        if what == "remove":
            self.remove_morphology(name)
        else:
            self.describe_morphology(name, note, what == "describe all")

    @rule(
        name=names,
        content=st.none() | st.text(max_size=20) | st.binary(max_size=20),
        note=st.integers(0, 9),
    )
    def change_files(self, name: str, content: str | bytes | None, note: int) -> None:
        if content is None:
            self.remove_file(name)
        else:
            self.store_file(name, content, note)

    # Scopes

    @rule(what=st.sampled_from(["write", "read", "close", "fail", "catch"]))
    def open_or_leave_scopes(self, what: str) -> None:
        if what == "catch":
            self._catch_a_failure()
        elif what in ("write", "read") and len(self.scopes) < 3:
            self._enter(writes=what == "write")
        elif what == "fail":
            self._abandon()
        elif self.scopes:
            self._close()

    def _close(self) -> None:
        self.scopes.pop().manager.__exit__(None, None, None)

    def _catch_a_failure(self) -> None:
        if not self._writing:
            self._enter(writes=True)
        with suppress(ZeroDivisionError), self.storage.write_scope():
            self.storage.files.store("doomed")
            raise ZeroDivisionError
        self._aborts(self.storage.files.store, "too late")
        scopes, self.scopes = self.scopes[::-1], []
        for scope in scopes:
            if scope.before is None:
                scope.manager.__exit__(None, None, None)
            else:
                self._aborts(scope.manager.__exit__, None, None, None)
                self.model = scope.before

    @rule(name=types, chunk=chunks)
    def fail_within_a_scope_of_its_own(self, name: str, chunk: int) -> None:
        if self._writing:
            return
        before = copy.deepcopy(self.model)
        with suppress(ZeroDivisionError), self.storage.write_scope():
            self.append_entities(name, chunk, 3, {"weight"})
            self.connect("between golgi", None, None, None, [(0, (-1, -1), 1, (0, 0))], 2)
            self.change_labels(name, None, None, ["active"], [0, 1], False, False)
            self.save_morphology("a", "labelled", 1, True)
            check_storage(self.storage, self.model, 0)
            raise ZeroDivisionError
        self.model = before

    # The storage

    @rule(
        what=st.sampled_from(
            ["open", "copy", "stay", "move", "start over", "refused", "in a scope"]
        )
    )
    def manage_the_storage(self, what: str) -> None:
        if what == "open":
            self.storage = self.make_storage(self.root)
        elif what == "in a scope":
            self._try_within_a_scope()
        elif what in ("copy", "stay") and not self._writing:
            self._copy(stay=what == "stay")
        elif not self.scopes:
            {
                "move": self._move,
                "start over": self._start_over,
                "refused": self._go_where_it_is,
            }.get(what, self._move)()

    def _copy(self, *, stay: bool) -> None:
        root = self.make_root()
        self.storage.copy(root)
        copied = self.make_storage(root)
        check_storage(copied, self.model)
        if stay or self.scopes:
            copied.clear_placement()
            copied.clear_connectivity()
            copied.remove()
        else:
            self.storage.remove()
            self.root, self.storage = root, copied

    def _move(self) -> None:
        self.root = self.make_root()
        self.storage.move(self.root)

    def _start_over(self) -> None:
        self.storage.remove()
        assert not self.storage.exists()
        self.storage.create()
        self.model = NetworkModel()

    def _try_within_a_scope(self) -> None:
        root = self.make_root()
        with self.storage.write_scope():
            for verb in (self.storage.move, self.storage.copy):
                self._aborts(verb, root)
            self._aborts(self.storage.remove)

    def _go_where_it_is(self) -> None:
        for verb in (self.storage.move, self.storage.copy):
            with _raising(StoreExistsError):
                verb(self.root)

    @rule(title=st.sampled_from(sorted(MISTAKES)))
    def make_a_mistake(self, title: str) -> None:
        mistake = MISTAKES[title]
        if mistake.needs(self.model):
            before = self.storage._engine.metadata
            mistake.make(self.storage, title)
            assert before == self.storage._engine.metadata, f"{title}: something was stored"

    @property
    def _writing(self) -> bool:
        return any(scope.writes for scope in self.scopes)

    def _enter(self, *, writes: bool) -> None:
        manager = self.storage.write_scope() if writes else self.storage.read_scope()
        outermost = writes and not self._writing
        before = copy.deepcopy(self.model) if outermost else None
        manager.__enter__()
        self.scopes.append(OpenScope(manager, before, writes))

    def _abandon(self) -> None:
        """Leave all scopes as an error does."""
        error = ZeroDivisionError()
        while self.scopes:
            scope = self.scopes.pop()
            scope.manager.__exit__(ZeroDivisionError, error, None)
            self.model = self.model if scope.before is None else scope.before

    def _aborts(self, action: Callable[..., Any], *arguments: Any) -> None:
        with _raising(SessionAbortedError):
            action(*arguments)

    def _cells(self, name: str) -> tuple[Any, Cells]:
        placed = self.storage.require_placement_set(cell_type(name))
        return placed, self.model.cells.setdefault(name, Cells())

    def _connections(self, tag: str) -> tuple[Any, Connections]:
        pre, post = (cell_type(name) for name in TAGS[tag])
        connected = self.storage.require_connectivity_set(pre, post, tag)
        return connected, self.model.connections.setdefault(tag, Connections(*TAGS[tag]))

    def _selected(
        self, name: str, among: list[int] | None, by: list[str] | None
    ) -> tuple[Cells, Any, list[tuple[int, int]]]:
        """The cells, a set restricted to some of them, and where these are."""
        _, cells = self._cells(name)
        selected = self.storage.get_placement_set(cell_type(name), _at(among), by)
        return cells, selected, cells.places(list(map(chunk_id, among)) if among else None, by)

    def _settle(self, cells: Cells, chunk: int) -> ChunkOfCells:
        self.model.sized = True
        return cells.chunks.setdefault(chunk_id(chunk), ChunkOfCells())

    def _append(
        self,
        placed: Any,
        cells: Cells,
        chunk: int,
        count: int,
        columns: dict[Any, list[Any]],
        given: dict[str, Any],
    ) -> None:
        """Append, or see it refused: a chunk has morphologies for all of its cells, or none."""
        held = cells.chunks.get(chunk_id(chunk), ChunkOfCells())
        before = len(held.columns.get("morphology", []))
        shaped = len(columns.get("morphology", []))
        if count and (before or shaped) and (before, shaped) != (held.count, count):
            with _raising(LengthError):
                placed.append_data(chunk_at(chunk), **given)
            return
        placed.append_data(chunk_at(chunk), **given)
        fill = {**FILL, "morphology": None}
        fill |= {("additional", key): NAN if not wide else (NAN,) * 2 for key, wide in KEYS.items()}
        self._settle(cells, chunk).append(count, columns, fill)
        cells.keys |= {name[1] for name in columns if isinstance(name, tuple)}

    def _triplets(self, count: int) -> list[tuple[float, ...]]:
        """Numbers that come once in a history, so that no two cells are alike."""
        self.number += 1
        rows = np.arange(3.0 * count).reshape(count, 3) + 1000.0 * self.number
        return [tuple(row) for row in rows.tolist()]

    def _additional(self, count: int, keys: set[str]) -> dict[Any, list[Any]]:
        rows = {key: self._triplets(count) for key in sorted(keys)}
        return {
            ("additional", key): [row[:2] if KEYS[key] else row[0] for row in rows[key]]
            for key in rows
        }

    def _rows(self, columns: dict[Any, list[Any]]) -> dict[str, Any]:
        """The additional data as a caller gives them."""
        keys = [name[1] for name in columns if isinstance(name, tuple)]
        return {key: np.reshape(columns["additional", key], (-1, *KEYS[key])) for key in keys}

    def _morphologies(self, used: Sequence[str]) -> MorphologySet:
        distinct = list(dict.fromkeys(used))
        loaders = [self.storage.morphologies.preload(name) for name in distinct]
        return MorphologySet(loaders, [distinct.index(name) for name in used])


@contextmanager
def _raising(error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except error:
        return
    raise AssertionError(f"{error.__name__} is expected")


def _at(among: list[int] | None) -> list[Any] | None:
    return None if among is None else [chunk_at(index) for index in among]


def _sides(pairs: Sequence[Any]) -> tuple[Any, Any]:
    """Locations of either side; cells alone, where there is nothing but cells."""
    sides = []
    for i in (0, 1):
        rows = np.array([pair[i] for pair in pairs], dtype=np.int64).reshape(-1, 3)
        sides.append(rows[:, 0] if (rows[:, 1:] == -1).all() else rows)
    return sides[0], sides[1]
