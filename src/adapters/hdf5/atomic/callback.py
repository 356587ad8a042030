"""Calls of HDF5 to the methods of a file, which it makes in one thread at a time."""

from __future__ import annotations

import gc
from threading import get_ident

from ....platform import after_fork_in_child


class Callback:
    """
    A call of a method of a file by HDF5.

    ``thread`` is that in which it is under way, or None.
    """

    # perf: append 50 cells; setting an attribute of a class makes Python look up its methods again.
    __slots__ = ("_has_paused", "thread")

    def __init__(self) -> None:
        self.thread: int | None = None
        self._has_paused = False

    def is_here(self) -> bool:
        """Whether one is under way in this thread, which can't call HDF5 meanwhile."""
        return self.thread is not None and self.thread == get_ident()

    def pause_collector(self) -> None:
        """
        Keep Python from collecting garbage, until :meth:`resume_collector`.

        To collect an identifier of h5py calls HDF5, which would read and write at other places of
        the file before it goes on where it had sought.
        """
        if gc.isenabled():
            gc.disable()
            self._has_paused = True

    def resume_collector(self) -> None:
        """Let Python collect garbage, unless the program does not."""
        if self._has_paused:
            self._has_paused = False
            gc.enable()


CALLBACK = Callback()
"""The one of this process."""
after_fork_in_child(CALLBACK.resume_collector)
