"""What is measured: raw pages of the EKS mix, and rule sets ready to run on them.

In: numbers and rules files. Out: `Pages`, `Rules`, and cases for `measure`. Called by everything under bench/ that
measures the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falcoeks_fast.bench.measure import Case
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.rulegen import RuleGenerator
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS
from falcoeks_fast.rules.code.cache import CompiledCache
from falcoeks_fast.rules.plan import Plan

ROOT = Path(__file__).resolve().parent.parent
PACK = ROOT / "rules" / "packs" / "eks.yaml"
COMMUNITY = ROOT.parent / "shared" / "conformance" / "k8s_audit_rules.yaml"
PADDING = b" " * 64
COMMUNITY_RULES = 48

DUMMY_RULE = """\
- required_engine_version: 15
- required_plugin_versions:
    - name: k8saudit-eks
      version: 0.1.0
- rule: Dummy rule
  desc: >
    Dummy rule
  condition: >
    ka.verb in (get,create,delete,update)
  output: >
    user=%ka.user.name verb=%ka.verb target=%ka.target.name target.namespace=%ka.target.namespace
    resource=%ka.target.resource
  priority: WARNING
  source: k8s_audit
  tags: [k8s]
"""
# The documentation's rule leaves out patches and watches; this one alerts on every event, with the same output.
EVERY_EVENT_RULE = DUMMY_RULE.replace("ka.verb in (get,create,delete,update)", "ka.verb exists").replace(
    "Dummy rule", "Dummy rule on every event"
)


class WorkloadError(Exception):
    """The rules or events given cannot be measured. The text says why."""


@dataclass(frozen=True, slots=True)
class Pages:
    """FilterLogEvents bodies, each with 64 bytes of padding behind it, which simdjson asks for."""

    padded: list[bytes]
    events: int

    @property
    def bodies(self) -> list[memoryview]:
        return [memoryview(page)[: -len(PADDING)] for page in self.padded]

    @property
    def size_bytes(self) -> int:
        return sum(len(page) - len(PADDING) for page in self.padded)


def eks_pages(events: int, seed: int = 1) -> Pages:
    """The EKS mix as raw pages; the same seed gives the same bytes."""
    return Pages([page + PADDING for page in Mix(seed).pages(events)], events)


@dataclass(frozen=True, slots=True)
class Rules:
    """A loaded set of rules, and the capsule of its compiled module where there is one."""

    name: str
    plan: Plan
    count: int
    module: object | None = None

    def rule_set(self, *, compiled: bool = True, match_all: bool = False) -> _core.RuleSet:
        """Alerts as JSON. `compiled` where there is no module means the interpreter."""
        alert_format = _core.Format(json_output=True, hostname="bench")
        rules = _core.RuleSet(self.plan.wire(), self.plan.predicate_digest(), alert_format, match_all=match_all)
        if compiled and self.module is not None:
            rules.attach(self.module)
        return rules


def load(name: str, files: Sequence[RuleFile], cache: CompiledCache | None = None) -> Rules:
    """Rules from files, compiled if a cache is given. Raises WorkloadError, BuildError."""
    result = load_rules(files, LoadSettings())
    if not result.successful or result.plan is None:
        raise WorkloadError(result.error_text)
    return Rules(
        name, result.plan, result.counts[0], cache.compile(result.plan, limits=SOMEBODY_WAITS) if cache else None
    )


def read_files(paths: Sequence[Path]) -> list[RuleFile]:
    """Raises WorkloadError if one cannot be read."""
    files = []
    for path in paths:
        try:
            files.append(RuleFile(str(path), path.read_bytes()))
        except OSError as error:
            raise WorkloadError(f"cannot read the rules file {path}: {error.strerror}") from error
    return files


def generated(count: int, seed: int = 1) -> list[RuleFile]:
    """`count` rules of the community rules' kind."""
    return [RuleFile(f"{count} generated rules", RuleGenerator(seed).rule_set(count).encode())]


def never_files() -> list[RuleFile]:
    """One rule that no event meets: what is left is the reading."""
    text = DUMMY_RULE.replace("ka.verb in (get,create,delete,update)", "ka.verb = nothing-is-called-so")
    return [RuleFile("never", text.encode())]


def everyday_files() -> tuple[str, list[RuleFile]]:
    """The community rules where they lie beside the checkout; else our pack, filled up with generated rules."""
    if COMMUNITY.is_file():
        return "community rules", read_files([COMMUNITY])
    pack = read_files([PACK])
    missing = max(COMMUNITY_RULES - load("pack", pack).count, 0)
    return f"EKS pack and {missing} generated rules", [*pack, *(generated(missing) if missing else [])]


def scan_case(name: str, pages: Pages, rules: _core.RuleSet, *, prefilter: bool) -> Case:
    """One thread over all pages, alerts formatted into the batch's buffer."""
    scanner = _core.Scanner(rules, _core.Numbering(), prefilter=prefilter)
    origin = _core.Origin(cluster="bench", account="111122223333", region="eu-central-1", log_group="bench")

    def work(bodies: Sequence[memoryview]) -> int:
        events = 0
        for body in bodies:
            events += scanner.scan_page(body, origin).messages
        return events

    return Case.over(name, pages.bodies, work)


def floor_case(pages: Pages, name: str = "floor") -> Case:
    """The bare simdjson walk. Raises RuntimeError where the machine cannot run it."""
    _core.floor(pages.padded[0])
    return Case.over(name, pages.padded, lambda padded: sum(map(_core.floor, padded)))
