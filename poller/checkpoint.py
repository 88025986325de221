"""One small file for each cluster: where every pass stands, and which alerts were delivered lately.

In: the state of a reader. Out: the file, replaced atomically, mode 0600; and back. Called by the dispatcher (to save)
and the source (to load). A file that is damaged, or of another cluster, is set aside under another name, never used.

Form: a line `falcoeks-fast checkpoint 1 <SHA-256 of the rest>`, a line of JSON, then 22 bytes for each alert (16 of its
id, 6 of its event time in ms, big-endian).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .page import Cluster
from .windows import Span

_MAGIC = b"falcoeks-fast checkpoint 1 "
_RECORD_BYTES = 22
_BUCKET_MS = 60_000
MAX_ALERTS = 250_000


class CheckpointUnusable(Exception):
    """The file exists, but cannot be used. `reason` says why, `foreign` that it is another cluster's."""

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.foreign = foreign


class AlertLog:
    """Ids of delivered alerts with their event times, in packed buckets of a minute."""

    def __init__(self) -> None:
        self._buckets: dict[int, bytearray] = {}
        self.count = 0

    def add(self, alerts: Iterable[tuple[str, int]]) -> None:
        """(id: 32 hex digits, event time in ms). Raises ValueError for another id."""
        for alert_id, time_ms in alerts:
            raw = bytes.fromhex(alert_id)
            if len(raw) != 16:
                raise ValueError(f"alert id {alert_id!r} has not 32 hex digits")
            record = raw + max(0, time_ms).to_bytes(6, "big")
            self._buckets.setdefault(time_ms // _BUCKET_MS, bytearray()).extend(record)
            self.count += 1

    def expire(self, before_ms: int) -> None:
        """Forget what lies in buckets that end before this time, and the oldest where there are too many."""
        for bucket in sorted(self._buckets):
            if (bucket + 1) * _BUCKET_MS > before_ms and self.count <= MAX_ALERTS:
                break
            self.count -= len(self._buckets.pop(bucket)) // _RECORD_BYTES

    def packed(self) -> bytes:
        return b"".join(self._buckets.values())

    @staticmethod
    def unpacked(data: bytes) -> list[tuple[str, int]]:
        return [
            (data[i : i + 16].hex(), int.from_bytes(data[i + 16 : i + _RECORD_BYTES], "big"))
            for i in range(0, len(data), _RECORD_BYTES)
        ]


@dataclass(frozen=True, slots=True)
class PassState:
    """Up to `frontier_ms` everything was read and accepted, except the spans in `todo`."""

    frontier_ms: int
    todo: tuple[Span, ...] = ()

    @property
    def cursor_ms(self) -> int:
        return min([self.frontier_ms, *(span.start_ms - 1 for span in self.todo)])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    saved_at_ms: int
    passes: dict[str, PassState]
    account: str = ""
    alerts: bytes = field(default=b"", repr=False)  # AlertLog.packed()


def identity(cluster: Cluster) -> dict[str, str]:
    """What a checkpoint must agree with. The account is left out: it may not be known yet."""
    return {"cluster": cluster.name, "region": cluster.region, "endpoint": cluster.endpoint_url or ""}


def checkpoint_path(state_dir: Path, cluster: Cluster) -> Path:
    """Two clusters of one name (other region, account or endpoint) have different files."""
    parts = [*identity(cluster).values(), cluster.profile or "", cluster.role_arn or ""]
    mark = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", cluster.name)[:80]
    return state_dir / f"{safe}.{mark}.checkpoint"


def save(path: Path, cluster: Cluster, state: Checkpoint) -> None:
    """Replace the file atomically. Raises OSError."""
    header = {
        **identity(cluster),
        "account": state.account,
        "saved_at_ms": state.saved_at_ms,
        "passes": {
            name: {"frontier_ms": one.frontier_ms, "todo": [[span.start_ms, span.end_ms] for span in one.todo]}
            for name, one in state.passes.items()
        },
    }
    rest = json.dumps(header, separators=(",", ":")).encode() + b"\n" + state.alerts
    document = _MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest
    descriptor, temporary = tempfile.mkstemp(prefix=".checkpoint-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load(path: Path, cluster: Cluster) -> Checkpoint | None:
    """The stored state, None where there is no file. Raises CheckpointUnusable and OSError."""
    try:
        document = path.read_bytes()
    except FileNotFoundError:
        return None
    first, _, rest = document.partition(b"\n")
    if not first.startswith(_MAGIC):
        raise CheckpointUnusable("it is no checkpoint of this version of falcoeks-fast")
    if first[len(_MAGIC) :] != hashlib.sha256(rest).hexdigest().encode():
        raise CheckpointUnusable("its checksum does not fit")
    line, _, alerts = rest.partition(b"\n")
    try:
        header = json.loads(line)
        passes = {
            str(name): PassState(int(one["frontier_ms"]), tuple(Span(int(a), int(b)) for a, b in one["todo"]))
            for name, one in header["passes"].items()
        }
        state = Checkpoint(int(header["saved_at_ms"]), passes, str(header["account"]), alerts)
        found = {key: header[key] for key in identity(cluster)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointUnusable(f"its content is not understood ({error})") from error
    if len(alerts) % _RECORD_BYTES:
        raise CheckpointUnusable("its list of alerts is cut")
    if found != identity(cluster):
        theirs = f"{found['cluster']} ({found['region']})"
        raise CheckpointUnusable(f"it belongs to cluster {theirs}", foreign=True)
    return state


def set_aside(path: Path, word: str, now_ms: int) -> Path:
    """Rename an unusable file, so that it is neither used nor overwritten. Raises OSError."""
    target = path.with_name(f"{path.name}.{word}-{now_ms}")
    os.replace(path, target)
    return target
