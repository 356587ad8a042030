"""What the commands print, line by line."""

from __future__ import annotations

import argparse
import errno
import math
from datetime import UTC, datetime
from typing import Any

import attrs
import bsb
import pytest

from bsb_hdf5.cli import counting, describing, exchanging, failures, maintaining, versions
from bsb_hdf5.cli.formats import plural, quoted, size_text, table
from bsb_hdf5.errors import InputError, LockTimeoutError, StoreAccessError, StoreIOError
from bsb_hdf5.maintenance.findings import Finding, Report
from bsb_hdf5.ports.versions import Version
from bsb_hdf5.queries.configured import Unfilled
from bsb_hdf5.queries.degrees import Mean
from bsb_hdf5.queries.sizes import Sizes
from bsb_hdf5.queries.summaries import CellSummary, ConnectionSummary, NetworkSummary


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells"), (1234, "1,234 cells")]
)
def test_a_noun_is_in_the_plural_but_for_one(count: int, text: str) -> None:
    assert text == plural(count, "cell")
    assert ("1 body" if count == 1 else f"{count:,} bodies") == plural(count, "body", "bodies")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "unknown size"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1234, "1.2 kB"),
        (999_900, "999.9 kB"),
        (1_000_000, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
        (10**12, "1.0 TB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_a_size_has_a_unit(size: int | None, text: str) -> None:
    assert text == size_text(size)


def test_columns_of_numbers_stand_at_the_right() -> None:
    rows = [("a", 1, 0.123456, None), ("long", 1234, 2.0, 5), ("b", 0, None, "x")]
    assert [
        "name      n   share  more",
        "a         1  0.1235  -",
        "long  1,234       2  5",
        "b         0       -  x",
    ] == table(("name", "n", "share", "more"), rows)
    assert ["a  b"] == table(("a", "b"), [])


def test_a_row_of_a_table_is_one_line_whatever_the_names_in_it() -> None:
    rows = [("new\nline", 1), ("tab\there", 2), ("\x1b[31mr\xe9d\u2028", 3)]
    assert [
        "name               n",
        "new\\nline          1",
        "tab\\there          2",
        "\\x1b[31mr\xe9d\\u2028  3",
    ] == table(("name", "n"), rows)


def test_columns_are_straight_whatever_the_script_of_names() -> None:
    rows = [("粒細胞", 10, "a"), ("granule", 5, "Körner"), ("Ko\u0308rner", 7, "粒"), ("ﾊﾟ", 1, "é")]
    assert [
        "name      n  more",
        "粒細胞   10  a",
        "granule   5  Körner",
        "Ko\u0308rner    7  粒",
        "ﾊﾟ        1  é",
    ] == table(("name", "n", "more"), rows)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("net.hdf5", "net.hdf5"),
        ("runs/net-2.hdf5", "runs/net-2.hdf5"),
        ("my networks/net", '"my networks/net"'),
        ("it's", '"it\'s"'),
        ('a"b', r'"a\"b"'),
        ("$HOME`x`\\", r'"\$HOME\`x\`\\"'),
        ("", '""'),
    ],
)
def test_a_word_of_a_command_is_quoted_if_a_shell_took_it_for_something_else(
    word: str, text: str
) -> None:
    assert text == quoted(word)


FOUND = NetworkSummary(
    "classic",
    (100.0, 50.5, 25.0),
    (
        CellSummary("granule", 1200, 3, ("a", "b"), ("weight",)),
        CellSummary("golgi", 1, 1, (), ()),
    ),
    (ConnectionSummary("c", "granule", "golgi", 5000, 5000.0, 4.166666),),
    1,
    2,
)
DESCRIBED = describing._Description(
    "hdf5",
    {"bsb": "6.0", "engine": "bsb-hdf5", "version": "8.1"},
    {"storage_id": "an id", "state_id": 7},
    "A network",
    FOUND,
    Sizes(20_000_000, {"placement": 3000, "connectivity": 5000, "files": 0}, (2, 1)),
    (describing._Chunk(65_536, [0, 1, 0], 5, 6, 7),),
    Unfilled(("x",), ("y", "z")),
    was_interrupted=False,
)


def lines(described: Any, **given: Any) -> list[str]:
    options = {"root": "net", "chunks": False, "sets": False, **given}
    return describing._lines(described, argparse.Namespace(**options))


