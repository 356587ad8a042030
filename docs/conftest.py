"""The examples of a page run in a folder with the files that the page names and its commands make.

Its commands run first, in order, then its examples.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import perform


@pytest.fixture(autouse=True)
def _working_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    perform(request.path, tmp_path)
