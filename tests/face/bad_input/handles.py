"""Handles that are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import h5py

from bsb_hdf5 import errors as e
from tests.face.bad_input.calls import Bad, closed_file, closed_session
from tests.face.samples import (
    SmallNetwork,
    chunk,
    positions,
)


def _write_with_read_session(network: SmallNetwork) -> None:
    with network.storage.read_scope() as session:
        network.b.append_data(chunk(0), positions(1), handle=session)


def _write_with_read_file(network: SmallNetwork) -> None:
    with h5py.File(network.path, "r") as file:
        network.b.append_data(chunk(0), positions(1), handle=file)


def _write_to(network: SmallNetwork, handle: Any) -> None:
    network.b.append_data(chunk(0), positions(1), handle=handle)


def _write_read_only(network: SmallNetwork) -> None:
    with network.storage.read_only():
        network.b.append_data(chunk(0), positions(1))


def _call_with(
    call: Callable[[SmallNetwork, Any], None], handle: Any, network: SmallNetwork
) -> None:
    call(network, handle)


def _read_from(network: SmallNetwork, handle: Any) -> None:
    network.b.load_positions(handle=handle)


HANDLES = [
    *(
        Bad(
            f"{title} as handle to {verb}",
            partial(_call_with, call, made),
            e.HandleError,
            (r"handle", re.escape(type(made).__name__), r"pass an open session"),
            TypeError,
        )
        for title, made in (("a text", "network.hdf5"), ("a number", 0), ("an engine", object()))
        for verb, call in (
            ("read", _read_from),
            ("write", _write_to),
        )
    ),
    *(
        Bad(
            f"a {kind} session that has ended as handle to {verb}",
            call,
            e.SessionClosedError,
            (r"ended",),
        )
        for kind, write in (("read", False), ("write", True))
        for verb, call in (
            (
                "read",
                lambda n, write=write: n.b.load_positions(handle=closed_session(n, write=write)),
            ),
            ("write", lambda n, write=write: _write_to(n, closed_session(n, write=write))),
        )
    ),
    Bad(
        "a closed file as handle to read",
        lambda n: n.b.load_positions(handle=closed_file(n)),
        e.StorageError,
        (r"closed|handle|ended",),
    ),
    Bad(
        "a closed file as handle to write",
        lambda n: _write_to(n, closed_file(n)),
        e.StorageError,
        (r"closed|handle|ended",),
    ),
    Bad("a write with a read session", _write_with_read_session, e.ReadOnlyError, (r"writes",)),
    Bad("a write with a file to read", _write_with_read_file, e.ReadOnlyError, (r"writes",)),
    Bad("a write in read-only mode", _write_read_only, e.ReadOnlyError, (r"read-only", "writes")),
]
