"""The pages say what is so: their commands are checked with their examples, their names here."""

from __future__ import annotations

import builtins
import importlib
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, is_elsewhere, perform

DOCS = ROOT / "docs"
MODULES = ("bsb.exceptions", "bsb_hdf5.connectivity_set", "bsb_hdf5.errors", "bsb_hdf5.exceptions")
PAGES = sorted(path for path in DOCS.glob("*.md") if path.name != "write-a-backend.md")


def exists(name: str) -> bool:
    return any(hasattr(importlib.import_module(module), name) for module in MODULES) or hasattr(
        builtins, name
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_errors_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`(\w+(?:Error|Warning))`", page.read_text(encoding="utf-8"))
    gone = {"PromotedHandleWarning", "UnusedWriteScopeWarning"}
    assert [] == [name for name in named if not exists(name) and name not in gone]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_examples_use_public_names(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    examples = re.findall(r"^(?:>>>|\.\.\.) (.*)$", text, re.MULTILINE)
    assert [] == [line for line in examples if re.search(r"\._[a-z]", line)]
    assert [] == re.findall(r"`[^`\n]*\._engine\b[^`\n]*`", text)


def test_a_page_is_done_in_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```yaml\n# a.yaml\nx: 1\n```\n```shell\npip install a\ncp a.yaml \\\n  b.yaml\n```\n"
    )
    assert ["cp a.yaml    b.yaml"] == perform(page, tmp_path)
    assert "# a.yaml\nx: 1\n" == (tmp_path / "b.yaml").read_text()


def test_a_command_that_fails_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```shell\nfalse\n```\n")
    with pytest.raises(AssertionError, match="false"):
        perform(page, tmp_path)


def test_a_target_and_a_benchmark_that_do_not_exist_are_found() -> None:
    assert is_elsewhere("make test")
    with pytest.raises(AssertionError):
        is_elsewhere("make nothing")
    with pytest.raises(AssertionError):
        is_elsewhere("python benchmarks/nothing.py")
