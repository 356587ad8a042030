"""A limit of the time that a test takes, which ends the process: a library may never return."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .waits import EXAMPLES_VARIABLE, WAITS


@contextmanager
def limited(config: pytest.Config, stderr: int | None) -> Iterator[None]:
    """
    Let the process end, with what each thread is doing, if the block takes too long.

    :param stderr: the descriptor to which that is written; without, there is no limit.
    """
    limit = WAITS.test
    if limit is None or stderr is None or _is_left_to_run(config):
        yield
        return
    faulthandler.dump_traceback_later(limit, exit=True, file=stderr)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _is_left_to_run(config: pytest.Config) -> bool:
    """Whether the run may take as long as it does, or has another limit: there is one timer."""
    if os.environ.get(EXAMPLES_VARIABLE):
        return True
    has_timer = config.pluginmanager.hasplugin("faulthandler")
    return has_timer and float(config.getini("faulthandler_timeout") or 0) > 0
