"""Calls as bytes, and carried out from these."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.core.layouts.columnar.staged import (
    StagedCall,
    StagedCells,
    StagedConnections,
    can_stage,
    decode,
    replay,
    target_of,
)
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.ports.call_log import Record
from bsb_hdf5.testing.contents import contents_of
from tests.unit.core.layouts.columnar.networks import cells, links, new_network, reopened

MANY: dict[str, Any] = {
    "morphologies": (["a", "b"], [0, 1, 1]),
    "rotations": np.ones((3, 3)),
    "x": [1.0, 2, 3],
}
SIZE = np.array([100.0] * 3)


def record_of(call: StagedCall) -> Record:
    title, rows = call.encode()
    return title, memoryview(b"".join(rows))


def network_with_cells(**more: Any) -> ColumnarNetwork:
    """A network that has cells and an identity, as a program finds it that never saw it."""
    network = new_network()
    network.set_provenance({"storage_id": "this", "state_id": 1})
    network.set_chunk_size(SIZE)
    network.placement("cell").append(7, cells(3, **more))
    return reopened(network)


def detailed() -> Blocks:
    """Connections between several chunks, some of which are on branches."""
    pre = np.array([[3, -1, -1], [70_000, -1, -1], [1, 2, 3], [0, 1, 1]])
    return Blocks(np.array([5, 2, 5, 2]), np.array([9, 9, 9, 9]), pre, pre[::-1].copy())


CALLS: dict[str, StagedCall] = {
    "cells": StagedCells("cell", 4, cells(2, 5.0)),
    "all columns": StagedCells("cell", 4, cells(3, **MANY)),
    "a block": StagedConnections.of("loop", links(1, 2, [0, 3, 3])),
    "blocks": StagedConnections.of("loop", detailed()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_carried_out_from_its_bytes_stores_what_the_call_stores(call: StagedCall) -> None:
    made, replayed = new_network(), new_network()
    call.carry_out(made)
    made.flush()
    assert 1 == replay(replayed, [record_of(call)])
    assert contents_of(made._root) == contents_of(replayed._root)


def test_calls_count_as_the_sessions_that_would_have_made_them() -> None:
    made, replayed = new_network(), new_network()
    calls: list[StagedCall] = [StagedCells("cell", 4, cells(2, start)) for start in (0.0, 9.0, 5.0)]
    calls_of_others: list[StagedCall] = [StagedConnections.of("loop", links(4, 4, [1]))] * 2
    for call in (*calls, *calls_of_others):
        call.carry_out(made)
        made.flush()
    mixed = (calls[0], calls_of_others[0], calls[1], calls_of_others[1], calls[2])
    assert 5 == replay(replayed, map(record_of, mixed))
    for name in ("placement", "connectivity"):
        sets = [
            network.placement("cell") if name == "placement" else network.connectivity("loop")
            for network in (reopened(made), reopened(replayed))
        ]
        assert sets[0].history() == sets[1].history()
    assert not list(reopened(replayed).placement("cell").damaged_rows(100))
    assert (3, 2) == (
        reopened(replayed).placement("cell").history().revision,
        reopened(replayed).connectivity("loop").history().revision,
    )


def test_a_session_after_calls_counts_as_one_more() -> None:
    network = new_network()
    call = StagedCells("cell", 4, cells(2))
    replay(network, [record_of(call)] * 2)
    call.carry_out(network)
    network.flush()
    assert 3 == reopened(network).placement("cell").history().revision
    assert not list(reopened(network).placement("cell").damaged_rows(100))


def test_the_title_of_a_call_says_which_set_it_adds_to() -> None:
    assert ("placement", "cell") == target_of(CALLS["cells"].encode()[0])
    assert ("connectivity", "loop") == target_of(CALLS["blocks"].encode()[0])


def test_calls_of_a_form_that_the_set_has_can_be_staged() -> None:
    network = network_with_cells()
    assert can_stage(StagedCells("cell", 1, cells(2), SIZE), network)
    assert can_stage(StagedCells("cell", 1, cells(2)), network)
    assert can_stage(CALLS["blocks"], network)
    network = network_with_cells(x=[1.0, 2.0, 3.0])
    assert can_stage(StagedCells("cell", 1, cells(2, x=[3.0, 4.0])), network)


WRONG: dict[str, StagedCall] = {
    "another set": StagedCells("nobody", 1, cells(2)),
    "another connectivity set": StagedConnections.of("nobody", links(1, 1, [0])),
    "another chunk size": StagedCells("cell", 1, cells(2), 2 * SIZE),
    "another column": StagedCells("cell", 1, cells(2, rotations=np.ones((2, 3)))),
    "other additional data": StagedCells("cell", 1, cells(2, y=[1.0, 2.0])),
    "additional data of another width": StagedCells("cell", 1, cells(1, x=[[1.0, 2.0]])),
    "a morphology that is not stored": StagedCells("cell", 1, cells(1, morphologies=(["a"], [0]))),
    "no cells": StagedCells("cell", 1, cells(0)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_calls_that_could_fail_later_or_change_more_can_not(call: StagedCall) -> None:
    assert not can_stage(call, network_with_cells(x=[1.0, 2.0, 3.0]))


def test_the_first_cells_of_a_set_and_the_first_chunk_size_are_not_staged() -> None:
    network = new_network()
    network.set_provenance({"storage_id": "this", "state_id": 1})
    assert not can_stage(StagedCells("cell", 1, cells(2)), reopened(network))
    network.placement("cell").append(7, cells(3))
    assert can_stage(StagedCells("cell", 1, cells(2)), reopened(network))
    assert not can_stage(StagedCells("cell", 1, cells(2), SIZE), reopened(network))


def test_nothing_is_staged_in_a_network_without_an_identity() -> None:
    network = new_network()
    network.placement("cell").append(7, cells(3))
    assert not can_stage(StagedCells("cell", 1, cells(2)), reopened(network))


def test_cells_without_a_morphology_are_not_staged_for_a_set_whose_cells_have_one() -> None:
    assert not can_stage(StagedCells("cell", 1, cells(3)), network_with_cells(**MANY))


def test_forms_differ_where_what_can_be_staged_differs() -> None:
    calls: list[StagedCall] = [*WRONG.values(), StagedCells("cell", 1, cells(2), SIZE)]
    assert len(calls) == len({call.form for call in calls})
    assert StagedCells("cell", 1, cells(2)).form == StagedCells("cell", 5, cells(9)).form


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        (b"no JSON", b""),
        (json.dumps({"part": "placement", "set": "cell"}).encode(), b""),
        (json.dumps({"part": "files", "set": "cell", "arrays": []}).encode(), b""),
        (CALLS["cells"].encode()[0], b"too few"),
    ],
    ids=["no document", "no arrays", "no such part", "too few bytes"],
)
def test_what_is_not_a_call_is_refused(title: bytes, rows: bytes) -> None:
    with pytest.raises(CorruptNetworkError, match="logged call"):
        decode((title, memoryview(rows)))
