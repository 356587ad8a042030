"""After a compile that was stopped, a sentence says what is stored, and its advice works."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import bsb
import pytest
from bsb.cli import handle_command

from bsb_hdf5.cli import failures, uncaught
from bsb_hdf5.cli.running import main
from bsb_hdf5.engine import StorageEngine
from bsb_hdf5.errors import LockTimeoutError, StoreIOError
from bsb_hdf5.file_store import FileStore
from bsb_hdf5.queries import summary
from tests.unit.cli.strategies import FAILING

STRATEGIES = "tests.unit.cli.strategies"
NETWORK = {
    "name": "small",
    "storage": {"engine": "hdf5", "root": "net"},
    "network": {"x": 200, "y": 100, "z": 100, "chunk_size": 100},
    "partitions": {"layer": {"type": "layer", "thickness": 100}},
    "cell_types": {"a": {"spatial": {"radius": 1, "count": 4}}},
    "placement": {
        "cells": {
            "strategy": f"{STRATEGIES}.Cells",
            "positions": [[10, 10, 10], [20, 10, 10], [110, 10, 10], [120, 10, 10]],
            "cell_types": ["a"],
            "partitions": ["layer"],
        }
    },
    "connectivity": {
        "pairs": {
            "strategy": f"{STRATEGIES}.Pairs",
            "presynaptic": {"cell_types": ["a"]},
            "postsynaptic": {"cell_types": ["a"]},
        }
    },
    "after_placement": {"first": {"strategy": f"{STRATEGIES}.AfterCells"}},
    "after_connectivity": {"last": {"strategy": f"{STRATEGIES}.AfterConnections"}},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with a configuration."""
    monkeypatch.chdir(tmp_path)
    configure("hdf5")
    yield tmp_path
    FAILING.clear()


def configure(engine: str) -> None:
    network = {**NETWORK, "storage": {"engine": engine, "root": "net"}}
    Path("network.json").write_text(json.dumps(network))


def compile_(*options: str) -> None:
    handle_command(["compile", "network.json", *options])


def stop_in(step: str, *options: str) -> str:
    """Compile until a step fails, and say what is left."""
    FAILING.add(step)
    with pytest.raises((Exception, KeyboardInterrupt)) as caught:
        compile_(*options)
    FAILING.clear()
    text = failures.explain(caught.value)
    assert text is not None
    assert "\n" not in text
    return text


def follow(text: str) -> None:
    """Do what a sentence advises."""
    found = re.search(r"'bsb compile network\.json (.*?)'", text)
    assert found is not None, text
    compile_(*found[1].split())


def counts() -> tuple[int, int]:
    found = summary("net")
    return sum(each.cells for each in found.cells), sum(
        each.connections for each in found.connections
    )


@pytest.mark.parametrize(
    ("step", "cells", "connections", "options"),
    [
        ("placement", 2, 0, "--clear"),
        ("after placement", 4, 0, "--append --skip-placement"),
        ("connectivity", 4, 0, "--redo --skip-placement --skip-after-placement"),
        (
            "after connectivity",
            4,
            4,
            "--append --skip-placement --skip-after-placement --skip-connectivity",
        ),
    ],
)
def test_a_compile_that_fails_can_be_completed_as_the_sentence_says(
    step: str, cells: int, connections: int, options: str
) -> None:
    text = stop_in(step)
    assert text.startswith(
        "bsb compile: 'net' can't be written: No space left on device; 'net' is intact and holds"
        f" {cells} cells and {connections} connections; free space on the disk, then run"
        f" 'bsb compile network.json {options}'"
    )
    follow(text)
    assert (4, 4) == counts()


@pytest.mark.parametrize(
    ("step", "given", "advised", "counted"),
    [
        ("placement", "--skip pairs", "--clear --skip pairs", (4, 0)),
        ("placement", "--skip-connectivity", "--clear --skip-connectivity", (4, 0)),
        ("after placement", "--nc", "--append --skip-placement --skip-connectivity", (4, 0)),
        (
            "connectivity",
            "--only cells,pairs --skip-after-connectivity --force",
            "--redo --skip-placement --skip-after-placement --skip-after-connectivity"
            " --only cells,pairs --force",
            (4, 4),
        ),
        ("placement", "-x 300 -z 120", "-x 300 -z 120 --clear", (4, 4)),
    ],
)
def test_the_advice_does_no_more_than_the_compile_was_to_do(
    step: str, given: str, advised: str, counted: tuple[int, int]
) -> None:
    text = stop_in(step, *given.split())
    assert f"then run 'bsb compile network.json {advised}' to " in text
    follow(text)
    assert counted == counts()
    assert (300.0 if "-x" in given else 200.0) == bsb.from_storage("net").network.x


