"""The commands that verify, repair, rewrite and copy networks."""

from __future__ import annotations

import argparse
import os

from ..engine import StorageEngine
from ..errors import InputError
from ..exchange.convert import convert as convert_network
from ..maintenance.findings import Finding, Report
from ..maintenance.integrity import repair as repair_network
from ..maintenance.integrity import verify as verify_network
from ..maintenance.repack import repack as repack_network
from ..ports.services import check_alone, is_url
from ..ports.store import Rewritable
from ..storages import engine_of
from .formats import plural, size_text
from .running import FINDING, Answer


def verify(given: argparse.Namespace) -> Answer:
    """Report what is wrong in a network."""
    return _report(given.root, verify_network(given.root))


def repair(given: argparse.Namespace) -> Answer:
    """Repair a network, and report what was repaired and what is still wrong."""
    return _report(given.root, repair_network(given.root, trust=given.trust))


def repack(given: argparse.Namespace) -> Answer:
    """Rewrite a network in its place."""
    done = repack_network(
        given.root,
        compress=bool(given.compress),
        trust=given.trust,
        drop_unknown=bool(given.drop_unknown),
        keep_damaged=bool(given.keep_damaged),
    )
    text = f"repacked '{given.root}': {size_text(done.before)} before, {size_text(done.after)} now"
    return Answer({"root": given.root, "before": done.before, "after": done.after}, [text])


def convert(given: argparse.Namespace) -> Answer:
    """Copy a network into another engine or layout."""
    engine = engine_to_make(given, given.target)
    before = engine_of(given.source)
    made = engine_of(
        convert_network(
            given.source,
            given.target,
            engine=engine,
            layout=given.layout,
            trust=given.trust,
            drop_unknown=bool(given.drop_unknown),
            keep_damaged=bool(given.keep_damaged),
        )
    )
    return _copied("converted", given, before, made)


def copy(given: argparse.Namespace) -> Answer:
    """Copy a network unchanged."""
    engine = engine_of(given.source)
    if is_url(given.target) and engine._format == "hdf5":
        check_alone(given.target, "target")
        raise InputError(
            f"an HDF5 file can't be copied to '{given.target}'; bsb storage convert makes a zarr"
            " network of it there",
            asked=given.target,
        )
    engine.copy(given.target)
    return _copied("copied", given, engine, engine_of(given.target))


# The engine of a network by the ending of its name; URLs are those of zarr.
_ENGINES = {".zarr": "zarr", ".zip": "zarr", ".hdf5": "hdf5", ".h5": "hdf5"}


def engine_to_make(given: argparse.Namespace, target: str) -> str | None:
    """
    The engine that a command is to store a network with; None for the default.

    :raises InputError: what it stores would end with the command.
    """
    name: str | None = given.engine
    if name == "memory":
        raise InputError("a network in memory would end with this command; use hdf5 or zarr")
    if name is None:
        return "zarr" if is_url(target) else _ENGINES.get(os.path.splitext(target)[1].lower())
    return name


def size_of(engine: StorageEngine) -> int | None:
    """The size of a stored network in bytes; None if its store does not know it."""
    store = engine.sessions.store
    return store.size() if isinstance(store, Rewritable) else None


def _copied(
    verb: str, given: argparse.Namespace, before: StorageEngine, made: StorageEngine
) -> Answer:
    sizes = size_of(before), size_of(made)
    data = {
        "source": given.source,
        "target": given.target,
        "engine": made._format,
        "layout": made.layout,
        "before": sizes[0],
        "after": sizes[1],
    }
    text = (
        f"{verb} '{given.source}' to '{given.target}' ({made._format}, {made.layout}):"
        f" {size_text(sizes[0])} before, {size_text(sizes[1])} now"
    )
    return Answer(data, [text])


def _report(root: str, report: Report) -> Answer:
    lines = [f"repaired: {each}" for each in report.repaired] + [str(each) for each in report]
    if not report:
        lines.append(f"nothing is wrong in '{root}'")
    else:
        lines.append(f"{plural(len(report), 'finding')} in '{root}'{_advice(report)}")
    data = {
        "root": root,
        "findings": [_finding(each) for each in report],
        "repaired": [_finding(each) for each in report.repaired],
    }
    return Answer(data, lines, FINDING if report else 0)


def _advice(report: Report) -> str:
    if any(each.repairable for each in report):
        return "; run bsb storage repair to repair those that can be repaired"
    return ""


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "part": finding.part,
        "where": finding.where,
        "what": finding.what,
        "repairable": finding.repairable,
    }
