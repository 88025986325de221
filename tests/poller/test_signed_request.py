"""Requests signed for connections of our own: what arrives is what botocore would have sent."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import HTTPClientError, NoCredentialsError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.session import AwsAccess
from falcoeks_fast.poller.signed_request import SignedRequests, UnusualRequest, prepared_request

ARGUMENTS = {"logGroupName": "/aws/eks/prod/cluster", "startTime": 1, "endTime": 2, "limit": 10_000}


@pytest.fixture
def prepared(no_aws: Path, cluster: Cluster) -> AWSPreparedRequest:
    found = prepared_request(AwsAccess(cluster).logs_client(), ARGUMENTS)
    assert found is not None
    return found


def parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert len(headers) == len(lines)
    return first, headers, body


def signature(headers: dict[str, str], body: bytes, secret: str, region: str) -> str:
    """Signature Version 4, from AWS's description of it."""
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed.split(";"))
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    day = headers["x-amz-date"][:8]
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{day}/{region}/logs/aws4_request\n"
    text += hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (day, region, "logs", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def test_it_differs_from_botocores_own_only_where_each_call_does(prepared: AWSPreparedRequest) -> None:
    first, headers, body = parsed(
        SignedRequests(prepared).make(ReadOnlyCredentials("AKIAINVENTED", "invented", None), ARGUMENTS)
    )
    theirs = {str(name).lower(): value for name, value in prepared.headers.items()}
    theirs = {name: value.decode() if isinstance(value, bytes) else value for name, value in theirs.items()}
    of_one_call = {"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "x-amz-date", "authorization", "host"}
    assert {n: v for n, v in headers.items() if n not in of_one_call} == {
        n: v for n, v in theirs.items() if n not in of_one_call
    }
    assert first == "POST / HTTP/1.1"
    assert headers["host"] == "logs.eu-west-1.amazonaws.com"
    assert headers["content-length"] == str(len(body))
    assert json.loads(body) == json.loads(prepared.body) == ARGUMENTS
    mine, other = (one["authorization"].partition("Signature=")[0] for one in (headers, theirs))
    assert mine.replace(headers["x-amz-date"][:8], "day") == other.replace(theirs["x-amz-date"][:8], "day")


KEY = st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1, max_size=40)


@given(KEY, KEY, st.none() | KEY, st.text(max_size=40))
def test_the_signature_is_the_one_that_aws_computes(secret: str, key_id: str, token: str | None, page: str) -> None:
    requests = SignedRequests(made_up())
    arguments = {**ARGUMENTS, "nextToken": page}
    _, headers, body = parsed(requests.make(ReadOnlyCredentials(key_id, secret, token), arguments))
    assert json.loads(body) == arguments
    assert headers.get("x-amz-security-token") == token
    assert headers["authorization"].endswith("Signature=" + signature(headers, body, secret, "eu-west-1"))
    assert f"Credential={key_id}/" in headers["authorization"]
    sent = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    assert abs(datetime.datetime.now(datetime.UTC) - sent) < datetime.timedelta(minutes=1)


def made_up(**changes: Any) -> AWSPreparedRequest:
    headers = HTTPHeaders()
    headers["Content-Type"] = "application/x-amz-json-1.1"
    headers["X-Amz-Target"] = "Logs_20140328.FilterLogEvents"
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/logs/aws4_request, SignedHeaders=host"
    for name, value in changes.get("headers", {}).items():
        del headers[name]
        headers[name] = value
    url = changes.get("url", "https://logs.eu-west-1.amazonaws.com/")
    return AWSPreparedRequest(changes.get("method", "POST"), url, headers, b"{}", stream_output=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"Authorization": "Bearer abc"}},
        {"headers": {"Authorization": "AWS4-ECDSA-P256-SHA256 Credential=A/20260101/logs/aws4_request, "}},
        {"headers": {"Content-Type": "application/cbor"}},
        {"method": "GET"},
        {"url": "https://logs.eu-west-1.amazonaws.com/?X-Amz-Signature=1"},
    ],
)
def test_what_is_signed_or_written_in_another_way_is_left_to_botocore(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusualRequest):
        SignedRequests(made_up(**changes))


@pytest.mark.parametrize("token", ["line\nbreak", "line\r\nX-Injected: 1"])
def test_no_credential_can_add_a_header(token: str) -> None:
    with pytest.raises(HTTPClientError, match="line break"):
        SignedRequests(made_up()).make(ReadOnlyCredentials("A", "s", token), ARGUMENTS)


def test_an_endpoint_with_a_port_and_a_path(no_aws: Path, cluster: Cluster) -> None:
    there = replace(cluster, endpoint_url="http://127.0.0.1:4566/under/")
    prepared = prepared_request(AwsAccess(there).logs_client(), ARGUMENTS)
    assert prepared is not None
    requests = SignedRequests(prepared)
    first, headers, _ = parsed(requests.make(ReadOnlyCredentials("A", "s", None), ARGUMENTS))
    assert requests.url == "http://127.0.0.1:4566/under/"
    assert first == "POST /under/ HTTP/1.1"
    assert headers["host"] == "127.0.0.1:4566"


def test_what_botocore_refuses_is_refused_before_anything_is_sent(
    no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParamValidationError):
        prepared_request(AwsAccess(cluster).logs_client(), {"limit": "many"})
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoCredentialsError):
        prepared_request(AwsAccess(cluster).logs_client(), ARGUMENTS)
    with pytest.raises(NoCredentialsError):
        AwsAccess(cluster).credentials()
