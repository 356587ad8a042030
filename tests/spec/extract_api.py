"""Reduce a documentation dump of a package to the facts of its API.

``python tests/spec/extract_api.py SPEC.txt > tests/spec/api.json``

Only headings and signature lines are read: module, qualified name, kind and parameter list. Prose
is left behind, so that the committed facts stay small and can be compared with the code.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict


class Fact(TypedDict):
    """One documented name. ``parameters`` is None for what has no parameter list."""

    module: str
    name: str
    kind: str
    parameters: str | None


PACKAGE = re.compile(r"^(?P<package>\w+) package$")
MODULE = re.compile(r"^(?P<module>\w+(?:\.\w+)+) module$")
TOP_LEVEL = re.compile(
    r"^(?:(?P<kind>class|exception) )?(?P<path>\w+(?:\.\w+)+)(?:\((?P<parameters>.*)\))?$"
)
MEMBER = re.compile(r"^(?:(?P<kind>classmethod|static) )?(?P<name>\w+)\((?P<parameters>.*)\)$")
PROPERTY = re.compile(r"^property (?P<name>\w+)$")
ATTRIBUTE = re.compile(r"^(?P<name>\w+): [\w.\[\], ]+$")
PACKAGE_BODY = "Module contents"


def extract(lines: Iterable[str]) -> Iterator[Fact]:
    """Yield the documented names in the order of the dump."""
    package = module = owner = ""
    for line in (raw.rstrip() for raw in lines):
        if heading := PACKAGE.match(line):
            package = heading["package"]
        elif heading := MODULE.match(line):
            module, owner = heading["module"], ""
            yield Fact(module=module, name="", kind="module", parameters=None)
        elif line == PACKAGE_BODY:
            module, owner = package, ""
            yield Fact(module=module, name="", kind="module", parameters=None)
        elif module and (fact := _top_level(line, module)):
            owner = fact["name"] if fact["kind"] == "class" else ""
            yield fact
        elif owner and (fact := _member(line, module, owner)):
            yield fact


def _top_level(line: str, module: str) -> Fact | None:
    """Read a line such as ``class package.module.Name(a, b=None)``."""
    match = TOP_LEVEL.match(line)
    if not match or not match["path"].startswith(f"{module}."):
        return None
    name = match["path"].removeprefix(f"{module}.")
    kind = match["kind"] or "function"
    return Fact(module=module, name=name, kind=kind, parameters=match["parameters"])


def _member(line: str, module: str, owner: str) -> Fact | None:
    """Read a line such as ``static exists(tag)`` that belongs to the class ``owner``."""
    if match := MEMBER.match(line):
        kind, parameters = match["kind"] or "method", match["parameters"]
    elif match := PROPERTY.match(line):
        kind, parameters = "property", None
    elif match := ATTRIBUTE.match(line):
        kind, parameters = "attribute", None
    else:
        return None
    return Fact(module=module, name=f"{owner}.{match['name']}", kind=kind, parameters=parameters)


def main(spec: str) -> None:
    """Print the facts of the dump at ``spec`` as JSON, one fact a line."""
    text = Path(spec).read_text(encoding="utf-8")
    rows = ",\n".join(f"  {json.dumps(fact)}" for fact in extract(text.splitlines()))
    print(f"[\n{rows}\n]")


if __name__ == "__main__":
    main(sys.argv[1])
