"""Repeated reads of a store that others change, as no lock keeps them away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from .deadline import POLL_INTERVAL, Deadline
from .interrupts import is_of_handler
from .session import Session
from .store_lock import LockSettings

T = TypeVar("T")

_STATE = "changes all the time, and is read without a lock"
# Seconds that the first pause may take; later ones may take this part of the time until then.
_FIRST_PAUSE = 0.001
_PART = 0.1


class Repeats:
    """
    The pauses between the tries of a read, until its deadline.

    :param location: location of the store.
    :param settings: how long it may take.
    """

    __slots__ = ("_deadline", "_location", "_settings")

    def __init__(self, location: str, settings: LockSettings) -> None:
        self._location = location
        self._settings = settings
        self._deadline: Deadline | None = None

    def pause(self, cause: Exception | None) -> None:
        """
        Wait a moment, after a try that met a change.

        :param cause: the error that it ended in, if it did.
        :raises LockTimeoutError: the store has changed for longer than the limit.
        """
        deadline = self._deadline
        if deadline is None:
            settings = self._settings
            deadline = self._deadline = Deadline(
                self._location, settings.limit, settings.on_slow, list, state=_STATE
            )
        if deadline.is_over:
            raise deadline.expired() from cause
        # A writer that stores something at a regular pace would be met again and again.
        longest = min(_FIRST_PAUSE + _PART * deadline.waited, POLL_INTERVAL)
        time.sleep(random.uniform(0, longest))
        deadline.poll()


def kept(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments that can be read more than once."""
    named = {name: _listed(each) for name, each in kwargs.items()}
    return tuple(map(_listed, args)), named


def _listed(argument: Any) -> Any:
    return list(argument) if isinstance(argument, Iterator) else argument


def until_current(
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    begin_repeats: Callable[[], Repeats],
    *,
    handle: Session,
) -> T:
    """
    Call a function that reads, until all that it has read belongs to one state of the store.

    :param begin_repeats: called at the first change.
    :param handle: its session, which looks at the store again after each change.
    :raises LockTimeoutError: the store has changed for longer than the limit.
    """
    if handle.is_repeated:
        # What this is called by has read before, and will be repeated.
        return function(*args, handle=handle, **kwargs)
    args, kwargs = kept(args, kwargs)
    handle.is_repeated = True
    repeats: Repeats | None = None
    try:
        while True:
            cause: Exception | None = None
            try:
                result = function(*args, handle=handle, **kwargs)
            except Exception as error:
                # Half of a change can look like anything.
                if is_of_handler(error) or handle.is_current:
                    raise
                cause = error
            else:
                if handle.is_current:
                    return result
            handle.suspend()
            repeats = repeats or begin_repeats()
            repeats.pause(cause)
            handle.resume()
    finally:
        handle.is_repeated = False
