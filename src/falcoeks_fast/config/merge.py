"""Main file and `config_files`: which files are read, and how they become one tree (spec: config 2.1-2.3).

In: the path of the main file, the `-o` options. Out: `Merged`. Called by `load`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping as Environment
from collections.abc import Sequence as Options
from dataclasses import dataclass, field, replace
from pathlib import Path

from .environment import expand_tree
from .errors import ConfigError, ConfigFileError
from .model import ConfigFile
from .overrides import APPEND, Override, apply_override
from .schema import SchemaCheck, check_schema
from .tree import Mapping, Node, Place, Scalar, Sequence, parse_yaml
from .values import bad_conversion, find, list_of

_SIZE_LIMIT_BYTES = 16 << 20


@dataclass(slots=True)
class Merged:
    """`watched` are the files and directories that the user named; `files` are in the order in which they were read."""

    tree: Mapping
    files: list[ConfigFile] = field(default_factory=list)
    checks: list[SchemaCheck] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)


def read_merged(path: str | None, overrides: Options[Override], environment: Environment[str, str]) -> Merged:
    """Read and merge; `path` None means no file at all. Raises ConfigError."""
    if path is None:
        merged = Merged(Mapping({}, Place("the command line")))
    else:
        tree, check, digest = _read_file(path, environment)
        merged = Merged(tree, [ConfigFile(path, check.verdict, True, digest)], [check], [path])
    for override in overrides:
        if override.key.startswith("config_files"):
            apply_override(merged.tree, override)
    for name, strategy, place in _entries(merged.tree):
        if not name:
            continue
        merged.watched.append(name)
        for file, named in _expand(name):
            if path is not None and _same_file(file, path):
                raise ConfigError(
                    f"Config error: 'config_files' directive tried to recursively include main config file: {file}. "
                    f"({place})"
                )
            tree, check, digest = _read_file(file, environment)
            if "config_files" in tree.entries:
                raise ConfigError(
                    f"Config error: 'config_files' directive in included config file {file}. It can only stand in the "
                    f"main configuration file ({tree.place_of('config_files')})"
                )
            merge_into(merged.tree, tree, strategy)
            merged.files.append(ConfigFile(file, check.verdict, named, digest))
            merged.checks.append(check)
    warnings: list[str] = []
    for override in overrides:
        apply_override(merged.tree, override, warnings)
    merged.checks += [_check_override(override) for override in overrides]
    merged.checks.append(SchemaCheck(warnings=warnings))
    return merged


def merge_into(target: Mapping, included: Mapping, strategy: str) -> None:
    """Merge top-level keys: `append` joins sequences and replaces the rest, `override` replaces, `add-only` adds."""
    for key, value in included.entries.items():
        present = target.entries.get(key)
        if strategy == "add-only" and present is not None:
            continue
        if strategy == "append" and isinstance(value, Sequence) and isinstance(present, Sequence):
            present.items.extend(value.items)
            continue
        target.entries[key] = value
        target.key_places[key] = included.place_of(key)


def _read_file(path: str, environment: Environment[str, str]) -> tuple[Mapping, SchemaCheck, str]:
    try:
        if os.path.getsize(path) > _SIZE_LIMIT_BYTES:
            raise ConfigFileError(f"Cannot read config file ({path}): larger than {_SIZE_LIMIT_BYTES >> 20} MiB")
        content = Path(path).read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigFileError(f"Cannot read config file ({path}): {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"Cannot read config file ({path}): byte {error.start} is not UTF-8") from error
    warnings: list[str] = []
    tree = parse_yaml(text, path, warnings)
    expand_tree(tree, environment)
    check = check_schema(tree)
    check.warnings[:0] = warnings
    return tree, check, hashlib.sha256(content).hexdigest()


def _entries(tree: Mapping) -> list[tuple[str, str, Place]]:
    entries = []
    for item in list_of(find(tree, "config_files")):
        path: Node | None = item.entries.get("path") if isinstance(item, Mapping) else item
        if not isinstance(path, Scalar):
            raise bad_conversion(item, "an entry of 'config_files' must be a path, or a mapping with 'path'")
        strategy = item.entries.get("strategy") if isinstance(item, Mapping) else None
        word = strategy.text if isinstance(strategy, Scalar) else "append"
        entries.append((path.text, word if word in ("override", "add-only") else "append", item.place))
    return entries


def _expand(name: str) -> list[tuple[str, bool]]:
    """The files behind an entry, and whether the user named them; what does not exist is no file."""
    if os.path.isdir(name):
        paths = [os.path.join(name, entry) for entry in os.listdir(name)]
        return [(path, False) for path in sorted(paths, key=os.fsencode) if os.path.isfile(path)]
    return [(name, True)] if os.path.isfile(name) else []


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _check_override(override: Override) -> SchemaCheck:
    """The option as a file of its own, so that a misspelt one is named. Indices do not matter for that."""
    tree = Mapping({}, Place("the command line"))
    path = tuple(APPEND if isinstance(step, int) else step for step in override.path)
    apply_override(tree, replace(override, path=path))
    return check_schema(tree)
