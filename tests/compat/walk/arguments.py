"""
Kinds of arguments: the usual one first, then the others that a caller may think of.

Each is made of the world when a call needs it, so none is shared between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bsb import Chunk, RotationSet

from tests.compat.walk.world import CELLS, World, cell_type, chunk, grid, on_soma, stub, twig

Make = Callable[[World], Any]


@dataclass(frozen=True)
class Kind:
    """What can be given for a parameter; one that is ``optional`` is left out usually."""

    variants: Mapping[str, Make]
    optional: bool = False

    @property
    def usual(self) -> Make:
        return next(iter(self.variants.values()))

    @property
    def others(self) -> dict[str, Make]:
        names = list(self.variants)
        return {name: self.variants[name] for name in (names if self.optional else names[1:])}

    def or_left_out(self) -> Kind:
        return Kind(self.variants, optional=True)


def values(**variants: Any) -> Kind:
    """A kind of values that no call changes; names have ``_`` for blanks."""

    def always(value: Any) -> Make:
        return lambda world: value

    return Kind({name.replace("_", " ").strip(): always(v) for name, v in variants.items()})


def made(**variants: Make) -> Kind:
    return Kind({name.replace("_", " ").strip(): make for name, make in variants.items()})


CHUNK = made(
    held=lambda w: chunk(0),
    another=lambda w: chunk(1),
    not_held=lambda w: chunk(7),
    tuple=lambda w: (0, 0, 0),
    list=lambda w: [0, 0, 0],
    id=lambda w: chunk(1).id,
    of_another_size=lambda w: Chunk((0, 0, 0), (7.0, 7.0, 7.0)),
    of_no_size=lambda w: Chunk((0, 0, 0), None),
    None_=lambda w: None,
    text=lambda w: "chunk",
    of_two_coordinates=lambda w: (0, 0),
    beyond_int16=lambda w: (40_000, 0, 0),
    of_fractions=lambda w: (0.5, 0, 0),
)


def _with_first(kind: Kind, first: str) -> Kind:
    return Kind({first: kind.variants[first], **kind.variants}, kind.optional)


NEW_CHUNK = _with_first(CHUNK, "not held")
CHUNKS = made(
    one=lambda w: [chunk(1)],
    two=lambda w: [chunk(1), chunk(0)],
    none=lambda w: [],
    None_=lambda w: None,
    not_held=lambda w: [chunk(7)],
    tuples=lambda w: [(0, 0, 0)],
    twice_the_same=lambda w: [chunk(0), chunk(0)],
    set=lambda w: {chunk(0)},
    generator=lambda w: (chunk(x) for x in (0, 1)),
    array=lambda w: np.array([[0, 0, 0]]),
    one_bare_chunk=lambda w: chunk(0),
    ids=lambda w: [int(chunk(1).id)],
    text=lambda w: "chunks",
    number=lambda w: 5,
)
CELL_IDS = values(
    two=[0, 1],
    none=[],
    array=np.array([4, 2]),
    tuple=(3,),
    twice_the_same=[2, 2],
    whole_floats=[1.0, 2.0],
    objects=np.array([1, 2], dtype=object),
    unsigned=np.array([1], dtype=np.uint8),
    beyond=[CELLS],
    one_beyond=[0, 99],
    negative=[-1],
    mask=[True, False, True, False, False],
    fractions=[0.5],
    text="cells",
    texts=["0"],
    bare_number=2,
    None_=None,
    two_dimensional=[[0, 1]],
    nan=[np.nan],
)
LABELS = values(
    one=["core"],
    another=["new"],
    two=["core", "rim"],
    none=[],
    tuple=("core",),
    set={"core"},
    bare_text="core",
    None_=None,
    numbers=[1],
    empty_text=[""],
    not_ascii=["µ"],
    unhashable=[["core"]],
    number=5,
)
MASK = values(
    fits=np.array([True, False, False, True, False]),
    list=[True, False, False, True, False],
    all=np.ones(CELLS, dtype=bool),
    nothing=np.zeros(CELLS, dtype=bool),
    short=np.array([True]),
    long=np.ones(9, dtype=bool),
    numbers=np.array([1, 0, 0, 1, 0]),
    none=[],
    text="mask",
    None_=None,
    two_dimensional=np.ones((CELLS, 1), dtype=bool),
)
DIRECTION = values(inc="inc", out="out", sideways="sideways", empty="", None_=None, number=5)
TAG = values(
    held="a_to_b",
    not_held="unknown",
    empty="",
    with_slash="some/tag",
    not_ascii="µ",
    None_=None,
    number=5,
    bytes=b"a_to_b",
)
NEW_TAG = values(
    new="new",
    held="a_to_b",
    empty="",
    with_slash="some/tag",
    not_ascii="µ",
    dot=".",
    with_nul="a\0b",
    number=5,
    bytes=b"new",
)
CELL_TYPE = made(
    held=lambda w: cell_type("a"),
    without_cells=lambda w: cell_type("silent"),
    not_held=lambda w: cell_type("unknown"),
    with_slash=lambda w: cell_type("some/type"),
    text=lambda w: "a",
    None_=lambda w: None,
)
NEW_CELL_TYPE = made(
    new=lambda w: cell_type("new"),
    entity=lambda w: cell_type("newentity", entity=True),
    held=lambda w: cell_type("a"),
    with_slash=lambda w: cell_type("some/type"),
    text=lambda w: "new",
    None_=lambda w: None,
)
ENGINE = made(
    own=lambda w: w.engine,
    storage=lambda w: w.storage,
    None_=lambda w: None,
    text=lambda w: "engine",
)
MORPHOLOGY_NAME = values(
    held="stub",
    another="twig",
    not_held="unknown",
    empty="",
    with_slash="some/name",
    None_=None,
    number=5,
)
NEW_NAME = values(
    new="new",
    held="stub",
    empty="",
    with_slash="some/name",
    not_ascii="µ",
    dot=".",
    None_=None,
    number=5,
)
MORPHOLOGY = made(
    labelled=lambda w: twig(),
    plain=lambda w: stub(),
    stored=lambda w: w.morphologies.preload("stub"),
    text=lambda w: "morphology",
    None_=lambda w: None,
)
META = values(
    one={"stub": {"name": "stub", "note": "changed"}},
    none={},
    of_arrays={"stub": {"name": "stub", "ldc": np.array([1.0, 2.0])}},
    of_empty_list={"stub": {"name": "stub", "tags": []}},
    of_what_is_not_stored={"unknown": {"name": "unknown"}},
    that_json_lacks={"stub": {"name": "stub", "value": {1, 2}}},
    text="meta",
    None_=None,
    list=[1],
)
FILE_ID = values(held="note", bytes="blob", not_held="unknown", empty="", None_=None, number=5)
NEW_FILE_ID = values(
    new="new", held="note", empty="", with_slash="https://some.where/file", None_=None, number=5
)
CONTENT = values(
    text="a new text",
    empty_text="",
    bytes=b"bytes",
    empty_bytes=b"",
    trailing_zeros=b"ab\0\0",
    zeros_within=b"a\0b",
    text_with_nul="a\0b",
    not_ascii="µ",
    bytearray=bytearray(b"bytes"),
    number=5,
    None_=None,
    list=["text"],
)
FILE_META = values(
    one={"note": "text"},
    none={},
    None_=None,
    nested={"a": {"b": [1, None]}},
    that_json_lacks={"a": {1, 2}},
    number=5,
    list=[1],
)
ENCODING = values(
    utf_8="utf-8", latin="latin-1", ascii="ascii", unknown="no such", None_=None, number=5
)
FLAG = values(true=True, false=False)
ROOT = made(
    new=lambda w: "elsewhere-" + w.root,
    in_no_folder=lambda w: "missing-folder/" + w.root,
    own=lambda w: w.root,
    None_=lambda w: None,
    number=lambda w: 5.5,
    empty=lambda w: "",
    with_nul=lambda w: "a\0b",
)
POSITIONS = values(
    two=grid(2, start=50.0),
    list=[[1.0, 2.0, 3.0]],
    whole_numbers=np.array([[1, 2, 3]]),
    none=np.empty((0, 3)),
    empty_list=[],
    one_row_bare=[1.0, 2.0, 3.0],
    two_columns=grid(2, columns=2),
    four_columns=grid(2, columns=4),
    one_number=5.0,
    nan=np.full((2, 3), np.nan),
    complex=np.ones((2, 3), dtype=complex),
    text="positions",
    texts=[["a", "b", "c"]],
    None_=None,
)
ROTATIONS = made(
    set=lambda w: RotationSet(grid(2)),
    array=lambda w: grid(2),
    list=lambda w: [[0.0, 0.0, 90.0], [0.0, 90.0, 0.0]],
    too_few=lambda w: RotationSet(grid(1)),
    too_many=lambda w: grid(4),
    none=lambda w: np.empty((0, 3)),
    two_columns=lambda w: grid(2, columns=2),
    text=lambda w: "rotations",
    None_=lambda w: None,
)
MORPHOLOGIES = made(
    set=lambda w: w.morphology_set(["stub", "twig"], [1, 0]),
    one_never_used=lambda w: w.morphology_set(["stub", "twig"], [0, 0]),
    too_few=lambda w: w.morphology_set(["stub"], [0]),
    too_many=lambda w: w.morphology_set(["stub"], [0, 0, 0]),
    none=lambda w: w.morphology_set([], []),
    beyond=lambda w: w.morphology_set(["stub"], [0, 5]),
    array=lambda w: np.array([0, 0]),
    text=lambda w: "stub",
    None_=lambda w: None,
)
ADDITIONAL = values(
    one={"weight": np.array([0.5, 1.5])},
    new={"new": [1, 2]},
    none={},
    two_dimensional={"new": np.ones((2, 2))},
    booleans={"new": [True, False]},
    too_few={"weight": [1.0]},
    too_many={"weight": [1.0, 2.0, 3.0]},
    of_another_width={"weight": np.ones((2, 2))},
    complex={"new": np.ones(2, dtype=complex)},
    texts={"new": ["a", "b"]},
    bare_number={"new": 5.0},
    large_integers={"new": np.array([2**53 + 1, 1])},
    key_with_slash={"a/b": [1.0, 2.0]},
    empty_key={"": [1.0, 2.0]},
    number_as_key={5: [1.0, 2.0]},
    text="additional",
    list=[1.0, 2.0],
)
COUNT = values(
    two=2,
    zero=0,
    whole_float=2.0,
    numpy=np.int64(2),
    negative=-1,
    fraction=2.5,
    true=True,
    text="2",
)
ROWS = values(
    three=np.array([0.5, 1.5, 2.5]),
    list=[1, 2, 3],
    too_few=[1.0],
    too_many=[1.0, 2.0, 3.0, 4.0],
    none=[],
    two_dimensional=np.ones((3, 2)),
    texts=["a", "b", "c"],
    None_=None,
    number=5.0,
)
KEY = values(held="weight", new="new", empty="", with_slash="a/b", None_=None, number=5)
NEW_KEY = _with_first(KEY, "new")
LOCATIONS = made(
    two=lambda w: np.array([[0, -1, -1], [2, -1, -1]]),
    cell_ids=lambda w: [0, 2],
    on_points=lambda w: np.array([[0, 0, 0], [2, 0, 0]]),
    whole_floats=lambda w: on_soma(0, 2).astype(float),
    objects=lambda w: on_soma(0, 2).astype(object),
    short_integers=lambda w: on_soma(0, 2).astype(np.int8),
    other_length=lambda w: on_soma(0),
    none=lambda w: np.empty((0, 3), dtype=int),
    empty_list=lambda w: [],
    beyond=lambda w: on_soma(0, 99),
    negative=lambda w: on_soma(0, -3),
    branch_without_point=lambda w: np.array([[0, 0, -1], [2, -1, 0]]),
    below_minus_one=lambda w: np.array([[0, -5, -5], [2, -1, -1]]),
    fractions=lambda w: on_soma(0, 2) + 0.5,
    two_columns=lambda w: np.zeros((2, 2), dtype=int),
    four_columns=lambda w: np.zeros((2, 4), dtype=int),
    booleans=lambda w: np.zeros((2, 3), dtype=bool),
    text=lambda w: "locations",
    None_=lambda w: None,
)
