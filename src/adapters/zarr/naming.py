"""Where new arrays are put: at the path of their names, as far as that is free and portable."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence

from .objects import PACKS

_RESERVED = frozenset(("zarr.json", PACKS))
_LONGEST = 100
_TRIES = 100


def array_path(names: Sequence[str], taken: Collection[str], *, unique: bool = False) -> str:
    """
    A path for an array.

    :param names: that lead to the array.
    :param taken: paths of other arrays, which are not to be changed; nothing can lie at, above
        or below one, whether or not the filesystem tells upper and lower case apart.
    :param unique: never the same path again.
    """
    wanted = "/".join(map(_portable, names))
    if unique:
        wanted = f"{wanted}.{uuid.uuid4().hex}"
    folded = {path.casefold() for path in taken}
    for number in range(1, _TRIES):
        path = wanted if number == 1 else f"{wanted}.{number}"
        if _is_free(path.casefold(), folded):
            return path
    return f"arrays/{uuid.uuid4().hex}"


def _portable(name: str) -> str:
    """The name in letters that every filesystem and object store takes."""
    plain = re.sub(
        r"[^A-Za-z0-9_. -]", lambda m: "".join(f"~{b:02x}" for b in m[0].encode("utf-8")), name
    )
    if plain.startswith((".", "__", " ")) or plain in _RESERVED:
        plain = f"~{ord(plain[0]):02x}{plain[1:]}"
    if plain.endswith((".", " ")):
        plain = f"{plain[:-1]}~{ord(plain[-1]):02x}"
    return plain if 0 < len(plain) <= _LONGEST else f"{plain[:_LONGEST]}~{uuid.uuid4().hex}"


def _is_free(path: str, taken: set[str]) -> bool:
    parts = path.split("/")
    above = {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return not (above & taken) and not any(each.startswith(f"{path}/") for each in taken)
