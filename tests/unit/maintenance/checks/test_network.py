"""What is found in a network, and what is repaired, in both layouts."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.mirrored import MirroredCopy
from bsb_hdf5.errors import CorruptNetworkError, InputError, NotANetworkError
from bsb_hdf5.maintenance.checks import parts
from bsb_hdf5.maintenance.checks.network import verify_network
from bsb_hdf5.maintenance.findings import Finding, Findings, Report
from bsb_hdf5.testing.contents import contents_of
from bsb_hdf5.transactions.interrupts import without_interrupts
from tests.unit.core.layouts.histories import Side, Step, steps
from tests.unit.maintenance.checks.damages import (
    IN_BOTH,
    LOCAL,
    REMOTE,
    A,
    C,
    Damage,
    Root,
    at,
    check_found,
    check_repaired,
    drop,
    layouts,
    lose,
    put,
    repaired,
    resize,
    rich,
    swap_rows,
    verified,
)
from tests.unit.memory import new_root


@layouts
def test_nothing_is_wrong_with_a_network_that_uses_every_feature(layout: str) -> None:
    root = rich(layout)
    before = contents_of(root)
    assert "nothing is wrong" == str(verified(root))
    assert Report() == repaired(root)
    assert before == contents_of(root)


@layouts
def test_nothing_but_the_identity_is_missing_in_a_new_network(layout: str) -> None:
    root = new_root()
    create_network(root, layout)
    (finding,) = verified(root)
    assert "provenance" == finding.part


@pytest.mark.parametrize(("broken", "whole"), [("inc", "out"), ("out", "inc")])
def test_the_copy_that_is_trusted_makes_the_other_one(broken: str, whole: str) -> None:
    def rows(root: Root, direction: str) -> Any:
        found = open_network(root, "here").connectivity("c")
        return [
            [part.tolist() for part in found.read_blocks(direction, local, np.array([4, 8, 9]))]
            for local in (4, 8, 9)
        ]

    expected = rows(rich("classic"), "inc"), rows(rich("classic"), "out")
    root = rich("classic")
    drop(*C, broken, "4")(root)
    assert expected != (rows(root, "inc"), rows(root, "out"))
    revision = at(root, *C).attributes.get("revision")
    assert () == repaired(root, whole).findings
    assert expected == (rows(root, "inc"), rows(root, "out"))
    assert 16 == open_network(root, "here").connectivity("c").count
    assert 1 + revision == at(root, *C).attributes.get("revision")


@pytest.mark.parametrize("broken", ["inc", "out"])
def test_rows_of_connections_that_can_not_be_read_are_of_their_copy(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, read = rich("classic"), MirroredCopy.read

    def fail(connections: Any, direction: str, most: int, *, ordered: bool) -> MirroredCopy:
        if direction == broken:
            raise CorruptNetworkError("a piece is damaged")
        return read(connections, direction, most, ordered=ordered)

    monkeypatch.setattr(MirroredCopy, "read", staticmethod(fail))
    what = "can't be read: a piece is damaged"
    found = Finding("connectivity", f"'c', {broken}", what, repairable=True)
    assert Report((found,)) == verified(root)


def test_the_copy_that_lost_connections_can_be_trusted_too() -> None:
    root = rich("classic")
    drop(*C, "inc", "9")(root)
    report = repaired(root, "inc")
    assert () == report.findings
    assert Report() == verified(root)
    network = open_network(root, "here")
    assert 8 == network.connectivity("c").count
    assert 0 == network.totals.as_document()["9"]["connections"]["inc"]


def test_the_order_of_the_rows_of_a_block_is_no_difference() -> None:
    root = rich("classic")
    for name in (LOCAL, REMOTE):
        swap_rows(*C, "inc", "9", name)(root)
    assert Report() == verified(root)


def test_a_column_that_ends_early_and_a_count_without_rows_are_no_damage() -> None:
    root = rich("classic")
    for name in ("rotation", "labels", "morphology"):
        resize(1, (*A, "4", name))(root)
    assert Report() == verified(root)


def test_what_no_early_version_stored_is_not_missed() -> None:
    root = rich("classic")
    for path in ((), A, C):
        for name in ("chunks", "len", "revision", "created_at"):
            lose(name, *path)(root)
    assert Report() == verified(root)


def test_a_tally_that_a_writer_removed_is_not_missed() -> None:
    root = rich("columnar")
    for path in (("placement_sets", "a"), ("connectivity_sets", "c"), ("morphology_tables",)):
        lose("tally", *path)(root)
    assert Report() == verified(root)


def test_a_network_gets_a_new_identity_only_if_it_has_none() -> None:
    root = rich("columnar")
    put("state_id", "x")(root)
    repaired(root)
    assert {"storage_id": "an id", "state_id": 0} == open_network(root, "here").provenance
    assert Report() == verified(root)
    put("bsb_provenance", "{}")(root)
    repaired(root)
    assert {"storage_id": "a new id", "state_id": 0} == open_network(root, "here").provenance


@pytest.mark.parametrize("path", [A, ("placement_sets", "a")], ids=["classic", "columnar"])
def test_sessions_that_changed_a_set_are_counted_again(path: tuple[str, str]) -> None:
    root = rich("classic" if path == A else "columnar")
    put("revision", "x", *path)(root)
    repaired(root)
    assert 0 == at(root, *path).attributes.get("revision")


def test_a_copy_that_does_not_exist_can_not_be_trusted() -> None:
    root = rich("classic")
    put("len", 3, *A)(root)
    before = contents_of(root)
    with pytest.raises(InputError, match="both"):
        repaired(root, "both")
    assert before == contents_of(root)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Only POSIX has signals for programs.")
def test_what_the_handler_of_a_signal_raises_is_no_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def give_up(*_: object) -> None:
        raise LookupError("it takes too long")

    monkeypatch.setattr(parts, "_verify_morphology", lambda *_: signal.raise_signal(signal.SIGUSR1))
    before = signal.signal(signal.SIGUSR1, give_up)
    try:
        with pytest.raises(LookupError, match="it takes too long"):
            without_interrupts(verified)(rich("classic"))
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_is_no_network_is_not_verified() -> None:
    with pytest.raises(NotANetworkError, match="here"):
        verify_network(new_root(), "here")


def test_only_so_many_findings_of_a_part_are_listed() -> None:
    found = Findings()
    mended: list[int] = []
    for number in range(250):
        found.note("files", f"{number}", "x" * 10_000, (number, lambda: mended.append(1)))
    found.note("totals", "here", "wrong")
    listed = found.listed()
    assert [*(str(each) for each in range(100)), "here", "elsewhere"] == [e.where for e in listed]
    assert ("150 more findings", False) == (listed[-1].what, listed[-1].repairable)
    assert 1000 > max(len(each.what) for each in listed)
    assert 250 == len(found.mends)
    # None is left out where just as many are found as are listed.
    just = Findings()
    for number in range(100):
        just.note("files", f"{number}", "wrong")
    assert 100 == len(just.listed())


def test_a_report_can_be_printed() -> None:
    finding = Finding("totals", "chunk 4", "3 are counted", repairable=True)
    report = Report((finding,), (finding,))
    line = "totals: chunk 4: 3 are counted (can be repaired)"
    assert f"repaired: {line}\n{line}" == str(report)
    assert [finding] == list(report)
    assert (1, 0) == (len(report), len(Report((), (finding,))))


@given(steps)
@settings(max_examples=60, deadline=None)
def test_nothing_is_wrong_whatever_happened(history: list[Step]) -> None:
    for layout in ("classic", "columnar"):
        side = Side.of(layout)
        for number, step in enumerate(history):
            side.run(step, number)
        report = verified(side.store.open_read().root)  # type: ignore[arg-type]
        # Morphologies may be removed while cells have them.
        left = [each for each in report if not each.what.endswith("which is not stored")]
        assert ["provenance"] == [each.part for each in left], str(report)


@pytest.mark.parametrize("damage", IN_BOTH, ids=str)
def test_damage_is_found_where_it_is(damage: Damage) -> None:
    check_found(damage)


@pytest.mark.parametrize("damage", IN_BOTH, ids=str)
def test_damage_is_repaired_or_left_alone(damage: Damage) -> None:
    check_repaired(damage)
