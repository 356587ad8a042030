"""
Processes and threads that use one network in every way, while they are killed, stopped and moved.

``python -m tests.faults.soak`` does so for as long as is asked for. Here, too, is what its judge
finds wrong in histories that are.
"""

from __future__ import annotations

import json
import os
import traceback
from collections import Counter
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest

from tests.faults.kills import fork
from tests.faults.soak import (
    BODY,
    KINDS,
    Found,
    Read,
    Round,
    Tally,
    Token,
    Write,
    checksum_of,
    judge,
)

# A minute in all.
SECONDS = 30.0 / len(KINDS)
TALLY = "tally.json"
FIRST, SECOND, THIRD = (0, 0, 0), (0, 0, 1), (1, 0, 0)
LEDGER: list[Token] = [FIRST, SECOND, THIRD]
WRITES = {
    FIRST: Write(1.0, 2.0, acknowledged=True),
    SECOND: Write(3.0, 5.0, acknowledged=True),
    # It was killed.
    THIRD: Write(4.0),
}
FOUND = Found(LEDGER, Counter(dict.fromkeys(LEDGER, BODY)), (3 * BODY,) * 3, "")


def read(count: int, begin: float, end: float) -> Read:
    return Read(begin, end, count, checksum_of(LEDGER[:count]))


def test_a_history_that_can_be_put_in_order_is_not_found_fault_with() -> None:
    reads = [read(0, 0.0, 1.5), read(1, 0.5, 3.5), read(1, 2.5, 4.5), read(3, 5.5, 6.0)]
    assert [] == judge(WRITES, reads, FOUND)
    without = replace(FOUND, bodies=Counter({FIRST: BODY, SECOND: BODY}), ledger=LEDGER[:2])
    without = replace(without, connections=(2 * BODY,) * 3)
    assert [] == judge(WRITES, [], without)


def without(token: Token) -> Found:
    ledger = [each for each in LEDGER if each != token]
    bodies = Counter(dict.fromkeys(ledger, BODY))
    return Found(ledger, bodies, (len(ledger) * BODY,) * 3, "")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (without(FIRST), "was acknowledged, and is lost"),
        (replace(FOUND, ledger=[*LEDGER, FIRST]), "is stored twice"),
        (replace(FOUND, ledger=[SECOND, FIRST, THIRD]), "later than it ended"),
        (replace(FOUND, bodies=Counter({FIRST: BODY, SECOND: BODY})), "rows in part"),
        (replace(FOUND, bodies=Counter(dict.fromkeys(LEDGER, BODY - 1))), "rows in part"),
        (replace(FOUND, connections=(9, 9, 6)), "connections of 3 writes"),
        (replace(FOUND, ledger=[*LEDGER, (9, 9, 9)]), "was never begun, and is stored"),
        (replace(FOUND, report="a finding"), "a finding"),
    ],
)
def test_the_judge_finds_what_is_lost_torn_or_out_of_order(found: Found, said: str) -> None:
    assert any(said in each for each in judge(WRITES, [], found))


def test_the_judge_finds_writes_that_failed_and_are_stored() -> None:
    writes = {**WRITES, THIRD: Write(4.0, failed=True)}
    assert [f"{THIRD} failed, and is stored"] == judge(writes, [], FOUND)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (read(1, 5.5, 6.0), "missed 1 that were told before"),
        (read(2, 0.0, 2.5), "had not begun"),
        (Read(2.5, 6.0, 2, checksum_of([SECOND, FIRST])), "that are not the first"),
    ],
)
def test_the_judge_finds_reads_of_no_state_that_was(seen: Read, said: str) -> None:
    [wrong] = judge(WRITES, [seen], FOUND)
    assert said in wrong


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_killed_stopped_and_moved_programs_do_can_be_put_in_order(tmp_path: Path) -> None:
    folders = {kind: tmp_path / kind for kind in KINDS}
    for folder in folders.values():
        folder.mkdir()
    children = {kind: fork(partial(soak, kind, folder)) for kind, folder in folders.items()}
    try:
        ended = {kind: os.waitpid(child, 0)[1] for kind, child in children.items()}
    finally:
        for folder in folders.values():
            (folder / "stop").touch()
    assert dict.fromkeys(KINDS, 0) == ended
    tallies = {kind: json.loads((folder / TALLY).read_text()) for kind, folder in folders.items()}
    assert {kind: [] for kind in KINDS} == {kind: each["wrong"] for kind, each in tallies.items()}
    for tally in tallies.values():
        assert all(tally[each] for each in ("writes", "reads", "kills", "stops")), tallies


def soak(kind: str, folder: Path) -> None:
    """A round in a process of its own, beside those of other kinds, as most of it is waiting."""
    try:
        tally = Round(kind, folder, seed=23).run(SECONDS)
    except BaseException:
        tally = Tally(wrong=[traceback.format_exc()])
    (folder / TALLY).write_text(json.dumps(asdict(tally)))
