"""docs/fields.md from the field table: every field that a rule can name, where its value comes from, what it means.

In: the table. Out: the text of the page. Called by the tests (which hold the page to this text), and as a program,
which writes it:

    python -m falcoeks_fast.bench.field_docs
"""

from __future__ import annotations

import sys
from pathlib import Path

from falcoeks_fast.rules.fields.lookup import ALL_FIXES, Argument, Field, FieldClass, Fields
from falcoeks_fast.rules.fields.own import OWN_PLUGIN, OWN_PLUGIN_VERSION
from falcoeks_fast.rules.lowering.types import TYPE_NAMES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "fields.md"
ORDER = (FieldClass.OWN, FieldClass.AUDIT, FieldClass.JSON, FieldClass.EVT)
HEADINGS = {
    FieldClass.OWN: "Fields of our own",
    FieldClass.AUDIT: "Fields of Falco's plugins k8saudit and k8saudit-eks",
    FieldClass.JSON: "Fields of Falco's plugin json",
    FieldClass.EVT: "Fields of every event",
}
NOTES = {
    FieldClass.AUDIT: "They are read as Falco reads them, errors included. A field with a fix has a second reading,"
    " which is what the field was meant to be; `falcoeks.field_fixes` in the configuration chooses it (`all`: all).",
}
INTRODUCTION = """\
# Fields

What the conditions and outputs of rules can name. `falcoeks-fast list` prints the same. This page is written from the
field table by `bench/field_docs.py`.

An argument stands in brackets behind the name: `[key]` has to be there, `[index]` may be (a number from 0, which picks
one element of the list). A list takes only `in`, `intersects` and `exists`; `join(" ", field)` makes one text of it, on
which `contains` and the others work. A value that is not in the event is absent, and every comparison with it is false.

CloudWatch cuts large events off. Of such an event a field that may have been in the lost part is neither true nor
false: a rule fires only if what is left suffices, and the event is counted.

All fields but `evt.*`, `json.*` and the facts on the origin of an event are absent where it has no `auditID`.
"""
OWN_INTRODUCTION = f"""\
Falco does not know these. A rule that uses one says so, in its file:

```yaml
- required_plugin_versions:
    - name: {OWN_PLUGIN}
      version: {OWN_PLUGIN_VERSION}
```

This plugin is always there here. Elsewhere Falco refuses the file, since the plugin cannot be had. To have a file that
Falco takes, skipping with a warning just the rules that it cannot read, add an alternative that it has, and mark those
rules:

```yaml
- required_plugin_versions:
    - name: {OWN_PLUGIN}
      version: {OWN_PLUGIN_VERSION}
      alternatives: [{{name: k8saudit-eks, version: 0.4.0}}, {{name: k8saudit, version: 0.7.0}}]
- rule: A privileged container of any workload
  condition: falcoeks.workload.privileged = true and not falcoeks.dryrun = true
  skip-if-unknown-filter: true
  # desc, output, priority, source as ever
```

Such a rule must not name our fields in its exceptions: Falco checks those before it skips.

`falcoeks.workload.*` looks at a Pod, PodTemplate, Deployment, DaemonSet, StatefulSet, ReplicaSet,
ReplicationController, Job or CronJob alike: at every place of the request's body where a pod's spec can stand, so that
none hides another. It covers containers, init containers and ephemeral containers. Of a JSON Patch, whose body is a
list of operations, the answer is looked at. `falcoeks.object[...]` and `falcoeks.role.*` see the object as the request
leaves it: of every kind of patch the answer, else the body. Where EKS logs no bodies, all of these are absent.
"""


def page() -> str:
    """The whole text of docs/fields.md."""
    listing = Fields().listing()
    parts = [INTRODUCTION]
    for group in ORDER:
        parts.append(f"## {HEADINGS[group]}\n")
        if group is FieldClass.OWN:
            parts.append(OWN_INTRODUCTION)
        elif group in NOTES:
            parts.append(NOTES[group] + "\n")
        parts.append(_table(listing[group]))
    parts.append("## Constants\n\n`static.<name>` is the value of that name in the configuration's `static_fields`.\n")
    return "\n".join(parts)


def _table(fields: list[Field]) -> str:
    fixes = _fixes()
    lines = ["| Field | Type | Where from | What it is |", "|-|-|-|-|"]
    for field in fields:
        doc = field.doc + (f" Fix: `{fixes[field.name]}`." if field.name in fixes else "")
        doc += " Deprecated." if field.deprecated else ""
        lines.append(f"| `{field.name}{_argument(field)}` | {_type(field)} | {_cell(field.json_path)} | {_cell(doc)} |")
    return "\n".join(lines) + "\n"


def _argument(field: Field) -> str:
    return {Argument.NONE: "", Argument.INDEX: "[index]", Argument.KEY: "[key]"}[field.argument]


def _type(field: Field) -> str:
    name = {"CHARBUF": "text"}.get(TYPE_NAMES[field.type], TYPE_NAMES[field.type].lower())
    return f"list of {name}s" if field.is_list else name


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")


def _fixes() -> dict[str, str]:
    """The fix of each field that has one, by the field's name."""
    found = {}
    for fix in sorted(ALL_FIXES):
        found.update({field.name: fix for field in Fields((fix,)) if field.fix == fix})
    return found


def main() -> int:
    """Write docs/fields.md."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
