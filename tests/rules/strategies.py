"""Random conditions and random events that have something to do with each other.

`conditions()` gives texts that load; `events()` gives audit events as bytes, odd shapes and repeated keys among them.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from falcoeks_fast.rules.language.ast import escape

WORDS = (
    "", "get", "create", "list", "GET", "pods", "secrets", "exec", "alice", "Alice", "system:masters", "a", "b", "a/b",
    "/", "/etc", "/etc/passwd", "usr/lib", "nginx:1.2", "reg.io:5000/team/app@sha256:ff", "200", "404", "5", "true",
    "false", "null", "0", "-n", "-tv", "-t", "x y", "é", "a\nb", 'q"q', "b\\s", "*", "a*", "[a-c]", "YQBi", "Z2V0",
    "aGVsbG8=", "<NA>", "/a?x=1&y=%20", "https://h:1/a?x=1;y", "%zz?x=1",
)  # fmt: skip
PATTERNS = ("*", "a*", "?", "[a-c]*", "[!a]*", "[[:alpha:]]*", "g?t", "\\*", "*[", "[z-a]", "é", "", "*/b", "[]a]")
REGEXES = ("get", "[a-z]+", "(a|b)*", ".*", "a.b", "^get$", "[[:digit:]]+", "", "é", "(system:)?.*", "g.?t")

_SCALARS = (
    "ka.verb", "ka.uri", "ka.user.name", "ka.target.resource", "ka.target.name", "ka.target.subresource", "ka.auditid",
    "ka.target.pod.name", "ka.response.code", "ka.uri.param[x]", "ka.uri.param[y]", "ka.req.pod.host_network",
    "ka.req.container.image", "ka.req.container.image.repository", "ka.req.container.privileged",
    "ka.req.volume.hostpath[/etc]", "ka.req.volume.hostpath[/e*]", "ka.req.binding.subject.has_name[x]",
    "ka.req.configmap.obj", "json.value[/verb]", "jevt.value[/user/groups/0]", "json.value[/requestObject/spec]",
    'json.value[""]', "evt.source", "evt.asynctype", "evt.time.iso8601",
    "falcoeks.truncated", "falcoeks.dryrun", "falcoeks.object[/spec/hostNetwork]", "falcoeks.source.public",
    "falcoeks.workload.privileged",
)  # fmt: skip
_LISTS = (
    "ka.user.groups", "ka.sourceips", "ka.req.binding.subjects", "ka.req.binding.subjects.user_names",
    "ka.req.binding.subjects.serviceaccount_ns_names", "ka.req.role.rules.verbs", "ka.req.role.rules.verbs[0]",
    "ka.req.service.ports", "ka.req.pod.volumes.hostpath", "ka.req.pod.volumes.volume_type",
    "ka.req.pod.containers.name", "ka.req.pod.containers.image[1]", "ka.req.pod.containers.image.repository",
    "ka.req.pod.containers.command", "ka.req.pod.containers.args", "ka.req.pod.containers.host_port",
    "ka.req.pod.containers.privileged", "ka.req.pod.containers.privileged[1]",
    "ka.req.pod.containers.eff_run_as_user", "ka.req.pod.containers.eff_run_as_user[0]",
    "ka.req.pod.containers.add_capabilities", "ka.req.pod.initContainers.image", "falcoeks.workload.image.repository",
    "falcoeks.workload.args", "falcoeks.workload.eff_run_as_user", "falcoeks.role.verbs", "falcoeks.source.ips[0]",
)  # fmt: skip


def quoted(word: str) -> str:
    return escape(word.encode()).decode()


def words() -> st.SearchStrategy[str]:
    return st.sampled_from(WORDS).map(quoted)


def _listed(items: st.SearchStrategy[str], smallest: int = 0) -> st.SearchStrategy[str]:
    return st.lists(items, min_size=smallest, max_size=4).map(lambda chosen: f"({', '.join(chosen)})")


def _texts() -> st.SearchStrategy[str]:
    literal = st.sampled_from(WORDS).map(_literal)
    field = st.sampled_from(_SCALARS)

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        name = st.sampled_from(("tolower", "toupper", "basename", "b64"))
        part = inner | literal
        return st.one_of(
            st.builds("{}({})".format, name, part),
            st.builds("concat({}, {})".format, part, part),
            st.builds("join({}, {})".format, literal, _list_operands(inner)),
            st.builds("getopt({}, 'nt:')[{}]".format, _list_operands(inner), st.sampled_from("ntz")),
        )

    return st.recursive(field, deeper, max_leaves=3)


def _literal(word: str) -> str:
    return quoted(word) if quoted(word).startswith('"') else f'"{word}"'


def _list_operands(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    literal = st.sampled_from(WORDS).map(_literal)
    field = st.sampled_from(_LISTS)
    return st.one_of(
        field,
        st.builds("{}({})".format, st.sampled_from(("tolower", "basename")), field),
        _listed(inner | literal | st.just("evt.num") | field),
    )


def lists() -> st.SearchStrategy[str]:
    """A left-hand side that is a list."""
    field = st.sampled_from(_LISTS)
    return st.one_of(
        field,
        st.builds("{}({})".format, st.sampled_from(("tolower", "toupper", "basename", "b64")), field),
        st.builds("getopt({}, 'nt:')".format, _list_operands(st.sampled_from(_SCALARS))),
    )


def texts() -> st.SearchStrategy[str]:
    """A left-hand side that is one text."""
    return _texts()


def shown() -> st.SearchStrategy[str]:
    """What may stand behind the % of a template."""
    number = st.sampled_from(("evt.num", "evt.rawtime", "evt.rawtime.ns", "evt.reltime", "evt.is_async", "evt.time"))
    length = st.builds("len({})".format, st.one_of(texts(), lists()))
    return st.one_of(texts(), lists(), number, length)


def _right(side: str) -> str:
    return f"val({side})" if "(" not in side else side


def _text_checks() -> st.SearchStrategy[str]:
    plain = st.sampled_from(("=", "!=", "==", "contains", "icontains", "startswith", "endswith"))
    order = st.sampled_from(("<", "<=", ">", ">="))
    member = st.sampled_from(("in", "intersects", "pmatch"))
    modifier = st.sampled_from(("oneof", "anyof", "allof"))
    pattern = st.sampled_from(PATTERNS).map(quoted)
    regex = st.sampled_from(REGEXES).map(quoted)
    paths = _listed(st.sampled_from((*PATTERNS, "/etc", "/e*/p*", "usr", "/", "/etc/passwd/x")).map(quoted))
    return st.one_of(
        st.builds("{} exists".format, texts()),
        st.builds("{} {} {}".format, texts(), plain, words()),
        st.builds("{} {} {}".format, texts(), order, st.sampled_from(("5", "404", "-1", "0x10", "2.5"))),
        st.builds("{} {} {}".format, texts(), member, _listed(words())),
        st.builds("{} pmatch {}".format, texts(), paths),
        st.builds("{} {} {}".format, texts(), st.sampled_from(("glob", "iglob")), pattern),
        st.builds("{} regex {}".format, texts(), regex),
        st.builds("{} {} {} {}".format, texts(), plain, modifier, _listed(words())),
        st.builds("{} glob {} {}".format, texts(), modifier, _listed(pattern)),
        st.builds("{} regex {} {}".format, texts(), modifier, _listed(regex)),
        st.builds(
            "{} {} {}".format, texts(), st.one_of(plain, order, st.sampled_from(("in", "glob"))), texts().map(_right)
        ),
    )


def _other_checks() -> st.SearchStrategy[str]:
    member = st.sampled_from(("in", "intersects"))
    number = st.one_of(
        st.sampled_from(("evt.num", "evt.reltime.ns")),
        st.builds("len({})".format, texts()),
        st.builds("len({})".format, lists()),
    )
    compare = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
    value = st.sampled_from(("0", "1", "2", "3", "5", "-1", "+1", "01"))
    modifier = st.sampled_from(("oneof", "anyof", "allof"))
    return st.one_of(
        st.builds("{} exists".format, lists()),
        st.builds("{} {} {}".format, lists(), member, _listed(words())),
        st.builds("{} {} {}".format, lists(), member, lists().map(_right)),
        st.builds("{} {} {}".format, number, compare, value),
        st.builds("{} in {}".format, number, _listed(value)),
        st.builds("{} {} {} {}".format, number, st.sampled_from(("=", "!=")), modifier, _listed(value)),
        st.builds("len({}) {} len({})".format, texts(), compare, texts()),
        st.builds("evt.is_async {} {}".format, st.sampled_from(("=", "!=")), st.sampled_from(("true", "false"))),
    )


def checks() -> st.SearchStrategy[str]:
    return st.one_of(_text_checks(), _other_checks())


def _nested(single: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            inner.map("not ({})".format),
            inner.map("not not ({})".format),
            st.lists(inner, min_size=2, max_size=4).map(lambda parts: f"({' and '.join(parts)})"),
            st.lists(inner, min_size=2, max_size=4).map(lambda parts: f"({' or '.join(parts)})"),
        )

    return st.recursive(single, deeper, max_leaves=most)


def conditions() -> st.SearchStrategy[str]:
    """Conditions without macros that load."""
    return _nested(checks(), 8)


def class_conditions() -> st.SearchStrategy[str]:
    """Conditions that ask for few values of few fields again and again."""
    value = st.sampled_from(("get", "list", "create", "a"))
    scalar = st.sampled_from(("ka.verb", "ka.user.name"))
    member = st.sampled_from(("in", "intersects"))
    modifier = st.sampled_from(("oneof", "anyof", "allof"))
    single = st.one_of(
        st.builds("{} exists".format, st.sampled_from(("ka.verb", "ka.user.name", "ka.user.groups"))),
        st.builds("{} {} {}".format, scalar, st.sampled_from(("=", "!=")), value),
        st.builds("{} {} {} {}".format, scalar, st.sampled_from(("=", "!=")), modifier, _listed(value)),
        st.builds("{} in {}".format, scalar, _listed(value)),
        st.builds("ka.user.groups {} {}".format, member, _listed(value)),
    )
    return _nested(single, 12)


def class_events() -> st.SearchStrategy[bytes]:
    """Events for them."""
    value = st.sampled_from(("get", "list", "create", "a", "other"))
    user = st.fixed_dictionaries({}, optional={"username": value, "groups": st.lists(value, max_size=3)})
    fixed = {"auditID": st.just("id"), "stageTimestamp": st.just("2026-01-02T03:04:05Z")}
    return st.fixed_dictionaries(fixed, optional={"verb": value, "user": user}).map(lambda e: json.dumps(e).encode())


class _Twice(dict[str, Any]):
    """An object whose first key is written once more, with another value."""


def _written(value: Any, ascii_only: bool) -> str:
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}:{_written(v, ascii_only)}" for k, v in value.items()]
        if isinstance(value, _Twice) and parts:
            parts.append(f'{json.dumps(next(iter(value)))}:"second"')
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(item, ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _values() -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(WORDS), st.sampled_from((None, True, False, 0, 200, 404, 2.5, -1)))


def _maybe(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what belongs there, sometimes anything."""
    odd = st.one_of(_values(), st.lists(_values(), max_size=2), st.just({}))
    return st.integers(0, 9).flatmap(lambda n: odd if n == 0 else inner)


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    part, whole = st.fixed_dictionaries({}, optional=fields), st.fixed_dictionaries(fields)
    return st.integers(0, 19).flatmap(lambda n: part.map(_Twice) if n == 0 else whole if n % 2 else part)


