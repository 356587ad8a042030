"""Other processes, for tests of what they see of a store."""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from ..platform import can_fork, fork


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
                status = 0
        finally:
            os._exit(status)

    def begin(self) -> None:
        """Let it act, unless it has begun."""
        if not self._has_begun:
            self._has_begun = True
            os.write(self._go, b"!")

    def result(self) -> Any:
        """What the action returned; it begins now, if it has not."""
        self.begin()
        with open(self._outcome, "rb", closefd=False) as file:
            data = file.read()
        assert data, "the other process ended without a result"
        passed, found = pickle.loads(data)
        assert passed, found
        return found

    def status(self) -> int:
        """How the process ended, once it has acted."""
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
