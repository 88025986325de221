"""How long until what became visible is an alert? In simulated time, by the situations of `make soak`; and what
receiving a page costs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.conftest import Measure
from falcoeks_fast.bench.soak_rows import SIMULATED
from falcoeks_fast.bench.transport_rows import bare_case, client_case, local_service


@pytest.mark.parametrize("situation", ["ordinary", "late"])
def test_delay(benchmark: Any, situation: str) -> None:
    row = benchmark.pedantic(SIMULATED[situation], rounds=1)
    benchmark.extra_info["measured"] = row.measured
    assert row.reached, row.measured


@pytest.mark.parametrize("who", ["bare", "client"])
def test_receive_a_page(measure: Measure, tmp_path: Path, who: str) -> None:
    pytest.importorskip("trustme")
    with local_service(tmp_path) as server:
        measure(bare_case(server) if who == "bare" else client_case(server))
