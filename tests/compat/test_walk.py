"""
Each public method, called in every way that the walk knows, answers as 8.0.2 does.

What differs stands in ``docs/differences.md``, and what is raised in ``docs/errors-table.md``;
``python -m tests.compat.walk`` prints what is missing there, and remakes the latter.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.compat.exchange import Interpreter
from tests.compat.walk import pages, recording
from tests.compat.walk.compare import Difference, differences
from tests.compat.walk.engines import OTHERS, Observed, observe
from tests.compat.walk.engines import theirs as walk_of_theirs
from tests.compat.walk.run import AFTER_READING, AS_BUILT, all_calls

ZARR = "zarr"
# It takes several times as long as the engine in memory: see the last test.
QUICK = [name for name in OTHERS if name != ZARR]
FACTS = json.loads(Path(__file__).parents[1].joinpath("spec", "api.json").read_text())
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def observed() -> Observed:
    """What ours did, and 8.0.2 when it was recorded."""
    return observe(QUICK)


def test_the_recording_of_8_0_2_is_one_of_these_calls() -> None:
    assert recording.is_current(), "make it with `python -m tests.compat.walk`"
    calls = [call.id for call in all_calls()]
    assert [AS_BUILT, *calls, AFTER_READING] == list(recording.recorded())


def test_8_0_2_answers_as_it_is_recorded(theirs: Interpreter) -> None:
    found = recording.as_recorded(walk_of_theirs(theirs.python))
    assert found == recording.recorded()


def test_every_difference_is_on_the_page(observed: Observed) -> None:
    known = [*pages.listed(), *pages.to_fix()]
    assert [] == [str(each) for each in pages.unlisted(observed.differences, known)]


def test_every_difference_on_the_page_is_observed(observed: Observed) -> None:
    listed = [one for each in pages.listed() for one in pages.expanded(each)]
    listed = [each for each in listed if not each.startswith(f"{ZARR}, ")]
    assert [] == pages.unobserved(observed.differences, listed)


def test_no_difference_is_left_to_fix(observed: Observed) -> None:
    fixing = pages.to_fix()
    others = {each.id for each in pages.unlisted(observed.differences, fixing)}
    left = [each.id for each in observed.differences if each.id not in others]
    if left:
        pytest.xfail(f"{len(left)} differences are left to fix, such as {left[0]}")


# Calls that write something before the one that may raise.
OF_SEVERAL_WRITES = (
    "*: of a removed network",
    "Chunked*",
    "MorphologyRepository.save: twice",
    "Resource.unmap*",
)


@pytest.mark.parametrize("name", ["classic", *QUICK])
def test_a_call_that_raises_here_changes_nothing(observed: Observed, name: str) -> None:
    assert set() == changing_though_raising(observed, name)


def changing_though_raising(observed: Observed, name: str) -> set[str]:
    """The calls of a single write that raise, and change something."""
    changing = {
        call: outcome["changed"]
        for call, outcome in observed.ours[name].items()
        if "raised" in outcome and outcome.get("changed")
    }
    return {call for call in changing if not any(fnmatchcase(call, p) for p in OF_SEVERAL_WRITES)}


def test_the_table_of_errors_is_what_is_raised(observed: Observed) -> None:
    expected = pages.errors_page(observed.theirs, observed.classic)
    assert expected == pages.ERRORS_PAGE.read_text(encoding="utf-8")


def test_the_walk_calls_every_documented_function_and_method() -> None:
    called = {call.member for call in all_calls()}
    kinds = ("function", "method", "classmethod", "static", "property")
    assert set() == {fact["name"] for fact in FACTS if fact["kind"] in kinds} - called


def outcome(**entries: Any) -> dict[str, Any]:
    return {"member: variant": entries}


@pytest.mark.parametrize(
    ("expected", "found", "kind"),
    [
        ({"returned": 1}, {"returned": 1}, None),
        ({"returned": 1}, {"returned": 2}, "values"),
        ({"returned": 1}, {"raised": ["KeyError"]}, "refused"),
        ({"raised": ["KeyError"]}, {"returned": 1}, "accepted"),
        ({"raised": ["KeyError"]}, {"raised": ["TypeError"]}, "errors"),
        (
            {"raised": ["LookupError"]},
            {"raised": ["KeyError"], "caught as": ["KeyError", "LookupError"]},
            None,
        ),
        ({"returned": 1, "changed": {"a": 1}}, {"returned": 1, "changed": {}}, "holds"),
        ({"returned": 1, "changed": {"a": 1}}, {"returned": 1, "changed": {"a": 1}}, None),
        ({"returned": 1, "warned": ["UserWarning"]}, {"returned": 1}, "warnings"),
    ],
)
def test_a_difference_is_what_a_caller_can_observe(
    expected: dict[str, Any], found: dict[str, Any], kind: str | None
) -> None:
    ids = [each.id for each in differences(outcome(**expected), outcome(**found))]
    assert ids == ([f"{kind} | member: variant"] if kind else [])


def test_patterns_match_by_stars_and_alternatives() -> None:
    found = [Difference("values | A.b: c", "", ""), Difference("holds | A.d: e", "", "")]
    assert [] == pages.unlisted(found, ["{values,holds} | A.*"])
    assert [found[1]] == pages.unlisted(found, ["values | *"])
    assert ["holds | A.b: *"] == pages.unobserved(found, ["{values,holds} | A.b: *"])


def test_zarr_differs_as_the_page_says() -> None:
    observed = observe([ZARR])
    listed = [one for each in pages.listed() for one in pages.expanded(each)]
    assert [] == pages.unlisted(observed.differences, [*listed, *pages.to_fix()])
    of_zarr = [each for each in listed if each.startswith(f"{ZARR}, ")]
    assert [] == pages.unobserved(observed.differences, of_zarr)
    assert set() == changing_though_raising(observed, ZARR)
