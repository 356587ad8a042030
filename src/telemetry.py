"""
OpenTelemetry spans, with the names and attributes that bsb-hdf5 8.0.2 gives them.

Each rank records its own spans. Ranks read and write different things, so a span that was
agreed on between ranks would wait for ranks that never reach it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeAlias, TypeVar

from opentelemetry import trace

P = ParamSpec("P")
R = TypeVar("R")

Value: TypeAlias = str | int | bool
Describe: TypeAlias = Callable[..., Mapping[str, Value]]
"""Attributes of the span of a call, from the arguments of the call."""

TRACER = "bsb-hdf5"


def is_recording() -> bool:
    """Whether a tracer provider has been set, so that spans go anywhere."""
    # perf: load a chunk; every call asks, and the public accessor looks at the environment as well.
    return trace._TRACER_PROVIDER is not None


def span(name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[trace.Span]:
    """
    A span of this rank, which begins when the context manager is entered.

    BSB's tracer adds the rank and the number of ranks to the attributes.
    """
    # Importing it initializes MPI.
    from bsb_otel.tracer import get_bsb_tracer, local_tracing

    with local_tracing():
        manager: AbstractContextManager[trace.Span] = get_bsb_tracer(TRACER).trace(
            name, attributes=dict(attributes)
        )
    return manager


def spanned(
    mode: str, describe: Describe | None = None, *, name: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Record each call of an operation as a span ``hdf5.<name>``.

    :param mode: ``"r"`` for an operation that reads, ``"a"`` for one that writes.
    :param describe: further attributes.
    :param name: name of the operation, if it is not that of the function.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        title = f"hdf5.{name or function.__name__}"

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            # perf: load a chunk; as `is_recording`.
            if trace._TRACER_PROVIDER is None:
                return function(*args, **kwargs)
            attributes: dict[str, Value] = {"hdf5.mode": mode}
            if args and (path := _path_of(args[0])) is not None:
                attributes["hdf5.path"] = path
            if describe is not None:
                attributes.update(describe(*args, **kwargs))
            with span(title, attributes):
                return function(*args, **kwargs)

        return call

    return decorate


def _path_of(owner: object) -> str | None:
    """The path of the resource that a method belongs to; None for classes and engines."""
    for name in ("_traced_path", "_path"):
        path = getattr(owner, name, None)
        if path is not None:
            # Of a class, these are properties.
            return path if isinstance(path, str) else None
    return None
