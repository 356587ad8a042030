"""A rank may leave at any time: the others go on, to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parallel import leaving
from tests.parallel.engine import KINDS


@pytest.mark.parametrize("turn", range(20))
def test_ranks_that_end_at_different_times_all_end(turn: int, tmp_path: Path) -> None:
    kind = list(KINDS)[turn % len(KINDS)]
    leaving.run(kind, 2 + turn // len(KINDS) % 3, tmp_path)
