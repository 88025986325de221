"""What the subcommands have in common: their parser, and rules from the same options as `run`.

In: arguments. Out: parsed values, configuration, loaded rules. Called by the modules of `cli/commands`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from falcoeks_fast.app.rule_files import expand_entries, read_rule_files, rule_file_names
from falcoeks_fast.app.rule_loading import load
from falcoeks_fast.app.start import StartOptions, usable_config
from falcoeks_fast.config import Config
from falcoeks_fast.config.model import LogSettings
from falcoeks_fast.log import set_up_log
from falcoeks_fast.rules import LoadResult

from .options import OptionError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise OptionError(f"{message}; {self.prog} --help says more")


def command_parser(name: str, summary: str) -> argparse.ArgumentParser:
    """A parser whose mistakes become `OptionError`."""
    return _Parser(prog=f"falcoeks-fast {name}", description=summary, allow_abbrev=False)


def add_rules_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", metavar="PATH", default="", dest="config", help="configuration file (falco.yaml)")
    parser.add_argument(
        "-r", metavar="PATH", action="append", default=[], dest="rules", help="rules file or directory; repeatable"
    )
    parser.add_argument(
        "-o", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help="change a setting; repeatable"
    )


def configured(arguments: argparse.Namespace, rules: Sequence[str] = ()) -> Config:
    """The configuration of `-c` and `-o`; log lines go to standard error, from warnings up. Raises ConfigError."""
    set_up_log(LogSettings(level="warning"))
    return usable_config(
        StartOptions(arguments.config, tuple(arguments.overrides), tuple(rules or getattr(arguments, "rules", ())))
    )


def loaded_rules(config: Config, given: Sequence[str], *, plain: bool = False, keep_going: bool = False) -> LoadResult:
    """Load the rules of `given`, else of the configuration, else our own pack. Raises ConfigError.

    `plain`: without the configuration's selections and threshold, to look at all rules.
    """
    names = expand_entries(given) if given else rule_file_names(config, ())
    if plain:
        config = replace(config, selections=(), priority=7)
    return load(config, read_rule_files(names), keep_going=keep_going)
