"""The typed plan: the one meeting point of the rule compiler, the interpreter and the emitter.

In: nothing; `lower` builds these values, `optimise` rewrites them. Out: `Plan.wire()`, the bytes that the native core
loads, and `Plan.digest()`, by which a compiled module is matched to its rules. All values are immutable and hashable.

Everything refers to everything else by index into the plan's tables, and an index always points backwards: operands
to earlier operands, nodes to earlier nodes. All texts are bytes: what a rule file says, after decoding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

WIRE_VERSION = 1
"""Raised whenever the meaning of the wire form changes; the core refuses any other."""

Wire = int | bytes | Sequence["Wire"]


class ValueType(IntEnum):
    STRING = 0
    UINT64 = 1
    ABSTIME = 2
    RELTIME = 3
    BOOL = 4


class Reader(IntEnum):
    """How a slot takes its value from an event. `path`, `alt`, `index` and `key` are the slot's (`spec`: fields)."""

    SCALAR = 0  # simple path, text of the value; with an index a walk
    PLAIN_LIST = 1  # simple path to an array, elements as text; `index` picks one
    WALK_STRICT = 2  # walk; one hole makes the whole absent
    WALK_SKIP = 3  # walk; holes are dropped
    WALK_DEFAULT = 4  # walk; a hole becomes the text at `alt`, else `0`; with an index a hole is absent
    REPOSITORY = 5  # as WALK_STRICT, each image cut at the first ':' and then at the first '@'
    REPOSITORY_SCALAR = 6  # as SCALAR, cut likewise
    CONTAINER_WORDS = 7  # args and command: the array of strings of each container, joined by one blank
    HOST_PORT = 8  # per port entry hostPort, else containerPort
    SUBJECT_NAMES = 9  # `path` to subjects; names of those whose kind is `key`
    SUBJECT_ACCOUNTS = 10  # `path` to subjects; namespace:name of the service accounts
    RULE_WORDS = 11  # `path` to rules; the array under `key` of every rule, flattened
    WHOLE_AS_LIST = 12  # simple path; the text of the value as a list of one, whatever `index`
    VOLUME_TYPES = 13  # `path` to volumes; all keys but `name`
    HOSTPATH_MATCH = 14  # `path` to volumes; true or false: a host path equals `key`, or its prefix before a final '*'
    ANY_PRIVILEGED = 15  # `path` to containers; true if some securityContext.privileged is JSON true
    URI_PARAM = 16  # `path` to the URI; the first decoded value of query parameter `key`
    TARGET_POD_NAME = 17  # `path`, only if objectRef.resource is pods and objectRef.subresource empty
    CONSTANT = 18  # `key`, for every audit event that has an auditID (has_name)
    JSON_VALUE = 19  # simple path from the event, whether or not it has an auditID
    JSON_OBJECT = 20  # the event re-indented by two blanks
    JSON_RAWTIME = 21  # event time in ns as text
    STATIC = 22  # `key`, for every event
    EVT_NUM = 23
    EVT_TIME = 24
    EVT_TIME_S = 25
    EVT_TIME_ISO8601 = 26
    EVT_DATETIME = 27
    EVT_DATETIME_S = 28
    EVT_RAWTIME = 29
    EVT_RAWTIME_S = 30
    EVT_RAWTIME_NS = 31
    EVT_RELTIME = 32
    EVT_RELTIME_S = 33
    EVT_RELTIME_NS = 34
    EVT_PLUGINNAME = 35
    EVT_PLUGININFO = 36
    EVT_SOURCE = 37
    EVT_IS_ASYNC = 38
    EVT_ASYNCTYPE = 39
    EVT_HOSTNAME = 40
    META = 41  # a fact about the event's origin, chosen by `index` (a `MetaField`)
    REPOSITORY_FIXED = 42  # as WALK_SKIP, image cut at '@' and at a ':' behind the last '/'
    REPOSITORY_SCALAR_FIXED = 43
    CAPABILITIES_FIXED = 44  # walk; the elements of each container's array, flattened
    URI_PARAM_FIXED = 45  # as URI_PARAM; a bad parameter hides only itself
    WALK_DEFAULT_FIXED = 46  # as WALK_DEFAULT, with the default also under an index
    EFFECTIVE = 47  # the keys of `path` but the first, in responseObject of a patch, else in requestObject
    EFFECTIVE_LIST = 48  # likewise, spreading over arrays; the values as text
    DRY_RUN = 49  # true or false, from the URI at `path` or the body of a deletion
    SOURCE_ADDRESS = 50  # the last element of the array at `path`
    SOURCE_PUBLIC = 51  # true or false: that address is one of the internet
    SOURCE_IN = 52  # true or false: it lies in one of `key`'s networks, each 16 bytes of address and one of bits
    PATCH_MEMBERS = 53  # `path` to an array; the member `key` of its objects as text
    WORKLOAD_LIST = 54  # the keys of `path` but the first, then those of `alt`, in every pod spec; see own_fields
    WORKLOAD_TRUTH = 55  # true or false: some of these values is JSON true
    WORKLOAD_WORDS = 56  # each such array of strings joined by blanks
    WORKLOAD_REPOSITORY = 57  # each such image as REPOSITORY_FIXED
    WORKLOAD_DEFAULT = 58  # per container the value at `path`, else that at `alt` in the pod spec, else `0`
    WORKLOAD_VOLUME_TYPES = 59  # as VOLUME_TYPES
    WORKLOAD_HOSTPATH = 60  # true or false: some of these paths is above, at or below one of `key`'s, comma between


