"""The embedded CloudWatch Logs: moto's server, with FilterLogEvents answering as AWS answers.

In: nothing. Out: a process that prints the port it listens on (loopback only) and serves until it is ended. Started by
`demo.__main__` as a child. moto's own FilterLogEvents ignores the stream prefix, sorts within a stream only, has no
limit of bytes and writes `nextToken: null`; AWS does none of that, and a fetcher may rely on it.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from moto.logs import urls
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.responses import LogsResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

PAGE_LIMIT_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
PAGE_LIMIT_EVENTS = 10_000

Row = dict[str, Any]


class AwsLikeLogs(LogsResponse):
    """moto's CloudWatch Logs with an AWS-like FilterLogEvents."""

    def filter_log_events(self) -> str:
        """The body of an answer: events by timestamp, then ingestion time, of streams with the prefix."""
        parameters = json.loads(self.body)
        group = self.logs_backend.groups.get(parameters["logGroupName"])
        if group is None:
            raise ResourceNotFoundException()
        rows = _rows(group, parameters)
        page, more = _first_page(rows, int(parameters.get("limit") or PAGE_LIMIT_EVENTS))
        answer: Row = {"events": page, "searchedLogStreams": []}
        if more:
            answer["nextToken"] = ".".join(str(part) for part in _position(page[-1]))
        return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)


def _rows(group: Any, parameters: Row) -> list[Row]:
    prefix = parameters.get("logStreamNamePrefix", "")
    names = parameters.get("logStreamNames")
    start, end = parameters.get("startTime", 0), parameters.get("endTime", sys.maxsize)
    token = parameters.get("nextToken")
    after = tuple(int(part) for part in token.split(".")) if token else (-1, -1, -1)
    rows = [
        {
            "eventId": f"3{event.timestamp:013d}{event.event_id:042d}",
            "ingestionTime": event.ingestion_time,
            "logStreamName": name,
            "message": event.message,
            "timestamp": event.timestamp,
        }
        for name, stream in list(group.streams.items())
        if name.startswith(prefix) and (not names or name in names)
        for event in list(stream.events)
        if start <= event.timestamp <= end
    ]
    return sorted((row for row in rows if _position(row) > after), key=_position)


def _position(row: Row) -> tuple[int, int, int]:
    return row["timestamp"], row["ingestionTime"], int(row["eventId"][14:])


def _first_page(rows: list[Row], limit: int) -> tuple[list[Row], bool]:
    size = 0
    for number, row in enumerate(rows):
        size += len(row["message"].encode()) + EVENT_OVERHEAD_BYTES
        if number and (size > PAGE_LIMIT_BYTES or number == limit):
            return rows[:number], True
    return rows, False


def main() -> int:
    """Serve until terminated."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    urls.url_paths = dict.fromkeys(urls.url_paths, AwsLikeLogs.dispatch)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