def test_a_description_says_all_there_is() -> None:
    assert [
        "net: hdf5, classic layout, 20.0 MB",
        "configuration: A network",
        "last written with bsb-core 6.0, engine 8.1",
        "storage an id, state 7",
        "chunks of 100 x 50.5 x 25 um",
        "",
        "cell type  cells  chunks  labels  additional data",
        "granule    1,200       3  a, b    weight",
        "golgi          1       1  -       -",
        "",
        "connectivity set  from     to     connections  mean in-degree  mean out-degree",
        "c                 granule  golgi        5,000            5000            4.167",
        "",
        "1 morphology, 2 files",
        "bytes by part: connectivity 5.0 kB, placement 3.0 kB, texts, tables and holes 20.0 MB",
        "holes: rows of 2 cells and 1 connection that were cleared or replaced; bsb storage repack"
        " net removes them",
        "unfilled: the network has no cells of 'x' and no connections of 'y', 'z', which its"
        " configuration asks for; a compile that was cut short, or left them out, ends like this",
        "",
        "chunk      id  cells  incoming  outgoing",
        "0 1 0  65,536      5         6         7",
        "",
        "The columnar layout would take at least 360.0 kB less: bsb storage convert net NEW"
        " --layout columnar",
    ] == lines(DESCRIBED, chunks=True, sets=True)


def test_commands_of_a_description_can_be_pasted_whatever_the_network_is_called() -> None:
    text = "\n".join(lines(DESCRIBED, root="my networks/net"))
    assert 'bsb storage repack "my networks/net" removes' in text
    assert 'bsb storage convert "my networks/net" NEW' in text


def test_a_configuration_without_a_name_has_none() -> None:
    assert "A network" == describing._name_of({"name": "A network"})
    assert describing._name_of({"name": None}) is None
    assert describing._name_of({}) is None
    assert describing._name_of("no configuration") is None


def test_a_description_leaves_out_what_there_is_not() -> None:
    empty = attrs.evolve(
        DESCRIBED,
        found=NetworkSummary("columnar", None, (), (), 0, 0),
        sizes=Sizes(None, None),
        versions={"bsb": None, "engine": "bsb-hdf5", "version": None},
        provenance={},
        configuration=None,
        unfilled=Unfilled(),
    )
    assert [
        "net: hdf5, columnar layout, unknown size",
        "",
        "no cell types",
        "",
        "no connectivity sets",
        "",
        "0 morphologies, 0 files",
        "bytes by part: not counted, as there are too many arrays",
    ] == lines(empty)
    assert [] == describing._bytes(Sizes(None, {"placement": 0}))
    assert ["bytes by part: files 5 B"] == describing._bytes(Sizes(None, {"files": 5}))
    for holes in ((1, 0), (0, 1)):
        assert 1 == len(describing._holes(Sizes(1, {}, holes), "net"))
    assert "no cells of 'x', which" in describing._unfilled(Unfilled(("x",)))[0]
    assert "no connections of 'x', which" in describing._unfilled(Unfilled((), ("x",)))[0]


@pytest.mark.parametrize(
    ("layout", "total", "saving"),
    [
        ("classic", 10_000_000, 360_000),
        ("classic", 9_999_999, None),
        ("columnar", 10_000_000, None),
        ("classic", None, None),
    ],
)
def test_what_the_columnar_layout_saves_is_72_bytes_a_connection(
    layout: str, total: int | None, saving: int | None
) -> None:
    found = attrs.evolve(FOUND, layout=layout)
    assert saving == attrs.evolve(DESCRIBED, found=found, sizes=Sizes(total, {})).saving
    none = attrs.evolve(FOUND, connections=())
    assert attrs.evolve(DESCRIBED, found=none).saving is None


def test_the_data_of_a_description_are_for_programs() -> None:
    data = describing._data(DESCRIBED)
    assert {"cells": 2, "connections": 1} == data["holes"]
    assert {"cell_types": ("x",), "connectivity": ("y", "z")} == data["unfilled"]
    assert {
        "total": 20_000_000,
        "parts": {"placement": 3000, "connectivity": 5000, "files": 0},
        "rest": 19_992_000,
    } == data["bytes"]
    assert ("classic", (100.0, 50.5, 25.0), 1, 2, 360_000, False) == tuple(
        data[key]
        for key in ("layout", "chunk_size", "morphologies", "files", "saving", "unfinished_commit")
    )
    held = {"placed": 1, "connections": {"inc": 2, "out": 3}}
    assert describing._Chunk(65_535, [-1, 0, 0], 1, 2, 3) == describing._chunk(65_535, held)


