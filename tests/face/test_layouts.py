"""Which layout a file that is made gets, and who says so."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import bsb
import pytest
from bsb import Configuration, Scaffold, Storage
from bsb.services.mpi import MPIService

from bsb_hdf5 import HDF5Engine
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import InputError
from tests.face.samples import cell_type, chunk, positions


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "network.hdf5")


@pytest.fixture(autouse=True)
def nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the variable is where the tests run, it is not set here."""
    monkeypatch.delenv("BSB_HDF5_LAYOUT", raising=False)


def configuration(path: str, **storage: Any) -> Configuration:
    return Configuration(
        {
            "name": "layouts",
            "storage": {"engine": "hdf5", "root": path, **storage},
            "network": {"x": 100, "y": 100, "z": 100, "chunk_size": 100},
            "partitions": {"layer": {"type": "layer", "thickness": 100}},
            "cell_types": {"a": {"spatial": {"radius": 1, "count": 30}}},
            "placement": {
                "a": {
                    "strategy": "bsb.placement.RandomPlacement",
                    "cell_types": ["a"],
                    "partitions": ["layer"],
                }
            },
            "connectivity": {},
        }
    )


def test_a_file_is_classic_where_nobody_says_otherwise(path: str) -> None:
    assert "classic" == Storage("hdf5", path)._engine.layout


def test_a_storage_made_by_hand_gets_the_layout_of_its_root(path: str, layout: str) -> None:
    storage = Storage("hdf5", NetworkRoot(path, layout=layout))
    assert layout == storage._engine.layout
    assert path == storage.root
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(5))
    again = bsb.open_storage(path)
    assert layout == again._engine.layout
    assert 5 == len(again.get_placement_set(cell_type("a")))


def test_an_engine_made_by_hand_gets_the_layout_it_is_given(path: str) -> None:
    engine = HDF5Engine(NetworkRoot(path, layout="classic"), MPIService(), layout="columnar")
    engine.create()
    assert "columnar" == engine.layout


def test_the_environment_decides_where_nothing_else_does(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    assert "columnar" == Storage("hdf5", path)._engine.layout
    other = Storage("hdf5", NetworkRoot(path + "2", layout="classic"))
    assert "classic" == other._engine.layout


def test_a_configuration_decides_on_the_layout(path: str, layout: str) -> None:
    network = Scaffold(configuration(path, layout=layout))
    network.compile()
    assert layout == network.storage._engine.layout
    assert 30 == len(network.get_placement_set("a"))
    network.compile(clear=True)
    assert layout == network.storage._engine.layout
    reloaded = bsb.from_storage(path)
    assert 30 == len(reloaded.get_placement_set("a"))


def test_a_network_that_is_opened_and_cleared_keeps_its_layout(path: str, layout: str) -> None:
    Scaffold(configuration(path, layout=layout)).compile()
    network = bsb.from_storage(path)
    network.clear()
    assert layout == network.storage._engine.layout
    network.compile(clear=True)
    assert layout == bsb.open_storage(path)._engine.layout
    assert 30 == len(network.get_placement_set("a"))


def test_an_option_decides_on_the_layout_of_a_network_that_is_cleared(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Scaffold(configuration(path))
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    network.clear()
    assert "columnar" == network.storage._engine.layout


def test_what_can_not_be_read_is_removed_all_the_same(path: str) -> None:
    storage = Storage("hdf5", path)
    Path(path).write_text("damaged")
    storage.remove()
    storage.create()
    assert "classic" == storage._engine.layout


def test_a_configuration_with_a_layout_is_stored_as_plain_text(path: str) -> None:
    tree = configuration(path, layout="columnar").__tree__()["storage"]
    assert {"engine": "hdf5", "root": path, "layout": "columnar"} == tree
    assert str is type(tree["root"])


def test_a_layout_that_does_not_exist_is_refused(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(bsb.ConfigurationError, match="diagonal"):
        configuration(path, layout="diagonal")
    with pytest.raises(InputError, match=r"classic.*columnar.*diagonal"):
        Storage("hdf5", NetworkRoot(path, layout="diagonal"))
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "diagonal")
    with pytest.raises(InputError, match="diagonal"):
        Storage("hdf5", path)
    assert not Path(path).exists()


def test_what_is_there_keeps_its_layout(path: str) -> None:
    Storage("hdf5", path)
    assert "classic" == Storage("hdf5", NetworkRoot(path, layout="columnar"))._engine.layout


def test_a_root_with_a_layout_is_its_text_and_can_be_sent_to_others(path: str) -> None:
    root = NetworkRoot(path, layout="columnar")
    sent = pickle.loads(pickle.dumps(root))
    assert (path, "columnar") == (sent, sent.layout)
    assert str is type(str(root))
    assert hash(path) == hash(root)


@pytest.mark.parametrize(("durability", "durable"), [("process", False), ("power", True)])
def test_a_configuration_decides_on_the_durability(
    path: str, durability: str, durable: bool
) -> None:
    network = Scaffold(configuration(path, durability=durability))
    assert durable is network.storage._engine.sessions.store._settings.durable
    network.compile()
    assert 30 == len(bsb.from_storage(path).get_placement_set("a"))


def test_a_durability_that_does_not_exist_is_refused(path: str) -> None:
    with pytest.raises(bsb.ConfigurationError, match="eternal"):
        configuration(path, durability="eternal")
    with pytest.raises(InputError, match=r"process.*power.*eternal"):
        Storage("hdf5", NetworkRoot(path, durability="eternal"))
