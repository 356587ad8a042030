"""Calls of the system that fail: the k-th of a kind, once or from then on."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

KINDS = {
    "read": ("pread", "preadv", "read"),
    "write": ("pwrite", "write"),
    "fsync": ("fsync",),
    "cut": ("ftruncate",),
    "rename": ("rename", "replace"),
    "link": ("link",),
    "unlink": ("unlink", "rmdir"),
    "open": ("open",),
    "mkdir": ("mkdir",),
}
"""Functions of ``os`` by what they do."""

ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EDQUOT", "EACCES")}
SHORT = "short"
"""Not an error: the call does half of what it is asked for, and says so."""
_SHORTENED = ("read", "write")


@attrs.frozen
class Fault:
    """
    What goes wrong.

    :param kind: of :data:`KINDS`.
    :param k: how many calls of the kind go well before.
    :param what: name of an error of :data:`ERRORS`, or :data:`SHORT`.
    :param lasting: whether all calls of the kind fail from then on.
    """

    kind: str
    k: int
    what: str
    lasting: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.k} {self.what}{' for ever' if self.lasting else ''}"


def faults_of(calls: Counter[str]) -> list[Fault]:
    """All faults that can come in so many calls of each kind."""
    return [
        Fault(kind, k, what, lasting)
        for kind in KINDS
        for k in range(calls[kind])
        for what in (*ERRORS, *[SHORT] * (kind in _SHORTENED))
        for lasting in (False, True)
    ]


class System:
    """
    The calls of this process that concern a folder.

    :param folder: what lies in it can't be relied on.
    :param fault: what goes wrong; None for nothing.
    """

    def __init__(self, folder: Path, fault: Fault | None = None) -> None:
        self._folder = os.path.realpath(folder)
        self._fault = fault
        self.calls: Counter[str] = Counter()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for kind, names in KINDS.items():
                for name in names:
                    patch.setattr(os, name, self._counted(kind, name, getattr(os, name)))
            yield

    def _counted(self, kind: str, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if not self._concerns(arguments[0], options):
                return call(*arguments, **options)
            self.calls[kind] += 1
            if not self._fails(kind):
                return call(*arguments, **options)
            assert self._fault is not None
            if self._fault.what == SHORT:
                return _shortened(name, call, arguments)
            number = ERRORS[self._fault.what]
            raise OSError(number, os.strerror(number))

        return counted

    def _fails(self, kind: str) -> bool:
        fault, count = self._fault, self.calls[kind] - 1
        if fault is None or fault.kind != kind:
            return False
        return count == fault.k or (fault.lasting and count > fault.k)

    def _concerns(self, target: Any, options: dict[str, Any]) -> bool:
        try:
            if isinstance(target, int):
                path = os.readlink(f"/proc/self/fd/{target}")
            elif options.get("dir_fd") is not None:
                path = os.readlink(f"/proc/self/fd/{options['dir_fd']}")
            else:
                path = os.path.abspath(os.fsdecode(target))
        except OSError:
            return False
        return path.startswith(self._folder)


def _shortened(name: str, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    descriptor, data, *rest = arguments
    if name == "preadv":
        view = memoryview(data[0])
        return call(descriptor, [view[: max(1, len(view) // 2)]], *rest)
    if isinstance(data, int):
        return call(descriptor, max(1, data // 2), *rest)
    view = memoryview(data)
    return call(descriptor, view[: max(1, len(view) // 2)], *rest)