def test_counts_are_printed_with_their_means() -> None:
    found = counting._Counts(
        {"granule": 1200, ("golgi", None): 1, ("golgi", "a"): 2, ("golgi", (0, 1, 2)): 3},
        [
            counting._ConnectionCounts(
                "c",
                "granule",
                "golgi",
                5000,
                Mean(5.0, 1.25, 10, "cells"),
                Mean(0.123456, 0.0, 3, "cells"),
                Mean(math.nan, math.nan, 0, "pairs"),
            )
        ],
        [counting._Entry("granule", "golgi", 5000)],
    )
    assert [
        "cells by label      cells",
        "granule             1,200",
        "golgi, no label         1",
        "golgi, a                2",
        "golgi, chunk 0 1 2      3",
        "",
        "connectivity set  connections  convergence  divergence  synapses per pair",
        "c                       5,000  5 ± 1.25     0.1235 ± 0  -",
        "",
        "mean ± sd: of convergence and divergence over all cells, of synapses over connected pairs",
        "",
        "from     to     connections",
        "granule  golgi        5,000",
    ] == counting._lines(found, "label")
    assert {"group": "golgi, a", "type": "golgi", "part": "a"} == counting._group(("golgi", "a"))
    assert {"group": "golgi", "type": "golgi", "part": None} == counting._group("golgi")


def test_findings_are_printed_after_what_was_repaired() -> None:
    first, second = Finding("files", "'x'", "odd", True), Finding("network", "", "worse", False)
    report = Report((first, second), repaired=(second,))
    answer = maintaining._report("net", report)
    assert [
        f"repaired: {second}",
        str(first),
        str(second),
        "2 findings in 'net'; run bsb storage repair to repair those that can be repaired",
    ] == list(answer.lines)
    assert 1 == answer.code
    assert [
        {"part": "files", "where": "'x'", "what": "odd", "repairable": True},
        {"part": "network", "where": "", "what": "worse", "repairable": False},
    ] == answer.data["findings"]
    assert 1 == len(list(answer.data["repaired"]))  # type: ignore[call-overload]
    left = maintaining._report("net", Report((second,)))
    assert "1 finding in 'net'" == left.lines[-1]
    fine = maintaining._report("net", Report((), repaired=(first,)))
    assert ([f"repaired: {first}", "nothing is wrong in 'net'"], 0) == ([*fine.lines], fine.code)


@pytest.mark.parametrize(
    ("engine", "target", "made"),
    [
        (None, "a.zarr", "zarr"),
        (None, "a.ZIP", "zarr"),
        (None, "a.hdf5", "hdf5"),
        (None, "a.H5", "hdf5"),
        (None, "a", None),
        (None, "s3://lab/a.hdf5", "zarr"),
        ("hdf5", "a.zarr", "hdf5"),
    ],
)
def test_the_engine_follows_from_the_target(
    engine: str | None, target: str, made: str | None
) -> None:
    assert made == maintaining.engine_to_make(argparse.Namespace(engine=engine), target)


def test_two_versions_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(exchanging, "open_at", lambda *asked: opened.append(asked))
    options = {"first": "x", "second": "y"}
    exchanging._compared(argparse.Namespace(versions=["a", "b"], **options))
    exchanging._compared(argparse.Namespace(versions=None, **options))
    assert [("x", "a"), ("y", "b"), ("x", None), ("y", None)] == opened


def test_a_version_is_a_time_if_it_has_an_hour() -> None:
    for text in ("first", "2026-01-31", "a:b", "", "0001-01-01T00:00"):
        assert text == versions._as_version(text)
    found = versions._as_version("2026-01-31T12:30+02:00")
    assert datetime(2026, 1, 31, 10, 30, tzinfo=UTC) == found
    here = versions._as_version("2026-01-31T12:30")
    assert isinstance(here, datetime)
    assert datetime(2026, 1, 31, 12, 30).astimezone() == here


