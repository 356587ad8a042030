"""What a configuration says of a circuit, and which ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.errors import CorruptNetworkError, NotANetworkError, StoreNotFoundError
from bsb_hdf5.exchange.sonata import circuit
from bsb_hdf5.exchange.sonata.circuit import Circuit, read_circuit

OWN: dict[str, Any] = {
    "schema": 1,
    "chunk_size": [1, 2, 3],
    "nodes": {
        "p": {
            "name": "a",
            "empty_chunks": [[0, 0, 1], [2, -1, 0]],
            "additional": {
                "k": {"columns": ["x", "y"], "shape": [2]},
                "l": {"columns": ["z"], "shape": []},
                "m": None,
            },
        }
    },
    "edges": {"e": {"name": "a_to_a"}},
    "unconnected": [{"name": "none", "pre": "a", "post": "b"}],
}


def networks(*nodes: dict[str, Any], edges: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"nodes": list(nodes), **({} if edges is None else {"edges": edges})}


def nodes(file: str, **populations: Any) -> dict[str, Any]:
    return {"nodes_file": file, "populations": populations}


def edges(file: str, *populations: str) -> dict[str, Any]:
    return {"edges_file": file, "populations": {name: {} for name in populations}}


def read(folder: Path, config: Any) -> Circuit:
    (folder / "circuit_config.json").write_text(json.dumps(config))
    return read_circuit(folder)


def test_files_and_folders_are_found_by_population(tmp_path: Path) -> None:
    config = {
        "manifest": {"$BASE": "$HERE/b", "$HERE": ".", "$OTHER": "other"},
        "components": {"morphologies_dir": "$BASE/swc"},
        "networks": networks(
            nodes("$BASE/n.h5", a={}, b={"morphologies_dir": "$OTHER/of_b"}),
            nodes("$OTHER/n.h5", c={}),
            edges=[edges("e.h5", "x", "y"), edges("$HERE/f.h5", "z")],
        ),
    }
    found = read(tmp_path, config)
    assert found.own is None
    place = tmp_path.resolve()
    assert {
        "a": (place / "b/n.h5", place / "b/swc"),
        "b": (place / "b/n.h5", place / "other/of_b"),
        "c": (place / "other/n.h5", place / "b/swc"),
    } == found.nodes
    assert {"x": place / "e.h5", "y": place / "e.h5", "z": place / "f.h5"} == found.edges
    assert found == read_circuit(tmp_path / "circuit_config.json")
    assert Circuit(None, {}, {}) == read(tmp_path, {"networks": {}})
    assert {"a": (place / "n.h5", None)} == read(
        tmp_path, {"networks": networks(nodes("n.h5", a={}))}
    ).nodes


def test_a_variable_is_replaced_by_its_whole_name(tmp_path: Path) -> None:
    """The name of one may be the beginning of that of another, defined or not."""
    variables = {
        "$B": "nowhere",
        "$BASE_DIR": ".",
        "$BASE": "$BASE_DIR/b",
        "${H}": "h",
        "$I/": "i/",
    }
    config = {
        "manifest": variables,
        "networks": networks(
            nodes("$BASE_DIR/n.h5", a={}),
            nodes("$BASE/n.h5", b={}),
            nodes("$BASES/n.h5", c={}),
            nodes("${H}n.h5", d={}),
            nodes("$I/n.h5", e={}),
        ),
    }
    place = tmp_path.resolve()
    files = {"a": "n.h5", "b": "b/n.h5", "c": "$BASES/n.h5", "d": "hn.h5", "e": "i/n.h5"}
    expected = {name: place / file for name, file in files.items()}
    assert expected == {name: file for name, (file, _) in read(tmp_path, config).nodes.items()}


def test_what_an_export_added_is_kept_if_it_is_whole(tmp_path: Path) -> None:
    assert OWN == read(tmp_path, {"networks": {}, "bsb": OWN}).own
    without = {**OWN, "chunk_size": None}
    assert without == read(tmp_path, {"networks": {}, "bsb": without}).own


def changed(*path: Any, value: Any) -> dict[str, Any]:
    """What an export added, but for one value; None leaves it out."""
    copy = json.loads(json.dumps(OWN))
    *above, last = path
    held = copy
    for each in above:
        held = held[each]
    if value is None:
        del held[last]
    else:
        held[last] = value
    return {"networks": {}, "bsb": copy}


OTHER = "not a configuration"
MEMBER = {"name": "a_to_a"}
REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "a list": ([], NotANetworkError, "not a configuration of a SONATA circuit"),
    "a text": ("x", NotANetworkError, "not a configuration of a SONATA circuit"),
    "no networks": ({}, NotANetworkError, "not a configuration of a SONATA circuit: KeyError"),
    "no file": ({"networks": {"nodes": [{}]}}, NotANetworkError, OTHER),
    "no populations": (
        {"networks": {"nodes": [{"nodes_file": "x"}]}},
        NotANetworkError,
        "KeyError.'populations'",
    ),
    "two node populations": (
        {"networks": networks(nodes("n.h5", a={}), nodes("m.h5", b={}, a={}))},
        CorruptNetworkError,
        r"has two populations 'a', one of them in '.*m\.h5'",
    ),
    "two edge populations": (
        {"networks": networks(edges=[edges("e.h5", "x"), edges("f.h5", "x")])},
        CorruptNetworkError,
        r"has two populations 'x', one of them in '.*f\.h5'",
    ),
    "a file outside": (
        {"networks": networks(nodes("../n.h5", a={}))},
        CorruptNetworkError,
        r"names '\.\./n\.h5', which lies outside of '.*'; copy it there",
    ),
    "morphologies outside": (
        {"networks": networks(nodes("n.h5", a={"morphologies_dir": "/swc"}))},
        CorruptNetworkError,
        "names '/swc', which lies outside",
    ),
    "another schema": (
        changed("schema", value=2),
        NotANetworkError,
        "was exported with schema 2, and this release reads 1; import it with the release that",
    ),
    "no schema": (changed("schema", value=None), NotANetworkError, "KeyError.'schema'"),
    "a wrong size": (changed("chunk_size", value=[1, 2]), NotANetworkError, OTHER),
    "no size": (changed("chunk_size", value=None), NotANetworkError, "KeyError"),
    "no nodes": (changed("nodes", value=None), NotANetworkError, "KeyError"),
    "no edges": (changed("edges", value=None), NotANetworkError, "KeyError"),
    "a number as a name": (changed("nodes", "p", "name", value=5), NotANetworkError, "name"),
    "an empty name": (changed("edges", "e", "name", value=""), NotANetworkError, "name"),
    "two names": (
        changed("edges", value={"e": MEMBER, "f": MEMBER}),
        NotANetworkError,
        "two populations have the name of one set",
    ),
    "the name of a set without edges": (
        changed("unconnected", 0, "name", value="a_to_a"),
        NotANetworkError,
        "two populations have the name of one set",
    ),
    "no name without edges": (
        changed("unconnected", 0, "name", value=""),
        NotANetworkError,
        OTHER,
    ),
    "no presynaptic type": (
        changed("unconnected", 0, "pre", value=""),
        NotANetworkError,
        OTHER,
    ),
    "a postsynaptic number": (
        changed("unconnected", 0, "post", value=3),
        NotANetworkError,
        OTHER,
    ),
    "half a chunk": (
        changed("nodes", "p", "empty_chunks", value=[1, 2]),
        NotANetworkError,
        OTHER,
    ),
    "a chunk too far": (
        changed("nodes", "p", "empty_chunks", value=[[1 << 20, 0, 0]]),
        NotANetworkError,
        OTHER,
    ),
    "no additional data": (
        changed("nodes", "p", "additional", value=None),
        NotANetworkError,
        OTHER,
    ),
    "too few columns": (
        changed("nodes", "p", "additional", "k", "columns", value=["x"]),
        NotANetworkError,
        "'k' has columns .* of shape",
    ),
    "too many columns": (
        changed("nodes", "p", "additional", "l", "columns", value=["x", "y"]),
        NotANetworkError,
        "'l' has columns",
    ),
}


def test_other_configurations_are_refused(tmp_path: Path) -> None:
    for title, (config, error, text) in REFUSED.items():
        with pytest.raises(error, match=text) as raised:
            read(tmp_path, config)
        assert type(raised.value) is error, title


def test_files_that_are_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(
            StoreNotFoundError, match=r"no circuit at .*: no 'circuit_config\.json'"
        ):
            read_circuit(folder)
    path = tmp_path / "circuit_config.json"
    path.write_bytes(b"\xff{}")
    with pytest.raises(NotANetworkError, match="it is not a text") as raised:
        read_circuit(path)
    assert str(path) == raised.value.fields["location"]
    path.write_text("[" * 100_000)
    with pytest.raises(NotANetworkError, match=OTHER):
        read_circuit(path)
    path.write_text(json.dumps({"networks": {}}))
    for most, fits in ((path.stat().st_size, True), (path.stat().st_size - 1, False)):
        monkeypatch.setattr(circuit, "_MOST_BYTES", most)
        if fits:
            assert Circuit(None, {}, {}) == read_circuit(path)
        else:
            with pytest.raises(NotANetworkError, match=f"it is larger than {most} bytes"):
                read_circuit(path)
