"""`falcoeks-fast diff`: what a change of rules would have alerted more and less."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from falcoeks_fast.app.replay.comparison import Comparison
from falcoeks_fast.app.replay.events import ReplayError, read_events
from falcoeks_fast.app.replay.fetched import fetch_events
from falcoeks_fast.app.replay.side import Side, numbered
from falcoeks_fast.app.rule_files import expand_entries
from falcoeks_fast.app.rule_loading import RulesError
from falcoeks_fast.app.start import StartOptions, usable_config
from falcoeks_fast.cli.arguments import command_parser, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.cli.moments import time_range
from falcoeks_fast.config import Config
from falcoeks_fast.config.model import LogSettings
from falcoeks_fast.engine._core import Origin
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.log import set_up_log

SUMMARY = "Compare two sets of rules on recorded events: what the new one alerts more and less."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments), code=2)


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("diff", SUMMARY)
    parser.add_argument(
        "-r", metavar="PATH", action="append", default=[], dest="rules", help="rules file or directory: -r OLD -r NEW"
    )
    parser.add_argument(
        "events", nargs="*", metavar="EVENTS", help="JSON lines or pages of CloudWatch Logs; `-`: stdin"
    )
    parser.add_argument("-c", metavar="PATH", default="", dest="config", help="configuration file (falco.yaml)")
    parser.add_argument(
        "-o", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help="change a setting; repeatable"
    )
    parser.add_argument(
        "--since", metavar="TIME", default="", help="events of CloudWatch Logs from this time on: 90m ago"
    )
    parser.add_argument("--until", metavar="TIME", default="", help="with --since: up to this time")
    parser.add_argument("--cluster", metavar="NAME", action="append", default=[], help="with --since: the cluster")
    parser.add_argument("--region", default="", help="AWS region of --cluster")
    parser.add_argument("--profile", default="", help="AWS profile of --cluster")
    parser.add_argument("--endpoint-url", metavar="URL", default="", help="CloudWatch Logs endpoint of --cluster")
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="alerts to show for each rule (default 3)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.epilog = "Exit code: 0 no difference, 1 a difference, 2 the rules cannot be compared."
    parsed = parser.parse_args(arguments)
    stretch = time_range(parsed.since, parsed.until)
    if len(parsed.rules) != 2:
        parser.error("give two sets of rules: -r OLD -r NEW; several files of one set go into a directory")
    if (stretch is None) == (not parsed.events):
        parser.error("give either files of events or --since")
    set_up_log(LogSettings(level="warning"))
    start = StartOptions(
        parsed.config,
        tuple(parsed.overrides),
        clusters=tuple(parsed.cluster),
        region=parsed.region,
        profile=parsed.profile,
        endpoint_url=parsed.endpoint_url,
    )
    config = usable_config(start)
    try:
        comparison = Comparison(*(_side(config, name) for name in parsed.rules), examples=parsed.examples)
        if stretch is not None:
            fetch_events(config, stretch, comparison.add)
        for chunk in read_events(parsed.events):
            comparison.add(chunk, Origin())
    except (ReplayError, RulesError) as error:
        fail(str(error))
        return 2
    except ValueError as error:
        fail(f"the events cannot be read: {error}")
        return 2
    if parsed.json:
        json.dump(comparison.as_json(), sys.stdout, ensure_ascii=False)
        print()
    else:
        print(escape_lines(comparison.text()), end="")
    return 1 if comparison.differs else 0


def _side(config: Config, name: str) -> Side:
    """Raises ConfigError and RulesError."""
    if not os.path.exists(name):
        raise RulesError(f"there is no rules file or directory {name}")
    if not expand_entries([name]):
        raise RulesError(f"{name} holds no rules: rules files end in .yaml or .yml")
    result = loaded_rules(numbered(config), [name])
    if not result.successful:
        raise RulesError(result.error_text)
    return Side(name, result, match_all=config.match_all)
