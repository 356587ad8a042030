"""A network without what its configuration asks for is found out."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.queries.configured import Unfilled, unfilled
from bsb_hdf5.queries.summaries import CellSummary, ConnectionSummary, NetworkSummary


def network(cells: dict[str, int], connections: dict[str, int]) -> NetworkSummary:
    return NetworkSummary(
        "columnar",
        None,
        tuple(CellSummary(name, count, 1, (), ()) for name, count in cells.items()),
        tuple(
            ConnectionSummary(tag, "a", "b", count, None, None)
            for tag, count in connections.items()
        ),
        0,
        0,
    )


def strategy(pre: list[str], post: list[str], **more: object) -> dict[str, Any]:
    return {"presynaptic": {"cell_types": pre}, "postsynaptic": {"cell_types": post}, **more}


CONFIGURATION = {
    # Nothing places cells of this type.
    "cell_types": {"a": {}, "b": {}, "relayed": {}},
    "placement": {"first": {"cell_types": ["a"]}, "second": {"cell_types": ["b", "a"]}},
    "connectivity": {
        "one": strategy(["a"], ["b"]),
        "many": strategy(["a", "b"], ["b"]),
        "fanned": strategy(["a"], ["b", "a"]),
        "named": strategy(["a"], ["b"], output_naming="other"),
        "listed": strategy(["a"], ["b"], output_naming=["x", "y"]),
        "by pair": strategy(["a"], ["b"], output_naming={"a": {"b": "z"}}),
    },
}


def test_all_that_is_asked_for_is_missing_in_an_empty_network() -> None:
    found = unfilled(CONFIGURATION, network({}, {}))
    assert Unfilled(("a", "b"), ("one", "many", "fanned", "named", "listed")) == found


def test_sets_without_rows_are_missing_and_a_set_of_several_is_enough() -> None:
    held = {"one": 0, "many_b_to_b": 1, "fanned_a_to_a": 1, "other": 1, "y": 1}
    found = unfilled(CONFIGURATION, network({"a": 0, "b": 3}, held))
    assert Unfilled(("a",), ("one",)) == found


def test_the_name_of_another_set_does_not_stand_for_one() -> None:
    held = {"one_a_to_b": 1, "many": 1, "fanned": 1, "z": 1, "named": 1}
    found = unfilled(CONFIGURATION, network({"a": 1, "b": 1}, held))
    assert ("one", "many", "fanned", "named", "listed") == found.connectivity


def test_a_single_name_needs_no_list() -> None:
    configuration = {
        "placement": {"only": {"cell_types": "ab"}},
        "connectivity": {"loop": {"presynaptic": {"cell_types": "ab"}, "postsynaptic": 3}},
    }
    assert Unfilled(("ab",), ("loop",)) == unfilled(configuration, network({}, {}))
    assert Unfilled() == unfilled(configuration, network({"ab": 1}, {"loop": 1}))


@pytest.mark.parametrize(
    "configuration",
    [
        None,
        [],
        {},
        {"placement": []},
        {"placement": {"p": 1}, "connectivity": {"c": {}, "d": 0}},
        {"placement": {"p": {"cell_types": 5}}},
        {"connectivity": {"c": {"output_naming": 5}}},
    ],
)
def test_a_configuration_of_another_structure_asks_for_little(configuration: object) -> None:
    assert () == unfilled(configuration, network({}, {})).cell_types
