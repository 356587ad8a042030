"""The command `storage` of BSB's command line: an entry point of the group `bsb.commands`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bsb.cli.commands import BaseCommand

from .specifications import COMMANDS, Command

_PROGRAM = "bsb storage"
USAGE_ERROR = 2


class StorageCommand(BaseCommand, name="storage"):  # type: ignore[call-arg]
    """Parent of the commands."""

    def add_to_parser(self, parent: Any, context: Any, locals: Any, level: int) -> Any:
        """Let `bsb storage` alone say which commands there are."""
        parser = super().add_to_parser(parent, context, locals, level)
        parser.description = "Look at stored networks, maintain and exchange them."
        lines = [f"  {each.name:<9} {each.summary}" for each in COMMANDS]
        parser.epilog = "\n".join(["commands:", *lines])
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        self._parser = parser
        return parser

    def handler(self, context: Any) -> None:
        """Without a command."""
        self._parser.print_help(sys.stderr)
        raise SystemExit(USAGE_ERROR)

    def get_options(self) -> dict[str, Any]:
        """None of its own."""
        return {}

    def add_parser_arguments(self, parser: argparse.ArgumentParser) -> None:
        """None of its own."""


class _Subcommand(BaseCommand, abstract=True):  # type: ignore[call-arg]
    command: Command

    def handler(self, context: Any) -> None:
        from .running import run

        raise SystemExit(run(self.command, context.arguments))

    def get_options(self) -> dict[str, Any]:
        return {}

    def add_parser_arguments(self, parser: argparse.ArgumentParser) -> None:
        self.command.add_to(parser, _PROGRAM)
        # BSB prints errors of parsing without the usage, and exits with 1.
        parser.error = _exit_with_usage(parser)  # type: ignore[method-assign]


def _exit_with_usage(parser: argparse.ArgumentParser) -> Any:
    def error(message: str) -> None:
        parser.print_usage(sys.stderr)
        print(f"{parser.prog}: {message}", file=sys.stderr)
        raise SystemExit(USAGE_ERROR)

    return error


for _command in COMMANDS:
    # BSB registers a command when its class is made.
    type(
        f"Storage{_command.name.title()}",
        (_Subcommand,),
        {"command": _command, "__doc__": _command.summary},
        name=_command.name,
        parent=StorageCommand,
    )
