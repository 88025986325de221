# distutils: language = c++
# cython: language_level=3
"""The native core: bytes in, alerts out, the GIL released in between.

The work is done by the C++ headers in `native/`; this module only makes Python objects of it. The stub `_core.pyi` says
what each class takes and gives.
"""

cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string

from falcoeks_fast.engine.face cimport (
    AlertEntry,
    BatchData,
    FloorCount,
    FormatOptions,
    IssueNote,
    NumberingData,
    OriginFacts,
    RuleBook,
    ScannerData,
    SeenSetData,
    SplitPageData,
    alert_id_of,
    floor_of,
    floor_supported,
    implementation_name,
    issue_kind,
    lateness_bucket,
    lateness_buckets,
    make_rule_book,
    simdjson_version,
    take_apart,
)

SIMDJSON_VERSION = simdjson_version().decode()


class PlanError(ValueError):
    pass


def implementation():
    return implementation_name().decode()


def floor(const uint8_t[::1] body not None):
    """Walk a page with bare simdjson, reading twelve fields of each event; how many events. For benchmarks only.

    `body` ends with at least 64 bytes of padding (blanks). Raises RuntimeError where the machine lacks the
    instructions that the walk was compiled for.
    """
    cdef FloorCount count
    if body.shape[0] < 64:
        raise ValueError("the page needs 64 bytes of padding behind it")
    if not floor_supported():
        raise RuntimeError("the floor was compiled for AVX2, which this machine lacks")
    with nogil:
        count = floor_of(&body[0], body.shape[0] - 64)
    return count.events


@cython.final
cdef class Format:
    cdef FormatOptions options

    def __init__(self, *, bint json_output=False, bint include_output=True, bint include_message=False,
                 bint include_output_fields=True, bint include_tags=True, bint iso8601=False, bint raw_text=False,
                 bint alert_id=False, bint origin_fields=False, bint host_info=True, str hostname="",
                 str plugin="k8saudit-eks"):
        self.options.json_output = json_output
        self.options.include_output = include_output
        self.options.include_message = include_message
        self.options.include_output_fields = include_output_fields
        self.options.include_tags = include_tags
        self.options.iso8601 = iso8601
        self.options.raw_text = raw_text
        self.options.alert_id = alert_id
        self.options.origin_fields = origin_fields
        self.options.host_info = host_info
        self.options.hostname = hostname.encode("utf-8", "surrogateescape")
        self.options.plugin = plugin.encode("utf-8", "surrogateescape")


cdef cbool regex_call(void *handle, uint32_t pattern, const char *data, size_t size) noexcept with gil:
    # RE2's Python binding is called with the GIL held; the plan puts these atoms behind all cheaper ones.
    return (<list> handle)[pattern](data[:size]) is not None


@cython.final
cdef class RuleSet:
    cdef unique_ptr[RuleBook] book
    cdef list matchers
    cdef object module

    def __init__(self, bytes wire not None, bytes predicate_digest not None, Format format not None, *,
                 bint match_all=False):
        cdef string error
        self.matchers = []
        self.book = make_rule_book(wire, predicate_digest, format.options, match_all, regex_call,
                                   <void *> self.matchers, error)
        if self.book.get() == NULL:
            raise PlanError(error.decode("utf-8", "replace"))
        if self.book.get().patterns().size():
            self.compile_patterns()

    cdef compile_patterns(self):
        cdef size_t i
        cdef string text
        # Only rules with regular expressions pay for the library.
        import re2
        options = re2.Options()
        options.posix_syntax = True
        options.longest_match = True
        options.log_errors = False
        for i in range(self.book.get().patterns().size()):
            text = self.book.get().patterns()[i]
            pattern = text.data()[:text.size()]
            try:
                self.matchers.append(re2.compile(pattern, options).fullmatch)
            except re2.error as error_of_re2:
                raise PlanError(f"regular expression {pattern!r}: {error_of_re2}") from None

    def attach(self, module not None):
        cdef string error
        if not PyCapsule_IsValid(module, "falcoeks_fast.module"):
            raise ValueError("no capsule of a compiled rule module")
        error = self.book.get().attach(PyCapsule_GetPointer(module, "falcoeks_fast.module"))
        if not error.empty():
            raise ValueError(error.decode("utf-8", "replace"))
        # The capsule's owner keeps the machine code mapped.
        self.module = module

    @property
    def compiled(self):
        return self.book.get().compiled()

    @property
    def rule_count(self):
        return self.book.get().rule_count()


