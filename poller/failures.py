"""Every way in which a call to AWS can fail, and the answer to it.

In: the exception of a call. Out: a `Failure`: what it is, whether one page or the whole cluster is concerned, what the
user should do. Called by the client (to classify) and by the reader (how long to wait).

Codes of errors: API reference of FilterLogEvents and "Common errors" of the CloudWatch Logs API.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from botocore import exceptions as aws

from .page import Cluster
from .wire import IncompleteBody


class Kind(StrEnum):
    throttled = "throttled"
    service = "service_error"
    network = "network"
    credentials = "credentials"
    access_denied = "access_denied"
    missing_group = "missing_log_group"
    bad_token = "bad_token"
    clock_skew = "clock_skew"
    bad_page = "bad_page"
    delivery = "delivery"
    configuration = "configuration"


# What one cluster's next call would meet as well; the others concern a single page.
_CLUSTER_WIDE = frozenset(
    {Kind.credentials, Kind.access_denied, Kind.missing_group, Kind.clock_skew, Kind.configuration}
)
_FIRST_PAUSE_S = {
    Kind.throttled: 0.2,
    Kind.service: 0.2,
    Kind.network: 0.2,
    Kind.bad_token: 0.0,
    Kind.bad_page: 0.2,
    Kind.delivery: 0.5,
    Kind.credentials: 2.0,
    Kind.access_denied: 5.0,
    Kind.missing_group: 5.0,
    Kind.clock_skew: 5.0,
    Kind.configuration: 30.0,
}
_LONGEST_PAUSE_S = {Kind.throttled: 5.0, Kind.bad_page: 60.0, Kind.configuration: 300.0}

_THROTTLES = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "LimitExceededException",
        "BandwidthLimitExceeded",
        "SlowDown",
        "429",
    }
)
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "IncompleteSignature",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "InvalidIdentityToken",
        "IDPCommunicationError",
        "OptInRequired",
    }
)
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"})
_SKEW = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_SKEW_WORDS = ("signature expired", "signature not yet current", "not yet valid")
_PRINCIPAL = re.compile(r"\b(arn:aws[\w-]*:(?:sts|iam)::\d{12}:[\w+=,.@/-]+)")


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed call. `fatal`: it can never work, however often it is tried."""

    kind: Kind
    text: str
    fatal: bool = False

    @property
    def cluster_wide(self) -> bool:
        return self.kind in _CLUSTER_WIDE


