"""
The last line on the screen after an error that stops BSB's command line.

BSB imports this module at every start, so it imports nothing that is slow to import.
"""

from __future__ import annotations

import sys
from types import TracebackType


def install() -> None:
    """Have each uncaught error explained, after its traceback."""
    # A handler that another package installed later decides whether to call this one.
    if not getattr(sys.excepthook, "explains_storage", False):
        sys.excepthook = _Explaining(sys.excepthook)


class _Explaining:
    explains_storage = True

    def __init__(self, before: object) -> None:
        self._before = before

    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if callable(self._before):
            self._before(kind, error, trace)
        try:
            from .failures import explain

            text = explain(error)
        except Exception:
            # The traceback of the error that stopped the program is on the screen already.
            return
        if text:
            print(text, file=sys.stderr)
