"""The kinds of the members of a group."""

from __future__ import annotations

from ...errors import NodeNotFoundError, StoreError, is_of_system
from ...ports.arrays import GroupReader

GROUP, ARRAY, DOCUMENT, OTHER = "group", "array", "document", "something else"


def kind_of(group: GroupReader, name: str) -> str:
    """
    What a member of a group is; something else if no port can read it, as a link in HDF5.

    :raises StoreIOError: the system could not read it.
    """
    openers = ((GROUP, group.group), (ARRAY, group.array), (DOCUMENT, group.document))
    for kind, opener in openers:
        try:
            opener(name)
        except NodeNotFoundError:
            continue
        except StoreError as error:
            if is_of_system(error):
                raise
            return OTHER
        return kind
    return OTHER
