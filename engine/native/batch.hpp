// What one page, chunk or payload gave: alerts, counts, and samples of what went wrong.
//
// Filled by the scanner while the GIL is released; read by the Python face afterwards.
#pragma once

#include "arena.hpp"
#include "buffer.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace fe {

struct AlertEntry {
    size_t offset = 0, size = 0;  // in BatchData::text, without the line end
    uint32_t rule = 0;
    uint32_t item = 0;            // running number of the event inside its message
    uint64_t time_ns = 0;
    int64_t timestamp_ms = 0;     // CloudWatch's; 0 elsewhere
    uint64_t number = 0;          // evt.num
    size_t id_offset = 0, id_size = 0;  // of the event id in BatchData::event_ids
};

enum class IssueKind : uint8_t { malformed, not_audit, bad_time, oversize, truncated, count_ };

inline const char *issue_name(IssueKind kind) {
    static constexpr const char *kNames[] = {"malformed", "not_audit", "bad_time", "oversize", "truncated"};
    return kNames[static_cast<size_t>(kind)];
}

struct IssueNote {
    IssueKind kind;
    std::string detail, log_stream, event_id;
    size_t offset = 0;
};

struct Counts {
    uint64_t events = 0, messages = 0, repeated = 0, malformed = 0, not_audit = 0, bad_time = 0, oversize = 0,
             truncated = 0, prefiltered = 0;
};

struct BatchData {
    static constexpr size_t kIssuesOfAKind = 5;
    static constexpr size_t kLatenessBuckets = 24;

    Buffer text;
    Buffer event_ids;
    std::vector<AlertEntry> alerts;
    std::vector<IssueNote> issues;
    std::array<uint64_t, static_cast<size_t>(IssueKind::count_)> issue_counts{};
    std::array<uint64_t, kLatenessBuckets> lateness{};
    Counts counts;
    size_t consumed = 0;
    std::string next_token;
    bool has_token = false;
    int64_t newest_ms = -1, oldest_fresh_ms = -1;

    bool wants(IssueKind kind) { return issue_counts[static_cast<size_t>(kind)]++ < kIssuesOfAKind; }

    void note_lateness(int64_t late_ms) {
        size_t bucket = 0;
        while (bucket + 1 < kLatenessBuckets && late_ms >= (int64_t{1} << bucket)) ++bucket;
        ++lateness[bucket];
    }
};

}  // namespace fe
