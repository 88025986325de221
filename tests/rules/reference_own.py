"""The fields that Falco has not, written from what `own_fields` says of each. Used by `reference`."""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Iterator

from falcoeks_fast.rules.plan import Reader, Slot

from .reference_event import Json, simple_path, uri_parameter

CONTAINERS = (b"containers", b"initContainers", b"ephemeralContainers")
IGNORES_DRY_RUN = (b"exec", b"attach", b"portforward", b"proxy", b"token")
ELSEWHERE = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
]
Found = bytes | list[bytes] | None


def own_field(doc: Json, slot: Slot) -> Found:
    """The value of a slot with one of our own readers."""
    below = slot.path[1:]
    match slot.reader:
        case Reader.EFFECTIVE:
            value = simple_path(_effective(doc), below)
            return None if value is None else value.text()
        case Reader.EFFECTIVE_LIST:
            return [leaf.text() for leaf in _spread(_effective(doc), below) if _says(leaf)] or None
        case Reader.DRY_RUN:
            return _truth(_dry_run(doc))
        case Reader.PATCH_MEMBERS:
            patch = simple_path(doc, slot.path)
            steps = patch.items if patch is not None and patch.kind == "array" else []
            values = [step.get(slot.key) for step in steps if step.kind == "object"]
            return [value.text() for value in values if value is not None] or None
        case Reader.SOURCE_ADDRESS | Reader.SOURCE_PUBLIC | Reader.SOURCE_IN:
            return _source(doc, slot)
    return _workload(doc, slot)


def _truth(yes: bool) -> bytes:
    return b"true" if yes else b"false"


def _says(value: Json) -> bool:
    return value.raw != b"null"


def _string(value: Json | None) -> bytes:
    return value.text() if value is not None and value.kind == "string" else b""


def _effective(doc: Json) -> Json | None:
    asked, answer = doc.get(b"requestObject"), doc.get(b"responseObject")
    if _string(doc.get(b"verb")) != b"patch":
        return asked
    if answer is None or answer.kind != "object":
        return None if asked is not None and asked.kind == "array" else asked
    return None if _string(answer.get(b"kind")) == b"Status" else answer


def _spread(value: Json | None, path: tuple[bytes, ...], *, whole: bool = False) -> Iterator[Json]:
    """All values at a path, over every array on the way; at its end too, unless the array is wanted `whole`."""
    if value is None:
        return
    if value.kind == "array" and (path or not whole):
        for item in value.items:
            yield from _spread(item, path, whole=whole)
    elif not path:
        yield value
    elif value.kind == "object":
        yield from _spread(value.get(path[0]), path[1:], whole=whole)


def _dry_run(doc: Json) -> bool:
    verb = _string(doc.get(b"verb"))
    if verb in (b"delete", b"deletecollection"):
        body = doc.get(b"requestObject")
        if body is not None:
            said = body.get(b"dryRun") if body.kind == "object" else None
            return said is not None and said.kind == "array" and any(_string(item) == b"All" for item in said.items)
        if _string(doc.get(b"level")) in (b"", b"Metadata"):
            return False
    elif verb == b"create":
        if _string(simple_path(doc, (b"objectRef", b"subresource"))) in IGNORES_DRY_RUN:
            return False
    elif verb not in (b"update", b"patch"):
        return False
    return uri_parameter(_string(doc.get(b"requestURI")), b"dryRun", lenient=True) == b"All"


