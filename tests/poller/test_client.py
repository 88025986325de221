"""The client against a real HTTP server, with the botocore that is installed: on connections of its own, and through
botocore's where a proxy or another protocol wants that."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    RefreshableCredentials,
)

from falcoeks_fast.bench.fake_cloudwatch.server import FakeServer
from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore
from falcoeks_fast.poller import client as client_module
from falcoeks_fast.poller import ordinary_call
from falcoeks_fast.poller.client import Fetched, LogsClient
from falcoeks_fast.poller.failures import FetchFailed, Kind
from falcoeks_fast.poller.ordinary_call import HOOKS, OrdinaryCall, rewritten
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.page_buffer import PageBuffer
from falcoeks_fast.poller.session import AwsAccess
from falcoeks_fast.poller.signed_request import prepared_request
from falcoeks_fast.poller.wires import Wires

PREFIX = "kube-apiserver-audit-"


class Place:
    def __init__(self, service: FakeCloudWatch, store: LogStore, client: LogsClient) -> None:
        self.service = service
        self.store = store
        self.client = client

    def fetch(self, start_ms: int, end_ms: int, token: str | None = None) -> Fetched:
        return self.client.fetch(start_ms, end_ms, token, PageBuffer())

    def document(self, start_ms: int, end_ms: int, token: str | None = None) -> Any:
        return json.loads(bytes(self.fetch(start_ms, end_ms, token).body))

    def fails(self, *, token: str | None = None) -> Kind:
        with pytest.raises(FetchFailed) as caught:
            self.fetch(0, 2_000, token)
        return caught.value.failure.kind


@pytest.fixture(params=["direct", "ordinary"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How calls go. The other way is shut."""
    if request.param == "ordinary":
        monkeypatch.setattr(AwsAccess, "address", lambda self, url: None)
        monkeypatch.delattr(Wires, "exchange")
    else:
        monkeypatch.delattr(OrdinaryCall, "__call__")
    return str(request.param)


@pytest.fixture
def place(no_aws: Path, cluster: Cluster, way: str) -> Iterator[Place]:
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0)
    store = service.groups[cluster.log_group] = LogStore([])
    with FakeServer(service) as server:
        access = AwsAccess(replace(cluster, endpoint_url=server.url), read_timeout_s=5.0)
        yield Place(service, store, LogsClient(cluster, access, stream_prefix=PREFIX))


def test_installed_botocore_speaks_json_and_calls_the_hooks_by_names_we_know(no_aws: Path, cluster: Cluster) -> None:
    session = botocore.session.get_session()
    model = session.get_service_model("logs")
    assert model.resolved_protocol == "json"
    assert f"before-parse.{model.service_id.hyphenize()}.FilterLogEvents" in HOOKS
    client = AwsAccess(cluster).logs_client()
    arguments = {"logGroupName": "/aws/eks/prod/cluster"}
    assert prepared_request(client, arguments) is not None
    assert prepared_request(client, arguments) is not None, "the first call has left nothing behind"


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
    fetched = place.fetch(0, 2_000)
    assert bytes(fetched.body) == served[0]
    assert [event["message"] for event in json.loads(bytes(fetched.body))["events"]] == [odd, "{}"]
    assert abs(fetched.server_time_ms - time.time() * 1000) < 60_000


def test_parameters_reach_the_service(place: Place) -> None:
    for at in (999, 1_000, 1_500, 1_501):
        place.store.put_text(at, str(at))
    body = place.document(1_000, 1_500)
    assert [event["message"] for event in body["events"]] == ["1000", "1500"]
    place.service.faults.partial_page = 1.0
    first = place.document(0, 2_000)
    place.service.faults.partial_page = 0.0
    second = place.document(0, 2_000, first["nextToken"])
    assert [event["message"] for event in first["events"] + second["events"]] == ["999", "1000", "1500", "1501"]


def test_without_the_hook_botocores_own_result_is_the_same_document(
    place: Place, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.store.put_text(1_000, 'a "quoted" \N{SNOWMAN} message')
    with_hook = place.document(0, 2_000)
    monkeypatch.setattr(ordinary_call, "HOOKS", ("before-parse.elsewhere.FilterLogEvents",))
    place.client.renew()
    assert place.document(0, 2_000) == with_hook


def test_another_protocol_is_left_to_botocore(no_aws: Path, cluster: Cluster) -> None:
    taken = {"body": b"\xbf\x66events", "status_code": 200}
    OrdinaryCall(AwsAccess(cluster).logs_client()).take_body(response_dict=taken)
    assert taken["body"] == b"\xbf\x66events"


def test_where_botocore_gives_no_request_away_it_makes_the_call(
    no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "prepared_request", lambda client, arguments: None)
    monkeypatch.delattr(Wires, "exchange")
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0)
    service.groups[cluster.log_group] = LogStore([])
    with FakeServer(service) as server:
        access = AwsAccess(replace(cluster, endpoint_url=server.url))
        client = LogsClient(cluster, access, stream_prefix=PREFIX)
        assert json.loads(bytes(client.fetch(0, 1, None, PageBuffer()).body))["events"] == []


