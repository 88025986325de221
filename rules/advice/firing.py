"""On which kinds of events a condition can be true at all: over stage, verb and resource.

In: a resolved condition. Out: the combinations on which it may be true, with or without what the audit policy of EKS
says. `explain` shows them, `validate` finds rules that can never fire. Everything else in a condition counts as "may be
true, may be false", so the answer errs on the side of "can".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.ast import And, Check, Expr, FieldRef, MacroRef, Not, Operand
from falcoeks_fast.rules.language.errors import LanguageError
from falcoeks_fast.rules.language.tree import checks, folded
from falcoeks_fast.rules.plan import Slot

STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
OTHER = "(any other)"
NO_RESOURCE = "(none)"

_PATHS = {("stage",): 0, ("verb",): 1, ("objectRef", "resource"): 2}
_BODIES = frozenset({"requestObject", "responseObject"})

METADATA_ONLY = frozenset({"secrets", "configmaps", "tokenreviews"})
"""What the published audit policy of EKS logs without bodies (config maps: but for the writes of aws-auth)."""
MAX_NAMES = 200
READS = frozenset({"get", "list", "watch"})
AWS_AUTH_WRITES = frozenset({"update", "patch", "delete"})

Outcome = tuple[int, int]
"""The kinds on which a part can be true, and those on which it can be false."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A stage, a verb and a resource (`OTHER`: one that the condition does not name; `NO_RESOURCE`: not one at all)."""

    stage: str
    verb: str
    resource: str

    @property
    def is_logged(self) -> bool:
        return self.resource != "events"

    @property
    def has_body(self) -> bool:
        """Whether EKS may log a request or response body for it."""
        if self.resource == "configmaps" and self.verb in AWS_AUTH_WRITES:
            return True
        return self.resource not in METADATA_ONLY and self.verb not in READS


class Firing:
    """The kinds of events of one condition, and which of them it can be true on. Sets of kinds are bits of integers."""

    def __init__(self, expr: Expr, fields: Fields) -> None:
        self._fields = fields
        self._expr = expr
        named: tuple[dict[str, None], ...] = ({}, {}, {})
        self.reads_body = False
        for check in checks(expr):
            self._look_at(check, named)
        # So many names are a list of identities, and no help to anybody; the dimension then counts as unknown.
        self._unusable = {number for number, names in enumerate(named) if len(names) > MAX_NAMES}
        named = tuple({} if number in self._unusable else names for number, names in enumerate(named))
        self.stages = tuple(dict.fromkeys((*STAGES, *named[0])))
        self.verbs = tuple(dict.fromkeys((*VERBS, *named[1], OTHER)))
        self.resources = tuple(dict.fromkeys((*named[2], OTHER, NO_RESOURCE)))
        self.kinds = [Kind(s, v, r) for s in self.stages for v in self.verbs for r in self.resources]
        self._all = (1 << len(self.kinds)) - 1
        self._by_value = tuple(self._masks(attribute) for attribute in ("stage", "verb", "resource"))
        self._bodiless = self._mask(kind for kind in self.kinds if not kind.has_body)

    def _look_at(self, check: Check, named: tuple[dict[str, None], ...]) -> None:
        slot = self._slot(check.left)
        if slot is None:
            return
        self.reads_body |= bool(slot.path) and slot.path[0].decode() in _BODIES
        dimension = _dimension(slot)
        if dimension is not None and check.op in ("=", "!=", "in", "intersects"):
            named[dimension].update(dict.fromkeys(c.value.decode("utf-8", "replace") for c in check.constants))

    def _slot(self, operand: Operand) -> Slot | None:
        if not isinstance(operand, FieldRef):
            return None
        try:
            return self._fields.slot(operand)
        except LanguageError:
            return None

    def _mask(self, kinds: Iterable[Kind]) -> int:
        numbers = {kind: number for number, kind in enumerate(self.kinds)}
        mask = 0
        for kind in kinds:
            mask |= 1 << numbers[kind]
        return mask

    def _masks(self, attribute: str) -> dict[str, int]:
        masks: dict[str, int] = {}
        for number, kind in enumerate(self.kinds):
            value = getattr(kind, attribute)
            masks[value] = masks.get(value, 0) | (1 << number)
        return masks

    def possible(self, *, policy: bool = False) -> list[Kind]:
        """The kinds on which the condition can be true; with `policy`, as EKS logs them."""
        mask = self._evaluate(policy)
        if policy:
            mask &= ~self._by_value[2].get("events", 0)
        return [kind for number, kind in enumerate(self.kinds) if mask >> number & 1]

    def _evaluate(self, policy: bool) -> int:
        """Where the whole can be true."""
        return folded(self._expr, lambda node, inner: self._value(node, inner, policy))[id(self._expr)][0]

    def _value(self, node: Expr, inner: list[Outcome], policy: bool) -> Outcome:
        if isinstance(node, Check):
            return self._check(node, policy)
        if isinstance(node, MacroRef):
            return inner[0] if inner else (self._all, self._all)
        if isinstance(node, Not):
            return inner[0][1], inner[0][0]
        conjunction = isinstance(node, And)
        true, false = (self._all, 0) if conjunction else (0, self._all)
        for can_be_true, can_be_false in inner:
            true = true & can_be_true if conjunction else true | can_be_true
            false = false | can_be_false if conjunction else false & can_be_false
        return true, false

    def _check(self, check: Check, policy: bool) -> Outcome:
        slot = self._slot(check.left)
        if slot is None or check.right is not None or check.modifier is not None:
            return self._all, self._all
        dimension = _dimension(slot)
        if dimension in self._unusable:
            return self._all, self._all
        if dimension is not None:
            return self._dimension_check(check, dimension)
        if policy and slot.path and slot.path[0].decode() in _BODIES:
            return self._all & ~self._bodiless, self._all
        return self._all, self._all

    def _dimension_check(self, check: Check, dimension: int) -> Outcome:
        constants = [constant.value.decode("utf-8", "replace") for constant in check.constants]
        true = false = 0
        for value, mask in self._by_value[dimension].items():
            outcome = _outcome(check.op, value, constants)
            true |= mask if outcome is not False else 0
            false |= mask if outcome is not True else 0
        return true, false


