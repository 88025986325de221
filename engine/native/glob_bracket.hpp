// A bracket expression of a shell pattern, as glibc's fnmatch(3) reads it in the C locale.
//
// In: a pattern and the place behind a '['. Out: for which bytes of a value the pattern goes on, and where. Called by Glob.
//
// The C library leaves a bracket at the first item that names the byte at hand and reads the rest of it less closely. So in a
// malformed bracket different bytes may meet different ends, or a fault that other bytes do not come to.
#pragma once

#include "arena.hpp"

#include <bitset>
#include <cstdint>
#include <cstring>
#include <vector>

namespace fe {

inline uint8_t fold_ascii(uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c; }

class GlobBracket {
  public:
    using Bytes = std::bitset<256>;

    struct Way {
        size_t next;  // where the pattern goes on
        Bytes bytes;  // of the value, those that lead there
    };

    GlobBracket(Text pattern, size_t from, bool fold) : p_(pattern), from_(from), fold_(fold) {
        left_.set();
        inverted_ = at(from) == '!' || at(from) == '^';
        read(from + inverted_);
    }

    const std::vector<Way> &ways() const { return ways_; }

  private:
    int at(size_t i) const { return i < p_.size ? static_cast<uint8_t>(p_.data[i]) : -1; }
    uint8_t folded(int c) const { return fold_ ? fold_ascii(static_cast<uint8_t>(c)) : static_cast<uint8_t>(c); }

    // Item by item. What is left when a fault ends this matches nothing.
    void read(size_t i) {
        for (bool first = true;; first = false) {
            int c = at(i++);
            if (c < 0) return open(left_);
            if (c == ']' && !first) return closed(left_, i, !inverted_);
            uint8_t low;
            if (c == '\\') {
                if (at(i) < 0) return;
                low = folded(at(i++));
            } else if (c == '[' && at(i) == ':' && class_end(i) != 0) {
                size_t end = class_end(i);
                Bytes members;
                if (!class_members(i + 1, end, members)) return;
                i = end + 2;
                name(members, i);
                continue;
            } else if (c == '[' && at(i) == '=' && is_equivalence(i)) {
                i += 4;
                name(one(at(i - 3)), i);
                continue;
            } else if (c == '[' && at(i) == '.') {
                if (!symbol(i, low)) return;
                bool range = at(i) == '-' && at(i + 1) >= 0;
                if (!range) name(one(low), i);  // unlike all else never folded
                if (!range || at(i + 1) == ']') continue;
            } else {
                low = folded(c);
            }
            if (at(i) == '-' && at(i + 1) >= 0 && at(i + 1) != ']') {
                uint8_t high;
                if (!range_end(++i, high)) return;
                name(between(low, high), i);
            } else {
                name(alike(low), i);
                if (at(i) == '-' && at(i + 1) < 0) return;
            }
        }
    }

    // The bytes leave the bracket here, at `i` behind the item that names them.
    void name(const Bytes &bytes, size_t i) {
        const Bytes fresh = bytes & left_;
        if (fresh.none()) return;
        left_ &= ~fresh;
        for (int c; (c = at(i++)) != ']';) {
            if (c < 0) return open(fresh);
            if (c == '\\') {
                if (at(i++) < 0) return;
            } else if (c == '[' && at(i) == ':') {
                if (class_end(i) != 0) i = class_end(i) + 2;
            } else if (c == '[' && at(i) == '=') {
                if (!is_equivalence(i)) return;
                i += 4;
            } else if (c == '[' && at(i) == '.') {
                i = symbol_end(i);
                if (i == 0) return;
            }
        }
        closed(fresh, i, inverted_);
    }

    void closed(const Bytes &bytes, size_t next, bool refused) {
        if (!refused) add(next, bytes);
    }

    // A bracket that is never closed is no bracket: its '[' is an ordinary byte.
    void open(const Bytes &bytes) { add(from_, bytes & one('[')); }

