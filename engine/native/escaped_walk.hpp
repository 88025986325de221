// The head of an audit event, read from the escaped text of a message, before it is decoded or indexed.
//
// In: a message as it stands in the page (`\"` for a quote), and which values are wanted: top-level members, or members
// of top-level objects. Out: the values, one by one in their order, until the caller has heard enough. Called by the
// prefilter. A wanted value that is not plain (an escape in it, a wrong type) is passed over, as if nobody had asked: it
// may be anything. What is not plain elsewhere (white space, an escape in a key, a double key) ends the walk with `odd`:
// then nothing is known and the event takes the exact way.
#pragma once

#include "event_fill.hpp"
#include "string_kernel.hpp"

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace fe {

struct HeadValue {
    RootKey root = kRootOther;
    std::string member;  // of the object under `root`; empty: the root's own value
};

// The values that are wanted of an event, at most 64, and which of them stand under each root key.
struct HeadPlan {
    std::vector<HeadValue> values;
    std::vector<uint8_t> of_root[kRootKeys];

    void add(HeadValue value) {
        of_root[value.root].push_back(static_cast<uint8_t>(values.size()));
        values.push_back(std::move(value));
    }
};

enum class HeadWalk { odd, stopped, whole };

class EscapedWalk {
  public:
    EscapedWalk(Text message) : p_(message.data), end_(message.data + message.size) {}

    uint64_t passed_over = 0;  // wanted values that were there, but not plain
    bool kind_is_event = false;
    bool has_audit_id = false;

    // `value(i, text)` for each wanted value, text without escapes, or without data where it is certain to be absent; it
    // returns true to stop. `whole`: the event was walked to its end, and what was not handed out is absent.
    template <typename OnValue> HeadWalk walk(const HeadPlan &wanted, OnValue &&value) {
        // How the API server begins every event; what differs is walked like everything else.
        static constexpr char kUsual[] = R"({\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",)";
        constexpr size_t kUsualBytes = sizeof kUsual - 1;
        uint32_t seen = 0;
        if (static_cast<size_t>(end_ - p_) > kUsualBytes && std::memcmp(p_, kUsual, kUsualBytes) == 0) {
            p_ += kUsualBytes;
            kind_is_event = true;
            seen = uint32_t{1} << kRootKind;
        } else if (!take('{')) {
            return HeadWalk::odd;
        }
        do {
            Text key;
            if (!plain_string(key) || !take(':')) return HeadWalk::odd;
            RootKey root = root_key_fast(key.data, key.size);
            if (root != kRootOther) {
                uint32_t bit = uint32_t{1} << root;
                if (seen & bit) return HeadWalk::odd;
                seen |= bit;
            }
            if (root == kRootKind) {
                Text kind;
                if (!plain_string(kind)) return HeadWalk::odd;
                kind_is_event = kind == Text("Event", 5);
                if (!kind_is_event) return HeadWalk::odd;
            } else if (root == kRootAuditId) {
                has_audit_id = true;
                if (!skip_value()) return HeadWalk::odd;
            } else {
                HeadWalk result = HeadWalk::whole;
                bool read_it = root != kRootOther && !wanted.of_root[root].empty() && read(wanted, root, value, result);
                if (result != HeadWalk::whole) return result;
                if (!read_it && !skip_value()) return HeadWalk::odd;
            }
        } while (take(','));
        return take('}') && p_ == end_ ? HeadWalk::whole : HeadWalk::odd;
    }

  private:
    bool take(char c) {
        if (p_ >= end_ || *p_ != c) return false;
        ++p_;
        return true;
    }

    // Read what is wanted under `root`. False if its value is still to be passed over.
    template <typename OnValue> bool read(const HeadPlan &wanted, RootKey root, OnValue &&value, HeadWalk &result) {
        uint8_t first = wanted.of_root[root].front();
        if (!wanted.values[first].member.empty()) {
            result = members(wanted, root, value);
            return true;
        }
        Text text;
        const char *from = p_;
        if (!plain_value(text)) {
            p_ = from;
            passed_over |= uint64_t{1} << first;
            return false;
        }
        if (value(first, text)) result = HeadWalk::stopped;
        return true;
    }

    template <typename OnValue> HeadWalk members(const HeadPlan &wanted, RootKey root, OnValue &&value) {
        if (!take('{')) return HeadWalk::odd;
        uint64_t seen = 0;
        if (!take('}')) {
            HeadWalk result = members_of_object(wanted, root, value, seen);
            if (result != HeadWalk::whole) return result;
        }
        for (uint8_t i : wanted.of_root[root])
            if (!(seen >> i & 1) && value(i, Text())) return HeadWalk::stopped;
        return HeadWalk::whole;
    }

    template <typename OnValue>
    HeadWalk members_of_object(const HeadPlan &wanted, RootKey root, OnValue &&value, uint64_t &seen) {
        size_t left = wanted.of_root[root].size();
        do {
            Text key;
            if (!plain_string(key) || !take(':')) return HeadWalk::odd;
            bool read_it = false;
            for (uint8_t i : wanted.of_root[root]) {
                const std::string &member = wanted.values[i].member;
                if (member.size() != key.size || std::memcmp(member.data(), key.data, key.size) != 0) continue;
                if (seen >> i & 1) return HeadWalk::odd;
                seen |= uint64_t{1} << i;
                Text text;
                const char *from = p_;
                read_it = plain_value(text);
                if (!read_it) {
                    p_ = from;
                    passed_over |= uint64_t{1} << i;
                } else if (value(i, text)) {
                    return HeadWalk::stopped;
                }
                // The first of equal keys counts, so nothing behind the last wanted one matters.
                if (--left == 0 && leap(1)) return HeadWalk::whole;
                break;
            }
            if (!read_it && !skip_value()) return HeadWalk::odd;
        } while (take(','));
        return take('}') ? HeadWalk::whole : HeadWalk::odd;
    }

    // The next backslash (or NUL, which no text of the API server holds and at which readers end a string); `end_` if
    // there is none.
    const char *backslash(const char *p) const {
        // 32 bytes without a branch: strings differ in length, and a wrongly predicted loop costs more than a long one.
        while (end_ - p >= 32) {
            uint64_t bits = specials(p) | specials(p + 16) << 16;
            if (bits) return p + std::countr_zero(bits);
            p += 32;
        }
        while (p < end_ && *p != '\\' && *p != 0) ++p;
        return p;
    }

    // A bit for each of 16 bytes that is a backslash or NUL.
    static uint64_t specials(const char *p) {
#if defined(__x86_64__)
        __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')), _mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
        return static_cast<uint32_t>(_mm_movemask_epi8(found));
#else
        uint64_t bits = 0;
        for (unsigned i = 0; i < 16; ++i) bits |= static_cast<uint64_t>(p[i] == '\\' || p[i] == 0) << i;
        return bits;
#endif
    }

    // `\"`, text without any backslash, `\"`.
    bool plain_string(Text &out) {
        if (end_ - p_ < 4 || p_[0] != '\\' || p_[1] != '"') return false;
        const char *from = p_ + 2, *close = backslash(from);
        if (end_ - close < 2 || close[0] != '\\' || close[1] != '"') return false;
        out = Text(from, static_cast<size_t>(close - from));
        p_ = close + 2;
        return true;
    }

    // A plain string, or an unsigned number.
    bool plain_value(Text &out) {
        if (p_ < end_ && *p_ == '\\') return plain_string(out);
        const char *from = p_;
        while (p_ < end_ && *p_ >= '0' && *p_ <= '9') ++p_;
        out = Text(from, static_cast<size_t>(p_ - from));
        return p_ > from && p_ < end_ && (*p_ == ',' || *p_ == '}');
    }

    // Over a string whose opening `\"` is at p_. Of a run of n backslashes before a quote, (n - 1) / 2 are the event's
    // own; the quote ends the string if that number is even.
    bool skip_string() {
        p_ += 2;
        while (true) {
            p_ = backslash(p_);
            const char *from = p_;
            while (p_ < end_ && *p_ == '\\') ++p_;
            if (p_ >= end_ || *p_ == 0) return false;
            size_t run = static_cast<size_t>(p_ - from);
            if (*p_ == '"') {
                ++p_;
                if (run % 4 == 1) return true;
                if (run % 4 != 3) return false;
            } else if (run % 2 == 1 && *p_ != '/') {
                return false;
            }
        }
    }

    // To behind the outermost of `depth` open containers (0: of the one at p_). False: not to be had the fast way.
    bool leap(uint64_t depth) {
        const uint8_t *behind = kernel_.container_end(reinterpret_cast<const uint8_t *>(p_),
                                                      reinterpret_cast<const uint8_t *>(end_), depth);
        if (behind) p_ = reinterpret_cast<const char *>(behind);
        return behind != nullptr;
    }

    // Over any value; its grammar is not looked at beyond brackets and strings.
    bool skip_value() {
        if (p_ < end_ && (*p_ == '{' || *p_ == '[')) {
            if (leap(0)) return true;
        }
        uint32_t depth = 0;
        while (p_ < end_) {
            char c = *p_;
            if (c == '\\') {
                if (end_ - p_ < 2 || p_[1] != '"' || !skip_string()) return false;
                if (depth == 0) return true;
                continue;
            }
            if (c == '{' || c == '[') {
                ++depth;
            } else if (c == '}' || c == ']') {
                if (depth == 0) return true;
                ++p_;
                if (--depth == 0) return true;
                continue;
            } else if (c == ',' && depth == 0) {
                return true;
            }
            ++p_;
        }
        return false;
    }

    const char *p_, *end_;
    const StringKernel &kernel_ = string_kernel();
};

}  // namespace fe
