// Shell patterns as fnmatch(3) of glibc matches them with flags 0 (iglob: FNM_CASEFOLD) in the C locale.
//
// In: a pattern, once; then values. Out: whether the whole value fits. The time is at most the product of both lengths,
// whatever the pattern: only the last `*` is ever tried again.
#pragma once

#include "arena.hpp"

#include <bitset>
#include <cstdint>
#include <vector>

namespace fe {

inline uint8_t fold_ascii(uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c; }

class Glob {
  public:
    Glob(Text pattern, bool fold) : fold_(fold) { compile(pattern); }

    bool matches(Text value) const {
        if (never_) return false;
        const auto *v = reinterpret_cast<const uint8_t *>(value.data);
        size_t n = value.size, m = tokens_.size(), i = 0, t = 0;
        size_t star = m, resume = 0;  // the last star passed, and where what follows it was tried
        while (i < n) {
            if (t < m && tokens_[t].kind == Token::star) {
                star = t++;
                resume = i;
                if (t == m) return true;
            } else if (t < m && fits(tokens_[t], v[i])) {
                ++t;
                ++i;
            } else if (star != m) {
                t = star + 1;
                i = ++resume;
            } else {
                return false;
            }
        }
        while (t < m && tokens_[t].kind == Token::star) ++t;
        return t == m;
    }

  private:
    struct Token {
        enum Kind : uint8_t { byte, any, star, set } kind;
        uint8_t value;
        uint32_t number;  // of the set
    };

    bool fits(const Token &t, uint8_t c) const {
        switch (t.kind) {
        case Token::byte: return t.value == (fold_ ? fold_ascii(c) : c);
        case Token::any: return true;
        case Token::set: return sets_[t.number][c];
        default: return false;
        }
    }

    void add(Token::Kind kind, uint8_t value = 0, uint32_t number = 0) { tokens_.push_back({kind, value, number}); }

    uint8_t folded(uint8_t c) const { return fold_ ? fold_ascii(c) : c; }

    void compile(Text p) {
        for (size_t i = 0; i < p.size;) {
            uint8_t c = static_cast<uint8_t>(p.data[i++]);
            if (c == '*') {
                if (tokens_.empty() || tokens_.back().kind != Token::star) add(Token::star);
            } else if (c == '?') {
                add(Token::any);
            } else if (c == '[') {
                i = bracket(p, i);
            } else if (c == '\\') {
                if (i == p.size) { never_ = true; return; }
                add(Token::byte, folded(static_cast<uint8_t>(p.data[i++])));
            } else {
                add(Token::byte, folded(c));
            }
        }
    }

    // What stands in brackets, read from behind '['. A fault inside lets only those bytes match that were named before.
    struct Bracket {
        std::bitset<256> named;  // as the value's byte, folded where the pattern folds
        bool faulty = false;     // a name that nobody knows, or an end inside an item
        bool closed = false;
        size_t end = 0;
    };

    size_t bracket(Text p, size_t from) {
        bool inverted = from < p.size && (p.data[from] == '!' || p.data[from] == '^');
        Bracket b = parse(p, from + (inverted ? 1 : 0));
        if (!b.closed) {
            if (b.faulty) { never_ = true; return p.size; }
            add(Token::byte, '[');
            return from;
        }
        std::bitset<256> set;
        for (unsigned c = 0; c < 256; ++c) {
            bool in = b.named[c];
            set[c] = inverted ? !in && !b.faulty : in;
        }
        push_set(set);
        return b.end;
    }

    void push_set(const std::bitset<256> &set) {
        add(Token::set, 0, static_cast<uint32_t>(sets_.size()));
        sets_.push_back(set);
    }

    void name_folded(Bracket &b, uint8_t from, uint8_t to) const {
        if (b.faulty) return;
        for (unsigned c = 0; c < 256; ++c) {
            uint8_t f = folded(static_cast<uint8_t>(c));
            if (f >= from && f <= to) b.named[c] = true;
        }
    }

    Bracket parse(Text p, size_t i) const {
        Bracket b;
        auto at = [&](size_t k) -> int { return k < p.size ? static_cast<uint8_t>(p.data[k]) : -1; };
        for (bool first = true;; first = false) {
            int c = at(i);
            if (c < 0) return b;
            ++i;
            if (c == ']' && !first) break;
            uint8_t low;
            if (c == '\\') {
                if (at(i) < 0) { b.faulty = true; return b; }
                low = folded(static_cast<uint8_t>(at(i++)));
            } else if (c == '[' && at(i) == ':' && class_end(p, i) != 0) {
                size_t end = class_end(p, i);
                name_class(b, p, i + 1, end);
                i = end + 2;
                continue;
            } else if (c == '[' && at(i) == '=' && at(i + 1) >= 0 && at(i + 2) == '=' && at(i + 3) == ']') {
                if (!b.faulty) b.named[static_cast<size_t>(at(i + 1))] = true;
                i += 4;
                continue;
            } else if (c == '[' && at(i) == '.') {
                if (!symbol(b, p, i, low)) return b;
                if (!(at(i) == '-' && at(i + 1) != ']')) {
                    if (!b.faulty) b.named[low] = true;  // unlike all else never folded
                    continue;
                }
            } else {
                low = folded(static_cast<uint8_t>(c));
            }
            if (at(i) == '-' && at(i + 1) != ']') {
                ++i;
                int last = at(i++);
                uint8_t high;
                if (last == '[' && at(i) == '.') {
                    if (!symbol(b, p, i, high)) return b;
                } else {
                    if (last == '\\') last = at(i++);
                    if (last < 0) { b.faulty = true; return b; }
                    high = static_cast<uint8_t>(last);
                }
                name_folded(b, low, folded(high));
            } else {
                name_folded(b, low, low);
            }
        }
        b.closed = true;
        b.end = i;
        return b;
    }

    // Read "[.x.]" from its first '.'; false if it does not end. A name of several bytes is a fault.
    static bool symbol(Bracket &b, Text p, size_t &i, uint8_t &value) {
        size_t end = i + 1;
        while (end + 1 < p.size && !(p.data[end] == '.' && p.data[end + 1] == ']')) ++end;
        if (end + 1 >= p.size) { b.faulty = true; return false; }
        if (end != i + 2) b.faulty = true;
        value = static_cast<uint8_t>(p.data[i + 1]);
        i = end + 2;
        return true;
    }

    // For "[:name:]" read from its first ':': where the second one stands; 0 if this is no class.
    static size_t class_end(Text p, size_t colon) {
        for (size_t i = colon + 1; i < p.size; ++i) {
            char c = p.data[i];
            if (c == ':' && i + 1 < p.size && p.data[i + 1] == ']') return i;
            if (c < 'a' || c >= 'z') return 0;
        }
        return 0;
    }

    static void name_class(Bracket &b, Text p, size_t from, size_t to) {
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
        if (b.faulty) return;
        for (const auto &k : kClasses) {
            if (std::strlen(k.name) != to - from || std::memcmp(k.name, p.data + from, to - from) != 0) continue;
            for (unsigned c = 0; c < 256; ++c)
                if (k.has(c)) b.named[c] = true;
            return;
        }
        b.faulty = true;
    }

    static bool is_alpha(unsigned c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
    static bool is_digit(unsigned c) { return c >= '0' && c <= '9'; }

    std::vector<Token> tokens_;
    std::vector<std::bitset<256>> sets_;
    bool fold_ = false;
    bool never_ = false;
};

}  // namespace fe
