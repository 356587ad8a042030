"""
Morphologies as flat tables.

The branches of a morphology follow each other depth first in one table of points; a graph
says where each branch ends and which branch it springs from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptNetworkError, DtypeError, InputError
from .json_types import Document
from .labels import LabelSets

_ARRAY_MARK = "__ndarray__"
_POINT_COLUMNS = 5


@attrs.frozen(eq=False)
class MorphologyTable:
    """
    One morphology.

    :param data: (n, 5 + p) floats: x, y, z, radius (um), label code, p properties.
    :param graph: (b, 2) integers: end row of each branch, index of its parent or -1.
    :param labels: the label sets of the codes.
    :param properties: names of the p properties.
    """

    data: NDArray[np.float64]
    graph: NDArray[np.int64]
    labels: LabelSets
    properties: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        columns = _POINT_COLUMNS + len(self.properties)
        if self.data.ndim != 2 or self.data.shape[1] != columns:  # noqa: PLR2004
            raise CorruptNetworkError(
                f"a morphology's points have shape {self.data.shape} instead of (n, {columns})"
            )
        if self.graph.ndim != 2 or self.graph.shape[1] != 2:  # noqa: PLR2004
            raise CorruptNetworkError(
                f"a morphology's graph has shape {self.graph.shape} instead of (b, 2)"
            )
        self._check_graph()

    def _check_graph(self) -> None:
        ends, parents = self.graph.T
        rows = len(self.data)
        starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
        # Points after the last branch belong to none, as in files that were made by hand.
        if np.any(ends < starts) or (ends[-1] if len(ends) else 0) > rows:
            raise CorruptNetworkError(
                f"the branches of a morphology end at rows {ends.tolist()} of {rows}"
            )
        if np.any(parents < -1) or np.any(parents >= np.arange(len(parents))):
            raise CorruptNetworkError(
                f"the parents of a morphology's branches are {parents.tolist()};"
                " each must come before its own branch, or be -1"
            )

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Least and greatest coordinates (um); None if there are no points."""
        points = self.data[:, :3]
        return (points.min(axis=0), points.max(axis=0)) if len(points) else None


def encode_meta_value(value: object) -> object:
    """
    What JSON writes for a value that it does not know itself.

    :raises TypeError: it can't be written.
    """
    if isinstance(value, np.ndarray):
        return [*value.tolist(), _ARRAY_MARK] if value.ndim else value.item()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} can't be metadata of a morphology")


def decode_meta_object(document: Document) -> Document:
    """A JSON object in which marked lists are arrays again; changed in place."""
    for key, value in document.items():
        document[key] = _decode_value(value)
    return document


def _decode_value(value: object) -> object:
    if not isinstance(value, list):
        return value
    if value and isinstance(value[-1], str) and value[-1] == _ARRAY_MARK:
        return np.array(value[:-1])
    return [_decode_value(item) for item in value]


def dump_meta(meta: Mapping[str, object]) -> str:
    """
    Metadata as JSON text.

    :raises DtypeError: a value of a type that JSON lacks.
    :raises InputError: a value that can't be written for another reason.
    """
    try:
        return json.dumps(meta, default=encode_meta_value)
    except TypeError as error:
        raise DtypeError(f"the metadata can't be stored as JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the metadata can't be stored as JSON: {error}") from error


def load_meta(text: str | bytes) -> Document:
    """
    Metadata from JSON text.

    :raises CorruptNetworkError: the text is not a JSON object.
    """
    try:
        meta = json.loads(text, object_hook=decode_meta_object)
    except (ValueError, TypeError, RecursionError) as error:
        raise CorruptNetworkError(
            f"the metadata of the morphologies is not JSON: {error}"
        ) from error
    if not isinstance(meta, dict):
        raise CorruptNetworkError("the metadata of the morphologies is not a JSON object")
    return meta
