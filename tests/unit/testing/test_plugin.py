"""The fixtures for component authors, as another project's tests use them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import bsb
import pytest

import bsb_hdf5.testing
from bsb_hdf5.adapters.memory.store import _NETWORKS

pytest_plugins = ["pytester"]

PLUGIN = "bsb_hdf5.testing.plugin"
PROJECT = Path(__file__).parents[3] / "pyproject.toml"
CONFIGURATION = """
{
  "storage": {"engine": "hdf5", "root": "never made.hdf5"},
  "network": {"x": 100, "y": 100, "z": 100, "chunk_size": 100},
  "partitions": {"layer": {"type": "layer", "thickness": 100}},
  "cell_types": {"granule": {"spatial": {"radius": 2, "count": 7}}},
  "placement": {
    "cells": {
      "strategy": "bsb.placement.RandomPlacement",
      "cell_types": ["granule"],
      "partitions": ["layer"]
    }
  },
  "connectivity": {}
}
"""


class Imports:
    """Notes the modules that a run has imported, but its tests."""

    modules: ClassVar[dict[str, ModuleType]] = {}

    @classmethod
    def pytest_sessionfinish(cls) -> None:
        cls.modules |= {
            name: each for name, each in sys.modules.items() if not name.startswith("test_")
        }


@pytest.fixture(autouse=True)
def _imported_once() -> Iterator[None]:
    """Keep what runs import: pytester forgets it, and imported again, BSB has its classes twice."""
    yield
    sys.modules.update({**Imports.modules, **sys.modules})


def run(pytester: pytest.Pytester, code: str) -> pytest.RunResult:
    """Run a test module, and look that it leaves no network behind."""
    before = set(_NETWORKS)
    pytester.makepyfile(code)
    options = ("-p", PLUGIN, "-p", "no:cacheprovider")
    result = pytester.runpytest_inprocess(*options, plugins=[Imports()])
    assert before == set(_NETWORKS)
    return result


def test_a_storage_is_new_in_each_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_storage(memory_storage, turn):
            assert memory_storage.format == "memory"
            assert not memory_storage.files.has("note")
            memory_storage.files.store("text", id="note")
            assert memory_storage.files.has("note")
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_storage_may_be_moved_or_removed_by_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_removed(memory_storage):
            memory_storage.remove()

        def test_moved(memory_storage):
            memory_storage.move(memory_storage.root + " moved")
        """,
    )
    result.assert_outcomes(passed=2)


def test_networks_are_made_of_dictionaries_configurations_and_files(
    pytester: pytest.Pytester,
) -> None:
    Path(pytester.path, "network.json").write_text(CONFIGURATION)
    result = run(
        pytester,
        """
        import json
        from pathlib import Path

        import bsb
        import pytest

        FILE = Path(__file__).with_name("network.json")

        @pytest.mark.parametrize("make", [
            lambda: json.loads(FILE.read_text()),
            lambda: bsb.parse_configuration_file(str(FILE)),
            lambda: FILE,
            lambda: str(FILE),
        ])
        def test_network(memory_network, make):
            network = memory_network(make())
            assert network.storage.format == "memory"
            assert network.configuration.storage.engine == "memory"
            network.compile()
            assert len(network.get_placement_set("granule")) == 7
            assert not Path("never made.hdf5").exists()

        def test_networks_are_apart(memory_network):
            first, second = memory_network(), memory_network()
            first.storage.files.store("text", id="note")
            assert not second.storage.files.has("note")
        """,
    )
    result.assert_outcomes(passed=5)


def test_what_a_test_gave_is_not_changed(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_network(memory_network):
            given = {"storage": {"engine": "hdf5"}, "network": {"x": 1, "y": 1, "z": 1}}
            memory_network(given)
            assert given == {"storage": {"engine": "hdf5"}, "network": {"x": 1, "y": 1, "z": 1}}
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_network_is_removed_after_a_test_that_fails(pytester: pytest.Pytester) -> None:
    result = run(
        pytester, "def test_network(memory_network):\n    memory_network()\n    assert 0\n"
    )
    result.assert_outcomes(failed=1)


def test_the_plugin_costs_nothing_until_a_fixture_is_used() -> None:
    code = f"""
        import sys
        import {PLUGIN}
        print(sorted({{"bsb", "h5py", "hypothesis", "numpy"}} & sys.modules.keys()))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    output = subprocess.check_output(command, text=True)
    assert output == "[]\n"


@pytest.mark.parametrize("name", bsb_hdf5.testing.__all__)
def test_what_is_exported_is_imported_when_it_is_asked_for(name: str) -> None:
    assert name in dir(bsb_hdf5.testing)
    assert getattr(bsb_hdf5.testing, name) is not None


def test_what_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = bsb_hdf5.testing.NoSuchThing


def test_pytest_finds_the_plugin_by_the_name_of_its_module() -> None:
    # Of another name, it would be registered twice where it is named as a module, too.
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    assert {PLUGIN: PLUGIN} == project["entry-points"]["pytest11"]


def test_the_engine_of_the_fixtures_is_known_to_bsb() -> None:
    assert "memory" in bsb.storage.get_engines()


def test_an_engine_is_tested_beside_the_tests_of_a_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_of_the_project(): pass")
    options = ("-p", "no:cacheprovider", "-k", "of_the_project or scope_leaves_no_trace", "-v")
    result = pytester.runpytest_subprocess("--bsb-engine", "memory", ".", *options)
    result.assert_outcomes(passed=2, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*TestNetworks::test_what_raises_in_a_scope_leaves_no_trace*"])


def test_a_test_of_an_engine_that_does_not_end_ends_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import time

        class TestOfTheProject:
            def test_slow(self):
                time.sleep(0.2)

        class TestOfAnEngine:
            of_engine = "memory"

            def test_that_hangs(self):
                time.sleep(60)
        """
    )
    options = ("-p", "no:cacheprovider", "--bsb-limit", "0.1", "-v")
    result = pytester.runpytest_subprocess(*options)
    assert 1 == result.ret
    result.stdout.fnmatch_lines(["*TestOfTheProject::test_slow PASSED*"])
    result.stderr.fnmatch_lines(["Timeout*", "*in test_that_hangs"])


def test_the_classes_of_an_engine_have_a_limit() -> None:
    classes = bsb_hdf5.testing.engine_suite("memory")
    assert {"memory"} == {vars(each)["of_engine"] for each in classes.values()}
