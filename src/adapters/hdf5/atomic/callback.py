"""Which thread HDF5 is calling back in: it lets one at a time."""

from __future__ import annotations

from threading import get_ident


class Callback:
    """
    A call of a method of a file by HDF5.

    ``thread`` is that in which it is under way, or None.
    """

    # perf: append 50 cells; setting an attribute of a class makes Python look up its methods again.
    __slots__ = ("thread",)

    def __init__(self) -> None:
        self.thread: int | None = None

    def is_here(self) -> bool:
        """Whether one is under way in this thread, which can't call HDF5 meanwhile."""
        return self.thread is not None and self.thread == get_ident()


CALLBACK = Callback()
"""The one of this process."""
