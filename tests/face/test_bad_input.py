"""Bad input gets one typed error that says what is wrong, and changes no byte of the file."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import bsb
import h5py
import numpy as np
import pytest
from bsb import Branch, Chunk, Morphology, MorphologySet, RotationSet, Storage
from bsb.storage import open_storage

from bsb_hdf5 import HDF5Engine
from bsb_hdf5 import errors as e
from bsb_hdf5.chunks import as_chunk
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    digest,
    folder_of,
    morphology,
    morphology_set,
    on_soma,
    open_engine_quickly,
    positions,
    run_python,
    untouched,
)

NAN = float("nan")
HUGE = 10**30


@attrs.frozen
class Bad:
    """
    A call that must be refused.

    :param name: what is wrong with it.
    :param call: makes it, on a small network.
    :param error: what is raised.
    :param says: patterns that its message has to contain.
    :param also: what BSB's users catch.
    """

    name: str
    call: Callable[[SmallNetwork], Any]
    error: type[e.StorageError]
    says: tuple[str, ...]
    also: type[BaseException] = Exception


def append(network: SmallNetwork, **given: Any) -> None:
    network.b.append_data(given.pop("chunk", chunk(0)), **given)


def connect(network: SmallNetwork, src: Any, dest: Any) -> None:
    network.ab.connect(network.a, network.b, src, dest)


def with_loaders(network: SmallNetwork, indices: Any) -> MorphologySet:
    """A set with any indices at all: BSB checks them when it makes one, and not later."""
    made = morphology_set(network.storage, ["stub"], [0])
    made._m_indices = np.asarray(indices)
    return made


PLACEMENT = [
    Bad(
        "positions in the plane",
        lambda n: append(n, positions=np.zeros((4, 2))),
        e.ShapeError,
        (r"positions", r"\(4, 2\)", r"\(n, 3\)"),
    ),
    Bad(
        "positions as a flat list",
        lambda n: append(n, positions=[1.0, 2.0, 3.0]),
        e.ShapeError,
        (r"positions", r"\(3,\)", r"\(n, 3\)"),
    ),
    Bad(
        "positions of three dimensions",
        lambda n: append(n, positions=np.zeros((2, 2, 3))),
        e.ShapeError,
        (r"\(2, 2, 3\)", r"\(n, 3\)"),
    ),
    Bad(
        "one number as positions",
        lambda n: append(n, positions=3.0),
        e.ShapeError,
        (r"positions", r"\(\)", r"\(n, 3\)"),
    ),
    Bad(
        "ragged positions",
        lambda n: append(n, positions=[[1.0, 2.0, 3.0], [1.0, 2.0]]),
        e.ShapeError,
        (r"positions", r"ragged"),
    ),
    Bad(
        "texts as positions",
        lambda n: append(n, positions=[["1", "2", "3"]]),
        e.DtypeError,
        (r"positions", r"<U1", r"valid are"),
    ),
    Bad(
        "complex positions",
        lambda n: append(n, positions=np.zeros((1, 3), dtype=complex)),
        e.DtypeError,
        (r"complex128", r"valid are"),
    ),
    Bad(
        "objects as positions",
        lambda n: append(n, positions=np.array([[object()] * 3])),
        e.DtypeError,
        (r"positions", r"object", r"valid are"),
    ),
    Bad(
        "dates as positions",
        lambda n: append(n, positions=np.zeros((1, 3), dtype="M8[s]")),
        e.DtypeError,
        (r"datetime64", r"valid are"),
    ),
    Bad(
        "integers that lose digits as positions",
        lambda n: append(n, positions=np.full((1, 3), 2**53 + 1)),
        e.DtypeError,
        (r"positions", r"2\*\*53"),
    ),
    Bad(
        "integers of more than 64 bits as positions",
        lambda n: append(n, positions=[[HUGE] * 3]),
        e.DtypeError,
        (r"positions",),
    ),
    Bad(
        "rotations of two angles",
        lambda n: append(n, positions=positions(4), rotations=np.zeros((4, 2))),
        e.ShapeError,
        (r"rotations", r"\(4, 2\)", r"\(n, 3\)"),
    ),
    Bad(
        "texts as rotations",
        lambda n: append(n, positions=positions(1), rotations=np.array([["a", "b", "c"]])),
        e.DtypeError,
        (r"rotations", r"valid are"),
    ),
    Bad(
        "rotations of another length",
        lambda n: append(n, positions=positions(4), rotations=RotationSet(np.zeros((3, 3)))),
        e.LengthError,
        (r"4 cells", r"3 of 'rotation'", r"one row per cell"),
    ),
    Bad(
        "rotations without positions",
        lambda n: append(n, rotations=np.zeros((2, 3))),
        e.LengthError,
        (r"rotations without positions", r"valid are"),
    ),
    Bad("nothing at all", append, e.LengthError, (r"positions", r"valid are")),
    Bad(
        "a count beside positions",
        lambda n: append(n, positions=positions(2), count=2),
        e.InputError,
        (r"'count'", r"positions"),
    ),
    Bad(
        "a negative count",
        lambda n: append(n, count=-1),
        e.InputError,
        (r"count", r"-1", r"from 0 up"),
    ),
    Bad(
        "half a cell",
        lambda n: append(n, count=2.5),
        e.InputError,
        (r"count", r"2\.5", r"whole number"),
    ),
    Bad("a NaN as count", lambda n: append(n, count=NAN), e.InputError, (r"nan", r"whole number")),
    Bad(
        "additional data of another length",
        lambda n: append(n, positions=positions(4), additional={"weight": [1.0, 2.0]}),
        e.LengthError,
        (r"4 cells", r"2 of 'additional/weight'|2 of 'weight'", r"one row per cell"),
    ),
    Bad(
        "additional data of another length for entities",
        lambda n: append(n, count=4, additional={"weight": [1.0, 2.0]}),
        e.LengthError,
        (r"4 cells", r"weight", r"one row per cell"),
    ),
    Bad(
        "one number as additional data",
        lambda n: append(n, positions=positions(1), additional={"weight": 1.0}),
        e.ShapeError,
        (r"'weight'", r"one number", r"row per cell"),
    ),
    Bad(
        "texts as additional data",
        lambda n: append(n, positions=positions(1), additional={"weight": ["heavy"]}),
        e.DtypeError,
        (r"'weight'", r"valid are"),
    ),
    Bad(
        "rows of another width than those of the chunk",
        lambda n: n.a.append_data(
            chunk(0),
            positions(1),
            morphologies=with_loaders(n, [0]),
            additional={"weight": np.zeros((1, 2))},
        ),
        e.InputError,
        (r"weight", r"\(2,\)", r"\(\)"),
    ),
    Bad(
        "more additional data than cells",
        lambda n: n.a.append_additional("fresh", chunk(0), np.zeros(4)),
        e.LengthError,
        (r"4 rows", r"'additional/fresh'|'fresh'", r"3 cells"),
    ),
    Bad(
        "additional data for cells that have some",
        lambda n: n.a.append_additional("weight", chunk(0), [1.0]),
        e.LengthError,
        (r"1 rows", r"weight", r"0 cells"),
    ),
    Bad(
        "additional data for a chunk that does not exist",
        lambda n: n.a.append_additional("weight", chunk(8), [1.0]),
        e.LengthError,
        (r"1 rows", r"0 cells"),
    ),
    Bad(
        "a morphology index beyond the names",
        lambda n: n.a.append_data(chunk(0), positions(2), morphologies=with_loaders(n, [0, 1])),
        e.InputError,
        (r"morphology ind", r"1", r"1 morphologies"),
    ),
    Bad(
        "a negative morphology index",
        lambda n: n.a.append_data(chunk(0), positions(1), morphologies=with_loaders(n, [-1])),
        e.InputError,
        (r"morphology ind", r"-1", r"1 morphologies"),
    ),
    Bad(
        "a fraction as morphology index",
        lambda n: n.a.append_data(chunk(0), positions(1), morphologies=with_loaders(n, [0.5])),
        e.DtypeError,
        (r"morphology ind", r"0\.5", r"whole numbers"),
    ),
    Bad(
        "a NaN as morphology index",
        lambda n: n.a.append_data(chunk(0), positions(1), morphologies=with_loaders(n, [NAN])),
        e.DtypeError,
        (r"morphology ind", r"nan", r"whole numbers"),
    ),
    Bad(
        "cells without morphology among cells that have one",
        lambda n: n.a.append_data(chunk(0), positions(1)),
        e.LengthError,
        (r"'a'", r"3 morphologies", r"0 are given", r"one for every cell"),
    ),
    Bad(
        "cells with morphology among cells that have none",
        lambda n: append(n, positions=positions(1), morphologies=with_loaders(n, [0])),
        e.LengthError,
        (r"'b'", r"4 cells", r"1 are given", r"one for every cell"),
    ),
    Bad(
        "a chunk of another size",
        lambda n: append(n, chunk=Chunk((0, 0, 0), (1, 1, 1)), positions=positions(1)),
        e.ChunkSizeError,
        (r"\[1\.0, 1\.0, 1\.0\]", r"\[100\.0, 100\.0, 100\.0\]"),
        bsb.ChunkError,
    ),
    Bad(
        "a chunk of another size, required",
        lambda n: n.b.require_chunk(Chunk((5, 0, 0), (1, 1, 1))),
        e.ChunkSizeError,
        (r"\[1\.0, 1\.0, 1\.0\]", r"\[100\.0, 100\.0, 100\.0\]"),
        bsb.ChunkError,
    ),
    Bad(
        "two coordinates as chunk",
        lambda n: append(n, chunk=(0, 0), positions=positions(1)),
        e.InputError,
        (r"chunk", r"chunk", r"valid|ragged"),
    ),
    Bad(
        "a fraction as chunk",
        lambda n: append(n, chunk=(0, 0.5, 0), positions=positions(1)),
        e.InputError,
        (r"chunk", r"0\.5|whole numbers", r"valid|ragged"),
    ),
    Bad(
        "a NaN in a chunk",
        lambda n: append(n, chunk=(0, NAN, 0), positions=positions(1)),
        e.InputError,
        (r"chunk", r"nan", r"valid|ragged"),
    ),
    Bad(
        "an infinite chunk",
        lambda n: append(n, chunk=(0, float("inf"), 0), positions=positions(1)),
        e.InputError,
        (r"chunk", r"inf", r"valid|ragged"),
    ),
    Bad(
        "a chunk beyond 16 bits",
        lambda n: append(n, chunk=(40_000, 0, 0), positions=positions(1)),
        e.InputError,
        (r"40000", r"32767"),
    ),
    Bad(
        "no chunk",
        lambda n: append(n, chunk=None, positions=positions(1)),
        e.InputError,
        (r"chunk", r"chunk", r"valid|ragged"),
    ),
    Bad(
        "a ragged chunk",
        lambda n: append(n, chunk=([0], 0, 0), positions=positions(1)),
        e.InputError,
        (r"chunk", r"chunk", r"valid|ragged"),
    ),
    Bad(
        "a bare number as chunks to clear",
        lambda n: n.b.clear([0]),
        e.ShapeError,
        (r"0", r"three whole numbers"),
    ),
    Bad(
        "an unknown key",
        lambda n: n.a.load_additional("height"),
        e.DataNotFoundError,
        (r"'a'", r"'height'", r"'weight'"),
        bsb.DatasetNotFoundError,
    ),
    Bad(
        "an unknown key of the collection",
        lambda n: n.a._additional_chunks.load("height"),
        e.DataNotFoundError,
        (r"'height'", r"'weight'"),
        bsb.DatasetNotFoundError,
    ),
    Bad(
        "rotations that are not there",
        lambda n: n.b.load_rotations(),
        e.DataNotFoundError,
        (r"'b'", r"rotations"),
        bsb.DatasetNotFoundError,
    ),
    Bad(
        "morphologies that are not there",
        lambda n: n.b.load_morphologies(),
        e.DataNotFoundError,
        (r"'b'", r"morphologies"),
        bsb.DatasetNotFoundError,
    ),
    Bad(
        "a cell type without cells",
        lambda n: n.storage.get_placement_set(cell_type("none")),
        e.SetNotFoundError,
        (r"'none'", r"'a'", r"'b'"),
        bsb.DatasetNotFoundError,
    ),
    Bad(
        "a placement set that exists",
        lambda n: n.storage._PlacementSet.create(n.storage._engine, n.a.cell_type),
        e.SetExistsError,
        (r"'a' exists",),
        bsb.DatasetExistsError,
    ),
    Bad(
        "ids beyond the set to convert",
        lambda n: n.a.convert_to_local([0, 5]),
        e.CellIdError,
        (r"'a'", r"5", r"5 cells"),
        IndexError,
    ),
    Bad(
        "negative ids to convert",
        lambda n: n.a.convert_to_local([-1]),
        e.CellIdError,
        (r"'a'", r"-1", r"5 cells"),
        IndexError,
    ),
    Bad(
        "NaN ids to convert",
        lambda n: n.a.convert_to_local([NAN]),
        e.DtypeError,
        (r"'a'", r"nan", r"whole numbers"),
    ),
    Bad(
        "a chunk that is not among the loaded",
        lambda n: n.a.exclude_chunk(chunk(3)),
        e.InputError,
        (r"\[3, 0, 0\]",),
    ),
]

LABELS = [
    Bad(
        "a bare text as labels",
        lambda n: n.b.label("core", [0]),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "a bare text as label filter",
        lambda n: n.b.set_label_filter("core"),
        e.LabelError,
        (r"'core'", r"list of texts"),
        ValueError,
    ),
    Bad(
        "a bare text as labels of a mask",
        lambda n: n.b.label_by_mask("core", np.ones(7, dtype=bool)),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "a bare text as labels to look for",
        lambda n: n.b.get_labelled("core"),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "a bare text as labels to get the mask of",
        lambda n: n.b.get_label_mask("core"),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "numbers as labels",
        lambda n: n.b.label([1], [0]),
        e.LabelError,
        (r"1 is no label", r"texts"),
        bsb.LabellingError,
    ),
    Bad(
        "None as labels",
        lambda n: n.b.label(None, [0]),
        e.LabelError,
        (r"None", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "cells beyond the set to label",
        lambda n: n.b.label(["core"], [0, 7]),
        e.LabelError,
        (r"'b'", r"7", r"7 cells"),
        bsb.LabellingError,
    ),
    Bad(
        "negative cells to label",
        lambda n: n.b.label(["core"], [-1]),
        e.LabelError,
        (r"'b'", r"-1", r"7 cells"),
        bsb.LabellingError,
    ),
    Bad(
        "NaN cells to label",
        lambda n: n.b.label(["core"], [0.0, NAN]),
        e.LabelError,
        (r"nan", r"whole numbers"),
        bsb.LabellingError,
    ),
    Bad(
        "fractions of cells to label",
        lambda n: n.b.label(["core"], [0.5]),
        e.LabelError,
        (r"0\.5", r"whole numbers"),
        bsb.LabellingError,
    ),
    Bad(
        "huge numbers of cells to label",
        lambda n: n.b.label(["core"], [HUGE]),
        e.LabelError,
        (r"'b'",),
        bsb.LabellingError,
    ),
    Bad(
        "a matrix of cells to label",
        lambda n: n.b.label(["core"], [[0, 1]]),
        e.LabelError,
        (r"\(1, 2\)", r"\(n,\)"),
        bsb.LabellingError,
    ),
    Bad(
        "ragged cells to label",
        lambda n: n.b.label(["core"], [[0, 1], [2]]),
        e.LabelError,
        (r"ragged|shape",),
        bsb.LabellingError,
    ),
    Bad(
        "texts as cells to label",
        lambda n: n.b.label(["core"], ["0"]),
        e.LabelError,
        (r"valid are",),
        bsb.LabellingError,
    ),
    Bad(
        "a mask of another length",
        lambda n: n.b.label_by_mask(["core"], np.ones(6, dtype=bool)),
        e.LabelError,
        (r"\(6,\)", r"\(7,\)"),
        bsb.LabellingError,
    ),
    Bad(
        "a mask of another length to label by",
        lambda n: n.b.label(["core"], np.ones(8, dtype=bool)),
        e.LabelError,
        (r"\(8,\)", r"\(7,\)"),
        bsb.LabellingError,
    ),
    Bad(
        "numbers as mask",
        lambda n: n.b.remove_labels_by_mask(["core"], np.ones(7)),
        e.LabelError,
        (r"float64", r"booleans"),
        bsb.LabellingError,
    ),
    Bad(
        "cells beyond the set to take labels from",
        lambda n: n.b.remove_labels(["core"], [99]),
        e.LabelError,
        (r"99", r"7 cells"),
        bsb.LabellingError,
    ),
]


def _twice(bad: Any) -> tuple[Any, Any]:
    return bad, on_soma(*range(len(bad)))


# What is wrong with locations, wherever they are given.
LOCATIONS: list[tuple[str, Any, type[e.StorageError], tuple[str, ...]]] = [
    ("negative cell", [[-1, -1, -1]], e.LocationError, (r"-1", r"valid is")),
    ("branch below -1", [[0, -2, -2]], e.LocationError, (r"-2", r"valid is")),
    ("branch without point", [[0, 1, -1]], e.LocationError, (r"\[0, 1, -1\]", r"valid is")),
    ("point without branch", [[0, -1, 1]], e.LocationError, (r"\[0, -1, 1\]", r"valid is")),
    ("NaN", [[NAN, -1, -1]], e.DtypeError, (r"nan", r"whole numbers")),
    ("infinity", [[float("inf"), -1, -1]], e.DtypeError, (r"inf", r"whole numbers")),
    ("fraction", [[0.5, -1, -1]], e.DtypeError, (r"0\.5", r"whole numbers")),
    ("integer beyond 64 bits", [[2**64, -1, -1]], e.DtypeError, (r"locations",)),
    ("unsigned beyond 63 bits", np.full((1, 3), 2**63, "u8"), e.DtypeError, (r"64 bits",)),
    ("float beyond 64 bits", [[1e300, -1.0, -1.0]], e.DtypeError, (r"64 bits",)),
    ("text", [["0", "-1", "-1"]], e.DtypeError, (r"<U2", r"valid are")),
    ("complex", [[0j, -1, -1]], e.DtypeError, (r"complex128", r"valid are")),
    ("None", [None], e.DtypeError, (r"object", r"valid are")),
    ("pairs", [[0, -1]], e.ShapeError, (r"\(1, 2\)", r"\(n, 3\)")),
    ("quadruples", [[0, -1, -1, 0]], e.ShapeError, (r"\(1, 4\)", r"\(n, 3\)")),
    ("three dimensions", [[[0, -1, -1]]], e.ShapeError, (r"\(1, 1, 3\)", r"\(n, 3\)")),
    ("ragged", [[0, -1, -1], [0]], e.ShapeError, (r"ragged",)),
]

CONNECTIVITY = [
    *(
        Bad(f"{name} as {role}", call, error, says, ValueError)
        for name, bad, error, says in LOCATIONS
        for role, call in (
            ("source", lambda n, bad=bad: connect(n, *_twice(bad))),
            ("destination", lambda n, bad=bad: connect(n, *_twice(bad)[::-1])),
            (
                "source in a chunk",
                lambda n, bad=bad: n.ab.chunk_connect(chunk(0), chunk(0), *_twice(bad)),
            ),
            (
                "destination in a chunk",
                lambda n, bad=bad: n.ab.chunk_connect(chunk(0), chunk(0), *_twice(bad)[::-1]),
            ),
        )
    ),
    Bad(
        "a source beyond the set",
        lambda n: connect(n, on_soma(0, 5), on_soma(0, 0)),
        e.LocationError,
        (r"source cell 5", r"'a'", r"5 cells"),
        IndexError,
    ),
    Bad(
        "a destination beyond the set",
        lambda n: connect(n, on_soma(0, 0), on_soma(0, 7)),
        e.LocationError,
        (r"destination cell 7", r"'b'", r"7 cells"),
        IndexError,
    ),
    Bad(
        "a source of the largest 64-bit number",
        lambda n: connect(n, on_soma(2**63 - 1), on_soma(0)),
        e.LocationError,
        (r"9223372036854775807", r"5 cells"),
        IndexError,
    ),
    Bad(
        "locations that don't pair up",
        lambda n: connect(n, on_soma(0, 1), on_soma(0)),
        e.LengthError,
        (r"2 presynaptic", r"1 postsynaptic", r"one of each"),
    ),
    Bad(
        "no locations for one side",
        lambda n: connect(n, [], on_soma(0)),
        e.LengthError,
        (r"0 presynaptic", r"1 postsynaptic", r"one of each"),
    ),
    Bad(
        "locations in chunks that don't pair up",
        lambda n: n.ab.chunk_connect(chunk(0), chunk(0), on_soma(0, 1), on_soma(0)),
        e.LengthError,
        (r"2 presynaptic", r"1 postsynaptic", r"one of each"),
    ),
    Bad(
        "no chunk to connect",
        lambda n: n.ab.chunk_connect((0, 0), chunk(0), on_soma(0), on_soma(0)),
        e.ShapeError,
        (r"\(0, 0\)", r"three whole numbers"),
    ),
    Bad(
        "an unknown direction",
        lambda n: n.ab.get_local_chunks("up"),
        e.InputError,
        (r"'up'", r"'inc' and 'out'"),
    ),
    Bad(
        "an unknown direction to iterate in",
        lambda n: list(n.ab.flat_iter_connections("both")),
        e.InputError,
        (r"'both'", r"'inc' and 'out'"),
    ),
    Bad(
        "an unknown direction to iterate in, nested",
        lambda n: list(n.ab.nested_iter_connections("both")),
        e.InputError,
        (r"'both'", r"'inc' and 'out'"),
    ),
    Bad(
        "an unknown direction to load a block of",
        lambda n: n.ab.load_block_connections("", chunk(0), chunk(0)),
        e.InputError,
        (r"''", r"'inc' and 'out'"),
    ),
    Bad(
        "an unknown tag",
        lambda n: n.storage.get_connectivity_set("b_to_a"),
        e.SetNotFoundError,
        (r"'b_to_a'", r"'a_to_b'"),
        bsb.DatasetNotFoundError,
    ),
    Bad(
        "a connectivity set that exists",
        lambda n: n.storage._ConnectivitySet.create(
            n.storage._engine, n.a.cell_type, n.b.cell_type, "a_to_b"
        ),
        e.SetExistsError,
        (r"'a_to_b' exists",),
        bsb.DatasetExistsError,
    ),
    Bad(
        "a connectivity set between other types",
        lambda n: n.storage._ConnectivitySet.require(
            n.storage._engine, n.b.cell_type, n.a.cell_type, "a_to_b"
        ),
        e.SetTypeError,
        (r"'a_to_b'", r"'a' to 'b'", r"'b' to 'a'"),
        ValueError,
    ),
]

WRONG_NAMES: list[tuple[str, Any]] = [
    ("a slash", "a/b"),
    ("a leading slash", "/a"),
    ("a NUL", "a\0b"),
    ("nothing", ""),
    ("a dot", "."),
    ("two dots", ".."),
    ("a surrogate", "\ud800"),
]


def _type_named(name: str) -> Any:
    made = cell_type("innocent")
    made.name = name
    return made


NAMES = [
    Bad(f"{title} as name of a {kind}", call, e.InvalidNameError, (re.escape(repr(name)), "valid"))
    for title, name in WRONG_NAMES
    for kind, call in (
        ("cell type", lambda n, name=name: n.storage.require_placement_set(_type_named(name))),
        (
            "cell type to create",
            lambda n, name=name: n.storage._PlacementSet.create(
                n.storage._engine, _type_named(name)
            ),
        ),
        (
            "connectivity set",
            lambda n, name=name: n.storage._ConnectivitySet.require(
                n.storage._engine, n.a.cell_type, n.b.cell_type, name
            ),
        ),
        (
            "connectivity set to create",
            lambda n, name=name: n.storage._ConnectivitySet.create(
                n.storage._engine, n.a.cell_type, n.b.cell_type, name
            ),
        ),
        ("file", lambda n, name=name: n.storage.files.store("text", name)),
        ("morphology", lambda n, name=name: n.storage.morphologies.save(name, morphology())),
        (
            "additional column",
            lambda n, name=name: append(n, positions=positions(1), additional={name: [1.0]}),
        ),
        (
            "column to append to",
            lambda n, name=name: n.b.append_additional(name, chunk(0), [1.0]),
        ),
        (
            "column of the collection",
            lambda n, name=name: n.b._additional_chunks.append(chunk(0), name, [1.0]),
        ),
    )
]

LOOKUPS = [
    Bad(f"{title} as {kind} to find", call, error, (), also)
    for title, name in WRONG_NAMES
    for kind, call, error, also in (
        (
            "a cell type",
            lambda n, name=name: n.storage.get_placement_set(_type_named(name)),
            e.StorageError,
            bsb.DatasetNotFoundError,
        ),
        (
            "a tag",
            lambda n, name=name: n.storage.get_connectivity_set(name),
            e.StorageError,
            bsb.DatasetNotFoundError,
        ),
        (
            "a file",
            lambda n, name=name: n.storage.files.load(name),
            e.StorageError,
            FileNotFoundError,
        ),
        (
            "an old file",
            lambda n, name=name: n.storage.files.remove(name),
            e.StorageError,
            FileNotFoundError,
        ),
        (
            "a morphology",
            lambda n, name=name: n.storage.morphologies.load(name),
            e.StorageError,
            bsb.MissingMorphologyError,
        ),
        (
            "an old morphology",
            lambda n, name=name: n.storage.morphologies.remove(name),
            e.StorageError,
            bsb.MissingMorphologyError,
        ),
    )
]


def _ask_for_other(method: str, network: SmallNetwork) -> None:
    getattr(network.storage.morphologies, method)("other")


def _with_property(values: Any) -> Morphology:
    branch = Branch(positions(4), np.ones(4))
    branch._properties["width"] = values
    return Morphology([branch])


REPOSITORY = [
    Bad(
        "a morphology that exists",
        lambda n: n.storage.morphologies.save("stub", morphology()),
        e.MorphologyExistsError,
        (r"'stub' exists",),
        bsb.MorphologyRepositoryError,
    ),
    *(
        Bad(
            f"an unknown morphology to {method}",
            partial(_ask_for_other, method),
            e.MorphologyNotFoundError,
            (r"'other'",),
            bsb.MissingMorphologyError,
        )
        for method in ("load", "preload", "remove", "get_meta")
    ),
    Bad(
        "a property of another length",
        lambda n: n.storage.morphologies.save("new", _with_property(np.zeros(3))),
        e.InputError,
        (r"'width'", r"\(3,\)", r"4 points"),
    ),
    Bad(
        "a property of texts",
        lambda n: n.storage.morphologies.save("new", _with_property(np.array(["a"] * 4))),
        e.DtypeError,
        (r"'width'", r"numbers"),
    ),
    Bad(
        "metadata that are no JSON",
        lambda n: n.storage.morphologies.update_all_meta({"stub": {"x": object()}}),
        e.InputError,
        (r"metadata", r"JSON"),
    ),
    Bad(
        "metadata that are no JSON for all",
        lambda n: n.storage.morphologies.set_all_meta({"stub": {"x": {1, 2}}}),
        e.InputError,
        (r"metadata", r"JSON"),
    ),
    Bad(
        "a file that exists",
        lambda n: n.storage.files.store("text", "note"),
        e.FileStoredError,
        (r"'note' exists",),
        FileExistsError,
    ),
    Bad(
        "a number as content",
        lambda n: n.storage.files.store(5, "five"),
        e.DtypeError,
        (r"int", r"text and bytes"),
    ),
    Bad(
        "an unknown encoding",
        lambda n: n.storage.files.store("text", "new", encoding="martian"),
        e.InputError,
        (r"'martian'",),
    ),
    Bad(
        "a text beyond its encoding",
        lambda n: n.storage.files.store("ä", "new", encoding="ascii"),
        e.InputError,
        (r"'ascii'",),
    ),
    Bad(
        "a meta that is no JSON",
        lambda n: n.storage.files.store("text", "new", meta={"x": object()}),
        e.InputError,
        (r"meta", r"JSON"),
    ),
]


def _closed_session(network: SmallNetwork, *, write: bool) -> Any:
    open_scope = network.storage.write_scope if write else network.storage.read_scope
    with open_scope() as session:
        return session


def _closed_file(network: SmallNetwork) -> Any:
    with h5py.File(network.path, "r") as file:
        pass
    return file


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
            (r"handle", re.escape(type(made).__name__), r"valid are"),
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
                lambda n, write=write: n.b.load_positions(handle=_closed_session(n, write=write)),
            ),
            ("write", lambda n, write=write: _write_to(n, _closed_session(n, write=write))),
        )
    ),
    Bad(
        "a closed file as handle to read",
        lambda n: n.b.load_positions(handle=_closed_file(n)),
        e.StorageError,
        (r"closed|handle|ended",),
    ),
    Bad(
        "a closed file as handle to write",
        lambda n: _write_to(n, _closed_file(n)),
        e.StorageError,
        (r"closed|handle|ended",),
    ),
    Bad("a write with a read session", _write_with_read_session, e.ReadOnlyError, (r"writes",)),
    Bad("a write with a file to read", _write_with_read_file, e.ReadOnlyError, (r"writes",)),
    Bad("a write in read-only mode", _write_read_only, e.ReadOnlyError, (r"read-only", "writes")),
]


@pytest.mark.parametrize(
    "bad",
    [*PLACEMENT, *LABELS, *CONNECTIVITY, *NAMES, *LOOKUPS, *REPOSITORY, *HANDLES],
    ids=lambda bad: bad.name,
)
def test_bad_input_is_refused_with_one_typed_error_and_changes_nothing(
    small: SmallNetwork, bad: Bad
) -> None:
    with untouched(small.path), pytest.raises(bad.error) as caught:
        bad.call(small)
    assert isinstance(caught.value, bad.also)
    for pattern in bad.says:
        assert re.search(pattern, str(caught.value))
    # Whatever was refused, the storage goes on working.
    append(small, positions=positions(1))
    assert 8 == len(small.b)


@pytest.mark.parametrize(
    "bad",
    [*PLACEMENT, *LABELS, *CONNECTIVITY[::4], *NAMES[:9], *REPOSITORY],
    ids=lambda bad: bad.name,
)
def test_what_is_refused_within_a_write_scope_leaves_the_rest_of_the_scope_to_be_stored(
    small: SmallNetwork, bad: Bad
) -> None:
    with small.storage.write_scope():
        c = small.storage.require_placement_set(cell_type("c"))
        c.append_data(chunk(0), positions(1))
        with pytest.raises(bad.error):
            bad.call(small)
        c.append_data(chunk(4), positions(2))
    assert {"0": 1, "4": 2} == c.get_chunk_stats()
    assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]
    assert ["stub"] == [each.name for each in small.storage.morphologies.all()]
    assert ["note"] == list(small.storage.files.all())


# Names that HDF5 would take for a path to, or the beginning of, another name.
REACHING = ["stub/data", "./stub", "/morphologies/stub", "stub\0more", "stub/", ".", "", ".."]


@pytest.mark.parametrize("name", REACHING)
def test_a_name_does_not_reach_into_what_has_another_name(small: SmallNetwork, name: str) -> None:
    repository, files = small.storage.morphologies, small.storage.files
    tag, id_ = name.replace("stub", "a_to_b").replace("data", "inc"), name.replace("stub", "note")
    cell = name.replace("stub", "a").replace("data", "0")
    with untouched(small.path):
        assert repository.has(name) is False
        assert files.has(id_) is False
        assert small.storage._ConnectivitySet.exists(small.storage._engine, tag) is False
        assert small.storage._PlacementSet.exists(small.storage._engine, _type_named(cell)) is False
        for use in (repository.remove, repository.load):
            with pytest.raises(bsb.MissingMorphologyError):
                use(name)
        for find in (files.remove, files.load, files.get_meta):
            with pytest.raises(FileNotFoundError):
                find(id_)
        with pytest.raises(bsb.DatasetNotFoundError):
            small.storage.get_connectivity_set(tag)
        with pytest.raises(bsb.DatasetNotFoundError):
            small.storage.get_placement_set(_type_named(cell))
    assert 3 == len(small.ab)
    assert 2 == len(repository.load("stub").branches)


@pytest.mark.parametrize("reading", [False, True], ids=["on its own", "within a read scope"])
def test_a_label_that_nobody_carries_selects_nothing(small: SmallNetwork, reading: bool) -> None:
    with small.storage.read_scope() if reading else contextlib.nullcontext():
        small.a.set_label_filter(["nobody"])
        small.b.set_label_filter(["nobody", "core"])
        assert 0 == len(small.a)
        assert [] == small.a.load_ids().tolist()
        assert (0, 3) == small.a.load_positions().shape
        assert 0 == len(small.a.load_rotations())
        assert 0 == len(small.a.load_morphologies(allow_empty=True))
        assert [] == small.a.load_additional("weight").tolist()
        assert [] == small.a.get_labelled(["nobody"]).tolist()
        assert 2 == len(small.b)


def test_no_cell_can_be_connected_under_a_label_that_nobody_carries(small: SmallNetwork) -> None:
    small.a.set_label_filter(["nobody"])
    with untouched(small.path), pytest.raises(e.LocationError, match=r"0 cells"):
        connect(small, on_soma(0), on_soma(0))


def test_no_cell_can_be_labelled_under_a_label_that_nobody_carries(small: SmallNetwork) -> None:
    small.a.set_label_filter(["nobody"])
    with untouched(small.path), pytest.raises(e.LabelError, match=r"0 cells"):
        small.a.label(["new"], [0])


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("kind", ["session", "file"])
def test_a_handle_of_another_storage_is_refused(
    small: SmallNetwork, tmp_path: Path, layout: str, write: bool, kind: str
) -> None:
    other = new_storage(tmp_path / "other.hdf5", layout)
    with other.write_scope():
        other.require_placement_set(small.b.cell_type).append_data(chunk(0), positions(1))
    before = digest(small.path), digest(Path(other.root))
    opened = other.write_scope() if kind == "session" else h5py.File(other.root, "r+")
    with opened as handle, pytest.raises(e.HandleError, match="other"):
        if write:
            small.b.append_data(chunk(0), positions(1), handle=handle)
        else:
            small.b.load_positions(handle=handle)
    assert before[0] == digest(small.path)
    if kind == "session":
        assert before[1] == digest(Path(other.root))


# --- files that are no networks -----------------------------------------------------------


def _sound(path: Path, layout: str) -> None:
    SmallNetwork.build(new_storage(path, layout))


def _truncated_to(share: float, layout: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _sound(path, layout)
        os.truncate(path, int(path.stat().st_size * share))

    return make


def _garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(5000))


def _garbage_after_the_signature(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + np.random.default_rng(2).bytes(5000))


def _garbled_head(path: Path) -> None:
    _sound(path, "columnar")
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(b"\xff" * 80)


def _columnar_with(name: str, value: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _sound(path, "columnar")
        with h5py.File(path, "r+") as file:
            file.attrs[name] = value

    return make


def _foreign(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["voltage"] = np.arange(5)


def _only_one_part(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("placement")


def _arrays_instead_of_groups(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["placement"] = np.arange(5)
        file["connectivity"] = np.arange(5)


def _links_that_lead_nowhere(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["placement"] = h5py.SoftLink("/nowhere")
        file["connectivity"] = h5py.ExternalLink("elsewhere.hdf5", "/connectivity")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("name: cortex\n")


BROKEN = {
    **{
        f"a {layout} file cut to {share}": _truncated_to(share, layout)
        for layout in LAYOUTS
        for share in (0.1, 0.5, 0.99)
    },
    "a columnar file of a later version": _columnar_with("format_version", "2.0"),
    "a file in an unknown layout": _columnar_with("format", "bsb-hdf5-diagonal"),
    "garbage": _garbage,
    "garbage after the signature": _garbage_after_the_signature,
    "a garbled head": _garbled_head,
    "foreign HDF5": _foreign,
    "only one part": _only_one_part,
    "arrays instead of groups": _arrays_instead_of_groups,
    "links that lead nowhere": _links_that_lead_nowhere,
    "an empty file": _empty,
    "a text": _text,
}
FIRST_USES: dict[str, Callable[[Storage], Any]] = {
    "read": lambda storage: storage.get_placement_set(cell_type("a")),
    "list": lambda storage: storage.get_connectivity_sets(),
    "write": lambda storage: storage.require_placement_set(cell_type("a")),
    "store": lambda storage: storage.files.store("text", "id"),
    "save": lambda storage: storage.morphologies.save("new", morphology()),
    "clear": lambda storage: storage.clear_placement(),
    "statistics": lambda storage: storage.get_chunk_stats(),
    "versions": lambda storage: storage._engine.versions,
    "metadata": lambda storage: storage._engine.metadata,
    "create": lambda storage: storage.create(),
    "a read scope": lambda storage: storage.read_scope().__enter__(),
    "a write scope": lambda storage: storage.write_scope().__enter__(),
}


@pytest.fixture(params=list(BROKEN.values()), ids=list(BROKEN))
def broken(request: pytest.FixtureRequest, path: Path) -> Path:
    request.param(path)
    return path


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES.keys())
def test_a_broken_file_is_refused_at_its_first_use(
    broken: Path, use: Callable[[Storage], Any]
) -> None:
    with untouched(broken):
        opened = open_engine_quickly(Storage("hdf5", str(broken)))
        with pytest.raises((e.NotANetworkError, e.CorruptNetworkError)) as caught:
            use(opened)
    assert str(broken) in str(caught.value)


def test_a_broken_file_is_not_recognized(broken: Path) -> None:
    with untouched(broken):
        assert HDF5Engine.recognizes(str(broken), None) is False


def test_a_broken_file_is_not_opened(broken: Path) -> None:
    with untouched(broken), pytest.raises(OSError, match="not recognized"):
        open_storage(str(broken))


def test_a_sound_file_is_recognized_and_opened(path: Path, layout: str) -> None:
    _sound(path, layout)
    with untouched(path):
        assert HDF5Engine.recognizes(str(path), None) is True
        assert "hdf5" == open_storage(str(path)).format


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES.keys())
def test_a_directory_is_refused_at_its_first_use(path: Path, use: Callable[[Storage], Any]) -> None:
    path.mkdir()
    opened = open_engine_quickly(Storage("hdf5", str(path)))
    with pytest.raises(e.NotANetworkError, match="directory") as caught:
        use(opened)
    assert str(path) in str(caught.value)
    assert [] == list(path.iterdir())


def test_a_directory_is_not_recognized(path: Path) -> None:
    path.mkdir()
    assert HDF5Engine.recognizes(str(path), None) is False


@pytest.mark.parametrize(
    "use",
    [use for name, use in FIRST_USES.items() if name not in ("metadata", "create")],
    ids=[name for name in FIRST_USES if name not in ("metadata", "create")],
)
def test_a_file_that_went_missing_is_reported(
    small: SmallNetwork, use: Callable[[Storage], Any]
) -> None:
    small.path.unlink()
    with pytest.raises(e.StoreNotFoundError) as caught:
        use(small.storage)
    assert isinstance(caught.value, FileNotFoundError)
    assert str(small.path) in str(caught.value)
    assert [] == folder_of(small.path)


def test_a_missing_file_is_not_recognized_and_not_opened(path: Path) -> None:
    assert HDF5Engine.recognizes(str(path), None) is False
    with pytest.raises(FileNotFoundError):
        open_storage(str(path))
    with pytest.raises(FileNotFoundError):
        Storage("hdf5", str(path), missing_ok=False)
    assert [] == folder_of(path)


@pytest.mark.parametrize("method", ["remove", "move", "copy"])
def test_a_missing_file_is_neither_removed_nor_moved_nor_copied(
    small: SmallNetwork, method: str
) -> None:
    small.path.unlink()
    arguments = [] if method == "remove" else [str(small.path.with_name("target.hdf5"))]
    with pytest.raises(e.StoreNotFoundError, match=re.escape(str(small.path))):
        getattr(small.storage, method)(*arguments)
    assert [] == folder_of(small.path)


@pytest.mark.parametrize("method", ["move", "copy"])
@pytest.mark.parametrize("kind", ["file", "directory", "dangling link", "itself"])
def test_a_storage_is_neither_moved_nor_copied_over_something(
    small: SmallNetwork, method: str, kind: str
) -> None:
    target = small.path.with_name("target.hdf5")
    if kind == "file":
        target.write_text("precious")
    elif kind == "directory":
        target.mkdir()
    elif kind == "dangling link":
        target.symlink_to("nowhere")
    else:
        target = small.path
    with untouched(small.path), pytest.raises(e.StoreExistsError, match=re.escape(str(target))):
        getattr(small.storage, method)(str(target))
    assert str(small.path) == small.storage.root
    assert 5 == len(small.a)


def test_a_storage_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no" / "network.hdf5"
    with pytest.raises(e.StoreNotFoundError, match=re.escape(str(path))):
        Storage("hdf5", str(path))
    assert [] == list(tmp_path.iterdir())


# --- files that may not be used -----------------------------------------------------------


def _forbid(monkeypatch: pytest.MonkeyPatch, path: Path, code: int, flags: int) -> None:
    """Let the system refuse to open a file; the permissions of files don't stop root."""
    real = os.open

    def refuse(name: Any, mode: int, *rest: Any, **named: Any) -> int:
        if os.fspath(name) == str(path) and (not flags or mode & flags):
            raise OSError(code, os.strerror(code), str(path))
        return real(name, mode, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)


