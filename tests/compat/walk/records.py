"""
Outcomes of calls as plain values that can be compared from one engine to the next.

A value is recorded by the kind of its container, dtype, shape, values, and whether it is hashable;
an error by the most specific of its classes that Python or BSB define; what changes from one run
to the next (times, ids, the place of the network) by a word for it.
"""

from __future__ import annotations

import builtins
import itertools
import re
from collections.abc import Iterator, Mapping
from types import GeneratorType
from typing import Any

import numpy as np
from bsb import Chunk, Morphology, MorphologySet, RotationSet, StoredMorphology

Json = Any

LONGEST_ITERATION = 50
VOLATILE = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)?"), "<time>"),
    (re.compile(r"[\w./~-]*network\d+"), "<root>"),
    (re.compile(r"0x[0-9a-f]+"), "<address>"),
)
TIMES = ("mtime", "created_at")
WORDS_OF_THE_ENGINE = ("version", "engine", "platform", "producer", "engine_version")


def known_bases(cls: type[BaseException]) -> list[type]:
    """The classes of an error that Python and BSB define: what a caller can catch by name."""
    return [base for base in cls.__mro__ if _is_known(base)]


def _is_known(cls: type) -> bool:
    if cls in (object, BaseException):
        return False
    module = cls.__module__.partition(".")[0]
    return getattr(builtins, cls.__name__, None) is cls or module in ("bsb", "json")


def most_specific(classes: list[type]) -> list[str]:
    return sorted(
        cls.__name__
        for cls in classes
        if not any(other is not cls and issubclass(other, cls) for other in classes)
    )


def record_error(error: BaseException) -> Json:
    bases = known_bases(type(error))
    return {
        "raised": most_specific(bases),
        "caught as": sorted(base.__name__ for base in bases),
        "class": type(error).__name__,
        "message": _text(str(error))[:300],
    }


def record(value: Any) -> Json:
    """The value as JSON that says all that a caller can tell apart."""
    if value is None or isinstance(value, (bool, int)):
        return value if type(value) in (bool, int, type(None)) else repr(value)
    if type(value) is float:
        return repr(value)
    if type(value) is str:
        return _text(value)
    for is_kind, write in WRITERS:
        if is_kind(value):
            return {"kind": _kind(value), **write(value), **_hashable(value)}
    return {"kind": _kind(value)}


def _text(text: str) -> str:
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return text


def _kind(value: Any) -> str:
    return type(value).__name__


def _text_of(value: Any) -> Json:
    """Rows of numbers as numbers, and what JSON lacks as text."""
    return value if type(value) in (bool, int) else _text(repr(value))


def _hashable(value: Any) -> Json:
    """Whether it is hashable; of sets of cells and connections a call of its own asks."""
    if _is_a_set_of_the_network(value):
        return {}
    try:
        hash(value)
    except TypeError:
        return {"hashable": False}
    return {"hashable": True}


def _is_a_set_of_the_network(value: Any) -> bool:
    return _kind(value) in ("PlacementSet", "ConnectivitySet")


def _array(value: Any) -> Json:
    plain = np.asarray(value)
    found: dict[str, Json] = {"dtype": str(value.dtype), "shape": list(value.shape)}
    if plain.dtype == object:
        found["values"] = [record(item) for item in plain.ravel().tolist()]
    else:
        found["values"] = [_text_of(item) for item in plain.ravel().tolist()]
    if hasattr(value, "labels"):
        found["labels"] = {str(key): sorted(each) for key, each in value.labels.items()}
    return found


def _mapping(value: Mapping[Any, Any]) -> Json:
    return {"items": {str(key): _item(key, value[key]) for key in value}}


def _item(key: Any, value: Any) -> Json:
    """Times and what names the writer are there, or not."""
    if key in TIMES:
        return f"<{_kind(value)}>"
    return f"<{key}>" if key in WORDS_OF_THE_ENGINE else record(value)


def _morphologies(value: MorphologySet) -> Json:
    return {
        "loaders": [loader.name for loader in value._loaders],
        "indices": record(value.get_indices()),
        "labels": record(value._labels),
    }


def _morphology(value: Morphology) -> Json:
    branches = value.branches
    ranks = {id(branch): rank for rank, branch in enumerate(branches)}
    return {
        "meta": record(value.meta),
        "branches": [
            {
                "parent": ranks.get(id(branch.parent), -1),
                "points": record(branch.points),
                "radii": record(branch.radii),
                "labels": [sorted(labels) for labels in branch.labels.walk()],
                "properties": record(branch._properties),
            }
            for branch in branches
        ],
    }


def _iterator(value: Iterator[Any]) -> Json:
    return {"items": [record(item) for item in itertools.islice(value, LONGEST_ITERATION)]}


def _set_of_cells_or_connections(value: Any) -> Json:
    return {
        "tag": value.tag,
        "pre": getattr(getattr(value, "pre_type", None), "name", None),
        "pre name": getattr(value, "pre_type_name", None),
    }


def _iterates(value: Any) -> bool:
    names = ("CSIterator", "ConnectivityIterator")
    return (
        isinstance(value, (GeneratorType, map, filter, zip, itertools.zip_longest))
        or _kind(value) in names
    )


WRITERS: tuple[tuple[Any, Any], ...] = (
    (lambda v: isinstance(v, Chunk), lambda v: {"values": v.tolist(), "size": record(v._size)}),
    (lambda v: isinstance(v, np.ndarray), _array),
    (lambda v: isinstance(v, np.generic), lambda v: {"value": repr(v.item())}),
    (lambda v: isinstance(v, (bytes, bytearray)), lambda v: {"value": repr(bytes(v))}),
    (lambda v: isinstance(v, Mapping), _mapping),
    (lambda v: isinstance(v, RotationSet), lambda v: {"values": record(v._data)}),
    (lambda v: isinstance(v, MorphologySet), _morphologies),
    (lambda v: isinstance(v, Morphology), _morphology),
    (
        lambda v: isinstance(v, StoredMorphology),
        lambda v: {"name": v.name, "meta": record(v.get_meta())},
    ),
    (
        lambda v: isinstance(v, (set, frozenset)) or _kind(v) == "_lset",
        lambda v: {"items": sorted((record(item) for item in v), key=repr)},
    ),
    (
        lambda v: isinstance(v, (list, tuple)) or _kind(v) in ("dict_keys", "KeysView"),
        lambda v: {"items": [record(item) for item in v]},
    ),
    (_iterates, lambda v: _iterator(iter(v))),
    (_is_a_set_of_the_network, _set_of_cells_or_connections),
)
