"""The code of the page on testing does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.testing.fences import fences
from tests.unit.testing.test_plugin import PLUGIN

pytest_plugins = ["pytester"]

# What bsb-core does, and NumPy 2.5 calls deprecated.
OF_BSB = "ignore:Setting the shape on a NumPy array:DeprecationWarning:bsb._util"


def run(pytester: pytest.Pytester, *names: str) -> pytest.RunResult:
    """Run test files in a process of their own: what BSB found before does not matter there."""
    options = ["-p", PLUGIN, "-p", "no:cacheprovider", "--import-mode=importlib"]
    options += ["-W", "error", "-W", OF_BSB]
    return pytester.runpytest_subprocess(*options, *names)


def test_the_modules_of_the_page_on_testing_pass(pytester: pytest.Pytester) -> None:
    blocks = [content for language, content in fences("testing.md") if language == "python"]
    assert 6 == len(blocks)
    for number, block in enumerate(blocks):
        Path(pytester.path, f"test_block_{number}.py").write_text(block, encoding="utf-8")
    outcomes = run(pytester).parseoutcomes()
    # What the store does not claim is skipped.
    assert {"passed", "skipped"} == set(outcomes)
    assert 280 < outcomes["passed"]
