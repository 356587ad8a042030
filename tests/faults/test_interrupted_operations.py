"""
Signals in every operation of every engine, each at a line that is chosen at random.

``python -m tests.faults.interrupts`` sends as many as are asked for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.instants import AtLine
from tests.faults.interrupts import HANDLERS, KINDS, VERBS, Networks, handlers, interrupt


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    with handlers():
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_in_any_operation_undoes_it_or_comes_at_its_end(tmp_path: Path, kind: str) -> None:
    chance, networks = random.Random(17), Networks(tmp_path)
    wrong = {}
    for verb in VERBS:
        if verb == "plot" and kind != "columnar":
            # Matplotlib takes longer than all else.
            continue
        lines = networks.lines(kind, verb)
        number, sent = chance.randrange(1, lines + 1), chance.choice(list(HANDLERS))
        at, raised = AtLine(number, sent), HANDLERS[sent][1]
        wrong[verb] = interrupt(networks, kind, verb, at, raised)
        assert at.came
    assert {} == {verb: found for verb, found in wrong.items() if found}
