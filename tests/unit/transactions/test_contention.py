"""Whether several programs write to one store at once."""

from __future__ import annotations

import pytest

from bsb_hdf5.transactions.contention import Contention


def after(contention: Contention, overtaken: list[bool]) -> bool:
    """Whether calls are to be logged, after sessions before which another program wrote, or not."""
    version, logs = 0, False
    contention.commit(version)
    for each in overtaken:
        logs = contention.begin(version + each)
        version += 2
        contention.commit(version)
    return logs


@pytest.mark.parametrize(
    ("overtaken", "logs"),
    [
        ([], False),
        ([False] * 20, False),
        ([True] * 2, False),
        ([True] * 3, True),
        ([True, False] * 10, True),
        ([True] * 3 + [False] * 2, True),
        ([True] * 3 + [False] * 3, False),
        ([True, *[False] * 6] * 5, False),
    ],
)
def test_calls_are_logged_while_others_write(overtaken: list[bool], logs: bool) -> None:
    assert logs is after(Contention(), overtaken)


def test_the_first_session_is_overtaken_by_nobody() -> None:
    contention = Contention()
    assert [contention.begin(version) for version in range(9)] == [False] * 9
