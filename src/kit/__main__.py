"""``python -m bsb_hdf5.kit new NAME`` and ``check NAME``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from ..errors import InputError
from ..testing.waits import LIMIT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status of the program."""
    parser = argparse.ArgumentParser(
        prog="python -m bsb_hdf5.kit", description="Start a storage engine for BSB, and check one."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="write the package of a working engine")
    new.add_argument("name", help="name of the engine: lower-case letters, digits and '_'")
    new.add_argument(
        "--into", default=".", metavar="FOLDER", help="folder for the package (default: here)"
    )
    check = commands.add_parser("check", help="run all tests that an engine has to pass")
    check.add_argument("name", help="name of an installed engine")
    check.add_argument(
        "--only", default="", metavar="EXPR", help="run the tests that match, as with pytest -k"
    )
    check.add_argument(
        "--limit",
        type=seconds,
        default=LIMIT,
        metavar="SECONDS",
        help="longest time for one test, 0 for no limit (default: %(default)g)",
    )
    given = parser.parse_args(arguments)
    if given.command == "new":
        return _new(given.name, given.into)
    from .check import check as passes

    return 0 if passes(given.name, given.only, limit=given.limit) else 1


def seconds(text: str) -> float:
    """Seconds from 0 up; argparse names this function in its message."""
    value = float(text)
    if math.isnan(value) or value < 0:
        raise ValueError
    return value


def _new(name: str, parent: str) -> int:
    from .new import write_package

    try:
        folder = write_package(name, parent)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"wrote '{folder}'; next:")
    print(f"  pip install -e '{folder}[testing]'")
    print(f"  python -m bsb_hdf5.kit check {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
