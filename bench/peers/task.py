"""The task that all peers do: three rules, in Falco's language and as a peer written by hand would have them.

In: nothing. Out: the rules file for us, `matches` over parsed events for the peers. An alert is the pair of rule and
`auditID`, which is what the comparison compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

RULES_YAML = """\
- rule: secret read
  desc: A secret was read by somebody who is no component of the system.
  condition: >
    ka.stage = ResponseComplete and ka.verb in (get, list) and ka.target.resource = secrets
    and ka.response.code = 200 and not ka.user.name startswith system:kube-
  output: secret read auditID=%ka.auditid
  priority: WARNING
  source: k8s_audit
- rule: exec into a pod
  desc: A shell or command was started in a pod.
  condition: >
    ka.verb in (get, create) and ka.target.resource = pods and ka.target.subresource in (exec, attach)
  output: exec auditID=%ka.auditid
  priority: NOTICE
  source: k8s_audit
- rule: refused
  desc: Somebody was refused.
  condition: ka.stage = ResponseComplete and ka.response.code = 403
  output: refused auditID=%ka.auditid
  priority: INFO
  source: k8s_audit
"""

Alert = tuple[str, str]


def matches(event: dict[str, Any]) -> Iterable[str]:
    """The names of the rules that an event matches."""
    stage = event.get("stage")
    verb = event.get("verb")
    target = event.get("objectRef") or {}
    resource = target.get("resource")
    code = (event.get("responseStatus") or {}).get("code")
    if resource == "secrets" and stage == "ResponseComplete" and verb in ("get", "list") and code == 200:
        if not event.get("user", {}).get("username", "").startswith("system:kube-"):
            yield "secret read"
    elif resource == "pods" and verb in ("get", "create") and target.get("subresource") in ("exec", "attach"):
        yield "exec into a pod"
    if stage == "ResponseComplete" and code == 403:
        yield "refused"


def boto3_parser() -> Callable[[bytes], list[str]]:
    """From the body of a response to its messages, by botocore's own parser, as boto3 does it."""
    import botocore.parsers
    import botocore.session

    model = botocore.session.get_session().get_service_model("logs")
    shape = model.operation_model("FilterLogEvents").output_shape
    assert shape is not None
    parser = botocore.parsers.create_parser(model.resolved_protocol)

    def parse(body: bytes) -> list[str]:
        response = {
            "headers": {},
            "status_code": 200,
            "body": body,
            "context": {"operation_name": "FilterLogEvents"},
        }
        return [event["message"] for event in parser.parse(response, shape)["events"]]

    return parse


def say(alerts: Iterable[Alert], cpu_s: float, events: int) -> None:
    """The answer of a peer: CPU and events on the first line, then an alert on each."""
    sys.stdout.write(f"{cpu_s!r} {events}\n")
    sys.stdout.writelines(f"{rule}\t{audit_id}\n" for rule, audit_id in alerts)
