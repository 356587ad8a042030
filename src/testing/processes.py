"""Other processes that use a store, for tests of what they see."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..platform import can_fork, fork

# Seconds that one process waits for another to come.
_LONGEST_WAIT = 60.0


_RAISED = 3


class OtherProcess:
    """
    A process that is forked now, and acts when it is asked to.

    What comes into being here after that, it does not inherit.

    :param action: what it does.
    """

    def __init__(self, action: Callable[[], Any]) -> None:
        if not can_fork():
            pytest.skip("The system forks no processes.")
        self._action = action
        self._has_begun = False

    def __enter__(self) -> OtherProcess:
        listen, self._go = os.pipe()
        self._outcome, tell = os.pipe()
        with warnings.catch_warnings():
            # Of threads that the libraries of backends keep, which the child does not use.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid: int | None = fork()
        if self._pid == 0:
            os.close(self._go)
            os.close(self._outcome)
            self._run(listen, tell)
        os.close(listen)
        os.close(tell)
        return self

    def _run(self, listen: int, tell: int) -> None:
        status = 1
        try:
            if os.read(listen, 1):
                try:
                    outcome = True, self._action()
                except BaseException:
                    outcome = False, traceback.format_exc()
                with open(tell, "wb") as file:
                    pickle.dump(outcome, file)
                status = 0 if outcome[0] else _RAISED
        finally:
            os._exit(status)

    def begin(self) -> None:
        """Start the action, unless it has started."""
        if not self._has_begun:
            self._has_begun = True
            os.write(self._go, b"!")

    def ends_within(self, seconds: float) -> bool:
        """Whether the action ends in a time; it begins now, if it has not. Else it is killed."""
        self.begin()
        if select.select([self._outcome], [], [], seconds)[0]:
            return True
        assert self._pid is not None
        os.kill(self._pid, signal.SIGKILL)
        return False

    def result(self) -> Any:
        """The result of the action, which is started if it has not been."""
        self.begin()
        with open(self._outcome, "rb", closefd=False) as file:
            data = file.read()
        assert data, "the other process ended without a result"
        passed, found = pickle.loads(data)
        assert passed, found
        return found

    def status(self) -> int:
        """The exit status of the process, once the action is over."""
        self.begin()
        assert self._pid is not None
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        return os.waitstatus_to_exitcode(status)

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._go, self._outcome):
            os.close(descriptor)
        if self._pid is not None:
            os.waitpid(self._pid, 0)


class Rendezvous:
    """A point at which another process waits; made before that process is."""

    def __init__(self) -> None:
        self._listen, self._tell = os.pipe()
        self._wait, self._go = os.pipe()

    def reached(self) -> None:
        """In the other process: report that it has arrived, and wait."""
        os.write(self._tell, b"!")
        os.read(self._wait, 1)

    def await_other(self) -> None:
        """Wait until the other process has arrived."""
        came = select.select([self._listen], [], [], _LONGEST_WAIT)[0]
        assert came, "the other process has not come so far"

    def let_go(self) -> None:
        """Let the other process continue."""
        os.write(self._go, b"!")

    def close(self) -> None:
        for descriptor in (self._listen, self._tell, self._wait, self._go):
            os.close(descriptor)


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let writes fail that would make a file larger, in this process: as if the disk were full."""
    resource = pytest.importorskip("resource", reason="The system limits no files.")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def delay_renames(seconds: float) -> None:
    """Have this process wait before it gives a file another name, until it ends."""

    def wait(event: str, _: object) -> None:
        if event in ("os.rename", "os.link"):
            time.sleep(seconds)

    sys.addaudithook(wait)


def die_at_a_write(size: int) -> None:
    """Kill this process at the first write that would make a file larger."""
    resource = pytest.importorskip("resource", reason="The system limits no files.")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def die_after(seconds: float) -> None:
    """Kill this process after a time, whatever it is doing then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))


def largest_file(path: str) -> int:
    """Bytes of the largest file at a path, below it, or beside it with a name that begins alike."""
    folder, name = os.path.split(path)
    files = [
        os.path.join(where, file)
        for each in (os.listdir(folder) if os.path.isdir(folder) else ())
        if each.startswith(name)
        for where, _, below in [(folder, [], [each]), *os.walk(os.path.join(folder, each))]
        for file in below
    ]
    return max((os.path.getsize(each) for each in files if os.path.isfile(each)), default=0)
