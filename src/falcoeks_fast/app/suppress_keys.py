"""By what repeats of an alert are told: the values of the fields in `by`, taken from the alert itself.

In: the configuration; finished alerts. Out: what loading must add to outputs; from an alert its values, and its text
without what was added. Called by `rule_loading` and `suppress`.

JSON alerts with `output_fields` get the fields there, and keep them. In all others the values stand at the end of the
text between marks that nobody can guess, and are cut out again before anybody sees them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from falcoeks_fast.config import Config, ConfigError
from falcoeks_fast.config.model import SuppressEntry
from falcoeks_fast.rules import AppendOutput
from falcoeks_fast.rules.language.errors import ConditionError

from .plugins import known_fields

ANY_RULE = "*"
_MARK = secrets.token_hex(12)
_BETWEEN = secrets.token_hex(12)
_HIDDEN = re.compile(rb" ?" + _MARK.encode() + rb"(.*?)" + _MARK.encode(), re.DOTALL)

Values = tuple[str, ...]


def added_outputs(config: Config) -> tuple[AppendOutput, ...]:
    """What the outputs of rules need. Raises ConfigError for an unknown field, or where alerts hold no values."""
    entries = config.own.suppress
    if not entries:
        return ()
    fields = known_fields(config)
    for name in (name for entry in entries for name in entry.by):
        try:
            fields.lookup(name)
        except ConditionError as error:
            near = fields.suggestion(name.partition("[")[0])
            hint = f"; did you mean '{near}'?" if near else ""
            raise ConfigError(f"falcoeks.suppress: there is no field '{name}'{hint}") from error
    style = key_style(config)
    return tuple(_added(entry, style) for entry in entries if entry.by)


@dataclass(frozen=True, slots=True)
class KeyStyle:
    """`in_fields`: values are in the JSON alert's output_fields; else they are hidden in its text."""

    in_fields: bool

    def split(self, body: bytes, by: Sequence[str]) -> tuple[bytes, Values]:
        """The alert as it may be shown, and its values in the order of `by`."""
        if not by:
            return body, ()
        if self.in_fields:
            fields = json.loads(body).get("output_fields", {})
            return body, tuple(_text(fields.get(name)) for name in by)
        found = _HIDDEN.search(body)
        values = found.group(1).decode("utf-8", "replace").split(_BETWEEN) if found else []
        return _HIDDEN.sub(b"", body), tuple(values)


def key_style(config: Config) -> KeyStyle:
    """Raises ConfigError if alerts hold neither texts nor fields."""
    alerts = config.alerts
    if not alerts.json_output:
        return KeyStyle(in_fields=False)
    if alerts.include_output_fields:
        return KeyStyle(in_fields=True)
    if config.own.suppress and not (alerts.include_output or alerts.include_message):
        raise ConfigError(
            "falcoeks.suppress needs to see the alerts' fields: set json_include_output_fields_property or "
            "json_include_output_property to true"
        )
    return KeyStyle(in_fields=False)


def _added(entry: SuppressEntry, style: KeyStyle) -> AppendOutput:
    rule = "" if entry.rule == ANY_RULE else entry.rule
    if style.in_fields:
        return AppendOutput(extra_fields=tuple((name, None) for name in entry.by), rule=rule)
    hidden = _BETWEEN.join(f"%{name}" for name in entry.by)
    return AppendOutput(extra_output=f"{_MARK}{hidden}{_MARK}", rule=rule)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
