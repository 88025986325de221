"""`falcoeks-fast bench`: what the user's rules do on this machine."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.cli.options import OptionError

if TYPE_CHECKING:
    from falcoeks_fast.bench.user_measure import Report
    from falcoeks_fast.bench.workload import Pages, Rules
    from falcoeks_fast.rules import LoadResult

SUMMARY = "Measure rules on this machine: events per second, cost of each rule, memory."
_MIX_EVENTS = 20_000
_MEMORY_BYTES = 64 << 20


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parsed = _parse(arguments)
    from falcoeks_fast.bench.user_measure import measure
    from falcoeks_fast.bench.workload import WorkloadError

    result = loaded_rules(configured(parsed), parsed.rules)
    if not result.successful or result.plan is None:
        return fail(result.error_text)
    if not result.plan.rules:
        return fail("no rule is enabled: there is nothing to measure")
    try:
        name, pages = _events(parsed)
        rules, note = _compiled(result, ", ".join(parsed.rules) or "those of the configuration, else our own pack")
        _say("measuring ...")
        report = measure(rules, pages, name, rate=parsed.rate, progress=lambda what: _say(f"measuring: {what}"))
        report.notes += [note] if note else []
        _memory(report, pages, parsed)
        return _print(report, parsed)
    except WorkloadError as error:
        return fail(str(error))


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = command_parser("bench", SUMMARY)
    add_rules_options(parser)
    parser.add_argument(
        "--events", metavar="FILE", default="", help="your events: JSON lines or a FilterLogEvents body"
    )
    parser.add_argument(
        "--cluster", metavar="NAME", default="", help="your events: this EKS cluster's log, with --since"
    )
    parser.add_argument("--region", metavar="REGION", default="", help="AWS region of --cluster")
    parser.add_argument("--profile", metavar="PROFILE", default="", help="AWS profile of --cluster")
    parser.add_argument("--endpoint-url", metavar="URL", default="", help="CloudWatch Logs endpoint of --cluster")
    parser.add_argument(
        "--since", metavar="TIME", default="", help="read the log from here on: 10m ago, 2026-01-31T12:00Z"
    )
    parser.add_argument(
        "--rate", metavar="N", type=float, default=500.0, help="events a second to plan for (default 500)"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument("--plot", metavar="FILE", default="", help="also as a picture (needs matplotlib)")
    parser.epilog = "Without --events and --cluster, events are generated in the proportions of an EKS cluster."
    parsed = parser.parse_args(arguments)
    if parsed.events and parsed.cluster:
        raise OptionError("--events and --cluster exclude each other")
    if bool(parsed.cluster) != bool(parsed.since):
        raise OptionError("--cluster and --since belong together: whose log, and from when on")
    if not parsed.rate > 0:
        raise OptionError("--rate must be above 0")
    return parsed


def _events(parsed: Namespace) -> tuple[str, Pages]:
    """Raises WorkloadError, OptionError."""
    from falcoeks_fast.bench.own_events import file_pages
    from falcoeks_fast.bench.workload import eks_pages

    if parsed.events:
        return parsed.events, file_pages(Path(parsed.events))
    if parsed.cluster:
        return f"the log of {parsed.cluster} since {parsed.since}", _cluster_pages(parsed)
    return "generated events of an EKS cluster", eks_pages(_MIX_EVENTS)


def _cluster_pages(parsed: Namespace) -> Pages:
    from falcoeks_fast.app.cloudwatch_input import resolve_cluster
    from falcoeks_fast.app.inputs import InputError
    from falcoeks_fast.bench.own_events import fetched_pages
    from falcoeks_fast.bench.workload import WorkloadError
    from falcoeks_fast.cli.moments import parse_moment_ms
    from falcoeks_fast.config.model import ClusterSettings
    from falcoeks_fast.poller.client import LogsClient
    from falcoeks_fast.poller.failures import FetchFailed
    from falcoeks_fast.poller.page_buffer import PageBuffer
    from falcoeks_fast.poller.session import AwsAccess
    from falcoeks_fast.poller.settings import STREAM_PREFIX

    now_ms = time.time_ns() // 1_000_000
    since_ms = parse_moment_ms(parsed.since, now_ms, "since")
    try:
        cluster = resolve_cluster(
            ClusterSettings(
                name=parsed.cluster, region=parsed.region, profile=parsed.profile, endpoint_url=parsed.endpoint_url
            )
        )
        client = LogsClient(cluster, AwsAccess(cluster), stream_prefix=STREAM_PREFIX)
        _say(f"fetching the log of {parsed.cluster} ...")
        buffer = PageBuffer()
        return fetched_pages(
            lambda token: bytes(client.fetch(since_ms, now_ms, token, buffer).body), f"the log of {parsed.cluster}"
        )
    except (InputError, FetchFailed) as error:
        raise WorkloadError(str(error)) from error


def _compiled(result: LoadResult, name: str) -> tuple[Rules, str]:
    """The rules with their compiled module, or without one and a note why."""
    from falcoeks_fast.bench.workload import Rules
    from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, BuildError
    from falcoeks_fast.rules.code.cache import CompiledCache

    assert result.plan is not None
    _say("compiling the rules ...")
    try:
        module = CompiledCache().compile(result.plan, limits=SOMEBODY_WAITS)
    except BuildError as error:
        return Rules(name, result.plan, result.counts[0]), f"the interpreter was measured: {error}"
    return Rules(name, result.plan, result.counts[0], module), ""


def _memory(report: Report, pages: Pages, parsed: Namespace) -> None:
    """Peak memory of `run` over the first of the events, from file."""
    from falcoeks_fast.bench.program import ProgramError, watch
    from falcoeks_fast.bench.user_measure import messages

    with tempfile.TemporaryDirectory(prefix="falcoeks-bench-") as name:
        folder = Path(name)
        events = folder / "events.jsonl"
        with events.open("wb") as file:
            for message in messages(pages, _MEMORY_BYTES):
                file.write(message + b"\n")
        options = ["-o", "falcoeks.compile=off"]
        options += [word for path in parsed.rules for word in ("-r", path)]
        try:
            report.peak_rss_bytes = watch(["run", "--events", str(events), *options], folder).peak_rss_bytes
        except ProgramError as error:
            report.notes.append(f"memory was not measured: {error}")


def _print(report: Report, parsed: Namespace) -> int:
    from rich.console import Console

    from falcoeks_fast.bench.user_print import plot_report, print_report

    if parsed.json:
        print(json.dumps(report.json(), ensure_ascii=False))
    else:
        print_report(Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120), report)
    if parsed.plot:
        try:
            _say(plot_report(report, Path(parsed.plot)))
        except (OSError, ValueError) as error:
            return fail(f"the plot {parsed.plot} cannot be written: {error}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
