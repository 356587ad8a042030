"""
What a network was, where another program consolidated its metadata after a session was killed.

To consolidate replaces what the root says by what the ``zarr.json`` of each group and array says.
Those that the last session changed may still say what was before it, and what a session made that
never committed may be there, too. The mark of the root has the metadata of the former, and the
session numbers distinguish them from those that are up to date.
"""

from __future__ import annotations

import contextlib

from ...core.json_types import Document
from .values import MARK


def restored(nodes: dict[str, Document], mark: Document) -> dict[str, Document]:
    """
    The metadata of groups and arrays, by path, as the last session committed them.

    :param nodes: as another program consolidated them.
    :param mark: mark of the root.
    :raises ValueError: they contradict themselves; or another error of the same kind.
    """
    session = session_of(mark)
    # The second version of the format has only the paths.
    changed = mark["changed"] if isinstance(mark["changed"], dict) else {}
    found: dict[str, Document] = {}
    for path, node in nodes.items():
        stored_by = _session_at(path, node)
        if stored_by is not None and stored_by > session:
            # It belongs to a session that did not commit.
            continue
        is_outdated = path in changed and stored_by is not None and stored_by < session
        if is_outdated:
            # With the attributes that another program added to those before them.
            attributes = {**node["attributes"], **changed[path]["attributes"]}
            found[path] = {**changed[path], "attributes": attributes}
        else:
            found[path] = node
    return found


def session_of(mark: Document) -> int:
    """
    The number of the session that a mark is of; 0 if it does not say, as in earlier versions.

    :raises ValueError: it is no number.
    """
    number = mark.get("session", 0)
    if type(number) is not int or number < 0:
        raise ValueError(f"a mark is of session {number!r}")
    return number


def _session_at(path: str, node: Document) -> int | None:
    """The session that stored the metadata at a path; None if none did, or they are malformed."""
    with contextlib.suppress(LookupError, TypeError, AttributeError):
        mark = node["attributes"][MARK]
        return session_of(mark) if path in (mark.get("group"), mark.get("array")) else None
    return None
