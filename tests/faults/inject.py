"""
Every verb of every engine, with a call of the system that fails.

``python -m tests.faults.inject --count 2000 --seed 1`` tries so many faults of all that there are:
the k-th call of a kind (:data:`~tests.faults.system_calls.KINDS`), with an error, once or from then
on, or doing half of what it is asked for. ``--count 0`` tries all, and with ``--one-way`` each call
once, with one of its errors. It prints how many there were, and each after which something was
wrong.

After each, the error is one of ours, the storage holds what it held before or what it is to hold,
``verify`` finds nothing, and both this process and one that begins then can go on.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import attrs
from bsb import Storage
from h5py import h5f

import bsb_hdf5
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.engines.zarr import ZarrEngine
from bsb_hdf5.errors import StorageError, StoreAccessError, StoreIOError
from tests.face.samples import SmallNetwork, cell_type, chunk, positions
from tests.faults import verbs
from tests.faults.system_calls import ERRORS, SHORT, Fault, System, faults_of
from tests.faults.verbs import ENGINES, NETWORK, TARGET, VERBS, State

SECONDS = 60
"""That one fault may take."""
MOST_LATER = 5
"""Of the storages of a verb that a process looks at which begins later."""

Roots = dict[str, State]


@attrs.frozen
class Trial:
    """One fault in one verb of an engine."""

    engine: str
    verb: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.engine}, {self.verb}: {self.fault}"


def roots_in(folder: Path) -> Roots:
    """What the storages in a folder hold."""
    return {
        name: verbs.state_of(_found(folder / name))
        for name in (NETWORK, TARGET)
        if ZarrEngine.peek_exists(str(folder / name))
    }


def _found(root: Path) -> Storage:
    return Storage("zarr" if root.is_dir() else "hdf5", str(root), missing_ok=False)


class Rehearsal:
    """
    A verb of an engine, without faults: the states before and after, and the calls it makes.

    :param original: folder of the network.
    :param place: a folder that is free.
    """

    def __init__(self, engine: str, verb: str, original: Path, place: Path) -> None:
        self.engine, self.verb, self.original = engine, verb, original
        self.before = self._states_of(place, lambda folder: None)
        system = System(place)
        self.after = self._states_of(place, lambda folder: self._act(folder, system))
        self.trials = [Trial(engine, verb, fault) for fault in faults_of(system.calls)]

    def _states_of(self, place: Path, act: Callable[[Path], object]) -> Roots:
        shutil.copytree(self.original, place)
        act(place)
        found = roots_in(place)
        shutil.rmtree(place)
        return found

    def _act(self, folder: Path, system: System) -> SmallNetwork:
        network = SmallNetwork.of(_found(folder / NETWORK))
        # Nothing is open that was read before.
        network.storage._engine.close()
        with system.at_work():
            VERBS[self.verb](network, folder)
        return network

    def problems(self, trial: Trial, folder: Path) -> list[str]:
        """What is wrong after a fault; the folder stays, for a process that begins later."""
        fault, system = trial.fault, System(folder, trial.fault)
        problems, error = self.attempt(folder, system.at_work())
        if error is not None:
            problems += judged(error, fault)
        if not problems and not fault.lasting and fault.kind != "unlink":
            problems += _left(folder)
        return problems

    def attempt(
        self, folder: Path, hindered: AbstractContextManager[None]
    ) -> tuple[list[str], Exception | None]:
        """
        Do it while something is in the way.

        :param folder: that is made; it stays.
        :returns: what is wrong then, and the error that was raised.
        """
        shutil.copytree(self.original, folder, dirs_exist_ok=True)
        network = SmallNetwork.of(_found(folder / NETWORK))
        network.storage._engine.close()
        error = None
        with hindered:
            try:
                VERBS[self.verb](network, folder)
            except Exception as raised:
                error = raised
        return self._wrong(folder, network, error), error

    def _wrong(self, folder: Path, network: SmallNetwork, error: Exception | None) -> list[str]:
        try:
            states = roots_in(folder)
        except Exception:
            return [f"can't be read: {traceback.format_exc()}"]
        expected = [self.after] if error is None else [self.before, self.after]
        if "its former name" in str(error):
            # A move that could be neither finished nor undone: two names of one file.
            expected.append({**self.before, **self.after})
        if states not in expected:
            return [f"is between, after {error!r}: {sorted(states)}"]
        try:
            return self._going_on(network, folder, states)
        except Exception:
            return [f"does not go on: {traceback.format_exc()}"]

    def _going_on(self, network: SmallNetwork, folder: Path, states: Roots) -> list[str]:
        storage = network.storage
        if not storage.exists():
            storage = _found(folder / TARGET) if TARGET in states else storage
            storage.create()
        report = bsb_hdf5.verify(storage)
        cells = storage.require_placement_set(cell_type("b"))
        count = len(cells)
        cells.append_data(chunk(9), positions(3))
        grown = len(cells) == count + 3 == len(cells.load_positions())
        return [*map(str, report), *["an append was lost"] * (not grown)]


def _left(folder: Path) -> list[str]:
    """What lies beside the storages."""
    more = {*os.listdir(folder)} - {NETWORK, TARGET}
    # Of a folder that is removed, the error says what could not be deleted.
    more = {name for name in more if not name.endswith(".gone")}
    return [f"leaves {sorted(more)}"] if more else []


def judged(error: Exception, fault: Fault) -> list[str]:
    """What is wrong with an error."""
    if not isinstance(error, StorageError):
        return ["".join(traceback.format_exception(error))]
    if fault.what == SHORT:
        return [f"a short call raised {error!r}"]
    number, denied = ERRORS[fault.what], fault.what == "EACCES"
    kind = StoreAccessError if denied else StoreIOError
    if isinstance(error, kind) and error.errno == number:
        return []
    return [f"{error!r} of errno {getattr(error, 'errno', None)} came of {fault.what}"]


def try_all(trials: Sequence[Trial], rehearsal: Rehearsal, folder: Path) -> list[str]:
    """What went wrong in the trials of a verb, done in a process of their own."""
    notes = folder / "notes"
    begun, problems = 0, []
    while begun < len(trials):
        child = os.fork()
        if not child:
            _run_rest(trials, begun, rehearsal, folder, notes)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        lines = [json.loads(line) for line in notes.read_text().splitlines()]
        notes.unlink()
        problems += [f"{trials[i]}: {text}" for i, texts in lines for text in texts or ()]
        begun = max((i for i, _ in lines), default=begun) + 1
        if status:
            problems.append(f"{trials[begun - 1]}: the process ended with {status}")
    return problems


def _run_rest(
    trials: Sequence[Trial], first: int, rehearsal: Rehearsal, folder: Path, notes: Path
) -> None:
    """Note each trial that begins, and what came of it; ends the process."""
    try:
        before = _open_in_hdf5()
        with notes.open("w", buffering=1) as file:
            for i in range(first, len(trials)):
                signal.alarm(SECONDS)
                file.write(json.dumps([i, None]) + "\n")
                place = folder / f"{rehearsal.engine}-{i}"
                shutil.rmtree(place, ignore_errors=True)
                texts = rehearsal.problems(trials[i], place)
                file.write(json.dumps([i, texts]) + "\n")
            after = _open_in_hdf5()
            if after > before:
                # HDF5 would close them when Python is gone, and crash.
                text = f"HDF5 has {after - before} files open of this or an earlier one"
                file.write(json.dumps([len(trials) - 1, [text]]) + "\n")
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _open_in_hdf5() -> int:
    """Files that HDF5 has open, other than those that are closed as the process ends."""
    gc.collect()
    known = sum(bool(file.id.valid) for file in list(FILE_POOL._open))
    return int(h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_FILE)) - known


LATER = """
import sys, warnings
from pathlib import Path
import bsb_hdf5
from tests.faults.inject import roots_in, _found
for line in sys.stdin.read().splitlines():
    folder = Path(line)
    try:
        for name in roots_in(folder):
            storage = _found(folder / name)
            for finding in bsb_hdf5.verify(storage):
                print(line, finding)
            storage._engine.close()
    except Exception as error:
        print(line, repr(error))
