"""`falcoeks-fast list`: the fields that rules can use."""

from __future__ import annotations

from collections.abc import Sequence

from falcoeks_fast.app.plugins import fields_by_class
from falcoeks_fast.cli.arguments import command_parser, configured
from falcoeks_fast.cli.errors import guarded
from falcoeks_fast.cli.field_listing import field_listing
from falcoeks_fast.cli.options import FORMATS

SUMMARY = "List the fields that conditions and outputs can use."


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("list", SUMMARY)
    parser.add_argument(
        "-c", metavar="PATH", default="", dest="config", help="configuration file, for its plugins and static fields"
    )
    parser.add_argument(
        "-o", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help="change a setting"
    )
    parser.add_argument("-f", "--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("-N", "--names", action="store_true", help="names only")
    parser.add_argument("-v", "--verbose", action="store_true", help="with types")
    parsed = parser.parse_args(arguments)
    config = configured(parsed)
    listing = fields_by_class(config)
    print(field_listing(listing, parsed.format, names_only=parsed.names, with_types=parsed.verbose))
    return 0
