"""How fast are events read, without any rule? The floor, what Python can do, and ours."""

from __future__ import annotations

from falcoeks_fast.bench.conftest import Measure
from falcoeks_fast.bench.python_peers import boto3_case, pysimdjson_case
from falcoeks_fast.bench.user_measure import repeats_case
from falcoeks_fast.bench.workload import Pages, floor_case, load, never_files, scan_case
from falcoeks_fast.engine import _core


def test_floor(measure: Measure, pages: Pages) -> None:
    measure(floor_case(pages))


def test_boto3_and_json(measure: Measure, pages: Pages) -> None:
    measure(boto3_case(pages))


def test_pysimdjson(measure: Measure, pages: Pages) -> None:
    measure(pysimdjson_case(pages))


def test_ours(measure: Measure, pages: Pages) -> None:
    measure(scan_case("read", pages, load("never", never_files()).rule_set(), prefilter=False))


def test_repeats(measure: Measure, pages: Pages) -> None:
    measure(repeats_case("repeats", pages, load("never", never_files()).rule_set(), _core.SeenSet(bytes(16))))
