// One JSON text as a structural index, and cursors over it.
//
// In: bytes of an event with at least kPadding readable bytes behind them. Out: positions of values, their text, their
// members and elements. Called by the scanner (index) and the readers (everything else).
//
// simdjson's first stage finds the structural characters (chosen for the machine at run time). Where it refuses a text
// that Falco's parser takes (raw control characters, invalid UTF-8, a string that a cut left open), a plain indexer does
// the same work. `index` then checks the grammar once and notes for each bracket where it closes, so that skipping a
// value costs nothing and cursors need no checks.
#pragma once

#include "arena.hpp"

#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace fe {

inline constexpr size_t kPadding = 64;
inline constexpr uint32_t kMaxDepth = 300;         // as Falco's parser
inline constexpr uint32_t kAbsent = 0xffffffffu;   // no such value
inline constexpr uint32_t kUnknown = 0xfffffffeu;  // it may have been in the part that was cut off

inline bool is_position(uint32_t p) { return p < kUnknown; }

enum class Kind : uint8_t { object, array, string, number, literal };

// A parsed text. A *position* is an index into `at`; values are named by the position of their first character.
struct Document {
    const uint8_t *data = nullptr;
    uint32_t size = 0;
    const uint32_t *at = nullptr;    // offsets of structural characters; at[count] == size
    const uint32_t *jump = nullptr;  // for an opening bracket: the position behind its closing one (kUnknown: cut off)
    uint32_t count = 0;
    bool truncated = false;

    uint8_t first(uint32_t p) const { return data[at[p]]; }

    Kind kind(uint32_t p) const {
        switch (first(p)) {
        case '{': return Kind::object;
        case '[': return Kind::array;
        case '"': return Kind::string;
        case 't': case 'f': case 'n': case 'N': case 'i': case 'I':
            return Kind::literal;
        default: return Kind::number;
        }
    }

    // The position behind the value at p (of the comma or bracket that follows); kUnknown if the value was cut.
    uint32_t after(uint32_t p) const {
        uint8_t c = first(p);
        return (c == '{' || c == '[') ? jump[p] : p + 1;
    }

    // Whether the value at p reaches into the part that was cut off.
    bool is_cut(uint32_t p) const {
        if (!truncated) return false;
        uint8_t c = first(p);
        if (c == '{' || c == '[') return jump[p] == kUnknown;
        if (p + 1 < count) return false;
        return true;  // a last scalar: nothing behind it shows that it was whole
    }

    // A scalar's text from its first character to its last, a string with its quotes.
    Text scalar(uint32_t p) const {
        const char *from = reinterpret_cast<const char *>(data) + at[p];
        const char *to = reinterpret_cast<const char *>(data) + at[p + 1];
        while (to > from + 1 && is_space(static_cast<uint8_t>(to[-1]))) --to;
        return {from, static_cast<size_t>(to - from)};
    }

    // What stands between a string's quotes, escapes as written.
    Text inside(uint32_t p) const {
        Text t = scalar(p);
        return {t.data + 1, t.size >= 2 ? t.size - 2 : 0};
    }

    // The value at p as it stands in the text. Not for values that were cut.
    Text raw(uint32_t p) const {
        uint8_t c = first(p);
        if (c != '{' && c != '[') return scalar(p);
        const char *from = reinterpret_cast<const char *>(data) + at[p];
        return {from, at[jump[p] - 1] + 1 - at[p]};
    }

    static bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
};

// Members of an object in their order. `while (c.next()) use(c.key, c.value);` then `c.cut` says if more may have been.
struct Members {
    const Document &doc;
    uint32_t p;
    Text key;  // between the quotes, escapes as written
    uint32_t value = 0;
    bool cut = false;

    Members(const Document &d, uint32_t object) : doc(d), p(object + 1) {}

    bool next() {
        if (p >= doc.count || doc.first(p) == '}') { cut = p >= doc.count; return false; }
        if (p + 2 >= doc.count) { cut = true; return false; }  // a key without its value: only in a cut text
        key = doc.inside(p);
        value = p + 2;
        uint32_t q = doc.after(value);
        if (q >= doc.count) p = doc.count;
        else p = doc.first(q) == ',' ? q + 1 : q;
        return true;
    }
};

// Elements of an array in their order.
struct Elements {
    const Document &doc;
    uint32_t p;
    uint32_t value = 0;
    bool cut = false;

    Elements(const Document &d, uint32_t array) : doc(d), p(array + 1) {}

    bool next() {
        if (p >= doc.count || doc.first(p) == ']') { cut = p >= doc.count; return false; }
        value = p;
        uint32_t q = doc.after(value);
        if (q >= doc.count) p = doc.count;
        else p = doc.first(q) == ',' ? q + 1 : q;
        return true;
    }
};

inline int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

