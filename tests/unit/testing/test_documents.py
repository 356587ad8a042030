"""The code of the pages on testing and on backends does what the pages say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.unit.testing.fences import fences, files, write_files
from tests.unit.testing.test_plugin import PLUGIN

pytest_plugins = ["pytester"]

REGISTRATION = """
from importlib.metadata import EntryPoint

from bsb import plugins

plugins._unittest_plugins["storage.engines"].append(
    EntryPoint({name!r}, {value!r}, "bsb.storage.engines")
)
"""


def run(pytester: pytest.Pytester, *names: str) -> pytest.RunResult:
    """Run test files in a process of their own: what BSB found before does not matter there."""
    return pytester.runpytest_subprocess(
        "-p", PLUGIN, "-p", "no:cacheprovider", "-W", "error", "--import-mode=importlib", *names
    )


@pytest.fixture
def backend(pytester: pytest.Pytester) -> pytest.Pytester:
    """The files of the page that writes a backend, whose engine BSB knows."""
    names = write_files("write-a-backend.md", pytester.path)
    assert {"bsb_sqlite/store.py", "bsb_sqlite/engine.py", "test_store.py"} <= set(names)
    (toml,) = (content for language, content in fences("write-a-backend.md") if language == "toml")
    ((name, value),) = tomllib.loads(toml)["project"]["entry-points"]["bsb.storage.engines"].items()
    pytester.makeconftest(REGISTRATION.format(name=name, value=value))
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


@pytest.mark.slow
def test_the_store_of_the_page_keeps_the_contract(backend: pytest.Pytester) -> None:
    outcomes = run(backend, "test_store.py").parseoutcomes()
    # It says that it can't be rewritten.
    assert {"passed", "skipped"} == set(outcomes)
    assert 9 == outcomes["skipped"]
    assert 200 < outcomes["passed"]


def test_the_engine_of_the_page_compiles_a_network(backend: pytest.Pytester) -> None:
    run(backend, "test_engine.py").assert_outcomes(passed=2)


def test_the_modules_of_the_page_on_testing_pass(pytester: pytest.Pytester) -> None:
    blocks = [content for language, content in fences("testing.md") if language == "python"]
    assert 5 == len(blocks)
    for number, block in enumerate(blocks):
        Path(pytester.path, f"test_block_{number}.py").write_text(block, encoding="utf-8")
    outcomes = run(pytester).parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert 200 < outcomes["passed"]


def test_every_python_fence_of_the_page_is_part_of_a_file() -> None:
    assert "" not in files("write-a-backend.md")


def test_the_backend_leaves_no_files_beside_the_network(
    backend: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(backend.path))
    from bsb_sqlite.store import SqliteStore  # type: ignore[import-not-found]

    path = Path(backend.path, "folder", "network.sqlite")
    path.parent.mkdir()
    store = SqliteStore(path)
    store.create().rollback()
    assert [] == list(path.parent.iterdir())
    store.create().commit()
    store.copy(str(path.with_name("copy")))
    store.open_write().commit()
    assert ["copy", "network.sqlite"] == sorted(each.name for each in path.parent.iterdir())
