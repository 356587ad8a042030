"""Processes that die at a call of the system, half-way through what it writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from bsb_hdf5.adapters.hdf5.journal import SECTOR

WRITES = ("pwrite", "writev")
OTHERS = ("ftruncate", "unlink", "utime", "open")


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
                    os_pwrite_half(call, arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return run

    for name in WRITES:
        setattr(os, name, counted(getattr(os, name), half_way))
    for name in OTHERS:
        setattr(os, name, counted(getattr(os, name), False))


def os_pwrite_half(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    descriptor, data, *rest = arguments
    if isinstance(data, list):
        data = data[: len(data) // 2] or [memoryview(data[0])[: len(data[0]) // 2]]
    else:
        # Neither a kill nor a power cut tears a sector.
        data = memoryview(data)[: len(data) // 2 // SECTOR * SECTOR]
    call(descriptor, data, *rest)


def in_child(action: Callable[[], None]) -> int:
    """The exit status of a process that does it."""
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
