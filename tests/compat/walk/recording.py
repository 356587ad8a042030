"""
How bsb-hdf5 8.0.2 ends each call of the walk, recorded: its own walk takes as long as two of ours.

``python -m tests.compat.walk`` makes the recording again where the calls are others than those that
were recorded.
"""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.compat.upstream import REQUIREMENTS
from tests.compat.walk.compare import Outcomes

FILE = Path(__file__).parents[1] / "files" / "walk.json.gz"
# They neither make calls nor note what comes of them.
_ELSEWHERE = {"__init__", "__main__", "compare", "engines", "pages", "recording"}


def digest_of_calls() -> str:
    """A digest of all that decides on the outcomes: the calls, and the environment of 8.0.2."""
    sources = [each for each in Path(__file__).parent.glob("*.py") if each.stem not in _ELSEWHERE]
    digest = sha256()
    for each in (*sorted(sources), REQUIREMENTS):
        digest.update(sha256(each.read_bytes()).digest())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the recording is one of the calls that there are now."""
    return FILE.exists() and digest_of_calls() == _read()["calls"]


def recorded() -> Outcomes:
    """
    The outcomes.

    :raises RuntimeError: they are of other calls.
    """
    if not is_current():
        raise RuntimeError(
            f"{FILE.name} records other calls than there are; make it with"
            " `python -m tests.compat.walk`"
        )
    outcomes: Outcomes = _read()["outcomes"]
    return outcomes


def record(outcomes: Outcomes) -> None:
    """Write the recording."""
    content = {"calls": digest_of_calls(), "outcomes": as_recorded(outcomes)}
    FILE.write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))


def as_recorded(outcomes: Outcomes) -> Outcomes:
    """Without messages, which nobody compares."""
    return {
        name: {key: each for key, each in outcome.items() if key != "message"}
        for name, outcome in outcomes.items()
    }


def _read() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress(FILE.read_bytes()))
    return content