def _source(doc: Json, slot: Slot) -> Found:
    addresses = doc.get(b"sourceIPs")
    if addresses is None or addresses.kind != "array" or not addresses.items or addresses.items[-1].kind != "string":
        return None
    text = addresses.items[-1].text()
    if slot.reader is Reader.SOURCE_ADDRESS:
        return text
    try:
        address = ipaddress.ip_address(text.decode("ascii", "replace").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if slot.reader is Reader.SOURCE_PUBLIC:
        return _truth(_is_public(address))
    mapped = address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed
    networks = [slot.key[i : i + 17] for i in range(0, len(slot.key), 17)]
    return _truth(any(_bits(mapped)[: entry[16]] == _bits(entry[:16])[: entry[16]] for entry in networks))


def _bits(packed: bytes) -> str:
    return "".join(format(byte, "08b") for byte in packed)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address not in ipaddress.ip_network("64:ff9b::/96"):
            return address in ipaddress.ip_network("2000::/3")
        address = ipaddress.IPv4Address(address.packed[12:])
    return not any(address in network for network in ELSEWHERE)


def _pod_specs(doc: Json) -> list[Json] | None:
    body = doc.get(b"requestObject")
    if body is not None and body.kind == "array":
        body = doc.get(b"responseObject")
    if body is None or body.kind != "object":
        return None
    places = (
        (b"spec",),
        (b"spec", b"template", b"spec"),
        (b"spec", b"jobTemplate", b"spec", b"template", b"spec"),
        (b"template", b"spec"),
    )
    found = [_members(body, place) for place in places]
    return [spec for spec in found if spec is not None and spec.kind == "object"]


def _members(value: Json | None, path: tuple[bytes, ...]) -> Json | None:
    """Down through objects only."""
    for key in path:
        value = value.get(key) if value is not None and value.kind == "object" else None
    return value


def _workload(doc: Json, slot: Slot) -> Found:
    specs = _pod_specs(doc)
    if specs is None:
        return None
    if slot.reader is Reader.WORKLOAD_DEFAULT:
        return [value for spec in specs for value in _with_default(spec, slot)] or None
    words = slot.reader is Reader.WORKLOAD_WORDS
    leaves = [
        leaf
        for spec in specs
        for path in (slot.path[1:], slot.alt[1:])
        if path
        for kind in (CONTAINERS if path[0] == b"containers" else (path[0],))
        for leaf in _spread(spec, (kind, *path[1:]), whole=words)
    ]
    match slot.reader:
        case Reader.WORKLOAD_WORDS:
            arrays = [leaf for leaf in leaves if leaf.kind == "array"]
            return [_joined(array) for array in arrays] or None
        case Reader.WORKLOAD_TRUTH:
            return _truth(any(leaf.raw == b"true" for leaf in leaves))
        case Reader.WORKLOAD_HOSTPATH:
            wanted = slot.key.split(b",")
            return _truth(any(_reaches(leaf.text(), wanted) for leaf in leaves if _says(leaf)))
        case Reader.WORKLOAD_VOLUME_TYPES:
            return [key for v in leaves if v.kind == "object" for _, key, _ in v.members if key != b"name"] or None
        case Reader.WORKLOAD_REPOSITORY:
            return [_repository(leaf.text()) for leaf in leaves if _says(leaf)] or None
    return [leaf.text() for leaf in leaves if _says(leaf)] or None


def _with_default(spec: Json, slot: Slot) -> Iterator[bytes]:
    of_pod = _members(spec, slot.alt[1:])
    default = of_pod.text() if of_pod is not None and _says(of_pod) else b"0"
    for kind in CONTAINERS:
        containers = spec.get(kind)
        for container in containers.items if containers is not None and containers.kind == "array" else []:
            if container.kind == "object":
                own = _members(container, slot.path[2:])
                yield own.text() if own is not None and _says(own) else default


def _joined(array: Json) -> bytes:
    return b" ".join(item.text() for item in array.items if item.kind == "string")


def _repository(image: bytes) -> bytes:
    head, slash, last = image.split(b"@")[0].rpartition(b"/")
    return head + slash + last.split(b":")[0]


def _reaches(path: bytes, wanted: list[bytes]) -> bool:
    mounted = _parts(path)
    return any(all(a == b for a, b in zip(mounted, _parts(one), strict=False)) for one in wanted)


def _parts(path: bytes) -> list[bytes]:
    return [part for part in posixpath.normpath(b"/" + path.lstrip(b"/")).split(b"/") if part]
