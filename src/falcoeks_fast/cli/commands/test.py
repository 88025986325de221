"""`falcoeks-fast test`: tests of rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from falcoeks_fast.app.rule_loading import RulesError
from falcoeks_fast.app.rule_tests.files import read_test_files
from falcoeks_fast.app.rule_tests.junit import junit_xml
from falcoeks_fast.app.rule_tests.located import RuleTestError
from falcoeks_fast.app.rule_tests.report import run_text
from falcoeks_fast.app.rule_tests.runner import run_tests
from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.config.model import Selection
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules import LoadResult

SUMMARY = "Test rules: YAML files with events, and which rules must and must not fire."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments), code=2)


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("test", SUMMARY)
    parser.add_argument("files", nargs="+", metavar="FILE", help="test file, or a directory that holds some")
    add_rules_options(parser)
    parser.add_argument("--junit", metavar="FILE", default="", help="write the outcomes as JUnit XML")
    parser.add_argument("--coverage", action="store_true", help="list everything that the tests do not cover")
    parser.epilog = (
        "Rules: those of -r, else those that the test file names, else the configured ones; all are switched on. "
        "Exit code: 0 all passed, 1 some failed, 2 the tests cannot be run. Format: docs/rule-tests.md."
    )
    parsed = parser.parse_args(arguments)
    config = replace(configured(parsed), selections=(Selection(enable=True, rule="*"),), priority=7)

    def load(names: tuple[str, ...]) -> LoadResult:
        result = loaded_rules(config, names)
        if not result.successful:
            raise RulesError(result.error_text)
        return result

    try:
        outcome = run_tests(read_test_files(parsed.files), load, rules=tuple(parsed.rules))
    except (RuleTestError, RulesError) as error:
        fail(str(error))
        return 2
    print(escape_lines(run_text(outcome, all_coverage=parsed.coverage)), end="")
    if parsed.junit:
        try:
            Path(parsed.junit).write_bytes(junit_xml(outcome))
        except OSError as error:
            fail(f"{parsed.junit} cannot be written: {error.strerror}")
            return 2
    return 1 if outcome.failed else 0
