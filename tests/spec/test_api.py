"""The public API is the documented one: every name, where it lives, what it is, how it is called.

``api.json`` holds the documented facts, written by ``extract_api.py``. Where the engine departs
from them on purpose, ``DEVIATIONS`` says how and why.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bsb.storage import interfaces

from tests.spec.extract_api import Fact

FACTS: list[Fact] = json.loads(Path(__file__).with_name("api.json").read_text(encoding="utf-8"))
ROOT = "bsb_hdf5"
ERRORS = "bsb_hdf5.errors"  # the layers below the documented modules raise these too

NAMES_THAT_MUST_BE_DOCUMENTED = {
    "bsb_hdf5": {
        "ConnectivitySet",
        "FileStore",
        "HDF5Engine",
        "HDF5SlowLockingWarning",
        "MorphologyRepository",
        "PlacementSet",
        "StorageNode",
    },
    "bsb_hdf5.chunks": {"ChunkLoader", "ChunkedCollection", "ChunkedProperty"},
    "bsb_hdf5.connectivity_set": {
        "CSIterator",
        "ConnectivitySet",
        "LocationOutOfBoundsError",
        "get_dir_iter",
    },
    "bsb_hdf5.file_store": set[str](),
    "bsb_hdf5.morphology_repository": {"MetaEncoder", "MorphologyRepository", "meta_object_hook"},
    "bsb_hdf5.placement_set": {"PlacementSet", "encode_labels"},
    "bsb_hdf5.resource": {
        "Resource",
        "handles_class_handles",
        "handles_handles",
        "handles_static_handles",
    },
}


@dataclass(frozen=True)
class Deviation:
    """What stands in the engine instead of the documented kind or parameters, and why."""

    reason: str
    kind: str | None = None
    parameters: str | None = None


DEVIATIONS = {
    "ConnectivitySet.clear": Deviation(
        reason="BSB's interface clears some chunks; the documented form can only clear the set",
        parameters="chunks=None, handle=None",
    ),
    "HDF5Engine.versions": Deviation(
        reason="BSB's interface has a property that is a dictionary",
        kind="property",
    ),
}

ENGINE = "HDF5Engine"


@dataclass(frozen=True)
class Parameter:
    """A parameter as far as a caller can see it: annotations play no part."""

    name: str
    kind: str
    default: object = inspect.Parameter.empty


OPEN_PARAMETERS = [
    Parameter("args", "variadic positional"),
    Parameter("kwargs", "variadic keyword"),
]


class AnyCallable:
    """The documented default is a lambda, of which the text shows no more than that."""

    def __eq__(self, other: object) -> bool:
        return callable(other)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "<a callable>"


def _default(text: str) -> object:
    """Turn the documented text of a default into the value it stands for."""
    if text.startswith("<function "):
        return AnyCallable()
    if text == "<class 'float'>":
        return float
    return ast.literal_eval(text)


def documented_parameters(text: str) -> list[Parameter]:
    """Read a documented parameter list such as ``a, b: str, *args, c=None``."""
    parameters: list[Parameter] = []
    kind = "positional or keyword"
    for part in filter(None, text.split(", ")):
        declared, has_default, default = part.partition("=")
        name = declared.partition(":")[0]
        if name == "*":
            kind = "keyword-only"
        elif name.startswith("**"):
            parameters.append(Parameter(name[2:], "variadic keyword"))
        elif name.startswith("*"):
            parameters.append(Parameter(name[1:], "variadic positional"))
            kind = "keyword-only"
        elif has_default:
            parameters.append(Parameter(name, kind, _default(default)))
        else:
            parameters.append(Parameter(name, kind))
    return parameters


def actual_parameters(callable_: Any, *, bound: bool) -> list[Parameter]:
    """Read the parameters that a caller of the class or of its instance passes."""
    declared = list(inspect.signature(callable_).parameters.values())
    if bound:
        assert declared, f"{callable_} has no self"
        declared = declared[1:]
    return [Parameter(p.name, p.kind.description, p.default) for p in declared]


def _is_optional(parameter: Parameter) -> bool:
    return "variadic" in parameter.kind or parameter.default is not inspect.Parameter.empty


def missing_from(documented: list[Parameter], actual: list[Parameter]) -> str | None:
    """Say what a caller who trusts the documented list would stumble over, if anything.

    Parameters beyond the documented ones may follow, as long as the caller can leave them out.
    """
    ordered = [p for p in documented if p.kind in {"positional or keyword", "variadic positional"}]
    if actual[: len(ordered)] != ordered:
        return f"expected {ordered} first, found {actual}"
    absent = [p for p in documented if p not in actual]
    if absent:
        return f"{absent} are not among {actual}"
    demanded = [p for p in actual if p not in documented and not _is_optional(p)]
    if demanded:
        return f"{demanded} are demanded beyond the documented {documented}"
    return None


def _identity(fact: Fact) -> str:
    return f"{fact['module']}:{fact['name'] or 'itself'}"


def facts(*kinds: str) -> list[Any]:
    """The documented facts of some kinds."""
    return [pytest.param(fact, id=_identity(fact)) for fact in FACTS if fact["kind"] in kinds]


def callables(*kinds: str) -> list[Any]:
    """The documented facts of some kinds that have a parameter list, in the engine too."""
    return [
        pytest.param(fact, id=_identity(fact))
        for fact in FACTS
        if fact["kind"] in kinds
        and fact["parameters"] is not None
        and agreed_kind(fact) == fact["kind"]
    ]


def agreed_kind(fact: Fact) -> str:
    """The documented kind, unless another was agreed."""
    deviation = DEVIATIONS.get(fact["name"])
    return deviation.kind if deviation and deviation.kind else fact["kind"]


def agreed_parameters(fact: Fact) -> str:
    """The documented parameter list, unless another was agreed."""
    deviation = DEVIATIONS.get(fact["name"])
    text = deviation.parameters if deviation else fact["parameters"]
    assert text is not None
    return text


def owner_of(fact: Fact) -> tuple[type, str]:
    """The class a documented member belongs to, and the member's own name."""
    class_name, _, member = fact["name"].partition(".")
    return getattr(importlib.import_module(fact["module"]), class_name), member