WRITES = ["write", "store", "save", "clear", "a write scope"]


@pytest.mark.parametrize("use", WRITES)
@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_is_not_writable_is_read_and_not_written(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch, use: str, code: int
) -> None:
    _forbid(monkeypatch, small.path, code, os.O_RDWR)
    with untouched(small.path), pytest.raises(e.StoreAccessError) as caught:
        # The set that is required by the other tests exists here.
        FIRST_USES[use](small.storage) if use != "write" else small.b.append_data(
            chunk(0), positions(1)
        )
    assert isinstance(caught.value, PermissionError)
    assert str(small.path) in str(caught.value)
    assert 7 == len(small.b)


@pytest.mark.parametrize("use", ["read", "write", "statistics", "versions", "a read scope"])
def test_a_file_that_is_not_readable_is_reported(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    before = digest(small.path)
    with monkeypatch.context() as patch:
        _forbid(patch, small.path, errno.EACCES, 0)
        with pytest.raises(e.StoreAccessError, match=re.escape(str(small.path))):
            FIRST_USES[use](small.storage)
    assert before == digest(small.path)


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ENAMETOOLONG])
def test_other_failures_of_the_system_are_reported(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before = digest(small.path)
    with monkeypatch.context() as patch:
        _forbid(patch, small.path, code, 0)
        with pytest.raises(e.StoreIOError, match=re.escape(os.strerror(code))):
            len(small.b)
    assert before == digest(small.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_who_may_only_read_is_told_so(small: SmallNetwork) -> None:
    readable = Path(tempfile.mkdtemp())
    code = """
        import os, sys
        from bsb import Storage
        import bsb_hdf5.errors as errors
        from bsb.storage import open_storage
        storage = open_storage(sys.argv[1])
        os.setgid(65534), os.setuid(65534)
        print(sorted(storage.morphologies.get_all_meta()))
        for use in (
            lambda: storage.files.store("text", "id"),
            lambda: storage.remove(),
            lambda: storage.move(sys.argv[1] + "2"),
            lambda: storage.copy(sys.argv[1] + "2"),
            lambda: Storage("hdf5", sys.argv[1] + "3"),
        ):
            try:
                use()
            except errors.StoreAccessError as error:
                print(type(error).__name__, isinstance(error, PermissionError))
    """
    try:
        # The folders of pytest are closed to others.
        readable.chmod(0o755)
        file = Path(shutil.copy(small.path, readable))
        file.chmod(0o644)
        with untouched(file):
            process = run_python(code, str(file))
            output, _ = process.communicate(timeout=60)
        assert ["['stub']", *["StoreAccessError True"] * 5] == output.splitlines()
    finally:
        shutil.rmtree(readable)


def test_errors_say_the_same_after_a_trip_to_another_process(small: SmallNetwork) -> None:
    for bad in (*PLACEMENT, *LABELS, *CONNECTIVITY[::5], *REPOSITORY):
        with pytest.raises(bad.error) as caught:
            bad.call(small)
        copied = pickle.loads(pickle.dumps(caught.value))
        assert type(caught.value) is type(copied)
        assert str(caught.value) == str(copied)


def test_chunks_of_bsb_are_taken_as_they_are() -> None:
    given = chunk(1, -2, 3)
    assert as_chunk(given) is given
    assert [1, -2, 3] == as_chunk((1.0, -2.0, 3.0)).tolist()
    assert sys.maxsize > as_chunk((1, -2, 3)).id == given.id
