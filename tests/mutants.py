"""Mutants: parts of the engine that are replaced by broken ones, and what counts as noticed."""

from __future__ import annotations

import inspect
from typing import Any

from _pytest.outcomes import Failed

from bsb_hdf5.errors import StorageError

NOTICED = (AssertionError, Failed, StorageError)
"""A failed comparison, or an error that the library names: a mutant that crashes proves nothing."""


def check_is_called_alike(owner: Any, name: str, replacement: Any) -> None:
    """Check that whoever calls the original can call the replacement."""
    original = _function(inspect.getattr_static(owner, name))
    broken = _function(replacement)
    assert (original is None) == (broken is None), f"'{name}' is called, or is not"
    if original is None or broken is None:
        return
    parameters = inspect.signature(original).parameters.values()
    for chosen in (parameters, [each for each in parameters if each.default is each.empty]):
        values = [each.name for each in chosen if each.kind <= each.VAR_POSITIONAL]
        named = {each.name: None for each in chosen if each.kind == each.KEYWORD_ONLY}
        inspect.signature(broken).bind(*values, **named)


def _function(value: Any) -> Any:
    """What is called for a member of a class, if anything is."""
    if isinstance(value, property):
        return value.fget
    return value if inspect.isfunction(value) else None
