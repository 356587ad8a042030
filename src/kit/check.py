"""A report on an engine: its contract, random histories, BSB's suite, and times."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable

import attrs
import bsb
import numpy as np
import pytest
from bsb.storage import get_engines

from ..testing.suite_module import suite_module

_TITLES = {
    "TestContract": "contract of the store",
    "TestHistories": "random histories",
    "TestNetworks": "networks: compiled, opened, converted both ways",
}
_BESIDE = ("memory", "hdf5")


# Without equality it has a hash, which earlier versions of pytest need of a plugin.
@attrs.define(eq=False)
class Tally:
    """A plugin of pytest that counts outcomes by part, and keeps what failed."""

    counts: dict[str, dict[str, int]] = attrs.field(factory=lambda: defaultdict(dict))
    failed: dict[str, str] = attrs.field(factory=dict)
    skipped: set[str] = attrs.field(factory=set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        _, part, *rest = report.nodeid.split("::")
        counts = self.counts[_TITLES.get(part, "BSB's suite for engines")]
        counts[report.outcome] = counts.get(report.outcome, 0) + 1
        if report.failed:
            self.failed["::".join((part, *rest))] = _why(report)
        elif report.skipped and isinstance(report.longrepr, tuple):
            self.skipped.add(str(report.longrepr[2]).removeprefix("Skipped: "))


def _why(report: pytest.TestReport) -> str:
    """The error of a failed test and its place, in a line or two."""
    crash = getattr(report.longrepr, "reprcrash", None)
    where = report.longreprtext.strip().split("\n")[-1]
    if crash is None:
        return where
    return "\n      ".join((str(crash.message).split("\n")[0][:300], where))


def check(name: str, only: str = "", say: Callable[[str], object] = print) -> bool:
    """
    Run every test that an engine has to pass, and print a report.

    :param name: of an engine that is installed.
    :param only: expression that chooses tests, as of ``pytest -k``; without, all are run.
    :returns: whether it passed.
    """
    if name not in get_engines():
        known = ", ".join(sorted(get_engines()))
        say(f"no engine '{name}' is installed; BSB finds {known}. Install the package, with its")
        say("entry point in the group 'bsb.storage.engines', and try again.")
        return False
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        # No settings of the folder that this runs in, and none of those above it.
        settings = os.path.join(folder, "pytest.ini")
        with open(settings, "w", encoding="utf-8") as file:
            file.write("[pytest]\n")
        options = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-k", only]
        path = suite_module(folder, name)
        pytest.main([path, "--rootdir", folder, "-c", settings, *options], plugins=[tally])
    _report(name, tally, say)
    passed = bool(tally.counts) and not tally.failed
    if passed:
        _report_times(name, say)
    say(f"\n'{name}' {'passes' if passed else 'does not pass'}")
    return passed


def _report(name: str, tally: Tally, say: Callable[[str], object]) -> None:
    say(f"\nThe engine '{name}':")
    # Not before the run, in which pytest is to explain the assertions of what this imports.
    from ..testing.suite_of_engine import store_of

    for title, counts in tally.counts.items():
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        say(f"  {title}: {outcomes}")
    for promise, error in tally.failed.items():
        say(f"  BROKEN {promise.replace('_', ' ')}\n      {error}")
    with tempfile.TemporaryDirectory() as folder:
        limits = store_of(name, f"{folder}/network").capabilities.limits
    for capability, sentence in limits.items():
        say(f"  not claimed: {capability}: {sentence}")
    for reason in sorted(tally.skipped - set(limits.values())):
        say(f"  skipped: {reason}")


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
