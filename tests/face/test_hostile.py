"""
Files that somebody made to do harm: whoever opens, verifies, reads or repairs one gets an error of
ours at worst, in bounded time and memory, and nothing outside the file is read or written.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5g, h5p, h5s, h5t

from bsb_hdf5.testing.network_machine import EXAMPLES_VARIABLE
from tests.face.conftest import FileOf
from tests.face.hostile_reader import Case, Outcome, Reader
from tests.face.layouts import LAYOUTS, column_place, place
from tests.face.samples import chunk

HUGE = 10**15
SECRET = b"1234567890abcdefghijklmnopqrstuvwxyz" * 100

Harm = Callable[[Any, str, Path], None]
HARMS: dict[str, tuple[Harm, tuple[str, ...]]] = {}


def harm(*layouts: str) -> Callable[[Harm], Harm]:
    """A way to do harm; in both layouts, if none is given."""

    def note(do: Harm) -> Harm:
        HARMS[do.__name__.replace("_", " ")] = (do, layouts or LAYOUTS)
        return do

    return note


def position(layout: str) -> str:
    return column_place(layout, "a", chunk(0), "position")


PLACES: dict[str, tuple[str | None, Callable[[str], str]]] = {
    "position": (None, position),
    "labels": (None, lambda layout: column_place(layout, "b", chunk(0), "labels")),
    "morphology": (None, lambda layout: column_place(layout, "a", chunk(0), "morphology")),
    "rotation": (None, lambda layout: column_place(layout, "a", chunk(0), "rotation")),
    "additional": (
        None,
        lambda layout: column_place(layout, "a", chunk(0), "additional/weight"),
    ),
    "file": (None, lambda layout: place(layout, "files", "note")),
    "set": (None, lambda layout: place(layout, "placement", "a")),
    "connections": (None, lambda layout: place(layout, "connectivity", "a_to_b")),
    "local locations": ("classic", lambda _: "connectivity/a_to_b/out/0/local_locs"),
    "global locations": ("classic", lambda _: "connectivity/a_to_b/inc/0/global_locs"),
    "points": ("classic", lambda _: "morphologies/stub/data"),
    "branches": ("classic", lambda _: "morphologies/stub/graph"),
    "metadata": ("classic", lambda _: "morphology_meta"),
    "segments": ("columnar", lambda _: "placement_sets/a/segments"),
    "blocks": ("columnar", lambda _: "connectivity_sets/a_to_b/blocks"),
    "cells": ("columnar", lambda _: "connectivity_sets/a_to_b/cells"),
    "log": ("columnar", lambda _: "morphology_tables/log"),
    "morphology points": ("columnar", lambda _: "morphology_tables/points"),
}


def swap(file: Any, where: str, value: Any) -> None:
    """Put something in the place of what is there."""
    attributes = dict(file[where].attrs) if isinstance(file[where], h5py.Dataset) else {}
    del file[where]
    if isinstance(value, dict):
        made = file.create_dataset(where, **value)
        for name, held in attributes.items():
            made.attrs[name] = held
    else:
        file[where] = value


def at_each_place(title: str, value: Callable[[Any, str], Any]) -> None:
    for name, (only, where) in PLACES.items():
        HARMS[f"{title}: {name}"] = swapping(where, value), (only,) if only else LAYOUTS


def swapping(where: Callable[[str], str], value: Callable[[Any, str], Any]) -> Harm:
    def do(file: Any, layout: str, outside: Path) -> None:
        swap(file, where(layout), value(file, str(outside)))

    return do


at_each_place("a link that leads nowhere", lambda file, outside: h5py.SoftLink("/no/where"))
at_each_place("a link to the root", lambda file, outside: h5py.SoftLink("/"))
at_each_place("a link to another file", lambda file, outside: h5py.ExternalLink(outside, "/rows"))
at_each_place("the root itself", lambda file, outside: file["/"])
at_each_place(
    "rows without end",
    lambda file, outside: {"shape": (HUGE, 3), "dtype": "f8", "chunks": (1024, 3)},
)
at_each_place(
    "integers without end",
    lambda file, outside: {
        "shape": (HUGE,),
        "dtype": "i8",
        "chunks": (1024,),
        "compression": "gzip",
    },
)
at_each_place(
    "a row without end",
    lambda file, outside: {"shape": (3, HUGE), "dtype": "f8", "chunks": (1, 1024)},
)
at_each_place("no axes", lambda file, outside: {"data": 3.0})
at_each_place(
    "texts", lambda file, outside: {"data": np.array(["a", "b"], dtype=h5py.string_dtype())}
)
at_each_place(
    "records", lambda file, outside: {"data": np.zeros(3, dtype=[("a", "i8"), ("b", "f8", (3,))])}
)
at_each_place(
    "lists", lambda file, outside: {"shape": (3,), "dtype": h5py.vlen_dtype(np.dtype("f8"))}
)
at_each_place("references", lambda file, outside: {"shape": (3,), "dtype": h5py.ref_dtype})
at_each_place("a named type", lambda file, outside: np.dtype("f8"))
at_each_place("nothing", lambda file, outside: {"data": h5py.Empty("f8")})

TEXTS: dict[str, Any] = {
    "no JSON": "{",
    "deep lists": '{"a":' + "[" * 20_000,
    "deep objects": '{"a":' * 20_000,
    "a list": "[1]",
    "a number": 3,
    "bytes": np.void(b"\xff\x00"),
    "no text": np.zeros((2, 2)),
    "a record": np.zeros(2, dtype=[("a", "i8")]),
    "nothing": h5py.Empty("f8"),
    "huge numbers": '{"0": 1' + "0" * 400 + ', "1": {"inc": 1e400, "out": 1e400}}',
    "numbers of too many digits": '{"0": 1' + "0" * 5000 + "}",
    "infinity": '{"0": Infinity, "1": NaN, "columns": NaN}',
    "many cells": '{"0": 1000000000000000}',
    "other keys": '{"x": {"y": []}, "..": {}, "99999999999999999999": 4}',
    "null": '{"0": null, "columns": null, "labels": null, "inc": null}',
    "lone surrogates": '{"\\ud800": ["\\ud800"], "columns": ["\\ud800"], "labels": {}}',
}
ATTRIBUTES: dict[str, tuple[str, Callable[[str], str], str]] = {
    "provenance": ("both", lambda layout: "/", "bsb_provenance"),
    "chunk size": ("both", lambda layout: "/", "chunk_size"),
    "versions": ("both", lambda layout: "/", "bsb_version"),
    "layout": ("both", lambda layout: "/", "format"),
    "revision": ("both", lambda layout: place(layout, "placement", "a"), "revision"),
    "pre": ("both", lambda layout: place(layout, "connectivity", "a_to_b"), "pre"),
    "file meta": ("both", lambda layout: place(layout, "files", "note"), "meta"),
    "file encoding": ("both", lambda layout: place(layout, "files", "note"), "encoding"),
    "totals": ("classic", lambda layout: "/", "chunks"),
    "cells": ("classic", lambda layout: "placement/a", "chunks"),
    "length": ("classic", lambda layout: "placement/a", "len"),
    "label sets": ("classic", lambda layout: "placement/b", "labelsets"),
    "keys": ("classic", lambda layout: "placement/a", "additional_keys"),
    "morphologies": ("classic", lambda layout: "placement/a/0", "morphology_loaders"),
    "connections": ("classic", lambda layout: "connectivity/a_to_b", "chunks"),
    "order": ("classic", lambda layout: "connectivity/a_to_b/out/0", "chunk_list"),
    "start": ("classic", lambda layout: "connectivity/a_to_b/out/0", "0"),
    "properties": ("classic", lambda layout: "morphologies/stub/data", "properties"),
    "point labels": ("classic", lambda layout: "morphologies/stub/data", "labels"),
    "state": ("columnar", lambda layout: "/", "state_id"),
    "version": ("columnar", lambda layout: "/", "format_version"),
    "names": ("columnar", lambda layout: "placement_sets/a", "names"),
    "tally": ("columnar", lambda layout: "placement_sets/a", "tally"),
}


def put(file: Any, where: str, name: str, value: Any) -> None:
    attributes = file[where].attrs
    if name in attributes:
        del attributes[name]
    attributes[name] = value


def putting(where: Callable[[str], str], name: str, text: Any) -> Harm:
    return lambda file, layout, outside: put(file, where(layout), name, text)


for attribute, (only, where, name) in ATTRIBUTES.items():
    for title, text in TEXTS.items():
        do = putting(where, name, text)
        HARMS[f"{title} as {attribute}"] = do, LAYOUTS if only == "both" else (only,)


@harm()
def rows_in_another_file(file: Any, layout: str, outside: Path) -> None:
    """The values of the dataset are bytes of a file of whatever kind."""
    where = position(layout)
    rows = file[where].shape[0]
    del file[where]
    group = file[where.rpartition("/")[0]]
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_external(str(outside.with_suffix(".secret")).encode(), 0, rows * 24)
    space = h5s.create_simple((rows, 3))
    h5d.create(group.id, b"position", h5t.NATIVE_DOUBLE, space, properties)


@harm()
def rows_of_another_hdf5_file(file: Any, layout: str, outside: Path) -> None:
    where = position(layout)
    shape = file[where].shape
    del file[where]
    virtual = h5py.VirtualLayout(shape=shape, dtype="f8")
    virtual[:] = h5py.VirtualSource(str(outside), "rows", shape=shape)
    file.create_virtual_dataset(where, virtual)


@harm()
def names_that_are_paths(file: Any, layout: str, outside: Path) -> None:
    for part in ("placement", "connectivity", "files"):
        group = file[place(layout, part)]
        h5g.create(group.id, b"..")
        h5g.create(group.id, b"...")


@harm()
def names_that_are_no_text(file: Any, layout: str, outside: Path) -> None:
    for part in ("placement", "connectivity", "files"):
        h5g.create(file[place(layout, part)].id, b"\xff\xfe")


@harm()
def a_label_that_is_no_text(file: Any, layout: str, outside: Path) -> None:
    group = file[place(layout, "placement", "b")]
    group.attrs["labelsets" if layout == "classic" else "names"] = b'{"0": "\xff\xfe"}'


@harm("classic")
def chunks_that_do_not_exist(file: Any, layout: str, outside: Path) -> None:
    for name in (b"99999999999999999999", b"-3", b"1e3", b"\xef\xbc\x91", b" 4", b"9" * 6000):
        h5g.create(file["placement/a"].id, name)
        h5g.create(file["connectivity/a_to_b/out"].id, name)


@harm("columnar")
def cells_without_number(file: Any, layout: str, outside: Path) -> None:
    """In a segment without columns, whose cells take no space."""
    for name in ("a", "b"):
        table = file[f"placement_sets/{name}/segments"]
        table[0] = [0, 0, HUGE, 0]
        del file[f"placement_sets/{name}"].attrs["tally"]


@harm("columnar")
def a_log_of_deep_lists(file: Any, layout: str, outside: Path) -> None:
    log = file["morphology_tables/log"]
    text = np.frombuffer(b'{"meta":{"a":' + b"[" * 50_000 + b"\n", dtype=np.uint8)
    held = log.shape[0]
    log.resize((held + len(text),))
    log[held:] = text


@harm("columnar")
def a_tally_of_cells_without_number(file: Any, layout: str, outside: Path) -> None:
    for where in ("placement_sets/a", "connectivity_sets/a_to_b"):
        tally = file[where].attrs["tally"]
        tally[3:] = np.iinfo(np.int64).max
        file[where].attrs["tally"] = tally


ALL = [(layout, title) for title, (_, layouts) in HARMS.items() for layout in layouts]
# Each takes a third of a second: one in so many, unless as many as there are were asked for.
_STEP = 1 if EXAMPLES_VARIABLE in os.environ else 9
CASES = [
    case for i, case in enumerate(ALL) if not i % _STEP or case[1].replace(" ", "_") in globals()
]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is nobody's business, and beside it one that is no HDF5 file."""
    path = tmp_path_factory.mktemp("outside") / "outside.hdf5"
    with h5py.File(path, "w") as file:
        file["rows"] = np.full((5, 3), 42.0)
    path.with_suffix(".secret").write_bytes(SECRET)
    return path


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, small_file: FileOf, outside: Path
) -> dict[tuple[str, str], Outcome]:
    """What became of each file, in a process of little memory."""
    folder = tmp_path_factory.mktemp("hostile")
    found = {}
    with Reader() as reader:
        for number, (layout, title) in enumerate(CASES):
            path = folder / f"{number}.hdf5"
            copyfile(small_file(layout), path)
            with h5py.File(path, "r+") as file:
                HARMS[title][0](file, layout, outside)
            found[layout, title] = reader.judge(Case(str(path)))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("layout", "title"), CASES, ids=[f"{a}: {b}" for a, b in CASES])
def test_a_hostile_file_does_no_harm(
    layout: str, title: str, results: dict[tuple[str, str], Outcome]
) -> None:
    assert {} == results[layout, title].problems


@pytest.mark.slow
def test_what_lies_outside_is_not_changed(results: Any, outside: Path) -> None:
    assert SECRET == outside.with_suffix(".secret").read_bytes()
    with h5py.File(outside, "r") as file:
        assert ["rows"] == list(file)
        assert (file["rows"][()] == 42.0).all()
