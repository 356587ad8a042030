"""What is found to be wrong, and where."""

from __future__ import annotations

from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.maintenance.findings import Finding, Findings


def read() -> None:
    raise CorruptNetworkError("it ends early")


def test_what_cannot_be_read_is_a_finding_of_its_part() -> None:
    found = Findings()
    with found.reading("placement", "chunk 3", repairable=True) as outcome:
        read()
    assert outcome.failed
    expected = Finding("placement", "chunk 3", "can't be read: it ends early", repairable=True)
    assert (expected,) == found.listed()
