"""Descriptions of rules, macros and lists: what `-L` and `-l` print.

In: the compiled set of a load. Out: Falco's JSON documents, or its table. The application prints them (spec: cli 3.7).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.files.collector import Collector, version_text
from falcoeks_fast.rules.files.compiler import Compiled, CompiledMacro, CompiledRule
from falcoeks_fast.rules.files.items import PRIORITIES, ExceptionItem, ListItem
from falcoeks_fast.rules.files.yaml_source import Scalar
from falcoeks_fast.rules.language.ast import Expr, field_text
from falcoeks_fast.rules.language.condition_text import one_line
from falcoeks_fast.rules.language.tree import checks, fields
from falcoeks_fast.rules.lowering.template import parse_template

EVENTS = ("pluginevent", "asyncevent")
NAME_WIDTH = 50
DESCRIPTION_WIDTH = 59


def describe(
    compiled: Compiled | None,
    collector: Collector,
    table: Fields,
    plugins: Iterable[str],
    rule: str | None = None,
) -> dict[str, Any]:
    """The JSON of `-L`, or with a rule's name that of `-l`. Raises KeyError if that rule is not loaded.

    `compiled` is None where no file loaded; `plugins` are the names of those loaded.
    """
    loaded = list(plugins)
    rules = compiled.rules if compiled else {}
    if rule is not None:
        if compiled is None:
            raise KeyError(rule)
        return {"rules": [_rule(rules[rule], compiled, table, loaded)]}
    return {
        "required_engine_version": version_text(collector.engine_version),
        "required_plugin_versions": _requirements(collector),
        "rules": [_rule(known, compiled, table, loaded) for known in rules.values()] if compiled else [],
        "macros": [_macro(macro, compiled) for macro in compiled.macros.values()] if compiled else [],
        "lists": [_list(item, compiled, collector) for item in collector.lists.values()] if compiled else [],
    }


def _requirements(collector: Collector) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    for requirement in collector.plugin_requirements:
        pairs = [{"name": name, "version": version} for name, version in requirement.alternatives]
        result.append({**pairs[0], "alternatives": pairs[1:]})
    return result


def _rule(rule: CompiledRule, compiled: Compiled, table: Fields, plugins: list[str]) -> dict[str, Any]:
    item = rule.item
    expr = compiled.condition(rule)
    output = parse_template(rule.output.encode(), table)
    output_fields = _distinct(_text(field_text(ref.name, ref.argument)) for ref in output.fields())
    condition_fields = _fields(expr)
    details: dict[str, Any] = {
        **_common(expr, condition_fields),
        "macros": list(rule.parsed.macros),
        "lists": compiled.lists.named_in(item.condition.text),
        "condition_compiled": one_line(expr),
        "output_compiled": rule.output,
        "output_fields": output_fields,
        "exception_names": _distinct(exception.name for exception in item.exceptions),
        "exception_fields": _distinct(name for ex in item.exceptions for name in _words(ex, "fields")),
        "exception_operators": _distinct(name for ex in item.exceptions for name in _words(ex, "comps")),
        "plugins": _plugins([*condition_fields, *output_fields], plugins),
    }
    if rule.extra_fields:
        details["extra_output_formatted_fields"] = {
            _text(extra.key): _text(extra.template) for extra in rule.extra_fields if extra.template is not None
        }
    info = {
        "name": item.name,
        "condition": item.condition.text,
        "priority": PRIORITIES[item.priority],
        "output": item.output.text,
        "description": item.desc,
        "enabled": item.enabled,
        "source": item.source,
        "tags": sorted(item.tags),
        "capture": item.capture,
        "capture_duration": item.capture_duration_ms,
    }
    return {"info": info, "details": details}


def _macro(macro: CompiledMacro, compiled: Compiled) -> dict[str, Any]:
    expr = compiled.macro_condition(macro)
    details = {
        **_common(expr, _fields(expr)),
        "used": macro.item.name in compiled.used_macros,
        "macros": list(macro.parsed.macros),
        "lists": compiled.lists.named_in(macro.item.condition.text),
        "condition_compiled": one_line(expr),
        "plugins": [],
    }
    return {"info": {"name": macro.item.name, "condition": macro.item.condition.text}, "details": details}


def _list(item: ListItem, compiled: Compiled, collector: Collector) -> dict[str, Any]:
    words = [scalar.value for scalar in item.items]
    details = {
        "used": item.name in compiled.lists.used(),
        "lists": [word for word in words if word in collector.lists],
        "items_compiled": list(compiled.lists.lists[item.name].items),
        "plugins": [],
    }
    info = {"name": item.name, "items": [word for word in words if word not in collector.lists]}
    return {"info": info, "details": details}


def _common(expr: Expr, condition_fields: list[str]) -> dict[str, Any]:
    operators = _distinct(check.operator for check in checks(expr))
    return {"condition_fields": condition_fields, "condition_operators": operators, "events": list(EVENTS)}


def _fields(expr: Expr) -> list[str]:
    return _distinct(_text(field_text(ref.name, ref.argument)) for ref in fields(expr))


def _words(exception: ExceptionItem, key: str) -> list[str]:
    value = exception.fields if key == "fields" else exception.comps
    scalars = [value] if isinstance(value, Scalar) else value or []
    return [scalar.value.strip() for scalar in scalars]


def _plugins(read: Iterable[str], loaded: list[str]) -> list[str]:
    """The loaded plugins that a rule needs: the one of its source, and `json` where it reads `json.` or `jevt.`."""
    plugins = [name for name in loaded if name != "json"]
    if "json" in loaded and any(name.startswith(("json.", "jevt.")) for name in read):
        plugins.append("json")
    return plugins


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def describe_text(compiled: Compiled | None, rule: str | None = None) -> str:
    """The table of `-L` or `-l`, lines ended by LF. Raises KeyError if that rule is not loaded."""
    rules = compiled.rules if compiled else {}
    chosen = rules.values() if rule is None else [rules[rule]]
    text = f"{'Rule':<{NAME_WIDTH}} Description\n{'----':<{NAME_WIDTH}} -----------\n"
    for known in chosen:
        text += f"{known.name:<{NAME_WIDTH}} {_wrapped(known.item.desc)}\n\n"
    return text


def _wrapped(text: str) -> str:
    """Words followed by a blank, in lines of as many bytes as the column has; a word that is too long begins one."""
    wrapped, room = "", DESCRIPTION_WIDTH
    for word in text.encode("utf-8", "replace").split():
        size = len(word) + 1
        if size > room:
            wrapped += f"\n{'':<{NAME_WIDTH}} "
            room = DESCRIPTION_WIDTH
        wrapped += f"{word.decode()} "
        room -= size
    return wrapped
