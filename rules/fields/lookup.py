"""The fields of a run, and how a name with its argument becomes a slot.

In: the field fixes that were chosen, the configuration's static fields, the loaded plugins. Out: `Fields`, which
`lower`, `template`, the rule files (exceptions, descriptions) and the listing ask. Rules of names and arguments: `spec`
language 5.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping

from falcoeks_fast.rules.fields.table import FIXES, TABLE, Argument, Field, FieldClass, static_field
from falcoeks_fast.rules.language.ast import FieldRef, field_text
from falcoeks_fast.rules.language.errors import ConditionError, LanguageError, printable
from falcoeks_fast.rules.language.lexer import Cursor
from falcoeks_fast.rules.language.parser import Operands
from falcoeks_fast.rules.plan import Reader, Slot

__all__ = ["ALL_FIXES", "Argument", "Field", "FieldClass", "Fields"]

ALL_FIXES = frozenset(FIXES)
_INDEX = re.compile(rb"0|[1-9][0-9]*")
_MAX_INDEX = 2**63 - 1
_OFFERED_BY = {
    FieldClass.AUDIT: frozenset(("k8saudit", "k8saudit-eks")),
    FieldClass.OWN: frozenset(("k8saudit", "k8saudit-eks")),
    FieldClass.JSON: frozenset(("json",)),
}
"""Any of these plugins brings the fields of the class; the other classes are always there."""
_MAPPED = b"\0" * 10 + b"\xff\xff"  # ::ffff:0:0/96, where IPv4 addresses stand


class Fields:
    """All fields of a run. Immutable once made."""

    def __init__(
        self,
        fixes: Iterable[str] = (),
        static_fields: Mapping[str, str] | None = None,
        plugins: Iterable[str] | None = None,
    ) -> None:
        """`fixes`: names of field fixes, or `all`. `plugins`: those loaded; None stands for all there are.

        Raises ValueError for a name that is no fix.
        """
        chosen = set(fixes)
        if "all" in chosen:
            chosen = set(ALL_FIXES)
        for fix in sorted(chosen - ALL_FIXES):
            raise ValueError(f"unknown field fix '{fix}'; known are {', '.join(sorted(ALL_FIXES))} and all")
        self._fields = dict(TABLE)
        for fix in chosen:
            self._fields.update(FIXES[fix])
        for name, value in (static_fields or {}).items():
            field = static_field(name, value)
            self._fields[field.name] = field
        if plugins is not None:
            loaded = frozenset(plugins)
            missing = {group for group, offering in _OFFERED_BY.items() if not offering & loaded}
            self._fields = {name: field for name, field in self._fields.items() if field.group not in missing}
        self.fixes = frozenset(chosen)
        self._slots: dict[tuple[str, bytes | None], Slot] = {}
        self._longest = max(map(len, self._fields))

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def get(self, name: str) -> Field | None:
        """The field of that name, without argument."""
        return self._fields.get(name)

    def listing(self) -> dict[FieldClass, list[Field]]:
        """All fields by class, in the order of the table."""
        groups: dict[FieldClass, list[Field]] = {}
        for field in self._fields.values():
            groups.setdefault(field.group, []).append(field)
        return groups

    def suggested(self) -> list[str]:
        """The fields that `append_output` with `suggested_output` adds."""
        return [field.name for field in self._fields.values() if field.suggested]

    def slot(self, ref: FieldRef) -> Slot:
        """What to read for a field with its argument. Raises ConditionError with the place of `ref`."""
        known = self._slots.get((ref.name, ref.argument))
        if known is not None:
            return known
        field = self._fields.get(ref.name)
        if field is None:
            raise self._unknown(ref)
        slot = _slot(field, ref)
        self._slots[(ref.name, ref.argument)] = slot
        return slot

    def lookup(self, text: str | bytes) -> Slot:
        """The slot for a text such as `ka.uri.param[x]`. Raises ConditionError if that is no field."""
        source = text.encode() if isinstance(text, str) else text
        cursor = Cursor(source)
        ref = Operands(cursor).field()
        if ref is None or cursor.at != len(source):
            raise ConditionError(f"nonexistent field {printable(source)}", 0, len(source), unknown_field=True)
        return self.slot(ref)

    def is_field(self, text: bytes) -> bool:
        """Whether a text is a known field with a right argument."""
        if text.partition(b"[")[0].decode("ascii", "replace") not in self._fields:
            return False
        try:
            self.lookup(text)
        except LanguageError:
            return False
        return True

    def longest_prefix(self, name: str) -> str | None:
        """The longest beginning of `name` that is a field which needs no argument (for templates)."""
        for size in range(min(len(name), self._longest), 0, -1):
            field = self._fields.get(name[:size])
            if field is not None and field.argument is not Argument.KEY:
                return field.name
        return None

    def suggestion(self, name: str) -> str | None:
        """The known name nearest to a misspelt one; None if none is near."""
        if len(name) > 2 * self._longest:
            return None
        lowered = {known.lower(): known for known in self._fields}
        near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.8)
        return lowered[near[0]] if near else None

    def _unknown(self, ref: FieldRef) -> ConditionError:
        text = printable(field_text(ref.name, ref.argument))
        near = self.suggestion(ref.name)
        hint = f"; did you mean {near}?" if near is not None else ""
        if ref.name in TABLE:
            hint = "; the plugin that offers it is not loaded, see load_plugins"
        if not hint and not ref.name.startswith(("ka.", "json.", "jevt.", "evt.", "static.", "falcoeks.")):
            hint = "; fields of other event sources than k8s_audit are unknown here"
        return ConditionError(f"nonexistent field {text}{hint}", ref.start, ref.end, unknown_field=True)


def _slot(field: Field, ref: FieldRef) -> Slot:
    argument = ref.argument
    key, index = field.key.encode(), field.index
    path = tuple(part.encode() for part in field.path)
    if field.argument is Argument.NONE:
        if argument is not None:
            if field.group in (FieldClass.AUDIT, FieldClass.JSON):
                raise _bad(ref, f"field '{field.name}' does not allow nor require an argument")
            text = printable(field_text(ref.name, argument))
            message = f"nonexistent field {text}: {field.name} takes no argument"
            raise ConditionError(message, ref.start, ref.end, unknown_field=True)
    elif field.argument is Argument.INDEX:
        if argument is not None:
            if not _INDEX.fullmatch(argument) or int(argument[:21]) >= 2**64:
                raise _bad(
                    ref, f"the index of field '{field.name}' is not composed only by digits: {printable(argument)}"
                )
            # The largest index is Falco's own mark for no index.
            index = -1 if int(argument) == 2**64 - 1 else min(int(argument), _MAX_INDEX)
    else:
        if argument is None:
            raise _bad(ref, f"field '{field.name}' requires an argument: write {field.name}[...]")
        if field.reader is Reader.JSON_VALUE:
            path = _pointer(argument)
        elif field.reader is Reader.EFFECTIVE:
            path += _pointer(argument)
        elif field.reader is Reader.SOURCE_IN:
            key = _networks(ref, argument)
        elif field.reader is Reader.WORKLOAD_HOSTPATH:
            key = _directories(ref, argument)
        elif field.reader is Reader.HOSTPATH_MATCH and not argument:
            raise _bad(ref, f"the argument of field '{field.name}' is empty: give a host path (this crashes Falco)")
        elif field.reader is not Reader.CONSTANT:
            key = argument
    return Slot(
        field_text(field.name, argument),
        field.reader,
        field.type,
        field.is_list,
        path,
        tuple(part.encode() for part in field.alt),
        index,
        key,
    )


def _networks(ref: FieldRef, argument: bytes) -> bytes:
    """The networks of a key, each as 16 bytes of address (IPv4 mapped into IPv6) and one byte for the prefix length."""
    packed = b""
    for text in argument.decode("utf-8", "replace").split(","):
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            message = f"the argument of field '{ref.name}' is no list of networks such as 10.0.0.0/8,192.0.2.7: {error}"
            raise _bad(ref, message) from None
        address, bits = network.network_address.packed, network.prefixlen
        if network.version == 4:
            address, bits = _MAPPED + address, bits + 96
        packed += address + bytes([bits])
    return packed


def _directories(ref: FieldRef, argument: bytes) -> bytes:
    """The directories of a key without double slashes and dots."""
    found = argument.split(b",")
    if not all(directory.startswith(b"/") for directory in found):
        raise _bad(ref, f"the argument of field '{ref.name}' is no list of directories such as /etc,/var/log")
    return b",".join(os.path.normpath(b"/" + directory.lstrip(b"/")) for directory in found)


def _pointer(argument: bytes) -> tuple[bytes, ...]:
    """The keys of a JSON pointer, whose leading slash is optional."""
    if not argument:
        return ()
    parts = argument.removeprefix(b"/").split(b"/")
    return tuple(part.replace(b"~1", b"/").replace(b"~0", b"~") for part in parts)


def _bad(ref: FieldRef, message: str) -> ConditionError:
    return ConditionError(message, ref.start, ref.end)
