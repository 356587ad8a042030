"""The map of modules on the page about the architecture shows the package as it is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.spec.source import package_folder

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def module_map() -> str:
    (block,) = re.findall(r"^```text\n(kit/.*?)^```$", PAGE.read_text(), re.M | re.S)
    return str(block)


def rooms() -> set[str]:
    """Folders of the package, of which each has its line."""
    return {path.parent.name for path in package_folder().rglob("*.py")} - {package_folder().name}


def test_every_room_has_a_line() -> None:
    named = set(re.findall(r"^ *(\w+)/ ", module_map(), re.M))
    assert rooms() - {"checks"} == named


def test_every_module_at_the_top_is_named() -> None:
    names = {path.stem for path in package_folder().glob("[!_]*.py")}
    assert set() == names - set(re.findall(r"\w+", module_map()))


def test_the_map_fits_on_one_screen() -> None:
    assert 40 > len(module_map().splitlines())
