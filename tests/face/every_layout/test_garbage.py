"""What a session leaves: nothing that only Python's collector of garbage frees."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import ConnectivitySet, PlacementSet
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import cell_type, chunk, morphology, on_soma, positions


class Network:
    """A small network, whose calls are each a session of their own."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.cells: PlacementSet = storage.require_placement_set(cell_type("a"))
        self.connections: ConnectivitySet = storage.require_connectivity_set(
            self.cells.cell_type, self.cells.cell_type, "a_to_a"
        )
        self.morphology = morphology()
        self.storage.morphologies.save("there", self.morphology)
        self.append()
        self.connect()

    def append(self) -> None:
        self.cells.append_data(chunk(0), positions(4))

    def connect(self) -> None:
        self.connections.chunk_connect(chunk(0), chunk(0), on_soma(0, 1), on_soma(2, 3))

    def write_in_a_scope(self) -> None:
        with self.storage.write_scope():
            self.append()
            self.connect()
            self.save()

    def read_in_a_scope(self) -> None:
        with self.storage.read_only():
            self.read()

    def write_within_a_read(self) -> None:
        with self.storage.read_scope():
            self.read()
            self.append()
            self.read()

    def save(self) -> None:
        self.storage.morphologies.save("again", self.morphology, overwrite=True)

    def label(self) -> None:
        self.cells.label(["one"], np.arange(2))

    def read(self) -> None:
        self.cells.load_positions()
        self.cells.get_label_mask(["one"])
        self.connections.load_connections().all()
        len(self.connections)

    def list_all(self) -> None:
        self.storage.morphologies.all()
        self.storage.files.all()

    def fail(self) -> None:
        with pytest.raises(ValueError, match="cut short"), self.storage.write_scope():
            self.append()
            self.connect()
            raise ValueError("cut short")


CALLS: tuple[Callable[[Network], None], ...] = (
    Network.append,
    Network.connect,
    Network.write_in_a_scope,
    Network.read_in_a_scope,
    Network.write_within_a_read,
    Network.save,
    Network.label,
    Network.read,
    Network.list_all,
    Network.fail,
)


@pytest.fixture(params=["classic", "columnar", "zarr", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of each engine and layout."""
    root = tmp_path / "network"
    if request.param in LAYOUTS:
        return new_storage(root, request.param)
    return Storage(request.param, str(root))


@pytest.fixture
def collector() -> Iterator[None]:
    """Python collects garbage only when it is told to, and keeps what it finds."""
    gc.collect()
    gc.freeze()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()
    gc.unfreeze()


def garbage_of(call: Callable[[], None]) -> list[str]:
    """The types of this package's objects that are garbage after a call."""
    # What is made once, and kept.
    call()
    gc.collect()
    gc.garbage.clear()
    call()
    gc.collect()
    types = {type(each) for each in gc.garbage}
    return sorted(each.__qualname__ for each in types if each.__module__.startswith("bsb_hdf5"))


@pytest.mark.usefixtures("collector")
def test_a_session_leaves_no_cycle_of_references(storage: Storage) -> None:
    network = Network(storage)
    found = {each.__name__: garbage_of(partial(each, network)) for each in CALLS}
    assert {each.__name__: [] for each in CALLS} == found
