"""The kit is all that an author imports, and costs nothing until a name of it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bsb_hdf5 import kit

EXAMPLES = Path(__file__).parents[3] / "examples" / "backends"


@pytest.mark.parametrize("name", kit.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(kit, name) is not None
    assert name in dir(kit)


def test_every_name_that_is_imported_is_listed() -> None:
    assert {*kit._MODULES, "PORT_VERSION"} == set(kit.__all__)


def test_a_name_that_it_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'nothing'"):
        kit.nothing  # noqa: B018


def test_the_import_alone_loads_neither_numpy_nor_bsb() -> None:
    program = (
        "import sys, bsb_hdf5.kit; print({'numpy', 'bsb', 'h5py', 'pytest'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    assert (
        "set()"
        == subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    )


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=str)
def test_the_examples_import_nothing_else_of_the_package(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bsb_hdf5"):
            assert "bsb_hdf5.kit" == node.module
