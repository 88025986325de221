"""One call of FilterLogEvents: a window in, the untouched body of the response out.

botocore signs, connects and checks for errors; the body is taken from its event `before-parse.cloudwatch-logs.
FilterLogEvents` before it becomes Python objects, and an empty document is left in its place. Where the hook does not
fire (another botocore) or the body is no JSON (another protocol), botocore's own result is written as JSON again.
Called by the fetch threads of the source.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from .failures import FetchFailed, IncompleteBody, classify
from .page import Cluster
from .session import AwsAccess

# botocore names the event after the hyphenated service id; `logs` is the name of older releases.
HOOKS = ("before-parse.cloudwatch-logs.FilterLogEvents", "before-parse.logs.FilterLogEvents")
LARGEST_PAGE_EVENTS = 10_000
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response. `server_time_ms` is AWS's clock (whole seconds), -1 where it did not say."""

    body: bytes
    server_time_ms: int = -1


class Fetcher(Protocol):
    """Calls AWS for one cluster. Thread-safe."""

    def fetch(self, start_ms: int, end_ms: int, token: str | None) -> Fetched:
        """Events with start_ms <= timestamp <= end_ms. Raises FetchFailed."""

    def renew(self) -> None:
        """The credentials were refused: read them anew."""

    def identity(self) -> tuple[str, str]:
        """(account id, ARN of the principal); empty where unknown. May take some seconds, never raises."""


FetcherFactory = Callable[[Cluster], Fetcher]


class LogsClient:
    """The real `Fetcher`: FilterLogEvents by boto. One client, whose connections are shared by all threads."""

    def __init__(self, cluster: Cluster, access: AwsAccess, *, stream_prefix: str, client: Any = None) -> None:
        self._cluster = cluster
        self._access = access
        self._stream_prefix = stream_prefix
        self._lock = threading.Lock()
        self._taken = threading.local()
        self._principal = ""
        self._client: Any = None
        if client is not None:
            self._client = self._hooked(client)

    def fetch(self, start_ms: int, end_ms: int, token: str | None) -> Fetched:
        arguments: dict[str, Any] = {
            "logGroupName": self._cluster.log_group,
            "logStreamNamePrefix": self._stream_prefix,
            "startTime": max(0, start_ms),
            "endTime": end_ms,
            "limit": LARGEST_PAGE_EVENTS,
        }
        if token is not None:
            arguments["nextToken"] = token
        self._taken.body = None
        try:
            response = self._connected().filter_log_events(**arguments)
            body = self._taken.body
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            if body is None:
                body = rewritten(response)
            else:
                _check_length(body, headers)
        except (BotoCoreError, ClientError, ResponseParserError, IncompleteBody, HTTPError, OSError) as error:
            failure = classify(error, self._cluster, with_token=token is not None, principal=self._principal)
            raise FetchFailed(failure) from error
        finally:
            self._taken.body = None
        return Fetched(body, _server_time_ms(headers))

    def renew(self) -> None:
        with self._lock:
            self._access.renew()
            self._client = None

    def identity(self) -> tuple[str, str]:
        try:
            account, self._principal = self._access.identity()
        except BotoCoreError:  # a profile that does not exist: the first call will say so
            return "", ""
        return account, self._principal

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._hooked(self._access.logs_client())
            return self._client

    def _hooked(self, client: Any) -> Any:
        for name in HOOKS:
            client.meta.events.register(name, self._take_body)
        return client

    def _take_body(self, response_dict: dict[str, Any], **_: Any) -> None:
        body = response_dict.get("body")
        if not 200 <= response_dict.get("status_code", 0) < 300 or not isinstance(body, bytes):
            return
        if body[:1] != b"{" or body is _EMPTY:  # newer botocore takes both names of the event for one: called twice
            return
        self._taken.body = body
        response_dict["body"] = _EMPTY


def rewritten(response: Mapping[str, Any]) -> bytes:
    """botocore's parsed response as the JSON document it came from."""
    kept = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _check_length(body: bytes, headers: Mapping[str, str]) -> None:
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) != len(body):
        raise IncompleteBody(f"{len(body)} of {announced} bytes of the response arrived")


def _server_time_ms(headers: Mapping[str, str]) -> int:
    try:
        return int(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return -1
