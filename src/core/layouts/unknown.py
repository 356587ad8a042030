"""Content that the layout of a network does not know: groups, arrays and attributes of users."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from ...ports.arrays import AttributeReader, GroupReader
from .nodes import ARRAY, DOCUMENT, GROUP, kind_of


@attrs.frozen
class Unknown:
    """
    A member or an attribute that a layout does not know.

    :param path: names that lead from the root to the group or array that has it.
    :param name: name of the member or attribute.
    :param is_attribute: which of the two.
    :param tied: whether its rows are those of cells or connections, so that it can't be copied
        by itself.
    """

    path: tuple[str, ...]
    name: str
    is_attribute: bool
    tied: bool = False

    def __str__(self) -> str:
        if self.is_attribute:
            return f"the attribute '{self.name}' of '/{'/'.join(self.path)}'"
        return f"'/{'/'.join((*self.path, self.name))}'"


@attrs.frozen
class Known:
    """
    What a layout knows of a group, array or document.

    :param attributes: whether it knows an attribute.
    :param member: what it knows of a member of a group; None if it does not know that.
    :param is_tied: whether the rows of a member that it does not know are those of cells.
    """

    attributes: Callable[[str], bool] = lambda _: False
    member: Callable[[GroupReader, str], Known | None] = lambda *_: None
    is_tied: Callable[[str], bool] = lambda _: False


def named(*names: str) -> Callable[[str], bool]:
    """A test of whether a name is one of these."""
    return frozenset(names).__contains__


def arrays(*names: str) -> Callable[[GroupReader, str], Known | None]:
    """Knows arrays of some names, which have no attributes."""
    known = named(*names)

    def member(group: GroupReader, name: str) -> Known | None:
        return Known() if known(name) and kind_of(group, name) == ARRAY else None

    return member


def unknown_below(
    group: GroupReader, known: Known, path: tuple[str, ...] = ()
) -> Iterator[Unknown]:
    """The content of a group, and of its known members, that a layout does not know."""
    yield from _unknown_attributes(group.attributes, known, path)
    for name in group.names():
        member = known.member(group, name)
        if member is None:
            yield Unknown(path, name, False, known.is_tied(name))
            continue
        within, kind = (*path, name), kind_of(group, name)
        if kind == GROUP:
            yield from unknown_below(group.group(name), member, within)
        elif kind == ARRAY:
            yield from _unknown_attributes(group.array(name).attributes, member, within)
        elif kind == DOCUMENT:
            yield from _unknown_attributes(group.document(name).attributes, member, within)


def _unknown_attributes(
    attributes: AttributeReader, known: Known, path: tuple[str, ...]
) -> Iterator[Unknown]:
    for name in attributes.names():
        if not known.attributes(name):
            yield Unknown(path, name, True)
