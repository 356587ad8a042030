"""Whether several programs write to one store at once."""

from __future__ import annotations

import time

import pytest

from bsb_hdf5.transactions.contention import Contention


@pytest.mark.parametrize(
    ("seconds", "overtaken", "logs"),
    [
        (0.0, [], False),
        (0.0, [False] * 20, False),
        (0.0, [True] * 2, False),
        (0.0, [True] * 3, True),
        (0.01, ([True] + [False] * 20) * 3, True),
        (0.4, [True] * 3, True),
        (0.6, [True] * 9, False),
        (0.4, [True] * 3 + [False] * 2, True),
        (0.4, [True] * 3 + [False] * 3, False),
        (0.4, [True] * 3 + [False] * 3 + [True] * 2, False),
    ],
)
def test_calls_are_logged_while_others_write(
    seconds: float, overtaken: list[bool], logs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, version, found = 100.0, 0, False
    monkeypatch.setattr(time, "monotonic", lambda: now)
    contention = Contention()
    contention.commit(version)
    for each in overtaken:
        now += seconds
        found = contention.begin(version + each)
        version += 2
        contention.commit(version)
    assert logs is found


def test_the_first_session_is_overtaken_by_nobody() -> None:
    contention = Contention()
    assert [contention.begin(version) for version in range(9)] == [False] * 9
