"""A Sphinx extension: every public name has an entry in the API reference.

Public are the names that the package and its testing part export, and those of the specification.
A name without an entry is a warning, and the documentation is built with warnings as errors.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

SPECIFICATION = Path(__file__).parents[1] / "tests" / "spec" / "api.json"
EXPORTING = ("bsb_hdf5", "bsb_hdf5.kit", "bsb_hdf5.queries", "bsb_hdf5.testing")


def public_names() -> Iterator[tuple[str, str]]:
    """Module and qualified name of everything that users may rely on."""
    for module in EXPORTING:
        yield from ((module, name) for name in importlib.import_module(module).__all__)
    for entry in json.loads(SPECIFICATION.read_text(encoding="utf-8")):
        yield entry["module"], entry["name"]


def without_entry(names: Iterable[tuple[str, str]], documented: set[str]) -> list[str]:
    """The names that are documented neither where they are exported nor where they are defined."""
    return sorted({".".join(name).rstrip(".") for name in names if not documented & _paths(*name)})


def _paths(module: str, name: str) -> set[str]:
    """The paths under which a name may be documented."""
    found: Any = importlib.import_module(module)
    paths = {f"{module}.{name}".rstrip(".")}
    for part in filter(None, name.split(".")):
        if isinstance(found, type):
            paths |= {f"{each.__module__}.{each.__qualname__}.{part}" for each in found.__mro__}
        # Attributes of an instance stand in the class as annotations only.
        found = getattr(found, part, None)
    origin, qualified = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    return paths | {f"{origin}.{qualified}"}


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that has no entry."""
    documented = {name for name, *_ in env.domains.python_domain.get_objects()}
    for name in without_entry(public_names(), documented):
        logging.getLogger(__name__).warning("'%s' has no entry in the API reference", name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
