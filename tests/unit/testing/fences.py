"""The code of a page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page: str) -> list[tuple[str, str]]:
    """Language and content of each fence, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = _FENCE.findall(text)
    assert 2 * len(found) == text.count("```"), f"'{page}' has fences of another form"
    return [(language, content) for language, content in found]
