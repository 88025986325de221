"""Pages and lines to outputs: ids are remembered only once alerts are accepted, and nothing is delivered twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from falcoeks_fast.app.delivery import Delivery
from falcoeks_fast.app.evaluation import Evaluation
from falcoeks_fast.app.generation import Generation, make_generation
from falcoeks_fast.app.held_back import EVERY_OUTPUT, HeldBack
from falcoeks_fast.app.line_sink import EngineLineSink
from falcoeks_fast.app.page_sink import EnginePageSink
from falcoeks_fast.config import load_config
from falcoeks_fast.engine.outputs.dispatcher import NotAcceptedError
from falcoeks_fast.engine.outputs.parcel import Parcel
from falcoeks_fast.engine.statistics import RuleFacts, Statistics, exit_statistics
from falcoeks_fast.poller.page import Cluster, Page
from falcoeks_fast.rules import RuleFile, load_rules

from .tools import RULE, event

CLUSTER = Cluster("prod", "eu-west-1", "123456789012")


class FakeDispatcher:
    """Keeps what each of two outputs got; `futures` are decided by the test."""

    def __init__(self) -> None:
        self.got: dict[str, list[str]] = {"file": [], "http": []}
        self.futures: list[Future[None]] = []
        self.refusing = False

    def submit(
        self, parcel: Parcel, *, wait: bool = False, instead: Mapping[str, Parcel] | None = None
    ) -> Future[None]:
        for name, got in self.got.items():
            if name == "http" and self.refusing:
                continue
            own = (instead or {}).get(name, parcel)
            got += [alert.body.decode().rpartition("-")[2] for alert in own.alerts()]
        future: Future[None] = Future()
        self.futures.append(future)
        if self.refusing:
            future.set_exception(NotAcceptedError(frozenset({"http"}), frozenset({"file"})))
        return future


class Bench:
    """Sinks over a fake dispatcher and the real core."""

    def __init__(self, rules: str = RULE) -> None:
        self.dispatcher = FakeDispatcher()
        self.statistics = Statistics()
        self.evaluation = Evaluation(generation(rules), max_event_size_bytes=0, prefilter=True)
        self.delivery = Delivery(self.dispatcher, self.statistics)  # type: ignore[arg-type]
        self.pages = EnginePageSink(self.evaluation, self.delivery)
        self.lines = EngineLineSink(self.evaluation, self.delivery, "k8saudit")


def generation(rules: str) -> Generation:
    result = load_rules([RuleFile("rules.yaml", rules.encode())])
    assert result.plan is not None, result.error_text
    return make_generation(load_config(None, environment={"HOME": "/"}), result.plan)


def page(*numbers: int) -> Page:
    events = [
        {
            "eventId": f"{number:056d}",
            "ingestionTime": 1_767_323_046_000,
            "logStreamName": "kube-apiserver-audit-1",
            "message": json.dumps(event(number)),
            "timestamp": 1_767_323_045_000 + number,
        }
        for number in numbers
    ]
    body = json.dumps({"events": events, "nextToken": "more", "searchedLogStreams": []}).encode()
    return Page(CLUSTER, body, "early", 0, 1, 2)


def last(*numbers: int) -> list[str]:
    return [f"{number:012d}" for number in numbers]


def test_a_page_is_counted_and_its_ids_become_permanent() -> None:
    bench = Bench()
    report = bench.pages.open(page(1, 2)).evaluate()
    assert bench.pages.open(page(1)).next_token == "more"
    assert (report.messages, report.fresh, report.repeated, report.alerts) == (2, 2, 0, 2)
    assert not report.accepted.done()
    bench.dispatcher.futures[0].set_result(None)
    report.accepted.result(1)
    again = bench.pages.open(page(2, 3)).evaluate()
    assert (again.fresh, again.repeated, again.alerts) == (1, 1, 1)
    assert bench.dispatcher.got["http"] == last(1, 2, 3)
    assert len({alert_id for alert_id, _ in (*report.alert_ids, *again.alert_ids)}) == 3
    assert again.alert_ids[0][1] == 1_767_323_045_003


def test_clusters_of_one_name_are_counted_apart() -> None:
    bench = Bench()
    sink = EnginePageSink(bench.evaluation, bench.delivery, ambiguous_names={CLUSTER.name})
    there = replace(CLUSTER, region="us-east-1", account="2")
    sink.open(page(1)).evaluate()
    sink.open(replace(page(1), cluster=there)).evaluate()
    assert len(sink.seen_ids()) == 2
    assert f"{CLUSTER.name} (us-east-1, 2)" in sink.seen_ids()
    assert [ids for ids, _ in sink.seen_ids().values()] == [1, 1]


def test_what_was_not_accepted_is_evaluated_again_and_reaches_only_who_missed_it() -> None:
    bench = Bench()
    bench.dispatcher.refusing = True
    failed = bench.pages.open(page(1, 2)).evaluate()
    assert isinstance(failed.accepted.exception(1), NotAcceptedError)
    bench.dispatcher.refusing = False
    again = bench.pages.open(page(1, 2, 3)).evaluate()
    assert (again.fresh, again.repeated) == (3, 0)
    assert bench.dispatcher.got == {"file": last(1, 2, 3), "http": last(1, 2, 3)}
    totals = bench.statistics.totals()
    assert totals.alerts == 3, "an alert is counted once"
    assert totals.events.unaccepted == 2


def test_alerts_of_before_a_restart_are_held_back() -> None:
    first = Bench()
    ids = first.pages.open(page(1, 2)).evaluate().alert_ids
    second = Bench()
    second.pages.restore(CLUSTER, list(ids[:1]))
    report = second.pages.open(page(1, 2)).evaluate()
    assert second.dispatcher.got["http"] == last(2)
    assert report.alerts == 2
    assert second.statistics.totals().alerts == 1
    assert second.statistics.totals().events.suppressed == 1
    second.pages.expire(CLUSTER, 1_767_323_200_000)
    second.pages.open(page(1)).evaluate()
    assert second.dispatcher.got["http"] == last(2, 1)


def test_clusters_do_not_share_ids() -> None:
    bench = Bench()
    bench.pages.open(page(1)).evaluate()
    other = Page(Cluster("other", "eu-west-1"), page(1).body, "early", 0, 1, 2)
    assert bench.pages.open(other).evaluate().fresh == 1
    assert bench.dispatcher.got["http"] == last(1, 1)


def test_no_page_is_an_error_and_counts_nothing() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match=r"."):
        bench.pages.open(Page(CLUSTER, b"<html>", "early", 0, 1, 2)).evaluate()
    assert not bench.dispatcher.futures


def test_rules_change_between_two_pages() -> None:
    bench = Bench()
    bench.pages.open(page(1)).evaluate()
    bench.evaluation.swap(generation(RULE.replace("got user", "new user")))
    bench.pages.open(page(2)).evaluate()
    bench.evaluation.swap(generation(RULE.replace("ka.verb = get", "ka.verb = nothing")))
    assert bench.pages.open(page(3)).evaluate().alerts == 0
    assert bench.dispatcher.got["file"] == last(1, 2)


def test_lines_leave_what_is_unfinished_and_count_what_is_odd(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    whole = json.dumps(event(1)).encode() + b"\nnot json\n[1]\n"
    rest = json.dumps(event(2)).encode()
    assert bench.lines.accept_lines(whole + rest[:20], False) == len(whole)
    assert bench.lines.accept_lines(rest, True) == len(rest)
    bench.lines.accept_payload(json.dumps({"kind": "EventList", "items": [event(3), event(4)]}).encode())
    counts = bench.statistics.totals().by_input["k8saudit"]
    assert (counts.events, counts.malformed, counts.not_audit) == (4, 1, 1)
    assert bench.dispatcher.got["file"] == last(1, 2, 3, 4)
    (said,) = [record.message for record in caplog.records if "is not JSON" in record.message]
    assert said.startswith("[k8saudit] ")


def test_only_the_first_odd_messages_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    for _ in range(20):
        bench.lines.accept_lines(b"nonsense\n", True)
    assert bench.statistics.totals().events.malformed == 20
    said = [record.message for record in caplog.records if "is not JSON" in record.message]
    assert len(said) == 3
    assert said[-1].endswith("further ones are only counted")


def test_held_back_alerts_are_bounded_and_forgotten() -> None:
    held = HeldBack(limit=2)
    assert held.add([("a", 1), ("b", 2), ("c", 3)], EVERY_OUTPUT) == 1
    assert held.outputs("a") == EVERY_OUTPUT
    assert held.outputs("c") == frozenset()
    held.forget_before(2)
    assert (held.outputs("a"), held.outputs("b")) == (frozenset(), EVERY_OUTPUT)


def facts(name: str, priority: int, **more: Any) -> RuleFacts:
    return RuleFacts(name, priority, **more)


def test_exit_statistics_are_falcos() -> None:
    statistics = Statistics()
    privileged, deployed, silent = facts("Create Privileged Pod", 3), facts("Deployed", 6), facts("Silent", 2)
    statistics.define([silent, privileged, deployed])
    from falcoeks_fast.engine.statistics import EventCounts

    statistics.add("x", EventCounts(events=9), [(deployed, 2)])
    statistics.add("x", EventCounts(), [(privileged, 1)])
    statistics.define([privileged, deployed])
    assert exit_statistics(statistics.totals()) == (
        "Events detected: 3\nRule counts by severity:\n   ERROR: 1\n   INFO: 2\n"
        "Triggered rules by rule name:\n   Create Privileged Pod: 1\n   Deployed: 2\n"
    )
    empty = "Events detected: 0\nRule counts by severity:\nTriggered rules by rule name:\n"
    assert exit_statistics(Statistics().totals()) == empty
