// JSON values as the text of a field.
//
// In: a position. Out: text up to its first NUL, as everything from an event. Called by the readers.
#pragma once

#include "json.hpp"

#include <bit>

namespace fe {

inline Text until_nul(Text t) {
    const void *nul = t.size ? std::memchr(t.data, 0, t.size) : nullptr;
    return nul ? Text(t.data, static_cast<size_t>(static_cast<const char *>(nul) - t.data)) : t;
}

// Whether a backslash or NUL is among the bytes; both are rare, so one pass finds that out for almost every string.
inline bool has_backslash_or_nul(Text t) {
    constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u, kBackslashes = kOnes * '\\';
    auto odd = [](uint64_t w) {
        uint64_t b = w ^ kBackslashes;
        return ((w - kOnes) & ~w & kHighs) | ((b - kOnes) & ~b & kHighs);
    };
    uint64_t word, any = 0;
    size_t i = 0;
    for (; i + 8 <= t.size; i += 8) {
        std::memcpy(&word, t.data + i, 8);
        any |= odd(word);
    }
    for (; i < t.size; ++i) any |= t.data[i] == '\\' || t.data[i] == 0;
    return any != 0;
}

// The text of the value at p, which must not be cut.
inline Text field_text(const Document &doc, uint32_t p, Arena &arena) {
    if (doc.first(p) == '"') {
        Text inside = doc.inside(p);
        if (!has_backslash_or_nul(inside)) return inside;
    }
    return until_nul(value_text(doc, p, arena));
}

inline bool is_text(const Document &doc, uint32_t p, Text wanted, Arena &arena) {
    return doc.first(p) == '"' && decode(arena, doc.inside(p)) == wanted;
}

// Text that grows in an arena.
class ArenaText {
  public:
    explicit ArenaText(Arena &arena, size_t room = 256) : arena_(arena), room_(room), data_(arena.take(room)) {}

    void add(const char *p, size_t n) {
        if (n > room_ - size_) grow(n);
        if (n) std::memcpy(data_ + size_, p, n);
        size_ += n;
    }

    void add(Text t) { add(t.data, t.size); }
    void add(char c) { add(&c, 1); }

    void blanks(size_t n) {
        if (n > room_ - size_) grow(n);
        std::memset(data_ + size_, ' ', n);
        size_ += n;
    }

    Text text() const { return {data_, size_}; }

  private:
    void grow(size_t n) {
        room_ = room_ * 2 + n;
        char *data = arena_.take(room_);
        std::memcpy(data, data_, size_);
        data_ = data;
    }

    Arena &arena_;
    size_t room_, size_ = 0;
    char *data_;
};

// Image -> repository, as Falco cuts it: at the first ':', then at the first '@'.
inline Text repository(Text image) {
    const void *colon = image.size ? std::memchr(image.data, ':', image.size) : nullptr;
    if (colon) image.size = static_cast<size_t>(static_cast<const char *>(colon) - image.data);
    const void *at = image.size ? std::memchr(image.data, '@', image.size) : nullptr;
    if (at) image.size = static_cast<size_t>(static_cast<const char *>(at) - image.data);
    return image;
}

// Image -> repository, as it should be: without the digest, and without the tag, which stands behind the last '/'.
inline Text repository_fixed(Text image) {
    const void *at = image.size ? std::memchr(image.data, '@', image.size) : nullptr;
    if (at) image.size = static_cast<size_t>(static_cast<const char *>(at) - image.data);
    for (size_t i = image.size; i-- > 0 && image.data[i] != '/';)
        if (image.data[i] == ':') image.size = i;
    return image;
}

}  // namespace fe
