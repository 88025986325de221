// UTF-8 as it comes: valid, or in pieces that are not.
//
// In: bytes. Out: the length of the character at their beginning, or of the maximal piece that belongs to none (one
// U+FFFD each, as Unicode advises). Called by everything that escapes or cleans text.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fe {

struct Utf8Piece {
    uint32_t size;
    bool valid;
};

// `size` is not 0.
inline Utf8Piece utf8_piece(const char *text, size_t size) {
    auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
    uint8_t lead = byte(0), low = 0x80, high = 0xbf;
    uint32_t wanted;
    if (lead < 0x80) return {1, true};
    if (lead < 0xc2 || lead > 0xf4) return {1, false};
    if (lead < 0xe0) {
        wanted = 2;
    } else if (lead < 0xf0) {
        wanted = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else {
        wanted = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    }
    for (uint32_t i = 1; i < wanted; ++i) {
        if (i == size || byte(i) < low || byte(i) > high) return {i, false};
        low = 0x80;
        high = 0xbf;
    }
    return {wanted, true};
}

// The character that a valid piece encodes.
inline uint32_t utf8_character(const char *text, uint32_t size) {
    uint32_t c = static_cast<uint8_t>(text[0]);
    if (size == 1) return c;
    c &= 0xffu >> (size + 1);
    for (uint32_t i = 1; i < size; ++i) c = c << 6 | (static_cast<uint8_t>(text[i]) & 0x3fu);
    return c;
}

}  // namespace fe
