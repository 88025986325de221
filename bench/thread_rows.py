"""The row of the table on two threads against one.

In: pages, rules. Out: rows. Called by `table`. Threads may cost by waiting for each other, which CPU time does not show
and wall time shows only on an idle machine. So a thread's time here is wall time less what it spent ready to run while
others had the processor, as the kernel counts it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from falcoeks_fast.bench.measure import Ratio, machine_busy_s
from falcoeks_fast.bench.rows import Measured, ratio_row
from falcoeks_fast.bench.workload import Pages, Rules
from falcoeks_fast.engine import _core

GOALS = {"off": 1.8, "on": 1.7}
SPARE_ROUNDS = 3
BUSY = 0.05
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One run of some threads: seconds of the slowest, all CPU seconds, and the machine's share that others used."""

    seconds: float
    cpu_s: float
    others: float


def thread_rows(pages: Pages, rules: Rules, rounds: int) -> Measured:
    """One and two threads in turn, three times as often as needed; the rounds in which others did least count."""
    rule_set = rules.rule_set()
    rows = []
    speeds = {}
    for state, goal in GOALS.items():
        pairs = [
            (run_threads(pages, rule_set, 1, state == "on"), run_threads(pages, rule_set, 2, state == "on"))
            for _ in range(rounds * SPARE_ROUNDS + 1)
        ][1:]
        quiet = sorted(pairs, key=lambda pair: max(pair[0].others, pair[1].others))[:rounds]
        busiest = max(max(one.others, two.others) for one, two in quiet)
        note = f"other processes used up to {busiest:.0%} of the machine meanwhile" if busiest > BUSY else ""
        ratio = Ratio.of([one.seconds / two.seconds for one, two in quiet])
        rows.append(
            ratio_row(f"threads_{state}", f"two threads against one, prefilter {state}", "x", ratio, goal, note=note)
        )
        for count in (1, 2):
            cpu_s = sorted(pair[count - 1].cpu_s for pair in quiet)[rounds // 2]
            speeds[f"threads: {count}, prefilter {state}"] = pages.events * REPEATS / cpu_s
    return rows, speeds


def run_threads(pages: Pages, rules: _core.RuleSet, count: int, prefilter: bool) -> Run:
    """`count` threads share the pages, each with a scanner of its own over one rule set."""
    numbering = _core.Numbering()
    origin = _core.Origin(cluster="bench", account="111122223333", region="eu-central-1", log_group="bench")
    bodies = pages.bodies * REPEATS
    seconds = [0.0] * count
    start_together = threading.Barrier(count)

    def scan(number: int) -> None:
        scanner = _core.Scanner(rules, numbering, prefilter=prefilter)
        start_together.wait()
        start_s, waited_s = time.perf_counter(), ready_but_waiting_s()
        for body in bodies[number::count]:
            scanner.scan_page(body, origin)
        seconds[number] = time.perf_counter() - start_s - (ready_but_waiting_s() - waited_s)

    busy_s, total_s = machine_busy_s()
    cpu_s = time.process_time()
    threads = [threading.Thread(target=scan, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu_s = time.process_time() - cpu_s
    busy_s, total_s = (after - before for after, before in zip(machine_busy_s(), (busy_s, total_s), strict=True))
    return Run(max(seconds), cpu_s, max(busy_s - cpu_s, 0.0) / total_s if total_s else 0.0)


def ready_but_waiting_s() -> float:
    """How long this thread was ready but not running, since it began; 0 where the kernel does not count it."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1]) / 1e9
    except OSError:
        return 0.0
