"""Changes of Python: the operators of cosmic-ray, and statements that are left out.

Of cosmic-ray's operators those are used that a test of behaviour can notice and that usually still
run.  Annotations, imports, decorators, assertions and the text of messages stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from cosmic_ray.ast import get_ast
from cosmic_ray.operators.provider import OperatorProvider

from nexus.mutation.change import Change

_NAMES: Final = (
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in (
            "Add_Sub",
            "Sub_Add",
            "Mul_FloorDiv",
            "FloorDiv_Mul",
            "Mod_FloorDiv",
            "LShift_RShift",
            "RShift_LShift",
            "BitOr_BitAnd",
            "BitAnd_BitOr",
            "BitXor_BitOr",
        )
    ),
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            "Eq_NotEq",
            "NotEq_Eq",
            "Lt_LtE",
            "LtE_Lt",
            "Gt_GtE",
            "GtE_Gt",
            "Lt_GtE",
            "Gt_LtE",
            "Is_IsNot",
            "IsNot_Is",
        )
    ),
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "NumberReplacer",
    "ZeroIterationForLoop",
)
_LEAVE_OUT: Final = "LeaveOutStatement"
# Our own: cosmic-ray's knows no exceptions of modules, such as `asyncio.CancelledError`.
_EXCEPTION: Final = "ExceptionReplacer"
_NO_EXCEPTION: Final = "CosmicRayTestingException"
# An operator that makes two changes of one place: each has a name of its own, so that a draw may
# take either.
_VARIANTS: Final = {"NumberReplacer": ("NumberReplacer+1", "NumberReplacer-1")}

# Subtrees without behaviour of their own: a parameter with its annotation, imports, decorators,
# texts with values in them.
_QUIET: Final = frozenset(
    ("tfpdef", "import_name", "import_from", "decorator", "decorators", "fstring", "assert_stmt")
)


class Node(Protocol):
    """The part of parso's nodes that is used here; cosmic-ray, which makes them, has no types."""

    type: str  # The name of its rule in the grammar of Python.
    start_pos: tuple[int, int]  # Line from 1, column from 0.
    end_pos: tuple[int, int]
    parent: Node | None
    children: list[Node]  # A leaf lacks it.
    value: str  # Only a leaf has it.

    def get_code(self) -> str:
        """The text that it stands for."""
        ...


def python_changes(path: str, source: str) -> list[Change]:
    """List every change of a file, in the order of its text."""
    provider = OperatorProvider()
    operators = [(name, provider[name]()) for name in _NAMES]
    changes: list[Change] = []
    for number, node in enumerate(_nodes(get_ast(source))):
        if _is_statement(node):
            changes.append(_change(path, source, node.start_pos, _LEAVE_OUT, number, 0))
        if node.type == "except_clause":
            for index, caught in enumerate(_exceptions(node)):
                changes.append(_change(path, source, caught.start_pos, _EXCEPTION, number, index))
        for name, operator in operators:
            for index, (start, _) in enumerate(operator.mutation_positions(node)):
                changes.append(_change(path, source, start, name, number, index))
    return changes


def _change(
    path: str, source: str, start: tuple[int, int], name: str, node: int, index: int
) -> Change:
    line, column = start
    shown = _VARIANTS[name][index] if name in _VARIANTS else name
    return Change(path, line, column, shown, lambda: _applied(source, name, node, index))


def _applied(source: str, name: str, number: int, index: int) -> str:
    tree = get_ast(source)
    node = next(node for at, node in enumerate(_nodes(tree)) if at == number)
    if name == _LEAVE_OUT:
        first, last = node.start_pos, node.end_pos
        return _replaced(source, first, last, "pass")
    if name == _EXCEPTION:
        caught = _exceptions(node)[index]
        return _replaced(source, caught.start_pos, caught.end_pos, _NO_EXCEPTION)
    changed = OperatorProvider()[name]().mutate(node, index)
    assert node.parent is not None, "no operator changes a whole file"
    siblings = node.parent.children
    siblings[siblings.index(node)] = changed
    text: str = tree.get_code()
    return text


def _nodes(node: Node) -> Iterator[Node]:
    """Walk the tree in the order of the text, without what is quiet."""
    if node.type in _QUIET or _is_main_guard(node) or _is_strictness(node):
        return
    yield node
    children: list[Node] = list(getattr(node, "children", []))
    if node.type == "annassign":  # `: type = value`
        children = children[2:]
    elif node.type == "funcdef":  # `def name(parameters) -> type: body`
        children = [children[2], children[-1]]
    elif node.type == "classdef":
        children = children[-1:]
    for child in children:
        yield from _nodes(child)


def _is_main_guard(node: Node) -> bool:
    return node.type == "if_stmt" and node.children[1].get_code().strip().startswith("__name__")


def _is_strictness(node: Node) -> bool:
    """Say whether this is the `strict=True` of a zip: an assertion, which no test can make fail."""
    return node.type == "argument" and node.get_code().strip() == "strict=True"


def _is_statement(node: Node) -> bool:
    """Say whether this statement has an effect and may be left out: a call, a change, a raise."""
    if node.parent is None or node.parent.type != "simple_stmt":
        return False
    if node.type in ("raise_stmt", "del_stmt"):
        return True
    if node.type == "expr_stmt":
        target, sign = node.children[0], node.children[1]
        return target.type != "name" or (sign.type == "operator" and sign.value != "=")
    is_call = node.type in ("atom_expr", "power") and node.children[-1].type == "trailer"
    return is_call or node.type == "await"


def _exceptions(node: Node) -> list[Node]:
    """List what an `except` names, be it one or several in brackets."""
    caught = node.children[1]
    if caught.type != "atom":
        return [caught]
    inside = caught.children[1]
    return list(inside.children[::2]) if inside.type == "testlist_comp" else [inside]


def _replaced(source: str, first: tuple[int, int], last: tuple[int, int], text: str) -> str:
    lines = source.splitlines(keepends=True)
    before = "".join(lines[: first[0] - 1]) + lines[first[0] - 1][: first[1]]
    after = lines[last[0] - 1][last[1] :] + "".join(lines[last[0] :])
    return f"{before}{text}{after}"
