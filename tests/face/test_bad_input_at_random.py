"""
Whatever is given to a method of the face, it does what it is for, or raises an error of ours.

Some of the arguments of a call that would succeed are replaced by anything at all. A call that
raises has changed nothing; after one that does not, nothing is wrong with the network.
``BSB_HDF5_TESTING_EXAMPLES=5000 pytest tests/face/test_bad_input_at_random.py`` makes that many.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bsb_hdf5
from bsb_hdf5.errors import StorageError
from bsb_hdf5.testing.contents import snapshot
from bsb_hdf5.testing.network_machine import EXAMPLES_VARIABLE
from tests.face.conftest import FileOf
from tests.face.layouts import new_storage
from tests.face.samples import (
    SmallNetwork,
    chunk,
    morphology,
    morphology_set,
    on_soma,
    positions,
)

ASKED = os.environ.get(EXAMPLES_VARIABLE)
pytestmark = pytest.mark.timeout(120 if ASKED is None else 100_000)

# --- anything -----------------------------------------------------------------------------

texts = st.sampled_from(
    ["", ".", "..", "a", "b", "core", "stub", "note", "a/b", "/", "a\0b", "\ud800", "é", "x" * 300]
) | st.text(max_size=5)
numbers = (
    st.integers(-3, 12)
    | st.sampled_from([2**31, 2**63, -(2**63), 10**30, 2**53 + 1])
    | st.sampled_from([0.5, -1.0, float("nan"), float("inf"), 1e308])
    | st.booleans()
    | st.just(1j)
)
scalars = st.none() | numbers | texts | st.binary(max_size=4) | st.builds(object)
shapes = st.sampled_from([(), (0,), (1,), (3,), (4,), (0, 3), (1, 3), (4, 3), (4, 2), (2, 2, 3)])
DTYPES = ["f8", "f4", "i8", "i2", "u8", "?", "c16", "U3", "S3", "O", "M8[s]", "V4", "f8,i4"]


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """An array of one value, as far as its dtype has it."""
    shape, dtype = draw(shapes), np.dtype(draw(st.sampled_from(DTYPES)))
    if dtype.kind not in "fiu":
        return np.zeros(shape, dtype)
    values = [0, 1, 2, 99] + ([np.nan, np.inf, -1] if dtype.kind == "f" else [])
    return np.full(shape, draw(st.sampled_from(values)), dtype)


anything = st.recursive(
    scalars | arrays(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner, inner)
        | st.dictionaries(texts | st.integers(0, 3), inner, max_size=2)
        | st.sets(texts | st.integers(0, 3), max_size=2)
    ),
    max_leaves=6,
)

# --- calls --------------------------------------------------------------------------------

Call = tuple[Callable[[SmallNetwork], Callable[..., Any]], Callable[[SmallNetwork], dict[str, Any]]]


def of_cells(method: str, /, **given: Any) -> Call:
    return lambda n: getattr(n.b, method), lambda n: dict(given)


def of_connections(method: str, /, **given: Any) -> Call:
    return lambda n: getattr(n.ab, method), lambda n: dict(given)


def of_files(method: str, /, **given: Any) -> Call:
    return lambda n: getattr(n.storage.files, method), lambda n: dict(given)


def of_morphologies(method: str, /, **given: Any) -> Call:
    return lambda n: getattr(n.storage.morphologies, method), lambda n: dict(given)


FOUR = {"positions": positions(4), "additional": {"weight": [1.0] * 4}}
ENDS = {"src_locs": on_soma(0, 1), "dest_locs": on_soma(0, 1)}
CALLS: dict[str, Call] = {
    "append cells": of_cells("append_data", chunk=chunk(0), rotations=np.zeros((4, 3)), **FOUR),
    "append morphologies": (
        lambda n: n.a.append_data,
        lambda n: {
            "chunk": chunk(0),
            "positions": positions(2),
            "morphologies": morphology_set(n.storage, ["stub"], [0, 0]),
        },
    ),
    "append count": of_cells("append_data", chunk=chunk(0), count=3),
    "append entities": of_cells("append_entities", chunk=chunk(0), count=3, additional=None),
    "append additional": of_cells(
        "append_additional", name="mass", chunk=chunk(0), data=[1.0, 2.0]
    ),
    "clear cells": of_cells("clear", chunks=[chunk(0)]),
    "require chunk": of_cells("require_chunk", chunk=chunk(5)),
    "label": of_cells("label", labels=["rim"], cells=[0, 1]),
    "remove labels": of_cells("remove_labels", labels=["core"], cells=[0, 1]),
    "label by mask": of_cells("label_by_mask", labels=["rim"], mask=[True] * 7),
    "remove labels by mask": of_cells("remove_labels_by_mask", labels=["core"], mask=[True] * 7),
    "label filter": of_cells("set_label_filter", labels=["core"]),
    "chunk filter": of_cells("set_chunk_filter", chunks=[chunk(0)]),
    "include chunk": of_cells("include_chunk", chunk=chunk(0)),
    "exclude chunk": of_cells("exclude_chunk", chunk=chunk(0)),
    "labelled": of_cells("get_labelled", labels=["core"]),
    "label mask": of_cells("get_label_mask", labels=["core"]),
    "local ids": of_cells("convert_to_local", ids=[0, 1]),
    "additional": (lambda n: n.a.load_additional, lambda n: {"key": "weight"}),
    "connect": (
        lambda n: n.ab.connect,
        lambda n: {"pre_set": n.a, "post_set": n.b, **ENDS},
    ),
    "connect chunks": of_connections(
        "chunk_connect", src_chunk=chunk(0), dst_chunk=chunk(0), src_locs=on_soma(0), dst_locs=[0]
    ),
    "clear connections": of_connections("clear", chunks=[chunk(0)]),
    "local chunks": of_connections("get_local_chunks", direction="out"),
    "global chunks": of_connections("get_global_chunks", direction="out", local_=chunk(0)),
    "block": of_connections(
        "load_block_connections", direction="out", local_=chunk(0), global_=chunk(0)
    ),
    "local connections": of_connections("load_local_connections", direction="inc", local_=chunk(0)),
    "iterate": of_connections(
        "flat_iter_connections", direction="out", local_=chunk(0), global_=[chunk(0)]
    ),
    "save": of_morphologies("save", name="other", morphology=morphology(), overwrite=False),
    "load morphology": of_morphologies("load", name="stub"),
    "preload": of_morphologies("preload", name="stub", meta=None),
    "has morphology": of_morphologies("has", name="stub"),
    "remove morphology": of_morphologies("remove", name="stub"),
    "meta": of_morphologies("get_meta", name="stub"),
    "update meta": of_morphologies("update_all_meta", meta={"stub": {"x": 1}}),
    "set meta": of_morphologies("set_all_meta", all_meta={"stub": {"x": 1}}),
    "store": of_files(
        "store", content="text", meta={"x": 1}, id="other", encoding="utf-8", overwrite=False
    ),
    "load file": of_files("load", id="note"),
    "has file": of_files("has", id="note"),
    "remove file": of_files("remove", id="note"),
    "file meta": of_files("get_meta", id="note"),
    "file time": of_files("get_mtime", id="note"),
    "file encoding": of_files("get_encoding", id="note"),
    "set of connections": (
        lambda n: n.storage.get_connectivity_set,
        lambda n: {"tag": "a_to_b"},
    ),
}


@st.composite
def bad_calls(draw: st.DrawFn) -> tuple[str, Mapping[str, Any]]:
    """A call, and what some of its arguments are replaced by."""
    title = draw(st.sampled_from(sorted(CALLS)))
    names = sorted(CALLS[title][1](_NAMED))
    replaced = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return title, {name: draw(anything) for name in replaced}


class _AnyNetwork:
    """Stands for a network, to tell the names of arguments."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *arguments: Any) -> Any:
        return self


