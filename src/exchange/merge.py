"""Merging networks into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import count
from typing import TypeVar

import attrs
import bsb
import numpy as np
from bsb.storage.provenance import iso_now
from numpy.typing import NDArray

from ..config import Root
from ..core import columns
from ..core.chunk_id import Ids
from ..core.column_specs import LABELS
from ..core.connectivity import Blocks, Perspective, batches, check_direction
from ..core.labels import LabelSets
from ..core.layouts.detection import create_network
from ..core.layouts.protocols import NetworkReader, NetworkWriter, PlacementReader, PlacementWriter
from ..core.mirrored import check_mirrored, perspectives
from ..core.placement_rows import MorphologyRows, PlacementRows
from ..core.rows import Locations
from ..core.statistics import ChunkCounts
from ..engine import StorageEngine
from ..errors import (
    ChunkSizeError,
    ClashError,
    FileStoredError,
    InputError,
    MorphologyExistsError,
    SetTypeError,
    UnknownContentError,
)
from ..exceptions import bsb_errors
from ..ports.arrays import GroupWriter
from ..ports.store import common_mode
from ..queries.progress import count_done, count_expected, rows_in
from ..storages import engine_of, make_engine, open_storage
from ..transactions.interrupts import call_pending, without_interrupts
from .convert import check_free
from .damage import check_undamaged
from .diff import same_file, same_meta, same_morphology
from .transfer import (
    Portion,
    append_parts,
    as_blocks,
    cells_of,
    listed_morphology,
    types_of,
)
from .unknown import CopyOptions, check_foreign

_ACTIVE = "active_config"
_MOST_NAMED = 10
T = TypeVar("T")


@without_interrupts
def merge(
    sources: Iterable[bsb.Storage | Root],
    target: Root,
    *,
    engine: str | None = None,
    layout: str | None = None,
    rename: bool = False,
    trust: str | None = None,
    drop_unknown: bool = False,
    keep_damaged: bool = False,
) -> bsb.Storage:
    """
    :guilabel:`collective` Merge several networks into a new one; the sources stay unchanged.

    In each chunk, the cells of a type are those of the first network, then those of the second, and
    so on; connections are renumbered with their cells, and sets with the same tag and types become
    one. The new network has a new identity, and the configuration of the first network that has
    one; the other configurations are kept as files. Memory is as for :func:`convert`.

    :param sources: two or more ``bsb.Storage``, or their roots, with the same chunk size.
    :param target: root of the new network.
    :param engine: name of its engine: ``hdf5``, ``memory`` or ``zarr``; by default that of the
        first source.
    :param layout: ``classic`` or ``columnar``; by default that of the engine.
    :param rename: where networks have different morphologies, files or sets of the same name,
        append ``_2``, ``_3``, ... to the name of those of the later network.
    :param trust: as for :func:`convert`.
    :param drop_unknown: leave out content that the layouts of the sources do not know, and files in
        the folders of zarr networks that do not belong to them.
    :param keep_damaged: as for :func:`convert`.
    :returns: the new network.
    :raises InputError: fewer than two sources, or an engine or layout that does not exist; or the
        target lies within a source in an object store.
    :raises StoreExistsError: something lies at the target.
    :raises ChunkSizeError: the networks have different chunk sizes.
    :raises InvalidNameError: the classic layout can't distinguish two names, such as ``a/b`` and
        ``a//b``.
    :raises MorphologyExistsError: different morphologies have the same name, without ``rename``.
    :raises FileStoredError: different files have the same id, without ``rename``.
    :raises SetTypeError: sets with the same tag connect different types, without ``rename``.
    :raises LengthError: cells of a chunk have morphologies in one network, and none in another.
    :raises CorruptNetworkError: as for :func:`convert`.
    :raises UnknownContentError: a network holds content that its layout does not know.
    """
    is_several = isinstance(sources, Iterable) and not isinstance(sources, str | bytes)
    given = list(sources) if is_several else []
    if len(given) < 2:  # noqa: PLR2004
        raise InputError(f"merge needs two or more networks, not {sources!r}", asked=sources)
    if trust is not None:
        check_direction(trust)
    storages = [each if isinstance(each, bsb.Storage) else open_storage(each) for each in given]
    engines = [engine_of(each) for each in storages]
    first = storages[0]
    name = first.format if engine is None else engine
    made = make_engine(name, target, first._comm)
    options = CopyOptions(trust, drop_unknown, keep_damaged)
    engines[0].ranks.on_main(lambda: _write(engines, made, layout, rename, options))
    return bsb.Storage(name, target, first._comm.get_communicator(), missing_ok=False)


def _write(
    sources: Sequence[StorageEngine],
    target: StorageEngine,
    layout: str | None,
    rename: bool,
    options: CopyOptions,
) -> None:
    for each in sources:
        check_free(each, target)
    with ExitStack() as stack, bsb_errors():
        networks = [stack.enter_context(each.read_scope()).network for each in sources]
        places = [each.sessions.store.location for each in sources]
        for source, network in zip(sources, networks, strict=True):
            if not options.drop_unknown:
                check_foreign(source.sessions.store)
            _check(network, source.sessions.store.location, options)
        count_expected(sum(map(rows_in, networks)))
        plan = _Plan(networks, places, rename)

        def fill(root: GroupWriter) -> NetworkWriter:
            made = create_network(root, layout or target.new_layout())
            target.stamp(made)
            plan.write(made, options.trust)
            return made

        # It must not be readable by users who can't read all of the sources.
        target.sessions.create(fill, common_mode(*(each.sessions.store for each in sources)))


def _check(network: NetworkReader, place: str, options: CopyOptions) -> None:
    portion = Portion()
    if not options.drop_unknown:
        unknown = list(network.unknown())
        if unknown:
            named = ", ".join(map(str, unknown[:_MOST_NAMED]))
            raise UnknownContentError(
                f"'{place}' holds content that its layout does not know: {named}; save it"
                " elsewhere, and pass drop_unknown=True to leave it out",
                found=list(map(str, unknown)),
            )
    if options.trust is None:
        for tag in network.connectivity_tags():
            check_mirrored(network.connectivity(tag), portion.connections)
    if not options.keep_damaged:
        check_undamaged(network, portion.cells, portion.connections)


Names = list[dict[str, str]]
"""For each network, the name in the new network of each of its names."""


class _Plan:
    """The plan of a merge, made before anything is written."""

    def __init__(
        self, networks: Sequence[NetworkReader], places: Sequence[str], rename: bool
    ) -> None:
        self._networks = networks
        self._size = _common_size(networks, places)
        names = _Naming(networks, places, rename)
        self._morphologies = names.of(
            "morphology",
            lambda network: network.morphologies.names(),
            _same_morphology,
            MorphologyExistsError,
        )
        self._files = names.of(
            "file", lambda network: network.files.ids(), _same_file, FileStoredError
        )
        self._sets = names.of(
            "connectivity set",
            lambda network: network.connectivity_tags(),
            _same_types,
            SetTypeError,
        )

    def write(self, target: NetworkWriter, trust: str | None) -> None:
        """
        Fill an empty network.

        :raises InvalidNameError: it can't keep some of the names apart.
        """
        self._check_names(target)
        if self._size is not None:
            target.set_chunk_size(self._size)
        self._write_morphologies(target)
        self._write_files(target)
        names = self._cell_types()
        offsets = {name: self._write_cells(target, name) for name in names}
        self._write_connections(target, offsets, trust)

    def _cell_types(self) -> dict[str, None]:
        """The names of the placement sets of all networks."""
        return dict.fromkeys(name for each in self._networks for name in each.placement_names())

    def _check_names(self, target: NetworkWriter) -> None:
        target.check_names("placement", tuple(self._cell_types()))
        for part, names in (
            ("connectivity", self._sets),
            ("morphologies", self._morphologies),
            ("files", self._files),
        ):
            made = dict.fromkeys(name for each in names for name in each.values())
            target.check_names(part, tuple(made))

    def _write_morphologies(self, target: NetworkWriter) -> None:
        held, meta = target.morphologies, {}
        for network, names in zip(self._networks, self._morphologies, strict=True):
            known = network.morphologies.meta()
            for before, name in names.items():
                if name not in held:
                    held.save(name, network.morphologies.load(before))
                    if before in known:
                        meta[name] = known[before]
        if meta:
            held.replace_meta(meta)

    def _write_files(self, target: NetworkWriter) -> None:
        configured = False
        for network, ids in zip(self._networks, self._files, strict=True):
            for before, id_ in ids.items():
                if id_ in target.files:
                    continue
                content = network.files.load(before)
                if content.meta.get(_ACTIVE) and configured:
                    content = attrs.evolve(content, meta={**content.meta, _ACTIVE: False})
                configured |= bool(content.meta.get(_ACTIVE))
                target.files.store(id_, content)

    def _write_cells(self, target: NetworkWriter, name: str) -> list[ChunkCounts]:
        """
        Write the cells of a type.

        :returns: for each network, how many cells of earlier ones each chunk has.
        """
        held = [
            each.placement(name) if name in each.placement_names() else None
            for each in self._networks
        ]
        target.create_placement(name, created_at=iso_now())
        made = target.placement(name)
        made.require_keys(
            sorted({key for each in held if each is not None for key in each.additional_keys()})
        )
        before, offsets = ChunkCounts.of({}), []
        for network, source, names in zip(self._networks, held, self._morphologies, strict=True):
            offsets.append(before)
            if source is None:
                continue
            for _, chunks in cells_of(source, Portion().cells, listed_morphology(network)):
                for chunk, parts in chunks:
                    append_parts(made, chunk, (_renamed(rows, names) for rows in parts))
            before = ChunkCounts.united([before, source.counts()])
        _write_labels(made, held, offsets)
        return offsets

    def _write_connections(
        self, target: NetworkWriter, offsets: dict[str, list[ChunkCounts]], trust: str | None
    ) -> None:
        for i, (network, tags) in enumerate(zip(self._networks, self._sets, strict=True)):
            for before, tag in tags.items():
                source = network.connectivity(before)
                types = types_of(network, source)
                if tag not in target.connectivity_tags():
                    target.create_connectivity(tag, *types, created_at=iso_now())
                shifts = [
                    offsets[name][i] if name in offsets else ChunkCounts.of({}) for name in types
                ]
                # Connections that are stored once read the same from both sides.
                direction = trust if trust is not None and source.mirrored else "out"
                for part in perspectives(source, direction, Portion().connections):
                    call_pending()
                    count_done(len(part.local_locations))
                    target.connectivity(tag).append(_shifted(before, part, *shifts))


class _Naming:
    """Names in the new network; things that are equal share one."""

    def __init__(
        self, networks: Sequence[NetworkReader], places: Sequence[str], rename: bool
    ) -> None:
        self._networks = networks
        self._places = places
        self._rename = rename

    def of(
        self,
        what: str,
        list_names: Callable[[NetworkReader], Sequence[str]],
        same: Callable[[NetworkReader, str, NetworkReader, str], bool],
        kind: type[ClashError],
    ) -> Names:
        """
        The names of the morphologies, files or sets of each network.

        :raises ClashError: of the kind that is given: different things have one name.
        """
        every = {name for network in self._networks for name in list_names(network)}
        # The source network and the name in it, by the name in the new network.
        taken: dict[str, tuple[int, str]] = {}
        found: Names = []
        for i, network in enumerate(self._networks):
            names = {}
            for name in list_names(network):
                first = taken.get(name)
                if first is None or same(self._networks[first[0]], first[1], network, name):
                    names[name] = name
                elif self._rename:
                    names[name] = _free(name, {*every, *taken})
                else:
                    raise kind(
                        f"the {what} '{name}' differs between '{self._places[first[0]]}' and"
                        f" '{self._places[i]}'; pass rename=True to keep both",
                        asked=name,
                    )
                taken.setdefault(names[name], (i, name))
            found.append(names)
        return found


def _free(name: str, taken: set[str]) -> str:
    return next(each for i in count(2) if (each := f"{name}_{i}") not in taken)


def _same_morphology(a: NetworkReader, first: str, b: NetworkReader, second: str) -> bool:
    metas = [each.morphologies.meta().get(name) for each, name in ((a, first), (b, second))]
    return same_meta(*metas) and same_morphology(
        a.morphologies.load(first), b.morphologies.load(second)
    )


def _same_file(a: NetworkReader, first: str, b: NetworkReader, second: str) -> bool:
    return same_file(a.files.load(first), b.files.load(second))


def _same_types(a: NetworkReader, first: str, b: NetworkReader, second: str) -> bool:
    sets = a.connectivity(first), b.connectivity(second)
    return (sets[0].pre_type, sets[0].post_type) == (sets[1].pre_type, sets[1].post_type)


def _common_size(
    networks: Sequence[NetworkReader], places: Sequence[str]
) -> NDArray[np.float64] | None:
    known = [
        (each.chunk_size, place)
        for each, place in zip(networks, places, strict=True)
        if not np.isnan(each.chunk_size).all()
    ]
    for size, place in known[1:]:
        if not np.allclose(size, known[0][0], equal_nan=True):
            raise ChunkSizeError(
                f"the chunks of '{known[0][1]}' are of size {known[0][0].tolist()} um, those of"
                f" '{place}' of {size.tolist()} um; only networks of the same chunk size can be"
                " merged",
                found=size.tolist(),
                valid=known[0][0].tolist(),
            )
    return known[0][0] if known else None


def _renamed(rows: PlacementRows, names: dict[str, str]) -> PlacementRows:
    held = rows.morphologies
    if held is None or all(names.get(name, name) == name for name in held.names):
        return rows
    renamed = tuple(names.get(name, name) for name in held.names)
    return attrs.evolve(rows, morphologies=MorphologyRows(renamed, held.indices, held.lengths))


def _write_labels(
    made: PlacementWriter,
    sources: Sequence[PlacementReader | None],
    offsets: Sequence[ChunkCounts],
) -> None:
    held = [
        (each, before) for each, before in zip(sources, offsets, strict=True) if each is not None
    ]
    if all(each.label_sets().table == LabelSets().table for each, _ in held):
        return
    counts, sets = made.counts(), LabelSets()
    for ids in batches(counts, Portion().cells):
        call_pending()
        batch = counts.select(ids)
        codes = np.zeros(batch.total, dtype=np.int64)
        for source, before in held:
            own = source.counts().among(ids)
            read = columns.align(LABELS, *source.read_column(LABELS, ids), own)
            sets, translated = sets.translate(read, source.label_sets())
            ranks = np.arange(own.total) - np.repeat(own.offsets, own.counts)
            first = batch.offsets + before.among(ids).counts
            codes[np.repeat(first, own.counts) + ranks] = translated
        made.write_labels(batch, codes, sets)


def _shifted(tag: str, part: Perspective, pre: ChunkCounts, post: ChunkCounts) -> Blocks:
    """Connections on cells that come after those of earlier networks."""
    blocks = as_blocks(tag, part)
    return Blocks(
        blocks.pre_chunks,
        blocks.post_chunks,
        _moved(blocks.pre, blocks.pre_chunks, pre),
        _moved(blocks.post, blocks.post_chunks, post),
    )


def _moved(rows: Locations, chunks: Ids, before: ChunkCounts) -> Locations:
    # A set may refer to a cell type without placed cells.
    if not len(before.ids):
        return rows
    moved = rows.copy()
    moved[:, 0] += before.among(chunks).counts
    return moved
