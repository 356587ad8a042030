"""
Signals at any instant of any operation: Ctrl-C, alarms, and requests to end.

``python -m tests.faults.interrupts --count 1000 --seed 1`` sends each of so many signals within an
operation of some storage: at a line of this package that is chosen at random, or after a time that
is. Then nothing may be locked, lost, half there or left over, and no signal be swallowed.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from bsb import Storage

import bsb_hdf5
from bsb_hdf5 import queries
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.transactions.session import active_session
from tests.face.samples import cell_type, chunk, morphology, on_soma, positions
from tests.faults.instants import AfterTime, AlarmError, AtLine, on_alarm

LIMIT = 2.0
"""Seconds to wait for a lock that nobody holds."""

# BSB would take an alarm for an error in what describes them.
TYPES = {name: cell_type(name) for name in ("a", "b", "c")}

KINDS = ("classic", "columnar", "zarr", "memory")
State = dict[str, Any]
_NUMBER = iter(range(1 << 62))


def _on_request(number: int, frame: FrameType | None) -> None:
    raise SystemExit(3)


HANDLERS: dict[int, tuple[Any, type[BaseException]]] = {
    signal.SIGINT: (signal.default_int_handler, KeyboardInterrupt),
    signal.SIGALRM: (on_alarm, AlarmError),
    signal.SIGTERM: (_on_request, SystemExit),
}


@contextlib.contextmanager
def handlers() -> Iterator[None]:
    """The handlers of a program that wants to be interrupted."""
    # The logging of Python discards what is raised while it asks for the name of the process.
    logging.logMultiprocessing = False
    before = {number: signal.signal(number, each) for number, (each, _) in HANDLERS.items()}
    try:
        yield
    finally:
        logging.logMultiprocessing = True
        for number, handler in before.items():
            signal.signal(number, handler)


def root_in(folder: Path, kind: str, name: str) -> str:
    return str(folder / name)


def open_storage(kind: str, root: str, *, missing_ok: bool = False) -> Storage:
    if kind in ("classic", "columnar"):
        where: Any = NetworkRoot(root, kind, lock_limit=LIMIT)
        return Storage("hdf5", where, missing_ok=missing_ok)
    storage = Storage(kind, root, missing_ok=missing_ok)
    storage._engine.sessions.settings.limit = LIMIT
    return storage


def fill(storage: Storage) -> None:
    """A bit of everything."""
    with storage.write_scope():
        storage.morphologies.save("stub", morphology())
        for name in ("a", "b"):
            cells = storage.require_placement_set(TYPES[name])
            for x in range(3):
                cells.append_data(chunk(x), positions(4), additional={"w": np.arange(4.0)})
            cells.label(["core"], [0, 5])
        loop = storage.require_connectivity_set(TYPES["a"], TYPES["b"], "loop")
        loop.connect(cells, cells, on_soma(0, 5, 9), on_soma(1, 6, 11))
        storage.files.store("a text", id="note")


def state_of(storage: Storage) -> State:
    """What can be loaded of it."""
    with storage.read_scope():
        found: State = {
            "files": sorted(storage.files.all()),
            "morphologies": sorted(each.name for each in storage.morphologies.all()),
        }
        for name in ("a", "b", "c"):
            if storage._PlacementSet.exists(storage._engine, TYPES[name]):
                cells = storage.get_placement_set(TYPES[name])
                core = int(cells.get_label_mask(["core"]).sum())
                found[name] = cells.load_positions().tolist(), len(cells), core
        if storage._ConnectivitySet.exists(storage._engine, "loop"):
            loop = storage.get_connectivity_set("loop")
            found["loop"] = len(loop), [_ends(loop, direction) for direction in ("inc", "out")]
    return found


def _ends(loop: Any, direction: str) -> list[Any]:
    blocks = loop.flat_iter_connections(direction)
    return sorted(row for *_, (near, far) in blocks for row in np.hstack([near, far]).tolist())


@dataclass
class Case:
    """One operation on one storage, and the roots that it may leave."""

    kind: str
    folder: Path
    storage: Storage
    before: State
    others: list[str] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)

    def root(self, name: str) -> str:
        root = root_in(self.folder, self.kind, name)
        self.others.append(root)
        return root

    def export(self, name: str) -> str:
        """Where something is written that is no network."""
        path = str(self.folder / name)
        self.exports.append(path)
        return path


Verb = Callable[[Case], Any]


def _cells(case: Case) -> Any:
    return case.storage.get_placement_set(TYPES["a"])


def _append(case: Case) -> None:
    _cells(case).append_data(chunk(1), positions(5))


def _scope(case: Case) -> None:
    with case.storage.write_scope():
        _append(case)
        _cells(case).label(["core"], [1, 2])


def _read_scope(case: Case) -> None:
    with case.storage.read_scope():
        len(_cells(case))
        _append(case)
        _cells(case).load_positions()


def _connect(case: Case) -> None:
    a, b = (case.storage.get_placement_set(TYPES[each]) for each in "ab")
    case.storage.get_connectivity_set("loop").connect(a, b, on_soma(2), on_soma(3))


def _create(case: Case) -> None:
    open_storage(case.kind, case.root("made"), missing_ok=True)


def _open(case: Case) -> None:
    again = open_storage(case.kind, str(case.storage._engine.root))
    len(again.get_placement_set(TYPES["a"]))


def _convert(case: Case) -> None:
    others = {"classic": "columnar", "columnar": "classic"}
    engine = "memory" if case.kind == "zarr" else "zarr"
    bsb_hdf5.convert(case.storage, case.root("converted"), engine=engine)
    if case.kind in others:
        root = case.root("other layout")
        bsb_hdf5.convert(case.storage, root, engine="hdf5", layout=others[case.kind])


def _merge(case: Case) -> None:
    bsb_hdf5.merge([case.storage] * 2, case.root("merged"))


def _diff(case: Case) -> None:
    assert [] == bsb_hdf5.diff(case.storage, case.storage)


def _export_tables(case: Case) -> None:
    path = case.export("tables")
    bsb_hdf5.export_csv(case.storage, path)
    bsb_hdf5.export_csv(case.storage, path, overwrite=True)


def _import(case: Case) -> None:
    path = case.export("circuit")
    bsb_hdf5.export_sonata(case.storage, path)
    engine = "hdf5" if case.kind in ("classic", "columnar") else case.kind
    bsb_hdf5.import_sonata(path, case.root("imported"), engine=engine)


def _own_rows(case: Case) -> None:
    """What a user does with h5py, in whose callbacks a signal can come."""
    with case.storage.write_scope() as scope:
        if case.kind in ("classic", "columnar"):
            scope.create_dataset("mine", data=np.arange(5000.0), chunks=(100,))
            assert 4999.0 == scope["mine"][-1]
            del scope["mine"]
        _append(case)


def _iterate(case: Case) -> None:
    loop = case.storage.get_connectivity_set("loop")
    for direction in ("inc", "out"):
        assert 3 == sum(len(local) for *_, (local, _) in loop.flat_iter_connections(direction))
    assert 3 == len(list(loop.load_connections()))
    assert 3 == sum(len(pre) for _, pre, _, _ in loop.load_connections().chunk_iter())
    assert 12 == sum(1 for _ in _cells(case))


def _ask(case: Case) -> None:
    queries.summary(case.storage)
    queries.matrix(case.storage)
    queries.in_degree(case.storage.get_connectivity_set("loop"))
    queries.to_frame(_cells(case))


VERBS: dict[str, Verb] = {
    "append": _append,
    "write scope": _scope,
    "read scope": _read_scope,
    "connect": _connect,
    "label": lambda case: _cells(case).label(["core"], [3, 4]),
    "load": lambda case: _cells(case).load_positions(),
    "require": lambda case: case.storage.require_placement_set(TYPES["c"]),
    "clear placement": lambda case: case.storage.clear_placement(),
    "clear connectivity": lambda case: case.storage.clear_connectivity(),
    "save a morphology": lambda case: case.storage.morphologies.save("new", morphology()),
    "store a file": lambda case: case.storage.files.store("text", id="new"),
    "create": _create,
    "open": _open,
    "copy": lambda case: case.storage.copy(case.root("copy")),
    "move": lambda case: case.storage.move(case.root("moved")),
    "remove": lambda case: case.storage.remove(),
    "convert": _convert,
    "repack": lambda case: bsb_hdf5.repack(case.storage),
    "verify": lambda case: bsb_hdf5.verify(case.storage),
    "repair": lambda case: bsb_hdf5.repair(case.storage),
    "merge": _merge,
    "diff": _diff,
    "export tables": _export_tables,
    "export and import a circuit": _import,
    "own rows": _own_rows,
    "iterate": _iterate,
    "ask": _ask,
    "plot": lambda case: queries.plot(case.storage, case.export("page.html")),
}


class Networks:
    """Makes the networks that operations are tried on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates: dict[str, Storage] = {}
        self._states: dict[tuple[str, str], tuple[State, State | None]] = {}
        self._lines: dict[tuple[str, str], int] = {}

    def case(self, kind: str) -> Case:
        if kind not in self._templates:
            self._templates[kind] = open_storage(
                kind, root_in(self._folder, kind, f"{kind} template"), missing_ok=True
            )
            fill(self._templates[kind])
        folder = self._folder / f"{next(_NUMBER)}"
        folder.mkdir()
        root = root_in(folder, kind, "network")
        self._templates[kind].copy(root)
        storage = open_storage(kind, root)
        return Case(kind, folder, storage, state_of(storage))

    def seconds(self, kind: str, verb: str) -> float:
        """That an operation takes."""
        case = self.case(kind)
        start = time.perf_counter()
        VERBS[verb](case)
        return time.perf_counter() - start

    def lines(self, kind: str, verb: str) -> int:
        """Lines of this package that an operation runs."""
        if (kind, verb) not in self._lines:
            case = self.case(kind)
            with AtLine(None) as count:
                VERBS[verb](case)
            self._states[kind, verb] = case.before, _state_at(case)
            self._lines[kind, verb] = count.lines
        return self._lines[kind, verb]

    def states(self, kind: str, verb: str) -> tuple[State, State | None]:
        """What is stored before an operation and after it; None if nothing is."""
        self.lines(kind, verb)
        return self._states[kind, verb]


