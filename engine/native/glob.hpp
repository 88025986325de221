// Shell patterns as fnmatch(3) of glibc matches them with flags 0 (iglob: FNM_CASEFOLD) in the C locale.
//
// In: a pattern, once; then values. Out: whether the whole value fits. The time is at most the product of both lengths,
// whatever the pattern: only the last `*` is ever tried again.
#pragma once

#include "glob_bracket.hpp"

namespace fe {

class Glob {
  public:
    Glob(Text pattern, bool fold) : fold_(fold) {
        size_t forks = kMostForks;
        compile(pattern, 0, forks);
    }

    bool matches(Text value) const {
        if (matches_itself(value)) return true;
        for (const Glob &other : others_)
            if (other.matches(value)) return true;
        return false;
    }

  private:
    static constexpr size_t kMostForks = 64;

    bool matches_itself(Text value) const {
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

    void compile(Text p, size_t i, size_t &forks) {
        while (i < p.size) {
            uint8_t c = static_cast<uint8_t>(p.data[i++]);
            if (c == '*') {
                if (tokens_.empty() || tokens_.back().kind != Token::star) add(Token::star);
            } else if (c == '?') {
                add(Token::any);
            } else if (c == '[') {
                i = bracket(p, i, forks);
                if (never_) return;
            } else if (c == '\\') {
                if (i == p.size) { never_ = true; return; }
                add(Token::byte, folded(static_cast<uint8_t>(p.data[i++])));
            } else {
                add(Token::byte, folded(c));
            }
        }
    }

    // Where the pattern goes on. A malformed bracket may leave several ways: each further one is a pattern of its own.
    size_t bracket(Text p, size_t from, size_t &forks) {
        const GlobBracket read(p, from, fold_);
        const std::vector<GlobBracket::Way> &ways = read.ways();
        if (ways.empty()) {
            never_ = true;
            return p.size;
        }
        for (size_t k = 1; k < ways.size() && forks; ++k) {
            --forks;
            Glob other(*this, ways[k].bytes);
            other.compile(p, ways[k].next, forks);
            others_.push_back(std::move(other));
        }
        push_set(ways[0].bytes);
        return ways[0].next;
    }

    // What comes before a bracket in `before`, and then the bytes.
    Glob(const Glob &before, const std::bitset<256> &bytes)
        : tokens_(before.tokens_), sets_(before.sets_), fold_(before.fold_) {
        push_set(bytes);
    }

    void push_set(const std::bitset<256> &set) {
        add(Token::set, 0, static_cast<uint32_t>(sets_.size()));
        sets_.push_back(set);
    }

    std::vector<Token> tokens_;
    std::vector<std::bitset<256>> sets_;
    std::vector<Glob> others_;
    bool fold_ = false;
    bool never_ = false;
};

}  // namespace fe
