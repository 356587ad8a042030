"""The storage node of a configuration: what it refuses, and what it looks at when BSB boots it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import bsb
import pytest

from bsb_hdf5.engines.hdf5 import HDF5Engine
from bsb_hdf5.exceptions import LayoutKeptWarning

ENGINES = ("hdf5", "memory", "zarr")


def configuration(root: Path | str, engine: str = "hdf5", **storage: Any) -> bsb.Configuration:
    return bsb.Configuration(
        {
            "name": "A network",
            "storage": {"engine": engine, "root": str(root), **storage},
            "network": {"x": 100, "y": 100, "z": 100, "chunk_size": 100},
            "partitions": {},
            "cell_types": {"granule": {"spatial": {"radius": 2, "count": 3}}},
            "placement": {},
            "connectivity": {},
        }
    )


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [("layout", "colunmar", "columnar"), ("durability", "powr", "power"), ("layout", 5, None)],
)
def test_a_misspelt_setting_names_the_choices_and_the_nearest(
    key: str, value: object, meant: str | None, tmp_path: Path
) -> None:
    with pytest.raises(bsb.CastError) as caught:
        configuration(tmp_path / "network.hdf5", **{key: value})  # type: ignore[arg-type]
    message = str(caught.value)
    assert f"{value!r} is not one of" in message
    assert (f"did you mean '{meant}'?" in message) == (meant is not None)


@pytest.mark.parametrize(
    ("engine", "foreign"), [("hdf5", "a file of text"), ("zarr", "a folder with a file")]
)
def test_a_foreign_file_is_refused_before_cell_types_are_booted(
    engine: str, foreign: str, tmp_path: Path
) -> None:
    root = tmp_path / foreign
    if engine == "hdf5":
        root.write_text("hello")
    else:
        root.mkdir()
        (root / "notes.txt").write_text("hello")
    with pytest.raises(bsb.BootError, match=r"StorageNode.*a (file|folder)"):
        bsb.Scaffold(configuration(root, engine))
    assert "hello" in (root if root.is_file() else root / "notes.txt").read_text()


def test_a_layout_that_the_file_does_not_have_is_told_with_the_call_that_converts_it(
    tmp_path: Path,
) -> None:
    root = tmp_path / "network.hdf5"
    bsb.Scaffold(configuration(root, layout="classic"))
    with pytest.warns(LayoutKeptWarning, match=r"stays in the classic layout.*convert\("):
        bsb.Scaffold(configuration(root, layout="columnar"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bsb.Scaffold(configuration(root, layout="classic"))
        bsb.Scaffold(configuration(root))


def test_an_engine_prints_what_it_is(tmp_path: Path) -> None:
    storage = bsb.Storage("hdf5", tmp_path / "network.hdf5")
    assert isinstance(storage._engine, HDF5Engine)
    assert repr(storage._engine) == f"<HDF5Engine '{tmp_path / 'network.hdf5'}'>"
