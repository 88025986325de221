"""`falcoeks-fast run`, and the entry point `falco`: everything that Falco's own command line does.

In: Falco's options. Out: the exit code. The order of the steps decides which error wins (spec: cli 3.2).
"""

from __future__ import annotations

import json
import logging
import mmap
import time
from collections.abc import Sequence

from falcoeks_fast.app.start import StartOptions, check_config_path, log_plugins, read_config, start_log
from falcoeks_fast.cli.errors import fail_at_run_time, guarded
from falcoeks_fast.cli.moments import parse_moment_ms
from falcoeks_fast.cli.options import FORMATS, OptionError, Options, parse_options, usage, whole_number
from falcoeks_fast.config import Config, PluginError, check_names, check_plugins
from falcoeks_fast.poller.settings import TimeRange
from falcoeks_fast.versions import version_fields, version_text

SUMMARY = "Read events, evaluate rules, deliver alerts. Takes Falco's options."
_NOT_HERE = "has no meaning here: there are no system calls, and audit events are of one kind"
_log = logging.getLogger("falcoeks_fast")


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    options = parse_options(arguments)
    check_config_path(options.one("c"))
    _check_format(options)
    if options.on("help"):
        print(usage("falco"), end="")
        return 0
    if options.on("config-schema"):
        from falcoeks_fast.config.schema import json_schema

        print(json.dumps(json_schema(), indent=2), end="")
        return 0
    if options.on("rule-schema"):
        from falcoeks_fast.cli.rule_schema import rule_schema

        print(json.dumps(rule_schema(), indent=2), end="")
        return 0
    for key in ("i", "list-events"):
        if options.on(key):
            print(f"-{key} {_NOT_HERE}" if len(key) == 1 else f"--{key} {_NOT_HERE}")
            return 0
    start = start_options(options)
    config = read_config(start)
    start_log(config, arguments)
    _warn(options)
    if options.on("version"):
        _print_version(config)
        return 0
    if options.on("page-size"):
        _log.info("Your system page size is: %d bytes", mmap.PAGESIZE)
        return 0
    if options.on("plugin-info"):
        return _plugin_info(options, config)
    try:
        check_names(config.plugins)
        if options.on("list-plugins"):
            from falcoeks_fast.cli.plugin_listing import plugin_list

            print(plugin_list([plugin.name for plugin in config.plugins]), end="")
            return 0
        log_plugins(config)
        check_plugins(config.plugins)
    except PluginError as error:
        return fail_at_run_time(str(error), config.log)
    if options.on("list"):
        return _list(options, config)
    from falcoeks_fast.app.plugins import provided_sources
    from falcoeks_fast.app.sources import check_sources

    check_sources(options.all("enable-source"), options.all("disable-source"), provided_sources(config))
    if options.on("validate"):
        from falcoeks_fast.cli.validation import validate_files

        return validate_files(config, options)
    return _with_rules(options, start, config)


def start_options(options: Options) -> StartOptions:
    return StartOptions(
        config_path=options.one("c"),
        overrides=tuple(options.all("option")),
        rules=tuple(options.all("r")),
        clusters=tuple(options.all("cluster")),
        region=options.one("region"),
        profile=options.one("profile"),
        endpoint_url=options.one("endpoint-url"),
        events=options.one("events"),
        compiled=options.one("compiled"),
        print_text=options.one("print"),
    )


def _with_rules(options: Options, start: StartOptions, config: Config) -> int:
    from falcoeks_fast.app.health import HealthError
    from falcoeks_fast.app.inputs import InputError
    from falcoeks_fast.app.pidfile import PidFileError
    from falcoeks_fast.app.program import RunOptions, run_program
    from falcoeks_fast.app.rule_loading import RulesError, load_chosen_rules
    from falcoeks_fast.cli.errors import fail, say_error

    try:
        loaded = load_chosen_rules(config, start.rules)
        if options.on("L") or options.on("l"):
            from falcoeks_fast.cli.validation import print_description

            return print_description(config, loaded.result, options.one("l") if options.on("l") else None)
        if options.on("support"):
            from falcoeks_fast.app.rule_files import read_rule_files
            from falcoeks_fast.cli.support import support_json

            print(support_json(config, loaded, read_rule_files(loaded.files), ("falco", *options.arguments)))
            return 0
        return run_program(
            RunOptions(
                start,
                dry_run=options.on("dry-run"),
                pid_file=options.one("pidfile"),
                time_limit_s=_seconds(options),
                time_range=_time_range(options),
                verbose=options.on("v"),
            ),
            config,
            loaded,
        )
    except PidFileError as error:
        say_error(str(error), config.log)
        return 255
    except RulesError as error:
        return fail(str(error))
    except (InputError, HealthError) as error:
        return fail(str(error))


def _check_format(options: Options) -> None:
    """Looked at whatever else is wanted, as by Falco."""
    if options.on("markdown") and options.on("format"):
        raise OptionError("Cannot specify both --markdown and --format options together")
    chosen = options.one("format")
    if chosen and chosen.lower() not in FORMATS:
        raise OptionError(f"Invalid format '{chosen}'. Valid values are: {', '.join(FORMATS)}")


def _time_range(options: Options) -> TimeRange | None:
    if not options.on("since"):
        if options.on("until"):
            raise OptionError("--until needs --since")
        return None
    now_ms = time.time_ns() // 1_000_000
    since_ms = parse_moment_ms(options.one("since"), now_ms, "since")
    until_ms = parse_moment_ms(options.one("until", "now"), now_ms, "until")
    if since_ms > until_ms:
        raise OptionError("--since is later than --until")
    return TimeRange(since_ms, until_ms)


def _seconds(options: Options) -> float:
    return float(max(whole_number(options.one("M", "0"), "M"), 0))


def _warn(options: Options) -> None:
    if options.positional:
        _log.warning("Ignoring %s: only options are understood", ", ".join(options.positional))
    if options.on("print"):
        _log.warning("-p is deprecated; use append_output in the configuration")
    if options.on("markdown"):
        _log.warning("--markdown is deprecated; use --format markdown")


def _print_version(config: Config) -> None:
    """Exactly what Falco prints; the command `version` also says which version of this program it is."""
    if config.alerts.json_output:
        fields = {name: value for name, value in version_fields().items() if name != "falcoeks_fast_version"}
        print(json.dumps(fields, separators=(",", ":")))
    else:
        print("\n".join(line for line in version_text().splitlines() if not line.startswith("falcoeks-fast:")))


def _plugin_info(options: Options, config: Config) -> int:
    from falcoeks_fast.cli.errors import fail
    from falcoeks_fast.cli.plugin_listing import plugin_info

    wanted = options.one("plugin-info")
    found = [
        plugin.name for plugin in config.plugins if wanted in (plugin.name, plugin.library_path, plugin.library_file)
    ]
    if not found:
        return fail(f"can't find plugin and print its info: {wanted}")
    print(plugin_info(found[0]), end="")
    return 0


def _list(options: Options, config: Config) -> int:
    from falcoeks_fast.app.plugins import fields_by_class, provided_sources
    from falcoeks_fast.cli.field_listing import field_listing

    source = options.one("list")
    if source not in ("", "syscall", *provided_sources(config)):
        raise OptionError("Value for --list must be a valid source type")
    listing = {} if source == "syscall" else fields_by_class(config)
    chosen = "markdown" if options.on("markdown") else options.one("format").lower() or "text"
    text = field_listing(listing, chosen, names_only=options.on("N"), with_types=options.on("v"))
    if text:
        print(text)
    return 0
