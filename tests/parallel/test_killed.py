"""A rank that is killed leaves the network whole, and the others to their work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parallel import killed
from tests.parallel.engine import KINDS

RUNS = [(kind, work, seed) for seed in range(2) for kind in KINDS for work in killed.WORKS]


@pytest.mark.parametrize(("kind", "work", "seed"), RUNS)
def test_a_rank_that_is_killed_leaves_the_network_whole(
    kind: str, work: str, seed: int, tmp_path: Path
) -> None:
    killed.run(kind, work, seed, tmp_path)