def _dimension(slot: Slot) -> int | None:
    return _PATHS.get(tuple(key.decode("utf-8", "replace") for key in slot.path)) if len(slot.path) <= 2 else None


def _outcome(op: str, value: str, constants: list[str]) -> bool | None:
    """Whether the comparison is true for that value; None if it depends."""
    if value == NO_RESOURCE:
        return False
    if op == "exists":
        return True
    if op in ("=", "in", "intersects"):
        return value in constants
    if op == "!=":
        return value not in constants
    if value == OTHER or len(constants) != 1:
        return None
    return _text_outcome(op, value, constants[0])


def _text_outcome(op: str, value: str, constant: str) -> bool | None:
    if op == "startswith":
        return value.startswith(constant)
    if op == "endswith":
        return value.endswith(constant)
    if op == "contains":
        return constant in value
    if op == "icontains":
        return constant.lower() in value.lower()
    return None


def in_words(kinds: list[Kind], firing: Firing) -> list[str]:
    """The kinds, put together where they have verbs and stages in common; one line for each group."""
    by_resource: dict[str, set[tuple[str, str]]] = {}
    for kind in kinds:
        by_resource.setdefault(kind.resource, set()).add((kind.stage, kind.verb))
    groups: dict[frozenset[tuple[str, str]], list[str]] = {}
    for resource, found in by_resource.items():
        groups.setdefault(frozenset(found), []).append(resource)
    lines: list[str] = []
    for pairs, resources in groups.items():
        by_verbs: dict[tuple[str, ...], list[str]] = {}
        for stage in firing.stages:
            verbs = tuple(verb for verb in firing.verbs if (stage, verb) in pairs)
            if verbs:
                by_verbs.setdefault(verbs, []).append(stage)
        for verbs, stages in by_verbs.items():
            lines.append(
                f"stage {_words(stages, firing.stages)}; verb {_words(verbs, firing.verbs)}; "
                f"resource {_words(resources, firing.resources)}"
            )
    return lines


def _words(chosen: Iterable[str], universe: tuple[str, ...]) -> str:
    words = list(chosen)
    if set(words) == set(universe):
        return "any"
    missing = [word for word in universe if word not in words]
    if OTHER in words and len(missing) < len(words):
        return f"any but {', '.join(missing)}"
    return ", ".join(words)
