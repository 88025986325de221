"""`-V`, `-L` and `-l`: checking and describing rules in Falco's words (spec: cli 3.7).

In: the configuration and options. Out: text or JSON on standard output, and the exit code. Called by `run`.
"""

from __future__ import annotations

import logging
import os
import sys

from falcoeks_fast.app.rule_files import read_rule_files
from falcoeks_fast.app.rule_loading import load, log_warnings
from falcoeks_fast.config import Config
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules import LoadResult, results_json
from falcoeks_fast.rules.advice.describe import describe_text
from falcoeks_fast.rules.files.report import compact_json

from .errors import fail, fail_at_run_time
from .options import Options

_log = logging.getLogger("falcoeks_fast.rules")


def validate_files(config: Config, options: Options) -> int:
    """`-V`: all files are looked at even if one is wrong. Raises ConfigError for a file that cannot be read."""
    names = options.all("validate")
    contents = []
    for name in names:
        if os.path.isdir(name):
            return fail_at_run_time(f"{name} is a directory: name each rules file", config.log)
        contents += read_rule_files([name])
    _log.info("Validating rules file(s):")
    for name in names:
        _log.info("   %s", name)
    result = load(config, contents, keep_going=True)
    if result.requirement_error is not None:
        return fail(result.requirement_error)
    log_warnings(result)
    summary = "\n".join(report.summary() if report.successful else report.text() for report in result.reports)
    wants_description = result.successful and (options.on("L") or options.on("l"))
    rule = options.one("l") if options.on("l") else None
    try:
        if config.alerts.json_output:
            print(results_json(result.reports, result.describe(rule) if wants_description else None))
        else:
            description = f"\n{describe_text(result.compiled, rule)}" if wants_description else ""
            print(escape_lines(f"{summary}\n{description}"), end="")
    except KeyError:
        return _not_loaded(config, rule or "")
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
        return _not_loaded(config, rule or "")
    return 0


def _not_loaded(config: Config, rule: str) -> int:
    return fail_at_run_time(f'Rule "{rule}" is not loaded', config.log)
