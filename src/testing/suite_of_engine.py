"""
The suite of an engine: the contract of its store, and tests of whole networks.

A test module of two lines runs all of it::

    from bsb_hdf5.testing import engine_suite
    globals().update(engine_suite("lmdb"))
"""

from __future__ import annotations

import os
import shutil
import tempfile
import types
import unittest
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import bsb
import pytest
from bsb.storage import create_engine, get_engines

from ..config import NetworkRoot, Root
from ..engine import StorageEngine
from ..exchange.convert import convert
from ..ports.store import Store
from ..storages import open_storage
from .network_contents import assert_equal, contents
from .network_machine import histories_on
from .store_contract import NewStore, StoreContract

MakeRoot: TypeAlias = Callable[[str], Root]

# Seconds that a test waits for a lock.
_LOCK_LIMIT = 2.0


def engine_suite(
    engine: str, *, root: MakeRoot | None = None, examples: int = 15
) -> dict[str, type[object]]:
    """
    The tests of an engine, as classes by name, for the namespace of a test module.

    :param engine: name of the engine.
    :param root: turns a free path into the root of a storage; by default, the path itself.
    :param examples: number of random histories.
    """
    make_root = root or (lambda path: path)
    classes: dict[str, type[object]] = {
        "TestContract": _contract_of(engine, make_root),
        "TestNetworks": type("TestNetworks", (NetworkSuite,), _named(engine, make_root)),
        "TestHistories": histories_on(engine, root=make_root, examples=examples),
    }
    classes |= _suite_of_bsb(engine)
    for each in classes.values():
        # Each of their tests has a limit (the pytest plugin).
        each.of_engine = engine  # type: ignore[attr-defined]
    return classes


def store_of(engine: str, root: Root, *, lock_limit: float = _LOCK_LIMIT) -> Store:
    """The store of an engine at a root."""
    service = bsb.MPI
    made: StorageEngine = create_engine(engine, NetworkRoot(root, lock_limit=lock_limit), service)
    return made.sessions.store


def _named(engine: str, root: MakeRoot) -> dict[str, object]:
    return {"engine": engine, "make_root": staticmethod(root), "__module__": __name__}


def _contract_of(engine: str, make_root: MakeRoot) -> type[object]:
    class TestContract(StoreContract):
        """The promises of the store."""

        @pytest.fixture
        def new_store(self, tmp_path: Path) -> NewStore:
            return lambda name: store_of(engine, make_root(str(tmp_path / name)))

        @pytest.fixture
        def new_impatient_store(self, tmp_path: Path) -> NewStore:
            return lambda name: store_of(engine, make_root(str(tmp_path / name)), lock_limit=0.3)

    return TestContract


def _suite_of_bsb(engine: str) -> dict[str, type[unittest.TestCase]]:
    """BSB's own tests of storage engines; none if they are not installed."""
    if find_spec("bsb_test") is None:
        return {}
    from bsb_test import engines

    parts = (
        engines.TestStorage,
        engines.TestPlacementSet,
        engines.TestMorphologyRepository,
        engines.TestConnectivitySet,
    )
    return {
        f"TestBsb{part.__name__.removeprefix('Test')}": types.new_class(
            part.__name__, (part, _InItsFolder), {"engine_name": engine}
        )
        for part in parts
    }


class _InItsFolder(unittest.TestCase):
    """Tests in a folder of their own: default roots are in the working directory."""

    @classmethod
    def setUpClass(cls) -> None:
        before = os.getcwd()
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        # The last to be added is the first to be done.
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.addClassCleanup(os.chdir, before)
        super().setUpClass()


def sample_configuration(engine: str, root: Root) -> bsb.Configuration:
    """A small network of two cell types, the same each time."""
    return bsb.Configuration.default(
        storage={"engine": engine, "root": root},
        network={"x": 200, "y": 100, "z": 100, "chunk_size": 100},
        partitions={"layer": {"type": "layer", "thickness": 100}},
        cell_types={
            "granule": {"spatial": {"radius": 2, "count": 40}},
            "golgi": {"spatial": {"radius": 8, "count": 10}},
        },
        placement={
            "cells": {
                "strategy": "bsb.placement.RandomPlacement",
                "cell_types": ["granule", "golgi"],
                "partitions": ["layer"],
            }
        },
        connectivity={
            "inhibition": {
                "strategy": "bsb.connectivity.FixedIndegree",
                "presynaptic": {"cell_types": ["golgi"]},
                "postsynaptic": {"cell_types": ["granule"]},
                "indegree": 3,
            }
        },
        rng={"seed": 1888},
    )


class NetworkSuite:
    """Whole networks: compiled, opened again, and converted."""

    engine: str
    make_root: Callable[[str], Root]

    @pytest.fixture
    def root(self, tmp_path: Path) -> Root:
        return self.make_root(str(tmp_path / "network"))

    def _compiled(self, engine: str, root: Root) -> bsb.Scaffold:
        network = bsb.Scaffold(sample_configuration(engine, root))
        network.compile()
        return network

    def test_a_network_is_compiled_and_equals_that_in_memory(self, root: Root) -> None:
        in_memory = contents(self._compiled("memory", uuid.uuid4().hex))
        found = contents(self._compiled(self.engine, root))
        assert 40 == len(found["cells"]["granule"]["positions"])
        assert 120 == found["connections"]["inhibition"]["count"]
        for part, expected in in_memory.items():
            assert_equal(expected, found[part], part)

    def test_a_network_is_opened_by_its_root(self, root: Root) -> None:
        made = bsb.Storage(self.engine, root)
        # BSB's own function takes every folder for a storage of its engine ``fs``.
        assert self.engine == open_storage(root).format
        assert get_engines()[self.engine].recognizes(root, None)
        made.remove()
        assert not get_engines()[self.engine].peek_exists(root)

    def test_what_is_no_network_is_not_recognized_and_left_alone(self, root: Root) -> None:
        path = Path(str(root))
        if not path.is_absolute():
            pytest.skip("Its networks do not lie in folders.")
        path.write_text("A text that somebody keeps here.")
        assert not get_engines()[self.engine].recognizes(root, None)
        assert [path] == list(path.parent.iterdir())
        assert path.read_text() == "A text that somebody keeps here."

    @pytest.mark.parametrize("layout", ["classic", "columnar"])
    def test_a_network_is_converted_here_and_back(self, root: Root, layout: str) -> None:
        original = self._compiled("memory", uuid.uuid4().hex)
        there = convert(original.storage, root, engine=self.engine, layout=layout)
        assert layout == there._engine.layout
        back = convert(there, uuid.uuid4().hex, engine="memory")
        expected, found = contents(original), contents(back.load())
        for part in expected:
            assert_equal(expected[part], found[part], part)

    def test_what_raises_in_a_scope_leaves_no_trace(self, root: Root) -> None:
        storage = bsb.Storage(self.engine, root)
        before = storage._engine.metadata
        with pytest.raises(ZeroDivisionError), storage.write_scope():
            storage.files.store("text", id="note")
            raise ZeroDivisionError
        assert not storage.files.has("note")
        assert before == storage._engine.metadata

    def test_the_engine_says_who_wrote_a_network(self, root: Root) -> None:
        storage = bsb.Storage(self.engine, root)
        name, version = type(storage._engine)._distribution()
        assert (name, version) == tuple(storage._engine.versions[k] for k in ("engine", "version"))
        assert self.engine == storage._engine.metadata["engine_name"]