def test_a_proxy_is_used_as_botocore_uses_it(no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0)
    service.groups[cluster.log_group] = LogStore([])
    with FakeServer(service) as proxy:
        # The stand-in answers whatever it is asked for: reached by the name of AWS, it was reached as a proxy.
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        there = replace(cluster, endpoint_url="http://logs.eu-west-1.amazonaws.invalid")
        client = LogsClient(cluster, AwsAccess(there), stream_prefix=PREFIX)
        assert json.loads(bytes(client.fetch(0, 1, None, PageBuffer()).body))["events"] == []
        monkeypatch.setenv("NO_PROXY", "amazonaws.invalid")
        client.renew()
        with pytest.raises(FetchFailed, match="no connection"):
            client.fetch(0, 1, None, PageBuffer())


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
def test_a_body_that_breaks_off_is_no_page(no_aws: Path, cluster: Cluster, way: str, seed: int) -> None:
    # By reset or by an orderly end: botocore itself takes the second for a whole body.
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0, seed=seed)
    service.groups[cluster.log_group] = store = LogStore([])
    store.put_text(1_000, "x" * 100_000)
    service.faults.reset = 1.0
    with FakeServer(service) as server:
        access = AwsAccess(replace(cluster, endpoint_url=server.url), read_timeout_s=5.0)
        client = LogsClient(cluster, access, stream_prefix=PREFIX)
        with pytest.raises(FetchFailed) as caught:
            client.fetch(0, 2_000, None, PageBuffer())
        assert caught.value.failure.kind is Kind.network
        service.faults.reset = 0.0
        assert len(json.loads(bytes(client.fetch(0, 2_000, None, PageBuffer()).body))["events"]) == 1


def test_nobody_listens(no_aws: Path, cluster: Cluster, way: str) -> None:
    with FakeServer(FakeCloudWatch()) as server:
        url = server.url
    access = AwsAccess(replace(cluster, endpoint_url=url), connect_timeout_s=1.0)
    client = LogsClient(cluster, access, stream_prefix=PREFIX)
    with pytest.raises(FetchFailed) as caught:
        client.fetch(0, 1, None, PageBuffer())
    assert caught.value.failure.kind is Kind.network
    assert not caught.value.failure.fatal


def test_no_credentials(no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    client = LogsClient(cluster, AwsAccess(cluster), stream_prefix=PREFIX)
    with pytest.raises(FetchFailed) as caught:
        client.fetch(0, 1, None, PageBuffer())
    assert caught.value.failure.kind is Kind.credentials
    assert not caught.value.failure.fatal


def test_credentials_that_come_expired_are_said_and_asked_for_again(
    place: Place, no_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As from a metadata service, where the clock of this machine is wrong.
    expiry = [datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)]

    class Metadata(CredentialProvider):
        METHOD = "iam-role"

        def load(self) -> RefreshableCredentials:
            def fetch() -> dict[str, str]:
                keys = {"access_key": "AKIAINVENTED", "secret_key": "invented", "token": ""}
                return {**keys, "expiry_time": expiry[0].isoformat()}

            return DeferredRefreshableCredentials(fetch, "iam-role")

    monkeypatch.setattr(
        "botocore.session.Session.get_credentials", lambda self: CredentialResolver([Metadata()]).load_credentials()
    )
    with pytest.raises(FetchFailed, match=r"still expired.*look at the clock") as caught:
        place.fetch(0, 1)
    assert caught.value.failure.kind is Kind.credentials
    assert not caught.value.failure.fatal
    expiry[0] += datetime.timedelta(hours=6)
    place.client.renew()
    assert place.document(0, 1)["events"] == []


def test_a_profile_that_does_not_exist_can_never_work(no_aws: Path, cluster: Cluster) -> None:
    absent = replace(cluster, profile="absent")
    client = LogsClient(absent, AwsAccess(absent), stream_prefix=PREFIX)
    with pytest.raises(FetchFailed) as caught:
        client.fetch(0, 1, None, PageBuffer())
    assert caught.value.failure.fatal
    assert "absent" in caught.value.failure.text
    assert client.identity() == ("", "")
