"""Ranks that wait for one another for ever; ``test_mpi.py`` checks what is shown of them."""

from __future__ import annotations

import time

from tests.parallel.ranks import MAIN, meet


def wait_for_the_others() -> None:
    meet()


def never_arrive() -> None:
    time.sleep(3600)


def test_that_hangs() -> None:
    if MAIN:
        wait_for_the_others()
    else:
        never_arrive()
