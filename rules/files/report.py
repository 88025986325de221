"""What loading a rule file gave, as text and as JSON.

In: diagnostics. Out: Falco's texts and JSON (spec: rules-files 1.11), and texts for people, with the offending line of
the file. `load` makes the reports, the application prints them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from falcoeks_fast.rules.files.diagnostics import Context, Diagnostic, Span
from falcoeks_fast.rules.files.schema import SCHEMA_OK

RULE = "------\n"
TAB_WIDTH = 4
SHOWN_WIDTH = 110


@dataclass(slots=True)
class FileReport:
    """The outcome of one file. `advice` is only for people: it is in no text or JSON that Falco has.

    `schema_status` is what the schema check said; empty if it was not reached, or found nothing to check.
    """

    name: str
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    advice: list[Diagnostic] = field(default_factory=list)
    schema_status: list[str] = field(default_factory=list)

    @property
    def successful(self) -> bool:
        return not self.errors

    @property
    def codes(self) -> list[str]:
        """The distinct codes of errors and warnings, sorted."""
        return sorted({str(diagnostic.code) for diagnostic in (*self.errors, *self.warnings)})

    @property
    def schema_text(self) -> str:
        """`ok`, the first complaint of the schema check, or `none`. Only the first document of a file decides."""
        return self.schema_status[0] if self.schema_status else "none"

    @property
    def schema_warnings(self) -> list[str]:
        """What the schema check said, unless the file passed."""
        return [] if self.schema_text == SCHEMA_OK else self.schema_status

    def summary(self) -> str:
        """`<file>: Ok`, `<file>: Ok, with warnings` or `<file>: Invalid`, without line end."""
        if self.errors:
            return f"{self.name}: Invalid"
        return f"{self.name}: Ok, with warnings" if self.warnings else f"{self.name}: Ok"

    def text(self) -> str:
        """The summary and all details, in the structure of Falco."""
        blocks: list[str] = []
        if self.schema_warnings:
            lines = "".join(f"{RULE}{complaint}\n" for complaint in self.schema_warnings)
            blocks.append(f"{len(self.schema_warnings)} Schema warnings:\n{lines}{RULE}")
        for title, diagnostics in (("Errors", self.errors), ("Warnings", self.warnings)):
            if diagnostics:
                details = "".join(_details(diagnostic) for diagnostic in diagnostics)
                blocks.append(f"{len(diagnostics)} {title}:\n{details}")
        return self.summary() + "".join(f"\n{block}" for block in blocks)

    def json(self) -> dict[str, Any]:
        """The element of `falco_load_results`."""
        result: dict[str, Any] = {
            "name": self.name,
            "successful": self.successful,
            "errors": [_as_json(diagnostic) for diagnostic in self.errors],
            "warnings": [_as_json(diagnostic) for diagnostic in self.warnings],
        }
        if self.schema_status:
            result["schema_valid"] = self.schema_text == SCHEMA_OK
            result["schema_warnings"] = self.schema_warnings
        return result

    def human(self, *, advice: bool = True) -> str:
        """For people: each finding with its line of the file and a caret, then the summary; lines ended by LF."""
        found = [*self.errors, *self.warnings, *(self.advice if advice else ())]
        text = "".join(human_text(diagnostic) + "\n" for diagnostic in found)
        counts = [
            f"{len(diagnostics)} {word}{'' if len(diagnostics) == 1 else 's'}"
            for word, diagnostics in (("error", self.errors), ("warning", self.warnings), ("hint", self.advice))
            if diagnostics and (advice or diagnostics is not self.advice)
        ]
        verdict = "invalid" if self.errors else "ok"
        return f"{text}{self.name}: {verdict}{' (' + ', '.join(counts) + ')' if counts else ''}\n"


def results_json(reports: Sequence[FileReport], description: dict[str, Any] | None = None) -> str:
    """The one line of `-V` with `json_output`; `description` is that of `-L` or `-l`."""
    document: dict[str, Any] = {"falco_load_results": [report.json() for report in reports]}
    if description is not None:
        document["falco_describe_results"] = description
    return compact_json(document)


def compact_json(value: object) -> str:
    """JSON on one line, keys in alphabetical order."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _contexts(context: Context) -> str:
    lines: list[str] = []
    for number, location in enumerate(context.locations):
        name = f" '{location.name}'" if location.name else ""
        position = location.position
        lead = "    " if number else "In "
        lines.append(f"{lead}{location.kind}{name}: ({location.where}:{position.line}:{position.column})\n")
    return "".join(lines)


