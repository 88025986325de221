"""Fields that Falco has not: rows of the field table, all under the name `falcoeks.`.

In: nothing. Out: `own_fields()`, which `field_table` takes in, and the name and version of the plugin that rules name
in `required_plugin_versions` when they use them. Sources: the audit event's Go types (audit/v1, core/v1), the keys that
the authenticators of service accounts and IAM put into `user.extra`, RFC 6902, IANA's registries of special addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from falcoeks_fast.rules.fields.field import Argument, Field, FieldClass
from falcoeks_fast.rules.plan import Reader

OWN_PLUGIN, OWN_PLUGIN_VERSION = "falcoeks", "0.1.0"

_EXTRA = ("user", "extra")
_KUBERNETES = "authentication.kubernetes.io/"
_CONTEXT = "securityContext"

_SCALARS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("user.uid", ("user", "uid"), "The id of the user; for IAM identities aws-iam-authenticator:account:id."),
    ("user.arn", (*_EXTRA, "arn", "0"), "The ARN of the IAM identity behind the user, with the session's name."),
    (
        "user.canonical_arn",
        (*_EXTRA, "canonicalArn", "0"),
        "The ARN of the IAM role or user itself, without session.",
    ),
    ("user.session_name", (*_EXTRA, "sessionName", "0"), "The name of the role session; of nodes the instance id."),
    (
        "user.access_key_id",
        (*_EXTRA, "accessKeyId", "0"),
        "The AWS access key that signed the login, as in CloudTrail.",
    ),
    ("user.principal_id", (*_EXTRA, "principalId", "0"), "AWS's unique id of the IAM identity."),
    (
        "user.credential_id",
        (*_EXTRA, f"{_KUBERNETES}credential-id", "0"),
        "Which credential was shown: JTI=id of a service account token, or X509SHA256=digest of a certificate.",
    ),
    ("user.pod_name", (*_EXTRA, f"{_KUBERNETES}pod-name", "0"), "The pod that the service account token was made for."),
    ("user.pod_uid", (*_EXTRA, f"{_KUBERNETES}pod-uid", "0"), "The uid of that pod."),
    (
        "user.node_name",
        (*_EXTRA, f"{_KUBERNETES}node-name", "0"),
        "The node where that pod was when it got the token.",
    ),
    ("user.node_uid", (*_EXTRA, f"{_KUBERNETES}node-uid", "0"), "The uid of that node."),
    (
        "issued_credential_id",
        ("annotations", f"{_KUBERNETES}issued-credential-id"),
        "The id of the token that this request made: falcoeks.user.credential_id of whoever shows it later.",
    ),
    ("impuser.uid", ("impersonatedUser", "uid"), "The id of the impersonated user."),
)

_LISTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("impuser.groups", ("impersonatedUser", "groups"), "The groups that the caller impersonates."),
    (
        "source.ips",
        ("sourceIPs",),
        "The addresses of the request. All but the last are what the client says (X-Forwarded-For).",
    ),
)

_SOURCES: tuple[tuple[str, Reader, Argument, str], ...] = (
    (
        "source.ip",
        Reader.SOURCE_ADDRESS,
        Argument.NONE,
        "The address that the connection came from: the last one of sourceIPs, which no client can forge.",
    ),
    (
        "source.public",
        Reader.SOURCE_PUBLIC,
        Argument.NONE,
        "true if falcoeks.source.ip is an address of the internet, false if it is private, shared (100.64.0.0/10),"
        " loopback, link-local or otherwise of no use there; absent if it is no address.",
    ),
    (
        "source.in",
        Reader.SOURCE_IN,
        Argument.KEY,
        "true if falcoeks.source.ip lies in one of the networks of the key, else false; absent if it is no address."
        " The key is one or more networks or addresses with commas between: falcoeks.source.in[10.0.0.0/8,192.0.2.7].",
    ),
)

_OPERATIONS = (
    ("ops", "op", "The operations of a JSON Patch: add, replace, remove and so on."),
    ("paths", "path", "The JSON pointers that a JSON Patch writes to."),
    ("values", "value", "The values that a JSON Patch writes, as text."),
)

_RULES = (
    ("verbs", "verbs", "The verbs of all rules of the role as it is after the request."),
    ("resources", "resources", "The resources of all rules of the role as it is after the request."),
    ("api_groups", "apiGroups", "The API groups of all rules of the role as it is after the request."),
    ("resource_names", "resourceNames", "The object names that the role's rules are limited to, after the request."),
)

_CONTAINER, _VOLUME = "containers", "volumes"
_EACH = "Over all containers of a workload: "
_ANY = "true if any container of the workload {}, else false."
_POD = "true if the workload's pods {}, else false."

# suffix, reader, path below the pod's spec (`containers` stands for the three kinds), second path, sentence
_WORKLOAD: tuple[tuple[str, Reader, tuple[str, ...], tuple[str, ...], str], ...] = (
    ("name", Reader.WORKLOAD_LIST, (_CONTAINER, "name"), (), _EACH + "their names."),
    ("image", Reader.WORKLOAD_LIST, (_CONTAINER, "image"), (), _EACH + "their images."),
    (
        "image.repository",
        Reader.WORKLOAD_REPOSITORY,
        (_CONTAINER, "image"),
        (),
        _EACH + "their images without tag and digest; a registry's port stays.",
    ),
    ("command", Reader.WORKLOAD_WORDS, (_CONTAINER, "command"), (), _EACH + "each command, joined by blanks."),
    ("args", Reader.WORKLOAD_WORDS, (_CONTAINER, "args"), (), _EACH + "the arguments of each, joined by blanks."),
    (
        "privileged",
        Reader.WORKLOAD_TRUTH,
        (_CONTAINER, _CONTEXT, "privileged"),
        (),
        _ANY.format("asks to be privileged"),
    ),
    (
        "allow_privilege_escalation",
        Reader.WORKLOAD_TRUTH,
        (_CONTAINER, _CONTEXT, "allowPrivilegeEscalation"),
        (),
        _ANY.format("says that it may gain privileges"),
    ),
    (
        "add_capabilities",
        Reader.WORKLOAD_LIST,
        (_CONTAINER, _CONTEXT, "capabilities", "add"),
        (),
        _EACH + "the capabilities that they add, one by one.",
    ),
    ("host_port", Reader.WORKLOAD_LIST, (_CONTAINER, "ports", "hostPort"), (), _EACH + "the host ports they take."),
    ("proc_mount", Reader.WORKLOAD_LIST, (_CONTAINER, _CONTEXT, "procMount"), (), _EACH + "each procMount."),
    (
        "seccomp",
        Reader.WORKLOAD_LIST,
        (_CONTAINER, _CONTEXT, "seccompProfile", "type"),
        (_CONTEXT, "seccompProfile", "type"),
        "The seccomp profiles that the workload's containers and pods name: RuntimeDefault, Localhost, Unconfined.",
    ),
    (
        "apparmor",
        Reader.WORKLOAD_LIST,
        (_CONTAINER, _CONTEXT, "appArmorProfile", "type"),
        (_CONTEXT, "appArmorProfile", "type"),
        "The AppArmor profiles that the workload's containers and pods name.",
    ),
    (
        "host_process",
        Reader.WORKLOAD_TRUTH,
        (_CONTAINER, _CONTEXT, "windowsOptions", "hostProcess"),
        (_CONTEXT, "windowsOptions", "hostProcess"),
        _ANY.format("is a host process of Windows"),
    ),
    ("run_as_user", Reader.WORKLOAD_LIST, (_CONTAINER, _CONTEXT, "runAsUser"), (), _EACH + "the user ids they set."),
    ("run_as_group", Reader.WORKLOAD_LIST, (_CONTAINER, _CONTEXT, "runAsGroup"), (), _EACH + "the group ids they set."),
    (
        "eff_run_as_user",
        Reader.WORKLOAD_DEFAULT,
        (_CONTAINER, _CONTEXT, "runAsUser"),
        (_CONTEXT, "runAsUser"),
        _EACH + "the user id of each: its own, else the pod's, else 0.",
    ),
    (
        "eff_run_as_group",
        Reader.WORKLOAD_DEFAULT,
        (_CONTAINER, _CONTEXT, "runAsGroup"),
        (_CONTEXT, "runAsGroup"),
        _EACH + "the group id of each: its own, else the pod's, else 0.",
    ),
    ("host_network", Reader.WORKLOAD_TRUTH, ("hostNetwork",), (), _POD.format("use the node's network")),
    ("host_pid", Reader.WORKLOAD_TRUTH, ("hostPID",), (), _POD.format("see the node's processes")),
    ("host_ipc", Reader.WORKLOAD_TRUTH, ("hostIPC",), (), _POD.format("share the node's IPC namespace")),
    (
        "share_process_namespace",
        Reader.WORKLOAD_TRUTH,
        ("shareProcessNamespace",),
        (),
        _POD.format("share their processes among containers"),
    ),
    (
        "service_account",
        Reader.WORKLOAD_LIST,
        ("serviceAccountName",),
        ("serviceAccount",),
        "The service accounts that the workload's pods run as, where it names one.",
    ),
    ("node_name", Reader.WORKLOAD_LIST, ("nodeName",), (), "The node that the workload's pods ask for by name."),
    (
        "hostpath",
        Reader.WORKLOAD_LIST,
        (_VOLUME, "hostPath", "path"),
        (),
        "The directories of the node that the workload's pods mount.",
    ),
    (
        "volume_type",
        Reader.WORKLOAD_VOLUME_TYPES,
        (_VOLUME,),
        (),
        "The kinds of the volumes of the workload's pods: hostPath, secret, configMap and so on.",
    ),
    (
        "token_audience",
        Reader.WORKLOAD_LIST,
        (_VOLUME, "projected", "sources", "serviceAccountToken", "audience"),
        (),
        "The audiences of the service account tokens that the workload's pods mount.",
    ),
)


def _own(name: str, reader: Reader, path: tuple[str, ...], doc: str, *, is_list: bool = False) -> Field:
    return Field(f"falcoeks.{name}", FieldClass.OWN, doc, reader, path, is_list=is_list)


def own_fields() -> Iterator[Field]:
    """All rows but those on the event's origin."""
    for name, path, doc in _SCALARS:
        yield _own(name, Reader.SCALAR, path, doc)
    for name, path, doc in _LISTS:
        yield replace(_own(name, Reader.PLAIN_LIST, path, doc, is_list=True), argument=Argument.INDEX)
    yield from _sources()
    yield Field(
        "falcoeks.dryrun",
        FieldClass.OWN,
        "true if the request was tried out without effect (dryRun=All), else false. For deletions the body counts, as"
        " for the API server: the URI only where there is no body. exec, attach, port-forward, proxy and token requests"
        " take no notice of it: always false.",
        Reader.DRY_RUN,
        ("requestURI",),
        place="requestURI, query parameter dryRun; of deletions requestObject.dryRun[]",
    )
    yield from _objects()
    yield from _workload()


