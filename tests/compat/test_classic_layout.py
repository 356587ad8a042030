"""
Files of the classic layout go both ways between our engine and bsb-hdf5 8.0.2.

One network that uses every feature (``network.py``) is created and extended by either engine and
read by either through BSB's public interface (``dump.py``, which names what is left out of the
comparison and why). Both engines must read the same values from every file.
"""

import pytest

from tests.compat.conftest import Exchange
from tests.compat.exchange import differences, network_of

pytestmark = [
    pytest.mark.compat,
    pytest.mark.slow,
    # The first of these tests makes the environment of 8.0.2, from an index that may be slow.
    pytest.mark.timeout(1200),
]


def test_our_engine_reads_their_file_value_for_value(exchange: Exchange) -> None:
    ours = exchange.our_dump_of_their_file
    assert [] == differences(network_of(exchange.their_dump), network_of(ours))


def test_our_engine_reads_ids_and_times_from_their_file(exchange: Exchange) -> None:
    ours = exchange.our_dump_of_their_file
    assert [] == differences(exchange.their_dump["volatile"], ours["volatile"])


def test_their_engine_reads_what_ours_added_to_their_file_like_its_own_additions(
    exchange: Exchange,
) -> None:
    theirs = exchange.their_dump_of_our_extension
    assert [] == differences(network_of(exchange.their_dump_extended), network_of(theirs))


def test_our_engine_reads_what_it_added_to_their_file(exchange: Exchange) -> None:
    ours = exchange.ours.dump(exchange.their_file_extended_by_ours)
    assert [] == differences(network_of(exchange.their_dump_extended), network_of(ours))


def test_their_engine_reads_our_file_like_its_own(exchange: Exchange) -> None:
    theirs = exchange.their_dump_of_our_file
    assert [] == differences(network_of(exchange.their_dump), network_of(theirs))


def test_our_engine_reads_what_theirs_added_to_our_file(exchange: Exchange) -> None:
    ours = exchange.our_dump_of_their_extension
    assert [] == differences(network_of(exchange.their_dump_extended), network_of(ours))


def test_their_engine_reads_what_it_added_to_our_file(exchange: Exchange) -> None:
    theirs = exchange.theirs.dump(exchange.our_file_extended_by_theirs)
    assert [] == differences(network_of(exchange.their_dump_extended), network_of(theirs))


def test_our_additions_keep_the_identity_of_their_file_and_move_its_state(
    exchange: Exchange,
) -> None:
    before = exchange.their_dump["volatile"]
    after = exchange.their_dump_of_our_extension["volatile"]
    assert before["storage_id"] == after["storage_id"]
    assert before["state_id"] < after["state_id"]
    assert before["provenance"] == after["provenance"]


def test_their_additions_keep_the_identity_of_our_file_and_move_its_state(
    exchange: Exchange,
) -> None:
    before = exchange.their_dump_of_our_file["volatile"]
    after = exchange.our_dump_of_their_extension["volatile"]
    assert before["storage_id"] == after["storage_id"]
    assert before["state_id"] < after["state_id"]
    assert before["provenance"] == after["provenance"]


def test_our_file_says_where_it_comes_from_like_theirs(exchange: Exchange) -> None:
    theirs = exchange.their_dump["volatile"]
    ours = exchange.their_dump_of_our_file["volatile"]
    assert set(theirs["provenance"]) <= set(ours["provenance"])
    assert ours["storage_id"]
    assert theirs["storage_id"] != ours["storage_id"]


def test_every_file_kept_in_our_file_has_the_time_it_was_stored(exchange: Exchange) -> None:
    times = exchange.their_dump_of_our_file["volatile"]["files"].values()
    assert len(exchange.their_dump["volatile"]["files"]) == len(times)
    assert all(0 < time["mtime"] == time["mtime_in_meta"] for time in times)
