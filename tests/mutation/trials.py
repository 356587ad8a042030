"""
Tests that are collected once, and run in a forked process for each mutation.

First each test runs once, and says which mutations it reaches. A mutation is then tried with the
tests that reach it: those of its room first, quick ones before slow ones, until one fails. What no
test reaches may be executed by an import, or in the processes that tests start: those tests, and
the ones of its room, are tried in a new process.
"""

from __future__ import annotations

import builtins
import gc
import hashlib
import importlib
import itertools
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import CodeType

import attrs
import pytest

from tests.mutation import patches
from tests.mutation.mutations import Mutation

# The first tests that are tried, and with how many of their parameters.
UNITS = ("tests/unit/", "tests/backends/", "tests/parallel/")
PARAMETERS = 2
MEMORY = 6 << 30
PROCESSES = ("os.fork", "os.posix_spawn", "subprocess.Popen")
_MOMENTS = itertools.count(int(time.time()))


@attrs.frozen
class Outcome:
    """
    What became of a mutation.

    :param noticed_by: the test that failed with it, or why none had to run.
    """

    noticed_by: str | None
    reached: int
    ran: int
    seconds: float


@attrs.frozen
class Reach:
    """
    A test, and which mutations it reaches.

    :param starts: whether it starts processes, in which it may reach others.
    :param modules: the modules with mutations of which it calls something, by number.
    :param version: what its file held.
    """

    test: str
    seconds: float
    passes: bool
    mutations: list[int]
    starts: bool = False
    modules: list[int] = attrs.field(factory=list)
    version: str = ""


