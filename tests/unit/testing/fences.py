"""The code of a page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# (\S+\.py)\n")


def fences(page: str) -> list[tuple[str, str]]:
    """Language and content of each fence, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = _FENCE.findall(text)
    assert 2 * len(found) == text.count("```"), f"'{page}' has fences of another form"
    return [(language, content) for language, content in found]


def files(page: str) -> dict[str, str]:
    """
    The Python files of a page.

    A fence that begins with the name of a file begins it; other fences go on with the last.
    """
    contents: dict[str, str] = {}
    name = ""
    for language, content in fences(page):
        if language != "python":
            continue
        if match := _NAME.match(content):
            name = match[1]
            assert name not in contents
        contents[name] = contents.get(name, "") + content + "\n\n"
    return contents


def write_files(page: str, folder: Path) -> list[str]:
    """Write the Python files of a page into a folder; their names."""
    contents = files(page)
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return list(contents)
