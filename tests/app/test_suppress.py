"""Repeats of alerts that are held back: what goes out, what is counted, what is said."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.app.suppress import Suppressor
from falcoeks_fast.app.suppress_keys import KeyStyle, added_outputs
from falcoeks_fast.config import ConfigError, load_config
from falcoeks_fast.config.model import SuppressEntry
from falcoeks_fast.engine.outputs.parcel import Alert, BatchParcel

from .tools import ROOT, RULE, event, run, started, until, write

RULES = ("Noisy", "Other")
FRESH = lambda _id: False  # noqa: E731
IN_FIELDS = KeyStyle(in_fields=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Batch:
    """Implements `NativeBatch`: alerts of rule and user, with ids of their own or given ones."""

    made = 0

    def __init__(self, *alerts: tuple[int, str], ids: tuple[str, ...] = ()) -> None:
        self._alerts = []
        for number, (rule, user) in enumerate(alerts):
            Batch.made += 1
            body = json.dumps({"rule": RULES[rule], "output_fields": {"ka.user.name": user}}).encode()
            self._alerts.append(_Native(body, rule, ids[number] if ids else f"{Batch.made:032x}"))
        self.alert_count = len(self._alerts)
        self.text = b"".join(alert.body + b"\n" for alert in self._alerts)

    def alert(self, index: int) -> Any:
        return self._alerts[index]


class _Native:
    def __init__(self, body: bytes, rule_index: int, key: str) -> None:
        self.body, self.rule_index, self.id = body, rule_index, key


def suppressor(clock: Clock, *entries: SuppressEntry, limit: int = 1000) -> Suppressor:
    return Suppressor(entries or [SuppressEntry("Noisy", ("ka.user.name",), 60)], IN_FIELDS, limit=limit, clock=clock)


def users(batch: Any) -> list[str]:
    found = []
    for index in range(batch.alert_count):
        found.append(json.loads(batch.alert(index).body)["output_fields"]["ka.user.name"])
    return found


def test_the_first_alert_of_a_window_goes_out_and_repeats_are_counted() -> None:
    clock = Clock()
    it = suppressor(clock)
    kept = it.filtered(Batch((0, "a"), (0, "a"), (1, "a"), (0, "b"), (0, "a"), (1, "a")), RULES, FRESH)
    assert users(kept) == ["a", "a", "b", "a"], "another rule, another user: no repeats"
    assert (kept.held_back, kept.text.count(b"\n")) == (2, 4)
    clock.now += 59
    assert it.filtered(Batch((0, "a")), RULES, FRESH).alert_count == 0
    assert it.ended() == []
    clock.now += 1
    (window,) = it.ended()
    assert (window.rule, window.fields, window.count) == ("Noisy", (("ka.user.name", "a"),), 3)
    assert window.text == "3 repeats of rule 'Noisy' with ka.user.name=a held back in 60 s"
    assert it.filtered(Batch((0, "a")), RULES, FRESH).alert_count == 1, "a new window"
    clock.now += 100
    assert it.ended() == [], "nothing was held back in it"


def test_without_fields_every_alert_of_the_rule_is_a_repeat() -> None:
    it = suppressor(Clock(), SuppressEntry("Noisy", (), 60))
    assert users(it.filtered(Batch((0, "a"), (0, "b"), (1, "c")), RULES, FRESH)) == ["a", "c"]


def test_an_entry_for_all_rules_gives_way_to_one_that_names_the_rule() -> None:
    it = suppressor(Clock(), SuppressEntry("*", (), 60), SuppressEntry("Noisy", ("ka.user.name",), 60))
    kept = it.filtered(Batch((0, "a"), (0, "b"), (1, "c"), (1, "d")), RULES, FRESH)
    assert users(kept) == ["a", "b", "c"]


def test_a_page_that_is_read_again_gives_the_same() -> None:
    clock = Clock()
    it = suppressor(clock)
    page = Batch((0, "a"), (0, "a"), (0, "a"))
    first = it.filtered(page, RULES, FRESH)
    it.take_back(first)
    again = it.filtered(page, RULES, FRESH)
    assert again.text == first.text
    clock.now += 60
    assert [window.count for window in it.ended()] == [2], "not counted twice"


def test_alerts_of_before_a_restart_are_no_repeats() -> None:
    clock = Clock()
    it = suppressor(clock)
    old = Batch((0, "a"), (0, "a"), ids=("1" * 32, "2" * 32))
    kept = it.filtered(old, RULES, lambda key: True)
    assert kept.alert_count == 2
    assert it.filtered(Batch((0, "a")), RULES, FRESH).alert_count == 1, "they opened no window"


def test_memory_is_bounded_and_windows_that_end_early_say_so() -> None:
    clock = Clock()
    it = suppressor(clock, limit=10)
    for number in range(1000):
        it.filtered(Batch((0, str(number)), (0, str(number))), RULES, FRESH)
    ended = it.ended()
    assert len(ended) == 990
    assert "lack of memory" in ended[0].text
    assert len(it.end_all()) == 10


def test_values_cannot_be_shifted_from_one_field_to_the_next() -> None:
    it = Suppressor([SuppressEntry("Noisy", ("ka.user.name", "ka.verb"), 60)], IN_FIELDS, clock=Clock())

    def one(user: str, verb: str) -> Batch:
        batch = Batch((0, user))
        body = json.dumps({"output_fields": {"ka.user.name": user, "ka.verb": verb}}).encode()
        batch._alerts[0].body = body
        return batch

    assert it.filtered(one("ab", "c"), RULES, FRESH).alert_count == 1
    assert it.filtered(one("a", "bc"), RULES, FRESH).alert_count == 1
    assert it.filtered(one("a", "bc"), RULES, FRESH).alert_count == 0


def test_a_filtered_batch_makes_a_parcel() -> None:
    kept = suppressor(Clock()).filtered(Batch((0, "a"), (0, "a"), (1, "b")), RULES, FRESH)
    parcel = BatchParcel(kept, [4, 5])
    assert [it.priority for it in parcel.alerts()] == [4, 5]
    assert all(isinstance(it, Alert) for it in parcel.alerts())


SUPPRESS = "- {rule: Every get, by: [ka.user.name], window: 1h}"


def program(tmp_path: Path, *more: str, users: str = "aabaac") -> tuple[str, str]:
    """The alerts and messages of a run over events of these users."""
    rules = write(tmp_path / "rules.yaml", RULE)
    lines = "".join(json.dumps(event(n, user=user)) + "\n" for n, user in enumerate(users))
    events = write(tmp_path / "events.jsonl", lines)
    config = write(tmp_path / "falco.yaml", f"stdout_output: {{enabled: true}}\nfalcoeks:\n  suppress:\n  {SUPPRESS}\n")
    options = ["-o", f"falcoeks.state_dir={tmp_path}/state", "-o", "falcoeks.compile=off"]
    outcome = run("run", "-c", config, "-r", rules, "--events", events, *options, *more)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.partition("Events detected")[0], outcome.stdout


def test_text_alerts_look_as_without_the_setting(tmp_path: Path) -> None:
    shown, everything = program(tmp_path)
    lines = shown.splitlines()
    alerts = [line.partition("Warning ")[2] for line in lines if "Warning" in line]
    assert alerts == [
        f"got user={user} id=00000000-0000-0000-0000-{n:012d}" for n, user in ((0, "a"), (2, "b"), (5, "c"))
    ]
    (said,) = [line for line in lines if "held back" in line]
    assert "3 repeats of rule 'Every get' with ka.user.name=a held back" in said
    assert "Every get: 6" in everything, "they are counted"


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("-o", "json_include_output_fields_property=false"),
        ("-o", "json_include_output_fields_property=false", "-o", "json_include_message_property=true"),
    ],
)
def test_json_alerts(tmp_path: Path, more: tuple[str, ...]) -> None:
    shown, _ = program(tmp_path, "-o", "json_output=true", *more)
    alerts = [json.loads(line) for line in shown.splitlines()]
    said = [alert for alert in alerts if alert["source"] == "internal"]
    shown_alerts = [alert for alert in alerts if alert["source"] != "internal"]
    assert [alert["output"][-1] for alert in shown_alerts] == ["0", "2", "5"]
    assert [alert["output_fields"]["falcoeks.held_back"] for alert in said] == [3]
    if more[2:]:
        assert [alert["message"][-1] for alert in shown_alerts] == ["0", "2", "5"]


def test_a_reload_does_not_end_windows(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    config = write(tmp_path / "falco.yaml", f"stdout_output: {{enabled: true}}\nfalcoeks:\n  suppress:\n  {SUPPRESS}\n")
    (tmp_path / "state").mkdir()
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    options = ["-o", f"falcoeks.state_dir={tmp_path}/state", "-o", "falcoeks.compile=off", "-o", "json_output=true"]
    with started("run", "-c", config, "-r", rules, "--events", str(pipe), *options, cwd=tmp_path) as process:
        with open(pipe, "w") as stream:
            stream.write(json.dumps(event(0)) + "\n")
            stream.flush()
            until(lambda: '"rule":"Every get"' in process.out, "the first alert")
            process.send(signal.SIGHUP)
            process.logs("Now 1 rules")
            stream.write(json.dumps(event(1)) + "\n")
            stream.flush()
        assert process.process.wait(20) == 0
        until(lambda: "Events detected" in process.out, "the end")
    assert process.out.count('"rule":"Every get"') == 1
    assert '"falcoeks.held_back":1' in process.out


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("- {by: [ka.verb]}", "needs 'rule'"),
        ("- {rule: A, window: soon}", "must be a time such as 10m, not 'soon'"),
        ("- {rule: A, keep: last}", "must be first, not 'last'"),
        ("- {rule: A}\n  - {rule: A}", "two entries for rule 'A'"),
    ],
)
def test_mistakes_in_the_setting_are_said_with_their_place(tmp_path: Path, entry: str, said: str) -> None:
    config = write(tmp_path / "falco.yaml", f"falcoeks:\n  suppress:\n  {entry}\n")
    with pytest.raises(ConfigError, match=r"falco\.yaml.*:\d") as caught:
        load_config(config, ())
    assert said in str(caught.value)


def test_an_unknown_field_is_named(tmp_path: Path) -> None:
    config = write(tmp_path / "falco.yaml", "falcoeks:\n  suppress:\n  - {rule: A, by: [ka.user.nam]}\n")
    with pytest.raises(ConfigError, match=r"no field 'ka.user.nam'; did you mean 'ka.user.name'"):
        added_outputs(load_config(config, ()))


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "delivery.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    config = load_config(write(tmp_path / "falco.yaml", example), ())
    assert [(entry.rule, entry.window_s) for entry in config.own.suppress] == [
        ("EKS secret read by a person", 600),
        ("*", 60),
    ]
    assert len(added_outputs(config)) == 2
