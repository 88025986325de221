"""`falcoeks-fast validate`: what is wrong with rules files, for people. `run -V` says it in Falco's words."""

from __future__ import annotations

from collections.abc import Sequence

from falcoeks_fast.cli.arguments import command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules import results_json
from falcoeks_fast.rules.advice.validate import add_advice

SUMMARY = "Check rules files: errors, warnings and advice, with the line and a caret."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("validate", SUMMARY)
    parser.add_argument("rules", nargs="*", metavar="RULES", help="rules files and directories; else those of -c")
    parser.add_argument("-c", metavar="PATH", default="", dest="config", help="configuration file (falco.yaml)")
    parser.add_argument(
        "-o", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help="change a setting"
    )
    parser.add_argument("--json", action="store_true", help="as Falco's -V with json_output")
    parser.add_argument("--strict", action="store_true", help="exit code 1 for warnings too")
    parsed = parser.parse_args(arguments)
    config = configured(parsed)
    result = loaded_rules(config, parsed.rules, keep_going=True)
    if result.requirement_error is not None:
        return fail(result.requirement_error)
    if parsed.json:
        print(results_json(result.reports))
    else:
        add_advice(result)
        for report in result.reports:
            print(escape_lines(report.human()), end="")
    warned = any(report.warnings for report in result.reports)
    return 1 if not result.successful or (parsed.strict and warned) else 0
