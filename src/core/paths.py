"""
Names with ``/`` that are paths: what they lead through, and which can lie beside each other.

As in HDF5, steps that are empty or ``.`` lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import InvalidNameError


def steps(name: str) -> list[str]:
    """The names of the groups that a path leads through, and last of what it leads to."""
    return (
        [name] if "/" not in name else [each for each in name.split("/") if each not in ("", ".")]
    )


def canonical(name: str) -> str:
    """The same path in its shortest form."""
    return "/".join(steps(name)) if "/" in name else name


def by_path(names: Iterable[str]) -> dict[str, str]:
    """The names by their paths; where several have the same path, the shortest of them."""
    return {canonical(name): name for name in sorted(names, key=lambda each: (-len(each), each))}


def check_path(name: str, title: str) -> str:
    """
    The name, if it is the path of something.

    :raises InvalidNameError: it is not.
    """
    if "/" in name and (not steps(name) or ".." in steps(name)):
        raise InvalidNameError(
            f"{name!r} can't name a {title}: names with '/' are stored as paths, which can't"
            " contain '..', nor consist of '.' alone",
            asked=name,
        )
    return name


def check_paths(names: Iterable[str], title: str, own: frozenset[str] | None = None) -> None:
    """
    Check that items of some names can lie beside each other.

    :param title: the noun for an item in messages.
    :param own: the members that belong to an item, while others may be items themselves; None if
        all members belong to it.
    :raises InvalidNameError: two have the same path, or that of one leads through another that
        has no room for it.
    """
    taken: dict[str, str] = {}
    for name in names:
        path = canonical(check_path(name, title))
        taken[path] = taken.get(path, name)
        if taken[path] != name:
            raise in_the_way(name, title, taken[path])
    for path, name in taken.items():
        above = steps(path)[:-1]
        for depth in range(1, len(above) + 1):
            other, following = "/".join(above[:depth]), steps(path)[depth]
            if other in taken and (own is None or following in own):
                raise in_the_way(name, title, taken[other])


def in_the_way(name: str, title: str, other: str) -> InvalidNameError:
    """The error for a name whose path conflicts with that of another."""
    return InvalidNameError(
        f"'{name}' can't name a {title}: names with '/' are stored as paths, and this path"
        f" conflicts with that of '{other}'",
        asked=name,
        found=other,
    )
