"""Where two engines answer a call differently, as far as a caller can tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = Any
Outcomes = dict[str, Json]

LONGEST = 160


KINDS = {
    "accepted": "an error there, a result here",
    "refused": "a result there, an error here",
    "errors": "errors of different classes",
    "values": "different results",
    "holds": "the network holds something else afterwards",
    "warnings": "different warnings",
}


@dataclass(frozen=True)
class Difference:
    """One call with two outcomes."""

    id: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.id} | {self.expected} | {self.found}"


def differences(expected: Outcomes, found: Outcomes, prefix: str = "") -> list[Difference]:
    """
    The calls that end differently.

    :param prefix: what the ids begin with, to tell comparisons apart.
    """
    return [
        Difference(f"{prefix}{kind} | {name}", *(_shown(each, one, other) for each in (one, other)))
        for name, one, other in _pairs(expected, found)
        if (kind := kind_of(one, other))
    ]


def _pairs(expected: Outcomes, found: Outcomes) -> Iterator[tuple[str, Json, Json]]:
    """Outcomes side by side; the network itself entry by entry."""
    assert list(expected) == list(found), "the engines were asked different things"
    for name, one in expected.items():
        if name.startswith("the network"):
            left, right = one["returned"], found[name]["returned"]
            for entry in sorted(left.keys() | right.keys()):
                yield f"{name}: {entry}", _entry(left.get(entry)), _entry(right.get(entry))
        else:
            yield name, one, found[name]


def _entry(value: Json) -> Json:
    return value if isinstance(value, dict) and "raised" in value else {"returned": value}


def kind_of(expected: Json, found: Json) -> str | None:
    """The first of ``KINDS`` that a caller of the one would stumble over in the other."""
    if "raised" in expected and "raised" in found:
        # An error that is more than the expected one is caught by whoever catches that.
        if not set(expected["raised"]) <= set(found.get("caught as", found["raised"])):
            return "errors"
    elif "raised" in expected:
        return "accepted"
    elif "raised" in found:
        return "refused"
    elif expected["returned"] != found["returned"]:
        return "values"
    if _holdings(expected) != _holdings(found):
        return "holds"
    return None if expected.get("warned") == found.get("warned") else "warnings"


def _holdings(outcome: Json) -> Json:
    """What was changed; what can't be read is that: which error says so is asked elsewhere."""
    changed = outcome.get("changed") or {}
    return {key: "unreadable" if _is_error(value) else value for key, value in changed.items()}


def _is_error(value: Json) -> bool:
    return isinstance(value, dict) and "raised" in value


def _shown(outcome: Json, expected: Json, found: Json) -> str:
    words = [_ending(outcome)]
    if _holdings(expected) != _holdings(found):
        words.append(_changes(outcome, expected, found))
    if expected.get("warned") != found.get("warned"):
        words.append(f"warns {', '.join(outcome.get('warned', ['of nothing']))}")
    return "; ".join(words)


def _ending(outcome: Json) -> str:
    if "raised" in outcome:
        return f"raises {', '.join(outcome['raised'])}"
    return f"returns {brief(outcome['returned'])}"


def _changes(outcome: Json, expected: Json, found: Json) -> str:
    one, other = (_holdings(each) for each in (expected, found))
    own = _holdings(outcome)
    keys = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    told = [f"{key} {brief(own[key])}" if key in own else f"{key} as before" for key in keys]
    return f"then {', '.join(told)}"[: 2 * LONGEST]


def brief(value: Json) -> str:
    """A record in few words."""
    text = _words(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _words(value: Json) -> str:
    if not isinstance(value, dict) or "kind" not in value:
        return json.dumps(value, ensure_ascii=False)
    rest = {key: each for key, each in value.items() if key not in ("kind", "hashable")}
    if "dtype" in rest:
        values = " ".join(map(_words, rest["values"]))
        return f"{value['kind']} {rest['dtype']}{rest['shape']} {values}"
    if "items" in rest and isinstance(rest["items"], list):
        return f"{value['kind']}({', '.join(map(_words, rest['items']))})"
    if "items" in rest:
        inner = ", ".join(f"{key}: {_words(each)}" for key, each in rest["items"].items())
        return f"{value['kind']}({inner})"
    inner = ", ".join(f"{key}={_words(each)}" for key, each in rest.items())
    return f"{value['kind']}({inner})"
