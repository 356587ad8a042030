"""
The commands: their names, arguments and examples.

BSB imports this module at every start, so it imports nothing that is slow to import.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict


class ArgumentOptions(TypedDict, total=False):
    """The keyword arguments of ``add_argument`` that the commands use."""

    action: str
    choices: tuple[str, ...]
    default: str
    help: str
    metavar: str
    nargs: str | int
    required: bool
    type: Callable[[str], float] | Callable[[str], str]


@dataclass(frozen=True)
class Argument:
    """The arguments of a call of argparse's ``add_argument``."""

    flags: tuple[str, ...]
    options: ArgumentOptions

    @property
    def name(self) -> str:
        """The attribute of the namespace that holds its value."""
        return self.flags[-1].lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Command:
    """
    A command.

    :param summary: what it does, in a sentence.
    :param example: an example of its use, without the name of the program.
    :param handler: module within this package, and function of it.
    """

    name: str
    summary: str
    example: str
    handler: tuple[str, str]
    arguments: tuple[Argument, ...]

    def complete(self, given: argparse.Namespace) -> argparse.Namespace:
        """
        The arguments with None for those that are missing.

        BSB leaves arguments without a value out of its namespace.
        """
        absent = {each.name: None for each in (*self.arguments, *_COMMON)}
        return argparse.Namespace(**{**absent, **vars(given)})

    def add_to(self, parser: argparse.ArgumentParser, program: str) -> None:
        """
        Add the arguments and the help to a parser.

        :param program: the words before the name of the command, such as ``bsb storage``.
        """
        parser.description = self.summary
        parser.epilog = f"example: {program} {self.example}"
        for argument in (*self.arguments, *_COMMON):
            parser.add_argument(*argument.flags, **argument.options)


def _flag(name: str, text: str) -> Argument:
    return Argument((name,), {"action": "store_true", "help": text})


def _root(name: str, text: str) -> Argument:
    return Argument((name,), {"help": text})


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not '{text}'")
    return int(text)


