"""
What the documentation says about differences, beside what was observed.

``docs/differences.md`` lists ids of differences, or patterns of them as ``fnmatch`` takes them,
each with its reason. ``docs/errors-table.md`` is written by ``python -m tests.compat.walk``.
``to_fix.txt`` lists differences that are neither wanted nor mended yet.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.compat.walk.compare import Difference, Outcomes

Json = Any

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "differences.md"
ERRORS_PAGE = DOCS / "errors-table.md"
TO_FIX = Path(__file__).with_name("to_fix.txt")
HEADING = "## What a walk through all methods observes"


def listed() -> list[str]:
    """The patterns on the page."""
    _, heading, section = PAGE.read_text(encoding="utf-8").partition(HEADING)
    assert heading, f"{PAGE.name} has no section '{HEADING}'"
    cells = re.findall(r"^\* - (.*?)(?=^  - )", section, flags=re.M | re.S)
    return [pattern for cell in cells for pattern in re.findall(r"`([^`]+)`", cell)]


def to_fix() -> list[str]:
    """The patterns of what is not mended yet."""
    lines = TO_FIX.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def matches(pattern: str, name: str) -> bool:
    """Whether a difference is one of a pattern, in which ``{a,b}`` stands for either."""
    return any(fnmatchcase(name, each) for each in expanded(pattern))


def expanded(pattern: str) -> Iterator[str]:
    before, brace, rest = pattern.partition("{")
    if not brace:
        yield pattern
        return
    inner, _, after = rest.partition("}")
    for choice in inner.split(","):
        yield from expanded(before + choice + after)


def unlisted(found: Iterable[Difference], patterns: Iterable[str]) -> list[Difference]:
    known = [each for pattern in patterns for each in expanded(pattern)]
    return [each for each in found if not any(fnmatchcase(each.id, one) for one in known)]


def unobserved(found: Iterable[Difference], patterns: Iterable[str]) -> list[str]:
    """The patterns, alternative by alternative, that match nothing."""
    names = [each.id for each in found]
    return [
        one
        for pattern in patterns
        for one in expanded(pattern)
        if not any(fnmatchcase(name, one) for name in names)
    ]


# --- the table of errors ------------------------------------------------------------------

ERRORS_HEAD = """\
# Errors of each method

The tables list the errors that each public method raises for invalid calls, in bsb-hdf5 8.0.2 and
in this engine: the most specific classes of Python and of BSB that an `except` can name. The class
from `bsb_hdf5.errors` is in parentheses. *Answered* means that the call returns a result.
{doc}`api/errors` describes the classes.

`python -m tests.compat.walk` makes this page from calls in both engines.

"""


def errors_page(expected: Outcomes, found: Outcomes) -> str:
    rows: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, outcome in expected.items():
        member, _, variant = name.partition(": ")
        ours = found[name]
        if not member.startswith("the network") and ("raised" in outcome or "raised" in ours):
            rows[member][_classes(outcome), _classes(ours, own=True)].append(variant)
    return ERRORS_HEAD + "\n".join(_table(member, rows[member]) for member in sorted(rows))


def _classes(outcome: Json, *, own: bool = False) -> str:
    if "raised" not in outcome:
        return "answered"
    words = ", ".join(f"`{name}`" for name in outcome["raised"])
    if own and outcome["class"] not in outcome["raised"]:
        return f"{words} (`{outcome['class']}`)"
    return words


def _table(member: str, rows: dict[tuple[str, str], list[str]]) -> str:
    lines = [f"## `{member}`\n", "| called with | 8.0.2 | here |", "| --- | --- | --- |"]
    for (theirs, ours), variants in rows.items():
        lines.append(f"| {', '.join(variants)} | {theirs} | {ours} |")
    return "\n".join(lines) + "\n"
