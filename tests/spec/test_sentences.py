"""Each public member of the specification and of BSB's interfaces has a test that names it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bsb.storage import interfaces

from tests.spec.extract_api import Fact
from tests.spec.holds import HELD

FACTS: list[Fact] = json.loads(Path(__file__).with_name("api.json").read_text(encoding="utf-8"))
SENTENCES = Path(__file__).parent / "sentences"

CLASSES = {
    "ConnectivitySet": "bsb_hdf5.connectivity_set.ConnectivitySet",
    "Engine": "bsb_hdf5.HDF5Engine",
    "FileStore": "bsb_hdf5.FileStore",
    "MorphologyRepository": "bsb_hdf5.morphology_repository.MorphologyRepository",
    "PlacementSet": "bsb_hdf5.placement_set.PlacementSet",
}
"""BSB's interfaces, and the classes here that say the same of the same members."""

# BSB's own, which reads what the interfaces give.
INTERFACES = (*CLASSES, "ConnectivityIterator", "StoredFile", "StoredMorphology")
NOTHING_IS_SAID_OF = {"set_comm"}


def members() -> Iterator[str]:
    """What has to be held: each member once, by the module that has it."""
    in_modules = {fact["name"] for fact in FACTS if fact["module"] != "bsb_hdf5"}
    for fact in FACTS:
        if fact["name"] and not (fact["module"] == "bsb_hdf5" and fact["name"] in in_modules):
            yield f"{fact['module']}.{fact['name']}"
    for interface in INTERFACES:
        for name, member in vars(getattr(interfaces, interface)).items():
            if not name.startswith("_") and name not in NOTHING_IS_SAID_OF and member is not None:
                yield f"{CLASSES.get(interface, f'bsb.storage.interfaces.{interface}')}.{name}"


@pytest.fixture(scope="module", autouse=True)
def all_tests() -> None:
    """All tests of sentences are known, whichever of them are run."""
    for module in sorted(SENTENCES.glob("test_*.py")):
        importlib.import_module(f"tests.spec.sentences.{module.stem}")


@pytest.mark.parametrize("member", sorted(set(members())))
def test_a_member_has_a_test(member: str) -> None:
    assert HELD[member]


def test_a_test_names_members_that_there_are() -> None:
    assert set() == {name for name, tests in HELD.items() if tests} - set(members())


def test_each_module_is_documented() -> None:
    modules = {fact["module"] for fact in FACTS}
    assert modules == {"bsb_hdf5"} | {f"bsb_hdf5.{name}" for name in SUBMODULES}


SUBMODULES = (
    "chunks",
    "connectivity_set",
    "file_store",
    "morphology_repository",
    "placement_set",
    "resource",
)
