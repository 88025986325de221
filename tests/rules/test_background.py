"""Compiling beside the engine: the newest plan wins, every outcome is told once, and the status tells the truth."""

from __future__ import annotations

import dataclasses
import queue
import threading

import pytest

from falcoeks_fast.rules.code.background import BackgroundCompiler
from falcoeks_fast.rules.code.build import BuildCancelled, BuildImpossible
from falcoeks_fast.rules.plan import Plan, RulePlan

RULE = RulePlan(b"a", 4, b"k8s_audit", (), 0, (), ())


class Compiling:
    """One call of `compile` that the test decides about."""

    def __init__(self, plan, progress, cancelled) -> None:
        self.plan = plan
        self.progress = progress
        self.cancelled = cancelled
        self.outcome: queue.Queue[object] = queue.Queue()


class Cache:
    """Stands in for CompiledCache."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Compiling] = queue.Queue()

    def compile(self, plan, *, limits, progress, cancelled):
        call = Compiling(plan, progress, cancelled)
        self.calls.put(call)
        while True:
            if cancelled.is_set():
                raise BuildCancelled("compiling was cancelled")
            try:
                outcome = call.outcome.get(timeout=0.005)
            except queue.Empty:
                continue
            if isinstance(outcome, BuildImpossible):
                raise outcome
            return outcome


@pytest.fixture
def cache():
    return Cache()


@pytest.fixture
def told():
    return queue.Queue()


@pytest.fixture
def compiler(cache, told):
    made = BackgroundCompiler(
        cache, lambda plan, capsule: told.put((plan, capsule)), lambda plan, why: told.put((plan, why))
    )
    yield made
    made.close()


def soon(source: queue.Queue):
    return source.get(timeout=60)


def numbered(number: int) -> Plan:
    return Plan(memo_cells=number, rules=(RULE,))


def test_a_compiled_plan_is_handed_over(compiler, cache, told):
    assert str(compiler.status) == "interpreter: no rules yet"
    plan = numbered(1)
    compiler.submit(plan)
    call = soon(cache.calls)
    assert str(compiler.status) == "interpreter: looking for compiled rules since 0 s"
    call.progress("cython")
    assert str(compiler.status).startswith("interpreter: translating with Cython since ")
    call.progress("c")
    assert str(compiler.status).startswith("interpreter: running the C compiler since ")
    call.outcome.put("capsule")
    assert soon(told) == (plan, "capsule")
    assert compiler.status.compiled
    assert str(compiler.status) == "compiled: the predicates of 1 rules are in use"


def test_a_failure_is_told_and_the_next_plan_tried(compiler, cache, told):
    compiler.submit(numbered(1))
    soon(cache.calls).outcome.put(BuildImpossible("no compiler here"))
    assert soon(told) == (numbered(1), "no compiler here")
    assert str(compiler.status) == "interpreter: no compiler here"
    compiler.submit(numbered(2))
    soon(cache.calls).outcome.put("capsule")
    assert soon(told) == (numbered(2), "capsule")


def test_a_newer_plan_ends_the_compile_of_an_older_one(compiler, cache, told):
    compiler.submit(numbered(1))
    older = soon(cache.calls)
    compiler.submit(numbered(2))
    newer = soon(cache.calls)
    assert older.cancelled.is_set()
    assert not newer.cancelled.is_set()
    newer.outcome.put("capsule")
    assert soon(told) == (numbered(2), "capsule")
    assert told.empty()


def test_of_many_plans_only_the_newest_is_told(compiler, cache, told):
    for number in range(1, 50):
        compiler.submit(numbered(number))
    while True:
        call = soon(cache.calls)
        if call.plan == numbered(49):
            break
    call.outcome.put("capsule")
    assert soon(told) == (numbered(49), "capsule")
    assert told.empty()


def test_a_plan_with_the_same_predicates_does_not_start_again(compiler, cache, told):
    """A changed output text changes the plan, not its code."""
    before = numbered(1)
    after = dataclasses.replace(before, rules=(dataclasses.replace(RULE, name=b"b"),))
    compiler.submit(before)
    call = soon(cache.calls)
    compiler.submit(after)
    call.outcome.put("capsule")
    plan, capsule = soon(told)
    assert plan is after
    assert capsule == "capsule"
    assert cache.calls.empty()
    assert not call.cancelled.is_set()


def test_nothing_is_told_after_the_end(compiler, cache, told):
    compiler.submit(numbered(1))
    call = soon(cache.calls)
    compiler.close()
    assert call.cancelled.is_set()
    call.outcome.put("capsule")
    compiler.submit(numbered(2))
    compiler.close()
    assert told.empty()
    assert cache.calls.empty()


def test_the_end_may_come_from_a_callback(cache):
    ended = threading.Event()

    def end(plan, capsule) -> None:
        compiler.close()
        ended.set()

    compiler = BackgroundCompiler(cache, end, lambda plan, why: None)
    compiler.submit(numbered(1))
    soon(cache.calls).outcome.put("capsule")
    assert ended.wait(60)
    compiler.close()
