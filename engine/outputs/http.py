"""Alerts to a web hook: one POST each, as falcosidekick takes them.

In: parcels. Out: requests over one reused connection; refused alerts go to the dead letters. Called by its channel,
which repeats what `Undelivered` says. A redirect is not followed: it counts as a refusal.
"""

from __future__ import annotations

import contextlib
import email.utils
import logging
import ssl
import threading
import time

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
    TimeoutError,
)

from falcoeks_fast.engine.escaping import escape_text

from .dead_letters import DeadLetters
from .http_client import credentials, make_pool, without_credentials
from .parcel import Alert, Parcel
from .settings import HttpSettings
from .sink import Undelivered
from .stdout import write_stdout

ALERT_ID_HEADER = "Falcoeks-Alert-Id"
_ANSWER_LIMIT_BYTES = 64 << 10
_RETRY_AFTER_LIMIT_S = 3600.0
_RETRIED_STATUSES = (408, 425, 429)
_log = logging.getLogger("falcoeks_fast.outputs")


class HttpSink:
    """`promised`: an alert is repeated until somebody answers; else at most `max_consecutive_timeouts` times more."""

    def __init__(self, settings: HttpSettings, dead_letters: DeadLetters, *, promised: bool) -> None:
        self.max_attempts = 0 if promised else settings.max_consecutive_timeouts + 1
        self._settings = settings
        self._dead_letters = dead_letters
        self._pool: urllib3.PoolManager | None = None
        self._refusal_said = (False, False)  # refused, and lost
        self._shown_url = without_credentials(settings.url)
        self._headers = {
            "Content-Type": "application/json" if settings.json_output else "text/plain",
            "User-Agent": settings.user_agent,
        }
        if settings.compress_uploads:
            self._headers["Accept-Encoding"] = "gzip, deflate"
        user_info = credentials(settings.url)
        if user_info:
            self._headers |= urllib3.make_headers(basic_auth=user_info)

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        refused = 0
        for done, alert in enumerate(parcel.alerts(start)):
            if abort.is_set():
                raise Undelivered("the program ends", "", done=done)
            try:
                refused += self._post(alert)
            except Undelivered as trouble:
                trouble.done = done
                raise
        return refused

    def _post(self, alert: Alert) -> int:
        """1 if the receiver refused the alert for good, else 0."""
        try:
            pool = self._pool = self._pool or make_pool(self._settings)
        except (OSError, ssl.SSLError) as error:
            raise Undelivered(
                f"certificates for {self._shown_url} cannot be used: {error}",
                "check http_output.ca_cert, ca_bundle, ca_path, client_cert and client_key",
            ) from error
        headers = self._headers | {ALERT_ID_HEADER: alert.id}
        try:
            response = pool.request(
                "POST",
                self._settings.url,
                body=alert.body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            answer = response.read(_ANSWER_LIMIT_BYTES, decode_content=True)
            if response.read(1):
                response.close()
            else:
                response.release_conn()
        except (HTTPError, OSError) as error:
            self.reopen()
            raise self._transport(error) from error
        if self._settings.echo and answer:
            with contextlib.suppress(OSError):  # the stdout output reports a lost reader
                write_stdout(answer + b"\n")
        return self._judge(alert, response, answer)

    def _judge(self, alert: Alert, response: urllib3.BaseHTTPResponse, answer: bytes) -> int:
        status = response.status
        if 200 <= status < 300:
            self._refusal_said = (False, False)
            return 0
        said = escape_text(answer[:200].decode("utf-8", "replace")).strip()
        reason = f"{self._shown_url} answered {status} {escape_text(response.reason or '')}".rstrip()
        if said:
            reason += f": {said}"
        if status in _RETRIED_STATUSES or status >= 500:
            wait_s = retry_after_s(response.headers.get("Retry-After", ""), time.time())
            raise Undelivered(reason, "look at the receiver; the alert is sent again", retry_after_s=wait_s)
        self._bury(alert, reason)
        return 1

    def _bury(self, alert: Alert, reason: str) -> None:
        """Put a refused alert into the dead letters; the first of a row is reported."""
        path = self._dead_letters.path
        lost = ""
        try:
            self._dead_letters.add(alert, reason)
        except OSError as error:
            lost = error.strerror or str(error)
        if self._refusal_said == (True, bool(lost)):
            return
        self._refusal_said = (True, bool(lost))
        more = "Further refusals are only counted, until it takes one again"
        if lost:
            text = "http: an alert was refused (%s) and lost, because %s cannot be written: %s. %s"
            _log.error(text, reason, path, lost, more)
        else:
            text = "http: an alert was refused (%s) and put into %s. What to do: look at the receiver. %s"
            _log.error(text, reason, path, more)

    def _transport(self, error: Exception) -> Undelivered:
        cause: BaseException = error
        if isinstance(error, MaxRetryError) and error.reason is not None:
            cause = error.reason
        target = self._shown_url
        if isinstance(cause, SSLError | ssl.SSLError):
            return Undelivered(
                f"TLS with {target} failed: {cause}",
                "check the receiver's certificate and http_output.ca_cert, ca_bundle",
            )
        if isinstance(cause, ProxyError):
            return Undelivered(f"the proxy for {target} does not answer", "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY")
        if isinstance(cause, ConnectTimeoutError | ReadTimeoutError | TimeoutError) and not isinstance(
            cause, NewConnectionError
        ):
            return Undelivered(
                f"{target} did not answer within {self._settings.timeout_s:g} s", "look at the receiver", timed_out=True
            )
        return Undelivered(f"no connection to {target}: {_innermost(cause)}", "check the URL and start the receiver")

    def reopen(self) -> None:
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def close(self) -> None:
        self.reopen()


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def retry_after_s(value: str, now_s: float) -> float:
    """Seconds to wait by a Retry-After header: a number or a date; 0 if it is neither; at most an hour."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _RETRY_AFTER_LIMIT_S)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return min(max(moment.timestamp() - now_s, 0.0), _RETRY_AFTER_LIMIT_S)
