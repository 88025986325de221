"""What a user would write in Python instead, without any rules: the parsing alone.

In: raw pages. Out: cases for `measure`. Called by the table. Whole programs with rules, each in a process of its own,
are in `peers`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from falcoeks_fast.bench.measure import Case
from falcoeks_fast.bench.workload import Pages

POINTERS = (
    "/stage",
    "/verb",
    "/requestURI",
    "/user/username",
    "/objectRef/resource",
    "/objectRef/namespace",
    "/objectRef/name",
    "/responseStatus/code",
)
_OPERATION = "FilterLogEvents"


def boto3_case(pages: Pages, name: str = "boto3 + json.loads") -> Case:
    """botocore's own parser on each body, as boto3 calls it, then `json.loads` of each message."""
    import botocore.parsers
    import botocore.session

    model = botocore.session.get_session().get_service_model("logs")
    shape = model.operation_model(_OPERATION).output_shape
    assert shape is not None
    parser = botocore.parsers.create_parser(model.resolved_protocol)

    def work(bodies: Sequence[bytes]) -> int:
        events = 0
        for body in bodies:
            response = {"headers": {}, "status_code": 200, "body": body, "context": {"operation_name": _OPERATION}}
            for event in parser.parse(response, shape)["events"]:
                json.loads(event["message"])
                events += 1
        return events

    return Case.over(name, [bytes(body) for body in pages.bodies], work)


def pysimdjson_case(pages: Pages, name: str = "pysimdjson, 8 pointers") -> Case:
    """pysimdjson over the raw pages: parse the page, then each message; read 8 of the floor's 12 fields by pointer."""
    import simdjson

    def work(bodies: Sequence[bytes]) -> int:
        outer, inner = simdjson.Parser(), simdjson.Parser()
        events = 0
        for body in bodies:
            page: Any = outer.parse(body)
            messages = page.at_pointer("/events")
            for event in messages:
                document: Any = inner.parse(event["message"])
                for pointer in POINTERS:
                    try:
                        document.at_pointer(pointer)
                    except KeyError:
                        continue
                events += 1
                del document, event  # a parser refuses to go on while a part of its last document is referred to
            del messages, page
        return events

    return Case.over(name, [bytes(body) for body in pages.bodies], work)