def _state_at(case: Case) -> State | None:
    return state_of(case.storage) if case.storage.exists() else None


def interrupt(networks: Networks, kind: str, verb: str, at: Any, raised: type[Any]) -> list[str]:
    """
    Try an operation with a signal in it.

    :returns: what is wrong afterwards.
    """
    wrong: list[str] = []
    case = networks.case(kind)
    ignored: list[Any] = []
    sys.unraisablehook, hook = ignored.append, sys.unraisablehook
    caught: BaseException | None = None
    try:
        try:
            with at:
                VERBS[verb](case)
        except BaseException as error:
            caught = error
        if at.came and not isinstance(caught, raised):
            wrong.append(f"{at.came}: the signal was swallowed: {caught!r}")
        if not at.came and caught is not None:
            wrong.append(f"no signal came, but {caught!r}")
        caught = None
        gc.collect()
    finally:
        sys.unraisablehook = hook
    wrong += [f"{at.came}: discarded {each.exc_value!r} in {each.object}" for each in ignored]
    wrong += [f"{at.came}: {each}" for each in _judged(networks, case, verb)]
    return wrong


def _judged(networks: Networks, case: Case, verb: str) -> list[str]:
    wrong = [
        f"signal {number} is handled by {signal.getsignal(number)}"
        for number, (handler, _) in HANDLERS.items()
        if signal.getsignal(number) is not handler
    ]
    if active_session(case.storage._engine.sessions.store.identity) is not None:
        wrong.append("a session is still open")
    try:
        wrong += _stored(networks, case, verb)
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
    return wrong


