"""What the configuration's `append_output` adds to the outputs of rules.

In: the entries of the configuration, and a rule. Out: the rule's whole template and its extra fields. `compiler` calls
it (spec: formatting 10, config 2.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.files.items import RuleItem
from falcoeks_fast.rules.lowering.output import ExtraField


@dataclass(frozen=True, slots=True)
class AppendOutput:
    """One entry. `source`, `rule` and `tags` say which rules it is for; what is empty matches all.

    `extra_fields`: (key, template), or (field, None) for a raw field.
    """

    extra_output: str = ""
    extra_fields: tuple[tuple[str, str | None], ...] = ()
    suggested_output: bool = False
    source: str = ""
    rule: str = ""
    tags: frozenset[str] = frozenset()

    def matches(self, rule: RuleItem) -> bool:
        return self.source in ("", rule.source) and self.rule in ("", rule.name) and self.tags <= rule.tags


def full_output(rule: RuleItem, fields: Fields, entries: Sequence[AppendOutput]) -> tuple[str, tuple[ExtraField, ...]]:
    """The rule's output with all that the entries add, and its extra fields; a later one replaces one of its name."""
    output = rule.output.text
    extra: dict[str, ExtraField] = {}
    for entry in entries:
        if not entry.matches(rule):
            continue
        if entry.extra_output:
            output += f" {entry.extra_output}"
        if entry.suggested_output:
            for name in fields.suggested():
                output += f" {name.replace('.', '_')}=%{name}"
        for key, template in entry.extra_fields:
            extra[key] = ExtraField(key.encode(), None if template is None else template.encode())
    return output, tuple(extra.values())
