"""The sets of a network, given as a scaffold, a storage or its root."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TypeAlias, TypeVar

import bsb

from ..config import Root
from ..connectivity_set import ConnectivitySet
from ..engine import StorageEngine
from ..errors import InputError
from ..exceptions import as_bsb
from ..handles import SessionEngine
from ..placement_set import PlacementSet
from ..storages import engine_of
from ..transactions.interrupts import without_interrupts
from ..transactions.session import Session

_Set = TypeVar("_Set", PlacementSet, ConnectivitySet)

Network: TypeAlias = bsb.Scaffold | bsb.Storage | Root
"""A network, its storage, or the root of that."""
PlacementSets: TypeAlias = Network | PlacementSet | Iterable[PlacementSet]
"""Some placement sets, or all of a network."""
ConnectivitySets: TypeAlias = Network | ConnectivitySet | Iterable[ConnectivitySet]
"""Some connectivity sets, or all of a network."""


def engine_of_network(network: Network | StorageEngine) -> StorageEngine:
    """
    The engine that a network is stored with.

    :raises InputError: its engine belongs to another package.
    :raises StoreNotFoundError: nothing lies at the root.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    """
    if isinstance(network, StorageEngine):
        return network
    return engine_of(network.storage if isinstance(network, bsb.Scaffold) else network)


def placement_set_of(engine: SessionEngine, name: str) -> PlacementSet:
    """The placement set of a cell type by its name, which need not be in the configuration."""
    return PlacementSet(engine, bsb.CellType(name=name, spatial={"radius": 1.0}))


@without_interrupts
def placement_sets(network: Network | StorageEngine) -> list[PlacementSet]:
    """
    The placement sets of a network by name, also of types that the configuration lacks.

    :param network: ``bsb.Scaffold``, ``bsb.Storage`` or the root of one.
    """
    engine = engine_of_network(network)
    with session_on(engine) as session:
        return [placement_set_of(engine, name) for name in session.network.placement_names()]


@without_interrupts
def connectivity_sets(network: Network | StorageEngine) -> list[ConnectivitySet]:
    """
    The connectivity sets of a network by tag.

    :param network: ``bsb.Scaffold``, ``bsb.Storage`` or the root of one.
    """
    engine = engine_of_network(network)
    with session_on(engine) as session:
        return [ConnectivitySet(engine, tag) for tag in session.network.connectivity_tags()]


def chosen_placement_sets(cells: PlacementSets) -> list[PlacementSet]:
    """
    The given placement sets: one, several, or all of a network.

    :raises InputError: one is not a placement set, they belong to several storages, or two are of
        one type.
    """
    if isinstance(cells, bsb.Scaffold | bsb.Storage) or _is_root(cells):
        return placement_sets(cells)
    return _checked([cells] if isinstance(cells, PlacementSet) else cells, PlacementSet)


def chosen_connectivity_sets(connections: ConnectivitySets) -> list[ConnectivitySet]:
    """
    Connectivity sets as they are given; errors as for :func:`chosen_placement_sets`, and if one is
    given twice.
    """
    if isinstance(connections, bsb.Scaffold | bsb.Storage) or _is_root(connections):
        return connectivity_sets(connections)
    given = [connections] if isinstance(connections, ConnectivitySet) else connections
    return _checked(given, ConnectivitySet)


def check_connectivity_set(given: object) -> None:
    """
    Check that a question of one set is asked of one.

    :raises InputError: it is something else, such as the tag of a set.
    """
    if not isinstance(given, ConnectivitySet):
        raise InputError(f"a ConnectivitySet is needed, not {given!r}", asked=given)


def session_on(engine: SessionEngine) -> AbstractContextManager[Session]:
    """A new read session, or the session that is open in this context."""
    return as_bsb(engine.sessions.scope(write=False))


def _is_root(given: object) -> bool:
    return isinstance(given, str) or hasattr(given, "__fspath__")


def _checked(given: object, kind: type[_Set]) -> list[_Set]:
    if not isinstance(given, Iterable) or isinstance(given, PlacementSet | ConnectivitySet):
        raise InputError(
            f"a {kind.__name__}, several of them, or a network is needed, not {given!r}",
            asked=given,
        )
    sets = list(given)
    for each in sets:
        if not isinstance(each, kind):
            raise InputError(f"a {kind.__name__} is needed, not {each!r}", asked=each)
    if len({each._engine.sessions.store.identity for each in sets}) > 1:
        raise InputError("the sets are of several storages; ask for one storage at a time")
    _check_once(sets)
    return sets


def _check_once(sets: list[_Set]) -> None:
    """Check that no set is given twice: by type there is one answer, and connections count once."""
    if len(sets) < 2:  # noqa: PLR2004
        return
    with session_on(sets[0]._engine) as session:
        is_same = session.network.is_same
        for i, each in enumerate(sets):
            first = next((other.tag for other in sets[:i] if is_same(other.tag, each.tag)), None)
            if first is not None:
                spelled = f", as '{first}' and as '{each.tag}'" if first != each.tag else ""
                raise InputError(
                    f"the set '{each.tag}' is given twice{spelled}; ask for each by itself",
                    asked=each.tag,
                )
