"""Checks that all layouts share: provenance, morphologies, files, and arrays of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...core.files import checksum
from ...core.json_types import DocumentView
from ...core.labels import LabelSets
from ...core.layouts.documents import read_json
from ...core.layouts.nodes import ARRAY, DOCUMENT, GROUP, kind_of
from ...core.layouts.protocols import MorphologyReader, NetworkReader, NetworkWriter
from ...errors import CorruptNetworkError
from ...ports.arrays import AnyArray, ArrayReader, AttributeReader, GroupReader, GroupWriter
from ..findings import Findings, KeyedMend, plain

_PROVENANCE, _STATE = "bsb_provenance", "state_id"
_PIECE_BYTES = 8 * 1024 * 1024
_CHUNKS = 1 << 48
_MOST_NAMED = 10
_KINDS = {GROUP: "is a group", ARRAY: "is an array", DOCUMENT: "is a document"}

NewBundle = Callable[[], DocumentView]


def pieces(array: ArrayReader) -> Iterator[AnyArray]:
    """All rows of an array, in pieces of limited size."""
    shape = array.shape
    row = max(1, int(np.prod(shape[1:], dtype=np.float64)) * array.dtype.itemsize)
    step = max(1, _PIECE_BYTES // row)
    for start in range(0, shape[0], step):
        yield array.read(start, min(start + step, shape[0]))


def chunk_of(name: str) -> int:
    """
    The id of the chunk that a group is named after.

    :raises CorruptNetworkError: the name is not the id of a chunk.
    """
    if not (name.isascii() and name.isdigit()) or str(int(name[:20])) != name:
        raise CorruptNetworkError(f"'{name}' is not the id of a chunk")
    return check_chunk(int(name))


def check_chunk(chunk: int) -> int:
    """Return the id of a chunk; CorruptNetworkError if no chunk can have it."""
    if not 0 <= chunk < _CHUNKS:
        raise CorruptNetworkError(
            f"{chunk} is not the id of a chunk; ids go from 0 to {_CHUNKS - 1}"
        )
    return chunk


def check_codes(codes: NDArray[np.int64], sets: LabelSets) -> None:
    """Check that label codes have a label set; CorruptNetworkError otherwise."""
    unknown = [code for code in np.unique(codes).tolist() if code not in sets.table]
    if unknown:
        raise CorruptNetworkError(
            f"there is no label set for the label codes {unknown[:_MOST_NAMED]};"
            f" the known codes are {sorted(sets.table)[:_MOST_NAMED]}"
        )


def check_numbers(array: ArrayReader, width: tuple[int, ...] | None, kinds: str) -> None:
    """
    Check that an array has rows of numbers; CorruptNetworkError otherwise.

    :param width: shape of a row; None for any.
    :param kinds: of numpy's dtypes that it may have.
    """
    shape, dtype = array.shape, array.dtype
    if dtype.kind not in kinds or not shape or (width is not None and shape[1:] != width):
        raise CorruptNetworkError(f"it has shape {shape} and dtype '{dtype}'")


def check_length(
    attributes: AttributeReader,
    total: int,
    place: tuple[str, str],
    found: Findings,
    mend: KeyedMend,
) -> None:
    """
    Report a stored length that differs from the number of rows.

    :param place: the part, and the set within it.
    """
    part, name = place
    length = attributes.get("len")
    if not isinstance(length, int | np.integer) or length != total:
        found.note(part, f"'{name}', len", f"is {plain(length)}; there are {total}", mend)


def note_strangers(found: Findings, where: str, names: set[str]) -> None:
    """Report morphologies that cells refer to, but that are not stored."""
    for name in sorted(names):
        found.note("placement", where, f"cells have the morphology '{name}', which is not stored")


def note_members(
    found: Findings, root: GroupReader, group_name: str, *kinds: str, part: str | None = None
) -> None:
    """
    Report members of a part that can't be one of its sets or files.

    They include those whose metadata is damaged, which would only seem to be absent otherwise.

    :param kinds: the kinds of nodes that sets or files are.
    :param part: the name of the part, if it is not that of its group.
    """
    if group_name not in root:
        return
    part, group = part or group_name, root.group(group_name)
    for name in group.names():
        if (kind := kind_of(group, name)) not in kinds:
            is_ = _KINDS.get(kind, "is neither a group, an array nor a text")
            what = f"{is_}, not a {' or '.join(kinds)}, and so not part of the network"
            found.note(part, f"'{name}'", what)


def verify_root(root: GroupReader, network: NetworkReader, found: Findings, new: NewBundle) -> None:
    """Check the attributes of the root."""
    with found.reading("network", "chunk size"):
        network.chunk_size  # noqa: B018  # fails
    with found.reading("network", "versions"):
        if not all(each is None or isinstance(each, str) for each in network.versions):
            raise CorruptNetworkError(f"they are {network.versions}")
    _verify_provenance(root, network, found, new)


def _verify_provenance(
    root: GroupReader, network: NetworkReader, found: Findings, new: NewBundle
) -> None:
    attributes = root.attributes

    def replace(bundle: DocumentView) -> None:
        writer = writable(root).attributes
        for name in (_PROVENANCE, _STATE):
            writer.delete(name)
        cast(NetworkWriter, network).set_provenance({**bundle, _STATE: 0})

    renew = "identity", lambda: replace(new())
    try:
        bundle = read_json(attributes, _PROVENANCE)
    except CorruptNetworkError as error:
        found.note("provenance", _PROVENANCE, f"can't be read: {error}", renew)
        return
    if not bundle:
        found.note("provenance", _PROVENANCE, "is missing", renew)
        return
    identity = bundle.get("storage_id")
    if not isinstance(identity, str) or not identity:
        found.note("provenance", "storage_id", f"is {identity!r}; it must be a text", renew)
        return
    state = attributes.get(_STATE) if network.layout == "columnar" else bundle.get(_STATE)
    if not isinstance(state, int | np.integer) or isinstance(state, bool) or state < 0:
        what = f"is {plain(state)}; it must be the number of sessions"
        found.note("provenance", _STATE, what, ("state", lambda: replace(bundle)))


def verify_morphologies(network: NetworkReader, found: Findings) -> set[str] | None:
    """
    Check every morphology and the metadata.

    :returns: the names of the stored morphologies; None if they are unknown.
    """
    stored: set[str] | None = None
    with found.reading("morphologies", "all"):
        reader = network.morphologies
        stored = set(reader.names())
        for name in sorted(stored):
            with found.reading("morphologies", f"'{name}'"):
                _verify_morphology(reader, name)
        with found.reading("morphologies", "metadata"):
            reader.meta()
    return stored


def _verify_morphology(reader: MorphologyReader, name: str) -> None:
    table = reader.load(name)
    codes = table.data[:, 4]
    if not np.array_equal(codes, np.rint(codes)):
        raise CorruptNetworkError("its label codes are not whole numbers")
    check_codes(codes.astype(np.int64), table.labels)


def verify_files(network: NetworkReader, found: Findings) -> None:
    """Check every file and its checksum."""
    with found.reading("files", "all"):
        for id_ in network.files.ids():
            with found.reading("files", f"'{id_}'"):
                stored = network.files.load(id_)
                stored.content()
                expected = stored.meta.get("content_sha256")
                if expected is not None and expected != checksum(stored.data):
                    what = f"its checksum is {checksum(stored.data)}; it was stored with {expected}"
                    found.note("files", f"'{id_}'", what)


def note_totals(
    found: Findings,
    stored: Mapping[int, Sequence[int] | None],
    actual: Mapping[int, Sequence[int] | None],
    mend: KeyedMend,
    where: str,
) -> None:
    """
    Report chunks whose stored counts differ from the actual ones.

    :param where: the part, and the set in it.
    """
    part, _, place = where.partition(" ")
    for chunk in sorted({*stored, *actual}):
        says, is_ = stored.get(chunk), actual.get(chunk)
        if says != is_ and any(says or ()) | any(is_ or ()):
            there = f"{place} chunk {chunk}".strip()
            found.note(part, there, f"{_text(says)} are counted; there are {_text(is_)}", mend)


def _text(counts: Sequence[int] | None) -> str:
    return "none" if counts is None else " and ".join(map(str, counts))


def check_history(group: GroupReader, part: str, name: str, found: Findings) -> None:
    """Report a revision that is not a number, which no session could advance."""
    revision = group.attributes.get("revision")
    if revision is None or (isinstance(revision, int | np.integer) and revision >= 0):
        return

    def forget() -> None:
        writable(group).attributes.set("revision", 0)

    what = f"is {plain(revision)}; it must be the number of sessions"
    found.note(part, f"'{name}', revision", what, ((part, name, "revision"), forget))


def writable(group: GroupReader) -> GroupWriter:
    """The same group, which belongs to a write session."""
    assert isinstance(group, GroupWriter)
    return group