def _sources() -> Iterator[Field]:
    for name, reader, argument, doc in _SOURCES:
        yield Field(
            f"falcoeks.{name}",
            FieldClass.OWN,
            doc,
            reader,
            ("sourceIPs",),
            argument=argument,
            place="sourceIPs[], the last",
        )


def _objects() -> Iterator[Field]:
    after = "responseObject of a patch, else requestObject"
    yield Field(
        "falcoeks.object",
        FieldClass.OWN,
        "The value at a JSON pointer in the object as it is after the request: of a patch in the answer, whatever form"
        " the patch has, else in the request.",
        Reader.EFFECTIVE,
        ("requestObject",),
        argument=Argument.KEY,
        place=f"(the JSON pointer in) {after}",
    )
    for suffix, key, doc in _RULES:
        yield Field(
            f"falcoeks.role.{suffix}",
            FieldClass.OWN,
            doc,
            Reader.EFFECTIVE_LIST,
            ("requestObject", "rules", key),
            is_list=True,
            place=f"rules[].{key}[] in {after}",
        )
    for suffix, key, doc in _OPERATIONS:
        yield Field(
            f"falcoeks.patch.{suffix}",
            FieldClass.OWN,
            f"{doc} Absent for every other body.",
            Reader.PATCH_MEMBERS,
            ("requestObject",),
            key=key,
            is_list=True,
            place=f"requestObject[].{key}",
        )


def _workload() -> Iterator[Field]:
    for suffix, reader, path, second, doc in _WORKLOAD:
        places = ", ".join(".".join(one) for one in (path, second) if one)
        yield Field(
            f"falcoeks.workload.{suffix}",
            FieldClass.OWN,
            doc,
            reader,
            ("requestObject", *path),
            ("requestObject", *second) if second else (),
            is_list=reader is not Reader.WORKLOAD_TRUTH,
            place=f"{places} in every pod spec of the request, of a JSON Patch in that of the answer",
        )
    yield Field(
        "falcoeks.workload.hostpath.reaches",
        FieldClass.OWN,
        "true if a directory of the node that the workload's pods mount is one of those in the key, below one or above"
        " one, so that its content can be reached; else false. The key is one or more directories with commas between:"
        " falcoeks.workload.hostpath.reaches[/etc,/var/lib/kubelet]. Double slashes and dots do not hide a path.",
        Reader.WORKLOAD_HOSTPATH,
        ("requestObject", _VOLUME, "hostPath", "path"),
        argument=Argument.KEY,
        place="volumes.hostPath.path in every pod spec of the request, of a JSON Patch in that of the answer",
    )
