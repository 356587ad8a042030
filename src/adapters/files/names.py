"""Names of files: paths from users, and temporary names of incomplete files."""

from __future__ import annotations

import os
import uuid

from ...errors import InputError
from ...platform import encoding_without

MODE_OF_FILE = 0o666
"""Permissions of a file."""
# The longest name in bytes that every filesystem accepts.
_MOST_BYTES = 255
_UNIQUE = 8


def checked_path(root: str | os.PathLike[str]) -> str:
    """
    A path as text.

    :raises InputError: it contains a NUL, which ends a path for the system, or characters that
        names of files can't have here.
    """
    path = os.fsdecode(root)
    if "\0" in path:
        raise InputError(f"the path {path!r} contains a NUL character", asked=path)
    if (encoding := encoding_without(path)) is not None:
        raise InputError(
            f"the path {path!r} can't be encoded in {encoding}, as names of files are here; choose"
            " another, or set a locale with UTF-8, such as LC_ALL=C.UTF-8",
            asked=path,
        )
    return path


def target_of(path: str) -> str:
    """The path itself, or what it leads to if it is a symbolic link."""
    return os.path.realpath(path) if os.path.islink(path) else path


def hidden_path(path: str, kind: str) -> str:
    """
    A free path in the same folder, for what is to get this one or had it.

    :param kind: what it ends in; :func:`is_hidden_name` knows it again.
    """
    folder, name = os.path.split(path)
    unique = uuid.uuid4().hex[:_UNIQUE]
    return os.path.join(folder, f"{_beginning(name, kind)}{unique}.{kind}")


def is_hidden_name(candidate: str, name: str, kind: str) -> bool:
    """Whether a name may be one that :func:`hidden_path` made for a file of another name."""
    return candidate.startswith(_beginning(name, kind)) and candidate.endswith(f".{kind}")


def _beginning(name: str, kind: str) -> str:
    """As much of a name as fits into a file name beside the rest."""
    room = _MOST_BYTES - len("..") - _UNIQUE - len(f".{kind}")
    kept = name[:room]
    while len(os.fsencode(kept)) > room:
        kept = kept[:-1]
    return f".{kept}."


def file_number(path: str) -> tuple[int, int] | None:
    """The identity of the file or folder at a path, whatever its name; None if nothing is there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
