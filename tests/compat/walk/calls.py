"""How a method becomes the calls of it: each receiver, and each argument in each of its kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.compat.walk.arguments import Kind, Make
from tests.compat.walk.world import World

Receiver = Callable[[World], Any]


@dataclass(frozen=True)
class Call:
    """One call: ``run`` makes what it needs of a world, and returns what the method does."""

    member: str
    variant: str
    run: Callable[[World], Any]
    writes: bool

    @property
    def id(self) -> str:
        return f"{self.member}: {self.variant}"


@dataclass(frozen=True)
class Method:
    """
    A public member, by the name that the specification gives it.

    :param receivers: what it is called on, by name; the first is the usual one.
    :param parameters: kinds of arguments by the names of the parameters.
    :param handled: whether it takes ``handle=``.
    :param leading: how many of the arguments are given by position throughout.
    """

    member: str
    receivers: Mapping[str, Receiver]
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    writes: bool = False
    handled: bool = True
    leading: int = 0
    after: Callable[[Any, Any], Any] = lambda receiver, result: result

    @property
    def name(self) -> str:
        return self.member.rpartition(".")[2]

    def calls(self) -> Iterator[Call]:
        usual, *_ = self.receivers
        for name in self.receivers:
            yield self._call(f"on {name}", name, {})
        for parameter, kind in self.parameters.items():
            for variant, make in kind.others.items():
                yield self._call(f"{parameter} {variant}", usual, {parameter: make})
        yield from self._ways_to_call(usual)

    def _ways_to_call(self, usual: str) -> Iterator[Call]:
        if self.parameters:
            yield self._call("by position", usual, {}, positional=True)
        if any(not kind.optional for kind in self.parameters.values()):
            yield self._call("without arguments", usual, None)
        yield self._call("unknown keyword", usual, {"surprise": lambda world: 1})
        yield self._call("surplus positions", usual, {}, positional=True, surplus=6)
        if self.handled:
            scope = "write_scope" if self.writes else "read_scope"
            yield self._call("handle of a scope", usual, {}, scope=scope, with_handle=True)
            yield self._call("handle a text", usual, {"handle": lambda world: "handle"})
            yield self._call("promote from read", usual, {"promote_from_read": lambda world: True})
        if self.handled and self.writes:
            yield self._call("within a read scope", usual, {}, scope="read_scope")

    def _call(
        self,
        variant: str,
        receiver: str,
        given: Mapping[str, Make] | None,
        *,
        positional: bool = False,
        surplus: int = 0,
        scope: str | None = None,
        with_handle: bool = False,
    ) -> Call:
        def run(world: World) -> Any:
            target = self.receivers[receiver](world)
            arguments = {} if given is None else self._arguments(world, given)
            first = len(arguments) if positional else self.leading
            places = [*list(arguments.values())[:first], *[None] * surplus]
            keywords = dict(list(arguments.items())[first:])
            if scope is None:
                result = getattr(target, self.name)(*places, **keywords)
            else:
                with getattr(world.engine, scope)() as handle:
                    keywords |= {"handle": handle} if with_handle else {}
                    result = getattr(target, self.name)(*places, **keywords)
            return self.after(target, result)

        return Call(self.member, variant, run, self.writes)

    def _arguments(self, world: World, given: Mapping[str, Make]) -> dict[str, Any]:
        required = {name: kind.usual for name, kind in self.parameters.items() if not kind.optional}
        return {name: make(world) for name, make in {**required, **given}.items()}
