"""`falcoeks-fast diff-alerts`: two streams of alerts beside each other, ours and Falco's."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from falcoeks_fast.cli.alert_diff import AlertDiff, AlertFileError, read_alerts
from falcoeks_fast.cli.arguments import command_parser
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.engine.escaping import escape_lines

SUMMARY = "Compare two files of JSON alerts: what only one of them has."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("diff-alerts", SUMMARY)
    parser.add_argument(
        "ours", metavar="OURS", help="JSON alerts of this program, one on each line; `-`: standard input"
    )
    parser.add_argument("falcos", metavar="FALCOS", help="JSON alerts of Falco")
    parser.add_argument(
        "--key", action="append", default=[], metavar="FIELD", help="output field that identifies an event; repeatable"
    )
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="alerts to show for each rule (default 3)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parsed = parser.parse_args(arguments)
    try:
        diff = AlertDiff(read_alerts(parsed.ours), read_alerts(parsed.falcos), parsed.key)
    except AlertFileError as error:
        return fail(str(error))
    if parsed.json:
        json.dump(diff.as_json(parsed.examples), sys.stdout, ensure_ascii=False)
        print()
    else:
        print(escape_lines(diff.text(parsed.examples)), end="")
    return 1 if diff.differs else 0