class Trials:
    """A plugin of pytest, which tries mutations instead of running the tests."""

    def __init__(
        self,
        mutations: list[Mutation],
        package: Path,
        remembered: Path,
        limit: float,
        tell: Callable[[Mutation, Outcome], None],
    ) -> None:
        self._mutations = mutations
        self._package = package
        self._remembered = remembered
        self._limit = limit
        self._tell = tell
        self._failed = False
        self._sound: dict[str, bool] = {}
        self._numbers = {
            path: number
            for number, path in enumerate(dict.fromkeys(each.path for each in mutations))
        }
        self._versions: dict[Path, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        for module in pkgutil.walk_packages([str(self._package)], "bsb_hdf5."):
            if "__main__" not in module.name:
                importlib.import_module(module.name)
        session.config.pluginmanager.unregister(name="terminalreporter")
        self._functions = patches.Functions(self._package)
        gc.collect()
        gc.freeze()
        self._reaches = {each.test: each for each in self._remembered_reaches()}
        pending = set(range(len(self._mutations)))
        tried: set[str] = set()
        rounds = in_rounds(list(self._items))
        for tests in rounds:
            new = [each for each in tests if each not in self._reaches]
            if tried:
                paths = {each: self._mutations[each].path for each in pending}
                modules = {self._numbers[path] for path in paths.values()}
                near = {
                    folder_of_tests(path)
                    for each, path in paths.items()
                    if not self._is_reached(each)
                }
                new = worth_running(new, self._reaches.values(), modules, near)
            self._run_all(new)
            for number in sorted(pending):
                if tests is not rounds[-1] and not self._is_reached(number):
                    # What no test reaches takes a process of its own: in the end.
                    continue
                outcome = self._try(number, tried)
                if outcome.noticed_by:
                    pending.remove(number)
                self._tell(self._mutations[number], outcome)
            tried.update(tests)
        return True

    def _remembered_reaches(self) -> Iterator[Reach]:
        if self._remembered.exists():
            for line in self._remembered.read_text(encoding="utf-8").splitlines():
                reach = Reach(**json.loads(line))
                if reach.test in self._items and reach.version == self._version_of(reach.test):
                    yield reach

    def _version_of(self, test: str) -> str:
        path = self._items[test].path
        if path not in self._versions:
            self._versions[path] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return self._versions[path]

    def _run_all(self, tests: list[str]) -> None:
        """Find what each test reaches; one that ends its process, or hangs, is left out."""
        with self._remembered.open("a", encoding="utf-8") as file:
            while tests:
                ended = None
                for line in forked(partial(self._probe, tests), 60):
                    print(line, file=file, flush=True)
                    reach = Reach(**json.loads(line))
                    self._reaches[reach.test] = reach
                    ended = reach.test
                tests = tests[tests.index(ended) + 1 :] if ended else tests
                if tests:
                    test = tests.pop(0)
                    version = self._version_of(test)
                    left_out = Reach(test, 60.0, passes=False, mutations=[], version=version)
                    print(json.dumps(attrs.asdict(left_out)), file=file, flush=True)

    def _probe(self, tests: list[str], tell: Callable[[str], None]) -> None:
        reached: set[int] = set()
        setattr(builtins, patches.REACHED, reached.add)
        started: list[str] = []
        sys.addaudithook(lambda event, _: started.append(event) if event in PROCESSES else None)
        by_path: dict[Path, dict[int, Mutation]] = defaultdict(dict)
        for number, mutation in enumerate(self._mutations):
            by_path[mutation.path][number] = mutation
        for path, probes in by_path.items():
            source = path.read_text(encoding="utf-8")
            number = patches.number_of_module(self._numbers[path])
            probed = patches.with_probes(source, probes, path, number)
            name = self._name_of(path)
            self._functions.change(patches.changed_functions(source, probed, name))
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            reached.clear()
            started.clear()
            began = time.perf_counter()
            self._run(test, following)
            seconds = round(time.perf_counter() - began, 4)
            reach = Reach(
                test,
                seconds,
                not self._failed,
                sorted(each for each in reached if each >= 0),
                bool(started),
                sorted(patches.number_of_module(each) for each in reached if each < 0),
                self._version_of(test),
            )
            tell(json.dumps(attrs.asdict(reach)))

    def _is_reached(self, number: int) -> bool:
        return any(number in each.mutations for each in self._reaches.values())

    def _try(self, number: int, tried: set[str]) -> Outcome:
        """Run tests that reach a mutation, but for those that were tried with it before."""
        began = time.perf_counter()
        mutation = self._mutations[number]
        known = self._reaches.values()
        reaching = [each for each in known if number in each.mutations]
        elsewhere = not reaching
        if elsewhere:
            reaching = [each for each in known if each.starts or is_near(each, mutation)]
            tried = set()
        passing = [each for each in reaching if each.passes and each.test not in tried]
        chosen = in_order(passing, mutation, self._limit)
        source = mutation.path.read_text(encoding="utf-8")
        mutated = mutation.apply(source)
        ran = 0
        noticed = None
        if chosen:
            with on_disk(mutation.path, mutated):
                try:
                    if elsewhere:
                        raise patches.ExecutedAtImportError
                    codes = patches.changed_functions(source, mutated, self._name_of(mutation.path))
                    if not codes:
                        noticed = "it compiles to the same"
                    while codes and noticed is None and ran < len(chosen):
                        noticed, count = self._first_failing(codes, chosen[ran:])
                        ran += count
                except patches.ExecutedAtImportError:
                    ran = len(chosen)
                    noticed = failing_after_import([each.test for each in chosen])
        if ran and noticed in self._items and not self._passes_alone(noticed):
            noticed = None
        return Outcome(noticed, len(reaching), ran, time.perf_counter() - began)

    def _first_failing(self, codes: list[CodeType], chosen: list[Reach]) -> tuple[str | None, int]:
        """The first test that fails with other code and passes without it, and how many ran."""
        self._functions.check(codes)
        began: list[str] = []
        longest = max(each.seconds for each in chosen)

        def run(tell: Callable[[str], None]) -> None:
            self._functions.change(codes)
            self._run_until_one_fails([each.test for each in chosen], tell)

        for line in forked(run, 15 + 10 * longest):
            began.append(line)
        if began[-1] == "passed":
            return None, len(chosen)
        test = began[-1]
        # Alone: after others that it does not usually follow, a test may fail by itself.
        fails = not self._passes([test], codes) and self._passes_alone(test)
        return (test if fails else None), len(began)

    def _passes(self, tests: list[str], codes: list[CodeType]) -> bool:
        """Whether some tests pass with other code."""

        def run(tell: Callable[[str], None]) -> None:
            self._functions.change(codes)
            self._run_until_one_fails(tests, tell)

        return [*forked(run, 60)][-1:] == ["passed"]

    def _passes_alone(self, test: str) -> bool:
        """Whether a test passes without any mutation, by itself."""
        if test not in self._sound:
            self._sound[test] = self._passes([test], [])
        return self._sound[test]

    def _run_until_one_fails(self, tests: list[str], tell: Callable[[str], None]) -> None:
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            tell(test)
            self._run(test, following)
            if self._failed:
                return
        tell("passed")

    def _run(self, test: str, following: str | None) -> None:
        self._failed = False
        item = self._items[test]
        after = self._items[following] if following else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)

    def _name_of(self, path: Path) -> Path:
        """A module by the name that it is imported from."""
        return self._package / path.relative_to(self._package.resolve())


