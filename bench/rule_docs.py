"""docs/rules.md from the EKS pack: what each rule catches, the ATT&CK table, who else covers it, how to tune.

In: the rule files of `rules/packs/eks/`. Out: the text of the page. Called by the tests (which hold the page to this
text), and as a program, which writes it:

    python -m falcoeks_fast.bench.rule_docs
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from falcoeks_fast.bench.pack_file import PACKS, Block, blocks
from falcoeks_fast.bench.rule_coverage import COVERED_BY, PRODUCTS
from falcoeks_fast.rules import LoadSettings, RuleFile, RuleInfo, load_rules

PAGE = PACKS.parent.parent / "docs" / "rules.md"
TACTICS = {
    "initial_access": "Initial Access",
    "execution": "Execution",
    "persistence": "Persistence",
    "privilege_escalation": "Privilege Escalation",
    "defense_evasion": "Defense Evasion",
    "credential_access": "Credential Access",
    "discovery": "Discovery",
    "lateral_movement": "Lateral Movement",
    "collection": "Collection",
    "command_and_control": "Command and Control",
    "exfiltration": "Exfiltration",
    "impact": "Impact",
}
# Name of a technique, and the tactics that ATT&CK puts it under.
TECHNIQUES = {
    "T1033": ("System Owner/User Discovery", "discovery"),
    "T1036": ("Masquerading", "defense_evasion"),
    "T1036.005": ("Match Legitimate Name or Location", "defense_evasion"),
    "T1053.007": ("Container Orchestration Job", "execution persistence privilege_escalation"),
    "T1059": ("Command and Scripting Interpreter", "execution"),
    "T1069": ("Permission Groups Discovery", "discovery"),
    "T1078": ("Valid Accounts", "initial_access persistence privilege_escalation defense_evasion"),
    "T1078.004": ("Cloud Accounts", "initial_access persistence privilege_escalation defense_evasion"),
    "T1090": ("Proxy", "command_and_control"),
    "T1098": ("Account Manipulation", "persistence privilege_escalation"),
    "T1098.006": ("Additional Container Cluster Roles", "persistence privilege_escalation"),
    "T1133": ("External Remote Services", "initial_access persistence"),
    "T1134": ("Access Token Manipulation", "defense_evasion privilege_escalation"),
    "T1190": ("Exploit Public-Facing Application", "initial_access"),
    "T1204.003": ("Malicious Image", "execution"),
    "T1485": ("Data Destruction", "impact"),
    "T1496": ("Resource Hijacking", "impact"),
    "T1525": ("Implant Internal Image", "persistence"),
    "T1528": ("Steal Application Access Token", "credential_access"),
    "T1537": ("Transfer Data to Cloud Account", "exfiltration"),
    "T1543.005": ("Container Service", "persistence privilege_escalation"),
    "T1552": ("Unsecured Credentials", "credential_access"),
    "T1552.005": ("Cloud Instance Metadata API", "credential_access"),
    "T1552.007": ("Container API", "credential_access"),
    "T1557": ("Adversary-in-the-Middle", "credential_access collection"),
    "T1562.001": ("Disable or Modify Tools", "defense_evasion"),
    "T1562.006": ("Indicator Blocking", "defense_evasion"),
    "T1562.007": ("Disable or Modify Cloud Firewall", "defense_evasion"),
    "T1572": ("Protocol Tunneling", "command_and_control"),
    "T1609": ("Container Administration Command", "execution"),
    "T1610": ("Deploy Container", "defense_evasion execution"),
    "T1611": ("Escape to Host", "privilege_escalation"),
    "T1613": ("Container and Resource Discovery", "discovery"),
    "T1649": ("Steal or Forge Authentication Certificates", "credential_access"),
}
INTRODUCTION = """\
# The EKS rule pack

{count} rules for the audit log of Amazon EKS, in Falco's own format: they load in Falco 0.44 with the plugins
`k8saudit-eks` and `json`, too, but for the few in the files `*-own-fields.yaml`. Those use fields that Falco has not
(`docs/fields.md`); it says so and skips them. This page is written from the rules by `bench/rule_docs.py`.

* `rules/packs/eks/`: the whole pack, files by what they watch. Load the folder, or any of its files alone.
* `rules/packs/eks.yaml`: the {core} core rules in one file. It is what runs when no rules are given.

Each rule is written for what EKS really logs: an exec counts when it starts (stage `ResponseStarted`, verb `get` or
`create`), secrets and config maps have no contents in the log (`aws-auth` excepted), the code of the answer is tested
and not only the authorizer's decision, and a dry run (`?dryRun=All`) is no act. A patch may be a JSON Patch, whose
request has no shape; then the object in the answer is looked at.

## Profiles

Three sets, by tag, chosen in `falco.yaml`. Without a choice everything runs but the rules that are off by default.

| profile | tag | rules | what for |
|---|---|--:|---|
| minimal | `eks_minimal` | {minimal} | worth waking somebody up: critical rules only |
| default | `eks_default` | {default} | all but those that need your input first |
| audit | `eks_audit` | {count} | everything, also what is off by default |

```yaml
rules:
  - disable: {{rule: "*"}}
  - enable: {{tag: eks_minimal}}
```

