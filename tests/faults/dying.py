"""Processes that die at a call of the system, half-way through what it writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

WRITES = ("pwrite", "writev")
SECTOR = 512
OTHERS = ("ftruncate", "fsync", "unlink", "utime", "open")


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

    for name in WRITES:
        setattr(os, name, counted(getattr(os, name), half_way))
    for name in OTHERS:
        setattr(os, name, counted(getattr(os, name), False))


def write_half(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """
    Write half of the data, up to the end of a sector.

    A kill tears a write between pages, and a power cut between sectors, but nothing within one.
    """
    descriptor, data, *rest = arguments
    whole = b"".join(map(bytes, data)) if isinstance(data, list) else bytes(data)
    half = len(whole) // 2
    start = rest[0] if rest else 0
    half -= (start + half) % SECTOR
    if half > 0:
        part = memoryview(whole)[:half]
        call(descriptor, [part] if isinstance(data, list) else part, *rest)


def in_child(action: Callable[[], None]) -> int:
    """The exit status of a process that does it."""
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
