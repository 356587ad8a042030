"""Numbers and tables as text."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence

_STEP = 1000
# Characters that are special to a shell within double quotes.
_SPECIAL = re.compile(r'["$`\\]')
_ESCAPED = r"\\\g<0>"
# Characters that end a line, or that a terminal obeys; a name in a network may have any.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """A text with escapes for characters that end a line, or that control a terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def quoted(word: object) -> str:
    """
    A word of a command line, between double quotes if it needs any.

    Single ones stand around the whole command in a sentence.
    """
    text = str(word)
    return text if shlex.quote(text) == text else f'"{_SPECIAL.sub(_ESCAPED, text)}"'


def plural(count: int, singular: str, many: str | None = None) -> str:
    """A count and its noun, in the singular or plural."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def size_text(size: int | None) -> str:
    """A size in bytes, in a readable unit."""
    if size is None:
        return "unknown size"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < _STEP:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} TB"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table, with numeric columns aligned to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(head, *texts, strict=True)]
    right = [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(head))
    ]
    return [
        "  ".join(
            _filled(cell, width, at_right)
            for cell, width, at_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (list(head), *texts)
    ]


def _filled(text: str, width: int, at_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if at_right else text + blanks


def _width(text: str) -> int:
    """The columns of a terminal that a text takes: two for a Chinese character."""
    if text.isascii():
        return len(text)
    shown = (each for each in text if unicodedata.category(each) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in shown)


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return f"{cell:,}" if isinstance(cell, int) else one_line(str(cell))
