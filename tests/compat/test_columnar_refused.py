"""
bsb-hdf5 8.0.2, given a columnar file, neither misreads it nor changes the network in it.

It does not know the layout, and finds documents where it looks for groups: whatever it tries
fails, or says that there is nothing. The errors are those of h5py and of BSB, as they come.

Not tried are ``create`` and ``remove``: those of 8.0.2 replace or delete whatever file there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from bsb import Storage

from tests.compat.attempts import ATTEMPTS, IN_TURN
from tests.compat.conftest import Exchange
from tests.compat.dump import dump
from tests.compat.exchange import Dump, differences, network_of, parse_dump

SCRIPT = Path(__file__).with_name("attempts.py")
# How each attempt of 8.0.2 ends: the name of an error, or the text of what is returned.
EXPECTED = {
    "load the network": "AttributeError",
    "compile": "BootError",
    "compile anew": "BootError",
    "read cells": "DatasetNotFoundError",
    "append cells": "ValueError",
    "place new cells": "ValueError",
    "clear cells": "TypeError",
    "count by chunk": "JSONDecodeError",
    "list connections": "AttributeError",
    "read connections": "AttributeError",
    "append connections": "ValueError",
    "make new connections": "ValueError",
    "clear connections": "TypeError",
    "list morphologies": "JSONDecodeError",
    "read metadata": "JSONDecodeError",
    "has a morphology": "returned False",
    "load a morphology": "MissingMorphologyError",
    "save a morphology": "AttributeError",
    "remove a morphology": "MorphologyRepositoryError",
    "list files": "AttributeError",
    "load a file": "KeyError",
    "store a file": "AttributeError",
    "remove a file": "KeyError",
    "load the configuration": "AttributeError",
    "store a configuration": "AttributeError",
    # It counts where our engine does not look.
    "bump the state": "returned None",
}

pytestmark = [
    pytest.mark.compat,
    pytest.mark.slow,
    # The first of these tests makes the environment of 8.0.2, from an index that may be slow.
    pytest.mark.timeout(1200),
]


@attrs.frozen
class Attempts:
    """
    What was tried on copies of a columnar file.

    :param file: the file, which nobody touched.
    :param ends: how each attempt ended: the name of an error, or ``returned`` and its text.
    """

    file: Path
    ends: dict[str, str]

    def copy(self, name: str) -> Path:
        return self.file.with_name(f"{name}.hdf5")


@pytest.fixture(scope="module")
def columnar_file(exchange: Exchange) -> Iterator[Path]:
    """The network of this suite in a columnar file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BSB_HDF5_LAYOUT", "columnar")
        yield exchange.ours.create(exchange.place())


@pytest.fixture(scope="module")
def attempts(exchange: Exchange, columnar_file: Path) -> Attempts:
    """What 8.0.2 made of it."""
    out = columnar_file.with_name("attempts.json")
    exchange.theirs.run(SCRIPT, columnar_file.name, out.name, folder=columnar_file.parent)
    ends = {
        name: found["raised"] if "raised" in found else f"returned {found['returned']}"
        for name, found in json.loads(out.read_text(encoding="utf-8")).items()
    }
    return Attempts(columnar_file, ends)


@pytest.fixture(scope="module")
def dump_of_untouched(columnar_file: Path) -> Dump:
    """What our engine reads from the file that nobody touched."""
    return our_dump(columnar_file)


def our_dump(file: Path) -> Dump:
    """What our engine reads, in this process: another one for each file would take long."""
    return parse_dump(json.dumps(dump(str(file))))


def test_the_columnar_file_holds_what_a_classic_one_holds(
    exchange: Exchange, columnar_file: Path
) -> None:
    assert "columnar" == Storage("hdf5", str(columnar_file))._engine.layout
    found = exchange.ours.dump(columnar_file)
    assert [] == differences(network_of(exchange.their_dump), network_of(found))


def test_a_columnar_file_is_extended_as_a_classic_one_is(
    exchange: Exchange, columnar_file: Path
) -> None:
    extended = exchange.extended_copy(columnar_file, exchange.ours)
    assert "columnar" == Storage("hdf5", str(extended))._engine.layout
    found = exchange.ours.dump(extended)
    assert [] == differences(network_of(exchange.their_dump_extended), network_of(found))


def test_every_attempt_of_8_0_2_raises_or_says_that_there_is_nothing(attempts: Attempts) -> None:
    assert set(ATTEMPTS) == set(EXPECTED)
    assert {name: attempts.ends[name] for name in EXPECTED} == EXPECTED


def test_attempts_in_turn_on_one_file_end_like_those_on_files_of_their_own(
    attempts: Attempts,
) -> None:
    assert {name: attempts.ends[f"{name}, {IN_TURN}"] for name in EXPECTED} == EXPECTED


@pytest.mark.parametrize("name", [*ATTEMPTS, IN_TURN])
def test_afterwards_our_engine_reads_the_same_network(
    attempts: Attempts, dump_of_untouched: Dump, name: str
) -> None:
    copy = attempts.copy(name)
    if copy.read_bytes() == attempts.file.read_bytes():
        # As most attempts leave it; then it takes no reading.
        return
    found = our_dump(copy)
    assert [] == differences(network_of(dump_of_untouched), network_of(found))
    for identity in ("storage_id", "state_id", "provenance"):
        assert dump_of_untouched["volatile"][identity] == found["volatile"][identity]


def test_afterwards_the_file_can_be_extended(exchange: Exchange, attempts: Attempts) -> None:
    extended = exchange.extended_copy(attempts.copy(IN_TURN), exchange.ours)
    found = exchange.ours.dump(extended)
    assert [] == differences(network_of(exchange.their_dump_extended), network_of(found))
