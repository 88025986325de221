"""The agreement in short: one batch of conditions, compiled once. CONTRIBUTING.md says how to run the long one."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.code.build import why_impossible

from .agreement import round_of


def test_interpreter_compiled_rules_and_reference_agree() -> None:
    if why := why_impossible():
        pytest.skip(f"nothing can be compiled here: {why}")
    assert not [str(difference) for difference in round_of(7, 250, 30, both_compiled=False)]
