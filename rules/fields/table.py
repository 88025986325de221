"""All fields that a condition or a template may name: one row each, from which listing, documentation and readers come.

In: nothing. Out: `Field` values: `TABLE`, `FIXES` (rows that replace others when a field fix is chosen by name) and
`static_field`. Read by `fields`. Sources: `spec` fields and fields.csv; the sentences are our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from falcoeks_fast.rules.fields.field import Argument, Field, FieldClass
from falcoeks_fast.rules.fields.own import own_fields
from falcoeks_fast.rules.plan import MetaField, Reader, ValueType

__all__ = ["FIXES", "TABLE", "Argument", "Field", "FieldClass", "static_field"]

_SPEC = ("requestObject", "spec")


def _scalars() -> Iterator[Field]:
    note = "annotations"
    rows: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("ka.auditid", ("auditID",), "The id that the API server gave to the request."),
        (
            "ka.stage",
            ("stage",),
            "How far the request has come: RequestReceived, ResponseStarted, ResponseComplete, Panic.",
        ),
        ("ka.auth.decision", (note, "authorization.k8s.io/decision"), "What the authorizer decided: allow or forbid."),
        ("ka.auth.reason", (note, "authorization.k8s.io/reason"), "Why the authorizer decided so."),
        (
            "ka.auth.openshift.decision",
            (note, "authentication.openshift.io/decision"),
            "What OpenShift's login decided.",
        ),
        (
            "ka.auth.openshift.username",
            (note, "authentication.openshift.io/username"),
            "The user that OpenShift's login saw.",
        ),
        (
            "ka.validations.admission.policy.failure",
            (note, "validation.policy.admission.k8s.io/validation_failure"),
            "Failures of ValidatingAdmissionPolicies whose action is to audit.",
        ),
        (
            "ka.security.pod.violations",
            (note, "pod-security.kubernetes.io/audit-violations"),
            "Violations of the Pod Security level that the namespace audits.",
        ),
        ("ka.user.name", ("user", "username"), "Who made the request."),
        ("ka.impuser.name", ("impersonatedUser", "username"), "The user that the caller impersonates."),
        ("ka.verb", ("verb",), "The verb of the request: get, list, create, delete and so on."),
        ("ka.uri", ("requestURI",), "The request URI as the client sent it."),
        ("ka.target.name", ("objectRef", "name"), "The name of the object that the request is about."),
        ("ka.target.namespace", ("objectRef", "namespace"), "The namespace of that object."),
        ("ka.target.resource", ("objectRef", "resource"), "The resource type of that object, in the plural: pods."),
        ("ka.target.subresource", ("objectRef", "subresource"), "The part of the object, such as exec or status."),
        ("ka.req.binding.role", ("requestObject", "roleRef", "name"), "The role that a binding grants."),
        ("ka.req.configmap.name", ("objectRef", "name"), "The same as ka.target.name, whatever the resource is."),
        ("ka.req.configmap.obj", ("requestObject", "data"), "The data of a config map, as JSON text."),
        ("ka.req.pod.host_ipc", (*_SPEC, "hostIPC"), "Whether the pod asks for the host's IPC namespace."),
        ("ka.req.pod.host_network", (*_SPEC, "hostNetwork"), "Whether the pod asks for the host's network."),
        ("ka.req.pod.host_pid", (*_SPEC, "hostPID"), "Whether the pod asks for the host's process namespace."),
        ("ka.req.pod.run_as_user", (*_SPEC, "securityContext", "runAsUser"), "The user id set for the whole pod."),
        ("ka.req.pod.run_as_group", (*_SPEC, "securityContext", "runAsGroup"), "The group id set for the whole pod."),
        ("ka.req.pod.fs_group", (*_SPEC, "securityContext", "fsGroup"), "The group id that owns the pod's volumes."),
        ("ka.req.service.type", (*_SPEC, "type"), "The type of a service; of any other object its spec.type."),
        ("ka.resp.name", ("responseObject", "metadata", "name"), "The name of the object in the response."),
        (
            "ka.response.code",
            ("responseStatus", "code"),
            "The HTTP status of the response, as text: it orders as text.",
        ),
        ("ka.response.reason", ("responseStatus", "reason"), "The reason that a failed response gives."),
        ("ka.useragent", ("userAgent",), "What the client calls itself."),
        ("ka.cluster.name", (note, "cluster_name"), "The cluster's name, where a collector adds it to the event."),
    )
    for name, path, doc in rows:
        yield Field(name, FieldClass.AUDIT, doc, Reader.SCALAR, path)
    yield Field(
        "ka.req.container.host_network",
        FieldClass.AUDIT,
        "The same as ka.req.pod.host_network.",
        Reader.SCALAR,
        (*_SPEC, "hostNetwork"),
        deprecated=True,
    )


def _special() -> Iterator[Field]:
    audit = FieldClass.AUDIT
    yield Field(
        "ka.uri.param",
        audit,
        "The first value of a query parameter of the URI, decoded. One bad parameter anywhere hides all of them.",
        Reader.URI_PARAM,
        ("requestURI",),
        argument=Argument.KEY,
        place="requestURI, query parameter",
    )
    yield Field(
        "ka.target.pod.name",
        audit,
        "The pod's name from the response, if the request is about a pod and none of its subresources.",
        Reader.TARGET_POD_NAME,
        ("responseObject", "metadata", "name"),
    )
    yield Field(
        "ka.req.binding.subject.has_name",
        audit,
        "Always the text true, binding or not.",
        Reader.CONSTANT,
        key="true",
        argument=Argument.KEY,
        place="(nothing)",
        deprecated=True,
    )
    yield Field(
        "ka.req.volume.hostpath",
        audit,
        "Whether some volume mounts this host path; a * at the end of the key makes it a prefix.",
        Reader.HOSTPATH_MATCH,
        (*_SPEC, "volumes"),
        argument=Argument.KEY,
        place="requestObject.spec.volumes[].hostPath.path",
        deprecated=True,
    )
    first_image = Field(
        "ka.req.container.image",
        audit,
        "The image of the first container.",
        Reader.SCALAR,
        (*_SPEC, "containers", "image"),
        index=0,
        place="requestObject.spec.containers[0].image",
        deprecated=True,
    )
    yield first_image
    yield replace(
        first_image,
        name="ka.req.container.image.repository",
        doc="The image of the first container up to the first colon and the first @.",
        reader=Reader.REPOSITORY_SCALAR,
    )
    yield Field(
        "ka.req.container.privileged",
        audit,
        "true if any container asks to be privileged, else false.",
        Reader.ANY_PRIVILEGED,
        (*_SPEC, "containers"),
        place="requestObject.spec.containers[].securityContext.privileged",
        deprecated=True,
    )


def _lists() -> Iterator[Field]:
    subjects, rules = ("requestObject", "subjects"), ("requestObject", "rules")
    plain: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("ka.user.groups", ("user", "groups"), "The groups of whoever made the request."),
        ("ka.req.binding.subjects", subjects, "The subjects of a binding, each as JSON text."),
        ("ka.req.role.rules", rules, "The rules of a role, each as JSON text."),
        (
            "ka.req.pod.supplemental_groups",
            (*_SPEC, "securityContext", "supplementalGroups"),
            "The extra group ids of the pod's processes.",
        ),
    )
    for name, path, doc in plain:
        yield _list(name, doc, Reader.PLAIN_LIST, path, Argument.NONE, ".".join(path) + "[]")
    for suffix, kind, what in (
        ("user_names", "User", "users"),
        ("serviceaccount_names", "ServiceAccount", "service accounts"),
        ("group_names", "Group", "groups"),
    ):
        yield replace(
            _list(
                f"ka.req.binding.subjects.{suffix}",
                f"The names of the {what} that a binding binds.",
                Reader.SUBJECT_NAMES,
                subjects,
                Argument.NONE,
                f"requestObject.subjects[].name where kind is {kind}",
            ),
            key=kind,
        )
    yield _list(
        "ka.req.binding.subjects.serviceaccount_ns_names",
        "The service accounts that a binding binds, as namespace:name; without a namespace they are left out.",
        Reader.SUBJECT_ACCOUNTS,
        subjects,
        Argument.NONE,
        "requestObject.subjects[].namespace and .name where kind is ServiceAccount",
    )
    for key, what in (
        ("apiGroups", "API groups"),
        ("nonResourceURLs", "URLs"),
        ("resources", "resources"),
        ("verbs", "verbs"),
    ):
        doc = f"The {what} of all rules of a role, or of the rule with the given index."
        place = f"requestObject.rules[].{key}[]"
        field = _list(f"ka.req.role.rules.{key}", doc, Reader.RULE_WORDS, rules, Argument.INDEX, place)
        yield replace(field, key=key)
    yield replace(
        _list(
            "ka.sourceips",
            "Falco reads a key of role rules here, so this is never present on real events; the field fix"
            " ka.sourceips gives the client's addresses.",
            Reader.RULE_WORDS,
            rules,
            Argument.INDEX,
            "requestObject.rules[].sourceIPs[]",
        ),
        key="sourceIPs",
    )
    volumes = (*_SPEC, "volumes")
    yield _list(
        "ka.req.service.ports",
        "The ports of a service: one element, the JSON text of them all, whatever the index.",
        Reader.WHOLE_AS_LIST,
        (*_SPEC, "ports"),
    )
    yield _list(
        "ka.req.pod.volumes.hostpath",
        "The host paths that the pod's volumes mount.",
        Reader.WALK_SKIP,
        (*volumes, "hostPath", "path"),
        place="requestObject.spec.volumes[].hostPath.path",
    )
    yield _list(
        "ka.req.pod.volumes.flexvolume_driver",
        "The drivers of the pod's FlexVolumes.",
        Reader.WALK_SKIP,
        (*volumes, "flexVolume", "driver"),
        place="requestObject.spec.volumes[].flexVolume.driver",
    )
    yield _list(
        "ka.req.pod.volumes.volume_type",
        "The kinds of the pod's volumes: the keys of each volume but its name.",
        Reader.VOLUME_TYPES,
        volumes,
        place="requestObject.spec.volumes[], keys",
    )


def _list(
    name: str,
    doc: str,
    reader: Reader,
    path: tuple[str, ...],
    argument: Argument = Argument.INDEX,
    place: str = "",
) -> Field:
    return Field(name, FieldClass.AUDIT, doc, reader, path, is_list=True, argument=argument, place=place)


_CONTAINER_ROWS: tuple[tuple[str, Reader, tuple[str, ...], str], ...] = (
    ("args", Reader.CONTAINER_WORDS, ("args",), "The arguments of each {} joined by blanks."),
    ("command", Reader.CONTAINER_WORDS, ("command",), "The command of each {} joined by blanks."),
    ("name", Reader.WALK_STRICT, ("name",), "The name of each {}; absent if one has none."),
    ("image", Reader.WALK_STRICT, ("image",), "The image of each {}; absent if one has none."),
    (
        "image.repository",
        Reader.REPOSITORY,
        ("image",),
        "The image of each {} up to the first colon and the first @, so without the path if the registry has a port.",
    ),
    ("host_port", Reader.HOST_PORT, ("ports",), "The host port, else the container port, of every port of each {}."),
    ("privileged", Reader.WALK_SKIP, ("securityContext", "privileged"), "Whether each {} that says so is privileged."),
    (
        "allow_privilege_escalation",
        Reader.WALK_SKIP,
        ("securityContext", "allowPrivilegeEscalation"),
        "Whether each {} that says so may gain privileges.",
    ),
    (
        "read_only_fs",
        Reader.WALK_SKIP,
        ("securityContext", "readOnlyRootFilesystem"),
        "Whether the root file system of each {} that says so is read-only.",
    ),
    ("run_as_user", Reader.WALK_SKIP, ("securityContext", "runAsUser"), "The user id of each {} that sets one."),
    ("run_as_group", Reader.WALK_SKIP, ("securityContext", "runAsGroup"), "The group id of each {} that sets one."),
    (
        "eff_run_as_user",
        Reader.WALK_DEFAULT,
        ("runAsUser",),
        "Meant as the user id that each {} runs with; Falco looks in the wrong place and nearly always says 0"
        " (field fix: eff_run_as).",
    ),
    (
        "eff_run_as_group",
        Reader.WALK_DEFAULT,
        ("runAsGroup",),
        "Meant as the group id that each {} runs with; Falco looks in the wrong place and nearly always says 0"
        " (field fix: eff_run_as).",
    ),
    ("proc_mount", Reader.WALK_SKIP, ("securityContext", "procMount"), "The procMount of each {} that sets one."),
    (
        "add_capabilities",
        Reader.WALK_SKIP,
        ("securityContext", "capabilities", "add"),
        "The capabilities that each {} adds, as one JSON text each (field fix: one element for each capability).",
    ),
)


def _containers() -> Iterator[Field]:
    for key, noun in (
        ("containers", "container"),
        ("initContainers", "init container"),
        ("ephemeralContainers", "ephemeral container"),
    ):
        for suffix, reader, path, doc in _CONTAINER_ROWS:
            if suffix == "host_port" and key == "ephemeralContainers":
                continue
            place = f"requestObject.spec.{key}[]." + ".".join(path)
            field = _list(f"ka.req.pod.{key}.{suffix}", doc.format(noun), reader, (*_SPEC, key, *path), place=place)
            if reader is Reader.WALK_DEFAULT:
                field = replace(field, alt=(*_SPEC, *path), place=f"{place}, else requestObject.spec.{path[0]}, else 0")
            yield field


def _json() -> Iterator[Field]:
    for prefix in ("json", "jevt"):
        yield Field(
            f"{prefix}.value",
            FieldClass.JSON,
            "The value at a JSON pointer, with or without its leading slash.",
            Reader.JSON_VALUE,
            argument=Argument.KEY,
            place="(the JSON pointer)",
        )
        yield Field(
            f"{prefix}.obj",
            FieldClass.JSON,
            "The whole event, indented by two blanks.",
            Reader.JSON_OBJECT,
            place="(the event)",
        )
        yield Field(
            f"{prefix}.rawtime",
            FieldClass.JSON,
            "The time of the event in nanoseconds since 1970, as text.",
            Reader.JSON_RAWTIME,
            place="stageTimestamp",
        )


_EVT_ROWS: tuple[tuple[str, Reader, ValueType, str, str], ...] = (
    ("num", Reader.EVT_NUM, ValueType.UINT64, "(engine)", "The running number of the event, from 1."),
    ("time", Reader.EVT_TIME, ValueType.STRING, "stageTimestamp", "The local time of day with nanoseconds."),
    ("time.s", Reader.EVT_TIME_S, ValueType.STRING, "stageTimestamp", "The local time of day without a fraction."),
    ("time.iso8601", Reader.EVT_TIME_ISO8601, ValueType.STRING, "stageTimestamp", "Date and time in UTC, ISO 8601."),
    ("datetime", Reader.EVT_DATETIME, ValueType.STRING, "stageTimestamp", "Local date and time with nanoseconds."),
    ("datetime.s", Reader.EVT_DATETIME_S, ValueType.STRING, "stageTimestamp", "Local date and time, no fraction."),
    ("rawtime", Reader.EVT_RAWTIME, ValueType.ABSTIME, "stageTimestamp", "Nanoseconds since 1970."),
    ("rawtime.s", Reader.EVT_RAWTIME_S, ValueType.ABSTIME, "stageTimestamp", "Whole seconds since 1970."),
    ("rawtime.ns", Reader.EVT_RAWTIME_NS, ValueType.ABSTIME, "stageTimestamp", "Nanoseconds within the second."),
    (
        "reltime",
        Reader.EVT_RELTIME,
        ValueType.RELTIME,
        "stageTimestamp",
        "Nanoseconds since the first event of the run.",
    ),
    ("reltime.s", Reader.EVT_RELTIME_S, ValueType.RELTIME, "stageTimestamp", "Whole seconds since the first event."),
    ("reltime.ns", Reader.EVT_RELTIME_NS, ValueType.RELTIME, "stageTimestamp", "The rest of evt.reltime.s."),
    ("pluginname", Reader.EVT_PLUGINNAME, ValueType.STRING, "(engine)", "The plugin that the event came through."),
    ("plugininfo", Reader.EVT_PLUGININFO, ValueType.STRING, "(the event)", "The whole event as compact JSON."),
    ("source", Reader.EVT_SOURCE, ValueType.STRING, "(engine)", "The event source: k8s_audit."),
    ("is_async", Reader.EVT_IS_ASYNC, ValueType.BOOL, "(engine)", "false: audit events are not asynchronous."),
    ("asynctype", Reader.EVT_ASYNCTYPE, ValueType.STRING, "(engine)", "Absent on audit events."),
    ("hostname", Reader.EVT_HOSTNAME, ValueType.STRING, "(engine)", "The host that evaluates the rules."),
)

_META_ROWS: tuple[tuple[str, MetaField, str], ...] = (
    ("cluster", MetaField.CLUSTER, "The EKS cluster that the event comes from."),
    ("account", MetaField.ACCOUNT, "The AWS account of that cluster."),
    ("region", MetaField.REGION, "The AWS region of that cluster."),
    ("log_group", MetaField.LOG_GROUP, "The CloudWatch log group that the event was read from."),
    ("log_stream", MetaField.LOG_STREAM, "The log stream within that group."),
    ("event_id", MetaField.EVENT_ID, "The id that CloudWatch gave to the log event."),
    ("truncated", MetaField.TRUNCATED, "true if CloudWatch cut the event off, else false."),
    (
        "ingestion_time_ms",
        MetaField.INGESTION_TIME_MS,
        "When CloudWatch took the event in, in milliseconds since 1970.",
    ),
)


def _engine() -> Iterator[Field]:
    for suffix, reader, kind, place, doc in _EVT_ROWS:
        yield Field(f"evt.{suffix}", FieldClass.EVT, doc, reader, type=kind, place=place)
    for suffix, meta, doc in _META_ROWS:
        kind = ValueType.UINT64 if meta is MetaField.INGESTION_TIME_MS else ValueType.STRING
        yield Field(f"falcoeks.{suffix}", FieldClass.OWN, doc, Reader.META, index=meta, type=kind, place="(CloudWatch)")


def static_field(name: str, value: str) -> Field:
    """The field `static.<name>` of the configuration's `static_fields`."""
    return Field(
        f"static.{name}",
        FieldClass.STATIC,
        "A constant from the configuration (static_fields).",
        Reader.STATIC,
        key=value,
        place="(configuration)",
        suggested=True,
    )