class FetchFailed(Exception):
    """A call to AWS gave no page."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def classify(error: Exception, cluster: Cluster, *, with_token: bool = False, principal: str = "") -> Failure:
    """What `error` means for `cluster`. `with_token`: the call continued a walk; `principal`: who signed, if known."""
    if isinstance(error, aws.ClientError):
        return _of_response(error, cluster, with_token, principal)
    where = _where(cluster)
    if isinstance(error, aws.ProfileNotFound):
        advice = "name one that exists in init_config.profile or AWS_PROFILE, or remove it"
        return Failure(Kind.configuration, f"{where}: {error}; {advice}", fatal=True)
    if isinstance(error, aws.NoRegionError):
        advice = "set init_config.region, AWS_REGION or the profile's region"
        return Failure(Kind.configuration, f"{where}: no AWS region is known; {advice}", fatal=True)
    if isinstance(
        error, aws.ParamValidationError | aws.InvalidRegionError | aws.ConfigParseError | aws.InvalidConfigError
    ):
        return Failure(Kind.configuration, f"{where}: the AWS configuration cannot be used: {error}", fatal=True)
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError):
        advice = "give the pod an IAM role (IRSA or Pod Identity), or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
        return Failure(Kind.credentials, f"{where}: no AWS credentials were found ({error}); {advice}")
    if isinstance(
        error,
        aws.CredentialRetrievalError
        | aws.TokenRetrievalError
        | aws.NoAuthTokenError
        | aws.SSOError
        | aws.MetadataRetrievalError
        | aws.RefreshWithMFAUnsupportedError,
    ):
        return Failure(Kind.credentials, f"{where}: the AWS credentials could not be obtained: {error}")
    if isinstance(error, aws.EndpointConnectionError):
        advice = "check DNS, the network and the VPC endpoint of CloudWatch Logs"
        return Failure(Kind.network, f"{where}: no connection: {error}; {advice}")
    if isinstance(error, IncompleteBody | aws.HTTPClientError | aws.ConnectionError | aws.IncompleteReadError):
        return Failure(Kind.network, f"{where}: the connection failed: {error}")
    if isinstance(error, OSError):
        return Failure(Kind.network, f"{where}: {error}")
    return Failure(Kind.service, f"{where}: {type(error).__name__}: {error}")


def _where(cluster: Cluster) -> str:
    return f"cluster {cluster.name} ({cluster.region})"


def _of_response(error: aws.ClientError, cluster: Cluster, with_token: bool, principal: str) -> Failure:
    """A failure that AWS answered itself."""
    details = error.response.get("Error", {})
    code = str(details.get("Code", "")).rpartition("#")[2]
    said = str(details.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    where = _where(cluster)
    if code in _THROTTLES or status == 429:
        return Failure(Kind.throttled, f"{where}: AWS throttles FilterLogEvents; calling less often")
    if code in _SKEW or any(words in said.lower() for words in _SKEW_WORDS):
        advice = "set the clock of this machine (NTP); AWS refuses signatures more than 5 minutes off"
        return Failure(Kind.clock_skew, f"{where}: {code}: {said}; {advice}")
    if code in _CREDENTIALS:
        return Failure(Kind.credentials, f"{where}: AWS refuses the credentials: {code}: {said}; renew them")
    if code in _DENIED or (status == 403 and not code):
        return Failure(Kind.access_denied, _denied_text(where, said, cluster, principal))
    if code == "ResourceNotFoundException":
        return Failure(
            Kind.missing_group,
            f"{where}: log group {cluster.log_group} does not exist; enable audit logging: "
            f"aws eks update-cluster-config --region {cluster.region} --name {cluster.name} --logging "
            '\'{"clusterLogging":[{"types":["audit"],"enabled":true}]}\' (or check the name, region and account)',
        )
    if with_token and (code in {"InvalidParameterException", "ValidationException"} or "token" in said.lower()):
        return Failure(Kind.bad_token, f"{where}: the page token expired or does not fit; reading the window again")
    if status >= 500 or code in {
        "ServiceUnavailableException",
        "InternalFailure",
        "InternalServerError",
        "OperationAbortedException",
    }:
        return Failure(
            Kind.service, f"{where}: CloudWatch Logs answered {status or ''} {code}: {said}".replace("  ", " ")
        )
    if code in {
        "InvalidParameterException",
        "ValidationException",
        "SerializationException",
        "UnknownOperationException",
    }:
        return Failure(Kind.configuration, f"{where}: CloudWatch Logs refuses the request: {code}: {said}", fatal=True)
    return Failure(Kind.service, f"{where}: CloudWatch Logs answered {status} {code}: {said}")


def _denied_text(where: str, said: str, cluster: Cluster, principal: str) -> str:
    found = _PRINCIPAL.search(said)
    who = found.group(1) if found else principal
    by = f" to {who}" if who else ""
    action = "sts:AssumeRole" if "sts:AssumeRole" in said else "logs:FilterLogEvents"
    if action == "sts:AssumeRole":
        resource = cluster.role_arn or "the role"
    else:
        resource = f"arn:aws:logs:{cluster.region}:{cluster.account or '*'}:log-group:{cluster.log_group}:*"
    detail = f" ({said})" if said else ""
    return f"{where}: access denied{detail}; allow{by} the action {action} on {resource}"


def pause_s(kind: Kind, failures: int, rng: random.Random) -> float:
    """How long to wait after the `failures`-th failure in a row (1 is the first), in seconds, with jitter."""
    first = _FIRST_PAUSE_S[kind]
    longest = _LONGEST_PAUSE_S.get(kind, 30.0)
    full = min(longest, first * 2.0 ** min(failures - 1, 16))
    return full * rng.uniform(0.5, 1.0)
