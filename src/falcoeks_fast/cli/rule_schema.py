"""`--rule-schema`: the JSON schema of rules files.

In: nothing. Out: the schema. Called by `run`. It says the same as the check in `rules.schema`; a test compares the two.
"""

from __future__ import annotations

_TEXT: dict[str, object] = {"type": "string"}
_FLAG: dict[str, object] = {"type": "boolean"}
_OVERRIDABLE = (
    "items",
    "condition",
    "output",
    "desc",
    "priority",
    "tags",
    "exceptions",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
)
_PRIORITIES = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG")


def rule_schema() -> dict[str, object]:
    """One flat type with the keys of every kind of item, as Falco has it (draft-04 vocabulary)."""
    version = {"name": _TEXT, "version": _TEXT}
    plugin = _object(version | {"alternatives": _list(_object(version, "name", "version"))}, "name", "version")
    exception = _object({"name": _TEXT, "fields": {}, "comps": {}, "values": {}}, "name")
    item = _object(
        {
            "required_engine_version": _TEXT,
            "required_plugin_versions": _list(plugin),
            "macro": _TEXT,
            "condition": _TEXT,
            "list": _TEXT,
            "items": _list({"type": ["string", "integer"]}),
            "rule": _TEXT,
            "desc": _TEXT,
            "enabled": _FLAG,
            "output": _TEXT,
            "append": _FLAG,
            "priority": {"type": "string", "enum": list(_PRIORITIES)},
            "source": _TEXT,
            "exceptions": _list(exception),
            "override": _object({key: {"enum": ["append", "replace"]} for key in _OVERRIDABLE}) | {"minProperties": 1},
            "tags": _list(_TEXT),
            "capture": _FLAG,
            "capture_duration": {"type": "integer"},
            "warn_evttypes": _FLAG,
            "skip-if-unknown-filter": _FLAG,
        }
    )
    return {"$schema": "http://json-schema.org/draft-04/schema#", "title": "rules files"} | _list(item)


def _object(properties: dict[str, dict[str, object]], *required: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object", "additionalProperties": False, "properties": properties}
    return schema | {"required": list(required)} if required else schema


def _list(items: dict[str, object]) -> dict[str, object]:
    return {"type": "array", "items": items}
