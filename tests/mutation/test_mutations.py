"""The changes that mutation makes are valid, and each changes something."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import ROOT, TESTS, sample
from tests.mutation.mutations import mutations_of


def test_each_kind_of_place_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    source = (
        "def f(a: int = 1) -> int:\n    if not a < 2:\n        g(a, 'x')\n    return a.copy() + 1\n"
    )
    path.write_text(source)
    changed = {mutation.apply(source) for mutation in mutations_of(path)}
    for old, new in (
        ("= 1)", "= 2)"),
        ("not a < 2", "(a < 2)"),
        ("a < 2", "(a <= 2)"),
        ("< 2", "< 3"),
        ("g(a, 'x')", "g('x', a)"),
        ("g(a, 'x')", "pass"),
        ("a.copy()", "(a)"),
        ("a.copy() + 1", "(a.copy() - 1)"),
        ("return a.copy() + 1", "return None"),
    ):
        assert source.replace(old, new) in changed
    assert source not in changed


def test_arguments_that_have_no_order_are_not_swapped(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    for source, is_swapped in (
        ("x = max(a, b)\n", False),
        ("x = np.minimum(a, b)\n", False),
        ("x = argmax(a, b)\n", True),
        ("x = f.max(a)(a, b)\n", True),
    ):
        path.write_text(source)
        changed = [mutation.apply(source) for mutation in mutations_of(path)]
        assert is_swapped == any("b, a" in each for each in changed), source


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sample_is_of_valid_modules_and_comes_again(seed: int) -> None:
    chosen = sample(60, seed, "")
    assert chosen == sample(60, seed, "")
    for mutation in chosen:
        source = mutation.path.read_text(encoding="utf-8")
        changed = mutation.apply(source)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))


def test_the_tests_that_are_tried_exist() -> None:
    assert [] == [each for each in TESTS if not (ROOT / each).exists()]