TABLE: dict[str, Field] = {
    f.name: f for part in (_engine, own_fields, _scalars, _special, _lists, _containers, _json) for f in part()
}
"""All fields but the static ones, by name."""


def _fixed() -> Iterator[tuple[str, Field]]:
    ips = replace(TABLE["ka.sourceips"], doc="The addresses of the client and of proxies before it.", key="")
    yield "ka.sourceips", replace(ips, reader=Reader.PLAIN_LIST, path=("sourceIPs",), place="sourceIPs[]")
    param = replace(TABLE["ka.uri.param"], doc="The first value of a query parameter of the URI, decoded.")
    yield "uri.param", replace(param, reader=Reader.URI_PARAM_FIXED)
    whole = "The image of {} without tag and digest."
    scalar = replace(TABLE["ka.req.container.image.repository"], doc=whole.format("the first container"))
    yield "image.repository", replace(scalar, reader=Reader.REPOSITORY_SCALAR_FIXED)
    for key in ("containers", "initContainers", "ephemeralContainers"):
        name = f"ka.req.pod.{key}."
        field = replace(TABLE[name + "image.repository"], doc=whole.format("each container that has one"))
        yield "image.repository", replace(field, reader=Reader.REPOSITORY_FIXED)
        field = replace(TABLE[name + "add_capabilities"], doc="The capabilities that the containers add, one by one.")
        place = field.place + "[]"
        yield "add_capabilities", replace(field, reader=Reader.CAPABILITIES_FIXED, place=place)
        for suffix, what, word in (("user", "User", "user"), ("group", "Group", "group")):
            tail = ("securityContext", f"runAs{what}")
            dotted = ".".join(tail)
            yield (
                "eff_run_as",
                replace(
                    TABLE[f"{name}eff_run_as_{suffix}"],
                    doc=f"The {word} id that each container runs with: its own, else the pod's, else 0.",
                    reader=Reader.WALK_DEFAULT_FIXED,
                    path=(*_SPEC, key, *tail),
                    alt=(*_SPEC, *tail),
                    place=f"requestObject.spec.{key}[].{dotted}, else requestObject.spec.{dotted}, else 0",
                ),
            )


FIXES: dict[str, dict[str, Field]] = {}
"""The corrected rows, by the name of the field fix and the name of the field."""
for _fix, _field in _fixed():
    FIXES.setdefault(_fix, {})[_field.name] = replace(_field, fix=_fix)
