"""`falcoeks-fast profile`: what rules cost and what they catch."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from falcoeks_fast.app.generation import alert_format
from falcoeks_fast.app.profile.profile import Settings, make_profile
from falcoeks_fast.app.profile.report import ORDERS, profile_json, profile_text
from falcoeks_fast.app.replay.events import ReplayError, read_events
from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.engine.escaping import escape_lines

SUMMARY = "Rank rules and macros by CPU, matches, and how often they are looked at, on recorded events."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments), code=2)


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("profile", SUMMARY)
    parser.add_argument(
        "events", nargs="+", metavar="EVENTS", help="JSON lines or pages of CloudWatch Logs; `-`: stdin"
    )
    add_rules_options(parser)
    parser.add_argument("--by", choices=sorted(ORDERS), default="", help="what to rank by (default cpu)")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="rows to show; 0, the default: all")
    parser.add_argument(
        "--timed-events", type=int, default=2_000, metavar="N", help="events to take times on; 0: only count"
    )
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often to time each set of rules")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.epilog = "docs/rule-tests.md says how times are taken and what they mean."
    parsed = parser.parse_args(arguments)
    if parsed.rounds < 1 or parsed.timed_events < 0 or parsed.top < 0:
        parser.error("--rounds must be at least 1; --timed-events and --top at least 0")
    config = configured(parsed)
    result = loaded_rules(config, parsed.rules)
    if not result.successful:
        fail(result.error_text)
        return 2
    settings = Settings(
        match_all=config.match_all,
        prefilter=config.own.prefilter,
        style=alert_format(config),
        timed_events=parsed.timed_events,
        rounds=parsed.rounds,
    )
    try:
        profile = make_profile(result, read_events(parsed.events), settings)
    except (ReplayError, ValueError) as error:
        fail(str(error))
        return 2
    if parsed.json:
        json.dump(profile_json(profile), sys.stdout, ensure_ascii=False)
        print()
    else:
        order = parsed.by or ("cpu" if profile.whole else "looked-at")
        print(escape_lines(profile_text(profile, order, parsed.top)), end="")
    return 0