def _name(text: str) -> str:
    """A name in a network, which is UTF-8 on a command line of any locale."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")


_COMMON = (
    _flag("--json", "print the answer as JSON"),
    _flag("--traceback", "print the traceback if an error occurs"),
)
_ROOT = _root("root", "path or URL of the network")
_SOURCE = _root("source", "path or URL of the network")
_TARGET = _root("target", "path or URL of the copy, which must not exist yet")
_TRUST = Argument(
    ("--trust",),
    {
        "choices": ("inc", "out"),
        "help": "copy of the connections to keep where the two copies in a classic file differ:"
        " inc (incoming) or out (outgoing)",
    },
)
_ENGINE = Argument(
    ("--engine",),
    {"help": "hdf5 or zarr (default: by the ending of TARGET, else that of the source)"},
)
_LAYOUT = Argument(("--layout",), {"help": "classic or columnar, for hdf5 (default: classic)"})
_AT = Argument(
    ("--at",),
    {
        "metavar": "VERSION",
        "help": "version to read, of a network in an object store: its id, a tag, or a time"
        " such as 2026-01-31T12:00",
    },
)
_UNKNOWN = _flag("--drop-unknown", "leave out content that the layout of the source does not know")
_DAMAGED = _flag(
    "--keep-damaged", "copy rows that do not match their checksums, with new checksums"
)

COMMANDS = (
    Command(
        "info",
        "Describe a network: cells, connections, morphologies, files, and bytes by part.",
        "info network.hdf5",
        ("describing", "info"),
        (
            _ROOT,
            _flag("--chunks", "also list the chunks, with their cells and connections"),
            _flag("--sets", "also list the labels and additional data of each cell type"),
            _AT,
        ),
    ),
    Command(
        "verify",
        "Check a network for errors; exits with 1 if there are any.",
        "verify network.hdf5",
        ("maintaining", "verify"),
        (_ROOT,),
    ),
    Command(
        "repair",
        "Repair the errors that verify finds, where possible; exits with 1 if any are left.",
        "repair network.hdf5 --trust out",
        ("maintaining", "repair"),
        (_ROOT, _TRUST),
    ),
    Command(
        "repack",
        "Rewrite a network in its place: sorted by chunk, without holes.",
        "repack network.hdf5 --compress",
        ("maintaining", "repack"),
        (
            _ROOT,
            _flag("--compress", "store integers in fewer bytes, for finished networks"),
            _TRUST,
            _UNKNOWN,
            _DAMAGED,
        ),
    ),
    Command(
        "convert",
        "Copy a network to another engine or layout, value for value.",
        "convert network.hdf5 columnar.hdf5 --layout columnar",
        ("maintaining", "convert"),
        (_SOURCE, _TARGET, _LAYOUT, _ENGINE, _TRUST, _UNKNOWN, _DAMAGED),
    ),
    Command(
        "copy",
        "Copy a network in its engine and layout, completely or not at all.",
        "copy network.hdf5 backup.hdf5",
        ("maintaining", "copy"),
        (_SOURCE, _TARGET),
    ),
    Command(
        "diff",
        "List the differences between two networks; exits with 1 if there are any.",
        "diff network.hdf5 columnar.hdf5",
        ("exchanging", "diff"),
        (
            _root("first", "path or URL of a network"),
            _root("second", "path or URL of the other, of any engine and layout"),
            _flag("--ignore-order", "ignore the order of connections between two chunks"),
            Argument(
                ("--versions",),
                {
                    "nargs": 2,
                    "metavar": "VERSION",
                    "help": "versions to compare, of networks in object stores: that of the first"
                    " network, and that of the second",
                },
            ),
            Argument(
                ("-n", "--number"),
                {
                    "type": _positive,
                    "metavar": "N",
                    "help": "stop after N differences (default: list all)",
                },
            ),
        ),
    ),
    Command(
        "merge",
        "Merge networks with the same chunk size into one.",
        "merge north.hdf5 south.hdf5 -o whole.hdf5",
        ("exchanging", "merge"),
        (
            Argument(("sources",), {"nargs": "+", "help": "paths or URLs of the networks"}),
            Argument(
                ("-o", "--output"),
                {"required": True, "metavar": "TARGET", "help": "path or URL of the new network"},
            ),
            _flag(
                "--rename",
                "rename sets, morphologies and files that differ but have one name, instead of"
                " refusing them",
            ),
            _LAYOUT,
            _ENGINE,
            _TRUST,
            _UNKNOWN,
            _DAMAGED,
        ),
    ),
    Command(
        "versions",
        "List the versions of a network in an object store, newest first.",
        "versions s3://lab/granules",
        ("versions", "versions"),
        (_ROOT,),
    ),
    Command(
        "stats",
        "Count cells and connections: degrees, synapses per pair, cells by type, label or chunk.",
        "stats network.hdf5 --by label",
        ("counting", "stats"),
        (
            _ROOT,
            Argument(
                ("--by",),
                {
                    "choices": ("type", "label", "chunk"),
                    "default": "type",
                    "help": "how to group the cells (default: type)",
                },
            ),
            Argument(
                ("--set",),
                {
                    "type": _name,
                    "metavar": "TAG",
                    "help": "count only this connectivity set (default: all)",
                },
            ),
            _AT,
        ),
    ),
    Command(
        "plot",
        "Draw a network: cells in space, chunks, degrees, distances, the matrix, bytes by part.",
        "plot network.hdf5 -o report.html",
        ("counting", "plot"),
        (
            _ROOT,
            Argument(
                ("-o", "--output"),
                {
                    "required": True,
                    "metavar": "FILE",
                    "help": "file to write; its name ends in .html, .png or .pdf",
                },
            ),
            _AT,
        ),
    ),
    Command(
        "export",
        "Write a network for other programs: as tables (CSV, Parquet), or as a SONATA circuit.",
        "export network.hdf5 circuit --to sonata",
        ("exchanging", "export"),
        (
            _ROOT,
            _root("folder", "folder to write"),
            Argument(
                ("--to",),
                {
                    "choices": ("csv", "parquet", "sonata"),
                    "default": "csv",
                    "help": "format to write (default: csv)",
                },
            ),
            _flag("--overwrite", "replace the folder of an earlier export"),
            _AT,
        ),
    ),
    Command(
        "import",
        "Make a network of a SONATA circuit.",
        "import circuit network.hdf5 --from sonata",
        ("exchanging", "import_"),
        (
            _root("folder", "folder of the circuit, or its circuit_config.json"),
            _root("root", "path or URL of the new network, which must not exist yet"),
            Argument(
                ("--from",),
                {"choices": ("sonata",), "default": "sonata", "help": "format (default: sonata)"},
            ),
            Argument(
                ("--engine",),
                {"help": "hdf5 or zarr (default: by the ending of ROOT, else hdf5)"},
            ),
            _LAYOUT,
            Argument(
                ("--chunk-size",),
                {
                    "type": float,
                    "metavar": "UM",
                    "help": "side of a chunk in um, for circuits of other programs (default: 100)",
                },
            ),
        ),
    ),
)
