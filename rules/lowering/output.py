"""What an alert of a rule shows: the message and `output_fields`.

In: the rule's template and the extra fields of `append_output`. Out: their place in the plan. Called by `lower`.
Source: `spec` formatting 9 to 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falcoeks_fast.rules.language.ast import FieldRef, field_text
from falcoeks_fast.rules.language.errors import LanguageWarning, TemplateError
from falcoeks_fast.rules.lowering.operands import OperandTable
from falcoeks_fast.rules.lowering.template import parse_template, segments
from falcoeks_fast.rules.plan import OutputField, Segment

_TIME = FieldRef("evt.time", None, 0, 0)
_TIME_ISO8601 = FieldRef("evt.time.iso8601", None, 0, 0)


@dataclass(frozen=True, slots=True)
class ExtraField:
    """An entry of `extra_fields`: a template under a key of its own, or, without one, the raw field `key`."""

    key: bytes
    template: bytes | None = None


@dataclass(frozen=True, slots=True)
class LoweredOutput:
    segments: tuple[Segment, ...]
    fields: tuple[OutputField, ...]
    warnings: tuple[LanguageWarning, ...]


def lower_output(
    text: bytes, extra_fields: Sequence[ExtraField], table: OperandTable, *, iso8601: bool
) -> LoweredOutput:
    """A rule's output compiled. Raises TemplateError."""
    if not text:
        raise TemplateError("the output is empty: write what the alert is to say")
    template = parse_template(text, table)
    shown: dict[bytes, OutputField] = {}
    time = _TIME_ISO8601 if iso8601 else _TIME
    for ref in (time, *template.fields()):
        key = field_text(ref.name, ref.argument)
        shown[key] = OutputField(key, table.add(ref))
    for extra in extra_fields:
        shown[extra.key] = _extra(extra, table)
    ordered = tuple(shown[key] for key in sorted(shown))
    return LoweredOutput(segments(template, table), ordered, template.warnings)


def _extra(extra: ExtraField, table: OperandTable) -> OutputField:
    if extra.template is not None:
        if not extra.template:
            raise TemplateError(f"the extra field '{extra.key.decode('utf-8', 'replace')}' has an empty template")
        return OutputField(extra.key, template=segments(parse_template(extra.template, table), table))
    if not extra.key:
        raise TemplateError("an extra field has an empty name", unknown_field=True)
    if extra.key.startswith(b"%"):
        raise TemplateError("the name of an extra field begins with '%': write the field alone", unknown_field=True)
    template = parse_template(b"%" + extra.key, table)
    first = template.parts[0]
    assert not isinstance(first, bytes)
    operand = first.operand
    if isinstance(operand, FieldRef) and field_text(operand.name, operand.argument) == extra.key:
        return OutputField(extra.key, table.add(operand))
    # Falco looks the text up among the fields that the template shows, and finds nothing.
    return OutputField(extra.key, null=True)
