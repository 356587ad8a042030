"""What a check of an engine counts."""

from __future__ import annotations

import pytest

from bsb_hdf5.kit.check import Tally


def outcome(part: str, result: str) -> pytest.TestReport:
    name = f"test_engine.py::{part}::test_it"
    return pytest.TestReport(name, ("", 0, ""), {}, result, None, "call")  # type: ignore[arg-type]


def test_a_tally_is_a_plugin_of_earlier_versions_of_pytest_too() -> None:
    # They look plugins up in a set.
    assert 2 == len({Tally(), Tally()})


def test_outcomes_are_counted_by_part() -> None:
    tally = Tally()
    for part, result in (
        ("TestContract", "passed"),
        ("TestContract", "passed"),
        ("Other", "failed"),
    ):
        tally.pytest_runtest_logreport(outcome(part, result))
    assert [{"passed": 2}, {"failed": 1}] == list(tally.counts.values())
