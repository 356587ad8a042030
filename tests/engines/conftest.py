"""Where the tests of an engine may leave files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="class", autouse=True)
def scratch_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run each class in a directory of its own.

    The default root of a storage lies in the working directory, and BSB's suite uses default
    roots; it removes the files it made when the class is over, so the directory has to last as
    long as the class.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("storage"))
        yield
