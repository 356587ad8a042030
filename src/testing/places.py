"""Where errors came from: their frames, and those of their causes."""

from __future__ import annotations

import re
import sys
import traceback
from typing import NamedTuple


class Frame(NamedTuple):
    """A line that an error passed on its way."""

    module: str
    path: str
    line: int


class Passed(NamedTuple):
    """An error, by the name of its class, and the lines that it passed: the last one raised it."""

    error: str
    frames: list[Frame]


def chain_of(error: BaseException) -> list[Passed]:
    """An error and its causes, the error first; those of another process that it tells of last."""
    found, seen, each = list[Passed](), set[int](), error
    while id(each) not in seen:
        seen.add(id(each))
        frames = [
            Frame(str(frame.f_globals.get("__name__")), frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(each.__traceback__)
        ]
        found += [Passed(type(each).__name__, frames), *getattr(each, "chain", ())]
        each = each.__cause__ or each.__context__ or each
    return found


def frames_of_dump(dump: str) -> list[Frame]:
    """The lines that faulthandler writes of a thread, the innermost last; none until it is done."""
    if not dump.endswith("\n"):
        return []
    names = {getattr(each, "__file__", None): name for name, each in list(sys.modules.items())}
    found = re.findall(r'File "(.+)", line (\d+) in', dump)
    return [Frame(str(names.get(path)), path, int(line)) for path, line in reversed(found)]


def last_line_in(package: str, error: BaseException) -> str | None:
    """
    The last line of a package that an error or its cause passed, with the name of that error.

    None if there is none.
    """
    for name, frames in chain_of(error):
        for module, path, line in reversed(frames):
            if module.partition(".")[0] == package:
                return f"{path}:{line}: {name}"
    return None
