"""Functions get the code of a changed module, and say where tests reach them."""

from __future__ import annotations

import builtins
import gc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation import patches
from tests.mutation.mutations import Mutation, mutations_of

SOURCE = """\
LIMIT = 2


class Counter:
    step: int = 1

    def up(self, value: int) -> int:
        if value < LIMIT:
            return value + self.step
        return max(
            value,
            LIMIT,
        )


def twice(function):
    def call(value):
        return function(value) * 2

    return call


@twice
def doubled(value):
    return value


def counted(values: list[int]) -> list[int]:
    counter = Counter()
    return [counter.up(each) for each in values]
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    path = tmp_path / "counting.py"
    path.write_text(SOURCE)
    module = ModuleType("counting")
    exec(compile(SOURCE, str(path), "exec"), module.__dict__)
    # As what was there when tests had been collected.
    gc.freeze()
    return module


@pytest.fixture
def change(module: ModuleType, tmp_path: Path) -> Callable[[str, str], None]:
    """Change a text of the module, and the functions that were made of it."""
    functions = patches.Functions(tmp_path)

    def change(old: str, new: str) -> None:
        assert old in SOURCE
        path = tmp_path / "counting.py"
        codes = patches.changed_functions(SOURCE, SOURCE.replace(old, new), path)
        functions.check(codes)
        functions.change(codes)

    return change


@pytest.mark.parametrize(
    ("old", "new", "counted"),
    [
        ("value < LIMIT", "value <= LIMIT", [2, 3, 3]),
        ("max(\n            value,", "min(value,", [2, 2, 2]),
        ("for each in values", "for each in reversed(values)", [3, 2, 2]),
        ("Counter()", "Counter() ", [2, 2, 3]),
    ],
)
def test_functions_that_are_there_already_change(
    module: ModuleType, change: Callable[[str, str], None], old: str, new: str, counted: list[int]
) -> None:
    change(old, new)
    assert counted == module.counted([1, 2, 3])


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 2", "LIMIT = 3"), ("int = 1", "int = 2"), ("class Counter", "class C")],
)
def test_what_is_executed_at_the_import_is_no_change_of_a_function(
    change: Callable[[str, str], None], old: str, new: str
) -> None:
    with pytest.raises(patches.ExecutedAtImportError):
        change(old, new)


@pytest.mark.parametrize(
    ("value", "reached"),
    [(1, {"value < LIMIT", "value + self.step", "1"}), (2, {"value < LIMIT", "max(", "1"})],
)
def test_probes_say_which_mutations_a_call_reaches(
    module: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: int,
    reached: set[str],
) -> None:
    path = tmp_path / "counting.py"
    probes = dict(enumerate(each for each in mutations_of(path) if _old(each) not in ("2", "[")))
    found: set[int] = set()
    monkeypatch.setattr(builtins, patches.REACHED, found.add, raising=False)
    probed = patches.with_probes(SOURCE, probes, path)
    functions = patches.Functions(tmp_path)
    functions.change(patches.changed_functions(SOURCE, probed, path))
    module.Counter().up(value)
    assert reached == {_old(probes[each]).partition("\n")[0] for each in found} - {"return value"}


def test_a_probe_of_the_module_is_in_each_function(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = tmp_path / "counting.py", set[int]()
    monkeypatch.setattr(builtins, patches.REACHED, found.add, raising=False)
    number = patches.number_of_module(3)
    probed = patches.with_probes(SOURCE, {}, path, number)
    patches.Functions(tmp_path).change(patches.changed_functions(SOURCE, probed, path))
    calls: list[Callable[[], object]] = [lambda: module.Counter().up(1), lambda: module.doubled(2)]
    for call in calls:
        found.clear()
        call()
        assert {-4} == {number} == found
    assert 3 == patches.number_of_module(number)


def _old(mutation: Mutation) -> str:
    """What a mutation replaces: its first word, if it is a statement."""
    old = SOURCE[mutation.start : mutation.stop].partition("\n")[0]
    return old.removeprefix("return ")
