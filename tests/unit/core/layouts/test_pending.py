"""What can be read of sets whose rows are logged, and what asks for the calls to be carried out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bsb_hdf5.core.layouts.pending import (
    PendingNetwork,
    RowsPendingError,
    Targets,
)
from tests.unit.core.layouts.columnar.networks import cells, links, new_network

NONE: Targets = frozenset()
BOTH: Targets = frozenset({("placement", "cell"), ("connectivity", "loop")})


def pending(targets: Targets) -> PendingNetwork:
    """A network with two cells and one connection."""
    network = new_network()
    network.placement("cell").append(0, cells(2))
    network.connectivity("loop").append(links(0, 0, [1]))
    return PendingNetwork(network, targets, "the store")


def test_what_a_set_connects_and_is_named_can_be_read() -> None:
    network = pending(BOTH)
    assert "cell" == network.placement("cell").name
    loop = network.connectivity("loop")
    assert ("loop", "cell", "cell", False) == (
        loop.tag,
        loop.pre_type,
        loop.post_type,
        loop.mirrored,
    )
    assert (("cell",), ("loop",)) == (network.placement_names(), network.connectivity_tags())


@pytest.mark.parametrize("targets", [NONE, *map(frozenset, ({each} for each in sorted(BOTH)))])
def test_only_sets_that_lack_rows_ask_for_them(targets: Targets) -> None:
    network = pending(targets)
    reads: dict[tuple[str, str], tuple[Callable[[], int], int]] = {
        ("placement", "cell"): (lambda: network.placement("cell").counts().total, 2),
        ("connectivity", "loop"): (lambda: network.connectivity("loop").count, 1),
    }
    for each, (read, stored) in reads.items():
        if each in targets:
            with pytest.raises(RowsPendingError) as raised:
                read()
            assert "the store" == raised.value.identity
        else:
            assert stored == read()


def test_rows_and_their_counts_are_asked_for() -> None:
    network = pending(BOTH)
    cell, loop = network.placement("cell"), network.connectivity("loop")
    chunks = np.array([0])
    for read in (
        cell.chunks,
        cell.counts,
        cell.label_sets,
        cell.additional_keys,
        lambda: cell.has_key("key"),
        cell.history,
        lambda: cell.holes,
        lambda: cell.read_morphologies(chunks),
        lambda: cell.morphology_names(0),
        lambda: loop.count,
        lambda: loop.holes,
        loop.history,
        loop.chunk_totals,
        lambda: loop.local_chunks("out"),
        lambda: loop.block_sizes("out", 0),
        lambda: loop.local_sizes("out"),
        lambda: loop.read_blocks("out", 0, chunks),
        lambda: network.totals,
        lambda: network.provenance,
    ):
        with pytest.raises(RowsPendingError):
            read()
