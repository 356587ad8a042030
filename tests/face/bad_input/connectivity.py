"""Bad input to connectivity sets."""

from __future__ import annotations

from typing import Any

import bsb
import numpy as np

from bsb_hdf5 import errors as e
from tests.face.bad_input.calls import NAN, Bad, connect, twice
from tests.face.samples import (
    chunk,
    on_soma,
)

# What is wrong with locations, wherever they are given.
LOCATIONS: list[tuple[str, Any, type[e.StorageError], tuple[str, ...]]] = [
    ("negative cell", [[-1, -1, -1]], e.LocationError, (r"-1", r"must be")),
    ("branch below -1", [[0, -2, -2]], e.LocationError, (r"-2", r"must be")),
    ("branch without point", [[0, 1, -1]], e.LocationError, (r"\[0, 1, -1\]", r"must be")),
    ("point without branch", [[0, -1, 1]], e.LocationError, (r"\[0, -1, 1\]", r"must be")),
    ("NaN", [[NAN, -1, -1]], e.DtypeError, (r"nan", r"whole numbers")),
    ("infinity", [[float("inf"), -1, -1]], e.DtypeError, (r"inf", r"whole numbers")),
    ("fraction", [[0.5, -1, -1]], e.DtypeError, (r"0\.5", r"whole numbers")),
    ("integer beyond 64 bits", [[2**64, -1, -1]], e.DtypeError, (r"locations",)),
    ("unsigned beyond 63 bits", np.full((1, 3), 2**63, "u8"), e.DtypeError, (r"64 bits",)),
    ("float beyond 64 bits", [[1e300, -1.0, -1.0]], e.DtypeError, (r"64 bits",)),
    ("text", [["0", "-1", "-1"]], e.DtypeError, (r"<U2", r"must be")),
    ("complex", [[0j, -1, -1]], e.DtypeError, (r"complex128", r"must be")),
    ("None", [None], e.DtypeError, (r"object", r"must be")),
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
            ("source", lambda n, bad=bad: connect(n, *twice(bad))),
            ("destination", lambda n, bad=bad: connect(n, *twice(bad)[::-1])),
            (
                "source in a chunk",
                lambda n, bad=bad: n.ab.chunk_connect(chunk(0), chunk(0), *twice(bad)),
            ),
            (
                "destination in a chunk",
                lambda n, bad=bad: n.ab.chunk_connect(chunk(0), chunk(0), *twice(bad)[::-1]),
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
        (r"'up'", r"'inc' or 'out'"),
    ),
    Bad(
        "an unknown direction to iterate in",
        lambda n: list(n.ab.flat_iter_connections("both")),
        e.InputError,
        (r"'both'", r"'inc' or 'out'"),
    ),
    Bad(
        "an unknown direction to iterate in, nested",
        lambda n: list(n.ab.nested_iter_connections("both")),
        e.InputError,
        (r"'both'", r"'inc' or 'out'"),
    ),
    Bad(
        "an unknown direction to load a block of",
        lambda n: n.ab.load_block_connections("", chunk(0), chunk(0)),
        e.InputError,
        (r"''", r"'inc' or 'out'"),
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
