"""`-V`, `-L` and `-l`: checking and describing rules in Falco's words (spec: cli 3.7).

In: the configuration and options. Out: text or JSON on standard output, and the exit code. Called by `run`.
"""

from __future__ import annotations

import logging
import sys

from falcoeks_fast.app.rule_files import read_rule_files
from falcoeks_fast.app.rule_loading import load, log_warnings
from falcoeks_fast.config import Config
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules import LoadResult, results_json
from falcoeks_fast.rules.advice.describe import describe_text
from falcoeks_fast.rules.files.report import compact_json

from .errors import fail
from .options import Options

_log = logging.getLogger("falcoeks_fast.rules")


def validate_files(config: Config, options: Options) -> int:
    """`-V`: all files are looked at even if one is wrong. Raises ConfigError for a file that cannot be read."""
    names = options.all("validate")
    _log.info("Validating rules file(s):")
    for name in names:
        _log.info("   %s", name)
    result = load(config, read_rule_files(names), keep_going=True)
    if result.requirement_error is not None:
        return fail(result.requirement_error)
    log_warnings(result)
    summary = "\n".join(report.summary() if report.successful else report.text() for report in result.reports)
    wants_description = result.successful and (options.on("L") or options.on("l"))
    rule = options.one("l") if options.on("l") else None
    if config.alerts.json_output:
        description = None
        if wants_description:
            try:
                description = result.describe(rule)
            except KeyError:
                return _not_loaded(rule or "")
        print(results_json(result.reports, description))
    else:
        print(escape_lines(summary))
        if wants_description:
            print()
            return print_description(config, result, rule)
    if not result.successful:
        print(f"Error: {escape_lines(summary)}", file=sys.stderr)
        return 1
    return 0


def print_description(config: Config, result: LoadResult, rule: str | None) -> int:
    """`-L`, or with a rule's name `-l`."""
    try:
        if config.alerts.json_output:
            print(compact_json(result.describe(rule)))
        else:
            print(escape_lines(describe_text(result.compiled, rule)), end="")
    except KeyError:
        return _not_loaded(rule or "")
    return 0


def _not_loaded(rule: str) -> int:
    print(f'Runtime error: Rule "{escape_lines(rule)}" is not loaded. Exiting.', file=sys.stderr)
    return 1
