"""Names in an HDF5 file, which are bytes: mostly UTF-8, but any that another program chose."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import InvalidNameError

# Bytes that are not UTF-8 pass through texts unchanged.
_ESCAPED = "surrogateescape"


def text_of(key: bytes) -> str:
    """A name; bytes that are no UTF-8 are lone surrogates in it, as those of file names are."""
    return key.decode("utf-8", _ESCAPED)


def key_of(name: str) -> bytes:
    """
    The bytes of a name.

    :raises InvalidNameError: no attribute or member of a file can have that name.
    """
    # perf: append 50 cells; nearly all names are plain.
    if name and name.isascii() and "\0" not in name:
        return name.encode()
    try:
        key = name.encode("utf-8", _ESCAPED)
    except UnicodeEncodeError as error:
        raise _invalid(name, "can't be encoded as UTF-8") from error
    # To HDF5, a name ends at a NUL.
    if not key or b"\0" in key:
        raise _invalid(name, "holds a NUL" if key else "is empty")
    return key


def keys_of(names: Collection[str]) -> list[bytes]:
    """The bytes of some names; errors as for :func:`key_of`."""
    # perf: 729 blocks; the names are ids of chunks.
    together = "".join(names)
    if together.isascii() and "\0" not in together and "" not in names:
        return [*map(str.encode, names)]
    return [*map(key_of, names)]


def _invalid(name: str, problem: str) -> InvalidNameError:
    return InvalidNameError(
        f"{name!r} can't name anything in an HDF5 file: it {problem}", asked=name
    )