class MetaField(IntEnum):
    CLUSTER = 0
    ACCOUNT = 1
    REGION = 2
    LOG_GROUP = 3
    LOG_STREAM = 4
    EVENT_ID = 5
    TRUNCATED = 6  # text `true` or `false`
    INGESTION_TIME_MS = 7


@dataclass(frozen=True, slots=True)
class Slot:
    """What to read from an event. `name` is the field with its argument, as `output_fields` spells it."""

    name: bytes
    reader: Reader
    type: ValueType = ValueType.STRING
    is_list: bool = False
    path: tuple[bytes, ...] = ()
    alt: tuple[bytes, ...] = ()
    index: int = -1
    key: bytes = b""

    def wire(self) -> Wire:
        return [self.name, self.reader, self.type, int(self.is_list), self.path, self.alt, self.index, self.key]


class OperandKind(IntEnum):
    SLOT = 0
    LITERAL = 1
    LIST = 2  # a literal list of operands; list operands in it are flattened
    TRANSFORM = 3


class Transform(IntEnum):
    NONE = 0
    TOLOWER = 1
    TOUPPER = 2
    B64 = 3
    BASENAME = 4
    LEN = 5
    JOIN = 6
    CONCAT = 7
    GETOPT = 8
    CSTRING = 9  # the part before the first NUL; only ever around an operand with B64 in it


@dataclass(frozen=True, slots=True)
class Operand:
    """A value computed from an event: a slot, a literal, a literal list, or a transformer over earlier operands.

    `interned` holds the distinct constants that class atoms compare this operand (or its elements) with. Class ids:
    0 absent, 1 none of the constants, 2 + i the constant `interned[i]`.
    """

    kind: OperandKind
    type: ValueType
    is_list: bool
    slot: int = -1
    literal: bytes = b""
    transform: Transform = Transform.NONE
    args: tuple[int, ...] = ()
    selector: bytes | None = None
    interned: tuple[bytes, ...] = ()

    def wire(self) -> Wire:
        selector: Wire = [] if self.selector is None else [self.selector]
        return [
            self.kind,
            self.type,
            int(self.is_list),
            self.slot,
            self.literal,
            self.transform,
            self.args,
            selector,
            self.interned,
        ]


class AtomOp(IntEnum):
    """One comparison. Absent operands make every atom false."""

    EXISTS = 0
    CLASS = 1  # scalar string: its class id is in `classes` (may hold 1, "any other value"; never 0)
    LIST_ALL = 2  # list of strings: every element's class is in `classes`
    LIST_ANY = 3  # list of strings: some element's class is in `classes`
    EQ = 4  # numbers and bools against `numbers`; or against the operand `rhs`
    NE = 5
    LT = 6
    LE = 7
    GT = 8
    GE = 9
    IN = 10  # numbers and bools: some of `numbers`; with `rhs` on lists: subset, on scalars: equal
    INTERSECTS = 11
    CONTAINS = 12
    ICONTAINS = 13
    STARTSWITH = 14
    ENDSWITH = 15
    GLOB = 16
    IGLOB = 17
    REGEX = 18
    PMATCH = 19


class Modifier(IntEnum):
    NONE = 0
    ANYOF = 1
    ALLOF = 2
    ONEOF = 3


