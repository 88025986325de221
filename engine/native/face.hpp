// What the Python face (_core.pyx) sees of the native core: plain functions around its classes.
#pragma once

#include "floor.hpp"
#include "scanner.hpp"

#include <string>

namespace fe {

using ScannerData = Scanner;

inline std::unique_ptr<RuleBook> make_rule_book(const std::string &wire, const std::string &digest,
                                                const FormatOptions &options, bool match_all, RegexCall regex,
                                                void *handle, std::string &error) {
    return RuleBook::make(wire, digest, options, match_all, regex, handle, error);
}

inline const char *issue_kind(const IssueNote &note) { return issue_name(note.kind); }
inline uint64_t lateness_bucket(const BatchData &batch, size_t bucket) { return batch.lateness[bucket]; }
inline size_t lateness_buckets() { return BatchData::kLatenessBuckets; }

inline std::string alert_id_of(const BatchData &batch, const AlertEntry &entry, const OriginFacts &origin,
                               const RuleBook &rules) {
    EventName name({batch.event_ids.data() + entry.id_offset, entry.id_size}, entry.number, entry.time_ns);
    const std::string &rule = rules.rule_name(entry.rule);
    std::string out(kAlertIdBytes, 0);
    put_alert_id(out.data(), origin, name.text(), entry.item, {rule.data(), rule.size()});
    return out;
}

// False if the body is no page.
inline bool take_apart(const uint8_t *body, size_t size, SplitPage &page) {
    return split_page(body, size, page) == PageResult::ok;
}

inline std::string implementation_name() {
    return simdjson::get_active_implementation()->name() + " + " + string_kernel().name;
}

inline std::string simdjson_version() { return SIMDJSON_VERSION; }

inline bool floor_supported() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("pclmul");
#else
    return true;
#endif
}

inline FloorCount floor_of(const uint8_t *body, size_t size) { return floor_walk(body, size); }

}  // namespace fe
