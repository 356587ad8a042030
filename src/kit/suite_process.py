"""
The tests of an engine, in a process of their own: it may end at any time, or never.

Run as a program, this module is that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import attrs
import pytest
from bsb.storage import get_engines

from ..testing.suite_module import suite_module
from .outcomes import Event, Recorder, Tally, promise_of

# Seconds between two checks of the process, and after which it is killed.
_INTERVAL, _LONGER = 0.1, 30.0


@attrs.define
class SuiteProcess:
    """
    The process.

    :param limit: seconds for a test; 0 for no limit.
    :param was_ended: whether it was ended from here, as it did not go on.
    """

    process: subprocess.Popen[bytes]
    limit: float
    was_ended: bool = False

    def events(self, log: str) -> Iterator[Event]:
        """Its output until it ends; it is killed if it writes nothing for too long."""
        last = time.monotonic()
        with open(log, encoding="utf-8") as file:
            rest, is_over = "", False
            while not is_over:
                # Its last output is read after its end.
                is_over = self.process.poll() is not None
                *lines, rest = (rest + file.read()).split("\n")
                yield from map(json.loads, lines)
                if lines:
                    last = time.monotonic()
                elif self.limit and time.monotonic() - last > self.limit + _LONGER:
                    self.was_ended = True
                    self.process.kill()
                elif not is_over:
                    time.sleep(_INTERVAL)

    def tell_end(self, tally: Tally) -> None:
        """Add how it ended, if that was not after the last test."""
        if tally.is_complete and not self.was_ended:
            return
        promise = "the run of the tests" if tally.running is None else promise_of(tally.running)
        # The timer of the test may be some milliseconds early.
        took = 0.0 if tally.running is None else time.time() - tally.at + _INTERVAL
        if self.was_ended or (self.limit and took >= self.limit):
            error = f"it did not end within {self.limit:g} seconds (--limit)"
        else:
            error = f"its process {_ended(self.process.returncode)}"
        tally.fail(promise, error, "above is what it was doing, if the system told it")


def run_suite(engine: str, only: str, limit: float) -> Tally:
    """
    Run the tests of an engine.

    :param only: expression that chooses tests.
    :param limit: seconds for a test; 0 for no limit.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "events")
        open(log, "w", encoding="utf-8").close()
        command = [sys.executable, "-m", __name__, folder, engine, only, str(limit)]
        with subprocess.Popen(command) as process:
            suite = SuiteProcess(process, limit)
            try:
                for event in suite.events(log):
                    tally.add(event)
            except BaseException:
                process.kill()
                raise
            suite.tell_end(tally)
    return tally


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with the status {status}"
    try:
        return f"was ended by the signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"was ended by the signal {-status}"


def main(arguments: Sequence[str]) -> int:
    """Run the tests in this process, and write what comes of them into the folder."""
    folder, engine, only, limit = arguments
    # Ignore the settings of the working directory and of the folders above it.
    settings = os.path.join(folder, "pytest.ini")
    with open(settings, "w", encoding="utf-8") as file:
        file.write("[pytest]\n")
    options = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-k", only]
    places = ["--rootdir", folder, "-c", settings, "--bsb-limit", limit]
    path = suite_module(folder, engine)
    with open(os.path.join(folder, "events"), "a", encoding="utf-8") as file:
        recorder = Recorder(file, get_engines()[engine].__module__.partition(".")[0])
        return int(pytest.main([path, *places, *options], plugins=[recorder]))


if __name__ == "__main__":
    _STATUS = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the library may never end.
    os._exit(_STATUS)
