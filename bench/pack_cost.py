"""What the EKS pack costs for each event beside the community rules, with and without the prefilter.

In: numbers on the command line. Out: a table of ratios; with `--rules`, which rules keep events from being ruled out by
their head. Run as a program, nobody calls it:

    python -m falcoeks_fast.bench.pack_cost [--events N] [--rounds N] [--interpreted] [--rules]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from falcoeks_fast.bench.measure import Case, cost_ratio, interleave, machine_name
from falcoeks_fast.bench.workload import COMMUNITY, PACK, Pages, Rules, eks_pages, load, read_files, scan_case
from falcoeks_fast.engine import _core
from falcoeks_fast.rules.code.cache import CompiledCache
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.plan import Plan

MOST = 1.15
FOLDER = PACK.with_suffix("")
KEPT = 20


def _measure(pages: Pages, rounds: int, cache: CompiledCache | None) -> None:
    if not COMMUNITY.is_file():
        print(f"there are no community rules at {COMMUNITY}: nothing to compare with", file=sys.stderr)
        return
    base = load("community rules", read_files([COMMUNITY]), cache)
    pack = load("EKS pack", read_files(sorted(FOLDER.glob("*.yaml"))), cache)
    cases: list[Case] = []
    for prefilter in (True, False):
        cases += [
            scan_case(_name(rules, prefilter), pages, rules.rule_set(), prefilter=prefilter) for rules in (base, pack)
        ]
    samples = interleave(cases, rounds)
    print(f"{pages.events} events of the EKS mix, {rounds} rounds, {machine_name()}")
    print(f"{base.count} community rules, {pack.count} rules of the pack, {'compiled' if cache else 'interpreted'}")
    for prefilter in (True, False):
        one, other = samples[_name(base, prefilter)], samples[_name(pack, prefilter)]
        ratio = cost_ratio(other, one)
        word = "on" if prefilter else "off"
        print(
            f"prefilter {word:<3}  community {one.ns_per_event:6.0f} ns  pack {other.ns_per_event:6.0f} ns"
            f"  ratio {ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f}, at most {MOST} wanted)"
        )


def _name(rules: Rules, prefilter: bool) -> str:
    return f"{rules.name}, prefilter {prefilter}"


def _answered(pages: Pages, plan: Plan) -> float:
    """The share of the events that the prefilter rules out."""
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=True))
    scanner = _core.Scanner(rules, _core.Numbering())
    origin = _core.Origin()
    ruled_out = messages = 0
    for body in pages.bodies:
        batch = scanner.scan_page(body, origin)
        ruled_out += batch.prefiltered
        messages += batch.messages
    return ruled_out / messages


def _print_rules(pages: Pages) -> None:
    """Each rule alone, those first for which the most events have to be looked at whole."""
    plan = load("EKS pack", read_files(sorted(FOLDER.glob("*.yaml")))).plan
    community = load("community rules", read_files([COMMUNITY])).plan if COMMUNITY.is_file() else None
    rows = []
    for rule in plan.rules:
        alone = optimise(Plan(plan.slots, plan.operands, plan.atoms, plan.nodes, (rule,), plan.memo_cells))
        rows.append((1 - _answered(pages, alone), rule.name.decode()))
    print(f"{1 - _answered(pages, plan):8.2%}  the pack")
    if community is not None:
        print(f"{1 - _answered(pages, community):8.2%}  the community rules")
    for share, name in sorted(rows, reverse=True)[:KEPT]:
        print(f"{share:8.2%}  {name}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000, help="how many events of the mix (default 40000)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each case is run (default 9)")
    parser.add_argument("--interpreted", action="store_true", help="without compiling the rules")
    parser.add_argument("--rules", action="store_true", help="print which rules need more than the head of events")
    args = parser.parse_args()
    pages = eks_pages(args.events)
    if args.rules:
        _print_rules(pages)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _measure(pages, args.rounds, None if args.interpreted else CompiledCache(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
