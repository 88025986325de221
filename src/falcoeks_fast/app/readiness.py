"""What `/healthz`, `/readyz` and `/versions` answer.

In: the state of source and outputs. Out: answers. Called by the web server's threads. Liveness says nothing about the
source, as with Falco: a restart would not help when AWS or a receiver is down.
"""

from __future__ import annotations

import json

from falcoeks_fast.engine.escaping import escape_text
from falcoeks_fast.engine.outputs.channel import ChannelState
from falcoeks_fast.engine.web import Answer

from .inputs import Problem

_JSON = "application/json"


def healthz() -> Answer:
    return Answer(200, _JSON, b'{"status": "ok"}')


def output_problems(states: list[ChannelState]) -> list[Problem]:
    return [Problem(f"output {state.name}", state.trouble) for state in states if state.trouble]


def readyz(problems: list[Problem]) -> Answer:
    if not problems:
        return Answer(200, _JSON, b'{"status": "ok"}')
    body = {
        "status": "not ready",
        "problems": [{"part": escape_text(entry.part), "problem": escape_text(entry.problem)} for entry in problems],
    }
    return Answer(503, _JSON, json.dumps(body, ensure_ascii=False).encode())


def versions(fields: dict[str, object]) -> Answer:
    return Answer(200, _JSON, json.dumps(fields, separators=(",", ":")).encode())
