"""Which layout a root group is in."""

from __future__ import annotations

from typing import overload

from ...errors import InputError, NotANetworkError
from ...ports.arrays import GroupReader, GroupWriter
from ...ports.cache import CacheView
from .classic.network import ClassicNetwork
from .columnar.network import CHECKED, FORMAT, ColumnarNetwork, KnownRoot, check_version
from .nodes import DOCUMENT, GROUP, kind_of
from .protocols import NetworkReader, NetworkWriter

LAYOUTS = ("classic", "columnar")
# Groups of the classic layout, any of which makes a network; the first write makes the others.
_PARTS = ("placement", "connectivity", "morphologies", "files")
_META = "morphology_meta"


@overload
def open_network(
    root: GroupWriter, location: str, cache: CacheView | None = None
) -> NetworkWriter: ...


@overload
def open_network(
    root: GroupReader, location: str, cache: CacheView | None = None
) -> NetworkReader: ...


def open_network(root: GroupReader, location: str, cache: CacheView | None = None) -> NetworkReader:
    """
    The network in a root group.

    :param location: location of the store, for messages.
    :param cache: what earlier sessions found out about the store.
    :raises NotANetworkError: the group holds no network of a known layout and version.
    """
    # One class both reads and writes a layout; a reader gets the reading part of it.
    writer: GroupWriter = root  # type: ignore[assignment]
    known: KnownRoot | None = None if cache is None else cache.get(CHECKED)
    if known is not None:
        return ColumnarNetwork(writer, cache, known)
    found = root.attributes.get("format")
    if found is None:
        _check_parts(root, location)
        return ClassicNetwork(writer, cache)
    if not isinstance(found, str) or found != FORMAT:
        raise NotANetworkError(
            f"'{location}' has the layout {found!r}; this engine reads the layout '{FORMAT}' and"
            " the classic one, which has no name",
            location=location,
            found=str(found),
            valid=FORMAT,
        )
    check_version(root, location)
    network = ColumnarNetwork(writer, cache)
    network.remember()
    return network


def _check_parts(root: GroupReader, location: str) -> None:
    if any(kind_of(root, part) == GROUP for part in _PARTS if part in root):
        return
    if _META in root and kind_of(root, _META) == DOCUMENT:
        return
    raise NotANetworkError(
        f"'{location}' is not a network: it has none of the groups {', '.join(_PARTS)};"
        f" it holds {list(root.names())[:10]}",
        location=location,
    )


def create_network(root: GroupWriter, layout: str = "classic") -> NetworkWriter:
    """
    Prepare an empty root group to hold a network.

    :param layout: ``classic`` or ``columnar``.
    :raises InputError: the layout is unknown.
    """
    check_layout(layout)
    return (ClassicNetwork if layout == "classic" else ColumnarNetwork).create(root)


def check_layout(layout: str) -> None:
    """
    Check that there is a layout of a name.

    :raises InputError: there is none.
    """
    if layout not in LAYOUTS:
        raise InputError(
            f"the layout must be {' or '.join(map(repr, LAYOUTS))}, not {layout!r}",
            asked=layout,
            valid=LAYOUTS,
        )
