"""Modules that are changed in a process that has imported them: functions get other code."""

from __future__ import annotations

import ast
import gc
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType

from tests.mutation.mutations import Mutation

Key = tuple[str, str, int]
REACHED = "_reached_by_a_test"


class ExecutedAtImportError(Exception):
    """What changes is executed when the module is imported, and only then."""


class Functions:
    """The functions of the modules below a folder, by where their code stands."""

    def __init__(self, folder: Path) -> None:
        self._of: dict[Key, list[FunctionType]] = {}
        # What is frozen, as all that was collected is, the collector does not list.
        gc.unfreeze()
        for each in gc.get_objects():
            if type(each) is FunctionType and each.__code__.co_filename.startswith(str(folder)):
                self._of.setdefault(_key(each.__code__), []).append(each)

    def check(self, codes: list[CodeType]) -> None:
        """
        Check that functions can have other code.

        :raises ExecutedAtImportError: if none of them is a function, or one has other variables.
        """
        found = [(each, code) for code in codes for each in self._of.get(_key(code), [])]
        if (codes and not found) or any(
            function.__code__.co_freevars != code.co_freevars for function, code in found
        ):
            raise ExecutedAtImportError

    def change(self, codes: list[CodeType]) -> None:
        """Replace the code of functions; those that are not found stay as they are."""
        for code in codes:
            for function in self._of.get(_key(code), []):
                if function.__code__.co_freevars == code.co_freevars:
                    function.__code__ = code


def changed_functions(source: str, other: str | ast.Module, path: Path) -> list[CodeType]:
    """
    The code of the functions that differ between two versions of a module.

    :raises ExecutedAtImportError: if what is outside of functions differs.
    """
    old = compile(source, str(path), "exec", dont_inherit=True)
    new = compile(other, str(path), "exec", dont_inherit=True)
    return list(_changed(old, new))


def number_of_module(number: int) -> int:
    """The number below 0 that stands for a module among those of mutations, and back."""
    return -1 - number


def with_probes(
    source: str, probes: Mapping[int, Mutation], path: Path, own: int | None = None
) -> ast.Module:
    """
    The module, which calls :data:`REACHED` with the number of a mutation where that stands.

    :param own: a number that each of its functions calls it with.
    """
    module = ast.parse(source)
    placed = {}
    for number, mutation in probes.items():
        column = mutation.start - sum(
            len(line) for line in source.encode().splitlines(keepends=True)[: mutation.line - 1]
        )
        placed[number] = _statement_at(module.body, (mutation.line, column), inside=False)
    for number, mutation in probes.items():
        match placed[number]:
            case (body, statement):
                body.insert(body.index(statement), _probe(number))
            case None:
                for function in _functions_of(module, mutation.line):
                    function.body.insert(0, _probe(number))
    if own is not None:
        for each in ast.walk(module):
            if isinstance(each, ast.FunctionDef):
                each.body.insert(0, _probe(own))
    return ast.fix_missing_locations(module)


def _key(code: CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _changed(old: CodeType, new: CodeType) -> Iterator[CodeType]:
    if old.co_flags & inspect.CO_OPTIMIZED:
        if _meaning(old) != _meaning(new):
            yield new
            # Functions that it made already, as a decorator does.
            yield from _all_nested(new)
        return
    if _meaning(old, nested=False) != _meaning(new, nested=False):
        raise ExecutedAtImportError(old.co_qualname)
    for each, other in zip(_nested(old), _nested(new), strict=True):
        yield from _changed(each, other)


def _meaning(code: CodeType, nested: bool = True) -> list[object]:
    """What a code does, wherever it stands."""
    inner = [_meaning(each) for each in _nested(code)] if nested else []
    constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_code, code.co_exceptiontable, constants, names, inner]


def _all_nested(code: CodeType) -> Iterator[CodeType]:
    for each in _nested(code):
        yield each
        yield from _all_nested(each)


def _nested(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _statement_at(
    body: list[ast.stmt], position: tuple[int, int], inside: bool
) -> tuple[list[ast.stmt], ast.stmt] | None:
    """The innermost statement of a function at a position, and the block that it stands in."""
    for statement in body:
        end = statement.end_lineno or 0, statement.end_col_offset or 0
        if not (statement.lineno, statement.col_offset) <= position < end:
            continue
        within = inside or isinstance(statement, ast.FunctionDef)
        for block in _blocks(statement):
            if found := _statement_at(block, position, within):
                return found
        return (body, statement) if inside else None
    return None


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    holders = [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    for holder in holders:
        for name in ("body", "orelse", "finalbody"):
            yield getattr(holder, name, [])


def _functions_of(module: ast.Module, line: int) -> list[ast.FunctionDef]:
    """The functions that what stands on a line outside of functions may change."""
    scopes = [
        each
        for each in ast.walk(module)
        if isinstance(each, ast.ClassDef | ast.FunctionDef)
        and each.lineno <= line <= (each.end_lineno or 0)
    ]
    for scope in (*reversed(scopes), module):
        if found := [each for each in ast.walk(scope) if isinstance(each, ast.FunctionDef)]:
            return found
    return []


def _probe(number: int) -> ast.stmt:
    return ast.parse(f"{REACHED}({number})").body[0]
