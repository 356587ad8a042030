"""When a bar shows how far a question is."""

from __future__ import annotations

import sys

import pytest

from bsb_hdf5.queries.progress import progress_bar


@pytest.mark.parametrize("on_terminal", [False, True])
@pytest.mark.parametrize("shown", [False, True, None])
def test_a_bar_is_shown_on_terminals_or_as_asked(
    shown: bool | None, on_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal)
    bar = progress_bar(10, "granule_to_golgi", shown)
    expected = on_terminal if shown is None else shown
    assert expected is not bar.disable
    bar.close()
