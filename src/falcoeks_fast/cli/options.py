"""The options of `run` and of the entry point `falco`, in Falco's own syntax (spec: cli 3.1).

In: the arguments. Out: `Options`. Called by the `run` command. Forms: `-x value`, `-xvalue` where the value
has letters and digits only, `-xy` for switches, `--name value`, `--name=value`, `--name`, `--name=false`. Values are
never split at commas. Arguments are taken one by one: the first that is wrong is the one that is reported.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum


class OptionError(Exception):
    """The command line cannot be understood; the message is Falco's where Falco has one."""


class Takes(Enum):
    NOTHING = "nothing"
    VALUE = "value"
    OPTIONAL = "optional"  # a value only behind `=`
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Option:
    """`repeat`: every value counts; else the last one does."""

    short: str
    name: str
    takes: Takes
    value: str
    help: str
    repeat: bool = False

    @property
    def key(self) -> str:
        return self.name or self.short


def _switch(short: str, name: str, text: str) -> Option:
    return Option(short, name, Takes.NOTHING, "", text)


def _value(short: str, name: str, value: str, text: str, *, repeat: bool = False) -> Option:
    return Option(short, name, Takes.VALUE, value, text, repeat)


FALCO_OPTIONS = (
    _switch("h", "help", "Print this list and exit."),
    _value("c", "", "PATH", "Configuration file; without it /etc/falco/falco.yaml."),
    _switch("", "config-schema", "Print the configuration's JSON schema and exit."),
    _switch("", "rule-schema", "Print the JSON schema of rules files and exit."),
    _value("", "disable-source", "SOURCE", "Switch off an event source.", repeat=True),
    _switch("", "dry-run", "Do everything but read events, then exit."),
    _value("", "enable-source", "SOURCE", "Use only the sources named so.", repeat=True),
    _value("", "format", "FORMAT", "Format of --list: text, markdown or json."),
    _switch("i", "", "Has no meaning without system calls."),
    _switch("L", "", "Describe all rules and exit."),
    _value("l", "", "RULE", "Describe one rule and exit."),
    Option("", "list", Takes.OPTIONAL, "SOURCE", "List the fields that rules can use and exit."),
    _switch("", "list-events", "Has no meaning without system calls."),
    _switch("", "list-plugins", "List the loaded plugins and exit."),
    Option("M", "", Takes.NUMBER, "SECONDS", "Stop after this time."),
    _switch("", "markdown", "With --list: as --format markdown (deprecated)."),
    _switch("N", "", "With --list: names only."),
    _value("o", "option", "KEY=VALUE", "Change a setting: a.b[0].c=value, a[]=value appends.", repeat=True),
    _switch("", "page-size", "Print the memory page size and exit."),
    _value("", "plugin-info", "PLUGIN", "Describe a plugin and exit."),
    _value("p", "print", "TEXT", "Add this text to the output of all rules (deprecated)."),
    _value("P", "pidfile", "PATH", "Write the process id to this file."),
    _value("r", "", "PATH", "Rules file or directory, instead of those of the configuration.", repeat=True),
    _switch("", "support", "Print what a bug report needs and exit."),
    _switch("U", "unbuffered", "Accepted; alerts are always written at once."),
    _value("V", "validate", "PATH", "Check a rules file and exit.", repeat=True),
    _switch("v", "", "Verbose."),
    _switch("", "version", "Print versions and exit."),
)

OWN_OPTIONS = (
    _value("", "cluster", "NAME", "Read this EKS cluster's audit log; needs no configuration file.", repeat=True),
    _value("", "region", "REGION", "AWS region of --cluster."),
    _value("", "profile", "PROFILE", "AWS profile of --cluster."),
    _value("", "endpoint-url", "URL", "CloudWatch Logs endpoint of --cluster."),
    _value("", "events", "PATH", "Read events from a file or directory of JSON lines."),
    _value("", "since", "TIME", "With a cluster: read from this time on and end: 90m ago, or 2026-01-31T12:00Z."),
    _value("", "until", "TIME", "With --since: up to this time; without it, up to now."),
    _value("", "compiled", "BUNDLE", "Use rules compiled by `falcoeks-fast compile`: PATH or PATH@sha256:HEX."),
)

OPTIONS = FALCO_OPTIONS + OWN_OPTIONS

_REMOVED = {
    "D": "use -o 'rules[].disable.rule=*TEXT*'",
    "T": "use -o 'rules[].disable.tag=TAG'",
    "t": "use -o 'rules[].disable.rule=*' -o 'rules[].enable.tag=TAG'",
    "A": "use base_syscalls.all; it has no effect on audit events",
    "b": "use buffer_format_base64; it has no effect on audit events",
    "e": "use engine.kind=replay in Falco; here use --events FILE with JSON lines",
    "S": "it only applied to system calls",
    "snaplen": "it only applied to system calls",
    "k": "Kubernetes metadata comes from a plugin since Falco 0.37",
    "K": "Kubernetes metadata comes from a plugin since Falco 0.37",
    "m": "Mesos support was removed",
    "mesos-api": "Mesos support was removed",
    "k8s-api": "Kubernetes metadata comes from a plugin since Falco 0.37",
    "k8s-api-cert": "Kubernetes metadata comes from a plugin since Falco 0.37",
    "k8s-node": "Kubernetes metadata comes from a plugin since Falco 0.37",
    "cri": "it only applied to containers on this host",
    "disable-cri-async": "it only applied to containers on this host",
    "d": "the daemon mode was removed; use a service manager",
    "daemon": "the daemon mode was removed; use a service manager",
    "s": "use the metrics settings: metrics.enabled, metrics.interval, metrics.output_file",
    "stats-interval": "use the metrics settings: metrics.enabled, metrics.interval",
    "nodriver": "use -o engine.kind=nodriver",
    "modern-bpf": "use -o engine.kind=modern_ebpf; it has no effect on audit events",
    "userspace": "it only applied to system calls",
    "g": "gVisor support was removed from Falco 0.44",
    "gvisor-config": "gVisor support was removed from Falco 0.44",
    "gvisor-root": "gVisor support was removed from Falco 0.44",
    "gvisor-generate-config": "gVisor support was removed from Falco 0.44",
    "alternate-lua-dir": "rules are no longer handled by Lua",
}


