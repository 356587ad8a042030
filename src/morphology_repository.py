"""The morphology repository: BSB's interface to the morphologies of a network."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import bsb
import numpy as np
from bsb import Branch, Morphology, StoredMorphology
from bsb._encoding import EncodedLabels
from numpy.typing import NDArray

from .core.json_types import Document
from .core.labels import LabelSets
from .core.morphology import (
    MorphologyTable,
    decode_meta_object,
    dump_meta,
    encode_meta_value,
    load_meta,
)
from .core.morphology_use import cell_type_with
from .core.names import check_name, check_text, check_word
from .core.rows import Rows
from .errors import (
    DtypeError,
    InputError,
    MorphologyExistsError,
    MorphologyInUseError,
    NameTypeError,
)
from .exceptions import MorphologyNameError
from .handles import HANDLED, SessionEngine, handles_handles
from .resource import NetworkPart
from .transactions.session import Session

Meta: TypeAlias = Document
"""Metadata of a morphology: what JSON and arrays can hold, by key."""


class MetaEncoder(json.JSONEncoder):
    """Writes metadata of morphologies as JSON, in which arrays are marked lists."""

    def default(self, o: object) -> Any:
        """
        The value to write for an object that JSON does not know.

        :raises TypeError: there is no such value.
        """
        return encode_meta_value(o)


def meta_object_hook(obj: Meta) -> Meta:
    """Turn the marked lists of a JSON object into arrays again; for ``json.loads``."""
    return decode_meta_object(obj)


class PointLabels(EncodedLabels):
    """
    Labels of points, which are equal if they give each point the same labels.

    BSB's own compare codes, which differ if branches were labelled one by one.
    """

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, EncodedLabels) or self.shape != other.shape:
            return super().__eq__(other)
        mine, others = (
            LabelSets.from_lists(each.labels).of(np.asarray(each)) for each in (self, other)
        )
        return mine == others

    __hash__ = None  # type: ignore[assignment]  # as that of every array


class MorphologyRepository(NetworkPart, bsb.MorphologyRepository):
    """The morphologies of a network, by name."""

    def __init__(self, engine: SessionEngine) -> None:
        super().__init__(engine, "morphologies")

    @handles_handles("r")
    def all(self, handle: Session = HANDLED) -> list[StoredMorphology]:
        """All morphologies."""
        return [
            self._stored(name, meta) for name, meta in handle.network.morphologies.meta().items()
        ]

    def select(self, *selectors: bsb.MorphologySelector) -> list[StoredMorphology]:
        """
        The morphologies that at least one selector picks, in the order of the selectors.

        :param selectors: ``bsb.MorphologySelector``.
        """
        if not selectors:
            return []
        stored = self.all()
        selected: list[StoredMorphology] = []
        for selector in selectors:
            selector.validate(stored)
            selected.extend(morphology for morphology in stored if selector.pick(morphology))
        return selected

    @handles_handles("r")
    def has(self, name: str, handle: Session = HANDLED) -> bool:
        """Whether a morphology has that name."""
        return isinstance(name, str) and name in handle.network.morphologies

    @handles_handles("r")
    def preload(
        self, name: str, meta: Meta | None = None, handle: Session = HANDLED
    ) -> StoredMorphology:
        """
        A morphology that is loaded when it is used.

        :param meta: its metadata, if known.
        :raises MissingMorphologyError: no morphology has that name.
        """
        _check_asked(name)
        known = handle.network.morphologies.meta_of(name) if meta is None else meta
        return self._stored(name, known)

    @handles_handles("r")
    def load(
        self, name: str, preloaded_meta: Meta | None = None, handle: Session = HANDLED
    ) -> Morphology:
        """
        A morphology.

        :param preloaded_meta: its metadata, if known.
        :raises MissingMorphologyError: no morphology has that name.
        """
        morphologies = handle.network.morphologies
        table = morphologies.load(_check_asked(name))
        meta = morphologies.meta_of(name) if preloaded_meta is None else preloaded_meta
        return _to_morphology(table, meta)

    @handles_handles("r")
    def get_meta(self, name: str, handle: Session = HANDLED) -> Meta:
        """
        Metadata of a morphology.

        :raises MissingMorphologyError: no morphology has that name.
        """
        return handle.network.morphologies.meta_of(_check_asked(name))

    @handles_handles("r")
    def get_all_meta(self, handle: Session = HANDLED) -> dict[str, Meta]:
        """Metadata of all morphologies, by name."""
        return handle.network.morphologies.meta()

    @handles_handles("a")
    def set_all_meta(self, all_meta: Mapping[str, Meta], handle: Session = HANDLED) -> None:
        """
        Replace the metadata of all morphologies, by name.

        :raises InputError: they can't be stored as JSON.
        """
        handle.network_writer.morphologies.replace_meta(_check_meta(all_meta))

    @handles_handles("a")
    def update_all_meta(self, meta: Mapping[str, Meta], handle: Session = HANDLED) -> None:
        """Replace the metadata of some morphologies, by name; errors as :meth:`set_all_meta`."""
        handle.network_writer.morphologies.update_meta(_check_meta(meta))

    @handles_handles("a")
    def save(
        self,
        name: str,
        morphology: Morphology,
        overwrite: bool = False,
        update_meta: bool = True,
        handle: Session = HANDLED,
    ) -> StoredMorphology:
        """
        Store a morphology, which is not changed.

        :param overwrite: replace a morphology with the same name.
        :param update_meta: also store its metadata, with its name and bounds.
        :raises MorphologyRepositoryError: a morphology has that name.
        :raises InputError: properties or metadata that can't be stored.
        """
        morphologies = handle.network_writer.morphologies
        if check_name(name, "morphology") in morphologies and not overwrite:
            raise MorphologyExistsError(f"the morphology '{name}' exists", asked=name)
        table = _to_table(morphology)
        least, most = table.bounds or (np.nan, np.nan)
        meta = {**morphology.meta, "name": name, "ldc": least, "mdc": most}
        if update_meta:
            # Invalid metadata raises before anything is changed.
            meta = load_meta(dump_meta(meta))
        morphologies.save(name, table)
        if update_meta:
            morphologies.update_meta({name: meta})
        return StoredMorphology(name, lambda: _to_morphology(table, dict(meta)), meta)

    @handles_handles("a")
    def remove(self, name: str, handle: Session = HANDLED) -> None:  # type: ignore[override]
        """
        Delete a morphology and its metadata.

        :raises MissingMorphologyError: no morphology has that name.
        :raises MorphologyRepositoryError: cells have it; nothing is removed.
        """
        morphologies = handle.network_writer.morphologies
        if _check_asked(name) in morphologies:
            self._check_unused(name, handle=handle)
        morphologies.remove(name)
        morphologies.forget_meta(name)

    @handles_handles("r")
    def _check_unused(self, name: str, handle: Session = HANDLED) -> None:
        used_by = cell_type_with(handle.network, name)
        if used_by is not None:
            raise MorphologyInUseError(
                f"the morphology '{name}' can't be removed: cells of '{used_by}' have it;"
                " remove these cells first",
                asked=name,
                found=used_by,
            )

    def _stored(self, name: str, meta: Meta) -> StoredMorphology:
        return StoredMorphology(name, lambda: self.load(name, preloaded_meta=dict(meta)), meta)


def _check_asked(name: object) -> str:
    """
    The name of a morphology that is asked for.

    :raises MorphologyNameError: it is not a text.
    """
    try:
        return check_text(name, "morphology")
    except NameTypeError as error:
        raise MorphologyNameError(error.message, **error.fields) from error


def _check_meta(meta: object) -> Mapping[str, Meta]:
    """
    Metadata of morphologies by name.

    :raises DtypeError: they, or those of a morphology, are not a dictionary.
    """
    if not isinstance(meta, Mapping):
        raise DtypeError(f"metadata must be a dictionary by name, not {meta!r}", asked=meta)
    for name, each in meta.items():
        if not isinstance(each, Mapping):
            raise DtypeError(
                f"the metadata of the morphology {name!r} must be a dictionary, not {each!r}",
                asked=each,
            )
    return meta


def _to_table(morphology: Morphology) -> MorphologyTable:
    """
    The flat table of a morphology.

    :raises InputError: properties that are not numbers, or have another length, or a name that not
        every backend can store.
    """
    if not isinstance(morphology, Morphology):
        raise DtypeError(
            f"a morphology must be a bsb.Morphology, not {morphology!r}", asked=morphology
        )
    branches = morphology.branches
    held = dict.fromkeys(key for b in branches for key in b._properties)
    properties = [check_word(key, "property of a morphology") for key in held]
    lengths = [len(branch.points) for branch in branches]
    rows = np.empty((sum(lengths), 5 + len(properties)))
    sets = LabelSets()
    if branches:
        rows[:, :3] = np.concatenate([branch.points for branch in branches])
        rows[:, 3] = np.concatenate([branch.radii for branch in branches])
        sets, rows[:, 4] = _labels(branches)
    for i, key in enumerate(properties):
        each_branch = zip(branches, lengths, strict=True)
        values = [_property(branch, key, length) for branch, length in each_branch]
        rows[:, 5 + i] = np.concatenate(values)
    index = {id(branch): i for i, branch in enumerate(branches)}
    graph = np.empty((len(branches), 2), dtype=np.int64)
    graph[:, 0] = np.cumsum(lengths)
    graph[:, 1] = [index.get(id(branch.parent), -1) for branch in branches]
    return MorphologyTable(rows, graph, sets, tuple(properties))


def _labels(branches: list[Branch]) -> tuple[LabelSets, NDArray[np.int64]]:
    """The label codes of all points; as a rule they mean the same in all branches."""
    sets, codes = LabelSets(), []
    for table, some in itertools.groupby(branches, lambda branch: branch.labels.labels):
        held = np.concatenate([np.asarray(branch.labels) for branch in some])
        sets, translated = sets.translate(held, LabelSets.from_lists(table))
        codes.append(translated)
    return sets, np.concatenate(codes)


def _property(branch: Branch, key: str, points: int) -> Rows:
    values = np.asarray(branch._properties.get(key, np.nan))
    if values.dtype.kind not in "biuf":
        raise DtypeError(f"the property '{key}' is of dtype '{values.dtype}', not numbers")
    if values.ndim and values.shape != (points,):
        raise InputError(f"the property '{key}' has shape {values.shape} for {points} points")
    return np.broadcast_to(values, (points,))


def _to_morphology(table: MorphologyTable, meta: Meta) -> Morphology:
    """A morphology whose branches are views of shared arrays."""
    points, radii = table.data[:, :3].copy(), table.data[:, 3].copy()
    codes = np.ascontiguousarray(table.data[:, 4].astype(int))
    labels = PointLabels(len(points), buffer=codes, labels=table.labels.to_lists())
    columns = table.data[:, 5:].T.copy(order="C")
    properties = dict(zip(table.properties, columns, strict=True))
    branches: list[Branch] = []
    start = 0
    for stop, parent in table.graph.tolist():
        rows = slice(start, stop)
        branch = Branch(
            points[rows],
            radii[rows],
            labels[rows],
            {key: values[rows] for key, values in properties.items()},
        )
        branches.append(branch)
        if parent >= 0:
            branches[parent].attach_child(branch)
        start = stop
    parents = table.graph[:, 1].tolist()
    roots = [branch for branch, parent in zip(branches, parents, strict=True) if parent < 0]
    return Morphology(roots, meta, shared_buffers=(points, radii, labels, properties))
