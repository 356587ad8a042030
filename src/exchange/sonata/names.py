"""Names of sets and morphologies, as names of populations and files."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

# Characters that a file system or HDF5 does not allow in a name, and the escape character.
_UNSAFE = re.compile(r'[/\\:*?"<>|%\x00-\x1f]|^\.|[. ]$')
# Names of devices in Windows, whatever their endings.
_DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
# The most bytes of a name before its ending, as file systems allow 255 in all; and with a number.
_LONGEST = 251
_CUT = 240


def safe_name(name: str) -> str:
    """A name that a file, and a group of HDF5, can have; percent signs stand for the rest."""
    return _UNSAFE.sub(_escape, name)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def original_name(name: str) -> str:
    """The name that :func:`safe_name` was given."""
    return unquote(name)


def file_names(morphologies: Iterable[str]) -> dict[str, str]:
    """
    The name of a file for each morphology, without its ending.

    They differ also where a file system ignores capitals, or how accents are encoded. A name that
    is too long or that another morphology has is cut, and gets a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for each in sorted(morphologies):
        whole = _DEVICE.sub(_escape, safe_name(each))
        names[each] = next(one for one in _spellings(whole) if _folded(one) not in taken)
        taken.add(_folded(names[each]))
    return names


def _spellings(whole: str) -> Iterator[str]:
    content = whole.encode()
    if len(content) <= _LONGEST:
        yield whole
    cut = content[:_CUT].decode("utf-8", "ignore")
    # No other name has a percent sign before this mark.
    yield from (f"{cut}%~{i}" for i in itertools.count(1))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def on_disk(name: str) -> str:
    """The name of a file whose bytes are UTF-8, whatever the encoding of names here."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def from_disk(name: str) -> str:
    """The text of a name of a file, the opposite of :func:`on_disk`."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")
