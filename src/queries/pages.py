"""Writing pictures to an HTML page, a PNG image or a PDF document."""

from __future__ import annotations

import base64
import html
import importlib
import io
import itertools
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import attrs

from ..errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

_WIDTH, _HEIGHT = 9.0, 3.6
_DOTS = 110
# The most characters in a line of a caption.
_CHARACTERS = 100
# The most lines of a name beside a picture.
_LINES = 3
_STYLE = (
    "body{font-family:sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "img{max-width:100%;height:auto}figcaption{color:#555}"
    "figure{margin:0 0 2.5rem}h2{margin-bottom:.3rem}"
)


@attrs.frozen(eq=False)
class Picture:
    """
    A picture.

    :param caption: what it shows, and what of it is sampled.
    :param draw: draws it into a figure of matplotlib.
    """

    title: str
    caption: str
    draw: Callable[[FigureBase], None]


def wrapped(name: str, most: int = 24) -> str:
    """A name beside a picture, in up to three lines, so that it leaves room for the picture."""
    name = drawable(name)
    if len(name) <= most:
        return name
    lines = textwrap.wrap(name, most)
    if len(lines) > _LINES:
        lines[_LINES - 1 :] = [f"{lines[_LINES - 1][: most - 3]}..."]
    return "\n".join(lines)


def drawable(text: str) -> str:
    """A text with escapes for characters that no font of the pictures has."""
    if text.isascii():
        return text
    manager = importlib.import_module("matplotlib.font_manager")
    # Those that matplotlib looks for a character in, one after the other.
    families = manager.FontProperties().get_family()
    properties = (manager.FontProperties(family=[each]) for each in families)
    fonts = [manager.get_font(manager.findfont(each)) for each in properties]

    def shown(character: str) -> str:
        if any(font.get_char_index(ord(character)) for font in fonts):
            return character
        return character.encode("unicode_escape").decode()

    return "".join(map(shown, text))


PageWriter: TypeAlias = Callable[[str, Sequence[Picture], BinaryIO], None]


def page_writer(target: Path) -> PageWriter:
    """
    The function that writes pictures to a file, by the suffix of its name.

    :raises InputError: the suffix is unknown.
    """
    known = {".html": _write_html, ".png": _write_png, ".pdf": _write_pdf}
    write = known.get(target.suffix.lower())
    if write is None:
        raise InputError(
            f"'{target}' must end in {' or '.join(known)}",
            asked=str(target),
            valid=tuple(known),
        )

    def write_names(title: str, pictures: Sequence[Picture], file: BinaryIO) -> None:
        # No formulas: a dollar may stand in the name of a cell type.
        with importlib.import_module("matplotlib").rc_context({"text.parse_math": False}):
            write(title, pictures, file)

    return write_names


def load_matplotlib() -> ModuleType:
    """
    Import ``matplotlib.figure``.

    :raises InputError: matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise InputError(
            "pictures need the package matplotlib, which is not installed: install it with:"
            " pip install 'bsb-hdf5[plot]'"
        ) from error


def _write_html(title: str, pictures: Sequence[Picture], file: BinaryIO) -> None:
    name = html.escape(title)
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><h1>{name}</h1>",
    ]
    for picture in pictures:
        heading, caption = html.escape(picture.title), html.escape(picture.caption)
        data = base64.b64encode(_drawn(picture)).decode("ascii")
        parts.append(
            f'<figure><h2>{heading}</h2><img alt="{heading}" src="data:image/png;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    parts.append("</body></html>")
    file.write("\n".join(parts).encode())


def _drawn(picture: Picture) -> bytes:
    figure = _figure()
    picture.draw(figure)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS)
    return content.getvalue()


def _heading(picture: Picture) -> str:
    texts = map(drawable, (picture.title, picture.caption))
    lines = (textwrap.wrap(each, _CHARACTERS) for each in texts)
    return "\n".join(itertools.chain(*lines))


def _figure(pictures: int = 1) -> Figure:
    size = (_WIDTH, _HEIGHT * pictures)
    figure: Figure = load_matplotlib().Figure(figsize=size, layout="constrained")
    return figure


def _write_png(title: str, pictures: Sequence[Picture], file: BinaryIO) -> None:
    whole = _figure(len(pictures))
    whole.suptitle(drawable(title))
    parts = whole.subfigures(len(pictures), 1, squeeze=False)[:, 0]
    for part, picture in zip(parts, pictures, strict=True):
        picture.draw(part)
        part.suptitle(_heading(picture), fontsize="medium")
    whole.savefig(file, format="png", dpi=_DOTS)


def _write_pdf(title: str, pictures: Sequence[Picture], file: BinaryIO) -> None:
    pages = importlib.import_module("matplotlib.backends.backend_pdf").PdfPages
    with pages(file, metadata={"Title": title}) as document:
        for picture in pictures:
            figure = _figure()
            picture.draw(figure)
            figure.suptitle(_heading(picture), fontsize="medium")
            document.savefig(figure)
