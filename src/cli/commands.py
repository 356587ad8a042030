"""The command `storage` of BSB's command line: an entry point of the group `bsb.commands`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TextIO

from bsb.cli.commands import BaseCommand, BaseParser

from . import uncaught
from .specifications import COMMANDS, Command
from .starting import INTERRUPTED, ending_at_interrupts

if TYPE_CHECKING:
    from bsb._contexts import CLIContext
    from bsb.option import BsbOption

    Subparsers = argparse._SubParsersAction[BaseParser]

_PROGRAM = "bsb storage"
USAGE_ERROR = 2


class StorageCommand(BaseCommand, name="storage"):  # type: ignore[call-arg]
    """The parent of the commands."""

    def add_to_parser(
        self, parent: Subparsers, context: CLIContext, locals: dict[str, BsbOption], level: int
    ) -> BaseParser:
        """Add `bsb storage`, whose help lists the commands."""
        parser: BaseParser = super().add_to_parser(parent, context, locals, level)
        parser.description = "Inspect, maintain and exchange stored networks."
        lines = [f"  {each.name:<9} {each.summary}" for each in COMMANDS]
        parser.epilog = "\n".join(["commands:", *lines])
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.print_help = partial(_print_help, parser)
        self._parser = parser
        return parser

    def handler(self, context: CLIContext) -> None:
        """Print the help if no command is given."""
        self._parser.print_help(sys.stderr)
        raise SystemExit(USAGE_ERROR)

    def get_options(self) -> dict[str, BsbOption]:
        """It has none."""
        return {}

    def add_parser_arguments(self, parser: argparse.ArgumentParser) -> None:
        """It has none."""


class _Subcommand(BaseCommand, abstract=True):  # type: ignore[call-arg]
    command: Command

    def handler(self, context: CLIContext) -> None:
        try:
            with ending_at_interrupts():
                from .running import run

            code = run(self.command, context.arguments)
        except KeyboardInterrupt:
            code = INTERRUPTED
        raise SystemExit(code)

    def get_options(self) -> dict[str, BsbOption]:
        return {}

    def add_parser_arguments(self, parser: argparse.ArgumentParser) -> None:
        self.command.add_to(parser, _PROGRAM)

        def exit_with_usage(message: str) -> NoReturn:
            from ..ports.services import without_credentials

            parser.print_usage(sys.stderr)
            print(f"{parser.prog}: {without_credentials(message)}", file=sys.stderr)
            raise SystemExit(USAGE_ERROR)

        # BSB prints parsing errors without the usage, and exits with 1.
        parser.error = exit_with_usage  # type: ignore[method-assign]
        parser.print_help = partial(_print_help, parser)  # type: ignore[method-assign]


def _print_help(parser: argparse.ArgumentParser, file: TextIO | None = None) -> None:
    from .running import print_help

    print_help(parser, file)


for _command in COMMANDS:
    # BSB registers a command when its class is made.
    type(
        f"Storage{_command.name.title()}",
        (_Subcommand,),
        {"command": _command, "__doc__": _command.summary},
        name=_command.name,
        parent=StorageCommand,
    )

uncaught.install()
