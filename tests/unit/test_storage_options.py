"""Options of BSB that say how networks are stored, wherever they are set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from bsb import options

from bsb_hdf5 import storage_options
from bsb_hdf5.storage_options import DurabilityOption, LayoutOption, value_of

OPTIONS = pytest.mark.parametrize(
    ("option", "variable"),
    [(LayoutOption, "BSB_HDF5_LAYOUT"), (DurabilityOption, "BSB_HDF5_DURABILITY")],
)


def of_bsb(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Replace some of what BSB's module of options does."""
    names = ("get_option", "get_option_descriptors")
    found = {name: getattr(options, name) for name in names} | changes
    monkeypatch.setattr(storage_options, "options", SimpleNamespace(**found))


@OPTIONS
def test_the_environment_counts_where_no_project_can_be_looked_for(
    option: Any, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(name: str) -> None:
        raise PermissionError(13, "of a folder above")

    of_bsb(monkeypatch, get_option=deny)
    monkeypatch.delenv(variable, raising=False)
    assert value_of(option) is None
    monkeypatch.setenv(variable, "chosen")
    assert "chosen" == value_of(option)


@OPTIONS
@pytest.mark.parametrize("known", [False, True])
def test_an_option_is_registered_where_bsb_does_not_know_it(
    option: Any, variable: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[bool] = []
    of_bsb(monkeypatch, get_option_descriptors=lambda: {option.name: option} if known else {})
    monkeypatch.setattr(option, "register", lambda: registered.append(True))
    monkeypatch.setenv(variable, "chosen")
    assert "chosen" == value_of(option)
    assert (not known) == bool(registered)
