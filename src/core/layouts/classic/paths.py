"""
Names with ``/``, which bsb-hdf5 8.0.2 hands to HDF5, to which they are paths.

The item ``a/b`` of a part lies in the group ``a`` of that part. HDF5 skips steps that are empty
or ``.``, so that a URL ``http://host/file`` lies at ``http:/host/file``; an attribute says its
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs

from ....errors import CorruptNetworkError, NodeNotFoundError
from ....ports.arrays import GroupReader, GroupWriter
from ...paths import canonical, check_path, in_the_way, steps
from ..nodes import GROUP, OTHER, kind_of

G = TypeVar("G", bound=GroupReader)

# A file may link its groups to each other so that walking through all of them never ends.
_MOST_STEPS = 100_000
_DEEPEST = 64
_ITEM = "item"


@attrs.frozen
class Kind:
    """
    The kind of items that a part consists of.

    :param title: the noun for an item in messages.
    :param is_item: whether a member of a group is an item.
    :param own: the members that belong to an item, while others may be items themselves; None if
        all members belong to it.
    :param given: the attribute with the name of an item, which may differ from its path.
    """

    title: str
    is_item: Callable[[GroupReader, str], bool]
    own: frozenset[str] | None = None
    given: Callable[[GroupReader, str], object] = lambda *_: None


def locate(group: G, name: str) -> tuple[G, str] | None:
    """The parent group of a path, and the name of its member; None if it does not exist."""
    if "/" not in name:
        return (group, name) if name in group else None
    names = steps(name)
    for each in names[:-1]:
        below = subgroup(group, each)
        if below is None:
            return None
        group = below
    return (group, names[-1]) if names and names[-1] in group else None


def find(group: G, name: str, kind: Kind) -> tuple[G, str] | None:
    """As :func:`locate`, if it is an item, or something that can't be read, such as a link."""
    found = locate(group, name)
    if found is None or not (kind.is_item(*found) or kind_of(*found) == OTHER):
        return None
    return found


def subgroup(group: G, name: str) -> G | None:
    """A member that is a group, if it is one."""
    try:
        return group.group(name)  # type: ignore[return-value]  # of the same kind
    except NodeNotFoundError:
        return None


def names_of(group: GroupReader, kind: Kind) -> tuple[str, ...]:
    """
    The names of all items in the group of a part, sorted.

    :raises CorruptNetworkError: its groups are without end.
    """
    walk = _walk(group, kind, "", frozenset(), [0])
    found = [_name_of(kind, path, at, name) for path, at, name, what in walk if what == _ITEM]
    return tuple(sorted(found))


def unreadable_names(group: GroupReader, kind: Kind) -> Iterator[str]:
    """
    The paths of what can't be read below the groups of a part, or is a link there.

    :raises CorruptNetworkError: its groups are without end.
    """
    for path, *_, what in _walk(group, kind, "", frozenset(), [0]):
        if what == OTHER and "/" in path:
            yield path


def _name_of(kind: Kind, path: str, group: GroupReader, member: str) -> str:
    """The name of an item as it was given, if that is known and leads to its path."""
    given = kind.given(group, member)
    return given if isinstance(given, str) and canonical(given) == path else path


def has_items(group: GroupReader, kind: Kind, but: frozenset[str] = frozenset()) -> bool:
    """
    Whether items lie somewhere in a group.

    :param but: members that are not looked into.
    """
    return any(what == _ITEM for *_, what in _walk(group, kind, "", but, [0]))


def _walk(
    group: GroupReader, kind: Kind, prefix: str, skipped: frozenset[str], count: list[int]
) -> Iterator[tuple[str, GroupReader, str, str]]:
    """
    The path of each item, the member of a group that it is, and that it is one.

    So, too, of each member that is neither an item nor a group, and what it is instead.
    """
    for name in group.names():
        if name in skipped:
            continue
        is_item = kind.is_item(group, name)
        if is_item:
            yield prefix + name, group, name, _ITEM
            if kind.own is None:
                continue
        what = kind_of(group, name)
        if what != GROUP:
            if not is_item:
                yield prefix + name, group, name, what
            continue
        count[0] += 1
        if count[0] > _MOST_STEPS or prefix.count("/") > _DEEPEST:
            raise CorruptNetworkError(
                f"the search for each {kind.title} met more than {_MOST_STEPS} groups, or more than"
                f" {_DEEPEST} nested ones, such as '{prefix}{name}'"
            )
        own = (kind.own or frozenset()) if is_item else frozenset()
        yield from _walk(group.group(name), kind, f"{prefix}{name}/", own, count)


def make_room(part: GroupWriter, name: str, kind: Kind) -> tuple[GroupWriter, str]:
    """
    The group that a new item is to lie in, made if it is absent, and its name there.

    :raises InvalidNameError: something else is in the way, or is where the item is to be.
    """
    names = steps(check_path(name, kind.title))
    if len(names) > 1 or names[0] in part:
        _check_way(part, names, kind)
    group = part
    for each in names[:-1]:
        group = group.require_group(each)
    return group, names[-1]


def _check_way(group: GroupReader, names: list[str], kind: Kind) -> None:
    for depth, (step, following) in enumerate(zip(names, [*names[1:], ""], strict=True)):
        if step not in group:
            return
        below, is_item = subgroup(group, step), kind.is_item(group, step)
        is_last = depth == len(names) - 1
        shared = kind.own is not None and below is not None and following not in kind.own
        if not (
            shared or (is_last and is_item) or (below is not None and not is_last and not is_item)
        ):
            raise in_the_way("/".join(names), kind.title, "/".join(names[: depth + 1]))
        if below is None:
            return
        if is_last and not is_item:
            _check_room(below, names, kind)
        group = below


def _check_room(group: GroupReader, names: list[str], kind: Kind) -> None:
    """Check that no item lies where a member of the new one is to lie."""
    for each in kind.own or ():
        below = subgroup(group, each) if each in group else None
        if below is not None and (kind.is_item(group, each) or has_items(below, kind)):
            raise in_the_way("/".join(names), kind.title, "/".join([*names, each]))


def remove(part: GroupWriter, name: str, kind: Kind) -> None:
    """
    Remove an item, and the groups above it that are empty afterwards.

    :raises NodeNotFoundError: there is no such item.
    """
    found = find(part, name, kind)
    if found is None:
        raise NodeNotFoundError(f"there is no {kind.title} '{name}'", asked=name)
    group, last = found
    if kind.own is not None and has_items(group.group(last), kind, kind.own):
        _empty(group.group(last), kind.own)
        return
    group.delete(last)
    for depth in range(len(steps(name)) - 1, 0, -1):
        *above, step = steps(name)[:depth]
        parent, _ = locate(part, "/".join([*above, step])) or (part, "")
        below = parent.group(step)
        if below.names() or below.attributes.names():
            return
        parent.delete(step)


def _empty(item: GroupWriter, own: frozenset[str]) -> None:
    for name in own & set(item.names()):
        item.delete(name)
    for name in item.attributes.names():
        item.attributes.delete(name)