With `rule_matching: first` (Falco's default) an event gives one alert, by the first rule that fits. The files are in an
order in which the more telling rule comes first; `rule_matching: all` shows everything that an event says.

## Tuning

Every rule has named exceptions. Those of AWS and of common controllers are filled in, each with a comment on why. Those
that begin with `own_` are empty and yours: add values in a file loaded after the pack.

```yaml
- rule: EKS exec
  exceptions:
    - name: own_namespaces
      values:
        - ["arn:aws:sts::111122223333:assumed-role/Engineer/", staging]
  override: {{exceptions: append}}
```

An exception should name who and what together: a user with a namespace, an account with an image. A name alone can be
borrowed. Lists (`eks_agent_namespaces`, `eks_addons`, `eks_node_daemons` and others) are extended the same way with
`override: {{items: append}}`. A rule that you do not want: `- rule: NAME`, `enabled: false`,
`override: {{enabled: replace}}`.

Test your changes with the files in `rules/packs/eks/tests/`: each holds events, what must fire and what must not.

## ATT&CK
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule with its text."""

    info: RuleInfo
    file: str
    block: Block

    @property
    def techniques(self) -> list[str]:
        return [tag for tag in self.info.tags if re.fullmatch(r"T1\d{3}(\.\d{3})?", tag)]

    @property
    def tactics(self) -> list[str]:
        return [tag.removeprefix("mitre_") for tag in self.info.tags if tag.startswith("mitre_")]

    @property
    def benchmarks(self) -> list[str]:
        return [tag.removeprefix("cis_eks_") for tag in self.info.tags if tag.startswith("cis_eks_")]

    @property
    def exceptions(self) -> list[tuple[str, bool]]:
        """(name, whether values are given) in order."""
        parts = re.split(r"^    - name: (\w+)$", self.block.text, flags=re.MULTILINE)
        return [(name, "values:" in text) for name, text in zip(parts[1::2], parts[2::2], strict=True)]


def entries(folder: Path) -> list[Entry]:
    """All rules of the pack in order. Raises ValueError if the pack does not load."""
    paths = sorted(folder.glob("*.yaml"))
    result = load_rules([RuleFile(path.name, path.read_bytes()) for path in paths], LoadSettings())
    if not result.successful:
        raise ValueError("\n".join(report.text() for report in result.reports))
    infos = {rule.name: rule for rule in result.rules}
    return [
        Entry(infos[block.name], path.name, block)
        for path in paths
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.kind == "rule"
    ]


def page(folder: Path) -> str:
    """The text of docs/rules.md."""
    rules = entries(folder)
    counts = {
        profile: sum(f"eks_{profile}" in entry.info.tags for entry in rules)
        for profile in ("core", "minimal", "default")
    }
    parts = [INTRODUCTION.format(count=len(rules), **counts), _attack_table(rules), _coverage_table(rules)]
    parts.append("## Rules\n")
    file = ""
    for entry in rules:
        if entry.file != file:
            file = entry.file
            parts.append(f"### {file}\n\n{_head_comment(folder / file)}\n")
        parts.append(_section(entry))
    return "\n".join(parts)


def anchor(name: str) -> str:
    """The link of a rule's heading, as GitHub makes it."""
    return "#" + re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-")


def _attack_table(rules: list[Entry]) -> str:
    cells: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in rules:
        for technique in entry.techniques:
            for tactic in set(entry.tactics) & set(TECHNIQUES[technique][1].split()):
                cells[tactic][technique].append(entry)
    lines = [
        "A rule stands under each of its techniques, once for each tactic it serves here.\n",
        "| tactic | technique | rules |",
        "|---|---|---|",
    ]
    for tactic, title in TACTICS.items():
        for technique in sorted(cells[tactic]):
            links = ", ".join(_link(entry) for entry in cells[tactic][technique])
            lines.append(f"| {title} | {technique} {TECHNIQUES[technique][0]} | {links} |")
    return "\n".join(lines) + "\n"


def _coverage_table(rules: list[Entry]) -> str:
    alone = sum(not COVERED_BY[entry.info.name] for entry in rules)
    lines = [
        "## Who else looks\n",
        f"From the published rules of summer 2026, on audit logs. For {alone} of the {len(rules)} rules none of these",
        "products has one. A mark says that there is a rule for the technique, not that it sees the same cases.\n",
        "| rule | " + " | ".join(PRODUCTS.values()) + " |",
        "|---|" + ":-:|" * len(PRODUCTS),
    ]
    for entry in rules:
        marks = ["x" if letter in COVERED_BY[entry.info.name] else "" for letter in PRODUCTS]
        lines.append(f"| {_link(entry)} | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def _link(entry: Entry) -> str:
    return f"[{entry.info.name.removeprefix('EKS ')}]({anchor(entry.info.name)})"


def _head_comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(line.lstrip("# ") for line in head)


def _section(entry: Entry) -> str:
    info = entry.info
    facts = [f"**{info.priority_name}**", *(f"`{technique}`" for technique in entry.techniques)]
    facts += [f"CIS EKS {item}" for item in entry.benchmarks]
    facts += [] if info.enabled else ["off by default"]
    facts += ["core"] if "eks_core" in info.tags else []
    filled = [f"`{name}`" for name, has_values in entry.exceptions if has_values]
    empty = [f"`{name}`" for name, has_values in entry.exceptions if not has_values]
    tuning = []
    if filled:
        tuning.append(f"Excepted: {', '.join(filled)}.")
    if empty:
        tuning.append(f"Yours to fill: {', '.join(empty)}.")
    return f"#### {info.name}\n\n{' · '.join(facts)}\n\n{info.desc.strip()}\n\n{' '.join(tuning)}\n"


def main() -> int:
    """Write docs/rules.md."""
    PAGE.write_text(page(PACKS / "eks"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