def test_versions_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    time = datetime(2026, 1, 31, 10, 30, 5, 123, tzinfo=UTC)
    found = [
        Version("abc", time, "a session", "bsb-hdf5", ("paper", "last")),
        Version("de", time, "x", "y", ()),
    ]
    monkeypatch.setattr(versions, "versions_of", lambda root: found)
    answer = versions.versions(argparse.Namespace(root="net"))
    assert [
        "version  written at                 tags         message",
        "abc      2026-01-31 10:30:05+00:00  paper, last  a session",
        "de       2026-01-31 10:30:05+00:00  -            x",
    ] == list(answer.lines)
    assert {
        "id": "abc",
        "written_at": "2026-01-31T10:30:05.000123+00:00",
        "tags": ["paper", "last"],
        "message": "a session",
        "writer": "bsb-hdf5",
    } == answer.data["versions"][0]  # type: ignore[index]


# What is said of an error that stops a compile


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StoreIOError("x", errno=errno.ENOSPC), "; free space on the disk, then go on"),
        (StoreIOError("x", errno=errno.EDQUOT), "; free space within the quota, then go on"),
        (
            StoreIOError("x", errno=errno.EFBIG),
            "; raise the limit on the size of files, then go on",
        ),
        (StoreIOError("x", errno=errno.EMFILE), "; raise the limit on open files, then go on"),
        (StoreIOError("x", errno=errno.EIO), "; go on"),
        (StoreIOError("x"), "; go on"),
        (StoreAccessError("x"), "; allow writing to it, then go on"),
        (StoreAccessError("x", errno=errno.EPERM), "; allow writing to it, then go on"),
        (StoreAccessError("x", errno=errno.EROFS), "; mount the disk for writing, then go on"),
        (LockTimeoutError("x"), "; wait for the other program to end, then go on"),
        (InputError("x"), "; correct that, then go on"),
        (MemoryError(), "; go on"),
        (KeyboardInterrupt(), "; go on"),
    ],
    ids=repr,
)
def test_what_to_do_first_follows_from_the_error(error: BaseException, text: str) -> None:
    assert text == failures._then(error, "go on")


class Strategy:
    def __init__(self, name: str) -> None:
        self.name = name


MANY = [Strategy(name) for name in "abcdefg"]


@pytest.mark.parametrize(
    ("step", "given", "advice"),
    [
        (None, {}, "run 'bsb compile --clear'"),
        (None, {"existed": True}, "run it again"),
        ("run_placement", {}, "run 'bsb compile --clear' to start over (--append would place"),
        ("run_pipelines", {}, "run 'bsb compile --clear' to start over"),
        (
            "run_connectivity",
            {},
            "run 'bsb compile --redo --skip-placement --skip-after-placement' to redo the conn",
        ),
        ("run_after_placement", {}, "run 'bsb compile --append --skip-placement' to go on"),
        (
            "run_after_connectivity",
            {},
            "run 'bsb compile --append --skip-placement --skip-after-placement"
            " --skip-connectivity' to go on",
        ),
        (
            "run_placement",
            {"append": True, "p_strats": MANY[:2], "c_strats": MANY[2:6]},
            "run 'bsb compile --redo --only a,b,c,d,e,f' to redo the strategies of this run",
        ),
        (
            "run_placement",
            {"redo": True, "p_strats": MANY, "c_strats": []},
            "run 'bsb compile --redo' to redo",
        ),
        ("run_x", {"redo": True, "p_strats": [], "c_strats": []}, "run 'bsb compile --redo' to"),
    ],
)
def test_how_to_go_on_follows_from_the_step(
    step: str | None, given: dict[str, Any], advice: str
) -> None:
    stopped = failures._Compile("bsb compile", step=step, given=given)
    assert failures._advice(stopped).startswith(advice)


def test_what_is_behind_an_error_is_found() -> None:
    full, access = StoreIOError("full"), StoreAccessError("closed")
    wrapped, boot = ValueError("wrapped"), bsb.BootError("no boot")
    wrapped.__cause__ = full
    boot.__context__ = access
    hidden = ValueError("hidden")
    hidden.__context__ = full
    group = BaseExceptionGroup("some", [wrapped, KeyboardInterrupt(), boot])
    assert [full] == list(failures._causes(full))
    assert [full] == list(failures._causes(wrapped))
    assert [access] == list(failures._causes(boot))
    assert [] == list(failures._causes(hidden))
    assert [full, KeyboardInterrupt, access] == [
        type(each) if isinstance(each, KeyboardInterrupt) else each
        for each in failures._causes(group)
    ]
