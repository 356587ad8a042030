"""Parts of a configuration that fail where a test asks for it."""

from __future__ import annotations

import _thread
import errno
import time
from typing import Any

import numpy as np
from bsb import (
    AfterConnectivityHook,
    AfterPlacementHook,
    ConnectionStrategy,
    FixedPositions,
    config,
)

from bsb_hdf5.errors import StoreIOError

FAILING: set[str] = set()
"""Names of the steps that fail."""


def fail_in(step: str) -> None:
    """Fail, if it is asked for."""
    if f"{step} by Ctrl-C" in FAILING:
        _thread.interrupt_main()
        time.sleep(0.2)
        # The thread of a job would end with the process.
        raise RuntimeError("interrupted")
    if step in FAILING:
        raise StoreIOError("'net' can't be written: No space left on device", errno=errno.ENOSPC)


@config.node
class Cells(FixedPositions):
    """Cells in two chunks."""

    def place(self, chunk: Any, indicators: Any) -> None:
        """Place the cells of a chunk."""
        if tuple(chunk) == (1, 0, 0):
            fail_in("placement")
        super().place(chunk, indicators)


@config.node
class Pairs(ConnectionStrategy):
    """Each cell with the first."""

    def connect(self, pre: Any, post: Any) -> None:
        """Connect cells; more than once, if this is called for more than one chunk."""
        fail_in("connectivity")
        for before, after in zip(pre.placement, post.placement, strict=True):
            count = len(before)
            sources = np.full((count, 3), -1)
            sources[:, 0] = range(count)
            targets = np.full((count, 3), -1)
            targets[:, 0] = 0
            self.connect_cells(before, after, sources, targets)


@config.node
class AfterCells(AfterPlacementHook):
    """Does nothing."""

    def postprocess(self) -> None:
        """Fail, if it is asked for."""
        fail_in("after placement")


@config.node
class AfterConnections(AfterConnectivityHook):
    """Does nothing."""

    def postprocess(self) -> None:
        """Fail, if it is asked for."""
        fail_in("after connectivity")
