"""One call of FilterLogEvents: a window in, the untouched body of the response out.

botocore finds endpoint and credentials, signs, and says what an error means. The connection is our own: the body of a
page is read into a buffer that is used again, and never becomes Python objects. Where a proxy stands between, or
botocore speaks another protocol, the call goes the ordinary way through botocore (`ordinary_call`).
Called by the fetch threads of the source.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError, create_parser
from urllib3.exceptions import HTTPError

from .failures import FetchFailed, classify
from .ordinary_call import OrdinaryCall
from .page import Body, Cluster
from .page_buffer import PageBuffer
from .session import AwsAccess, valid
from .signed_request import OPERATION, SignedRequests, UnusualRequest, prepared_request
from .wire import Answer, IncompleteBody
from .wires import Wires

LARGEST_PAGE_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response. `server_time_ms` is AWS's clock (whole seconds), -1 where it did not say."""

    body: Body
    server_time_ms: int = -1


class Fetcher(Protocol):
    """Calls AWS for one cluster. Thread-safe."""

    def fetch(self, start_ms: int, end_ms: int, token: str | None, buffer: PageBuffer) -> Fetched:
        """Events with start_ms <= timestamp <= end_ms. Raises FetchFailed.

        The body may stand in `buffer`, which is this thread's own: it is valid until the buffer's next use.
        """

    def renew(self) -> None:
        """The credentials were refused: read them anew."""

    def identity(self) -> tuple[str, str]:
        """(account id, ARN of the principal); empty where unknown. May take some seconds, never raises."""


FetcherFactory = Callable[[Cluster], Fetcher]


class _DirectCall:
    """FilterLogEvents on connections of our own."""

    def __init__(self, client: Any, credentials: Credentials, requests: SignedRequests, wires: Wires) -> None:
        self._credentials = credentials
        self._requests = requests
        self._wires = wires
        self._shape = client.meta.service_model.operation_model(OPERATION).output_shape

    def __call__(self, arguments: Mapping[str, Any], buffer: PageBuffer) -> tuple[Body, Mapping[str, str]]:
        """The body of the response and its headers. Raises what botocore would."""
        answer = self._wires.exchange(self._requests.make(valid(self._credentials), arguments), buffer)
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return answer.body, answer.headers

    def _error(self, answer: Answer) -> ClientError:
        response = {"status_code": answer.status, "headers": answer.headers, "body": bytes(answer.body)}
        return ClientError(create_parser("json").parse(response, self._shape), OPERATION)

    def close(self) -> None:
        self._wires.close()


class LogsClient:
    """The real `Fetcher`. One boto client and one set of connections, shared by all threads."""

    def __init__(self, cluster: Cluster, access: AwsAccess, *, stream_prefix: str) -> None:
        self._cluster = cluster
        self._access = access
        self._stream_prefix = stream_prefix
        self._lock = threading.Lock()
        self._principal = ""
        self._call: _DirectCall | OrdinaryCall | None = None

    def fetch(self, start_ms: int, end_ms: int, token: str | None, buffer: PageBuffer) -> Fetched:
        arguments = self._arguments(start_ms, end_ms, token)
        try:
            body, headers = self._ready()(arguments, buffer)
        except (BotoCoreError, ClientError, ResponseParserError, IncompleteBody, HTTPError, OSError) as error:
            failure = classify(error, self._cluster, with_token=token is not None, principal=self._principal)
            raise FetchFailed(failure) from error
        return Fetched(body, _server_time_ms(headers.get("date", "")))

    def renew(self) -> None:
        with self._lock:
            self._access.renew()
            if self._call is not None:
                self._call.close()
            self._call = None

    def identity(self) -> tuple[str, str]:
        try:
            account, self._principal = self._access.identity()
        except BotoCoreError:  # a profile that does not exist: the first call will say so
            return "", ""
        return account, self._principal

    def _arguments(self, start_ms: int, end_ms: int, token: str | None) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "logGroupName": self._cluster.log_group,
            "logStreamNamePrefix": self._stream_prefix,
            "startTime": max(0, start_ms),
            "endTime": end_ms,
            "limit": LARGEST_PAGE_EVENTS,
        }
        if token is not None:
            arguments["nextToken"] = token
        return arguments

    def _ready(self) -> _DirectCall | OrdinaryCall:
        with self._lock:
            if self._call is None:
                self._call = self._made()
            return self._call

    def _made(self) -> _DirectCall | OrdinaryCall:
        credentials = self._access.credentials()
        valid(credentials)
        client = self._access.logs_client()
        prepared = prepared_request(client, self._arguments(0, 0, None))
        if prepared is not None:
            try:
                requests = SignedRequests(prepared)
            except UnusualRequest:
                return OrdinaryCall(client)
            address = self._access.address(requests.url)
            if address is not None:
                wires = Wires(address, most_idle=self._access.connections)
                return _DirectCall(client, credentials, requests, wires)
        return OrdinaryCall(client)


@functools.lru_cache(maxsize=16)
def _server_time_ms(date: str) -> int:
    """Of the header `date`, which is the same for a second."""
    try:
        return int(parsedate_to_datetime(date).timestamp() * 1000)
    except (TypeError, ValueError):
        return -1
