"""How often a service is asked: each request more is a wait for it. They are counted, not timed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bsb
import numpy as np
import pytest
from bsb import Chunk, Storage

from bsb_hdf5 import convert, open_storage, publish, tag, versions
from bsb_hdf5.adapters.zarr import repository, states

from .appending import CellType
from .proxy import Proxy
from .test_options import make_public

CHUNKS = [Chunk((x, y, 0), (100, 100, 100)) for x in range(14) for y in range(7)]
CELL_TYPES = ("granule", "golgi")


def counted(proxy: Proxy, call: Callable[[], object]) -> int:
    """How many requests a call takes."""
    before = proxy.asked
    call()
    return proxy.asked - before


def forget() -> None:
    """Know of no network, as a process that starts."""
    repository._RECENT.clear()


@pytest.fixture(autouse=True)
def opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are opened within a moment, however busy the machine is."""
    monkeypatch.setattr(states, "_OPENING", 3600.0)


@contextlib.contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The moment in which networks are opened has passed."""
    with monkeypatch.context() as patch:
        patch.setattr(states, "_OPENING", 0.0)
        yield


def configuration(root: str) -> bsb.Configuration:
    return bsb.Configuration(
        {
            "storage": {"engine": "zarr", "root": root},
            "network": {"x": 300, "y": 300, "z": 100, "chunk_size": 100},
            "partitions": {"layer": {"type": "layer", "thickness": 100}},
            "cell_types": {name: {"spatial": {"radius": 2, "count": 30}} for name in CELL_TYPES},
            "placement": {
                "cells": {
                    "strategy": "bsb.placement.RandomPlacement",
                    "cell_types": CELL_TYPES,
                    "partitions": ["layer"],
                }
            },
            "connectivity": {
                "all": {
                    "strategy": "bsb.connectivity.AllToAll",
                    "presynaptic": {"cell_types": ["granule"]},
                    "postsynaptic": {"cell_types": ["golgi"]},
                }
            },
        }
    )


def network(root: str) -> bsb.Scaffold:
    """A network of 98 chunks."""
    made = bsb.Scaffold(configuration(root))
    with made.storage.write_scope():
        cells = made.get_placement_set("granule")
        for chunk in CHUNKS:
            cells.append_data(chunk, positions=np.ones((100, 3)))
    forget()
    return made


def read_each(found: bsb.Scaffold, chunks: Sequence[Chunk] = CHUNKS) -> None:
    for chunk in chunks:
        cells = found.get_placement_set("granule", chunks=[chunk])
        assert 100 == len(cells.load_positions())


def test_a_network_is_opened_read_and_appended_to_in_few_requests(
    bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"{bucket}/net"
    network(root)
    # Three are icechunk's, which looks whether there is a repository, and of which version.
    assert 6 >= counted(proxy, lambda: open_storage(root).load())
    found = open_storage(root).load()
    assert 12 >= counted(proxy, lambda: read_each(found))
    last = versions(root)[0].id
    kept = {"max_age": 3600.0}
    forget()
    with opened(monkeypatch):
        plain = open_storage(root).load()

        def in_a_scope() -> None:
            with plain.storage.read_scope():
                read_each(plain)

        assert 12 >= counted(proxy, in_a_scope)
        for found in (
            open_storage(root, version=last).load(),
            open_storage(root, storage_options=kept).load(),
        ):
            forget()
            assert 12 >= counted(proxy, partial(read_each, found))
        # One call after the other asks once which state is the last one; later calls ask again,
        # and for nothing else.
        forget()
        later = open_storage(root).load()
        monkeypatch.setattr(states, "_PAUSE", 3600.0)
        assert 13 >= counted(proxy, partial(read_each, later))
        monkeypatch.setattr(states, "_PAUSE", 0.0)
        assert 10 == counted(proxy, partial(read_each, later, CHUNKS[:5]))
        cells: Any = plain.get_placement_set("granule")
        append = partial(cells.append_data, CHUNKS[0], positions=np.ones((9, 3)))
        assert 12 >= counted(proxy, append)


def load_version(root: str, version: str) -> None:
    open_storage(root, version=version).load()


def test_a_version_is_opened_in_few_requests_however_many_there_are(
    bucket: str, proxy: Proxy
) -> None:
    root = f"{bucket}/net"
    cells: Any = network(root).get_placement_set("granule")
    tag(root, "first")
    first = versions(root)[0].id
    for chunk in CHUNKS[:15]:
        cells.label(["some"], [chunk[0]])
    for version in ("first", first):
        forget()
        assert 10 >= counted(proxy, partial(load_version, root, version))


def test_a_published_network_is_opened_and_read_in_few_requests(
    bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = f"{bucket}/shared"
    publish(network(str(tmp_path / "net")).storage, root)
    forget()
    assert 5 >= counted(proxy, lambda: open_storage(root).load())
    found = open_storage(root).load()
    assert 12 >= counted(proxy, lambda: read_each(found))
    # By the protocol that knows no buckets, it is all that is asked for.
    plain = f"{proxy.url}/{bucket.removeprefix('s3://')}/shared"
    make_public(bucket)
    assert 3 >= counted(proxy, lambda: open_storage(plain).load())
    with opened(monkeypatch):
        found = open_storage(root, storage_options={"max_age": 3600.0}).load()
        assert 12 >= counted(proxy, lambda: read_each(found))


def test_a_compile_in_one_scope_takes_few_requests(bucket: str, proxy: Proxy) -> None:
    made = bsb.Scaffold(configuration(f"{bucket}/net"))
    before = versions(f"{bucket}/net")

    def compile_in_one() -> None:
        with made.storage.write_scope():
            made.compile()

    assert 40 >= counted(proxy, compile_in_one)
    assert len(before) + 1 == len(versions(f"{bucket}/net"))
    placed = len(made.get_placement_set("golgi"))
    assert placed and placed == len(open_storage(f"{bucket}/net").load().get_placement_set("golgi"))


def test_a_network_that_was_compiled_elsewhere_is_stored_in_few_requests(
    bucket: str, proxy: Proxy, tmp_path: Path
) -> None:
    local = Storage("hdf5", str(tmp_path / "net.hdf5"))
    cells: Any = local.require_placement_set(CellType())
    for chunk in CHUNKS:
        cells.append_data(chunk, positions=np.ones((100, 3)))
    target = f"{bucket}/net"
    assert 40 >= counted(proxy, lambda: convert(local, target, engine="zarr"))
    assert 9800 == len(open_storage(target).get_placement_set(CellType()))
