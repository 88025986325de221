"""A `rule:` mapping -> the items it stands for.

In: the mapping, its name and context. Out: a definition, a switch, or one or two updates of a rule that exists; a
LoadError where it has the wrong shape. `reader` calls it (spec: rules-files, 1.7 and 1.8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from falcoeks_fast.rules.files import decode
from falcoeks_fast.rules.files.decode import shape_error, span_of
from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, LoadError
from falcoeks_fast.rules.files.exceptions import read_exceptions
from falcoeks_fast.rules.files.items import (
    APPENDABLE_KEYS,
    PRIORITIES,
    PRIORITY_NUMBERS,
    REPLACEABLE_KEYS,
    SYSCALL_SOURCE,
    Item,
    RuleItem,
    RuleSwitch,
    RuleUpdate,
)
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Mapping, Node, Scalar, Sequence
from falcoeks_fast.rules.suggest import closest

APPEND_DEPRECATED = (
    "'append' key is deprecated. Name what to add to under 'override', e.g. 'override: {condition: append}'."
)
ENABLED_DEPRECATED = (
    "'enabled' as the only key of a rule is deprecated. Add 'override: {enabled: replace}' to the item."
)
APPEND_AND_OVERRIDE = (
    "Keys 'override' and 'append: true' cannot be used together. Name what to append under 'override' instead."
)
DEFINING_KEYS = ("condition", "output", "desc", "priority")


def read_rule(node: Mapping, name: str, context: Context, warnings: list[Diagnostic]) -> Iterator[Item]:
    """The items in the order in which they are to be applied. Raises LoadError, perhaps after the first."""
    source = decode.text_or_nothing(node, "source", context)
    appends = read_append_flag(node, context, warnings)
    overrides = read_overrides(node, APPENDABLE_KEYS, REPLACEABLE_KEYS, context)
    if appends and overrides:
        raise shape_error(APPEND_AND_OVERRIDE, context, node.get("override"))
    if overrides:
        yield from _updates(node, name, source, overrides, context, warnings)
    elif appends:
        keys = {key for key in ("condition", "exceptions") if node.get(key) is not None}
        update = _update(node, name, keys, context, warnings, replaces=False)
        update.source = source
        yield update
    elif all(node.get(key) is None for key in DEFINING_KEYS):
        enabled = decode.required_flag(node, "enabled", context)
        warnings.append(Diagnostic(Code.DEPRECATED_ITEM, ENABLED_DEPRECATED, context, span_of(node)))
        yield RuleSwitch(name, enabled, context)
    else:
        yield _definition(node, name, context, warnings)


def read_append_flag(node: Mapping, context: Context, warnings: list[Diagnostic]) -> bool:
    """The deprecated `append` of an item."""
    appends = decode.flag(node, "append", context, False)
    place = node.get("append")
    if appends and place is not None:
        warnings.append(Diagnostic(Code.DEPRECATED_ITEM, APPEND_DEPRECATED, context, span_of(place)))
    return appends


def read_overrides(
    node: Mapping, appendable: Collection[str], replaceable: Collection[str], context: Context
) -> dict[str, str]:
    """The `override` of an item: key -> `append` or `replace`; empty where it has none. Raises LoadError."""
    value = node.get("override")
    result: dict[str, str] = {}
    if isinstance(value, Sequence):
        raise _wrong_override(value, context)
    if not isinstance(value, Mapping):
        return result
    outer = context.within("overrides", "", node.mark)
    for key_node, operation_node in value.pairs:
        if not isinstance(key_node, Scalar) or not isinstance(operation_node, Scalar):
            raise _wrong_override(operation_node, context)
        key, operation = key_node.value, operation_node.value
        place = outer.within("overrides", key, key_node.mark)
        if operation == "append" and key not in appendable:
            message = f"Key '{key}' cannot be appended to, use 'replace' instead"
            raise shape_error(message, place, key_node, closest(key, appendable))
        if operation == "replace" and key not in replaceable:
            raise shape_error(f"Key '{key}' cannot be replaced", place, key_node, closest(key, replaceable))
        if operation not in ("append", "replace"):
            allowed = ("append " if key in appendable else "") + ("replace " if key in replaceable else "")
            message = f"Invalid override operation for key '{key}': '{operation}'. Allowed values are: {allowed}"
            raise shape_error(message, outer.within("value for", key, operation_node.mark), operation_node)
        result.setdefault(key, operation)
    return result


def _wrong_override(node: Node, context: Context) -> LoadError:
    """Falco does not look before it converts, and says so of the file as a whole."""
    message = "'override' must be a mapping of keys to one of the words append, replace"
    return LoadError(Code.ERR_VALIDATE, message, context.whole, span_of(node))


def _definition(node: Mapping, name: str, context: Context, warnings: list[Diagnostic]) -> RuleItem:
    condition = decode.scalar(node, "condition", context)
    output = decode.scalar(node, "output", context)
    desc = decode.scalar(node, "desc", context)
    priority = _priority(node, context)
    source = decode.optional_scalar(node, "source", context)
    decode.flag(node, "warn_evttypes", context, True)
    return RuleItem(
        name=name,
        condition=Traced.of(condition),
        output=Traced.of(output).stripped(),
        desc=desc.value,
        priority=priority,
        context=context,
        condition_context=context.within("rule condition", "", condition.mark),
        output_context=context.within("rule output", "", output.mark),
        node=node,
        source=source.value if source else SYSCALL_SOURCE,
        enabled=decode.flag(node, "enabled", context, True),
        capture=decode.flag(node, "capture", context, False),
        capture_duration_ms=decode.uint32(node, "capture_duration", context, 0),
        skip_if_unknown_filter=decode.flag(node, "skip-if-unknown-filter", context, False),
        tags=_tags(node, context),
        exceptions=read_exceptions(node, context, warnings, appending=False),
    )


def _priority(node: Mapping, context: Context) -> int:
    value = decode.scalar(node, "priority", context)
    number = PRIORITY_NUMBERS.get(value.value.lower())
    if number is None:
        inner = context.within("rule priority", "", value.mark)
        hint = closest(value.value.lower(), PRIORITY_NUMBERS) or "one of " + ", ".join(PRIORITIES)
        raise shape_error("Invalid priority", inner, value, hint)
    return number


def _tags(node: Mapping, context: Context) -> frozenset[str]:
    return frozenset(tag.value for tag in decode.scalars(node, "tags", context, required=False))


def _updates(
    node: Mapping, name: str, source: str, overrides: dict[str, str], context: Context, warnings: list[Diagnostic]
) -> Iterator[RuleUpdate]:
    for operation in ("append", "replace"):
        keys = {key for key, wanted in overrides.items() if wanted == operation}
        for key in REPLACEABLE_KEYS:
            if key in keys and node.get(key) is None:
                message = f"An {operation} override for '{key}' was specified but '{key}' is not defined"
                raise shape_error(message, context, node.get("override"))
        if keys:
            update = _update(node, name, keys, context, warnings, replaces=operation == "replace")
            # Falco compares the source only where a condition comes with it.
            update.source = source if update.condition is not None else ""
            yield update
    for key in sorted(REPLACEABLE_KEYS):
        value = node.get(key)
        if value is not None and key not in overrides:
            place = context.within("overrides", key, value.mark)
            message = f"Unexpected key '{key}': no corresponding entry under 'override' is defined."
            raise shape_error(message, place, value, f"add '{key}: replace' under 'override', or drop '{key}'")


def _update(
    node: Mapping, name: str, keys: set[str], context: Context, warnings: list[Diagnostic], *, replaces: bool
) -> RuleUpdate:
    update = RuleUpdate(name, context, node, replaces)
    if "condition" in keys:
        condition = decode.scalar(node, "condition", context)
        update.condition = Traced.of(condition)
        update.condition_context = context.within("rule condition", "", condition.mark)
    if "exceptions" in keys:
        update.exceptions = read_exceptions(node, context, warnings, appending=not replaces)
    if "output" in keys:
        output = decode.scalar(node, "output", context)
        update.output = Traced.of(output)
        update.output_context = context.within("rule output", "", output.mark)
    if "desc" in keys:
        update.desc = decode.scalar(node, "desc", context).value
    if "tags" in keys:
        update.tags = _tags(node, context)
    if "priority" in keys:
        update.priority = _priority(node, context)
    if "enabled" in keys:
        update.enabled = decode.required_flag(node, "enabled", context)
    if "capture" in keys:
        update.capture = decode.required_flag(node, "capture", context)
    if "capture_duration" in keys:
        update.capture_duration_ms = decode.uint32(node, "capture_duration", context, 0)
    if "warn_evttypes" in keys:
        decode.required_flag(node, "warn_evttypes", context)
    if "skip-if-unknown-filter" in keys:
        update.skip_if_unknown_filter = decode.required_flag(node, "skip-if-unknown-filter", context)
    return update
