"""The OpenTelemetry spans of each call are those of 8.0.2, in every engine and layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compat.exchange import FOLDER, Interpreter

SCRIPT = FOLDER / "spans.py"
# To look first keeps what only requires its sets from writing to the file.
LOOKS_FIRST = ("require connections", "require them again")

Spans = dict[str, list[dict[str, Any]]]


def record(interpreter: Interpreter, name: str, folder: Path) -> Spans:
    interpreter.run(SCRIPT, name, "spans.json", folder=folder)
    spans: Spans = json.loads((folder / "spans.json").read_text())
    return spans


@pytest.fixture(scope="module")
def their_spans(theirs: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Spans:
    return record(theirs, "classic", tmp_path_factory.mktemp("spans"))


@pytest.fixture(scope="module", params=["classic", "columnar", "memory", "zarr"])
def our_spans(
    request: pytest.FixtureRequest, ours: Interpreter, tmp_path_factory: pytest.TempPathFactory
) -> Spans:
    return record(ours, request.param, tmp_path_factory.mktemp("spans"))


def without_those_below(span: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in span.items() if key != "below"}


def opened(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Attributes of the files that a call opens."""
    each = [span for root in spans for span in (root, *root["below"])]
    return [span["attributes"] for span in each if span["name"] == "hdf5.file.open"]


def test_each_call_emits_the_spans_of_upstream(their_spans: Spans, our_spans: Spans) -> None:
    assert [*their_spans] == [*our_spans]
    for call, spans in their_spans.items():
        expected = [without_those_below(span) for span in spans]
        assert expected == [without_those_below(span) for span in our_spans[call]], call


def test_each_call_opens_the_files_that_upstream_opens(
    their_spans: Spans, our_spans: Spans
) -> None:
    for call in their_spans.keys() - LOOKS_FIRST:
        assert opened(their_spans[call]) == opened(our_spans[call]), call


def test_the_calls_cover_what_users_do(their_spans: Spans) -> None:
    names = {span["name"] for spans in their_spans.values() for span in spans}
    assert names >= {
        *("hdf5.append_data", "hdf5.load_positions", "hdf5.connect", "hdf5.chunk_connect"),
        *("hdf5.label", "hdf5.get_labelled", "hdf5.store", "hdf5.save", "hdf5.create"),
        *("hdf5.__init__", "hdf5.__len__", "hdf5.exists", "hdf5.require", "hdf5.file.open"),
    }