def _items(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(_maybe(inner), max_size=3)


def _container() -> st.SearchStrategy[Any]:
    return _object(
        name=_values(),
        image=st.sampled_from(WORDS),
        command=_items(st.sampled_from(WORDS)),
        args=_items(st.sampled_from(WORDS)),
        ports=_items(_object(hostPort=_values(), containerPort=_values())),
        runAsUser=_values(),
        securityContext=_maybe(
            _object(privileged=_values(), runAsUser=_values(), capabilities=_object(add=_items(st.sampled_from(WORDS))))
        ),
    )


def _spec() -> st.SearchStrategy[Any]:
    return _object(
        containers=_maybe(_items(_container())),
        initContainers=_maybe(_items(_container())),
        volumes=_maybe(_items(_object(name=_values(), hostPath=_maybe(_object(path=_values())), emptyDir=_values()))),
        hostNetwork=_values(),
        runAsUser=_values(),
        ports=_items(_values()),
        securityContext=_maybe(_object(runAsUser=_values(), supplementalGroups=_items(_values()))),
    )


def events() -> st.SearchStrategy[bytes]:
    """Audit events, one JSON text each."""
    subject = _object(
        kind=st.sampled_from(("User", "Group", "ServiceAccount", "x")), name=_values(), namespace=_values()
    )
    rule = _object(verbs=_maybe(_items(_values())), sourceIPs=_items(_values()))
    body = _object(
        spec=_maybe(_spec()),
        subjects=_maybe(_items(subject)),
        rules=_maybe(_items(rule)),
        data=_object(a=_values()),
        roleRef=_object(name=_values()),
    )
    times = st.sampled_from(("2026-01-02T03:04:05Z", "2026-07-02T03:04:05.123456789Z", "2026-11-20T08:01:07.5+02:00"))
    event = st.fixed_dictionaries(
        {
            "kind": st.just("Event"),
            "stageTimestamp": times,
            "verb": _maybe(st.sampled_from(("get", "create", "list", "GET", ""))),
            "requestURI": _maybe(st.sampled_from(WORDS)),
            "user": _maybe(_object(username=_values(), groups=_maybe(_items(st.sampled_from(WORDS))))),
        },
        optional={
            "auditID": st.sampled_from(("id", None)),
            "sourceIPs": _items(_values()),
            "objectRef": _maybe(_object(resource=_values(), name=_values(), subresource=_values())),
            "responseStatus": _maybe(_object(code=_values())),
            "responseObject": _maybe(_object(metadata=_object(name=_values()))),
            "requestObject": st.one_of(_maybe(body), st.lists(body, max_size=2)),
        },
    )
    audited = st.builds(lambda made, add: {"auditID": "id"} | made if add else made, event, st.integers(0, 9).map(bool))
    return st.builds(lambda made, plain: _written(made, plain).encode(), audited, st.booleans())
