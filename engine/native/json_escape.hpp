// Text as the content of a JSON string, and text that is fit for a terminal.
//
// In: any bytes. Out: escaped bytes at the end of a buffer. Called by the formatter.
//
// Sixteen bytes at a time are copied and looked at; only a block with something special in it is taken apart.
#pragma once

#include "buffer.hpp"
#include "utf8.hpp"

#include <bit>
#include <string>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace fe {

inline constexpr size_t kEscapeBlock = 16;
inline constexpr char kReplacement[] = "\xef\xbf\xbd";

// Copies 16 bytes; how many of them, from the first, are printable ASCII (`json`: and neither quote nor backslash).
inline uint32_t copy_plain_block(const char *from, char *to, bool json) {
#if defined(__SSE2__)
    __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to), b);
    // Signed: bytes from 0x80 on are below 0x20 too.
    __m128i odd = _mm_or_si128(_mm_cmplt_epi8(b, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(b, _mm_set1_epi8(0x7f)));
    if (json) {
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(b, _mm_set1_epi8('"')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(b, _mm_set1_epi8('\\')));
    }
    return static_cast<uint32_t>(std::countr_zero(static_cast<uint32_t>(_mm_movemask_epi8(odd)) | 0x10000u));
#elif defined(__ARM_NEON)
    int8x16_t b = vld1q_s8(reinterpret_cast<const int8_t *>(from));
    vst1q_s8(reinterpret_cast<int8_t *>(to), b);
    uint8x16_t odd = vorrq_u8(vcltq_s8(b, vdupq_n_s8(0x20)), vceqq_s8(b, vdupq_n_s8(0x7f)));
    if (json) odd = vorrq_u8(odd, vorrq_u8(vceqq_s8(b, vdupq_n_s8('"')), vceqq_s8(b, vdupq_n_s8('\\'))));
    uint64_t nibbles = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(odd), 4)), 0);
    return nibbles ? static_cast<uint32_t>(std::countr_zero(nibbles)) / 4 : 16;
#else
    std::memcpy(to, from, kEscapeBlock);
    for (uint32_t i = 0; i < kEscapeBlock; ++i) {
        auto c = static_cast<uint8_t>(from[i]);
        if (c < 0x20 || c >= 0x7f || (json && (c == '"' || c == '\\'))) return i;
    }
    return kEscapeBlock;
#endif
}

inline bool is_plain(char c, bool json) {
    auto b = static_cast<uint8_t>(c);
    return b >= 0x20 && b < 0x7f && !(json && (b == '"' || b == '\\'));
}

// Whether each of eight bytes is plain.
inline bool plain_word(uint64_t w, bool json) {
    constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
    auto holds = [w](uint64_t c) {
        uint64_t x = w ^ (kOnes * c);
        return (x - kOnes) & ~x;
    };
    uint64_t odd = w | (w - kOnes * 0x20) | holds(0x7f);
    if (json) odd |= holds('"') | holds('\\');
    return (odd & kHighs) == 0;
}

// Copies fewer than sixteen bytes if all of them are plain, by words that may overlap.
inline bool copy_plain_rest(const char *from, char *to, size_t size, bool json) {
    uint64_t first = 0, last = 0;
    if (size >= 8) {
        std::memcpy(&first, from, 8);
        std::memcpy(&last, from + size - 8, 8);
        if (!plain_word(first, json) || !plain_word(last, json)) return false;
        std::memcpy(to, &first, 8);
        std::memcpy(to + size - 8, &last, 8);
        return true;
    }
    if (size >= 4) {
        uint32_t low, high;
        std::memcpy(&low, from, 4);
        std::memcpy(&high, from + size - 4, 4);
        if (!plain_word(low | static_cast<uint64_t>(high) << 32, json)) return false;
        std::memcpy(to, &low, 4);
        std::memcpy(to + size - 4, &high, 4);
        return true;
    }
    for (size_t i = 0; i < size; ++i) {
        if (!is_plain(from[i], json)) return false;
        to[i] = from[i];
    }
    return true;
}

