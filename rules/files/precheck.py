"""What Falco warns of before it compiles the condition of a rule, and so even where that fails.

In: a rule's output, and its condition as a tree. Out: the warnings about deprecated fields and unsafe comparisons.
`compiler` calls it (spec: rules-files, 1.11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, Span
from falcoeks_fast.rules.files.places import WHOLE, Place
from falcoeks_fast.rules.language.ast import Expr
from falcoeks_fast.rules.language.errors import LanguageWarning, WarningKind
from falcoeks_fast.rules.language.tree import check_fields, placed_checks
from falcoeks_fast.rules.language.unsafe import unsafe_constant

DEPRECATED_FIELDS = (
    "evt.dir",
    "evt.latency",
    "evt.latency.s",
    "evt.latency.ns",
    "evt.latency.quantized",
    "evt.latency.human",
    "evt.wait_latency",
)


def output_warnings(output: str, context: Context) -> Iterator[Diagnostic]:
    """The deprecated fields in an output: for Falco, anything that contains such a name."""
    if "evt." in output:
        for name in DEPRECATED_FIELDS:
            if name in output:
                yield _deprecated(name, "output", context)


def condition_warnings(expr: Expr, place_of: Callable[[str | None], Place]) -> Iterator[Diagnostic]:
    """Of a condition that cannot be compiled; `place_of` gives the text of a macro, or with None that of the rule.

    Of one that can be compiled, `lower` gives the same: it has no deprecated fields, since none of them is known here.
    """
    unsafe: Diagnostic | None = None
    deprecated: dict[str, tuple[Context, Span | None]] = {}
    for check, macro in placed_checks(expr):
        constant = None if unsafe else unsafe_constant(check)
        if constant is not None:
            warning = LanguageWarning(WarningKind.UNSAFE_NA, "", constant.start, constant.end, macro)
            unsafe = place_of(macro).warning(warning)
            yield unsafe
        for ref in check_fields(check):
            if ref.name in DEPRECATED_FIELDS and ref.name not in deprecated:
                deprecated[ref.name] = place_of(macro).at(ref.start, ref.end, WHOLE)
    for name in sorted(deprecated, key=DEPRECATED_FIELDS.index):
        yield _deprecated(name, "condition", *deprecated[name])


def _deprecated(name: str, where: str, context: Context, span: Span | None = None) -> Diagnostic:
    message = f"usage of deprecated field '{name}' has been detected in the rule {where}"
    return Diagnostic(Code.DEPRECATED_ITEM, message, context, span, deprecated_field=name)
