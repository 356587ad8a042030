"""Which names may name something in a network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from ..errors import InvalidNameError, NameTypeError

# Reserved path components.
_PLACES = frozenset(("", ".", ".."))
_LONGEST_TAG = 200
# Characters that no object store escapes in keys.
_TAG_MARKS = "!$&'()+,-.:;=@_"
_NO_TAG = re.compile(f"[^ A-Za-z0-9{re.escape(_TAG_MARKS)}]")
_VERSION_ID = re.compile("[0-9A-HJKMNP-TV-Z]{20}")


def can_name(name: object) -> bool:
    """Whether something can name a member of a group."""
    # perf: append 250 x 400, one scope; most names are identifiers or numbers.
    if not isinstance(name, str):
        return False
    if name.isalnum() and name.isascii():
        return True
    if name in _PLACES or "/" in name or "\0" in name:
        return False
    return name.isascii() or encodable(name)


def check_text(name: object, what: str) -> str:
    """
    The name, if it is a text; whether it can name anything is another question.

    :raises NameTypeError: it is not a text.
    """
    if not isinstance(name, str):
        raise NameTypeError(
            f"the name of a {what} must be a str, not {type(name).__name__} ({name!r})", asked=name
        )
    return name


def check_name(name: object, what: str) -> str:
    """
    The name, if it can name something in a network.

    :param name: what was given.
    :param what: the kind of thing it names, for the message.
    :raises NameTypeError: it is not a text.
    :raises InvalidNameError: it is empty, ``.`` or ``..``, holds a NUL, or can't
        be encoded as UTF-8.
    """
    return _check(name, what, members=False)


def check_member(name: object, what: str) -> str:
    """
    The name, if it can name a member of a group in every backend.

    :raises InvalidNameError: as :func:`check_name`, or it holds a ``/``.
    """
    return _check(name, what, members=True)


def check_word(word: object, what: str) -> str:
    """
    A text that is stored beside values, in every backend.

    :param what: the kind of thing it names, for the message.
    :raises NameTypeError: it is not a text.
    :raises InvalidNameError: it holds a NUL, or can't be encoded as UTF-8.
    """
    text = check_text(word, what)
    if (problem := _why_unstorable(text)) is not None:
        raise InvalidNameError(f"{word!r} can't name a {what}: it {problem}", asked=word)
    return text


def check_tag(name: object) -> None:
    """
    Check that something can be a tag of a version, in every store that keeps versions.

    :raises NameTypeError: it is not a text.
    :raises InvalidNameError: it is empty or longer than 200 characters, holds other characters
        than ASCII letters, digits, blanks and some marks, begins or ends with a blank, is ``.`` or
        ``..``, or looks like the id of a version.
    """
    text = check_text(name, "version")
    if text in _PLACES:
        problem = "is reserved" if text else "is empty"
    elif len(text) > _LONGEST_TAG:
        problem = f"has {len(text)} characters"
    elif wrong := _NO_TAG.search(text):
        problem = f"holds {wrong[0]!r}"
    elif text != text.strip():
        problem = "begins or ends with a blank"
    elif _VERSION_ID.fullmatch(text):
        problem = "looks like the id of a version"
    else:
        return
    shown = text if len(text) <= _LONGEST_TAG else f"{text[:40]}..."
    raise InvalidNameError(
        f"{shown!r} can't be a tag: it {problem}; a tag has 1 to {_LONGEST_TAG} characters: ASCII"
        f" letters, digits, {_TAG_MARKS} and, but not at its ends, blanks; it is not '.' or '..',"
        " nor like the id of a version",
        asked=name,
    )


def _check(name: object, what: str, *, members: bool) -> str:
    text = check_text(name, what)
    if text in _PLACES:
        problem = "is empty" if not text else "is reserved"
    elif members and "/" in text:
        problem = "holds a '/'"
    elif (found := _why_unstorable(text)) is not None:
        problem = found
    else:
        return str(text)
    without = "'/' and NUL" if members else "NUL"
    raise InvalidNameError(
        f"{name!r} can't name a {what}: it {problem};"
        f" a name must be a non-empty text without {without}, and not '.' or '..'",
        asked=name,
    )


def check_names(names: Sequence[object], what: str) -> tuple[str, ...]:
    """
    Many names.

    :raises InvalidNameError: as :func:`check_name`.
    """
    # perf: append morphologies; most names are plain, which a look at all of them together shows.
    if {*map(type, names)} == {str}:
        texts = cast("tuple[str, ...]", tuple(names))
        if _are_plain(texts):
            return texts
    return tuple(check_name(name, what) for name in names)


def _are_plain(names: tuple[str, ...]) -> bool:
    together = "".join(names)
    return together.isascii() and "\0" not in together and _PLACES.isdisjoint(names)


def _why_unstorable(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL"
    return None if encodable(text) else "can't be encoded as UTF-8"


def encodable(name: str) -> bool:
    """Whether a text has no half of a character."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
