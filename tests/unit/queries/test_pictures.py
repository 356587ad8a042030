"""Pictures are drawn of every network, on a page that needs nothing else."""

from __future__ import annotations

import base64
import io
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, Storage
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from bsb_hdf5 import ConnectivitySet
from bsb_hdf5.errors import InputError, StoreIOError
from bsb_hdf5.queries import distances, in_degree, out_degree, pictures, plot, populations, summary
from bsb_hdf5.queries.networks import connectivity_sets
from bsb_hdf5.queries.pages import drawable
from bsb_hdf5.queries.sizes import Sizes
from bsb_hdf5.storages import engine_of
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import TAGS, Sample, new_storage, random_network

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PRE_AND_POST = ("pre_type_name", "post_type_name")
# An image of one colour has one value.
_COLOURS = 10


@pytest.fixture(params=["columnar"])
def engine(request: pytest.FixtureRequest) -> str:
    """Pictures are drawn of what other questions answer, which are asked on every engine."""
    name: str = request.param
    return name


@pytest.fixture
def sample(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A network."""
    return random_network(new_storage(engine, tmp_path_factory.mktemp("sample")), 1)


def images(page: str) -> list[bytes]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [base64.b64decode(each) for each in found]


def colours(content: bytes) -> int:
    from matplotlib.image import imread

    pixels = (imread(io.BytesIO(content), format="png") * 255).astype(np.int64)
    # Each as one number: numbers are sorted many times faster than rows.
    return len(np.unique(pixels @ (1 << 8 * np.arange(pixels.shape[-1]))))


def test_a_page_shows_everything_and_needs_no_other_file(sample: Sample, tmp_path: Path) -> None:
    plot(sample.storage, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    titles = re.findall("<h2>(.*?)</h2>", page)
    filled = [tag for tag in TAGS if sample.connections[tag]]
    assert ["Cells in space", "Cells and connections by chunk"] == titles[:2]
    assert {f"Degrees of {tag}" for tag in filled} <= set(titles)
    assert {f"Reach of {tag}" for tag in filled} <= set(titles)
    assert "Bytes by part" == titles[-1]
    shown = images(page)
    assert len(titles) == len(shown)
    assert all(colours(each) > _COLOURS for each in shown)
    assert [] == re.findall(r'(?:src|href)="(?!data:)', page)
    assert ["page.html"] == [each.name for each in tmp_path.iterdir()]
    assert "<html" == page.removeprefix("<!doctype html>")[:5]
    assert page.endswith("</figure>\n</body></html>")


REST = "texts, tables and holes"
MANY = "there are too many arrays to look at each"


@pytest.mark.parametrize(
    ("total", "parts", "caption", "bars"),
    [
        (
            5000,
            {"a": 3000, "b": 0},
            "5,000 bytes in all",
            {"a": 3e-3, "texts, tables and holes": 2e-3},
        ),
        (None, {"a": 3000}, "", {"a": 3e-3}),
        (5000, None, f"5,000 bytes in all; {MANY}", {}),
        (None, None, MANY, {}),
    ],
)
def test_bytes_are_drawn_by_part(
    total: int | None,
    parts: dict[str, int] | None,
    caption: str,
    bars: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "sizes", lambda _: Sizes(total, parts))
    engine: Any = None
    picture = pictures._bytes(engine)
    assert ("Bytes by part", caption) == (picture.title, picture.caption)
    figure = Figure()
    picture.draw(figure)
    (axes,) = figure.axes
    drawn: list[Any] = [*axes.patches]
    assert list(bars) == [each.get_text() for each in axes.get_yticklabels()] or not bars
    assert list(bars.values()) == pytest.approx([each.get_width() for each in drawn])
    assert "MB" == axes.get_xlabel()


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_pictures_and_documents(sample: Sample, tmp_path: Path, name: str, magic: bytes) -> None:
    (tmp_path / name).write_text("before")
    plot(sample.storage, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("most", "bins"), [(0, 1), (6, 7), (39, 40), (40, 21), (41, 21), (1000, 39)]
)
def test_bins_hold_the_same_number_of_degrees(most: int, bins: int) -> None:
    degrees = np.arange(3, 4 + most)
    edges = pictures.degree_edges(degrees)
    held = np.histogram(degrees, edges)[0]
    assert len(degrees) == held.sum()
    assert {held[0]} == set(held[:-1]) | {held[0]}
    assert bins == len(held)


def test_degrees_of_no_cell_have_a_bin() -> None:
    assert [-0.5, 0.5] == pictures.degree_edges(np.empty(0, np.int64)).tolist()


def test_an_empty_network_is_drawn(tmp_path: Path) -> None:
    plot(new_storage("columnar", tmp_path), tmp_path / "page.html")
    assert images((tmp_path / "page.html").read_text())


def filled(storage: Storage, cells: int) -> Storage:
    granule = storage.require_placement_set(cell_type("granule"))
    granule.append_data(Chunk((0, 0, 0), CHUNK_SIZE), np.random.default_rng(1).random((cells, 3)))
    return storage


def test_many_cells_are_sampled_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_MOST_CELLS", 10)
    monkeypatch.setattr(pictures, "_PORTION", 50)
    storage = filled(new_storage("columnar", tmp_path), 120)
    cells = storage.get_placement_set(cell_type("granule"))
    for x in range(1, 9):
        cells.append_data(Chunk((x, 0, 0), CHUNK_SIZE), np.full((10, 3), x))
    plot(storage, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "200 cells of 1 type; 10 of them are drawn, chosen at random" in page


def test_no_cell_is_drawn_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_MOST_CELLS", 60)
    storage = filled(new_storage("columnar", tmp_path), 120)
    figure = Figure()
    pictures._in_space(engine_of(storage), summary(storage)).draw(figure)
    for axes in figure.axes:
        assert 60 == len(np.unique(np.asarray(axes.lines[0].get_xydata()), axis=0))


def test_names_are_no_markup(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    named = cell_type("<script>")
    cells = storage.require_placement_set(named)
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), np.ones((2, 3)))
    cs = storage._ConnectivitySet.require(storage._engine, named, named)
    cs.connect(cells, cells, [0], [1])
    plot(storage, tmp_path / "page.html")
    assert "<script>" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_other_kinds_of_files_are_refused(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.html or \.png or \.pdf"):
        plot(sample.storage, tmp_path / "network.hdf5")


def test_a_missing_package_is_named(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("bsb_hdf5.queries.pages.importlib.import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'bsb-hdf5\[plot\]'"):
        plot(sample.storage, tmp_path / "page.html")
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_does_not_exist_is_named(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(StoreIOError, match="does not exist; create it first"):
        plot(sample.storage, tmp_path / "nowhere" / "page.html")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    plot(filled(new_storage("columnar", tmp_path), 50), tmp_path / "page.html")
    shot = tmp_path / "shot.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,1500"]
    page = (tmp_path / "page.html").as_uri()
    assert BROWSER is not None
    subprocess.run(
        [BROWSER, *options, f"--screenshot={shot}", page],
        check=True,
        capture_output=True,
        timeout=100,
    )
    assert colours(shot.read_bytes()) > _COLOURS


def test_who_connects_to_whom_is_drawn_with_the_types_beside_it(sample: Sample) -> None:
    connected = [each for each in connectivity_sets(engine_of(sample.storage)) if len(each)]
    picture = pictures._who_with_whom(connected, progress=False)
    assert "Connections between types" == picture.title
    assert picture.caption.startswith("rows: presynaptic types; columns: postsynaptic types")
    figure = Figure()
    picture.draw(figure)
    pre, post = ({getattr(each, name) for each in connected} for name in PRE_AND_POST)
    drawn = [axes for axes in figure.axes if axes.get_title()]
    assert ["connections", "probability"] == [axes.get_title() for axes in drawn]
    # Each with a bar that says what its colours are.
    images = [image for axes in drawn for image in axes.images]
    assert all(image.colorbar and image.colorbar.ax in figure.axes for image in images)
    assert 2 == len(images)
    for axes in drawn:
        assert pre == {each.get_text() for each in axes.get_yticklabels()}
        assert post == {each.get_text() for each in axes.get_xticklabels()}


def axis_labels(figure: Figure) -> list[tuple[str, str]]:
    return [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]


def outlines(figure: Figure) -> list[tuple[list[float], list[float]]]:
    """Values and edges of the histograms."""
    drawn = [patch for axes in figure.axes for patch in axes.patches]
    # matplotlib's stubs say a plain tuple of arrays, and a number.
    found: list[Any] = [patch.get_data() for patch in drawn if isinstance(patch, StepPatch)]
    assert all(patch.get_fill() for patch in drawn)
    return [(each.values.tolist(), each.edges.tolist()) for each in found]


def test_degrees_and_distances_of_each_set_are_drawn(sample: Sample) -> None:
    cs = sample.connectivity("gap")
    figure = Figure()
    pictures._degrees(cs, progress=False).draw(figure)
    labels = [("in-degree of golgi", "cells"), ("out-degree of granule", "cells")]
    assert labels == axis_labels(figure)
    for (cells, edges), degrees in zip(
        outlines(figure), (in_degree(cs), out_degree(cs)), strict=True
    ):
        assert np.histogram(degrees, edges)[0].tolist() == cells
        assert len(degrees) == sum(cells)
    # No cell has a fraction of a connection, however few it has.
    for axes in figure.axes:
        axes.set_xlim(-0.5, 1.5)
        assert np.array_equal(axes.get_xticks(), np.round(axes.get_xticks()))
    figure = Figure()
    pictures._distances(cs, progress=False).draw(figure)
    named = "distance between the positions of connected cells (um)"
    assert [(named, "connections")] == axis_labels(figure)
    found = distances(cs, bins=40)
    assert [(found.counts.tolist(), found.edges.tolist())] == outlines(figure)


@pytest.mark.parametrize("many", [False, True])
def test_chunks_are_drawn_one_by_one_or_counted(
    sample: Sample, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(sample.storage)
    held = list(engine.get_chunk_stats().values())
    monkeypatch.setattr(pictures, "_MOST_BARS", len(held) - many)
    figure = Figure()
    picture = pictures._by_chunk(engine)
    picture.draw(figure)
    assert f"{len(held):,} chunks" == picture.caption
    values = {
        "cells": [each["placed"] for each in held],
        "incoming": [each["connections"]["inc"] for each in held],
        "outgoing": [each["connections"]["out"] for each in held],
    }
    for axes, (title, counts) in zip(figure.axes, values.items(), strict=True):
        bars: list[Any] = [*axes.patches]
        heights = [each.get_height() for each in bars]
        if many:
            assert (f"{title} of a chunk", "chunks") == (axes.get_xlabel(), axes.get_ylabel())
            assert np.histogram(counts, bins=40)[0].tolist() == heights
        else:
            assert ("chunk, by id", title) == (axes.get_xlabel(), axes.get_ylabel())
            assert counts == heights


def test_counts_have_whole_numbers_and_nouns_in_the_singular(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    cells = storage.require_placement_set(cell_type("granule"))
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), [[1.0, 2.0, 3.0]])
    made = ConnectivitySet.require(storage._engine, cells.cell_type, cells.cell_type, "one")
    made.connect(cells, cells, [[0, -1, -1]], [[0, -1, -1]])
    engine = engine_of(storage)
    by_chunk, degrees = pictures._by_chunk(engine), pictures._degrees(made, False)
    assert "1 chunk" == by_chunk.caption
    assert degrees.caption.startswith("1 connection;")
    for picture in (by_chunk, degrees):
        figure = Figure()
        picture.draw(figure)
        for axes in figure.axes:
            for ticks in (axes.get_xticks(), axes.get_yticks()):
                assert np.array_equal(np.round(ticks), ticks), axes.get_xlabel()


@pytest.mark.parametrize("suffix", [".html", ".png", ".pdf"])
def test_names_in_a_script_that_the_font_lacks_are_drawn_as_escapes(
    tmp_path: Path, suffix: str
) -> None:
    storage = new_storage("columnar", tmp_path)
    storage.require_placement_set(cell_type("粒細胞"))
    # matplotlib warns of characters that it draws as boxes, which is an error here.
    plot(storage, tmp_path / f"粒{suffix}")
    assert "Körner \\u7c92" == drawable("Körner \u7c92")


def test_cells_are_drawn_from_above_and_from_the_side(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    storage.require_placement_set(cell_type("granule")).append_data(
        Chunk((0, 0, 0), CHUNK_SIZE), [[1.0, 2.0, 3.0]]
    )
    figure = Figure()
    pictures._in_space(engine_of(storage), summary(storage)).draw(figure)
    drawn = [np.asarray(axes.lines[0].get_xydata()).tolist() for axes in figure.axes]
    assert [[[1.0, 2.0]], [[1.0, 3.0]]] == drawn
    assert [("x (um)", "y (um)"), ("x (um)", "z (um)")] == axis_labels(figure)
    # A cube is no box.
    assert [1, 1] == [axes.get_aspect() for axes in figure.axes]


def test_a_legend_names_the_types_of_cells(sample: Sample) -> None:
    figure = Figure()
    picture = pictures._in_space(engine_of(sample.storage), summary(sample.storage))
    picture.draw(figure)
    (legend,) = figure.legends
    assert sorted(sample.cells) == [each.get_text() for each in legend.get_texts()]
    total = sum(map(len, sample.cells.values()))
    assert ("Cells in space", f"{total} cells of 2 types") == (picture.title, picture.caption)


@pytest.mark.parametrize("suffix", [".html", ".png", ".pdf"])
def test_a_type_may_have_any_name(suffix: str, tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    for name in ("$^$", "_hidden", "a$b"):
        storage.require_placement_set(cell_type(name))
    plot(storage, tmp_path / f"page{suffix}")
    figure = Figure()
    pictures._in_space(engine_of(storage), summary(storage)).draw(figure)
    assert ["$^$", "_hidden", "a$b"] == [each.get_text() for each in figure.legends[0].get_texts()]


@pytest.mark.parametrize("most", [20_000, 9])
def test_each_cell_is_drawn_where_it_is(
    sample: Sample, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever chunks are read together."""
    monkeypatch.setattr(pictures, "_PORTION", 7)
    monkeypatch.setattr(pictures, "_MOST_CELLS", most)
    cells = sample.placement("golgi")
    cells.append_entities(Chunk((0, 0, 0), CHUNK_SIZE), 1)
    figure = Figure()
    pictures._in_space(engine_of(sample.storage), summary(sample.storage)).draw(figure)
    above, beside = figure.axes
    drawn = 0
    for line, other in zip(above.lines, beside.lines, strict=True):
        held = {cell.position for cell in sample.cells[str(line.get_label())]}
        xy, xz = (np.asarray(each.get_xydata()) for each in (line, other))
        found = {(x, y, z) for (x, y), (_, z) in zip(xy.tolist(), xz.tolist(), strict=True)}
        assert found <= held
        assert len(found) == len(xy)
        drawn += len(found)
    # One cell has no position, and may be among those that are chosen.
    assert drawn in (min(most, sum(map(len, sample.cells.values()))), most - 1)


@pytest.mark.parametrize(("more", "said"), [(0, ""), (1, "; 20,000 of them are drawn")])
def test_up_to_20_000_cells_are_drawn(tmp_path: Path, more: int, said: str) -> None:
    storage = filled(Storage("memory", str(tmp_path / "network")), 20_000 + more)
    caption = pictures._in_space(engine_of(storage), summary(storage)).caption
    expected = f"{20_000 + more:,} cells of 1 type{said}"
    assert expected == caption.removesuffix(", chosen at random")


def test_a_signal_ends_the_reading_of_positions_before_the_next_chunk(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_PORTION", 1)
    plain = populations.load_positions
    read = []

    def press(*arguments: Any) -> Any:
        read.append(arguments)
        signal.raise_signal(signal.SIGINT)
        return plain(*arguments)

    monkeypatch.setattr("bsb_hdf5.queries.pictures.load_positions", press)
    # A program that is started in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            plot(sample.storage, tmp_path / "page.html")
    finally:
        signal.signal(signal.SIGINT, before)
    assert 1 == len(read)
    assert [] == list(tmp_path.iterdir())


def test_a_picture_of_distances_says_how_many_there_are_none_of(sample: Sample) -> None:
    cs = sample.connectivity("between golgi")
    found = distances(cs)
    caption = f"mean {found.mean:.4g} um, standard deviation {found.sd:.4g} um"
    assert caption == pictures._distances(cs, progress=False).caption
    golgi, chunk = sample.placement("golgi"), Chunk((7, 7, 7), CHUNK_SIZE)
    golgi.append_entities(chunk, 1)
    golgi.set_chunk_filter([chunk])
    cs.connect(golgi, golgi, [0], [0])
    caption += "; 1 connection with a cell without position"
    assert caption == pictures._distances(cs, progress=False).caption


def test_the_parts_of_a_picture_stand_side_by_side(sample: Sample) -> None:
    for picture in pictures._pictures(engine_of(sample.storage), progress=False):
        figure = Figure()
        picture.draw(figure)
        boxes = [axes.get_position() for axes in figure.axes]
        assert 1 == len({round(box.y0 + box.y1, 6) for box in boxes}), picture.title
        assert len(boxes) == len({box.x0 for box in boxes})


@pytest.mark.parametrize("suffix", [".html", ".png"])
def test_long_names_leave_room_for_the_pictures(suffix: str, tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    names = [f"granule cells of the left hemisphere_{'anterior_' * many}" for many in (3, 30)]
    first, second = (storage.require_placement_set(cell_type(name)) for name in names)
    for cells in (first, second):
        cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), np.ones((1, 3)))
    cs = storage.require_connectivity_set(
        first.cell_type, second.cell_type, "_to_".join(names)[:200]
    )
    cs.connect(first, second, np.array([[0, -1, -1]]), np.array([[0, -1, -1]]))
    # Matplotlib warns of pictures without room.
    plot(storage, tmp_path / f"page{suffix}")


def test_each_of_the_first_sets_has_its_own_pictures(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = sorted(tag for tag in TAGS if sample.connections[tag])
    monkeypatch.setattr(pictures, "_MOST_SETS", 2)
    titles = [each.title for each in pictures._pictures(engine_of(sample.storage), progress=False)]
    own = [f"{what} of {tag}" for tag in connected[:2] for what in ("Degrees", "Reach")]
    assert 2 < len(connected)
    assert own == titles[3:-1]