def in_rounds(tests: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Tests of units with some of their parameters, then the other tests, then all parameters."""
    by_function: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        by_function[test.partition("[")[0]].append(test)
    some = set()
    for those in by_function.values():
        step = max(len(those) / PARAMETERS, 1)
        some |= {those[int(step * each)] for each in range(min(PARAMETERS, len(those)))}
    rounds: tuple[list[str], list[str], list[str]] = [], [], []
    for test in tests:
        rounds[2 if test not in some else not test.startswith(UNITS)].append(test)
    return rounds


def worth_running(
    tests: list[str], known: Iterable[Reach], modules: Collection[int], near: Collection[str]
) -> list[str]:
    """
    Tests that may reach a mutation: by what they reach with other parameters, or where they are.

    :param modules: with mutations that no test noticed so far.
    :param near: the folders of tests of those that no test reached so far.
    """
    reached: dict[str, set[int]] = defaultdict(set)
    for reach in known:
        reached[reach.test.partition("[")[0]].update(reach.modules)
    chosen = []
    for test in tests:
        function = test.partition("[")[0]
        is_near = any(each in test for each in near)
        if is_near or function not in reached or not reached[function].isdisjoint(modules):
            chosen.append(test)
    return chosen


def in_order(reaching: list[Reach], mutation: Mutation, limit: float) -> list[Reach]:
    """Near and quick tests first, one of each kind before others, as many as the time allows."""

    def cost(reach: Reach) -> float:
        if f"/test_{mutation.path.stem}.py" in reach.test:
            return reach.seconds / 4
        return reach.seconds / 2 if is_near(reach, mutation) else reach.seconds

    seen: dict[str, int] = defaultdict(int)
    ranked = []
    for reach in sorted(reaching, key=cost):
        function = reach.test.partition("[")[0]
        ranked.append((seen[function], cost(reach), reach))
        seen[function] += 1
    chosen: list[Reach] = []
    for _, _, reach in sorted(ranked, key=lambda each: each[:2]):
        if reach.seconds <= limit or not chosen:
            chosen.append(reach)
            limit -= reach.seconds
    return chosen


def is_near(reach: Reach, mutation: Mutation) -> bool:
    """Whether a test lies in the folder that mirrors the one of a module."""
    return folder_of_tests(mutation.path) in reach.test


def folder_of_tests(module: Path) -> str:
    """The folder that mirrors the one of a module; that of the face has its own name."""
    name = module.parent.name
    return "/face/" if name == "src" else f"/{name}/"


def failing_after_import(tests: list[str]) -> str | None:
    """The first of some tests that fails in a process that imports everything by itself."""
    options = ("-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=60", "--tb=no")
    command = [sys.executable, "-B", "-m", "pytest", *options, *tests]
    try:
        done = subprocess.run(command, capture_output=True, timeout=300, check=False, text=True)
    except subprocess.TimeoutExpired:
        return "it takes too long"
    lines = [each.split(" - ")[0] for each in done.stdout.splitlines()]
    failed = [each.split(" ", 1)[1] for each in lines if each.startswith(("FAILED ", "ERROR "))]
    return (failed or [f"exit status {done.returncode}"])[0] if done.returncode else None


def forked(work: Callable[[Callable[[str], None]], None], patience: float) -> Iterator[str]:
    """The lines that a forked process writes; it is killed when it is silent for too long."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setsid()
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, resource.RLIM_INFINITY))
            work(lambda line: _write(writing, line))
        except BaseException:
            traceback.print_exc()
        finally:
            # With all that it started.
            os.killpg(0, signal.SIGKILL)
    os.close(writing)
    try:
        yield from _lines(reading, patience)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _lines(descriptor: int, patience: float) -> Iterator[str]:
    rest = b""
    while select.select([descriptor], [], [], patience)[0]:
        if not (data := os.read(descriptor, 1 << 16)):
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in lines)


def _write(descriptor: int, line: str) -> None:
    data = f"{line}\n".encode()
    while data:
        data = data[os.write(descriptor, data) :]


@contextmanager
def on_disk(path: Path, changed: str) -> Iterator[None]:
    """A module whose file is changed too, for the processes that tests start."""
    source = path.read_text(encoding="utf-8")
    _write_module(path, changed)
    try:
        yield
    finally:
        _write_module(path, source)


def _write_module(path: Path, source: str) -> None:
    path.write_text(source, encoding="utf-8")
    # Python compiles a module again if the second of its time differs: no two versions share one.
    moment = next(_MOMENTS)
    os.utime(path, (moment, moment))
