"""`falcoeks-fast explain`: what a rule comes to, when it can fire, and what decided on an event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from falcoeks_fast.app.single_event import EventError, evaluator
from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.config import ConfigError
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules.advice.explain import EventExplanation, UnknownRule, explain

SUMMARY = "Explain a rule: its whole condition, the fields it reads, on what it can fire; with --event, what decided."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("explain", SUMMARY)
    parser.add_argument("rule", metavar="RULE", help="name of the rule")
    add_rules_options(parser)
    parser.add_argument("--event", metavar="FILE", help="an audit event as JSON: which part of the condition decided")
    parsed = parser.parse_args(arguments)
    result = loaded_rules(configured(parsed), parsed.rules, plain=True)
    if not result.successful:
        return fail(result.error_text)
    try:
        if parsed.event:
            text = EventExplanation(result, parsed.rule, evaluator(_event(parsed.event))).text()
        else:
            text = explain(result, parsed.rule)
    except UnknownRule as error:
        return fail(str(error))
    except EventError as error:
        return fail(f"{parsed.event} holds {error}")
    print(escape_lines(text), end="")
    return 0


def _event(path: str) -> bytes:
    """Raises ConfigError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