@cython.final
cdef class Origin:
    cdef OriginFacts facts

    def __init__(self, *, str cluster="", str account="", str region="", str log_group=""):
        self.facts.cluster = cluster.encode()
        self.facts.account = account.encode()
        self.facts.region = region.encode()
        self.facts.log_group = log_group.encode()


@cython.final
cdef class SeenSet:
    cdef unique_ptr[SeenSetData] data

    def __init__(self, const uint8_t[::1] key not None, *, int64_t bucket_ms=60_000):
        if key.shape[0] != 16:
            raise ValueError(f"the key of a SeenSet is 16 bytes, not {key.shape[0]}")
        if bucket_ms <= 0:
            raise ValueError(f"bucket_ms is {bucket_ms}; it must be above 0")
        self.data.reset(new SeenSetData(&key[0], bucket_ms))

    def ticket(self):
        return self.data.get().ticket()

    def confirm(self, uint64_t ticket):
        with nogil:
            self.data.get().confirm(ticket)

    def forget(self, uint64_t ticket):
        cdef uint64_t count
        with nogil:
            count = self.data.get().forget(ticket)
        return count

    def expire(self, int64_t before_ms):
        cdef uint64_t count
        if before_ms <= 0:
            return 0
        with nogil:
            count = self.data.get().expire(before_ms)
        return count

    def __len__(self):
        return self.data.get().size()

    @property
    def memory_bytes(self):
        return self.data.get().memory_bytes()


@cython.final
cdef class Numbering:
    cdef unique_ptr[NumberingData] data

    def __init__(self):
        self.data.reset(new NumberingData())

    @property
    def last(self):
        return self.data.get().last()


@cython.final
cdef class Alert:
    cdef readonly int rule_index
    cdef readonly bytes body
    cdef readonly object time_ns
    cdef readonly object event_time_ms
    cdef readonly str id


@cython.final
cdef class Issue:
    cdef readonly str kind
    cdef readonly str detail
    cdef readonly str log_stream
    cdef readonly str event_id
    cdef readonly object offset


@cython.final
cdef class Batch:
    cdef unique_ptr[BatchData] data
    cdef RuleSet rules
    cdef Origin origin

    def __init__(self):
        raise TypeError("a Batch is made by a Scanner")

    @property
    def events(self):
        return self.data.get().counts.events

    @property
    def messages(self):
        return self.data.get().counts.messages

    @property
    def repeated(self):
        return self.data.get().counts.repeated

    @property
    def malformed(self):
        return self.data.get().counts.malformed

    @property
    def not_audit(self):
        return self.data.get().counts.not_audit

    @property
    def bad_time(self):
        return self.data.get().counts.bad_time

    @property
    def oversize(self):
        return self.data.get().counts.oversize

    @property
    def truncated(self):
        return self.data.get().counts.truncated

    @property
    def prefiltered(self):
        return self.data.get().counts.prefiltered

    @property
    def consumed(self):
        return self.data.get().consumed

    @property
    def next_token(self):
        if not self.data.get().has_token:
            return None
        return self.data.get().next_token.decode("utf-8", "replace")

    @property
    def newest_ms(self):
        return self.data.get().newest_ms

    @property
    def oldest_fresh_ms(self):
        return self.data.get().oldest_fresh_ms

    @property
    def issues(self):
        cdef size_t i
        cdef const IssueNote *note
        cdef Issue issue
        result = []
        for i in range(self.data.get().issues.size()):
            note = &self.data.get().issues[i]
            issue = Issue.__new__(Issue)
            issue.kind = issue_kind(note[0]).decode()
            issue.detail = note.detail.decode("utf-8", "replace")
            issue.log_stream = note.log_stream.decode("utf-8", "replace")
            issue.event_id = note.event_id.decode("utf-8", "replace")
            issue.offset = note.offset
            result.append(issue)
        return result

    @property
    def lateness_ms(self):
        cdef size_t i
        return tuple([lateness_bucket(self.data.get()[0], i) for i in range(lateness_buckets())])

    @property
    def alert_count(self):
        return self.data.get().alerts.size()

    @property
    def text(self):
        cdef const BatchData *data = self.data.get()
        return data.text.data()[:data.text.size()]

    def alert(self, size_t index):
        cdef const BatchData *data = self.data.get()
        cdef const AlertEntry *entry
        cdef Alert alert
        if index >= data.alerts.size():
            raise IndexError(f"alert {index} of a batch of {data.alerts.size()}")
        entry = &data.alerts[index]
        alert = Alert.__new__(Alert)
        alert.rule_index = entry.rule
        alert.body = data.text.data()[entry.offset:entry.offset + entry.size]
        alert.time_ns = entry.time_ns
        alert.event_time_ms = entry.timestamp_ms
        alert.id = alert_id_of(data[0], entry[0], self.origin.facts, self.rules.book.get()[0]).decode()
        return alert

    @property
    def rule_counts(self):
        cdef size_t i
        cdef dict counts = {}
        for i in range(self.data.get().alerts.size()):
            rule = self.data.get().alerts[i].rule
            counts[rule] = counts.get(rule, 0) + 1
        return sorted(counts.items())


