"""What is fuzzed: one class with a method for each part of the core that takes bytes from outside.

In: a source of chance. Out: nothing, or an AssertionError that says what differs. Called by `run` and by the short fuzz
of the test suite. Each method returns how many inputs it tried.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from falcoeks_fast.engine import _core

from .hostile import HostileRules
from .mutate import flip, mutate
from .pages import page
from .rulesets import RuleSource, rule_sources
from .texts import seeds

ORIGIN = _core.Origin(cluster="c", account="1", region="r", log_group="g")
COUNTS = ("events", "messages", "malformed", "not_audit", "bad_time", "oversize", "truncated")
MAX_SIZE_BYTES = 2000
NUMBERED = ("fields", "recorded conditions")  # the rule sets whose alerts show evt.num
DEEPEST = 250  # of a body; the core takes 300
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
# A time that Falco takes for the first moment there is; in a page CloudWatch's own stands for it.
_BEFORE_1970 = re.compile(rb"(?:0\d\d|1[0-8]\d|19[0-6])\d-\d\d-\d\dT")
_HALF = re.compile("[\ud800-\udfff]")


def scanner(rules: _core.RuleSet, *, prefilter: bool = False, max_event_size_bytes: int = 0) -> _core.Scanner:
    return _core.Scanner(rules, _core.Numbering(), prefilter=prefilter, max_event_size_bytes=max_event_size_bytes)


def counts(batch: _core.Batch) -> dict[str, int]:
    return {name: getattr(batch, name) for name in COUNTS}


class Targets:
    def __init__(self, *, compiled: bool = False) -> None:
        self.sources = rule_sources(compiled=compiled)
        self.seeds = seeds()
        self.hostile = HostileRules()
        self.sets = {source.name: source.rule_set(compiled=compiled) for source in self.sources}
        self.interpreted = {source.name: source.rule_set() for source in self.sources}
        self.text_sets = [
            self._source(name).rule_set(json_output=False, raw_text=raw)
            for name in ("fields", "pack")
            for raw in (False, True)
        ]
        self.lean = {
            name: source for name, source in ((s.name, s) for s in self.sources) if len(source.plan.rules) < 100
        }
        self.timeless = [source for source in self.sources if source.timeless]
        # Kept from input to input, so that what one leaves behind meets the next.
        self.scanners = {name: scanner(rules) for name, rules in self.sets.items()}
        self.prefiltering = {name: scanner(rules, prefilter=True) for name, rules in self.sets.items()}
        self.wires = [self._source(name).plan.wire() for name in ("pack", "operators")]
        self.digests = [self._source(name).plan.predicate_digest() for name in ("pack", "operators")]

    def _source(self, name: str) -> RuleSource:
        return next(source for source in self.sources if source.name == name)

    def _some_source(self, chance: random.Random) -> RuleSource:
        """Mostly one of few rules."""
        return chance.choice(self.sources if chance.random() < 0.15 else list(self.lean.values()))

    def payload(self, chance: random.Random) -> int:
        """One text, alerts as JSON: used scanner and fresh one, compiled rules and interpreter agree."""
        text = mutate(chance, self.seeds)
        source = self._some_source(chance)
        batch = self.scanners[source.name].scan_payload(text, ORIGIN)
        assert batch.messages == 1
        assert batch.consumed == len(text)
        check_json(batch)
        fresh = scanner(self.interpreted[source.name]).scan_payload(text, ORIGIN)
        assert counts(fresh) == counts(batch)
        assert fresh.rule_counts == batch.rule_counts
        return 1

    def plain_text(self, chance: random.Random) -> int:
        """Alerts as text."""
        text = mutate(chance, self.seeds, gentle=True)
        rules = chance.choice(self.text_sets)
        batch = scanner(rules).scan_payload(text, ORIGIN)
        assert sum(len(batch.alert(i).body) + 1 for i in range(batch.alert_count)) == len(batch.text)
        if rules in self.text_sets[::2]:
            assert batch.text.count(b"\n") == batch.alert_count
        return 1

    def lines(self, chance: random.Random) -> int:
        """A chunk gives the same in one go and in pieces."""
        texts = [mutate(chance, self.seeds) for _ in range(chance.choice((2, 4, 8)))]
        chunk = chance.choice((b"\n", b"\r\n", b"\n\n")).join(texts) + chance.choice((b"", b"\n"))
        rules = self.sets[self._some_source(chance).name]
        limit = chance.choice((0, 0, MAX_SIZE_BYTES))
        whole = scanner(rules, max_event_size_bytes=limit).scan_lines(chunk, ORIGIN, last=True)
        assert whole.consumed == len(chunk)
        check_json(whole)
        reader = scanner(rules, max_event_size_bytes=limit)
        out, total, rest = b"", Counter[str](), b""
        step = chance.choice((1, 100, 5000)) if len(chunk) < 20_000 else 5000
        for at in range(0, len(chunk), max(step, len(chunk) // 50)):
            rest += chunk[at : at + max(step, len(chunk) // 50)]
            batch = reader.scan_lines(rest, ORIGIN)
            rest = rest[batch.consumed :]
            out += batch.text
            total.update(counts(batch))
        batch = reader.scan_lines(rest, ORIGIN, last=True)
        total.update(counts(batch))
        assert out + batch.text == whole.text
        assert dict(total) == counts(whole)
        return len(texts)

    def page(self, chance: random.Random) -> int:
        """The prefilter changes no alert; a message in a page gives what it gives by itself."""
        texts = [mutate(chance, self.seeds, gentle=chance.random() < 0.5) for _ in range(chance.choice((1, 4, 16)))]
        source = self._some_source(chance)
        rules = self.sets[source.name]
        body = page(texts, chance)
        off = scanner(rules).scan_page(body, ORIGIN)
        on = self.prefiltering[source.name].scan_page(body, ORIGIN)
        assert on.rule_counts == off.rule_counts
        assert on.text == off.text or source.name in NUMBERED
        assert (on.messages, off.prefiltered) == (off.messages, 0)
        if on.events - on.prefiltered > off.events or off.bad_time + off.malformed + off.truncated == 0:
            assert counts(on) == counts(off)
        if source.timeless and off.truncated == 0 and not any(map(_BEFORE_1970.search, texts)):
            reader = scanner(rules)
            alone = [reader.scan_payload(text, ORIGIN) for text in texts]
            assert b"".join(batch.text for batch in alone) == off.text
            total = Counter[str]()
            for batch in alone:
                total.update(counts(batch))
            assert {name: total[name] for name in COUNTS} == counts(off)
        return len(texts)

    def body(self, chance: random.Random) -> int:
        """A damaged body: what `json` takes is taken, with the same messages; else it is refused, or harmless."""
        texts = [mutate(chance, self.seeds, gentle=True) for _ in range(chance.choice((0, 1, 3)))]
        whole = page(texts, chance, chance.choice((b"", b"token", b'a\\/"\xc3\xa9')))
        body = flip(chance, whole) if chance.random() < 0.4 else mutate(chance, [whole])
        rules = self.sets["operators"]
        try:
            batch = scanner(rules).scan_page(body, ORIGIN)
        except ValueError:
            assert not is_page(body), "a page was refused"
            return 1
        split = _core.SplitPage(body)
        assert split.next_token == batch.next_token
        assert scanner(rules).scan_page(split, ORIGIN).text == batch.text
        parsed = parsed_page(body)
        if parsed is not None and is_page(body):
            events = parsed.get("events", [])
            assert batch.messages == len(events)
            assert batch.newest_ms == max((event.get("timestamp", 0) for event in events), default=-1)
            token = parsed.get("nextToken")
            assert batch.next_token == (_HALF.sub("\ufffd", token) if isinstance(token, str) else None)
            messages = [_HALF.sub("\ufffd", event["message"]).encode() for event in events if "message" in event]
            again = scanner(rules).scan_page(page(messages), ORIGIN)
            # The time of an event that was cut is that of its log event, which is another here.
            assert again.text == batch.text or batch.truncated
        return 1

    def cut(self, chance: random.Random) -> int:
        """Whatever is left of an event gives no alert that the whole does not give."""
        text = mutate(chance, self.seeds, gentle=True)
        source = chance.choice(self.timeless)
        reader = scanner(self.sets[source.name])
        whole = reader.scan_page(page([text]), ORIGIN)
        if whole.malformed or whole.truncated or whole.bad_time or whole.not_audit or _BEFORE_1970.search(text):
            return 1
        given = Counter(dict(whole.rule_counts))
        tries = 12
        for _ in range(tries):
            left = text[: chance.randrange(len(text))] + chance.choice((b"", b"[Truncated...]"))
            batch = reader.scan_page(page([left]), ORIGIN)
            more = Counter(dict(batch.rule_counts)) - given
            assert not more, f"{source.name}: {[source.plan.rules[i].name for i in more]} at {left[-60:]!r}"
        return tries

    def plan(self, chance: random.Random) -> int:
        """A damaged plan is refused, or what was made of it is safe to run."""
        which = chance.randrange(len(self.wires))
        wire = bytearray(self.wires[which])
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(wire))
            kind = chance.randrange(4)
            if kind == 0:
                wire[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                wire[at] = chance.choice((0, 1, 2, 3, 7, 0xFF))
            elif kind == 2:  # a number that means something
                head = wire.find(b"i", at)
                if 0 <= head < len(wire) - 9:
                    value = chance.choice((-1, 0, 1, 2, 3, 5, 8, 40, 2**31, 2**32, 2**63, 2**64 - 1))
                    wire[head + 1 : head + 9] = (value % 2**64).to_bytes(8, "little")
            else:
                wire = wire[:at] + chance.choice((b"", wire[at : at + 9] * 2)) + wire[at + 9 :]
        try:
            rules = _core.RuleSet(bytes(wire), self.digests[which], _core.Format(json_output=True), match_all=True)
        except _core.PlanError:
            return 1
        reader = scanner(rules, prefilter=True)
        for _ in range(3):
            reader.scan_page(page([mutate(chance, self.seeds)]), ORIGIN)
        return 1

    def all(self) -> list[tuple[int, Callable[[random.Random], int]]]:
        """Each target with how often its turn comes."""
        return [
            (30, self.payload),
            (8, self.plain_text),
            (8, self.lines),
            (30, self.page),
            (14, self.body),
            (8, self.cut),
            (4, self.plan),
            (1, self.hostile.rules),
            (1, self.hostile.rules_file),
        ]


def check_json(batch: _core.Batch) -> None:
    """Each alert is one line of JSON in UTF-8."""
    lines = batch.text.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == batch.alert_count
    for line in lines[:5] if len(lines) < 50 else lines[::50]:
        json.loads(line.decode())


def _no_double_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key stands twice")
    return members


def parsed_page(body: bytes) -> dict[str, Any] | None:
    """The body as `json` reads it; None where it does not, or where readers may differ."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_no_double_keys, strict=True)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def depth(body: bytes) -> int:
    """How deep brackets are nested."""
    deepest = now = 0
    for bracket in _STRING.sub(b"", body):
        now += (bracket in b"[{") - (bracket in b"]}")
        deepest = max(deepest, now)
    return deepest


def is_page(body: bytes) -> bool:
    """Whether a reader of the service's API would take this body without doubt."""
    value = parsed_page(body)
    if value is None or not isinstance(value.get("events", []), list):
        return False
    if not isinstance(value.get("nextToken", ""), str) or depth(body) > DEEPEST:
        return False
    kinds = {"message": str, "eventId": str, "logStreamName": str, "timestamp": int, "ingestionTime": int}
    for event in value.get("events", []):
        if not isinstance(event, dict):
            return False
        for key, kind in kinds.items():
            if key in event and (type(event[key]) is not kind or (kind is int and not 0 <= event[key] < 10**15)):
                return False
    return True
