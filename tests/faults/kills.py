"""
Writers that are killed at any moment, again and again, and what they leave.

A writer does the sessions of :mod:`tests.faults.histories`, one after the other, and notes each
that returned in a file of acknowledgements. Whoever runs this must not have the storage open:
all that touches it happens in forked children. It runs with bsb-hdf5 8.0.2 too.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bsb import Storage

import bsb_hdf5
from tests.faults.dying import die_at
from tests.faults.histories import Model, State, begin, parts_of, perform, state_of

LONGEST_LIFE = 0.15
"""Seconds that a writer has at most, once it began its first session."""

MOST_CALLS = 200
"""That a writer makes at most, if it is killed at one of them."""

LIMIT = 30
"""Seconds to read a storage, or for a writer to come to such a call."""

NewStorage = Callable[[Path], Storage]


@dataclass
class Toll:
    """
    What became of the storages of writers that were killed.

    :param within: kills while a session was under way.
    :param sessions: that were acknowledged.
    :param unreadable: storages that did not open, or could not be read or written to.
    :param lost: sessions that were acknowledged and are not there: all, where nothing can be read.
    :param partial: storages that hold the state before no session and after none.
    :param unequal: storages in which incoming and outgoing connections differ.
    :param findings: storages in which ``verify`` found something, if there is one.
    """

    kills: int = 0
    within: int = 0
    sessions: int = 0
    unreadable: int = 0
    lost: int = 0
    partial: int = 0
    unequal: int = 0
    findings: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def harmless(self) -> bool:
        """Whether nothing was lost or damaged."""
        return not (self.unreadable or self.lost or self.partial or self.unequal or self.findings)


class History:
    """
    One storage, and what it is to hold.

    :param first: number of the first session.
    """

    def __init__(self, folder: Path, new_storage: NewStorage, first: int) -> None:
        self.root = folder / f"network-{first}"
        self.number = first
        self.model = Model()
        self.past: list[State] = []
        self._new_storage = new_storage
        self._notes = folder / f"acknowledged-{first}"
        in_child(lambda: begin(new_storage(self.root)))

    def live(self, seconds: float, calls: int | None = None) -> tuple[int, bool]:
        """
        Let a writer live for so long, or for so many calls of the system that change files.

        :returns: sessions that it was told are stored, and whether one was under way.
        :raises ChildFailedError: it ended by itself.
        """
        self._notes.write_bytes(b"")
        reader, writer = os.pipe()
        child = fork(lambda: self._write(writer, calls))
        os.close(writer)
        started = os.read(reader, 1)
        os.close(reader)
        if calls is None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        notes = self._notes.read_text().splitlines()
        if not started or status != -signal.SIGKILL:
            raise ChildFailedError(f"the writer ended with {status}: {notes[-1:]}")
        return notes.count("end"), notes[-1:] == ["begin"]

    def _write(self, started: int, calls: int | None) -> None:
        signal.alarm(LIMIT)
        notes = os.open(self._notes, os.O_WRONLY | os.O_APPEND)
        try:
            parts = parts_of(self._new_storage(self.root))
            os.write(started, b".")
            if calls is not None:
                die_at(calls)
            for number in itertools.count(self.number):
                os.write(notes, b"begin\n")
                perform(number, self.model, parts)
                os.write(notes, b"end\n")
                os.fsync(notes)
        except BaseException as error:
            os.write(notes, repr(error).encode())

    def acknowledge(self, count: int) -> None:
        """Do so many sessions to the model."""
        for _ in range(count):
            self.past.append(self.model.state())
            perform(self.number, self.model)
            self.number += 1

    def found(self) -> tuple[State, str]:
        """What is stored, and what ``verify`` says of it."""

        def look() -> Any:
            return state_of(self._new_storage(self.root)), _verified(self.root)

        state, report = in_child(look)
        return state, report

    def next_model(self) -> Model:
        """What there is to be after one more session."""
        model = copy.deepcopy(self.model)
        perform(self.number, model)
        return model


def _verified(root: Path) -> str:
    """What is wrong with a storage; empty if nothing is, or if that can't be asked."""
    verify = getattr(bsb_hdf5, "verify", None)
    report = () if verify is None else verify(Storage(_engine_of(root), str(root)))
    return "\n".join(map(str, report))


def _engine_of(root: Path) -> str:
    return "zarr" if root.is_dir() else "hdf5"


def kill_writers(
    folder: Path, new_storage: NewStorage, count: int, *, aimed: bool = False, seed: int = 7
) -> Toll:
    """
    Kill so many writers, one after the other, and look at what each of them leaves.

    A storage that was damaged is left alone, and the next writer begins another.

    :param aimed: at calls that change files, half-way through what they write, if the engine
        makes them in Python; else at any moment.
    """
    chance, toll = random.Random(seed), Toll()
    history = None
    while toll.kills < count:
        if history is None:
            history = History(folder, new_storage, 10_000 * toll.kills)
        try:
            calls = chance.randrange(MOST_CALLS) if aimed else None
            whole = _kill_one(history, toll, chance.uniform(0, LONGEST_LIFE), calls)
        except ChildFailedError as error:
            whole = False
            toll.unreadable += 1
            toll.lost += len(history.past)
            toll.examples.append(str(error))
        history = history if whole else None
    return toll


def _kill_one(history: History, toll: Toll, seconds: float, calls: int | None) -> bool:
    """Kill the next writer to a storage; whether it left it whole."""
    toll.kills += 1
    acknowledged, within = history.live(seconds, calls)
    toll.within += within
    toll.sessions += acknowledged
    history.acknowledge(acknowledged)
    return _judge(history, toll)


def _judge(history: History, toll: Toll) -> bool:
    """Count what is wrong with a storage; whether nothing is."""
    state, report = history.found()
    toll.findings += bool(report)
    toll.unequal += state["inc"] != state["out"]
    if state == history.model.state():
        return not report
    following = history.next_model()
    if state == following.state():
        # It was stored just before it was to be told.
        history.acknowledge(1)
        return not report
    if state in history.past:
        toll.lost += len(history.past) - history.past.index(state)
    else:
        toll.partial += 1
        parts = [key for key in state if state[key] != following.state()[key]]
        toll.examples.append(f"after {history.number}: {parts} {report}")
    return False


class ChildFailedError(Exception):
    """A child raised an error, died or took too long."""


def fork(action: Callable[[], Any]) -> int:
    """The process that does it, and nothing more."""
    child = os.fork()
    if child:
        return child
    try:
        action()
    finally:
        os._exit(0)


def in_child(action: Callable[[], Any]) -> Any:
    """
    What it returns in a process of its own.

    :raises ChildFailedError: nothing, as it raised, died, or took too long.
    """
    reader, writer = os.pipe()

    def answer() -> None:
        signal.alarm(LIMIT)
        try:
            said = {"value": action()}
        except BaseException as error:
            said = {"error": "".join(traceback.format_exception_only(error)).strip()}
        with open(writer, "w") as pipe:
            json.dump(said, pipe)

    child = fork(answer)
    os.close(writer)
    with open(reader) as pipe:
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = json.loads(text) if text else {"error": f"the process ended with {status}"}
    if "error" in said:
        raise ChildFailedError(said["error"])
    return said["value"]
