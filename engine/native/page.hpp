// A FilterLogEvents response body, split into its messages without parsing them.
//
// In: the body's bytes. Out: for each log event its message (escapes as written), times, stream and event id; the next
// token (decoded). Called by the scanner. Any key order and white space are taken; at the first thing that a page never holds
// (an escape in a key, a number with a fraction) the whole page goes through the JSON index instead, which is slower
// and takes every JSON document.
#pragma once

#include "json.hpp"
#include "string_kernel.hpp"

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

namespace fe {

// One log event. Texts are what stands between the quotes, escapes as written; absent members are empty.
struct Message {
    Text text, stream, event_id;
    int64_t timestamp_ms = 0, ingestion_ms = 0;
    bool has_text = false;
};

// A page taken apart. The texts of its messages point into the body, which must outlive it.
struct SplitPage {
    std::vector<Message> messages;  // in the order of the page
    std::string next_token;         // decoded
    bool has_token = false;

    void set_token(Text inside) {
        next_token.resize(inside.size + 3);
        next_token.resize(decode_into(inside, next_token.data(), Halves::replaced));
        has_token = true;
    }
};

// `surprise` stays inside this header: the fast way met what a page never holds.
enum class PageResult { ok, surprise, malformed };

namespace page_detail {

// The value of eight decimal digits; false if something else is among them. Digits are added up in pairs, then fours.
inline bool eight_digits(const uint8_t *p, uint64_t &value) {
    if constexpr (std::endian::native != std::endian::little) return false;
    constexpr uint64_t kOnes = 0x0101010101010101u;
    uint64_t d;
    std::memcpy(&d, p, 8);
    if ((d & 0xf0 * kOnes) != 0x30 * kOnes || ((d + 0x06 * kOnes) & 0xf0 * kOnes) != 0x30 * kOnes) return false;
    d &= 0x0f * kOnes;
    d = (d * (10 * 256 + 1) >> 8) & 0x00ff00ff00ff00ffu;
    d = (d * (100 * 65536 + 1) >> 16) & 0x0000ffff0000ffffu;
    value = d * (10000 * (uint64_t{1} << 32) + 1) >> 32;
    return true;
}

struct Splitter {
    const uint8_t *p, *end;
    const StringKernel &kernel;

    void space() {
        while (p < end && Document::is_space(*p)) ++p;
    }

    bool take(uint8_t c) {
        space();
        if (p >= end || *p != c) return false;
        ++p;
        return true;
    }

    bool string(Text &out) {
        if (!take('"')) return false;
        const uint8_t *close = kernel.string_end(p, end);
        if (!close) return false;
        out = Text(reinterpret_cast<const char *>(p), static_cast<size_t>(close - p));
        p = close + 1;
        return true;
    }

    // A member's key and the colon; keys with escapes are a surprise.
    bool key(Text &out) {
        return string(out) && !std::memchr(out.data, '\\', out.size) && take(':');
    }

    bool integer(int64_t &out) {
        space();
        bool negative = p < end && *p == '-';
        if (negative) ++p;
        const uint8_t *from = p;
        uint64_t v = 0;
        if (end - p > 8 && eight_digits(p, v)) p += 8;
        while (p < end && *p >= '0' && *p <= '9' && p - from < 18) v = v * 10 + (*p++ - '0');
        if (p == from || (p < end && ((*p >= '0' && *p <= '9') || *p == '.' || (*p | 0x20) == 'e'))) return false;
        out = negative ? -static_cast<int64_t>(v) : static_cast<int64_t>(v);
        return true;
    }

