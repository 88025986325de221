"""What is known of one field that a condition or a template may name.

In: nothing. Out: the types of the rows in `field_table` and `own_fields`, which `fields`, the listing and the
documentation read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from falcoeks_fast.rules.plan import Reader, ValueType


class Argument(Enum):
    NONE = "none"
    INDEX = "index"  # may have an index
    KEY = "key"  # must have a key


class FieldClass(Enum):
    """Which part of Falco offers a field; the value is the heading in a listing."""

    EVT = "evt"
    AUDIT = "k8saudit-eks (plugin)"
    JSON = "json (plugin)"
    STATIC = "static"
    OWN = "falcoeks"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `path`, `alt`, `key`, `index` go to the slot (see `plan.Slot`); an argument replaces key or index.

    `place` says in words or as a JSON path what is read, `note` what is odd about it.
    """

    name: str
    group: FieldClass
    doc: str
    reader: Reader
    path: tuple[str, ...] = ()
    alt: tuple[str, ...] = ()
    key: str = ""
    index: int = -1
    type: ValueType = ValueType.STRING
    is_list: bool = False
    argument: Argument = Argument.NONE
    place: str = ""
    deprecated: bool = False
    suggested: bool = False
    fix: str | None = None

    @property
    def json_path(self) -> str:
        """Where in an audit event the value comes from, for people."""
        return self.place or ".".join(f'"{key}"' if "." in key else key for key in self.path)
