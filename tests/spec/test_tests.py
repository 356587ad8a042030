"""Where tests lie, so that the tests of a module and the promises of a page are found by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.spec.source import package_folder

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MODULES = sorted(TESTS.rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_module_of_the_tests_has_at_most_500_lines(module: Path) -> None:
    assert 500 >= len(module.read_text(encoding="utf-8").splitlines())


def test_the_unit_tests_of_a_folder_of_the_source_lie_in_one_of_the_same_name() -> None:
    folders = {path.parent.relative_to(TESTS / "unit") for path in TESTS.glob("unit/**/test_*.py")}
    assert folders
    assert [] == [str(each) for each in folders if not (package_folder() / each).is_dir()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_tests_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # A page says `tests/faults/test_a.py`, and after it `test_b.py` of the same folder.
    named = re.findall(r"\btests/[\w/.]*\w|(?<=`)test_\w+\.py(?=`)", text)
    folder = TESTS
    for name in named:
        path = ROOT / name if name.startswith("tests/") else folder / name
        assert path.exists(), f"{page.name} names {name}"
        folder = path.parent
