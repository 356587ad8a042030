"""Copying content that a layout does not know, or refusing it by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import attrs
import numpy as np

from ..core.layouts.nodes import ARRAY, DOCUMENT, GROUP, kind_of
from ..core.layouts.protocols import NetworkReader, NetworkWriter
from ..core.layouts.unknown import Unknown
from ..errors import StorageError, UnknownContentError, is_of_system
from ..ports.arrays import (
    ArrayReader,
    ArrayWriter,
    AttributeCopier,
    AttributeReader,
    AttributeWriter,
    DocumentReader,
    DocumentWriter,
    GroupReader,
    GroupWriter,
    NodeCopier,
)
from ..ports.store import SharesPlace, Store
from .transfer import transfer

Node = GroupReader | ArrayReader | DocumentReader
NodeWriter = GroupWriter | ArrayWriter | DocumentWriter
Path = tuple[str, ...]

_MOST_NAMED = 10
_DEEPEST = 64
_PIECE_BYTES = 8 * 1024 * 1024
# Exceptions of a backend for values that it can't store.
_UNFIT = (StorageError, ValueError, TypeError, LookupError, OverflowError)


@attrs.frozen
class NetworkSource:
    """A network that is copied, and the root group that it is in."""

    network: NetworkReader
    root: GroupReader


@attrs.frozen
class NetworkTarget(NetworkSource):
    """A network that is made, and the root group that it is in."""

    network: NetworkWriter
    root: GroupWriter


@attrs.frozen
class CopyOptions:
    """
    What to do about what can't simply be copied.

    :param trust: ``inc`` or ``out``: which of two mirrored copies of the connections to keep.
    :param drop_unknown: leave out what the layout does not know.
    :param keep_damaged: copy rows that do not match their checksums, as they are.
    """

    trust: str | None = None
    drop_unknown: bool = False
    keep_damaged: bool = False


def copy_whole(source: NetworkSource, target: NetworkTarget, options: CopyOptions) -> None:
    """
    Copy a network, and what its layout does not know of it.

    :param target: an empty network.
    :raises UnknownContentError: some of it can't be copied.

    Other parameters and errors as for :func:`transfer`.
    """
    unknown = [] if options.drop_unknown else find_unknown(source, target)
    transfer(
        source.network,
        target.network,
        trust=options.trust,
        keep_damaged=options.keep_damaged,
    )
    carry(source, target, unknown)


def find_unknown(source: NetworkSource, target: NetworkSource) -> list[tuple[Unknown, Path]]:
    """
    What the layout of a network does not know of it, and where in a copy each goes.

    :raises UnknownContentError: some of it has no place in the layout of the copy.
    """
    found = list(source.network.unknown())
    place = _places(source.network, target.network)
    refused = [(each, reason) for each in found if (reason := _obstacle(each, place))]
    if refused:
        raise _refusal(refused)
    return [(each, place(each.path) or ()) for each in found]


def check_foreign(store: Store) -> None:
    """
    Check that nothing but a network lies at its place, as a copy would lack it.

    :raises UnknownContentError: something else does.
    """
    found = store.foreign() if isinstance(store, SharesPlace) else ()
    if not found:
        return
    named = ", ".join(f"'{path}'" for path in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    raise UnknownContentError(
        f"'{store.location}' holds files that are not of the network and that a copy would lack:"
        f" {named}{more}. Move them elsewhere, or pass drop_unknown=True to leave them out of the"
        " copy",
        found=list(found),
    )


def carry(
    source: NetworkSource, target: NetworkTarget, unknown: Sequence[tuple[Unknown, Path]]
) -> None:
    """
    Copy what a layout does not know.

    :raises UnknownContentError: some of it can't be stored in the copy, or what is there has its
        name.
    """
    refused: list[tuple[Unknown, str]] = []
    carried = set()
    for each, path in unknown:
        try:
            _carry(each, _node(source.root, each.path), _node(target.root, path))
        except _UNFIT as error:
            if is_of_system(error):
                raise
            refused.append((each, str(error)))
        carried.add((path, each.name, each.is_attribute))
    left = {(each.path, each.name, each.is_attribute) for each in target.network.unknown()}
    for each, path in unknown:
        # The copy would interpret it as known content.
        if (path, each.name, each.is_attribute) not in left:
            reason = f"the {target.network.layout} layout uses this place itself"
            refused.append((each, reason))
    if refused:
        raise _refusal(list({str(each): (each, reason) for each, reason in refused[::-1]}.values()))


def _places(source: NetworkReader, target: NetworkReader) -> Callable[[Path], Path | None]:
    """Where in another network what lies in a group of this one goes; None if nowhere."""
    if source.layout == target.layout:
        return lambda path: path
    sets = [("placement", name) for name in source.placement_names()]
    sets += [("connectivity", tag) for tag in source.connectivity_tags()]
    known: dict[Path, Path] = {(): ()}
    for part, name in sets:
        known[_path(source.place(part, name))] = _path(target.place(part, name))
    return known.get


def _path(place: str) -> Path:
    return tuple(name for name in place.split("/") if name)


def _obstacle(unknown: Unknown, place: Callable[[Path], Path | None]) -> str | None:
    if unknown.tied:
        return "its rows belong to cells, which are stored in another order"
    if place(unknown.path) is None:
        return "the layout of the copy has no such place"
    return None


def _refusal(refused: Sequence[tuple[Unknown, str]]) -> UnknownContentError:
    named = "; ".join(f"{each}: {reason}" for each, reason in refused[:_MOST_NAMED])
    more = f"; and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
    return UnknownContentError(
        "the network holds content that its layout does not know and that can't be copied:"
        f" {named}{more}. Save it elsewhere, and pass drop_unknown=True to leave out all that the"
        " layout does not know",
        found=[str(each) for each, _ in refused],
    )


def _node(root: GroupReader, path: Path) -> Node:
    node: Node = root
    for name in path:
        if not isinstance(node, GroupReader) or name not in node:
            raise UnknownContentError(f"the copy has no '/{'/'.join(path)}'")
        node = _member(node, name)
    return node


def _member(group: GroupReader, name: str) -> Node:
    kind = kind_of(group, name)
    if kind == GROUP:
        return group.group(name)
    if kind == ARRAY:
        return group.array(name)
    if kind == DOCUMENT:
        return group.document(name)
    raise UnknownContentError("it is neither a group nor an array nor a text")


def _carry(unknown: Unknown, source: Node, target: Node) -> None:
    if unknown.is_attribute:
        attributes: AttributeWriter = target.attributes  # type: ignore[assignment]  # of a copy
        if unknown.name in attributes.names():
            raise UnknownContentError("the copy already has an attribute of that name")
        _copy_attribute(source.attributes, attributes, unknown.name)
        return
    assert isinstance(source, GroupReader)
    if not isinstance(target, GroupWriter) or unknown.name in target:
        raise UnknownContentError("the copy already has a member of that name")
    _copy_member(source, target, unknown.name, 0)


def _copy_member(source: GroupReader, target: GroupWriter, name: str, depth: int) -> None:
    if isinstance(target, NodeCopier) and target.copy_member(source, name):
        return
    if depth > _DEEPEST:
        raise UnknownContentError(f"its groups are nested more than {_DEEPEST} deep")
    member = _member(source, name)
    made = _copy_content(source, target, name)
    for each in member.attributes.names():
        _copy_attribute(member.attributes, made.attributes, each)
    if isinstance(member, GroupReader) and isinstance(made, GroupWriter):
        for each in member.names():
            _copy_member(member, made, each, depth + 1)


def _copy_content(source: GroupReader, target: GroupWriter, name: str) -> NodeWriter:
    kind = kind_of(source, name)
    if kind == GROUP:
        return target.require_group(name)
    if kind == ARRAY:
        return _copy_array(source.array(name), target, name)
    return target.write_document(name, source.document(name).read())


def _copy_array(source: ArrayReader, target: GroupWriter, name: str) -> ArrayWriter:
    pieces = _pieces(source)
    made = target.create_array(name, next(pieces))
    for piece in pieces:
        made.append(piece)
    return made


def _pieces(array: ArrayReader) -> Iterator[np.ndarray]:
    shape = array.shape
    row = max(1, int(np.prod(shape[1:], dtype=np.float64)) * array.dtype.itemsize)
    step = max(1, _PIECE_BYTES // row)
    yield array.read(0, step)
    for start in islice(range(0, shape[0], step), 1, None):
        yield array.read(start, min(start + step, shape[0]))


def _copy_attribute(source: AttributeReader, target: AttributeWriter, name: str) -> None:
    if isinstance(target, AttributeCopier) and target.copy(source, name):
        return
    value = source.get(name)
    if value is None:
        raise UnknownContentError("it has no value")
    target.set(name, value)
