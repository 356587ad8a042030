"""
The pytest plugin: networks in memory, for tests of components.

Every run of pytest loads it if this package is installed, so it imports nothing slow before a test
uses a fixture.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from bsb import Configuration, Scaffold, Storage

_ENGINE = "memory"
_STDERR = pytest.StashKey[int]()
_WITH_ASSERTIONS = (
    "suite_of_engine",
    "network_contents",
    "contract_arrays",
    "contract_attributes",
    "contract_by_key",
    "contract_claims",
    "contract_documents",
    "contract_faults",
    "contract_groups",
    "contract_names",
    "contract_place",
    "contract_reading",
    "contract_rewriting",
    "contract_sessions",
    "contract_sizes",
    "contract_versions",
    "network_comparison",
    "network_machine",
    "network_mistakes",
    "rules_files",
    "rules_storage",
)

# pytest rewrites the assertions of these modules as it does those of test modules.
for _module in (f"bsb_hdf5.testing.{name}" for name in _WITH_ASSERTIONS):
    if _module not in sys.modules:
        pytest.register_assert_rewrite(_module)


class MemoryNetwork(Protocol):
    """The type of the fixture ``memory_network``."""

    def __call__(
        self, configuration: Mapping[str, Any] | Configuration | Path | str | None = None, /
    ) -> Scaffold:
        """
        A new network in memory; its storage is removed at the end of the test.

        :param configuration: a ``bsb.Configuration``; the path of a configuration file; or a
            dictionary of those parts that differ from BSB's default configuration. Its storage
            is ignored.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("bsb").addoption(
        "--bsb-engine",
        action="append",
        default=[],
        metavar="NAME",
        help="run all that an engine of BSB has to pass, too",
    )
    parser.getgroup("bsb").addoption(
        "--bsb-limit",
        type=float,
        default=None,
        metavar="SECONDS",
        help="time for a test of an engine of BSB, after which the run ends; 0 for no limit",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the run if a test of an engine takes too long, as the library may never return."""
    if not hasattr(getattr(item, "cls", None), "of_engine"):
        return (yield)
    from .limits import limited

    with limited(item.config, item.config.stash.get(_STDERR, None)):
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    with contextlib.suppress(OSError):
        # Of the terminal: within a test, this descriptor leads to what pytest captures.
        config.stash[_STDERR] = descriptor = os.dup(
            sys.__stderr__.fileno() if sys.__stderr__ else 2
        )
        config.add_cleanup(lambda: os.close(descriptor))
    if config.getoption("--bsb-limit") is not None:
        from .waits import WAITS

        WAITS.set(config.getoption("--bsb-limit"))
    names = config.getoption("--bsb-engine")
    if not names:
        return
    from .suite_module import suite_module

    folder = tempfile.mkdtemp(prefix="bsb-engine-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.args.extend(suite_module(folder, name) for name in names)


@pytest.fixture
def memory_storage() -> Iterator[Storage]:
    """An empty storage in memory, which is removed at the end of the test."""
    storage = _new_storage()
    yield storage
    _remove(storage)


@pytest.fixture
def memory_network() -> Iterator[MemoryNetwork]:
    """Makes networks in memory, which are removed at the end of the test."""
    storages = []

    def memory_network(
        configuration: Mapping[str, Any] | Configuration | Path | str | None = None, /
    ) -> Scaffold:
        import bsb

        known = _as_configuration(configuration)
        storages.append(_new_storage())
        return bsb.Scaffold(known, storages[-1])

    yield memory_network
    for storage in storages:
        _remove(storage)


def _as_configuration(configuration: object) -> Configuration:
    import bsb

    if isinstance(configuration, bsb.Configuration):
        return configuration
    if configuration is None or isinstance(configuration, Mapping):
        parts = {**(configuration or {}), "storage": {"engine": _ENGINE}}
        return bsb.Configuration.default(**parts)
    return bsb.parse_configuration_file(str(configuration))


def _new_storage() -> Storage:
    import bsb

    return bsb.Storage(_ENGINE, f"test {uuid.uuid4().hex}")


def _remove(storage: Storage) -> None:
    if storage.exists():
        storage.remove()
