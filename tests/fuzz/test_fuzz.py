"""The short fuzz: a few thousand inputs on every run of the tests. CONTRIBUTING.md says how to run the long one."""

from __future__ import annotations

import random

import pytest

from .run import parser
from .targets import Targets

STEPS = {
    "payload": 400,
    "plain_text": 120,
    "lines": 80,
    "page": 250,
    "body": 400,
    "cut": 150,
    "plan": 400,
    "rules": 60,
    "rules_file": 30,
}


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets()


@pytest.mark.parametrize("name", STEPS)
def test_fuzz(targets: Targets, name: str) -> None:
    (work,) = [work for _, work in targets.all() if work.__name__ == name]
    assert sum(work(random.Random(f"short/{name}/{step}")) for step in range(STEPS[name])) >= STEPS[name]


def test_every_target_has_its_turn(targets: Targets) -> None:
    assert {work.__name__ for _, work in targets.all()} == set(STEPS)


def test_the_long_fuzz_is_a_million_inputs() -> None:
    assert parser().parse_args([]).inputs == 1_000_000
