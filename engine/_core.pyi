"""The native core: bytes in, alerts out, the GIL released in between. Sources: `_core.pyx` and `native/`."""

from collections.abc import Sequence
from typing import final

from typing_extensions import Buffer

SIMDJSON_VERSION: str

def implementation() -> str:
    """The instruction set that simdjson and the page scanner chose on this machine, e.g. `icelake`."""

def floor(body: Buffer) -> int:
    """Walk a page with bare simdjson, reading twelve fields of each event; how many events. For benchmarks only.

    `body` ends with 64 bytes of padding (blanks), else ValueError. RuntimeError where the machine lacks AVX2.
    """

class PlanError(ValueError):
    """The wire form of a plan is damaged or of another version."""

@final
class Format:
    """How alerts are written (falco.yaml: json_output and its relatives). Immutable."""

    def __init__(
        self,
        *,
        json_output: bool = False,
        include_output: bool = True,
        include_message: bool = False,
        include_output_fields: bool = True,
        include_tags: bool = True,
        iso8601: bool = False,
        raw_text: bool = False,
        alert_id: bool = False,
        origin_fields: bool = False,
        host_info: bool = True,
        hostname: str = "",
        plugin: str = "k8saudit-eks",
    ) -> None:
        """`raw_text`: leave control characters in text alerts as Falco 0.44 does.

        `alert_id`: put it into output_fields.
        `origin_fields`: put falcoeks.cluster, .account and .region into output_fields (several clusters).
        """

@final
class RuleSet:
    """An immutable set of rules with its interpreter; shared by any number of scanners."""

    def __init__(self, wire: bytes, predicate_digest: bytes, format: Format, *, match_all: bool = False) -> None:
        """`wire`: `Plan.wire()`. Raises PlanError."""
    def attach(self, module: object) -> None:
        """Use the predicates of a compiled module (its capsule).

        Raises ValueError if they are of another plan or ABI.
        """
    @property
    def compiled(self) -> bool: ...
    @property
    def rule_count(self) -> int: ...

@final
class Origin:
    """Where events come from; immutable. Goes into alert ids and the falcoeks.* fields."""

    def __init__(self, *, cluster: str = "", account: str = "", region: str = "", log_group: str = "") -> None: ...

@final
class SeenSet:
    """The event ids of one log group seen within a horizon, as keyed 128-bit hashes in buckets of event time.

    Thread-safe. An id is entered under a ticket when its event is scanned; `forget(ticket)` takes all of them out again
    (its page was not accepted), `confirm(ticket)` makes them permanent until `expire`.
    """

    def __init__(self, key: bytes, *, bucket_ms: int = 60_000) -> None:
        """`key`: 16 random bytes, so that nobody can choose ids that meet. Raises ValueError."""
    def ticket(self) -> int: ...
    def confirm(self, ticket: int) -> None: ...
    def forget(self, ticket: int) -> int:
        """How many ids were taken out."""
    def expire(self, before_ms: int) -> int:
        """Drop every bucket that ends before this event time; how many ids were dropped."""
    def __len__(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

@final
class Alert:
    """One alert of a batch."""

    @property
    def rule_index(self) -> int: ...
    @property
    def body(self) -> bytes:
        """The alert as text or JSON, without line end."""
    @property
    def time_ns(self) -> int: ...
    @property
    def event_time_ms(self) -> int:
        """CloudWatch's timestamp of the event; 0 for other sources."""
    @property
    def id(self) -> str:
        """32 hex digits: SHA-256 over account, region, log group, event id, item and rule, cut to 128 bits."""

@final
class Issue:
    """Something about an event that somebody should hear of.

    A batch keeps the first few of each kind; counts are exact.
    """

    @property
    def kind(self) -> str:
        """`malformed`, `not_audit`, `bad_time`, `oversize` or `truncated`."""
    @property
    def detail(self) -> str: ...
    @property
    def log_stream(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def offset(self) -> int:
        """Byte offset in the page or chunk."""

@final
class Batch:
    """What one page, chunk or payload gave."""

    events: int  # audit events evaluated
    messages: int  # log events, lines or payloads looked at, repeats included
    repeated: int  # messages known by event id
    malformed: int  # not JSON
    not_audit: int  # JSON, but no audit event
    bad_time: int  # no usable stageTimestamp (evaluated only if truncated)
    oversize: int  # larger than max_event_size
    truncated: int  # cut by CloudWatch; evaluated on what is there
    prefiltered: int  # events of which the prefilter said that no rule can match
    consumed: int  # bytes of the chunk that were used (lines); the rest belongs to the next chunk
    next_token: str | None
    newest_ms: int  # greatest timestamp of the page's messages; -1 on an empty page
    oldest_fresh_ms: int  # smallest timestamp of the messages not known before; -1 if none
    @property
    def issues(self) -> Sequence[Issue]: ...
    @property
    def lateness_ms(self) -> Sequence[int]:
        """Counts of fresh messages by ingestionTime - timestamp: bucket i holds lateness below 2**i ms; 24 buckets."""
    @property
    def alert_count(self) -> int: ...
    @property
    def text(self) -> bytes:
        """All alerts, each ended by LF."""
    def alert(self, index: int) -> Alert: ...
    @property
    def rule_counts(self) -> Sequence[tuple[int, int]]:
        """(rule index, alerts) of the rules that fired."""

@final
class Numbering:
    """evt.num and the first event's time (evt.reltime), shared by all scanners of a run. Thread-safe."""

    def __init__(self) -> None: ...
    @property
    def last(self) -> int: ...

@final
class SplitPage:
    """A FilterLogEvents body, taken apart into its messages without a look at any of them. Immutable."""

    def __init__(self, body: Buffer) -> None:
        """`body` must not change as long as the page is in use. Raises ValueError if it is no such document."""
    @property
    def next_token(self) -> str | None:
        """The `nextToken`; None where there is none."""

@final
class Scanner:
    """Turns bytes into alerts; one per thread. The rule set may be changed between two calls."""

    def __init__(
        self, rules: RuleSet, numbering: Numbering, *, max_event_size_bytes: int = 0, prefilter: bool = True
    ) -> None:
        """`max_event_size_bytes`: 0 for no limit."""
    rules: RuleSet
    def scan_page(
        self, body: SplitPage | Buffer, origin: Origin, seen: SeenSet | None = None, ticket: int = 0
    ) -> Batch:
        """A FilterLogEvents response body. Raises ValueError if it is no such document; then nothing was evaluated."""
    def scan_lines(self, chunk: Buffer, origin: Origin, *, last: bool = False) -> Batch:
        """JSON lines; an unfinished last line is left (`consumed`) unless `last`."""
    def scan_payload(self, payload: Buffer, origin: Origin) -> Batch:
        """One JSON text: an event, an EventList, or an array of these."""
