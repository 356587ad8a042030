"""Other processes and threads that use a store, for tests of what they see."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pytest

from ..platform import can_fork, fork, read_some
from .places import Frame, Passed, chain_of, frames_of_dump
from .waits import WAITS

T = TypeVar("T")

_RAISED = 3
# Seconds that a process outlasts the wait for it, if what waited for it is gone.
_LONGER = 30.0
_MOST_BYTES = 1 << 20
# What a process is asked by where it is, and the seconds that it has to tell it.
_WHERE, _TO_TELL = getattr(signal, "SIGUSR1", 0), 1.0
_HINT = (
    "it may wait for a lock without a limit, or for a thread of the library, which a forked process"
    " lacks: see 'Write a backend' in the documentation"
)


class FailedElsewhereError(AssertionError):
    """
    An error in another process.

    :param chain: the error and its causes.
    """

    def __init__(self, message: str, chain: Sequence[Passed]) -> None:
        super().__init__(message)
        self.chain = chain


def in_threads(*actions: Callable[[], T]) -> list[T]:
    """Run actions at once, each in a thread of its own, and return their results or raise here."""
    outcomes: dict[int, tuple[bool, Any]] = {}

    def run(number: int) -> None:
        try:
            outcomes[number] = True, actions[number]()
        except BaseException as error:
            outcomes[number] = False, error

    # One that never ends must not keep the process from ending.
    threads = [
        threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(actions))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAITS.other)
        assert not thread.is_alive(), f"a thread did not end within {WAITS.other:g} seconds"
    for passed, outcome in outcomes.values():
        if not passed:
            raise outcome
    return [outcomes[number][1] for number in range(len(actions))]


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
        self._status: int | None = None

    def __enter__(self) -> OtherProcess:
        listen, self._go = os.pipe()
        self._outcome, tell = os.pipe()
        # Where it is, if it does not answer.
        self._stack = tempfile.TemporaryFile("w+")
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
                _end_in_time()
                faulthandler.register(_WHERE, self._stack, all_threads=False)
                outcome: tuple[bool, Any]
                try:
                    outcome = True, self._action()
                except BaseException as error:
                    outcome = False, _told(error)
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

    def comes_to(self, point: Rendezvous) -> None:
        """
        Wait until the action, which begins now if it has not, has come to a point.

        :raises AssertionError: it raised, ended before the point, or takes too long.
        """
        self.begin()
        came = select.select([point.listen, self._outcome], [], [], WAITS.other)[0]
        assert came, f"the forked process has not come so far in {WAITS.other:g} seconds; {_HINT}"
        if point.listen not in came:
            self.result()
            pytest.fail("the forked process ended before it came so far")

    def ends_within(self, seconds: float) -> bool:
        """Whether the action ends in a time; it begins now, if it has not. Else it is killed."""
        self.begin()
        if self._answers_within(seconds):
            return True
        self._kill()
        return False

    def _answers_within(self, seconds: float | None) -> bool:
        """Whether it has a result, or has ended, in a time."""
        return bool(select.select([self._outcome], [], [], seconds)[0])

    def _kill(self) -> None:
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)

    def _await_answer(self) -> None:
        """
        Wait until it has a result, or has ended.

        :raises AssertionError: it takes too long, and was killed.
        """
        if not self._answers_within(WAITS.other):
            frames = self._frames()
            self._kill()
            raise FailedElsewhereError(
                f"the forked process did not answer within {WAITS.other:g} seconds; {_HINT}",
                [Passed("no answer", frames)],
            )

    def _frames(self) -> list[Frame]:
        """The lines that it is executing, the innermost last; none if it does not answer soon."""
        assert self._pid is not None
        os.kill(self._pid, _WHERE)
        ending = time.monotonic() + _TO_TELL
        while time.monotonic() < ending:
            # Not by the position in the file, at which the process writes.
            found = read_some(self._stack.fileno(), _MOST_BYTES, 0)
            if frames := frames_of_dump(found.decode(errors="replace")):
                return frames
            time.sleep(_TO_TELL / 50)
        return []

    def result(self) -> Any:
        """
        The result of the action, which is started if it has not been.

        :raises AssertionError: it raised, ended without a result, or takes too long.
        """
        self.begin()
        self._await_answer()
        with open(self._outcome, "rb", closefd=False) as file:
            data = file.read()
        assert data, f"the forked process ended without a result, {_ending(self.status())}"
        passed, found = pickle.loads(data)
        if not passed:
            raise FailedElsewhereError(*found)
        return found

    def status(self) -> int:
        """The exit status of the process, once the action is over."""
        if self._status is None:
            self.begin()
            self._await_answer()
            assert self._pid is not None
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            self._pid = None
        return self._status

    def __exit__(self, kind: object, *_: object) -> None:
        # One that has not begun ends now.
        os.close(self._go)
        try:
            if kind is not None:
                # It may wait for what does not come any more.
                self._kill()
            elif self._pid is not None:
                self._await_answer()
        finally:
            os.close(self._outcome)
            self._stack.close()
            if self._pid is not None:
                os.waitpid(self._pid, 0)


def _end_in_time() -> None:
    """Let the system end this process after a time, as its parent may be gone by then."""
    if WAITS.other is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, WAITS.other + _LONGER)


def _told(error: BaseException) -> tuple[str, list[Passed]]:
    """The parts of an error that are sent to another process."""
    (first, *_) = "".join(traceback.format_exception_only(error)).split("\n")
    text = "".join(traceback.format_exception(error))
    return f"in a forked process: {first}\n\n{text}", chain_of(error)


def _ending(status: int) -> str:
    if status >= 0:
        return f"with the status {status}"
    return f"by the signal {signal.Signals(-status).name}"


class Rendezvous:
    """A point at which another process waits; made before that process is."""

    def __init__(self) -> None:
        self.listen, self._tell = os.pipe()
        self._wait, self._go = os.pipe()

    def reached(self) -> None:
        """In the other process: report that it has arrived, and wait."""
        os.write(self._tell, b"!")
        os.read(self._wait, 1)

    def let_go(self) -> None:
        """Let the other process continue."""
        os.write(self._go, b"!")

    def close(self) -> None:
        for descriptor in (self.listen, self._tell, self._wait, self._go):
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
