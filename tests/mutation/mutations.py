"""What can be changed in a module so that it means something else, one place at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Mod: ast.Add,
}
# Changes of what they are given, or of nothing but speed, that no caller sees.
WITHOUT_EFFECT = ("cast", "TypeVar", "getLogger", "overload", "warn")
# Functions of two numbers or files that give the same in either order.
SYMMETRIC = frozenset(("min", "max", "minimum", "maximum", "samestat", "samefile"))


@attrs.frozen
class Mutation:
    """
    A change of one place.

    :param start: where the text begins that is replaced, and ``stop`` where it ends.
    """

    path: Path
    line: int
    start: int
    stop: int
    text: str

    def apply(self, source: str) -> str:
        """The module with the change."""
        data = source.encode()
        return (data[: self.start] + self.text.encode() + data[self.stop :]).decode()


def mutations_of(path: Path) -> list[Mutation]:
    """All changes of a module, by place."""
    source = path.read_text(encoding="utf-8")
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node, text in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        stop = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        found.append(Mutation(path, node.lineno, start, stop, text))
    return sorted(found, key=lambda each: (each.start, each.stop, each.text))


def _changes(module: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Nodes of what is executed, and the text that takes their place."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr):
            yield from ((node, text) for text in (*_of_operators(node), *_of_values(node)))
        elif isinstance(node, ast.stmt):
            yield from ((node, text) for text in _of_statement(node))
        waiting += _executed(node)


def _executed(node: ast.AST) -> list[ast.AST]:
    """The children of a node without types, docstrings, and the texts of messages."""
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
        return []
    left_out: list[ast.AST | None] = [getattr(node, "annotation", None)]
    if isinstance(node, ast.FunctionDef):
        left_out += [node.returns]
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return []
    return [each for each in ast.iter_child_nodes(node) if each not in left_out]


def _of_operators(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
            changed = COMPARISONS[type(operator)]()
            yield _unparsed(ast.Compare(node.left, [changed], [right]))
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            yield _unparsed(ast.BinOp(node.left, OPERATORS[type(operator)](), node.right))
        case ast.BoolOp(op=ast.And(), values=values):
            yield _unparsed(ast.BoolOp(ast.Or(), values))
        case ast.BoolOp(op=ast.Or(), values=values):
            yield _unparsed(ast.BoolOp(ast.And(), values))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield _unparsed(operand)


def _of_values(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() as value):
            yield str(value + 1)
        case ast.Call(func=ast.Attribute(value=owner, attr="copy"), args=[], keywords=[]):
            yield _unparsed(owner)
        case ast.Call(args=[first, second, *rest]) if ast.dump(first) != ast.dump(second):
            name = ast.unparse(node.func)
            if not name.endswith(WITHOUT_EFFECT) and name.split(".")[-1] not in SYMMETRIC:
                yield ast.unparse(ast.Call(node.func, [second, first, *rest], node.keywords))
        case ast.IfExp():
            yield _unparsed(ast.IfExp(node.test, node.orelse, node.body))


def _of_statement(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Call(func=function)):
            if not ast.unparse(function).endswith(WITHOUT_EFFECT):
                yield "pass"
        case ast.Raise():
            yield "pass"
        case ast.AugAssign() | ast.Delete():
            yield "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield "return None"
        case ast.Continue():
            yield "break"


def _unparsed(node: ast.expr) -> str:
    """In brackets, so that it stands wherever an expression stood."""
    return f"({ast.unparse(node)})"
