"""When a bar shows how far a question is."""

from __future__ import annotations

import sys
from functools import partial

import pytest
from tqdm import tqdm

from bsb_hdf5.queries import pairs, progress
from bsb_hdf5.queries.progress import count_done, count_expected, counted, progress_bar
from tests.unit.queries.networks import Sample


@pytest.mark.parametrize("on_terminal", [False, True])
@pytest.mark.parametrize("shown", [False, True, None])
def test_a_bar_is_shown_on_terminals_or_as_asked(
    shown: bool | None, on_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal)
    bar = progress_bar(10, "granule_to_golgi", shown)
    expected = on_terminal if shown is None else shown
    assert expected is not bar.disable
    bar.close()


@pytest.mark.usefixtures("_pieces")
def test_a_bar_says_which_connections_are_read_and_goes_when_all_are(
    sample: Sample, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_DELAY", 0)
    monkeypatch.setattr(progress, "tqdm", partial(tqdm, mininterval=0, miniters=1))
    total = len(sample.connections["gap"])
    with counted() as work:
        pairs(sample.connectivity("gap"), progress=True)
    shown = capsys.readouterr().err.split("\r")
    assert all(line.startswith("gap: ") for line in shown if line.strip())
    assert "" == shown[-1].strip()
    last = next(line for line in reversed(shown) if line.strip())
    assert "100%" in last
    assert f" {total}.0/{total}.0 [" in last
    assert "connections/s" in last
    assert total == work.done


def test_no_bar_is_shown_that_nobody_asked_for(
    sample: Sample, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_DELAY", 0)
    pairs(sample.connectivity("gap"))
    assert "" == capsys.readouterr().err


def test_the_rows_of_a_network_are_its_cells_and_connections(sample: Sample) -> None:
    with sample.storage.read_scope() as session:
        rows = progress.rows_in(session.network)
    cells, connections = (
        sum(map(len, held.values())) for held in (sample.cells, sample.connections)
    )
    assert cells + connections == rows


def test_each_count_begins_without_rows_and_has_those_of_its_block() -> None:
    # Nobody asks for these.
    count_expected(1)
    count_done(1)
    with counted() as outer:
        count_done(1)
        for _ in range(2):
            with counted() as work:
                count_expected(3)
                count_expected(4)
                count_done(2)
            assert (7, 2) == (work.expected, work.done)
    count_done(1)
    assert (0, 1) == (outer.expected, outer.done)
