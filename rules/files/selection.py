"""Which rules run, and in which order.

In: the compiled rules, the priority threshold, and the `rules:` of the configuration. Out: the names of the running
rules in the order of evaluation. `load` calls it (spec: rules-files, 1.10 and 1.12).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Selectable(Protocol):
    """What selecting looks at."""

    @property
    def name(self) -> str: ...
    @property
    def tags(self) -> Iterable[str]: ...
    @property
    def enabled(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """One entry of `rules:`. A rule is meant by its name (`*` for any text) or by one of its tags; empty: not given."""

    enable: bool
    rule: str = ""
    tag: str = ""

    def log_lines(self) -> list[str]:
        """What to log when it is applied."""
        verb = "Enabling" if self.enable else "Disabling"
        lines = [f"{verb} rules with name: {self.rule}"] if self.rule else []
        return [*lines, f"{verb} rules with tag: {self.tag}"] if self.tag else lines

    def parts(self) -> list[Selection]:
        """A name and a tag in one entry are two selections, the name first."""
        parts = [Selection(self.enable, rule=self.rule)] if self.rule else []
        return [*parts, Selection(self.enable, tag=self.tag)] if self.tag else parts

    def meant(self, rules: Iterable[Selectable]) -> list[str]:
        """The names of the rules that it means, by name or tag."""
        return [
            rule.name
            for rule in rules
            if (self.rule and matches_wildcard(self.rule, rule.name)) or (self.tag and self.tag in rule.tags)
        ]


def matches_wildcard(pattern: str, name: str) -> bool:
    """Whether `name` is `pattern` with any text for each `*`.

    As in Falco, the first occurrence of the text behind a `*` is taken for good: `*rule` does not match `rule rule`.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(first):
        return False
    at = len(first)
    for literal in rest:
        found = name.find(literal, at)
        if found < 0:
            return False
        at = found + len(literal)
    return rest[-1] == "" or at == len(name)


def evaluation_order(rules: Sequence[Selectable], selections: Iterable[Selection]) -> list[str]:
    """The names of the rules that run. `rules`: in the order of first definition, those below the threshold left out.

    A rule that a selection enables again goes to the end; enabling an enabled one does not move it.
    """
    order = dict.fromkeys(rule.name for rule in rules if rule.enabled)
    for selection in selections:
        for part in selection.parts():
            for name in part.meant(rules):
                if part.enable:
                    order.setdefault(name)
                else:
                    order.pop(name, None)
    return list(order)
