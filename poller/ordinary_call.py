"""FilterLogEvents through botocore's own HTTP session: behind proxies, and for protocols that only botocore knows.

In: the arguments of a call. Out: the body of the response, taken from botocore's event `before-parse.cloudwatch-logs.
FilterLogEvents` before it becomes Python objects, with an empty document left in its place. Where the hook does not
fire (another botocore) or the body is no JSON (another protocol), botocore's own result is written as JSON again.
Called by the client.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from .page import Body
from .page_buffer import PageBuffer
from .wire import IncompleteBody

# botocore names the event after the hyphenated service id; `logs` is the name of older releases.
HOOKS = ("before-parse.cloudwatch-logs.FilterLogEvents", "before-parse.logs.FilterLogEvents")
_EMPTY = b"{}"


class OrdinaryCall:
    """Thread-safe; the connections are botocore's."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._taken = threading.local()
        for name in HOOKS:
            client.meta.events.register(name, self.take_body)

    def __call__(self, arguments: Mapping[str, Any], buffer: PageBuffer) -> tuple[Body, Mapping[str, str]]:
        """The body of the response and its headers; the buffer is left alone. Raises what botocore does."""
        self._taken.body = None
        try:
            response = self._client.filter_log_events(**arguments)
            body = self._taken.body
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            if body is None:
                body = rewritten(response)
            else:
                _check_length(body, headers)
        finally:
            self._taken.body = None
        return body, headers

    def take_body(self, response_dict: dict[str, Any], **_: Any) -> None:
        """For the hook."""
        body = response_dict.get("body")
        if not 200 <= response_dict.get("status_code", 0) < 300 or not isinstance(body, bytes):
            return
        if body[:1] != b"{" or body is _EMPTY:  # newer botocore takes both names of the event for one: called twice
            return
        self._taken.body = body
        response_dict["body"] = _EMPTY

    def close(self) -> None:
        self._client.close()


def rewritten(response: Mapping[str, Any]) -> bytes:
    """botocore's parsed response as the JSON document it came from."""
    kept = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _check_length(body: bytes, headers: Mapping[str, str]) -> None:
    """botocore itself does not look (`enforce_content_length`)."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) != len(body):
        raise IncompleteBody(f"{len(body)} of {announced} bytes of the response arrived")
