"""The soak of delivery: what it counts as lost, repeated, out of order, and as a wrong id."""

from __future__ import annotations

import json
import urllib.request

import pytest

from falcoeks_fast.bench.alert_receiver import AlertReceiver, Arrived, free_port
from falcoeks_fast.bench.delivery_soak import Outcome, outcome_of


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        ("0a 1b 2c", Outcome(lost=0, repeated=0, disordered=0, wrong_ids=0)),
        ("0a 2c", Outcome(lost=1, repeated=0, disordered=0, wrong_ids=0)),
        ("0a 1b 0a 2c", Outcome(lost=0, repeated=1, disordered=0, wrong_ids=0)),
        ("0a 2c 1b", Outcome(lost=0, repeated=0, disordered=1, wrong_ids=0)),
        ("0a 1b 0x 2c", Outcome(lost=0, repeated=1, disordered=0, wrong_ids=1)),
        ("0a 1a 2c", Outcome(lost=0, repeated=0, disordered=0, wrong_ids=1)),
    ],
)
def test_what_is_counted(arrived: str, expected: Outcome) -> None:
    alerts = [Arrived(int(word[0]), word[1], word[1]) for word in arrived.split()]
    assert outcome_of(alerts, 3) == expected


def test_another_id_in_the_header_than_in_the_alert_is_wrong() -> None:
    assert outcome_of([Arrived(0, "a", "b")], 1).wrong_ids == 1


def test_the_receiver_notes_alerts_and_those_of_our_own_apart() -> None:
    port = free_port()
    receiver = AlertReceiver(port)
    try:
        for rule in ("Everything", "Falco internal: alerts dropped"):
            alert = {"rule": rule, "output": "x 000000000007", "output_fields": {"falcoeks.alert_id": "abc"}}
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/", json.dumps(alert).encode(), {"Falcoeks-Alert-Id": "abc"}
            )
            urllib.request.urlopen(request, timeout=10).close()
    finally:
        receiver.close()
    assert receiver.arrived == [Arrived(7, "abc", "abc")]
    assert receiver.internal == ["x 000000000007"]