_NAMED: Any = _AnyNetwork()


def examples(count: int) -> settings:
    return settings(
        max_examples=int(ASKED) if ASKED else count,
        derandomize=not ASKED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def make_call(network: SmallNetwork, title: str, replaced: Mapping[str, Any]) -> None:
    """Make it; whatever it does, the network is as it should be."""
    method, arguments = CALLS[title]
    store = network.storage._engine.sessions.store
    before = snapshot(store)
    try:
        result = method(network)(**{**arguments(network), **replaced})
        if isinstance(result, Iterator):
            list(result)
    except StorageError as error:
        assert str(error)
        assert before == snapshot(store)
        return
    for finding in bsb_hdf5.verify(network.storage):
        assert finding.what.endswith("which is not stored"), str(finding)


@examples(300)
@given(call=bad_calls())
def test_anything_at_all_is_taken_or_refused_with_a_typed_error(
    call: tuple[str, Mapping[str, Any]],
) -> None:
    root = uuid.uuid4().hex
    storage = Storage("memory", root)
    try:
        make_call(SmallNetwork.build(storage), *call)
    finally:
        storage.remove()


@examples(50)
@given(call=bad_calls())
def test_anything_at_all_is_taken_or_refused_by_a_file_too(
    tmp_path_factory: pytest.TempPathFactory,
    small_file: FileOf,
    call: tuple[str, Mapping[str, Any]],
) -> None:
    folder: Path = tmp_path_factory.mktemp("any")
    path = folder / "network.hdf5"
    shutil.copyfile(small_file("classic"), path)
    try:
        make_call(SmallNetwork.of(new_storage(path, "classic")), *call)
    finally:
        shutil.rmtree(folder)
