"""
Calls of the system that fail, in every verb.

These are a few; ``python -m tests.faults.inject --count 0`` tries all that there are.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.inject import Trial, inject
from tests.faults.system_calls import KINDS, System, faults_of
from tests.faults.verbs import ENGINES, VERBS

EACH = 1


@pytest.mark.timeout(300)
def test_whatever_call_fails_each_verb_is_done_or_undone_and_the_program_goes_on(
    tmp_path: Path,
) -> None:
    # Each verb in one of the engines, and each engine in a third of the verbs.
    pairs = [(ENGINES[i % len(ENGINES)], verb) for i, verb in enumerate(VERBS)]
    seen: Counter[str] = Counter()

    def pick(trials: list[Trial]) -> list[Trial]:
        chance = random.Random(f"{trials[0].engine} {trials[0].verb}")
        picked = chance.sample(trials, min(EACH, len(trials)))
        seen.update(each.fault.kind for each in picked)
        return picked

    tried, problems = inject(pairs, pick, tmp_path)
    assert [] == problems
    assert EACH * len(VERBS) == tried
    assert {"read", "write", "open"} <= seen.keys() <= KINDS.keys()


@pytest.mark.parametrize("lasting", [False, True])
def test_the_call_that_is_to_fail_does(tmp_path: Path, lasting: bool) -> None:
    counted = System(tmp_path)
    with counted.at_work():
        for name in "abc":
            (tmp_path / name).mkdir()
    assert Counter(mkdir=3) == counted.calls
    (fault,) = (
        each
        for each in faults_of(counted.calls)
        if (each.k, each.what, each.lasting) == (1, "EDQUOT", lasting)
    )
    failed = []
    with System(tmp_path, fault).at_work():
        for name in "def":
            try:
                (tmp_path / name).mkdir()
            except OSError:
                failed.append(name)
    assert (["e", "f"] if lasting else ["e"]) == failed
