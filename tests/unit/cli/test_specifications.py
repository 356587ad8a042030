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


@pytest.mark.parametrize(
    "given", [["x", "y", "--versions", "a", "b"], ["--versions", "a", "b", "x", "y"]]
)
def test_versions_stand_before_the_networks_or_behind_them(given: list[str]) -> None:
    parser = argparse.ArgumentParser()
    next(each for each in COMMANDS if each.name == "diff").add_to(parser, "bsb storage")
    found = parser.parse_args(given)
    assert ("x", "y", ["a", "b"]) == (found.first, found.second, found.versions)


@pytest.mark.parametrize("given", [["a"], ["a", "b", "c"]])
def test_versions_are_two(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    next(each for each in COMMANDS if each.name == "diff").add_to(parser, "bsb storage")
    with pytest.raises(SystemExit):
        parser.parse_args(["x", "y", "--versions", *given])
    error = capsys.readouterr().err
    assert "expected 2 arguments" in error or "unrecognized arguments: c" in error
