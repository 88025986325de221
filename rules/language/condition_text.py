"""Trees of conditions -> text, on one line as Falco prints them, or over several lines for people.

In: a tree, with or without macros filled in. Out: text. `describe` and `explain` call it. What is for people could be
parsed again; what Falco prints could not, since it loses the quotes of some constants.
Trees may be a thousand levels deep, so nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Callable

from falcoeks_fast.rules.language.ast import (
    And,
    Call,
    Check,
    Const,
    Expr,
    FieldRef,
    MacroRef,
    Not,
    Operand,
    Or,
    Text,
    TextList,
    argument_text,
    children,
    escape,
    falco_escape,
    field_text,
)
from falcoeks_fast.rules.language.tree import size

INDENT = "  "
LINE_WIDTH = 100
MAX_PARTS = 100_000


def operand_text(operand: Operand) -> str:
    """A field, a transformer or its argument, as it could be written. Its depth is bounded by the parser."""
    if isinstance(operand, FieldRef):
        return _decoded(field_text(operand.name, operand.argument))
    if isinstance(operand, Text):
        return _quoted(operand.value) if operand.quoted else _decoded(operand.value)
    if isinstance(operand, TextList):
        return f"({', '.join(map(operand_text, operand.items))})"
    assert isinstance(operand, Call)
    selector = "" if operand.selector is None else f"[{_quoted(operand.selector)}]"
    return f"{operand.name}({', '.join(map(operand_text, operand.args))}){selector}"


def check_text(check: Check) -> str:
    """One comparison."""
    words = [operand_text(check.left), check.op]
    if check.modifier is not None:
        words.append(check.modifier)
    if check.right is not None:
        right = operand_text(check.right)
        words.append(f"val({right})" if isinstance(check.right, FieldRef) else right)
    elif check.modifier is not None or check.op in ("in", "intersects", "pmatch"):
        words.append(f"({', '.join(map(_constant, check.constants))})")
    else:
        words.extend(map(_constant, check.constants))
    return " ".join(words)


def _constant(constant: Const) -> str:
    return _decoded(escape(constant.value))


def falco_operand_text(operand: Operand) -> str:
    """As `operand_text`, in Falco's spelling."""
    if isinstance(operand, FieldRef):
        return _decoded(field_text(operand.name, operand.argument))
    if isinstance(operand, Text):
        return _decoded(falco_escape(operand.value))
    if isinstance(operand, TextList):
        return f"({','.join(map(falco_operand_text, operand.items))})"
    assert isinstance(operand, Call)
    arguments = ",".join(map(falco_operand_text, operand.args))
    return f"{operand.name}({arguments}){_decoded(argument_text(operand.selector))}"


def falco_check_text(check: Check) -> str:
    """As `check_text`, in Falco's spelling: only a list that was written in parentheses has them."""
    words = [falco_operand_text(check.left), check.operator]
    if check.right is not None:
        right = falco_operand_text(check.right)
        words.append(f"val({right})" if isinstance(check.right, FieldRef) else right)
    elif check.op != "exists":
        constants = ", ".join(_decoded(falco_escape(constant.value)) for constant in check.constants)
        words.append(f"({constants})" if check.listed else constants)
    return " ".join(words)


def _quoted(value: bytes) -> str:
    text = escape(value)
    return _decoded(text if text.startswith(b'"') else b'"' + text + b'"')


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def one_line(expr: Expr) -> str:
    """The whole condition with macros filled in as Falco writes compiled ones: every group in parentheses."""
    return _folded(expr, _joined, falco_check_text)


def _folded(expr: Expr, group: Callable[[str, list[str]], str], leaf: Callable[[Check], str]) -> str:
    """Texts put together from the leaves up. Macros stay names where the whole would be too long to print."""
    fill_macros = size(expr) <= MAX_PARTS
    values: list[str] = []
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if isinstance(node, Check):
            values.append(leaf(node))
        elif isinstance(node, MacroRef):
            if node.body is None or not fill_macros:
                values.append(node.name)
            else:
                stack.append((node.body, False))
        elif not ready:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children(node)))
        else:
            count = len(children(node))
            parts = values[-count:]
            del values[-count:]
            values.append(f"not {parts[0]}" if isinstance(node, Not) else group(_word(node), parts))
    return values[-1]


def _word(node: Expr) -> str:
    assert isinstance(node, And | Or)
    return "and" if isinstance(node, And) else "or"


def _joined(word: str, parts: list[str]) -> str:
    return f"({f' {word} '.join(parts)})"


def many_lines(expr: Expr) -> str:
    """The condition with macros filled in, long groups over several lines; no line end behind the last."""
    return _folded(expr, _broken, _wrapped)


def _wrapped(check: Check) -> str:
    """A comparison with a long list over several lines."""
    line = check_text(check)
    if len(line) <= LINE_WIDTH or len(check.constants) < 2:
        return line
    constants = [_constant(constant) for constant in check.constants]
    lines = [line[: line.index("(", len(operand_text(check.left))) + 1]]
    row = ""
    for number, constant in enumerate(constants):
        word = constant + ("," if number + 1 < len(constants) else "")
        if row and len(row) + len(word) >= LINE_WIDTH:
            lines.append(INDENT + row)
            row = word
        else:
            row = f"{row} {word}" if row else word
    return "\n".join([*lines, INDENT + row, ")"])


def _broken(word: str, parts: list[str]) -> str:
    line = _joined(word, parts)
    if len(line) <= LINE_WIDTH and "\n" not in line:
        return line
    inner = [part.replace("\n", f"\n{INDENT}") for part in parts]
    return f"(\n{INDENT}" + f"\n{INDENT}{word} ".join(inner) + "\n)"
