"""Events of a test run, written line by line, so that they survive the end of its process."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator
from itertools import takewhile
from typing import IO, Any, TypeAlias

import attrs
import pytest

from ..testing.places import last_line_in

Event: TypeAlias = dict[str, Any]
_MOST_LINES, _MOST_SIGNS = 4, 300
# How pytest goes on after the difference itself, on machines of CI and elsewhere.
_WHOLE_DIFF = ("Full diff:", "Use -v to get more diff")
# A part of the message of a store that waits for a lock of its own process.
_WAITS_FOR_ITSELF = "which would wait for itself"
_UNRELEASED = "Or an earlier transaction of the store did not release its lock in 'close'."


# Without equality it has a hash, which older versions of pytest need in a plugin.
@attrs.define(eq=False)
class Recorder:
    """
    A plugin of pytest that writes events: what begins, what came of it, and what failed why.

    :param file: where they go, one a line.
    :param package: of the backend, whose lines are named as places; that of the kit for none.
    """

    file: IO[str]
    package: str

    def _write(self, **event: object) -> None:
        self.file.write(json.dumps(event) + "\n")
        self.file.flush()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(begins=nodeid, at=time.time())

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._write(ends=nodeid)

    def pytest_unconfigure(self) -> None:
        self._write(is_complete=True)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._write(chosen=len(session.items))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._write(left_out=len(items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            text = report.longreprtext
            told = [line[1:].strip() for line in text.split("\n") if line.startswith("E")]
            self._write(not_collected=_short("\n".join(told) or text.strip()))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" or not report.passed:
            self._write(test=report.nodeid, outcome=report.outcome, **self._why(report, call))
        return report

    def _why(self, report: pytest.TestReport, call: pytest.CallInfo[None]) -> Event:
        if report.skipped and isinstance(report.longrepr, tuple):
            return {"reason": str(report.longrepr[2]).removeprefix("Skipped: ")}
        if not report.failed:
            return {}
        where = report.longreprtext.strip().split("\n")[-1]
        crash = getattr(report.longrepr, "reprcrash", None)
        error = _short(where if crash is None else str(crash.message))
        if call.excinfo is not None and self.package != __name__.partition(".")[0]:
            where = last_line_in(self.package, call.excinfo.value) or where
        return {"error": error, "where": where}


def _short(message: str) -> str:
    """The first lines of a message, of which more would not say more; with advice to authors."""
    # The name of a class is enough without that of its module.
    text = re.sub(r"(^|: )(?:\w+\.)+(?=\w+: )", r"\1", message)
    lines = [line.rstrip() for line in text.partition("\n\nTraceback")[0].split("\n")]
    told = takewhile(lambda line: not line.strip().startswith(_WHOLE_DIFF), lines)
    kept = [line[:_MOST_SIGNS] + "..." * (len(line) > _MOST_SIGNS) for line in told if line]
    advice = [_UNRELEASED] if _WAITS_FOR_ITSELF in text else []
    return "\n".join([*kept[:_MOST_LINES], *advice])


@attrs.define
class Failure:
    """
    An error at a place.

    :param tests: the tests that failed with it.
    """

    error: str
    where: str
    tests: list[str] = attrs.field(factory=list)


@attrs.define
class Tally:
    """
    The outcomes of a run, from its events.

    :param running: the test that has not ended, which began ``at`` a time.
    :param is_complete: whether the run came to its end.
    """

    counts: dict[str, dict[str, int]] = attrs.field(factory=dict)
    failures: list[Failure] = attrs.field(factory=list)
    reasons: set[str] = attrs.field(factory=set)
    left_out: int = 0
    running: str | None = None
    at: float = 0.0
    is_complete: bool = False
    _chosen: int = 0
    _begun: int = 0

    @property
    def not_run(self) -> int:
        """How many tests were chosen, and not begun."""
        return max(0, self._chosen - self._begun)

    @property
    def has_passed(self) -> bool:
        return bool(self.counts) and not self.failures

    def add(self, event: Event) -> None:
        """Count an event."""
        if "begins" in event:
            self.running, self.at = event["begins"], event["at"]
            self._begun += 1
        elif "ends" in event:
            self.running = None
        elif "test" in event:
            self._add_outcome(event)
        elif "not_collected" in event:
            self.fail("the tests can't be collected", event["not_collected"], "")
        self.is_complete |= "is_complete" in event
        self._chosen += event.get("chosen", 0)
        self.left_out += event.get("left_out", 0)

    def _add_outcome(self, event: Event) -> None:
        part, outcome = part_of(event["test"]), event["outcome"]
        counts = self.counts.setdefault(part, {})
        counts[outcome] = counts.get(outcome, 0) + 1
        if "error" in event:
            self.fail(promise_of(event["test"]), event["error"], event["where"])
        if "reason" in event:
            self.reasons.add(event["reason"])

    def fail(self, promise: str, error: str, where: str) -> None:
        """Add a test that failed: to others that failed alike, if there are any."""
        for each in self.failures:
            if each.where == where and _without_paths(each.error) == _without_paths(error):
                each.tests.append(promise)
                return
        self.failures.append(Failure(error, where, [promise]))


def _without_paths(error: str) -> str:
    """The first line of an error, which is the same in each folder."""
    return re.sub(r"'[^']*/[^']*'", "''", error.partition("\n")[0])


def part_of(test: str) -> str:
    """The class of a test, by its id."""
    return test.split("::")[1]


def promise_of(test: str) -> str:
    """The promise that a test checks, by its id."""
    return "::".join(test.split("::")[1:]).replace("_", " ")