    // Any value, unread. Its grammar is not checked beyond brackets and strings.
    bool skip() {
        space();
        uint32_t depth = 0;
        while (p < end) {
            uint8_t c = *p;
            if (c == '"') {
                Text ignored;
                if (!string(ignored)) return false;
                if (depth == 0) return true;
                continue;
            }
            if (c == '{' || c == '[') {
                ++depth;
            } else if (c == '}' || c == ']') {
                if (depth == 0) return true;
                ++p;
                if (--depth == 0) return true;
                continue;
            } else if (c == ',' && depth == 0) {
                return true;
            }
            ++p;
        }
        return false;
    }
};

// What stands in a log event. A page repeats one order of keys, so the spelling of the event before is tried first.
enum class Field : uint8_t { text, event_id, stream, timestamp, ingestion, other };

struct Habit {
    static constexpr size_t kMost = 8;
    struct {
        Text spelled;  // with quotes and colon
        Field field;
    } keys[kMost];
    size_t count = 0;
};

inline bool is(Text key, const char *name, size_t size) {
    return key.size == size && std::memcmp(key.data, name, size) == 0;
}

inline Field field_of(Text key) {
    if (is(key, "message", 7)) return Field::text;
    if (is(key, "eventId", 7)) return Field::event_id;
    if (is(key, "logStreamName", 13)) return Field::stream;
    if (is(key, "timestamp", 9)) return Field::timestamp;
    if (is(key, "ingestionTime", 13)) return Field::ingestion;
    return Field::other;
}

template <typename Number, typename String>
bool read_field(Field field, Message &m, Number &&number, String &&string) {
    switch (field) {
    case Field::text: m.has_text = true; return string(m.text);
    case Field::event_id: return string(m.event_id);
    case Field::stream: return string(m.stream);
    case Field::timestamp: return number(m.timestamp_ms);
    case Field::ingestion: return number(m.ingestion_ms);
    default: return true;
    }
}

// The key at s.p and its colon.
inline bool event_key(Splitter &s, Habit &habit, size_t place, Field &field) {
    if (place < habit.count) {
        Text usual = habit.keys[place].spelled;
        if (static_cast<size_t>(s.end - s.p) > usual.size && std::memcmp(s.p, usual.data, usual.size) == 0) {
            s.p += usual.size;
            field = habit.keys[place].field;
            return true;
        }
    }
    s.space();
    const char *from = reinterpret_cast<const char *>(s.p);
    Text key;
    if (!s.key(key)) return false;
    field = field_of(key);
    if (place < Habit::kMost && place <= habit.count) {
        habit.keys[place].spelled = Text(from, static_cast<size_t>(reinterpret_cast<const char *>(s.p) - from));
        habit.keys[place].field = field;
        habit.count = place + 1;
    }
    return true;
}

inline bool event(Splitter &s, Message &m, Habit &habit) {
    if (!s.take('{')) return false;
    if (s.take('}')) return true;
    size_t place = 0;
    do {
        Field field;
        if (!event_key(s, habit, place++, field)) return false;
        bool read = read_field(field, m, [&](int64_t &n) { return s.integer(n); }, [&](Text &t) { return s.string(t); });
        if (!read || (field == Field::other && !s.skip())) return false;
    } while (s.take(','));
    return s.take('}');
}

// The fast way.
inline PageResult split(const uint8_t *body, size_t size, SplitPage &page) {
    Splitter s{body, body + size, string_kernel()};
    Habit habit;
    bool saw_events = false;
    if (!s.take('{')) return PageResult::surprise;
    if (s.take('}')) {
        s.space();
        return s.p == s.end ? PageResult::ok : PageResult::surprise;
    }
    do {
        Text key;
        if (!s.key(key)) return PageResult::surprise;
        if (is(key, "events", 6) && !saw_events) {
            saw_events = true;
            if (!s.take('[')) return PageResult::surprise;
            if (s.take(']')) continue;
            do {
                if (!event(s, page.messages.emplace_back(), habit)) return PageResult::surprise;
            } while (s.take(','));
            if (!s.take(']')) return PageResult::surprise;
        } else if (is(key, "nextToken", 9) && !page.has_token) {
            s.space();
            if (s.p < s.end && *s.p == 'n') {
                if (!s.skip()) return PageResult::surprise;
            } else {
                Text token;
                if (!s.string(token)) return PageResult::surprise;
                page.set_token(token);
            }
        } else if (!s.skip()) {
            return PageResult::surprise;
        }
    } while (s.take(','));
    if (!s.take('}')) return PageResult::surprise;
    s.space();
    return s.p == s.end ? PageResult::ok : PageResult::surprise;
}

// The thorough way: any JSON document.
inline PageResult split_document(const Document &doc, SplitPage &page) {
    if (doc.kind(0) != Kind::object) return PageResult::malformed;
    uint32_t token = find(doc, 0, Text("nextToken", 9));
    if (is_position(token) && doc.kind(token) == Kind::string) page.set_token(doc.inside(token));
    uint32_t events = find(doc, 0, Text("events", 6));
    if (!is_position(events)) return PageResult::ok;
    if (doc.kind(events) != Kind::array) return PageResult::malformed;
    Arena arena;
    Elements e(doc, events);
    while (e.next()) {
        if (doc.kind(e.value) != Kind::object) return PageResult::malformed;
        Message &m = page.messages.emplace_back();
        Members members(doc, e.value);
        while (members.next()) {
            uint32_t at = members.value;
            Text key = decode(arena, members.key);
            auto number = [&](int64_t &n) {
                if (doc.kind(at) != Kind::number) return false;
                Text t = doc.scalar(at);
                const uint8_t *from = reinterpret_cast<const uint8_t *>(t.data);
                Splitter s{from, from + t.size, string_kernel()};
                return s.integer(n);
            };
            auto string = [&](Text &t) {
                if (doc.kind(at) != Kind::string) return false;
                t = doc.inside(at);
                return true;
            };
            if (!read_field(field_of(key), m, number, string)) return PageResult::malformed;
        }
        arena.reset();
    }
    return PageResult::ok;
}

}  // namespace page_detail

// Take a page apart; what `page` held before is gone. `malformed`: no FilterLogEvents body.
inline PageResult split_page(const uint8_t *body, size_t size, SplitPage &page) {
    page = SplitPage{};
    PageResult result = page_detail::split(body, size, page);
    if (result == PageResult::ok) return result;
    page = SplitPage{};
    if (size > UINT32_MAX - 2 * kPadding) return PageResult::malformed;
    std::vector<uint8_t> padded(size + kPadding, 0);
    if (size) std::memcpy(padded.data(), body, size);
    Indexer indexer;
    Document doc;
    if (indexer.index(padded.data(), static_cast<uint32_t>(size), doc) != IndexResult::ok) return PageResult::malformed;
    result = page_detail::split_document(doc, page);
    const char *from = reinterpret_cast<const char *>(padded.data()), *to = reinterpret_cast<const char *>(body);
    for (Message &m : page.messages)
        for (Text *t : {&m.text, &m.stream, &m.event_id})
            if (t->data) t->data = to + (t->data - from);
    return result;
}

}  // namespace fe
