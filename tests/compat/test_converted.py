"""bsb-hdf5 8.0.2 reads a network that was converted to the columnar layout and back."""

import pytest

from bsb_hdf5 import convert, repack
from tests.compat.conftest import Exchange
from tests.compat.exchange import differences, network_of

pytestmark = [
    pytest.mark.compat,
    pytest.mark.slow,
    # This may be the first test to make the environment of 8.0.2.
    pytest.mark.timeout(1200),
]


def test_their_engine_reads_a_converted_and_repacked_file_like_the_original(
    exchange: Exchange,
) -> None:
    original = exchange.their_file_extended_by_theirs
    columnar, classic = exchange.place(), exchange.place()
    convert(str(original), str(columnar), layout="columnar")
    convert(str(columnar), str(classic), layout="classic")
    repack(str(classic), compress=True)
    expected, found = exchange.their_dump_extended, exchange.theirs.dump(classic)
    assert [] == differences(network_of(expected), network_of(found))
    assert [] == differences(expected["volatile"], found["volatile"])
