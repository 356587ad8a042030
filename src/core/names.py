"""Which names may name something in a network."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidNameError


def can_name(name: Any) -> bool:
    """Whether something can name a member of a group."""
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        return False
    return name.isascii() or _encodable(name)


def check_name(name: Any, what: str) -> str:
    """
    The name, if it can name a member of a group in every backend.

    :param name: what was given.
    :param what: the kind of thing it names, for the message.
    :raises InvalidNameError: no text, empty, ``.``, ``..``, with ``/`` or a NUL, or not
        encodable.
    """
    if not isinstance(name, str):
        problem = f"is a {type(name).__name__}"
    elif name in ("", ".", ".."):
        problem = "names no member"
    elif "/" in name or "\0" in name:
        problem = "holds a '/' or a NUL"
    elif not _encodable(name):
        problem = "is no valid Unicode text"
    else:
        return str(name)
    raise InvalidNameError(
        f"{name!r} can't name a {what}: it {problem};"
        " valid is a text without '/' and NUL, other than '.' and '..'",
        asked=name,
    )


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