"""


def looked_at_later(folders: Sequence[Path]) -> list[str]:
    """What a process that begins now finds wrong."""
    lines = "\n".join(map(str, folders))
    found = subprocess.run(
        [sys.executable, "-c", LATER], input=lines, capture_output=True, text=True, check=False
    )
    ended = [f"a later process: {found.stderr}"] if found.returncode else []
    return [*ended, *(f"a later process: {line}" for line in found.stdout.splitlines())]


def inject(
    pairs: Sequence[tuple[str, str]], pick: Callable[[list[Trial]], list[Trial]], folder: Path
) -> tuple[int, list[str]]:
    """
    Try faults.

    :param pairs: engines and verbs.
    :param pick: which of the trials of a verb.
    :returns: how many were tried, and what went wrong.
    """
    tried, problems = 0, []
    left: list[Path] = []
    for number, (engine, verb) in enumerate(pairs):
        work = folder / str(number)
        work.mkdir()
        rehearsal = Rehearsal(engine, verb, built(folder, engine), work / "rehearsal")
        trials = pick(rehearsal.trials)
        tried += len(trials)
        problems += try_all(trials, rehearsal, work)
        left += _some(work)
    return tried, problems + looked_at_later(left)


def built(folder: Path, engine: str) -> Path:
    """The folder of the network that all verbs of an engine begin with."""
    original = folder / f"original-{engine}"
    if not original.exists():
        original.mkdir()
        verbs.build(original, engine)
    return original


def _some(work: Path) -> list[Path]:
    """Some of the folders that trials left; the others are removed."""
    folders = sorted(work.iterdir())
    kept = folders[:: len(folders) // MOST_LATER + 1]
    for each in folders:
        if each not in kept:
            shutil.rmtree(each)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description="Make calls of the system fail.")
    parser.add_argument("--count", type=int, default=500, help="faults that are tried; 0: all")
    parser.add_argument("--one-way", action="store_true", help="each call fails in one way only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", nargs="*", default=[*ENGINES])
    parser.add_argument("--verbs", nargs="*", default=[*VERBS])
    options = parser.parse_args()
    pairs = [(engine, verb) for engine in options.engines for verb in options.verbs]
    share = options.count // len(pairs) + 1
    chance = random.Random(options.seed)

    def pick(trials: list[Trial]) -> list[Trial]:
        if options.one_way:
            calls = itertools.groupby(trials, lambda trial: (trial.fault.kind, trial.fault.k))
            trials = [chance.choice([*ways]) for _, ways in calls]
        some = options.count and len(trials) > share
        return chance.sample(trials, share) if some else trials

    with tempfile.TemporaryDirectory() as folder:
        tried, problems = inject(pairs, pick, Path(folder))
    print(*problems, sep="\n")
    print(f"{tried} faults, {len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