@dataclass(frozen=True, slots=True)
class Atom:
    """A distinct comparison of `operand` with constants or with the operand `rhs` (-1: none).

    `classes` serves CLASS, LIST_ALL, LIST_ANY (sorted). `constants` serves the string operators, one unless a modifier
    or PMATCH; `numbers` serves numeric types and bools (false 0, true 1). Order operators on strings use `constants`.
    Operators on numbers with a modifier keep it; on strings `=` and `!=` with modifiers become CLASS.
    """

    op: AtomOp
    operand: int
    modifier: Modifier = Modifier.NONE
    rhs: int = -1
    constants: tuple[bytes, ...] = ()
    numbers: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()

    def wire(self) -> Wire:
        return [self.op, self.operand, self.modifier, self.rhs, self.constants, self.numbers, self.classes]


class NodeKind(IntEnum):
    FALSE = 0
    TRUE = 1
    ATOM = 2  # args[0] is an index into atoms
    NOT = 3
    AND = 4  # args are indices into nodes, in the order of evaluation
    OR = 5


@dataclass(frozen=True, slots=True)
class Node:
    """A boolean expression. `memo` >= 0 means: shared by several rules, remember its value per event in that cell."""

    kind: NodeKind
    args: tuple[int, ...] = ()
    memo: int = -1

    def wire(self) -> Wire:
        return [self.kind, self.args, self.memo]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a template: literal text (`operand` -1), or an operand, padded or cut to `width` bytes if > 0."""

    text: bytes = b""
    operand: int = -1
    width: int = 0

    def wire(self) -> Wire:
        return [self.text, self.operand, self.width]


@dataclass(frozen=True, slots=True)
class OutputField:
    """An entry of `output_fields`: a raw operand (typed), or a template (always a string); `operand` -1: template."""

    key: bytes
    operand: int = -1
    template: tuple[Segment, ...] = ()
    null: bool = False  # a raw extra field that names no template field: always null

    def wire(self) -> Wire:
        return [self.key, self.operand, [s.wire() for s in self.template], int(self.null)]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule that may fire. Its place in `Plan.rules` is its place in the order of evaluation.

    `output_fields` is sorted by key and without doubles; it holds the prefix's time field. `tags` are sorted, distinct.
    """

    name: bytes
    priority: int
    source: bytes
    tags: tuple[bytes, ...]
    root: int
    output: tuple[Segment, ...]
    output_fields: tuple[OutputField, ...]

    def wire(self) -> Wire:
        return [
            self.name,
            self.priority,
            self.source,
            self.tags,
            self.root,
            [s.wire() for s in self.output],
            [f.wire() for f in self.output_fields],
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    slots: tuple[Slot, ...] = ()
    operands: tuple[Operand, ...] = ()
    atoms: tuple[Atom, ...] = ()
    nodes: tuple[Node, ...] = ()
    rules: tuple[RulePlan, ...] = ()
    memo_cells: int = 0

    def wire(self) -> bytes:
        """The plan as bytes: nested lists of integers and byte strings, see `encode`."""
        return encode(
            [
                WIRE_VERSION,
                [s.wire() for s in self.slots],
                [o.wire() for o in self.operands],
                [a.wire() for a in self.atoms],
                [n.wire() for n in self.nodes],
                [r.wire() for r in self.rules],
                self.memo_cells,
            ]
        )

    def predicate_digest(self) -> bytes:
        """SHA-256 over what predicates depend on (not names, texts, priorities): the identity of compiled code."""
        return hashlib.sha256(
            encode(
                [
                    WIRE_VERSION,
                    [s.wire() for s in self.slots],
                    [o.wire() for o in self.operands],
                    [a.wire() for a in self.atoms],
                    [n.wire() for n in self.nodes],
                    [r.root for r in self.rules],
                    self.memo_cells,
                ]
            )
        ).digest()


def encode(value: Wire) -> bytes:
    """Encode nested lists of integers and byte strings.

    An item is one tag byte and eight bytes, little endian: `i` and the integer (two's complement, modulo 2^64),
    `b` and a length, then the bytes, or `l` and a count, then the items.
    """
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def _encode(value: Wire, out: bytearray) -> None:
    if isinstance(value, int):
        out += b"i" + (int(value) & (2**64 - 1)).to_bytes(8, "little")
    elif isinstance(value, bytes):
        out += b"b" + len(value).to_bytes(8, "little") + value
    else:
        out += b"l" + len(value).to_bytes(8, "little")
        for item in value:
            _encode(item, out)
