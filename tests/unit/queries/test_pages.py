"""Pictures are written with their titles and captions, or not at all."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import imread

from bsb_hdf5.queries.pages import Picture, page_writer, wrapped

TITLE = "cerebellum & co.hdf5"
CAPTION = " ".join(["some of its cells"] * 9)


def draw(figure: FigureBase) -> None:
    figure.subplots().plot([0, 1], [0, 1])


PICTURES = [Picture("Cells < here", CAPTION, draw), Picture("Bytes by part", "few", draw)]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """All figures that are saved."""
    saved: list[Figure] = []
    plain = Figure.savefig

    def save(figure: Figure, *arguments: Any, **named: Any) -> None:
        saved.append(figure)
        plain(figure, *arguments, **named)

    monkeypatch.setattr(Figure, "savefig", save)
    return saved


def written(suffix: str, pictures: list[Picture]) -> bytes:
    file = io.BytesIO()
    page_writer(Path(f"page{suffix}"))(TITLE, pictures, file)
    return file.getvalue()


def pixels(content: bytes) -> tuple[int, ...]:
    height, width = imread(io.BytesIO(content), format="png").shape[:2]
    return height, width


def test_a_page_has_a_name_and_a_title_and_a_caption_with_each_picture() -> None:
    page = written(".html", PICTURES).decode()
    name = "cerebellum &amp; co.hdf5"
    assert f"<title>{name}</title>" in page
    assert f"<h1>{name}</h1>" in page
    assert ["Cells &lt; here", "Bytes by part"] == re.findall("<h2>(.*?)</h2>", page)
    assert [CAPTION, "few"] == re.findall("<figcaption>(.*?)</figcaption>", page)
    assert 2 == len(re.findall(r'<img alt="[^"]+" src="data:image/png;base64,', page))


def test_a_picture_has_one_shape_in_each_kind_of_file(figures: list[Figure]) -> None:
    for suffix in (".html", ".png", ".pdf"):
        written(suffix, PICTURES[:1])
    assert 1 == len({tuple(figure.get_size_inches()) for figure in figures})


def said(figure: FigureBase) -> list[str]:
    """The lines above a picture, the caption of several lines as one text."""
    title, *caption = figure.get_suptitle().split("\n")
    assert all(len(line) <= 100 for line in caption)
    return [title, " ".join(caption)]


EXPECTED = [["Cells < here", CAPTION], ["Bytes by part", "few"]]


def test_a_picture_file_has_all_pictures_below_each_other(figures: list[Figure]) -> None:
    height, width = pixels(written(".png", PICTURES[:1]))
    assert (2 * height, width) == pixels(written(".png", PICTURES))
    _, whole = figures
    assert TITLE == whole.get_suptitle()
    assert EXPECTED == [said(part) for part in whole.subfigs]
    for part in whole.subfigs:
        assert 1 == len(part.axes)
        assert part.bbox.width == whole.bbox.width


def test_a_document_has_a_page_for_each_picture(figures: list[Figure]) -> None:
    document = written(".pdf", PICTURES)
    assert 2 == len(re.findall(rb"/Type /Page\b", document))
    assert b"/Title (cerebellum & co.hdf5)" in document
    assert EXPECTED == [said(figure) for figure in figures]
    assert [1, 1] == [len(figure.axes) for figure in figures]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (" $^$ ", [" $^$ "]),
        ("a" * 24, ["a" * 24]),
        ("a" * 25, ["a" * 24, "a"]),
        ("granule cells of the left hemisphere", ["granule cells of the", "left hemisphere"]),
        ("a" * 90, ["a" * 24, "a" * 24, "a" * 21 + "..."]),
    ],
)
def test_a_long_name_takes_up_to_three_lines(name: str, lines: list[str]) -> None:
    assert lines == wrapped(name).split("\n")


def test_a_long_title_takes_several_lines(figures: list[Figure]) -> None:
    written(".pdf", [Picture("Degrees of " + "a" * 150, "few", draw)])
    title = figures[0].get_suptitle().split("\n")
    assert ["Degrees of " + "a" * 89, "a" * 61, "few"] == title