def test_what_is_ignored_by_the_compile_is_ignored_by_the_advice() -> None:
    assert "--clear --ignore-errors' to " in stop_in("placement", "--ignore-errors")


@pytest.mark.parametrize("name", ["my networks/a net.json", 'net "a".json'])
def test_the_advice_can_be_pasted_whatever_the_configuration_is_called(name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path("network.json").rename(name)
    FAILING.add("placement")
    with pytest.raises(bsb.WorkflowError) as caught:
        handle_command(["compile", name])
    text = failures.explain(caught.value)
    assert text is not None
    found = re.search(r"run '(.*)' to start over", text)
    assert found is not None, text
    assert ["bsb", "compile", name, "--clear"] == shlex.split(found[1])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, as in a program of its own: processes that run tests ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_so_can_one_that_is_interrupted(engine: str, interruptible: None) -> None:
    configure(engine)
    text = stop_in("connectivity by Ctrl-C")
    assert text.startswith("bsb compile: interrupted; 'net' is intact and holds 4 cells and ")
    follow(text)
    assert (4, 4) == counts()


def test_a_network_that_is_locked_is_waited_for_only_a_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[float] = []

    def busy(engine: StorageEngine) -> None:
        limits.append(engine.sessions.settings.limit)
        raise LockTimeoutError("another program writes")

    monkeypatch.setattr(failures, "summary", busy)
    text = stop_in("connectivity")
    assert [2.0] == limits
    assert "; 'net' holds what was stored before; free space on the disk, then run" in text


def test_info_names_what_a_compile_that_was_cut_short_did_not_reach(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop_in("connectivity")
    capsys.readouterr()
    assert 0 == main(["info", "net"])
    assert (
        "unfilled: the network has no connections of 'pairs', which its" in capsys.readouterr().out
    )
    follow(stop_in("connectivity", "--clear"))
    capsys.readouterr()
    assert 0 == main(["info", "net"])
    assert "unfilled" not in capsys.readouterr().out


def test_what_was_there_before_an_append_is_not_to_be_cleared() -> None:
    compile_()
    text = stop_in("connectivity", "--append", "--only", "pairs")
    assert "--redo --only pairs' to redo the strategies of this run" in text
    follow(text)
    assert (4, 4) == counts()


def test_an_error_before_the_first_step_says_that_nothing_is_stored(folder: Path) -> None:
    (folder / "net").write_text("no network")
    with pytest.raises(bsb.BootError) as caught:
        compile_()
    text = failures.explain(caught.value)
    assert text is not None
    assert "nothing of this run is stored; run it again" in text


def test_errors_that_have_nothing_to_do_with_a_storage_are_left_alone() -> None:
    assert failures.explain(ValueError("of a strategy")) is None
    assert failures.explain(KeyboardInterrupt()) is None
    compile_()
    with pytest.raises(FileExistsError) as caught:
        compile_()
    assert failures.explain(caught.value) is None


def test_an_error_of_another_command_is_not_one_of_a_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compile_()

    def fail(_: object) -> None:
        raise StoreIOError("'net' can't be read")

    monkeypatch.setattr(FileStore, "load_active_config", fail)
    with pytest.raises(StoreIOError) as caught:
        handle_command(["simulate", "net", "none"])
    assert "bsb: 'net' can't be read" == failures.explain(caught.value)


def test_a_network_that_is_gone_is_not_said_to_hold_anything() -> None:
    compile_()
    engine = bsb.Storage("hdf5", "net")._engine
    Path("net").unlink()
    assert f"nothing is stored at '{engine._root}'" == failures._held(engine)


def test_the_sentence_comes_after_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def before(*_: object) -> None:
        print("Traceback", file=sys.stderr)

    monkeypatch.setattr(sys, "excepthook", before)
    uncaught.install()
    installed = sys.excepthook
    uncaught.install()
    assert installed is sys.excepthook
    for error, lines in (
        (StoreIOError("'net' can't be read"), ["Traceback", "bsb: 'net' can't be read"]),
        (ValueError("of a strategy"), ["Traceback"]),
    ):
        sys.excepthook(type(error), error, None)
        assert lines == capsys.readouterr().err.splitlines()
