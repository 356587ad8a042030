"""Names of sets and morphologies, as names of populations and files."""

from __future__ import annotations

import re
from urllib.parse import unquote

# Characters that a file system or HDF5 does not allow in a name, and the escape character.
_UNSAFE = re.compile(r'[/\\:*?"<>|%\x00-\x1f]|^\.|[. ]$')


def safe_name(name: str) -> str:
    """A name that a file, and a group of HDF5, can have; percent signs stand for the rest."""
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def original_name(name: str) -> str:
    """The name that :func:`safe_name` was given."""
    return unquote(name)
