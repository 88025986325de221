"""What each failure means, and what is said about it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from botocore import exceptions as aws

from falcoeks_fast.poller.failures import Kind, classify, pause_s
from falcoeks_fast.poller.messages import Message, Reporter
from falcoeks_fast.poller.page import Cluster


def answered(code: str, message: str = "", status: int = 400) -> aws.ClientError:
    said = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return aws.ClientError(said, "FilterLogEvents")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered("ThrottlingException"), Kind.throttled),
        (answered("Whatever", status=429), Kind.throttled),
        (answered("com.amazon#LimitExceededException"), Kind.throttled),
        (answered("InternalFailure", status=500), Kind.service),
        (answered("ServiceUnavailableException", status=503), Kind.service),
        (answered("", status=502), Kind.service),
        (answered("ExpiredTokenException"), Kind.credentials),
        (answered("UnrecognizedClientException"), Kind.credentials),
        (answered("InvalidSignatureException", "Signature expired: 2026 is now earlier than"), Kind.clock_skew),
        (answered("InvalidSignatureException", "The request signature does not match"), Kind.credentials),
        (answered("RequestTimeTooSkewed"), Kind.clock_skew),
        (answered("AccessDeniedException"), Kind.access_denied),
        (answered("ResourceNotFoundException"), Kind.missing_group),
        (answered("InvalidParameterException"), Kind.configuration),
        (aws.EndpointConnectionError(endpoint_url="https://logs"), Kind.network),
        (aws.ReadTimeoutError(endpoint_url="https://logs"), Kind.network),
        (aws.ConnectTimeoutError(endpoint_url="https://logs"), Kind.network),
        (aws.ConnectionClosedError(endpoint_url="https://logs"), Kind.network),
        (aws.HTTPClientError(error=OSError("reset")), Kind.network),
        (aws.NoCredentialsError(), Kind.credentials),
        (aws.CredentialRetrievalError(provider="web-identity", error_msg="gone"), Kind.credentials),
        (aws.NoRegionError(), Kind.configuration),
        (aws.ProfileNotFound(profile="x"), Kind.configuration),
        (ConnectionResetError("reset"), Kind.network),
    ],
)
def test_kinds(error: Exception, kind: Kind, cluster: Cluster) -> None:
    failure = classify(error, cluster)
    assert failure.kind is kind
    assert cluster.name in failure.text
    assert failure.fatal is (kind is Kind.configuration)


def test_a_bad_parameter_after_a_token_is_the_tokens_fault(cluster: Cluster) -> None:
    failure = classify(answered("InvalidParameterException", "nextToken is invalid"), cluster, with_token=True)
    assert failure.kind is Kind.bad_token
    assert not failure.cluster_wide


def test_a_missing_group_says_how_to_enable_audit_logging(cluster: Cluster) -> None:
    text = classify(answered("ResourceNotFoundException"), cluster).text
    assert "/aws/eks/prod/cluster does not exist" in text
    assert "aws eks update-cluster-config --region eu-west-1 --name prod" in text


def test_access_denied_names_permission_and_principal(cluster: Cluster) -> None:
    who = "arn:aws:sts::123456789012:assumed-role/falco/i-0"
    said = f"User: {who} is not authorized to perform: logs:FilterLogEvents on resource: x"
    text = classify(answered("AccessDeniedException", said), cluster).text
    assert f"to {who} the action logs:FilterLogEvents on arn:aws:logs:eu-west-1:123456789012:log-group:" in text
    silent = classify(answered("AccessDeniedException"), cluster, principal="arn:aws:iam::123456789012:user/me")
    assert "to arn:aws:iam::123456789012:user/me" in silent.text
    role = replace(cluster, role_arn="arn:aws:iam::210987654321:role/audit")
    denied = answered("AccessDenied", f"User: {who} is not authorized to perform: sts:AssumeRole on resource: y")
    assert "sts:AssumeRole on arn:aws:iam::210987654321:role/audit" in classify(denied, role).text


def test_pauses_grow_to_a_limit_with_jitter() -> None:
    rng = random.Random(4)
    for kind in Kind:
        pauses = [[pause_s(kind, failures, rng) for _ in range(200)] for failures in (1, 3, 6, 60)]
        longest = [max(some) for some in pauses[:3]]
        assert longest == sorted(longest)
        assert max(pauses[-1]) <= 300.0
        assert kind is Kind.bad_token or len(set(pauses[-1])) > 100


def test_a_trouble_is_reported_once_then_ever_more_rarely() -> None:
    heard: list[Message] = []
    reporter = Reporter(heard.append)
    times = []
    for second in range(4 * 3600):
        before = len(heard)
        reporter.trouble("warning", "network", "no connection", float(second), "prod")
        if len(heard) > before:
            times.append(second)
    assert times == [0, 60, 360, 2160, 5760, 9360, 12960]
    assert "(3600 more times since the last report" in heard[-1].text
    assert reporter.current("prod") == ["network"]
    reporter.over("network", "reading again", 14400.0, "prod")
    assert heard[-1].text == "reading again (14400 times in 14400 s)"
    reporter.over("network", "reading again", 14401.0, "prod")
    assert len(heard) == len(times) + 1
