"""The tests of the contract as functions: run against a store, whatever it is at the moment."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bsb_hdf5.testing.contents import make
from bsb_hdf5.testing.contract_samples import fill_sample
from bsb_hdf5.testing.store_contract import NewStore, StoreContract

Case = tuple[str, Callable[..., None], dict[str, Any]]


def contract_cases(contract: type = StoreContract) -> Iterator[Case]:
    """Each test of a contract with each of its parameters."""
    for name, test in inspect.getmembers(contract, inspect.isfunction):
        if not name.startswith("test"):
            continue
        marks = [m for m in getattr(test, "pytestmark", []) if m.name == "parametrize"]
        for values in itertools.product(*(list(mark.args[1]) for mark in marks)):
            arguments: dict[str, Any] = {}
            for mark, value in zip(marks, values, strict=True):
                titles = mark.args[0]
                pairs = [(titles, value)] if isinstance(titles, str) else zip(titles, value)  # noqa: B905
                arguments.update(pairs)
            yield f"{name}{list(arguments.values())}"[:200], test, arguments


def failures_of(
    new_place: Callable[[], NewStore],
    contract: type = StoreContract,
    hasten: Callable[[Any], Any] = lambda store: store,
) -> dict[str, BaseException]:
    """
    The tests of a contract that a store fails, and how.

    :param new_place: makes the makers of stores, each at places of its own.
    :param hasten: makes a store wait for locks for a second at most.
    """
    failed: dict[str, BaseException] = {}
    for title, test, arguments in contract_cases(contract):
        new_store = new_place()
        fixtures: dict[str, Any] = {
            "new_store": new_store,
            "new_impatient_store": lambda name, new=new_store: hasten(new(name)),
        }
        wanted = inspect.signature(test).parameters
        try:
            if "filled_store" in wanted:
                fixtures["filled_store"] = make(new_store("filled"), fill_sample)
            given = {key: value for key, value in fixtures.items() if key in wanted}
            test(contract(), **given, **arguments)
        except pytest.skip.Exception:
            continue
        except (Exception, pytest.fail.Exception) as error:
            failed[title] = error
    return failed
