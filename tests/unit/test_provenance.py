"""The identity of a network and its revisions."""

from __future__ import annotations

import pytest

from bsb_hdf5.core.provenance import Author, advance

AUTHOR = Author("8.0.2", "8.1.0", lambda: {"storage_id": "new", "state_id": 0}, lambda: None)


def test_a_change_moves_the_state_and_keeps_the_rest() -> None:
    bundle = {"storage_id": "x", "state_id": 4, "extra": [1]}
    assert ({"storage_id": "x", "state_id": 5, "extra": [1]}, False) == advance(bundle, AUTHOR)
    assert {"storage_id": "x", "state_id": 4, "extra": [1]} == bundle


def test_a_network_without_provenance_gets_one() -> None:
    assert ({"storage_id": "new", "state_id": 1}, True) == advance({}, AUTHOR)


@pytest.mark.parametrize(("state", "expected"), [("7", 8), (7.0, 8)])
def test_a_state_may_be_stored_as_another_number(state: object, expected: int) -> None:
    assert expected == advance({"storage_id": "x", "state_id": state}, AUTHOR)[0]["state_id"]


def test_a_bundle_without_state_starts_counting() -> None:
    assert ({"storage_id": "x", "state_id": 1}, False) == advance({"storage_id": "x"}, AUTHOR)
