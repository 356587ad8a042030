"""The domain stays pure: its modules import numpy, attrs, xxhash, the standard library and each
other.

The import contracts forbid the libraries known today; this allow-list also stops those that nobody
has thought of. And where the contracts see `bsb` as a whole, BSB's services are told apart here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spec.source import PACKAGE, package_folder

PURE = ("core", "ports", "errors")
# A hash of bytes (xxhash) is arithmetic, as that of zlib is, which the standard library has.
ALLOWED = {"numpy", "attrs", "xxhash"}
SERVICES = "bsb.services"


def pure_modules() -> list[Path]:
    folder = package_folder()
    return [path for name in PURE for path in _sources(folder, name)]


def _sources(folder: Path, name: str) -> list[Path]:
    module = folder / f"{name}.py"
    return [module] if module.exists() else sorted((folder / name).rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """Yield the absolute names that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module is not None
            yield node.module


def foreign_imports(source: str) -> list[str]:
    """The imports that a pure module may not have."""
    return sorted({name for name in imported(source) if not _is_allowed(name)})


def _is_allowed(name: str) -> bool:
    top_level, _, rest = name.partition(".")
    if top_level == PACKAGE:
        return rest.partition(".")[0] in PURE
    return top_level in ALLOWED or top_level in sys.stdlib_module_names


def services_imported(path: Path) -> bool:
    names = imported(path.read_text(encoding="utf-8"))
    return any(_is_within(name, SERVICES) for name in names)


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("name", PURE)
def test_each_pure_layer_is_found(name: str) -> None:
    assert _sources(package_folder(), name)


@pytest.mark.parametrize(
    "path", pure_modules(), ids=lambda path: str(path.relative_to(package_folder()))
)
def test_a_pure_module_imports_nothing_foreign(path: Path) -> None:
    assert [] == foreign_imports(path.read_text(encoding="utf-8"))


def test_foreign_imports_are_seen_at_any_depth() -> None:
    source = (
        "import numpy as np\n"
        "from attrs import frozen\n"
        "from ..ports import store\n"
        "from bsb_hdf5.core import labels\n"
        "from bsb_hdf5.adapters import hdf5\n"
        "def late():\n"
        "    import h5py.h5d\n"
        "    from bsb import Chunk\n"
    )
    assert ["bsb", "bsb_hdf5.adapters", "h5py.h5d"] == foreign_imports(source)


def test_only_the_mpi_adapter_takes_the_services_of_bsb() -> None:
    folder = package_folder()
    users = {path for path in folder.rglob("*.py") if services_imported(path)}
    assert set() == {path for path in users if not path.is_relative_to(folder / "adapters" / "mpi")}


def test_the_mpi_adapter_takes_nothing_else_from_bsb() -> None:
    adapter = package_folder() / "adapters" / "mpi"
    assert adapter.is_dir()
    names = {name for path in adapter.rglob("*.py") for name in imported(path.read_text())}
    assert set() == {n for n in names if _is_within(n, "bsb") and not _is_within(n, SERVICES)}
