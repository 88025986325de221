"""The subcommands: one module each in `cli/commands`.

In: a name. Out: `Command`. Called by `cli.main`. A module there named `diff_alerts` is the command `diff-alerts`; it
defines `SUMMARY`, one line for the overview, and `run(arguments)`, which returns the exit code. Nothing else is needed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import commands


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    summary: str
    run: Callable[[Sequence[str]], int]


def names() -> list[str]:
    """All commands, without importing them."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))


def load(name: str) -> Command:
    """Import one command. `name` is one of `names()`."""
    module = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
    return Command(name, module.SUMMARY, module.run)
