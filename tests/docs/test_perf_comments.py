"""Comments that excuse odd code for speed."""

from __future__ import annotations

import re
from pathlib import Path

import bsb_hdf5

ROOT = Path(__file__).parents[2]
SOURCE = Path(bsb_hdf5.__file__).resolve().parent


def rows_of_benchmarks() -> set[str]:
    """Titles of rows: in the tables of the pages, and in the scripts that print them."""
    rows: set[str] = set()
    for page in ROOT.glob("docs/*.md"):
        text = page.read_text()
        rows.update(found.strip() for found in re.findall(r"^\|([^|]*)\|", text, re.MULTILINE))
        rows.update(re.findall(r"^ *(\S.*?)  +[\d.]+ ?[munsx]", text, re.MULTILINE))
    for script in (ROOT / "benchmarks").glob("*.py"):
        rows.update(re.findall(r"[\"']([^\"'\n]+)[\"']", script.read_text()))
    return rows


def test_a_comment_on_speed_names_a_row_of_a_benchmark() -> None:
    rows = rows_of_benchmarks()
    found = {
        f"{path.relative_to(SOURCE)}: {comment}": comment.partition(";")[0]
        for path in SOURCE.rglob("*.py")
        for comment in re.findall(r"# perf: (.*)", path.read_text())
    }
    assert found
    assert [] == [comment for comment, row in found.items() if row not in rows]
