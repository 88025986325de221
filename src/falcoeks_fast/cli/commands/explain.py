"""`falcoeks-fast explain`: what a rule comes to, when it can fire, and what decided on an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.config import ConfigError
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.rules.explain import EventExplanation, UnknownRule, explain
from falcoeks_fast.rules.plan import Plan

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
            text = EventExplanation(result, parsed.rule, evaluator(parsed.event)).text()
        else:
            text = explain(result, parsed.rule)
    except UnknownRule as error:
        return fail(str(error))
    print(escape_lines(text), end="")
    return 0


def evaluator(path: str) -> Callable[[Plan], dict[int, str]]:
    """Runs a plan on the event in a file: number of each rule that fired -> its output. Raises ConfigError."""
    from falcoeks_fast.engine._core import Format, Numbering, Origin, RuleSet, Scanner

    try:
        event = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error

    def evaluate(plan: Plan) -> dict[int, str]:
        style = Format(json_output=False, include_message=True)
        rules = RuleSet(plan.wire(), plan.predicate_digest(), style, match_all=True)
        batch = Scanner(rules, Numbering()).scan_payload(event, Origin())
        if batch.events != 1:
            raise ConfigError(f"{path} holds {batch.events} audit events; give exactly one, as a JSON object")
        fired = {}
        for index in range(batch.alert_count):
            alert = batch.alert(index)
            body = alert.body.decode("utf-8", "replace")
            fired[alert.rule_index] = body.split(": ", 1)[1].partition(" ")[2]
        return fired

    return evaluate
