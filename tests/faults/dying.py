"""Processes that die at a call of the system, half-way through what it writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

CALLS = ("pwrite", "ftruncate", "fsync", "utime")


def die_at(k: int, *, half_way: bool = True) -> None:
    """
    Kill this process at the k-th call that changes files.

    :param half_way: through what it writes; else before it writes anything.
    """
    calls = 0

    def counted(call: Callable[..., Any], halve: bool) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 == k:
                if halve:
                    write_half(call, arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return run

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name), half_way and name == "pwrite"))


def write_half(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """
    Write half of the data.

    A kill tears a write between pages, and a power cut between sectors; here it is any byte.
    """
    descriptor, data, start = arguments
    if len(data) > 1:
        call(descriptor, memoryview(data)[: len(data) // 2], start)


def in_child(action: Callable[[], None]) -> int:
    """The exit status of a process that does it."""
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
