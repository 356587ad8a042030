"""
Decorators that give a method its session.

A decorated method has a parameter ``handle``, which callers may leave out: then the method
runs in the session that is open in this context, or opens one. If they pass it, it is an
open session (which ``read_scope`` and ``write_scope`` yield) or an ``h5py.File``.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import bsb

from .errors import InputError, LockTimeoutError, StorageError
from .exceptions import raise_as_bsb
from .ports.communicator import Communicator
from .telemetry import Describe, spanned
from .transactions.repeats import kept
from .transactions.session import Session
from .transactions.sessions import Sessions


class MorphologySource(Protocol):
    """The part of the morphology repository that placement sets use."""

    def preload(self, name: str, *, handle: Session) -> bsb.StoredMorphology:
        """A morphology that is loaded when it is used."""


class SessionEngine(Protocol):
    """The part of an engine that the parts of its storage use."""

    @property
    def sessions(self) -> Sessions: ...

    @property
    def ranks(self) -> Communicator: ...

    @property
    def morphologies(self) -> MorphologySource:
        """The morphology repository, which BSB binds to the engine."""


P = ParamSpec("P")
R = TypeVar("R")
FindEngine = Callable[[tuple[Any, ...]], SessionEngine]

HANDLED = cast(Session, None)
"""Default of a ``handle``: the decorators put a session in its place."""


def _own_engine(args: tuple[Any, ...]) -> SessionEngine:
    engine: SessionEngine = args[0]._engine
    return engine


def handles_handles(
    handle_type: str, handler: FindEngine = _own_engine, describe: Describe | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Give a method its session, as ``handle``.

    Each call of a public method is recorded as an OpenTelemetry span.

    :param handle_type: ``"r"`` for a method that reads, ``"a"`` for one that writes.
    :param handler: finds the engine in the positional arguments of a call.
    :param describe: further attributes of the span, from the arguments of a call.
    :raises ValueError: another type, or a function without a parameter ``handle``.
    """
    if handle_type not in ("r", "a"):
        raise InputError(f"handle_type must be 'r' or 'a', not {handle_type!r}")

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        if "handle" not in signature.parameters:
            raise InputError(f"'{function.__qualname__}' has no parameter 'handle'")
        position = list(signature.parameters).index("handle")
        if signature.parameters["handle"].kind is inspect.Parameter.KEYWORD_ONLY:
            position = sys.maxsize
        call = _with_session(function, handle_type == "a", handler, position)
        return call if _is_internal(function.__name__) else spanned(handle_type, describe)(call)

    return decorate


def _is_internal(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _with_session(
    function: Callable[P, R], write: bool, handler: FindEngine, position: int
) -> Callable[P, R]:
    untyped: Callable[..., R] = function
    signature = inspect.signature(function)
    is_named = "engine" in signature.parameters
    by_position = _with_handle_at(untyped, position)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> R:
        target, handle = untyped, None
        if len(args) > position:
            target, handle = by_position, args[position]
        if kwargs:
            if target is untyped:
                handle = kwargs.pop("handle", None)
            if kwargs:
                # An option of bsb-hdf5 8.0.2, which silences a warning that does not exist here.
                kwargs.pop("promote_from_read", None)
        engine: SessionEngine
        try:
            engine = kwargs["engine"] if is_named and "engine" in kwargs else handler(args)
        except IndexError:
            signature.bind(*args, **kwargs)
            raise
        sessions = engine.sessions
        if write and sessions.is_optimistic:
            args, kwargs = kept(args, kwargs)
        try:
            return sessions.call(target, args, kwargs, write=write, handle=handle)
        except LockTimeoutError as error:
            raise_as_bsb(_with_verb(error, function.__name__, engine.ranks))
        except StorageError as error:
            raise_as_bsb(error)

    return call


def _with_handle_at(function: Callable[..., R], position: int) -> Callable[..., R]:
    """The same function, with its handle where a caller gave one by position."""

    @functools.wraps(function)
    def call(*args: Any, handle: Session, **kwargs: Any) -> R:
        # Python reports surplus or duplicate arguments.
        return function(*args[:position], handle, *args[position + 1 :], **kwargs)

    return call


def _with_verb(error: LockTimeoutError, verb: str, ranks: Communicator) -> LockTimeoutError:
    """The same error, with the public method that waited, and on which rank."""
    if _is_internal(verb) or "verb" in error.fields:
        return error
    rank = f" on rank {ranks.rank} of {ranks.size}" if ranks.size > 1 else ""
    message = f"{error.message}; '{verb}' did nothing{rank}"
    return LockTimeoutError(message, **error.fields, verb=verb, rank=ranks.rank)


def prepares(function: Callable[P, R]) -> Callable[P, R]:
    """
    For a method that checks and plans, and then calls another one, which opens a session to write.

    The lock is held for the latter only. Options of bsb-hdf5 8.0.2, errors and the OpenTelemetry
    span are as for :func:`handles_handles`.
    """
    untyped: Callable[..., R] = function

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> R:
        if kwargs:
            kwargs.pop("promote_from_read", None)
        try:
            return untyped(*args, **kwargs)
        except LockTimeoutError as error:
            raise_as_bsb(_with_verb(error, function.__name__, _own_engine(args).ranks))
        except StorageError as error:
            raise_as_bsb(error)

    return spanned("a")(call)


def handles_static_handles(handle_type: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As :func:`handles_handles`, for static methods: the engine is the first argument."""
    return handles_handles(handle_type, handler=lambda args: cast(SessionEngine, args[0]))


def handles_class_handles(handle_type: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As :func:`handles_handles`, for class methods: the engine is the second argument."""
    return handles_handles(handle_type, handler=lambda args: cast(SessionEngine, args[1]))
