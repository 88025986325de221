"""From the configuration and rules files to a plan.

In: `Config`, file names. Out: `LoadedRules`; log lines as Falco writes them. Called at start, for the dry run of a
reload, and by the commands that describe or compile rules.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from falcoeks_fast.config import Config, ConfigError
from falcoeks_fast.log import Lines
from falcoeks_fast.rules import AppendOutput, LoadResult, LoadSettings, RuleFile, Selection, load_rules
from falcoeks_fast.rules.plan import Plan

from .plugins import loaded_plugins, provided_sources
from .rule_files import chosen_entries, read_rule_files, rule_file_names
from .suppress_keys import added_outputs

_log = logging.getLogger("falcoeks_fast.rules")


class RulesError(Exception):
    """The rules cannot be loaded; the message is the report of what is wrong with them."""


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """`digests`: file name and SHA-256 (hex) of each file. `watched`: what a reload
    depends on, named entries that do not exist yet included."""

    result: LoadResult
    plan: Plan
    files: tuple[str, ...]
    digests: tuple[tuple[str, str], ...]
    watched: tuple[str, ...]


def load_chosen_rules(config: Config, given: Sequence[str], *, quiet: bool = False) -> LoadedRules:
    """Load the files of `-r`, of the configuration, or our own pack. Raises ConfigError and RulesError."""
    names = rule_file_names(config, given)
    if not quiet:
        _log_entries(chosen_entries(config, given))
    contents = read_rule_files(names)
    result = load(config, contents, keep_going=False)
    if not quiet:
        log_reports(result, "Loading rules from:")
    if not result.successful or result.plan is None:
        raise RulesError(result.error_text)
    if not result.rules:
        # Falco would run and see nothing, which nobody who starts it can want.
        where = ", ".join(names) or ", ".join(given or config.rules_files or ())
        raise RulesError(f"there is not one rule in {where}: name a file that has rules with -r or rules_files")
    if not quiet:
        for line in result.notices:
            _log.info("%s", line)
        if not result.plan.rules:
            _log.warning(
                "None of the %d rules can fire: they are disabled, of another source, or below the priority threshold",
                len(result.rules),
            )
    digests = tuple((file.name, hashlib.sha256(file.content).hexdigest()) for file in contents)
    entries = given or config.rules_files or ()
    return LoadedRules(result, result.plan, tuple(names), digests, tuple(dict.fromkeys((*entries, *names))))


def load(config: Config, files: Sequence[RuleFile], *, keep_going: bool) -> LoadResult:
    """Raises ConfigError for an unknown name in field_fixes."""
    settings = load_settings(config, keep_going=keep_going)
    try:
        return load_rules(files, settings)
    except ValueError as error:
        raise ConfigError(f"falcoeks.field_fixes: {error}") from error


def load_settings(config: Config, *, keep_going: bool = False) -> LoadSettings:
    return LoadSettings(
        plugins=loaded_plugins(config),
        sources=provided_sources(config),
        priority=config.priority,
        iso8601=config.alerts.iso8601,
        append_output=tuple(
            AppendOutput(
                extra_output=entry.extra_output,
                extra_fields=entry.fields,
                suggested_output=entry.suggested_output,
                source=entry.source,
                rule=entry.rule,
                tags=frozenset(entry.tags),
            )
            for entry in config.append_output
        )
        + added_outputs(config),
        static_fields=dict(config.static_fields),
        selections=tuple(Selection(entry.enable, rule=entry.rule, tag=entry.tag) for entry in config.selections),
        field_fixes=config.own.field_fixes,
        keep_going=keep_going,
    )


def _log_entries(entries: Sequence[str] | None) -> None:
    if entries is None:
        _log.info("No rules are configured: using the rules that come with this program")
        return
    _log.debug("Configured rules filenames:")
    for entry in entries:
        _log.debug("   %s", entry)


def log_reports(result: LoadResult, heading: str) -> None:
    """One line for each file with the outcome of its schema check; warnings in full."""
    _log.info("%s", heading)
    for report in result.reports:
        level = logging.INFO if report.schema_text == "ok" else logging.WARNING
        _log.log(level, "   %s | schema validation: %s", report.name, report.schema_text)
    log_warnings(result)


def log_warnings(result: LoadResult) -> None:
    for report in result.reports:
        if report.successful and report.warnings:
            _log.warning("%s", Lines(report.text()))