FORMATS = ("text", "markdown", "json")
"""Of `--list`."""

_LONG = re.compile(r"--[A-Za-z0-9][A-Za-z0-9_-]+(?:=.*)?", re.DOTALL)
_SHORT = re.compile(r"-[A-Za-z0-9]+")
_NUMBER = re.compile(r"-?(?:0x[0-9A-Fa-f]+|[0-9]+)")
_TRUE_WORDS = ("1", "t", "T", "true", "True")
_FALSE_WORDS = ("0", "f", "F", "false", "False")


@dataclass(slots=True)
class Options:
    """What was given. `values` by `Option.key`; a switch has the value `""`."""

    values: dict[str, list[str]] = field(default_factory=dict)
    positional: list[str] = field(default_factory=list)
    arguments: tuple[str, ...] = ()

    def on(self, key: str) -> bool:
        return key in self.values

    def one(self, key: str, default: str = "") -> str:
        return self.values[key][-1] if key in self.values else default

    def all(self, key: str) -> list[str]:
        return self.values.get(key, [])


def parse_options(arguments: Sequence[str], known: Sequence[Option] = OPTIONS) -> Options:
    """Raises OptionError."""
    options = Options(arguments=tuple(arguments))
    by_short = {option.short: option for option in known if option.short}
    by_name = {option.name: option for option in known if option.name}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            options.positional += rest
            break
        if _LONG.fullmatch(argument):
            name, equals, value = argument[2:].partition("=")
            option = by_name.get(name)
            if option is None:
                raise OptionError(_unknown(name, by_name))
            _take(options, option, name, value if equals else None, rest)
        elif _SHORT.fullmatch(argument):
            _take_short(options, argument[1:], by_short, by_name, rest)
        elif argument.startswith("-") and len(argument) > 1:
            raise OptionError(
                f"Argument ‘{argument}’ starts with a - but has incorrect syntax{_remedy(argument, by_short)}"
            )
        else:
            options.positional.append(argument)
    return options


def _take_short(
    options: Options, letters: str, by_short: dict[str, Option], by_name: dict[str, Option], rest: list[str]
) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        option = by_short.get(letter)
        if option is None:
            raise OptionError(_unknown(letter, by_name))
        if option.takes is Takes.NOTHING:
            _take(options, option, letter, None, rest)
        else:
            _take(options, option, letter, letters or None, rest)
            return


def _take(options: Options, option: Option, name: str, value: str | None, rest: list[str]) -> None:
    """`name`: as it was written, which the message repeats."""
    if option.takes is Takes.NOTHING:
        if value in _FALSE_WORDS:
            options.values.pop(option.key, None)
            return
        if value is not None and value not in _TRUE_WORDS:
            raise OptionError(f"Argument ‘{value}’ failed to parse; --{name} is a switch")
        value = ""
    elif value is None and option.takes is not Takes.OPTIONAL:
        if not rest:
            raise OptionError(f"Option ‘{name}’ is missing an argument")
        value = rest.pop(0)
    if option.takes is Takes.NUMBER:
        whole_number(value or "", name)
    values = options.values.setdefault(option.key, [])
    if not option.repeat:
        values.clear()
    values.append(value or "")


def whole_number(text: str, name: str) -> int:
    """Raises OptionError."""
    number = int(text, 16 if "x" in text else 10) if _NUMBER.fullmatch(text) else None
    if number is None or not -(2**31) <= number < 2**31:
        raise OptionError(f"Argument ‘{text}’ failed to parse; -{name} needs a whole number")
    return number


def _remedy(argument: str, by_short: dict[str, Option]) -> str:
    option = by_short.get(argument[1])
    return f"; leave a blank behind -{option.short}" if option and option.takes is not Takes.NOTHING else ""


def _unknown(name: str, by_name: dict[str, Option]) -> str:
    text = f"Option ‘{name}’ does not exist"
    if name in _REMOVED:
        return f"{text}: {_REMOVED[name]}"
    close = difflib.get_close_matches(name, by_name, 1, 0.75) if len(name) > 2 else []
    return f"{text}; did you mean --{close[0]}?" if close else text


def usage(program: str) -> str:
    """The help text, Falco's options first."""
    lines = [
        "Watches the audit logs of Amazon EKS clusters: evaluates Falco rules on every event and delivers the alerts.",
        "",
        "Usage:",
        f"  {program} [OPTION...]",
        "",
        *_table(FALCO_OPTIONS),
        "",
        "Beyond Falco:",
        "",
        *_table(OWN_OPTIONS),
        "",
    ]
    return "\n".join(lines)


def _table(options: Sequence[Option]) -> list[str]:
    lines = []
    for option in options:
        short = f"-{option.short}" if option.short else ""
        long = f"--{option.name}" if option.name else ""
        both = f"{short}, {long}" if short and long else short or f"    {long}"
        if option.takes in (Takes.VALUE, Takes.NUMBER):
            both += f" {option.value}"
        elif option.takes is Takes.OPTIONAL:
            both += f"[={option.value}]"
        if len(both) > 30:
            lines += [f"  {both}", " " * 34 + option.help]
        else:
            lines.append(f"  {both:<32}{option.help}")
    return lines
