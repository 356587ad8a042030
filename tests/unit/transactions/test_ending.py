"""At the end of a process scopes are closed first, then daemon threads stop, then files close."""

from __future__ import annotations

import pytest

from bsb_hdf5.transactions import ending


def test_what_registered_for_the_end_runs_last(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(ending, "leave_scopes", lambda: done.append("scopes"))
    monkeypatch.setattr(ending, "stop_daemon_threads", done.append)
    monkeypatch.setattr(ending, "_HOOKS", [])
    for name in ("first", "second"):
        ending.at_end_of_process(lambda name=name: done.append(name))  # type: ignore[misc]
    ending._end()
    assert ["scopes", ending._GRACE, "first", "second"] == done
