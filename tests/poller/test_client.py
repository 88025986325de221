"""The client against a real HTTP server, with the botocore that is installed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from falcoeks_fast.bench.fake_cloudwatch.server import FakeServer
from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore
from falcoeks_fast.poller import client as client_module
from falcoeks_fast.poller.client import HOOKS, LogsClient, rewritten
from falcoeks_fast.poller.failures import FetchFailed, Kind
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.session import AwsAccess


class Place:
    def __init__(self, service: FakeCloudWatch, store: LogStore, client: LogsClient) -> None:
        self.service = service
        self.store = store
        self.client = client

    def fails(self, *, token: str | None = None) -> Kind:
        with pytest.raises(FetchFailed) as caught:
            self.client.fetch(0, 2_000, token)
        return caught.value.failure.kind


@pytest.fixture
def place(no_aws: Path, cluster: Cluster) -> Iterator[Place]:
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0)
    store = service.groups[cluster.log_group] = LogStore([])
    with FakeServer(service) as server:
        access = AwsAccess(replace(cluster, endpoint_url=server.url), read_timeout_s=5.0)
        yield Place(service, store, LogsClient(cluster, access, stream_prefix="kube-apiserver-audit-"))


def test_installed_botocore_speaks_json_and_calls_the_hook_by_a_name_we_know(no_aws: Path) -> None:
    session = botocore.session.get_session()
    model = session.get_service_model("logs")
    assert model.resolved_protocol == "json"
    assert f"before-parse.{model.service_id.hyphenize()}.FilterLogEvents" in HOOKS


def test_the_body_is_taken_as_it_was_sent(place: Place) -> None:
    odd = 'kind "Event" \\ \u2028 \N{PILE OF POO} \x00 \x7f'
    place.store.put_text(1_000, odd)
    place.store.put_text(1_001, "{}", stream=1)
    served: list[bytes] = []
    ask = place.service.filter_log_events

    def spy(parameters: dict[str, Any], now_ms: int) -> Any:
        answer = ask(parameters, now_ms)
        served.append(answer.body)
        return answer

    place.service.filter_log_events = spy  # type: ignore[method-assign]
    fetched = place.client.fetch(0, 2_000, None)
    assert fetched.body == served[0]
    assert [event["message"] for event in json.loads(fetched.body)["events"]] == [odd, "{}"]
    assert abs(fetched.server_time_ms - time.time() * 1000) < 60_000


def test_parameters_reach_the_service(place: Place) -> None:
    for at in (999, 1_000, 1_500, 1_501):
        place.store.put_text(at, str(at))
    body = json.loads(place.client.fetch(1_000, 1_500, None).body)
    assert [event["message"] for event in body["events"]] == ["1000", "1500"]
    place.service.faults.partial_page = 1.0
    first = json.loads(place.client.fetch(0, 2_000, None).body)
    place.service.faults.partial_page = 0.0
    second = json.loads(place.client.fetch(0, 2_000, first["nextToken"]).body)
    assert [event["message"] for event in first["events"] + second["events"]] == ["999", "1000", "1500", "1501"]


def test_without_the_hook_botocores_own_result_is_the_same_document(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.store.put_text(1_000, 'a "quoted" \N{SNOWMAN} message')
    with_hook = place.client.fetch(0, 2_000, None).body
    monkeypatch.setattr(client_module, "HOOKS", ("before-parse.elsewhere.FilterLogEvents",))
    place.client.renew()
    without = place.client.fetch(0, 2_000, None).body
    assert json.loads(without) == json.loads(with_hook)


def test_another_protocol_is_left_to_botocore(place: Place) -> None:
    taken = {"body": b"\xbf\x66events", "status_code": 200}
    place.client._take_body(response_dict=taken)
    assert taken["body"] == b"\xbf\x66events"


def test_rewritten_leaves_the_metadata_out() -> None:
    response = {"events": [{"message": "\u20ac"}], "nextToken": "t", "ResponseMetadata": {"HTTPStatusCode": 200}}
    assert json.loads(rewritten(response)) == {"events": [{"message": "\u20ac"}], "nextToken": "t"}


def fault(**settings: object) -> Callable[[Place], None]:
    def apply(place: Place) -> None:
        for name, value in settings.items():
            setattr(place.service.faults, name, value)

    return apply


@pytest.mark.parametrize(
    ("prepare", "kind"),
    [
        (fault(throttle=1.0), Kind.throttled),
        (fault(server_error=1.0), Kind.service),
        (fault(denied=True), Kind.access_denied),
        (fault(missing=True), Kind.missing_group),
        (fault(expired=True), Kind.credentials),
    ],
)
def test_what_aws_refuses(place: Place, prepare: Callable[[Place], None], kind: Kind) -> None:
    prepare(place)
    assert place.fails() is kind
    # One call each: botocore must not spend the budget with retries of its own.
    assert place.service.served.calls == 1


def test_a_token_that_does_not_fit(place: Place) -> None:
    assert place.fails(token="invented") is Kind.bad_token


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_body_that_breaks_off_is_no_page(no_aws: Path, cluster: Cluster, seed: int) -> None:
    # By reset or by an orderly end: botocore itself takes the second for a whole body.
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0, seed=seed)
    service.groups[cluster.log_group] = store = LogStore([])
    store.put_text(1_000, "x" * 100_000)
    service.faults.reset = 1.0
    with FakeServer(service) as server:
        access = AwsAccess(replace(cluster, endpoint_url=server.url), read_timeout_s=5.0)
        client = LogsClient(cluster, access, stream_prefix="kube-apiserver-audit-")
        with pytest.raises(FetchFailed) as caught:
            client.fetch(0, 2_000, None)
        assert caught.value.failure.kind is Kind.network
        service.faults.reset = 0.0
        assert len(json.loads(client.fetch(0, 2_000, None).body)["events"]) == 1


def test_nobody_listens(no_aws: Path, cluster: Cluster) -> None:
    with FakeServer(FakeCloudWatch()) as server:
        url = server.url
    access = AwsAccess(replace(cluster, endpoint_url=url), connect_timeout_s=1.0)
    client = LogsClient(cluster, access, stream_prefix="kube-apiserver-audit-")
    with pytest.raises(FetchFailed) as caught:
        client.fetch(0, 1, None)
    assert caught.value.failure.kind is Kind.network
    assert not caught.value.failure.fatal


def test_no_credentials(no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    client = LogsClient(cluster, AwsAccess(cluster), stream_prefix="kube-apiserver-audit-")
    with pytest.raises(FetchFailed) as caught:
        client.fetch(0, 1, None)
    assert caught.value.failure.kind is Kind.credentials
    assert not caught.value.failure.fatal


def test_a_profile_that_does_not_exist_can_never_work(no_aws: Path, cluster: Cluster) -> None:
    absent = replace(cluster, profile="absent")
    client = LogsClient(absent, AwsAccess(absent), stream_prefix="kube-apiserver-audit-")
    with pytest.raises(FetchFailed) as caught:
        client.fetch(0, 1, None)
    assert caught.value.failure.fatal
    assert "absent" in caught.value.failure.text
    assert client.identity() == ("", "")
