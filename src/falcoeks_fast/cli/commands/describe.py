"""`falcoeks-fast describe`: what rules are about, as `run -L` and `run -l`."""

from __future__ import annotations

from collections.abc import Sequence

from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules.advice.describe import describe_text
from falcoeks_fast.rules.files.report import compact_json

SUMMARY = "Describe all rules, or one."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("describe", SUMMARY)
    parser.add_argument("rule", nargs="?", metavar="RULE", help="exact name of one rule")
    add_rules_options(parser)
    parser.add_argument("--json", action="store_true", help="as Falco's -L with json_output")
    parsed = parser.parse_args(arguments)
    result = loaded_rules(configured(parsed), parsed.rules)
    if not result.successful:
        return fail(result.error_text)
    try:
        if parsed.json:
            print(compact_json(result.describe(parsed.rule)))
        else:
            print(escape_lines(describe_text(result.compiled, parsed.rule)), end="")
    except KeyError:
        return fail(f"rule '{parsed.rule}' is not loaded")
    return 0
