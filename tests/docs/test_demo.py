"""The demonstration compiles the example, and what it advises to try works."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import ROOT
from tests.faults.programs import run_program


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The demonstration, on a ninth of the ground and in one layout."""
    found = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "demo", module)
    found.loader.exec_module(module)
    example = shutil.copytree(module.EXAMPLE, tmp_path / "example")
    configuration = json.loads((example / module.CONFIGURATION).read_text())
    configuration["network"].update(x=100, y=100, chunk_size=[50, 50, 100])
    configuration["after_placement"]["zebrin_stripes"]["borders"] = [50]
    configuration["after_placement"]["lateral_margin"]["edge_width"] = 20
    (example / module.CONFIGURATION).write_text(json.dumps(configuration))
    monkeypatch.setattr(module, "EXAMPLE", example)
    monkeypatch.setattr(module, "LAYOUTS", ("columnar",))
    # perf: pictures of all sets take as long as the rest.
    monkeypatch.setattr("bsb_hdf5.queries.pictures._MOST_SETS", 0)
    yield module
    # Of the copy, which goes with the folder of the test.
    sys.modules.pop("cerebellar_column", None)


def test_it_compiles_the_example_and_its_advice_works(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert 0 == demo.main(["--out", str(out)])
    printed = capsys.readouterr().out
    assert "basket_to_basket" in printed
    folder = out / "columnar"
    advice = demo.advice(demo.network_file(folder))
    assert advice in printed
    assert (folder / demo.PICTURE).read_bytes().startswith(b"\x89PNG")
    lines = [line.removeprefix(">>> ") for line in advice.splitlines() if line.startswith(">>> ")]
    run_program("\n".join([f"import os; os.chdir({str(folder)!r})", *lines]))
    assert (folder / "network.zarr").is_dir()


def test_it_leaves_the_files_of_others_alone(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "out" / "columnar" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert 1 == demo.main(["--out", str(tmp_path / "out")])
    assert "holds files that are not of this demo" in capsys.readouterr().err
    assert mine.read_text() == "mine"
