"""Which rules files are read (spec: rules-files 1.1).

In: the configured entries, or those of `-r`. Out: file names in load order, then their contents. Called at start, at
each reload, and by the commands that work on rules.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from falcoeks_fast.config import Config, ConfigError
from falcoeks_fast.rules import RuleFile

_ENDINGS = (".yaml", ".yml")
_SIZE_LIMIT_BYTES = 64 << 20


def default_pack() -> list[str]:
    """Our own rules: what is used where nobody names any."""
    return [str(files("falcoeks_fast.rules").joinpath("packs", "eks.yaml"))]


def chosen_entries(config: Config, given: Sequence[str]) -> list[str] | None:
    """The entries of `-r`, else of the configuration; None where nobody names any.

    Raises ConfigError for an empty list, and one of which nothing exists.
    """
    if given:
        return list(given)
    if config.rules_files is None:
        return None
    entries = [entry for entry in config.rules_files if os.path.exists(entry)]
    if not entries:
        why = f"nothing is at {', '.join(config.rules_files)}" if config.rules_files else "the list is empty"
        raise ConfigError(
            "You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml: "
            f"{why}; remove 'rules_files' to use the rules that come with this program"
        )
    return entries


def expand_entries(entries: Sequence[str]) -> list[str]:
    """Files as they are, directories as their rules files in bytewise order; other endings are left out."""
    names: list[str] = []
    for entry in entries:
        if os.path.isdir(entry):
            paths = [os.path.join(entry, name) for name in os.listdir(entry)]
            names += sorted((path for path in paths if os.path.isfile(path)), key=os.fsencode)
        else:
            names.append(entry)
    return [name for name in names if name.endswith(_ENDINGS)]


def rule_file_names(config: Config, given: Sequence[str]) -> list[str]:
    """What to load. Raises ConfigError."""
    entries = chosen_entries(config, given)
    return default_pack() if entries is None else expand_entries(entries)


def read_rule_files(names: Sequence[str]) -> list[RuleFile]:
    """Raises ConfigError for a file that cannot be read."""
    result = []
    for name in names:
        try:
            if os.path.getsize(name) > _SIZE_LIMIT_BYTES:
                raise ConfigError(f"{name} is larger than {_SIZE_LIMIT_BYTES >> 20} MiB, too large for a rules file")
            result.append(RuleFile(name, Path(name).read_bytes()))
        except OSError as error:
            raise ConfigError(f"Could not open file {name} for reading: {error.strerror}") from error
    return result
