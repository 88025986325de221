"""`--list`: the fields that rules can use, as text, Markdown or JSON (spec: cli 3.7).

In: the field table. Out: text. Called by `run --list` and by the `list` command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from falcoeks_fast.rules.fields.table import Argument, Field
from falcoeks_fast.rules.plan import ValueType

from .text_tables import wrapped

_TYPE_NAMES = {
    ValueType.STRING: "CHARBUF",
    ValueType.UINT64: "UINT64",
    ValueType.ABSTIME: "ABSTIME",
    ValueType.RELTIME: "RELTIME",
    ValueType.BOOL: "BOOL",
}
_SOURCE = "k8s_audit"

Listing = Mapping[str, list[Field]]
"""Fields by the name of their class."""


def field_listing(listing: Listing, output_format: str, *, names_only: bool, with_types: bool) -> str:
    """Without a final line end."""
    if output_format == "json":
        return _as_json(listing, names_only=names_only)
    if names_only:
        return "\n".join(field.name for fields in listing.values() for field in fields)
    if output_format == "markdown":
        return "\n".join(_markdown_class(group, fields) for group, fields in listing.items())
    return "\n".join(_text_class(group, fields, with_types=with_types) for group, fields in listing.items())


def _text_class(group: str, fields: list[Field], *, with_types: bool) -> str:
    lines = [
        "-------------------------------",
        f"Field Class:                  {group}",
        f"Event Sources:                {_SOURCE} ",
        "",
    ]
    for field in fields:
        tags = _tags(field)
        text = f"({','.join(tags)}) {field.doc}" if tags else field.doc
        if with_types:
            text = f"(Type: {_TYPE_NAMES[field.type]}) {text}"
        lines.append(wrapped(field.name, text, 30, 120))
    return "\n".join(lines) + "\n"


def _tags(field: Field) -> list[str]:
    tags = []
    if field.argument is Argument.INDEX:
        tags += ["ARG_ALLOWED", "ARG_INDEX"]
    elif field.argument is Argument.KEY:
        tags += ["ARG_REQUIRED", "ARG_KEY"]
    if field.is_list:
        tags.append("EPF_IS_LIST")
    if field.deprecated:
        tags.append("EPF_DEPRECATED")
    return sorted(tags)


def _markdown_class(group: str, fields: list[Field]) -> str:
    lines = [
        f"## Field Class: {group}",
        "",
        f"Event Sources: {_SOURCE}",
        "",
        "Name | Type | Description",
        ":----|:-----|:-----------",
    ]
    for field in fields:
        kind = _TYPE_NAMES[field.type]
        shown = f"LIST({kind})" if field.is_list else kind
        lines.append(f"`{field.name}` | {shown} | {field.doc}")
    return "\n".join(lines) + "\n"


def _as_json(listing: Listing, *, names_only: bool) -> str:
    document: dict[str, object]
    if names_only:
        document = {"fieldnames": [field.name for fields in listing.values() for field in fields]}
    else:
        document = {"fieldclasses": [_json_class(group, fields) for group, fields in listing.items()]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _json_class(group: str, fields: list[Field]) -> dict[str, object]:
    return {"name": group, "desc": "", "event_sources": [_SOURCE], "fields": [_json_field(f) for f in fields]}


def _json_field(field: Field) -> dict[str, object]:
    argument: dict[str, object] | None = None
    if field.argument is not Argument.NONE:
        argument = {"required": field.argument is Argument.KEY, "type": [field.argument.name]}
    return {
        "name": field.name,
        "type": _TYPE_NAMES[field.type],
        "desc": field.doc,
        "is_list": field.is_list,
        "argument": argument,
    }