    void add(size_t next, const Bytes &bytes) {
        if (bytes.none()) return;
        for (Way &way : ways_) {
            if (way.next != next) continue;
            way.bytes |= bytes;
            return;
        }
        ways_.push_back({next, bytes});
    }

    static Bytes one(int c) { return Bytes().set(static_cast<size_t>(c)); }

    // The bytes that fold to a folded one.
    Bytes alike(uint8_t c) const {
        Bytes bytes = one(c);
        if (fold_ && c >= 'a' && c <= 'z') bytes.set(c - 32u);
        return bytes;
    }

    Bytes between(uint8_t low, uint8_t high) const {
        Bytes bytes;
        for (int c = 0; c < 256; ++c) bytes[static_cast<size_t>(c)] = folded(c) >= low && folded(c) <= high;
        return bytes;
    }

    // For "[=x=]" read from its first '='.
    bool is_equivalence(size_t i) const { return at(i + 1) >= 0 && at(i + 2) == '=' && at(i + 3) == ']'; }

    // For "[.x.]" read from its first '.': the place behind it, 0 if it does not end.
    size_t symbol_end(size_t i) const {
        for (++i; at(i) >= 0; ++i)
            if (at(i) == '.' && at(i + 1) == ']') return i + 2;
        return 0;
    }

    // Read such a symbol. False if it does not end, or its name is not one byte.
    bool symbol(size_t &i, uint8_t &value) const {
        const size_t end = symbol_end(i);
        if (end != i + 4) return false;
        value = static_cast<uint8_t>(at(i + 1));
        i = end;
        return true;
    }

    bool range_end(size_t &i, uint8_t &high) const {
        int last = at(i++);
        if (last == '[' && at(i) == '.') return symbol(i, high);
        if (last == '\\') last = at(i++);
        if (last < 0) return false;
        high = folded(last);
        return true;
    }

    // For "[:name:]" read from its first ':': where the second one stands; 0 if this is no class.
    size_t class_end(size_t colon) const {
        for (size_t i = colon + 1; at(i) >= 0; ++i) {
            if (at(i) == ':' && at(i + 1) == ']') return i;
            if (at(i) < 'a' || at(i) >= 'z') return 0;
        }
        return 0;
    }

    // False for a name that nobody knows.
    bool class_members(size_t from, size_t to, Bytes &members) const {
        static constexpr struct { const char *name; bool (*has)(unsigned c); } kClasses[] = {
            {"alpha", [](unsigned c) { return is_alpha(c); }},
            {"digit", [](unsigned c) { return is_digit(c); }},
            {"alnum", [](unsigned c) { return is_alpha(c) || is_digit(c); }},
            {"upper", [](unsigned c) { return c >= 'A' && c <= 'Z'; }},
            {"lower", [](unsigned c) { return c >= 'a' && c <= 'z'; }},
            {"space", [](unsigned c) { return c == ' ' || (c >= 9 && c <= 13); }},
            {"blank", [](unsigned c) { return c == ' ' || c == '\t'; }},
            {"punct", [](unsigned c) { return c > 32 && c < 127 && !is_alpha(c) && !is_digit(c); }},
            {"print", [](unsigned c) { return c >= 32 && c < 127; }},
            {"graph", [](unsigned c) { return c > 32 && c < 127; }},
            {"cntrl", [](unsigned c) { return c < 32 || c == 127; }},
            {"xdigit", [](unsigned c) { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); }},
        };
        for (const auto &k : kClasses) {
            if (std::strlen(k.name) != to - from || std::memcmp(k.name, p_.data + from, to - from) != 0) continue;
            for (unsigned c = 0; c < 256; ++c) members[c] = k.has(c);
            return true;
        }
        return false;
    }

    static bool is_alpha(unsigned c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
    static bool is_digit(unsigned c) { return c >= '0' && c <= '9'; }

    Text p_;
    size_t from_;
    bool fold_, inverted_ = false;
    Bytes left_;  // bytes of the value that no item has named yet
    std::vector<Way> ways_;
};

}  // namespace fe