@cython.final
cdef class SplitPage:
    cdef SplitPageData data
    # Keeps the body where the texts of `data` point to.
    cdef const uint8_t[::1] body

    def __cinit__(self, const uint8_t[::1] body not None):
        cdef const uint8_t *text = &body[0] if body.shape[0] else NULL
        cdef size_t size = body.shape[0]
        cdef cbool is_page
        with nogil:
            is_page = take_apart(text, size, self.data)
        if not is_page:
            raise ValueError("this is no FilterLogEvents response: not a JSON object with an array `events`")
        self.body = body

    @property
    def next_token(self):
        if not self.data.has_token:
            return None
        return self.data.next_token.decode("utf-8", "replace")


@cython.final
cdef class Scanner:
    cdef unique_ptr[ScannerData] data
    cdef Numbering numbering
    cdef public RuleSet rules
    cdef bint busy

    def __init__(self, RuleSet rules not None, Numbering numbering not None, *, uint64_t max_event_size_bytes=0,
                 bint prefilter=True):
        self.rules = rules
        self.numbering = numbering
        self.data.reset(new ScannerData(numbering.data.get(), max_event_size_bytes, prefilter))

    cdef Batch begin(self, Origin origin):
        cdef Batch batch
        if self.busy:
            raise RuntimeError("a Scanner is for one thread at a time")
        batch = Batch.__new__(Batch)
        batch.rules = self.rules
        batch.origin = origin
        batch.data.reset(new BatchData())
        self.busy = True
        return batch

    def scan_page(self, body not None, Origin origin not None, SeenSet seen=None, uint64_t ticket=0):
        cdef SplitPage page = body if isinstance(body, SplitPage) else SplitPage(body)
        cdef Batch batch = self.begin(origin)
        cdef size_t size = page.body.shape[0]
        cdef const uint8_t *data = &page.body[0] if size else NULL
        cdef SeenSetData *known = seen.data.get() if seen is not None else NULL
        try:
            with nogil:
                self.data.get().scan_page(batch.rules.book.get()[0], page.data, data, size, origin.facts, known,
                                          ticket, batch.data.get()[0])
        finally:
            self.busy = False
        return batch

    def scan_lines(self, const uint8_t[::1] chunk not None, Origin origin not None, *, bint last=False):
        cdef Batch batch = self.begin(origin)
        cdef const uint8_t *data = &chunk[0] if chunk.shape[0] else NULL
        cdef size_t size = chunk.shape[0]
        try:
            with nogil:
                self.data.get().scan_lines(batch.rules.book.get()[0], data, size, origin.facts, last,
                                           batch.data.get()[0])
        finally:
            self.busy = False
        return batch

    def scan_payload(self, const uint8_t[::1] payload not None, Origin origin not None):
        cdef Batch batch = self.begin(origin)
        cdef const uint8_t *data = &payload[0] if payload.shape[0] else NULL
        cdef size_t size = payload.shape[0]
        try:
            with nogil:
                self.data.get().scan_payload(batch.rules.book.get()[0], data, size, origin.facts,
                                             batch.data.get()[0])
        finally:
            self.busy = False
        return batch