def kind_of(owner: type, member: str) -> str:
    """What a member of a class is, in the words of the facts."""
    found = inspect.getattr_static(owner, member)
    if isinstance(found, classmethod):
        return "classmethod"
    if isinstance(found, staticmethod):
        return "static"
    if isinstance(found, property):
        return "property"
    return "method" if inspect.isroutine(getattr(owner, member)) else "attribute"


@pytest.mark.parametrize("module", NAMES_THAT_MUST_BE_DOCUMENTED)
def test_the_facts_hold_every_name_the_engine_promises(module: str) -> None:
    top_level = {
        fact["name"]
        for fact in FACTS
        if fact["module"] == module and fact["name"] and "." not in fact["name"]
    }
    assert NAMES_THAT_MUST_BE_DOCUMENTED[module] == top_level


@pytest.mark.parametrize("fact", facts("module"))
def test_a_documented_module_is_importable(fact: Fact) -> None:
    assert fact["module"] == importlib.import_module(fact["module"]).__name__


@pytest.mark.parametrize("fact", facts("class", "exception", "function"))
def test_a_documented_name_is_of_its_kind(fact: Fact) -> None:
    found = getattr(importlib.import_module(fact["module"]), fact["name"])
    if fact["kind"] == "function":
        assert inspect.isroutine(found)
    else:
        assert inspect.isclass(found)
        assert (fact["kind"] == "exception") == issubclass(found, BaseException)


@pytest.mark.parametrize("fact", facts("class", "exception", "function"))
def test_a_documented_name_is_defined_in_its_module(fact: Fact) -> None:
    found = getattr(importlib.import_module(fact["module"]), fact["name"])
    if fact["module"] == ROOT:
        assert found.__module__.startswith(f"{ROOT}.")
    elif fact["kind"] == "exception":
        assert found.__module__ in {fact["module"], ERRORS}
    elif fact["kind"] == "function" and fact["module"] == f"{ROOT}.resource":
        # They live apart from the groups and arrays that they are documented beside.
        assert f"{ROOT}.handles" == found.__module__
    else:
        assert fact["module"] == found.__module__
    assert fact["name"] == found.__qualname__


@pytest.mark.parametrize("name", sorted(NAMES_THAT_MUST_BE_DOCUMENTED[ROOT]))
def test_the_package_exports_the_one_object_of_each_name(name: str) -> None:
    package = importlib.import_module(ROOT)
    exported = getattr(package, name)
    assert name in package.__all__
    assert exported is getattr(importlib.import_module(exported.__module__), name)


@pytest.mark.parametrize("fact", facts("class"))
def test_a_documented_class_leaves_nothing_abstract(fact: Fact) -> None:
    found = getattr(importlib.import_module(fact["module"]), fact["name"])
    assert set() == getattr(found, "__abstractmethods__", set())


@pytest.mark.parametrize("fact", facts("method", "classmethod", "static", "property", "attribute"))
def test_a_documented_member_is_of_its_kind(fact: Fact) -> None:
    owner, member = owner_of(fact)
    expected = agreed_kind(fact)
    if expected == "attribute" and not hasattr(owner, member):
        annotated = {name for cls in owner.__mro__ for name in inspect.get_annotations(cls)}
        assert member in annotated
    else:
        assert expected == kind_of(owner, member)


@pytest.mark.parametrize("fact", callables("class", "function"))
def test_a_documented_class_or_function_takes_its_parameters(fact: Fact) -> None:
    found = getattr(importlib.import_module(fact["module"]), fact["name"])
    documented = documented_parameters(agreed_parameters(fact))
    assert missing_from(documented, actual_parameters(found, bound=False)) is None


@pytest.mark.parametrize("fact", callables("method", "classmethod", "static"))
def test_a_documented_method_takes_its_parameters(fact: Fact) -> None:
    owner, member = owner_of(fact)
    actual = actual_parameters(getattr(owner, member), bound=fact["kind"] == "method")
    expected = documented_parameters(agreed_parameters(fact))
    if expected == OPEN_PARAMETERS != actual and owner.__name__ == ENGINE:
        expected = engine_parameters(member)
    assert missing_from(expected, actual) is None


def engine_parameters(member: str) -> list[Parameter]:
    """The parameters of an engine's method whose documented list says nothing.

    BSB's interface knows them, except for ``require_placement_set``, which BSB calls with the
    cell type.
    """
    interface = getattr(interfaces.Engine, member, None)
    if interface is None:
        return documented_parameters("ct")
    return actual_parameters(interface, bound=True)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_departs_from_something_documented(name: str) -> None:
    deviation = DEVIATIONS[name]
    documented = [fact for fact in FACTS if fact["name"] == name]
    assert documented
    for fact in documented:
        assert deviation.kind != fact["kind"]
        assert deviation.parameters != fact["parameters"]