def _details(diagnostic: Diagnostic) -> str:
    context = diagnostic.context
    return (
        f"{_contexts(context)}{RULE}{context.snippet()}{RULE}"
        f"{diagnostic.code} ({diagnostic.short_text}): {full_message(diagnostic)}\n"
    )


def full_message(diagnostic: Diagnostic) -> str:
    """The message with the suggestion behind it."""
    if not diagnostic.suggestion:
        return diagnostic.message
    return f"{diagnostic.message} ({diagnostic.suggestion})" if diagnostic.message else diagnostic.suggestion


def _as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    locations = [
        {
            "item_type": location.kind,
            "item_name": location.name,
            "position": {
                "name": location.where,
                "line": location.position.line,
                "column": location.position.column,
                "offset": location.position.offset,
            },
        }
        for location in diagnostic.context.locations
    ]
    result: dict[str, Any] = {
        "code": str(diagnostic.code),
        "codedesc": diagnostic.description,
        "message": full_message(diagnostic),
        "context": {"locations": locations, "snippet": diagnostic.context.snippet()},
    }
    if diagnostic.deprecated_field:
        result["deprecated_field"] = diagnostic.deprecated_field
    return result


def human_text(diagnostic: Diagnostic) -> str:
    """`file:line:column: error: message`, where it is, the line of the file, and carets below; lines ended by LF."""
    span = _span(diagnostic)
    line, column = _line_and_column(span)
    kind = "error" if diagnostic.is_error else "hint" if diagnostic.is_advice else "warning"
    message = diagnostic.message or diagnostic.description
    text = f"{place_text(diagnostic)}: {kind}: {message} [{diagnostic.code}]\n"
    context = diagnostic.context
    owner = context.owner or next((location for location in reversed(context.locations) if location.name), None)
    if owner is not None:
        text += f"  in {owner.kind} '{owner.name}'\n"
    text += _underlined(span.source.line(line), column, max(span.end - span.start, 1))
    if diagnostic.suggestion:
        text += f"  hint: {diagnostic.suggestion}\n"
    return text


def place_text(diagnostic: Diagnostic) -> str:
    """`file:line:column`, counted from 1."""
    span = _span(diagnostic)
    line, column = _line_and_column(span)
    return f"{span.source.name}:{line + 1}:{column + 1}"


def _span(diagnostic: Diagnostic) -> Span:
    """What it is about, or else the innermost place of its context that is in the file."""
    if diagnostic.span is not None:
        return diagnostic.span
    context = diagnostic.context
    for location in reversed(context.locations):
        if location.where == context.source.name:
            return Span(context.source, location.position.offset, location.position.offset)
    return Span(context.source, 0, 0)


def _line_and_column(span: Span) -> tuple[int, int]:
    at = min(span.start, len(span.source.text))
    line = span.source.text.count("\n", 0, at)
    return line, at - span.source.line_starts[line]


def _underlined(line: str, column: int, length: int) -> str:
    """A line of the file, cut to a sensible width around the place, with carets below."""
    if not line.strip():
        return ""
    start = max(0, column - SHOWN_WIDTH // 2) if len(line) > SHOWN_WIDTH else 0
    shown = line[start : start + SHOWN_WIDTH]
    lead = "".join("\t" if c == "\t" else " " for c in shown[: column - start])
    carets = "^" * max(1, min(length, len(shown) - (column - start)))
    return f"  | {'...' if start else ''}{shown}\n  | {'   ' if start else ''}{lead}{carets}\n"