def _stored(networks: Networks, case: Case, verb: str) -> list[str]:
    """What is wrong with what is stored; all of it is used, and so nothing may be locked."""
    known = networks.states(case.kind, verb)
    where = {str(case.folder / "network"), *case.others, *case.exports}
    wrong = [
        f"{name} is left over"
        for name in os.listdir(case.folder)
        if str(case.folder / name) not in where
    ]
    found = _state_at(case)
    if found not in known:
        wrong.append(f"{found} is stored")
    if found is None:
        # It was removed, or its root is not where it was moved to.
        there = [each for each in where if _exists(case.kind, each)]
        return wrong if verb == "remove" else [*wrong, f"it is not there, but {there}"]
    _use(case.storage)
    for root in case.others:
        if _exists(case.kind, root) and root != case.storage._engine.root:
            wrong += _other(case, root)
    return wrong


def _exists(kind: str, root: str) -> bool:
    return os.path.exists(root) or bsb_hdf5.engines.memory.MemoryEngine.peek_exists(root)


def _other(case: Case, root: str) -> list[str]:
    """What is wrong with a network that an operation made."""
    made = bsb_hdf5.open_storage(root)
    made._engine.sessions.settings.limit = LIMIT
    found = state_of(made)
    _use(made)
    # A circuit holds no files of the network.
    is_another = root.endswith(("made", "merged", "imported"))
    return [] if is_another or found == case.before else [f"{found} is stored at {root}"]


def _use(storage: Storage) -> None:
    """Write to it, in another session, also by another engine."""
    cells = storage.require_placement_set(TYPES["a"])
    before = len(cells)
    cells.append_data(chunk(7), positions(2))
    assert before + 2 == len(cells) == len(cells.load_positions())


def trial(
    networks: Networks,
    chance: random.Random,
    kinds: Sequence[str],
    verbs: Sequence[str],
    *,
    timed: bool,
) -> tuple[str, list[str]]:
    """One signal, in one operation, at one instant: which, and what is wrong."""
    kind, verb = chance.choice(kinds), chance.choice(verbs)
    lines = networks.lines(kind, verb)
    if timed:
        at: Any = AfterTime(chance.uniform(1e-5, 1.2 * networks.seconds(kind, verb)))
        raised: type[BaseException] = AlarmError
    else:
        sent = chance.choice(list(HANDLERS))
        at, raised = AtLine(chance.randrange(1, lines + 1), sent), HANDLERS[sent][1]
    return f"{verb}, {kind}", interrupt(networks, kind, verb, at, raised)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=1000, help="signals")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS, help="of storages")
    parser.add_argument("--verbs", nargs="*", default=[*VERBS], choices=[*VERBS])
    options = parser.parse_args()
    chance, tally = random.Random(options.seed), Counter[str]()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, handlers():
        networks = Networks(Path(folder))
        for number in range(options.count):
            timed = number % 4 == 3
            title, wrong = trial(networks, chance, options.kinds, options.verbs, timed=timed)
            tally[title] += 1
            failed += bool(wrong)
            for each in wrong:
                print(f"{title}: {each}", flush=True)
    print(f"{options.count} signals in {len(tally)} operations: {failed} did harm")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
