"""
Processes of several threads that use one network in every way, while others kill, stop and move.

``python -m tests.faults.soak --seconds 3600 --seed 1`` does so for an hour, in rounds of one
network each. Of each write, the program notes when it began and when it was told that it is
stored; of each read, what it saw and when. The rows of one chunk lie in the order in which they
were stored, which is the serial order that all of it must be explained by: see :func:`judge`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bsb import Storage

import bsb_hdf5
from bsb_hdf5 import errors
from bsb_hdf5.config import NetworkRoot
from tests.face.samples import cell_type, chunk, on_soma
from tests.faults.kills import fork, in_child

KINDS = ("classic", "columnar", "zarr")
PROCESSES, THREADS = 4, 2
ROUND = 12.0
NICENESS = 10
"""Of these processes: what counts is how long they run beside each other, not how much they do."""
TURN, AT_WORK = 0.45, 0.15
"""Seconds from one time that all of them work to the next, and of each such time."""
LIMIT = 60.0
"""Seconds to wait for a lock; nobody is stopped for that long."""

LEDGER = 0
"""The chunk with one row of each write, in the order in which they were stored."""

BODY = 3
"""Rows of a write in other chunks, and connections."""

Token = tuple[int, int, int]
"""Process, thread and number of a write."""

NAMES = ("one", "two")
"""Under one of which the network lies."""


@dataclass
class Write:
    """A write, from when it began until it was told to be stored, or to have failed."""

    begin: float
    end: float = float("inf")
    whole: bool = True
    acknowledged: bool = False
    failed: bool = False


@dataclass
class Read:
    """How many writes a read saw, a checksum of them, and when it was."""

    begin: float
    end: float
    count: int
    checksum: int


@dataclass
class Found:
    """What is stored at the end: the writes in order, and what there is of each besides."""

    ledger: list[Token]
    bodies: Counter[Token]
    connections: tuple[int, int, int]
    report: str


@dataclass
class Tally:
    """What was done, and what is wrong."""

    writes: int = 0
    reads: int = 0
    kills: int = 0
    stops: int = 0
    moves: int = 0
    repacks: int = 0
    wrong: list[str] = field(default_factory=list)


def checksum_of(tokens: Sequence[Token]) -> int:
    return zlib.crc32(repr([tuple(map(int, each)) for each in tokens]).encode())


def judge(writes: dict[Token, Write], reads: Sequence[Read], found: Found) -> list[str]:
    """
    What is wrong with a history: nothing, if it is that of one program after the other.

    Each acknowledged write is there once; each is there whole, or not at all; none that failed is
    there. A write that ended before another one began is stored before it. Each read saw the
    first so many writes: all that were acknowledged before it began, and none that began after it.
    """
    wrong = [f"{each} is stored twice" for each, n in Counter(found.ledger).items() if n > 1]
    place = {token: number for number, token in enumerate(found.ledger)}
    for token, write in writes.items():
        if write.acknowledged and token not in place:
            wrong.append(f"{token} was acknowledged, and is lost")
        if write.failed and token in place:
            wrong.append(f"{token} failed, and is stored")
    wrong += [f"{token} was never begun, and is stored" for token in place if token not in writes]
    known = [token for token in found.ledger if token in writes]
    whole = [token for token in known if writes[token].whole]
    if found.bodies != Counter({token: BODY for token in whole}):
        wrong.append(f"rows in part: {found.bodies - Counter({t: BODY for t in whole})}")
    if found.connections != (BODY * len(whole),) * 3:
        wrong.append(f"{found.connections} connections of {len(whole)} writes")
    wrong += _order(known, writes) + _reads(found.ledger, known, writes, place, reads)
    return [*wrong, found.report] if found.report else wrong


def _order(known: Sequence[Token], writes: dict[Token, Write]) -> list[str]:
    """Writes that are stored after one that began when they were over."""
    wrong, latest = [], float("-inf")
    for token in known:
        if writes[token].end < latest:
            wrong.append(f"{token} is stored after a write that began later than it ended")
        latest = max(latest, writes[token].begin)
    return wrong


def _reads(
    ledger: Sequence[Token],
    known: Sequence[Token],
    writes: dict[Token, Write],
    place: dict[Token, int],
    reads: Sequence[Read],
) -> list[str]:
    wrong = []
    ended = sorted((writes[token].end, place[token]) for token in known)
    for read in reads:
        seen = ledger[: read.count]
        if checksum_of(seen) != read.checksum:
            wrong.append(f"a read saw {read.count} writes that are not the first")
        missed = [place for end, place in ended if end < read.begin and place >= read.count]
        if missed:
            wrong.append(
                f"a read of {read.count} writes missed {len(missed)} that were told before"
            )
        if any(writes[token].begin > read.end for token in seen if token in writes):
            wrong.append("a read saw a write that had not begun")
    return wrong


def new_storage(kind: str, root: Path, *, missing_ok: bool = False) -> Storage:
    if kind == "zarr":
        storage = Storage("zarr", str(root), missing_ok=missing_ok)
    else:
        where = NetworkRoot(root, kind, lock_limit=LIMIT)
        storage = Storage("hdf5", where, missing_ok=missing_ok)
    return storage


def begin(kind: str, folder: Path) -> None:
    storage = new_storage(kind, folder / NAMES[0], missing_ok=True)
    storage.require_placement_set(cell_type("a"))
    storage.require_connectivity_set(cell_type("a"), cell_type("a"), "loop")


class Worker:
    """
    A thread of a process, that does one thing after the other until it is told to stop.

    :param number: of the process; a process that follows one that was killed has another.
    """

    def __init__(self, kind: str, folder: Path, number: int, thread: int, seed: int) -> None:
        self._kind = kind
        self._folder = folder
        self._me = number, thread
        self._chance = random.Random(seed)
        notes = folder / f"notes-{number}-{thread}"
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._storage = self._opened()
        deeds = {self._write: 8, self._write_little: 4, self._fail: 2, self._read: 6}
        deeds |= {self._write_within_read: 2, self._move: 1, self._repack: 1}
        self._deeds, self._weights = list(deeds), list(deeds.values())

    def run(self) -> None:
        for number in itertools.count():
            if (self._folder / "stop").exists():
                return
            wait_for_work(self._kind)
            deed = self._chance.choices(self._deeds, self._weights)[0]
            deed((*self._me, number))

    def _opened(self) -> Storage:
        """The storage, wherever it lies by now."""
        for _ in range(1000):
            for name in NAMES:
                try:
                    return new_storage(self._kind, self._folder / name)
                except (errors.StoreNotFoundError, FileNotFoundError):
                    time.sleep(0.01)
        raise AssertionError("the network is nowhere")

    def _note(self, **values: Any) -> None:
        os.write(self._notes, json.dumps(values).encode() + b"\n")

    def _repeatedly(self, action: Callable[[Storage], Any]) -> Any:
        """What it returns, on the network where it lies by now."""
        while True:
            try:
                return action(self._storage)
            except (errors.StoreNotFoundError, FileNotFoundError):
                self._storage = self._opened()

    def _store(self, token: Token, action: Callable[[Storage], Any], *, whole: bool = True) -> None:
        self._note(write=token, begin=time.monotonic(), whole=whole)
        self._repeatedly(action)
        self._note(write=token, end=time.monotonic())

    def _write(self, token: Token) -> None:
        def write(storage: Storage) -> None:
            with storage.write_scope():
                _append_all(storage, token)

        self._store(token, write)

    def _write_little(self, token: Token) -> None:
        self._store(token, lambda storage: _append(storage, LEDGER, token, 1), whole=False)

    def _write_within_read(self, token: Token) -> None:
        def write(storage: Storage) -> None:
            with storage.read_scope():
                before = len(storage.get_placement_set(cell_type("a")))
                with storage.write_scope():
                    _append_all(storage, token)
                # Another program may have moved the network, or written to it, after the write.
                with contextlib.suppress(errors.StoreNotFoundError, FileNotFoundError):
                    assert len(storage.get_placement_set(cell_type("a"))) >= before + 1 + BODY

        self._store(token, write)

    def _fail(self, token: Token) -> None:
        def fail(storage: Storage) -> None:
            with storage.write_scope():
                _append_all(storage, token)
                raise ZeroDivisionError

        self._note(write=token, begin=time.monotonic(), whole=True)
        try:
            self._repeatedly(fail)
        except ZeroDivisionError:
            self._note(write=token, failed=True)

    def _read(self, token: Token) -> None:
        begin = time.monotonic()
        ledger = self._repeatedly(ledger_of)
        self._note(
            read=len(ledger), checksum=checksum_of(ledger), begin=begin, end=time.monotonic()
        )

    def _move(self, token: Token) -> None:
        root = os.path.basename(str(self._storage._engine.root))
        other = self._folder / NAMES[root == NAMES[0]]
        try:
            self._repeatedly(lambda storage: storage.move(str(other)))
        except errors.StoreExistsError:
            # Another one was faster, or was killed between the new name and the old.
            self._storage = self._opened()
        else:
            self._storage = self._opened()
            self._note(done="moves")

    def _repack(self, token: Token) -> None:
        try:
            self._repeatedly(bsb_hdf5.repack)
        except errors.StoreAccessError as error:
            # Of a process that was killed as it moved the file.
            if "several names" not in str(error):
                raise
        else:
            self._note(done="repacks")


def since_work(kind: str) -> float:
    """Seconds since the last time began in which all of a kind work; others work at others."""
    return (time.monotonic() + KINDS.index(kind) * TURN / len(KINDS)) % TURN


def wait_for_work(kind: str) -> None:
    """
    Sleep until the time comes in which all of them work.

    So they meet as often as if they never slept, and leave the cores to others between.
    """
    now = since_work(kind)
    if now > AT_WORK:
        time.sleep(TURN - now)


def _append(storage: Storage, x: int, token: Token, count: int) -> None:
    rows = np.tile(token, (count, 1)).astype(float)
    storage.get_placement_set(cell_type("a")).append_data(chunk(x), rows)


def _append_all(storage: Storage, token: Token) -> None:
    _append(storage, LEDGER, token, 1)
    _append(storage, 1 + token[1], token, BODY)
    ends = on_soma(*[0] * BODY)
    storage.get_connectivity_set("loop").chunk_connect(chunk(LEDGER), chunk(LEDGER), ends, ends)


def ledger_of(storage: Storage) -> list[Token]:
    cells = storage.get_placement_set(cell_type("a"), chunks=[chunk(LEDGER)])
    rows = np.asarray(cells.load_positions()).reshape(-1, 3)
    return [(int(p), int(t), int(n)) for p, t, n in rows.tolist()]


def found_in(kind: str, folder: Path) -> dict[str, Any]:
    root = next(folder / name for name in NAMES if (folder / name).exists())
    storage = new_storage(kind, root)
    ledger = ledger_of(storage)
    rows = storage.get_placement_set(cell_type("a")).load_positions()
    loop = storage.get_connectivity_set("loop")
    counts = [
        sum(len(near) for *_, (near, _) in loop.flat_iter_connections(direction))
        for direction in ("inc", "out")
    ]
    return {
        "ledger": ledger,
        "rows": np.asarray(rows).astype(int).tolist(),
        "connections": [len(loop), *counts],
        "report": "\n".join(map(str, bsb_hdf5.verify(storage))),
    }


def work(kind: str, folder: Path, number: int, seed: int) -> None:
    """A process of several threads; what goes wrong in one is noted."""
    warnings.simplefilter("ignore")
    os.nice(NICENESS)

    def run(thread: int) -> None:
        try:
            Worker(kind, folder, number, thread, seed + thread).run()
        except BaseException:
            (folder / f"error-{number}-{thread}").write_text(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(each,)) for each in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def notes_of(folder: Path) -> tuple[dict[Token, Write], list[Read], Counter[str]]:
    writes: dict[Token, Write] = {}
    reads: list[Read] = []
    done: Counter[str] = Counter()
    for note in _all_notes(folder):
        if "read" in note:
            reads.append(Read(note["begin"], note["end"], note["read"], note["checksum"]))
        elif "done" in note:
            done[note["done"]] += 1
        elif "begin" in note:
            writes[tuple(note["write"])] = Write(note["begin"], whole=note["whole"])
        else:
            write = writes[tuple(note["write"])]
            write.failed, write.acknowledged = "failed" in note, "end" in note
            write.end = note.get("end", write.end)
    return writes, reads, done


def _all_notes(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("notes-*")):
        for line in path.read_text().splitlines():
            yield json.loads(line)


class Round:
    """One network, and the processes that use it for a while."""

    def __init__(self, kind: str, folder: Path, seed: int) -> None:
        self._kind = kind
        self._folder = folder
        self._chance = random.Random(seed)
        self._numbers = itertools.count()
        self._children: dict[int, int] = {}
        self.tally = Tally()

    def run(self, seconds: float) -> Tally:
        if self._kind == "zarr":
            # Each process would import it for itself, which takes longer than it lives.
            importlib.import_module("zarr")
        in_child(lambda: begin(self._kind, self._folder))
        for _ in range(PROCESSES):
            self._start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # An instant of the next time that all of them work.
            rest = TURN - since_work(self._kind)
            time.sleep(rest + self._chance.uniform(0.0, AT_WORK))
            self._disturb()
        (self._folder / "stop").touch()
        self._wait()
        self._judge()
        return self.tally

    def _start(self) -> None:
        number, seed = next(self._numbers), self._chance.randrange(1 << 30)
        child = fork(lambda: work(self._kind, self._folder, number, seed))
        self._children[child] = number

    def _disturb(self) -> None:
        child = self._chance.choice(list(self._children))
        if self._chance.random() < 0.4:
            os.kill(child, signal.SIGSTOP)
            time.sleep(self._chance.uniform(0.05, 0.6))
            os.kill(child, signal.SIGCONT)
            self.tally.stops += 1
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            del self._children[child]
            self.tally.kills += 1
            self._start()

    def _wait(self) -> None:
        end = time.monotonic() + 2 * LIMIT
        for child, number in self._children.items():
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                if time.monotonic() > end:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    self.tally.wrong.append(f"process {number} did not end")
                    break
                time.sleep(0.02)

    def _judge(self) -> None:
        wrong = [each.read_text() for each in sorted(self._folder.glob("error-*"))]
        writes, reads, done = notes_of(self._folder)
        stored = in_child(lambda: found_in(self._kind, self._folder))
        ledger = [_token(each) for each in stored["ledger"]]
        bodies = Counter(map(_token, stored["rows"])) - Counter(ledger)
        first, second, third = stored["connections"]
        found = Found(ledger, bodies, (first, second, third), stored["report"])
        self.tally.wrong += wrong + judge(writes, reads, found)
        self.tally.writes += sum(each.acknowledged for each in writes.values())
        self.tally.reads += len(reads)
        self.tally.moves, self.tally.repacks = done["moves"], done["repacks"]


def _token(row: Sequence[Any]) -> Token:
    process, thread, number = row
    return int(process), int(thread), int(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end, total = time.monotonic() + options.seconds, Counter[str]()
    for number in itertools.count():
        seconds = min(ROUND, end - time.monotonic())
        if seconds <= 0:
            break
        kind = KINDS[number % len(KINDS)]
        with tempfile.TemporaryDirectory() as folder:
            tally = Round(kind, Path(folder), options.seed * 10_000 + number).run(seconds)
        for title in ("writes", "reads", "kills", "stops", "moves", "repacks"):
            total[title] += getattr(tally, title)
        total["wrong"] += len(tally.wrong)
        for each in tally.wrong:
            print(f"{kind}, round {number}: {each}", flush=True)
    print(", ".join(f"{count} {title}" for title, count in total.items()))
    sys.exit(bool(total["wrong"]))


if __name__ == "__main__":
    main()
