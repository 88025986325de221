"""`falcoeks-fast version`: versions, as `run --version` without any configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence

from falcoeks_fast.cli.arguments import command_parser
from falcoeks_fast.cli.errors import guarded
from falcoeks_fast.versions import version_fields, version_text

SUMMARY = "Print versions."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("version", SUMMARY)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parsed = parser.parse_args(arguments)
    print(json.dumps(version_fields(), separators=(",", ":")) if parsed.json else version_text())
    return 0
