"""A rank may leave at any time: the others go on, to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parallel import leaving
from tests.parallel.engine import KINDS


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_ranks_that_end_at_different_times_all_end(kind: str, ranks: int, tmp_path: Path) -> None:
    leaving.run(kind, ranks, tmp_path)
