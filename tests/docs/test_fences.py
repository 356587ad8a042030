"""Blocks of the pages that no session shows: each is run, here or by a test of its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import bsb
import pytest
import yaml  # type: ignore[import-untyped]
from bsb.cli import handle_command

from bsb_hdf5.config import StorageNode
from bsb_hdf5.storage_options import DurabilityOption, LayoutOption, value_of
from tests.docs.pages import ROOT, fences

DOCS = ROOT / "docs"
LANGUAGES = ("python", "toml", "yaml")
# Blocks that are run elsewhere, or that need a program which is not there.
ELSEWHERE = {
    # tests/face/test_columnar_page.py
    ("columnar-layout", "python"): 1,
    # `network.run_simulation`, which examples/simulate calls, needs a simulator.
    ("engines", "python"): 2,
    # tests/unit/testing/test_documents.py
    ("testing", "python"): 6,
    # A part of a package; the template of the kit, which is whole, is tested in tests/unit/kit.
    ("write-a-backend", "toml"): 1,
}
HERE = {
    ("index", "yaml"): 1,
    ("index", "python"): 1,
    ("engines", "yaml"): 2,
    ("engines", "toml"): 1,
    ("usage", "yaml"): 1,
}


def blocks(page: str, language: str) -> list[str]:
    """Blocks of a page that are not files which its commands use."""
    return [
        content
        for name, content in fences(DOCS / f"{page}.md")
        if name == language and not re.match(r"# (?!pyproject)\S+\.(yaml|py)\n", content)
    ]


def test_each_block_is_run() -> None:
    found = Counter(
        {
            (page.stem, language): len(blocks(page.stem, language))
            for page in DOCS.glob("*.md")
            for language in LANGUAGES
        }
    )
    assert {key: count for key, count in found.items() if count} == ELSEWHERE | HERE


NETWORK: dict[str, Any] = {
    "name": "small",
    "network": {"x": 100, "y": 100, "z": 100, "chunk_size": 100},
    "partitions": {"layer": {"type": "layer", "thickness": 100}},
    "cell_types": {"granule": {"spatial": {"radius": 2, "count": 5}}},
    "placement": {
        "cells": {
            "strategy": "bsb.placement.RandomPlacement",
            "cell_types": ["granule"],
            "partitions": ["layer"],
        }
    },
    "connectivity": {},
}


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_front_page_compiles_and_asks() -> None:
    (storage,), (program,) = blocks("index", "yaml"), blocks("index", "python")
    Path("network.json").write_text(json.dumps(NETWORK | yaml.safe_load(storage)))
    handle_command(["compile", "network.json"])
    names: dict[str, Any] = {}
    exec(compile(program, "index.md", "exec"), names)
    assert (5, 3) == names["positions"].shape
    assert "columnar" == names["network"].storage._engine.layout


@pytest.mark.parametrize("content", [*blocks("engines", "yaml"), *blocks("usage", "yaml")])
def test_the_storage_of_a_page_is_one_that_bsb_knows(content: str) -> None:
    given = yaml.safe_load(content)
    configuration = bsb.Configuration(NETWORK | given)
    assert isinstance(configuration.storage, StorageNode)
    for key, value in given["storage"].items():
        assert value == getattr(configuration.storage, key)


def test_the_project_of_a_page_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    (content,) = blocks("engines", "toml")
    for name in ("LAYOUT", "DURABILITY"):
        monkeypatch.delenv(f"BSB_HDF5_{name}", raising=False)
    Path("pyproject.toml").write_text(content)
    assert ("columnar", "power") == (value_of(LayoutOption), value_of(DurabilityOption))
