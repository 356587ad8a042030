"""What every test has in common: marks by folder and reproducible examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
MARK_OF_FOLDER = {"parallel": "mpi", "compat": "compat"}
# They take long to make: when tests run side by side, those of each run in one process.
MADE_ONCE = ("theirs", "contents_of", "results", "server", "wide_file")

# The same examples in every run: a failure in CI can be repeated anywhere.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what a folder has in common, so that ``-m`` can leave it out, and a fixture."""
    for item in items:
        for fixture in MADE_ONCE:
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(fixture))
        if not item.path.is_relative_to(TESTS):
            continue
        folder = item.path.relative_to(TESTS).parts[0]
        if mark := MARK_OF_FOLDER.get(folder):
            item.add_marker(mark)
