"""
Names of the members of groups: any text names a set, a file or additional data.

A member bears the name itself where it can. Where the name holds a ``/``, begins with ``%`` or is
too long, the member is called ``%`` and the name, in which ``%25`` stands for ``%`` and ``%2F`` for
``/``; of a long name only the beginning, ``%~`` and the SHA-256 of its UTF-8. An attribute of such
a member says the name. A member that begins with ``%`` but lacks the attribute bears its own name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from ....errors import CorruptNetworkError, InvalidNameError, NodeNotFoundError
from ....ports.arrays import AttributeReader, GroupReader
from ...names import can_name

G = TypeVar("G", bound=GroupReader)

_MARK = "%"
# Bytes of a file name, and of the beginning of a long name.
_LONGEST = 255
_BEGINNING = 120


def is_encoded(member: str) -> bool:
    """Whether an attribute of a member may say its name."""
    return member.startswith(_MARK)


def is_plain(name: str) -> bool:
    """Whether a member bears the name itself."""
    if "/" in name or name.startswith(_MARK):
        return False
    return len(name) * 4 <= _LONGEST or len(_bytes_of(name)) <= _LONGEST


def member_of(name: str) -> str:
    """
    The name of the member that stores an item.

    Of a text that UTF-8 can't hold, it is one that no member has.
    """
    if is_plain(name):
        return name
    encoded = _MARK + name.replace(_MARK, "%25").replace("/", "%2F")
    if len(_bytes_of(encoded)) <= _LONGEST:
        return encoded
    beginning = _bytes_of(encoded)[:_BEGINNING].decode(errors="ignore")
    return f"{beginning}%~{hashlib.sha256(_bytes_of(name)).hexdigest()}"


def name_of(group: GroupReader, member: str, attribute: str) -> str:
    """
    The name of a member.

    :param attribute: the attribute with the name.
    :raises CorruptNetworkError: the attribute is not a text.
    """
    if not is_encoded(member):
        return member
    attributes = _attributes(group, member)
    name = None if attributes is None else attributes.get(attribute)
    if name is None:
        return member
    if not isinstance(name, str):
        raise CorruptNetworkError(f"the attribute '{attribute}' of '{member}' is {name!r}")
    return name


def names_of(
    group: GroupReader, attribute: str, is_item: Callable[[GroupReader, str], bool]
) -> tuple[str, ...]:
    """
    The names of all members that are items, sorted; errors as for :func:`name_of`.

    :param is_item: whether a member is one, and not something that the layout does not know.
    """
    items = (member for member in group.names() if is_item(group, member))
    return tuple(sorted(name_of(group, member, attribute) for member in items))


def find_member(group: GroupReader, name: str, attribute: str) -> str | None:
    """The name of the member that stores an item; None if it does not exist."""
    if is_plain(name):
        return name if name in group else None
    for member in (member_of(name), name):
        if can_name(member) and member in group and name_of(group, member, attribute) == name:
            return member
    return None


def new_member(group: GroupReader, name: str, attribute: str) -> str:
    """
    The name of the member that stores, or will store, an item.

    :raises InvalidNameError: another member already has this name.
    """
    found = find_member(group, name, attribute)
    if found is not None:
        return found
    member = member_of(name)
    if member != name and member in group:
        raise InvalidNameError(
            f"'{name}' can't be stored: the member '{member}' that it needs exists already",
            asked=name,
        )
    return member


def _bytes_of(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _attributes(group: GroupReader, member: str) -> AttributeReader | None:
    for opener in (group.group, group.document, group.array):
        try:
            return opener(member).attributes
        except NodeNotFoundError:
            continue
    return None
