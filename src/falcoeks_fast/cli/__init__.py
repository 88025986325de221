"""The command line: `falcoeks-fast COMMAND ...`, and `falco ...`, which is `falcoeks-fast run ...`.

In: the process arguments. Out: the exit code. Called by the two entry points.
"""

from __future__ import annotations

import difflib
import os
import sys

from . import registry

_PROGRAM = "falcoeks-fast"


def main() -> int:
    """The entry point `falcoeks-fast`."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if arguments else 1
    name, rest = arguments[0], arguments[1:]
    if name.startswith("-"):  # Falco's options without a command
        name, rest = "run", arguments
    if name not in registry.names():
        close = difflib.get_close_matches(name, registry.names(), 1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; {_PROGRAM} --help lists them"
        print(f"Error: there is no command '{name}'{hint}", file=sys.stderr)
        return 1
    return _guarded(name, rest)


def falco() -> int:
    """The entry point `falco`."""
    return _guarded("run", sys.argv[1:])


def _guarded(name: str, arguments: list[str]) -> int:
    """Run a command; a reader of our output that has gone is no error worth a trace."""
    try:
        code = registry.load(name).run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _overview() -> str:
    lines = [
        "Watches the audit logs of Amazon EKS clusters with Falco rules, compiled.",
        "",
        f"Usage: {_PROGRAM} COMMAND [OPTION...]",
        "",
        "Commands:",
    ]
    lines += [f"  {name:<14}{registry.load(name).summary}" for name in registry.names()]
    lines += [
        "",
        f"`{_PROGRAM} COMMAND --help` says more. `{_PROGRAM} run` takes Falco's options; so does the program `falco`.",
        f"A first look: {_PROGRAM} run --cluster NAME --region REGION",
    ]
    return "\n".join(lines)
