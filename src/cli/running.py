"""Running a command, and printing its answer or its error."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import attrs

from ..errors import StorageError
from ..ports.services import without_credentials
from .elapsed import elapsed
from .formats import one_line
from .specifications import COMMANDS, Command
from .starting import INTERRUPTED

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

SCHEMA = 1
"""Version of the output of ``--json``, raised by changes that break its readers."""
FINE, FINDING, FAILED = 0, 1, 2


@attrs.frozen
class Answer:
    """
    The result of a command.

    :param data: the result for programs, as JSON values.
    :param lines: the result for people.
    :param code: the exit code.
    """

    data: Mapping[str, object]
    lines: Sequence[str] = ()
    code: int = FINE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # The message contains arguments, such as URLs.
        super().error(without_credentials(message))

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        print_help(self, file)


def print_help(parser: argparse.ArgumentParser, file: SupportsWrite[str] | None) -> None:
    """Print the help of a parser, or exit if that is not possible, where argparse goes on."""
    text = parser.format_help().rstrip("\n")
    if file is not None:
        print(text, file=file)
    elif (hindrance := _write(text)) is not None:
        _complain(parser.prog, f"the help can't be written to stdout: {hindrance}")
        raise SystemExit(FAILED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line outside of BSB's, and return its exit code."""
    program = "python -m bsb_hdf5"
    parser = _Parser(program, description="Inspect, maintain and exchange stored networks.")
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in COMMANDS:
        added = commands.add_parser(command.name, help=command.summary)
        command.add_to(added, program)
        added.set_defaults(command=command)
    given = parser.parse_args(arguments)
    return run(given.command, given)


def run(command: Command, given: argparse.Namespace) -> int:
    """
    Run a command on every MPI rank, and print its answer on the first.

    :returns: the exit code: 0 for success, 1 for findings, 2 for a failure, 130 for an interrupt.
    """
    given = command.complete(given)
    try:
        with elapsed(f"bsb storage {command.name}", None if _is_first_rank() else False):
            answer = _handler(command)(given)
    except Exception as error:
        if given.traceback and sys.stderr is not None:
            sys.stderr.write(without_credentials(traceback.format_exc()))
        return _fail(command, given, sentence(error), type(error).__name__)
    except KeyboardInterrupt:
        _fail(command, given, "interrupted", "KeyboardInterrupt")
        return INTERRUPTED
    return _print(command, given, answer)


def _handler(command: Command) -> Callable[[argparse.Namespace], Answer]:
    module, function = command.handler
    found: Callable[[argparse.Namespace], Answer] = getattr(
        importlib.import_module(f".{module}", __package__), function
    )
    return found


def sentence(error: BaseException) -> str:
    """The message of an error on one line, without credentials of URLs in it."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and not isinstance(error, StorageError) and error.strerror:
        text = f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
    text = one_line(without_credentials(text))
    if isinstance(error, StorageError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text} (--traceback shows where)"


def _fail(command: Command, given: argparse.Namespace, text: str, kind: str) -> int:
    if _is_first_rank():
        _complain(f"bsb storage {command.name}", text)
        if given.json:
            _write(_document(command, {"error": {"type": kind, "message": text}}))
    return FAILED


def _complain(program: str, text: str) -> None:
    # Without stderr, `print` would write to stdout. The exit code says that the command failed.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"{program}: {text}", file=sys.stderr, flush=True)


def _print(command: Command, given: argparse.Namespace, answer: Answer) -> int:
    if not _is_first_rank() or not (given.json or answer.lines):
        return answer.code
    text = _document(command, answer.data) if given.json else "\n".join(map(one_line, answer.lines))
    hindrance = _write(text)
    if hindrance is None:
        return answer.code
    text = f"the answer can't be written to stdout: {hindrance}"
    _complain(f"bsb storage {command.name}", text)
    return FAILED


def _document(command: Command, data: Mapping[str, object]) -> str:
    document = {"schema": SCHEMA, "command": command.name, **data}
    # JSON has no NaN.
    document = {key: _without_nan(value) for key, value in document.items()}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # JSON has its own escapes for characters that stdout can't encode.
    is_plain = _encodable(text) == text
    return text if is_plain else json.dumps(document, indent=2, allow_nan=False)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):  # noqa: PLR0124
        return None
    return value


def _write(text: str) -> str | None:
    """Write to stdout; the reason if that is not possible."""
    if sys.stdout is None:
        return "it is closed"
    try:
        print(_encodable(text), flush=True)
    except OSError as error:
        # Python would report the error again as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # The reader of a closed pipe wants no more output.
        return None if isinstance(error, BrokenPipeError) else error.strerror or str(error)
    return None


def _encodable(text: str) -> str:
    """A text with escapes for the characters that the encoding of stdout lacks."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _is_first_rank() -> bool:
    from ..engines.ranks import is_main_rank

    return is_main_rank()
