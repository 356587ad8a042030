"""A class name stands for one thing: within the adapters and the transactions no two are alike."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.spec.source import package_folder

ROOMS = ("adapters", "transactions")


def defining_modules(*rooms: str) -> dict[str, list[str]]:
    """The modules that define a class, by the name of the class."""
    found: dict[str, list[str]] = defaultdict(list)
    folder = package_folder()
    for path in sorted(path for room in rooms for path in (folder / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(folder)))
    return found


def test_no_class_name_of_the_adapters_and_transactions_is_defined_twice() -> None:
    found = defining_modules(*ROOMS)
    assert "AtomicFile" in found and "MemoryStore" in found
    assert {} == {name: modules for name, modules in found.items() if len(modules) > 1}
