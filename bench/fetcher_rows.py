"""The fetcher's rows of the table: the situations of `make soak`, scaled to a few minutes.

In: minutes of simulated time for the long row. Out: rows. Called by `table`. All of it is *simulated*: no AWS account
is involved.
"""

from __future__ import annotations

from falcoeks_fast.bench.rows import Measured, Row
from falcoeks_fast.bench.soak import rows

SOAK_MINUTES = 4


def fetcher_rows(minutes: int) -> Measured:
    """Every situation once."""
    measured = []
    for name, situation in rows(minutes).items():
        row = situation()
        measured.append(
            Row(
                f"fetcher_{name}",
                f"simulated: {row.situation}",
                "",
                None,
                note=row.conditions,
                words=(row.goal, row.measured, row.reached),
            )
        )
    return measured, {}
