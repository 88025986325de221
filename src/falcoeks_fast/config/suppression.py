"""The setting `falcoeks.suppress`: which repeats of alerts are held back.

In: the merged tree. Out: values of `model`. Called by `own`. Checked strictly.
"""

from __future__ import annotations

from .duration import parse_duration_ms
from .errors import ConfigError
from .model import SuppressEntry
from .tree import Mapping
from .values import get_nodes, get_text, get_texts


def read_suppress(tree: Mapping) -> tuple[SuppressEntry, ...]:
    """Raises ConfigError."""
    entries: list[SuppressEntry] = []
    for node in get_nodes(tree, "falcoeks.suppress"):
        if not isinstance(node, Mapping) or not get_text(node, "rule"):
            raise ConfigError(f"{node.place}: an entry of 'falcoeks.suppress' needs 'rule': a rule's name, or '*'")
        window = get_text(node, "window", "10m")
        window_ms = parse_duration_ms(window)
        if window_ms <= 0:
            raise ConfigError(
                f"{node.place}: 'window' in 'falcoeks.suppress' must be a time such as 10m, not '{window}'"
            )
        keep = get_text(node, "keep", "first")
        if keep != "first":
            raise ConfigError(f"{node.place}: 'keep' in 'falcoeks.suppress' must be first, not '{keep}'")
        entries.append(SuppressEntry(get_text(node, "rule"), tuple(get_texts(node, "by")), window_ms / 1000))
        if len({entry.rule for entry in entries}) < len(entries):
            raise ConfigError(f"{node.place}: 'falcoeks.suppress' has two entries for rule '{entries[-1].rule}'")
    return tuple(entries)
