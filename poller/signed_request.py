"""Signed requests of FilterLogEvents as bytes.

In: a boto client, credentials, the arguments of a call. Out: the request to send. Called by the client. botocore
prepares one request as it always does (endpoint, headers, signature) and is stopped before it sends it; the calls that
follow take over what is the same in all of them, and are signed by botocore anew. Through botocore's whole machinery a
call costs more CPU than reading the page it asks for (`make bench`, the row on receiving).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import HTTPClientError

OPERATION = "FilterLogEvents"
_CONTENT_TYPE = "application/x-amz-json-1.1"
# Of one attempt; everything else that botocore sends is the same in every call.
_OF_ONE_CALL = frozenset(
    {
        "authorization",
        "x-amz-date",
        "x-amz-security-token",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "content-length",
        "host",
    }
)
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,")


class UnusualRequest(Exception):
    """botocore would send something that is not the JSON protocol with a version 4 signature in its headers."""


class SignedRequests:
    """Makes requests to one endpoint. Immutable, thread-safe."""

    def __init__(self, prepared: AWSPreparedRequest) -> None:
        """`prepared`: a request that botocore made. Raises UnusualRequest."""
        headers = {str(name): _text(value) for name, value in prepared.headers.items()}
        lower = {name.lower(): value for name, value in headers.items()}
        scope = _SCOPE.match(lower.get("authorization", ""))
        parts = urlsplit(prepared.url)
        if scope is None or lower.get("content-type") != _CONTENT_TYPE or prepared.method != "POST" or parts.query:
            raise UnusualRequest(lower.get("content-type", ""))
        self.url: str = prepared.url
        self._region, self._service = scope["region"], scope["service"]
        host = parts.netloc.rpartition("@")[2]
        same = {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_CALL}
        self._headers = {"Host": host, **same}
        self._start = f"POST {parts.path or '/'} HTTP/1.1\r\n"

    def make(self, credentials: ReadOnlyCredentials, arguments: Mapping[str, Any]) -> bytes:
        """The request with its head. Raises botocore's HTTPClientError for credentials that no header can hold."""
        body = json.dumps(arguments, separators=(",", ":")).encode()
        request = AWSRequest("POST", self.url, headers=self._headers, data=body)
        SigV4Auth(credentials, self._service, self._region).add_auth(request)
        lines = "".join(f"{name}: {_text(value)}\r\n" for name, value in request.headers.items())
        if lines.count("\n") > len(request.headers):
            raise HTTPClientError(error="the AWS access key id or session token holds a line break; remove it")
        return f"{self._start}{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def prepared_request(client: Any, arguments: Mapping[str, Any]) -> AWSPreparedRequest | None:
    """What botocore would send for a call, which is not made. None where its event `before-send` did not come.

    Raises what botocore raises before it sends anything: no credentials, no endpoint, a refused argument.
    """
    caught: list[AWSPreparedRequest] = []

    def catch(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Nothing())

    name = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{OPERATION}"
    client.meta.events.register(name, catch)
    try:
        client.filter_log_events(**arguments)
    finally:
        client.meta.events.unregister(name, catch)
    return caught[0] if caught else None


class _Nothing:
    """The body of the answer that was never sent."""

    def stream(self) -> Iterator[bytes]:
        yield b"{}"


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
