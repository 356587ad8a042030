"""A class name stands for one thing: no two classes of the package have the same one."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.spec.source import package_folder

# A protocol of the port, and the base class that backends fulfil it by, are one thing; so are an
# error, and its counterpart that is also one of BSB's; BSB looks for the node by its name.
PORT, NATIVE = "ports/arrays.py", "adapters/native/"
ERRORS = {"errors.py", "exceptions.py"}
OF_BSB = "StorageNode"


def defining_modules() -> dict[str, list[str]]:
    """The modules that define a class, by the name of the class."""
    found: dict[str, list[str]] = defaultdict(list)
    folder = package_folder()
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(folder).as_posix())
    return found


def is_one_thing(name: str, modules: list[str]) -> bool:
    is_of_port = PORT in modules and all(each.startswith((PORT, NATIVE)) for each in modules)
    return is_of_port or set(modules) == ERRORS or name == OF_BSB


def test_no_class_name_is_defined_twice() -> None:
    found = defining_modules()
    assert "AtomicFile" in found and "MemoryStore" in found
    twice = {name: modules for name, modules in found.items() if len(modules) > 1}
    assert {} == {name: each for name, each in twice.items() if not is_one_thing(name, each)}
