"""The arguments of the commands."""

from __future__ import annotations

import argparse

import pytest

from bsb_hdf5.cli.specifications import COMMANDS, Command


@pytest.mark.parametrize("command", COMMANDS, ids=[each.name for each in COMMANDS])
def test_what_bsb_leaves_out_of_its_namespace_is_none(command: Command) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    command.add_to(parser, "bsb storage")
    given = command.complete(argparse.Namespace())
    assert dict.fromkeys((each.dest for each in parser._actions), None) == vars(given)