inline int32_t hex4(const char *p) {
    int32_t v = 0;
    for (int i = 0; i < 4; ++i) {
        int d = hex_digit(static_cast<uint8_t>(p[i]));
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

inline char *put_utf8(char *out, uint32_t c) {
    if (c < 0x80) {
        *out++ = static_cast<char>(c);
    } else if (c < 0x800) {
        *out++ = static_cast<char>(0xc0 | (c >> 6));
        *out++ = static_cast<char>(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = static_cast<char>(0xe0 | (c >> 12));
        *out++ = static_cast<char>(0x80 | ((c >> 6) & 63));
        *out++ = static_cast<char>(0x80 | (c & 63));
    } else {
        *out++ = static_cast<char>(0xf0 | (c >> 18));
        *out++ = static_cast<char>(0x80 | ((c >> 12) & 63));
        *out++ = static_cast<char>(0x80 | ((c >> 6) & 63));
        *out++ = static_cast<char>(0x80 | (c & 63));
    }
    return out;
}

// What becomes of a surrogate escape without its other half.
enum class Halves {
    as_falco,  // it stays as written; before another \u escape both become one U+FFFD
    replaced,  // U+FFFD
};

// Decode escapes into `out` (room for `in.size` bytes); the number of bytes written. Unknown escapes stay as written.
inline size_t decode_into(Text in, char *out, Halves halves = Halves::as_falco) {
    char *start = out;
    const char *p = in.data, *end = in.data + in.size;
    while (p < end) {
        const char *bs = static_cast<const char *>(std::memchr(p, '\\', static_cast<size_t>(end - p)));
        size_t plain = static_cast<size_t>((bs ? bs : end) - p);
        std::memmove(out, p, plain);
        out += plain;
        if (!bs) break;
        p = bs + 1;
        if (p >= end) { *out++ = '\\'; break; }
        char c = *p++;
        switch (c) {
        case '"': case '\\': case '/': *out++ = c; break;
        case 'b': *out++ = '\b'; break;
        case 'f': *out++ = '\f'; break;
        case 'n': *out++ = '\n'; break;
        case 'r': *out++ = '\r'; break;
        case 't': *out++ = '\t'; break;
        case 'u': {
            int32_t u = end - p >= 4 ? hex4(p) : -1;
            if (u < 0) { *out++ = '\\'; *out++ = 'u'; break; }
            p += 4;
            if (u >= 0xd800 && u < 0xe000) {
                int32_t low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
                if (u < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
                    out = put_utf8(out, 0x10000u + ((static_cast<uint32_t>(u) - 0xd800u) << 10) +
                                            (static_cast<uint32_t>(low) - 0xdc00u));
                    p += 6;
                } else if (halves == Halves::replaced || low >= 0) {
                    out = put_utf8(out, 0xfffd);
                    if (halves == Halves::as_falco) p += 6;
                } else {
                    std::memmove(out, p - 6, 6);
                    out += 6;
                }
            } else {
                out = put_utf8(out, static_cast<uint32_t>(u));
            }
            break;
        }
        default: *out++ = '\\'; *out++ = c;
        }
    }
    return static_cast<size_t>(out - start);
}

// A string's content, decoded; without an escape it is the text itself, nothing is copied.
inline Text decode(Arena &arena, Text inside) {
    if (inside.size == 0) return {inside.data, 0};
    if (!std::memchr(inside.data, '\\', inside.size)) return inside;
    char *out = arena.take(inside.size + 3);
    size_t n = decode_into(inside, out);
    arena.trim(out + n);
    return {out, n};
}

inline bool key_is(Text key, Text wanted) {
    if (key == wanted) return true;
    if (key.size <= wanted.size || !std::memchr(key.data, '\\', key.size)) return false;
    std::unique_ptr<char[]> decoded(new char[key.size + 3]);
    return Text(decoded.get(), decode_into(key, decoded.get())) == wanted;
}

// The first member named `key` (decoded); kAbsent, or kUnknown if it may have been cut off. `object` is an object.
inline uint32_t find(const Document &doc, uint32_t object, Text key) {
    Members m(doc, object);
    while (m.next())
        if (key_is(m.key, key)) return m.value;
    return m.cut ? kUnknown : kAbsent;
}

// Element number `index`; kAbsent, or kUnknown if it may have been cut off. `array` is an array.
inline uint32_t element(const Document &doc, uint32_t array, uint64_t index) {
    Elements e(doc, array);
    while (e.next())
        if (index-- == 0) return e.value;
    return e.cut ? kUnknown : kAbsent;
}

// The text of a value up to its end, NULs included: a string's decoded content, else JSON without white space, with
// numbers, keys and nested strings as they were written. Not for values that were cut.
inline Text value_text(const Document &doc, uint32_t p, Arena &arena) {
    Kind kind = doc.kind(p);
    if (kind == Kind::string) return decode(arena, doc.inside(p));
    Text raw = doc.raw(p);
    if (kind == Kind::number || kind == Kind::literal) return raw;
    char *out = arena.take(raw.size + 1), *start = out;
    bool in_string = false;
    for (size_t i = 0; i < raw.size; ++i) {
        char c = raw.data[i];
        if (in_string) {
            *out++ = c;
            if (c == '\\' && i + 1 < raw.size) *out++ = raw.data[++i];
            else if (c == '"') in_string = false;
        } else if (!Document::is_space(static_cast<uint8_t>(c))) {
            *out++ = c;
            in_string = c == '"';
        }
    }
    arena.trim(out);
    return {start, static_cast<size_t>(out - start)};
}

enum class IndexResult { ok, cut, malformed };

// Makes documents; owns their memory. One per thread; a document lives until the next `index`.
class Indexer {
  public:
    // `data` must have kPadding readable bytes behind `size`. `cut` says that the text ends early (only its beginning
    // is grammatical); the document is usable for `ok` and `cut`.
    IndexResult index(const uint8_t *data, uint32_t size, Document &doc);

  private:
    bool reserve(uint32_t size);
    uint32_t index_plainly(const uint8_t *data, uint32_t size, uint32_t *at, bool &open_string);
    IndexResult link(Document &doc, const uint32_t *at, uint32_t *jump, bool open_string);

    std::unique_ptr<simdjson::internal::dom_parser_implementation> stage1_;
    std::vector<uint32_t> jump_;
    std::vector<uint32_t> plain_;
    uint32_t capacity_ = 0;
};

}  // namespace fe

#include "json_index.hpp"
