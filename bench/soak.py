"""`make soak`, first part: the fetcher against a late, slow, limited, faulty CloudWatch; prints goal beside measured.

In: `--minutes` of the long row, `--only` for some rows. Out: a table on stdout, exit code 1 if a goal was missed. All
of it is *simulated*: no AWS account is involved.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from .soak_real import kill_nine, real_time
from .soak_rows import SIMULATED, Row, long_run


def rows(minutes: int) -> dict[str, Callable[[], Row]]:
    return {
        **SIMULATED,
        "long": lambda: long_run(minutes),
        "real": lambda: real_time(500, 30, 0.4, 1.2),
        "real-heavy": lambda: real_time(5_000, 45, 2.5, 2.8),
        "kill-9": kill_nine,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="length of the long row (default 10, the full one 60)")
    parser.add_argument("--only", default="", help="names of rows, by commas")
    chosen = parser.parse_args(arguments)
    wanted = rows(chosen.minutes)
    names = [name for name in chosen.only.split(",") if name] or list(wanted)
    unknown = [name for name in names if name not in wanted]
    if unknown:
        parser.error(f"unknown row {unknown[0]}; known are {', '.join(wanted)}")
    print("The fetcher against a simulated CloudWatch (a call costs 40 ms + 200 ms/MB, quota 10 calls/s, 3 streams).")
    print("All figures are *simulated*.\n", flush=True)
    missed = 0
    for name in names:
        begun = time.monotonic()
        row = wanted[name]()
        missed += not row.reached
        print(f"{'ok    ' if row.reached else 'MISSED'} {name}: {row.situation}")
        print(f"       goal      {row.goal}")
        print(f"       measured  {row.measured}")
        print(f"       with      {row.conditions}; took {time.monotonic() - begun:.0f} s\n", flush=True)
    print(f"{len(names) - missed} of {len(names)} goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
