# What the native core (native/face.hpp) offers to its Python face; cimported by _core.pyx only.

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

cdef extern from "face.hpp" namespace "fe" nogil:
    cdef cppclass Buffer:
        const char *data() const
        size_t size() const

    cdef cppclass FormatOptions:
        cbool json_output
        cbool include_output
        cbool include_message
        cbool include_output_fields
        cbool include_tags
        cbool iso8601
        cbool raw_text
        cbool alert_id
        cbool origin_fields
        cbool host_info
        string hostname
        string plugin

    cdef cppclass OriginFacts:
        string cluster
        string account
        string region
        string log_group

    ctypedef cbool (*RegexCall)(void *handle, uint32_t pattern, const char *data, size_t size) noexcept nogil

    cdef cppclass RuleBook:
        size_t rule_count() const
        cbool compiled() const
        string attach(const void *module)
        string rule_name(size_t rule) const
        const vector[string] &patterns() const

    cdef unique_ptr[RuleBook] make_rule_book(const string &wire, const string &digest, const FormatOptions &options,
                                             cbool match_all, RegexCall regex, void *handle, string &error) except +

    cdef cppclass NumberingData "fe::Numbering":
        NumberingData()
        uint64_t last() const

    cdef cppclass SeenSetData "fe::SeenSet":
        SeenSetData(const uint8_t *key, uint64_t bucket_ms) except +
        uint64_t ticket() except +
        void confirm(uint64_t ticket) except +
        uint64_t forget(uint64_t ticket) except +
        uint64_t expire(uint64_t before_ms) except +
        uint64_t size() except +
        uint64_t memory_bytes() except +

    cdef cppclass Counts:
        uint64_t events
        uint64_t messages
        uint64_t repeated
        uint64_t malformed
        uint64_t not_audit
        uint64_t bad_time
        uint64_t oversize
        uint64_t truncated
        uint64_t prefiltered

    cdef cppclass AlertEntry:
        size_t offset
        size_t size
        uint32_t rule
        uint64_t time_ns
        int64_t timestamp_ms

    cdef cppclass IssueNote:
        string detail
        string log_stream
        string event_id
        size_t offset

    cdef cppclass BatchData:
        BatchData() except +
        Buffer text
        vector[AlertEntry] alerts
        vector[IssueNote] issues
        Counts counts
        size_t consumed
        string next_token
        cbool has_token
        int64_t newest_ms
        int64_t oldest_fresh_ms

    cdef cppclass SplitPageData "fe::SplitPage":
        SplitPageData()
        string next_token
        cbool has_token

    cdef cppclass ScannerData:
        ScannerData(NumberingData *numbering, uint64_t max_event_size, cbool prefilter) except +
        void scan_page(const RuleBook &rules, const SplitPageData &page, const uint8_t *body, size_t size,
                       const OriginFacts &origin, SeenSetData *seen, uint64_t ticket, BatchData &batch) except +
        void scan_lines(const RuleBook &rules, const uint8_t *chunk, size_t size, const OriginFacts &origin,
                        cbool last, BatchData &batch) except +
        void scan_payload(const RuleBook &rules, const uint8_t *payload, size_t size, const OriginFacts &origin,
                          BatchData &batch) except +

    cdef cppclass FloorCount:
        uint64_t events
        uint64_t checksum

    const char *issue_kind(const IssueNote &note)
    uint64_t lateness_bucket(const BatchData &batch, size_t bucket)
    size_t lateness_buckets()
    string alert_id_of(const BatchData &batch, const AlertEntry &entry, const OriginFacts &origin,
                       const RuleBook &rules) except +
    cbool take_apart(const uint8_t *body, size_t size, SplitPageData &page) except +
    string implementation_name()
    string simdjson_version()
    cbool floor_supported()
    FloorCount floor_of(const uint8_t *body, size_t size) except +
