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

enum class HeadWalk { odd, stopped, whole };

class EscapedWalk {
  public:
    EscapedWalk(Text message) : p_(message.data), end_(message.data + message.size) {}

    uint64_t passed_over = 0;  // wanted values of the root that were there, but not plain
    bool kind_is_event = false;
    bool has_audit_id = false;

    // `value(i, text)` for each wanted value, text without escapes, or without data where it is certain to be absent; it
    // returns true to stop. `whole`: the event was walked to its end, and what was not handed out is absent.
    template <typename OnValue> HeadWalk walk(const std::vector<HeadValue> &wanted, OnValue &&value) {
        if (!take('{')) return HeadWalk::odd;
        uint32_t seen = 0;
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
                if (root == kRootOther || !read(wanted, root, value, result)) {
                    if (result != HeadWalk::whole) return result;
                    if (!skip_value()) return HeadWalk::odd;
                } else if (result != HeadWalk::whole) {
                    return result;
                }
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

    // If something under `root` is wanted: read it. True if its value was consumed (or the walk is over).
    template <typename OnValue>
    bool read(const std::vector<HeadValue> &wanted, RootKey root, OnValue &&value, HeadWalk &result) {
        bool object = false;
        for (size_t i = 0; i < wanted.size(); ++i) {
            if (wanted[i].root != root) continue;
            if (!wanted[i].member.empty()) { object = true; continue; }
            Text text;
            const char *from = p_;
            if (plain_value(text)) {
                if (value(i, text)) result = HeadWalk::stopped;
                return true;
            }
            p_ = from;
            passed_over |= uint64_t{1} << i;
            return false;
        }
        if (!object) return false;
        result = members(wanted, root, value);
        return true;
    }

    template <typename OnValue>
    HeadWalk members(const std::vector<HeadValue> &wanted, RootKey root, OnValue &&value) {
        if (!take('{')) return HeadWalk::odd;
        uint64_t seen = 0;
        if (!take('}')) {
            HeadWalk result = members_of_object(wanted, root, value, seen);
            if (result != HeadWalk::whole) return result;
        }
        for (size_t i = 0; i < wanted.size(); ++i)
            if (wanted[i].root == root && !(seen >> i & 1) && value(i, Text())) return HeadWalk::stopped;
        return HeadWalk::whole;
    }

    template <typename OnValue>
    HeadWalk members_of_object(const std::vector<HeadValue> &wanted, RootKey root, OnValue &&value, uint64_t &seen) {
        do {
            Text key;
            if (!plain_string(key) || !take(':')) return HeadWalk::odd;
            bool read_it = false;
            for (size_t i = 0; i < wanted.size(); ++i) {
                const HeadValue &w = wanted[i];
                if (w.root != root || w.member.size() != key.size ||
                    std::memcmp(w.member.data(), key.data, key.size) != 0)
                    continue;
                if (seen >> i & 1) return HeadWalk::odd;
                seen |= uint64_t{1} << i;
                Text text;
                const char *from = p_;
                read_it = plain_value(text);
                if (!read_it) p_ = from;
                else if (value(i, text)) return HeadWalk::stopped;
                break;
            }
            if (!read_it && !skip_value()) return HeadWalk::odd;
        } while (take(','));
        return take('}') ? HeadWalk::whole : HeadWalk::odd;
    }

    // The next backslash; `end_` if there is none.
    const char *backslash(const char *p) const {
#if defined(__x86_64__)
        const __m128i wanted = _mm_set1_epi8('\\');
        while (end_ - p >= 16) {
            int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)), wanted));
            if (bits) return p + std::countr_zero(static_cast<unsigned>(bits));
            p += 16;
        }
#endif
        while (p < end_ && *p != '\\') ++p;
        return p;
    }

    // `\"`, text without any backslash, `\"`.
    bool plain_string(Text &out) {
        if (end_ - p_ < 4 || p_[0] != '\\' || p_[1] != '"') return false;
        p_ += 2;
        const char *close = backslash(p_);
        if (end_ - close < 2 || close[1] != '"') return false;
        out = Text(p_, static_cast<size_t>(close - p_));
        p_ = close + 2;
        return true;
    }

    // A plain string without NUL (readers end a string there), or an unsigned number.
    bool plain_value(Text &out) {
        if (p_ < end_ && *p_ == '\\') return plain_string(out) && !std::memchr(out.data, 0, out.size);
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
            if (p_ >= end_) return false;
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

    // Over any value; its grammar is not looked at beyond brackets and strings.
    bool skip_value() {
        if (p_ < end_ && (*p_ == '{' || *p_ == '[')) {
            const uint8_t *behind = kernel_.container_end(reinterpret_cast<const uint8_t *>(p_),
                                                          reinterpret_cast<const uint8_t *>(end_));
            if (behind) {
                p_ = reinterpret_cast<const char *>(behind);
                return true;
            }
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
