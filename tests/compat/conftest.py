"""Both engines, and the files that they pass to each other."""

import shutil
import tempfile
from functools import cached_property
from pathlib import Path

import pytest

from tests.compat.exchange import Dump, Interpreter, our_interpreter
from tests.compat.upstream import (
    UpstreamUnavailableError,
    upstream_is_required,
    upstream_python,
)


class Exchange:
    """
    The files of the suite, each made once, when the first test asks for it.

    Every step has a folder of its own, so one that fails leaves nothing for the next.
    """

    def __init__(self, ours: Interpreter, theirs: Interpreter, folder: Path) -> None:
        self.ours = ours
        self.theirs = theirs
        self._folder = folder

    def place(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder)) / "network.hdf5"

    def extended_copy(self, file: Path, engine: Interpreter) -> Path:
        copy = self.place()
        shutil.copy(file, copy)
        return engine.extend(copy)

    @cached_property
    def their_file(self) -> Path:
        return self.theirs.create(self.place())

    @cached_property
    def our_file(self) -> Path:
        return self.ours.create(self.place())

    @cached_property
    def their_file_extended_by_theirs(self) -> Path:
        return self.extended_copy(self.their_file, self.theirs)

    @cached_property
    def their_file_extended_by_ours(self) -> Path:
        return self.extended_copy(self.their_file, self.ours)

    @cached_property
    def our_file_extended_by_theirs(self) -> Path:
        return self.extended_copy(self.our_file, self.theirs)

    @cached_property
    def our_dump_of_their_file(self) -> Dump:
        return self.ours.dump(self.their_file)

    @cached_property
    def their_dump(self) -> Dump:
        """What 8.0.2 reads from its own file: the reference for both engines."""
        return self.theirs.dump(self.their_file)

    @cached_property
    def their_dump_extended(self) -> Dump:
        """What 8.0.2 reads from its own file that it extended: the reference for extensions."""
        return self.theirs.dump(self.their_file_extended_by_theirs)

    @cached_property
    def their_dump_of_our_file(self) -> Dump:
        return self.theirs.dump(self.our_file)

    @cached_property
    def their_dump_of_our_extension(self) -> Dump:
        return self.theirs.dump(self.their_file_extended_by_ours)

    @cached_property
    def our_dump_of_their_extension(self) -> Dump:
        return self.ours.dump(self.our_file_extended_by_theirs)


@pytest.fixture(scope="session")
def ours() -> Interpreter:
    return our_interpreter()


@pytest.fixture(scope="session")
def theirs() -> Interpreter:
    try:
        return Interpreter("theirs", upstream_python())
    except UpstreamUnavailableError as error:
        reason = f"no environment of bsb-hdf5 8.0.2: {error}"
    if upstream_is_required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def exchange(
    ours: Interpreter, theirs: Interpreter, tmp_path_factory: pytest.TempPathFactory
) -> Exchange:
    return Exchange(ours, theirs, tmp_path_factory.mktemp("exchange"))
