"""A rank may leave at any time: the others go on, to the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.parallel import leaving
from tests.parallel.engine import KINDS
from tests.parallel.launcher import as_rank

TOGETHER = 2
# Other tests run beside these, which need not have the processors to themselves.
PAUSE = 0.01


@pytest.mark.parametrize("first", range(0, 20, TOGETHER))
def test_ranks_that_end_at_different_times_all_end(first: int, tmp_path: Path) -> None:
    # What all ranks are forks of is made once.
    as_rank()
    with ThreadPoolExecutor(TOGETHER) as pool:
        for turn in [pool.submit(leave, first + each, tmp_path) for each in range(TOGETHER)]:
            turn.result()


def leave(turn: int, folder: Path) -> None:
    """One run, beside others, as most of it is waiting."""
    kind, own = list(KINDS)[turn % len(KINDS)], folder / str(turn)
    own.mkdir()
    leaving.run(kind, 2 + turn // len(KINDS) % 3, own, pause=PAUSE)
