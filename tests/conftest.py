"""What every test has in common: marks by folder and reproducible examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
MARK_OF_FOLDER = {"parallel": "mpi", "compat": "compat"}

# The same examples in every run: a failure in CI can be repeated anywhere.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what a folder has in common, so that ``-m`` can leave it out."""
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        folder = item.path.relative_to(TESTS).parts[0]
        if mark := MARK_OF_FOLDER.get(folder):
            item.add_marker(mark)
