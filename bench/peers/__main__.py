"""Peers in pairs with us: `python -m falcoeks_fast.bench.peers [--falco BINARY] [--events N] [--rounds N]`.

In: the command line. Out: for each peer events per CPU second beside ours of the same pair, the ratio with its spread.
Alerts are compared first: a peer (or we) whose alerts differ is reported as wrong, and its speed is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from falcoeks_fast.bench.measure import ROUNDS, Ratio, machine_name
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.peers.programs import PeerError, falco, jq
from falcoeks_fast.bench.peers.run_python import PEERS
from falcoeks_fast.bench.peers.task import Alert
from falcoeks_fast.bench.rows import number

OURS = "falcoeks-fast, compiled"
EVENTS = 20_000
WRONG = 1

Answer = tuple[list[Alert], float, int]
Ask = Callable[[Path], Answer]


@dataclass(frozen=True, slots=True)
class Pair:
    """A peer beside us; speeds are events per CPU second, `ratio` ours over the peer's. `trouble`: not comparable."""

    peer: str
    speed: float = 0.0
    our_speed: float = 0.0
    ratio: Ratio | None = None
    trouble: str = ""
    wrong: bool = False


def ask_python(name: str, folder: Path) -> Answer:
    """A peer of `run_python`, in a process of its own. Raises PeerError."""
    command = [sys.executable, "-m", "falcoeks_fast.bench.peers.run_python", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(done.stderr.strip().rpartition("\n")[2])
    head, *rest = done.stdout.splitlines()
    cpu_s, events = head.split()
    alerts = [(rule, audit) for rule, _, audit in (line.partition("\t") for line in rest)]
    return alerts, float(cpu_s), int(events)


def compare(peer: str, ask: Ask, folder: Path, rounds: int) -> Pair:
    """The peer and us in turn; the first answers are compared, the others timed."""
    try:
        theirs, *_ = ask(folder)
        ours, *_ = ask_python(OURS, folder)
        if sorted(theirs) != sorted(ours):
            missing, surplus = len(set(ours) - set(theirs)), len(set(theirs) - set(ours))
            return Pair(peer, trouble=f"other alerts than ours: {missing} missing, {surplus} surplus", wrong=True)
        times = [(ask(folder), ask_python(OURS, folder)) for _ in range(rounds)]
    except PeerError as error:
        return Pair(peer, trouble=str(error))
    speeds = [(their[2] / their[1], our[2] / our[1]) for their, our in times]
    return Pair(
        peer,
        sorted(speed for speed, _ in speeds)[rounds // 2],
        sorted(speed for _, speed in speeds)[rounds // 2],
        Ratio.of([our / their for their, our in speeds]),
    )


def main(arguments: list[str] | None = None) -> int:
    """Compare, print."""
    parser = argparse.ArgumentParser(prog="python -m falcoeks_fast.bench.peers", description="Peers in pairs with us.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--falco", type=Path, help="a Falco binary with the plugins k8saudit and json")
    parser.add_argument("--json", type=Path, help="also write the pairs there")
    options = parser.parse_args(arguments)
    asks: dict[str, Ask] = {name: partial(ask_python, name) for name in PEERS if name != OURS}
    asks["jq"] = jq
    if options.falco:
        asks["Falco"] = partial(falco, options.falco)
    with tempfile.TemporaryDirectory(prefix="falcoeks-peers-") as name:
        folder = Path(name)
        for page_number, body in enumerate(Mix(1).pages(options.events)):
            (folder / f"page-{page_number:05d}.json").write_bytes(body)
        pairs = [compare(peer, ask, folder, options.rounds) for peer, ask in asks.items()]
    _print(pairs, options.events)
    if options.json:
        content = {"machine": machine_name(), "events": options.events, "pairs": [asdict(pair) for pair in pairs]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return WRONG if any(pair.wrong for pair in pairs) else 0


def _print(pairs: list[Pair], events: int) -> None:
    title = f"Three rules on {events:,} events of the EKS mix, raw pages, same alerts"
    table = Table(title=title, title_justify="left", caption=machine_name(), caption_justify="left")
    table.add_column("peer")
    for column in ("events/CPU s", "we, beside it", "we are faster by (least to greatest)"):
        table.add_column(column, justify="right")
    for pair in pairs:
        if pair.ratio is None:
            table.add_row(pair.peer, "", "", pair.trouble)
            continue
        ratio = f"{number(pair.ratio.median)} x ({number(pair.ratio.low)} to {number(pair.ratio.high)})"
        table.add_row(pair.peer, f"{pair.speed:,.0f}", f"{pair.our_speed:,.0f}", ratio)
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    sys.exit(main())
