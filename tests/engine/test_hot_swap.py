"""Rule sets change while others scan: every event is evaluated once, each page by one set as a whole."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest

from falcoeks_fast.engine import _core
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, build, why_impossible
from falcoeks_fast.rules.code.emit import emit
from falcoeks_fast.rules.code.module import load_module
from falcoeks_fast.rules.plan import Plan

from ..fuzz.pages import START_MS
from ..fuzz.rulesets import plan_of
from .tools import EVENT, rule

ORIGIN = _core.Origin(cluster="c")
EVENTS_OF_A_PAGE = 40
PAGES = 150
READERS = 3


def plan(name: str) -> Plan:
    others = [rule(f"{name} never {number}", f"ka.verb = never{number}") for number in range(5)]
    return plan_of("".join([rule(name, "ka.verb exists", "id=%ka.auditid"), *others]).encode())


def rule_set(made: Plan, module: object | None = None) -> _core.RuleSet:
    rules = _core.RuleSet(made.wire(), made.predicate_digest(), _core.Format(json_output=True), match_all=True)
    if module is not None:
        rules.attach(module)
    return rules


def compiled(made: Plan) -> object:
    if why := why_impossible():
        pytest.skip(f"nothing can be compiled here: {why}")
    source = emit(made)
    return load_module(build(source, limits=SOMEBODY_WAITS), source.digest)


def body(number: int) -> bytes:
    """A page whose second half comes again in the first half of the next one."""
    rows = []
    for at in range(number * EVENTS_OF_A_PAGE // 2, number * EVENTS_OF_A_PAGE // 2 + EVENTS_OF_A_PAGE):
        message = json.dumps(EVENT | {"auditID": f"id-{at}"}, separators=(",", ":"))
        rows.append(
            {"eventId": f"{at:056d}", "timestamp": START_MS + at, "message": message, "ingestionTime": START_MS}
        )
    return json.dumps({"events": rows}, separators=(",", ":")).encode()


def test_swaps_between_pages_lose_and_repeat_nothing() -> None:
    old, new = plan("old"), plan("new")
    module = compiled(new)
    late = rule_set(new)  # gets its module while it is in use
    sets = [rule_set(old), rule_set(new), rule_set(new, module), late]
    bodies = [body(number) for number in range(PAGES)]
    numbering, seen = _core.Numbering(), _core.SeenSet(bytes(range(16)))
    readers = [_core.Scanner(sets[0], numbering) for _ in range(READERS)]
    batches: list[list[_core.Batch]] = [[] for _ in range(READERS)]
    done = threading.Event()
    swaps = 0

    def read(which: int) -> None:
        for number in range(which, PAGES, READERS):
            before = swaps
            while swaps == before:
                time.sleep(0)  # so that pages do not end before the first swap
            ticket = seen.ticket()
            batches[which].append(readers[which].scan_page(bodies[number], ORIGIN, seen, ticket))
            seen.confirm(ticket)

    def swap() -> None:
        nonlocal swaps
        while not done.is_set():
            for at, reader in enumerate(readers):
                reader.rules = sets[(swaps + at) % len(sets)]
            swaps += 1
            if swaps == 50:
                late.attach(module)

    threads = [threading.Thread(target=read, args=(which,)) for which in range(READERS)]
    swapper = threading.Thread(target=swap)
    for thread in (swapper, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    swapper.join()

    ids: Counter[str] = Counter()
    used: set[str] = set()
    for batch in (batch for of_reader in batches for batch in of_reader):
        alerts = [json.loads(line) for line in batch.text.splitlines()]
        assert len(alerts) == batch.events == batch.messages - batch.repeated
        assert len({alert["rule"] for alert in alerts}) <= 1
        used |= {alert["rule"] for alert in alerts}
        ids.update(alert["output_fields"]["ka.auditid"] for alert in alerts)
    assert used == {"old", "new"}
    everything = {f"id-{at}" for at in range((PAGES + 1) * EVENTS_OF_A_PAGE // 2)}
    assert ids == Counter(everything)
    assert numbering.last == len(everything)


def test_a_batch_keeps_the_rules_that_made_it() -> None:
    numbering = _core.Numbering()
    reader = _core.Scanner(rule_set(plan("old")), numbering)
    batch = reader.scan_page(body(0), ORIGIN)
    kept = [batch.alert(index).id for index in range(batch.alert_count)]
    reader.rules = rule_set(plan("new"))
    other = reader.scan_page(body(0), ORIGIN)
    assert [batch.alert(index).id for index in range(batch.alert_count)] == kept
    assert not {other.alert(index).id for index in range(other.alert_count)} & set(kept)
    assert b'"old"' in batch.alert(0).body


def test_a_module_of_other_rules_is_refused_and_the_interpreter_goes_on() -> None:
    changed = plan_of(rule("changed", "ka.verb = get").encode())
    rules = rule_set(plan("old"))
    with pytest.raises(ValueError, match="compiled from other rules"):
        rules.attach(compiled(changed))
    assert not rules.compiled
    assert _core.Scanner(rules, _core.Numbering()).scan_page(body(0), ORIGIN).alert_count == EVENTS_OF_A_PAGE
