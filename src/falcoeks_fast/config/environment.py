"""`${NAME}` in scalar values of configuration files (spec: config 2.2).

In: a freshly parsed tree and the environment. Out: the same tree with expanded scalars. Called for the main file and
each included file; never for rules files or `-o` values.
"""

from __future__ import annotations

from collections.abc import Mapping as Environment

from .tree import Mapping, Node, Scalar

_ROUNDS = 32
"""A value may name further variables; a variable that names itself must still come to an end."""


def expand_tree(node: Node, environment: Environment[str, str]) -> None:
    """Expand every scalar value in place, keys excepted. An undefined variable makes an empty text, not null."""
    pending: list[Node] = [node]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:  # an alias of what was expanded already
            continue
        seen.add(id(current))
        if isinstance(current, Scalar):
            current.text = expand(current.text, environment)
        else:
            pending.extend(current.entries.values() if isinstance(current, Mapping) else current.items)


def expand(text: str, environment: Environment[str, str], rounds: int = _ROUNDS) -> str:
    """`${NAME}` becomes the variable's value, expanded again; undefined means empty; `$${` stands for `${`.

    A `$` that begins neither ends the scan, as it does in Falco: the rest stays as it is.
    """
    out: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        if text.startswith("$${", dollar):
            out += (text[position:dollar], "${")
            position = dollar + 3
            continue
        if not text.startswith("${", dollar):
            break
        end = text.find("}", dollar + 2)
        if end < 0:
            break
        value = environment.get(text[dollar + 2 : end], "")
        if rounds > 0 and "$" in value:
            value = expand(value, environment, rounds - 1)
        out += (text[position:dollar], value)
        position = end + 1
    out.append(text[position:])
    return "".join(out)
