"""Signals are handled while networks are exchanged: each loop over rows looks for them."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import convert, diff, export_csv, export_sonata, import_sonata, merge, verify
from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork

MODULES = (
    *(f"exchange.{name}" for name in ("diff", "merge", "tables", "transfer")),
    *(f"exchange.sonata.{name}" for name in ("edge_reader", "edges", "exporting", "importing")),
    *(f"exchange.sonata.{name}" for name in ("indices", "nodes")),
    *("maintenance.findings", "queries.streams"),
)


def lines_of(module: Any) -> set[int]:
    """Where a module looks for signals."""
    tree = ast.parse(inspect.getsource(module))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {each.lineno for each in calls if ast.unparse(each.func) == "call_pending"}


def test_each_loop_over_rows_looks_for_signals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {name: importlib.import_module(f"bsb_hdf5.{name}") for name in MODULES}
    seen: dict[str, set[int]] = {name: set() for name in modules}
    for name, module in modules.items():

        def look(name: str = name) -> None:
            seen[name].add(sys._getframe(1).f_lineno)

        monkeypatch.setattr(module, "call_pending", look)
    storage = SmallNetwork.build(new_storage(tmp_path / "network", "classic")).storage
    columnar = convert(storage, str(tmp_path / "columnar"), layout="columnar")
    diff(storage, columnar)
    merge([storage, columnar], str(tmp_path / "both"))
    export_csv(storage, tmp_path / "tables")
    export_sonata(storage, tmp_path / "circuit")
    import_sonata(tmp_path / "circuit", str(tmp_path / "imported"))
    verify(storage)
    assert {name: lines_of(module) for name, module in modules.items()} == seen
    assert all(seen.values())


def test_between_two_pieces_of_rows_is_a_look_for_signals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    for name in MODULES:
        module = importlib.import_module(f"bsb_hdf5.{name}")
        monkeypatch.setattr(module, "call_pending", lambda: events.append("look"))
        monkeypatch.setattr(module, "count_done", lambda _: events.append("rows"), raising=False)
    storage = SmallNetwork.build(new_storage(tmp_path / "network", "classic")).storage
    tasks: dict[str, Callable[[], Any]] = {
        "convert": lambda: convert(storage, str(tmp_path / "columnar"), layout="columnar"),
        "diff": lambda: diff(storage, storage),
        "merge": lambda: merge([storage, storage], str(tmp_path / "both")),
        "export_csv": lambda: export_csv(storage, tmp_path / "tables"),
        "export_sonata": lambda: export_sonata(storage, tmp_path / "circuit"),
        "import_sonata": lambda: import_sonata(tmp_path / "circuit", str(tmp_path / "imported")),
    }
    for title, task in tasks.items():
        events.clear()
        task()
        assert "rows" in events, title
        assert ("rows", "rows") not in pairwise(events), title


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_what_a_handler_raises_ends_it_and_nothing_is_left(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = SmallNetwork.build(new_storage(tmp_path / "network", "columnar")).storage

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bsb_hdf5.exchange.transfer.call_pending", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert(storage, str(tmp_path / "other"), engine=engine)
    assert [tmp_path / "network"] == list(tmp_path.iterdir())
