"""A report on an engine: its contract, random histories, BSB's suite, and times."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable

import bsb
import numpy as np
from bsb.storage import get_engines

from ..engine import StorageEngine
from ..ports.store import Capability
from ..testing.suite_of_engine import store_of
from ..testing.waits import LIMIT
from .outcomes import Tally
from .suite_process import run_suite

_TITLES = {
    "TestContract": "contract of the store",
    "TestHistories": "random histories",
    "TestNetworks": "networks: compiled, opened, converted both ways",
}
_BESIDE = ("memory", "hdf5")


def check(
    name: str, only: str = "", say: Callable[[str], object] = print, *, limit: float = LIMIT
) -> bool:
    """
    Run every test that an engine has to pass, and print a report.

    :param name: name of an installed engine.
    :param only: expression that chooses tests, as for ``pytest -k``; if empty, all tests run.
    :param limit: seconds for one test, after which the check ends; 0 for no limit.
    :returns: whether it passed.
    """
    if name not in get_engines():
        known = ", ".join(sorted(get_engines()))
        say(f"no engine '{name}' is installed; BSB finds {known}. Install the package, with its")
        say("entry point in the group 'bsb.storage.engines', and try again.")
        return False
    if not issubclass(get_engines()[name], StorageEngine):
        say(
            f"the engine '{name}' is not made with bsb_hdf5.kit.define_engine, and can't be checked"
        )
        return False
    tally = run_suite(name, only, limit)
    report(name, tally, say)
    if tally.has_passed:
        _report_times(name, say)
    say(f"\n'{name}' {_verdict(tally)}")
    return tally.has_passed


def _verdict(tally: Tally) -> str:
    if not tally.has_passed:
        return "does not pass" if tally.failures else "was not tested: no test was chosen"
    if tally.left_out:
        return f"passes what was chosen; not run: {_tests(tally.left_out)}"
    return "passes"


def report(name: str, tally: Tally, say: Callable[[str], object]) -> None:
    """Print what came of the tests of an engine."""
    say(f"\nThe engine '{name}':")
    titles: dict[str, Counter[str]] = {}
    for part, counts in tally.counts.items():
        titles.setdefault(_TITLES.get(part, "BSB's suite for engines"), Counter()).update(counts)
    for title, total in titles.items():
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(total.items()))
        say(f"  {title}: {outcomes}")
    if tally.not_run:
        say(f"  not run: {_tests(tally.not_run)}")
    for failure in tally.failures:
        say(f"  BROKEN {failure.tests[0]}{_others(len(failure.tests) - 1)}")
        for line in (*failure.error.split("\n"), failure.where):
            say(f"      {line}")
    limits = _limits_of(name, say)
    for capability, sentence in limits.items():
        say(f"  not claimed: {capability}: {sentence}")
    for reason in sorted(tally.reasons - set(limits.values())):
        say(f"  skipped: {reason}")


def _limits_of(name: str, say: Callable[[str], object]) -> dict[Capability, str]:
    """The capabilities that the store does not claim; none if it can't be made."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return store_of(name, f"{folder}/network").capabilities.limits
    except Exception as error:
        say(f"  the store can't be made: {type(error).__name__}: {error}")
        return {}


def _others(count: int) -> str:
    return f", and {_tests(count, 'more ')}" if count else ""


def _tests(count: int, which: str = "") -> str:
    return f"{count} {which}{'test' if count == 1 else 'tests'}"


def _report_times(name: str, say: Callable[[str], object]) -> None:
    say("\nSeconds, beside other engines (of one run, on this machine):")
    times = {each: _times(each) for each in dict.fromkeys((name, *_BESIDE))}
    for task in times[name]:
        row = ", ".join(f"{each} {took[task]:.3f}" for each, took in times.items())
        say(f"  {task}: {row}")


def _times(engine: str) -> dict[str, float]:
    """Seconds that some tasks take on an engine."""
    with tempfile.TemporaryDirectory() as folder:
        root = uuid.uuid4().hex if engine == "memory" else f"{folder}/network.{engine}"
        storage = bsb.Storage(engine, root)
        times = {}
        for task, act in _TASKS.items():
            begin = time.perf_counter()
            act(storage)
            times[task] = time.perf_counter() - begin
        storage.remove()
    return times


class _Granule:
    name = "granule"


def _append(storage: bsb.Storage) -> None:
    cells = storage.require_placement_set(_Granule())
    positions = np.random.default_rng(1).random((500, 3))
    for number in range(100):
        cells.append_data(bsb.Chunk((number, 0, 0), (100, 100, 100)), positions=positions)


def _load(storage: bsb.Storage) -> None:
    for _ in range(20):
        storage.get_placement_set(_Granule()).load_positions()


def _load_chunks(storage: bsb.Storage) -> None:
    cells = storage.get_placement_set(_Granule())
    for number in range(100):
        cells.set_chunk_filter([bsb.Chunk((number, 0, 0), (100, 100, 100))])
        cells.load_positions()


_TASKS: dict[str, Callable[[bsb.Storage], None]] = {
    "append 500 cells, 100 times": _append,
    "load 50,000 positions, 20 times": _load,
    "load a chunk, 100 times": _load_chunks,
}
