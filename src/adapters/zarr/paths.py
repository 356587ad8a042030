"""Where the groups and arrays of a network lie: paths below the root that every store takes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

MANIFEST = "zarr.json"

Kind: TypeAlias = Literal["group", "array"]
"""The kind of node at a path; a document is an array of bytes."""

_LONGEST_NAME = 100


def checked_path(path: str) -> str:
    """
    The path of a group or array below the root group.

    :raises ValueError: it leads elsewhere, or to something that no session makes.
    """
    names = path.split("/")
    if any(not name or name[0] in "._ " or name == MANIFEST for name in names):
        raise ValueError(f"an array has the path {path!r}")
    if set(path) & set("\\:\0"):
        raise ValueError(f"an array has the path {path!r}")
    return path


class Places:
    """
    The paths that are taken, whether or not a store distinguishes upper and lower case.

    Nothing lies within an array, and arrays lie nowhere but where nothing was. A group may lie
    again where there was one.

    :param taken: the paths of groups in use, and of arrays.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken: dict[str, str] = {}
        # Groups that are in use, and everything that has the place of an array.
        self._closed: set[str] = set(taken)
        for path in self._closed:
            self._note(path)

    def _note(self, path: str) -> None:
        end = path.find("/")
        while end >= 0:
            self._taken.setdefault(path[:end].casefold(), path[:end])
            end = path.find("/", end + 1)
        self._taken.setdefault(path.casefold(), path)

    def new(self, above: str, name: str, kind: Kind, is_free: Callable[[str, Kind], bool]) -> str:
        """
        The path of something new: its name, if that is free and valid in every kind of store.

        :param above: the path of its group; empty for the root.
        :param is_free: whether the store has nothing else at a path.
        """
        base, unique = f"{above}/" if above else "", uuid.uuid4().hex
        wanted = f"{base}{_portable(name)}"
        for path in (wanted, f"{wanted}.{unique[:8]}"):
            if self._is_open(path, kind) and is_free(path, kind):
                break
        else:
            path = f"{base}~{unique}"
        self._note(path)
        self._closed.add(path)
        return path

    def _is_open(self, path: str, kind: Kind) -> bool:
        found = self._taken.get(path.casefold())
        return found is None or (kind == "group" and found == path and path not in self._closed)


def _portable(name: str) -> str:
    """The name in characters that every filesystem and object store accepts."""
    odd = re.compile(r"^[._ ]|[. ]$|[^A-Za-z0-9_. -]")
    plain = odd.sub(lambda m: "".join(f"~{byte:02x}" for byte in m[0].encode("utf-8")), name)
    if not plain or plain == MANIFEST or len(plain) > _LONGEST_NAME:
        return f"{plain[:_LONGEST_NAME]}~{uuid.uuid4().hex}"
    return plain
