"""After an error that stops ``bsb``: what the network holds, and which command to run next."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import attrs
import bsb
from bsb.cli.commands import BaseCommand

from ..engine import StorageEngine
from ..errors import InputError, LockTimeoutError, StorageError
from ..queries.summaries import summary
from .formats import plural, quoted
from .running import sentence

# Seconds to wait for a job that is still running when the program ends.
_PATIENCE = 2.0
# A command with more names is hard to read.
_MOST_NAMES = 6
# Steps of a compile: methods of the scaffold.
_CELLS = ("run_pipelines", "run_placement")
# Options of a compile that skip steps.
_LEFT_OUT = (
    "skip_placement",
    "skip_after_placement",
    "skip_connectivity",
    "skip_after_connectivity",
)
_REMEDIES = {
    errno.ENOSPC: "free space on the disk",
    errno.EDQUOT: "free space within the quota",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EACCES: "allow writing to it",
    errno.EPERM: "allow writing to it",
    errno.EROFS: "mount the disk for writing",
    errno.EMFILE: "raise the limit on open files",
}


@attrs.frozen
class _Compile:
    """
    A compile that was stopped.

    :param command: the command line, with no options but those of the size of the network.
    :param step: the method of the scaffold that was running; None before the first.
    :param given: the arguments of ``Scaffold.compile``, and the strategies that it was to run.
    """

    command: str
    engine: StorageEngine | None = None
    step: str | None = None
    given: dict[str, Any] = attrs.field(factory=dict)


def explain(error: BaseException) -> str | None:
    """
    A sentence on an error: what happened, to which network, what is stored, and how to go on.

    :param error: the uncaught error.
    :returns: None for an error that has nothing to do with a storage of this package.
    """
    cause = next(_causes(error), None)
    if cause is None:
        return None
    stopped = _compile_in([*_frames(error)])
    if stopped is None:
        return f"bsb: {sentence(cause)}" if isinstance(cause, StorageError) else None
    if stopped.engine is None:
        # BSB refuses to compile, or the storage could not be made.
        if not isinstance(cause, StorageError):
            return None
        stored = "nothing of this run is stored"
        return f"bsb compile: {_what(cause)}; {stored}{_then(cause, 'run it again')}"
    if stopped.step is None and not isinstance(cause, StorageError):
        return None
    return f"bsb compile: {_what(cause)}; {_held(stopped.engine)}{_then(cause, _advice(stopped))}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The errors, among one and its causes, that a user can do something about."""
    if isinstance(error, StorageError | OSError | MemoryError | KeyboardInterrupt):
        yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _causes(each)
    # BSB hides the error for which a part of the configuration did not boot.
    behind = error.__context__ if isinstance(error, bsb.BootError) else error.__cause__
    if behind is not None:
        yield from _causes(behind)


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _compile_in(frames: list[FrameType]) -> _Compile | None:
    """The compile that was running, by the calls that the error went through."""
    found: _Compile | None = None
    for frame in frames:
        owner, name = frame.f_locals.get("self"), frame.f_code.co_name
        if isinstance(owner, BaseCommand) and getattr(owner, "name", None) == "compile":
            found = _Compile(_command(frame.f_locals.get("context")))
        elif found and isinstance(owner, bsb.Scaffold) and name == "compile":
            engine = owner.storage._engine
            if not isinstance(engine, StorageEngine):
                return None
            found = attrs.evolve(found, engine=engine, given=dict(frame.f_locals))
        elif found and found.engine and isinstance(owner, bsb.Scaffold) and name[:4] == "run_":
            return attrs.evolve(found, step=name)
    return found


def _command(context: object) -> str:
    config = getattr(context, "config", None)
    sizes = {axis: getattr(context, axis, None) for axis in "xyz"}
    given = (f" -{axis} {size}" for axis, size in sizes.items() if size is not None)
    return "".join(("bsb compile", f" {quoted(config)}" if config else "", *given))


def _what(cause: BaseException) -> str:
    return "interrupted" if isinstance(cause, KeyboardInterrupt) else sentence(cause)


def _held(engine: StorageEngine) -> str:
    """A sentence on what is stored."""
    root = os.path.relpath(engine._root) if os.path.exists(engine._root) else engine._root
    try:
        if not engine.exists():
            return f"nothing is stored at '{root}'"
        # Other ranks have ended, and a thread of this one may still write.
        engine._settings.limit = _PATIENCE
        found = summary(engine)
    except StorageError:
        return f"'{root}' holds what was stored before"
    cells = plural(sum(each.cells for each in found.cells), "cell")
    connections = plural(sum(each.connections for each in found.connections), "connection")
    return f"'{root}' is intact and holds {cells} and {connections}"


def _then(cause: BaseException, advice: str) -> str:
    number = cause.errno if isinstance(cause, OSError) else None
    remedy = _REMEDIES.get(number) if number is not None else None
    if isinstance(cause, LockTimeoutError):
        remedy = "wait for the other program to end"
    elif isinstance(cause, InputError):
        remedy = "correct that"
    return f"; {remedy}, then {advice}" if remedy else f"; {advice}"


def _advice(stopped: _Compile) -> str:
    given = stopped.given
    if stopped.step is None:
        return "run it again" if given.get("existed") else f"run {_with(stopped, '--clear')}"
    if given.get("append") or given.get("redo"):
        # The network held something before, which --clear would remove.
        names = [each.name for each in (*given["p_strats"], *given["c_strats"])]
        only = names if 0 < len(names) <= _MOST_NAMES else None
        return f"run {_with(stopped, '--redo', only=only)} to redo the strategies of this run"
    if stopped.step in _CELLS:
        command = _with(stopped, "--clear")
        return f"run {command} to start over (--append would place finished cells again)"
    if stopped.step == "run_connectivity":
        command = _with(stopped, "--redo", _LEFT_OUT[:2])
        return f"run {command} to redo the connections between these cells"
    done = _LEFT_OUT[:3] if stopped.step == "run_after_connectivity" else _LEFT_OUT[:1]
    return f"run {_with(stopped, '--append', done)} to go on behind what is stored"


def _with(
    stopped: _Compile, mode: str, done: Iterable[str] = (), only: list[str] | None = None
) -> str:
    """
    A command in quotes, which does no more than the compile that was stopped was to do.

    :param done: steps that are complete.
    :param only: the strategies to run; by default, those of the compile.
    """
    given = stopped.given
    chosen = {"only": only} if only else {name: given.get(name) for name in ("only", "skip")}
    options = [mode, *(f"--{step.replace('_', '-')}" for step in _left_out(given, done))]
    options += [f"--{name} {quoted(','.join(names))}" for name, names in chosen.items() if names]
    options += ["--force"] if given.get("force") else []
    options += ["--ignore-errors"] if given.get("fail_fast") is False else []
    return f"'{stopped.command} {' '.join(options)}'"


def _left_out(given: dict[str, Any], done: Iterable[str]) -> list[str]:
    """The steps to leave out: those that are done, and those that a compile was to leave out."""
    complete = {*done}
    return [step for step in _LEFT_OUT if step in complete or given.get(step)]