inline char *put_unicode_escape(char *out, uint32_t c) {
    constexpr char kHex[] = "0123456789abcdef";
    *out++ = '\\';
    *out++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) *out++ = kHex[(c >> shift) & 15u];
    return out;
}

// What JSON writes for a quote, a backslash or a control character.
inline char *put_json_escape(char *out, char c) {
    char letter = 0;
    switch (c) {
    case '"': case '\\': letter = c; break;
    case '\b': letter = 'b'; break;
    case '\f': letter = 'f'; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default: return put_unicode_escape(out, static_cast<uint8_t>(c));
    }
    *out++ = '\\';
    *out++ = letter;
    return out;
}

struct JsonRule {
    static constexpr bool kJson = true;
    static char *put(char *out, const char *piece, uint32_t size) {
        if (size == 1 && *piece != 0x7f) return put_json_escape(out, *piece);
        std::memcpy(out, piece, size);
        return out + size;
    }
};

// For people's eyes: nothing from an event may move a cursor, colour a terminal or begin a line. Tabs stay; control
// characters (C0, DEL, C1) and the separators U+2028 and U+2029 become a visible escape, written as in JSON. Quotes and
// backslashes stay as they are: parsers of Falco's text expect them so.
struct TerminalRule {
    static constexpr bool kJson = false;
    static char *put(char *out, const char *piece, uint32_t size) {
        uint32_t c = utf8_character(piece, size);
        bool control = (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
        if (control) return c < 0x20 ? put_json_escape(out, *piece) : put_unicode_escape(out, c);
        std::memcpy(out, piece, size);
        return out + size;
    }
};

template <typename Rule> void add_escaped(Buffer &buffer, Text text) {
    const char *p = text.data, *end = p + text.size;
    // A byte becomes at most six; blocks write sixteen. Room is taken anew when escapes have eaten it up.
    char *out = buffer.room(text.size + 4 * kEscapeBlock);
    const char *limit = buffer.data() + buffer.capacity() - 2 * kEscapeBlock;
    while (p < end) {
        if (out + (end - p) > limit) {
            buffer.commit(out);
            out = buffer.room(static_cast<size_t>(end - p) + text.size / 2 + 4 * kEscapeBlock);
            limit = buffer.data() + buffer.capacity() - 2 * kEscapeBlock;
        }
        if (static_cast<size_t>(end - p) >= kEscapeBlock) {
            uint32_t plain = copy_plain_block(p, out, Rule::kJson);
            p += plain;
            out += plain;
            if (plain == kEscapeBlock) continue;
        } else if (copy_plain_rest(p, out, static_cast<size_t>(end - p), Rule::kJson)) {
            out += end - p;
            break;
        } else if (is_plain(*p, Rule::kJson)) {
            *out++ = *p++;
            continue;
        }
        Utf8Piece piece = utf8_piece(p, static_cast<size_t>(end - p));
        if (piece.valid) {
            out = Rule::put(out, p, piece.size);
        } else {
            std::memcpy(out, kReplacement, 3);
            out += 3;
        }
        p += piece.size;
    }
    buffer.commit(out);
}

inline void add_json_escaped(Buffer &buffer, Text text) { add_escaped<JsonRule>(buffer, text); }
inline void add_visible(Buffer &buffer, Text text) { add_escaped<TerminalRule>(buffer, text); }

inline void add_json_string(Buffer &buffer, Text text) {
    buffer.add('"');
    add_json_escaped(buffer, text);
    buffer.add('"');
}

inline std::string json_string(const std::string &s) {
    Buffer b;
    add_json_string(b, {s.data(), s.size()});
    return std::string(b.data(), b.size());
}

// As Falco cleans the texts of evt.* fields: control characters, non-characters and each invalid piece become U+FFFD.
inline void add_cleaned(Buffer &buffer, Text text) {
    const char *p = text.data, *end = p + text.size;
    while (p < end) {
        Utf8Piece piece = utf8_piece(p, static_cast<size_t>(end - p));
        uint32_t c = piece.valid ? utf8_character(p, piece.size) : 0;
        bool bad = c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
        if (bad) buffer.add(kReplacement);
        else buffer.add(p, piece.size);
        p += piece.size;
    }
}

}  // namespace fe
