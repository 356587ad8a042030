"""A command carried out: its answer printed, or one sentence that says why there is none."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import attrs

from ..errors import StorageError
from .specifications import COMMANDS, Command

SCHEMA = 1
"""Version of what ``--json`` prints: it grows with changes that readers have to know of."""
FINE, FINDING, FAILED = 0, 1, 2


@attrs.frozen
class Answer:
    """
    What a command found.

    :param data: for programs: what JSON can hold.
    :param lines: for people.
    :param code: to exit with.
    """

    data: dict[str, Any]
    lines: Sequence[str] = ()
    code: int = FINE


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line without BSB's; the code to exit with."""
    program = "python -m bsb_hdf5"
    parser = argparse.ArgumentParser(
        program, description="Look at stored networks, maintain and exchange them."
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in COMMANDS:
        added = commands.add_parser(command.name, help=command.summary)
        command.add_to(added, program)
        added.set_defaults(command=command)
    given = parser.parse_args(arguments)
    return run(given.command, given)


def run(command: Command, given: argparse.Namespace) -> int:
    """
    Carry out a command on every MPI rank, and print its answer on the first.

    :returns: the code to exit with: 0 fine, 1 a finding, 2 it could not be done.
    """
    try:
        answer = _handler(command)(_Arguments(given))
    except Exception as error:
        if getattr(given, "traceback", False):
            traceback.print_exc()
        return _fail(command, given, sentence(error), type(error).__name__)
    except KeyboardInterrupt:
        return _fail(command, given, "interrupted", "KeyboardInterrupt")
    return _print(command, given, answer)


class _Arguments:
    """What was given: BSB leaves out of its namespace what was not."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name, None)


def _handler(command: Command) -> Any:
    module, function = command.handler
    return getattr(importlib.import_module(f".{module}", __package__), function)


def sentence(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and not isinstance(error, StorageError) and error.strerror:
        text = f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
    if isinstance(error, StorageError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text} (--traceback shows where)"


def _fail(command: Command, given: argparse.Namespace, text: str, kind: str) -> int:
    if _is_first_rank():
        print(f"bsb storage {command.name}: {text}", file=sys.stderr)
        if getattr(given, "json", False):
            _write(_document(command, {"error": {"type": kind, "message": text}}))
    return FAILED


def _print(command: Command, given: argparse.Namespace, answer: Answer) -> int:
    if _is_first_rank():
        if getattr(given, "json", False):
            _write(_document(command, answer.data))
        elif answer.lines:
            _write("\n".join(answer.lines))
    return answer.code


def _document(command: Command, data: dict[str, Any]) -> str:
    document = {"schema": SCHEMA, "command": command.name, **data}
    # JSON has no NaN.
    return json.dumps(_without_nan(document), indent=2, ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):  # noqa: PLR0124
        return None
    return value


def _write(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever reads has seen enough. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_first_rank() -> bool:
    from bsb.services import MPI

    return not MPI.get_rank()
